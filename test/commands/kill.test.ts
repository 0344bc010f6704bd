import assert from 'node:assert/strict';
import { appendFileSync, copyFileSync, readdirSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { Daemon, row, until, writeSettings } from '../support/cli.ts';
import { temporaryFolder } from '../support/temporary.ts';

const ROUNDS = process.env['RINGFENCE_LONG'] === '1' ? 1_000 : 8;

/** Asterisk and logrotate, as they treat a Master.csv; each record is a night call of an account of its own. */
class Pbx {
  written = 0;
  readonly did: Record<string, number> = {};
  readonly #path: string;
  readonly #folder: string;
  readonly #judged: () => number;
  #rotated = 0;

  constructor(folder: string, judged: () => number) {
    this.#folder = folder;
    this.#path = `${folder}/Master.csv`;
    this.#judged = judged;
  }

  #row(): string {
    const number = ++this.written;
    return row(`9.${number}`, `a${number}`, Date.now() - 120_000);
  }

  /** A few milliseconds of a PBX's life. `watched`: is a daemon there to read what a truncation would take away? */
  async act(watched: boolean): Promise<void> {
    const dice = Math.random();
    const what =
      dice < 0.6 ? 'append' : dice < 0.8 ? 'torn' : dice < 0.9 ? 'rename' : dice < 0.97 ? 'copy' : 'truncate';
    this.did[what] = (this.did[what] ?? 0) + 1;
    if (what === 'append') {
      for (let i = Math.ceil(Math.random() * 6); i > 0; i--) appendFileSync(this.#path, this.#row());
    } else if (what === 'torn') {
      const line = this.#row();
      const cut = 1 + Math.floor(Math.random() * (line.length - 2));
      appendFileSync(this.#path, line.slice(0, cut));
      await sleep(Math.random() * 10);
      appendFileSync(this.#path, line.slice(cut));
    } else if (this.#rotated < 6) await this.#rotate(what, watched);
    await sleep(Math.random() * 25);
  }

  async #rotate(what: 'rename' | 'copy' | 'truncate', watched: boolean): Promise<void> {
    if (what === 'truncate') {
      // what nobody has read when a file is emptied is lost, whoever reads
      if (!watched || !(await this.#caughtUp())) return;
      truncateSync(this.#path);
      return;
    }
    for (let n = this.#rotated; n >= 1; n--) renameSync(`${this.#path}.${n}`, `${this.#path}.${n + 1}`);
    this.#rotated++;
    if (what === 'rename') {
      renameSync(this.#path, `${this.#path}.1`);
      appendFileSync(this.#path, this.#row());
    } else {
      copyFileSync(this.#path, `${this.#path}.1`);
      truncateSync(this.#path);
    }
  }

  /** Has everything been judged soon? Not if the daemon is killed meanwhile. */
  async #caughtUp(): Promise<boolean> {
    for (let tries = 0; tries < 50 && this.#judged() < this.written; tries++) await sleep(10);
    return this.#judged() >= this.written;
  }

  get hasRotated(): boolean {
    return this.#rotated >= 6;
  }

  /** Old files go once they have been read, and the place behind them is stored. */
  clean(): void {
    for (const name of readdirSync(this.#folder))
      if (/^Master\.csv\.\d+$/.test(name)) rmSync(`${this.#folder}/${name}`);
    this.#rotated = 0;
  }
}

describe('ringfence run, killed', function () {
  this.timeout(60_000 + ROUNDS * 10_000);
  const folder = temporaryFolder();

  it(`kill -9 at ${ROUNDS} moments while records are written, rotated and truncated: each judged exactly once`, async () => {
    const settings = writeSettings(folder.path);
    writeFileSync(folder.file('Master.csv'), row('0.0', 'first', Date.now() - 120_000));
    let daemon = await Daemon.start(['--config', settings]);
    const told: string[] = [];
    const db = new Database(folder.file('ringfence.db'), { readonly: true });
    const count = db.prepare<[], { n: number }>('SELECT count(*) AS n FROM evidence');
    const pbx = new Pbx(folder.path, () => count.get()?.n ?? 0);
    const caughtUp = (): Promise<void> =>
      until(`${pbx.written} judged\n${daemon.stderr}`, () => (count.get()?.n ?? 0) >= pbx.written, 20_000);
    const end = async (signal: NodeJS.Signals): Promise<void> => {
      await daemon.end(signal);
      // a line may be cut by the kill
      const whole = daemon.stdout.slice(0, daemon.stdout.lastIndexOf('\n') + 1);
      told.push(...[...whole.matchAll(/^\{"id":"([^"]+)"/gm)].map(([, id]) => id ?? ''));
    };
    appendFileSync(folder.file('Master.csv'), row(`9.${++pbx.written}`, `a${pbx.written}`, Date.now() - 120_000));
    await caughtUp();
    await sleep(1_200); // its first place is stored
    for (let round = 0; round < ROUNDS; round++) {
      const until = Date.now() + Math.random() * 1_500;
      while (Date.now() < until) await pbx.act(true);
      await end('SIGKILL');
      for (let i = Math.floor(Math.random() * 4); i > 0; i--) await pbx.act(false);
      daemon = await Daemon.start(['--config', settings], { ready: Math.random() < 0.8 });
      if (!pbx.hasRotated) continue;
      await caughtUp();
      await end('SIGTERM');
      pbx.clean();
      daemon = await Daemon.start(['--config', settings]);
    }
    await caughtUp();
    await sleep(500); // what would be judged twice now has the time
    await end('SIGTERM');

    const rows = db.prepare<[], { calls: string }>('SELECT calls FROM evidence').all();
    const found = rows.map(({ calls }) => (JSON.parse(calls) as string[]).join(' ')).sort();
    const stories = db.prepare<[], { n: number; evidence: number }>(
      'SELECT count(*) AS n, sum(evidence_count) AS evidence FROM incidents',
    );
    assert.deepEqual(found, Array.from({ length: pbx.written }, (_, i) => `9.${i + 1}`).sort());
    assert.deepEqual(stories.get(), { n: pbx.written, evidence: pbx.written });
    assert.equal(db.prepare<[], { n: number }>('SELECT count(*) AS n FROM alerts').get()?.n, pbx.written);
    assert.equal(new Set(told).size, told.length, 'no alert told twice');
    db.close();
    console.log(`      ${pbx.written} records, ${told.length} told, ${JSON.stringify(pbx.did)}`);
  });
});
