import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { parse } from 'smol-toml';
import { settingsAsToml } from '../src/commands/config-print.ts';
import { LATER, loadConfig, machineSite, nearest, readSecret, settingsSchema } from '../src/config.ts';
import { ConfigError, RingfenceError, type ErrorCode } from '../src/errors.ts';
import { SAMPLE } from './support/sample-settings.ts';
import { channelNames } from '../src/respond/notify/options.ts';
import { temporaryFolder } from './support/temporary.ts';

const thrownBy = (work: () => unknown): unknown => {
  try {
    work();
  } catch (error) {
    return error;
  }
  return undefined;
};

describe('settings', () => {
  const folder = temporaryFolder();
  const write = (text: string, name = 'ringfence.toml'): string => {
    writeFileSync(folder.file(name), text);
    return folder.file(name);
  };
  const problems = (text: string): string[] => {
    const error = thrownBy(() => loadConfig(write(text)));
    assert.ok(error instanceof ConfigError, String(error));
    return error.problems.map((p) => `${p.path}: ${p.message}${p.help === undefined ? '' : ` (${p.help})`}`);
  };

  it('the settings of docs/contracts.md load as they stand, and say what rests in this version', () => {
    const { settings, warnings, later } = loadConfig(write(SAMPLE));
    assert.equal(settings.site.timezone, 'Europe/Berlin');
    assert.equal(settings.asterisk.ami?.secret_file, 'ami.secret');
    assert.equal(settings.accounts['2001']?.hours, 'always');
    assert.equal(settings.detect['out-of-hours-calls'].window, 12 * 3_600_000);
    assert.deepEqual(settings.network.trunks, [{ name: 'carrier', addresses: ['198.51.100.0/28'] }]);
    assert.deepEqual(settings.notify.mail?.to, ['admin@example.net']);
    assert.deepEqual(channelNames(settings.notify), ['mail', 'webhook', 'syslog']);
    assert.equal(settings.store.anonymise, true);
    assert.deepEqual([warnings, later], [[], {}]);
  });

  for (const name of LATER.filter((path) => !path.includes('.')))
    it(`[${name}] of a later version is kept, with a warning`, () => {
      const { warnings, later } = loadConfig(write(`[${name}]\nanything = 1\n`));
      assert.deepEqual(warnings, [`this version does not use [${name}] yet; the setting is kept`]);
      assert.equal(JSON.stringify(later), `{"${name}":{"anything":1}}`);
    });

  it('many errors are one message with all of them: path, what is wrong, the nearest known name', () => {
    const text = `mode = "watch"
[site]
timezone = "Europe/Berln"
cuntry = "DE"
[hours]
open = ["Mon-Fri 08:00-18:00", "Sometimes"]
[detect.brute-farce]
failures = 3
[asterisk.ami]
host = "127.0.0.1"
`;
    const error = thrownBy(() => loadConfig(write(text)));
    assert.ok(error instanceof ConfigError);
    assert.match(error.message, /ringfence\.toml: 6 problems\n/);
    const lines = error.message.split('\n').slice(1);
    assert.equal(lines.length, 6);
    const expected = [
      /^ {2}mode: expected one of "observe"\|"enforce" \(.*\)$/,
      /^ {2}site\.timezone: no such time zone; write it like Europe\/Berlin/,
      /^ {2}site\.cuntry: unknown setting \(did you mean country\?\)$/,
      /^ {2}hours\.open\.1: .*Sometimes/,
      /^ {2}detect\.brute-farce: unknown setting \(did you mean brute-force\?\)$/,
      /^ {2}asterisk\.ami\.secret_file: must be given \(.*\)$/,
    ];
    for (const line of expected)
      assert.ok(
        lines.some((l) => line.test(l)),
        `${line.source} in\n${error.message}`,
      );
  });

  const WRONG: [string, string, RegExp][] = [
    ['a country that is none', '[site]\ncountry = "XX"', /^site\.country: no such country/],
    ['a number where text belongs', '[site]\nname = 3', /^site\.name: expected string, received number/],
    ['a mistyped section', '[astersik.ami]', /^astersik: unknown setting \(did you mean asterisk\?\)/],
    ['a mistyped section of a later version', '[respnd]', /^respnd: unknown setting \(did you mean respond\?\)/],
    ['nothing like it', '[site]\nflurbel = 1', /^site\.flurbel: unknown setting \(known here: name, timezone, /],
    ['an account whose name needs quotes', '[accounts."2001"]\nhuors = []', /^accounts\."2001"\.huors: .*hours\?/],
    ['an address that is none', '[network]\npbx = ["192.0.2.300"]', /^network\.pbx\.0: not an IP address/],
    [
      'a field in a list',
      '[[network.trunks]]\nname = "x"\nadresses = []',
      /^network\.trunks\.0\.adresses: .*did you mean addresses\?/,
    ],
    ['a listener without a port', '[hep]\nlisten = ["udp:1.2.3.4"]', /^hep\.listen\.0: write it like udp:/],
    ['a duration without a unit', '[store]\nkeep = "90"', /^store\.keep: write it like 90d/],
    ['a port out of range', '[asterisk.ami]\nsecret_file = "x"\nport = 70000', /^asterisk\.ami\.port: .*65535/],
    [
      'a detector parameter that is no duration',
      '[detect.scan]\nwindow = "soon"',
      /^detect\.scan\.window: "soon" is not a duration/,
    ],
    [
      'a mail address that would be two',
      '[notify.mail]\nto = ["a@b.example, c@d.example"]',
      /^notify\.mail\.to\.0: not a mail/,
    ],
    [
      'a route to a channel that there is not',
      '[notify.syslog]\n[notify.routes]\nto = ["syslg"]',
      /^notify\.routes\.0\.to\.0: no channel "syslg" \(did you mean syslog\?\)/,
    ],
    [
      'two webhooks of one name',
      '[[notify.webhook]]\nurl = "http://a/"\n[[notify.webhook]]\nurl = "http://b/"',
      /^notify\.webhook\.1\.name: a second webhook/,
    ],
    ['a webhook to nowhere', '[notify.webhook]\nshape = "slack"', /^notify\.webhook\.0\.url: must be given/],
    [
      'a URL that is no web address',
      '[notify.webhook]\nurl = "file:///etc/passwd"',
      /^notify\.webhook\.0\.url: not a URL/,
    ],
    [
      'a telephone with more than a name',
      '[notify.phone]\nring = ["PJSIP/1001&PJSIP/1002"]',
      /^notify\.phone\.ring\.0: write it like PJSIP/,
    ],
    ['quiet hours that are none', '[notify]\nquiet = ["at night"]', /^notify\.quiet\.0: "at night" is no opening time/],
    ['a key of a prototype', '[site]\nconstructor = 1', /^site\.constructor: unknown setting/],
  ];
  for (const [what, text, message] of WRONG)
    it(`${what} is named`, () => {
      const found = problems(text);
      assert.equal(found.length, 1, found.join('\n'));
      assert.match(found[0] ?? '', message);
    });

  it('TOML that is none is told with line and column', () => {
    assert.match(problems('[site]\nname = "a"\ncountry = DE\n')[0] ?? '', /^line 3, column \d+: /);
    assert.match(problems('[site\n')[0] ?? '', /^line 1, column \d+: /);
  });

  const UNREADABLE: [string, () => string, RegExp][] = [
    ['is missing', () => folder.file('none.toml'), /no such file; name another with --config FILE/],
    ['is a folder', () => (mkdirSync(folder.file('folder'), { recursive: true }), folder.file('folder')), /folder/],
  ];
  for (const [what, path, message] of UNREADABLE)
    it(`a file that ${what}: config-unreadable, and what to do`, () => {
      const error = thrownBy(() => loadConfig(path()));
      assert.ok(error instanceof RingfenceError);
      assert.equal(error.code, 'config-unreadable' satisfies ErrorCode);
      assert.match(error.message, message);
      assert.ok(!error.message.includes('\n'));
    });

  it('what is printed is TOML, loads as the same settings, and says what each line means', () => {
    const first = loadConfig(write(SAMPLE));
    const printed = settingsAsToml(first.settings, first.later);
    const again = loadConfig(write(printed, 'printed.toml'));
    assert.deepEqual(again.settings, first.settings);
    assert.deepEqual(again.later, first.later);
    assert.equal(settingsAsToml(again.settings, again.later), printed);
    for (const line of printed.split('\n'))
      assert.ok(line === '' || line === line.trimEnd(), `blanks at the end of "${line}"`);
  });

  it('defaults, printed, switch no feed on, and uncommented they are right', () => {
    const settings = settingsSchema.parse({});
    const printed = settingsAsToml(settings);
    assert.deepEqual(settingsSchema.parse(parse(printed)), settings);
    // `#name = value` and `#[section]` are settings, `# words` are words
    const whole = printed
      .split('\n')
      .filter((line) => !/^#[\w-]+ =$/.test(line))
      .map((line) => (/^#[^ ]/.test(line) ? line.slice(1) : line))
      .join('\n');
    const { asterisk, hep } = parse(whole) as { asterisk: { cdr: unknown; ami: { port: number } }; hep: unknown };
    assert.equal(asterisk.ami.port, 5038);
    assert.deepEqual(settingsSchema.shape.hep.parse(hep), settingsSchema.shape.hep.parse({}));
  });

  it('no section, no field is without help', () => {
    for (const line of settingsAsToml(settingsSchema.parse({})).split('\n'))
      assert.doesNotMatch(line, /^#\s*(?:\(must be given\))?$/);
  });

  it('names of people, with quotes, dots and blanks, are printed so that they load', () => {
    const text = `[accounts."a b"]\nhours = ["Mon 08:00-09:00"]\n[accounts."x\\"y"]\naliases = ["a.b"]\n[groups."nacht.dienst"]\nmembers = ["a b"]\nhours = "always"\n`;
    const first = loadConfig(write(text));
    const again = loadConfig(write(settingsAsToml(first.settings), 'printed.toml'));
    assert.deepEqual(again.settings, first.settings);
  });

  it('the machine tells zone and country', () => {
    const { timezone, country } = machineSite();
    assert.ok(settingsSchema.safeParse({ site: { timezone, country } }).success, `${timezone} ${country}`);
  });

  it('the nearest name, or none', () => {
    assert.equal(nearest('brute-farce', ['brute-force', 'scan']), 'brute-force');
    assert.equal(nearest('Scann', ['brute-force', 'scan']), 'scan');
    assert.equal(nearest('entirely-different', ['brute-force', 'scan']), null);
    assert.equal(nearest('x', []), null);
  });
});

describe('a secret', () => {
  const folder = temporaryFolder();
  const secret = (content: string, mode: number): (() => string) => {
    writeFileSync(folder.file('secret'), content);
    chmodSync(folder.file('secret'), mode);
    return () => readSecret('secret', folder.path, 'asterisk.ami.secret_file');
  };

  it('is one line of a file that others may not read', () => {
    assert.equal(secret('s3cr3t\n', 0o640)(), 's3cr3t');
    assert.equal(secret(' kept as it is \r\n', 0o600)(), ' kept as it is ');
  });

  const REFUSED: [string, string, number, ErrorCode, RegExp][] = [
    ['read by everybody', 'x\n', 0o644, 'secret-unsafe', /asterisk\.ami\.secret_file: .*run: chmod 640 \//],
    ['writable by everybody', 'x\n', 0o602, 'secret-unsafe', /chmod 640/],
    ['empty', '\n', 0o600, 'input-malformed', /must hold the secret alone/],
    ['longer than what carries it', `${'x'.repeat(300)}\n`, 0o600, 'input-malformed', /more than 256 bytes/],
    ['two lines', 'a\nb\n', 0o600, 'input-malformed', /on one line/],
  ];
  for (const [what, content, mode, code, message] of REFUSED)
    it(`${what}: ${code}`, () => {
      const error = thrownBy(secret(content, mode));
      assert.ok(error instanceof RingfenceError);
      assert.equal(error.code, code);
      assert.match(error.message, message);
    });

  it('missing: which setting, which file', () => {
    const error = thrownBy(() => readSecret('none', folder.path, 'hep.password_file'));
    assert.ok(error instanceof RingfenceError);
    assert.match(error.message, /hep\.password_file: cannot read \/.*\/none: ENOENT/);
  });
});
