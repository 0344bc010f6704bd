import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { resolve } from 'node:path';
import tls from 'node:tls';
import { inspect } from 'node:util';
import { generatePrivateKey, privateKeyFromPem, publicHalf } from '../../src/crypto/private-key.ts';
import { KEY_SIZES, kidOf, publicKeyFromSpki } from '../../src/crypto/public-key.ts';
import { secureContextOf } from '../../src/crypto/tls-context.ts';
import { selfSigned } from '../support/self-signed.ts';
import { temporaryFolder } from '../support/temporary.ts';

const openssl = (...args: string[]): Buffer => execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'pipe'] });
const text = new TextEncoder().encode('INVITE sip:1004@example.com SIP/2.0');

function value<T>(read: { ok: true; value: T } | { ok: false; reason: string }): T {
  assert.ok(read.ok, read.ok ? '' : read.reason);
  return read.value;
}

describe('private keys', function () {
  this.timeout(60_000);
  const folder = temporaryFolder();

  for (const bits of KEY_SIZES)
    it(`${bits} bits: openssl verifies what it signs and decrypts what openssl encrypts to it`, async () => {
      const key = await generatePrivateKey(bits);
      assert.equal(key.bits, bits);
      const [pub, data, sig, box] = ['pub.der', 'data', 'sig', 'box'].map((name) => folder.file(name)) as [
        string,
        string,
        string,
        string,
      ];
      writeFileSync(pub, key.spki);
      writeFileSync(data, text);
      const hash = execFileSync('openssl', ['dgst', '-sha256', '-binary', pub]);
      assert.equal(key.kid, hash.toString('base64url'));

      writeFileSync(sig, key.signPss(text));
      const pss = ['-sigopt', 'rsa_padding_mode:pss', '-sigopt', 'rsa_pss_saltlen:32', '-sigopt', 'rsa_mgf1_md:sha256'];
      const der = ['-keyform', 'DER'];
      assert.match(
        openssl('dgst', '-sha256', ...pss, ...der, '-verify', pub, '-signature', sig, data).toString(),
        /OK/,
      );
      writeFileSync(sig, key.signPkcs1(text));
      assert.match(openssl('dgst', '-sha256', ...der, '-verify', pub, '-signature', sig, data).toString(), /OK/);

      const oaep = [
        ...['-pkeyopt', 'rsa_padding_mode:oaep', '-pkeyopt', 'rsa_oaep_md:sha256'],
        ...['-pkeyopt', `rsa_oaep_label:${Buffer.from('csc/1 s1').toString('hex')}`],
      ];
      openssl('pkeyutl', '-encrypt', '-pubin', ...der, '-inkey', pub, ...oaep, '-in', data, '-out', box);
      const label = new TextEncoder().encode('csc/1 s1');
      assert.deepEqual(Buffer.from(key.decryptOaep(readFileSync(box), label) ?? []), Buffer.from(text));
      assert.equal(key.decryptOaep(readFileSync(box)), null, 'another label');

      const half = publicHalf(key);
      assert.ok(half.verifyPss(text, key.signPss(text)));
      assert.ok(!half.verifyPss(text, key.signPkcs1(text)));
      assert.ok(!half.verifyPkcs1(text.subarray(1), key.signPkcs1(text)));
      assert.deepEqual(Buffer.from(key.decryptOaep(half.encryptOaep(text)) ?? []), Buffer.from(text));
    });

  const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const pem = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;

  it('reads PKCS#8, encrypted and not, and PKCS#1, as text and as bytes', () => {
    const kid = kidOf(pair.publicKey.export({ type: 'spki', format: 'der' }));
    const pkcs1 = pair.privateKey.export({ type: 'pkcs1', format: 'pem' }) as string;
    writeFileSync(folder.file('k.pem'), pem);
    const encrypted = openssl(
      ...['pkcs8', '-topk8', '-in', folder.file('k.pem'), '-passout', 'pass:geheim', '-v2', 'aes-256-cbc'],
    );
    assert.match(encrypted.toString(), /BEGIN ENCRYPTED PRIVATE KEY/);
    for (const key of [
      privateKeyFromPem(pem),
      privateKeyFromPem(Buffer.from(pem)),
      privateKeyFromPem(pkcs1),
      privateKeyFromPem(encrypted, 'geheim'),
      privateKeyFromPem(encrypted, Buffer.from('geheim')),
    ])
      assert.equal(value(key).kid, kid);
    assert.deepEqual(privateKeyFromPem(encrypted), {
      ok: false,
      reason: 'the private key is encrypted: its passphrase is needed',
      offset: 0,
    });
    for (const wrong of ['', 'Geheim'])
      assert.deepEqual(privateKeyFromPem(encrypted, wrong), {
        ok: false,
        reason: 'not a private key, or the passphrase is wrong',
        offset: 0,
      });
  });

  it('refuses what is not RSA, too small or has another exponent, and says so', () => {
    const made = (type: 'ec' | 'ed25519' | 'rsa-pss' | 'rsa', options: object): string =>
      (generateKeyPairSync as (t: string, o: object) => typeof pair)(type, options).privateKey.export({
        type: 'pkcs8',
        format: 'pem',
      }) as string;
    const all: [string, RegExp][] = [
      [made('ec', { namedCurve: 'P-256' }), /kind ec; only RSA/],
      [made('ed25519', {}), /kind ed25519; only RSA/],
      [made('rsa-pss', { modulusLength: 2048 }), /kind rsa-pss; only RSA/],
      [made('rsa', { modulusLength: 1024 }), /1024 bits; it must have 2048/],
      [made('rsa', { modulusLength: 2048, publicExponent: 3 }), /exponent 3; it must be 65537/],
      ['', /not a private key/],
      ['-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n', /not a private key/],
    ];
    for (const [input, reason] of all) {
      const read = privateKeyFromPem(input);
      assert.ok(!read.ok);
      assert.match(read.reason, reason);
    }
  });

  it('refuses numbers that do not belong together', () => {
    const other = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' });
    const jwk = pair.privateKey.export({ format: 'jwk' });
    const mixed = createPrivateKey({ key: { ...other, n: jwk.n! }, format: 'jwk' });
    const read = privateKeyFromPem(mixed.export({ type: 'pkcs8', format: 'pem' }));
    assert.ok(!read.ok);
    assert.match(read.reason, /do not belong together/);
  });

  it('public keys: truncated at every length or changed in form they are refused, never thrown at', () => {
    const spki = pair.publicKey.export({ type: 'spki', format: 'der' });
    assert.equal(value(publicKeyFromSpki(spki)).kid, kidOf(spki));
    for (let length = 0; length < spki.length; length++)
      assert.equal(publicKeyFromSpki(spki.subarray(0, length)).ok, false);
    assert.equal(publicKeyFromSpki(Buffer.concat([spki, Buffer.of(0)])).ok, false, 'trailing bytes');
  });

  it('decrypts to null, whatever is wrong with the ciphertext', () => {
    const key = value(privateKeyFromPem(pem));
    const good = publicHalf(key).encryptOaep(text);
    for (const bad of [
      new Uint8Array(0),
      good.subarray(1),
      new Uint8Array(256),
      new Uint8Array(256).fill(255),
      new Uint8Array(512),
      good.map((b, i) => (i === 255 ? b ^ 1 : b)),
    ])
      assert.equal(key.decryptOaep(bad), null);
  });

  it('signs and decrypts in other threads as it does in this one, and the event loop goes on', async () => {
    const key = value(privateKeyFromPem(pem));
    const half = publicHalf(key);
    assert.ok(half.verifyPss(text, await key.signPssAsync(text)));
    assert.ok(!half.verifyPss(text.subarray(1), await key.signPssAsync(text)));
    assert.deepEqual(Buffer.from(await key.signPkcs1Async(text)), Buffer.from(key.signPkcs1(text)));
    const label = new TextEncoder().encode('csc/1 s1');
    const box = half.encryptOaep(text, label);
    const opened = await key.decryptOaepAsync(box, label);
    assert.deepEqual(Buffer.from(opened ?? []), Buffer.from(text));
    assert.deepEqual(Buffer.from((await key.decryptOaepAsync(half.encryptOaep(text))) ?? []), Buffer.from(text));
    assert.deepEqual(await key.decryptOaepAsync(half.encryptOaep(new Uint8Array(0))), new Uint8Array(0));
    const wrong = [
      new Uint8Array(0),
      box.subarray(1),
      new Uint8Array(256).fill(255),
      box.map((b, i) => b ^ Number(i === 200)),
    ];
    for (const bad of [box, ...wrong]) assert.equal(await key.decryptOaepAsync(bad), null);
    for (const bad of wrong) assert.equal(await key.decryptOaepAsync(bad, label), null);

    // immediates run between the start of the work and its end
    let turns = 0;
    let next: NodeJS.Immediate;
    const turn = (): void => {
      turns++;
      next = setImmediate(turn);
    };
    next = setImmediate(turn);
    await Promise.all(
      Array.from({ length: 20 }, () => [key.signPssAsync(text), key.decryptOaepAsync(box, label)]).flat(),
    );
    clearImmediate(next);
    assert.ok(turns > 1, `${turns} turns of the event loop`);
  });

  it('takes signatures and ciphertexts in its one form alone: other salts, hashes and mask functions are refused', () => {
    const key = value(privateKeyFromPem(pem));
    const half = publicHalf(key);
    writeFileSync(folder.file('n.pem'), pem);
    writeFileSync(folder.file('data'), text);
    const signed = (salt: string, mask = 'sha256', hash = 'sha256'): Buffer =>
      openssl(
        ...['dgst', `-${hash}`, '-sign', folder.file('n.pem'), '-sigopt', 'rsa_padding_mode:pss'],
        ...['-sigopt', `rsa_pss_saltlen:${salt}`, '-sigopt', `rsa_mgf1_md:${mask}`, folder.file('data')],
      );
    assert.ok(half.verifyPss(text, signed('32')), 'the control');
    for (const wrong of [
      signed('0'),
      signed('20'),
      signed('31'),
      signed('33'),
      signed('max'),
      signed('32', 'sha1'),
      signed('32', 'sha256', 'sha512'),
    ])
      assert.ok(!half.verifyPss(text, wrong));
    const good = key.signPss(text);
    for (const bad of [
      new Uint8Array(0),
      good.subarray(1),
      Buffer.concat([good, Buffer.of(0)]),
      new Uint8Array(256),
      good.map((b, i) => (i === 9 ? b ^ 4 : b)),
    ])
      assert.ok(!half.verifyPss(text, bad) && !half.verifyPkcs1(text, bad));
    writeFileSync(folder.file('n.der'), key.spki);
    const boxed = (hash: string, mask: string): Buffer =>
      openssl(
        ...[
          'pkeyutl',
          '-encrypt',
          '-pubin',
          '-keyform',
          'DER',
          '-inkey',
          folder.file('n.der'),
          '-in',
          folder.file('data'),
        ],
        ...['-pkeyopt', 'rsa_padding_mode:oaep', '-pkeyopt', `rsa_oaep_md:${hash}`, '-pkeyopt', `rsa_mgf1_md:${mask}`],
      );
    assert.deepEqual(Buffer.from(key.decryptOaep(boxed('sha256', 'sha256')) ?? []), Buffer.from(text), 'the control');
    for (const [hash, mask] of [
      ['sha1', 'sha1'],
      ['sha256', 'sha1'],
      ['sha1', 'sha256'],
      ['sha512', 'sha512'],
    ] as const)
      assert.equal(key.decryptOaep(boxed(hash, mask)), null);
    const v15 = openssl(
      'pkeyutl',
      '-encrypt',
      '-pubin',
      '-keyform',
      'DER',
      '-inkey',
      folder.file('n.der'),
      '-in',
      folder.file('data'),
    );
    assert.equal(key.decryptOaep(v15), null);
  });

  it('prints and serialises as its kid alone', () => {
    const key = value(privateKeyFromPem(pem));
    assert.equal(JSON.stringify({ key }), `{"key":{"kid":"${key.kid}"}}`);
    for (const shown of [
      inspect(key),
      inspect({ a: { b: { key } } }, { depth: 9, showHidden: true }),
      String(Object.values(key)),
    ])
      assert.doesNotMatch(shown, /PRIVATE|KeyObject|PrivateKeyObject/);
    assert.equal(inspect(key), `private key ${key.kid}`);
    assert.deepEqual(Object.keys(structuredClone(key)), ['kid', 'bits', 'spki'], 'and so it is in another thread');
  });

  it('gives TLS a context, and the key speaks there', async () => {
    const { cert, key: own } = selfSigned();
    const secureContext = secureContextOf(value(privateKeyFromPem(own)), cert, { minVersion: 'TLSv1.3' });
    const server = createServer((socket) => new tls.TLSSocket(socket, { isServer: true, secureContext }).end('hello'));
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const { port } = server.address() as { port: number };
    const heard = await new Promise<string>((done, fail) => {
      const socket = tls.connect({ port, host: '127.0.0.1', ca: cert }, () =>
        socket.on('data', (data: Buffer) => {
          socket.destroy();
          done(data.toString());
        }),
      );
      socket.on('error', fail);
    });
    await new Promise((done) => server.close(done));
    assert.equal(heard, 'hello');
    assert.throws(() => secureContextOf(value(privateKeyFromPem(pem)), cert), /key values mismatch/);
  });

  it('leaves no text of a key on the heap', () => {
    const { cert, key } = selfSigned();
    const file = folder.file('heap.pem');
    writeFileSync(file, key);
    writeFileSync(`${file}.crt`, cert);
    const lines = key.split('\n').slice(1, -2);
    const found = (...control: string[]): number => {
      const snapshot = folder.file(`heap${control.length}.heapsnapshot`);
      const child = resolve(import.meta.dirname, '../support/key-child.ts');
      execFileSync(process.execPath, ['--import', 'tsx', child, file, snapshot, ...control]);
      const heap = readFileSync(snapshot, 'latin1');
      return lines.filter((line) => heap.includes(line.slice(10, 40))).length;
    };
    assert.equal(found(), 0);
    assert.ok(found('keep the text') > 20, 'the control: a snapshot shows what is kept');
  });
});
