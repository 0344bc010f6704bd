import assert from 'node:assert/strict';
import type { Evidence, Severity } from '../../src/model.ts';
import { toEvidence } from '../../src/respond/ids.ts';
import { Incidents, type Change, type IncidentsSnapshot } from '../../src/respond/incidents.ts';
import type { Proposal } from '../../src/respond/policy.ts';
import { createSite, siteDefaults, type Networks } from '../../src/site/index.ts';
import { evidence, T0 } from '../support/evidence.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

function networks(): Networks {
  const site = createSite(
    siteDefaults({
      network: {
        local: ['10.0.0.0/8'],
        pbx: ['192.0.2.10'],
        trunks: [{ name: 'carrier', addresses: ['198.51.100.0/28'] }],
        never_block: ['203.0.113.200'],
      },
    }),
  );
  assert.ok(site.ok);
  return site.value.networks;
}
const NETWORKS = networks();

let serial = 0;
/** One piece of evidence: who saw it, how grave, about whom, from where, minutes after the start. */
const see = (
  detector: string,
  severity: Severity,
  who: string,
  sources: string[] = [],
  minutes = 0,
  more: Partial<Evidence> = {},
): Evidence =>
  evidence(`e${serial++}`, {
    detector,
    severity,
    subject: /[.:]/.test(who) ? { type: 'address', value: who } : { type: 'account', value: who },
    summary: `${detector} of ${who}`,
    facts: { from: detector },
    sources,
    accounts: [],
    calls: [],
    callKeys: [],
    at: T0 + minutes * MINUTE,
    ...more,
  });

const call = (key: string): Partial<Evidence> => ({ callKeys: [key], calls: [`${key}.0`] });

/** Adds all and says which pieces ended in the same incident: `aab` = the first two in one, the third in another. */
function stories(all: readonly Evidence[], incidents = new Incidents(NETWORKS)): string {
  const changes = all.map((e) => incidents.add(e));
  const ids: string[] = [];
  return changes
    .map((change) => {
      const now = incidents.get(change!.incident.id)!.id;
      if (!ids.includes(now)) ids.push(now);
      return 'abcdefgh'[ids.indexOf(now)];
    })
    .join('');
}

const A = '203.0.113.7';
const B = '203.0.113.8';

const JOINED: [string, Evidence[], string][] = [
  ['the same account', [see('x', 'medium', '1004'), see('y', 'medium', '1004', [], 60)], 'aa'],
  ['two accounts with nothing in common', [see('x', 'high', '1004', [A]), see('x', 'high', '1005', [B])], 'ab'],
  ['the same account at the end of the idle time', [see('x', 'low', '1'), see('x', 'low', '1', [], 360)], 'aa'],
  ['the same account after it', [see('x', 'low', '1'), see('x', 'low', '1', [], 360 + 1 / 60)], 'ab'],
  [
    'one night with a pause of five hours each',
    [see('x', 'low', '1'), see('x', 'low', '1', [], 300), see('x', 'low', '1', [], 600)],
    'aaa',
  ],
  [
    'a source that attacks several accounts',
    [see('brute-force', 'high', '1004', [A]), see('brute-force', 'high', '1005', [A], 5)],
    'aa',
  ],
  [
    'a scan and the guessing that follows it',
    [see('scan', 'medium', A), see('brute-force', 'high', '1005', [A], 5), see('scan', 'high', A, [], 9)],
    'aaa',
  ],
  [
    "a colleague's stale password and another's late call behind one NAT",
    [see('brute-force', 'medium', '1004', [A]), see('out-of-hours-calls', 'medium', '1005', [A], 5)],
    'ab',
  ],
  ['hosts of one IPv6 /64', [see('scan', 'high', '2001:db8::1'), see('scan', 'high', '2001:db8::ffff:2', [], 1)], 'aa'],
  ['hosts of two IPv6 /64s', [see('scan', 'high', '2001:db8::1'), see('scan', 'high', '2001:db8:0:1::1')], 'ab'],
  ...(
    [
      ['the PBX', '192.0.2.10'],
      ['a trunk', '198.51.100.3'],
      ['the local network', '10.1.2.3'],
      ['an address under never_block', '203.0.113.200'],
    ] as const
  ).map(([what, address]): [string, Evidence[], string] => [
    `two accounts whose only bond is ${what}`,
    [see('brute-force', 'high', '1004', [address]), see('brute-force', 'high', '1005', [address], 1)],
    'ab',
  ]),
  [
    'one detector that goes on about a shared address',
    [see('scan', 'medium', '10.1.2.3'), see('scan', 'high', '10.1.2.3', [], 1)],
    'aa',
  ],
  [
    'two detectors about a shared address',
    [see('scan', 'medium', '10.1.2.3'), see('brute-force', 'high', '10.1.2.3', [], 1)],
    'ab',
  ],
  [
    'the same call, told of an account and of an address',
    [
      see('out-of-hours-calls', 'medium', '1004', [], 0, call('c1')),
      see('unregistered-caller', 'medium', A, [], 0, call('c1')),
    ],
    'aa',
  ],
  [
    'an account and an address of the same spelling',
    [see('x', 'low', '1004'), see('x', 'low', '1004', [], 0, { subject: { type: 'number', value: '1004' } })],
    'ab',
  ],
  [
    'two stories that a third piece shows to be one',
    [
      see('registration-hijack', 'high', '1004', [A]),
      see('brute-force', 'high', '1005', [B], 1),
      see('scan', 'high', A, [B], 2),
    ],
    'aaa',
  ],
  [
    'three stories merged one after the other',
    [
      see('x', 'high', '1', [], 0),
      see('x', 'high', '2', [], 1),
      see('x', 'high', '3', [], 2),
      see('x', 'high', '3', [], 3, call('c')),
      see('x', 'high', '2', [], 4, call('c')),
      see('x', 'high', '2', [], 5, call('d')),
      see('x', 'high', '1', [], 6, call('d')),
    ],
    'aaaaaaa',
  ],
  ['names that objects know', [see('x', 'low', '__proto__'), see('x', 'low', 'constructor')], 'ab'],
];

const accountsAfterHijack = (severity: Severity, minutes: number): Evidence[] => [
  see('registration-hijack', severity, '1004', [A], 10),
  see('out-of-hours-calls', 'medium', '1004', [], minutes, call('c')),
];

const SEVERITY: [string, Evidence[], Severity[], string[]][] = [
  ['the gravest counts', [see('x', 'low', '1'), see('x', 'high', '1'), see('x', 'medium', '1')], ['low', 'high'], []],
  ['a hijack, then calls', accountsAfterHijack('high', 11), ['high', 'critical'], ['calls-after-hijack']],
  ['a phone on a new address, then calls', accountsAfterHijack('medium', 11), ['medium'], []],
  [
    'a hijack, then evidence without calls',
    [see('registration-hijack', 'high', '1004', [A]), see('brute-force', 'medium', '1004', [], 1)],
    ['high'],
    [],
  ],
  [
    'calls before the hijack was first seen',
    [see('out-of-hours-calls', 'medium', '1004', [], 0, call('c')), see('registration-hijack', 'high', '1004', [A], 1)],
    ['medium', 'high'],
    [],
  ],
  [
    "another account's calls",
    [
      see('registration-hijack', 'high', '1004', [A]),
      see('scan', 'high', A, [], 1),
      see('out-of-hours-calls', 'medium', '1005', [A], 2, { ...call('c'), subject: { type: 'address', value: A } }),
    ],
    ['high'],
    [],
  ],
  [
    'guessing, then the guesser gets in',
    [
      see('brute-force', 'high', A, [], 0, { sourceProof: 'answered' }),
      see('registration-hijack', 'high', '1004', [A], 1, { sourceProof: 'authenticated' }),
    ],
    ['high', 'critical'],
    ['breach'],
  ],
  [
    "guessing in somebody else's name, then he logs in: no breach, but an account more",
    [
      see('brute-force', 'high', A, [], 0, { sourceProof: 'none' }),
      see('registration-hijack', 'high', '1004', [A], 1, { sourceProof: 'authenticated' }),
    ],
    ['high', 'high'],
    [],
  ],
  [
    'guessing, then more of it without success',
    [
      see('brute-force', 'high', A, [], 0, { sourceProof: 'none' }),
      see('scan', 'high', A, [], 1, { sourceProof: 'answered' }),
    ],
    ['high'],
    [],
  ],
  [
    'weak signals of three kinds about one account',
    [
      see('registration-hijack', 'medium', '1004', [], 0),
      see('brute-force', 'medium', '1004', [], 60),
      see('out-of-hours-calls', 'medium', '1004', [], 120, call('c')),
    ],
    ['medium', 'high'],
    ['weak-signals'],
  ],
  [
    'the same by five detectors of one call: two kinds, for its cost follows from where it goes',
    [
      see('out-of-hours-calls', 'medium', '1004', [], 0, call('c')),
      see('new-destination', 'medium', '1004', [], 0, call('c')),
      see('risky-destination', 'medium', '1004', [], 0, call('c')),
      see('spend', 'medium', '1004', [], 30, call('c')),
      see('registration-hijack', 'medium', '1004', [], 31),
    ],
    ['medium'],
    [],
  ],
  [
    'a new country, many calls there, an odd registration',
    [
      see('new-destination', 'medium', '1004', [], 0, call('c')),
      see('call-burst', 'medium', '1004', [], 30, { callKeys: ['c', 'd'] }),
      see('registration-hijack', 'medium', '1004', [], 31),
    ],
    ['medium', 'high'],
    ['weak-signals'],
  ],
  [
    'three kinds about three accounts of one story',
    [
      see('registration-hijack', 'medium', '1', [], 0, call('c')),
      see('brute-force', 'medium', '2', [], 1, call('c')),
      see('out-of-hours-calls', 'medium', '3', [], 2, call('c')),
    ],
    ['medium'],
    [],
  ],
  [
    'three kinds of which two could be sent by anybody',
    [
      see('registration-hijack', 'medium', '1004', [A], 0),
      see('flood', 'medium', '1004', [B], 1, { sourceProof: 'none' }),
      see('brute-force', 'medium', '1004', [B], 1, { sourceProof: 'none' }),
      see('out-of-hours-calls', 'medium', '1004', [], 2, call('c')),
    ],
    ['medium'],
    [],
  ],
  [
    'three kinds, a day and a minute from first to last',
    [
      see('registration-hijack', 'medium', '1004', [], 0),
      ...[5, 10, 15, 20].map((h) => see('brute-force', 'medium', '1004', [], h * 60)),
      see('out-of-hours-calls', 'medium', '1004', [], 24 * 60 + 1, call('c')),
    ],
    ['medium'],
    [],
  ],
  [
    'low signals never add up',
    ['brute-force', 'registration-hijack', 'spend', 'flood'].map((d) => see(d, 'low', '1')),
    ['low'],
    [],
  ],
  ['it opens at its height', [see('x', 'critical', '1'), see('x', 'low', '1')], ['critical'], []],
];

/** A late call of each account to one block of numbers. */
const late = (accounts: number, minutes: number, severity: Severity = 'medium', block = '3712000'): Evidence[] =>
  Array.from({ length: accounts }, (_, i) =>
    see('out-of-hours-calls', severity, `10${i}`, [], i * minutes, {
      ...call(`k${serial}`),
      facts: { numbers: [`${block}${1000 + i}`] },
    }),
  );

describe('incidents: an attack over many extensions', () => {
  const told = (all: readonly Evidence[]) => {
    const incidents = new Incidents(NETWORKS);
    const alerts = all.flatMap((e) => incidents.add(e)?.alerts ?? []);
    return { alerts, open: incidents.open(all.at(-1)!.at) };
  };
  const hijack = (account: string, minutes: number, source = A, severity: Severity = 'high'): Evidence =>
    see('registration-hijack', severity, account, [source], minutes);

  const SPREAD: [string, Evidence[], string][] = [
    ['two call the same block', late(2, 1), 'ab'],
    ['three call the same block', late(3, 1), 'aaa'],
    ['three within an hour and a little', late(3, 31), 'abc'],
    ['three call three blocks', ['3712000', '4420700', '3816000'].map((b, i) => late(3, 1, 'medium', b)[i]!), 'abc'],
    [
      'three taken over from one /24',
      [hijack('1', 0, '198.18.0.1'), hijack('2', 1, '198.18.0.2'), hijack('3', 2, '198.18.0.3')],
      'aaa',
    ],
    [
      'three phones of one branch on a new address',
      [hijack('1', 0, A, 'medium'), hijack('2', 1, A, 'medium'), hijack('3', 2, A, 'medium')],
      'aaa',
    ],
    [
      'three from one /24 to whom different things are done',
      [
        hijack('1', 0, '198.18.0.1'),
        see('brute-force', 'critical', '2', ['198.18.0.2'], 1),
        see('unregistered-caller', 'critical', '3', ['198.18.0.3'], 2),
      ],
      'abc',
    ],
    [
      'late calls of three colleagues behind one router, to three countries',
      ['3712000', '4420700', '3816000'].map((b, i) => ({ ...late(3, 1, 'medium', b)[i]!, sources: [A] })),
      'abc',
    ],
    [
      'three odd phones of one /24',
      [
        hijack('1', 0, '198.18.0.1', 'medium'),
        hijack('2', 1, '198.18.0.2', 'medium'),
        hijack('3', 2, '198.18.0.3', 'medium'),
      ],
      'abc',
    ],
    [
      'three attacked by the same program',
      ['1', '2', '3'].map((who, i) =>
        see('unregistered-caller', 'high', who, [`198.18.${i}.1`], i, { facts: { userAgent: 'pplsip' } }),
      ),
      'aaa',
    ],
    [
      'three, by packets that anybody can send',
      late(3, 1).map((e) => ({ ...e, sources: [A], sourceProof: 'none' as const })),
      'abc',
    ],
  ];
  for (const [sentence, all, expected] of SPREAD)
    it(`${sentence}: ${expected}`, () => {
      assert.equal(stories(all), expected);
    });

  it('forty extensions, one call each: one story, high by its fifth caller, three lines in all', () => {
    const { alerts, open } = told(late(40, 1));
    assert.equal(open.length, 1);
    assert.equal(open[0]!.severity, 'high');
    assert.equal(open[0]!.accounts.length, 40);
    assert.deepEqual(
      alerts.map((a) => a.severity),
      ['medium', 'medium', 'high'],
    );
    assert.deepEqual(alerts.at(-1)!.facts['raisedBy'], ['many-callers']);
  });

  it('four colleagues who call a partner late are one story, and no graver', () => {
    const { open } = told(late(4, 1));
    assert.deepEqual(
      open.map((i) => i.severity),
      ['medium'],
    );
  });

  it('whoever heard of the first account hears of each further one, with its name', () => {
    const { alerts, open } = told([
      hijack('1', 0),
      see('out-of-hours-calls', 'critical', '1', [], 1, call('c')),
      hijack('2', 2),
      hijack('2', 3),
      hijack('1', 4),
      see('brute-force', 'critical', '3', [A], 5),
      see('out-of-hours-calls', 'critical', '2', [], 6, call('d')),
    ]);
    assert.equal(open.length, 1);
    assert.deepEqual(
      alerts.map((a) => [a.subject.value, a.severity, a.facts['furtherAccount'] ?? null]),
      [
        ['1', 'high', null],
        ['1', 'critical', null],
        ['2', 'critical', '2'],
        ['3', 'critical', '3'],
      ],
    );
    assert.equal(new Set(alerts.map((a) => a.id)).size, 4);
    assert.match(alerts[2]!.summary, /registration-hijack of 2/);
  });

  it('who joins a story that is critical already is told of, once, when it becomes critical for him too', () => {
    const both = { callKeys: ['c'] };
    const { alerts } = told([
      see('out-of-hours-calls', 'critical', '1', [], 0, both),
      see('out-of-hours-calls', 'medium', '2', [], 1, both),
      see('unregistered-caller', 'critical', '2', [], 2),
      see('out-of-hours-calls', 'critical', '2', [], 3),
    ]);
    assert.deepEqual(
      alerts.map((a) => [a.detector, a.subject.value]),
      [
        ['out-of-hours-calls', '1'],
        ['unregistered-caller', '2'],
      ],
    );
  });

  it('nobody pays for what another account of a spread attack did', () => {
    const incidents = new Incidents(NETWORKS);
    const asked: [string, Severity][] = [];
    const add = (e: Evidence): void =>
      void incidents.add(e, (incident, { subject }) => {
        asked.push([subject.value, incident.severity]);
        return [];
      });
    const [first, second, third] = late(3, 1);
    add({ ...first!, severity: 'critical' });
    add({ ...second!, severity: 'critical' });
    add(third!);
    add(see('spend', 'medium', '102', [], 4));
    add(see('spend', 'medium', '101', [], 4));
    assert.equal(incidents.open(T0 + 5 * MINUTE).length, 1);
    assert.deepEqual(asked, [
      ['100', 'critical'],
      ['101', 'critical'],
      ['102', 'medium'],
      ['102', 'medium'],
      ['101', 'critical'],
    ]);
  });

  it('a hundred accounts taken over are no hundred lines', () => {
    const { alerts, open } = told(Array.from({ length: 101 }, (_, i) => hijack(`${i}`, i)));
    assert.equal(open.length, 1);
    // the first; five more; the 10th, 20th, 40th and 80th
    assert.equal(alerts.length, 1 + 5 + 4);
  });

  it('who was told of is not told of again after a restart', () => {
    const before = new Incidents(NETWORKS);
    before.add(hijack('1', 0));
    before.add(hijack('2', 1));
    for (const e of late(2, 1)) before.add(e);
    const after = new Incidents(NETWORKS);
    after.restore(JSON.parse(JSON.stringify(before.snapshot())) as IncidentsSnapshot);
    assert.deepEqual(after.add(hijack('2', 3))!.alerts, []);
    assert.equal(after.add(hijack('3', 4))!.alerts.length, 1);
    assert.equal(after.add(late(3, 1)[2]!)!.merged.length, 1, 'the campaign goes on');
  });
});

describe('incidents: an attacker and his targets', () => {
  const guess = (target: string, minutes: number): Evidence =>
    see('brute-force', 'high', '203.0.113.7', ['203.0.113.7'], minutes, { facts: { target } });

  it('at two PBXs is two stories; what names no target belongs to the first', () => {
    const search = see('scan', 'medium', '203.0.113.7', ['203.0.113.7'], 5);
    assert.equal(stories([guess('198.18.0.1', 0), guess('198.18.0.2', 1), guess('198.18.0.1', 2), search]), 'abaa');
  });

  it('who uses the same program as another is another story', () => {
    const tool = (who: string, all: string[], minutes: number): Evidence => see('scan', 'medium', who, all, minutes);
    const first = see('brute-force', 'high', '203.0.113.7', ['203.0.113.7'], 0);
    const second = see('scan', 'medium', '203.0.113.8', ['203.0.113.8'], 3);
    const both = ['203.0.113.7', '203.0.113.8'];
    assert.equal(stories([first, tool('203.0.113.7', both, 1), tool('203.0.113.8', both, 2), second]), 'aabb');
  });

  it('at two addresses of this PBX, or where the target is not told, is one story', () => {
    assert.equal(stories([guess('192.0.2.10', 0), guess('', 1), guess('192.0.2.10', 2)]), 'aaa');
  });
});

describe('incidents', () => {
  for (const [sentence, all, expected] of JOINED)
    it(`${sentence}: ${expected}`, () => {
      assert.equal(stories(all), expected);
    });

  for (const [sentence, all, lines, raisedBy] of SEVERITY)
    it(`${sentence}: lines ${lines.join(', ')}`, () => {
      const incidents = new Incidents(NETWORKS);
      const changes = all.map((e) => incidents.add(e)!);
      const told = changes.flatMap((c) => c.alerts);
      assert.deepEqual(
        told.map((a) => a.severity),
        lines,
      );
      assert.equal(new Set(told.map((a) => a.id)).size, told.length, 'every line has its own id');
      assert.equal(new Set(told.map((a) => a.incident)).size, 1);
      assert.deepEqual(told.at(-1)?.facts['raisedBy'] ?? [], raisedBy);
      assert.equal(changes.at(-1)!.incident.severity, lines.at(-1));
    });

  it('the younger is folded into the elder; its id stays good', () => {
    const incidents = new Incidents(NETWORKS);
    const elder = incidents.add(see('x', 'low', '1', [], 0, { ...call('k'), loss: eur(1) }))!.incident;
    const younger = incidents.add(see('x', 'critical', '2', [B], 1, { accounts: ['3'], loss: eur(2) }))!.incident;
    const change = incidents.add(see('y', 'low', '2', [], 2, call('k')))!;
    assert.deepEqual(change.merged, [{ younger: younger.id, elder: elder.id }]);
    assert.equal(change.alerts.length, 1, 'the elder has risen');
    const merged = incidents.get(younger.id)!;
    assert.deepEqual(merged, change.incident);
    assert.equal(merged.id, elder.id);
    assert.equal(merged.openedAt, T0);
    assert.equal(merged.updatedAt, T0 + 2 * MINUTE);
    assert.equal(merged.evidenceCount, 3);
    assert.deepEqual([...merged.accounts].sort(), ['1', '2', '3']);
    assert.deepEqual(merged.sources, [B]);
    assert.equal(merged.summary, 'x of 2', 'the words of the gravest');
    assert.deepEqual(merged.loss, eur(3));
    assert.equal(incidents.get('nothing'), null);
  });

  const eur = (amount: number) => ({ amount, currency: 'EUR', estimated: true });
  const LOSSES: [string, [string, string, number][], number][] = [
    [
      'a later statement replaces the earlier',
      [
        ['x', '1', 10],
        ['x', '1', 30.5],
      ],
      30.5,
    ],
    [
      'it never shrinks',
      [
        ['x', '1', 30],
        ['x', '1', 10],
      ],
      30,
    ],
    [
      'accounts add up',
      [
        ['x', '1', 0.1],
        ['x', '2', 0.2],
      ],
      0.3,
    ],
    [
      'two detectors may speak of the same calls',
      [
        ['x', '1', 10],
        ['y', '1', 15],
        ['x', '2', 10],
      ],
      20,
    ],
  ];
  for (const [sentence, said, amount] of LOSSES)
    it(`loss: ${sentence}`, () => {
      const incidents = new Incidents(NETWORKS);
      for (const [detector, who, money] of said)
        incidents.add(see(detector, 'high', who, [A], 0, { loss: eur(money) }));
      assert.deepEqual(incidents.open(T0)[0]?.loss, eur(amount));
    });

  it("a detector's later words about the same subject replace its earlier ones, another's do not", () => {
    const incidents = new Incidents(NETWORKS);
    incidents.add(see('x', 'high', '1', [], 0, { summary: '3 calls', facts: { calls: 3 } }));
    incidents.add(see('x', 'high', '1', [], 1, { summary: '6 calls', facts: { calls: 6 } }));
    incidents.add(see('y', 'high', '1', [], 2, { summary: 'something else', facts: { other: true, calls: 99 } }));
    const line = incidents.add(see('x', 'critical', '1', [], 3, { summary: '12 calls', facts: { calls: 12 } }))!
      .alerts[0]!;
    assert.equal(line.summary, '12 calls');
    assert.deepEqual(line.facts, { evidence: 4, detectors: ['y', 'x'], other: true, calls: 12 });
    assert.equal(line.at, new Date(T0 + 3 * MINUTE).toISOString());
  });

  it('the first line says what the evidence says, no more', () => {
    const one = see('x', 'high', '1004', [A], 0, { ...call('c'), facts: { calls: 1 } });
    const { alerts, incident } = new Incidents(NETWORKS).add(one)!;
    assert.deepEqual(alerts[0], {
      id: alerts[0]!.id,
      at: new Date(T0).toISOString(),
      detector: 'x',
      severity: 'high',
      subject: { type: 'account', value: '1004' },
      summary: 'x of 1004',
      facts: { calls: 1 },
      calls: ['c.0'],
      sources: [A],
      incident: incident.id,
      decisions: [],
    });
    assert.match(incident.id, /^[0-9a-f]{16}$/);
  });

  it('lists a hundred and counts the rest', () => {
    const sources = Array.from({ length: 150 }, (_, i) => `203.0.${i}.1`);
    const calls = Array.from({ length: 130 }, (_, i) => `c${i}`);
    const { alerts } = new Incidents(NETWORKS).add(see('x', 'high', '1', sources, 0, { calls, accounts: calls }))!;
    const line = alerts[0]!;
    assert.deepEqual([line.sources.length, line.calls.length], [100, 100]);
    assert.deepEqual(
      [line.facts['totalSources'], line.facts['totalCalls'], line.facts['totalAccounts']],
      [150, 130, 131],
    );
  });

  it('evidence that was added before changes nothing', () => {
    const incidents = new Incidents(NETWORKS);
    const one = see('x', 'high', '1');
    assert.notEqual(incidents.add(one), null);
    assert.equal(incidents.add(one), null);
    assert.equal(incidents.open(T0)[0]?.evidenceCount, 1);
  });

  it('decides once per action and target, and prolongs', () => {
    const incidents = new Incidents(NETWORKS);
    const propose =
      (until: number | null, target = '1', state: Proposal['state'] = 'observed') =>
      (): Proposal[] => [{ action: 'block-international', target, until, why: 'w', state }];
    const first = incidents.add(see('x', 'high', '1'), propose(T0 + HOUR))!;
    const [decided] = first.decisions;
    assert.deepEqual(decided, {
      id: decided!.id,
      incident: first.incident.id,
      at: T0,
      action: 'block-international',
      target: '1',
      state: 'observed',
      until: T0 + HOUR,
      why: 'w',
    });
    assert.deepEqual(first.alerts[0]?.decisions, [
      { action: 'block-international', state: 'observed', until: new Date(T0 + HOUR).toISOString() },
    ]);
    assert.deepEqual(incidents.add(see('x', 'high', '1', [], 1), propose(T0 + HOUR))!.decisions, []);
    const longer = incidents.add(see('x', 'high', '1', [], 2), propose(T0 + 2 * HOUR))!.decisions;
    assert.deepEqual(longer, [{ ...decided, until: T0 + 2 * HOUR }]);
    assert.equal(incidents.add(see('x', 'high', '1', [], 3), propose(null, '2'))!.decisions.length, 1);
    assert.equal(
      incidents.add(see('x', 'high', '1', [], 4), propose(null, '3', 'pending'))!.decisions[0]?.state,
      'pending',
    );
  });

  it('goes on deciding however long a story gets, with what was done once forgotten first', () => {
    const incidents = new Incidents(NETWORKS);
    const decided = Array.from({ length: 300 }, (_, n) => {
      const propose = (): Proposal[] => [
        { action: 'hang-up', target: `c${n}`, until: null, why: 'w', state: 'pending' },
        { action: 'block-international', target: '1', until: T0 + DAY, why: 'w', state: 'pending' },
      ];
      return incidents.add(see('x', 'high', '1', [], n / 60), propose)!.decisions.map(({ action }) => action);
    });
    assert.deepEqual(decided[0], ['hang-up', 'block-international']);
    assert.deepEqual(new Set(decided.slice(1).flat()), new Set(['hang-up']));
    assert.ok(decided.every((actions) => actions.includes('hang-up')));
  });

  it('decides to end a contact anew for another thief, and once for each', () => {
    const incidents = new Incidents(NETWORKS);
    const end = (): Proposal[] => [
      { action: 'expire-contact', target: '1', until: null, why: 'stolen', state: 'pending' },
    ];
    const ids = [['203.0.113.7'], ['203.0.113.7'], ['203.0.113.8'], ['203.0.113.7']].map((sources, minutes) =>
      incidents.add(see('x', 'high', '1', sources, minutes), end)!.decisions.map(({ id }) => id),
    );
    assert.deepEqual(
      ids.map(({ length }) => length),
      [1, 0, 1, 0],
    );
    assert.notEqual(ids[0]![0], ids[2]![0]);
  });

  type Step = readonly [state: Proposal['state'], hours: number | null];
  const STATES: [string, Step[], (string | null)[]][] = [
    [
      'observed twice',
      [
        ['observed', 1],
        ['observed', 1],
      ],
      ['observed 1', null],
    ],
    [
      'observed, then later',
      [
        ['observed', 1],
        ['observed', 2],
      ],
      ['observed 1', 'observed 2'],
    ],
    [
      'observed, then to be done',
      [
        ['observed', 2],
        ['pending', 1],
      ],
      ['observed 2', 'pending 1'],
    ],
    [
      'an act observed, then to be done, then again',
      [
        ['observed', null],
        ['pending', null],
        ['pending', null],
      ],
      ['observed', 'pending', null],
    ],
    [
      'to be done, then longer',
      [
        ['pending', 1],
        ['pending', 2],
      ],
      ['pending 1', 'pending 2'],
    ],
    [
      'to be done, then only observed',
      [
        ['pending', 1],
        ['observed', 2],
      ],
      ['pending 1', null],
    ],
    [
      'and then to be done again',
      [
        ['pending', 1],
        ['observed', 3],
        ['pending', 2],
      ],
      ['pending 1', null, 'pending 2'],
    ],
  ];
  for (const [sentence, steps, expected] of STATES)
    it(`a decision ${sentence}: ${expected.map((e) => e ?? 'nothing new').join(', ')}`, () => {
      const incidents = new Incidents(NETWORKS);
      const told = steps.map(([state, hours]) => {
        const until = hours === null ? null : T0 + hours * HOUR;
        const propose = (): Proposal[] => [{ action: 'block-account', target: '1', until, why: 'w', state }];
        const [decision] = incidents.add(see('x', 'high', '1'), propose)!.decisions;
        if (decision === undefined) return null;
        return decision.until === null ? decision.state : `${decision.state} ${(decision.until - T0) / HOUR}`;
      });
      assert.deepEqual(told, expected);
    });

  /** A night of many stories, with merges. */
  const night = (): Evidence[] =>
    Array.from({ length: 400 }, (_, i) =>
      evidence(`n${i}`, {
        at: T0 + i * 20_000,
        detector: ['scan', 'brute-force', 'registration-hijack', 'out-of-hours-calls'][i % 4]!,
        severity: (['low', 'medium', 'high', 'critical'] as const)[(i * 7) % 4]!,
        subject:
          i % 3 ? { type: 'account', value: `${(i * 31) % 40}` } : { type: 'address', value: `203.0.113.${i % 50}` },
        sources: [`203.0.113.${(i * 17) % 60}`],
        callKeys: i % 5 ? [] : [`c${i % 35}`],
        calls: [],
        accounts: [],
      }),
    );

  const judge = (all: readonly Evidence[], incidents: Incidents): (Change | null)[] => all.map((e) => incidents.add(e));

  it('the same evidence gives the same incidents, lines and ids', () => {
    const [one, two] = [new Incidents(NETWORKS), new Incidents(NETWORKS)];
    assert.deepEqual(judge(night(), one), judge(night(), two));
  });

  it('a snapshot in the middle, through JSON, changes nothing', () => {
    const all = night();
    const whole = judge(all, new Incidents(NETWORKS));
    for (const cut of [0, 1, 57, 200, 399]) {
      const first = new Incidents(NETWORKS);
      const head = judge(all.slice(0, cut), first);
      const second = new Incidents(NETWORKS);
      second.restore(JSON.parse(JSON.stringify(first.snapshot())) as IncidentsSnapshot);
      assert.deepEqual([...head, ...judge(all.slice(cut), second)], whole, `cut at ${cut}`);
      assert.equal(second.add(all[0]!), null, 'what was added before the cut is known after it');
    }
  });

  it('stays bounded under 120,000 spoofed sources and names', () => {
    const incidents = new Incidents(NETWORKS, { capacity: 1000 });
    for (let i = 0; i < 120_000; i++)
      incidents.add(
        see('scan', 'high', `2001:db8:${(i >> 16).toString(16)}:${(i & 0xffff).toString(16)}::1`, [], i / 1000, {
          callKeys: [`c${i}`],
          accounts: [`a${i}`],
        }),
      );
    assert.ok(incidents.size() <= 12_000, `${incidents.size()} entries`);
  });

  it('one story stays bounded whatever is said of it', () => {
    const incidents = new Incidents(NETWORKS);
    for (let i = 0; i < 3000; i++)
      incidents.add(
        see(`d${i}`, 'high', '1', [`203.0.113.${i % 250}`, `2001:db8:0:${i.toString(16)}::1`], 0, {
          calls: [`u${i}`],
          callKeys: [`c${i}`],
          accounts: [`a${i}`],
          loss: { amount: 1, currency: 'EUR', estimated: true },
        }),
        () => [{ action: 'hang-up', target: `c${i}`, until: null, why: 'w', state: 'observed' }],
      );
    const [story, ...others] = incidents.snapshot().stories;
    assert.equal(others.length, 0);
    assert.ok(JSON.stringify(story).length < 200_000, `${JSON.stringify(story).length} bytes`);
  });

  it('ids rest on detector and key', () => {
    const { id: _id, detector: _detector, ...draft } = see('x', 'high', '1');
    const one = toEvidence('scan', draft);
    assert.deepEqual(toEvidence('scan', { ...draft, at: T0 + 5 }).id, one.id);
    assert.notEqual(toEvidence('scan', { ...draft, key: 'other' }).id, one.id);
    assert.notEqual(toEvidence('brute-force', draft).id, one.id);
  });
});
