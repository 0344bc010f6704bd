import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createSite, siteDefaults, type SiteInput } from '../../src/site/index.ts';

/** UTC, the wall clock there (for the reader), open?, and `holiday` where that is why it is closed. */
type Row = readonly [utc: string, wall: string, open: boolean, why?: 'holiday'];

interface Table {
  readonly name: string;
  readonly account?: string;
  readonly settings: SiteInput;
  readonly rows: readonly Row[];
}

const FILE = join(import.meta.dirname, '../vectors/calendar/instants.json');
const { tables } = JSON.parse(readFileSync(FILE, 'utf8')) as { readonly tables: readonly Table[] };

describe('opening hours agree with a table made without them', () => {
  it('has at least 300 instants, ten countries, both changes of clocks and the leap day', () => {
    const rows = tables.flatMap((t) => t.rows);
    assert.ok(rows.length >= 300);
    assert.ok(new Set(tables.map((t) => t.settings.hours?.holidays ?? '').filter((h) => h !== '')).size >= 10);
    assert.ok(rows.some(([, wall]) => wall.includes('-02-29')));
    assert.ok(rows.some(([, , open]) => open) && rows.some(([, , , why]) => why === 'holiday'));
  });

  for (const { name, account, settings, rows } of tables)
    it(`${name}: ${rows.length} instants`, () => {
      const made = createSite(siteDefaults(settings));
      assert.ok(made.ok, made.ok ? '' : JSON.stringify(made.problems));
      const wrong: string[] = [];
      for (const [utc, wall, open, why] of rows) {
        const hours = made.value.hours(Date.parse(utc), account ?? null);
        if (hours.open !== open) wrong.push(`${utc} (${wall}): ${hours.open ? 'open' : 'closed'}, ${hours.reason}`);
        else if (why !== undefined && hours.reason !== why) wrong.push(`${utc} (${wall}): not ${why}, ${hours.reason}`);
      }
      assert.deepEqual(wrong, []);
    });
});
