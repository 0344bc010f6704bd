import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { declarations, pinHash } from '../../src/respond/declarations.ts';
import { lockOptions } from '../../src/respond/lock/options.ts';
import { createSite, siteDefaults, type Site, type SiteInput } from '../../src/site/index.ts';
import { openStore, type Store } from '../../src/store/index.ts';
import { SECOND } from '../../src/time.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { runEnforcer, type RunningEnforcer } from './support/enforcement.ts';
import { useLab } from './support/lab.ts';
import { repository } from './support/packages.ts';
import { givePins } from './support/pin.ts';
import { pause, until } from './support/process.ts';
import type { UserAgent } from './support/ua.ts';

const GUARD = join(repository, 'asterisk-conf/extensions_ringfence.conf');
const DIALPLAN = `#include "${GUARD}"
[guarded]
exten => *54,1,Gosub(ringfence-pin,s,1)
exten => _.,1,Gosub(ringfence-guard,s,1(\${EXTEN}))
 same => n,Dial(PJSIP/\${EXTEN}@trunk,60)
 same => n,Hangup()
`;
const PIN = '204711';

/** A period in which the office is closed, in seconds from the beginning of the test. */
interface Night {
  readonly from: number;
  readonly until: number;
}

describe('lab: the office lock by the settings', function () {
  this.timeout(60_000);
  const folder = temporaryFolder();
  const lab = useLab(() => {
    const guard = folder.file('guarded.conf');
    writeFileSync(guard, DIALPLAN);
    return { hep: null, guard, context: 'guarded' };
  });
  let store: Store;
  let running: RunningEnforcer;
  let phones: Record<'plain' | 'exempt', UserAgent>;

  before(async () => {
    phones = { plain: await lab().phone('1001'), exempt: await lab().phone('1002') };
    for (const phone of Object.values(phones)) assert.equal((await phone.register()).status, 200);
  });
  // one store for all, as ringfence has: what an earlier office needed goes when the next one declares
  before(() => (store = openStore(folder.file('ringfence.db'))));
  after(() => store.close());
  beforeEach(async () => {
    running = await runEnforcer(lab(), store);
  });
  afterEach(async () => running.close());

  const dial = async (number: string, phone = phones.plain): Promise<number> =>
    (await phone.callFor(number, 20)).status;
  const standing = async (): Promise<string> => await lab().asterisk.cli('database show ringfence');

  /** Declares what the settings of this office want; it is closed for one night, told in seconds from now. */
  async function declare(input: SiteInput, night: Night): Promise<(second: number) => Promise<void>> {
    const now = Math.floor(Date.now() / 1000) * 1000;
    const settings = {
      ...siteDefaults({ accounts: { '1002': { hours: 'always' } }, ...input }),
      lock: lockOptions.parse({ international: true, exempt_destinations: ['+43'] }),
    };
    const made = createSite(settings);
    if (!made.ok) throw new Error(JSON.stringify(made.problems));
    const [from, end] = [now + night.from * SECOND, now + night.until * SECOND];
    const hours: Site['hours'] = (at, account) => {
      if (account !== null) return made.value.hours(at, account);
      const open = at < from || at >= end;
      const until = at < from ? from : at < end ? end : null;
      return { open, reason: 'hours', holiday: null, since: at < from ? null : at < end ? from : end, until };
    };
    const site: Site = { ...made.value, hours };
    const { kinds } = declarations({ site, settings, pin: pinHash(PIN, null, '5f2c'), endpoints: [] }, now);
    for (const { kind, entries, why } of kinds) running.enforcer.declare(kind, entries, why);
    assert.equal(await running.enforcer.settled(5_000), true);
    assert.ok(running.enforcer.standing().entries.every(({ state }) => state === 'done'));
    return (second) => pause(now + second * SECOND + 100 - Date.now());
  }

  it('comes up at closing and goes at opening though ringfence is dead, and leaves alone whoever is exempt', async () => {
    const at = await declare(
      { site: { country: 'DE' }, dialing: { outside: '0', international: ['00'] } },
      { from: 3, until: 14 },
    );
    await running.close(); // as if it had died: nothing is pushed from here on
    assert.equal(await dial('000371670000'), 200, 'open');
    await at(3);
    assert.equal(await dial('00037167000001'), 403, 'closed');
    assert.equal(await dial('00037167000001', phones.exempt), 200, 'hours = "always"');
    assert.equal(await dial('0004312345678'), 200, '[lock] exempt_destinations');
    assert.equal(await dial('00301234567'), 200, 'at home');
    for (const number of ['112', '0112', '110', '0110', '911']) assert.equal(await dial(number), 200, number);
    const results = (): number =>
      lab()
        .asterisk.ami.named('UserEvent')
        .filter(({ headers }) => headers.get('UserEvent') === 'RingfencePin').length;
    await givePins(lab(), phones.plain, [PIN], () => {
      const before = results();
      return until('the PIN is judged', 8_000, () => results() > before);
    });
    assert.equal(await dial('00037167000001'), 200, 'by the PIN');
    assert.equal(await dial('00037167000001'), 403, 'once');
    await at(14);
    assert.equal(await dial('00037167000001'), 200, 'open again');
  });

  const closed: Night = { from: 0, until: 30 };
  const numbers: [string, SiteInput, Record<string, number>][] = [
    [
      'British numbers that begin with 011 are at home, the Channel Islands are not',
      { site: { country: 'GB' } },
      {
        '01132000000': 200,
        '02079460000': 200,
        '0037167000001': 403,
        '01481700000': 403,
        '07781123456': 403,
        '999': 200,
      },
    ],
    [
      'of +1 the Caribbean and Canada are abroad',
      { site: { country: 'US' }, dialing: { outside: '9' } },
      {
        '918765550123': 403,
        '98765550123': 403,
        '914165550123': 403,
        '912125550123': 200,
        '918005550123': 200,
        '9911': 200,
        '901137167000001': 403,
      },
    ],
    [
      'from Canada the United States are',
      { site: { country: 'CA' } },
      { '12125550123': 403, '14165550123': 200, '18005550123': 200 },
    ],
    [
      'Italian numbers keep their zero, 011 is Turin',
      { site: { country: 'IT' } },
      { '0115550123': 200, '0669812345': 200, '3331234567': 200, '0037167000001': 403, '+37167000001': 403 },
    ],
  ];
  for (const [name, input, expected] of numbers)
    it(name, async () => {
      await declare(input, closed);
      const found: Record<string, number> = {};
      for (const number of Object.keys(expected)) found[number] = await dial(number);
      assert.deepEqual(found, expected);
    });

  it('goes with its settings: what another country needed is taken away', async () => {
    await declare({ site: { country: 'US' } }, closed);
    assert.match(await standing(), /dialplan\/abroad\/1876/);
    await declare({ site: { country: 'DE' } }, closed);
    const shown = await standing();
    assert.doesNotMatch(shown, /dialplan\/abroad/);
    assert.match(shown, /dialplan\/country\s+: 49/);
  });

  it('is there again soon after Asterisk was killed', async function () {
    this.timeout(30_000);
    await declare({ site: { country: 'DE' } }, { from: 0, until: 60 });
    const before = await standing();
    await lab().asterisk.kill9();
    await lab().asterisk.restart();
    const since = Date.now();
    await until('Asterisk was read anew', 10_000, () => {
      const readAt = running.enforcer.health().targets[0]?.readAt ?? 0;
      return readAt > since && running.enforcer.agrees();
    });
    console.log(`      ${Date.now() - since} ms after it was up again`);
    assert.equal(await standing(), before);
    assert.equal(await dial('0037167000001'), 403);
  });
});
