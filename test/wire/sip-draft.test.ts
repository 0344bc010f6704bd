import assert from 'node:assert/strict';
import fc from 'fast-check';
import { SipDraft } from '../../src/wire/sip-draft.ts';
import { parseSip } from '../../src/wire/sip.ts';
import { describeWithData, listData, readData } from '../support/data.ts';

const MESSAGE = [
  'INVITE sip:a@b SIP/2.0',
  'v: SIP/2.0/UDP one;branch=1,',
  '  SIP/2.0/UDP two;branch=2',
  'Via: SIP/2.0/UDP three;branch=3',
  'FROM \t:  "a, b" <sip:a@b;x=1,2>;tag=1',
  't: <sip:c@d>',
  'Call-ID: x',
  'CSeq: 1 INVITE',
  'Route: <sip:r1;lr>, <sip:r2,x;lr>',
  'Content-Length: 4',
  '',
  'body',
].join('\r\n');

/** The message after a change. */
function changed(change: (draft: SipDraft) => unknown, text = MESSAGE): string {
  const read = SipDraft.of(Buffer.from(text));
  assert.ok(read.ok);
  change(read.value);
  return read.value.bytes().toString();
}

describe('wire: a SIP message being changed', () => {
  it('leaves every byte as it came', () => {
    assert.equal(
      changed(() => undefined),
      MESSAGE,
    );
    const odd = MESSAGE.replaceAll('\r\n', '\n');
    assert.equal(changed(() => undefined, odd).replaceAll('\r\n', '\n'), odd);
  });

  it('reads values across lines, folds and compact names', () => {
    const read = SipDraft.of(Buffer.from(MESSAGE));
    assert.ok(read.ok);
    assert.deepEqual(read.value.values('via'), [
      'SIP/2.0/UDP one;branch=1',
      'SIP/2.0/UDP two;branch=2',
      'SIP/2.0/UDP three;branch=3',
    ]);
    assert.deepEqual(read.value.values('Route'), ['<sip:r1;lr>', '<sip:r2,x;lr>']);
    assert.deepEqual(read.value.values('from'), ['"a, b" <sip:a@b;x=1,2>;tag=1']);
    assert.equal(read.value.count('Via'), 2);
  });

  for (const [sentence, change, before, after] of [
    ['a line before its kin', (d: SipDraft) => d.prepend('Via', 'new'), 'v: SIP', 'Via: new\r\nv: SIP'],
    [
      'a line before all, where there is no kin',
      (d: SipDraft) => d.prepend('Record-Route', '<sip:x>'),
      'v: SIP',
      'Record-Route: <sip:x>\r\nv: SIP',
    ],
    ['the first value gone', (d: SipDraft) => d.drop('Via', 1), 'v: SIP/2.0/UDP one;branch=1,\r\n  SIP', 'v: SIP'],
    [
      'two values gone, a whole line',
      (d: SipDraft) => d.drop('Via', 2),
      'v: SIP/2.0/UDP one;branch=1,\r\n  SIP/2.0/UDP two;branch=2\r\n',
      '',
    ],
    ['more gone than there are', (d: SipDraft) => d.drop('Route', 9), 'Route: <sip:r1;lr>, <sip:r2,x;lr>\r\n', ''],
    ['one of two gone', (d: SipDraft) => d.drop('Route', 1), '<sip:r1;lr>, ', ''],
    ['another request URI', (d: SipDraft) => d.uri('sip:new@x'), 'sip:a@b SIP', 'sip:new@x SIP'],
    ['a value in its place', (d: SipDraft) => d.set('To', '<sip:e@f>'), 't: <sip:c@d>', 'To: <sip:e@f>'],
    [
      'a new header at the end',
      (d: SipDraft) => d.set('Max-Forwards', '70'),
      'Content-Length: 4\r\n',
      'Content-Length: 4\r\nMax-Forwards: 70\r\n',
    ],
    [
      'another body',
      (d: SipDraft) => d.body(Buffer.from('longer')),
      'Content-Length: 4\r\n\r\nbody',
      'Content-Length: 6\r\n\r\nlonger',
    ],
    ['headers gone', (d: SipDraft) => d.remove('route', 'x'), /Route[^\r]*\r\n/, ''],
  ] as const)
    it(sentence, () => {
      const expected = MESSAGE.replace(before, () => after);
      const result = changed(change);
      assert.equal(result, expected);
      assert.ok(parseSip(Buffer.from(result)).ok);
    });

  it('lets nobody put a line in by a value', () => {
    for (const value of ['a\r\nX: 1', 'a\nb', 'a\0'])
      for (const change of [
        (d: SipDraft) => d.set('X', value),
        (d: SipDraft) => d.prepend('Via', value),
        (d: SipDraft) => d.uri(value),
      ])
        assert.throws(() => changed(change), RangeError);
  });

  it('takes any values off and puts them on again', () => {
    const value = fc.stringMatching(/^<sip:[a-z0-9,;]{1,10}>$/);
    fc.assert(
      fc.property(
        fc.array(fc.array(value, { minLength: 1, maxLength: 4 }), { maxLength: 4 }),
        fc.nat(8),
        (lines, count) => {
          const text = `ACK sip:a SIP/2.0\r\n${lines.map((values) => `Route: ${values.join(', ')}\r\n`).join('')}X: y\r\n\r\n`;
          const after = SipDraft.of(Buffer.from(changed((draft) => draft.drop('Route', count), text)));
          assert.ok(after.ok);
          assert.deepEqual(after.value.values('Route'), lines.flat().slice(count));
        },
      ),
    );
  });

  describeWithData('the torture messages of RFC 4475', 'rfc4475', () => {
    it('come out as they went in, or are refused', () => {
      for (const file of listData('rfc4475/valid')) {
        const bytes = readData(file);
        const read = SipDraft.of(bytes);
        if (read.ok) assert.ok(read.value.bytes().includes(bytes.subarray(bytes.indexOf('SIP/2.0'))), file);
      }
    });
  });
});
