import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { createPublicKey } from 'node:crypto';
import { readCertificate, readRevocationList, Trust, type Certificate } from '../../src/crypto/chain.ts';
import { createCrl, type Revoked } from '../../src/crypto/crl.ts';
import { createAuthority, issueCertificate } from '../../src/crypto/issue.ts';
import { pemBlocks } from '../../src/crypto/x509/pem.ts';
import { openssl } from '../support/openssl.ts';
import {
  authority,
  certificateDer,
  EMAIL_PROTECTION,
  EXTENSION,
  identity,
  NOW,
  pemOf,
  revocationListDer,
  rsaPair,
  USAGE,
  value,
  type Authority,
  type CertificateOptions,
} from '../support/pki.ts';
import { listOf, scene, signerOf } from '../support/smime.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { cpuTime } from '../support/cpu-time.ts';

const DAY = 86_400_000;
const AOR = 'alice@example.com';

describe('certificate chains', function () {
  this.timeout(60_000);
  const folder = temporaryFolder();
  const alice = () => rsaPair(2048, 'alice');

  const leaf = (issuer: Authority, more: Partial<CertificateOptions> = {}): Certificate =>
    identity(AOR, alice(), issuer, more).certificate;

  const reasonOf = (trust: Trust, owner: Certificate, others: readonly Certificate[] = [], now = NOW): string => {
    const path = trust.path(owner, others, now, 'sign');
    return path.ok ? '' : path.reason;
  };

  for (const length of [1, 2, 3] as const)
    it(`a path of ${length} below the root, in any order, with certificates that do not belong to it; openssl agrees`, () => {
      const { root, middle, low, evil, bob, trust } = scene();
      const { certificate } = signerOf(2048, length);
      const others = [evil.certificate, bob.certificate, low.certificate, middle.certificate];
      assert.equal(value(trust.path(certificate, others, NOW, 'sign')).length, length + 1);
      writeFileSync(folder.file('root.pem'), pemOf(root.certificate.der));
      writeFileSync(folder.file('others.pem'), others.map((one) => pemOf(one.der)).join(''));
      const args = ['-CAfile', folder.file('root.pem'), '-untrusted', folder.file('others.pem'), '-attime', String(NOW / 1000)]; // prettier-ignore
      openssl(['verify', ...args, '-purpose', 'smimesign'], Buffer.from(pemOf(certificate.der)));
    });

  it('a path of four below the root is too long', () => {
    const { middle, low, trust } = scene();
    const lowest = authority('Test lowest', rsaPair(2048, 'evil'), low);
    const owner = leaf(lowest);
    assert.match(reasonOf(trust, owner, [lowest.certificate, low.certificate, middle.certificate]), /no trusted CA/);
  });

  it('a certificate that is itself trusted is a path of one, a CA’s own too', () => {
    const own = leaf({ name: AOR, pair: alice(), certificate: scene().root.certificate });
    assert.equal(value(new Trust([own]).path(own, [], NOW, 'sign')).length, 1);
    assert.match(reasonOf(new Trust([own]), own, [], NOW + 2 * DAY), /has expired/);
    const { root, trust } = scene();
    const ca = authority('Test signing CA', rsaPair(2048, 'middle'), root, [EXTENSION.ca(), EXTENSION.usage(0x86)]);
    assert.match(reasonOf(trust, ca.certificate), /CA's own certificate/);
    assert.equal(reasonOf(new Trust([ca.certificate]), ca.certificate), '');
  });

  const OWNERS: readonly (readonly [what: string, more: () => Partial<CertificateOptions>, reason: RegExp])[] = [
    ['has expired', () => ({ from: NOW - 2 * DAY, to: NOW - 1 }), /has expired/],
    ['is not valid yet', () => ({ from: NOW + 1000 }), /not valid yet/],
    [
      'is of another CA of the same name',
      () => ({ issuerPair: rsaPair(2048, 'evil') }),
      /signature on .* does not hold/,
    ],
    ['is of a CA that nobody knows', () => ({ issuer: 'Nobody' }), /no trusted CA/],
    ['may encipher alone', () => ({ extensions: [EXTENSION.usage(USAGE.encipher)] }), /may not sign \(keyUsage\)/],
    ['is a web server’s', () => ({ extensions: [EXTENSION.extendedUsage('1.3.6.1.5.5.7.3.1')] }), /not for S\/MIME/],
    [
      'has a critical extension that nobody knows',
      () => ({ extensions: [EXTENSION.other('1.2.3.4', true)] }),
      /not understood/,
    ],
    ['has name constraints', () => ({ extensions: [EXTENSION.other('2.5.29.30', false)] }), /not understood/],
    ['is signed with SHA-1', () => ({ hash: 'sha1' }), /algorithm that is not taken/],
  ];
  for (const [what, more, reason] of OWNERS)
    it(`one that ${what} is refused`, () => assert.match(reasonOf(scene().trust, leaf(scene().root, more())), reason));

  const FINE: readonly (readonly [what: string, more: () => Partial<CertificateOptions>])[] = [
    ['without extensions', () => ({ extensions: [] })],
    ['for anything (anyExtendedKeyUsage)', () => ({ extensions: [EXTENSION.extendedUsage('2.5.29.37.0')] })],
    [
      'with an extension that nobody knows and that is not critical',
      () => ({ extensions: [EXTENSION.other('1.2.3.4', false)] }),
    ],
    ['signed with SHA-384', () => ({ hash: 'sha384' })],
    ['signed with SHA-512', () => ({ hash: 'sha512' })],
    ['signed with PSS', () => ({ pss: true })],
    ['at its first instant', () => ({ from: NOW })],
    ['at its last instant', () => ({ to: NOW })],
  ];
  for (const [what, more] of FINE)
    it(`one ${what} is taken`, () => assert.equal(reasonOf(scene().trust, leaf(scene().root, more())), ''));

  const ISSUERS: readonly (readonly [what: string, extensions: () => Buffer[], reason: RegExp])[] = [
    ['is no CA', () => [EXTENSION.notCa()], /no CA/],
    ['says nothing of being a CA', () => [EXTENSION.usage(USAGE.ca)], /no CA/],
    ['may not issue', () => [EXTENSION.ca(), EXTENSION.usage(USAGE.sign)], /may not issue/],
    ['is for web servers', () => [EXTENSION.ca(), EXTENSION.extendedUsage('1.3.6.1.5.5.7.3.1')], /not for S\/MIME/],
    ['has name constraints', () => [EXTENSION.ca(), EXTENSION.other('2.5.29.30', true)], /not understood/],
  ];
  for (const [what, extensions, reason] of ISSUERS)
    it(`an issuer that ${what} is refused, though the root has signed it`, () => {
      const { root, trust } = scene();
      const issuer = authority('Test odd', rsaPair(2048, 'middle'), root, extensions());
      assert.match(reasonOf(trust, leaf(issuer), [issuer.certificate]), reason);
    });

  it('an issuer with another one below than pathLenConstraint allows is refused', () => {
    const { root, trust } = scene();
    const flat = authority('Test flat', rsaPair(2048, 'middle'), root, [EXTENSION.ca(0)]);
    const below = authority('Test below', rsaPair(2048, 'low'), flat);
    assert.equal(reasonOf(trust, leaf(flat), [flat.certificate]), '');
    assert.match(reasonOf(trust, leaf(below), [below.certificate, flat.certificate]), /allows no path as long/);
  });

  it('certificates that a stranger sends cost a bounded number of checks', () => {
    const { trust } = scene();
    const pair = rsaPair(2048, 'evil');
    const ring = Array.from({ length: 16 }, (_, i) => authority('Ring', pair, undefined, [EXTENSION.ca(), EXTENSION.uri(`sip:${i}`)])); // prettier-ignore
    const owner = leaf({ name: 'Ring', pair, certificate: ring[0]!.certificate });
    const began = cpuTime();
    assert.match(reasonOf(trust, owner, ring.map((one) => one.certificate)), /no trusted CA/); // prettier-ignore
    assert.ok(cpuTime() - began < 2_000);
  });

  describe('revocation', () => {
    const LISTS: readonly (readonly [what: string, list: () => Buffer, reason: RegExp])[] = [
      ['one without it', () => revocationListDer(scene().root, [Buffer.from([0x77])]), /^$/],
      ['one that names it', () => revocationListDer(scene().root, [scene().alice.certificate.serial]), /is revoked/],
      ['a stale one', () => revocationListDer(scene().root, [], { from: NOW - 2 * DAY, to: NOW - 1 }), /is stale/],
      ['one of the future', () => revocationListDer(scene().root, [], { from: NOW + 1000 }), /of the future/],
      ['one that another key has signed', () => revocationListDer(scene().root, [], { pair: rsaPair(2048, 'evil') }), /does not hold/], // prettier-ignore
      ['one of another CA alone', () => revocationListDer(scene().middle, []), /no revocation list of CN=Test root/],
    ];
    for (const [what, list, reason] of LISTS)
      it(`${what}: ${reason.source === '^$' ? 'taken' : 'refused'}`, () => {
        const { root, alice: owner } = scene();
        const trust = new Trust([root.certificate], [value(readRevocationList(list()))]);
        assert.match(reasonOf(trust, owner.certificate), reason);
      });

    it('a CA in the middle that is revoked takes what is below it along', () => {
      const { root, middle, low } = scene();
      const { certificate } = signerOf(2048, 3);
      const others = [middle.certificate, low.certificate];
      const fine = new Trust([root.certificate], [listOf(low, []), listOf(root, [])]);
      assert.equal(reasonOf(fine, certificate, others), '');
      const revoked = new Trust([root.certificate], [listOf(low, []), listOf(root, [middle.certificate.serial])]);
      assert.match(reasonOf(revoked, certificate, others), /is revoked/);
    });

    it('the newest of two lists need not be the first; a stale one beside a good one does no harm', () => {
      const { root, alice: owner } = scene();
      const stale = value(readRevocationList(revocationListDer(root, [], { from: NOW - 2 * DAY, to: NOW - 1 })));
      assert.equal(reasonOf(new Trust([root.certificate], [stale, listOf(root, [])]), owner.certificate), '');
      const revoked = listOf(root, [owner.certificate.serial]);
      assert.match(reasonOf(new Trust([root.certificate], [listOf(root, []), revoked]), owner.certificate), /revoked/);
    });

    it('a list with a critical extension is refused: it may be a part of one', () => {
      const { root } = scene();
      assert.equal(readRevocationList(revocationListDer(root, [], { extensions: [EXTENSION.other('2.5.29.28', true)] })).ok, false); // prettier-ignore
    });

    it('reads what openssl writes: complete, with number and authority key', () => {
      const { root, alice: owner } = scene();
      const file = (name: string) => folder.file(name);
      const serial = owner.certificate.serial.toString('hex').toUpperCase();
      const settings = ['[ca]', 'default_ca=d', '[d]', `database=${file('index.txt')}`, 'default_md=sha256', `crlnumber=${file('number')}`, '[e]', 'authorityKeyIdentifier=keyid']; // prettier-ignore
      writeFileSync(file('ca.pem'), pemOf(root.certificate.der));
      writeFileSync(file('ca.key'), rsaPair(2048, 'root').pem);
      writeFileSync(file('index.txt'), `R\t271129120000Z\t261101000000Z\t${serial}\tunknown\t/CN=alice\n`);
      writeFileSync(file('ca.conf'), settings.join('\n'));
      writeFileSync(file('number'), '01\n');
      const made = (...more: string[]) => {
        const times = ['-crl_lastupdate', '20261128000000Z', '-crl_nextupdate', '20261129000000Z'];
        const pem = openssl(['ca', '-gencrl', '-config', file('ca.conf'), '-cert', file('ca.pem'), '-keyfile', file('ca.key'), ...times, ...more]); // prettier-ignore
        return readRevocationList(value(pemBlocks(pem, 'X509 CRL'))[0]!);
      };
      const trust = new Trust([root.certificate], [value(made('-crlexts', 'e'))]);
      assert.match(reasonOf(trust, owner.certificate), /revoked/);
    });
  });

  describe('reading certificates', () => {
    it('gives what openssl says of it', () => {
      const der = value(readCertificate(identity(AOR, alice(), scene().root).certificate.der));
      const text = openssl(
        ['x509', '-noout', '-text', '-fingerprint', '-sha256'],
        Buffer.from(pemOf(der.der)),
      ).toString();
      assert.ok(text.includes('URI:sip:alice@example.com'));
      assert.deepEqual(der.uris, ['sip:alice@example.com']);
      assert.equal(/sha256 Fingerprint=(\S+)/.exec(text)?.[1]?.replaceAll(':', '').toLowerCase(), der.fingerprint);
      assert.equal(der.key.equals(createPublicKey(rsaPair(2048, 'alice').privateKey)), true);
    });

    const REFUSED: readonly (readonly [what: string, der: () => Buffer])[] = [
      ['an RSA key of 1024 bits', () => certificateDer({ subject: 'x', pair: rsaPair(1024), issuer: 'x', issuerPair: alice(), extensions: [] })], // prettier-ignore
      ['version 1', () => certificateDer({ subject: 'x', pair: alice(), issuer: 'x', issuerPair: alice(), extensions: [], version: 1 })], // prettier-ignore
      ['an extension twice', () => certificateDer({ subject: 'x', pair: alice(), issuer: 'x', issuerPair: alice(), extensions: [EXTENSION.notCa(), EXTENSION.notCa()] })], // prettier-ignore
      ['octets after it', () => Buffer.concat([scene().alice.certificate.der, Buffer.of(0)])],
      ['an EC key', () => openssl(['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', '/dev/null', '-subj', '/CN=x', '-outform', 'DER'])], // prettier-ignore
    ];
    for (const [what, der] of REFUSED) it(`refuses ${what}`, () => assert.equal(readCertificate(der()).ok, false));

    it('cut at every length it is refused; changed at every octet it is refused, or the CA’s signature does not hold', () => {
      const { trust, alice: owner } = scene();
      const { der, fingerprint } = owner.certificate;
      let read = 0;
      for (let at = 0; at < der.length; at++) {
        assert.equal(readCertificate(der.subarray(0, at)).ok, false);
        const changed = Buffer.from(der);
        changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8));
        const certificate = readCertificate(changed);
        if (!certificate.ok) continue;
        read++;
        assert.notEqual(certificate.value.fingerprint, fingerprint);
        assert.equal(trust.path(certificate.value, [], NOW, 'sign').ok, false, `octet ${at}`);
      }
      assert.ok(read > 100, 'most changes leave a certificate that can be read');
    });

    it('takes PEM with text around it, several blocks and CRLF; refuses what is neither PEM nor DER', () => {
      const pem = pemOf(scene().alice.certificate.der);
      assert.equal(
        value(pemBlocks(Buffer.from(`Subject: x\n${pem}${pem.replaceAll('\n', '\r\n')}`), 'CERTIFICATE')).length,
        2,
      );
      assert.equal(pemBlocks(Buffer.from('hello'), 'CERTIFICATE').ok, false);
      assert.equal(pemBlocks(Buffer.from(pem), 'X509 CRL').ok, false);
    });
  });

  it('what our own CA issues is taken, and refused once its list names it', () => {
    const ca = createAuthority(rsaPair(2048, 'root').handle, 'example.com', NOW);
    const { spki } = rsaPair(2048, 'alice');
    const times = { notBefore: NOW, notAfter: NOW + 30 * DAY };
    const issued = issueCertificate(ca, { use: 'account', account: 'alice', domain: 'example.com', host: '', spki, ...times }); // prettier-ignore
    const owner = value(readCertificate(issued.der));
    const anchor = value(readCertificate(ca.certificate));
    assert.deepEqual(owner.uris, ['sip:alice@example.com']);
    assert.equal(owner.kid, issued.kid);
    const list = (revoked: readonly Revoked[]) => value(readRevocationList(createCrl(ca, { number: 1, thisUpdate: NOW, nextUpdate: NOW + DAY, revoked }))); // prettier-ignore
    assert.equal(reasonOf(new Trust([anchor], [list([])]), owner), '');
    const revoked = list([{ serial: issued.serial, at: NOW, reason: 'keyCompromise' }]);
    assert.match(reasonOf(new Trust([anchor], [revoked]), owner), /is revoked/);
    const tls = issueCertificate(ca, { use: 'gateway-tls', account: '', domain: 'example.com', host: 'gw.example.com', spki, ...times }); // prettier-ignore
    assert.match(reasonOf(new Trust([anchor]), value(readCertificate(tls.der))), /not for S\/MIME/);
  });

  it('a phone’s certificate, as the CA issues it, may sign and be encrypted to', () => {
    const { trust, alice: owner } = scene();
    assert.equal(trust.path(owner.certificate, [], NOW, 'encrypt').ok, true);
    const signing = leaf(scene().root, {
      extensions: [EXTENSION.usage(USAGE.sign), EXTENSION.extendedUsage(EMAIL_PROTECTION)],
    });
    assert.equal(trust.path(signing, [], NOW, 'encrypt').ok, false);
  });
});
