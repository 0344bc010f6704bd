import assert from 'node:assert/strict';
import { createHash, createHmac, randomBytes } from 'node:crypto';
import { createCsr } from '../../src/crypto/csr.ts';
import {
  decodeToken,
  encodeToken,
  enrolmentAnswer,
  enrolmentRequest,
  judgeEnrolment,
  newTokenSecret,
  readEnrolmentAnswer,
  tokenId,
  type EnrolmentVerdict,
  type KnownToken,
} from '../../src/crypto/enrolment.ts';
import { endpointOf } from '../../src/crypto/identity.ts';
import { readExact, writeExact } from '../../src/crypto/exact-json.ts';
import { HOUR } from '../../src/time.ts';
import { NOW, reasonOf, testAuthority, testCertificate, testKey, value } from '../support/keys.ts';

const k = newTokenSecret();
const token = { gw: 'gw.example.com:5061', id: '1004', ca: randomBytes(32), kid: randomBytes(32), k };
const b64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');

describe('enrolment tokens', () => {
  it('have one form', () => {
    const text = encodeToken(token);
    const json = `{"gw":"gw.example.com:5061","id":"1004","ca":"${b64(token.ca)}","kid":"${b64(token.kid)}","k":"${b64(k)}"}`;
    assert.equal(text, `rf1.${b64(Buffer.from(json))}`);
    assert.deepEqual(
      JSON.stringify(value(decodeToken(text))),
      JSON.stringify({ ...token, ca: new Uint8Array(token.ca), kid: new Uint8Array(token.kid) }),
    );
    const wrong = [
      '', 'rf1.', text.slice(4), `rf2.${text.slice(4)}`, `${text} `, `${text}=`, `${text}A`, text.toLowerCase(),
      ...Array.from({ length: text.length - 4 }, (_, i) => text.slice(0, i + 4)),
      ...[
        json.replace('"gw"', ' "gw"'), json.replace('}', ',"x":"1"}'), json.replace('"id":"1004"', '"id":"1004","id":"1004"'),
        json.replace('1004', '10\\u0030'), json.replace('1004', ''), json.replace('1004', 'a b'), json.replace(':5061', ''),
        json.replace(':5061', ':0'), json.replace(':5061', ':65536'), json.replace('gw.example.com', 'a/b'),
        json.replace(b64(k), b64(k.subarray(1))), '[]', 'null', '{}', '"x"',
      ].map((other) => `rf1.${b64(Buffer.from(other))}`),
    ]; // prettier-ignore
    for (const one of wrong) assert.equal(decodeToken(one).ok, false, one);
  });

  it('gateways: host and port', () => {
    for (const [text, host] of [
      ['[2001:db8::1]:5061', '2001:db8::1'],
      ['192.0.2.1:1', '192.0.2.1'],
      ['a:65535', 'a'],
    ] as const)
      assert.equal(endpointOf(text)?.host, host);
    for (const bad of ['', 'a', ':1', 'a:', 'a:b', '2001:db8::1:5061', '[a]:1', 'a:05', 'a b:1'])
      assert.equal(endpointOf(bad), null, bad);
  });

  const exporter = randomBytes(32);
  const csr = createCsr(testKey('phone'), 'whatever');
  const tid = b64(tokenId(k));
  const known: KnownToken = { account: '1004', k, expiresAt: NOW + HOUR, used: null };
  const judge = (payload: Uint8Array, of: KnownToken | null = known, now = NOW, on = exporter): EnrolmentVerdict =>
    judgeEnrolment(payload, on, (asked) => (asked === tid ? of : null), now);

  it('the request is made as the protocol says, byte by byte', () => {
    const mac = createHmac('sha256', k)
      .update(Buffer.concat([Buffer.from('csc/1 enrol\0'), exporter, csr]))
      .digest();
    const own = createHash('sha256')
      .update(Buffer.concat([Buffer.from('csc/1 tid\0'), k]))
      .digest()
      .subarray(0, 16);
    assert.equal(
      Buffer.from(enrolmentRequest(k, exporter, csr)).toString(),
      `{"tid":"${b64(own)}","csr":"${b64(csr)}","mac":"${b64(mac)}"}`,
    );
  });

  it('a phone gets a certificate once; asking again the same gives the same; another key is refused, and told', () => {
    const request = enrolmentRequest(k, exporter, csr);
    const first = judge(request);
    assert.ok(first.kind === 'issue');
    assert.deepEqual([first.token.account, first.csr.kid, first.tid], ['1004', testKey('phone').kid, tid]);
    const used = { ...known, used: { csr: first.csr.digest, serial: '4a' } };
    const again = judge(request, used);
    assert.ok(again.kind === 'again');
    assert.equal(again.serial, '4a');
    const other = judge(enrolmentRequest(k, exporter, createCsr(testKey('thief'), '1004')), used);
    assert.ok(other.kind === 'refused');
    assert.deepEqual([other.reason, other.account, other.alert], ['used', '1004', true]);
  });

  for (const [sentence, make, reason, alert] of [
    ['another connection (exporter)', () => judge(enrolmentRequest(k, randomBytes(32), csr)), 'wrong-mac', true],
    ['a token nobody gave out', () => judge(enrolmentRequest(newTokenSecret(), exporter, csr)), 'unknown-token', false],
    ['a token that has ended', () => judge(enrolmentRequest(k, exporter, csr), known, NOW + HOUR), 'expired', false],
    ['no certificate request', () => judge(enrolmentRequest(k, exporter, Buffer.from('hello'))), 'bad-request', false],
    ['not JSON', () => judge(Buffer.from('hello')), 'malformed', false],
    ['nothing', () => judge(new Uint8Array(0)), 'malformed', false],
  ] as const)
    it(`refused: ${sentence}`, () => {
      const verdict = make();
      assert.ok(verdict.kind === 'refused');
      assert.deepEqual([verdict.reason, verdict.alert], [reason, alert]);
    });

  it('truncated at every length, changed at many bytes: refused', () => {
    const request = Buffer.from(enrolmentRequest(k, exporter, csr));
    for (let length = 0; length < request.length; length++)
      assert.equal(judge(request.subarray(0, length)).kind, 'refused');
    for (let at = 0; at < request.length; at += 5) {
      const changed = Buffer.from(request);
      changed[at] = (changed[at] ?? 0) ^ 2;
      assert.equal(judge(changed).kind, 'refused', `byte ${at}`);
    }
  });

  it('the answer comes from whoever knows the token', () => {
    const ca = testAuthority();
    const chain = [testCertificate(ca).der, ca.certificate];
    const answer = enrolmentAnswer(k, exporter, chain);
    assert.deepEqual(value(readEnrolmentAnswer(k, exporter, answer)).map(b64), chain.map(b64));
    assert.match(reasonOf(readEnrolmentAnswer(newTokenSecret(), exporter, answer)), /does not know the token/);
    assert.match(reasonOf(readEnrolmentAnswer(k, randomBytes(32), answer)), /does not know the token/);
    assert.match(reasonOf(readEnrolmentAnswer(k, exporter, enrolmentAnswer(k, exporter, []))), /without a certificate/);
    const swapped = enrolmentAnswer(k, exporter, [chain[1]!, chain[0]!]);
    assert.notDeepEqual(swapped, answer);
  });
});

describe('JSON of one form', () => {
  const SHAPE = { v: 'integer', name: 'text', raw: 4, all: 'list' } as const;
  const good = { v: 1, name: 'sip:a@b', raw: Uint8Array.of(1, 2, 3, 4), all: [Uint8Array.of(5)] };
  const text = '{"v":1,"name":"sip:a@b","raw":"AQIDBA","all":["BQ"]}';
  it('is written and read', () => {
    assert.equal(Buffer.from(writeExact(SHAPE, good)).toString(), text);
    assert.deepEqual(value(readExact(SHAPE, Buffer.from(text))), good);
    assert.throws(() => writeExact(SHAPE, { ...good, name: 'a"b' }), TypeError);
    assert.throws(() => writeExact(SHAPE, { ...good, name: 'ü' }), TypeError);
  });
  for (const other of [
    text.replace(',', ', '),
    text.replace('1', '1.0'),
    text.replace('1', '1e0'),
    text.replace('1', '-1'),
    text.replace('1', '01'),
    text.replace('"v":1', '"v":1,"v":1'),
    text.replace('"v":1,', ''),
    text.replace('}', ',"w":1}'),
    text.replace('AQIDBA', 'AQIDBB'),
    text.replace('AQIDBA', 'AQIDBA='),
    text.replace('AQIDBA', 'AQID'),
    text.replace('["BQ"]', '"BQ"'),
    text.replace('["BQ"]', '[1]'),
    text.replace('sip:', '\\u0073ip:'),
    `${text}\n`,
    ` ${text}`,
    `[${text}]`,
    text.replace('{', '{"__proto__":{},'),
    '',
    'null',
  ])
    // prettier-ignore
    it(`refuses ${other}`, () => assert.equal(readExact(SHAPE, Buffer.from(other)).ok, false));
});
