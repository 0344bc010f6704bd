import assert from 'node:assert/strict';
import type { Evidence, Incident, Severity } from '../../src/model.ts';
import { millisOf, respondDefaults, RESPONSES } from '../../src/respond/options.ts';
import { actDetail, Policy, type Proposal } from '../../src/respond/policy.ts';
import { SHIPPED_RULES } from '../../src/respond/shipped-rules.ts';
import { createSite, siteDefaults, type Site } from '../../src/site/index.ts';
import { evidence, incident, T0 } from '../support/evidence.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

function site(): Site {
  const made = createSite(
    siteDefaults({
      site: { country: 'DE', timezone: 'Europe/Berlin' },
      accounts: { '1005': { hours: 'always' } },
      groups: { sales: { members: ['1005'] }, board: { members: ['1004'] } },
      network: {
        local: ['10.0.0.0/8'],
        pbx: ['192.0.2.10'],
        trunks: [{ name: 'carrier', addresses: ['198.51.100.0/28'] }],
        never_block: ['203.0.113.200'],
      },
    }),
  );
  assert.ok(made.ok);
  made.value.accounts.learn([
    { endpoint: '1004', aliases: [] },
    { endpoint: '1005', aliases: [] },
  ]);
  return made.value;
}
const SITE = site();
const THIEF = '203.0.113.7';

type Input = Parameters<typeof respondDefaults>[0];
const policyOf = (respond: Input = {}, enforce = true): Policy =>
  new Policy({ respond: respondDefaults(respond), site: SITE, enforce });

const see = (detector: string, severity: Severity, more: Partial<Evidence> = {}): Evidence =>
  evidence('e1', { detector, severity, facts: {}, calls: ['u1'], callKeys: ['c1', 'c2'], sources: [THIEF], ...more });

const propose = (e: Evidence, over: Partial<Incident> = {}, policy = policyOf(), raisedBy: string[] = []): Proposal[] =>
  policy.decide(incident('i1', { severity: e.severity, detector: e.detector, ...over }), e, raisedBy);

/** Decisions as text: action target. */
const decided = (...input: Parameters<typeof propose>): string[] =>
  propose(...input).map((p) => `${p.action} ${p.target}`);

const UNKNOWN = { subject: { type: 'account', value: 'ghost' }, accounts: [] } as const;
const NO_CALLS = { calls: [], callKeys: [] };
const international = 'block-international 1004';
const deny = `block-address ${THIEF}`;
const expire = 'expire-contact 1004';
const hangUps = ['hang-up c1', 'hang-up c2'];

const TABLE: [string, Evidence, string[], Partial<Incident>?][] = [
  ['late calls that connect', see('out-of-hours-calls', 'critical'), [...hangUps, international]],
  ['late calls that try to', see('out-of-hours-calls', 'high'), [international]],
  ['one late call', see('out-of-hours-calls', 'medium'), []],
  [
    'one late call in a story that is critical',
    see('out-of-hours-calls', 'medium'),
    [...hangUps, international],
    { severity: 'critical' },
  ],
  [
    'uniqueids where there are no keys',
    see('out-of-hours-calls', 'critical', { callKeys: [] }),
    ['hang-up u1', international],
  ],
  ['late calls of nobody known', see('out-of-hours-calls', 'high', UNKNOWN), []],
  [
    'late calls of nobody known, to numbers that are: the numbers',
    see('out-of-hours-calls', 'high', { ...UNKNOWN, facts: { numbers: ['37120000001', '004930123456', '1004'] } }),
    ['block-number 37120000001'],
  ],
  [
    'late calls of nobody known that nothing proves: whoever forges them would have the numbers of anybody blocked',
    see('out-of-hours-calls', 'high', {
      ...UNKNOWN,
      sourceProof: 'none',
      facts: { numbers: ['37120000001'], connected: 0 },
    }),
    [],
  ],
  [
    'the same though they connect: who forges a call can forge one that is taken',
    see('out-of-hours-calls', 'high', {
      ...UNKNOWN,
      sourceProof: 'none',
      facts: { numbers: ['37120000001'], connected: 2 },
    }),
    [],
  ],
  [
    "the PBX's own word that they connected, without any address",
    see('out-of-hours-calls', 'high', {
      ...UNKNOWN,
      sources: [],
      sourceProof: 'none',
      facts: { numbers: ['37120000001'], connected: 2 },
    }),
    ['block-number 37120000001'],
  ],
  [
    'the same, with one that connected among several: which one is not told',
    see('out-of-hours-calls', 'high', {
      ...UNKNOWN,
      sources: [],
      sourceProof: 'none',
      facts: { calls: 3, numbers: ['37120000001', '37120000002'], connected: 1 },
    }),
    [],
  ],
  [
    'the same, and every call connected',
    see('out-of-hours-calls', 'high', {
      ...UNKNOWN,
      sources: [],
      sourceProof: 'none',
      facts: { calls: 3, numbers: ['37120000001', '37120000002'], connected: 3 },
    }),
    ['block-number 37120000001', 'block-number 37120000002'],
  ],
  [
    'a call that came in by a trunk and left again',
    see('out-of-hours-calls', 'high', {
      ...UNKNOWN,
      sources: ['198.51.100.3'],
      sourceProof: 'answered',
      facts: { numbers: ['37120000001'], connected: 1 },
    }),
    ['block-number 37120000001'],
  ],
  [
    "the same, and nothing proves that it was the carrier: a forger writes a trunk's address as well as any other",
    see('out-of-hours-calls', 'high', {
      ...UNKNOWN,
      sources: ['198.51.100.3'],
      sourceProof: 'none',
      facts: { numbers: ['37120000001'], connected: 1 },
    }),
    [],
  ],
  [
    'an emergency number among them: it is never blocked, and no call is hung up',
    see('out-of-hours-calls', 'critical', { ...UNKNOWN, facts: { numbers: ['112', '37120000001'] } }),
    ['block-number 37120000001'],
  ],
  [
    'a number that is the subject',
    see('out-of-hours-calls', 'high', { subject: { type: 'number', value: '37120000001' }, accounts: [] }),
    ['block-number 37120000001'],
  ],
  [
    'an emergency number that is the subject',
    see('out-of-hours-calls', 'critical', { subject: { type: 'number', value: '112' }, accounts: [] }),
    [],
  ],
  [
    'late calls to premium numbers of this country, which a block of calls abroad would not stop',
    see('out-of-hours-calls', 'critical', { facts: { numbers: ['09001234567'] } }),
    [...hangUps, international, 'block-account 1004'],
  ],
  [
    'a trunk as the account: blocking it would silence everybody',
    see('out-of-hours-calls', 'critical', {
      subject: { type: 'account', value: 'carrier' },
      accounts: [],
      ...NO_CALLS,
    }),
    [],
  ],
  ['a hijack', see('registration-hijack', 'high', NO_CALLS), [expire, international, deny]],
  [
    'a hijack with calls that may not have connected: they would stay up behind the block',
    see('registration-hijack', 'high'),
    [...hangUps, expire, international, deny],
  ],
  ['a hijack with calls', see('registration-hijack', 'critical'), [...hangUps, expire, international, deny]],
  ['a phone on a new address', see('registration-hijack', 'medium'), []],
  [
    'a phone on a new address in a grave story: the address may be the owner',
    see('registration-hijack', 'medium'),
    [],
    { severity: 'high' },
  ],
  [
    'the address of the owner beside that of the thief',
    see('registration-hijack', 'high', {
      ...NO_CALLS,
      sources: [THIEF, '203.0.113.9'],
      facts: { ownerAddress: '203.0.113.9' },
    }),
    [expire, international, deny],
  ],
  [
    'a hijack from behind a proxy: which contact is meant is not known',
    see('registration-hijack', 'high', { ...NO_CALLS, sources: ['192.0.2.10'] }),
    [international],
  ],
  [
    'a hijack within the office: the contact goes, the address is not blocked',
    see('registration-hijack', 'high', { ...NO_CALLS, sources: ['10.0.0.66'] }),
    [expire, international],
  ],
  ['a hijack of nobody known', see('registration-hijack', 'high', { ...UNKNOWN, ...NO_CALLS }), [deny]],
  ['guessing', see('brute-force', 'high', { ...NO_CALLS, sourceProof: 'answered' }), [deny]],
  ['guessing from an address that nothing proves', see('brute-force', 'high', { sourceProof: 'none' }), []],
  ['a stale password', see('brute-force', 'medium'), []],
  ['a breach', see('brute-force', 'critical', NO_CALLS), [expire, international, deny]],
  [
    'guessing for an account in a story in which another was broken into',
    see('brute-force', 'high', NO_CALLS),
    [deny],
    { severity: 'critical' },
  ],
  [
    'a breach among many accounts: which one is not told',
    see('brute-force', 'critical', {
      ...NO_CALLS,
      subject: { type: 'address', value: THIEF },
      accounts: ['1004', '1005'],
    }),
    [deny],
  ],
  ['a scan', see('scan', 'high', { ...NO_CALLS, subject: { type: 'address', value: THIEF }, sources: [] }), [deny]],
  ...['192.0.2.10', '198.51.100.3', '10.1.2.3', '203.0.113.200'].map((address): [string, Evidence, string[]] => [
    `a scan from ${address}, which is never blocked`,
    see('scan', 'high', { subject: { type: 'address', value: address }, sources: [address] }),
    [],
  ]),
  [
    'calls without registration that connect',
    see('unregistered-caller', 'critical', { subject: { type: 'address', value: THIEF } }),
    [...hangUps, international, deny],
  ],
  [
    'calls without registration, from an address that nothing proves',
    see('unregistered-caller', 'high', { subject: { type: 'address', value: THIEF }, sourceProof: 'none' }),
    [international],
  ],
  [
    'calls without registration, an emergency call among them: that one might be hung up',
    see('unregistered-caller', 'critical', { facts: { numbers: ['0037120000001', '110'] } }),
    [international, deny],
  ],
  ['a detector without rules', see('something-new', 'critical'), []],
  ...['call-burst', 'repeated-destination', 'risky-destination', 'new-destination', 'test-call'].flatMap(
    (detector): typeof TABLE => [
      [`${detector}, critical`, see(detector, 'critical'), [...hangUps, international]],
      [`${detector}, high`, see(detector, 'high'), [international]],
      [`${detector}, medium`, see(detector, 'medium'), []],
      [
        `${detector} of somebody unknown to an emergency number and a costly one`,
        see(detector, 'critical', { ...UNKNOWN, facts: { numbers: ['112', '37120000001'] } }),
        ['block-number 37120000001'],
      ],
      [
        `${detector} within the country, to premium numbers`,
        see(detector, 'critical', { facts: { numbers: ['09001234567'] } }),
        [...hangUps, international, 'block-account 1004'],
      ],
    ],
  ),
  ['a budget that is spent', see('spend', 'critical'), [...hangUps, international]],
  ['a budget that is nearly spent', see('spend', 'high'), []],
  [
    'a budget of one account in a story that is critical by another detector',
    see('spend', 'medium'),
    [],
    { severity: 'critical' },
  ],
  [
    'a budget that is spent, an emergency call among the calls',
    see('spend', 'critical', { facts: { numbers: ['0037120000001', '112'] } }),
    [international],
  ],
  [
    'calls led through the PBX from a trunk: the calls and the numbers, never the trunk',
    see('through-dial', 'critical', {
      subject: { type: 'trunk', value: 'carrier' },
      accounts: [],
      sources: ['198.51.100.3'],
      sourceProof: 'answered',
      facts: { numbers: ['37120000001'], connected: 2 },
    }),
    [...hangUps, 'block-number 37120000001'],
  ],
  [
    'the same in the name of the trunk: the calls alone',
    see('through-dial', 'critical', {
      subject: { type: 'trunk', value: 'carrier' },
      accounts: [],
      sources: ['198.51.100.3'],
      sourceProof: 'none',
      facts: { numbers: ['37120000001'], connected: 2 },
    }),
    hangUps,
  ],
  [
    'calls led through, to an emergency number',
    see('through-dial', 'critical', { facts: { numbers: ['112'], connected: 1 } }),
    [],
  ],
  [
    'a phone forwarded to a costly number: its owner may telephone',
    see('forwarding', 'high', { facts: { numbers: ['37120000001'], connected: 1 } }),
    ['block-number 37120000001'],
  ],
  ['a phone forwarded for once', see('forwarding', 'medium', { facts: { numbers: ['37120000001'] } }), []],
  [
    'rings to be called back: anybody can write any number as his own',
    see('wangiri', 'high', {
      subject: { type: 'number', value: '37120000001' },
      accounts: ['1004'],
      facts: { rings: 9, numbers: ['37120000001', '37120000002'] },
    }),
    [],
  ],
  [
    'rings that were called back: those numbers alone',
    see('wangiri', 'high', {
      subject: { type: 'number', value: '37120000001' },
      accounts: ['1004'],
      facts: { rings: 9, numbers: ['37120000001', '37120000002'], reached: ['37120000002'] },
    }),
    ['block-number 37120000002'],
  ],
  ...['flood', 'teardown', 'replay', 'gateway-impersonation'].flatMap((detector): typeof TABLE => {
    const from = (source: string, over: Partial<Evidence> = {}): Evidence =>
      see(detector, 'high', {
        ...NO_CALLS,
        subject: { type: 'address', value: source },
        accounts: [],
        sources: [],
        ...over,
      });
    return [
      [`${detector} from an address that is proved`, from(THIEF), [deny]],
      [`${detector} from one that is not`, from(THIEF, { sourceProof: 'none' }), []],
      [`${detector} from the PBX`, from('192.0.2.10'), []],
      [`${detector} from a trunk`, from('198.51.100.3'), []],
      [`${detector} from the local network`, from('10.1.2.3'), []],
      [`${detector}, medium`, { ...from(THIEF), severity: 'medium' }, []],
    ];
  }),
  ...['spoofed-source', 'exposure', 'latency', 'traffic', 'blocked-caller'].map((detector): (typeof TABLE)[number] => [
    `${detector} is never acted on`,
    see(detector, 'critical', { facts: { numbers: ['37120000001'], connected: 3 } }),
    [],
  ]),
];

describe('the shipped policy', () => {
  for (const [sentence, e, expected, over] of TABLE)
    it(`${sentence}: ${expected.join(', ') || 'nothing'}`, () => {
      assert.deepEqual(decided(e, over), expected);
    });

  it('says until when, why, and which rule says so', () => {
    const [hangUp, , block] = propose(see('out-of-hours-calls', 'critical'));
    assert.deepEqual([hangUp?.until, block?.until], [null, T0 + 12 * HOUR]);
    assert.equal(hangUp?.why, 'every minute of these calls costs money (shipped rule costly-calls)');
  });

  it('never gives a new secret, nothing stands for longer than 30 days or without an end', () => {
    for (const rule of policyOf().rules) {
      assert.ok(!rule.does.has('rotate-secret'), rule.name);
      for (const [action, lasts] of rule.does)
        assert.equal(lasts !== null && lasts <= 30 * DAY, action.startsWith('block'), `${rule.name} ${action}`);
      assert.ok(rule.severity === 'high' || rule.severity === 'critical', `${rule.name}: nothing is done below high`);
    }
    assert.deepEqual(respondDefaults({ rules: SHIPPED_RULES as never }).rules.length, SHIPPED_RULES.length);
    assert.equal(new Set(SHIPPED_RULES.map(({ name }) => name)).size, SHIPPED_RULES.length);
  });

  it('names at most fifty targets of a kind', () => {
    const callKeys = Array.from({ length: 200 }, (_, i) => `c${i}`);
    assert.equal(decided(see('out-of-hours-calls', 'critical', { callKeys })).length, 51);
  });
});

const late = see('out-of-hours-calls', 'critical');
const hijack = see('registration-hijack', 'high', NO_CALLS);
type Rules = NonNullable<NonNullable<Input>['rules']>;

/** Rules of one's own before the shipped ones. */
const OWN: [string, Rules, Evidence, string[], Partial<Incident>?, string[]?][] = [
  ['nothing at all about one detector', [{ detector: 'out-of-hours-calls', do: [] }], late, []],
  ['and not about another', [{ detector: 'scan', do: [] }], hijack, [expire, international, deny]],
  ['a list of detectors', [{ detector: ['scan', 'registration-hijack'], do: [] }], hijack, []],
  ['one action never', [{ never: ['block-address'] }], hijack, [expire, international]],
  [
    'never, at any severity of the evidence',
    [{ never: ['hang-up'] }],
    see('out-of-hours-calls', 'low'),
    [international],
    { severity: 'critical' },
  ],
  [
    'never, but only from a severity on',
    [{ never: ['block-international'], severity: 'critical' }],
    see('out-of-hours-calls', 'high'),
    [international],
  ],
  [
    'the first rule that names the action decides',
    [{ do: ['block-address'] }, { never: ['block-address'] }],
    hijack,
    [expire, international, deny],
  ],
  [
    'one that forbids and stands first',
    [{ never: ['block-address'] }, { do: ['block-address'] }],
    hijack,
    [expire, international],
  ],
  [
    'one that does not fit lets the next decide',
    [{ detector: 'scan', never: ['block-address'] }],
    hijack,
    [expire, international, deny],
  ],
  [
    'more than is shipped',
    [{ detector: 'registration-hijack', do: ['rotate-secret'] }],
    hijack,
    [expire, international, deny, 'rotate-secret 1004'],
  ],
  ['what is done is done from high on', [{ do: ['block-account'] }], see('out-of-hours-calls', 'medium'), []],
  [
    'unless the rule says otherwise',
    [{ do: ['block-account'], severity: 'low' }],
    see('out-of-hours-calls', 'medium'),
    ['hang-up c1', 'hang-up c2', 'block-account 1004'],
  ],
  [
    'the severity of the evidence',
    [{ do: ['rotate-secret'], severity: 'critical' }],
    see('x', 'high'),
    [],
    { severity: 'critical' },
  ],
  [
    'the severity of the incident',
    [{ do: ['rotate-secret'], severity: 'critical', severity_of: 'incident' }],
    see('x', 'high'),
    ['rotate-secret 1004'],
    { severity: 'critical' },
  ],
  ['the subject', [{ subject: 'address', do: [] }], hijack, [expire, international, deny]],
  ['subjects', [{ subject: ['address', 'account'], do: [] }], hijack, []],
  ['an account', [{ account: '1004', do: [] }], hijack, []],
  ['another account', [{ account: ['1005', '1006'], do: [] }], hijack, [expire, international, deny]],
  ['a group', [{ group: 'board', do: [] }], hijack, []],
  ['another group', [{ group: 'sales', do: [] }], hijack, [expire, international, deny]],
  [
    'an account among several: a name among those that he tries does not shield the attacker',
    [{ account: '1004', do: [] }],
    see('brute-force', 'high', { ...NO_CALLS, subject: { type: 'address', value: THIEF }, accounts: ['1004', '1005'] }),
    [deny],
  ],
  [
    'but its calls may be among those that would be hung up',
    [{ account: '1004', never: ['hang-up'] }],
    see('unregistered-caller', 'critical', { subject: { type: 'address', value: THIEF }, accounts: ['1004', '1005'] }),
    [deny],
  ],
  ['a known account', [{ known_account: true, do: [] }], hijack, []],
  [
    'none that is known',
    [{ known_account: false, do: [] }],
    see('registration-hijack', 'high', { ...UNKNOWN, ...NO_CALLS }),
    [],
  ],
  ['closed at that hour', [{ hours: 'closed', do: [] }], hijack, []],
  ['open at that hour', [{ hours: 'open', do: [] }], hijack, [expire, international, deny]],
  [
    "open by the account's own hours",
    [{ hours: 'open', do: [] }],
    see('registration-hijack', 'high', { ...NO_CALLS, subject: { type: 'account', value: '1005' } }),
    [],
  ],
  [
    'numbers abroad',
    [{ numbers: 'abroad', do: [] }],
    see('out-of-hours-calls', 'critical', { facts: { numbers: ['37120000001'] } }),
    [],
  ],
  [
    'numbers that are not abroad',
    [{ numbers: 'national', do: [] }],
    see('out-of-hours-calls', 'critical', { facts: { numbers: ['37120000001'] } }),
    [...hangUps, international],
  ],
  [
    'the class of the incident: its gravest detector',
    [{ incident: 'brute-force', do: [] }],
    hijack,
    [],
    { detector: 'brute-force' },
  ],
  ['the class of the incident: what made it graver', [{ incident: 'breach', do: [] }], hijack, [], {}, ['breach']],
  [
    'another class of incident',
    [{ incident: 'breach', do: [] }],
    hijack,
    [expire, international, deny],
    {},
    ['calls-after-hijack'],
  ],
  [
    'a block that ends calls, though hanging up is forbidden',
    [{ never: ['hang-up'] }],
    see('registration-hijack', 'high'),
    [expire, international, deny],
  ],
  [
    'no rule can name an emergency number',
    [{ do: ['block-number', 'hang-up'] }],
    see('x', 'critical', { facts: { numbers: ['112'] } }),
    [],
  ],
  [
    'no rule can block the PBX',
    [{ do: ['block-address'] }],
    see('x', 'critical', { ...NO_CALLS, sources: ['192.0.2.10', THIEF] }),
    [deny],
  ],
  ['no rule can block an account that there is not', [{ do: ['block-account'] }], see('x', 'critical', UNKNOWN), []],
  [
    'no rule can block what may be forged',
    [{ do: ['block-address'] }],
    see('x', 'critical', { sourceProof: 'none' }),
    [],
  ],
];

describe('rules of the settings', () => {
  for (const [sentence, rules, e, expected, over, raisedBy] of OWN)
    it(`${sentence}: ${expected.join(', ') || 'nothing'}`, () => {
      assert.deepEqual(decided(e, over, policyOf({ rules }), raisedBy), expected);
    });

  it('without the shipped ones', () => {
    assert.deepEqual(decided(hijack, {}, policyOf({ defaults: false })), []);
    const rules: Rules = [{ detector: 'registration-hijack', do: ['block-account'] }];
    assert.deepEqual(decided(hijack, {}, policyOf({ defaults: false, rules })), ['block-account 1004']);
  });

  const hours = (respond: Input, e: Evidence = hijack): Record<string, number | null> =>
    Object.fromEntries(
      propose(e, {}, policyOf(respond)).map((p) => [p.action, p.until === null ? null : (p.until - e.at) / HOUR]),
    );
  it('durations: by default, of the settings, of a rule, of a rule and action', () => {
    assert.deepEqual(hours({}), { 'expire-contact': null, 'block-international': 12, 'block-address': 24 });
    assert.equal(hours({ lasts: { 'block-address': '2h' } })['block-address'], 2);
    assert.equal(hours({ rules: [{ do: ['block-address'], for: '3h' }] })['block-address'], 3);
    const each: Rules = [{ do: ['block-address', 'block-account', 'expire-contact'], for: { 'block-address': '90m' } }];
    assert.deepEqual(hours({ rules: each }), {
      'expire-contact': null,
      'block-international': 12,
      'block-account': 1,
      'block-address': 1.5,
    });
    assert.equal(hours({ rules: [{ do: ['rotate-secret'] }] })['rotate-secret'], null);
    assert.equal(hours({ rules: [{ do: ['rotate-secret'], for: '2d' }] })['rotate-secret'], 48);
    assert.equal(hours({ rules: [{ do: ['expire-contact'], for: '2d' }] })['expire-contact'], null);
  });

  it('say why, and where they stand', () => {
    const why = (rules: Rules): string | undefined =>
      propose(hijack, {}, policyOf({ rules })).find(({ action }) => action === 'block-address')?.why;
    assert.equal(why([{ do: ['block-address'], why: 'we want it so' }]), 'we want it so (respond.rules.0)');
    assert.equal(
      why([{ do: ['hang-up'] }, { name: 'strict', do: ['block-address'] }]),
      'a rule of this site says so (respond.rules.1 "strict")',
    );
  });
});

describe('who is blocked again', () => {
  const at = (policy: Policy, hours: number): number | null => {
    const e = see('scan', 'high', { ...NO_CALLS, at: T0 + hours * HOUR, key: String(hours) });
    const [block] = propose(e, {}, policy);
    return block?.until === null || block === undefined ? null : (block.until - e.at) / HOUR;
  };
  /** hours of evidence -> how long the block then stands, in hours */
  const REPEATED: [string, Input, [number, number][]][] = [
    [
      'within the block it goes on as it was',
      {},
      [
        [0, 24],
        [10, 24],
        [33, 24],
      ],
    ],
    [
      'after its end twice as long each time',
      {},
      [
        [0, 24],
        [25, 48],
        [74, 96],
        [171, 192],
      ],
    ],
    [
      'after a week of peace as the first time',
      {},
      [
        [0, 24],
        [24 + 7 * 24 + 1, 24],
      ],
    ],
    [
      'within the week after its end',
      {},
      [
        [0, 24],
        [24 + 7 * 24, 48],
      ],
    ],
    [
      'three times as long',
      { repeat: { factor: 3 } },
      [
        [0, 24],
        [25, 72],
      ],
    ],
    [
      'not longer than the longest',
      { repeat: { longest: '36h' } },
      [
        [0, 24],
        [25, 36],
        [62, 36],
      ],
    ],
    [
      'always the same',
      { repeat: { factor: 1 } },
      [
        [0, 24],
        [25, 24],
        [50, 24],
      ],
    ],
    [
      'a longest below what a rule says does not shorten it',
      { repeat: { longest: '1h' } },
      [
        [0, 24],
        [25, 24],
      ],
    ],
    [
      'within an hour only',
      { repeat: { within: '1h' } },
      [
        [0, 24],
        [26, 24],
      ],
    ],
  ];
  for (const [sentence, respond, steps] of REPEATED)
    it(`${sentence}: ${steps.map(([when, lasts]) => `at ${when} h for ${lasts} h`).join(', ')}`, () => {
      const policy = policyOf(respond);
      assert.deepEqual(
        steps.map(([when]) => [when, at(policy, when)]),
        steps,
      );
    });

  it('is told', () => {
    const policy = policyOf();
    at(policy, 0);
    const e = see('scan', 'high', { ...NO_CALLS, at: T0 + 25 * HOUR });
    assert.match(propose(e, {}, policy)[0]?.why ?? '', /\(shipped rule scan\); blocked again, so for 2 d$/);
  });

  it('what was only observed was no first time', () => {
    const observing = policyOf({}, false);
    at(observing, 0);
    at(observing, 25);
    const enforcing = policyOf();
    enforcing.restore(observing.snapshot());
    assert.equal(at(enforcing, 80), 24);
    assert.equal(at(enforcing, 120), 48);
  });

  it('is remembered over a snapshot, through JSON', () => {
    const [one, two] = [policyOf(), policyOf()];
    at(one, 0);
    two.restore(JSON.parse(JSON.stringify(one.snapshot())) as ReturnType<Policy['snapshot']>);
    assert.equal(at(two, 25), 48);
    assert.equal(at(one, 25), 48);
  });

  it('in bounded memory, however many are blocked', () => {
    const policy = policyOf();
    for (let i = 0; i < 3000; i++)
      propose(
        see('scan', 'high', {
          ...NO_CALLS,
          sources: Array.from({ length: 20 }, (_, k) => `203.0.${i % 250}.${k}`).concat(
            `2001:db8:${i.toString(16)}::1`,
          ),
        }),
        {},
        policy,
      );
    assert.ok(policy.size() <= 20_000, `${policy.size()}`);
  });
});

describe('modes', () => {
  const states = (respond: Input, e: Evidence = late, enforce = true): Record<string, string> =>
    Object.fromEntries(propose(e, {}, policyOf(respond, enforce)).map((p) => [p.action, p.state]));
  const done = { 'hang-up': 'pending', 'block-international': 'pending' };
  const recorded = { 'hang-up': 'observed', 'block-international': 'observed' };
  const stranger = see('unregistered-caller', 'critical', {
    subject: { type: 'address', value: THIEF },
    accounts: ['1004', '1005'],
  });

  const MODES: [string, Input, Record<string, string>, Evidence?, boolean?][] = [
    ['enforce', {}, done],
    ['observe', {}, recorded, late, false],
    ['enforce, a detector observed', { observe: { detectors: ['out-of-hours-calls'] } }, recorded],
    ['enforce, another detector observed', { observe: { detectors: ['scan'] } }, done],
    ['enforce, an account observed', { observe: { accounts: ['1004'] } }, recorded],
    ['enforce, another account observed', { observe: { accounts: ['1005'] } }, done],
    ['enforce, a group observed', { observe: { groups: ['board'] } }, recorded],
    ['enforce, an action observed', { observe: { actions: ['hang-up'] } }, { ...done, 'hang-up': 'observed' }],
    [
      'enforce, an observed account among several: no call is hung up, the address is blocked',
      { observe: { accounts: ['1005'] } },
      { 'hang-up': 'observed', 'block-address': 'pending' },
      stranger,
    ],
  ];
  for (const [sentence, respond, expected, e, enforce] of MODES)
    it(`${sentence}: ${Object.entries(expected).join(' ')}`, () => {
      assert.deepEqual(states(respond, e, enforce), expected);
    });
});

describe('a verdict', () => {
  const judged = (e: Evidence, respond: Input = {}, enforce = true) =>
    policyOf(respond, enforce).judge(incident('i1', { severity: e.severity }), e);

  it('says who was spared and why', () => {
    const SPARED: [Evidence, string, RegExp][] = [
      [see('scan', 'high', { sources: ['192.0.2.10'] }), 'block-address', /PBX's or a proxy's own/],
      [see('scan', 'high', { sources: ['198.51.100.3'] }), 'block-address', /trunk carrier/],
      [see('scan', 'high', { sources: ['10.1.2.3'] }), 'block-address', /local network/],
      [see('scan', 'high', { sources: ['203.0.113.200'] }), 'block-address', /never_block/],
      [see('scan', 'high', { sourceProof: 'none' }), 'block-address', /anybody can write any source address/],
      [see('registration-hijack', 'high', { facts: { ownerAddress: THIEF } }), 'block-address', /rightful owner/],
      [see('registration-hijack', 'high', { facts: { ownerAddress: THIEF } }), 'expire-contact', /contacts/],
      [see('out-of-hours-calls', 'high', UNKNOWN), 'block-international', /not known to have such an account/],
      [see('out-of-hours-calls', 'critical', { facts: { numbers: ['110'] } }), 'hang-up', /110.*emergency/],
      [
        see('unregistered-caller', 'high', { subject: { type: 'address', value: THIEF }, accounts: ['1004', '1005'] }),
        'block-international',
        /several accounts/,
      ],
    ];
    for (const [e, action, reason] of SPARED) {
      const verdict = judged(e).find((v) => v.action === action);
      assert.deepEqual(verdict?.proposals, [], action);
      assert.match(verdict.spared.map((s) => s.reason).join(), reason);
    }
  });

  it('names the rule that forbids, and the setting for which it is only recorded', () => {
    const [forbidden] = judged(late, { rules: [{ never: ['hang-up'] }] });
    assert.deepEqual(
      [forbidden?.action, forbidden?.forbidden, forbidden?.rule.name],
      ['hang-up', true, 'respond.rules.0'],
    );
    assert.equal(judged(late, {}, false)[0]?.observedBy, 'mode = "observe"');
    assert.equal(judged(late, { observe: { groups: ['board'] } })[0]?.observedBy, 'respond.observe.groups');
    assert.equal(judged(late)[0]?.observedBy, null);
  });

  it('is the same for the same evidence, in the order of actions', () => {
    const all = judged(see('registration-hijack', 'critical'));
    assert.deepEqual(all, judged(see('registration-hijack', 'critical')));
    const order = all.map(({ action }) => RESPONSES.indexOf(action));
    assert.deepEqual(
      order,
      order.toSorted((a, b) => a - b),
    );
  });
});

describe('what an act needs to know', () => {
  const detail = (more: Partial<Evidence>): ReturnType<typeof actDetail> =>
    actDetail(see('registration-hijack', 'high', more), SITE);
  const DETAILS: [string, Partial<Evidence>, string[], string[]?][] = [
    ["the thief's address", {}, [THIEF]],
    ["not the owner's", { sources: [THIEF, '203.0.113.9'], facts: { ownerAddress: '203.0.113.9' } }, [THIEF]],
    [
      'no proxy, trunk or PBX, behind which everybody is',
      { sources: ['192.0.2.10', '198.51.100.3', '203.0.113.200'] },
      [],
    ],
    ['a thief within the office', { sources: ['10.0.0.66'] }, ['10.0.0.66']],
    ['the subject', { subject: { type: 'address', value: '203.0.113.8' } }, ['203.0.113.8', THIEF]],
    [
      'contacts by name',
      { sources: [], facts: { contact: 'sip:a@h', contacts: ['sip:b@h'] } },
      [],
      ['sip:a@h', 'sip:b@h'],
    ],
  ];
  for (const [sentence, more, sources, contacts = []] of DETAILS)
    it(sentence, () => {
      const account = more.subject?.type === 'number' ? null : '1004';
      assert.deepEqual(detail(more), { contacts, sources, account });
    });

  it('durations of the settings are read as they are written', () => {
    assert.equal(millisOf('1h30m'), 5_400_000);
    assert.throws(() => millisOf('soon'), RangeError);
  });
});
