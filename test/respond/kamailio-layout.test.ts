import assert from 'node:assert/strict';
import { DAY, HOUR } from '../../src/time.ts';
import { kamailioLayout } from '../../src/respond/targets/kamailio.ts';

const START = Date.UTC(2026, 10, 23);
const end = (at: number): string => String(Math.ceil(at / 1000));

describe('what Kamailio is to hold', () => {
  const made = (): { layout: ReturnType<typeof kamailioLayout>; names: Map<string, string[]> } => {
    const names = new Map([['1004', ['sales', 'alice']]]);
    return { names, layout: kamailioLayout((account) => names.get(account) ?? []) };
  };

  it('is an account by each of its names, which are one entry', () => {
    const { layout } = made();
    const keys = ['account/1004', 'account/sales', 'account/alice'];
    assert.deepEqual(layout.set('account', '1004', START + HOUR), keys);
    assert.deepEqual(
      [...layout.rows],
      keys.map((key) => [key, end(START + HOUR)]),
    );
    assert.deepEqual(layout.keysOf('account', '1004'), keys);
    for (const key of keys) assert.deepEqual(layout.entriesOf(key), ['account/1004']);
    assert.deepEqual(layout.set('account', '1004', START + HOUR), [], 'nothing new');
    assert.deepEqual(layout.drop('account', '1004', START + HOUR), keys);
    assert.equal(layout.rows.size, 0);
    for (const key of keys) assert.equal(layout.judge(key, end(START + HOUR), START), 'ours', 'if it comes back');
  });

  it('takes up names that are learnt later, and lets go of those that are gone', () => {
    const { layout, names } = made();
    names.clear();
    layout.set('account', '1004', START + HOUR);
    assert.deepEqual([...layout.rows.keys()], ['account/1004']);
    names.set('1004', ['sales']);
    assert.deepEqual([...layout.rows.keys()], ['account/1004', 'account/sales']);
    names.set('1004', ['shop']);
    assert.deepEqual([...layout.rows.keys()].sort(), ['account/1004', 'account/shop']);
    assert.equal(layout.judge('account/sales', end(START + HOUR), START), 'ours');
  });

  it('a name that another block needs too stays until the last of them ends', () => {
    const { layout, names } = made();
    names.set('1005', ['sales']);
    layout.set('account', '1004', START + HOUR);
    layout.set('account', '1005', START + DAY);
    assert.equal(layout.row('account/sales'), end(START + DAY));
    assert.deepEqual([...layout.entriesOf('account/sales')].sort(), ['account/1004', 'account/1005']);
    layout.drop('account', '1005', START + DAY);
    assert.equal(layout.row('account/sales'), end(START + HOUR));
    layout.drop('account', '1004', START + HOUR);
    assert.equal(layout.row('account/sales'), undefined);
  });

  it('holds the rest as it is, IPv6 too, and not what is asked for in Asterisk alone', () => {
    const { layout } = made();
    assert.deepEqual(layout.set('address', '2001:db8::7', START + HOUR), ['address/2001:db8::7']);
    assert.deepEqual(layout.set('number', '37167', START + HOUR), ['number/37167']);
    assert.deepEqual(layout.set('dialplan', 'abroad/1876', null, '1'), []);
    for (const kind of ['international', 'lock', 'exempt', 'secret', 'maintenance'] as const)
      assert.equal(layout.carries(kind), false, kind);
  });
});
