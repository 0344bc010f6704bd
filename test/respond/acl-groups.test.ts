import assert from 'node:assert/strict';
import fc from 'fast-check';
import { ACL_LIMIT, AclGroups, GROUP, isGroupKey, isSoundAcl } from '../../src/respond/acl-groups.ts';
import { canonicalAddress } from '../../src/address.ts';

const v4 = (i: number): string => `198.18.${i >> 8}.${i & 255}`;
const v6 = (i: number): string =>
  canonicalAddress(`2001:db8:ffff:ffff:ffff:ffff:ffff:${(0x1000 + i).toString(16)}`) ?? '';

describe('addresses in ACL objects', () => {
  it('are grouped, and one change rewrites one object', () => {
    const groups = new AclGroups();
    for (let i = 0; i < 100; i++) groups.place(v4(i));
    assert.deepEqual(
      ['acl/g0000', 'acl/g0001', 'acl/g0002'].map((key) => groups.membersOf(key).length),
      [GROUP, GROUP, 20],
    );
    const others = ['acl/g0001', 'acl/g0002'].map((key) => groups.valueOf(key));
    assert.equal(groups.remove(v4(3)), 'acl/g0000');
    assert.equal(groups.place(v4(200)), 'acl/g0002', 'into one with room');
    groups.remove(v4(200));
    assert.deepEqual(
      ['acl/g0001', 'acl/g0002'].map((key) => groups.valueOf(key)),
      others,
    );
    assert.equal(groups.place(v4(50)), 'acl/g0001', 'an address stays where it is');
  });

  it('leave no object behind when the last is gone', () => {
    const groups = new AclGroups();
    assert.equal(groups.place(v4(1)), 'acl/g0000');
    assert.equal(groups.remove(v4(1)), 'acl/g0000');
    assert.equal(groups.valueOf('acl/g0000'), null);
    assert.equal(groups.remove(v4(1)), null);
  });

  it('fit into the line of an AMI action, the longest IPv6 addresses too', () => {
    const groups = new AclGroups();
    for (let i = 0; i < 100; i++) groups.place(v6(i));
    for (let slot = 0; groups.valueOf(`acl/g${String(slot).padStart(4, '0')}`) !== null; slot++) {
      const value = groups.valueOf(`acl/g${String(slot).padStart(4, '0')}`) ?? '';
      assert.ok(Buffer.byteLength(`Val: ${value}`) <= 1_000);
      assert.ok(isSoundAcl(value));
    }
    assert.equal(groups.size, 100);
  });

  it('are at most so many, and never anything but an address', () => {
    const groups = new AclGroups();
    for (let i = 0; i < ACL_LIMIT; i++) assert.notEqual(groups.place(v4(i)), null);
    assert.equal(groups.place('203.0.113.1'), null);
    const empty = new AclGroups();
    for (const text of ['host.example', '1.2.3.4,0.0.0.0/0', '01.2.3.4', '2001:DB8::1', '1.2.3.4"}', '', '10.0.0.0/8'])
      assert.equal(empty.place(text), null, text);
  });

  it('stay where a former life has put them', () => {
    const before = new AclGroups();
    for (let i = 0; i < 90; i++) before.place(v4(i));
    for (let i = 0; i < 90; i += 3) before.remove(v4(i));
    const standing = new Map(['acl/g0000', 'acl/g0001', 'acl/g0002'].map((key) => [key, before.valueOf(key) ?? '']));
    const after = new AclGroups();
    for (let i = 89; i >= 0; i--) if (i % 3 !== 0) after.place(v4(i));
    after.place('203.0.113.9');
    after.adopt(new Map([...standing, ['acl/bad', '{"deny":"1.2.3.4"}'], ['acl/g0007', '{"deny":']]));
    for (let i = 0; i < 90; i++) if (i % 3 !== 0) assert.equal(after.keyOf(v4(i)), before.keyOf(v4(i)));
    assert.notEqual(after.keyOf('203.0.113.9'), null);
    assert.equal(after.keyOf('1.2.3.4'), null, 'what is not wanted is not taken over');
  });

  it('hold exactly what was placed and not removed, whatever the order', () => {
    const step = fc.record({ add: fc.boolean(), which: fc.integer({ min: 0, max: 150 }), six: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
        const groups = new AclGroups();
        const wanted = new Set<string>();
        for (const { add, which, six } of steps) {
          const address = six ? v6(which) : v4(which);
          if (add) {
            groups.place(address);
            wanted.add(address);
          } else {
            groups.remove(address);
            wanted.delete(address);
          }
        }
        const held = new Set<string>();
        for (let slot = 0; slot < 20; slot++) {
          const value = groups.valueOf(`acl/g${String(slot).padStart(4, '0')}`);
          if (value === null) continue;
          assert.ok(isSoundAcl(value) && value.length < 990);
          for (const address of (JSON.parse(value) as { deny: string }).deny.split(',')) held.add(address);
        }
        assert.deepEqual(held, wanted);
      }),
      { numRuns: 100 },
    );
  });

  const sound: [string, boolean][] = [
    ['{"deny":"203.0.113.7"}', true],
    ['{"deny":"203.0.113.7,10.0.0.0/8,2001:db8::/32"}', true],
    ['{"deny":"0.0.0.0/0","permit":"10.0.0.0/8"}', true],
    ['{"deny":"10.0.0.0/255.0.0.0"}', true],
    ['{"deny":"!10.0.0.1,10.0.0.0/8"}', true],
    ['{"deny":"203.0.113.7"', false],
    ['{"deny":["203.0.113.7"]}', false],
    ['{"deny":""}', false],
    ['{"deny":"host.example"}', false],
    ['{"deny":"203.0.113.300"}', false],
    ['{"deny":"203.0.113.7,"}', false],
    ['{"deny":"203.0.113.7/40"}', false],
    ['{"acl":"missing"}', false],
    ['{"deny":1}', false],
    ['[]', false],
    ['{}', false],
    ['null', false],
    ['', false],
  ];
  for (const [value, yes] of sound)
    it(`takes ${value === '' ? 'nothing' : value} for ${yes ? 'sound' : 'broken'}`, () =>
      assert.equal(isSoundAcl(value), yes));

  it('know their own objects by name', () => {
    assert.deepEqual(['acl/g0000', 'acl/g9999', 'acl/g00000', 'acl/bad', 'acl/g000', 'address/g0000'].map(isGroupKey), [
      true,
      true,
      false,
      false,
      false,
      false,
    ]);
  });
});
