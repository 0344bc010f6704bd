import assert from 'node:assert/strict';
import { editSip, type SipChanges } from '../../src/wire/sip-edit.ts';
import { parseSip } from '../../src/wire/sip.ts';

const MESSAGE = [
  'INVITE sip:bob@example.org SIP/2.0',
  'Via: SIP/2.0/UDP a.example.org;branch=z9hG4bK1',
  'v: SIP/2.0/UDP b.example.org;branch=z9hG4bK0',
  'From: "A \t folded"',
  '  <sip:alice@example.org>;tag=1',
  't: <sip:bob@example.org>',
  'Call-ID: c1',
  'CSeq: 1 INVITE',
  'X-Odd :  value ',
  'c: text/plain',
  'l: 5',
  '',
  'hello',
].join('\r\n');

const edited = (changes: SipChanges, message = MESSAGE): string => {
  const result = editSip(Buffer.from(message), changes);
  assert.ok(result.ok, result.ok ? '' : result.reason);
  return result.value.toString('latin1');
};

describe('editing a SIP message', () => {
  it('changes nothing when nothing is asked for', () => assert.equal(edited({}), MESSAGE));

  const cases: [sentence: string, changes: SipChanges, from: string, to: string][] = [
    [
      'takes out every line of a header, long and compact',
      { remove: ['VIA'] },
      'Via: SIP/2.0/UDP a.example.org;branch=z9hG4bK1\r\nv: SIP/2.0/UDP b.example.org;branch=z9hG4bK0\r\n',
      '',
    ],
    [
      'takes out a folded header whole',
      { remove: ['from'] },
      'From: "A \t folded"\r\n  <sip:alice@example.org>;tag=1\r\n',
      '',
    ],
    [
      'replaces in place',
      { set: [['Content-Type', 'application/sdp']] },
      'c: text/plain',
      'Content-Type: application/sdp',
    ],
    [
      'replaces the first line and drops the others',
      { set: [['Via', 'x']] },
      'Via: SIP/2.0/UDP a.example.org;branch=z9hG4bK1\r\nv: SIP/2.0/UDP b.example.org;branch=z9hG4bK0\r\n',
      'Via: x\r\n',
    ],
    ['puts a new header last', { set: [['X-New', 'ü']] }, 'l: 5\r\n', 'l: 5\r\nX-New: Ã¼\r\n'],
    [
      'replaces the body and tells its length',
      { body: Buffer.from('hi') },
      'l: 5\r\n\r\nhello',
      'Content-Length: 2\r\n\r\nhi',
    ],
    ['knows a name with blanks before its colon', { remove: ['x-odd'] }, 'X-Odd :  value \r\n', ''],
  ];
  for (const [sentence, changes, from, to] of cases)
    it(sentence, () => {
      assert.ok(MESSAGE.includes(from));
      assert.equal(
        edited(changes),
        MESSAGE.replace(from, () => to),
      );
    });

  it('adds the empty line and the length where there was neither', () => {
    const cut = MESSAGE.slice(0, MESSAGE.indexOf('\r\nc: text'));
    const whole = edited({ body: Buffer.from('abc') }, cut);
    assert.ok(whole.endsWith('X-Odd :  value \r\nContent-Length: 3\r\n\r\nabc'), whole);
    const read = parseSip(Buffer.from(whole));
    assert.ok(read.ok && read.value.body.toString() === 'abc');
  });

  it('leaves line ends of other kinds as they are', () => {
    const plain = MESSAGE.replaceAll('\r\n', '\n');
    assert.equal(edited({ remove: ['x-odd'] }, plain), plain.replace('X-Odd :  value \n', ''));
  });

  for (const [value, name] of [
    ['a\r\nX-More: 1', 'X-New'],
    ['a\rb', 'X-New'],
    ['a\0', 'X-New'],
    ['a', 'X New'],
    ['a', 'X:'],
    ['a', ''],
  ])
    it(`refuses ${JSON.stringify(name)}: ${JSON.stringify(value)}`, () => {
      assert.equal(editSip(Buffer.from(MESSAGE), { set: [[name ?? '', value ?? '']] }).ok, false);
    });

  it('refuses what is no message', () => assert.equal(editSip(Buffer.from('hello\r\n\r\n'), {}).ok, false));
});
