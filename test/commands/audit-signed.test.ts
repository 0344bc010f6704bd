import assert from 'node:assert/strict';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { auditOf } from '../../src/commands/toolbox-keys.ts';
import { hashOf, openStore, recordOf, sealIn, type AuditRecord } from '../../src/store/index.ts';
import { Daemon, jsonLines, ringfence, until, writeSettings, type Ran } from '../support/cli.ts';
import { authority, identity, pemOf, rsaPair } from '../support/pki.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { box, sip } from '../toolbox/support.ts';

interface Verdict {
  readonly unbroken: boolean;
  readonly seals: { readonly checked: number; readonly unchecked: number; readonly through: number };
  readonly problems: readonly { readonly kind: string }[];
}

describe('the audit trail, signed by a running daemon', function () {
  this.timeout(90_000);
  const folder = temporaryFolder();
  let settings = '';
  let daemon: Daemon;
  const run = async (...args: string[]): Promise<Ran> => await ringfence([...args, '--config', settings]);
  const done = async (...args: string[]): Promise<string> => {
    const { status, stdout, stderr } = await run(...args);
    assert.equal(status, 0, stderr);
    return stdout;
  };
  const verdict = async (...args: string[]): Promise<Verdict & { status: number }> => {
    const { status, stdout, stderr } = await run('audit', 'verify', '--format', 'json', ...args);
    return { ...(jsonLines<Verdict>(stdout)[0] ?? assert.fail(stderr)), status };
  };
  const trail = async (): Promise<AuditRecord[]> => jsonLines(await done('audit', 'export', '--format', 'json'));
  /** The keys that have signed so far. */
  const kids = async (): Promise<Set<string>> =>
    new Set(
      (await trail()).flatMap((record) => {
        const seal = sealIn(record);
        return seal === null || seal === 'broken' ? [] : [seal.kid];
      }),
    );

  before(async () => {
    settings = writeSettings(
      folder.path,
      `[audit]\nseal_every = "1s"\n[crypto]\ndomain = "example.com"\nkey_store = "${folder.file('keys.json')}"\nmaster_key_file = "${folder.file('master.key')}"`,
    );
    daemon = await Daemon.start(['--config', settings]);
  });
  after(async () => daemon.end());

  it('without keys nothing is signed, and nothing is said of it', async () => {
    assert.deepEqual([(await kids()).size, (await verdict()).seals.checked], [0, 0]);
    assert.doesNotMatch(daemon.stderr, /not signed/);
  });

  it('from keys init on it is, without a restart; audit verify checks it', async () => {
    await done('keys', 'init');
    await until('a seal', async () => (await kids()).size === 1);
    const { status, unbroken, seals } = await verdict();
    assert.deepEqual([status, unbroken, seals.unchecked], [0, true, 0]);
    assert.ok(seals.checked >= 1 && seals.through >= 2);
    assert.match(
      await done('audit', 'verify'),
      /^Signatures: \d+ right, up to record \d+, by the key that the store names\.$/m,
    );
  });

  it('a rotated key signs from then on, and both are checked: by the store, and by what was exported', async () => {
    const first = folder.file('first.pem');
    writeFileSync(first, await done('keys', 'export', 'gateway'));
    await done('keys', 'rotate', '--gateway');
    await until('a seal by the new key', async () => (await kids()).size === 2);
    const all = await verdict();
    assert.deepEqual([all.status, all.seals.unchecked], [0, 0]);
    const old = await verdict('--key', first);
    assert.ok(old.seals.checked >= 1 && old.seals.unchecked >= 1);
    const both = folder.file('both.pem');
    writeFileSync(both, await done('keys', 'export', 'gateway'));
    const exported = folder.file('trail.jsonl');
    writeFileSync(exported, await done('audit', 'export', '--format', 'json'));
    const file = await verdict(exported, '--key', both);
    assert.deepEqual([file.status, file.seals.unchecked], [0, 0], 'one file with both keys');
  });

  it('whoever writes the trail anew has no key to sign it with', async () => {
    const both = folder.file('both.pem');
    const chain: AuditRecord[] = [];
    for (const record of jsonLines<AuditRecord>(readFileSync(folder.file('trail.jsonl'), 'utf8'))) {
      const edited = record.seq === 1 ? { ...record, actor: 'hand:eve' } : record;
      const next = { ...edited, previous: chain.at(-1)?.hash ?? edited.previous };
      chain.push({ ...next, hash: hashOf(next) });
    }
    const forged = folder.file('forged.jsonl');
    writeFileSync(forged, chain.map((record) => JSON.stringify(record)).join('\n'));
    assert.equal((await verdict(forged)).status, 0, 'nothing but the signature shows it');
    const { status, problems } = await verdict(forged, '--key', both);
    assert.equal(status, 1);
    assert.ok(problems.length > 0 && problems.every(({ kind }) => kind === 'seal'));
  });

  it('a master key that others may read is not used, and that is said once; all else goes on', async () => {
    await daemon.end();
    chmodSync(folder.file('master.key'), 0o644);
    daemon = await Daemon.start(['--config', settings]);
    await until('said', () => daemon.stderr.includes('the audit trail is not signed'));
    await until('going on', async () => (await trail()).at(-1)?.action === 'settings.loaded');
    chmodSync(folder.file('master.key'), 0o600);
    await until('signed again', async () => (await trail()).at(-1)?.action === 'audit.seal');
    assert.equal(daemon.stderr.split('the audit trail is not signed').length, 2);
  });

  it('a record of a judged message has a signature of its own, over all that it says', async () => {
    const bob = identity(
      'bob@example.org',
      rsaPair(2048, 'audit-bob'),
      authority('audit CA', rsaPair(2048, 'audit-ca')),
    );
    const judged = box();
    await judged.run(judged.program([{ tool: 'headers.check' }]), sip());
    const store = openStore(folder.file('judged.db'));
    auditOf(store, bob).append(judged.records[0] ?? assert.fail(), null);
    const [record] = store.audit.after(0, 1).map((row) => recordOf(row) ?? assert.fail());
    store.close();
    const pem = folder.file('bob.pem');
    writeFileSync(pem, pemOf(bob.certificate.der));
    const checked = async (one: AuditRecord | undefined): Promise<Verdict & { status: number }> => {
      const file = folder.file('judged.jsonl');
      writeFileSync(file, JSON.stringify(one));
      return await verdict(file, '--key', pem);
    };
    assert.deepEqual([(await checked(record)).status, (await checked(record)).seals.checked], [0, 1]);
    assert.ok(record !== undefined);
    const edited = { ...record, details: { ...record.details, callId: 'another' } };
    const { status, problems } = await checked({ ...edited, hash: hashOf(edited) });
    assert.deepEqual([status, problems.map(({ kind }) => kind)], [1, ['seal']]);
  });
});
