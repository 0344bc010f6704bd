import assert from 'node:assert/strict';
import { canonicalAddress, CidrSet, isAddressOrBlock, sourceKey } from '../src/address.ts';

describe('canonicalAddress', () => {
  const cases: [string, string | null][] = [
    ['192.0.2.1', '192.0.2.1'],
    ['0.0.0.0', '0.0.0.0'],
    ['255.255.255.255', '255.255.255.255'],
    ['192.0.2.01', null],
    ['192.0.2', null],
    ['192.0.2.256', null],
    ['192.0.2.1.', null],
    ['0x7f.1', null],
    ['', null],
    ['localhost', null],
    ['[192.0.2.1]', null],
    ['::', '::'],
    ['::1', '::1'],
    ['[::1]', '::1'],
    ['[::1', null],
    ['2001:DB8::A', '2001:db8::a'],
    ['2001:0db8:0000:0000:0000:0000:0000:0001', '2001:db8::1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
    ['1:0:0:0:0:0:0:0', '1::'],
    ['fe80::1%eth0', 'fe80::1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:c000:0201', '192.0.2.1'],
    ['::ffff:255.255.255.255', '255.255.255.255'],
    ['::192.0.2.1', '::c000:201'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
    ['1:2:3:4:5:6:192.0.2.1', '1:2:3:4:5:6:c000:201'],
    ['1:2:3:4:5:6:7:8:9', null],
    ['1::2::3', null],
    ['12345::', null],
  ];
  for (const [text, expected] of cases)
    it(`"${text}" is ${String(expected)}`, () => {
      assert.equal(canonicalAddress(text), expected);
      if (expected !== null) assert.equal(canonicalAddress(expected), expected);
    });
});

describe('sourceKey', () => {
  const cases: [string, string][] = [
    ['192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2:ffff::1', '2001:db8:1:2::/64'],
    ['2001:db8:1:3::1', '2001:db8:1:3::/64'],
    ['::1', '::/64'],
    ['no:address', 'no:address'],
  ];
  for (const [address, expected] of cases)
    it(`${address} counts as ${expected}`, () => assert.equal(sourceKey(address), expected));
});

describe('isAddressOrBlock', () => {
  for (const text of ['192.0.2.1', '192.0.2.0/24', '0.0.0.0/0', '::/0', '2001:db8::/32', '::1', '::ffff:10.0.0.0/104'])
    it(`${text} is one`, () => assert.ok(isAddressOrBlock(text)));
  for (const text of [
    '',
    '/',
    '192.0.2.0/33',
    '192.0.2.0/',
    '::/129',
    '192.0.2.0/24/1',
    '10.0.0/8',
    'a/8',
    '1.2.3.4/-1',
    '1.2.3.4/08x',
  ])
    it(`"${text}" is not`, () => assert.equal(isAddressOrBlock(text), false));
});

describe('CidrSet', () => {
  const cases: [string, string[], string, boolean][] = [
    ['an empty set has nothing', [], '192.0.2.1', false],
    ['a single address', ['192.0.2.1'], '192.0.2.1', true],
    ['its neighbour', ['192.0.2.1'], '192.0.2.2', false],
    ['first of a block', ['198.51.100.16/28'], '198.51.100.16', true],
    ['last of a block', ['198.51.100.16/28'], '198.51.100.31', true],
    ['one before', ['198.51.100.16/28'], '198.51.100.15', false],
    ['one after', ['198.51.100.16/28'], '198.51.100.32', false],
    ['host bits in the block do not matter', ['10.1.2.3/8'], '10.255.0.1', true],
    ['high addresses are unsigned', ['240.0.0.0/4'], '255.255.255.254', true],
    ['/31', ['255.255.255.254/31'], '255.255.255.255', true],
    ['everything IPv4', ['0.0.0.0/0'], '203.0.113.9', true],
    ['everything IPv4 is not IPv6', ['0.0.0.0/0'], '2001:db8::1', false],
    ['everything IPv6 is not IPv4', ['::/0'], '203.0.113.9', false],
    ['everything IPv6', ['::/0'], '2001:db8::1', true],
    ['an IPv6 block', ['2001:db8:8000::/33'], '2001:db8:ffff::1', true],
    ['outside an IPv6 block', ['2001:db8:8000::/33'], '2001:db8:7fff::1', false],
    ['a mapped address is its IPv4 address', ['192.0.2.0/24'], '::ffff:192.0.2.7', true],
    ['a mapped block is its IPv4 block', ['::ffff:10.0.0.0/104'], '10.9.8.7', true],
    ['all mapped addresses are all of IPv4', ['::ffff:0:0/96'], '10.9.8.7', true],
    ['no address at all', ['0.0.0.0/0', '::/0'], 'example.org', false],
    ['wrong entries are passed over', ['nonsense', '192.0.2.1'], '192.0.2.1', true],
    ['several lengths', ['10.0.0.0/8', '192.0.2.1', '172.16.0.0/12'], '172.31.255.255', true],
  ];
  for (const [sentence, entries, address, expected] of cases)
    it(sentence, () => {
      const set = new CidrSet(entries);
      assert.equal(set.has(address), expected);
      assert.equal(set.isEmpty, entries.length === 0);
    });
});
