import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { CallRecord, Disposition } from '../../src/model.ts';
import { Zone } from '../../src/time.ts';
import {
  CDR_FIELDS,
  CdrReader,
  cdrFingerprint,
  cdrIdentity,
  encodeCdr,
  type CdrItem,
  type CdrReaderOptions,
} from '../../src/wire/cdr.ts';
import { cpuTime } from '../support/cpu-time.ts';

const LONG = process.env['RINGFENCE_LONG'] !== undefined;
const BERLIN = new Zone('Europe/Berlin');
const UTC: CdrReaderOptions = { zone: BERLIN, utc: true };
const at = (text: string): number => Date.parse(`${text.replace(' ', 'T')}Z`);

/** Asterisk 22's own row, and one of an unanswered call. */
const REAL =
  '"acct100","100","101","from-internal","""Alice"" <100>","PJSIP/100-00000000","PJSIP/101-00000001","Dial","PJSIP/101,30","2026-11-21 18:30:03","2026-11-21 18:30:03","2026-11-21 18:30:04",1,1,"ANSWERED","DOCUMENTATION","1795285803.0","ip=127.0.0.1","acct100","1795285803.0",0\n';
const MISSED =
  '"","100","0037120000000","from-internal","""Alice"" <100>","PJSIP/100-00000002","","Dial","PJSIP/0037120000000@trunk,30","2026-11-21 18:31:00",,"2026-11-21 18:31:20",20,0,"NO ANSWER","DOCUMENTATION","1795285860.2",""\n';
const RECORD: CallRecord = {
  accountcode: 'acct100',
  src: '100',
  dst: '101',
  dcontext: 'from-internal',
  clid: '"Alice" <100>',
  channel: 'PJSIP/100-00000000',
  dstchannel: 'PJSIP/101-00000001',
  lastapp: 'Dial',
  lastdata: 'PJSIP/101,30',
  start: at('2026-11-21 18:30:03'),
  answer: at('2026-11-21 18:30:03'),
  end: at('2026-11-21 18:30:04'),
  duration: 1,
  billsec: 1,
  disposition: 'ANSWERED',
  amaflags: 'DOCUMENTATION',
  uniqueid: '1795285803.0',
  userfield: 'ip=127.0.0.1',
  linkedid: '1795285803.0',
  sequence: 0,
  peeraccount: 'acct100',
};

const read = (text: string | Buffer, options = UTC): CdrItem[] => {
  const reader = new CdrReader(options);
  return [...reader.push(Buffer.from(text as string)), ...reader.end()];
};
const records = (text: string | Buffer, options = UTC): CallRecord[] =>
  read(text, options).flatMap((item) => (item.ok ? [item.record] : []));
/** `record uniqueid` or `refused reason`, for each item. */
const told = (items: readonly CdrItem[]): string[] =>
  items.map((item) => (item.ok ? item.record.uniqueid : `refused: ${item.reason}`));

describe('wire/cdr: rows', () => {
  it("reads Asterisk's own rows", () => {
    assert.deepEqual(records(REAL), [RECORD]);
    const [missed] = records(MISSED);
    assert.ok(missed !== undefined);
    assert.deepEqual(
      [missed.answer, missed.disposition, missed.duration, missed.billsec, missed.dstchannel, missed.end],
      [null, 'NO ANSWER', 20, 0, '', at('2026-11-21 18:31:20')],
    );
    assert.deepEqual([missed.userfield, missed.linkedid, missed.peeraccount, missed.sequence], ['', '', '', null]);
    assert.deepEqual(JSON.parse(JSON.stringify(RECORD)), RECORD);
  });

  it("reads a caller's name with commas, quotes, backslashes and umlauts as Asterisk 22 wrote it, user field off", () => {
    const row = String.raw`"acct,1","100","600","from-internal","""Jürgen, \""x\"" Groß"" <100>","Local/600@from-internal-00000000;1","","Wait","1","2026-11-23 00:33:44","2026-11-23 00:33:44","2026-11-23 00:33:45",1,1,"ANSWERED","DOCUMENTATION","1795394024.0"`;
    const [record] = records(`${row}\n`);
    assert.ok(record !== undefined);
    assert.deepEqual(
      [record.accountcode, record.clid, record.lastdata, record.uniqueid, record.userfield],
      ['acct,1', String.raw`"Jürgen, \"x\" Groß" <100>`, '1', '1795394024.0', ''],
    );
  });

  const variants: [
    sentence: string,
    format: { uniqueid: boolean; userfield: boolean; newColumns: boolean },
    count: number,
  ][] = [
    ['neither', { uniqueid: false, userfield: false, newColumns: false }, 16],
    ['loguniqueid', { uniqueid: true, userfield: false, newColumns: false }, 17],
    ['loguserfield', { uniqueid: false, userfield: true, newColumns: false }, 17],
    ['loguniqueid, loguserfield', { uniqueid: true, userfield: true, newColumns: false }, 18],
    ['newcdrcolumns', { uniqueid: false, userfield: false, newColumns: true }, 19],
    ['loguniqueid, newcdrcolumns', { uniqueid: true, userfield: false, newColumns: true }, 20],
    ['loguserfield, newcdrcolumns', { uniqueid: false, userfield: true, newColumns: true }, 20],
    ['loguniqueid, loguserfield, newcdrcolumns', { uniqueid: true, userfield: true, newColumns: true }, 21],
  ];
  for (const [sentence, format, count] of variants)
    for (const userfield of ['ip=127.0.0.1', ''])
      it(`reads ${count} columns: ${sentence}; user field "${userfield}"`, () => {
        const record = { ...RECORD, userfield };
        const row = encodeCdr(record, { ...format, utc: true, zone: BERLIN });
        assert.equal(row.split(/,(?![0-9]{2}")/).length, count);
        const lost = {
          ...(format.uniqueid ? {} : { uniqueid: '' }),
          ...(format.userfield ? {} : { userfield: '' }),
          ...(format.newColumns ? {} : { peeraccount: '', linkedid: '', sequence: null }),
        };
        assert.deepEqual(records(row), [{ ...record, ...lost }]);
      });

  it('writes the row that Asterisk writes', () => {
    assert.equal(
      encodeCdr(RECORD, { utc: true, zone: BERLIN, uniqueid: true, userfield: true, newColumns: true }),
      REAL,
    );
  });

  const odd: [sentence: string, change: (row: string) => string, expected: Partial<CallRecord>][] = [
    ['CRLF line ends', (row) => row.replace('\n', '\r\n'), {}],
    ['no line end at the end', (row) => row.trimEnd(), {}],
    ['empty lines about it', (row) => `\n\r\n${row}\n`, {}],
    [
      'a unique id with a system name',
      (row) => row.replaceAll('"1795285803.0"', '"pbx-a-1795285803.0"'),
      { uniqueid: 'pbx-a-1795285803.0', linkedid: 'pbx-a-1795285803.0' },
    ],
    ['an unknown disposition', (row) => row.replace('ANSWERED', 'ELSEWHERE'), { disposition: 'UNKNOWN' }],
    ['CONGESTION', (row) => row.replace('ANSWERED', 'CONGESTION'), { disposition: 'CONGESTION' }],
    ['quoted numbers', (row) => row.replace(',1,1,', ',"1","1",'), {}],
    ['counts below zero', (row) => row.replace(',1,1,', ',-3,-3,'), { duration: 0, billsec: 0 }],
    ['no end', (row) => row.replace('"2026-11-21 18:30:04"', ''), {}],
    [
      "a database's date for none",
      (row) => row.replace('03","2026-11-21 18:30:03","', '03","0000-00-00 00:00:00","'),
      { answer: null },
    ],
    ['fractions of a second', (row) => row.replaceAll(/(:0\d)"/g, '$1.123456"'), {}],
    ['UTF-8', (row) => row.replace('Alice', 'Jürgen ☎'), { clid: '"Jürgen ☎" <100>' }],
    ['a comma and a line end in quotes', (row) => row.replace('Alice', 'A,\n\nB'), { clid: '"A,\n\nB" <100>' }],
    [
      'a line end in quotes, CRLF',
      (row) => row.replace('Alice', 'A\r\nB').replace(/\n$/, '\r\n'),
      { clid: '"A\r\nB" <100>' },
    ],
    ['only quotes in a field', (row) => row.replace('"""Alice"" <100>"', '""""""'), { clid: '""' }],
  ];
  for (const [sentence, change, expected] of odd)
    it(`reads ${sentence}`, () => {
      assert.deepEqual(records(change(REAL)), [{ ...RECORD, ...expected }]);
    });

  it('reads bytes that are no UTF-8 as ISO 8859-1', () => {
    assert.equal(records(Buffer.from(REAL.replace('Alice', 'Jürgen'), 'latin1'))[0]?.clid, '"Jürgen" <100>');
  });

  it('gives back any record that was written', () => {
    const text = fc.string({ unit: fc.constantFrom('a', '1', '"', ',', ' ', 'ü', '\\', '☎', ';', "'"), maxLength: 12 });
    const instant = fc.integer({ min: at('2001-09-09 02:00:00') / 1000, max: at('2100-01-01 00:00:00') / 1000 });
    const record = fc
      .record({
        ...(Object.fromEntries(CDR_FIELDS.map((field) => [field, text])) as Record<
          (typeof CDR_FIELDS)[number],
          typeof text
        >),
        start: instant,
        wait: fc.option(fc.integer({ min: 0, max: 60 })),
        duration: fc.integer({ min: 60, max: 100_000 }),
        disposition: fc.constantFrom<Disposition>('ANSWERED', 'NO ANSWER', 'BUSY', 'FAILED', 'CONGESTION'),
        sequence: fc.nat(),
      })
      .map(({ wait, ...rest }): CallRecord => {
        const end = rest.start + rest.duration;
        return {
          ...rest,
          start: rest.start * 1000,
          answer: wait === null ? null : (rest.start + wait) * 1000,
          end: end * 1000,
          billsec: wait === null ? 0 : rest.duration - wait,
          uniqueid: `${rest.start}.${rest.sequence}`,
        };
      });
    const format = fc.record({
      utc: fc.boolean(),
      zone: fc.constantFrom(BERLIN, new Zone('America/New_York'), new Zone('UTC')),
    });
    fc.assert(
      fc.property(record, format, (one, { utc, zone }) => {
        const row = encodeCdr(one, { utc, zone, uniqueid: true, userfield: true, newColumns: true });
        assert.deepEqual(records(row, { utc, zone }), [one]);
      }),
      { numRuns: LONG ? 100_000 : 2_000 },
    );
  });
});

describe('wire/cdr: exports with a header line', () => {
  it('skips a header in the usual order', () => {
    const reader = new CdrReader(UTC);
    const items = reader.push(Buffer.from(`${CDR_FIELDS.join(',')}\n${REAL}`));
    assert.deepEqual(told(items), ['1795285803.0']);
    assert.deepEqual(reader.columns, CDR_FIELDS);
  });

  it('follows one in another order, with columns that it does not know, from its middle too', () => {
    const header =
      'calldate,clid,src,dst,dcontext,channel,dstchannel,lastapp,lastdata,duration,billsec,disposition,uniqueid,did\n';
    const row =
      '2026-11-21 18:30:03,"""A"" <100>",100,101,office,PJSIP/100-00000000,,Dial,x,10,4,ANSWERED,1795285803.0,5551\n';
    const reader = new CdrReader(UTC);
    const items = reader.push(Buffer.from(header + row));
    assert.equal(items.length, 1);
    const [item] = items;
    assert.ok(item?.ok);
    const { start, answer, end, src, channel, clid, uniqueid } = item.record;
    assert.deepEqual([src, channel, clid, uniqueid], ['100', 'PJSIP/100-00000000', '"A" <100>', '1795285803.0']);
    assert.deepEqual(
      [start, answer, end].map((time) => (time ?? 0) - at('2026-11-21 18:30:03')),
      [0, 6_000, 10_000],
    );
    const again = new CdrReader({ ...UTC, startOffset: item.bytes, columns: reader.columns ?? [] });
    const [next] = again.push(Buffer.from(row));
    assert.ok(next?.ok);
    assert.deepEqual([next.record, next.offset], [item.record, item.bytes]);
  });
});

describe('wire/cdr: lines', () => {
  const refusals: [sentence: string, line: string, reason: RegExp][] = [
    ['garbage', 'hello world', /1 columns; Master.csv has 16 to 21/],
    ['too few columns', '"a","b",3', /3 columns/],
    ['far too many columns', ','.repeat(500), /too many columns/],
    ['a quote inside a field', REAL.trimEnd().replace('"100"', '"1"00"'), /quote inside a field/],
    ['a quote inside a bare field', 'a"b', /quote inside a field/],
    ['a quote that is never closed', '"acct100","100","10', /quote is not closed/],
    [
      'a start that is no date',
      REAL.trimEnd().replace('2026-11-21 18:30:03', '2026-02-30 18:30:03'),
      /start is not a date/,
    ],
    [
      'an answer that is no date',
      REAL.trimEnd().replace('"2026-11-21 18:30:03","2026-11-21 18:30:04"', '"soon","2026-11-21 18:30:04"'),
      /answer is not a date/,
    ],
    [
      'an end that is no date',
      REAL.trimEnd().replace('2026-11-21 18:30:04', '2026-11-21 25:30:04'),
      /end is not a date/,
    ],
    ['a duration that is no number', REAL.trimEnd().replace(',1,1,', ',x,1,'), /duration is not a number/],
    ['an empty billsec', REAL.trimEnd().replace(',1,1,', ',1,,'), /billsec is not a number/],
    ['a line above 64 KiB', `"${'x'.repeat(65_600)}"`, /longer than 65536 bytes/],
    ['an open quote and then a line above 64 KiB', `"x\n${'y'.repeat(65_600)}`, /quote is not closed/],
    ['NUL bytes', '\0'.repeat(100), /NUL bytes/],
  ];
  for (const [sentence, line, reason] of refusals)
    it(`refuses ${sentence}, says where, and loses neither neighbour`, () => {
      const items = read(`${REAL}${line}\n${MISSED}`);
      assert.match(items[1]?.ok === false ? items[1].reason : '', reason);
      assert.equal(items[1]?.offset, REAL.length);
      assert.equal(items[1].line, 2);
      const last = items.at(-1);
      assert.ok(items[0]?.ok && last?.ok);
      assert.deepEqual([items[0].record.uniqueid, last.record.uniqueid], ['1795285803.0', '1795285860.2']);
      assert.equal(last.bytes, REAL.length + line.length + 1 + MISSED.length);
      assert.equal(items.filter((item) => item.ok).length, 2);
    });

  it('tells a row that stands behind a torn one, wherever that was cut', () => {
    const whole = REAL.trimEnd();
    for (let cut = 1; cut < whole.length; cut++) {
      const items = read(whole.slice(0, cut) + MISSED + REAL);
      const ids = items.flatMap((item) => (item.ok ? [item.record.uniqueid] : []));
      assert.deepEqual(ids, ['1795285860.2', '1795285803.0'], `cut at ${cut}`);
      // Cut behind the first field: `"acct100"` and `""` make one field with a quote in it, nothing tells them apart.
      if (cut === '"acct100"'.length) continue;
      const [torn, next] = items;
      assert.ok(torn?.ok === false && torn.reason.startsWith('a torn row'), `cut at ${cut}`);
      assert.deepEqual([torn.offset, torn.bytes, next?.offset], [0, cut, cut], `cut at ${cut}`);
    }
  });

  it('waits for the rest of a torn last line, and knows from where to read again', () => {
    const reader = new CdrReader({ ...UTC, startOffset: 5_000 });
    const bytes = Buffer.from(REAL + MISSED);
    assert.deepEqual(told(reader.push(bytes.subarray(0, REAL.length + 30))), ['1795285803.0']);
    assert.equal(reader.position, 5_000 + REAL.length);
    assert.deepEqual(told(reader.push(bytes.subarray(REAL.length + 30, -1))), []);
    assert.equal(reader.position, 5_000 + REAL.length);
    const [item] = reader.push(bytes.subarray(-1));
    assert.deepEqual([item?.offset, item?.bytes, item?.line], [5_000 + REAL.length, 5_000 + bytes.length, 2]);
    assert.equal(reader.position, 5_000 + bytes.length);
    assert.deepEqual(reader.end(), []);
  });

  it('may be taken up after any item', () => {
    const text = Buffer.from(
      `${REAL}junk\n${MISSED}"open\n${REAL}${REAL.trimEnd().slice(0, 60)}${MISSED}\0\0\0${REAL}`,
    );
    const all = read(text);
    for (const [i, { bytes }] of all.entries()) {
      const reader = new CdrReader({ ...UTC, startOffset: bytes });
      const rest = [...reader.push(text.subarray(bytes)), ...reader.end()];
      const bare = ({ line: _, ...item }: CdrItem) => item;
      assert.deepEqual(rest.map(bare), all.slice(i + 1).map(bare));
    }
  });

  const pieces = fc.constantFrom(
    ...[REAL, MISSED, REAL.replace('Alice', 'A\nB'), MISSED.replace('\n', '\r\n'), REAL.replace('Alice', 'Jürgen ☎')],
    ...[REAL.slice(0, 100), '"', '""', '\n', '\r\n', '\0\0', ',', 'junk\n', '"open\n', 'x'.repeat(70_000), '"a","b\n'],
  );
  it('gives the same records at the same places for any split of the bytes', () => {
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 12 }), fc.array(fc.nat(), { maxLength: 12 }), (parts, cuts) => {
        const bytes = Buffer.from(parts.join(''));
        const edges = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
        const reader = new CdrReader(UTC);
        const many = edges.slice(1).flatMap((edge, i) => reader.push(bytes.subarray(edges[i], edge)));
        assert.deepEqual([...many, ...reader.end()], read(bytes));
      }),
      { numRuns: LONG ? 20_000 : 1_000 },
    );
  });

  it('gives the same byte by byte', () => {
    const bytes = Buffer.from(
      `${REAL}${REAL.replace('Alice', 'Jü\nrgen')}"torn\n${MISSED}\0\0${REAL.slice(0, 90)}${MISSED}`,
    );
    const reader = new CdrReader(UTC);
    assert.deepEqual([...[...bytes].flatMap((byte) => reader.push(Buffer.of(byte))), ...reader.end()], read(bytes));
  });

  it('never throws, and never loses a row behind a mutated one', () => {
    const seed = Buffer.from(REAL + MISSED);
    const anchor = Buffer.from(`\n${REAL}`);
    let state = 99;
    const random = (below: number): number => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((state / 0x1_0000_0000) * below);
    };
    const zone = new Zone('America/New_York');
    for (let round = 0; round < (LONG ? 2_000_000 : 200_000); round++) {
      const bytes = Buffer.concat([seed, anchor]);
      const interesting = [34, 44, 10, 13, 0, 45, 58, 255];
      for (let n = 1 + random(6); n > 0; n--)
        bytes[random(seed.length)] = random(2) === 0 ? (interesting[random(8)] ?? 0) : random(256);
      const reader = new CdrReader({ zone, utc: random(2) === 0 });
      const items = reader.push(bytes);
      const last = items.at(-1);
      assert.ok(
        last?.ok === true && last.bytes === bytes.length && last.record.uniqueid === '1795285803.0',
        bytes.toString(),
      );
    }
  }).timeout(LONG ? 600_000 : 60_000);

  it('never throws on random bytes, in bounded time', () => {
    let state = 7;
    const noise = Buffer.alloc(1 << 20);
    for (let i = 0; i < noise.length; i++) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      noise[i] = state >>> 24 < 60 ? ([34, 10, 44][state % 3] ?? 0) : state >>> 24;
    }
    for (const bytes of [
      noise,
      Buffer.alloc(1 << 20, '"'),
      Buffer.alloc(1 << 20, '"\n'),
      Buffer.alloc(1 << 20, ',"\n'),
      Buffer.alloc(1 << 20, '"a","'),
    ]) {
      const started = cpuTime();
      assert.ok(read(bytes).every((item) => !item.ok));
      assert.ok(cpuTime() - started < 3_000);
    }
  });
});

describe('wire/cdr: identity', () => {
  it('is unique id and sequence where both are logged', () => {
    assert.equal(cdrIdentity(RECORD), '1795285803.0|0');
    assert.notEqual(cdrIdentity(RECORD), cdrIdentity({ ...RECORD, sequence: 1 }));
  });
  it('tells the two rows of a failed Dial apart without a sequence', () => {
    const first = { ...RECORD, sequence: null };
    assert.equal(cdrIdentity(first), cdrIdentity({ ...first }));
    assert.notEqual(cdrIdentity(first), cdrIdentity({ ...first, dstchannel: '' }));
  });
  it('needs no unique id', () => {
    const first = { ...RECORD, uniqueid: '', sequence: null };
    assert.notEqual(cdrIdentity(first), cdrIdentity({ ...first, start: first.start + 1_000 }));
    assert.notEqual(cdrIdentity(first), cdrIdentity({ ...first, channel: 'PJSIP/100-00000007' }));
  });
  it('has a fingerprint that does not depend on the optional columns', () => {
    const bare = { ...RECORD, uniqueid: '', userfield: '', linkedid: '', peeraccount: '', sequence: null };
    assert.equal(cdrFingerprint(bare), cdrFingerprint(RECORD));
  });
});
