import assert from 'node:assert/strict';
import { riskOf, type RiskFacts } from '../../src/site/number-risk.ts';
import { Numbers } from '../../src/site/numbers.ts';

const germany = new Numbers({
  country: 'DE',
  outside: '',
  international: ['00'],
  internal: /^[1-9]\d{1,3}$/,
  emergency: [],
});

describe('the risk of a number', () => {
  /** Bands of number-risk.ts. */
  const rows: readonly (readonly [dialled: string, low: number, high: number, reason: RegExp | null])[] = [
    ['112', 0, 0, null],
    ['20', 0, 0, null],
    ['*43', 0, 0, null],
    ['0301234567', 1, 19, null],
    ['015112345678', 1, 19, null],
    ['08001234567', 0, 0, null],
    ['+80012345678', 0, 0, null],
    ['0041442685300', 1, 19, null],
    ['0033142685300', 1, 19, null],
    ['0041791234567', 20, 39, null],
    ['00442079460018', 20, 39, null],
    ['118080', 20, 39, /connect onwards/],
    ['01805123456', 20, 39, /shared cost/],
    ['09001123456', 60, 79, /premium/],
    ['0037126123456', 60, 79, /Latvian mobile/],
    ['0037161234567', 60, 79, null],
    ['0018765551234', 60, 79, /one-ring/],
    ['00447012345678', 60, 79, /070/],
    ['00972592123456', 60, 79, /Palestinian/],
    ['0023225123456', 60, 79, /Sierra Leone/],
    ['005352123456', 80, 100, /Cuba/],
    ['00252612345678', 80, 100, /Somalia/],
    ['00870773111632', 80, 100, /Inmarsat/],
    ['008821612345678', 80, 100, /Thuraya/],
    ['+979123456789', 80, 100, /premium/],
    ['0037190123456', 80, 100, /premium/],
  ];
  for (const [dialled, low, high, reason] of rows)
    it(`${dialled}: ${low} to ${high}`, () => {
      const { risk, reasons } = germany.number(dialled);
      assert.ok(risk >= low && risk <= high, `${risk}`);
      if (reason !== null) assert.match(reasons.join('; '), reason);
    });

  it('from 40 on, every allocated number comes with a reason', () => {
    for (const start of [
      '37126',
      '37061',
      '35567',
      '5352',
      '25261',
      '1876',
      '1809',
      '870',
      '8816',
      '882',
      '979',
      '6753',
    ])
      for (let n = 0; n < 200; n++) {
        const { risk, reasons } = germany.number(`+${start}${String(n * 49_999).padStart(8, '1')}`);
        assert.ok(risk < 40 || reasons.length > 0, `+${start} ${n}`);
      }
  });

  const facts: RiskFacts = {
    kind: 'fixed',
    e164: '442079460018',
    country: 'GB',
    international: true,
    dearShortCode: false,
    unallocated: false,
    oddlyDialled: false,
    home: null,
  };
  it('an odd way of dialling adds to it, an unallocated range more', () => {
    const plain = riskOf(facts).risk;
    const odd = riskOf({ ...facts, oddlyDialled: true });
    const unallocated = riskOf({ ...facts, kind: 'unknown', unallocated: true });
    assert.ok(plain < odd.risk && odd.risk < unallocated.risk);
    assert.match(odd.reasons.join(), /odd way/);
    assert.match(unallocated.reasons.join(), /hijacked ranges/);
  });
  it('stays within 100', () =>
    assert.equal(
      riskOf({ ...facts, kind: 'premium', e164: '979123456789', country: null, oddlyDialled: true, unallocated: true })
        .risk,
      100,
    ));
  it('a country at home is judged by kind alone', () =>
    assert.ok(
      riskOf({ ...facts, e164: '37126123456', country: 'LV', kind: 'mobile', international: false }).risk < 20,
    ));
});
