import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  declarations,
  emergencyAsDialled,
  pinHash,
  pinProblem,
  type Declarations,
  type Declared,
} from '../../src/respond/declarations.ts';
import type { Kind } from '../../src/respond/enforcement.ts';
import { lockOptions } from '../../src/respond/lock/options.ts';
import { lockPeriods } from '../../src/respond/lock/periods.ts';
import { createSite, siteDefaults, type SiteInput } from '../../src/site/index.ts';
import { DAY } from '../../src/time.ts';

interface Office extends SiteInput {
  readonly lock?: Parameters<typeof lockOptions.parse>[0];
  readonly pin?: string;
  readonly endpoints?: readonly string[];
}

/** Berlin, Mon-Fri 08:00-18:00, locked at night. */
function declared(
  { lock = { international: true }, pin, endpoints = [], ...input }: Office,
  now: string,
): Declarations {
  const options = siteDefaults({
    site: { timezone: 'Europe/Berlin', country: 'DE' },
    hours: { open: ['Mon-Fri 08:00-18:00'] },
    ...input,
  });
  const made = createSite(options);
  if (!made.ok) throw new Error(JSON.stringify(made.problems));
  const settings = { ...options, lock: lockOptions.parse(lock) };
  return declarations({ site: made.value, settings, pin: pin ?? null, endpoints }, Date.parse(now));
}

const of = (all: Declarations, kind: Kind): readonly Declared[] =>
  all.kinds.find((declaration) => declaration.kind === kind)?.entries ?? [];

/** The lock's periods as local times, `Fri 18:00 - Mon 08:00`. */
function periods(all: Declarations, zone = 'Europe/Berlin'): string[] {
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone: zone,
    ...{ weekday: 'short', day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' },
  });
  return lockPeriods(of(all, 'lock')[0]?.text ?? '').map(
    ({ from, until }) => `${format.format(from).replace(',', '')} - ${format.format(until).replace(',', '')}`,
  );
}

const TUESDAY_NOON = '2026-11-24T11:00:00Z';

describe('what the settings want at the PBX', () => {
  it('comes in an order in which nothing refuses before what lets through is there', () => {
    const kinds = declared({}, TUESDAY_NOON).kinds.map(({ kind }) => kind);
    assert.deepEqual(kinds, ['emergency', 'dialplan', 'exempt', 'pin', 'lock']);
  });

  it('has emergency numbers alone and behind the prefix for an outside line, without an end', () => {
    const office: Office = { dialing: { outside: '0', emergency: ['19222'] } };
    const entries = of(declared(office, TUESDAY_NOON), 'emergency');
    const numbers = ['0110', '0112', '019222', '0911', '110', '112', '19222', '911'];
    assert.deepEqual(
      entries,
      numbers.map((value) => ({ value, until: null })),
    );
    assert.deepEqual(emergencyAsDialled(siteDefaults({ site: { country: 'DE' }, ...office })), numbers);
  });

  const plans: [string, Record<string, string>][] = [
    ['DE', { outside: '0', international: '011 00', country: '49', trunk: '0' }],
    ['IT', { outside: '0', international: '00', country: '39', national: '6-11' }],
    ['FR', { outside: '0', international: '00', country: '33', trunk: '0' }],
    ['CH', { outside: '0', international: '011 00', country: '41', trunk: '0' }],
    ['RU', { outside: '0', international: '011 810 00', country: '7', trunk: '8', national: '10', 'abroad/77': '1' }],
  ];
  for (const [country, keys] of plans)
    it(`tells how numbers are dialled in ${country}`, () => {
      const entries = of(declared({ site: { country }, dialing: { outside: '0' } }, TUESDAY_NOON), 'dialplan');
      assert.deepEqual(Object.fromEntries(entries.map(({ value, text }) => [value, text])), keys);
      assert.ok(entries.every(({ until }) => until === null));
    });

  it('tells what is abroad within +1 and +44', () => {
    const keys = (country: string): Map<string, string | undefined> =>
      new Map(of(declared({ site: { country } }, TUESDAY_NOON), 'dialplan').map(({ value, text }) => [value, text]));
    const states = keys('US');
    assert.deepEqual(
      ['country', 'trunk', 'national', 'abroad/1876', 'abroad/1416', 'abroad/1212', 'outside'].map((k) =>
        states.get(k),
      ),
      ['1', '1', '10', '1', '1', undefined, undefined],
    );
    const canada = keys('CA');
    assert.deepEqual(
      ['abroad/1', 'abroad/1416', 'abroad/1212'].map((k) => canada.get(k)),
      ['1', '0', undefined],
    );
    const britain = keys('GB');
    assert.deepEqual(
      ['international', 'abroad/441481', 'abroad/44113'].map((k) => britain.get(k)),
      ['00', '1', undefined],
    );
  });
});

describe('the office lock', () => {
  const table: [string, string, Office, string[]][] = [
    [
      'by day the coming nights are told in advance',
      TUESDAY_NOON,
      {},
      [
        'Tue 24 Nov 18:00 - Wed 25 Nov 08:00',
        'Wed 25 Nov 18:00 - Thu 26 Nov 08:00',
        'Thu 26 Nov 18:00 - Fri 27 Nov 08:00',
        'Fri 27 Nov 18:00 - Mon 30 Nov 08:00',
      ],
    ],
    [
      'at night the night that lasts comes first, from its beginning',
      '2026-11-24T22:30:00Z',
      {},
      [
        'Tue 24 Nov 18:00 - Wed 25 Nov 08:00',
        'Wed 25 Nov 18:00 - Thu 26 Nov 08:00',
        'Thu 26 Nov 18:00 - Fri 27 Nov 08:00',
        'Fri 27 Nov 18:00 - Mon 30 Nov 08:00',
      ],
    ],
    [
      'at the second of closing it is the night',
      '2026-11-24T17:00:00Z',
      { hours: { open: ['Mon-Fri 08:00-18:00'] } },
      [
        'Tue 24 Nov 18:00 - Wed 25 Nov 08:00',
        'Wed 25 Nov 18:00 - Thu 26 Nov 08:00',
        'Thu 26 Nov 18:00 - Fri 27 Nov 08:00',
        'Fri 27 Nov 18:00 - Mon 30 Nov 08:00',
      ],
    ],
    [
      'holidays and closures are closed, an extra opening is not',
      '2026-12-24T09:00:00Z',
      {
        hours: {
          open: ['Mon-Fri 08:00-18:00'],
          holidays: 'DE-BE',
          closed: ['2026-12-28..2027-01-01'],
          open_on: ['2026-12-27 10:00-14:00'],
        },
      },
      [
        'Thu 24 Dec 18:00 - Sun 27 Dec 10:00',
        'Sun 27 Dec 14:00 - Mon 4 Jan 08:00',
        'Mon 4 Jan 18:00 - Tue 5 Jan 08:00',
        'Tue 5 Jan 18:00 - Wed 6 Jan 08:00',
      ],
    ],
    [
      'clocks set forward: opening stays eight on the wall',
      '2027-03-26T10:00:00Z',
      {},
      [
        'Fri 26 Mar 18:00 - Mon 29 Mar 08:00',
        'Mon 29 Mar 18:00 - Tue 30 Mar 08:00',
        'Tue 30 Mar 18:00 - Wed 31 Mar 08:00',
        'Wed 31 Mar 18:00 - Thu 1 Apr 08:00',
      ],
    ],
    [
      'a lunch break is closed too',
      TUESDAY_NOON,
      { hours: { open: ['Mon-Fri 08:00-12:30', 'Mon-Fri 13:30-18:00'] } },
      [
        'Tue 24 Nov 12:30 - Tue 24 Nov 13:30',
        'Tue 24 Nov 18:00 - Wed 25 Nov 08:00',
        'Wed 25 Nov 12:30 - Wed 25 Nov 13:30',
        'Wed 25 Nov 18:00 - Thu 26 Nov 08:00',
      ],
    ],
    ['an office that is always open is never locked', TUESDAY_NOON, { hours: { open: 'always' } }, []],
    ['without [lock] international there is none', TUESDAY_NOON, { lock: {} }, []],
  ];
  for (const [name, now, office, expected] of table)
    it(name, () => assert.deepEqual(periods(declared(office, now)), expected));

  it('is as long as the hours say on the night when clocks change', () => {
    const hours = (now: string): number => {
      const [night] = lockPeriods(
        of(declared({ hours: { open: ['Mon-Sun 08:00-18:00'] } }, now), 'lock')[0]?.text ?? '',
      );
      assert.ok(night);
      return (night.until - night.from) / 3_600_000;
    };
    assert.equal(hours('2027-03-27T20:00:00Z'), 13, 'an hour is skipped');
    assert.equal(hours('2026-10-24T20:00:00Z'), 15, 'an hour comes twice');
    assert.equal(hours('2026-11-24T20:00:00Z'), 14);
  });

  it('of an office that never opens again is told for thirty days', () => {
    const now = Date.parse(TUESDAY_NOON);
    const [entry] = of(declared({ hours: { open: [] } }, TUESDAY_NOON), 'lock');
    assert.equal(entry?.until, now + 30 * DAY);
  });

  it('ends where its last period ends', () => {
    const [entry] = of(declared({}, TUESDAY_NOON), 'lock');
    assert.equal(entry?.until, Date.parse('2026-11-30T07:00:00Z'));
  });

  const changes: [string, string, Office, string][] = [
    ['at closing', TUESDAY_NOON, {}, '2026-11-24T17:00:00Z'],
    ['at opening', '2026-11-24T22:00:00Z', {}, '2026-11-25T07:00:00Z'],
    [
      'when an account with hours of its own begins or ends',
      TUESDAY_NOON,
      { accounts: { '1004': { hours: ['Mon-Fri 06:00-14:00'] } } },
      '2026-11-24T13:00:00Z',
    ],
    ['a day later at the latest', '2026-11-28T12:00:00Z', {}, '2026-11-29T12:00:00Z'],
  ];
  for (const [name, now, office, at] of changes)
    it(`is worked out anew ${name}`, () => assert.equal(declared(office, now).nextAt, Date.parse(at)));
});

describe('who is exempt from the office lock', () => {
  const NIGHT = '2026-11-24T22:00:00Z';
  const table: [string, Office, string, Record<string, string | null>][] = [
    ['nobody', {}, NIGHT, {}],
    ['an account that is always open', { accounts: { '2001': { hours: 'always' } } }, NIGHT, { '2001': null }],
    [
      'the night shift while it works, until its end',
      { groups: { night: { members: ['1007', '1008'], hours: ['Mon-Fri 22:00-06:00'] } } },
      NIGHT,
      { '1007': '2026-11-25T05:00:00.000Z', '1008': '2026-11-25T05:00:00.000Z' },
    ],
    [
      'not the night shift in the evening',
      { groups: { night: { members: ['1007'], hours: ['Mon-Fri 22:00-06:00'] } } },
      '2026-11-24T18:00:00Z',
      {},
    ],
    [
      'who and what is named',
      {
        groups: { sales: { members: ['1005', 'x(1)'] } },
        lock: {
          international: true,
          exempt_accounts: ['1001'],
          exempt_groups: ['sales'],
          exempt_destinations: ['+43', '+4420'],
        },
      },
      NIGHT,
      { '1001': null, '1005': null, 'x(1)': null, '+43': null, '+4420': null },
    ],
    [
      'named beats hours',
      { accounts: { '1001': { hours: ['Mon-Fri 20:00-24:00'] } }, lock: { exempt_accounts: ['1001'] } },
      NIGHT,
      { '1001': null },
    ],
    [
      'no trunk, whatever its hours',
      { accounts: { carrier: { hours: 'always' } }, network: { trunks: [{ name: 'carrier' }] } },
      NIGHT,
      {},
    ],
  ];
  for (const [name, office, now, expected] of table)
    it(name, () => {
      const entries = of(declared(office, now), 'exempt');
      const iso = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString());
      assert.deepEqual(Object.fromEntries(entries.map(({ value, until }) => [value, iso(until)])), expected);
    });

  it('never an account whose name reads as a destination', () => {
    const all = declared({ accounts: { '+493012345': { hours: 'always' } } }, NIGHT);
    assert.deepEqual(of(all, 'exempt'), []);
    assert.match(all.warnings.join(), /\+493012345 cannot be exempt/);
  });

  it('tells endpoints that the guard cannot tell apart', () => {
    const { warnings } = declared({ endpoints: ['a/1', 'a_1', 'a:1', 'b/1', '1004'] }, NIGHT);
    assert.equal(warnings.length, 1);
    assert.match(warnings[0] ?? '', /a\/1 and a_1 and a:1/);
  });
});

describe('the PIN of the office lock', () => {
  it('is hashed as the dialplan does, and stands where there is one', () => {
    const hash = pinHash('204711', null, '5f2c');
    assert.equal(hash, `5f2c-${createHash('sha1').update('5f2c204711').digest('hex')}`);
    assert.deepEqual(of(declared({ pin: hash }, TUESDAY_NOON), 'pin'), [{ value: 'hash', until: null, text: hash }]);
    assert.deepEqual(of(declared({}, TUESDAY_NOON), 'pin'), []);
  });

  it('keeps what stands while it is the same PIN', () => {
    const standing = pinHash('204711', null, '5f2c');
    assert.equal(pinHash('204711', standing, '9999'), standing);
    assert.notEqual(pinHash('204712', standing, '9999'), standing);
    for (const junk of ['', '-', 'x-y', standing.slice(0, -1), `${standing} `])
      assert.match(pinHash('204711', junk, '9999'), /^9999-/, junk);
  });

  const pins: [string, boolean | null][] = [
    ['204711', null],
    ['20471120471120471120', null],
    ['4711', true],
    ['47', false],
    ['204711204711204711201', false],
    ['20 47 11', false],
    ['geheim', false],
  ];
  for (const [pin, usable] of pins)
    it(`${pin} is ${usable === null ? 'good' : usable ? 'weak' : 'none'}`, () =>
      assert.equal(pinProblem(pin)?.usable ?? null, usable));
});
