import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { jsonLines, ringfence, row, writeSettings } from '../support/cli.ts';
import { temporaryFolder } from '../support/temporary.ts';

const NIGHT = Date.parse('2026-11-21T01:00:00Z');
const THIEF = '203.0.113.7';

interface Verdict {
  action: string;
  rule: string;
  forbidden: boolean;
  observedBy: string | null;
  proposals: { target: string; until: string | null; why: string; state: string; refused: { code: string } | null }[];
  spared: { target: string; reason: string }[];
}
interface Judged {
  evidence: { id: string; at: string; severity: string };
  incident: { severity: string };
  verdicts: Verdict[];
}

describe('ringfence respond test', function () {
  this.timeout(60_000);
  const folder = temporaryFolder();
  const test = async (settings: string, ...args: string[]) =>
    await ringfence(['respond', 'test', ...args, '--config', settings]);
  const json = async <T = Judged>(settings: string, ...args: string[]): Promise<T[]> => {
    const { status, stdout, stderr } = await test(settings, ...args, '--format', 'json');
    assert.equal(status, 0, stderr);
    return jsonLines<T>(stdout);
  };
  const hijack = ['--detector', 'registration-hijack', '--account', '1004', '--address', THIEF];
  /** What is proposed, as `action target state`. */
  const proposed = (judged: Judged[]): string[] =>
    judged.flatMap((j) =>
      j.verdicts.flatMap((v) => v.proposals.map((p) => [v.action, p.target, p.refused?.code ?? p.state].join(' '))),
    );

  it('without an incident: every rule in its order, own ones first', async () => {
    const settings = writeSettings(
      folder.path,
      '[[respond.rules]]\nname = "boss"\naccount = "1001"\ndo = []\n[respond.observe]\ndetectors = ["scan"]',
    );
    const { status, stdout } = await test(settings);
    assert.equal(status, 0);
    assert.match(stdout, /^ 1\. respond\.rules\.0 "boss"\n {4}when +account 1001\n {4}never +anything at all\n/m);
    assert.match(
      stdout,
      /^ 2\. shipped rule costly-calls\n {4}when +seen by [^;]*; incident critical\n {4}does +hang up the calls$/m,
    );
    assert.match(stdout, /respond\.observe\.detectors: scan/);
    assert.match(stdout, /mode = "observe": all this is recorded and not done/);
    const rules = await json<{ name: string; never: string[]; does: { action: string; lasts: number | null }[] }>(
      settings,
    );
    assert.deepEqual(rules[0]?.never.length, 7);
    assert.deepEqual(rules[1]?.does, [{ action: 'hang-up', lasts: null }]);
  });

  it('about evidence made up: what would be done, by which rule, for how long', async () => {
    const settings = writeSettings(folder.path);
    const [judged] = await json(settings, ...hijack, '--at', '2026-11-21T01:00:00Z', '--enforce');
    const block = judged?.verdicts.find(({ action }) => action === 'block-address');
    assert.deepEqual(block, {
      action: 'block-address',
      rule: 'shipped rule hijack',
      forbidden: false,
      proposals: [
        {
          target: THIEF,
          until: '2026-11-22T01:00:00.000Z',
          why: 'the registration was taken over from there (shipped rule hijack)',
          state: 'pending',
          refused: null,
        },
      ],
      spared: [],
      observedBy: null,
    });
    const { stdout, stderr } = await test(settings, ...hijack);
    assert.match(stdout, /ringfence would block address 203\.0\.113\.7, until /);
    assert.match(stdout, /\(shipped rule hijack\)\n +recorded and not done: mode = "observe"/);
    assert.match(stderr, /the PBX was not asked for its accounts \(the settings have no \[asterisk\.ami\]\)/);
  });

  const MADE: [string, string, string[], string[]][] = [
    [
      'observe',
      '',
      hijack,
      ['expire-contact 1004 observed', 'block-international 1004 observed', `block-address ${THIEF} observed`],
    ],
    ['milder', '', [...hijack, '--severity', 'medium'], []],
    [
      'an address that nothing proves',
      '',
      [...hijack, '--proof', 'none', '--enforce'],
      ['expire-contact 1004 pending', 'block-international 1004 pending'],
    ],
    [
      'a rule that forbids',
      '[[respond.rules]]\nnever = ["block-address"]',
      [...hijack, '--enforce'],
      ['expire-contact 1004 pending', 'block-international 1004 pending'],
    ],
    [
      'an account that is only observed',
      '[respond.observe]\naccounts = ["1004"]',
      [...hijack, '--enforce'],
      ['expire-contact 1004 observed', 'block-international 1004 observed', `block-address ${THIEF} observed`],
    ],
    [
      'costly calls',
      '',
      [
        '--detector',
        'out-of-hours-calls',
        '--severity',
        'critical',
        '--account',
        '1004',
        '--number',
        '0037120000001',
        '--enforce',
      ],
      ['hang-up example-call pending', 'block-international 1004 pending'],
    ],
    [
      'many accounts from one address',
      '',
      ['--detector', 'brute-force', '--account', '1004', '1005', '--address', THIEF, '--enforce'],
      [`block-address ${THIEF} pending`],
    ],
    [
      "the enforcer's own safeguards: Kamailio's address",
      '[kamailio]\nrpc = "udp:192.0.2.77:8091"',
      ['--detector', 'scan', '--address', '192.0.2.77', THIEF, '--enforce'],
      ['block-address 192.0.2.77 protected-address', `block-address ${THIEF} pending`],
    ],
  ];
  for (const [sentence, more, args, expected] of MADE)
    it(`${sentence}: ${expected.join(', ') || 'nothing'}`, async () => {
      assert.deepEqual(proposed(await json(writeSettings(folder.path, more), ...args)), expected);
    });

  it('says in words who is spared, what is forbidden, what a safeguard keeps from being done', async () => {
    const settings = writeSettings(
      folder.path,
      '[[respond.rules]]\nname = "calm"\nnever = ["hang-up"]\n[kamailio]\nrpc = "udp:192.0.2.77:8091"',
    );
    const args = [
      '--detector',
      'unregistered-caller',
      '--severity',
      'critical',
      '--address',
      '192.0.2.77',
      '10.1.1.1',
      '--number',
      '0037120000001',
    ];
    const { stdout } = await test(settings, ...args);
    assert.match(stdout, /does not hang up the calls: respond\.rules\.0 "calm" forbids it/);
    assert.match(stdout, /kept from it by a safeguard: 192\.0\.2\.77 is never blocked: it is a proxy/);
    assert.match(stdout, /does not block 10\.1\.1\.1: it is in the local network/);
    const nothing = await test(settings, '--detector', 'scan', '--severity', 'low', '--address', THIEF);
    assert.match(nothing.stdout, /no rule does anything about this/);
  });

  const WRONG: [string, string[], RegExp][] = [
    ['a detector that is none', ['--detector', 'scna', '--address', THIEF], /no detector "scna"; did you mean scan\?/],
    ['no detector', ['--address', THIEF], /--detector is missing; there are: .*brute-force, /],
    ['nobody', ['--detector', 'scan'], /say what it is about: --account, --address or --number/],
    ['a file that is missing', ['--evidence', 'none.json'], /cannot read the evidence in none\.json: ENOENT/],
  ];
  for (const [sentence, args, message] of WRONG)
    it(`${sentence}: 2, and what to do`, async () => {
      const { status, stdout, stderr } = await test(writeSettings(folder.path), ...args);
      assert.deepEqual([status, stdout], [2, '']);
      assert.match(stderr, message);
    });

  describe('of an incident of the store', () => {
    let settings = '';
    let id = '';
    before(async () => {
      const rows = [0, 1, 2, 3].map((i) => row(`1.${i}`, '1004', NIGHT + i * 60_000));
      writeFileSync(folder.file('Master.csv'), rows.join(''));
      settings = writeSettings(folder.path, '[accounts."1004"]\n');
      const { stdout } = await ringfence(['scan', '--config', settings, '--format', 'json', '--quiet']);
      id = jsonLines(stdout)[0]?.incident ?? '';
    });

    it('each piece of its evidence is judged again, as it was', async () => {
      const judged = await json(settings, id);
      assert.ok(judged.length >= 2);
      assert.ok(judged.every((j, i) => i === 0 || j.evidence.at >= (judged[i - 1]?.evidence.at ?? '')));
      const shown = await ringfence(['alerts', 'show', id, '--config', settings, '--format', 'json']);
      const [story] = jsonLines<{ decisions: { action: string; target: string; until: string | null; why: string }[] }>(
        shown.stdout,
      );
      const decided = (story?.decisions ?? []).map((d) => [d.action, d.target, d.why].join(' ')).sort();
      const proposals = judged.flatMap((j) =>
        j.verdicts.flatMap((v) => v.proposals.map((p) => ({ ...p, action: v.action }))),
      );
      assert.ok(
        decided.some((d) => d.includes('(shipped rule late-calls-abroad)')),
        decided.join('\n'),
      );
      // several detectors may ask for the same; the first keeps its reason
      const again = new Map<string, string>();
      for (const { action, target, why } of proposals)
        if (!again.has(`${action} ${target}`)) again.set(`${action} ${target}`, why);
      assert.deepEqual([...again].map((pair) => pair.join(' ')).sort(), decided);
    });

    it('by the settings as they are now', async () => {
      const lenient = writeSettings(
        folder.path,
        '[accounts."1004"]\n[[respond.rules]]\naccount = "1004"\ndo = []',
        'lenient.toml',
      );
      assert.deepEqual(proposed(await json(lenient, id)), []);
    });

    it('the beginning of its id does, an unknown one is 2 with a line', async () => {
      assert.ok((await json(settings, id.slice(0, 8))).length >= 2);
      const { status, stdout, stderr } = await test(settings, 'ffffffff');
      assert.deepEqual([status, stdout], [2, '']);
      assert.match(stderr, /there is no incident "ffffffff"; ringfence alerts list shows those there are/);
    });

    it('its evidence as a file, of alerts show or as alert lines', async () => {
      const shown = await ringfence(['alerts', 'show', id, '--config', settings, '--format', 'json']);
      writeFileSync(folder.file('story.json'), shown.stdout);
      const file = await json(settings, '--evidence', folder.file('story.json'));
      const stored = await json(settings, id);
      assert.deepEqual(
        file.map((j) => j.verdicts.map(({ action, rule }) => [action, rule])),
        stored.map((j) => j.verdicts.map(({ action, rule }) => [action, rule])),
      );
      const { stdout } = await ringfence(['alerts', 'export', '--config', settings]);
      writeFileSync(folder.file('line.json'), stdout.split('\n')[0] ?? '');
      assert.equal((await json(settings, '--evidence', folder.file('line.json'))).length, 1);
      writeFileSync(folder.file('none.json'), '{"detector": 3}');
      const { status, stderr } = await test(settings, '--evidence', folder.file('none.json'));
      assert.equal(status, 2);
      assert.match(stderr, /none\.json holds no evidence: what ringfence alerts show --format json prints is some/);
    });
  });
});
