import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { Trust } from '../../src/crypto/chain.ts';
import { CIPHER_NAMES, type CipherName } from '../../src/crypto/cms/ciphers.ts';
import { decryptCms } from '../../src/crypto/cms/decrypt.ts';
import { encryptCms } from '../../src/crypto/cms/encrypt.ts';
import { readEnvelopedData } from '../../src/crypto/cms/enveloped-data.ts';
import { receiptRequest, receiptRequestOf, signReceipt, verifyReceipt } from '../../src/crypto/cms/receipt.ts';
import { certificatesOnly, identityOf, signCms, type Identity } from '../../src/crypto/cms/sign.ts';
import { readSignedData } from '../../src/crypto/cms/signed-data.ts';
import { verifySignedData, type VerifiedSigner } from '../../src/crypto/cms/verify.ts';
import type { Parsed } from '../../src/parsed.ts';
import { openssl, opensslRun } from '../support/openssl.ts';
import { identity, NOW, pemOf, rsaPair, value } from '../support/pki.ts';
import { AT, files, OAEP, scene, signerOf } from '../support/smime.ts';
import { temporaryFolder } from '../support/temporary.ts';

const BODIES: readonly (readonly [what: string, body: Buffer])[] = [
  ['nothing', Buffer.alloc(0)],
  ['one octet', Buffer.of(0x0a)],
  ['text', Buffer.from('This is some sample content.')],
  ['all octets, NUL and lone line ends', Buffer.concat([Buffer.from(Array.from({ length: 256 }, (_, i) => i)), Buffer.from('\n\r\r\n\0')])], // prettier-ignore
  ['64 KiB at random', randomBytes(65_536)],
];
const TEXT = BODIES[2]![1];

/** Verifies as a receiver does. */
function verified(der: Buffer, content?: Buffer, trust = scene().trust, now = NOW): Parsed<readonly VerifiedSigner[]> {
  const signed = readSignedData(der);
  if (!signed.ok) return signed;
  const over = content ?? signed.value.content;
  return over === null
    ? { ok: false, reason: 'no content', offset: 0 }
    : verifySignedData(signed.value, over, { trust, now });
}

const decrypted = (der: Buffer, ...who: readonly Identity[]): Parsed<Buffer> => {
  const read = readEnvelopedData(der);
  return read.ok ? decryptCms(read.value, who) : read;
};

describe('CMS, with openssl on the other side', function () {
  this.timeout(120_000);
  const folder = temporaryFolder();
  const file = (name: string): string => folder.file(name);
  let root = '';
  const pem = (who: string, bits = 2048): string => rsaPair(bits, who).pem;

  before(() => {
    root = file('root.pem');
    writeFileSync(root, pemOf(scene().root.certificate.der));
    BODIES.forEach(([, body], i) => {
      writeFileSync(file(`body${i}`), body);
    });
  });

  describe('signatures', () => {
    const SIZES = [2048, 3072, 4096] as const;
    const keyName = (bits: number): string => (bits === 2048 ? 'alice' : 'a');

    for (const bits of SIZES)
      for (const length of [1, 2, 3] as const)
        it(`RSA-${bits}, a path of ${length}: ours to openssl, theirs to us, PSS and v1.5`, () => {
          const alice = signerOf(bits, length);
          const { cert, key } = files(folder.path, `alice${bits}${length}`, alice, pem(keyName(bits), bits));
          const cas = (alice.chain ?? []).map((one) => pemOf(one.der)).join('');
          writeFileSync(file('cas.pem'), cas);
          for (const signature of ['pss', 'pkcs1'] as const) {
            const ours = signCms(TEXT, { signers: [alice], signature, at: NOW });
            assert.deepEqual(
              openssl(['cms', '-verify', '-inform', 'DER', '-binary', '-CAfile', root, ...AT], ours),
              TEXT,
            );
            assert.equal(value(verified(ours))[0]!.path.length, length + 1);
            const options = signature === 'pss' ? ['-keyopt', 'rsa_padding_mode:pss'] : [];
            const theirs = openssl(['cms', '-sign', '-binary', '-nodetach', '-outform', 'DER', '-signer', cert, '-inkey', key, ...options, ...(cas === '' ? [] : ['-certfile', file('cas.pem')])], TEXT); // prettier-ignore
            const [signer] = value(verified(theirs));
            assert.equal(signer?.certificate.fingerprint, alice.certificate.fingerprint);
            assert.equal(signer.info.algorithm.kind, signature);
          }
        });

    for (const [i, [what, body]] of BODIES.entries())
      it(`${what}: attached and detached, both ways`, () => {
        const { alice } = scene();
        const { cert, key } = files(folder.path, 'alice', alice, pem('alice'));
        const attached = signCms(body, { signers: [alice] });
        assert.ok(
          openssl(['cms', '-verify', '-inform', 'DER', '-binary', '-CAfile', root, ...AT], attached).equals(body),
        );
        const detached = signCms(body, { signers: [alice], detached: true });
        openssl(['cms', '-verify', '-inform', 'DER', '-binary', '-content', file(`body${i}`), '-CAfile', root, ...AT], detached); // prettier-ignore
        assert.equal(verified(detached, body).ok, true);
        assert.equal(verified(detached, Buffer.concat([body, Buffer.of(0)])).ok, false);
        const sign = ['cms', '-sign', '-binary', '-outform', 'DER', '-signer', cert, '-inkey', key];
        const theirs = readSignedData(openssl([...sign, '-nodetach', ...(i > 0 ? ['-stream'] : [])], body));
        assert.ok(value(theirs).content?.equals(body));
        assert.equal(verifySignedData(value(theirs), body, { trust: scene().trust, now: NOW }).ok, true);
        assert.equal(verified(openssl(sign, body), body).ok, true);
      });

    const OPTIONS: readonly (readonly [what: string, args: readonly string[], ok: boolean])[] = [
      ['SHA-384', ['-md', 'sha384'], true],
      ['SHA-512', ['-md', 'sha512'], true],
      ['PSS with SHA-512', ['-md', 'sha512', '-keyopt', 'rsa_padding_mode:pss'], true],
      [
        'PSS with the salt of the digest',
        ['-keyopt', 'rsa_padding_mode:pss', '-keyopt', 'rsa_pss_saltlen:digest'],
        true,
      ],
      ['no attributes', ['-noattr'], true],
      ['the signer by key identifier', ['-keyid'], true],
      ['signingCertificateV2', ['-cades'], true],
      ['SHA-1', ['-md', 'sha1'], false],
      ['MD5', ['-md', 'md5'], false],
      ['PSS with SHA-1', ['-md', 'sha1', '-keyopt', 'rsa_padding_mode:pss'], false],
      ['PSS with a salt shorter than the digest', ['-keyopt', 'rsa_padding_mode:pss', '-keyopt', 'rsa_pss_saltlen:8'], false], // prettier-ignore
      ['PSS with MGF1 of another digest', ['-keyopt', 'rsa_padding_mode:pss', '-keyopt', 'rsa_mgf1_md:sha1'], false],
      ['without the certificate', ['-nocerts'], false],
    ];
    for (const [what, args, ok] of OPTIONS)
      it(`openssl’s ${what}: ${ok ? 'taken' : 'refused'}`, () => {
        const { alice } = scene();
        const { cert, key } = files(folder.path, 'alice', alice, pem('alice'));
        const theirs = openssl(['cms', '-sign', '-binary', '-nodetach', '-outform', 'DER', '-signer', cert, '-inkey', key, ...args], TEXT); // prettier-ignore
        assert.equal(verified(theirs).ok, ok);
      });

    it('a certificate that is known already need not be carried', () => {
      const { alice, trust } = scene();
      const { cert, key } = files(folder.path, 'alice', alice, pem('alice'));
      const theirs = openssl(['cms', '-sign', '-binary', '-nodetach', '-nocerts', '-outform', 'DER', '-signer', cert, '-inkey', key], TEXT); // prettier-ignore
      const signed = value(readSignedData(theirs));
      const certificates = [alice.certificate];
      assert.equal(verifySignedData(signed, TEXT, { trust, now: NOW, certificates }).ok, true);
    });

    it('openssl smime (PKCS#7), v1.5: both ways, attached and detached', () => {
      const { alice } = scene();
      const { cert, key } = files(folder.path, 'alice', alice, pem('alice'));
      for (const detached of [true, false]) {
        const ours = signCms(TEXT, { signers: [alice], signature: 'pkcs1', detached });
        const verify = ['smime', '-verify', '-inform', 'DER', '-binary', '-CAfile', root, ...AT];
        assert.deepEqual(openssl([...verify, ...(detached ? ['-content', file('body2')] : [])], ours), TEXT);
        const sign = ['smime', '-sign', '-binary', '-outform', 'DER', '-signer', cert, '-inkey', key, '-md', 'sha256'];
        const theirs = openssl([...sign, ...(detached ? [] : ['-nodetach'])], TEXT);
        assert.equal(verified(theirs, TEXT).ok, true);
      }
    });

    it('several signers: all are read, ours by openssl too; one that is not trusted refuses all', () => {
      const { alice, bob, mallory } = scene();
      const ours = signCms(TEXT, { signers: [alice, bob] });
      openssl(['cms', '-verify', '-inform', 'DER', '-binary', '-CAfile', root, ...AT], ours);
      assert.deepEqual(value(verified(ours)).map((signer) => signer.certificate.uris[0]).sort(), ['sip:alice@example.com', 'sip:bob@example.com']); // prettier-ignore
      const one = files(folder.path, 'alice', alice, pem('alice'));
      const two = files(folder.path, 'bob', bob, pem('bob'));
      const theirs = openssl(['cms', '-sign', '-binary', '-nodetach', '-outform', 'DER', '-signer', one.cert, '-inkey', one.key, '-signer', two.cert, '-inkey', two.key], TEXT); // prettier-ignore
      assert.equal(value(verified(theirs)).length, 2);
      assert.equal(verified(signCms(TEXT, { signers: [alice, mallory] })).ok, false);
    });

    it('another CA of the same name, expired, not yet valid, nobody: refused', () => {
      const { alice, mallory, evil } = scene();
      assert.equal(verified(signCms(TEXT, { signers: [mallory] })).ok, false);
      assert.equal(verified(signCms(TEXT, { signers: [mallory] }), undefined, new Trust([evil.certificate])).ok, true);
      const signed = signCms(TEXT, { signers: [alice] });
      assert.equal(verified(signed, undefined, scene().trust, NOW + 3 * 86_400_000).ok, false);
      assert.equal(verified(signed, undefined, scene().trust, NOW - 3 * 86_400_000).ok, false);
      assert.equal(verified(signCms(TEXT, { signers: [] })).ok, false);
      assert.equal(verified(certificatesOnly([alice.certificate]), TEXT).ok, false);
    });

    it('a signature over attributes does not pass as one over content that looks like them', () => {
      // RFC 5652 section 5.3, Strenzke's attack: the SET that alice signed becomes the content of a message without attributes
      const { alice } = scene();
      const [info] = value(readSignedData(signCms(TEXT, { signers: [alice], signature: 'pkcs1' }))).signers;
      const { cert, key } = files(folder.path, 'alice', alice, pem('alice'));
      const bare = openssl(['cms', '-sign', '-binary', '-nodetach', '-noattr', '-outform', 'DER', '-signer', cert, '-inkey', key], info!.signedAttributes!); // prettier-ignore
      assert.deepEqual(
        value(readSignedData(bare)).signers[0]!.signature,
        info!.signature,
        'openssl makes the very forgery',
      );
      assert.equal(verified(bare).ok, false);
    });

    it('key and certificate must belong together', () => {
      const { alice, bob } = scene();
      assert.equal(identityOf(alice.key, alice.certificate).ok, true);
      assert.equal(identityOf(alice.key, bob.certificate).ok, false);
    });

    it('certificates alone are read by openssl', () => {
      const { alice, root: ca } = scene();
      const text = openssl(['pkcs7', '-inform', 'DER', '-print_certs', '-noout'], certificatesOnly([alice.certificate, ca.certificate])); // prettier-ignore
      assert.match(text.toString(), /CN = alice@example\.com/);
    });
  });

  describe('receipts', () => {
    it('ours for theirs, theirs for ours; for another message, by somebody else: refused', () => {
      const { alice, bob, mallory, trust } = scene();
      const bobs = files(folder.path, 'bob', bob, pem('bob'));
      const message = signCms(TEXT, { signers: [alice], attributes: [receiptRequest('sip:alice@example.com')] });
      const other = signCms(TEXT, { signers: [alice], attributes: [receiptRequest('sip:alice@example.com')] });
      writeFileSync(file('message'), message);
      const [info] = value(readSignedData(message)).signers;
      const [otherInfo] = value(readSignedData(other)).signers;
      assert.deepEqual(receiptRequestOf(info!)?.to, ['sip:alice@example.com']);
      const receipt = value(signReceipt(info!, bob, NOW));
      writeFileSync(file('receipt'), receipt);
      openssl(['cms', '-verify_receipt', file('receipt'), '-rctform', 'DER', '-in', file('message'), '-inform', 'DER', '-CAfile', root, ...AT]); // prettier-ignore
      const theirs = openssl(['cms', '-sign_receipt', '-in', file('message'), '-inform', 'DER', '-signer', bobs.cert, '-inkey', bobs.key, '-outform', 'DER']); // prettier-ignore
      const options = { trust, now: NOW };
      for (const one of [receipt, theirs]) {
        assert.deepEqual(value(verifyReceipt(one, info!, options)).certificate.uris, ['sip:bob@example.com']);
        assert.equal(verifyReceipt(one, otherInfo!, options).ok, false);
        assert.equal(verifyReceipt(one.subarray(0, -1), info!, options).ok, false);
      }
      assert.equal(verifyReceipt(value(signReceipt(info!, mallory, NOW)), info!, options).ok, false);
      assert.equal(verifyReceipt(message, info!, options).ok, false, 'a message is no receipt');
      assert.equal(
        signReceipt(value(readSignedData(signCms(TEXT, { signers: [alice] }))).signers[0]!, bob, NOW).ok,
        false,
      );
      assert.equal(verified(receipt).ok, false, 'a receipt is no message');
    });
  });

  describe('encryption', () => {
    const bobOf = (bits: number): Identity => (bits === 2048 ? scene().bob : identity('bob@example.com', rsaPair(bits, 'a'), scene().root)); // prettier-ignore

    for (const cipher of CIPHER_NAMES)
      for (const bits of [2048, 3072, 4096] as const)
        for (const bySubjectKeyId of [false, true])
          it(`${cipher}, RSA-${bits}, named by ${bySubjectKeyId ? 'key identifier' : 'issuer and serial'}: both ways`, () => {
            const bob = bobOf(bits);
            const { cert, key } = files(folder.path, `bob${bits}`, bob, pem(bits === 2048 ? 'bob' : 'a', bits));
            const ours = encryptCms(TEXT, { recipients: [bob.certificate], cipher, bySubjectKeyId });
            assert.deepEqual(openssl(['cms', '-decrypt', '-inform', 'DER', '-binary', '-recip', cert, '-inkey', key], ours), TEXT); // prettier-ignore
            const theirs = openssl(['cms', '-encrypt', '-binary', '-outform', 'DER', `-${cipher}`, ...(bySubjectKeyId ? ['-keyid'] : []), '-recip', cert, ...OAEP], TEXT); // prettier-ignore
            assert.deepEqual(value(decrypted(theirs, bob)), TEXT);
            assert.deepEqual(value(decrypted(ours, bob)), TEXT);
          });

    for (const [what, body] of BODIES)
      it(`${what}: both ways, streamed too`, () => {
        const { bob } = scene();
        const { cert, key } = files(folder.path, 'bob', bob, pem('bob'));
        for (const cipher of ['aes-256-gcm', 'aes-256-cbc'] as const) {
          const ours = encryptCms(body, { recipients: [bob.certificate], cipher });
          assert.ok(openssl(['cms', '-decrypt', '-inform', 'DER', '-binary', '-recip', cert, '-inkey', key], ours).equals(body)); // prettier-ignore
          assert.ok(value(decrypted(ours, bob)).equals(body));
          const theirs = openssl(['cms', '-encrypt', '-binary', ...(body.length > 0 ? ['-stream'] : []), '-outform', 'DER', `-${cipher}`, '-recip', cert, ...OAEP], body); // prettier-ignore
          assert.ok(value(decrypted(theirs, bob)).equals(body));
        }
      });

    it('several recipients: each opens it, whatever the other keys; a stranger does not', () => {
      const { alice, bob, carol } = scene();
      const b = files(folder.path, 'bob', bob, pem('bob'));
      const c = files(folder.path, 'carol', carol, pem('carol'));
      const ours = encryptCms(TEXT, { recipients: [bob.certificate, carol.certificate] });
      const theirs = openssl(['cms', '-encrypt', '-binary', '-outform', 'DER', '-aes-256-gcm', '-recip', b.cert, ...OAEP, '-recip', c.cert, ...OAEP], TEXT); // prettier-ignore
      for (const der of [ours, theirs]) {
        assert.deepEqual(value(decrypted(der, bob)), TEXT);
        assert.deepEqual(value(decrypted(der, carol)), TEXT);
        assert.deepEqual(value(decrypted(der, alice, carol)), TEXT, 'two live keys');
        assert.equal(decrypted(der, alice).ok, false);
        assert.equal(decrypted(der).ok, false);
      }
      for (const who of [b, c])
        assert.deepEqual(openssl(['cms', '-decrypt', '-inform', 'DER', '-binary', '-recip', who.cert, '-inkey', who.key], ours), TEXT); // prettier-ignore
    });

    const REFUSED: readonly (readonly [what: string, args: readonly string[], reason: RegExp])[] = [
      ['RSA v1.5 key transport, its default', ['-aes-256-gcm'], /RSA v1\.5/],
      ['OAEP with SHA-1', ['-aes-256-gcm', '!', '-keyopt', 'rsa_padding_mode:oaep'], /OAEP/],
      ['OAEP with SHA-512', ['-aes-256-gcm', '!', '-keyopt', 'rsa_padding_mode:oaep', '-keyopt', 'rsa_oaep_md:sha512'], /OAEP/], // prettier-ignore
      ['OAEP with a label', ['-aes-256-gcm', '!', ...OAEP, '-keyopt', 'rsa_oaep_label:6c6162'], /OAEP/],
      ['triple DES', ['-des3', '!', ...OAEP], /cipher/],
      ['AES-192', ['-aes-192-cbc', '!', ...OAEP], /cipher/],
    ];
    for (const [what, args, reason] of REFUSED)
      it(`openssl’s ${what}: refused, and the reason stands in the open`, () => {
        const { bob } = scene();
        const { cert } = files(folder.path, 'bob', bob, pem('bob'));
        const at = args.indexOf('!');
        const [before, after] = at < 0 ? [args, []] : [args.slice(0, at), args.slice(at + 1)];
        const theirs = openssl(['cms', '-encrypt', '-binary', '-outform', 'DER', ...before, '-recip', cert, ...after], TEXT); // prettier-ignore
        const read = decrypted(theirs, bob);
        assert.ok(!read.ok);
        assert.match(read.reason, reason);
        assert.match(read.reason, /^not spoken here/);
      });

    it('openssl’s other content types are refused', () => {
      for (const args of [
        ['-data_create'],
        ['-digest_create'],
        ['-EncryptedData_encrypt', '-aes256', '-secretkey', '00'.repeat(32)],
      ]) {
        // prettier-ignore
        const { status, stdout } = opensslRun(['cms', ...args, '-outform', 'DER'], TEXT);
        assert.equal(status, 0);
        assert.equal(readSignedData(stdout).ok, false);
        assert.equal(readEnvelopedData(stdout).ok, false);
      }
    });

    it('no cipher is both: GCM in EnvelopedData, CBC in AuthEnvelopedData are refused', () => {
      const { bob } = scene();
      const cbc = encryptCms(TEXT, { recipients: [bob.certificate], cipher: 'aes-256-cbc' });
      const gcm = encryptCms(TEXT, { recipients: [bob.certificate] });
      const swap = (der: Buffer, from: string, to: string): Buffer => {
        const at = der.indexOf(Buffer.from(from, 'hex'));
        return Buffer.concat([der.subarray(0, at), Buffer.from(to, 'hex'), der.subarray(at + from.length / 2)]);
      };
      assert.equal(decrypted(swap(cbc, '60864801650304012a', '60864801650304012e'), bob).ok, false);
      assert.equal(decrypted(swap(gcm, '60864801650304012e', '60864801650304012a'), bob).ok, false);
    });

    it('each message has a key and a nonce of its own', () => {
      const { bob } = scene();
      const both = [1, 2].map(() => value(readEnvelopedData(encryptCms(TEXT, { recipients: [bob.certificate] }))));
      assert.notDeepEqual(both[0]!.use.iv, both[1]!.use.iv);
      assert.notDeepEqual(both[0]!.data, both[1]!.data);
    });
  });

  it('signed, then encrypted, by every pair of algorithms, both ways', () => {
    const { alice, bob } = scene();
    const a = files(folder.path, 'alice', alice, pem('alice'));
    const b = files(folder.path, 'bob', bob, pem('bob'));
    for (const cipher of CIPHER_NAMES satisfies readonly CipherName[])
      for (const signature of ['pss', 'pkcs1'] as const) {
        const ours = encryptCms(signCms(TEXT, { signers: [alice], signature }), {
          recipients: [bob.certificate],
          cipher,
        });
        const opened = openssl(
          ['cms', '-decrypt', '-inform', 'DER', '-binary', '-recip', b.cert, '-inkey', b.key],
          ours,
        );
        assert.deepEqual(
          openssl(['cms', '-verify', '-inform', 'DER', '-binary', '-CAfile', root, ...AT], opened),
          TEXT,
        );
        const options = signature === 'pss' ? ['-keyopt', 'rsa_padding_mode:pss'] : [];
        const signed = openssl(['cms', '-sign', '-binary', '-nodetach', '-outform', 'DER', '-signer', a.cert, '-inkey', a.key, ...options], TEXT); // prettier-ignore
        const theirs = openssl(['cms', '-encrypt', '-binary', '-outform', 'DER', `-${cipher}`, '-recip', b.cert, ...OAEP], signed); // prettier-ignore
        assert.equal(value(verified(value(decrypted(theirs, bob)))).length, 1);
      }
  });
});
