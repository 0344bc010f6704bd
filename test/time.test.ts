import assert from 'node:assert/strict';
import { DAY, formatDuration, HOUR, iso, MINUTE, parseDuration, SECOND, writeDuration, Zone } from '../src/time.ts';

const utc = (text: string): number => Date.parse(`${text}Z`);

describe('parseDuration', () => {
  const good: [string, number][] = [
    ['0s', 0],
    ['250ms', 250],
    ['30s', 30 * SECOND],
    ['15m', 15 * MINUTE],
    ['2h', 2 * HOUR],
    ['7d', 7 * DAY],
    ['2w', 14 * DAY],
    ['1h30m', 90 * MINUTE],
    ['1m5ms', MINUTE + 5],
  ];
  for (const [text, expected] of good)
    it(`reads ${text}`, () => assert.deepEqual(parseDuration(text), { ok: true, value: expected }));
  for (const text of ['', '5', 's', '5 s', '-5s', '1.5h', '5S', '5min', '30s ', '99999999999999999999w', '1h,2m'])
    it(`refuses "${text}" and says how to write it`, () => {
      const result = parseDuration(text);
      assert.ok(!result.ok);
      assert.match(result.reason, /duration/);
    });
  it('takes a hostile text in no time', () => {
    const started = performance.now();
    assert.equal(parseDuration(`${'1'.repeat(100_000)}x`).ok, false);
    assert.ok(performance.now() - started < 200);
  });
});

describe('formatDuration', () => {
  const cases: [number, string][] = [
    [-5, '0 ms'],
    [0, '0 ms'],
    [999, '999 ms'],
    [SECOND, '1 s'],
    [59_499, '59 s'],
    [59_999, '1 min'],
    [9 * MINUTE, '9 min'],
    [90 * SECOND, '1 min 30 s'],
    [HOUR + 59 * SECOND, '1 h'],
    [2 * HOUR + 5 * MINUTE, '2 h 5 min'],
    [3 * DAY, '3 d'],
    [DAY + 5 * MINUTE, '1 d'],
    [DAY + 23 * HOUR, '1 d 23 h'],
  ];
  for (const [duration, text] of cases) it(text, () => assert.equal(formatDuration(duration), text));
  it('writes instants in UTC with milliseconds', () =>
    assert.equal(iso(1_763_600_000_004), '2025-11-20T00:53:20.004Z'));
});

describe('Zone', () => {
  it('knows which names are zones', () => {
    for (const name of ['UTC', 'Etc/UTC', 'Europe/Berlin', 'Australia/Lord_Howe', 'America/Argentina/Buenos_Aires'])
      assert.ok(Zone.isValid(name), name);
    for (const name of ['', 'Europe/Atlantis', 'CEST2', '../etc/passwd']) {
      assert.equal(Zone.isValid(name), false, name);
      assert.throws(() => new Zone(name), RangeError);
    }
  });

  const offsets: [string, string, number][] = [
    ['UTC', '2026-07-01T00:00:00', 0],
    ['Europe/Berlin', '2026-03-29T00:59:59', 60],
    ['Europe/Berlin', '2026-03-29T01:00:00', 120],
    ['Europe/Berlin', '2026-10-25T00:59:59', 120],
    ['Europe/Berlin', '2026-10-25T01:00:00', 60],
    ['America/New_York', '2026-03-08T06:59:59', -300],
    ['America/New_York', '2026-03-08T07:00:00', -240],
    ['Asia/Kathmandu', '2026-01-01T00:00:00', 345],
    ['Australia/Lord_Howe', '2026-04-04T14:59:59', 660],
    ['Australia/Lord_Howe', '2026-04-04T15:00:00', 630],
    // the clock moved at 00:01 local, within a quarter of an hour
    ['America/St_Johns', '2010-03-14T03:30:59', -210],
    ['America/St_Johns', '2010-03-14T03:31:00', -150],
    ['America/St_Johns', '2010-03-14T03:44:00', -150],
    ['Pacific/Apia', '2011-12-30T09:59:59', -600],
    ['Pacific/Apia', '2011-12-30T10:00:00', 840],
  ];
  for (const [name, at, minutes] of offsets)
    it(`${name} at ${at} UTC is ${minutes} min from UTC`, () => {
      const zone = new Zone(name);
      for (let i = 0; i < 2; i++) assert.equal(zone.offsetAt(utc(at)), minutes * MINUTE);
    });

  it('reads the wall clock', () => {
    const { year, month, day, hour, minute, second, weekday } = new Zone('Europe/Berlin').wall(
      utc('2026-12-31T23:30:05'),
    );
    assert.deepEqual([year, month, day, hour, minute, second, weekday], [2027, 1, 1, 0, 30, 5, 5]);
    assert.equal(new Zone('UTC').wall(utc('2026-11-22T12:00:00')).weekday, 7);
  });

  const instants: [string, string, string[]][] = [
    ['Europe/Berlin', '2026-06-01T12:00:00', ['2026-06-01T10:00:00']],
    ['Europe/Berlin', '2026-03-29T02:30:00', []],
    ['Europe/Berlin', '2026-03-29T01:59:59', ['2026-03-29T00:59:59']],
    ['Europe/Berlin', '2026-03-29T03:00:00', ['2026-03-29T01:00:00']],
    ['Europe/Berlin', '2026-10-25T02:30:00', ['2026-10-25T00:30:00', '2026-10-25T01:30:00']],
    ['Europe/Berlin', '2026-10-25T03:00:00', ['2026-10-25T02:00:00']],
    ['America/New_York', '2026-11-01T01:00:00', ['2026-11-01T05:00:00', '2026-11-01T06:00:00']],
    ['Australia/Lord_Howe', '2026-04-05T01:45:00', ['2026-04-04T14:45:00', '2026-04-04T15:15:00']],
    ['Pacific/Apia', '2011-12-30T12:00:00', []],
    ['Pacific/Apia', '2011-12-31T00:00:00', ['2011-12-30T10:00:00']],
    ['Asia/Kathmandu', '2026-01-01T05:45:00', ['2026-01-01T00:00:00']],
  ];
  for (const [name, local, expected] of instants)
    it(`${name} showed ${local} ${expected.length} times`, () => {
      const zone = new Zone(name);
      assert.deepEqual(zone.instants(utc(local)), expected.map(utc));
      const first = expected[0];
      if (first === undefined) return;
      assert.equal(zone.instant(utc(local)), utc(first));
      assert.equal(zone.instant(utc(local), true), utc(expected.at(-1) ?? first));
    });

  it('takes a skipped reading as if the clock had not been set (RFC 5545 section 3.3.5)', () => {
    assert.equal(new Zone('Europe/Berlin').instant(utc('2026-03-29T02:30:00')), utc('2026-03-29T01:30:00'));
    assert.equal(new Zone('America/New_York').instant(utc('2026-03-08T02:15:00')), utc('2026-03-08T07:15:00'));
    assert.equal(new Zone('Pacific/Apia').instant(utc('2011-12-30T12:00:00')), utc('2011-12-30T22:00:00'));
  });

  it('turns every instant of a year into a reading and back, over all its transitions', () => {
    for (const name of [
      'Europe/Berlin',
      'America/St_Johns',
      'Australia/Lord_Howe',
      'Africa/Casablanca',
      'Antarctica/Troll',
    ]) {
      const zone = new Zone(name);
      for (let at = utc('2010-01-01T00:07:00'); at < utc('2011-01-01T00:00:00'); at += 29 * MINUTE)
        assert.ok(zone.instants(at + zone.offsetAt(at)).includes(at), `${name} ${iso(at)}`);
    }
  });
});

describe('a written duration', () => {
  const WRITTEN: [number, string][] = [
    [0, '0s'],
    [250, '250ms'],
    [60_000, '1m'],
    [5_400_000, '1h30m'],
    [86_400_000, '1d'],
    [694_861_001, '8d1h1m1s1ms'],
  ];
  for (const [duration, text] of WRITTEN)
    it(`${duration} ms is ${text}, and is read as the same`, () => {
      assert.equal(writeDuration(duration), text);
      assert.deepEqual(parseDuration(text), { ok: true, value: duration });
    });
});
