import assert from 'node:assert/strict';
import { createSite, siteDefaults } from '../../src/site/index.ts';

describe('what a minute costs', () => {
  const site = (tariff?: string) => {
    const made = createSite(siteDefaults({ site: { country: 'DE' } }), tariff);
    assert.ok(made.ok);
    return made.value;
  };
  const estimated = site();
  const rows: [string, string, number, number][] = [
    ['a colleague', '201', 0, 0],
    ['an emergency call', '112', 0, 0],
    ['freephone', '08001234567', 0, 0],
    ['a feature code', '*43', 0, 0],
    ['the neighbour in the same town', '0301234567', 0.01, 0.03],
    ['a mobile at home', '015112345678', 0.03, 0.1],
    ['a premium number at home', '09001123456', 1, 3],
    ['an enquiry service', '118080', 1, 3],
    ['a partner in Paris', '0033142685300', 0.02, 0.05],
    ['a mobile in Paris', '0033612345678', 0.1, 0.25],
    ['a Latvian mobile', '0037126123456', 0.5, 1.5],
    ['Cuba', '005352123456', 1, 2],
    ['a satellite', '00870773111632', 5, 10],
    ['international premium rate', '+979123456789', 4, 6],
  ];
  for (const [sentence, dialled, least, most] of rows)
    it(`${sentence}: ${least} to ${most} EUR, estimated`, () => {
      const { perMinute, by } = estimated.rate(estimated.number(dialled));
      assert.ok(perMinute >= least && perMinute <= most, `${perMinute}`);
      assert.equal(by, 'estimate');
    });

  it('the tariff goes before the estimate, where it has a price', () => {
    const priced = site('371,0.30,0.05');
    assert.deepEqual(priced.rate(priced.number('0037126123456')), { perMinute: 0.3, connection: 0.05, by: 'tariff' });
    assert.equal(priced.rate(priced.number('005352123456')).by, 'estimate');
  });
});
