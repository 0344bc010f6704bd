import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { createCrl } from '../../src/crypto/crl.ts';
import { createCsr, readCsr } from '../../src/crypto/csr.ts';
import {
  decodeToken,
  encodeToken,
  enrolmentRequest,
  judgeEnrolment,
  newTokenSecret,
  tokenId,
} from '../../src/crypto/enrolment.ts';
import { readKeyStore, sealKey, writeKeyStore } from '../../src/crypto/key-store.ts';
import { MasterKey } from '../../src/crypto/master-key.ts';
import { readPkcs12, writePkcs12 } from '../../src/crypto/pkcs12.ts';
import { publicKeyFromSpki } from '../../src/crypto/public-key.ts';
import { readCertificate } from '../../src/crypto/x509/certificate.ts';
import { readRevocationList } from '../../src/crypto/x509/revocation-list.ts';
import type { Refused } from '../../src/parsed.ts';
import { mutated, randomFrom } from '../fuzz/mutations.ts';
import { NOW, testAuthority, testCertificate, testKey } from '../support/keys.ts';

const LONG = process.env['RINGFENCE_LONG'] !== undefined;
const SEED = Number(process.env['RINGFENCE_SEED'] ?? 20261129);

describe('hostile keys, certificates, requests and tokens', function () {
  this.timeout(LONG ? 3_600_000 : 60_000);
  const ca = testAuthority();
  const { der } = testCertificate(ca);
  const csr = Buffer.from(createCsr(testKey('phone'), '1004'));
  const k = newTokenSecret();
  const exporter = randomBytes(32);
  const token = encodeToken({ gw: 'gw:5061', id: '1004', ca: randomBytes(32), kid: randomBytes(32), k });
  const revoked = [{ serial: '4f'.repeat(16), at: NOW, reason: 'keyCompromise' }] as const;
  const crl = createCrl(ca, { number: 1, thisUpdate: NOW, nextUpdate: NOW + 1e9, revoked });
  const stored = sealKey(new MasterKey(randomBytes(32)), ca.key, 'ca', [ca.certificate], NOW);

  const read = (answer: { ok: true } | Refused): void => assert.ok(answer.ok || answer.reason !== '');
  const all: [string, Uint8Array, number, (bytes: Buffer) => void][] = [
    ['public keys', testKey('phone').spki, 2_000, (bytes) => read(publicKeyFromSpki(bytes))],
    ['certificates', der, 2_000, (bytes) => read(readCertificate(bytes))],
    ['requests', csr, 2_000, (bytes) => read(readCsr(bytes))],
    ['revocation lists', crl, 2_000, (bytes) => read(readRevocationList(bytes))],
    ['tokens', Buffer.from(token), 2_000, (bytes) => read(decodeToken(bytes.toString('latin1')))],
    [
      'key stores',
      Buffer.from(writeKeyStore({ keys: [stored] })),
      1_000,
      (bytes) => read(readKeyStore(bytes.toString())),
    ],
    [
      'enrolment requests',
      enrolmentRequest(k, exporter, csr),
      2_000,
      (bytes) => {
        const known = { account: '1004', k, expiresAt: NOW + 1, used: null };
        const verdict = judgeEnrolment(
          bytes,
          exporter,
          (tid) => (tid === Buffer.from(tokenId(k)).toString('base64url') ? known : null),
          NOW,
        );
        // only the request as it was made proves that its sender knows the secret
        assert.ok(verdict.kind === 'refused' || bytes.equals(enrolmentRequest(k, exporter, csr)));
      },
    ],
    [
      'PKCS#12 files',
      writePkcs12(testKey('phone'), [der], 'a password', '1004'),
      60,
      (bytes) => read(readPkcs12(bytes, 'a password')),
    ],
  ];
  for (const [what, good, runs, take] of all)
    it(`${what}: ${runs} mutations, nothing throws or hangs`, () => {
      const random = randomFrom(SEED);
      for (let i = 0; i < runs * (LONG ? 50 : 1); i++) {
        const input = mutated([Buffer.from(good)], random);
        take(input);
      }
    });
});
