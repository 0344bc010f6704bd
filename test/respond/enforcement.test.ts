import assert from 'node:assert/strict';
import {
  Contest,
  Desired,
  diff,
  expiryText,
  RESTORATIONS,
  RESTORATION_SPAN,
  type Claim,
  type Verdict,
} from '../../src/respond/enforcement.ts';

const claim = (id: string, until: number | null, by: Claim['by'] = 'rule'): Claim => ({
  id,
  until,
  since: 0,
  by,
  why: id,
});

describe('what should stand', () => {
  it('lets an entry stand until the claim that ends last', () => {
    const desired = new Desired();
    assert.equal(desired.put('account', '1004', claim('a', 1_000)).moved, true);
    assert.equal(desired.put('account', '1004', claim('b', 5_000)).moved, true);
    assert.equal(desired.put('account', '1004', claim('c', 2_000)).moved, false, 'an earlier end moves nothing');
    assert.equal(desired.get('account', '1004')?.until, 5_000);
    assert.equal(desired.undo('b')[0]?.entry?.until, 2_000, 'without b the next stands');
    assert.deepEqual(
      desired.expire(1_999).map((c) => [c.moved, c.ended.map(({ id }) => id)]),
      [[false, ['a']]],
    );
    assert.deepEqual(
      desired.expire(2_000).map((c) => [c.entry, c.moved]),
      [[null, true]],
    );
    assert.equal(desired.size, 0);
  });

  it('replaces a claim by a newer one of the same id, a shorter end too', () => {
    const desired = new Desired();
    desired.put('number', '371', claim('a', 5_000));
    assert.equal(desired.put('number', '371', claim('a', 3_000)).entry?.until, 3_000);
    assert.equal(desired.get('number', '371')?.claims.length, 1);
  });

  it('takes back all claims of an entry, or those of one claimant', () => {
    const desired = new Desired();
    desired.put('address', '203.0.113.7', claim('a', 5_000));
    desired.put('address', '203.0.113.7', claim('b', 9_000, 'hand'));
    assert.equal(desired.clear('address', '203.0.113.7', ({ by }) => by === 'rule')?.entry?.until, 9_000);
    assert.equal(desired.clear('address', '203.0.113.7')?.entry, null);
    assert.equal(desired.clear('address', '203.0.113.7'), null, 'nothing is left to take back');
    assert.deepEqual(desired.undo('a'), []);
  });

  it('knows no end for what has none, and looks at nothing before the first end', () => {
    const desired = new Desired();
    desired.put('emergency', '112', claim('settings', null, 'settings'));
    desired.put('account', '1001', claim('a', 10_000));
    desired.put('account', '1001', claim('b', null, 'settings'));
    assert.equal(desired.get('account', '1001')?.until, null);
    assert.deepEqual(desired.expire(9_999), []);
    assert.equal(desired.expire(1e15).length, 1);
    assert.equal(desired.size, 2);
  });

  const ends: [number | null, string, string][] = [
    [1_000_000, '1000', 'whole seconds stay'],
    [1_000_001, '1001', 'never early: rounded up'],
    [1_000_999, '1001', 'at most a second late'],
    [null, '4102444800', 'no end'],
  ];
  for (const [until, text, why] of ends)
    it(`writes the end ${String(until)} as ${text}: ${why}`, () => assert.equal(expiryText('account', until), text));

  it('writes of an emergency number only that it is there', () => assert.equal(expiryText('emergency', null), '1'));
});

describe('what stands compared with what should', () => {
  const verdicts: Record<string, Verdict> = { mine: 'ours', late: 'over', bad: 'broken', theirs: 'foreign' };
  const judge = (key: string): Verdict => verdicts[key] ?? 'foreign';
  const table: [string, Record<string, string>, Record<string, string>, string[], string[], string[]][] = [
    ['nothing to do', { a: '1' }, { a: '1' }, [], [], []],
    ['missing is put', { a: '1', b: '2' }, { a: '1' }, ['b'], [], []],
    ['another value is put right', { a: '1' }, { a: '9' }, ['a'], [], []],
    [
      'ours, over and broken go; foreign is shown',
      {},
      { mine: '1', late: '1', bad: '1', theirs: '1' },
      [],
      ['mine', 'late', 'bad'],
      ['theirs'],
    ],
    ['what is on its way is left out', { moving: '2', a: '1' }, { moving: '1' }, ['a'], [], []],
  ];
  for (const [name, desired, standing, put, remove, foreign] of table)
    it(name, () => {
      const found = diff(
        new Map(Object.entries(desired)),
        new Map(Object.entries(standing)),
        judge,
        (key) => key === 'moving',
      );
      assert.deepEqual([found.put, found.remove, found.foreign.map(({ key }) => key)], [put, remove, foreign]);
    });
});

describe('a fight over a key', () => {
  it('is fought so many times in so long, then told, and taken up again later', () => {
    const contest = new Contest();
    for (let i = 0; i < RESTORATIONS; i++) assert.equal(contest.restore('a', i), true);
    assert.deepEqual([contest.restore('a', 10), contest.isContested('a'), contest.contested()], [false, true, ['a']]);
    assert.equal(contest.restore('b', 10), true, 'another key is another matter');
    assert.equal(contest.restore('a', RESTORATION_SPAN + 1), true);
    assert.equal(contest.isContested('a'), false);
  });

  it('is over when the key is as it should be', () => {
    const contest = new Contest();
    for (let i = 0; i <= RESTORATIONS; i++) contest.restore('a', i);
    contest.settled('a');
    assert.deepEqual(contest.contested(), []);
  });
});
