import assert from 'node:assert/strict';
import {
  contentOf,
  derContext,
  derNull,
  derOctets,
  derOid,
  derSequence,
  derSetOf,
  derSmall,
  derTime,
  derValue,
  Faults,
  octetsOf,
  oid,
  readBer,
  readDer,
  TAG,
  timeOf,
  wholeOf,
} from '../../src/crypto/der.ts';
import { randomFrom } from '../fuzz/mutations.ts';
import { value } from '../support/pki.ts';

const hex = (text: string): Buffer => Buffer.from(text.replace(/\s/g, ''), 'hex');

describe('DER', () => {
  const OIDS = [
    ['1.2.840.113549.1.7.2', '2a864886f70d010702'],
    ['2.16.840.1.101.3.4.1.46', '60864801650304012e'],
    ['2.5.29.15', '551d0f'],
    ['2.999.3', '883703'],
  ] as const;
  for (const [dotted, expected] of OIDS)
    it(`writes ${dotted}`, () => {
      assert.equal(oid(dotted), expected);
      assert.equal(contentOf(value(readDer(derOid(expected)))).toString('hex'), expected);
    });

  for (const length of [0, 1, 127, 128, 255, 256, 65_535, 65_536])
    it(`writes ${length} octets with the shortest length, and reads them`, () => {
      const node = value(readDer(derOctets(Buffer.alloc(length, 7))));
      assert.equal(contentOf(node).length, length);
      assert.equal(wholeOf(node).length - length, length < 128 ? 2 : length < 256 ? 3 : length < 65_536 ? 4 : 5);
    });

  it('puts the members of a set in order', () => {
    assert.deepEqual(derSetOf(derSmall(200), derNull(), derSmall(2)), hex('3109 020102 020200c8 0500'));
  });

  const BER = [
    ['an indefinite length', '3080 020101 0000', true],
    ['one within another', '3080 3080 0000 0000', true],
    ['a length longer than need be', '3081 03 020101', true],
    ['a string in pieces', '2406 0401aa 0401bb', true],
    ['no end of an indefinite length', '3080 020101', false],
    ['an indefinite length on a primitive value', '0480 0000', false],
    ['a value longer than what holds it', '3003 0205 01', false],
    ['a value longer than the input', '0405 0102', false],
    ['octets after the end', '020101 00', false],
    ['a high tag', '1f8101 00', false],
    ['a length of five octets', '0485 0000000001 aa', false],
    ['nothing', '', false],
    ['half a header', '30', false],
  ] as const;
  for (const [what, bytes, ok] of BER)
    it(`${what}: ${ok ? 'BER, not DER' : 'neither'}`, () => {
      assert.equal(readBer(hex(bytes)).ok, ok);
      assert.equal(readDer(hex(bytes)).ok, false);
    });

  it('joins a string that came in pieces', () => {
    const node = value(readBer(hex('2480 0401aa 2480 0402bbcc 0000 0000')));
    assert.deepEqual(octetsOf(node, TAG.octetString), hex('aabbcc'));
    assert.equal(octetsOf(value(readBer(hex('2403 020101'))), TAG.octetString), null);
  });

  it('refuses what nests deeper than 32, and what has more than 200,000 values, in linear time', () => {
    let nested: Buffer = derNull();
    for (let i = 0; i < 40; i++) nested = derSequence(nested);
    assert.equal(readBer(nested).ok, false);
    assert.equal(readBer(hex('3080'.repeat(100_000))).ok, false);
    assert.equal(readBer(derSequence(Buffer.alloc(800_000, Buffer.from('0500', 'hex')))).ok, false);
  });

  it('the first fault of a structure is the one that is told, and all after it is empty', () => {
    const faults = new Faults();
    const fields = faults.fields(value(readDer(derSequence(derSmall(3), derNull()))), TAG.sequence, 'thing');
    assert.equal(fields.small(), 3);
    assert.equal(fields.oid(), '');
    assert.equal(fields.open(TAG.sequence).oid(), '');
    fields.end();
    assert.deepEqual(faults.first, { ok: false, reason: 'thing: a field is missing or of another type', offset: 5 });
  });

  it('integers are of the shortest form', () => {
    for (const bytes of ['0200', '0202 0001', '0202 ff80', '0205 0100000000', '0201 80']) {
      const faults = new Faults();
      faults.fields(value(readDer(derSequence(hex(bytes)))), TAG.sequence, 'thing').small();
      assert.notEqual(faults.first, null, bytes);
    }
  });

  it('[n] EXPLICIT holds one value', () => {
    const faults = new Faults();
    faults.fields(value(readDer(derSequence(derContext(0)))), TAG.sequence, 'thing').explicit(0);
    assert.notEqual(faults.first, null);
  });

  const TIMES = [
    ['UTC, this century', derTime(Date.parse('2049-12-31T23:59:59Z')), '2049-12-31T23:59:59Z'],
    ['UTC, the last one', derTime(Date.parse('1950-01-01T00:00:00Z')), '1950-01-01T00:00:00Z'],
    ['generalized from 2050 on', derTime(Date.parse('2050-01-01T00:00:00Z')), '2050-01-01T00:00:00Z'],
    ['no seconds', derValue(TAG.utcTime, Buffer.from('2611281200Z')), null],
    ['an offset', derValue(TAG.utcTime, Buffer.from('261128120000+0100')), null],
    ['the 30th of February', derValue(TAG.utcTime, Buffer.from('260230120000Z')), null],
    ['25 o’clock', derValue(TAG.utcTime, Buffer.from('261128250000Z')), null],
    ['a fraction', derValue(TAG.generalizedTime, Buffer.from('20261128120000.5Z')), null],
    ['another type', derOctets(Buffer.from('261128120000Z')), null],
  ] as const;
  for (const [what, der, expected] of TIMES)
    it(`time: ${what}`, () => {
      assert.equal(timeOf(value(readDer(der))), expected === null ? null : Date.parse(expected));
    });

  it('random octets and mutations never throw', () => {
    const random = randomFrom(7);
    const rounds = process.env['RINGFENCE_LONG'] === '1' ? 200_000 : 5_000;
    const whole = derSequence(
      derSetOf(derSmall(1), derOid(oid('2.5.29.15'))),
      derContext(2, derOctets(Buffer.alloc(20))),
    );
    for (let i = 0; i < rounds; i++) {
      const bytes =
        i % 2 === 0 ? Buffer.from(whole) : Buffer.from(Array.from({ length: random(40) }, () => random(256)));
      if (bytes.length > 0) bytes[random(bytes.length)] = random(256);
      const read = readBer(bytes);
      if (read.ok) assert.equal(read.value.end, bytes.length);
    }
  });
});
