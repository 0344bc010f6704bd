/**
 * S/MIME on a real INVITE: how many a second on one core are signed and encrypted, or decrypted and verified.
 * `npx tsx test/bench/smime.ts` after `npm run build`; `-- refusals` the second part alone.
 *
 * Claim: each costs one RSA private-key operation and little else: ≥ 0.7 times OpenSSL's own RSA-2048 private-key rate. Compared in turns,
 * in one run: `openssl speed` in a process of its own, node:crypto bare (the floor: the same operations without CMS, MIME and SIP), and
 * node-forge, which does the same job alone as far as it can (v1.5 signature, AES-CBC, RSA-OAEP). Counted is CPU time.
 *
 * Second claim: refusing takes the same time whatever the reason. Shown as medians of turns and Welch's t of each class against the
 * first, |t| < 5 being noise (Reparaz, Balasch, Verbauwhede 2017: 4.5); the control is a class that leaves early, which must stand out.
 */
import { execFileSync } from 'node:child_process';
import {
  constants,
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  privateDecrypt,
  publicEncrypt,
  randomBytes,
  sign,
  verify,
} from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import forge from 'node-forge';
import type * as Chain from '../../src/crypto/chain.ts';
import type * as PrivateKeys from '../../src/crypto/private-key.ts';
import type * as Sip from '../../src/crypto/smime/sip.ts';
import { DAY } from '../../src/time.ts';
import { identity, NOW, revocationListDer, rsaPair } from '../support/pki.ts';
import { invite, scene } from '../support/smime.ts';

const compiled = join(import.meta.dirname, '../../dist/crypto');
if (!existsSync(join(compiled, 'smime/sip.js'))) {
  console.log(`smime: skipped, for there is no ${compiled}: npm run build`);
  process.exit(0);
}
const { readCertificate, readRevocationList, Trust } = (await import(join(compiled, 'chain.js'))) as typeof Chain;
const { privateKeyFromPem } = (await import(join(compiled, 'private-key.js'))) as typeof PrivateKeys;
const { openSip, protectSip } = (await import(join(compiled, 'smime/sip.js'))) as typeof Sip;

/** One of the scene's people, as the compiled files know people. */
function compiledIdentity(name: 'alice' | 'bob' | 'carol' | 'mallory') {
  const certificate = readCertificate(scene()[name].certificate.der);
  const key = privateKeyFromPem(rsaPair(2048, name).pem);
  if (!certificate.ok || !key.ok) throw new Error('the scene is broken');
  return { certificate: certificate.value, key: key.value };
}
const [alice, bob, mallory] = [compiledIdentity('alice'), compiledIdentity('bob'), compiledIdentity('mallory')];
const anchor = readCertificate(scene().root.certificate.der);
if (!anchor.ok) throw new Error(anchor.reason);
const REVOKED = Buffer.from([0x5e, 0x01]);
const list = readRevocationList(revocationListDer(scene().root, [REVOKED]));
if (!list.ok) throw new Error(list.reason);
const trust = new Trust([anchor.value], [list.value]);
/** alice once more, with a certificate that is good no more. */
function goneBad(options: Parameters<typeof identity>[3]) {
  const certificate = readCertificate(
    identity('alice@example.com', rsaPair(2048, 'alice'), scene().root, options).certificate.der,
  );
  if (!certificate.ok) throw new Error(certificate.reason);
  return { certificate: certificate.value, key: alice.key };
}
const expired = goneBad({ from: NOW - 2 * DAY, to: NOW - DAY });
const revoked = goneBad({ serial: REVOKED });
const opener = { trust, keyholders: [bob], now: NOW };

const message = invite();
const protect = { now: NOW, sign: { signers: [alice] }, encrypt: { recipients: [bob.certificate] } };
function sealedOf(options: Parameters<typeof protectSip>[1]): Buffer {
  const made = protectSip(message, options);
  if (!made.ok) throw new Error(made.reason);
  return made.value;
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? NaN;

/** Operations per second of CPU time: each row's median over the turns, rows in turn so that neighbours weigh on all alike. */
function rates(
  rows: readonly (readonly [label: string, count: number, work: () => void])[],
  turns: number,
): Map<string, number> {
  // prettier-ignore
  const found = new Map<string, number[]>(rows.map(([label]) => [label, []]));
  for (let turn = 0; turn < turns; turn++)
    for (const [label, count, work] of rows) {
      const began = process.cpuUsage();
      for (let i = 0; i < count; i++) work();
      const { user, system } = process.cpuUsage(began);
      found.get(label)?.push((count * 1e6) / (user + system));
    }
  return new Map([...found].map(([label, values]) => [label, median(values)]));
}

function speeds(): void {
  const privateKey = createPrivateKey(rsaPair(2048, 'bob').pem);
  const aliceKey = createPrivateKey(rsaPair(2048, 'alice').pem);
  const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
  const oaep = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' };
  const key = randomBytes(32);
  const iv = randomBytes(12);
  const wrapped = publicEncrypt({ key: bob.certificate.key, ...oaep }, key);
  const signature = sign('sha256', message, { key: aliceKey, ...pss });
  const gcm = createCipheriv('aes-256-gcm', key, iv);
  const encrypted = Buffer.concat([gcm.update(message), gcm.final()]);
  const tag = gcm.getAuthTag();
  const sealed = sealedOf(protect);

  const forgeKey = forge.pki.privateKeyFromPem(rsaPair(2048, 'alice').pem);
  const forgePublic = forge.pki.setRsaPublicKey(forgeKey.n, forgeKey.e);
  const forgeOaep = { md: forge.md.sha256.create(), mgf1: { md: forge.md.sha256.create() } };
  const text = message.toString('binary');
  const forgeSeal = () => {
    const signed = forgeKey.sign(forge.md.sha256.create().update(text));
    const bytes = forge.random.getBytesSync(32);
    const cipher = forge.cipher.createCipher('AES-CBC', bytes);
    cipher.start({ iv: forge.random.getBytesSync(16) });
    cipher.update(forge.util.createBuffer(text + signed));
    cipher.finish();
    return { signed, wrapped: forgePublic.encrypt(bytes, 'RSA-OAEP', forgeOaep), data: cipher.output.getBytes() };
  };
  const forgeSealed = forgeSeal();

  const SIGN = 'openssl speed, RSA-2048 private';
  const speed: number[] = [];
  const rows = [
    ['node:crypto, RSA-2048 private alone', 200, () => sign('sha256', message, { key: aliceKey, ...pss })],
    [
      'node:crypto, the operations of sign + encrypt',
      200,
      () => {
        sign('sha256', message, { key: aliceKey, ...pss });
        publicEncrypt({ key: bob.certificate.key, ...oaep }, key);
        const cipher = createCipheriv('aes-256-gcm', key, randomBytes(12));
        Buffer.concat([cipher.update(message), cipher.final()]);
      },
    ],
    ['ringfence, sign + encrypt', 200, () => void sealedOf(protect)],
    [
      'node:crypto, the operations of decrypt + verify',
      200,
      () => {
        const decipher = createDecipheriv('aes-256-gcm', privateDecrypt({ key: privateKey, ...oaep }, wrapped), iv);
        decipher.setAuthTag(tag);
        Buffer.concat([decipher.update(encrypted), decipher.final()]);
        verify('sha256', message, { key: alice.certificate.key, ...pss }, signature);
      },
    ],
    [
      'ringfence, decrypt + verify',
      200,
      () => {
        if (!openSip(sealed, opener).ok) throw new Error('refused');
      },
    ],
    ['node-forge, sign + encrypt', 3, () => void forgeSeal()],
    [
      'node-forge, decrypt + verify',
      3,
      () => {
        const decipher = forge.cipher.createDecipher('AES-CBC', forgeKey.decrypt(forgeSealed.wrapped, 'RSA-OAEP', forgeOaep)); // prettier-ignore
        decipher.start({ iv: '0'.repeat(16) });
        decipher.update(forge.util.createBuffer(forgeSealed.data));
        decipher.finish();
        if (!forgePublic.verify(forge.md.sha256.create().update(text).digest().bytes(), forgeSealed.signed))
          throw new Error('refused');
      },
    ],
  ] as const;
  // compiled code is what stands in a gateway for months
  rates(rows, 12);
  const found: Map<string, number>[] = [];
  for (let turn = 0; turn < 5; turn++) {
    // openssl counts the CPU time of its process
    const out = execFileSync('openssl', ['speed', '-seconds', '1', 'rsa2048'], { stdio: ['ignore', 'pipe', 'ignore'] });
    const row = /^rsa 2048 bits\s+\S+s\s+\S+s\s+([\d.]+)\s+([\d.]+)/m.exec(out.toString());
    speed.push(Number(row?.[1] ?? NaN));
    found.push(rates(rows, 3));
  }
  const openssl = median(speed);
  console.log(`${SIGN.padEnd(50)} ${Math.round(openssl).toLocaleString('en').padStart(7)}/s`);
  for (const [label] of rows) {
    const ratios = found.map((turn, i) => (turn.get(label) ?? NaN) / (speed[i] ?? NaN));
    const rate = Math.round(median(found.map((turn) => turn.get(label) ?? NaN)));
    console.log(
      `${label.padEnd(50)} ${rate.toLocaleString('en').padStart(7)}/s  ${median(ratios).toFixed(2)} x openssl`,
    );
  }
  console.log(`(INVITE of ${message.length} bytes; sealed ${sealed.length})`);
}

/** Welch's t of two samples, the slowest tenth left out: the machine is not ours alone. */
function welch(a: readonly number[], b: readonly number[]): number {
  const cut = (values: readonly number[]) => [...values].sort((x, y) => x - y).slice(0, Math.ceil(values.length * 0.9));
  const stat = (values: readonly number[]) => {
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    return { mean, spread: values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1) / values.length }; // prettier-ignore
  };
  const [one, other] = [stat(cut(a)), stat(cut(b))];
  return (one.mean - other.mean) / Math.sqrt(one.spread + other.spread);
}

/** The same call under another Call-ID. */
const headersChanged = (bytes: Buffer): Buffer =>
  Buffer.from(bytes.toString('latin1').replace('a84b4c76e66710@', 'b84b4c76e66710@'), 'latin1');

function refusals(cipher: 'aes-256-gcm' | 'aes-256-cbc'): void {
  const good = sealedOf({ ...protect, encrypt: { recipients: [bob.certificate], cipher } });
  const changed = (at: number): Buffer => {
    const copy = Buffer.from(good);
    copy[at < 0 ? copy.length + at : at]! ^= 1;
    return copy;
  };
  // the wrapped key is the OCTET STRING of 256 octets before the content
  const wrappedAt = good.indexOf(Buffer.from('04820100', 'hex')) + 4;
  const classes: readonly (readonly [string, Buffer])[] = [
    ['signature does not hold', sealedOf({ ...protect, sign: { signers: [mallory] }, encrypt: { recipients: [bob.certificate], cipher } })], // prettier-ignore
    ['of an expired certificate', sealedOf({ ...protect, sign: { signers: [expired] }, encrypt: { recipients: [bob.certificate], cipher } })], // prettier-ignore
    ['of a revoked certificate', sealedOf({ ...protect, sign: { signers: [revoked] }, encrypt: { recipients: [bob.certificate], cipher } })], // prettier-ignore
    ['headers that are not those signed', headersChanged(sealedOf({ ...protect, encrypt: { recipients: [bob.certificate], cipher } }))], // prettier-ignore
    ['wrong content key (OAEP fails)', changed(wrappedAt + 100)],
    [cipher === 'aes-256-gcm' ? 'changed tag' : 'changed last block (padding)', changed(-5)],
    ['changed content', changed(good.length - 600)],
    ['of another key', sealedOf({ ...protect, encrypt: { recipients: [alice.certificate], cipher } })],
    ['control: no S/MIME, leaves early', message],
  ];
  const times = classes.map((): number[] => []);
  for (let turn = 0; turn < 3_000; turn++)
    for (const [i, [, bytes]] of classes.entries()) {
      const began = process.hrtime.bigint();
      if (openSip(bytes, opener).ok) throw new Error('not refused');
      times[i]?.push(Number(process.hrtime.bigint() - began) / 1000);
    }
  console.log(`\nrefused, ${cipher}, 3,000 times each, in turn`);
  for (const [i, [label]] of classes.entries()) {
    const own = times[i] ?? [];
    const t = i === 0 ? '' : `  t = ${welch(own, times[0] ?? []).toFixed(1)}`;
    console.log(`${label.padEnd(40)} ${median(own).toFixed(0).padStart(6)} µs${t}`);
  }
}

if (!process.argv.includes('refusals')) speeds();
refusals('aes-256-gcm');
refusals('aes-256-cbc');
