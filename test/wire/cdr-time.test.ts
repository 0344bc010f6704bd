import assert from 'node:assert/strict';
import type { CallRecord } from '../../src/model.ts';
import { HOUR, MINUTE, SECOND, Zone } from '../../src/time.ts';
import { AmiFramer } from '../../src/wire/ami.ts';
import { cdrFingerprint, cdrFromAmi, CdrReader, encodeCdr, type CdrFormat } from '../../src/wire/cdr.ts';
import { readWall, uniqueidTime } from '../../src/wire/cdr-time.ts';

const BERLIN = new Zone('Europe/Berlin');
const NEW_YORK = new Zone('America/New_York');
const iso = (time: number | null): string => (time === null ? '-' : new Date(time).toISOString().slice(0, 19));

const BASE: CallRecord = {
  accountcode: '',
  src: '100',
  dst: '0037120000000',
  dcontext: 'office',
  clid: '100',
  channel: 'PJSIP/100-00000001',
  dstchannel: 'PJSIP/trunk-00000002',
  lastapp: 'Dial',
  lastdata: '',
  start: 0,
  answer: null,
  end: 0,
  duration: 0,
  billsec: 0,
  disposition: 'NO ANSWER',
  amaflags: 'DOCUMENTATION',
  uniqueid: '',
  userfield: '',
  linkedid: '',
  sequence: null,
  peeraccount: '',
};

/** A call of that many seconds, answered after `wait` of them. */
function call(start: number, duration: number, wait: number | null, created = start): CallRecord {
  return {
    ...BASE,
    start,
    end: start + duration * SECOND,
    duration,
    answer: wait === null ? null : start + wait * SECOND,
    billsec: wait === null ? 0 : duration - wait,
    disposition: wait === null ? 'NO ANSWER' : 'ANSWERED',
    uniqueid: `${created / SECOND}.7`,
  };
}

const local = (zone: Zone, uniqueid: boolean): CdrFormat => ({
  utc: false,
  zone,
  uniqueid,
  userfield: false,
  newColumns: false,
});

function reread(calls: readonly CallRecord[], zone: Zone, uniqueid: boolean): CallRecord[] {
  const reader = new CdrReader({ zone, utc: false });
  const rows = calls.map((one) => encodeCdr(one, local(zone, uniqueid))).join('');
  return reader.push(Buffer.from(rows)).flatMap((item) => (item.ok ? [item.record] : []));
}

/** Instants at which clocks were changed. */
const CHANGES: [name: string, zone: Zone, at: number][] = [
  ['Berlin, October', BERLIN, Date.UTC(2026, 9, 25, 1)],
  ['Berlin, March', BERLIN, Date.UTC(2026, 2, 29, 1)],
  ['New York, November', NEW_YORK, Date.UTC(2026, 10, 1, 6)],
  ['New York, March', NEW_YORK, Date.UTC(2026, 2, 8, 7)],
  ['Lord Howe (half an hour), April', new Zone('Australia/Lord_Howe'), Date.UTC(2026, 3, 4, 15)],
  ['Santiago (midnight), April', new Zone('America/Santiago'), Date.UTC(2026, 3, 5, 3)],
];

describe('wire/cdr: local time', () => {
  for (const [name, zone, at] of CHANGES) {
    const calls: CallRecord[] = [];
    for (let start = at - 4 * HOUR; start <= at + 4 * HOUR; start += 7 * MINUTE + 13 * SECOND)
      for (const duration of [0, 45, 600, 3_599, 3_661, 7_400, 14_000]) {
        calls.push(call(start, duration, null));
        calls.push(call(start, duration, Math.min(20, duration)));
        calls.push(call(start, duration, Math.floor(duration * 0.9)));
      }

    it(`${name}: the unique id tells which of two readings it was, whatever the order of rows`, () => {
      assert.deepEqual(reread(calls, zone, true), calls);
    });

    it(`${name}: without a unique id the order of rows tells`, () => {
      const bare = calls.map((one) => ({ ...one, uniqueid: '' })).sort((a, b) => a.end - b.end);
      assert.deepEqual(reread(bare, zone, false), bare);
    });

    it(`${name}: a later part of a call, whose channel is older, by the order of rows`, () => {
      const parts = calls
        .map((one) => ({ ...one, uniqueid: `${one.start / SECOND - 5_000}.7` }))
        .sort((a, b) => a.end - b.end);
      assert.deepEqual(reread(parts, zone, true), parts);
    });
  }

  const table: [sentence: string, zone: Zone, row: string, expected: string][] = [
    [
      'winter',
      BERLIN,
      '"2026-01-10 12:00:00",,"2026-01-10 12:00:10",10,0',
      '2026-01-10T11:00:00 - 2026-01-10T11:00:10',
    ],
    [
      'summer',
      NEW_YORK,
      '"2026-07-10 23:59:55","2026-07-10 23:59:59","2026-07-11 00:00:09",14,10',
      '2026-07-11T03:59:55 2026-07-11T03:59:59 2026-07-11T04:00:09',
    ],
    [
      'set forward within the call',
      BERLIN,
      '"2026-03-29 01:50:00","2026-03-29 03:05:00","2026-03-29 03:10:00",1200,300',
      '2026-03-29T00:50:00 2026-03-29T01:05:00 2026-03-29T01:10:00',
    ],
    [
      'set back within the call',
      BERLIN,
      '"2026-10-25 01:50:00","2026-10-25 02:55:00","2026-10-25 02:10:00",4800,900',
      '2026-10-24T23:50:00 2026-10-25T00:55:00 2026-10-25T01:10:00',
    ],
    [
      'set back, answered after it',
      BERLIN,
      '"2026-10-25 02:50:00","2026-10-25 02:05:00","2026-10-25 02:10:00",1200,300',
      '2026-10-25T00:50:00 2026-10-25T01:05:00 2026-10-25T01:10:00',
    ],
    [
      'New York set back within the call',
      NEW_YORK,
      '"2026-11-01 01:50:00","2026-11-01 01:20:00","2026-11-01 02:10:00",4800,3000',
      '2026-11-01T05:50:00 2026-11-01T06:20:00 2026-11-01T07:10:00',
    ],
    [
      'an hour that came twice, nothing to tell which: the earlier',
      BERLIN,
      '"2026-10-25 02:30:00",,"2026-10-25 02:31:00",60,0',
      '2026-10-25T00:30:00 - 2026-10-25T00:31:00',
    ],
    [
      'an hour that never was: as if the clock had not been set',
      BERLIN,
      '"2026-03-29 02:30:00",,"2026-03-29 02:31:00",60,0',
      '2026-03-29T01:30:00 - 2026-03-29T01:31:00',
    ],
    [
      'a duration that fits nothing',
      BERLIN,
      '"2026-10-25 00:30:00",,"2026-10-25 05:31:00",77,0',
      '2026-10-24T22:30:00 - 2026-10-25T04:31:00',
    ],
  ];
  for (const [sentence, zone, times, expected] of table)
    it(`reads ${sentence}`, () => {
      const row = `"","1","2","c","1","PJSIP/1-00000001","","Dial","",${times},"NO ANSWER","DOCUMENTATION"\n`;
      const [item] = new CdrReader({ zone, utc: false }).push(Buffer.from(row));
      assert.ok(item?.ok);
      assert.equal([item.record.start, item.record.answer, item.record.end].map(iso).join(' '), expected);
    });

  it('takes the hint of the last record before it', () => {
    const later = call(Date.UTC(2026, 9, 25, 1, 30), 60, null);
    const row = encodeCdr(later, local(BERLIN, false));
    const [item] = new CdrReader({ zone: BERLIN, utc: false, lastEnd: later.start - MINUTE }).push(Buffer.from(row));
    assert.ok(item?.ok);
    assert.equal(item.record.start, later.start);
  });

  it('asks no zone where the file is in UTC', () => {
    const one = call(Date.UTC(2026, 9, 25, 0, 30), 60, 5);
    const row = encodeCdr(one, { ...local(BERLIN, true), utc: true });
    const [item] = new CdrReader({ zone: BERLIN, utc: true }).push(Buffer.from(row));
    assert.ok(item?.ok);
    assert.deepEqual(item.record, one);
  });
});

describe('wire/cdr: time of creation in a unique id', () => {
  const table: [uniqueid: string, expected: number | null][] = [
    ['1795285803.0', 1_795_285_803_000],
    ['1795285803.123456', 1_795_285_803_000],
    ['pbx-1795285803.7', 1_795_285_803_000],
    ['pbx-west-1795285803.7', 1_795_285_803_000],
    ['999999999.7', 999_999_999_000],
    ['pbx1795285803.7', null],
    ['1795285803', null],
    ['1795285803.', null],
    ['.7', null],
    ['12.7', null],
    ['17952858031.7', null],
    ['1795285803.7x', null],
    ['my-call-7', null],
    ['', null],
  ];
  for (const [uniqueid, expected] of table)
    it(`"${uniqueid}": ${expected ?? 'none'}`, () => assert.equal(uniqueidTime(uniqueid), expected));
});

describe('wire/cdr: dates', () => {
  const table: [text: string, right: boolean][] = [
    ['2026-11-21 18:30:03', true],
    ['2026-11-21T18:30:03', true],
    ['2028-02-29 00:00:00', true],
    ['2026-12-31 23:59:60', true],
    ['2026-02-29 00:00:00', false],
    ['2026-04-31 00:00:00', false],
    ['2026-13-01 00:00:00', false],
    ['2026-00-01 00:00:00', false],
    ['2026-01-00 00:00:00', false],
    ['1969-12-31 00:00:00', false],
    ['2026-11-21 24:00:00', false],
    ['2026-11-21 18:60:00', false],
    ['2026-11-21 18:30:61', false],
    ['2026/11/21 18:30:03', false],
    ['2026-11-21 18.30.03', false],
    ['2026-11-2x 18:30:03', false],
    ['2026-11-21 18:30:0', false],
    ['', false],
  ];
  for (const [text, right] of table)
    it(`${text}: ${right ? 'a date' : 'none'}`, () => {
      const expected = Date.UTC(
        ...([0, 5, 8, 11, 14, 17].map((i, n) => Number(text.slice(i, i + (i === 0 ? 4 : 2))) - (n === 1 ? 1 : 0)) as [
          number,
          number,
        ]),
      );
      assert.equal(readWall(Buffer.from(text), 0), right ? expected : NaN);
    });
});

describe('wire/cdr: AMI Cdr events', () => {
  /** The event as Asterisk sends it: times on the PBX's wall, no offset. */
  function event(one: CallRecord, pbx: Zone, extra: readonly string[] = []) {
    const wall = (time: number | null): string =>
      time === null ? '' : new Date(time + pbx.offsetAt(time)).toISOString().slice(0, 19).replace('T', ' ');
    const lines = [
      'Event: Cdr',
      'Privilege: cdr,all',
      `AccountCode: ${one.accountcode}`,
      `Source: ${one.src}`,
      `Destination: ${one.dst}`,
      `DestinationContext: ${one.dcontext}`,
      `CallerID: ${one.clid}`,
      `Channel: ${one.channel}`,
      `DestinationChannel: ${one.dstchannel}`,
      `LastApplication: ${one.lastapp}`,
      `LastData: ${one.lastdata}`,
      `StartTime: ${wall(one.start)}`,
      `AnswerTime: ${wall(one.answer)}`,
      `EndTime: ${wall(one.end)}`,
      `Duration: ${one.duration}`,
      `BillableSeconds: ${one.billsec}`,
      `Disposition: ${one.disposition}`,
      `AMAFlags: ${one.amaflags}`,
      `UniqueID: ${one.uniqueid}`,
      `UserField: ${one.userfield}`,
      ...extra,
    ];
    const [item] = new AmiFramer().push(Buffer.from(`${lines.join('\r\n')}\r\n\r\n`));
    assert.ok(item?.kind === 'message');
    return item.message;
  }
  const stamp = (time: number): string =>
    `Timestamp: ${Math.floor(time / SECOND)}.${String(time % SECOND).padStart(3, '0')}513`;
  const value = (...args: Parameters<typeof cdrFromAmi>) => {
    const result = cdrFromAmi(...args);
    assert.ok(result.ok, result.ok ? '' : result.reason);
    return result.value;
  };

  it('maps every header, and those of cdr_manager.conf', () => {
    const one = {
      ...call(Date.UTC(2026, 10, 21, 18, 30, 3), 1, 0),
      accountcode: 'a',
      peeraccount: 'p',
      linkedid: '1795285803.6',
      sequence: 4,
      userfield: 'u',
    };
    const extra = [
      `LinkedID: ${one.linkedid}`,
      'Sequence: 4',
      'PeerAccount: p',
      'SrcIP: 127.0.0.2',
      'SipCallID: x@y',
      stamp(one.end + 890),
    ];
    assert.deepEqual(value(event(one, NEW_YORK, extra), { zone: NEW_YORK }), {
      record: one,
      sourceAddress: '127.0.0.2',
      callId: 'x@y',
    });
    const bare = value(event(one, NEW_YORK), { zone: NEW_YORK });
    assert.deepEqual(
      [bare.sourceAddress, bare.callId, bare.record.linkedid, bare.record.sequence],
      [null, null, '', null],
    );
  });

  const sources: [text: string, expected: string | null][] = [
    ['192.0.2.1:5060', '192.0.2.1'],
    ['2001:DB8::1', '2001:db8::1'],
    ['[2001:db8::1]:5060', '2001:db8::1'],
    ['', null],
    ['unknown', null],
  ];
  for (const [text, expected] of sources)
    it(`takes "${text}" as address ${expected ?? 'none'}`, () => {
      const one = call(Date.UTC(2026, 10, 21), 1, 0);
      assert.equal(value(event(one, BERLIN, [`SrcIP: ${text}`]), { zone: BERLIN }).sourceAddress, expected);
    });

  /** The PBX's zone is whatever its /etc/localtime says: the site's, or UTC in a container, or another. */
  for (const pbx of [BERLIN, NEW_YORK, new Zone('UTC'), new Zone('Asia/Kathmandu'), new Zone('Pacific/Kiritimati')])
    for (const [name, , change] of CHANGES) {
      const calls: CallRecord[] = [];
      for (let start = change - 4 * HOUR; start <= change + 4 * HOUR; start += 11 * MINUTE)
        for (const duration of [0, 45, 3_599, 7_400]) calls.push(call(start, duration, Math.floor(duration / 2)));

      it(`resolves the time of a PBX in ${pbx.name} for a site in Berlin, about ${name}`, () => {
        for (const one of calls) {
          const own = event(one, pbx, [stamp(one.end + 3)]);
          assert.deepEqual(value(own, { zone: BERLIN }).record, one, 'unique id and Timestamp');
          const live = value(event(one, pbx), { zone: BERLIN, arrival: one.end + 40 });
          assert.deepEqual(live.record, one, 'unique id and arrival');
          assert.deepEqual(value(event(one, pbx), { zone: BERLIN }).record, one, 'unique id alone');
          const anonymous = { ...one, uniqueid: 'chosen-by-ari' };
          assert.deepEqual(
            value(event(anonymous, pbx, [stamp(one.end + 3)]), { zone: BERLIN }).record,
            anonymous,
            'Timestamp alone',
          );
          const part = { ...one, uniqueid: `${one.start / SECOND - 4_000}.1` };
          assert.deepEqual(
            value(event(part, pbx, [stamp(one.end + 3)]), { zone: BERLIN }).record,
            part,
            'a later part of a call',
          );
          const batch = event(one, pbx, [stamp(one.end + 20 * MINUTE)]);
          assert.deepEqual(value(batch, { zone: BERLIN }).record, one, 'told in a batch');
        }
      });
    }

  it('asks the zone where the event tells nothing', () => {
    const one = { ...call(Date.UTC(2026, 6, 21, 12), 60, 0), uniqueid: '' };
    assert.deepEqual(value(event(one, BERLIN), { zone: BERLIN }).record, one);
  });

  it('is the same record as the row of Master.csv', () => {
    const one = call(Date.UTC(2026, 9, 25, 0, 50), 2_400, 5);
    const [row] = reread([one], BERLIN, false);
    assert.ok(row !== undefined);
    assert.equal(
      cdrFingerprint(value(event(one, BERLIN, [stamp(one.end)]), { zone: BERLIN }).record),
      cdrFingerprint(row),
    );
  });

  const one = call(Date.UTC(2026, 10, 21, 18, 30, 3), 1, 0);
  const refusals: [sentence: string, from: string, to: string, reason: RegExp][] = [
    ['another event', 'Event: Cdr', 'Event: Hangup', /not a Cdr event/],
    ['a start that is no date', 'StartTime: 2026', 'StartTime: x026', /StartTime is not a date/],
    ['an end that is no date', 'EndTime: 2026', 'EndTime: ', /EndTime is not a date/],
    ['an answer that is no date', 'AnswerTime: 2026', 'AnswerTime: soon', /AnswerTime is not a date/],
    ['a duration that is no number', 'Duration: 1', 'Duration: one', /Duration is not a number/],
    ['no billable seconds', 'BillableSeconds: 1', 'X: 1', /BillableSeconds is not a number/],
  ];
  for (const [sentence, from, to, reason] of refusals)
    it(`refuses ${sentence}`, () => {
      const text = event(one, BERLIN)
        .entries.map(([name, text]) => `${name}: ${text}\r\n`)
        .join('');
      const [item] = new AmiFramer().push(Buffer.from(`${text.replace(from, to)}\r\n`));
      assert.ok(item?.kind === 'message');
      const result = cdrFromAmi(item.message, { zone: BERLIN });
      assert.ok(!result.ok);
      assert.match(result.reason, reason);
    });
});
