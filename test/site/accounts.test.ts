import assert from 'node:assert/strict';
import { createAccounts } from '../../src/site/accounts.ts';
import type { Accounts } from '../../src/site/site.ts';

const made = (): Accounts =>
  createAccounts({
    accounts: { '2001': { aliases: ['reception', 'shared'] }, '2002': { aliases: ['shared'] } },
    groups: { night: { members: ['2001', '3001', '2001'] }, staff: { members: ['2001'] } },
    trunks: ['carrier'],
  });

const told = (): Accounts => {
  const accounts = made();
  accounts.learn([
    { endpoint: '1004', aliases: ['1004', 'alice', 'desk'] },
    { endpoint: '1005', aliases: ['bob', 'desk'] },
    { endpoint: 'alice2', aliases: [] },
  ]);
  return accounts;
};

/** [name, before the PBX told its endpoints, after, mapped before, mapped after] */
const rows: readonly (readonly [string, string | null, string | null, boolean, boolean])[] = [
  ['2001', '2001', '2001', true, true],
  ['reception', '2001', '2001', false, false],
  ['shared', null, null, false, false],
  ['carrier', 'carrier', 'carrier', true, true],
  ['1004', '1004', '1004', false, true],
  ['alice', 'alice', '1004', false, false],
  ['bob', 'bob', '1005', false, false],
  ['desk', 'desk', null, false, false],
  ['alice2', 'alice2', 'alice2', false, true],
  ['9999', '9999', null, false, false],
  ['Jürgen Müller', 'Jürgen Müller', null, false, false],
  ['', null, null, false, false],
  ['x'.repeat(128), 'x'.repeat(128), null, false, false],
  ['x'.repeat(129), null, null, false, false],
  ['10\u000004', null, null, false, false],
  ['10\r\n04', null, null, false, false],
  ['10\u007f', null, null, false, false],
  ['constructor', 'constructor', null, false, false],
  ['__proto__', '__proto__', null, false, false],
];

describe('accounts', () => {
  for (const [name, before, after, mappedBefore, mappedAfter] of rows)
    it(JSON.stringify(name.slice(0, 40)), () => {
      assert.equal(made().resolve(name), before);
      assert.equal(told().resolve(name), after);
      assert.equal(made().mapped(name), mappedBefore);
      assert.equal(told().mapped(name), mappedAfter);
    });

  it('what the PBX tells replaces what it told before; nothing told opens the map again', () => {
    const accounts = told();
    accounts.learn([{ endpoint: '1006', aliases: [] }]);
    assert.equal(accounts.resolve('1004'), null);
    assert.equal(accounts.resolve('alice'), null);
    assert.equal(accounts.resolve('1006'), '1006');
    assert.equal(accounts.resolve('2001'), '2001');
    accounts.learn([]);
    assert.equal(accounts.resolve('1004'), '1004');
  });

  it('are in their groups once, in the order of the settings', () => {
    assert.deepEqual(made().groupsOf('2001'), ['night', 'staff']);
    assert.deepEqual(made().groupsOf('3001'), ['night']);
    assert.deepEqual(made().groupsOf('1004'), []);
  });

  it('tells the names that lead to one account alone', () => {
    assert.deepEqual(told().aliasesOf('1004'), ['alice'], 'a desk that two share is nobody');
    assert.deepEqual(told().aliasesOf('2001'), ['reception']);
    assert.deepEqual(made().aliasesOf('1004'), []);
  });
});
