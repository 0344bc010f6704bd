/**
 * What RSA costs here, beside what OpenSSL says of itself: `npm run bench -- keys` after `npm run build`.
 *
 * Claim: a 2048-bit key is made in well under a second, and an operation by a handle costs what it costs in OpenSSL: at least
 * 0.7 of `openssl speed`. One core (`openssl speed` counts CPU time, and so is done here).
 * Positive control: node-forge, which computes in JavaScript; a machine on which that comes near measures something else.
 */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import forge from 'node-forge';
import type * as Issue from '../../src/crypto/issue.ts';
import type * as PrivateKey from '../../src/crypto/private-key.ts';
import { grouped, median, table } from './support/print.ts';

const compiled = join(import.meta.dirname, '../../dist/crypto');
if (!existsSync(join(compiled, 'private-key.js'))) {
  console.log(`keys: skipped, for there is no ${compiled}: npm run build makes it`);
  process.exit(0);
}
const { generatePrivateKey, publicHalf } = (await import(join(compiled, 'private-key.js'))) as typeof PrivateKey;
const { createAuthority, issueCertificate } = (await import(join(compiled, 'issue.js'))) as typeof Issue;

/** Operations a second of CPU time: the median of five turns of `budget` ms each. */
function rate(work: () => unknown, budget = 300): number {
  const rates: number[] = [];
  for (let turn = 0; turn < 5; turn++) {
    const began = process.cpuUsage();
    let done = 0;
    let used = 0;
    while (used < budget * 1000) {
      work();
      done++;
      const { user, system } = process.cpuUsage(began);
      used = user + system;
    }
    rates.push((done * 1e6) / used);
  }
  return median(rates);
}

/** sign/s and verify/s as `openssl speed` counts them. */
function ofOpenssl(bits: number): { readonly sign: number; readonly verify: number } | null {
  try {
    const text = execFileSync('openssl', ['speed', '-mr', '-seconds', '2', `rsa${bits}`], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const [, , , sign = '', verify = ''] = (/^\+F2:.*$/m.exec(text)?.[0] ?? '').split(':');
    return { sign: Number(sign), verify: Number(verify) };
  } catch {
    return null;
  }
}

const data = randomBytes(600);
const rows: string[][] = [
  [
    'bits',
    'made in (median of 9)',
    'sign PSS',
    'sign v1.5',
    'decrypt OAEP',
    'verify',
    'openssl sign',
    'openssl verify',
    'sign: openssl',
  ],
];
for (const bits of [2048, 3072, 4096] as const) {
  const times: number[] = [];
  let key = await generatePrivateKey(bits);
  for (let i = 0; i < (bits === 2048 ? 9 : 3); i++) {
    const began = performance.now();
    key = await generatePrivateKey(bits);
    times.push(performance.now() - began);
  }
  const half = publicHalf(key);
  const box = half.encryptOaep(data.subarray(0, 32));
  const signature = key.signPss(data);
  const openssl = ofOpenssl(bits);
  const sign = rate(() => key.signPss(data));
  rows.push([
    String(bits),
    `${Math.round(median(times))} ms`,
    ...[
      sign,
      rate(() => key.signPkcs1(data)),
      rate(() => key.decryptOaep(box)),
      rate(() => half.verifyPss(data, signature)),
    ].map(grouped),
    ...(openssl === null
      ? ['-', '-', '-']
      : [grouped(openssl.sign), grouped(openssl.verify), `${(sign / openssl.sign).toFixed(2)}x`]),
  ]);
}
console.log(table(rows));

const key = await generatePrivateKey(2048);
const ca = createAuthority(key, 'example.com', Date.now());
const now = Date.now();
const issue = rate(() =>
  issueCertificate(ca, {
    use: 'account',
    account: '1004',
    domain: 'example.com',
    host: '',
    spki: key.spki,
    notBefore: now,
    notAfter: now + 1e10,
  }),
);
console.log(`certificates issued, 2048 bits: ${grouped(issue)} a second`);
const slow = forge.pki.rsa.generateKeyPair(2048);
const digest = forge.md.sha256.create().update('x');
console.log(`control, node-forge signs: ${grouped(rate(() => slow.privateKey.sign(digest), 200))} a second`);
