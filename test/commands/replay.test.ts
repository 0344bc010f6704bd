import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { assertAlert } from '../support/alert-shape.ts';
import { jsonLines, readText, ringfence } from '../support/cli.ts';
import { temporaryFolder } from '../support/temporary.ts';

const SCENARIOS = join(import.meta.dirname, '../scenarios');
const file = (scenario: string, part: string): string => join(SCENARIOS, scenario, part);

describe('ringfence replay', function () {
  this.timeout(60_000);
  const folder = temporaryFolder();
  const replay = (...args: string[]) =>
    ringfence(['replay', '--config', file('friday-night', 'settings.toml'), ...args], { cwd: folder.path });

  it('tells lines as the contract has them, from several files merged by time, and touches no store', async () => {
    const files = ['traffic.hep', 'records.csv', 'events.ami'].map((part) => file('friday-night', part));
    const { status, stdout } = await replay('--format', 'json', ...files);
    assert.equal(status, 1);
    const alerts = jsonLines(stdout);
    for (const alert of alerts) assertAlert(alert);
    const times = alerts.map((a) => a.at);
    assert.deepEqual(times, times.toSorted(), 'in the order in which it happened');
    assert.deepEqual(readdirSync(folder.path), []);
  });

  it('two recordings of one attack, cut in the middle, tell what the whole tells', async () => {
    const events = readText(file('guessing', 'events.ami')).split(/^(?=# at )/m);
    const half = Math.floor(events.length / 2);
    writeFileSync(folder.file('first.ami'), events.slice(0, half).join(''));
    writeFileSync(folder.file('second.ami'), events.slice(half).join(''));
    const whole = await replay('--format', 'json', file('guessing', 'events.ami'));
    const parts = await replay('--format', 'json', folder.file('second.ami'), folder.file('first.ami'));
    assert.equal(parts.stdout, whole.stdout);
    assert.equal(parts.status, 1);
  });

  it('a line for each, in words, with time, severity and the id to look it up', async () => {
    const { stdout, stderr } = await replay(file('hijack-and-calls', 'traffic.hep'));
    for (const line of stdout.trim().split('\n'))
      assert.match(line, /^\d\d \w{3} \d{4} \d\d:\d\d:\d\d {2}(?:info|low|medium|high|critical) .* \[[0-9a-f]{8}\]$/);
    assert.match(stderr, /ringfence: \d+ messages judged: 1 incident: 1 critical\n$/);
  });

  it('--explain shows each incident in full', async () => {
    const { stdout } = await replay('--explain', '--quiet', file('hijack-and-calls', 'traffic.hep'));
    for (const part of [
      'What was seen',
      'Which rule, which threshold',
      'registration-hijack',
      'What to do now',
      '127.66.0.2',
    ])
      assert.ok(stdout.includes(part), part);
    const json = await replay('--explain', '--format', 'json', file('hijack-and-calls', 'traffic.hep'));
    for (const alert of jsonLines(json.stdout)) assertAlert(alert);
  });

  it('is deterministic: the same files tell the same lines, ids and all', async () => {
    const args = ['--format', 'json', file('searching', 'traffic.hep'), file('searching', 'events.ami')];
    assert.equal((await replay(...args)).stdout, (await replay(...args)).stdout);
  });

  const STATUSES: [string, string[], number][] = [
    ['critical', [file('hijack-and-calls', 'records.csv')], 1],
    ['critical, and never', ['--fail-on', 'never', file('hijack-and-calls', 'records.csv')], 0],
    ['low', [file('innocents', 'traffic.hep')], 0],
    ['low, asked for', ['--fail-on', 'low', file('innocents', 'traffic.hep')], 1],
    ['nothing', ['--fail-on', 'info', file('innocents', 'records.csv')], 0],
  ];
  for (const [what, args, status] of STATUSES)
    it(`${what}: ${status}`, async () => {
      const ran = await replay(...args);
      assert.equal(ran.status, status, ran.stderr);
    });

  const FAILURES: [string, () => string, RegExp][] = [
    ['a file that is missing', () => folder.file('none.pcap'), /none\.pcap.*does not exist/],
    ['a folder', () => (mkdirSync(folder.file('d.pcap'), { recursive: true }), folder.file('d.pcap')), /d\.pcap/],
    [
      'no recording at all',
      () => (writeFileSync(folder.file('x.txt'), 'hello\nworld\n'), folder.file('x.txt')),
      /x\.txt/,
    ],
    [
      'garbage with the name of one',
      () => (writeFileSync(folder.file('g.pcap'), Buffer.alloc(500, 7)), folder.file('g.pcap')),
      /g\.pcap/,
    ],
  ];
  for (const [what, make, message] of FAILURES)
    it(`${what}: 2, one line that says which and what to do`, async () => {
      const { status, stdout, stderr } = await replay(file('hijack-and-calls', 'records.csv'), make());
      assert.equal(status, 2, stdout);
      assert.match(stderr, message);
      assert.doesNotMatch(stderr, /bug|\n\s+at /);
      const said = stderr.split('\n').filter((line) => line !== '');
      assert.equal(said.length, 1, stderr);
    });
});
