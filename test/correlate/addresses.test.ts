import assert from 'node:assert/strict';
import { Addresses } from '../../src/correlate/addresses.ts';
import { DAY, HOUR, MINUTE } from '../../src/time.ts';
import { Station } from '../support/sip-builder.ts';
import { siteOf, watch } from './support.ts';

const T = Date.UTC(2026, 10, 21, 9, 0, 0);
const OFFICE = '203.0.113.5';

describe('correlate: who lives at an address', () => {
  const cases: [string, (a: Addresses) => void, number][] = [
    ['nobody', () => undefined, 0],
    [
      'three accounts that registered an hour ago',
      (a) => ['1', '2', '3'].forEach((account) => a.registered(OFFICE, account, T - HOUR, T + HOUR, T - HOUR)),
      3,
    ],
    [
      'three accounts that came a minute less than an hour ago: a thief who wants to look like an office',
      (a) => ['1', '2', '3'].forEach((account) => a.registered(OFFICE, account, T - HOUR + MINUTE, T + HOUR, T)),
      0,
    ],
    ['what stood before anybody watched', (a) => a.registered(OFFICE, '1', 0, T + HOUR, T), 1],
    [
      'an account that refreshed is one account, and has been there since it first came',
      (a) => {
        a.registered(OFFICE, '1', T - DAY, T - DAY + HOUR, T - DAY);
        a.registered(OFFICE, '1', T, T + HOUR, T);
      },
      1,
    ],
    [
      'an office that was cut off overnight still lives there',
      (a) => ['1', '2'].forEach((account) => a.registered(OFFICE, account, 0, T - DAY + MINUTE, T - DAY)),
      2,
    ],
    [
      'one that has been gone for a day does not',
      (a) => ['1', '2'].forEach((account) => a.registered(OFFICE, account, 0, T - DAY, T - 2 * DAY)),
      0,
    ],
    [
      'a flood of accounts does not push out who lives there, and is not counted beyond 32',
      (a) => {
        a.registered(OFFICE, 'owner', 0, T + HOUR, T);
        for (let i = 0; i < 1_000; i++) a.registered(OFFICE, `new-${i}`, T, T + HOUR, T);
      },
      1,
    ],
  ];
  for (const [sentence, play, expected] of cases)
    it(sentence, () => {
      const addresses = new Addresses();
      play(addresses);
      assert.equal(addresses.settled(OFFICE, T), expected);
      const restored = new Addresses();
      restored.restore(JSON.parse(JSON.stringify(addresses.snapshot())));
      assert.equal(restored.settled(OFFICE, T), expected, 'after a restart');
    });

  it('takes the addresses of one IPv6 network for one, and stays bounded', () => {
    const addresses = new Addresses();
    addresses.registered('2001:db8::1', '1', 0, T + HOUR, T);
    addresses.registered('2001:db8::2', '2', 0, T + HOUR, T);
    assert.equal(addresses.settled('2001:db8::3', T), 2);
    assert.equal(addresses.settled('2001:db8:0:1::1', T), 0);
    for (let i = 0; i < 120_000; i++) addresses.registered(`${i >> 16}.${(i >> 8) & 255}.${i & 255}.1`, '1', T, T, T);
    assert.ok(addresses.size <= 65_536);
  });

  it('by mirrored SIP and by what the registrar held at the start', () => {
    const w = watch(siteOf({}, ['1001', '1002', '1003', '1004']), true);
    const contact = (
      aor: string,
      source: string | null,
    ): Parameters<typeof w.correlator.seed>[0]['contacts'][number] => ({
      aor,
      endpoint: aor,
      contact: `sip:${aor}@${source ?? '10.0.0.1'}:5060`,
      source,
      sourcePort: 5060,
      userAgent: '',
      callId: 'c',
      expiresAt: T + HOUR,
    });
    w.correlator.seed(
      { contacts: [contact('1001', OFFICE), contact('1002', OFFICE), contact('1003', null)], channels: [] },
      T,
    );
    assert.equal(w.correlator.registrationsFrom(OFFICE), 2, 'a source that is not known counts nowhere');
    w.play(new Station('198.51.100.66').register(T + MINUTE, '1004'));
    w.play(new Station('198.51.100.66').register(T + MINUTE, '1003'));
    assert.equal(w.correlator.registrationsFrom('198.51.100.66'), 0, 'two stolen accounts a minute ago');
    w.play(new Station(OFFICE).register(T + 2 * MINUTE, '1001'));
    assert.equal(w.correlator.registrationsFrom(OFFICE), 2, 'a refresh is no newcomer');
  });
});
