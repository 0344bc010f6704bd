import assert from 'node:assert/strict';
import { parse } from 'smol-toml';
import { settingsSchema } from '../../src/config.ts';
import { rulesOf } from '../../src/commands/text.ts';
import { detectors } from '../../src/detect/index.ts';
import type { Decision, Evidence, Incident } from '../../src/model.ts';
import { Zone } from '../../src/time.ts';
import { brokenBy, en, explanationOf, timelineOf, type RuleText } from '../../src/words/index.ts';
import { decision, evidence, incident, T0 } from '../support/evidence.ts';

const SETTINGS = settingsSchema.parse({});
const RULES = rulesOf(SETTINGS.detect);
const MINUTE = 60_000;

describe('the story in short', () => {
  const short = (over: Partial<Incident>, decisions: Decision[] = [], seen: Partial<Evidence>[] = [{}]): string =>
    en
      .inShort(
        incident('i1', over),
        seen.map((e, i) => evidence(`e${i}`, e)),
        decisions,
      )
      .join(' ');

  const TOLD: [string, string, RegExp][] = [
    ['what it means', short({}), /^Somebody telephones at your expense while nobody is in the office/],
    ['what it cost', short({}), /It has cost about EUR 31\.20 so far\./],
    [
      'what it would cost',
      short({ updatedAt: T0 + 30 * MINUTE }),
      /so far; going on like that it would cost about EUR 62\.00 an hour\./,
    ],
    ['that nobody knows', short({ loss: null }), /What the calls cost is not known\./],
    [
      'that it cost nothing yet',
      short({ loss: null }, [], [{ facts: { connected: 0 } }]),
      /No call was taken at the other end: it has cost nothing yet\./,
    ],
    ['that nobody called', short({ loss: null }, [], [{ calls: [], callKeys: [], facts: {} }]), /No call is known/],
    ['that nothing was done', short({}), /ringfence has done nothing about it\./],
    [
      'what was done',
      short({}, [
        decision('1', { state: 'done' }),
        decision('2', { action: 'hang-up', target: 'a', state: 'done' }),
        decision('3', { action: 'hang-up', target: 'b', state: 'done' }),
        decision('4', { action: 'block-address', state: 'failed' }),
      ]),
      /ringfence has blocked calls abroad of an account and hung up 2 calls\. Some of what it tried could not be done/,
    ],
    [
      'what would be',
      short({}, [decision('1')]),
      /has done nothing; it would have blocked calls abroad of an account\./,
    ],
    ['that it could not', short({}, [decision('1', { state: 'failed' })]), /could not: somebody has to do it by hand/],
    ['that it is over', short({}, [decision('1', { state: 'undone' })]), /has ended or was taken back/],
    ['how soon to look', short({}), /This is happening now: act at once\.$/],
    ['that there is time', short({ severity: 'medium' }), /have a look during the day\.$/],
    [
      'that a password was found',
      short({ detector: 'brute-force' }, [], [{ detector: 'brute-force' }]),
      /^Somebody has found out the password/,
    ],
    ['how many are involved', short({ accounts: ['1', '2', '3'] }), /3 accounts are involved\./],
  ];
  for (const [sentence, text, expected] of TOLD) it(`says ${sentence}`, () => assert.match(text, expected));

  for (const { name } of detectors)
    it(`says what ${name} means, without a word that only engineers know`, () => {
      const [means = ''] = en.inShort(incident('i1', { detector: name }), [evidence('e', { detector: name })], []);
      assert.ok(means.length > 30 && !means.startsWith('It has cost'), means);
      assert.doesNotMatch(means, /\b(SIP|REGISTER|INVITE|AOR|contact|UDP|digest|nonce)\b/);
    });
});

describe('what was measured beside the settings', () => {
  const broken = (facts: Evidence['facts'], name = 'x', settings: RuleText['settings'] = []) =>
    brokenBy([evidence('e', { detector: name, facts })], new Map([[name, { summary: 's', settings }]]))[0]!;
  const set = (name: string, value: string) => [{ name, value, help: 'h' }];

  const CASES: [string, ReturnType<typeof broken>['settings'][number], [string | null, boolean, string | null]][] = [
    ['a number that was met', broken({ calls: 12 }, 'x', set('calls', '3')).settings[0]!, ['12', true, '16']],
    ['just met', broken({ calls: 3 }, 'x', set('calls', '3')).settings[0]!, ['3', true, '5']],
    ['not met', broken({ calls: 2 }, 'x', set('calls', '3')).settings[0]!, ['2', false, null]],
    ['not told', broken({ other: 9 }, 'x', set('calls', '3')).settings[0]!, [null, false, null]],
    ['a time', broken({ talkSeconds: 7200 }, 'x', set('talk', '"60m"')).settings[0]!, ['2 h', true, '"150m"']],
    ['no number', broken({ calls: 'many' }, 'x', set('calls', '3')).settings[0]!, [null, false, null]],
    ['a setting of another kind', broken({ calls: 3 }, 'x', set('calls', '["a"]')).settings[0]!, [null, false, null]],
  ];
  for (const [sentence, { seen, met, above }, expected] of CASES)
    it(sentence, () => assert.deepEqual([seen, met, above], expected));

  it('the largest of several pieces counts; thresholds and baselines in its own words', () => {
    const all = [3, 12, 6].map((calls, i) =>
      evidence(`e${i}`, { detector: 'x', facts: { calls, rule: `${calls} calls`, usualCalls: 1.5 } }),
    );
    const [one] = brokenBy(all, new Map([['x', { summary: 's', settings: set('calls', '3') }]]));
    assert.equal(one!.settings[0]!.seen, '12');
    assert.deepEqual(one!.rules, ['3 calls', '12 calls', '6 calls']);
    assert.deepEqual(one!.usual, [['usualCalls', 1.5]]);
  });
});

describe('settings to paste', () => {
  const settingsOf = (detector: string, facts: Evidence['facts'], who = '1004'): string[] => {
    const subject = { type: 'account', value: who } as const;
    const seen = [evidence('e', { detector, subject, facts, accounts: [] })];
    const i = incident('i1', { detector, subject, accounts: [who] });
    return en.legitimate(i, seen, brokenBy(seen, RULES)).flatMap(({ settings }) => settings?.join('\n') ?? []);
  };

  /** Facts that meet every number a detector has. */
  const everything = (name: string): Evidence['facts'] =>
    Object.fromEntries(
      [...(RULES.get(name)?.settings ?? [])].flatMap(({ name: setting, value }) =>
        /^\d+$/.test(value) ? [[setting, Number(value)]] : [],
      ),
    );

  for (const { name } of detectors)
    it(`${name}: each block is settings that there are`, () => {
      const blocks = settingsOf(name, everything(name));
      assert.ok(blocks.length > 0);
      for (const block of blocks) {
        const read = settingsSchema.safeParse(parse(block));
        // a score or a number near its bound cannot be raised by a quarter: the schema says which
        const wrong = read.success ? [] : read.error.issues.filter(({ code }) => code !== 'too_big');
        assert.deepEqual(wrong, [], block);
      }
    });

  it('late calls that are right: hours of its own, in the words of the settings', () => {
    const blocks = settingsOf('out-of-hours-calls', { calls: 12 });
    assert.equal(blocks[0], '[accounts."1004"]\nhours = "always"');
    assert.match(blocks[1] ?? '', /^\[detect\.out-of-hours-calls\]\ncalls = 16 # now 3$/);
    assert.match(
      blocks[2] ?? '',
      /^\[\[respond\.rules\]\]\naccount = "1004"\ndetector = \["out-of-hours-calls"\]\ndo = \[\]$/,
    );
  });

  it('no name that nobody could check by looking', () => {
    for (const name of ['x\u202e', 'a\nb', '\u0000', 'y'.repeat(200)])
      assert.ok(
        settingsOf('out-of-hours-calls', {}, name).every((block) => !block.includes('accounts.')),
        name,
      );
    const [block = ''] = settingsOf('out-of-hours-calls', {}, 'o"]\\');
    assert.deepEqual(JSON.parse(JSON.stringify(parse(block))), { accounts: { 'o"]\\': { hours: 'always' } } });
  });
});

describe('the course of an incident', () => {
  const nobody = { evidence: [], decisions: [], acknowledgements: [] };

  it('is what was seen, what that names, what was decided and who looked, by time', () => {
    const { entries, left } = timelineOf(
      {
        evidence: [
          evidence('e2', { at: T0 + MINUTE, facts: { since: new Date(T0 - MINUTE).toISOString() } }),
          evidence('e1', {
            at: T0,
            facts: { since: new Date(T0 - MINUTE).toISOString(), at: new Date(T0).toISOString() },
          }),
        ],
        decisions: ['a', 'b', 'c'].map((target) => decision(target, { action: 'hang-up', target, at: T0 })),
        acknowledgements: [{ who: 'ada', at: T0 + 5 * MINUTE, note: '' }],
      },
      100,
    );
    assert.equal(left, 0);
    assert.deepEqual(
      entries.map((e) => [e.kind, (e.at - T0) / MINUTE]),
      [
        ['moment', -1],
        ['seen', 0],
        ['decided', 0],
        ['seen', 1],
        ['acknowledged', 5],
      ],
    );
    assert.equal(entries[2]?.kind === 'decided' ? entries[2].decisions.length : 0, 3);
  });

  it('leaves out the middle of a long one', () => {
    const all = Array.from({ length: 1000 }, (_, i) => evidence(`e${i}`, { at: T0 + i, facts: {} }));
    const { entries, left } = timelineOf({ ...nobody, evidence: all }, 11);
    assert.equal(left, 989);
    assert.deepEqual(
      entries.map(({ at }) => at - T0),
      [0, 1, 2, 3, 4, 5, 995, 996, 997, 998, 999],
    );
  });

  it('as JSON has everything, bounded and plain', () => {
    const told = explanationOf(
      {
        incident: incident('i1'),
        evidence: [evidence('e1')],
        decisions: [decision('d1', { state: 'done' })],
        acknowledgements: [{ who: 'ada', at: T0, note: 'n' }],
        aliases: [],
        rules: RULES,
      },
      en,
      new Zone('Europe/Berlin'),
    ) as Record<string, unknown[]>;
    assert.deepEqual(JSON.parse(JSON.stringify(told)), told);
    assert.deepEqual(Object.keys(told), [
      'short',
      'timeline',
      'timelineLeftOut',
      'broken',
      'now',
      'undo',
      'legitimate',
    ]);
    assert.deepEqual(
      told['timeline']!.map((e) => (e as { kind: string }).kind),
      ['moment', 'seen', 'decided', 'acknowledged'],
    );
    assert.equal((told['undo']![0] as { command: string }).command, 'ringfence unblock d1');
    const [first] = told['broken'] as { detector: string; settings: { setting: string; met: boolean }[] }[];
    assert.equal(first?.settings.find(({ setting }) => setting === 'calls')?.met, true);
  });
});
