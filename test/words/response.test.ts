import assert from 'node:assert/strict';
import { Zone } from '../../src/time.ts';
import { en } from '../../src/words/en.ts';
import {
  responseTable,
  responseTest,
  type JudgedRow,
  type RuleRow,
  type VerdictRow,
} from '../../src/words/response.ts';
import type { ResponseBounds } from '../../src/words/words.ts';
import { evidence, incident } from '../support/evidence.ts';

const options = { words: en, zone: new Zone('Europe/Berlin'), columns: 80 };
const HOSTILE = '\u001b[31m1004\r\n\u202eevil';

const RULE: RuleRow = {
  name: 'shipped rule scan',
  detectors: null,
  incidents: null,
  severity: null,
  severityOf: 'evidence',
  subjects: null,
  accounts: null,
  groups: null,
  knownAccount: null,
  hours: 'any',
  numbers: 'any',
  does: [],
  never: [],
  why: 'because',
};
const BOUNDS: ResponseBounds = {
  mode: 'enforce',
  observed: [],
  repeat: { within: 7 * 86_400_000, factor: 2, longest: 30 * 86_400_000 },
  limits: { perHour: 200, accounts: 0.25, accountsAtLeast: 3 },
};
const ALL = [
  'hang-up',
  'expire-contact',
  'block-international',
  'block-account',
  'block-address',
  'block-number',
] as const;

describe('a rule in words', () => {
  const CONDITIONS: [Partial<RuleRow>, string][] = [
    [{}, 'always'],
    [{ detectors: ['scan'] }, 'seen by scan'],
    [{ detectors: ['scan', 'brute-force', 'x'] }, 'seen by scan, brute-force or x'],
    [{ incidents: ['breach'] }, 'in an incident of class breach'],
    [{ severity: 'high' }, 'evidence high or graver'],
    [{ severity: 'critical', severityOf: 'incident' }, 'incident critical'],
    [{ subjects: ['account'] }, 'about an account'],
    [{ subjects: ['number', 'trunk'] }, 'about a number or trunk'],
    [{ accounts: ['1004', '1005'] }, 'account 1004 or 1005'],
    [{ groups: ['sales'] }, 'an account of group sales'],
    [{ knownAccount: true }, 'an account of this PBX'],
    [{ knownAccount: false }, 'no account of this PBX to act on'],
    [{ hours: 'closed' }, 'while closed'],
    [{ numbers: 'abroad' }, 'costly numbers abroad called'],
    [{ numbers: 'national', detectors: ['scan'] }, 'seen by scan; costly numbers of this country called'],
  ];
  for (const [rule, expected] of CONDITIONS)
    it(expected, () => {
      assert.equal(en.response.conditions({ ...RULE, ...rule }), expected);
    });

  it('what it does and for how long, what never, or nothing at all', () => {
    assert.equal(en.response.does('block-account', 5_400_000), 'block all calls of the account for 1 h 30 min');
    assert.equal(en.response.does('hang-up', null), 'hang up the calls');
    assert.equal(en.response.never([]), '');
    assert.equal(en.response.never(['hang-up', 'block-number']), 'hang up the calls; block the number');
    assert.equal(en.response.never([...ALL, 'rotate-secret']), 'anything at all');
  });

  it('all in a table within the width, then what holds for all', () => {
    const rules = [
      { ...RULE, does: [{ action: 'block-address', lasts: 3_600_000 } as const] },
      { ...RULE, name: 'respond.rules.1', never: [...ALL], why: 'a long reason '.repeat(12).trim() },
    ];
    const text = responseTable(rules, { ...BOUNDS, observed: ['respond.observe.accounts: 1004'] }, options);
    for (const line of text.split('\n')) assert.ok(line.length <= 80, line);
    assert.match(
      text,
      /^ 1\. shipped rule scan\n {4}when +always\n {4}does +block the address for 1 h\n {4}why +because\n/m,
    );
    assert.match(text, /^ 2\. respond\.rules\.1$/m);
    assert.match(text, /mode = "enforce": this is done\.\nRecorded and not done: respond\.observe\.accounts: 1004\.\n/);
    assert.match(text, /blocked 2 times as\s+long each time/);
    assert.match(text, /200 blocks an hour.*25 %/s);
  });

  it('where nobody is blocked for longer', () => {
    const never = { ...BOUNDS, mode: 'observe' as const, repeat: { ...BOUNDS.repeat, factor: 1 } };
    assert.match(
      responseTable([], never, options),
      /recorded and not done\.\nWho is blocked again is blocked as long as/,
    );
  });
});

describe('a verdict in words', () => {
  const verdict = (over: Partial<VerdictRow>): VerdictRow => ({
    action: 'block-address',
    rule: 'shipped rule scan',
    forbidden: false,
    proposals: [],
    spared: [],
    observedBy: null,
    ...over,
  });
  const proposal = (over: Partial<VerdictRow['proposals'][number]> = {}): VerdictRow['proposals'][number] => ({
    target: '203.0.113.7',
    until: null,
    why: 'it searches (shipped rule scan)',
    refused: null,
    ...over,
  });
  const judged = (verdicts: VerdictRow[], over: Partial<JudgedRow> = {}): JudgedRow => ({
    evidence: evidence('e1', { severity: 'high' }),
    incident: incident('i1', { severity: 'high' }),
    verdicts,
    ...over,
  });
  const text = (...verdicts: VerdictRow[]): string => responseTest([judged(verdicts)], options);

  const SAID: [string, VerdictRow, RegExp][] = [
    [
      'what would be done',
      verdict({ proposals: [proposal()] }),
      /^ {4}ringfence would block address 203\.0\.113\.7\n {8}it searches \(shipped rule scan\)$/m,
    ],
    [
      'that it is only recorded',
      verdict({ proposals: [proposal()], observedBy: 'mode = "observe"' }),
      /recorded and not done: mode = "observe"/,
    ],
    [
      'what a safeguard says',
      verdict({ proposals: [proposal({ refused: { code: 'trunk', reason: 'it is a trunk' } })] }),
      /kept from it by a safeguard: it is a trunk/,
    ],
    [
      'what is forbidden',
      verdict({ forbidden: true, rule: 'respond.rules.0' }),
      /does not block the address: respond\.rules\.0 forbids it/,
    ],
    [
      'who is spared',
      verdict({ spared: [{ target: '10.0.0.1', reason: 'it is ours' }] }),
      /does not block 10\.0\.0\.1: it is ours/,
    ],
    [
      'how many more',
      verdict({ proposals: Array.from({ length: 25 }, (_, i) => proposal({ target: `203.0.113.${i}` })) }),
      /and 15 more/,
    ],
    ['that there is nothing', verdict({}), /no rule does anything about this/],
  ];
  for (const [sentence, row, expected] of SAID)
    it(sentence, () => {
      assert.match(text(row), expected);
    });

  it('who is spared, of every action', () => {
    for (const action of [...ALL, 'rotate-secret'] as const)
      assert.match(
        text(verdict({ action, spared: [{ target: 'TARGET', reason: 'so' }] })),
        /^ {4}does not [a-z ]+TARGET[a-z ]*: so$/m,
      );
  });

  it('that the incident is graver than the evidence, and how many pieces more there are', () => {
    const grave = judged([], { incident: incident('i1', { severity: 'critical' }) });
    assert.match(responseTest([grave], options), /high \(of an incident that is critical by now\)/);
    assert.match(
      responseTest(
        Array.from({ length: 130 }, () => judged([])),
        options,
      ),
      /and 30 more$/,
    );
  });

  it('names from the network are spelled out, no line is wider than the terminal', () => {
    const hostile = text(
      verdict({
        rule: HOSTILE,
        forbidden: true,
        proposals: [proposal({ target: HOSTILE, why: HOSTILE, refused: { code: 'x', reason: HOSTILE } })],
        spared: [{ target: HOSTILE, reason: HOSTILE }],
      }),
    ).concat(
      '\n',
      responseTable(
        [{ ...RULE, name: HOSTILE, accounts: [HOSTILE], why: HOSTILE }],
        { ...BOUNDS, observed: [HOSTILE] },
        options,
      ),
    );
    // eslint-disable-next-line no-control-regex -- control characters are what must not be there
    assert.doesNotMatch(hostile, /[\u0000-\u0009\u000b-\u001f\u202e]/);
    for (const line of hostile.split('\n')) assert.ok(line.length <= 80, line);
  });
});
