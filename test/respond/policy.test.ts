import assert from 'node:assert/strict';
import type { Evidence, Incident, Severity } from '../../src/model.ts';
import { decide, DEFAULT_RULES, LASTS } from '../../src/respond/policy.ts';
import { createSite, siteDefaults, type Site } from '../../src/site/index.ts';
import { evidence, incident, T0 } from '../support/evidence.ts';

function site(): Site {
  const made = createSite(
    siteDefaults({
      site: { country: 'DE', timezone: 'Europe/Berlin' },
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

const see = (detector: string, severity: Severity, more: Partial<Evidence> = {}): Evidence =>
  evidence('e1', { detector, severity, facts: {}, calls: ['u1'], callKeys: ['c1', 'c2'], sources: [THIEF], ...more });

/** Decisions as text: action target. */
const decided = (e: Evidence, over: Partial<Incident> = {}): string[] =>
  decide(incident('i1', { severity: e.severity, ...over }), e, SITE).map((p) => `${p.action} ${p.target}`);

const UNKNOWN = { subject: { type: 'account', value: 'ghost' }, accounts: [] } as const;
const international = 'block-international 1004';

const TABLE: [string, Evidence, string[], Partial<Incident>?][] = [
  ['late calls that connect', see('out-of-hours-calls', 'critical'), ['hang-up c1', 'hang-up c2', international]],
  ['late calls that try to', see('out-of-hours-calls', 'high'), [international]],
  ['one late call', see('out-of-hours-calls', 'medium'), []],
  [
    'one late call in a story that is critical',
    see('out-of-hours-calls', 'medium'),
    ['hang-up c1', 'hang-up c2', international],
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
  ['a hijack', see('registration-hijack', 'high'), ['expire-contact 1004', international, `block-address ${THIEF}`]],
  [
    'a hijack with calls',
    see('registration-hijack', 'critical'),
    ['expire-contact 1004', international, `block-address ${THIEF}`, 'hang-up c1', 'hang-up c2'],
  ],
  ['a phone on a new address', see('registration-hijack', 'medium'), []],
  [
    'a phone on a new address in a grave story: the address may be the owner',
    see('registration-hijack', 'medium'),
    [],
    { severity: 'high' },
  ],
  [
    'the address of the owner beside that of the thief',
    see('registration-hijack', 'high', { sources: [THIEF, '203.0.113.9'], facts: { ownerAddress: '203.0.113.9' } }),
    ['expire-contact 1004', international, `block-address ${THIEF}`],
  ],
  ['a hijack of nobody known', see('registration-hijack', 'high', UNKNOWN), [`block-address ${THIEF}`]],
  ['guessing', see('brute-force', 'high', { sourceProof: 'answered' }), [`block-address ${THIEF}`]],
  ['guessing from an address that nothing proves', see('brute-force', 'high', { sourceProof: 'none' }), []],
  ['a stale password', see('brute-force', 'medium'), []],
  ['a breach', see('brute-force', 'critical'), [`block-address ${THIEF}`, 'expire-contact 1004', international]],
  [
    'a breach among many accounts: which one is not told',
    see('brute-force', 'critical', { subject: { type: 'address', value: THIEF }, accounts: ['1004', '1005'] }),
    [`block-address ${THIEF}`],
  ],
  [
    'a scan',
    see('scan', 'high', { subject: { type: 'address', value: THIEF }, sources: [] }),
    [`block-address ${THIEF}`],
  ],
  ...['192.0.2.10', '198.51.100.3', '10.1.2.3', '203.0.113.200'].map((address): [string, Evidence, string[]] => [
    `a scan from ${address}, which is never blocked`,
    see('scan', 'high', { subject: { type: 'address', value: address }, sources: [address] }),
    [],
  ]),
  [
    'calls without registration',
    see('unregistered-caller', 'critical', { subject: { type: 'address', value: THIEF } }),
    ['hang-up c1', 'hang-up c2', `block-address ${THIEF}`, international],
  ],
  ['a detector without rules', see('something-new', 'critical'), []],
];

describe('the default policy', () => {
  for (const [sentence, e, expected, over] of TABLE)
    it(`${sentence}: ${expected.join(', ') || 'nothing'}`, () => {
      assert.deepEqual(decided(e, over), expected);
    });

  it('says until when and why', () => {
    const [hangUp, , block] = decide(incident('i1'), see('out-of-hours-calls', 'critical'), SITE);
    assert.deepEqual([hangUp?.until, block?.until], [null, T0 + LASTS.international]);
    assert.ok(hangUp !== undefined && hangUp.why.length > 10);
  });

  it('never gives a new secret, never puts up anything longer than 30 days or without an end', () => {
    for (const rule of DEFAULT_RULES) {
      assert.notEqual(rule.action, 'rotate-secret');
      if (rule.action.startsWith('block')) assert.ok(rule.lasts !== null && rule.lasts <= 30 * 86_400_000, rule.why);
      assert.ok(['high', 'critical'].includes(rule.atLeast), `${rule.detector}: nothing is done below high`);
    }
  });

  it('names at most fifty targets of a kind', () => {
    const callKeys = Array.from({ length: 200 }, (_, i) => `c${i}`);
    assert.equal(decided(see('out-of-hours-calls', 'critical', { callKeys })).length, 51);
  });
});
