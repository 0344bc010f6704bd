import assert from 'node:assert/strict';
import type { CallFacts } from '../../src/model.ts';
import type { Claimant, Entry, Kind } from '../../src/respond/enforcement.ts';
import { isRefused, pastBlock } from '../../src/respond/past-blocks.ts';
import { NIGHT, started, THIEF } from '../support/events.ts';
import { testSite } from '../support/site.ts';

const SITE = testSite();

/** A call of 1004 to Latvia, answered ten seconds after its start. */
const call = (over: Partial<CallFacts> = {}): CallFacts =>
  started(NIGHT, { account: '1004', dialled: '0037120000001', source: THIEF, answeredAt: NIGHT + 10_000, ...over });

/** What stands, since a time, put up by somebody. */
const entry = (kind: Kind, value: string, since = NIGHT, by: Claimant = 'rule'): Entry => ({
  kind,
  value,
  until: NIGHT + 3_600_000,
  text: null,
  claims: [{ id: 'claim', until: NIGHT + 3_600_000, since, by, why: 'a test' }],
});

const TABLE: [string, CallFacts, Entry[], RegExp | null][] = [
  ['nothing stands', call(), [], null],
  ['calls abroad of its account are blocked', call(), [entry('international', '1004')], /calls abroad of 1004 stands/],
  ['those of another', call(), [entry('international', '1005')], null],
  ['and it goes to a number of this country', call({ dialled: '03012345678' }), [entry('international', '1004')], null],
  ['and it goes to a colleague', call({ dialled: '1005' }), [entry('international', '1004')], null],
  [
    'all calls of its account are blocked',
    call({ dialled: '1005' }),
    [entry('account', '1004')],
    /all calls of 1004 stands/,
  ],
  ['its account is not known', call({ account: null }), [entry('account', '1004')], null],
  ['its address is blocked', call({ account: null }), [entry('address', THIEF)], /address 198\.18\.5\.66 stands/],
  ['its number is blocked', call(), [entry('number', '37120000001')], /begin with 37120000001/],
  ['numbers like its own are blocked', call(), [entry('number', '371')], /begin with 371 /],
  ['other numbers are blocked', call(), [entry('number', '372')], null],
  ['a person blocked it', call(), [entry('account', '1004', NIGHT, 'hand')], /all calls of 1004/],
  ['an emergency call of a blocked account', call({ dialled: '112' }), [entry('account', '1004')], null],
  ['nobody knows what it dialled', call({ dialled: 's' }), [entry('account', '1004')], null],
  ['it came in by a trunk', call({ trunk: 'carrier' }), [entry('account', '1004')], null],
  ['it is not answered yet', call({ answeredAt: null }), [entry('account', '1004')], null],
  ['it was answered before the block', call(), [entry('account', '1004', NIGHT + 11_000)], null],
  [
    'the office lock stands, which a PIN may have lifted',
    call(),
    [entry('lock', 'international', NIGHT, 'settings')],
    null,
  ],
  [
    'the first entry is too young, the second is not',
    call(),
    [entry('account', '1004', NIGHT + 11_000), entry('address', THIEF)],
    /address/,
  ],
];

describe('a call that got past a block', () => {
  for (const [sentence, facts, entries, why] of TABLE)
    it(`${sentence}: ${why === null ? 'left alone' : 'hung up'}`, () => {
      const standing = (kind: Kind, value: string): Entry | undefined =>
        entries.find((e) => e.kind === kind && e.value === value);
      const decision = pastBlock(facts, SITE, standing, ({ id }) => `incident of ${id}`);
      if (why === null) {
        assert.equal(decision, null);
        return;
      }
      assert.match(decision?.why ?? '', why);
      const { action, target, state, incident, at } = decision ?? {};
      assert.deepEqual(
        { action, target, state, incident, at },
        {
          action: 'hang-up',
          target: facts.call,
          state: 'pending',
          incident: 'incident of claim',
          at: facts.answeredAt,
        },
      );
    });

  const refusals: [string, CallFacts, Entry[], number | null, boolean][] = [
    ['the block stood before', call({ answeredAt: null }), [entry('international', '1004')], NIGHT - 1, true],
    ['just then', call({ answeredAt: null }), [entry('international', '1004')], NIGHT, true],
    [
      'the block was proved after its start',
      call({ answeredAt: null }),
      [entry('international', '1004')],
      NIGHT + 1,
      false,
    ],
    ['the block is not proved', call({ answeredAt: null }), [entry('international', '1004')], null, false],
    ['it was answered all the same', call(), [entry('international', '1004')], NIGHT - 1, false],
    ['the block is of another account', call({ answeredAt: null }), [entry('account', '1005')], NIGHT - 1, false],
    ['an emergency call', call({ answeredAt: null, dialled: '112' }), [entry('account', '1004')], NIGHT - 1, false],
    ["the settings' own", call({ answeredAt: null }), [entry('account', '1004', NIGHT, 'settings')], NIGHT - 1, false],
  ];
  for (const [sentence, facts, entries, provedAt, expected] of refusals)
    it(`${expected ? 'is refused and not hung up' : 'is not known to be refused'}: ${sentence}`, () => {
      const standing = (kind: Kind, value: string): Entry | undefined =>
        entries.find((e) => e.kind === kind && e.value === value);
      assert.equal(
        isRefused(facts, SITE, standing, () => provedAt),
        expected,
      );
    });

  it('has one id, however often it is told of', () => {
    const ids = [call(), call({ uniqueid: '1.2' })].map(
      (facts) =>
        pastBlock(
          facts,
          SITE,
          () => entry('account', '1004'),
          () => '',
        )?.id,
    );
    assert.equal(ids[0], ids[1]);
  });
});
