import assert from 'node:assert/strict';
import { parse } from 'smol-toml';
import { settingsAsToml } from '../../src/commands/config-print.ts';
import { checkSettings } from '../../src/config.ts';
import { ConfigError } from '../../src/errors.ts';
import { budgetOf, LASTS, listOf, millisOf, respondDefaults, RESPONSES } from '../../src/respond/options.ts';
import { DEFAULT_BUDGET } from '../../src/respond/safeguards.ts';

const problemsOf = (text: string): string[] => {
  try {
    checkSettings(parse(text), 'test');
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.problems.map((p) => `${p.path}: ${p.message}${p.help === undefined ? '' : ` (${p.help})`}`);
  }
  return [];
};

describe('[respond]', () => {
  const RIGHT: [string, string][] = [
    ['nothing', '[respond]'],
    ['no shipped rules', '[respond]\ndefaults = false'],
    [
      'a rule with every condition',
      `[groups.sales]
members = ["1004"]
[[respond.rules]]
name = "everything"
detector = ["scan", "brute-force"]
incident = ["breach", "registration-hijack"]
severity = "critical"
severity_of = "incident"
subject = ["account", "address"]
account = "1004"
group = "sales"
known_account = true
hours = "closed"
numbers = "abroad"
do = ["hang-up", "block-address", "rotate-secret"]
never = ["block-account"]
for = { block-address = "90m", rotate-secret = "30d" }
why = "as agreed"`,
    ],
    ['a rule that forbids everything', '[[respond.rules]]\naccount = "1001"\ndo = []'],
    ['durations', '[respond.lasts]\nblock-account = "30m"\n[respond.repeat]\nfactor = 1.5\nlongest = "2w"'],
    ['limits', '[respond.limits]\nblocks_per_hour = 10\naccounts_share = 0.1\naccounts_at_least = 1'],
    ['what is only observed', '[respond.observe]\ndetectors = ["scan"]\naccounts = ["1"]\nactions = ["block-address"]'],
  ];
  for (const [sentence, text] of RIGHT)
    it(`${sentence}: right, and printed so that it loads as the same`, () => {
      const settings = checkSettings(parse(text), 'test');
      assert.deepEqual(checkSettings(parse(settingsAsToml(settings)), 'printed'), settings);
    });

  const rule = (line: string): string => `[[respond.rules]]\ndo = ["hang-up"]\n${line}`;
  const WRONG: [string, string, RegExp][] = [
    [
      'a detector that is none',
      rule('detector = "scna"'),
      /^respond\.rules\.0\.detector: no detector "scna" \(did you mean scan\?\)$/,
    ],
    [
      'one of several',
      rule('detector = ["scan", "x"]'),
      /^respond\.rules\.0\.detector\.1: no detector "x" \(there are: blocked-caller, brute-force, /,
    ],
    [
      'a class that is none',
      rule('incident = "breech"'),
      /^respond\.rules\.0\.incident: no class of incidents "breech" \(did you mean breach\?\)$/,
    ],
    ['a group that is none', rule('group = "sales"'), /^respond\.rules\.0\.group: no group "sales" \(there is none\)$/],
    [
      'a group mistyped',
      `[groups.sales]\n[respond.observe]\ngroups = ["sale"]`,
      /^respond\.observe\.groups\.0: .*did you mean sales\?/,
    ],
    [
      'a detector that is observed',
      '[respond.observe]\ndetectors = ["brute-farce"]',
      /^respond\.observe\.detectors\.0: .*brute-force\?/,
    ],
    [
      'an action that is none',
      '[[respond.rules]]\ndo = ["hangup"]',
      /^respond\.rules\.0\.do\.0: expected one of "hang-up"\|/,
    ],
    [
      'an observed action that is none',
      '[respond.observe]\nactions = ["x"]',
      /^respond\.observe\.actions\.0: expected one of/,
    ],
    [
      'a rule that says nothing',
      '[[respond.rules]]\ndetector = "scan"',
      /^respond\.rules\.0\.do: must be given, or never/,
    ],
    [
      'a rule that contradicts itself',
      rule('never = ["hang-up"]'),
      /^respond\.rules\.0\.never: "hang-up" stands in do as well/,
    ],
    ['a duration without a unit', rule('for = "12"'), /^respond\.rules\.0\.for: a duration such as "12h"/],
    [
      'a duration over thirty days',
      rule('for = { block-address = "31d" }'),
      /^respond\.rules\.0\.for: .*30d at the most/,
    ],
    [
      'a duration for what does not last',
      rule('for = { hang-up = "1h" }'),
      /^respond\.rules\.0\.for\.hang-up: unknown setting \(known here: block-/,
    ],
    [
      'a block that lasts too long',
      '[respond.lasts]\nblock-address = "60d"',
      /^respond\.lasts\.block-address: longer than 30d/,
    ],
    [
      'a block that lasts not at all',
      '[respond.lasts]\nblock-address = "0s"',
      /^respond\.lasts\.block-address: must be longer than 0/,
    ],
    [
      'a duration that is none',
      '[respond.repeat]\nwithin = "soon"',
      /^respond\.repeat\.within: "soon" is not a duration/,
    ],
    ['a factor below one', '[respond.repeat]\nfactor = 0.5', /^respond\.repeat\.factor: /],
    ['a share over one', '[respond.limits]\naccounts_share = 25', /^respond\.limits\.accounts_share: /],
    ['a severity that is none', rule('severity = "grave"'), /^respond\.rules\.0\.severity: expected one of/],
    [
      'a subject that is none',
      rule('subject = "phone"'),
      /^respond\.rules\.0\.subject: account, address, number or trunk, or a list/,
    ],
    ['hours that are none', rule('hours = "night"'), /^respond\.rules\.0\.hours: expected one of/],
    ['a condition mistyped', rule('serverity = "high"'), /^respond\.rules\.0\.serverity: .*did you mean severity\?/],
    ['a section mistyped', '[respond.limit]', /^respond\.limit: .*did you mean limits\?/],
  ];
  for (const [sentence, text, message] of WRONG)
    it(`${sentence} is named`, () => {
      const found = problemsOf(text);
      assert.equal(found.length, 1, found.join('\n'));
      assert.match(found[0] ?? '', message);
    });

  it('all wrong names at once', () => {
    assert.equal(problemsOf(`${rule('detector = ["a", "b"]')}\n[respond.observe]\ndetectors = ["c"]`).length, 3);
  });

  it('by default allows what the safeguards allow, and knows how long each block stands', () => {
    const respond = respondDefaults();
    assert.deepEqual(budgetOf(respond), DEFAULT_BUDGET);
    assert.deepEqual(respond.lasts, LASTS);
    for (const text of Object.values(LASTS)) assert.ok(millisOf(text) > 0);
    assert.deepEqual(
      RESPONSES.filter((action) => action.startsWith('block')),
      Object.keys(LASTS),
    );
  });

  it('one or a list', () => {
    assert.deepEqual([listOf('a'), listOf(['a', 'b']), listOf(undefined)], [['a'], ['a', 'b'], []]);
  });
});
