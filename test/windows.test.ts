import assert from 'node:assert/strict';
import fc from 'fast-check';
import { BoundedMap, SlidingCount, SlidingDistinct, SlidingLog } from '../src/windows.ts';

const throughJson = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

describe('BoundedMap', () => {
  it('never holds more than its capacity, whatever is written, asked and deleted', () => {
    const step = fc.tuple(fc.constantFrom('set', 'get', 'delete'), fc.integer({ min: 0, max: 40 }));
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 17 }), fc.array(step, { maxLength: 300 }), (capacity, steps) => {
        const map = new BoundedMap<number>(capacity);
        for (const [what, key] of steps) {
          if (what === 'set') map.set(`k${key}`, key);
          else if (what === 'get') assert.ok([undefined, key].includes(map.get(`k${key}`)));
          else map.delete(`k${key}`);
          assert.ok(map.size <= map.capacity);
          assert.equal(new Set([...map.entries()].map(([k]) => k)).size, map.size);
        }
      }),
    );
  });

  it('finds what was just written, at every capacity', () => {
    for (let capacity = 2; capacity < 12; capacity++) {
      const map = new BoundedMap<number>(capacity);
      for (let i = 0; i < 50; i++) {
        map.set(`${i}`, i);
        assert.equal(map.get(`${i}`), i);
        if (i > 0) assert.equal(map.peek(`${i - 1}`), i - 1);
      }
    }
  });

  it('keeps what is asked for while others pass, and forgets what is not', () => {
    const map = new BoundedMap<number>(10);
    map.set('asked', 1);
    map.set('peeked', 2);
    for (let i = 0; i < 100; i++) {
      map.set(`${i}`, i);
      assert.equal(map.get('asked'), 1);
      map.peek('peeked');
    }
    assert.equal(map.has('peeked'), false);
    assert.equal(map.forgotten, 102 - map.size);
  });

  it('replaces a value in place, in either generation', () => {
    const map = new BoundedMap<string>(4);
    for (const key of ['a', 'b', 'c']) map.set(key, 'first');
    map.set('a', 'second');
    map.set('c', 'second');
    assert.deepEqual([map.get('a'), map.get('b'), map.get('c'), map.size], ['second', 'first', 'second', 3]);
    assert.deepEqual([map.delete('a'), map.delete('a'), map.has('a')], [true, false, false]);
    map.clear();
    assert.equal(map.size, 0);
  });

  it('goes on after snapshot and restore exactly as if nothing had happened', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 120 }), fc.nat(120), (keys, cut) => {
        const one = new BoundedMap<{ n: number }>(9);
        let other = new BoundedMap<{ n: number }>(9);
        keys.forEach((key, i) => {
          if (i === cut) {
            const packed = throughJson(other.snapshot((value) => value.n));
            other = new BoundedMap(9);
            other.restore(packed, (n) => ({ n }));
          }
          for (const map of [one, other]) if (map.get(`${key}`) === undefined) map.set(`${key}`, { n: i });
        });
        assert.deepEqual([...other.entries()], [...one.entries()]);
      }),
    );
  });

  it('restores into a smaller capacity without breaking its bound', () => {
    const large = new BoundedMap<number>(100);
    for (let i = 0; i < 100; i++) large.set(`${i}`, i);
    const small = new BoundedMap<number>(6);
    small.restore(large.snapshot(Number), Number);
    assert.ok(small.size <= 6);
    assert.equal(small.get('99'), 99);
  });

  it('takes plain pairs too', () => {
    const map = new BoundedMap<number>(8);
    map.restore([['a', 1] as const, ['b', 2] as const], Number);
    assert.deepEqual([...map.values()], [1, 2]);
  });
});

describe('SlidingCount', () => {
  const cases: [string, number[], number, number][] = [
    ['nothing at all', [], 0, 0],
    ['both ends of the span count', [0, 1_000], 1_000, 2],
    ['one millisecond later the first is out', [0, 1_000], 1_001, 1],
    ['above the limit it says the limit', [1, 2, 3, 4, 5, 6, 7], 7, 5],
    ['several at one instant all count', [5, 5, 5], 5, 3],
    ['long silence empties it', [1, 2, 3], 10_000, 0],
  ];
  for (const [sentence, times, at, expected] of cases)
    it(sentence, () => {
      const window = new SlidingCount(1_000, 5);
      for (const time of times) window.add(time);
      assert.equal(window.count(at), expected);
    });

  it('agrees with counting by hand', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(400), { maxLength: 60 }), fc.integer({ min: 1, max: 8 }), (gaps, limit) => {
        const window = new SlidingCount(1_000, limit);
        const times: number[] = [];
        let at = 0;
        for (const gap of gaps) {
          times.push((at += gap));
          const inside = times.filter((time) => time >= at - 1_000);
          assert.equal(window.add(at), Math.min(limit, inside.length));
          assert.equal(window.first, inside.slice(-limit)[0]);
        }
      }),
    );
  });

  it('survives a snapshot and can be cleared', () => {
    const window = new SlidingCount(1_000, 3);
    for (const at of [100, 200, 300, 400]) window.add(at);
    const restored = SlidingCount.restore(1_000, 3, throughJson(window.snapshot()));
    assert.deepEqual([restored.count(1_200), restored.first, restored.add(1_250)], [3, 200, 3]);
    restored.clear();
    assert.deepEqual([restored.count(1_300), restored.first], [0, null]);
  });
});

describe('SlidingDistinct', () => {
  it('counts a value once, and renews it when it is seen again', () => {
    const window = new SlidingDistinct(1_000, 10);
    assert.deepEqual([window.add('a', 0), window.add('b', 500), window.add('a', 900)], [1, 2, 2]);
    assert.equal(window.count(1_500), 2);
    assert.equal(window.count(1_501), 1);
    assert.deepEqual(window.values(), ['a']);
    assert.equal(window.count(1_901), 0);
  });

  it('counts a part of its span, and forgets one value', () => {
    const window = new SlidingDistinct(1_000, 10);
    for (const [at, value] of [
      [0, 'a'],
      [400, 'b'],
      [900, 'c'],
    ] as const)
      window.add(value, at);
    assert.deepEqual([window.countSince(400), window.countSince(401), window.countSince(901)], [2, 1, 0]);
    assert.deepEqual([window.delete('b'), window.delete('b'), window.count(900)], [true, false, 2]);
  });

  it('holds at most its limit, the longest unseen goes first', () => {
    const window = new SlidingDistinct(1_000, 3);
    for (const [i, value] of ['a', 'b', 'c', 'a', 'd'].entries()) window.add(value, i);
    assert.deepEqual(window.values(), ['c', 'a', 'd']);
    assert.deepEqual(
      [window.has('b'), window.has('a'), window.has('a', 3), window.has('a', 4)],
      [false, true, true, false],
    );
  });

  it('agrees with counting by hand', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(300), fc.nat(6)), { maxLength: 60 }), (steps) => {
        const window = new SlidingDistinct(1_000, 100);
        const seen: [number, number][] = [];
        let at = 0;
        for (const [gap, value] of steps) {
          seen.push([(at += gap), value]);
          const expected = new Set(seen.filter(([time]) => time >= at - 1_000).map(([, v]) => v)).size;
          assert.equal(window.add(`${value}`, at), expected);
        }
      }),
    );
  });

  it('survives a snapshot, also into a smaller limit', () => {
    const window = new SlidingDistinct(1_000, 5);
    for (const [i, value] of ['a', 'b', 'c'].entries()) window.add(value, i);
    assert.deepEqual(SlidingDistinct.restore(1_000, 5, throughJson(window.snapshot())).values(), ['a', 'b', 'c']);
    assert.deepEqual(SlidingDistinct.restore(1_000, 2, window.snapshot()).values(), ['b', 'c']);
    window.clear();
    assert.equal(window.count(3), 0);
  });
});

describe('SlidingLog', () => {
  it('tells what lies within the whole span or a part of it, both ends included', () => {
    const log = new SlidingLog<string>(1_000, 10);
    for (const [at, value] of [
      [0, 'a'],
      [500, 'b'],
      [1_000, 'c'],
    ] as const)
      log.add(at, value);
    const values = (at: number, span?: number): string[] => log.since(at, span).map(([, value]) => value);
    assert.deepEqual(values(1_000), ['a', 'b', 'c']);
    assert.deepEqual(values(1_001), ['b', 'c']);
    assert.deepEqual(values(1_000, 500), ['b', 'c']);
    assert.deepEqual(values(1_000, 0), ['c']);
    assert.deepEqual(values(9_000), []);
  });

  it('holds at most its limit and at most its span', () => {
    const log = new SlidingLog<number>(1_000, 4);
    for (let i = 0; i < 100; i++) {
      log.add(i * 10, i);
      assert.ok(log.size <= 4);
    }
    assert.deepEqual(
      log.since(990).map(([, value]) => value),
      [96, 97, 98, 99],
    );
    log.add(5_000, 100);
    assert.equal(log.size, 1);
  });

  it('drops by value and survives a snapshot', () => {
    const log = new SlidingLog<{ name: string }>(1_000, 4);
    for (const name of ['a', 'b', 'a', 'c']) log.add(7, { name });
    log.drop(({ name }) => name === 'a');
    const restored = SlidingLog.restore<{ name: string }>(1_000, 4, throughJson(log.snapshot()));
    restored.add(8, { name: 'd' });
    assert.deepEqual(
      restored.since(8).map(([, { name }]) => name),
      ['b', 'c', 'd'],
    );
  });
});
