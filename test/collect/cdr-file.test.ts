import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { followCdrFile, scanCdrFile } from '../../src/collect/cdr-file.ts';
import type { CdrBatch, CdrFollower, CdrPosition, FollowOptions } from '../../src/collect/cdr-file.ts';
import { Counters } from '../../src/counters.ts';
import { InputError } from '../../src/errors.ts';
import type { ErrorCode } from '../../src/errors.ts';
import { Zone } from '../../src/time.ts';
import { cdrLine } from '../support/cdr-lines.ts';
import { recordingLog } from '../support/log.ts';
import type { Logged } from '../support/log.ts';

const TIMES = { zone: new Zone('UTC'), utc: true };
const rows = (from: number, to: number): string =>
  Array.from({ length: to - from + 1 }, (_, i) => cdrLine(from + i)).join('');
const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);

describe('collect/cdr-file', () => {
  let folder = '';
  let path = '';
  const open: { close(): void }[] = [];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'ringfence-test-'));
    path = join(folder, 'Master.csv');
  });
  afterEach(() => {
    for (const it of open.splice(0)) it.close();
    rmSync(folder, { recursive: true, force: true });
  });

  interface Scanned {
    readonly numbers: number[];
    readonly refused: string[];
    readonly gaps: string[];
    readonly position: CdrPosition | null;
  }
  const told = (batches: readonly CdrBatch[], before: CdrPosition | null = null): Scanned => ({
    numbers: batches.flatMap((batch) => batch.records.map((record) => Number(record.dst))),
    refused: batches.flatMap((batch) => batch.refused.map((refusal) => refusal.reason)),
    gaps: batches.flatMap((batch) => (batch.gap === null ? [] : [batch.gap])),
    position: batches.at(-1)?.position ?? before,
  });
  /** The position goes through JSON, as it goes through the store. */
  const stored = (position: CdrPosition | null): CdrPosition | null =>
    JSON.parse(JSON.stringify(position)) as CdrPosition | null;
  const scan = (position: CdrPosition | null = null): Scanned =>
    told([...scanCdrFile({ path, position: stored(position), ...TIMES })], position);

  describe('scan', () => {
    it('reads to the end, and the next time what came since', () => {
      writeFileSync(path, rows(1, 3));
      const first = scan();
      assert.deepEqual(first.numbers, [1, 2, 3]);
      assert.deepEqual(scan(first.position).numbers, []);
      appendFileSync(path, rows(4, 5));
      assert.deepEqual(scan(first.position).numbers, [4, 5]);
    });

    it('leaves a line that is being written for the next time', () => {
      writeFileSync(path, rows(1, 2) + cdrLine(3).slice(0, 60));
      const first = scan();
      assert.deepEqual([first.numbers, first.refused], [[1, 2], []]);
      appendFileSync(path, cdrLine(3).slice(60) + cdrLine(4));
      assert.deepEqual(scan(first.position).numbers, [3, 4]);
    });

    it('tells what is no record, once', () => {
      writeFileSync(path, `${cdrLine(1)}garbage\n${cdrLine(2)}`);
      const first = scan();
      assert.deepEqual(first.numbers, [1, 2]);
      assert.equal(first.refused.length, 1);
      appendFileSync(path, cdrLine(3));
      const second = scan(first.position);
      assert.deepEqual([second.numbers, second.refused], [[3], []]);
    });

    it('the position of every batch is a place to go on from', () => {
      writeFileSync(path, rows(1, 20_000)); // some 5 MB: several chunks
      const batches = [...scanCdrFile({ path, position: null, ...TIMES })];
      assert.ok(batches.length > 3);
      let before = 0;
      for (const batch of batches) {
        before += batch.records.length;
        assert.deepEqual(scan(batch.position).numbers, range(before + 1, 20_000));
      }
    });

    const rotations: [string, () => void, number[], RegExp | null][] = [
      [
        'a rename',
        () => {
          renameSync(path, `${path}.1`);
          writeFileSync(path, rows(6, 7));
        },
        [4, 5, 6, 7],
        null,
      ],
      ['a rename, and nothing since', () => renameSync(path, `${path}.1`), [4, 5], null],
      [
        'a rename to a name of its own',
        () => {
          renameSync(path, `${path}.old`);
          writeFileSync(path, rows(6, 7));
        },
        [4, 5, 6, 7],
        null,
      ],
      [
        'a rename to a date',
        () => {
          renameSync(path, `${path}-20261121`);
          writeFileSync(path, rows(6, 7));
        },
        [4, 5, 6, 7],
        null,
      ],
      [
        'three renames',
        () => {
          renameSync(path, `${path}.3`);
          writeFileSync(`${path}.2`, rows(6, 7));
          writeFileSync(`${path}.1`, rows(8, 9));
          writeFileSync(path, rows(10, 11));
        },
        range(4, 11),
        null,
      ],
      [
        'a rename, with older files about',
        () => {
          renameSync(path, `${path}.1`);
          writeFileSync(`${path}.2`, rows(900, 901));
          writeFileSync(path, rows(6, 7));
        },
        [4, 5, 6, 7],
        null,
      ],
      [
        'copy and truncate',
        () => {
          copyFileSync(path, `${path}.1`);
          truncateSync(path);
          appendFileSync(path, rows(6, 7));
        },
        [4, 5, 6, 7],
        null,
      ],
      [
        'copy and truncate, grown longer than before',
        () => {
          copyFileSync(path, `${path}.1`);
          truncateSync(path);
          appendFileSync(path, rows(6, 90));
        },
        range(4, 90),
        null,
      ],
      [
        'copy and truncate, twice',
        () => {
          copyFileSync(path, `${path}.2`);
          truncateSync(path);
          appendFileSync(path, rows(6, 7));
          copyFileSync(path, `${path}.1`);
          truncateSync(path);
          appendFileSync(path, rows(8, 9));
        },
        range(4, 9),
        null,
      ],
      ['a backup beside the file', () => copyFileSync(path, `${path}.bak`), [4, 5], null],
      ['a numbered backup beside the file', () => copyFileSync(path, `${path}.1`), [4, 5], null],
      [
        'a file restored from a backup, with another inode',
        () => {
          copyFileSync(path, `${path}x`);
          renameSync(`${path}x`, path);
        },
        [4, 5],
        null,
      ],
      [
        'a truncation: what was not read is told to be lost',
        () => {
          truncateSync(path);
          appendFileSync(path, rows(6, 7));
        },
        [6, 7],
        /after byte \d+ may be lost: the file was truncated or removed/,
      ],
      ['a truncation that nothing has followed yet', () => truncateSync(path), [], /may be lost/],
      [
        'a truncation that grew longer than before',
        () => {
          truncateSync(path);
          appendFileSync(path, rows(6, 90));
        },
        range(6, 90),
        /may be lost/,
      ],
      [
        'a removal',
        () => {
          rmSync(path);
          writeFileSync(path, rows(6, 7));
        },
        [6, 7],
        /may be lost/,
      ],
      [
        'a compressed rotation',
        () => {
          writeFileSync(`${path}.1.gz`, gzipSync(readFileSync(path)));
          rmSync(path);
          writeFileSync(path, rows(6, 7));
        },
        [6, 7],
        /Master\.csv\.1\.gz is compressed: unpack it/,
      ],
      [
        'one that was compressed in between',
        () => {
          renameSync(path, `${path}.3`);
          writeFileSync(`${path}.2.gz`, gzipSync(rows(50, 51)));
          writeFileSync(`${path}.1`, rows(6, 7));
          writeFileSync(path, rows(8, 9));
        },
        range(4, 9),
        /Master\.csv\.2\.gz is compressed/,
      ],
      [
        'an empty file in between',
        () => {
          renameSync(path, `${path}.2`);
          writeFileSync(`${path}.1`, '');
          writeFileSync(path, rows(6, 7));
        },
        [4, 5, 6, 7],
        null,
      ],
    ];
    for (const [sentence, rotate, numbers, gap] of rotations) {
      it(`goes on over ${sentence}`, async () => {
        writeFileSync(path, rows(1, 3));
        const first = scan();
        appendFileSync(path, rows(4, 5));
        await sleep(10); // older files are older
        rotate();
        await sleep(sentence.includes('empty') ? 250 : 0);
        const second = scan(first.position);
        assert.deepEqual(second.numbers, numbers);
        if (gap === null) assert.deepEqual(second.gaps, []);
        else assert.match(second.gaps.join('\n'), gap);
        const third = scan(second.position);
        assert.deepEqual([third.numbers, third.gaps], [[], []], 'a second scan tells nothing twice');
        appendFileSync(path, rows(1000, 1001));
        assert.deepEqual(scan(third.position).numbers, [1000, 1001]);
      });
    }

    it('an inode that another file got is not taken for the old one', () => {
      writeFileSync(path, rows(1, 3));
      const { position } = scan();
      writeFileSync(path, rows(500, 600)); // same inode, longer
      const next = scan(position);
      assert.deepEqual(next.numbers, range(500, 600));
      assert.equal(next.gaps.length, 1);
    });

    it('a position of another path is not used', () => {
      writeFileSync(path, rows(1, 2));
      const { position } = scan();
      assert.deepEqual(scan({ ...position!, path: '/elsewhere/Master.csv' }).numbers, [1, 2]);
    });

    it('a position that is damaged loses nothing', () => {
      writeFileSync(path, rows(1, 2));
      const { position } = scan();
      assert.deepEqual(scan({ ...position!, head: 'nonsense' }).numbers, [1, 2]);
    });

    it('a header line is remembered in the middle of a file', () => {
      writeFileSync(
        path,
        'start,answer,end,duration,billsec,disposition,channel,dst,src,uniqueid\n2026-11-21 18:30:03,2026-11-21 18:30:05,2026-11-21 18:31:05,62,60,ANSWERED,PJSIP/1-1,1,1004,1795285803.1\n',
      );
      const first = scan();
      assert.deepEqual([first.numbers, first.refused], [[1], []]);
      appendFileSync(
        path,
        '2026-11-21 18:30:03,2026-11-21 18:30:05,2026-11-21 18:31:05,62,60,ANSWERED,PJSIP/1-1,2,1004,1795285803.2\n',
      );
      assert.deepEqual(scan(first.position).numbers, [2]);
    });

    it('local time in the hour that comes twice is the same in one go or in two', () => {
      const times = { zone: new Zone('Europe/Berlin'), utc: false };
      const row = (number: number, end: string): string =>
        cdrLine(number)
          .replace('2026-11-21 18:31:05', end)
          .replace('2026-11-21 18:30:03', end)
          .replace('2026-11-21 18:30:05', end)
          .replace(',62,60,', ',0,0,')
          .replace(/"1795285803\.\d+",""/, '"",""');
      const all = [
        row(1, '2026-10-25 01:50:00'),
        row(2, '2026-10-25 02:10:00'),
        row(3, '2026-10-25 02:50:00'),
        row(4, '2026-10-25 02:05:00'),
        row(5, '2026-10-25 02:55:00'),
      ];
      writeFileSync(path, all.join(''));
      const ends = (position: CdrPosition | null): number[] =>
        [...scanCdrFile({ path, position, ...times })].flatMap((batch) => batch.records.map((record) => record.end));
      const whole = ends(null);
      writeFileSync(path, all.slice(0, 4).join(''));
      const half = [...scanCdrFile({ path, position: null, ...times })];
      appendFileSync(path, all[4]!);
      assert.deepEqual(ends(half.at(-1)!.position), [whole[4]]);
    });

    const failures: [string, () => void, ErrorCode, RegExp][] = [
      ['no file', () => undefined, 'input-missing', /Master\.csv does not exist: is cdr_csv\.so loaded/],
      ['a folder', () => mkdirSync(path), 'input-unreadable', /is not a file/],
      ['a FIFO, without hanging', () => execFileSync('mkfifo', [path]), 'input-unreadable', /is not a file/],
      ['something else', () => writeFileSync(path, 'some\ntext\n'), 'input-malformed', /is no Master\.csv: at byte 0/],
    ];
    for (const [sentence, make, code, message] of failures) {
      it(`fails with one line: ${sentence}`, () => {
        make();
        assert.throws(scan, (error: unknown) => {
          assert.ok(error instanceof InputError, String(error));
          assert.equal(error.code, code);
          assert.match(error.message, message);
          assert.ok(!error.message.includes('\n'));
          return true;
        });
      });
    }

    it('fails with one line: unreadable', function () {
      if (process.getuid?.() === 0) this.skip(); // root may read everything
      writeFileSync(path, rows(1, 2));
      chmodSync(path, 0);
      assert.throws(scan, /adduser ringfence asterisk/);
    });

    it('an empty file is no failure', () => {
      writeFileSync(path, '');
      assert.deepEqual(scan().numbers, []);
    });
  });

  describe('follow', () => {
    interface Followed {
      readonly follower: CdrFollower;
      readonly batches: CdrBatch[];
      readonly arrivals: Map<number, number>;
      readonly logged: Logged[];
      readonly counters: Counters;
    }
    const follow = (over: Partial<FollowOptions> = {}): Followed => {
      const batches: CdrBatch[] = [];
      const arrivals = new Map<number, number>();
      const { log, logged } = recordingLog();
      const counters = new Counters();
      const follower = followCdrFile(
        { path, position: null, ...TIMES, ...over },
        (batch) => {
          batches.push(batch);
          for (const record of batch.records) arrivals.set(Number(record.dst), performance.now());
        },
        counters,
        log,
      );
      open.push(follower);
      return { follower, batches, arrivals, logged, counters };
    };
    const until = async (what: string, done: () => boolean): Promise<void> => {
      for (let waited = 0; !done(); waited += 2) {
        if (waited > 5000) assert.fail(`did not happen: ${what}`);
        await sleep(2);
      }
    };
    const has = (followed: Followed, number: number) => (): boolean => followed.arrivals.has(number);

    it('tells a record within 200 ms of its being written', async () => {
      writeFileSync(path, rows(1, 3));
      const followed = follow();
      await until('the backlog', has(followed, 3));
      const delays: number[] = [];
      for (let number = 4; number < 24; number++) {
        await sleep(Math.random() * 40);
        const written = performance.now();
        appendFileSync(path, cdrLine(number));
        await until('the record', has(followed, number));
        delays.push(followed.arrivals.get(number)! - written);
      }
      // all but the slowest two, which a busy machine may hold up
      const slow = delays.sort((a, b) => a - b).at(-3)!;
      assert.ok(slow <= 200, `${slow} ms`);
      assert.deepEqual(told(followed.batches).numbers, range(1, 23));
      assert.equal(followed.counters.get('cdr.records'), 23);
    });

    it('waits for a file, and for its folder', async () => {
      path = join(folder, 'cdr-csv', 'Master.csv');
      const followed = follow();
      assert.match(followed.logged[0]!.message, /does not exist yet/);
      await sleep(150);
      mkdirSync(join(folder, 'cdr-csv'));
      await sleep(50);
      appendFileSync(path, rows(1, 2));
      await until('the records', has(followed, 2));
      assert.equal(followed.follower.health().problem, null);
    });

    it('from the end: only what comes', async () => {
      writeFileSync(path, rows(1, 3) + cdrLine(4).slice(0, 30));
      const followed = follow({ start: 'end' });
      await until('the place', () => followed.follower.position() !== null);
      appendFileSync(path, cdrLine(4).slice(30) + cdrLine(5));
      await until('the records', has(followed, 5));
      assert.deepEqual(told(followed.batches).numbers, [4, 5]);
    });

    it('rename, late writer, new file', async () => {
      writeFileSync(path, rows(1, 2));
      const followed = follow();
      await until('the backlog', has(followed, 2));
      appendFileSync(path, cdrLine(3).slice(0, 40));
      renameSync(path, `${path}.1`);
      await sleep(30);
      appendFileSync(`${path}.1`, cdrLine(3).slice(40));
      appendFileSync(path, rows(4, 5));
      await until('all', has(followed, 5));
      assert.deepEqual(told(followed.batches).numbers, range(1, 5));
      assert.deepEqual(told(followed.batches).refused, []);
    });

    it('copy and truncate', async () => {
      writeFileSync(path, rows(1, 2));
      const followed = follow();
      await until('the backlog', has(followed, 2));
      appendFileSync(path, rows(3, 4)); // nobody has seen these when the file is emptied
      copyFileSync(path, `${path}.1`);
      truncateSync(path);
      appendFileSync(path, rows(5, 6));
      await until('all', has(followed, 6));
      assert.deepEqual(told(followed.batches).numbers, range(1, 6));
      assert.deepEqual(told(followed.batches).gaps, []);
    });

    it('goes on from the position of its last batch', async () => {
      writeFileSync(path, rows(1, 3));
      const first = follow();
      await until('the backlog', has(first, 3));
      first.follower.close();
      appendFileSync(path, rows(4, 5));
      const second = follow({ position: stored(first.follower.position()) });
      await until('the rest', has(second, 5));
      assert.deepEqual(told(second.batches).numbers, [4, 5]);
    });

    it('a file that cannot be read any more is told once, and read when it can be', async () => {
      writeFileSync(path, rows(1, 2));
      const followed = follow();
      await until('the backlog', has(followed, 2));
      renameSync(path, `${path}.1`);
      mkdirSync(path);
      await until('the problem', () => followed.follower.health().problem !== null);
      await sleep(600);
      assert.equal(followed.logged.filter((line) => line.level === 'error').length, 1);
      rmSync(path, { recursive: true });
      appendFileSync(path, rows(3, 4));
      await until('the records', has(followed, 4));
      assert.equal(followed.follower.health().problem, null);
    });

    it('fails at once where there is a file that is none', () => {
      mkdirSync(path);
      assert.throws(() => follow(), /is not a file/);
    });

    it('lets others run while it reads a backlog', async () => {
      writeFileSync(path, rows(1, 40_000));
      let longest = 0;
      let last = performance.now();
      const timer = setInterval(() => {
        longest = Math.max(longest, performance.now() - last);
        last = performance.now();
      }, 1);
      const followed = follow();
      await until('the backlog', has(followed, 40_000));
      clearInterval(timer);
      assert.ok(longest < 400, `blocked for ${longest} ms`);
    });

    it('tells nothing after it was closed, even by its own handler', async () => {
      writeFileSync(path, rows(1, 2000));
      const { log } = recordingLog();
      let batches = 0;
      const follower = followCdrFile(
        { path, position: null, ...TIMES },
        () => {
          batches++;
          follower.close();
        },
        new Counters(),
        log,
      );
      await sleep(100);
      appendFileSync(path, rows(2001, 2002));
      await sleep(100);
      assert.equal(batches, 1);
    });
  });
});
