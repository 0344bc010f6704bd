import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import type { Alert } from '../../src/model.ts';
import { assertAlert, ISO } from '../support/alert-shape.ts';
import { jsonLines, ringfence, row, writeSettings } from '../support/cli.ts';
import { temporaryFolder } from '../support/temporary.ts';

const NIGHT = Date.parse('2026-11-21T01:00:00Z');
interface ListedIncident {
  id: string;
  severity: string;
  openedAt: string;
  acknowledgedAt: string | null;
  subject: { value: string };
}

describe('ringfence alerts', function () {
  this.timeout(60_000);
  const folder = temporaryFolder();
  let settings = '';
  let told: Alert[] = [];
  const alerts = async (...args: string[]) => await ringfence(['alerts', ...args, '--config', settings]);
  const listed = async (...args: string[]): Promise<ListedIncident[]> => {
    const { status, stdout, stderr } = await alerts('list', '--format', 'json', ...args);
    assert.equal(status, 0, stderr);
    return jsonLines(stdout);
  };

  it('without a store: 2, and who makes it', async () => {
    settings = writeSettings(folder.path);
    for (const args of [['list'], ['show', 'abcd'], ['ack', 'abcd'], ['export']]) {
      const { status, stdout, stderr } = await alerts(...args);
      assert.deepEqual([status, stdout], [2, '']);
      assert.match(stderr, /there is no store at .*ringfence\.db yet: ringfence run or ringfence scan makes it/);
    }
  });

  it('an empty store: 0, and that there is nothing', async () => {
    writeFileSync(folder.file('Master.csv'), '');
    await ringfence(['scan', '--config', settings]);
    const { status, stdout } = await alerts('list');
    assert.equal(status, 0);
    assert.match(stdout, /\S/);
    assert.deepEqual(await listed(), []);
  });

  it('exports the very lines that were told, oldest first, each as the contract has it', async () => {
    writeFileSync(folder.file('tariff.csv'), '371,0.25\n');
    settings = writeSettings(folder.path, '[tariff]\nfile = "tariff.csv"');
    const rows = [0, 1, 2, 3].map((i) => row(`1.${i}`, '1004', NIGHT + i * 60_000, '0037120000001'));
    rows.push(
      row('2.0', '1005', NIGHT + 300_000, '0037120000001'),
      row('3.0', '1006', NIGHT + 400_000, '00881622000004'),
    );
    writeFileSync(folder.file('Master.csv'), rows.join(''));
    const scanned = await ringfence(['scan', '--config', settings, '--format', 'json']);
    assert.equal(scanned.status, 1);
    told = jsonLines(scanned.stdout);
    const { stdout } = await alerts('export');
    const exported = jsonLines(stdout);
    assert.deepEqual(
      exported.map((a) => a.at),
      exported.map((a) => a.at).sort(),
    );
    const byId = (a: Alert, b: Alert): number => (a.id < b.id ? -1 : 1);
    assert.deepEqual(exported.toSorted(byId), told.toSorted(byId));
    assert.deepEqual(
      told.filter((a) => a.subject.value === '1004').map((a) => a.severity),
      ['medium', 'critical'],
    );
    for (const line of exported) assertAlert(line);
    const critical = exported.find((a) => a.severity === 'critical' && a.subject.value === '1004');
    assert.equal(critical?.loss?.currency, 'EUR');
    assert.ok(critical.calls.includes('1.0'), 'calls by CDR uniqueid');
    assert.ok(critical.decisions.some((d) => d.until === null) && critical.decisions.some((d) => d.until !== null));
    assert.equal(critical.at, new Date(NIGHT + 120_000 + 61_000).toISOString(), 'at is the end of the record');
  });

  it('export --since leaves out what is older', async () => {
    const since = new Date(NIGHT + 300_000).toISOString();
    const { stdout } = await alerts('export', '--since', since);
    assert.deepEqual(
      jsonLines(stdout).map((a) => a.at >= since),
      told.filter((a) => a.at >= since).map(() => true),
    );
  });

  it('lists incidents, youngest first, one for each story', async () => {
    const all = await listed();
    assert.deepEqual(
      all.map((i) => i.subject.value),
      ['1006', '1005', '1004'],
    );
    for (const i of all) assert.match(i.openedAt, ISO);
    const { stdout } = await alerts('list');
    for (const account of ['1004', '1005', '1006']) assert.ok(stdout.includes(account));
    for (const { id } of all) assert.ok(stdout.includes(id.slice(0, 8)));
    for (const line of stdout.split('\n')) assert.ok(line.length <= 100, line);
  });

  it('lists by severity, time, acknowledgement and number', async () => {
    const values = async (...args: string[]): Promise<string[]> => (await listed(...args)).map((i) => i.subject.value);
    assert.deepEqual(await values('--severity', 'high'), ['1006', '1004']);
    assert.deepEqual(await values('--since', new Date(NIGHT + 200_000).toISOString()), ['1006', '1005']);
    assert.deepEqual(await values('--limit', '1'), ['1006']);
    assert.match((await alerts('list', '--limit', '1')).stderr, /There are more: --limit 2/);
  });

  it('shows one: what was seen, the rule and its settings, what would be done; by any id or its beginning', async () => {
    const critical = told.find((a) => a.severity === 'critical' && a.subject.value === '1004');
    assert.ok(critical !== undefined);
    const shown = await Promise.all(
      [critical.incident, critical.id, critical.incident.slice(0, 6)].map((id) => alerts('show', id)),
    );
    const stdout = shown[0]?.stdout ?? '';
    assert.equal(shown[0]?.status, 0);
    for (const other of shown) assert.equal(other.stdout, stdout);
    for (const part of ['Extension 1004', 'Latvia', 'out-of-hours-calls', 'calls', 'EUR', critical.incident])
      assert.ok(stdout.includes(part), `${part} in\n${stdout}`);
    assert.doesNotMatch(stdout, /ringfence keys/, 'no command that this version has not');
  });

  it('shows one as JSON: every time as text', async () => {
    const { stdout } = await alerts('show', told[0]?.incident ?? '', '--format', 'json');
    const [story] = jsonLines<{
      openedAt: string;
      evidence: { at: string; id: string }[];
      decisions: { at: string; until: string | null }[];
      acknowledgements: unknown[];
    }>(stdout);
    assert.ok(story !== undefined && story.evidence.length > 0);
    for (const at of [story.openedAt, ...story.evidence.map((e) => e.at), ...story.decisions.map((d) => d.at)])
      assert.match(at, ISO);
    for (const { until } of story.decisions) if (until !== null) assert.match(until, ISO);
    assert.deepEqual(story.acknowledgements, []);
  });

  it('an id that is none, or could be several: 2, and what to do', async () => {
    const unknown = await alerts('show', 'ffffffffffff');
    assert.equal(unknown.status, 2);
    assert.match(unknown.stderr, /there is no incident "ffffffffffff"; ringfence alerts list shows those there are/);
    const ack = await alerts('ack', told[0]?.incident ?? '', 'ffffffffffff');
    assert.equal(ack.status, 2);
    assert.equal((await listed('--open')).length, 3, 'nothing is acknowledged when one of them is unknown');
    // so many accounts that the beginnings of two ids agree, two at the most for one block of numbers: no story of many
    const rows = Array.from({ length: 1_200 }, (_, i) =>
      row(`4.${i}`, `${5000 + i}`, NIGHT + 600_000 + i, `00371${21_000_000 + (i % 900) * 10_000}`),
    );
    writeFileSync(folder.file('Master.csv'), rows.join(''), { flag: 'a' });
    await ringfence(['scan', '--config', settings, '--quiet']);
    const ids = (await listed('--limit', '5000')).map((i) => i.id.slice(0, 4)).sort();
    const twin = ids.find((id, i) => id === ids[i + 1]);
    assert.ok(twin !== undefined);
    const ambiguous = await alerts('show', twin);
    assert.equal(ambiguous.status, 2);
    assert.match(ambiguous.stderr, new RegExp(`"${twin}" could be ${twin}\\w+ or .*; write more of it`));
  });

  it('acknowledges: who, when, what; and it stands until the story grows worse', async () => {
    const mild = told.find((a) => a.subject.value === '1005');
    assert.ok(mild !== undefined);
    const { status, stdout } = await alerts('ack', mild.id, '--by', 'ada', '--note', 'it was the boss');
    assert.equal(status, 0);
    assert.equal(stdout, `${mild.incident}: acknowledged\n`);
    const open = (await listed('--open', '--limit', '5000')).map((i) => i.id);
    assert.ok(!open.includes(mild.incident));
    const shown = await alerts('show', mild.incident);
    assert.match(shown.stdout, /ada/);
    assert.match(shown.stdout, /it was the boss/);
    const more = [1, 2].map((i) => row(`2.${i}`, '1005', NIGHT + 700_000 + i * 60_000, '0037120000001'));
    writeFileSync(folder.file('Master.csv'), more.join(''), { flag: 'a' });
    await ringfence(['scan', '--config', settings, '--quiet']);
    const again = (await listed('--open', '--limit', '5000')).find((i) => i.id === mild.incident);
    assert.equal(again?.severity, 'critical');
    assert.equal(again.acknowledgedAt, null);
  });

  it('acknowledging says so as JSON', async () => {
    const [alert] = told;
    const { stdout } = await alerts('ack', alert?.incident ?? '', '--format', 'json');
    assert.deepEqual(jsonLines<unknown>(stdout), [{ incident: alert?.incident, acknowledged: true }]);
  });
});
