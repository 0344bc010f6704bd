import assert from 'node:assert/strict';
import { loadHolidays } from '../../src/site/holidays.ts';

const DAY = 86_400_000;

/** Public holidays as the governments concerned publish them; null: a working day there. */
const rows: readonly (readonly [code: string, date: string, name: RegExp | null])[] = [
  ['DE', '2026-10-03', /National Holiday/],
  ['DE', '2026-11-01', null],
  ['DE-BY', '2026-11-01', /All Saints/],
  ['DE-BE', '2026-03-08', /Women/],
  ['DE-BY', '2026-03-08', null],
  ['DE', '2026-12-24', null],
  ['DE', '2024-05-20', /Whit Monday/],
  ['AT', '2026-10-26', /National/],
  ['AT', '2026-12-08', /Immaculate/],
  ['US', '2026-11-26', /Thanksgiving/],
  ['US', '2027-01-18', /Martin Luther King/],
  ['US', '2026-06-19', /Juneteenth/],
  ['GB-ENG', '2026-08-31', /Summer bank/],
  ['GB-SCT', '2026-08-31', null],
  ['GB-NIR', '2026-03-17', /Patrick/],
  ['GB-ENG', '2026-03-17', null],
  ['FR', '2026-07-14', /Bastille/],
  ['FR', '2026-12-26', null],
  ['LV', '2026-11-18', /Republic Day/],
  ['LV', '2026-05-04', /Independence/],
  ['BR', '2026-09-07', /Independence/],
  ['JP', '2026-02-23', /Emperor/],
  ['AU-VIC', '2026-11-03', /Melbourne Cup/],
  ['AU-NSW', '2026-11-03', null],
  ['PL', '2026-11-11', /Independence/],
  ['SE', '2026-06-06', /National Day/],
  ['gb-eng', '2026-12-25', /Christmas/],
];

describe('public holidays', () => {
  for (const [code, date, name] of rows)
    it(`${code} ${date}: ${name === null ? 'a working day' : name.source}`, () => {
      const read = loadHolidays(code);
      assert.ok(read.ok);
      const holiday = read.value.on(Date.parse(`${date}T00:00:00Z`) / DAY);
      if (name === null) assert.equal(holiday, null);
      else assert.match(holiday?.name ?? '', name);
    });

  it('a feast of several days covers each of them', () => {
    const read = loadHolidays('SA');
    assert.ok(read.ok);
    const first = Date.parse('2026-03-19T00:00:00Z') / DAY;
    const names = [0, 1, 2, 3].map((n) => read.value.on(first + n)?.name ?? '');
    assert.ok(
      names.every((name) => name.includes('Eid al-Fitr')),
      names.join(),
    );
    assert.equal(read.value.on(first - 1), null);
    assert.equal(read.value.on(first + 4), null);
  });

  for (const [code, reason] of [
    ['XX', /no public holidays are known for country "XX"/],
    ['DE-XX', /known: .*DE-BE/],
    ['DE-BY-QQ', /no part of a region/],
    ['LV-RIX', /no region/],
    ['', /no public holidays/],
    ['constructor', /no public holidays/],
  ] as const)
    it(`"${code}" is refused with the codes that are known`, () => {
      const read = loadHolidays(code);
      assert.ok(!read.ok);
      assert.match(read.reason, reason);
    });

  it('years beyond all calendars have none, and any number of years is held in bounded memory', () => {
    const read = loadHolidays('DE');
    assert.ok(read.ok);
    assert.equal(read.value.on(Date.UTC(9999, 11, 25) / DAY), null);
    assert.equal(read.value.on(Date.UTC(1900, 11, 25) / DAY), null);
    for (let year = 1960; year < 2140; year++)
      assert.match(read.value.on(Date.UTC(year, 11, 25) / DAY)?.name ?? '', /Christmas/);
  });
});
