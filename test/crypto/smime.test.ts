import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { Trust } from '../../src/crypto/chain.ts';
import { CIPHER_NAMES } from '../../src/crypto/cms/ciphers.ts';
import { receiptRequest, receiptRequestOf } from '../../src/crypto/cms/receipt.ts';
import { signCms } from '../../src/crypto/cms/sign.ts';
import { readSignedData } from '../../src/crypto/cms/signed-data.ts';
import { entityOf, multipart, readEntity, readParts } from '../../src/crypto/smime/mime.ts';
import { encryptPart, signPart } from '../../src/crypto/smime/parts.ts';
import { answerTo } from '../../src/crypto/smime/refusal.ts';
import { decryptSip, openSip, protectSip, type OpenOptions, type ProtectOptions } from '../../src/crypto/smime/sip.ts';
import { editSip } from '../../src/wire/sip-edit.ts';
import { parseSip, type SipMessage } from '../../src/wire/sip.ts';
import { openssl } from '../support/openssl.ts';
import { NOW, pemOf, rsaPair, value } from '../support/pki.ts';
import { AT, files, invite, listOf, scene, SDP, signerOf } from '../support/smime.ts';
import { temporaryFolder } from '../support/temporary.ts';

const opener = (more: Partial<OpenOptions> = {}): OpenOptions => ({ trust: scene().trust, keyholders: [scene().bob], now: NOW, ...more }); // prettier-ignore
const signed = (more: Partial<ProtectOptions['sign'] & object> = {}): ProtectOptions => ({ now: NOW, sign: { signers: [scene().alice], ...more } }); // prettier-ignore
const sealed = (cipher: (typeof CIPHER_NAMES)[number] = 'aes-256-gcm'): ProtectOptions => ({ ...signed(), encrypt: { recipients: [scene().bob.certificate], cipher } }); // prettier-ignore
const made = (message = invite(), options = sealed()): Buffer => value(protectSip(message, options));
const sip = (bytes: Buffer): SipMessage => value(parseSip(bytes));

const reasonOf = (bytes: Buffer, options = opener()): string => {
  const opened = openSip(bytes, options);
  if (opened.ok) return '';
  assert.equal(opened.code, 'smime-refused');
  return opened.reason;
};
/** The message with another body part, headers as they are. */
const withPart = (message: Buffer, part: { headers: readonly (readonly [string, string])[]; body: Buffer }): Buffer =>
  value(editSip(message, { remove: ['content-disposition', 'content-transfer-encoding'], set: part.headers, body: part.body })); // prettier-ignore

describe('S/MIME in SIP', function () {
  this.timeout(60_000);
  const folder = temporaryFolder();

  for (const detached of [true, false])
    for (const transfer of ['binary', 'base64'] as const)
      for (const cipher of [null, ...CIPHER_NAMES])
        it(`${detached ? 'multipart/signed' : 'signed-data'}, ${transfer}, ${cipher ?? 'not encrypted'}: opens to what it was`, () => {
          const encrypt = cipher === null ? {} : { encrypt: { recipients: [scene().bob.certificate], cipher } };
          const bytes = made(invite(), { ...signed({ detached }), ...encrypt, transfer });
          const opened = openSip(bytes, opener());
          assert.ok(opened.ok);
          const message = sip(bytes);
          assert.equal(message.contentLength, message.body.length);
          assert.equal(message.truncated, false);
          assert.match(message.header('content-disposition') ?? '', /handling=required/);
          if (cipher !== null) {
            const kind = cipher.endsWith('gcm') ? 'authEnveloped-data' : 'enveloped-data';
            assert.match(
              message.contentType,
              new RegExp(`^application/pkcs7-mime; smime-type=${kind}; name="smime.p7m"$`),
            );
            assert.equal(message.header('content-transfer-encoding'), transfer);
            assert.ok(!bytes.includes('a=crypto'), 'no key in clear text');
          }
          const inner = sip(opened.value.message);
          assert.equal(inner.body.toString(), SDP);
          assert.equal(inner.contentType, 'application/sdp');
          assert.equal(inner.header('content-disposition'), null);
          assert.equal(inner.header('date'), 'Sat, 28 Nov 2026 12:00:00 GMT');
        });

  it('tells signer, identity, time, headers and cipher', () => {
    const opened = openSip(made(), opener());
    assert.ok(opened.ok);
    const { signer, cipher, headersSigned, date, contactChanged, contentType } = opened.value;
    assert.equal(signer?.aor, 'alice@example.com');
    assert.equal(signer.kid, scene().alice.key.kid);
    assert.equal(signer.signingTime, NOW);
    assert.match(signer.signatureDigest, /^[0-9a-f]{64}$/);
    assert.deepEqual([cipher, headersSigned, date, contactChanged, contentType], ['aes-256-gcm', true, NOW, false, 'application/sdp']); // prettier-ignore
  });

  const MESSAGES: readonly (readonly [what: string, message: Buffer, options?: ProtectOptions])[] = [
    ['no body at all', invite({ body: '' })],
    ['a body of one octet', invite({ body: 'x', type: 'text/plain' })],
    ['a binary body', invite({ body: Buffer.from([0, 13, 10, 13, 255, 45, 45]), type: 'application/octet-stream' })],
    ['60,000 octets', invite({ body: Buffer.alloc(60_000, 'a\r\n'), type: 'text/plain' })],
    ['a multipart body of its own', withPart(invite(), multipart('multipart/mixed', [entityOf([['Content-Type', 'application/sdp']], Buffer.from(SDP)).raw, entityOf([['Content-Type', 'application/isup']], Buffer.of(1)).raw]))], // prettier-ignore
    ['a Content-Disposition and language', invite({ more: ['Content-Disposition: session;handling=required', 'Content-Language: de'] })], // prettier-ignore
    ['a Date', invite({ more: ['Date: Sat, 28 Nov 2026 11:59:58 GMT'] })],
    ['a display name in UTF-8 and quotes', invite({ from: '"Müller \\"A\\"" <sip:alice@example.com>;tag=1' })],
  ];
  for (const [what, message] of MESSAGES)
    it(`${what}: comes out as it went in`, () => {
      const opened = openSip(made(message), opener());
      assert.ok(opened.ok, opened.ok ? '' : opened.reason);
      const before = sip(message);
      const after = sip(opened.value.message);
      assert.ok(after.body.equals(before.body));
      assert.ok(opened.value.body.equals(before.body));
      for (const name of ['from', 'to', 'content-type', 'content-disposition', 'content-language', 'via'])
        assert.equal(after.header(name), before.header(name), name);
      assert.notEqual(after.header('date'), null);
    });

  it('a response is signed by the one in To', () => {
    const answer = invite().toString().replace('INVITE sip:bob@example.com SIP/2.0', 'SIP/2.0 200 OK').replace('<sip:bob@example.com>', '<sip:bob@example.com>;tag=9'); // prettier-ignore
    const { bob, alice } = scene();
    const own = made(Buffer.from(answer), { now: NOW, sign: { signers: [bob] } });
    assert.equal(reasonOf(own), '');
    const other = made(Buffer.from(answer), { now: NOW, sign: { signers: [alice] } });
    assert.match(reasonOf(other), /names to/);
  });

  describe('the headers beside the body', () => {
    const CHANGES: readonly (readonly [what: string, set: readonly [string, string], refused: boolean])[] = [
      ['another From user', ['From', '"Alice" <sip:mallory@example.com>;tag=1928301774'], true],
      ['another display name', ['From', '"The boss" <sip:alice@example.com>;tag=1928301774'], true],
      ['another From tag', ['From', '"Alice" <sip:alice@example.com>;tag=2'], true],
      ['another host of From', ['From', '"Alice" <sip:alice@example.org>;tag=1928301774'], true],
      ['another To', ['To', '<sip:carol@example.com>'], true],
      ['a To tag', ['To', '<sip:bob@example.com>;tag=5'], true],
      ['another Call-ID', ['Call-ID', 'other@192.0.2.5'], true],
      ['another CSeq', ['CSeq', '314160 INVITE'], true],
      ['another CSeq method', ['CSeq', '314159 UPDATE'], true],
      ['another Date', ['Date', 'Sat, 28 Nov 2026 12:00:01 GMT'], true],
      ['From in other spelling', ['From', 'Alice<sip:alice@EXAMPLE.com>  ;tag=1928301774'], false],
      ['another Contact', ['Contact', '<sip:alice@198.51.100.7>'], false],
      ['another Via', ['Via', 'SIP/2.0/TLS 198.51.100.7;branch=z9hG4bKx'], false],
      ['another Max-Forwards', ['Max-Forwards', '69'], false],
      ['a Record-Route', ['Record-Route', '<sip:198.51.100.7;lr>'], false],
    ];
    for (const [what, set, no] of CHANGES)
      it(`${what}: ${no ? 'refused' : 'taken'}`, () => {
        const changed = value(editSip(made(), { set: [set] }));
        assert.equal(reasonOf(changed) !== '', no);
        const opened = openSip(changed, opener());
        if (opened.ok) assert.equal(opened.value.contactChanged, set[0] === 'Contact');
      });

    for (const name of ['To', 'From', 'Call-ID', 'CSeq', 'Date'])
      it(`without ${name}, in the message or signed: refused`, () => {
        assert.notEqual(reasonOf(value(editSip(made(), { remove: [name] }))), '');
        const text = ['From: "Alice" <sip:alice@example.com>;tag=1928301774', 'To: <sip:bob@example.com>', 'Call-ID: a84b4c76e66710@192.0.2.5', 'CSeq: 314159 INVITE', 'Date: Sat, 28 Nov 2026 12:00:00 GMT']; // prettier-ignore
        const part = (lines: string[]) => entityOf([['Content-Type', 'message/sipfrag']], Buffer.from(`${lines.join('\r\n')}\r\n`)); // prettier-ignore
        const message = (lines: string[]) =>
          withPart(value(editSip(invite(), { set: [['Date', 'Sat, 28 Nov 2026 12:00:00 GMT']] })), signPart(part(lines), { signers: [scene().alice] })); // prettier-ignore
        assert.equal(reasonOf(message(text)), '');
        assert.match(reasonOf(message(text.filter((line) => !line.startsWith(`${name}:`)))), new RegExp(`signed ${name.toLowerCase()} `)); // prettier-ignore
        assert.match(reasonOf(message([...text, `${name}: other`])), /signed twice/);
      });

    it('a header twice in the message is refused, in its compact form too', () => {
      for (const line of [
        'f: <sip:alice@example.com>;tag=3',
        'From: <sip:x@y>',
        't: <sip:x@y>',
        'i: x',
        'CSeq: 1 INVITE',
        'Date: x',
        'c: text/plain',
        'l: 3',
      ]) {
        // prettier-ignore
        const bytes = made();
        const at = bytes.indexOf('Max-Forwards');
        const twice = Buffer.concat([bytes.subarray(0, at), Buffer.from(`${line}\r\n`), bytes.subarray(at)]);
        assert.match(reasonOf(twice), /twice|shorter/, line);
      }
    });

    it('tunnelled as message/sip or as a sipfrag with the body in it (RFC 3261, RFC 3420): taken', () => {
      const whole = value(editSip(invite(), { set: [['Date', 'Sat, 28 Nov 2026 12:00:00 GMT']] }));
      const fragment = whole.subarray(whole.indexOf('\n') + 1);
      for (const [type, bytes] of [
        ['message/sip', whole],
        ['message/sipfrag', whole],
        ['message/sipfrag', fragment],
      ] as const) {
        // prettier-ignore
        const part = signPart(entityOf([['Content-Type', type]], bytes), { signers: [scene().alice] });
        const opened = openSip(withPart(whole, part), opener());
        assert.ok(opened.ok);
        assert.equal(opened.value.body.toString(), SDP);
        assert.equal(sip(opened.value.message).contentType, 'application/sdp');
        assert.match(reasonOf(withPart(value(editSip(whole, { set: [['Call-ID', 'x']] })), part)), /call-id/);
      }
    });

    it('a body without signed headers is refused, unless that is asked for; From must be the signer’s all the same', () => {
      const bare = made(invite(), signed({ headers: false }));
      assert.match(reasonOf(bare), /no headers are signed/);
      const require = { headers: false };
      assert.equal(reasonOf(bare, opener({ require })), '');
      const other = value(editSip(bare, { set: [['From', '<sip:bob@example.com>;tag=1']] }));
      assert.match(reasonOf(other, opener({ require })), /names from/);
    });

    it('two bodies or two sets of headers beside each other are refused', () => {
      const { alice } = scene();
      const sdp = entityOf([['Content-Type', 'application/sdp']], Buffer.from(SDP)).raw;
      const fragment = entityOf([['Content-Type', 'message/sipfrag']], Buffer.from('From: x\r\n')).raw;
      for (const parts of [[sdp, sdp, fragment], [sdp, fragment, fragment]])
        assert.match(reasonOf(withPart(invite(), signPart(multipart('multipart/mixed', parts), { signers: [alice] }))), /several bodies/); // prettier-ignore
    });

    it('in a secret call To and From are those of the box', () => {
      const inner = made(invite());
      const outside = value(editSip(inner, { set: [['From', '<sip:anonymous@anonymous.invalid>;tag=1928301774'], ['To', '<sip:cgs@example.com>']] })); // prettier-ignore
      assert.notEqual(reasonOf(outside), '');
      const outer = { from: '"Alice" <sip:alice@example.com>;tag=1928301774', to: '<sip:bob@example.com>' };
      assert.equal(reasonOf(outside, opener({ outer })), '');
      assert.notEqual(reasonOf(outside, opener({ outer: { ...outer, to: '<sip:carol@example.com>' } })), '');
    });
  });

  describe('who', () => {
    it('somebody else’s certificate, of a trusted CA: refused', () => {
      const { bob, mallory } = scene();
      assert.match(reasonOf(made(invite(), { now: NOW, sign: { signers: [bob] } })), /names from/);
      assert.match(
        reasonOf(made(invite(), { now: NOW, sign: { signers: [mallory] } })),
        /signature on .* does not hold/,
      );
    });

    it('expired, revoked, of another CA, to another key: one code', () => {
      const { alice, carol, evil, root, trust } = scene();
      const revoking = new Trust([root.certificate], [listOf(root, [alice.certificate.serial])]);
      const CASES: readonly (readonly [OpenOptions, RegExp])[] = [
        [opener({ now: NOW + 3 * 86_400_000 }), /expired/],
        [opener({ trust: revoking }), /revoked/],
        [opener({ trust: new Trust([evil.certificate]) }), /does not hold/],
        [opener({ keyholders: [carol] }), /no key of ours/],
        [opener({ keyholders: [] }), /not spoken|no key/],
        [opener({ trust, require: { encrypted: true } }), /^$/],
      ];
      for (const [options, reason] of CASES) assert.match(reasonOf(made(), options), reason);
      assert.match(reasonOf(made(invite(), signed()), opener({ require: { encrypted: true } })), /not encrypted/);
    });

    it('a path of three, RSA-4096', () => {
      const options = { now: NOW, sign: { signers: [signerOf(4096, 3)] } };
      assert.equal(reasonOf(made(invite(), options)), '');
    });

    it('unsigned but encrypted: refused, unless that is asked for; never with CBC', () => {
      const { bob } = scene();
      const only = value(protectSip(invite(), { now: NOW, encrypt: { recipients: [bob.certificate] } }));
      assert.match(reasonOf(only), /nobody has signed/);
      assert.equal(reasonOf(only, opener({ require: { signed: false } })), '');
      assert.equal(protectSip(invite(), { now: NOW, encrypt: { recipients: [bob.certificate], cipher: 'aes-256-cbc' } }).ok, false); // prettier-ignore
      const part = encryptPart(entityOf([['Content-Type', 'application/sdp']], Buffer.from(SDP)), { recipients: [bob.certificate], cipher: 'aes-256-cbc' }); // prettier-ignore
      assert.match(reasonOf(withPart(invite(), part), opener({ require: { signed: false } })), /CBC/);
    });

    it('a signature around an encryption says nothing of the content; one more inside does', () => {
      const { alice, bob } = scene();
      const sdp = entityOf([['Content-Type', 'application/sdp']], Buffer.from(SDP));
      const around = signPart(encryptPart(sdp, { recipients: [bob.certificate] }), { signers: [alice] });
      assert.match(reasonOf(withPart(invite(), around)), /nobody has signed/);
      const triple = made(withPart(invite(), signPart(encryptPart(signPart(sdp, { signers: [alice] }), { recipients: [bob.certificate] }), { signers: [alice] })), { now: NOW }); // prettier-ignore
      assert.equal(reasonOf(triple, opener({ require: { headers: false } })), '');
      let deep = sdp;
      for (let i = 0; i < 5; i++) deep = signPart(deep, { signers: [alice] });
      assert.match(reasonOf(withPart(invite(), deep), opener({ require: { headers: false } })), /too many layers/);
    });

    it('a plain message is no S/MIME: 415', () => {
      const opened = openSip(invite(), opener());
      assert.ok(!opened.ok && opened.status === 415);
    });
  });

  describe('decryptSip', () => {
    it('takes the encryption off and leaves the signature to others', () => {
      const opened = decryptSip(made(), opener({ trust: null }));
      assert.ok(opened.ok);
      assert.match(sip(opened.value.message).contentType, /smime-type=signed-data/);
      assert.equal(reasonOf(opened.value.message), '');
      assert.equal(decryptSip(made(invite(), signed()), opener()).ok, false, 'not encrypted');
    });
    it('CBC: only where the signature inside can be verified', () => {
      const cbc = made(invite(), sealed('aes-256-cbc'));
      const alone = decryptSip(cbc, opener({ trust: null }));
      assert.ok(!alone.ok && alone.advice !== null);
      assert.equal(decryptSip(cbc, opener()).ok, true);
      assert.equal(decryptSip(cbc, opener({ trust: new Trust([scene().evil.certificate]) })).ok, false);
    });
  });

  describe('answers', () => {
    const answered = (bytes: Buffer) => {
      const opened = openSip(bytes, opener());
      assert.ok(!opened.ok);
      return { opened, answer: answerTo(opened, [scene().bob.certificate], 'gw.example.com') };
    };
    const body = (type: string, text: string | Buffer, more: readonly (readonly [string, string])[] = []): Buffer =>
      withPart(invite(), { headers: [['Content-Type', type], ...more], body: Buffer.from(text) });

    it('415 with Accept for types that are not spoken', () => {
      for (const bytes of [
        body('multipart/signed; protocol="application/pgp-signature"; boundary=x', '--x--'),
        body('application/pkcs7-mime; smime-type=compressed-data', openssl(['cms', '-data_create', '-outform', 'DER'], Buffer.from('x'))), // prettier-ignore
        withPart(made(), { headers: [['Content-Encoding', 'gzip']], body: sip(made()).body }),
        invite(),
      ]) {
        const { answer } = answered(bytes);
        assert.equal(answer.status, 415);
        assert.match(answer.headers.find(([name]) => name === 'Accept')?.[1] ?? '', /application\/pkcs7-mime/);
      }
    });

    it('493 with our certificate and the same Warning for everything else', () => {
      const tampered = made();
      tampered[tampered.length - 30]! ^= 1;
      const all = [tampered, made(invite(), { now: NOW, sign: { signers: [scene().mallory] } }), body('application/pkcs7-mime', 'AAAA')]; // prettier-ignore
      const answers = all.map((bytes) => answered(bytes).answer);
      for (const answer of answers) {
        assert.deepEqual(answer, answers[0]);
        assert.equal(answer.status, 493);
        assert.match(openssl(['pkcs7', '-inform', 'DER', '-print_certs', '-noout'], answer.body).toString(), /bob@example\.com/); // prettier-ignore
      }
      assert.equal(answerTo({ ok: false, code: 'smime-refused', reason: '', status: 493, advice: null }, [], 'x').body.length, 0); // prettier-ignore
    });

    it('v1.5 key transport: the reason names what to use instead', () => {
      const { bob } = scene();
      const { cert } = files(folder.path, 'bob', bob, rsaPair(2048, 'bob').pem);
      const theirs = openssl(['cms', '-encrypt', '-binary', '-outform', 'DER', '-aes-256-gcm', cert], Buffer.from(SDP));
      const { opened, answer } = answered(body('application/pkcs7-mime', theirs));
      assert.match(opened.advice ?? '', /-keyopt rsa_padding_mode:oaep -keyopt rsa_oaep_md:sha256/);
      assert.equal(answer.status, 493);
    });
  });

  it('a receipt is asked for in a SIP message', () => {
    const bytes = made(invite(), signed({ attributes: [receiptRequest('sip:alice@example.com')] }));
    const opened = openSip(bytes, opener());
    assert.ok(opened.ok);
    assert.deepEqual(receiptRequestOf(opened.value.signers[0]!.info)?.to, ['sip:alice@example.com']);
  });

  describe('openssl reads the bodies, and we its S/MIME', () => {
    /** What openssl's S/MIME reader takes: the headers from Content-Type on. */
    const mail = (bytes: Buffer): Buffer => {
      const message = sip(bytes);
      const headers = ['Content-Type', 'Content-Transfer-Encoding'].map((name) => [name, message.header(name)] as const).filter(([, text]) => text !== null); // prettier-ignore
      return Buffer.concat([Buffer.from(`${headers.map(([name, text]) => `${name}: ${text}`).join('\r\n')}\r\n\r\n`), message.body]); // prettier-ignore
    };

    it('ours to openssl: multipart/signed, signed-data, authEnveloped-data, enveloped-data', () => {
      const { bob, root } = scene();
      const { cert, key } = files(folder.path, 'bob', bob, rsaPair(2048, 'bob').pem);
      writeFileSync(folder.file('root.pem'), pemOf(root.certificate.der));
      const verify = ['cms', '-verify', '-CAfile', folder.file('root.pem'), ...AT];
      for (const detached of [true, false]) {
        const bytes = made(invite(), { ...signed({ detached }), transfer: 'base64' });
        assert.ok(openssl(verify, mail(bytes)).includes('a=crypto'));
        for (const cipher of CIPHER_NAMES) {
          const encrypted = value(protectSip(bytes, { now: NOW, encrypt: { recipients: [bob.certificate], cipher }, transfer: 'base64' })); // prettier-ignore
          const opened = openssl(['cms', '-decrypt', '-recip', cert, '-inkey', key], mail(encrypted));
          assert.ok(openssl(verify, opened).includes('a=crypto'));
        }
      }
    });

    it('theirs to us: multipart/signed and signed-data, as openssl cms -sign writes them', () => {
      const { alice } = scene();
      const { cert, key } = files(folder.path, 'alice', alice, rsaPair(2048, 'alice').pem);
      const part = entityOf([['Content-Type', 'application/sdp']], Buffer.from(SDP)).raw;
      for (const args of [['-crlfeol'], ['-nodetach']]) {
        const theirs = openssl(['cms', '-sign', '-binary', '-signer', cert, '-inkey', key, ...args], part);
        const entity = value(readEntity(theirs));
        const bytes = withPart(invite(), entity);
        const opened = openSip(bytes, opener({ require: { headers: false } }));
        assert.ok(opened.ok, opened.ok ? '' : opened.reason);
        assert.equal(opened.value.body.toString(), SDP);
      }
    });
  });

  describe('MIME', () => {
    const parts = (text: string): string[] | null => {
      const read = readParts(
        value(readEntity(Buffer.from(`Content-Type: multipart/mixed; boundary="b b"\r\n\r\n${text}`))),
      );
      return read.ok ? read.value.map(String) : null;
    };
    const TABLE: readonly (readonly [what: string, text: string, expected: string[] | null])[] = [
      ['two parts', '--b b\r\none\r\n--b b\r\ntwo\r\n--b b--\r\n', ['one', 'two']],
      ['preamble and epilogue', 'pre\r\n--b b\r\none\r\n--b b--\r\npost', ['one']],
      ['a boundary within a line is none', '--b b\r\na --b b\r\n--b b--', ['a --b b']],
      ['a longer boundary is another one', '--b b\r\na\r\n--b bb\r\n--b b--', ['a\r\n--b bb']],
      ['blanks after a boundary', '--b b \t\r\none\r\n--b b-- \r\n', ['one']],
      ['LF alone', '--b b\none\n--b b--\n', ['one']],
      ['an empty part', '--b b\r\n\r\n--b b--', ['']],
      ['line ends that belong to the part', '--b b\r\n\r\none\r\n\r\n--b b--', ['\r\none\r\n']],
      ['no end', '--b b\r\none\r\n--b b\r\ntwo', null],
      ['no part', '--b b--\r\n', null],
      ['nothing', '', null],
    ];
    for (const [what, text, expected] of TABLE) it(`multipart: ${what}`, () => assert.deepEqual(parts(text), expected));

    it('a part with a header twice is refused: readers would differ on which counts', () => {
      assert.equal(readEntity(Buffer.from('Content-Type: a/b\r\ncontent-type: c/d\r\n\r\n')).ok, false);
      assert.equal(readEntity(Buffer.from('no header\r\n\r\n')).ok, false);
    });
  });

  it('CMS inside names what it holds, whatever the SIP header says', () => {
    const bytes = made();
    const lied = value(editSip(bytes, { set: [['Content-Type', 'application/pkcs7-mime; smime-type=signed-data']] }));
    assert.equal(reasonOf(lied), '');
    const der = signCms(Buffer.from('Content-Type: application/sdp\r\n\r\n'), { signers: [scene().alice] });
    assert.equal(readSignedData(der).ok, true);
  });
});
