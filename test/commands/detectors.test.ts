import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { jsonLines, ringfence } from '../support/cli.ts';
import { temporaryFolder } from '../support/temporary.ts';

interface Told {
  name: string;
  summary: string;
  consumes: string[];
  parameters: { name: string; value: unknown; default: unknown; help: string }[];
}

/** A detector is a file with a default export. */
const detect = join(import.meta.dirname, '../../src/detect');
const NAMES = readdirSync(detect)
  .filter((file) => readFileSync(join(detect, file), 'utf8').includes('\nexport default '))
  .map((file) => file.replace('.ts', ''))
  .sort();

describe('ringfence detectors', function () {
  this.timeout(30_000);
  const folder = temporaryFolder();
  const detectors = async (args: string[], settings = '') => {
    writeFileSync(folder.file('x.toml'), `[site]\ncountry = "DE"\n${settings}`);
    return await ringfence(['detectors', ...args, '--config', folder.file('x.toml')]);
  };

  it('tells all of them, each parameter with value, default and help', async () => {
    const { status, stdout } = await detectors(['--format', 'json']);
    assert.equal(status, 0);
    const told = jsonLines<Told>(stdout);
    assert.deepEqual(told.map((d) => d.name).sort(), NAMES);
    for (const { name, summary, consumes, parameters } of told) {
      assert.ok(summary.length > 20 && consumes.length > 0 && parameters.length > 0, name);
      for (const p of parameters) {
        assert.deepEqual(Object.keys(p), ['name', 'value', 'default', 'help']);
        assert.ok(p.help.length > 10, `${name}.${p.name}`);
        assert.deepEqual(p.value, p.default);
      }
    }
  });

  it('tells what the settings make of them, durations as they are written', async () => {
    const settings = '[detect.out-of-hours-calls]\nwindow = "90m"\ncalls = 7\n';
    const text = await detectors(['out-of-hours-calls'], settings);
    assert.match(text.stdout, /^out-of-hours-calls: /);
    assert.match(text.stdout, /\n {2}window = "1h30m" \(default "1d"\)\n/);
    assert.match(text.stdout, /\n {2}calls = 7 \(default 3\)\n/);
    assert.doesNotMatch(text.stdout, /brute-force:/);
    const json = await detectors(['out-of-hours-calls', '--format', 'json'], settings);
    const [told] = jsonLines<Told>(json.stdout);
    assert.equal(told?.parameters.find((p) => p.name === 'window')?.value, '1h30m');
  });

  it('a mistyped name: 2, and the nearest, or all there are', async () => {
    const near = await detectors(['brute-farce']);
    assert.equal(near.status, 2);
    assert.match(near.stderr, /there is no detector "brute-farce"; did you mean brute-force\?/);
    const far = await detectors(['xyz']);
    assert.equal(far.status, 2);
    for (const name of NAMES) assert.ok(far.stderr.includes(name));
  });
});
