import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import Database from 'better-sqlite3';
import type { Alert } from '../../src/model.ts';
import { Daemon, incidents, jsonLines, readText, ringfence, row, writeSettings, type Ran } from '../support/cli.ts';
import { temporaryFolder } from '../support/temporary.ts';

const NIGHT = Date.parse('2026-11-21T01:00:00Z');
const LONG = process.env['RINGFENCE_LONG'] === '1';

/** Everything a store holds that judging put there, in an order of its own. */
export function judged(path: string): Record<string, unknown[]> {
  const db = new Database(path, { readonly: true });
  const tables = ['evidence', 'incidents', 'decisions', 'alerts', 'aliases'];
  const all = tables.map((table) => [table, db.prepare(`SELECT * FROM ${table} ORDER BY 1`).all()] as const);
  db.close();
  return Object.fromEntries(all);
}

describe('ringfence scan', function () {
  this.timeout(60_000);
  const folder = temporaryFolder();
  let settings = '';
  const master = (): string => folder.file('Master.csv');
  const add = (text: string): void => appendFileSync(master(), text);
  const scan = async (...args: string[]): Promise<Ran & { alerts: Alert[] }> => {
    const ran = await ringfence(['scan', '--config', settings, '--format', 'json', ...args]);
    return { ...ran, alerts: jsonLines(ran.stdout) };
  };
  beforeEach(() => {
    for (const name of [
      'Master.csv',
      'Master.csv.1',
      'ringfence.db',
      'ringfence.db-wal',
      'ringfence.db-shm',
      'ringfence.db.lock',
    ])
      rmSync(folder.file(name), { force: true });
    settings = writeSettings(folder.path);
  });

  it('judges all at first, then only what is new, and all again with --all', async () => {
    add(row('1.1', '1004', NIGHT) + row('2.1', '1005', NIGHT + 1_000));
    const first = await scan();
    assert.deepEqual(first.alerts.map((a) => a.subject.value).sort(), ['1004', '1005']);
    assert.match(first.stderr, /ringfence: 2 call records judged: 2 incidents: 2 medium\n$/);
    const again = await scan();
    assert.deepEqual([again.status, again.stdout], [0, '']);
    assert.match(again.stderr, /ringfence: 0 call records judged: nothing to report/);
    add(row('3.1', '1006', NIGHT + 2_000));
    const third = await scan();
    assert.deepEqual(
      third.alerts.map((a) => a.subject.value),
      ['1006'],
    );
    const all = await scan('--all');
    assert.deepEqual(all.alerts.map((a) => a.subject.value).sort(), ['1004', '1005', '1006']);
    assert.deepEqual(all.alerts.map((a) => a.id).sort(), [...first.alerts, ...third.alerts].map((a) => a.id).sort());
    assert.equal((await incidents(settings)).length, 3, 'judged again is not another incident');
    assert.equal((await scan()).stdout, '');
  });

  it('keeps its windows: three calls in three scans are one story that turns critical', async () => {
    const lines: Alert[] = [];
    for (let i = 0; i < 3; i++) {
      add(row(`${i}.1`, '1004', NIGHT + i * 600_000));
      lines.push(...(await scan()).alerts);
    }
    assert.deepEqual(
      lines.map((a) => a.severity),
      ['medium', 'critical'],
    );
    assert.equal(new Set(lines.map((a) => a.incident)).size, 1);
  });

  it('a torn last line is left, and judged once it is whole', async () => {
    const last = row('2.1', '1005', NIGHT + 1_000);
    add(row('1.1', '1004', NIGHT) + last.slice(0, 90));
    assert.deepEqual(
      (await scan()).alerts.map((a) => a.subject.value),
      ['1004'],
    );
    assert.deepEqual((await scan()).alerts, []);
    add(last.slice(90));
    assert.deepEqual(
      (await scan()).alerts.map((a) => a.subject.value),
      ['1005'],
    );
    assert.deepEqual((await scan()).alerts, []);
  });

  it('goes on through a rotation', async () => {
    add(row('1.1', '1004', NIGHT));
    await scan();
    add(row('2.1', '1005', NIGHT));
    renameSync(master(), folder.file('Master.csv.1'));
    add(row('3.1', '1006', NIGHT));
    assert.deepEqual((await scan()).alerts.map((a) => a.subject.value).sort(), ['1005', '1006']);
  });

  it('lines that are no records are told on stderr, with file, byte and reason, and the rest is judged', async () => {
    add(`${row('1.1', '1004', NIGHT)}this is no record\n${row('2.1', '1005', NIGHT)}`);
    const ran = await scan();
    assert.equal(ran.alerts.length, 2);
    assert.match(ran.stderr, /Master\.csv: byte \d+: not a call record: /);
  });

  describe('exit status', () => {
    const critical = (): string => [0, 1, 2].map((i) => row(`${i}.1`, '1004', NIGHT + i * 60_000)).join('');
    const STATUSES: [string, () => string, string[], number][] = [
      ['nothing found', () => row('1.1', '1004', NIGHT, '0301234567'), [], 0],
      ['medium, by default', () => row('1.1', '1004', NIGHT), [], 0],
      ['medium, asked for', () => row('1.1', '1004', NIGHT), ['--fail-on', 'medium'], 1],
      ['critical', critical, [], 1],
      ['critical, asked for', critical, ['--fail-on', 'critical'], 1],
      ['critical, and never', critical, ['--fail-on', 'never'], 0],
    ];
    for (const [what, text, args, status] of STATUSES)
      it(`${what}: ${status}`, async () => {
        add(text());
        assert.equal((await scan(...args)).status, status);
      });

    const FAILURES: [string, () => void, RegExp][] = [
      ['no file', () => undefined, /Master\.csv does not exist: is cdr_csv\.so loaded/],
      [
        'a file that is something else',
        () => writeFileSync(master(), 'From: a\nTo: b\n\nhello\n'),
        /is no Master\.csv.*name the file/,
      ],
      ['a folder', () => mkdirSync(master()), /Master\.csv/],
      ['settings that are wrong', () => void writeSettings(folder.path, 'flurbel = 1'), /flurbel: unknown setting/],
    ];
    for (const [what, make, message] of FAILURES)
      it(`${what}: 2, and what to do`, async () => {
        make();
        const { status, stdout, stderr } = await scan();
        rmSync(master(), { recursive: true, force: true });
        assert.equal(status, 2, stderr);
        assert.equal(stdout, '');
        assert.match(stderr, message);
        assert.doesNotMatch(stderr, /bug|\n\s+at /);
      });
  });

  it('is refused while a daemon follows the same file, also by another name, and not after it was killed', async () => {
    add(row('1.1', '1004', NIGHT));
    const daemon = await Daemon.start(['--config', settings]);
    try {
      const { status, stderr } = await scan();
      assert.equal(status, 2);
      assert.match(
        stderr,
        new RegExp(`ringfence run \\(process ${daemon.child.pid}\\) follows .*Master\\.csv already`),
      );
      symlinkSync(master(), folder.file('link.csv'));
      const other = writeSettings(folder.path, '', 'link.toml');
      writeFileSync(other, readText(other).replace('Master.csv', 'link.csv'));
      assert.equal((await ringfence(['scan', '--config', other])).status, 2);
    } finally {
      await daemon.end('SIGKILL');
    }
    assert.equal((await scan()).status, 0);
  });

  it('a store that cannot be made: 2, and what to check', async () => {
    add(row('1.1', '1004', NIGHT));
    writeFileSync(folder.file('not-a-folder'), '');
    writeFileSync(settings, `[store]\npath = "not-a-folder/x.db"\n[asterisk.cdr]\npath = "Master.csv"\n`);
    const { status, stderr } = await scan();
    assert.equal(status, 2);
    assert.match(stderr, /store cannot be opened/);
    assert.doesNotMatch(stderr, /bug/);
  });

  it('a store of something else: 2, and it is left as it is', async () => {
    add(row('1.1', '1004', NIGHT));
    writeFileSync(folder.file('ringfence.db'), 'not a database, but somebody wants it');
    const { status, stderr } = await scan();
    assert.equal(status, 2);
    assert.match(stderr, /not a sound ringfence store/);
    assert.equal(statSync(folder.file('ringfence.db')).size, 37);
  });

  it(`kill -9 in the middle, again and again until it is done: every record judged exactly once`, async function () {
    this.timeout(LONG ? 3_600_000 : 180_000);
    // 10 calls of each of 460 accounts (LONG: 1,500) among domestic ones: what counts calls would see a call judged twice or not at all
    const rows: string[] = [];
    const total = LONG ? 200_000 : 60_000;
    const callers = LONG ? 1_500 : 460;
    for (let i = 0; i < total; i++)
      rows.push(
        i % 13 === 0
          ? row(`${i}.1`, `${2000 + ((i / 13) % callers)}`, NIGHT + i * 100)
          : row(`${i}.1`, `${1000 + (i % 900)}`, NIGHT + i * 100, '0301234567'),
      );
    writeFileSync(master(), rows.join(''));
    const began = Date.now();
    await scan('--fail-on', 'never');
    const whole = Date.now() - began;
    const undisturbed = judged(folder.file('ringfence.db'));
    assert.ok(
      (undisturbed['evidence']?.length ?? 0) >= 2 * callers,
      `${undisturbed['evidence']?.length} pieces of evidence`,
    );
    let kills = 0;
    const rounds = LONG ? 200 : 5;
    for (let round = 0; round < rounds; round++) {
      for (const end of ['', '-wal', '-shm']) rmSync(folder.file(`ringfence.db${end}`), { force: true });
      for (let tries = 0; ; tries++) {
        // later tries get longer, or one that is killed before its first commit would be killed there for ever
        const killAfter = 200 + Math.random() * whole * (0.5 + tries / 4);
        const ran = await ringfence(['scan', '--config', settings, '--quiet', '--fail-on', 'never'], { killAfter });
        if (ran.status === 0) break;
        assert.equal(ran.status, -1, ran.stderr);
        kills++;
      }
      const found = judged(folder.file('ringfence.db'));
      for (const table of Object.keys(undisturbed))
        assert.deepEqual(found[table], undisturbed[table], `${table} after round ${round}`);
    }
    console.log(`      ${kills} kills in ${rounds} rounds`);
    assert.ok(kills > 0);
  });
});
