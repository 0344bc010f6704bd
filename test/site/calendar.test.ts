import assert from 'node:assert/strict';
import { createSite, siteDefaults, type Hours, type SiteInput } from '../../src/site/index.ts';

/** UTC instant, the wall clock there (for the reader), open?, reason; a holiday's name where the reason is one. */
type Row = readonly [utc: string, wall: string, open: boolean, reason: Hours['reason'], holiday?: string];

function hoursOf(input: SiteInput, account: string | null = null): (utc: string) => Hours {
  const made = createSite(siteDefaults(input));
  assert.ok(made.ok, made.ok ? '' : JSON.stringify(made.problems));
  return (utc) => made.value.hours(Date.parse(utc), account);
}

/** Rows are asked in order, then backwards, so that what is remembered from one does not decide the next. */
function table(title: string, input: SiteInput, rows: readonly Row[], account: string | null = null): void {
  describe(title, () => {
    for (const [utc, wall, open, reason, holiday] of rows)
      it(`${utc} (${wall}): ${open ? 'open' : 'closed'}, ${reason}`, () => {
        const hours = hoursOf(input, account)(utc);
        assert.deepEqual([hours.open, hours.reason, hours.holiday], [open, reason, holiday ?? null]);
      });
    it('answers the same in any order', () => {
      const ask = hoursOf(input, account);
      for (const [utc, , open, reason] of [...rows, ...[...rows].reverse()])
        assert.deepEqual([utc, ask(utc).open, ask(utc).reason], [utc, open, reason]);
    });
  });
}

describe('opening hours', () => {
  const berlin: SiteInput = {
    site: { timezone: 'Europe/Berlin', country: 'DE' },
    hours: {
      open: ['Mon-Fri 08:00-18:00', 'Sat 09:00-13:00'],
      holidays: 'DE-BE',
      closed: ['2026-12-24..2027-01-01'],
      open_on: ['2026-12-27 10:00-14:00', '2026-10-03 10:00-12:00', '2026-11-24 19:00-21:00'],
    },
  };
  table('an office in Berlin', berlin, [
    ['2026-11-23T06:59:59.999Z', 'Mon 07:59:59.999', false, 'outside-hours'],
    ['2026-11-23T07:00:00.000Z', 'Mon 08:00', true, 'hours'],
    ['2026-11-23T16:59:59.999Z', 'Mon 17:59:59.999', true, 'hours'],
    ['2026-11-23T17:00:00.000Z', 'Mon 18:00', false, 'outside-hours'],
    ['2026-11-23T23:30:00.000Z', 'Tue 00:30', false, 'outside-hours'],
    ['2026-11-28T07:59:59.000Z', 'Sat 08:59:59', false, 'outside-hours'],
    ['2026-11-28T08:00:00.000Z', 'Sat 09:00', true, 'hours'],
    ['2026-11-28T12:00:00.000Z', 'Sat 13:00', false, 'outside-hours'],
    ['2026-11-28T22:59:59.000Z', 'Sat 23:59:59', false, 'outside-hours'],
    ['2026-11-28T23:00:00.000Z', 'Sun 00:00', false, 'weekend'],
    ['2026-11-29T12:00:00.000Z', 'Sun 13:00', false, 'weekend'],
    ['2026-11-29T23:00:00.000Z', 'Mon 00:00', false, 'outside-hours'],
    ['2026-07-01T05:59:59.000Z', 'Wed 07:59:59 summer', false, 'outside-hours'],
    ['2026-07-01T06:00:00.000Z', 'Wed 08:00 summer', true, 'hours'],
    ['2026-07-01T15:59:59.000Z', 'Wed 17:59:59 summer', true, 'hours'],
    ['2026-07-01T16:00:00.000Z', 'Wed 18:00 summer', false, 'outside-hours'],
    // clocks go forward on Sunday 29 March, back on Sunday 25 October
    ['2026-03-27T06:59:00.000Z', 'Fri 07:59, last winter day', false, 'outside-hours'],
    ['2026-03-27T07:00:00.000Z', 'Fri 08:00, last winter day', true, 'hours'],
    ['2026-03-30T05:59:00.000Z', 'Mon 07:59, first summer day', false, 'outside-hours'],
    ['2026-03-30T06:00:00.000Z', 'Mon 08:00, first summer day', true, 'hours'],
    ['2026-10-23T06:00:00.000Z', 'Fri 08:00, last summer day', true, 'hours'],
    ['2026-10-26T06:00:00.000Z', 'Mon 07:00, first winter day', false, 'outside-hours'],
    ['2026-10-26T07:00:00.000Z', 'Mon 08:00, first winter day', true, 'hours'],
    // holidays: Women's Day (Sunday, Berlin only), Good Friday, Easter Monday, Labour Day, Ascension, Unity Day
    ['2026-03-08T11:00:00.000Z', 'Sun 12:00', false, 'holiday', "International Women's Day"],
    ['2026-04-02T22:00:00.000Z', 'Fri 00:00', false, 'holiday', 'Good Friday'],
    ['2026-04-03T10:00:00.000Z', 'Fri 12:00', false, 'holiday', 'Good Friday'],
    ['2026-04-03T21:59:59.000Z', 'Fri 23:59:59', false, 'holiday', 'Good Friday'],
    ['2026-04-03T22:00:00.000Z', 'Sat 00:00', false, 'outside-hours'],
    ['2026-04-04T08:00:00.000Z', 'Sat 10:00', true, 'hours'],
    ['2026-04-06T08:00:00.000Z', 'Mon 10:00', false, 'holiday', 'Easter Monday'],
    ['2026-04-07T08:00:00.000Z', 'Tue 10:00', true, 'hours'],
    ['2026-05-01T08:00:00.000Z', 'Fri 10:00', false, 'holiday', 'Labour Day'],
    ['2026-05-14T08:00:00.000Z', 'Thu 10:00', false, 'holiday', 'Ascension Day'],
    ['2026-06-04T08:00:00.000Z', 'Thu 10:00, Corpus Christi is none in Berlin', true, 'hours'],
    ['2027-03-26T11:00:00.000Z', 'Fri 12:00', false, 'holiday', 'Good Friday'],
    // an opening on a holiday, and one after hours
    ['2026-10-03T07:59:59.000Z', 'Sat 09:59:59', false, 'holiday', 'National Holiday'],
    ['2026-10-03T08:00:00.000Z', 'Sat 10:00', true, 'opened'],
    ['2026-10-03T09:59:59.000Z', 'Sat 11:59:59', true, 'opened'],
    ['2026-10-03T10:00:00.000Z', 'Sat 12:00', false, 'holiday', 'National Holiday'],
    ['2026-11-24T17:30:00.000Z', 'Tue 18:30', false, 'outside-hours'],
    ['2026-11-24T18:00:00.000Z', 'Tue 19:00', true, 'opened'],
    ['2026-11-24T20:00:00.000Z', 'Tue 21:00', false, 'outside-hours'],
    // the Christmas closure, an opening within it, and its last day
    ['2026-12-23T16:59:59.000Z', 'Wed 17:59:59', true, 'hours'],
    ['2026-12-23T17:00:00.000Z', 'Wed 18:00', false, 'outside-hours'],
    ['2026-12-23T23:00:00.000Z', 'Thu 00:00', false, 'closed'],
    ['2026-12-24T09:00:00.000Z', 'Thu 10:00', false, 'closed'],
    ['2026-12-25T09:00:00.000Z', 'Fri 10:00, closed though a holiday too', false, 'closed'],
    ['2026-12-27T08:59:59.000Z', 'Sun 09:59:59', false, 'closed'],
    ['2026-12-27T09:00:00.000Z', 'Sun 10:00', true, 'opened'],
    ['2026-12-27T13:00:00.000Z', 'Sun 14:00', false, 'closed'],
    ['2027-01-01T22:59:59.000Z', 'Fri 23:59:59', false, 'closed'],
    ['2027-01-01T23:00:00.000Z', 'Sat 00:00', false, 'outside-hours'],
    ['2027-01-02T08:00:00.000Z', 'Sat 09:00', true, 'hours'],
  ]);

  table(
    'a night shift in Berlin over both changes of clocks',
    {
      site: { timezone: 'Europe/Berlin', country: 'DE' },
      hours: { open: ['Mon-Fri 22:00-06:00', 'Sat 20:00-04:00'] },
    },
    [
      ['2026-11-23T04:59:00.000Z', 'Mon 05:59, no shift began on Sunday', false, 'outside-hours'],
      ['2026-11-23T20:59:59.000Z', 'Mon 21:59:59', false, 'outside-hours'],
      ['2026-11-23T21:00:00.000Z', 'Mon 22:00', true, 'hours'],
      ['2026-11-23T23:00:00.000Z', 'Tue 00:00', true, 'hours'],
      ['2026-11-24T04:59:59.000Z', 'Tue 05:59:59', true, 'hours'],
      ['2026-11-24T05:00:00.000Z', 'Tue 06:00', false, 'outside-hours'],
      ['2026-11-28T04:59:59.000Z', "Sat 05:59:59, Friday's shift", true, 'hours'],
      ['2026-11-28T05:00:00.000Z', 'Sat 06:00', false, 'outside-hours'],
      ['2026-11-28T19:00:00.000Z', 'Sat 20:00', true, 'hours'],
      ['2026-11-29T02:59:59.000Z', 'Sun 03:59:59', true, 'hours'],
      ['2026-11-29T03:00:00.000Z', 'Sun 04:00', false, 'weekend'],
      // forward: Sun 29 March, 02:00 becomes 03:00 at 01:00Z
      ['2026-03-28T19:00:00.000Z', 'Sat 20:00 winter', true, 'hours'],
      ['2026-03-29T00:59:59.000Z', 'Sun 01:59:59 winter', true, 'hours'],
      ['2026-03-29T01:00:00.000Z', 'Sun 03:00 summer', true, 'hours'],
      ['2026-03-29T01:59:59.000Z', 'Sun 03:59:59 summer', true, 'hours'],
      ['2026-03-29T02:00:00.000Z', 'Sun 04:00 summer', false, 'weekend'],
      // back: Sun 25 October, 03:00 becomes 02:00 at 01:00Z
      ['2026-10-24T17:59:59.000Z', 'Sat 19:59:59 summer', false, 'outside-hours'],
      ['2026-10-24T18:00:00.000Z', 'Sat 20:00 summer', true, 'hours'],
      ['2026-10-25T00:59:59.000Z', 'Sun 02:59:59, first pass', true, 'hours'],
      ['2026-10-25T01:00:00.000Z', 'Sun 02:00, second pass', true, 'hours'],
      ['2026-10-25T02:59:59.000Z', 'Sun 03:59:59 winter', true, 'hours'],
      ['2026-10-25T03:00:00.000Z', 'Sun 04:00 winter', false, 'weekend'],
    ],
  );

  table(
    'windows that begin or end within the changed hour',
    { site: { timezone: 'Europe/Berlin', country: 'DE' }, hours: { open: ['Sun 01:30-02:15, 02:30-02:45'] } },
    [
      ['2026-03-29T00:29:59.000Z', '01:29:59', false, 'outside-hours'],
      ['2026-03-29T00:30:00.000Z', '01:30', true, 'hours'],
      ['2026-03-29T00:59:59.000Z', '01:59:59, the last before the gap', true, 'hours'],
      ['2026-03-29T01:00:00.000Z', '03:00, 02:30-02:45 does not exist', false, 'outside-hours'],
      ['2026-03-29T01:35:00.000Z', '03:35', false, 'outside-hours'],
      ['2026-10-24T23:30:00.000Z', '01:30', true, 'hours'],
      ['2026-10-25T00:14:59.000Z', '02:14:59 first pass', true, 'hours'],
      ['2026-10-25T00:15:00.000Z', '02:15 first pass', false, 'outside-hours'],
      ['2026-10-25T00:30:00.000Z', '02:30 first pass', true, 'hours'],
      ['2026-10-25T00:45:00.000Z', '02:45 first pass', false, 'outside-hours'],
      ['2026-10-25T01:00:00.000Z', '02:00 second pass', true, 'hours'],
      ['2026-10-25T01:15:00.000Z', '02:15 second pass', false, 'outside-hours'],
      ['2026-10-25T01:30:00.000Z', '02:30 second pass', true, 'hours'],
      ['2026-10-25T01:45:00.000Z', '02:45 second pass', false, 'outside-hours'],
    ],
  );

  table(
    'New York with the public holidays of the United States',
    { site: { timezone: 'America/New_York', country: 'US' }, hours: { open: ['Mon-Fri 09:00-17:00'], holidays: 'US' } },
    [
      ['2026-03-06T13:59:59.000Z', 'Fri 08:59:59 standard', false, 'outside-hours'],
      ['2026-03-06T14:00:00.000Z', 'Fri 09:00 standard', true, 'hours'],
      ['2026-03-08T06:59:59.000Z', 'Sun 01:59:59', false, 'weekend'],
      ['2026-03-08T07:00:00.000Z', 'Sun 03:00', false, 'weekend'],
      ['2026-03-09T12:59:59.000Z', 'Mon 08:59:59 daylight', false, 'outside-hours'],
      ['2026-03-09T13:00:00.000Z', 'Mon 09:00 daylight', true, 'hours'],
      ['2026-11-02T13:59:00.000Z', 'Mon 08:59 standard', false, 'outside-hours'],
      ['2026-11-02T14:00:00.000Z', 'Mon 09:00 standard', true, 'hours'],
      ['2026-01-19T16:00:00.000Z', 'Mon 11:00', false, 'holiday', 'Martin Luther King Jr. Day'],
      ['2026-07-03T16:00:00.000Z', 'Fri 12:00, observed', false, 'holiday', 'Independence Day (substitute day)'],
      ['2026-11-26T16:00:00.000Z', 'Thu 11:00', false, 'holiday', 'Thanksgiving Day'],
      ['2026-11-27T04:59:59.000Z', 'Thu 23:59:59', false, 'holiday', 'Thanksgiving Day'],
      ['2026-11-27T05:00:00.000Z', 'Fri 00:00', false, 'outside-hours'],
      ['2026-11-27T16:00:00.000Z', 'Fri 11:00', true, 'hours'],
    ],
  );

  const london = (holidays: string): SiteInput => ({
    site: { timezone: 'Europe/London', country: 'GB' },
    hours: { open: ['Mon-Fri 09:00-17:30'], holidays },
  });
  table('London, England', london('GB-ENG'), [
    ['2026-08-28T08:00:00.000Z', 'Fri 09:00 summer', true, 'hours'],
    ['2026-08-31T10:00:00.000Z', 'Mon 11:00', false, 'holiday', 'Summer bank holiday'],
    ['2026-04-03T10:00:00.000Z', 'Fri 11:00', false, 'holiday', 'Good Friday'],
    ['2026-12-28T10:00:00.000Z', 'Mon 10:00, for Saturday', false, 'holiday', 'Boxing Day (substitute day)'],
    ['2026-12-29T10:00:00.000Z', 'Tue 10:00', true, 'hours'],
  ]);
  table('Edinburgh, Scotland', london('GB-SCT'), [
    ['2026-08-31T10:00:00.000Z', 'Mon 11:00, no holiday in Scotland', true, 'hours'],
    ['2026-01-02T10:00:00.000Z', 'Fri 10:00', false, 'holiday', 'January 2nd'],
  ]);
  table(
    'Paris',
    {
      site: { timezone: 'Europe/Paris', country: 'FR' },
      hours: { open: ['Mon-Fri 09:00-12:00, 14:00-18:00'], holidays: 'FR' },
    },
    [
      ['2026-07-13T09:59:59.000Z', 'Mon 11:59:59', true, 'hours'],
      ['2026-07-13T10:00:00.000Z', 'Mon 12:00, lunch', false, 'outside-hours'],
      ['2026-07-13T11:59:59.000Z', 'Mon 13:59:59, lunch', false, 'outside-hours'],
      ['2026-07-13T12:00:00.000Z', 'Mon 14:00', true, 'hours'],
      ['2026-07-14T09:00:00.000Z', 'Tue 11:00', false, 'holiday', 'Bastille Day'],
      ['2026-11-11T10:00:00.000Z', 'Wed 11:00', false, 'holiday', 'Armistice Day'],
      ['2026-04-03T08:00:00.000Z', 'Fri 10:00, Good Friday is none in France', true, 'hours'],
    ],
  );
  table(
    'Riga',
    { site: { timezone: 'Europe/Riga', country: 'LV' }, hours: { open: ['Mon-Fri 08:00-17:00'], holidays: 'LV' } },
    [
      ['2026-11-17T06:00:00.000Z', 'Tue 08:00', true, 'hours'],
      ['2026-11-18T08:00:00.000Z', 'Wed 10:00', false, 'holiday', 'Republic Day'],
      ['2026-06-23T08:00:00.000Z', 'Tue 11:00', false, 'holiday', 'Midsummer Eve'],
      ['2026-06-24T08:00:00.000Z', 'Wed 11:00', false, 'holiday', 'Midsummer'],
      ['2026-06-25T05:00:00.000Z', 'Thu 08:00', true, 'hours'],
    ],
  );
  table(
    'Sydney, where summer is in January',
    {
      site: { timezone: 'Australia/Sydney', country: 'AU' },
      hours: { open: ['Mon-Fri 08:30-17:00', 'Sat 22:00-03:30'], holidays: 'AU-NSW' },
    },
    [
      ['2026-01-25T22:00:00.000Z', 'Mon 09:00', false, 'holiday', 'Australia Day'],
      ['2026-01-26T21:29:59.000Z', 'Tue 08:29:59 daylight', false, 'outside-hours'],
      ['2026-01-26T21:30:00.000Z', 'Tue 08:30 daylight', true, 'hours'],
      ['2026-06-07T23:00:00.000Z', 'Mon 09:00', false, 'holiday', "King's Birthday"],
      ['2026-06-08T22:29:59.000Z', 'Tue 08:29:59 standard', false, 'outside-hours'],
      ['2026-06-08T22:30:00.000Z', 'Tue 08:30 standard', true, 'hours'],
      // forward: 02:00 becomes 03:00 on Sunday 4 October, 16:00Z of the 3rd
      ['2026-10-03T15:59:59.000Z', 'Sun 01:59:59 standard', true, 'hours'],
      ['2026-10-03T16:00:00.000Z', 'Sun 03:00 daylight', true, 'hours'],
      ['2026-10-03T16:29:59.000Z', 'Sun 03:29:59 daylight', true, 'hours'],
      ['2026-10-03T16:30:00.000Z', 'Sun 03:30 daylight', false, 'weekend'],
      ['2026-10-04T22:00:00.000Z', 'Mon 09:00', false, 'holiday', 'Labour Day'],
    ],
  );
  table(
    'São Paulo, without a change of clocks',
    {
      site: { timezone: 'America/Sao_Paulo', country: 'BR' },
      hours: { open: ['Mon-Fri 08:00-18:00'], holidays: 'BR' },
    },
    [
      ['2026-09-07T15:00:00.000Z', 'Mon 12:00', false, 'holiday', 'Independence Day'],
      ['2026-11-20T15:00:00.000Z', 'Fri 12:00', false, 'holiday', 'Black Awareness Day'],
      ['2026-02-16T15:00:00.000Z', 'Mon 12:00, Carnival is optional', true, 'hours'],
      ['2026-01-05T10:59:59.000Z', 'Mon 07:59:59', false, 'outside-hours'],
      ['2026-01-05T11:00:00.000Z', 'Mon 08:00', true, 'hours'],
    ],
  );
  table(
    'Tokyo, where the day begins before that of UTC',
    { site: { timezone: 'Asia/Tokyo', country: 'JP' }, hours: { open: ['Mon-Fri 09:00-18:00'], holidays: 'JP' } },
    [
      ['2026-01-11T23:59:59.000Z', 'Mon 08:59:59', false, 'holiday', 'Coming of Age Day'],
      ['2026-01-12T00:00:00.000Z', 'Mon 09:00', false, 'holiday', 'Coming of Age Day'],
      ['2026-01-12T23:59:59.000Z', 'Tue 08:59:59', false, 'outside-hours'],
      ['2026-01-13T00:00:00.000Z', 'Tue 09:00', true, 'hours'],
      ['2026-09-22T01:00:00.000Z', 'Tue 10:00, between two holidays', false, 'holiday', "Citizens' Holiday"],
    ],
  );
  table(
    'Zürich',
    { site: { timezone: 'Europe/Zurich', country: 'CH' }, hours: { open: ['Mon-Sat 08:00-12:00'], holidays: 'CH-ZH' } },
    [
      ['2026-08-01T08:00:00.000Z', 'Sat 10:00', false, 'holiday', 'Bundesfeiertag'],
      ['2026-05-14T08:00:00.000Z', 'Thu 10:00', false, 'holiday', 'Ascension Day'],
      ['2026-08-08T08:00:00.000Z', 'Sat 10:00', true, 'hours'],
    ],
  );
  table(
    'a Friday and Saturday weekend',
    { site: { timezone: 'Asia/Riyadh', country: 'SA' }, hours: { open: ['Sun-Thu 08:00-16:00'], holidays: 'SA' } },
    [
      ['2026-11-20T08:00:00.000Z', 'Fri 11:00', false, 'weekend'],
      ['2026-11-21T08:00:00.000Z', 'Sat 11:00', false, 'weekend'],
      ['2026-11-22T08:00:00.000Z', 'Sun 11:00', true, 'hours'],
      ['2026-09-23T08:00:00.000Z', 'Wed 11:00', false, 'holiday', 'National Day'],
    ],
  );
  table(
    'a half-hour change of clocks (Lord Howe)',
    {
      site: { timezone: 'Australia/Lord_Howe', country: 'AU' },
      hours: { open: ['Sun 01:00-01:45', 'Sun 02:15-03:00'] },
    },
    [
      // back: 02:00 becomes 01:30 at 15:00Z of 4 April
      ['2026-04-04T14:44:59.000Z', 'Sun 01:44:59 first pass', true, 'hours'],
      ['2026-04-04T14:45:00.000Z', 'Sun 01:45 first pass', false, 'outside-hours'],
      ['2026-04-04T15:00:00.000Z', 'Sun 01:30 second pass', true, 'hours'],
      ['2026-04-04T15:15:00.000Z', 'Sun 01:45 second pass', false, 'outside-hours'],
      // forward: 02:00 becomes 02:30 at 15:30Z of 3 October
      ['2026-10-03T15:29:59.000Z', 'Sun 01:59:59', false, 'outside-hours'],
      ['2026-10-03T15:30:00.000Z', 'Sun 02:30', true, 'hours'],
      ['2026-10-03T16:00:00.000Z', 'Sun 03:00', false, 'outside-hours'],
    ],
  );
  table(
    'a day without midnight (Cairo sets its clocks forward at 00:00)',
    { site: { timezone: 'Africa/Cairo', country: 'EG' }, hours: { open: ['Fri 00:00-02:00'] } },
    [
      ['2026-04-23T21:59:59.000Z', 'Thu 23:59:59', false, 'outside-hours'],
      ['2026-04-23T22:00:00.000Z', 'Fri 01:00', true, 'hours'],
      ['2026-04-23T22:59:59.000Z', 'Fri 01:59:59', true, 'hours'],
      ['2026-04-23T23:00:00.000Z', 'Fri 02:00', false, 'outside-hours'],
    ],
  );
  table(
    'a leap day',
    {
      site: { timezone: 'Europe/Berlin', country: 'DE' },
      hours: { open: ['Mon-Fri 08:00-18:00'], closed: ['2028-02-29'] },
    },
    [
      ['2028-02-28T08:00:00.000Z', 'Mon 09:00', true, 'hours'],
      ['2028-02-28T23:00:00.000Z', 'Tue 00:00, 29 February', false, 'closed'],
      ['2028-02-29T12:00:00.000Z', 'Tue 13:00, 29 February', false, 'closed'],
      ['2028-02-29T22:59:59.000Z', 'Tue 23:59:59, 29 February', false, 'closed'],
      ['2028-02-29T23:00:00.000Z', 'Wed 00:00, 1 March', false, 'outside-hours'],
      ['2028-03-01T07:00:00.000Z', 'Wed 08:00, 1 March', true, 'hours'],
      ['2027-03-01T07:00:00.000Z', 'Mon 08:00, 1 March of a common year', true, 'hours'],
    ],
  );
  table(
    'half days, 24:00 and every day',
    {
      site: { timezone: 'Europe/Vienna', country: 'AT' },
      hours: { open: ['daily 06:00-24:00'], closed: ['2026-12-24 13:00-24:00', '2026-12-31 14:00-18:00'] },
    },
    [
      ['2026-12-24T11:59:59.000Z', 'Thu 12:59:59', true, 'hours'],
      ['2026-12-24T12:00:00.000Z', 'Thu 13:00', false, 'closed'],
      ['2026-12-24T22:59:59.000Z', 'Thu 23:59:59', false, 'closed'],
      ['2026-12-24T23:00:00.000Z', 'Fri 00:00', false, 'outside-hours'],
      ['2026-12-25T05:00:00.000Z', 'Fri 06:00', true, 'hours'],
      ['2026-12-25T22:59:59.000Z', 'Fri 23:59:59', true, 'hours'],
      ['2026-12-31T13:00:00.000Z', 'Thu 14:00', false, 'closed'],
      ['2026-12-31T17:00:00.000Z', 'Thu 18:00', true, 'hours'],
    ],
  );
  table(
    'a night shift and a holiday: the shift belongs to the day on which it begins',
    {
      site: { timezone: 'Europe/Berlin', country: 'DE' },
      hours: { open: ['Mon-Fri 22:00-06:00'], holidays: 'DE', closed: ['2026-11-25..2026-11-25'] },
    },
    [
      ['2026-05-13T22:30:00.000Z', "Thu 00:30, Ascension Day, Wednesday's shift", true, 'hours'],
      ['2026-05-14T04:00:00.000Z', 'Thu 06:00', false, 'holiday', 'Ascension Day'],
      ['2026-05-14T20:30:00.000Z', 'Thu 22:30, no shift begins', false, 'holiday', 'Ascension Day'],
      ['2026-05-14T23:00:00.000Z', 'Fri 01:00, none to go on', false, 'outside-hours'],
      ['2026-05-15T20:30:00.000Z', 'Fri 22:30', true, 'hours'],
      ['2026-11-25T04:00:00.000Z', "Wed 05:00, closed day, Tuesday's shift", true, 'hours'],
      ['2026-11-25T21:30:00.000Z', 'Wed 22:30', false, 'closed'],
      ['2026-11-26T02:00:00.000Z', 'Thu 03:00', false, 'outside-hours'],
    ],
  );

  describe('of accounts and groups', () => {
    const input: SiteInput = {
      ...berlin,
      accounts: {
        '2001': { hours: 'always' },
        '2002': { hours: ['Sun 10:00-12:00'] },
        '2003': { hours: 'always', holidays: true },
        '2004': { aliases: ['reception'] },
        '3002': { hours: ['Mon-Fri 12:00-13:00'] },
      },
      groups: {
        staff: { members: ['2001', '3001'] },
        night: { members: ['3001', '3002'], hours: ['Mon-Fri 22:00-06:00'] },
        late: { members: ['3001', '3003'], hours: ['Mon-Fri 12:00-24:00'], holidays: true },
      },
    };
    table(
      'always',
      input,
      [
        ['2026-12-25T02:00:00.000Z', 'Fri 03:00, Christmas', true, 'always'],
        ['2026-11-29T02:00:00.000Z', 'Sun 03:00', true, 'always'],
      ],
      '2001',
    );
    table(
      'own hours know neither holidays nor closures',
      input,
      [
        ['2026-12-27T09:00:00.000Z', 'Sun 10:00, within the closure', true, 'hours'],
        ['2026-12-27T12:30:00.000Z', "Sun 13:30, the site's extra opening is not his", false, 'outside-hours'],
        ['2026-11-23T09:00:00.000Z', 'Mon 10:00', false, 'outside-hours'],
      ],
      '2002',
    );
    table(
      'always, but for holidays and closures',
      input,
      [
        ['2026-11-29T02:00:00.000Z', 'Sun 03:00', true, 'always'],
        ['2026-05-01T02:00:00.000Z', 'Fri 04:00', false, 'holiday', 'Labour Day'],
        ['2026-12-30T12:00:00.000Z', 'Wed 13:00', false, 'closed'],
        ['2026-12-27T09:30:00.000Z', 'Sun 10:30', true, 'opened'],
      ],
      '2003',
    );
    table(
      'an account without hours follows the site',
      input,
      [
        ['2026-11-23T07:00:00.000Z', 'Mon 08:00', true, 'hours'],
        ['2026-05-01T08:00:00.000Z', 'Fri 10:00', false, 'holiday', 'Labour Day'],
      ],
      '2004',
    );
    table(
      'the first group with hours counts',
      input,
      [
        ['2026-11-23T23:00:00.000Z', 'Tue 00:00', true, 'hours'],
        ['2026-11-23T12:00:00.000Z', 'Mon 13:00', false, 'outside-hours'],
      ],
      '3001',
    );
    table(
      'own hours before those of a group',
      input,
      [
        ['2026-11-23T11:30:00.000Z', 'Mon 12:30', true, 'hours'],
        ['2026-11-23T23:00:00.000Z', 'Tue 00:00', false, 'outside-hours'],
      ],
      '3002',
    );
    table(
      'a group with holidays',
      input,
      [
        ['2026-11-23T22:30:00.000Z', 'Mon 23:30', true, 'hours'],
        ['2026-05-01T12:00:00.000Z', 'Fri 14:00', false, 'holiday', 'Labour Day'],
      ],
      '3003',
    );
    table(
      'an account that nobody named',
      input,
      [['2026-11-23T17:00:00.000Z', 'Mon 18:00', false, 'outside-hours']],
      'x',
    );
  });

  describe('periods', () => {
    const span = (hours: Hours): (string | null)[] =>
      [hours.since, hours.until].map((at) => (at === null ? null : new Date(at).toISOString()));
    const periods: readonly (readonly [string, SiteInput, string, string | null, string | null])[] = [
      ['a working day', berlin, '2026-11-23T12:00:00Z', '2026-11-23T07:00:00.000Z', '2026-11-23T17:00:00.000Z'],
      [
        'a weekend is one closed period',
        berlin,
        '2026-11-29T12:00:00Z',
        '2026-11-28T12:00:00.000Z',
        '2026-11-30T07:00:00.000Z',
      ],
      [
        'so are four days of Easter',
        berlin,
        '2026-04-05T12:00:00Z',
        '2026-04-04T11:00:00.000Z',
        '2026-04-07T06:00:00.000Z',
      ],
      [
        'a closure goes on until the next opening',
        berlin,
        '2026-12-30T12:00:00Z',
        '2026-12-27T13:00:00.000Z',
        '2027-01-02T08:00:00.000Z',
      ],
      [
        'windows that touch at midnight are one period',
        { hours: { open: ['Mon-Fri 00:00-24:00'] } },
        '2026-11-25T12:00:00Z',
        '2026-11-23T00:00:00.000Z',
        '2026-11-28T00:00:00.000Z',
      ],
      ['never closed', { hours: { open: 'always' } }, '2026-11-25T12:00:00Z', null, null],
      ['never open', { hours: { open: [] } }, '2026-11-25T12:00:00Z', null, null],
      ['all week by windows', { hours: { open: ['00:00-24:00'] } }, '2026-11-25T12:00:00Z', null, null],
      [
        'a closure of four months',
        { hours: { open: ['00:00-24:00'], closed: ['2026-02-01..2026-05-31'] } },
        '2026-03-25T12:00:00Z',
        '2026-02-01T00:00:00.000Z',
        '2026-06-01T00:00:00.000Z',
      ],
      [
        'a night with 25 hours',
        { site: { timezone: 'Europe/Berlin' }, hours: { open: ['Sat 20:00-04:00'] } },
        '2026-10-25T00:30:00Z',
        '2026-10-24T18:00:00.000Z',
        '2026-10-25T03:00:00.000Z',
      ],
    ];
    for (const [sentence, input, at, since, until] of periods)
      it(sentence, () => assert.deepEqual(span(hoursOf(input)(at)), [since, until]));
  });

  describe('held against the wall clock of Intl', () => {
    // an independent reading of local time; windows in minutes of the week, Monday 00:00 = 0
    const zones = [
      'Europe/Berlin',
      'America/New_York',
      'Australia/Lord_Howe',
      'America/Santiago',
      'Asia/Kolkata',
      'Africa/Casablanca',
    ];
    const spans = [
      ['Mon', 0, 480, 1080],
      ['Tue', 1, 1320, 1800],
      ['Fri', 4, 1200, 1560],
      ['Sat', 5, 90, 150],
      ['Sun', 6, 60, 165],
    ] as const;
    const clock = (minute: number): string =>
      `${String(Math.floor(minute / 60) % 24).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`;
    const open = spans.map(([day, , start, end]) => `${day} ${clock(start)}-${clock(end)}`);
    const week = 7 * 1440;
    for (const timezone of zones)
      it(`${timezone}: every 5 minutes around each change of clocks, every 61 minutes of 2026`, () => {
        const ask = hoursOf({ site: { timezone }, hours: { open } });
        const format = new Intl.DateTimeFormat('en-GB', {
          timeZone: timezone,
          weekday: 'short',
          hour: '2-digit',
          minute: '2-digit',
          hourCycle: 'h23',
        });
        const expected = (at: number): boolean => {
          const parts = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, value]));
          const day = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'].indexOf(parts['weekday'] ?? '');
          const minute = day * 1440 + Number(parts['hour']) * 60 + Number(parts['minute']);
          return spans.some(([, weekday, start, end]) => {
            const offset = (((minute - weekday * 1440 - start) % week) + week) % week;
            return offset < end - start;
          });
        };
        const instants: number[] = [];
        for (let at = Date.UTC(2026, 0, 1); at < Date.UTC(2027, 0, 1); at += 61 * 60_000) instants.push(at);
        for (const [month, day] of [
          [1, 14],
          [2, 7],
          [2, 8],
          [2, 21],
          [2, 28],
          [2, 29],
          [3, 4],
          [3, 5],
          [8, 5],
          [8, 6],
          [9, 3],
          [9, 4],
          [9, 24],
          [9, 25],
          [10, 1],
        ] as const)
          for (let n = -288; n < 576; n++) instants.push(Date.UTC(2026, month, day) + n * 300_000);
        const wrong = instants.filter((at) => ask(new Date(at).toISOString()).open !== expected(at));
        assert.deepEqual(
          wrong.map((at) => new Date(at).toISOString()),
          [],
        );
      });
  });

  it('a period begins and ends where being open changes', () => {
    const made = createSite(siteDefaults(berlin));
    assert.ok(made.ok);
    const site = made.value;
    for (let at = Date.UTC(2026, 0, 5); at < Date.UTC(2027, 1, 1); at += 7_919_000) {
      const period: Hours = site.hours(at, null);
      assert.ok(period.since !== null && period.until !== null && period.since <= at && at < period.until);
      assert.equal(site.hours(period.since, null).open, period.open);
      assert.equal(site.hours(period.since - 1, null).open, !period.open);
      assert.equal(site.hours(period.until - 1, null).open, period.open);
      assert.equal(site.hours(period.until, null).open, !period.open);
    }
  });
});
