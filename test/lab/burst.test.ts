import assert from 'node:assert/strict';
import { join } from 'node:path';
import { useLab } from './support/lab.ts';
import { repository } from './support/packages.ts';
import { freePort } from './support/ports.ts';
import { pause, until } from './support/process.ts';
import { writeSettings } from './support/settings.ts';
import { ringfence, Watcher } from './support/watcher.ts';

const PASSWORD = 'labhep';
/** Far more than have begun when the first evidence is told. */
const AT_ONCE = 40;

interface Shown {
  readonly decisions: readonly {
    readonly action: string;

    readonly state: string;
    readonly why: string;
  }[];
}

describe(`lab: ${AT_ONCE} calls abroad at once, out of hours`, function () {
  this.timeout(60_000);
  let port = 0;
  let watcher: Watcher | null = null;

  const lab = useLab(async () => {
    port = await freePort();
    return {
      hep: { port, password: PASSWORD },
      trunk: 'own',
      guard: join(repository, 'asterisk-conf/extensions_ringfence.conf'),
    };
  });
  afterEach(async () => await watcher?.stop());

  it('every one is refused, or cut at its answer at the latest', async () => {
    const running = await Watcher.start(
      writeSettings(lab(), { hep: { port, password: PASSWORD }, mode: 'enforce', office: 'closed' }),
    );
    watcher = running;
    const phone = await lab().phone('1002');
    await phone.register();
    const calls = Array.from({ length: AT_ONCE }, (_, i) => phone.dial(`00371200000${String(i).padStart(2, '0')}`));
    const { alert } = await running.alert((a) => a.severity === 'critical', 'calls abroad at night');
    await Promise.race([Promise.all(calls.map((call) => call.ended)), pause(5_000)]);
    assert.deepEqual(
      calls.filter((call) => call.state !== 'ended').map((call) => call.number),
      [],
      'calls that go on',
    );
    // of calls that have ended some had no channel that is known by their Call-ID: their hang-ups are given up later
    const decisions = await until('hang-ups are done', 5_000, async () => {
      const args = ['alerts', 'show', alert.incident, '--config', running.settings, '--format', 'json'];
      const { decisions: all } = JSON.parse((await ringfence(args)).stdout) as Shown;
      return all.some(({ action, state }) => action === 'hang-up' && state === 'done') ? all : undefined;
    });
    const count = (status: number): number => calls.filter((call) => call.status === status).length;
    const past = decisions.filter(({ why }) => why.startsWith('it was answered though'));
    console.log(`      refused ${count(403)}, answered and cut ${count(200)}, ${past.length} of them past the block`);
  });
});
