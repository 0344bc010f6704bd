import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { csvCell } from '../../src/commands/report-csv.ts';
import { savedBy } from '../../src/commands/report-data.ts';
import { lastPeriod } from '../../src/commands/report.ts';
import type { Decision, Evidence, Incident, Severity } from '../../src/model.ts';
import { openStore, type Judged, type ReportedIncident } from '../../src/store/index.ts';
import { DAY, HOUR, MINUTE, Zone } from '../../src/time.ts';
import { jsonLines, ringfence, type Ran } from '../support/cli.ts';
import { decision, evidence, incident } from '../support/evidence.ts';
import { testSite } from '../support/site.ts';
import { temporaryFolder } from '../support/temporary.ts';

/** Wednesday 25 November 2026, 01:00 in Berlin: the office is closed. */
const NIGHT = Date.UTC(2026, 10, 25, 0, 0);
const LONG = process.env['RINGFENCE_LONG'] === '1';

describe('ringfence report', function () {
  this.timeout(180_000);
  const folder = temporaryFolder();
  const settings = (language: string, more = ''): string => {
    const file = folder.file(`${language}.toml`);
    writeFileSync(
      file,
      `[site]\nname = "head <b>office</b>"\ntimezone = "Europe/Berlin"\ncountry = "DE"\nlanguage = "${language}"\n[hours]\nopen = ["Mon-Fri 08:00-18:00"]\n[store]\npath = "report.db"\n${more}`,
    );
    return file;
  };
  const commit = (judged: Omit<Judged, 'cursor'>): void => {
    const store = openStore(folder.file('report.db'));
    store.commitJudged({ cursor: 'run', ...judged });
    store.close();
  };
  const story = (
    id: string,
    over: Partial<Incident>,
    numbers: readonly string[],
    decisions: readonly Partial<Decision>[] = [],
  ): void => {
    const i = incident(id, over);
    commit({
      incidents: [i],
      evidence: [
        {
          incident: id,
          evidence: evidence(`e-${id}`, {
            ...{ at: i.openedAt, severity: i.severity, subject: i.subject, detector: i.detector, summary: i.summary },
            facts: { calls: 3, numbers },
          }),
        },
      ],
      decisions: decisions.map((d, n) => decision(`d-${id}-${n}`, { incident: id, at: i.openedAt + MINUTE, ...d })),
    });
  };
  const report = (language: string, ...args: string[]): Promise<Ran> =>
    ringfence([
      'report',
      '--config',
      settings(language),
      '--since',
      '2026-11-24T23:00Z',
      '--until',
      '2026-11-25T23:00Z',
      ...args,
    ]);
  const EUR = (amount: number): Incident['loss'] => ({ amount, currency: 'EUR', estimated: true });

  before(() => {
    story(
      'aaaa1111',
      { openedAt: NIGHT, updatedAt: NIGHT + HOUR, loss: EUR(30) },
      ['0037120000001', '0037120000002'],
      [
        { action: 'hang-up', state: 'done', target: 'call-1', at: NIGHT + 30 * MINUTE },
        { action: 'block-international', state: 'undone', target: '1004', why: 'it was the boss' },
      ],
    );
    story(
      'bbbb2222',
      {
        openedAt: NIGHT + 2 * HOUR,
        severity: 'high',
        loss: EUR(12.5),
        accounts: ['1005'],
        subject: { type: 'account', value: '1005' },
      },
      ['0037120000009', '00252615550000'],
      [{ action: 'block-international', state: 'observed', target: '1005' }],
    );
    story('cccc3333', { openedAt: NIGHT + 3 * HOUR, severity: 'low', loss: null, accounts: [] }, ['030123456']);
    story(
      'dddd4444',
      { openedAt: NIGHT + 4 * HOUR, severity: 'medium', loss: null, accounts: ['1005'] },
      [],
      [{ action: 'block-address', state: 'failed', target: '203.0.113.9' }],
    );
    story('eeee5555', { openedAt: NIGHT - 12 * HOUR, severity: 'high', loss: EUR(1) }, ['0037120000001']);
    const store = openStore(folder.file('report.db'));
    store.acknowledge('cccc3333', { who: 'ada', note: '' });
    store.alarms.put({
      alarm: 'hep-silent',
      since: NIGHT,
      until: NIGHT + 90 * MINUTE,
      facts: { reason: 'others', calls: 40 },
    });
    store.alarms.put({ alarm: 'ami-away', since: NIGHT + 5 * HOUR, until: null, facts: { state: 'connecting' } });
    const key = { serial: '0a', kid: 'k', use: 'account', issuer: 'ca', bits: 2048, notBefore: NIGHT - 300 * DAY, revokedAt: null, reason: null, certificate: 'MIIC', spki: 'MIIB' } as const; // prettier-ignore
    store.certificates.add({ ...key, account: '1006', notAfter: NIGHT + 20 * DAY });
    store.certificates.add({ ...key, serial: '0b', kid: 'l', account: '1007', notAfter: NIGHT + 90 * DAY });
    store.passwordVerdicts.put({ account: '1008', at: NIGHT - 9 * DAY, weakness: 'dictionary' });
    store.passwordVerdicts.put({ account: '1009', at: NIGHT, weakness: 'extension-number' });
    store.passwordVerdicts.put({ account: '1010', at: NIGHT, weakness: null });
    store.passwordVerdicts.put({ account: '1011', at: NIGHT + 9 * DAY, weakness: 'digits' });
    store.close();
  });

  it('as text, in English: what was stopped and saved, what was let through, where it went, who, what was not seen', async () => {
    const { status, stdout, stderr } = await report('en');
    assert.equal(status, 0, stderr);
    const lines = [
      /^Telephone fraud report: head <b>office<\/b>\nFrom 25 Nov 2026 00:00 to 26 Nov 2026 00:00\n/,
      /4 incidents, 3 of them not acknowledged by anybody\. *\n/,
      /1 incident in the period before \(\+300 %\)/,
      /ringfence observes here/,
      /01:00 {2}@+ 1\n/,
      /ringfence acted in 1 incident and hung up 1 call\. The cost until then: EUR 30\.00\./,
      // a pace of 30 an hour from 02:00 on, until the office opens at 08:00
      /about EUR 180\.00 would have come on top/,
      /aaaa1111 {2}25 Nov 2026 01:00 {2}critical {2}.*EUR 30\.00/,
      /In 1 incident that cost money, or could have, nothing was done\. The cost: EUR 12\.50\./,
      /In 1 of them ringfence would have acted in enforce mode/,
      /Latvia +2 +3 +\d+/,
      /Somalia +1 +1 +\d+/,
      /this country, or not known +1 +1 +\d+/,
      /1005 +2 {2}high/,
      /calls hung up +1 +0/,
      /accounts? *|calls abroad blocked/,
      /it was the boss/,
      /203\.0\.113\.9/,
      /25 Nov 2026 01:00 {2}1 h 30 min {2}Mirrored SIP tells nothing any more/,
      /25 Nov 2026 06:00 {2}still so +ringfence has no connection to Asterisk/,
      /Keys that end soon\n.*\n {2}1006 +15 Dec 2026 01:00\n/,
      /Of 3 accounts audited \(the last on 25 Nov 2026 01:00\), 2 have a weak password\./,
      /ringfence rotate ACCOUNT/,
      /1008 +is in the dictionary, .* +16 Nov 2026 01:00\n {2}1009 +is the extension number +25 Nov 2026 01:00\n/,
    ];
    for (const line of lines) assert.match(stdout, line);
    assert.doesNotMatch(stdout, /eeee5555|undefined|NaN|1007|1010|1011/);
    for (const line of stdout.split('\n')) assert.ok(line.length <= 110, `${line.length}: ${line}`);
  });

  it('as text, in German', async () => {
    const { stdout } = await report('de');
    for (const line of [
      /Bericht zum Telefonbetrug/,
      /4 Vorfälle, davon 3 von niemandem bestätigt/,
      /noch etwa 180,00 EUR hinzugekommen/,
      /Was durchkam/,
      /In einem Vorfall, der Geld kostete/,
      /Lettland +2 +3 /,
      /Wann ringfence nicht alles sah/,
      /Das gespiegelte SIP sagt nichts mehr/,
      /Schlüssel, die bald enden\n.*\n {2}1006 +15\.12\.2026 01:00\n/,
      /Von 3 geprüften Konten \(zuletzt am 25\.11\.2026 01:00\) haben 2 ein schwaches Passwort\./,
      /1009 +ist die Nummer der Nebenstelle +25\.11\.2026 01:00\n/,
      /kritisch/i,
    ])
      assert.match(stdout, line);
    assert.doesNotMatch(stdout, /\b(?:incidents?|account|severity|Mirrored)\b/);
    assert.match((await report('de', '--language', 'en')).stdout, /Telephone fraud report/);
  });

  it('as HTML that mail programs show: no script, no style of its own, nothing fetched', async () => {
    const { stdout } = await report('en', '--format', 'html');
    assert.match(stdout, /^<!DOCTYPE html>\n<html lang="en">/);
    assert.match(stdout, /bgcolor="#b71c1c"/, 'a picture of coloured cells');
    assert.match(stdout, /head &#60;b&#62;office&#60;\/b&#62;/);
    for (const text of ['Weak passwords', 'is the extension number', 'Keys that end soon'])
      assert.ok(stdout.includes(text));
    assertHarmless(stdout);
  });

  it('as JSON: one object, times as text', async () => {
    const { stdout } = await report('en', '--format', 'json');
    const [made, ...more] = jsonLines<Record<string, never>>(stdout);
    assert.deepEqual(more, []);
    assert.deepEqual(
      JSON.parse(
        JSON.stringify(made, [
          'from',
          'until',
          'before',
          'stopped',
          'through',
          'incidents',
          'calls',
          'cost',
          'observed',
        ]),
      ),
      {
        ...{ from: '2026-11-24T23:00:00.000Z', until: '2026-11-25T23:00:00.000Z', before: 1 },
        stopped: { incidents: 1, calls: 1, cost: 30 },
        through: { incidents: 1, observed: 1, cost: 12.5 },
      },
    );
    assert.equal((made?.['parts'] as unknown as unknown[]).length, 24);
    assert.equal((made?.['gaps'] as unknown as { since: string }[])[0]?.since, '2026-11-25T00:00:00.000Z');
    assert.deepEqual(made?.['keys'], [{ name: '1006', endsAt: '2026-12-15T00:00:00.000Z' }]);
    assert.deepEqual(made['passwords'], {
      ...{ audited: 3, latest: '2026-11-25T00:00:00.000Z' },
      weak: [
        { account: '1008', weakness: 'dictionary', at: '2026-11-16T00:00:00.000Z' },
        { account: '1009', weakness: 'extension-number', at: '2026-11-25T00:00:00.000Z' },
      ],
    });
  });

  it('as CSV: a line for each incident', async () => {
    const { stdout } = await report('en', '--format', 'csv');
    const [head, ...rows] = parseCsv(stdout);
    assert.equal(head?.[0], '\ufeffincident');
    assert.deepEqual(
      rows.map(([id]) => id),
      ['aaaa1111', 'bbbb2222', 'cccc3333', 'dddd4444', '', '', '', '', ''],
    );
    const beside = ['detector', 'severity', 'subject', 'opened', 'updated'].map((name) => head.indexOf(name));
    assert.deepEqual(
      rows.slice(4).map((row) => beside.map((i) => row[i])),
      [
        ['weak-password', 'high', '1008', '2026-11-16T00:00:00.000Z', ''],
        ['weak-password', 'high', '1009', '2026-11-25T00:00:00.000Z', ''],
        ['feed-gap', '', 'hep-silent', '2026-11-25T00:00:00.000Z', '2026-11-25T01:30:00.000Z'],
        ['feed-gap', '', 'ami-away', '2026-11-25T05:00:00.000Z', ''],
        ['key-ends', '', '1006', rows[8]?.[beside[3] ?? -1], ''],
      ],
    );
    assert.match(rows[5]?.join() ?? '', /its password is the extension number/);
    const column = (name: string): string | undefined => rows[0]?.[head.indexOf(name)];
    assert.equal(column('loss'), '30');
    assert.equal(column('numbers'), '0037120000001 0037120000002');
    assert.equal(column('decisions'), 'block-international:undone hang-up:done');
  });

  it('into a file, whole, for its owner alone; a folder that is not there: 2, which', async () => {
    const out = folder.file('report.html');
    const { status, stdout } = await report('en', '--format', 'html', '--out', out);
    assert.deepEqual([status, stdout], [0, '']);
    assert.match(readFileSync(out, 'utf8'), /^<!DOCTYPE html>[\s\S]*<\/html>\n/);
    assert.equal(statSync(out).mode & 0o777, 0o600);
    const csv = folder.file('report.csv');
    await report('en', '--format', 'csv', '--out', csv);
    assert.equal(parseCsv(readFileSync(csv, 'utf8')).length, 10);
    const wrong = await report('en', '--out', folder.file('no/such/folder.txt'));
    assert.equal(wrong.status, 2);
    assert.match(wrong.stderr, /--out: .*folder\.txt cannot be written: ENOENT/);
    assert.ok(!existsSync(folder.file('no')));
  });

  const WRONG: [string, string[], RegExp][] = [
    ['--mail without [notify.mail]', ['--mail'], /mails go by \[notify\.mail\]/],
    ['a period that ends before it begins', ['--until', '2026-11-01T00:00Z'], /is not before/],
    ['two periods', ['--last', 'week'], /give --last, or --since and --until/],
    ['a format that there is not', ['--format', 'pdf'], /Allowed choices are text, json, html, csv/],
  ];
  for (const [what, args, message] of WRONG)
    it(`${what}: 2, and what to do`, async () => {
      const { status, stderr } = await report('en', ...args);
      assert.equal(status, 2);
      assert.match(stderr, message);
    });

  it('formats of reports are for reports alone', async () => {
    const { status, stderr } = await ringfence(['alerts', 'list', '--format', 'html', '--config', settings('en')]);
    assert.equal(status, 2);
    assert.match(stderr, /--format html is for ringfence report alone/);
  });

  it('hostile strings wherever they come from: no tag, no formula, no line of their own', async () => {
    const file = folder.file('hostile.toml');
    writeFileSync(file, `[site]\nname = "x"\ntimezone = "UTC"\ncountry = "DE"\n[store]\npath = "hostile.db"\n`);
    const store = openStore(folder.file('hostile.db'));
    const at = Date.now() - HOUR;
    HOSTILE.forEach((text, n) => {
      const id = `h${String(n).padStart(4, '0')}`;
      const i = incident(id, {
        ...{
          openedAt: at + n,
          summary: text,
          accounts: [text],
          sources: [text],
          subject: { type: 'account', value: text },
        },
        ...{ severity: 'critical', loss: EUR(HOSTILE.length - n) },
      });
      store.commitJudged({
        cursor: 'run',
        incidents: [i],
        evidence: [
          { incident: id, evidence: evidence(id, { at, summary: text, facts: { numbers: [text], userAgent: text } }) },
        ],
        decisions: (['undone', 'failed', 'done'] as const).map((state, k) =>
          decision(`${id}-${k}`, { incident: id, at, state, target: text, why: text }),
        ),
      });
    });
    store.alarms.put({ alarm: HOSTILE[0] ?? '', since: at, until: null, facts: { problem: HOSTILE[1] ?? '' } });
    store.alarms.put({ alarm: 'cdr-unreadable', since: at, until: null, facts: { problem: HOSTILE[2] ?? '' } });
    for (const account of HOSTILE) store.passwordVerdicts.put({ account, at, weakness: 'empty' });
    store.close();
    const run = (format: string): Promise<Ran> => ringfence(['report', '--config', file, '--format', format]);
    for (const language of ['en', 'de']) {
      const html = await ringfence(['report', '--config', file, '--format', 'html', '--language', language]);
      assert.equal(html.status, 0, html.stderr);
      assertHarmless(html.stdout);
    }
    assert.doesNotMatch((await run('text')).stdout, /[^\n\P{C}]|[\p{Zl}\p{Zp}]/u);
    assert.equal(jsonLines((await run('json')).stdout).length, 1);
    const [head, ...rows] = parseCsv((await run('csv')).stdout);
    assert.equal(rows.length, HOSTILE.length + 2 + HOSTILE.length, 'incidents, gaps, weak passwords');
    for (const row of rows) {
      assert.equal(row.length, head?.length);
      for (const cell of row) assert.doesNotMatch(cell, /^[=+\-@\uff1d\uff0b\uff0d\uff20]|[\r\n\t\0]/);
    }
  });

  it('a cell is what it was, but for what a spreadsheet would run', () => {
    const CELLS: [string | number | null, string][] = [
      ['plain', '"plain"'],
      ['say "hi", Ada', '"say ""hi"", Ada"'],
      ['+37120000001', `"'+37120000001"`],
      ["=cmd|'/c calc'!A0", `"'=cmd|'/c calc'!A0"`],
      ['\t=1+1', `"'\\x09=1+1"`],
      ['@SUM(A1)', `"'@SUM(A1)"`],
      ['-2+3', `"'-2+3"`],
      ['＝1', `"'＝1"`],
      ['a\r\nb,c', '"a\\x0d\\x0ab,c"'],
      [-1.5, '-1.5'],
      [null, ''],
    ];
    for (const [value, expected] of CELLS) assert.equal(csvCell(value), expected);
  });

  const PERIODS: [string, 'day' | 'week' | 'month', string, string, string][] = [
    ['a day', 'day', '2026-11-25T10:00Z', '2026-11-23T23:00Z', '2026-11-24T23:00Z'],
    ['a day of 25 hours', 'day', '2026-10-26T10:00Z', '2026-10-24T22:00Z', '2026-10-25T23:00Z'],
    ['a week, asked on Monday', 'week', '2026-11-23T07:00Z', '2026-11-15T23:00Z', '2026-11-22T23:00Z'],
    ['a week, asked on Sunday', 'week', '2026-11-29T22:59Z', '2026-11-15T23:00Z', '2026-11-22T23:00Z'],
    ['a month', 'month', '2026-11-01T00:00Z', '2026-09-30T22:00Z', '2026-10-31T23:00Z'],
    ['December, asked in January', 'month', '2027-01-15T00:00Z', '2026-11-30T23:00Z', '2026-12-31T23:00Z'],
  ];
  for (const [what, last, now, from, until] of PERIODS)
    it(`the last whole ${what}`, () =>
      assert.deepEqual(lastPeriod(last, new Zone('Europe/Berlin'), Date.parse(now)), {
        from: Date.parse(from),
        until: Date.parse(until),
      }));

  it('what was saved: at the pace so far, until the office opens, twelve hours or an hour', () => {
    const site = testSite();
    const saved = (openedAt: number, at: number, loss: number | null, state: Decision['state'] = 'done'): number =>
      savedBy(
        {
          incident: incident('i', { openedAt, updatedAt: openedAt, loss: loss === null ? null : EUR(loss) }),
          decisions: [{ action: 'hang-up', state, at }],
          numbers: [],
        } satisfies ReportedIncident,
        site,
      );
    const friday = Date.UTC(2026, 10, 27, 20, 0);
    const near = (found: number, expected: number): void => assert.ok(Math.abs(found - expected) < 0.01, `${found}`);
    near(saved(NIGHT, NIGHT + HOUR, 60), 60 * 6);
    near(saved(friday, friday + HOUR, 10), 10 * 12);
    near(saved(NIGHT, NIGHT + 1_000, 1), 4 * (7 - 1 / 3_600));
    const day = NIGHT + 10 * HOUR;
    near(saved(day, day + 30 * MINUTE, 10), 20);
    assert.equal(saved(NIGHT, NIGHT + HOUR, null), 0);
    assert.equal(saved(NIGHT, NIGHT + HOUR, 60, 'observed'), 0);
    assert.equal(saved(NIGHT, NIGHT + HOUR, 60, 'failed'), 0);
  });

  const MANY = LONG ? 100_000 : 20_000;
  it(`${MANY} incidents in a heap of 64 MiB`, async () => {
    const file = folder.file('many.toml');
    writeFileSync(file, `[site]\nname = "x"\ntimezone = "UTC"\ncountry = "DE"\n[store]\npath = "many.db"\n`);
    const store = openStore(folder.file('many.db'));
    const from = Date.now() - 20 * DAY;
    const severities: readonly Severity[] = ['low', 'medium', 'high', 'critical'];
    store.transaction(() => {
      for (let n = 0; n < MANY; n++) {
        const id = `m${n}`;
        const at = from + Math.floor((n * 19 * DAY) / MANY);
        const account = `${1_000 + (n % 30_000)}`;
        const over: Partial<Evidence> = {
          at,
          facts: { numbers: [`0037120${String(n).padStart(6, '0')}`] },
          accounts: [account],
        };
        store.evidence.insert(id, evidence(id, over));
        store.incidents.put(
          incident(id, {
            openedAt: at,
            updatedAt: at,
            severity: severities[n % 4] ?? 'low',
            accounts: [account],
            loss: n % 2 === 0 ? EUR(1) : null,
          }),
        );
        if (n % 3 === 0) store.decisions.put(decision(id, { incident: id, at, state: 'done' }));
      }
    });
    store.close();
    const run = (...args: string[]): Promise<Ran> =>
      ringfence(['report', '--config', file, '--since', '30d', ...args], {
        env: { NODE_OPTIONS: '--max-old-space-size=64' },
      });
    const text = await run();
    assert.equal(text.status, 0, text.stderr);
    assert.match(text.stdout, new RegExp(`^ +${MANY} incidents, ${MANY} of them not acknowledged`, 'm'));
    assert.match(text.stdout, new RegExp(`Latvia +${MANY} +`));
    const csv = folder.file('many.csv');
    assert.equal((await run('--format', 'csv', '--out', csv)).status, 0);
    assert.equal(readFileSync(csv, 'utf8').split('\r\n').length, MANY + 2);
  });
});

/** Every tag is one of ours, none of its attributes does anything, and nothing is fetched. */
function assertHarmless(html: string): void {
  const tags = [...html.matchAll(/<(\/?)([a-zA-Z0-9!]*)([^<>]*)(>?)/g)];
  for (const [tag, , name = '', attributes = '', end] of tags) {
    assert.equal(end, '>', tag);
    assert.ok(
      ['!DOCTYPE', 'html', 'head', 'meta', 'title', 'body', 'h1', 'h2', 'p', 'table', 'tr', 'td', 'th'].includes(name),
      tag,
    );
    assert.match(
      attributes,
      /^(?: html| (?:lang|charset|style|width|bgcolor|cellpadding|cellspacing)="[^"<>]*")*$/,
      tag,
    );
  }
  assert.equal(html.match(/>/g)?.length, tags.length, 'no > of its own');
  assert.doesNotMatch(html, /style="[^"]*(?:url\(|expression|@import)/);
  const open = (name: string): number => html.match(new RegExp(`<${name}[ >]`, 'g'))?.length ?? 0;
  for (const name of ['table', 'tr', 'td', 'th', 'p', 'h2'])
    assert.equal(open(name), html.match(new RegExp(`</${name}>`, 'g'))?.length ?? 0, name);
}

/** RFC 4180, strictly. */
function parseCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let at = 0;
  while (at < text.length) {
    const match = /^(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/.exec(text.slice(at, at + 20_000));
    assert.ok(match !== null, `at ${at}: ${JSON.stringify(text.slice(at, at + 60))}`);
    row.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? '');
    at += match[0].length;
    if (match[3] === ',') continue;
    rows.push(row);
    row = [];
  }
  return rows;
}

const HOSTILE: readonly string[] = [
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  "' onmouseover='alert(1)",
  '</td></tr></table><h1>paid</h1>',
  '<!-- ',
  ']]>',
  '&lt;script&gt;',
  '`${process.exit(1)}`',
  'javascript:alert(1)',
  "=cmd|'/c calc'!A0",
  '+1+1',
  '-1+1',
  '@SUM(1)',
  '\t=1',
  '\r=1',
  '\uff1d1',
  'a\r\nBcc: x@example.net',
  'a\nb"c",d',
  '"',
  '""",=1',
  '\u202egnp.exe',
  '\u2028line',
  '\u0000\u0007\u001b[31m',
  '\ud800 lone',
  'x'.repeat(5_000),
  'ж'.repeat(400),
  '0\u0301\u0301\u0301\u0301\u0301\u0301',
  '{{constructor}}',
  '%0d%0aSet-Cookie: a=b',
  "Robert'); DROP TABLE incidents;--",
];
