import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import baseline from '../../src/commands/detectors-baseline.ts';
import scan from '../../src/commands/scan.ts';
import { DAY, HOUR, MINUTE } from '../../src/time.ts';
import { row, writeSettings } from '../support/cli.ts';
import { recordingOutput } from '../support/output.ts';
import { temporaryFolder } from '../support/temporary.ts';

/** Monday 7 September 2026, midnight in Berlin. */
const MONDAY = Date.parse('2026-09-06T22:00:00Z');

describe('ringfence detectors baseline', function () {
  this.timeout(60_000);
  const folder = temporaryFolder();
  let settings = '';
  const ask = (account: string | null, over: object = {}) => {
    const told = recordingOutput('format' in over);
    const options = { config: settings, format: 'text', quiet: false, site: false, measure: 'calls', ...over } as const;
    const status = baseline(account === null ? [] : [account], options, told.output);
    return { ...told, status };
  };

  before(async () => {
    settings = writeSettings(folder.path, '[groups.sales]\nmembers = ["1004"]\n');
    assert.throws(() => ask('1004'), /there is no store/);
    const rows: string[] = [];
    for (let day = 0; day < 42; day++)
      for (let hour = 8; hour < 18 && day % 7 < 5; hour++)
        for (let n = 0; n < 6; n++) {
          const at = MONDAY + day * DAY + hour * HOUR + n * 9 * MINUTE;
          rows.push(
            row(
              `${day}.${hour}${n}`,
              n < 3 ? '1004' : '1005',
              at,
              n === 0 && hour < 10 ? '0033140000001' : '0301234567',
            ),
          );
        }
    writeFileSync(folder.file('Master.csv'), rows.join(''));
    const { output } = recordingOutput();
    await scan(
      [],
      { config: settings, format: 'text', quiet: true, all: false, enforce: false, failOn: 'never' },
      output,
    );
  });

  it('is a picture of the week that fits a terminal', () => {
    const { results, status } = ask('1004');
    const lines = (results[0] ?? '').split('\n');
    assert.equal(status, 0);
    for (const line of lines) assert.ok(line.length <= 80, line);
    const of = (day: string): string => lines.find((line) => line.startsWith(`${day} `)) ?? '';
    assert.equal(of('Mon').slice(5 + 9 * 3, 5 + 17 * 3), of('Tue').slice(5 + 9 * 3, 5 + 17 * 3));
    assert.match(of('Mon'), /(?:@@|██) (?:@@|██) (?:@@|██)/);
    assert.ok(lines.includes('Sun'), 'nobody calls on Sunday');
    // Friday is not over: no record tells of Saturday
    assert.match(results[0] ?? '', /FR +\d+ calls .*last 2026-10-15$/m);
  });

  it('is one object for programs', () => {
    const { objects } = ask('1004', { format: 'json' });
    const told = objects[0] as {
      hours: number[];
      perDay: { calls: { mean: number } };
      known: boolean;
      countries: unknown[];
    };
    assert.equal(told.hours.length, 168);
    // 30 calls on each of five days of seven
    assert.ok(Math.abs(told.perDay.calls.mean - (30 * 5) / 7) < 3, `${told.perDay.calls.mean}`);
    assert.equal(told.known, true);
    assert.equal(told.countries.length, 1);
  });

  it('is of the site or a group too', () => {
    assert.match(
      ask(null, { site: true }).results[0] ?? '',
      /^site test: calls placed by hour of the week \(Europe\/Berlin\)/,
    );
    assert.match(
      ask(null, { group: 'sales', measure: 'chargeable' }).results[0] ?? '',
      /^group sales: calls that cost money/,
    );
  });

  it('says what is not there', () => {
    assert.throws(() => ask('9999'), /no calls to the outside are known of account "9999"/);
    assert.throws(() => ask(null, { group: 'night' }), /no calls are known of group "night"/);
    assert.throws(() => ask(null), /name an account, or --site, or --group/);
    assert.throws(() => ask('1004', { site: true }), /one of them/);
  });
});
