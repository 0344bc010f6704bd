import assert from 'node:assert/strict';
import fc from 'fast-check';
import { decodeHep } from '../../src/wire/hep.ts';
import { parseSdp, sdpPart } from '../../src/wire/sdp.ts';
import { parseSip, type SipMessage } from '../../src/wire/sip.ts';
import { hasData, listData, readData } from '../support/data.ts';

const LONG = process.env['RINGFENCE_LONG'] !== undefined;
const RUNS = LONG ? 500_000 : 20_000;

/** Asks a message everything that it can tell; gives the texts. */
function askAll(m: SipMessage): string[] {
  const contacts = m.contacts();
  const credentials = m.allCredentials().flatMap((c) => [c.username, c.realm, c.nonce, c.uri, c.response, c.cnonce]);
  sdpPart(m.contentType, m.body);
  parseSdp(m.body);
  return [
    ...[m.method, m.cseqMethod, m.requestUri, m.requestUser, m.requestHost, m.reason, m.callId, m.branch, m.sentBy],
    ...[m.viaTransport, m.received ?? '', m.rport ?? '', m.fromUser, m.fromHost, m.fromTag, m.toUser, m.toHost],
    ...[m.toTag, m.userAgent, m.contentType, m.challenge()?.realm ?? '', m.header('subject') ?? ''],
    ...(contacts === '*' ? [] : contacts.flatMap((c) => [c.uri, c.user, c.host, c.instance])),
    ...[...credentials, ...m.headers('via'), ...m.values('route'), ...m.values('x-a')],
  ];
}

// eslint-disable-next-line no-control-regex
const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u2028-\u202e]/;

/** Reads it, asks everything; was it SIP? */
function mustHold(bytes: Buffer): boolean {
  const result = parseSip(bytes);
  if (!result.ok) {
    assert.ok(result.reason !== '' && result.offset >= 0 && result.offset <= bytes.length);
    return false;
  }
  const { value } = result;
  for (const text of askAll(value)) assert.doesNotMatch(text, CONTROLS);
  assert.ok(value.isRequest ? value.method !== '' && value.status === 0 : value.status >= 100 && value.status < 700);
  assert.ok(value.callId !== '' && Number.isInteger(value.cseq) && value.cseq >= 0 && value.cseq < 2 ** 32);
  return true;
}

const BASE = [
  'INVITE sip:00900@192.0.2.1:5060;user=phone SIP/2.0',
  'Via: SIP/2.0/UDP 192.0.2.9:5062;branch=z9hG4bK1;rport, SIP/2.0/TCP [2001:db8::1];branch=z9hG4bK2',
  'From: "A \\"b\\", c" <sip:%61lice:pw@Lab.example;x=y>;tag=f1',
  'To: Bob <sip:1001@[2001:db8::2]:5060>;tag=t',
  'Call-ID: c1@h',
  'CSeq: 1 INVITE',
  'Contact: "x,y" <sip:a@b>;expires=5;+sip.instance="<urn:uuid:1>", sip:c@d',
  'Authorization: Digest username="a\\"b", realm="r", nonce="n", uri="sip:x", response="00", nc=00000001, qop=auth',
  'Content-Type: multipart/mixed;boundary="b"',
  'Content-Length: 60',
  '',
  '--b',
  'Content-Type: application/sdp',
  '',
  'v=0',
  'o=- 1 1 IN IP4 h',
  '--b--',
].join('\r\n');

function samples(): Buffer[] {
  const all: Buffer[] = [Buffer.from(BASE)];
  if (!hasData('hep')) return all;
  for (const folder of ['hep/asterisk-22', 'hep/kamailio-5.6']) {
    for (const path of listData(folder, '.bin')) {
      const packet = decodeHep(readData(path));
      if (packet.ok && packet.value.payloadType === 1) all.push(Buffer.from(packet.value.payload));
    }
  }
  for (const path of [...listData('rfc4475/valid', '.dat'), ...listData('rfc4475/invalid', '.dat')])
    all.push(readData(path));
  return all;
}

/** Pieces that change what a byte after them means. */
const PIECES = [
  '\r\n',
  '\n',
  '\r',
  '\0',
  ' ',
  '\t',
  '"',
  '\\',
  '<',
  '>',
  ',',
  ';',
  ':',
  '=',
  '@',
  '%',
  '%00',
  '[',
  ']',
  '?',
  '*',
  '\xff',
  '\u00e9',
  'SIP/2.0',
  '\r\n ',
  '\r\n\r\n',
  'From:',
  'v:',
  'Digest ',
];

describe('hostile SIP', function () {
  this.timeout(LONG ? 900_000 : 60_000);

  it(`any bytes: no throw, sound fields (${RUNS} runs)`, () => {
    const line = fc.oneof(
      fc.constantFrom(...BASE.split('\r\n')),
      fc.string({ unit: 'binary', maxLength: 40 }),
      fc
        .tuple(
          fc.constantFrom('From', 'Via', 'To', 'Contact', 'CSeq', 'X-A', 'i'),
          fc.constantFrom(':', ' :', '\t: '),
          fc.string({ maxLength: 60 }),
        )
        .map((p) => p.join('')),
    );
    const [start = '', ...headers] = BASE.split('\r\n').slice(0, 8);
    const text = fc
      .tuple(
        fc.shuffledSubarray(headers, { minLength: headers.length - 1 }),
        fc.array(line, { maxLength: 8 }),
        fc.constantFrom('\r\n', '\n', '\r'),
      )
      .map(([good, more, end]) => Buffer.from([start, ...good, ...more].join(end), 'utf8'));
    const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));
    let accepted = 0;
    fc.assert(
      fc.property(fc.oneof({ weight: 4, arbitrary: text }, { weight: 1, arbitrary: bytes }), (message) => {
        if (mustHold(message)) accepted++;
      }),
      { numRuns: RUNS },
    );
    assert.ok(accepted > RUNS / 20, `only ${accepted} of them were SIP`);
  });

  it(`mutated messages: no throw, sound fields, 5 ms at the most (${RUNS} runs)`, () => {
    const all = samples();
    const edit = fc.record({
      kind: fc.nat(3),
      at: fc.nat(100_000),
      piece: fc.constantFrom(...PIECES),
      byte: fc.nat(255),
    });
    fc.assert(
      fc.property(fc.nat(all.length - 1), fc.array(edit, { minLength: 1, maxLength: 6 }), (index, edits) => {
        let bytes: Buffer = Buffer.from(all[index] ?? '');
        for (const { kind, at, piece, byte } of edits) {
          const i = at % (bytes.length + 1);
          if (kind === 0)
            bytes = Buffer.concat([bytes.subarray(0, i), Buffer.from(piece, 'latin1'), bytes.subarray(i)]);
          else if (kind === 1) bytes[Math.min(i, bytes.length - 1)] = byte;
          else if (kind === 2) bytes = bytes.subarray(0, i);
          else bytes = Buffer.concat([bytes.subarray(0, i), bytes.subarray(i + (byte % 16))]);
        }
        // the least of three, for a compilation or a collection may fall into the first
        let least = Infinity;
        for (let turn = 0; turn < 3 && least > 5e6; turn++) {
          const began = process.hrtime.bigint();
          mustHold(bytes);
          least = Math.min(least, Number(process.hrtime.bigint() - began));
        }
        assert.ok(least < 5e6, `${least / 1e6} ms`);
      }),
      { numRuns: RUNS },
    );
  });

  /** A good message with one header of 60 KB of this. */
  const swollen = (head: string, unit: string, tail = ''): Buffer => {
    const lines = BASE.slice(0, BASE.indexOf('\r\n\r\n')).split('\r\n');
    const body = unit.repeat(Math.floor(60_000 / unit.length));
    const name = head.slice(0, head.indexOf(':') + 1);
    return Buffer.from(
      [...lines.filter((line) => !line.startsWith(name)), `${head}${body}${tail}`, '', ''].join('\r\n'),
      'latin1',
    );
  };
  const cases: [string, Buffer][] = [
    ['commas in Via', swollen('Via: SIP/2.0/UDP h', ',')],
    ['Via values', swollen('Via: SIP/2.0/UDP h', ',SIP/2.0/UDP h')],
    ['parameters in From', swollen('From: <sip:a@b>', ';a=b')],
    ['semicolons in From', swollen('From: <sip:a@b>', ';')],
    ['tags', swollen('From: <sip:a@b>', ';tag=x')],
    ['quotes in From', swollen('From: ', '"')],
    ['backslashes in From', swollen('From: "', '\\')],
    ['open quotes', swollen('From: ', '"a ')],
    ['open brackets', swollen('Contact: ', '<')],
    ['contacts', swollen('Contact: ', '<sip:a@b>,')],
    ['contacts with parameters', swollen('Contact: <sip:a@b>', ';a="b\\"c"')],
    ['folds', swollen('Subject: ', 'a\r\n ')],
    ['CRs in a value', swollen('Subject: ', 'a\r"')],
    ['CRs and tokens', swollen('Subject: ', '\raaaaaaaaaaaaaaa ')],
    ['blanks before a colon', swollen('X', '\r\n ', ': y')],
    ['blanks at the end', swollen('Call-ID: x', ' ')],
    ['blanks in CSeq', swollen('CSeq: 1', ' ', 'INVITE')],
    ['digits in CSeq', swollen('CSeq: ', '0', '1 INVITE')],
    ['escapes', swollen('From: <sip:', '%41', '@h>')],
    ['control characters', swollen('From: <sip:', '\x01', '@h>')],
    ['8-bit bytes', swollen('From: <sip:', '\xe9', '@h>')],
    ['percent signs', swollen('From: <sip:', '%', '@h>')],
    ['Digest parameters', swollen('Authorization: Digest ', 'username="a\\"",')],
    ['Digest commas', swollen('Authorization: Digest a=b', ',')],
    ['Authorization lines', swollen('X: ', 'a\r\nAuthorization: Digest username="a"\r\nY: b')],
    ['short lines', swollen('X: ', 'a\r\na:')],
    ['LF lines', swollen('X: ', 'a\na:')],
  ];
  for (const [title, bytes] of cases) {
    it(`60 KB of ${title}`, () => {
      let least = Infinity;
      let whole = Infinity;
      for (let i = 0; i < 20; i++) {
        const before = process.hrtime.bigint();
        const result = parseSip(bytes);
        const parsedAt = process.hrtime.bigint();
        if (result.ok) askAll(result.value);
        least = Math.min(least, Number(parsedAt - before));
        whole = Math.min(whole, Number(process.hrtime.bigint() - before));
      }
      assert.ok(least < 3e6, `parsed in ${least / 1e6} ms`);
      assert.ok(whole < 60e6, `everything asked in ${whole / 1e6} ms`);
    });
  }
});
