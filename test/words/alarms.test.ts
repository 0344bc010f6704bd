import assert from 'node:assert/strict';
import { ALARM_NAMES } from '../../src/console/alarms.ts';
import { Zone } from '../../src/time.ts';
import { alarmText, en } from '../../src/words/index.ts';

const zone = new Zone('Europe/Berlin');
const since = Date.UTC(2026, 10, 25, 9, 0);
/** Facts as the daemon gives them, of each alarm. */
const FACTS: Readonly<Record<string, Readonly<Record<string, string | number | readonly string[]>>>> = {
  'hep-silent': { reason: 'open', calls: 0 },
  'ami-silent': { reason: 'others', calls: 31 },
  'cdr-silent': { reason: 'usual', calls: 40 },
  'cdr-unreadable': { problem: 'Master.csv cannot be read: EACCES' },
  'ami-away': { state: 'refused' },
  'target-away': { targets: ['kamailio', 'nftables'] },
  'packets-lost': { lost: 12 },
  'store-stuck': { waiting: 7 },
  'notify-stuck': { channels: ['mail'] },
  'heartbeat-missed': { failed: 3 },
};
const LANGUAGES = [en, { ...en, language: 'de' }];

describe('alarms as they are told', () => {
  for (const words of LANGUAGES)
    for (const alarm of [...ALARM_NAMES, 'ringfence-away'])
      it(`${words.language} ${alarm}: what it is, since when, what to do; and that it is over`, () => {
        const moment = { alarm, facts: FACTS[alarm] ?? {}, since, until: null };
        const { headline, body } = alarmText(moment, words, zone);
        assert.ok(headline.length > 15 && headline.length < 140 && !headline.endsWith('.'), headline);
        assert.doesNotMatch(headline + body, /undefined|NaN|\[object/);
        assert.match(body, /^(?:Since|Seit) Wed 25 Nov 2026 10:00:00 \+01:00\. .{40,}[.]$/);
        for (const value of Object.values(moment.facts).flat())
          if (value !== 0 && !['open', 'others', 'usual', 'refused', 3].includes(value))
            assert.ok((headline + body).includes(String(value)), `${value} in ${headline}`);
        const over = alarmText({ ...moment, until: since + 5_400_000 }, words, zone);
        assert.match(over.headline, new RegExp(`^(?:Over|Vorbei): `));
        assert.match(over.body, /1 h 30 min/);
      });

  it('the two languages say different things about the same', () => {
    for (const alarm of ALARM_NAMES) {
      const [a, b] = LANGUAGES.map((w) => alarmText({ alarm, facts: FACTS[alarm] ?? {}, since, until: null }, w, zone));
      assert.notEqual(a?.headline, b?.headline, alarm);
    }
  });

  it('what comes from outside is spelled out and cut', () => {
    const facts = { problem: `a\u001b[31m\n\u202e${'x'.repeat(5_000)}`, targets: ['\u0007kamailio'] };
    for (const alarm of ['cdr-unreadable', 'target-away', 'of another version\n']) {
      const { headline, body } = alarmText({ alarm, facts, since, until: null }, en, zone);
      assert.doesNotMatch(headline + body, /[\p{C}]/u);
      assert.ok((headline + body).length < 600);
    }
  });
});
