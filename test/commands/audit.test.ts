import assert from 'node:assert/strict';
import { constants, createHash, generateKeyPairSync, sign } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import Database from 'better-sqlite3';
import { hashOf, openStore, sealTrail, type AuditRecord } from '../../src/store/index.ts';
import { jsonLines, ringfence, writeSettings, type Ran } from '../support/cli.ts';
import { temporaryFolder } from '../support/temporary.ts';

interface Verdict {
  readonly unbroken: boolean;
  readonly records: number;
  readonly head: string;
  readonly seals: { readonly checked: number; readonly unchecked: number; readonly through: number };
  readonly problems: readonly { readonly seq: number; readonly kind: string }[];
}

describe('ringfence audit', function () {
  this.timeout(60_000);
  const folder = temporaryFolder();
  let settings = '';
  const audit = async (...args: string[]): Promise<Ran> => await ringfence(['audit', ...args, '--config', settings]);
  const verdict = async (...args: string[]): Promise<Verdict & { status: number }> => {
    const { status, stdout, stderr } = await audit('verify', '--format', 'json', ...args);
    const [only] = jsonLines<Verdict>(stdout);
    return { ...(only ?? assert.fail(stderr)), status };
  };
  const edit = (sql: string): void => {
    const raw = new Database(folder.file('ringfence.db'));
    raw.exec(`DROP TRIGGER IF EXISTS audit_no_update; DROP TRIGGER IF EXISTS audit_no_delete; ${sql}`);
    raw.close();
  };

  it('without a store: 2, and who makes it', async () => {
    settings = writeSettings(folder.path);
    for (const args of [['verify'], ['export']]) {
      const { status, stdout, stderr } = await audit(...args);
      assert.deepEqual([status, stdout], [2, '']);
      assert.match(stderr, /there is no store/);
    }
  });

  it('a decision by hand, and its undoing, are told with the person; the trail is unbroken', async () => {
    const env = { SUDO_USER: 'ada' };
    // without a manager interface nothing can be done, but it is decided
    const more = `\n[asterisk.ami]\nport = 9\nusername = "x"\nsecret_file = "${folder.file('secret')}"\n`;
    writeFileSync(folder.file('secret'), 'x', { mode: 0o600 });
    settings = writeSettings(folder.path, more);
    const run = async (...args: string[]): Promise<Ran> => await ringfence([...args, '--config', settings], { env });
    await run('block', 'number', '+371', '--why', 'stolen');
    await run('unblock', 'number', '+371', '--why', 'found');
    const { stdout } = await audit('export', '--format', 'json');
    const records = jsonLines<AuditRecord>(stdout);
    assert.deepEqual(
      records.map(({ actor, action, target }) => `${actor} ${action} ${target}`),
      ['hand:ada decision.made 371', 'hand:ada enforce.ordered number/371', 'hand:ada enforce.undone number/371'],
    );
    assert.match(
      (await audit('export')).stdout,
      /^1 {2}.*hand:ada {2}decision\.made {2}371 {2}action=block-number.*why=stolen \(ada\)/,
    );
    const { status, unbroken, records: count, head } = await verdict();
    assert.deepEqual([status, unbroken, count, head], [0, true, 3, `3:${records[2]?.hash}`]);
    assert.match((await audit('verify')).stdout, /^The audit trail is unbroken: 3 records\.\nHead: 3:/);
  });

  it('an exported file is verified like the store, whole or from its middle, and its edits are found', async () => {
    const { stdout } = await audit('export', '--format', 'json');
    const file = folder.file('trail.jsonl');
    writeFileSync(file, stdout);
    assert.deepEqual([(await verdict(file)).status, (await verdict(file)).records], [0, 3]);
    const lines = stdout.trimEnd().split('\n');
    for (const [what, text, problems] of [
      ['from the middle', lines.slice(1).join('\n'), []],
      ['edited', lines.join('\n').replace('"hand:ada"', '"hand:eve"'), ['1 edited']],
      ['a line gone', [lines[0], lines[2]].join('\n'), ['3 missing']],
      ['a line torn', lines.join('\n').slice(0, -20), ['3 edited']],
      ['lines that changed places', [lines[0], lines[2], lines[1]].join('\n'), ['3 missing', '2 order']],
    ] as const) {
      writeFileSync(file, text);
      const { status, problems: found } = await verdict(file);
      assert.deepEqual(
        [found.map(({ seq, kind }) => `${seq} ${kind}`), status],
        [problems, problems.length === 0 ? 0 : 1],
        what,
      );
    }
    const stdin = await ringfence(['audit', 'verify', '-'], { input: stdout });
    assert.equal(stdin.status, 0, stdin.stderr);
    writeFileSync(file, 'not a trail\n');
    assert.equal((await audit('verify', file)).status, 2);
    assert.equal((await audit('verify', folder.file('none'))).status, 2);
  });

  it('a remembered head shows what was cut off; it is noted only where all is well', async () => {
    const note = folder.file('head');
    assert.equal((await audit('verify', '--remember', note)).status, 0);
    assert.match(readFileSync(note, 'utf8'), /^3:[0-9a-f]{64}\n$/);
    assert.equal(statSync(note).mode & 0o777, 0o600);
    const { head } = await verdict('--head', readFileSync(note, 'utf8').trim());
    edit('CREATE TABLE kept AS SELECT * FROM audit WHERE seq = 3; DELETE FROM audit WHERE seq = 3');
    const cut = await verdict('--remember', note);
    assert.deepEqual([cut.status, cut.problems.map(({ kind }) => kind)], [1, ['unguarded', 'truncated']]);
    assert.equal(readFileSync(note, 'utf8').trim(), head, 'what was noted stays');
    edit('INSERT INTO audit SELECT * FROM kept; DROP TABLE kept');
    assert.deepEqual(
      (await verdict('--remember', note)).problems.map(({ kind }) => kind),
      ['unguarded'],
    );
    assert.equal((await audit('verify', '--head', 'x')).status, 2);
  });

  it('signatures are checked with their key, and show what was written anew', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const pem = folder.file('public.pem');
    writeFileSync(pem, publicKey.export({ type: 'spki', format: 'pem' }));
    const other = folder.file('other.pem');
    writeFileSync(
      other,
      generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ type: 'spki', format: 'pem' }),
    );
    const kid = createHash('sha256')
      .update(publicKey.export({ type: 'spki', format: 'der' }))
      .digest('hex');
    const padding = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
    const store = openStore(folder.file('ringfence.db'));
    const signer = { kid, sign: (bytes: Uint8Array) => sign('sha256', bytes, { key: privateKey, ...padding }) };
    assert.equal((await sealTrail(store.audit, signer))?.seq, 3);
    assert.equal(await sealTrail(store.audit, signer), null, 'nothing new, nothing to sign');
    store.close();
    const right = await verdict('--key', other, pem);
    assert.deepEqual(right.seals, { checked: 1, unchecked: 0, through: 3 });
    assert.deepEqual((await verdict('--key', other)).seals, { checked: 0, unchecked: 1, through: 0 });
    // whoever writes the whole chain anew lacks the key
    const { stdout } = await audit('export', '--format', 'json');
    const file = folder.file('anew.jsonl');
    const [first, second, third, seal] = jsonLines<AuditRecord>(stdout);
    const chain: AuditRecord[] = [];
    for (const record of [{ ...first!, actor: 'hand:eve' }, second!, third!, seal!]) {
      const next = { ...record, previous: chain.at(-1)?.hash ?? record.previous };
      chain.push({ ...next, hash: hashOf(next) });
    }
    writeFileSync(file, chain.map((record) => JSON.stringify(record)).join('\n'));
    assert.deepEqual((await verdict(file)).status, 0, 'nothing but the signature shows it');
    const forged = await verdict(file, '--key', pem);
    assert.deepEqual([forged.status, forged.problems.map(({ seq, kind }) => `${seq} ${kind}`)], [1, ['4 seal']]);
    assert.equal((await audit('verify', '--key', folder.file('trail.jsonl'))).status, 2);
  });

  it('an edit in the store is found, and where', async () => {
    edit("UPDATE audit SET target = 'number/49' WHERE seq = 2");
    const { status, stdout, stderr } = await audit('verify');
    assert.equal(status, 1);
    assert.match(stdout, /^record 2: edited: /);
    assert.match(stderr, /BROKEN/);
  });
});
