import assert from 'node:assert/strict';
import { chmodSync, chownSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { StoreError, type ErrorCode } from '../../src/errors.ts';
import { openStore, SCHEMA_VERSION } from '../../src/store/index.ts';
import { evidence, incident } from '../support/evidence.ts';
import { temporaryFolder } from '../support/temporary.ts';

const refuses = (path: string, code: ErrorCode, says: RegExp, options = {}): void => {
  assert.throws(
    () => openStore(path, options).close(),
    (error) => {
      assert.ok(error instanceof StoreError, String(error));
      assert.equal(error.code, code, error.message);
      assert.match(error.message, says);
      assert.ok(error.message.includes(path), 'the message names the file');
      return true;
    },
  );
};

const isRoot = process.geteuid?.() === 0;

describe('opening the store', () => {
  const folder = temporaryFolder();

  it('makes folders 0700 and files 0600, and opens again what it made', () => {
    const path = folder.file('a/b/ringfence.db');
    const store = openStore(path);
    store.commitJudged({ cursor: 'run', evidence: [{ incident: 'i1', evidence: evidence('e1') }] });
    for (const suffix of ['', '-wal', '-shm']) assert.equal(statSync(path + suffix).mode & 0o777, 0o600, suffix);
    for (const made of ['a', 'a/b']) assert.equal(statSync(folder.file(made)).mode & 0o777, 0o700);
    store.close();
    const again = openStore(path);
    assert.equal(again.evidence.count(), 1);
    assert.deepEqual(again.check(), []);
    again.close();
  });

  it('takes back rights that others have on an existing file', () => {
    const path = folder.file('open.db');
    openStore(path).close();
    chmodSync(path, 0o644);
    openStore(path).close();
    assert.equal(statSync(path).mode & 0o777, 0o600);
  });

  it('run as root, leaves everything to the owner of the folder', function () {
    if (!isRoot) {
      console.log('      skipped: needs root to give files away');
      this.skip();
    }
    const home = folder.file('service');
    mkdirSync(home);
    chownSync(home, 1234, 1235);
    const path = join(home, 'state', 'ringfence.db');
    for (const round of ['made', 'opened again']) {
      const store = openStore(path);
      store.incidents.put(incident('i1'));
      for (const name of [join(home, 'state'), path, `${path}-wal`, `${path}-shm`]) {
        const { uid, gid } = statSync(name);
        assert.deepEqual({ uid, gid }, { uid: 1234, gid: 1235 }, `${name} ${round}`);
      }
      store.close();
    }
  });

  it('refuses a file of a newer ringfence and leaves it as it is', () => {
    const path = folder.file('newer.db');
    openStore(path).close();
    const db = new Database(path);
    db.pragma(`user_version=${SCHEMA_VERSION + 1}`);
    db.pragma('wal_checkpoint(TRUNCATE)');
    db.close();
    const before = readFileSync(path);
    refuses(path, 'store-newer', /newer ringfence.*install that version again/s);
    assert.deepEqual(readFileSync(path), before);
  });

  it('refuses what is not a database, and leaves it as it is', () => {
    const path = folder.file('text.db');
    writeFileSync(path, 'accountcode,src,dst\n'.repeat(1000));
    const before = readFileSync(path);
    refuses(path, 'store-damaged', /move it away/);
    assert.deepEqual(readFileSync(path), before);
  });

  it("refuses another program's database, and leaves it as it is", () => {
    const path = folder.file('astdb.sqlite3');
    const db = new Database(path);
    db.exec('CREATE TABLE astdb (key TEXT PRIMARY KEY, value TEXT)');
    db.close();
    const before = readFileSync(path);
    refuses(path, 'store-damaged', /another program/);
    assert.deepEqual(readFileSync(path), before);
  });

  it('refuses a damaged file when its damage is met', () => {
    const path = folder.file('damaged.db');
    const store = openStore(path);
    store.transaction(() => {
      for (let i = 0; i < 500; i++) store.incidents.put(incident(`i${i}`));
    });
    store.close();
    const bytes = readFileSync(path);
    bytes.fill(0xff, 4096);
    writeFileSync(path, bytes);
    assert.throws(
      () => {
        const damaged = openStore(path);
        try {
          damaged.incidents.list({});
        } finally {
          damaged.close();
        }
      },
      (error) => error instanceof StoreError && error.code === 'store-damaged',
    );
  });

  it('says that another program holds it, at opening and at a write, and goes on when it is let go', () => {
    const path = folder.file('locked.db');
    const store = openStore(path, { busy: 20 });
    const other = new Database(path);
    other.exec('BEGIN IMMEDIATE');
    const write = () => store.commitJudged({ cursor: 'run', evidence: [{ incident: 'i', evidence: evidence('e') }] });
    assert.throws(write, (error) => error instanceof StoreError && error.code === 'store-locked');
    other.exec('ROLLBACK');
    assert.deepEqual(write().evidence, ['e']);
    store.close();
    other.pragma('locking_mode=EXCLUSIVE');
    other.exec('BEGIN EXCLUSIVE');
    refuses(path, 'store-locked', /another program holds the store/, { busy: 20 });
    other.exec('ROLLBACK');
    other.close();
    openStore(path).close();
  });

  const unreadable: [string, (path: string) => string, object?][] = [
    ['a folder', (path) => (mkdirSync(path), path)],
    ['a path below a file', (path) => (writeFileSync(path, ''), join(path, 'ringfence.db'))],
    ['a store that must be there and is not', (path) => path, { create: false }],
  ];
  for (const [what, make, options] of unreadable)
    it(`says so of ${what}`, () => {
      const path = make(folder.file(what.replaceAll(' ', '-')));
      refuses(path, 'store-unreadable', /cannot be opened/, options);
    });

  it('lets two connections work side by side', () => {
    const path = folder.file('two.db');
    const [one, two] = [openStore(path), openStore(path)];
    one.incidents.put(incident('i1'));
    assert.equal(two.acknowledge('i1', { who: 'ada', note: '' }), true);
    assert.notEqual(one.incidents.get('i1')?.acknowledgedAt, null);
    one.close();
    two.close();
  });
});
