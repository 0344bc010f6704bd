import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { protectSip } from '../../src/crypto/smime/sip.ts';
import { CLI, ringfence } from '../support/cli.ts';
import { openssl } from '../support/openssl.ts';
import { NOW, pemOf, revocationListDer, rsaPair, value } from '../support/pki.ts';
import { AT, files, invite, scene, SDP } from '../support/smime.ts';
import { temporaryFolder } from '../support/temporary.ts';

describe('ringfence smime', function () {
  this.timeout(60_000);
  const folder = temporaryFolder();
  const file = (name: string): string => folder.file(name);
  const at = ['--at', new Date(NOW).toISOString()];
  const key = (who: string): string[] => ['--cert', file(`${who}.pem`), '--key', file(`${who}.key`)];
  const ca = (): string[] => ['--ca', file('root.pem')];

  before(() => {
    const { root, evil, alice, bob, mallory } = scene();
    writeFileSync(file('root.pem'), pemOf(root.certificate.der));
    writeFileSync(file('evil.pem'), pemOf(evil.certificate.der));
    for (const [name, who] of [
      ['alice', alice],
      ['bob', bob],
      ['mallory', mallory],
    ] as const)
      // prettier-ignore
      files(folder.path, name, who, rsaPair(2048, name).pem);
    writeFileSync(file('invite'), invite());
    writeFileSync(file('crl.pem'), pemOf(revocationListDer(root, []), 'X509 CRL'));
    writeFileSync(file('revoked.der'), revocationListDer(root, [alice.certificate.serial]));
  });

  it('sign, encrypt, verify a SIP message through pipes: it comes out as it was; who signed it stands on stderr', async () => {
    const signed = await ringfence(['smime', 'sign', ...key('alice'), ...at, '--transfer', 'base64', '--receipt-to', 'sip:alice@example.com'], { input: invite().toString() }); // prettier-ignore
    assert.deepEqual([signed.status, signed.stderr], [0, '']);
    const sealed = await ringfence(['smime', 'encrypt', '--to', file('bob.pem'), ...ca(), ...at, '--transfer', 'base64'], { input: signed.stdout }); // prettier-ignore
    assert.deepEqual([sealed.status, sealed.stderr], [0, '']);
    assert.ok(!sealed.stdout.includes('a=crypto'));
    const opened = await ringfence(['smime', 'verify', ...key('bob'), ...ca(), '--crl', file('crl.pem'), ...at], { input: sealed.stdout }); // prettier-ignore
    assert.equal(opened.status, 0);
    assert.equal(opened.stderr, 'ringfence: signed by sip:alice@example.com, CN=alice@example.com, encrypted with aes-256-gcm\n'); // prettier-ignore
    assert.ok(opened.stdout.endsWith(`\r\n\r\n${SDP}`));
    const quiet = await ringfence(['smime', 'decrypt', ...key('bob'), ...at, '--quiet'], { input: sealed.stdout });
    assert.deepEqual([quiet.status, quiet.stderr], [0, '']);
    assert.equal(quiet.stdout, signed.stdout, 'decrypt undoes encrypt to the octet');
  });

  it('verify --format json: one object; the content only with --out, for the user alone', async () => {
    const sealed = file('sealed');
    const encrypted = await ringfence(['smime', 'encrypt', ...key('alice'), '--to', file('bob.pem'), '--cipher', 'aes-128-cbc', ...at, '--in', file('invite'), '--out', sealed]); // prettier-ignore
    assert.deepEqual([encrypted.status, encrypted.stdout, encrypted.stderr], [0, '', '']);
    const out = file('opened');
    const { status, stdout } = await ringfence(['smime', 'verify', ...key('bob'), ...ca(), ...at, '--in', sealed, '--out', out, '--format', 'json']); // prettier-ignore
    assert.equal(status, 0);
    const told = JSON.parse(stdout) as Record<string, unknown> & { signers: Record<string, unknown>[] };
    assert.equal(told['verified'], true);
    assert.equal(told['encrypted'], 'aes-128-cbc');
    assert.equal(told['signer'], 'alice@example.com');
    assert.equal(told['headersSigned'], true);
    assert.equal(told.signers[0]?.['kid'], scene().alice.key.kid);
    assert.deepEqual(told.signers[0]['path'], ['CN=alice@example.com', 'CN=Test root']);
    assert.ok(readFileSync(out, 'utf8').endsWith(SDP));
    assert.equal(statSync(out).mode & 0o077, 0);
  });

  it('a receipt is made for whoever asks for one, and is for that message alone', async () => {
    const run = async (...args: string[]) => await ringfence(['smime', ...args, ...at]);
    const sign = async (name: string, ...more: string[]): Promise<string> => {
      const { status, stderr } = await run(
        'sign',
        ...key('alice'),
        '--in',
        file('invite'),
        '--out',
        file(name),
        ...more,
      );
      assert.equal(status, 0, stderr);
      return file(name);
    };
    const [asked, other, plain] = [
      await sign('asked', '--receipt-to', 'sip:alice@example.com'),
      await sign('other', '--receipt-to', 'sip:alice@example.com'),
      await sign('plain'),
    ];
    const sealed = file('asked.sealed');
    assert.equal((await run('encrypt', '--to', file('bob.pem'), '--in', asked, '--out', sealed)).status, 0);
    const verify = ['verify', ...key('bob'), ...ca(), '--format', 'json', '--receipt', file('receipt')];
    const made = await run(...verify, '--in', sealed);
    assert.deepEqual([made.status, (JSON.parse(made.stdout) as { receipt: boolean }).receipt], [0, true], made.stderr);
    const none = await run(
      'verify',
      ...key('bob'),
      ...ca(),
      '--in',
      plain,
      '--receipt',
      file('none'),
      '--out',
      file('x'),
    );
    assert.deepEqual([none.status, existsSync(file('none'))], [0, false]);
    assert.match(none.stderr, /no receipt was asked for/);
    assert.equal(
      (await run('verify', ...ca(), '--in', asked, '--receipt', file('none'))).status,
      2,
      'nobody to sign it',
    );

    const receipt = async (of: string, from = file('receipt'), trusted = ca()) =>
      await run('receipt', '--of', of, '--in', from, ...trusted);
    const right = await receipt(asked);
    assert.deepEqual(
      [right.status, right.stdout],
      [0, 'Received and verified by sip:bob@example.com, CN=bob@example.com\n'],
    );
    const damaged = readFileSync(file('receipt'));
    damaged[damaged.length - 9] = (damaged[damaged.length - 9] ?? 0) ^ 1;
    writeFileSync(file('damaged'), damaged);
    for (const wrong of [
      await receipt(other),
      await receipt(plain),
      await receipt(asked, file('damaged')),
      await receipt(asked, asked),
      await receipt(asked, file('receipt'), ['--ca', file('evil.pem')]),
    ])
      assert.deepEqual([wrong.status, wrong.stdout, wrong.stderr], [1, '', 'ringfence: smime-refused\n']);
  });

  const signedSip = (): string =>
    value(protectSip(invite(), { now: NOW, sign: { signers: [scene().alice], detached: true }, transfer: 'base64' })).toString(); // prettier-ignore
  const NO: readonly (readonly [what: string, args: () => string[], change?: (text: string) => string])[] = [
    ['another CA', () => ['--ca', file('evil.pem')]],
    ['a revoked signer', () => [...ca(), '--crl', file('revoked.der')]],
    ['an expired signer', () => [...ca(), '--at', new Date(NOW + 5 * 86_400_000).toISOString()]],
    ['another From', () => ca(), (text) => text.replace('<sip:alice@', '<sip:mallory@')],
    ['another octet', () => ca(), (text) => text.replace('m=audio 4000', 'm=audio 4001')],
    ['no S/MIME at all', () => ca(), () => invite().toString()],
  ];
  for (const [what, args, change] of NO)
    it(`verify: ${what}: 1, one code, the reason in the file of --audit alone`, async () => {
      const audit = join(folder.path, `audit ${what.replaceAll('/', ' ')}`);
      const own = args();
      const run = [
        'smime',
        'verify',
        ...(own.includes('--at') ? [] : at),
        ...own,
        '--audit',
        audit,
        '--format',
        'json',
      ];
      const { status, stdout, stderr } = await ringfence(run, { input: (change ?? String)(signedSip()) });
      assert.equal(status, 1);
      assert.equal(stdout, '{"verified":false,"code":"smime-refused"}\n');
      assert.equal(stderr, 'ringfence: smime-refused\n');
      const line = JSON.parse(readFileSync(audit, 'utf8')) as Record<string, string>;
      assert.deepEqual([line['command'], line['code']], ['smime verify', 'smime-refused']);
      assert.ok((line['reason'] ?? '').length > 10);
    });

  it('decrypt: another key, damaged: 2, one code, nothing on stdout', async () => {
    const sealed = file('sealed.der');
    await ringfence(['smime', 'encrypt', '--form', 'cms', '--to', file('bob.pem'), ...at, '--in', file('invite'), '--out', sealed]); // prettier-ignore
    const damaged = readFileSync(sealed);
    damaged[damaged.length - 40]! ^= 1;
    writeFileSync(file('damaged.der'), damaged);
    for (const [who, name] of [
      ['alice', 'sealed.der'],
      ['bob', 'damaged.der'],
    ] as const) {
      // prettier-ignore
      const run = await ringfence(['smime', 'decrypt', '--form', 'cms', ...key(who), ...at, '--in', file(name)]);
      assert.deepEqual(run, { status: 2, stdout: '', stderr: 'ringfence: smime-refused\n' });
    }
  });

  it('v1.5 key transport is refused with what to type instead', async () => {
    const theirs = openssl(['cms', '-encrypt', '-binary', '-outform', 'DER', '-aes-256-cbc', file('bob.pem')], Buffer.from(SDP)); // prettier-ignore
    writeFileSync(file('v15.der'), theirs);
    const { status, stderr } = await ringfence(['smime', 'decrypt', '--form', 'cms', ...key('bob'), ...ca(), ...at, '--in', file('v15.der')]); // prettier-ignore
    assert.equal(status, 2);
    assert.match(stderr, /-keyopt rsa_padding_mode:oaep -keyopt rsa_oaep_md:sha256\n$/);
  });

  it('a key with a passphrase; binary content, to openssl and back', async () => {
    const content = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    writeFileSync(file('binary'), content);
    writeFileSync(file('pass'), 'correct horse\n', { mode: 0o600 });
    const pem = openssl(['pkcs8', '-topk8', '-v2', 'aes-256-cbc', '-passout', 'pass:correct horse', '-in', file('alice.key')]); // prettier-ignore
    writeFileSync(file('locked.key'), pem, { mode: 0o600 });
    const own = ['--cert', file('alice.pem'), '--key', file('locked.key'), ...at];
    const locked = await ringfence(['smime', 'sign', '--form', 'cms', ...own, '--in', file('binary')]);
    assert.equal(locked.status, 2);
    assert.match(locked.stderr, /encrypted.*--passphrase-file/);
    const signed = await ringfence(['smime', 'sign', '--form', 'cms', ...own, '--passphrase-file', file('pass'), '--in', file('binary'), '--out', file('signed.der')]); // prettier-ignore
    assert.deepEqual([signed.status, signed.stderr], [0, '']);
    const verify = [
      'cms',
      '-verify',
      '-inform',
      'DER',
      '-binary',
      '-in',
      file('signed.der'),
      '-CAfile',
      file('root.pem'),
    ];
    assert.ok(openssl([...verify, ...AT]).equals(content));
    const back = await ringfence(['smime', 'verify', '--form', 'cms', ...ca(), ...at, '--in', file('signed.der'), '--out', file('back')]); // prettier-ignore
    assert.equal(back.status, 0);
    assert.ok(readFileSync(file('back')).equals(content));
  });

  const WRONG: readonly (readonly [what: string, args: () => string[], says: RegExp])[] = [
    ['no key', () => ['sign', '--in', file('invite')], /--cert and --key are needed to sign/],
    ['a key without its certificate', () => ['sign', '--key', file('alice.key'), '--in', file('invite')], /--cert is missing/], // prettier-ignore
    ['the key of somebody else', () => ['sign', '--cert', file('bob.pem'), '--key', file('alice.key'), '--in', file('invite')], /not of this key/], // prettier-ignore
    ['a certificate that is none', () => ['sign', '--cert', file('invite'), '--key', file('alice.key'), '--in', file('invite')], /no CERTIFICATE in PEM or DER/], // prettier-ignore
    ['a missing input', () => ['sign', ...key('alice'), '--in', file('none')], /--in: cannot read .*none/],
    ['what is no SIP message', () => ['sign', ...key('alice'), '--in', file('root.pem')], /--form cms/],
    [
      'verify what is no SIP message',
      () => ['verify', ...ca(), '--in', file('root.pem')],
      /no SIP message.*--form cms/,
    ],
    ['verify without a CA', () => ['verify', '--in', file('invite')], /--ca is needed/],
    ['a CRL without a CA', () => ['verify', '--crl', file('crl.pem'), '--in', file('invite')], /--crl needs --ca/],
    ['CBC around nothing signed', () => ['encrypt', '--form', 'cms', '--cipher', 'aes-256-cbc', '--to', file('bob.pem'), '--in', file('invite')], /only around a signature/], // prettier-ignore
    ['the same in SIP', () => ['encrypt', '--cipher', 'aes-256-cbc', '--to', file('bob.pem'), '--in', file('invite')], /only around a signature/], // prettier-ignore
    ['a recipient of another CA', () => ['encrypt', '--to', file('mallory.pem'), ...ca(), '--in', file('invite')], /does not hold; nothing was encrypted/], // prettier-ignore
    ['nobody to encrypt to', () => ['encrypt', '--in', file('invite')], /--to <cert...>' not specified/],
    ['a cipher that there is not', () => ['encrypt', '--to', file('bob.pem'), '--cipher', 'des3'], /Allowed choices are aes-256-gcm/], // prettier-ignore
    ['decrypt without a key', () => ['decrypt', '--in', file('invite')], /--cert and --key are needed to decrypt/],
    ['an output that cannot be written', () => ['sign', ...key('alice'), '--in', file('invite'), '--out', '/nonexistent/x'], /--out: cannot write/], // prettier-ignore
  ];
  for (const [what, args, says] of WRONG)
    it(`${what}: 2, one line that says which and what to do`, async () => {
      const { status, stdout, stderr } = await ringfence(['smime', ...args(), ...at]);
      assert.equal(status, 2);
      assert.equal(stdout, '');
      assert.match(stderr, says);
    });

  it('a key that everybody can read is refused', async () => {
    writeFileSync(file('open.key'), rsaPair(2048, 'alice').pem);
    chmodSync(file('open.key'), 0o644);
    const { status, stderr } = await ringfence(['smime', 'sign', '--cert', file('alice.pem'), '--key', file('open.key'), ...at, '--in', file('invite')]); // prettier-ignore
    assert.equal(status, 2);
    assert.match(stderr, /can be read by everybody; run: chmod 640/);
  });

  it('docs/smime.md: what is printed there runs as printed', () => {
    const page = readFileSync(resolve(import.meta.dirname, '../../docs/smime.md'), 'utf8');
    const blocks = [...page.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, text = '']) => text);
    assert.equal(blocks.length, 4);
    assert.ok(existsSync(CLI), 'npm run build makes it');
    const cwd = mkdtempSync(join(folder.path, 'page-'));
    const script = `set -euo pipefail\nringfence() { ${process.execPath} ${CLI} "$@"; }\n${blocks.join('\n')}`;
    const { status, stdout, stderr } = spawnSync('bash', ['-c', script], { cwd });
    assert.equal(status, 0, stderr.toString());
    assert.equal(stdout.toString().split('s=-').length - 1, 8, stdout.toString());
    assert.match(stdout.toString(), /"verified":true,"encrypted":"aes-256-gcm","signer":"alice@example\.com"/);
  });
});
