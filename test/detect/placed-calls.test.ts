import assert from 'node:assert/strict';
import {
  citing,
  mostAtOnce,
  mostWithin,
  PlacedCalls,
  talkOf,
  withoutRedials,
  type Placed,
  type PlacedEvent,
} from '../../src/detect/placed-calls.ts';
import { DAYTIME, connected, ended, record, recorded, started, THIEF, updated } from '../support/events.ts';
import { testSite } from '../support/site.ts';

const call = (started: number, answered: number | null, ended: number | null, dialled = '1'): Placed<null> => ({
  call: `${started}`,
  who: 'account:1',
  dialled,
  started,
  answered,
  ended,
  id: `${started}`,
  source: '',
  proof: 'none',
  tag: null,
});

describe('calls placed', () => {
  const within: [string, number[], number, number][] = [
    ['none', [], 60, 0],
    ['one', [0], 60, 1],
    ['both ends of the window count', [0, 60], 60, 2],
    ['a moment more does not', [0, 61], 60, 1],
    ['the fullest window counts, not the last', [0, 10, 20, 200], 60, 3],
  ];
  for (const [sentence, starts, span, most] of within)
    it(`within a window: ${sentence}`, () =>
      assert.equal(mostWithin(starts.map((at) => call(at, null, null)), span), most)); // prettier-ignore

  const atOnce: [string, Placed<null>[], number][] = [
    ['none connected', [call(0, null, null), call(1, null, 9)], 0],
    ['one after the other', [call(0, 0, 10), call(10, 10, 20)], 1],
    ['one in the other', [call(0, 0, 10), call(2, 3, 4)], 2],
    ['two that are still up', [call(0, 0, null), call(2, 3, null)], 2],
    ['three, of which never more than two together', [call(0, 0, 10), call(5, 5, 15), call(12, 12, 20)], 2],
    ['from the answer on, not from the start', [call(0, 9, 20), call(1, 2, 8)], 1],
  ];
  for (const [sentence, calls, most] of atOnce)
    it(`at one time: ${sentence}`, () => assert.equal(mostAtOnce(calls, 30), most));

  it('redials are one call; a call after one that was answered, or to another number, is another', () => {
    const calls = [call(0, null, 5, 'a'), call(6, null, 8, 'a'), call(9, 10, 20, 'b'), call(21, 22, 30, 'b')];
    assert.deepEqual(
      withoutRedials(calls).map((c) => c.started),
      [0, 9, 21],
    );
    // beside the first, not after it
    assert.equal(withoutRedials([call(0, null, 5, 'a'), call(2, null, 6, 'a')]).length, 2);
  });

  const placed = (most = 10): PlacedCalls<'x'> => new PlacedCalls(testSite(), { span: 60_000, most }, () => 'x');
  const take = (of: PlacedCalls<'x'>, ...events: PlacedEvent[]): (string | null)[] =>
    events.map((event) => of.take(event)?.key ?? null);

  it('follows a call over all feeds, and moves it to whom it belongs', () => {
    const of = placed();
    const keys = take(
      of,
      started(DAYTIME, { account: null, source: null }),
      updated(DAYTIME + 1, { account: null, source: THIEF, startedAt: DAYTIME }),
      connected(DAYTIME + 2, { startedAt: DAYTIME, source: THIEF }),
      ended(DAYTIME + 9, { startedAt: DAYTIME, source: THIEF, answeredAt: DAYTIME + 2 }),
      recorded(record(DAYTIME, 1), { call: 'call-1', live: true }),
    );
    assert.deepEqual(keys, ['number:37120000001', `address:${THIEF}`, 'account:1004', 'account:1004', 'account:1004']);
    const caller = of.caller('account:1004');
    assert.deepEqual(caller?.calls, ['call-1']);
    assert.deepEqual(of.caller(`address:${THIEF}`)?.calls, []);
    assert.equal(of.of(caller).length, 1);
  });

  it('takes the records of one call to several numbers for several calls, of one number for one', () => {
    const of = placed();
    const row = (dst: string, seconds: number) => recorded(record(DAYTIME, seconds, { dst }), { call: 'linked' });
    take(of, row('0037120000001', 5), row('0037120000001', 9), row('0037120000002', 7));
    const caller = of.caller('account:1004');
    assert.ok(caller !== undefined);
    assert.deepEqual(
      of.of(caller).map((c) => [c.call, c.dialled, talkOf(c, DAYTIME)]),
      [
        ['linked', '0037120000001', 9_000],
        ['linked', '0037120000002', 7_000],
      ],
    );
  });

  it('leaves out trunks, what costs nothing, and what was not heard of before its end', () => {
    const of = placed();
    const keys = take(
      of,
      started(DAYTIME, { account: null, trunk: 'carrier' }),
      started(DAYTIME, { account: 'carrier' }),
      started(DAYTIME, { dialled: '0301234567' }),
      started(DAYTIME, { dialled: '112' }),
      ended(DAYTIME, {}),
    );
    assert.deepEqual(keys, [null, null, null, null, null]);
    assert.equal(of.size, 0);
  });

  it('holds so many calls of a caller, none older than the span', () => {
    const of = placed(3);
    for (let i = 0; i < 9; i++) take(of, started(DAYTIME + i * 1_000, { call: `c${i}` }));
    assert.deepEqual(of.caller('account:1004')?.calls, ['c6', 'c7', 'c8']);
    take(of, ended(DAYTIME + 9_000, { call: 'c6' }), started(DAYTIME + 67_000, { call: 'd' }));
    assert.deepEqual(of.caller('account:1004')?.calls, ['c7', 'c8', 'd']);
  });

  it('cites no better proof for all than for the worst of the sources', () => {
    const from = (source: string, proof: Placed<null>['proof']): Placed<null> => ({ ...call(0, 0, 1), source, proof });
    assert.equal(citing(testSite(), [from('a', 'none'), from('a', 'authenticated')], 1).sourceProof, 'authenticated');
    assert.equal(citing(testSite(), [from('a', 'none'), from('b', 'authenticated')], 1).sourceProof, 'none');
    assert.equal(citing(testSite(), [call(0, 0, 1)], 1).sourceProof, 'none');
  });
});
