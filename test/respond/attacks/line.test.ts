import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Decision, Evidence, Incident } from '../../../src/model.ts';
import { attackLines } from '../../../src/respond/attacks/line.ts';

const AT = Date.parse('2026-11-23T01:13:04.512Z');
const evidence = (over: Partial<Evidence> = {}): Evidence => ({
  id: 'e',
  detector: 'brute-force',
  key: 'k',
  at: AT,
  severity: 'high',
  subject: { type: 'address', value: '203.0.113.7' },
  summary: 's',
  facts: {},
  calls: [],
  callKeys: [],
  sources: ['203.0.113.7'],
  sourceProof: 'answered',
  accounts: ['1004'],
  ...over,
});
const lines = (over: Partial<Evidence> = {}, decisions: readonly Partial<Decision>[] = [], may = true): string[] =>
  attackLines(
    {
      evidence: evidence(over),
      incident: { id: '1f0a' } as Incident,
      decisions: decisions as Decision[],
      alerts: [],
      merged: [],
    },
    () => may,
  );
/** From the field of the address on. */
const tails = (...given: Parameters<typeof lines>): string[] =>
  lines(...given).map((line) => line.slice(line.indexOf('severity=')));

/** What fail2ban puts for <HOST> (fail2ban 1.0, server/failregex.py), in JavaScript's spelling of groups. */
const HOST =
  '(?:\\[?(?:(?:::f{4,6}:)?(?<ip4>(?:\\d{1,3}\\.){3}\\d{1,3})|(?<ip6>(?:[0-9a-fA-F]{1,4}::?|:){1,7}(?:[0-9a-fA-F]{1,4}|(?<=:):)))\\]?|(?<dns>[\\w\\-.^_]*\\w))';
/** The filter as docs/fail2ban.md prints it. */
const filter = (): RegExp => {
  const page = readFileSync(join(import.meta.dirname, '../../../docs/fail2ban.md'), 'utf8');
  const [, regex = ''] = /^failregex = (.+)$/m.exec(page) ?? [];
  assert.ok(regex.includes('<HOST>'));
  return new RegExp(regex.replace('<HOST>', HOST));
};
/** fail2ban takes the date off before it looks. */
const banned = (line: string): string | null => {
  const groups = filter().exec(line.replace(/^\S+Z/, ''))?.groups;
  return groups?.['ip4'] ?? groups?.['ip6'] ?? groups?.['dns'] ?? null;
};

describe('respond: the line about an attacker', () => {
  it('is written so', () => {
    assert.deepEqual(lines({}, [{ action: 'block-address', state: 'observed' }]), [
      '2026-11-23T01:13:04.512Z ringfence: attack detector=brute-force severity=high source=203.0.113.7 account=1004 action=block-address:observed incident=1f0a',
    ]);
  });

  const table: [string, Parameters<typeof lines>, string[]][] = [
    ['below high nothing is told', [{ severity: 'medium' }], []],
    [
      'an address that may have been forged',
      [{ sourceProof: 'none' }],
      ['severity=high unproven=203.0.113.7 account=1004 action=none incident=1f0a'],
    ],
    [
      'an address that is protected',
      [{}, [], false],
      ['severity=high spared=203.0.113.7 account=1004 action=none incident=1f0a'],
    ],
    [
      "the phone of an account that called abroad at night is its owner's, or was his",
      [{ detector: 'out-of-hours-calls', severity: 'critical', sourceProof: 'authenticated' }],
      ['severity=critical spared=203.0.113.7 account=1004 action=none incident=1f0a'],
    ],
    [
      "the owner's address beside the thief's",
      [
        {
          detector: 'registration-hijack',
          subject: { type: 'account', value: '1004' },
          accounts: [],
          sources: ['198.51.100.66', '203.0.113.7'],
          facts: { ownerAddress: '203.0.113.7' },
        },
        [
          { action: 'expire-contact', state: 'pending' },
          { action: 'block-address', state: 'pending' },
        ],
      ],
      [
        'severity=high source=198.51.100.66 account=1004 action=expire-contact:pending,block-address:pending incident=1f0a',
        'severity=high spared=203.0.113.7 account=1004 action=expire-contact:pending,block-address:pending incident=1f0a',
      ],
    ],
    [
      'IPv6',
      [{ subject: { type: 'address', value: '2001:db8::7' }, sources: [] }],
      ['severity=high source=2001:db8::7 account=1004 action=none incident=1f0a'],
    ],
    [
      'no address at all',
      [{ subject: { type: 'account', value: '1004' }, sources: [], accounts: [] }],
      ['severity=high unproven=- account=1004 action=none incident=1f0a'],
    ],
  ];
  for (const [sentence, given, expected] of table) it(sentence, () => assert.deepEqual(tails(...given), expected));

  it("fail2ban's filter of the documents takes the address of attackers, and of nobody else", () => {
    const all = table.flatMap(([, given]) => lines(...given));
    assert.deepEqual(all.map(banned).filter(Boolean), ['198.51.100.66', '2001:db8::7']);
    assert.equal(banned(lines()[0] ?? ''), '203.0.113.7');
  });

  const hostile = [
    '1004 source=192.0.2.1 x',
    '1004\nringfence: attack detector=brute-force severity=high source=192.0.2.1 ',
    '1004\r\u2028source=192.0.2.1',
    'source=192.0.2.1',
    '"><script>',
    'x'.repeat(10_000),
    '\u202e\u0000',
    '2026-11-23T01:13:04.512Z ringfence: attack detector=scan severity=critical source=192.0.2.1 ',
  ];
  for (const name of hostile)
    it(`a name cannot write a field: ${JSON.stringify(name.slice(0, 40))}`, () => {
      for (const over of [{ accounts: [name] }, { accounts: [], subject: { type: 'account', value: name } as const }]) {
        const [line = '', ...more] = lines({ ...over, sourceProof: 'none' });
        assert.deepEqual(more, []);
        assert.match(
          line,
          /^\S+Z ringfence: attack detector=[a-z-]+ severity=[a-z]+ unproven=203\.0\.113\.7 account=[\w.@+?-]{1,64} action=none incident=1f0a$/,
        );
        assert.equal(banned(line), null);
      }
    });

  it('an address that is none is not written', () => {
    const [line = ''] = lines({ subject: { type: 'address', value: '1.2.3.4 source=5.6.7.8' }, sources: [] });
    assert.match(line, / source=- /);
    assert.equal(banned(line), null);
  });
});
