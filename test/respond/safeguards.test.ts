import assert from 'node:assert/strict';
import { Budget, check, DEFAULT_END, LONGEST, type Checking, type RefusalCode } from '../../src/respond/safeguards.ts';
import type { Kind } from '../../src/respond/enforcement.ts';
import { DAY, HOUR } from '../../src/time.ts';
import { testSite } from '../support/site.ts';

const NOW = Date.UTC(2026, 10, 21, 1);
const site = testSite({
  network: {
    local: ['10.0.0.0/8'],
    pbx: ['192.0.2.10', '2001:db8:1::10'],
    trunks: [{ name: 'carrier', addresses: ['198.51.100.0/28'] }],
    never_block: ['203.0.113.99', '2001:db8:2::/48'],
  },
});
site.accounts.learn([
  { endpoint: '1004', aliases: ['alice'] },
  { endpoint: 'carrier', aliases: [] },
]);
const context: Checking = {
  site,
  now: NOW,
  by: 'rule',
  emergency: new Set(['110', '112']),
  proxies: new Set(['203.0.113.50']),
};

describe('the last door: what may stand', () => {
  const refused: [string, Kind, string, RefusalCode][] = [
    ["the PBX's address", 'address', '192.0.2.10', 'protected-address'],
    ["the PBX's IPv6 address, spelled otherwise", 'address', '2001:DB8:1:0::10', 'protected-address'],
    ["the PBX's address as an IPv4-mapped one", 'address', '::ffff:192.0.2.10', 'protected-address'],
    ["a trunk's address", 'address', '198.51.100.3', 'protected-address'],
    ['a proxy in front', 'address', '203.0.113.50', 'protected-address'],
    ['the local network', 'address', '10.1.2.3', 'protected-address'],
    ['what the admin exempts', 'address', '203.0.113.99', 'protected-address'],
    ['a network that the admin exempts', 'address', '2001:db8:2::7', 'protected-address'],
    ['the machine itself', 'address', '127.0.0.1', 'protected-address'],
    ['the machine itself by IPv6', 'address', '::1', 'protected-address'],
    ['the unspecified address, which may mean everybody', 'address', '0.0.0.0', 'protected-address'],
    ['the unspecified IPv6 address', 'address', '::', 'protected-address'],
    ['multicast', 'address', '224.0.0.1', 'protected-address'],
    ['link-local', 'address', 'fe80::1', 'protected-address'],
    ['everybody', 'address', '0.0.0.0/0', 'not-an-address'],
    ['two addresses in one', 'address', '203.0.113.7,203.0.113.8', 'not-an-address'],
    ['a host name', 'address', 'host.example', 'not-an-address'],
    ['an emergency number', 'number', '112', 'emergency-number'],
    ['an emergency number with a plus', 'number', '+112', 'emergency-number'],
    ['an emergency number of the site', 'number', '110', 'emergency-number'],
    ['a number that is none', 'number', '0049', 'not-a-number'],
    ['a pattern', 'number', '37%', 'not-a-number'],
    ['everything', 'number', '', 'not-a-number'],
    ['a number too long', 'number', '1234567890123456', 'not-a-number'],
    ['a trunk', 'account', 'carrier', 'trunk'],
    ['calls abroad of a trunk', 'international', 'carrier', 'trunk'],
    ['an account that the PBX does not have', 'account', '9999', 'unknown-account'],
    ['a name that no key could hold', 'account', 'a'.repeat(161), 'not-an-account'],
    ['a name with spaces at its end', 'account', '1004 ', 'not-an-account'],
    ['a line end', 'account', '1004\r\nAction: Originate', 'not-an-account'],
    ['no account', 'account', '', 'not-an-account'],
    ['dialplan, which is no account of this PBX', 'account', '${SHELL(id)}', 'unknown-account'],
    ['an exemption of everybody by a name', 'exempt', '+43x', 'not-an-account'],
    ['a PIN that nobody set', 'pin', 'tries/1004', 'not-a-value'],
    ['what the guard does not read', 'dialplan', 'abroad/+44', 'not-a-value'],
    ['another lock', 'lock', 'all', 'not-a-value'],
    ['no number', 'emergency', 'police', 'not-a-value'],
  ];
  for (const [name, kind, value, code] of refused)
    it(`refuses ${name}`, () => {
      for (const by of ['rule', 'hand', 'settings'] as const) {
        if (code === 'unknown-account' && by !== 'rule') continue;
        const checked = check(kind, value, NOW + HOUR, { ...context, by });
        assert.deepEqual([checked.ok, checked.ok ? '' : checked.code], [false, code]);
      }
    });

  const taken: [string, Kind, string, string][] = [
    ['an address', 'address', '203.0.113.7', '203.0.113.7'],
    ['an IPv6 address, made canonical', 'address', '2001:DB8:0:0::7', '2001:db8::7'],
    ['an account', 'account', '1004', '1004'],
    ['a country', 'number', '371', '371'],
    ['a number with a plus', 'number', '+37167000001', '37167000001'],
    ['an emergency number among the emergency numbers', 'emergency', '112', '112'],
    ['an emergency number behind a prefix of four digits', 'emergency', '9999112', '9999112'],
    ['the office lock', 'lock', 'international', 'international'],
  ];
  for (const [name, kind, value, canonical] of taken)
    it(`takes ${name}`, () => {
      const checked = check(kind, value, NOW + HOUR, context);
      assert.deepEqual(checked.ok && [checked.value, checked.until], [canonical, NOW + HOUR]);
    });

  const ends: [string, number | null, number | RefusalCode][] = [
    ['a day where nobody says when', null, NOW + DEFAULT_END],
    ['at most thirty days', NOW + 400 * DAY, NOW + LONGEST],
    ['refused when it is over', NOW, 'over'],
    ['refused when it is no time', Number.NaN, 'no-end'],
    ['refused when it is never', Infinity, 'no-end'],
  ];
  for (const [name, until, expected] of ends)
    it(`ends: ${name}`, () => {
      const checked = check('address', '203.0.113.7', until, context);
      assert.equal(checked.ok ? checked.until : checked.code, expected);
    });

  it('lets no rule block an address with several registrations behind it', () => {
    const shared: Checking = { ...context, registrations: (address) => (address === '203.0.113.7' ? 30 : 1) };
    const checked = check('address', '203.0.113.7', null, shared);
    assert.equal(checked.ok ? '' : checked.code, 'shared-address');
    assert.equal(check('address', '203.0.113.8', null, shared).ok, true, 'one may be his own');
    assert.equal(check('address', '203.0.113.7', null, { ...shared, by: 'hand' }).ok, true, 'people know better');
  });

  it('takes how numbers are dialled and the PIN from the settings alone', () => {
    for (const [kind, value] of [
      ['dialplan', 'country'],
      ['dialplan', 'abroad/1876'],
      ['pin', 'hash'],
    ] as const) {
      assert.equal(check(kind, value, null, { ...context, by: 'settings' }).ok, true, value);
      for (const by of ['rule', 'hand'] as const) assert.equal(check(kind, value, null, { ...context, by }).ok, false);
    }
  });

  it('takes names of endpoints as Asterisk does', () => {
    for (const name of ['a/b', 'x(1):2$&y', 'Küche 2', "o'hara", '100%', '[trunk]', '+493012345'])
      assert.equal(check('account', name, null, { ...context, by: 'hand' }).ok, true, name);
  });

  it('lets a person block what the PBX has not told, and an exemption by hand end', () => {
    assert.equal(check('account', '9999', null, { ...context, by: 'hand' }).ok, true);
    const exempt = check('exempt', '1004', null, { ...context, by: 'hand' });
    assert.equal(exempt.ok && exempt.until, NOW + DEFAULT_END);
    const always = check('exempt', '1004', null, { ...context, by: 'settings' });
    assert.equal(always.ok && always.until, null);
    const lock = check('lock', 'international', NOW + 60 * DAY, { ...context, by: 'settings' });
    assert.equal(lock.ok && lock.until, NOW + 60 * DAY, 'closed for long');
    const endless = check('lock', 'international', null, { ...context, by: 'settings' });
    assert.equal(endless.ok && endless.until, NOW + DEFAULT_END, 'nothing refuses for ever');
  });
});

describe('how much rules may block', () => {
  const limits = { perHour: 5, accounts: 0.25, accountsAtLeast: 2 };
  it('is so much within an hour', () => {
    const budget = new Budget(limits);
    for (let i = 0; i < 5; i++) assert.equal(budget.take('address', NOW + i, 0, 100), null);
    const refused = budget.take('address', NOW + 10, 0, 100);
    assert.equal(refused?.ok === false && refused.code, 'budget-hour');
    assert.equal(budget.take('address', NOW + HOUR + 5, 0, 100), null, 'an hour later it goes on');
  });

  const shares: [number, number | null, boolean][] = [
    [0, 4, true],
    [1, 4, true],
    [2, 4, false],
    [24, 100, true],
    [25, 100, false],
    [2, null, true],
    [3, null, false],
  ];
  for (const [held, all, may] of shares)
    it(`${may ? 'lets' : 'does not let'} one more stand with ${held} of ${all ?? 'unknown'} accounts blocked`, () => {
      const budget = new Budget(limits);
      assert.equal(budget.take('international', NOW, held, all) === null, may);
      assert.equal(budget.take('address', NOW, held, all), null, 'addresses are not accounts');
    });

  it('counts what was put up before a restart', () => {
    const budget = new Budget(limits);
    for (let i = 0; i < 5; i++) budget.remember(NOW - HOUR / 2);
    assert.notEqual(budget.take('number', NOW, 0, null), null);
  });
});
