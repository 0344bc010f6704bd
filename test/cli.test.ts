import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { CLI, jsonLines, ringfence, row, writeSettings } from './support/cli.ts';
import { temporaryFolder } from './support/temporary.ts';

const NIGHT = Date.parse('2026-11-21T01:00:00Z');

describe('ringfence, as a command', function () {
  this.timeout(60_000);
  const folder = temporaryFolder();

  const COMMANDS = [
    [],
    ['run'],
    ['scan'],
    ['replay'],
    ['alerts'],
    ['alerts', 'list'],
    ['alerts', 'show'],
    ['alerts', 'ack'],
    ['alerts', 'export'],
    ['block'],
    ['unblock'],
    ['blocks'],
    ['allow'],
    ['detectors'],
    ['number'],
    ['smime'],
    ['smime', 'sign'],
    ['smime', 'encrypt'],
    ['smime', 'verify'],
    ['smime', 'decrypt'],
    ['init'],
    ['keys'],
    ['keys', 'init'],
    ['keys', 'issue'],
    ['keys', 'enrol'],
    ['keys', 'rotate'],
    ['keys', 'revoke'],
    ['keys', 'list'],
    ['keys', 'show'],
    ['keys', 'export'],
    ['keys', 'import'],
    ['keys', 'backup'],
    ['keys', 'restore'],
    ['doctor'],
    ['uninstall'],
    ['config'],
    ['config', 'check'],
    ['config', 'print'],
    ['generate'],
  ];
  for (const command of COMMANDS)
    it(`${['ringfence', ...command].join(' ')} --help explains itself`, async () => {
      const { status, stdout, stderr } = await ringfence([...command, '--help']);
      assert.equal(status, 0);
      assert.equal(stderr, '');
      assert.match(stdout, new RegExp(`^Usage: ringfence ${command.join(' ')}`));
      for (const line of stdout.split('\n').filter((l) => /^ {2}-/.test(l)))
        assert.match(line, /^ {2}-\S.* {2}\S/, `an option without a word: ${line}`);
    });

  it('--version', async () => {
    const { status, stdout } = await ringfence(['--version']);
    assert.equal(status, 0);
    assert.match(stdout, /^\d+\.\d+\.\d+\n$/);
  });

  const WRONG: [string[], RegExp][] = [
    [['scann'], /unknown command 'scann'\n\(Did you mean scan\?\)/],
    [['scan', '--al'], /unknown option '--al'\n\(Did you mean --all\?\)/],
    [['scan', '--fail-on', 'grave'], /'grave' is invalid.*critical, never/],
    [['replay'], /missing required argument 'file'/],
    [['alerts', 'show'], /missing required argument 'id'/],
    [['alerts', 'list', '--since', 'yesterday'], /neither a duration like 2h or 7d nor a time/],
    [['alerts', 'list', '--limit', '-3'], /"-3" is not a whole number/],
    [['run', '--for', 'long'], /"long" is not a duration; write it like 30s/],
    [['--format', 'xml', 'detectors'], /'xml' is invalid.*text, json/],
    [['detectors', 'scan', 'again'], /too many arguments/],
    [['block', 'account'], /missing required argument 'value'/],
    [['block', 'trunk', '1004'], /no kind "trunk" to block; it is one of account, international, number, address/],
    [['block', 'account', '1004', '--for', 'ever'], /"ever" is not a duration/],
    [['unblock'], /unblock what\? An ID, a KIND and VALUE, or --all/],
    [['unblock', 'abc'], /"abc" is too short for an id/],
    [['unblock', 'trunk', '1004'], /there is no kind "trunk"/],
    [['unblock', 'account', '1004', '--all'], /write it without an id/],
    [['keys', 'issue'], /missing required argument 'account'/],
    [['keys', 'issue', 'a b'], /"a b": an account with a key has a name of printable ASCII/],
    [['keys', 'rotate'], /rotate what\? One of ACCOUNT, --ca, --gateway, --gateway-tls/],
    [['keys', 'revoke', '1004', '--reason', 'anger'], /'anger' is invalid.*unspecified, keyCompromise/],
    [['keys', 'export', '1004', '--form', 'gif'], /'gif' is invalid.*pem, der, spki, p12/],
    [['allow', '1004'], /required option '--for <duration>' not specified/],
    [
      ['--config', '/nowhere/x.toml', 'number', '1'],
      /cannot read the settings \/nowhere\/x\.toml: there is no such file/,
    ],
    [[], /Usage: ringfence/],
  ];
  for (const [args, message] of WRONG)
    it(`${['ringfence', ...args].join(' ')}: 2, and what is wrong`, async () => {
      const { status, stdout, stderr } = await ringfence(args, { cwd: folder.path });
      assert.equal(status, 2, stderr);
      assert.equal(stdout, '');
      assert.match(stderr, message);
      assert.doesNotMatch(stderr, /\n\s+at /, 'no stack');
    });

  it('--format json writes objects, one a line, and nothing else to stdout', async () => {
    const settings = writeSettings(folder.path);
    appendFileSync(folder.file('Master.csv'), row('1.1', '1004', NIGHT));
    const all: [string[], number][] = [
      [['scan', '--all'], 0],
      [['alerts', 'list'], 0],
      [['alerts', 'export'], 0],
      [['detectors'], 0],
      [['number', '110', '0037120000001'], 0],
      [['config', 'check'], 0],
      [['config', 'print'], 0],
    ];
    for (const [args, expected] of all) {
      const { status, stdout, stderr } = await ringfence([...args, '--config', settings, '--format', 'json']);
      assert.equal(status, expected, stderr);
      const objects = jsonLines<unknown>(stdout);
      assert.ok(objects.length > 0, args.join(' '));
      for (const object of objects) assert.ok(typeof object === 'object' && object !== null && !Array.isArray(object));
      assert.ok(stdout.endsWith('\n'));
    }
  });

  it('--quiet leaves results and errors', async () => {
    const settings = writeSettings(folder.path);
    for (const args of [['scan', '--all'], ['alerts', 'list'], ['detectors'], ['config', 'print']]) {
      const loud = await ringfence([...args, '--config', settings]);
      const quiet = await ringfence([...args, '--config', settings, '--quiet']);
      assert.equal(quiet.stderr, '', args.join(' '));
      assert.equal(quiet.stdout, loud.stdout, args.join(' '));
    }
    const { stderr } = await ringfence(['scan', '--quiet', '--config', '/nowhere.toml']);
    assert.match(stderr, /cannot read the settings/);
  });

  it('global options may stand before and after the command', async () => {
    const settings = writeSettings(folder.path);
    const before = await ringfence(['--quiet', '--format', 'json', '--config', settings, 'detectors']);
    const after = await ringfence(['detectors', '--config', settings, '--format', 'json', '--quiet']);
    assert.equal(before.stdout, after.stdout);
  });

  /** The program on a terminal of its own (script of util-linux makes one); null where that cannot be had. */
  const onTerminal = (args: string[], env: NodeJS.ProcessEnv): string | null => {
    const command = [process.execPath, CLI, ...args].map((word) => `'${word}'`).join(' ');
    const run = spawnSync('script', ['-qec', command, '/dev/null'], {
      encoding: 'utf8',
      env: { ...process.env, ...env },
    });
    return run.error === undefined && run.status === 0 ? run.stdout : null;
  };

  it('colours only on a terminal, and not with NO_COLOR', async function () {
    const settings = writeSettings(folder.path);
    const args = ['alerts', 'list', '--config', settings, '--quiet'];
    const escape = '\u001b[';
    assert.ok(!(await ringfence(args, { env: { FORCE_COLOR: '1' } })).stdout.includes(escape), 'a pipe has no colours');
    const coloured = onTerminal(args, { NO_COLOR: '' });
    if (coloured === null) {
      console.log('      skipped: there is no script(1) to make a terminal with');
      this.skip();
    }
    assert.ok(coloured.includes(escape), coloured);
    assert.ok(!(onTerminal(args, { NO_COLOR: '1' }) ?? escape).includes(escape));
    assert.ok(!(onTerminal([...args, '--format', 'json'], { NO_COLOR: '' }) ?? escape).includes(escape));
  });

  it('ends quietly when its reader has gone', () => {
    // more than a pipe holds, to a reader that takes one line
    const numbers = Array.from({ length: 4_000 }, (_, i) => `00371200${i}`).join('\n');
    const run = spawnSync(
      'bash',
      ['-c', `"$0" "$1" number --quiet | head -1; echo "status \${PIPESTATUS[0]}"`, process.execPath, CLI],
      {
        encoding: 'utf8',
        input: numbers,
        cwd: folder.path,
      },
    );
    assert.match(run.stdout, /^00371200.*\nstatus 0\n$/);
    assert.doesNotMatch(run.stderr, /EPIPE|Error|at /);
  });
});
