import assert from 'node:assert/strict';
import { createNetworks } from '../../src/site/networks.ts';
import { siteDefaults } from '../../src/site/options.ts';

describe('networks', () => {
  const networks = createNetworks({
    ...siteDefaults().network,
    pbx: ['192.0.2.10', '2001:db8::10'],
    trunks: [
      { name: 'carrier', addresses: ['198.51.100.0/28', '2001:db8:1::/48'] },
      { name: 'second', addresses: ['198.51.100.8', '198.51.100.64/26'] },
    ],
    never_block: ['203.0.113.99', '2001:db8:ff::/64'],
  });
  const rows: readonly (readonly [
    address: string,
    local: boolean,
    pbx: boolean,
    trunk: string | null,
    never: boolean,
  ])[] = [
    ['10.1.2.3', true, false, null, false],
    ['172.16.0.1', true, false, null, false],
    ['172.32.0.1', false, false, null, false],
    ['192.168.255.255', true, false, null, false],
    ['127.0.0.1', true, false, null, true],
    ['::1', true, false, null, true],
    ['fd00::1', true, false, null, false],
    ['fe80::1', true, false, null, false],
    ['192.0.2.10', false, true, null, true],
    ['192.0.2.11', false, false, null, false],
    ['2001:db8::10', false, true, null, true],
    ['198.51.100.1', false, false, 'carrier', true],
    ['198.51.100.8', false, false, 'carrier', true],
    ['198.51.100.16', false, false, null, false],
    ['198.51.100.70', false, false, 'second', true],
    ['2001:db8:1:2::3', false, false, 'carrier', true],
    ['203.0.113.99', false, false, null, true],
    ['203.0.113.98', false, false, null, false],
    ['2001:db8:ff::5', false, false, null, true],
    ['', false, false, null, false],
    ['not an address', false, false, null, false],
    ['1.2.3', false, false, null, false],
  ];
  for (const [address, local, pbx, trunk, never] of rows)
    it(`"${address}"`, () => {
      for (const _again of [1, 2])
        assert.deepEqual(
          [networks.isLocal(address), networks.isPbx(address), networks.trunkOf(address), networks.neverBlock(address)],
          [local, pbx, trunk, never],
        );
    });

  it('knows its trunks by name', () =>
    assert.deepEqual(
      ['carrier', 'second', '1004', ''].map((name) => networks.isTrunk(name)),
      [true, true, false, false],
    ));

  it('answers rightly after 100,000 spoofed sources', () => {
    for (let n = 0; n < 100_000; n++) networks.isLocal(`203.${n % 256}.${(n >> 8) % 256}.${n >> 16}`);
    assert.equal(networks.trunkOf('198.51.100.1'), 'carrier');
    assert.equal(networks.isLocal('203.0.0.0'), false);
  });
});
