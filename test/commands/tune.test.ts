import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { parse } from 'smol-toml';
import { jsonLines, ringfence, row, writeSettings, type Ran } from '../support/cli.ts';
import { temporaryFolder } from '../support/temporary.ts';

const DAY = 86_400_000;
const HOUR = 3_600_000;
/** Monday, local midnight in Berlin (winter time all along) */
const MONDAY = Date.parse('2026-01-04T23:00:00Z');
const HOME = '030123456';
const LONDON = '00442079460123';

/** Rows of `weeks` weeks: six people by day, a guard by night who calls London too, and one night of attack. */
function records(weeks: number): string {
  const rows: [number, string][] = [];
  let serial = 0;
  const call = (account: string, at: number, dialled: string): void =>
    void rows.push([at, row(`9.${serial++}`, account, at, dialled)]);
  for (let day = 0; day < weeks * 7; day++) {
    const midnight = MONDAY + day * DAY;
    if (day % 7 < 5)
      for (const account of ['1001', '1002', '1003', '1004', '1005', '1006'])
        for (let slot = 18; slot < 32; slot++) call(account, midnight + slot * (HOUR / 2) + 60_000, HOME);
    if (day % 7 < 5) call('1001', midnight + 10 * HOUR, LONDON);
    for (const hour of [22, 23, 24, 25, 26]) call('2001', midnight + hour * HOUR, HOME);
    call('2001', midnight + 23.5 * HOUR, LONDON);
  }
  for (let i = 0; i < 20; i++) call('1003', MONDAY + 16 * DAY + 2 * HOUR + i * 300_000, `0037120000${100 + i}`);
  return rows
    .sort(([a], [b]) => a - b)
    .map(([, text]) => text)
    .join('');
}

interface Told {
  readonly kind: string;
  readonly settings: string[];
  readonly before: number;
  readonly after: number;
  readonly gone: { readonly subject: { readonly value: string } }[];
  readonly digits?: string;
}

describe('ringfence tune', function () {
  this.timeout(120_000);
  const folder = temporaryFolder();
  let settings = '';
  const tune = async (...args: string[]): Promise<Ran> => await ringfence(['tune', '--config', settings, ...args]);

  before(() => {
    settings = writeSettings(folder.path, '# a note of mine');
    const open = readFileSync(settings, 'utf8').replace('open = []', 'open = ["Mon-Fri 08:00-20:00"]');
    writeFileSync(settings, open);
    const text = records(6);
    const half = text.indexOf('\n', text.length / 2) + 1;
    writeFileSync(folder.file('Master.csv.1'), text.slice(0, half));
    writeFileSync(folder.file('Master.csv'), text.slice(half));
    writeFileSync(folder.file('Master.csv.2.gz'), 'x');
  });

  it('proposes hours and the group of who works at night, reading rotated files too; the attack teaches nothing', async () => {
    const { status, stdout, stderr } = await tune('--format', 'json');
    assert.equal(status, 0, stderr);
    assert.match(stderr, /compressed.*Master\.csv\.2\.gz/);
    const told = jsonLines<Told>(stdout);
    const of = (kind: string): Told => told.find((t) => t.kind === kind)!;
    assert.deepEqual(of('hours').settings, ['[hours]', 'open = ["Mon-Fri 09:00-16:00"]']);
    const { groups } = parse(of('groups').settings.join('\n')) as {
      groups: { late: { members: string[]; hours: string[] } };
    };
    assert.deepEqual(groups.late.members, ['2001']);
    assert.deepEqual(groups.late.hours, [
      'Mon-Fri 00:00-02:30, 09:00-16:00, 22:00-24:00',
      'Sat-Sun 00:00-02:30, 22:00-24:00',
    ]);
    assert.ok(of('groups').after < of('groups').before, 'the guard annoys no more');
    assert.ok(
      of('groups').gone.every(({ subject }) => subject.value === '2001'),
      'the attack is still told',
    );
    assert.equal(told.find((t) => t.kind === 'partners')?.digits, LONDON.slice(2, -4));
  });

  it('says it in words, and writes nothing unasked', async () => {
    const before = readFileSync(settings, 'utf8');
    const { status, stdout } = await tune();
    assert.equal(status, 0);
    assert.match(stdout, /call records, .* people's calls in 7 weeks\./);
    assert.match(stdout, /alerts would have been \d+: \d+ not told, \d+ new/);
    assert.match(stdout, /\[groups\.late\]/);
    const unasked = await tune('--write');
    assert.match(unasked.stderr, /nothing was written/);
    assert.equal(readFileSync(settings, 'utf8'), before);
  });

  it('--since: too little to learn from', async () => {
    const { status, stdout } = await tune('--since', '2026-02-08');
    assert.equal(status, 0);
    assert.match(stdout, /too little to learn from/);
  });

  it('--write --yes: written, the former beside it, and then there is no more to propose of it', async () => {
    const before = readFileSync(settings, 'utf8');
    const { status, stderr } = await tune('--write', '--yes', '--format', 'json');
    assert.equal(status, 0, stderr);
    const backup = readdirSync(folder.path).find((name) => name.endsWith('.bak'));
    assert.equal(readFileSync(folder.file(backup ?? ''), 'utf8'), before);
    const after = readFileSync(settings, 'utf8');
    assert.ok(after.includes('# a note of mine') && after.includes('[groups.late]'));
    const again = jsonLines<Told>((await tune('--format', 'json')).stdout);
    assert.deepEqual(
      again.filter(({ kind }) => kind === 'hours' || kind === 'groups'),
      [],
    );
  });

  it('no records: 2, and what to do', async () => {
    const { status, stderr } = await tune(folder.file('nothing.csv'));
    assert.equal(status, 2);
    assert.match(stderr, /nothing\.csv/);
  });
});
