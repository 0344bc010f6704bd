import assert from 'node:assert/strict';
import { severityRank, type Alert } from '../../src/model.ts';
import { attacks, innocents, type Played } from './support/attacks.ts';
import { useLab, type Lab } from './support/lab.ts';
import { freePort } from './support/ports.ts';
import { pause } from './support/process.ts';
import { writeSettings } from './support/settings.ts';
import { ringfence, Watcher } from './support/watcher.ts';

const PASSWORD = 'labhep';

/** Evidence is told this soon after the packet that completes it; far above what is measured (docs/benchmarks.md), for a busy machine. */
const SOON = 2_000;

const grave = (alert: Alert): boolean => severityRank(alert.severity) >= severityRank('high');
const about = (account: string) => (alert: Alert) => alert.subject.value === account && grave(alert);

async function play(lab: Lab, name: string): Promise<Played> {
  const step = [...attacks, ...innocents].find((s) => s.name === name);
  if (step === undefined) throw new Error(`no such step: ${name}`);
  return await step.play(lab);
}

/** The feeds in every combination that a site may have. */
const feeds = [
  { name: 'mirrored SIP alone', hep: true, ami: false, cdr: false, kamailio: false },
  { name: 'manager events alone', hep: false, ami: true, cdr: false, kamailio: false },
  { name: 'all feeds', hep: true, ami: true, cdr: true, kamailio: false },
  { name: 'all feeds, behind Kamailio', hep: true, ami: true, cdr: true, kamailio: true },
];

for (const feed of feeds)
  describe(`lab: ringfence run watches by ${feed.name}`, function () {
    this.timeout(90_000);
    let port = 0;
    const lab = useLab(async () => {
      port = await freePort();
      return { kamailio: feed.kamailio, hep: { port, password: PASSWORD }, trunk: 'own' };
    });
    let watcher: Watcher;

    before(async () => {
      const hep = feed.hep ? { port, password: PASSWORD } : null;
      watcher = await Watcher.start(writeSettings(lab(), { hep, ami: feed.ami, cdr: feed.cdr }));
    });
    after(async () => watcher.stop());

    it('leaves the innocent alone: a reboot, a move, a stale password, ordinary calls at night', async () => {
      for (const { name } of innocents) await play(lab(), name);
      await pause(1_000);
      assert.deepEqual(
        watcher.alerts.filter(({ alert }) => grave(alert)).map(({ alert }) => alert.summary),
        [],
      );
    });

    it('tells a hijacked registration, then the calls of the thief, as one story that turns critical', async () => {
      const hijack = await play(lab(), 'hijack');
      const seen = await watcher.alert(about('1004'), 'extension 1004 hijacked');
      const late = seen.at - (hijack.moments.at(-1)?.at ?? 0);
      assert.ok(late < SOON, `told ${late} ms after the registration was accepted`);
      assert.ok(seen.alert.sources.includes('127.66.0.2'), `sources: ${seen.alert.sources.join(', ')}`);
      await play(lab(), 'international-calls');
      const critical = await watcher.alert(
        (a) => about('1004')(a) && a.severity === 'critical',
        'the calls of the thief',
      );
      assert.equal(critical.alert.incident, seen.alert.incident, 'one story');
      const actions = new Set(critical.alert.decisions.map((d) => d.action));
      assert.ok(actions.has('hang-up') || actions.has('block-international'), [...actions].join(', '));
      assert.ok(critical.alert.decisions.every((d) => d.state === 'observed'));
    });

    it('tells guessed passwords, and each line once', async () => {
      await play(lab(), 'wrong-passwords');
      const seen = await watcher.alert((a) => a.detector === 'brute-force' && grave(a), 'passwords guessed');
      assert.ok(seen.alert.sources.includes('127.66.0.1'));
      await pause(300);
      const ids = watcher.alerts.map(({ alert }) => alert.id);
      assert.equal(new Set(ids).size, ids.length, 'no line twice');
    });

    it('tells the guess that worked as a breach', async () => {
      await play(lab(), 'svcrack');
      await watcher.alert((a) => a.severity === 'critical' && a.sources.includes('127.66.0.6'), 'svcrack got in');
    });

    it('tells a search for extensions', async () => {
      await play(lab(), 'svwar');
      await watcher.alert((a) => a.sources.includes('127.66.0.7'), 'svwar');
    });

    it('keeps what it told: alerts list and show explain it', async () => {
      const listed = await ringfence(['alerts', 'list', '--config', watcher.settings, '--format', 'json', '--quiet']);
      assert.equal(listed.status, 0, listed.stderr);
      const incidents = listed.stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as { id: string; accounts: string[] });
      const told = new Set(watcher.alerts.map(({ alert }) => alert.incident));
      const stolen = incidents.find((i) => i.accounts.includes('1004'));
      assert.ok(stolen !== undefined && told.has(stolen.id));
      const shown = await ringfence(['alerts', 'show', stolen.id.slice(0, 8), '--config', watcher.settings]);
      assert.equal(shown.status, 0, shown.stderr);
      for (const part of ['1004', '127.66.0.2', 'registration-hijack'])
        assert.ok(shown.stdout.includes(part), `${part} in:\n${shown.stdout}`);
    });
  });

describe('lab: ringfence run watches by call records alone', function () {
  this.timeout(60_000);
  const lab = useLab(() => ({ hep: null, trunk: 'own' }));

  it('tells out-of-hours calls within a second of their records, and goes on after kill -9 without telling twice', async () => {
    const settings = writeSettings(lab(), { hep: null, ami: false });
    let watcher = await Watcher.start(settings);
    try {
      const calls = await play(lab(), 'international-calls');
      const ended = calls.moments.filter((m) => m.label.startsWith('BYE'));
      const seen = await watcher.alert(
        (a) => a.detector === 'out-of-hours-calls' && a.severity === 'critical',
        'night calls',
      );
      assert.ok(seen.at - (ended.at(-1)?.at ?? 0) < SOON);
      await pause(1_500);
      const before = watcher.alerts.map(({ alert }) => alert.id);
      await watcher.kill9();
      await play(lab(), 'international-calls');
      watcher = await Watcher.start(settings);
      await pause(1_000);
      const again = watcher.alerts.map(({ alert }) => alert.id).filter((id) => before.includes(id));
      assert.deepEqual(again, []);
    } finally {
      await watcher.stop();
    }
  });
});
