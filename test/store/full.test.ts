import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import Database from 'better-sqlite3';
import { StoreError, type ErrorCode } from '../../src/errors.ts';
import { Connection, storeError } from '../../src/store/connection.ts';
import { evidenceTable } from '../../src/store/evidence.ts';
import { migrate } from '../../src/store/schema.ts';
import { evidence } from '../support/evidence.ts';
import { temporaryFolder } from '../support/temporary.ts';

describe('a full disk', () => {
  const folder = temporaryFolder();

  it('is an error that says so; the store goes on when there is room again', () => {
    const connection = new Connection(new Database(folder.file('full.db')), folder.file('full.db'));
    connection.pragma('journal_mode=WAL');
    migrate(connection);
    const table = evidenceTable(connection);
    let written = 0;
    const write = (most: number): void => {
      for (let i = 0; i < most; i++, written++)
        connection.transaction(() => {
          table.insert('i1', evidence(`a${written}`, { facts: { text: 'x'.repeat(3000) } }));
          table.insert('i1', evidence(`b${written}`, { facts: { text: 'x'.repeat(3000) } }));
        });
    };
    // SQLite's own limit stands for the disk.
    connection.pragma('max_page_count=160');
    for (let tries = 0; tries < 3; tries++)
      assert.throws(
        () => write(1000),
        (error) => error instanceof StoreError && error.code === 'store-full' && error.message.includes('free space'),
      );
    assert.ok(written > 10, `${written} written`);
    assert.equal(table.count(), 2 * written, 'what was acknowledged is there, what was refused is not');
    connection.pragma('max_page_count=8000');
    write(20);
    assert.equal(table.count(), 2 * written);
    assert.equal(connection.pragma('integrity_check'), 'ok');
    connection.close();
  });

  const MAPPED: [string, ErrorCode][] = [
    ['SQLITE_FULL', 'store-full'],
    ['SQLITE_IOERR_WRITE', 'store-full'],
    ['SQLITE_IOERR_SHMSIZE', 'store-full'],
    ['SQLITE_BUSY', 'store-locked'],
    ['SQLITE_BUSY_SNAPSHOT', 'store-locked'],
    ['SQLITE_LOCKED', 'store-locked'],
    ['SQLITE_NOTADB', 'store-damaged'],
    ['SQLITE_CORRUPT_VTAB', 'store-damaged'],
    ['SQLITE_IOERR_CORRUPTFS', 'store-damaged'],
    ['SQLITE_CANTOPEN', 'store-unreadable'],
    ['SQLITE_READONLY_DBMOVED', 'store-unreadable'],
  ];
  for (const [code, ours] of MAPPED)
    it(`${code} is ${ours}`, () => {
      const error = storeError('/var/lib/x.db', new Database.SqliteError('what happened', code));
      assert.ok(error instanceof StoreError);
      assert.equal(error.code, ours);
      assert.match(error.message, /^\/var\/lib\/x\.db: .*what happened/);
    });

  it('a bug stays a bug', () => {
    const bug = new Database.SqliteError('near "SELEC"', 'SQLITE_ERROR');
    assert.equal(storeError('x', bug), bug);
  });

  it('a real one: a small file system that fills up and is freed', function () {
    this.timeout(60_000);
    const mount = folder.file('mount');
    mkdirSync(mount);
    const script = `mount -t tmpfs -o size=2m ringfence-test "$1" && exec "$2" --import tsx "$3" "$1"`;
    const child = new URL('../support/store-full-child.ts', import.meta.url).pathname;
    const probe = spawnSync('unshare', ['-m', 'sh', '-c', 'mount -t tmpfs none "$1"', 'sh', mount]);
    if (probe.status !== 0) {
      console.log('      skipped: needs the right to mount in a namespace of its own');
      this.skip();
    }
    const run = spawnSync('unshare', ['-m', 'sh', '-c', script, 'sh', mount, process.execPath, child], {
      encoding: 'utf8',
    });
    assert.equal(run.status, 0, run.stderr);
    const told = JSON.parse(run.stdout) as Record<string, unknown>;
    assert.deepEqual(told['codes'], ['store-full'], 'every refused write says so');
    assert.ok(Number(told['before']) > 10);
    assert.equal(told['whileFull'], told['before'], 'nothing acknowledged was lost, nothing refused was kept');
    assert.ok(Number(told['after']) > Number(told['before']), 'writes go on by themselves when room comes back');
    assert.deepEqual(told['check'], []);
    assert.equal(told['reopened'], told['after']);
  });
});
