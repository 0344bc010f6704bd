import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import {
  appendFileSync,
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  renameSync,
  rmSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { cdrLine } from '../support/cdr-lines.ts';
import { compileInto } from '../support/compiled.ts';

const ROUNDS = process.env['RINGFENCE_LONG'] === '1' ? 1000 : 40;
const ROTATED_LIMIT = 8;

/** A small generator of its own (mulberry32), so that a failing run can be had again by its seed. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Writes numbered records the way Asterisk and its administrators do, and worse. */
class Writer {
  written = 0;
  readonly did: Record<string, number> = {};
  readonly #path: string;
  readonly #random: () => number;
  readonly #judged: () => number;
  readonly #dated: boolean;
  #rotated = 0;
  #generation = 0;

  constructor(path: string, chance: () => number, judged: () => number) {
    this.#path = path;
    this.#random = chance;
    this.#judged = judged;
    this.#dated = chance() < 0.3;
  }

  /** One thing that happens to the file. */
  async act(): Promise<void> {
    const dice = this.#random();
    if (dice < 0.62) this.append();
    else if (dice < 0.78) await this.#torn();
    else if (dice < 0.86) await this.#rename();
    else if (dice < 0.9) await this.#renameWhileWriting();
    else if (dice < 0.97) await this.#copyTruncate();
    else await this.#truncate();
  }

  #note(what: string): void {
    this.did[what] = (this.did[what] ?? 0) + 1;
  }

  append(): void {
    this.#note('append');
    const count = 1 + Math.floor(this.#random() * 20);
    let text = '';
    for (let i = 0; i < count; i++) text += cdrLine(++this.written);
    appendFileSync(this.#path, text);
  }

  async #torn(): Promise<void> {
    this.#note('torn');
    const line = cdrLine(++this.written);
    const cut = 1 + Math.floor(this.#random() * (line.length - 2));
    appendFileSync(this.#path, line.slice(0, cut));
    await sleep(this.#random() * 8);
    appendFileSync(this.#path, line.slice(cut));
  }

  async #rename(): Promise<void> {
    if (!existsSync(this.#path)) return;
    this.#note('rename');
    renameSync(this.#path, await this.#makeRoom());
  }

  /** The record was begun before the rename and ends after it, in the renamed file. */
  async #renameWhileWriting(): Promise<void> {
    this.#note('rename while writing');
    const name = await this.#makeRoom();
    const line = cdrLine(++this.written);
    const fd = openSync(this.#path, 'a');
    writeSync(fd, line.slice(0, 50));
    renameSync(this.#path, name);
    await sleep(this.#random() * 10);
    writeSync(fd, line.slice(50));
    closeSync(fd);
  }

  async #copyTruncate(): Promise<void> {
    if (!existsSync(this.#path)) return;
    this.#note('copy and truncate');
    copyFileSync(this.#path, await this.#makeRoom());
    truncateSync(this.#path);
  }

  /** What nobody has read when a file is emptied is lost, whoever reads: so this waits. */
  async #truncate(): Promise<void> {
    if (!existsSync(this.#path)) return;
    this.#note('truncate');
    await this.caughtUp();
    truncateSync(this.#path);
  }

  async caughtUp(): Promise<void> {
    for (let waited = 0; this.#judged() < this.written; waited += 2) {
      if (waited > 15_000) throw new Error(`the reader is stuck at ${this.#judged()} of ${this.written}`);
      await sleep(2);
    }
  }

  /** Name for the next rotated file. Old ones are removed only when they have been read. */
  async #makeRoom(): Promise<string> {
    if (this.#rotated >= ROTATED_LIMIT) {
      await this.caughtUp();
      await sleep(250); // it has read them, and has gone on to the file at the path
      for (let n = 1; n <= this.#rotated; n++) rmSync(this.#name(n), { force: true });
      this.#rotated = 0;
    }
    this.#rotated++;
    if (this.#dated) return `${this.#path}-20261121-${1795285803 + ++this.#generation}`;
    for (let n = this.#rotated - 1; n >= 1; n--) renameSync(this.#name(n), this.#name(n + 1));
    return this.#name(1);
  }

  #name(n: number): string {
    return this.#dated ? `${this.#path}-20261121-${1795285803 + this.#generation - n + 1}` : `${this.#path}.${n}`;
  }
}

describe('collect/cdr-file under torture', function () {
  this.timeout(ROUNDS * 2000 + 60_000);
  // inside the repository, so that the child finds its packages; RINGFENCE_KEEP=1 leaves it there
  let home = '';
  before(() => {
    mkdirSync(join(import.meta.dirname, '../../node_modules/.cache'), { recursive: true });
    home = mkdtempSync(join(import.meta.dirname, '../../node_modules/.cache/ringfence-torture-'));
    compileInto(home, join(import.meta.dirname, 'cdr-reader.ts'));
  });
  after(() => {
    if (process.env['RINGFENCE_KEEP'] === undefined) rmSync(home, { recursive: true, force: true });
  });

  it(`every record is judged exactly once over ${ROUNDS} kills`, async () => {
    const seed = Number(process.env['RINGFENCE_SEED'] ?? Date.now() % 1_000_000);
    const chance = random(seed);
    const context = (): string => `RINGFENCE_SEED=${seed}, the files in ${home}`;
    const path = join(home, 'Master.csv');
    const databasePath = join(home, 'state.db');
    const database = new Database(databasePath);
    database.pragma('journal_mode = WAL');
    database.exec('CREATE TABLE IF NOT EXISTS judged (number INTEGER, refused TEXT)');
    const count = database.prepare<[], { n: number }>('SELECT count(DISTINCT number) AS n FROM judged');
    const writer = new Writer(path, chance, () => count.get()?.n ?? 0);

    const reader = join(home, 'test/collect/cdr-reader.js');
    let child: ChildProcess | null = null;
    let stderr = '';
    /** Resolves when it has opened its database and begins to read. */
    const start = async (): Promise<void> => {
      const made = spawn(process.execPath, [reader, databasePath, path], { stdio: ['ignore', 'pipe', 'pipe'] });
      child = made;
      made.stderr.on('data', (bytes: Buffer) => (stderr = (stderr + bytes.toString()).slice(-4000)));
      await new Promise((resolve) => made.stdout.once('data', resolve).once('end', resolve));
    };
    const kill = async (): Promise<void> => {
      const running = child;
      if (running === null) return;
      const gone = new Promise((resolve) => running.once('exit', resolve));
      running.kill('SIGKILL');
      await gone;
    };

    // files that were rotated away before there was any position are nobody's
    await start();
    writer.append();
    await writer.caughtUp();
    await kill();

    let killed = 0;
    const killer = (async (): Promise<void> => {
      while (killed < ROUNDS) {
        const reading = start();
        if (chance() < 0.9) await reading;
        await sleep(chance() * 120);
        await kill();
        killed++;
        await sleep(chance() < 0.2 ? 150 : 5);
      }
      await start();
    })();
    try {
      while (killed < ROUNDS) {
        await writer.act();
        await sleep(chance() * 12);
      }
      await killer;
      await writer.caughtUp();
      await sleep(400); // whatever would be told twice now has the time
    } catch (error) {
      throw new Error(`${context()}: ${String(error)}\n${stderr}`, { cause: error });
    } finally {
      killed = ROUNDS;
      await killer;
      await kill();
    }

    const rows = database
      .prepare<[], { number: number | null; refused: string | null }>(
        'SELECT number, refused FROM judged ORDER BY rowid',
      )
      .all();
    database.close();
    const refused = rows.filter((row) => row.number === null).map((row) => row.refused);
    const numbers = rows.filter((row) => row.number !== null).map((row) => row.number);
    // a plain truncation cannot be told from a loss by who was not there
    assert.deepEqual(
      refused.filter((reason) => !reason!.includes('truncated')),
      [],
      context(),
    );
    assert.deepEqual(
      numbers,
      Array.from({ length: writer.written }, (_, i) => i + 1),
      context(),
    );
    console.log(`      ${writer.written} records, ${killed} kills, ${JSON.stringify(writer.did)}`);
  });
});
