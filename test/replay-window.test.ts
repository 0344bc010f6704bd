import assert from 'node:assert/strict';
import { CounterWindow, ReplayMemory, type CounterSighting, type Sighting } from '../src/replay-window.ts';

const throughJson = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

describe('ReplayMemory', () => {
  type Step = [key: string, at: number, window: number, expected: Sighting];
  const table: [string, number, Step[]][] = [
    [
      'a key is new once within its window, both ends included',
      9,
      [
        ['a', 0, 10, 'new'],
        ['a', 0, 10, 'replay'],
        ['b', 5, 10, 'new'],
        ['a', 10, 10, 'replay'],
        ['a', 11, 10, 'new'],
        ['b', 15, 10, 'replay'],
        ['b', 16, 10, 'new'],
      ],
    ],
    [
      'a repetition does not prolong the window, nor does it bring one of its own',
      9,
      [
        ['a', 0, 10, 'new'],
        ['a', 9, 1_000, 'replay'],
        ['a', 11, 10, 'new'],
      ],
    ],
    [
      'windows of different lengths end in their own order',
      9,
      [
        ['long', 0, 100, 'new'],
        ['short', 1, 10, 'new'],
        ['middle', 2, 50, 'new'],
        ['short', 12, 10, 'new'],
        ['middle', 52, 50, 'replay'],
        ['middle', 53, 50, 'new'],
        ['long', 100, 100, 'replay'],
        ['long', 101, 100, 'new'],
      ],
    ],
    [
      'full: what could still be shown again is kept, and a new key is refused until a window has passed',
      2,
      [
        ['a', 0, 10, 'new'],
        ['b', 1, 10, 'new'],
        ['c', 2, 10, 'full'],
        ['c', 3, 10, 'full'],
        ['a', 4, 10, 'replay'],
        ['c', 11, 10, 'new'],
        ['b', 11, 10, 'replay'],
        ['d', 11, 10, 'full'],
        ['d', 12, 10, 'new'],
      ],
    ],
    [
      'a clock that is set back brings nothing back',
      9,
      [
        ['a', 100, 10, 'new'],
        ['b', 200, 10, 'new'],
        ['c', 50, 10, 'new'],
        ['b', 60, 10, 'replay'],
        ['c', 210, 10, 'replay'],
        ['c', 211, 10, 'new'],
      ],
    ],
    [
      'no window at all: the same instant',
      9,
      [
        ['a', 5, 0, 'new'],
        ['a', 5, 0, 'replay'],
        ['a', 6, -7, 'new'],
        ['a', 6, 0, 'replay'],
      ],
    ],
  ];
  for (const [sentence, capacity, steps] of table)
    it(sentence, () => {
      let memory = new ReplayMemory({ capacity });
      for (const [i, [key, at, window, expected]] of steps.entries()) {
        assert.equal(memory.seen(key, at, window), expected, `step ${i + 1}: ${key} at ${at}`);
        const next = new ReplayMemory({ capacity });
        next.restore(throughJson(memory.snapshot()));
        memory = next; // every step goes on from a snapshot
      }
    });

  it('says when room is made, how much was refused, and what it has forgotten', () => {
    const memory = new ReplayMemory({ capacity: 2 });
    assert.deepEqual([memory.freesAt, memory.horizon], [null, null]);
    memory.seen('a', 0, 30);
    memory.seen('b', 0, 20);
    memory.seen('c', 0, 10);
    memory.seen('d', 0, 10);
    assert.deepEqual([memory.size, memory.refused, memory.freesAt, memory.horizon], [2, 2, 20, null]);
    memory.seen('c', 21, 10);
    assert.deepEqual([memory.size, memory.freesAt, memory.horizon], [2, 30, 20]);
  });

  it('forgets what ends first where it is told to, and counts it', () => {
    const memory = new ReplayMemory({ capacity: 3, whenFull: 'forget' });
    for (const [key, window] of [
      ['a', 30],
      ['b', 10],
      ['c', 20],
      ['d', 40],
    ] as const)
      assert.equal(memory.seen(key, 0, window), 'new');
    assert.deepEqual([memory.size, memory.forgotten, memory.horizon], [3, 1, 10]);
    assert.deepEqual(
      ['a', 'c', 'd'].map((key) => memory.seen(key, 1, 1)),
      ['replay', 'replay', 'replay'],
    );
    assert.equal(memory.seen('b', 1, 10), 'new');
  });

  it('knows what came with a key when it was new', () => {
    const memory = new ReplayMemory<string>({ capacity: 9 });
    memory.seen('a', 0, 10, 'alice');
    memory.seen('a', 1, 10, 'charles');
    assert.equal(memory.first('a', 10), 'alice');
    assert.equal(memory.first('a', 11), undefined);
    assert.equal(memory.first('b', 11), undefined);
  });

  it('holds long keys by their digest, and takes no key for the digest of another', () => {
    const memory = new ReplayMemory({ capacity: 9 });
    const long = 'x'.repeat(100_000);
    assert.equal(memory.seen(long, 0, 10), 'new');
    assert.equal(memory.seen(long, 0, 10), 'replay');
    assert.equal(memory.seen(`${long}y`, 0, 10), 'new');
    const [held] = memory.snapshot().entries[0] ?? [''];
    assert.ok(held.length < 50, held);
    assert.equal(memory.seen(held, 0, 10), 'new');
  });

  it('keeps what ends last of a snapshot that is larger than it', () => {
    const large = new ReplayMemory({ capacity: 9 });
    for (const [key, window] of [
      ['a', 30],
      ['b', 10],
      ['c', 20],
      ['d', 40],
    ] as const)
      large.seen(key, 0, window);
    const small = new ReplayMemory({ capacity: 2 });
    small.restore(throughJson(large.snapshot()));
    assert.deepEqual([small.size, small.horizon, small.freesAt], [2, 20, 30]);
    assert.deepEqual(
      [small.seen('a', 1, 1), small.seen('d', 1, 1), small.seen('b', 1, 1)],
      ['replay', 'replay', 'full'],
    );
  });

  it('agrees with a plain list on a long random run, across snapshots', () => {
    let state = 7;
    const random = (below: number): number => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    let memory = new ReplayMemory({ capacity: 40 });
    let list: { key: string; until: number }[] = [];
    const answers = { new: 0, replay: 0, full: 0 };
    for (let i = 0, at = 0; i < 20_000; i++) {
      at += random(3);
      const key = `k${random(200)}`;
      const window = random(120);
      list = list.filter(({ until }) => until >= at);
      const known = list.some((entry) => entry.key === key);
      const expected: Sighting = known ? 'replay' : list.length >= 40 ? 'full' : 'new';
      if (expected === 'new') list.push({ key, until: at + window });
      assert.equal(memory.seen(key, at, window), expected, `step ${i}`);
      answers[expected]++;
      if (i % 997 === 0) {
        const next = new ReplayMemory({ capacity: 40 });
        next.restore(throughJson(memory.snapshot()));
        memory = next;
      }
    }
    assert.ok(Math.min(...Object.values(answers)) > 500, JSON.stringify(answers));
  });
});

describe('CounterWindow', () => {
  const LIMIT = 2 ** 40;
  const WIDTH = 96;
  type Call = [counter: number, expected: CounterSighting];
  const table: [string, Call[]][] = [
    [
      'one after the other, each once',
      [
        [0, 'new'],
        [1, 'new'],
        [1, 'replay'],
        [9, 'new'],
        [8, 'new'],
        [7, 'new'],
        [7, 'replay'],
        [0, 'replay'],
        [2, 'new'],
      ],
    ],
    [
      'the last of the window, and the first beyond it',
      [
        [WIDTH, 'new'],
        [1, 'new'],
        [1, 'replay'],
        [0, 'late'],
        [WIDTH + 31, 'new'],
        [31, 'late'],
        [32, 'new'],
        [32, 'replay'],
        [WIDTH + 32, 'new'],
        [32, 'late'],
        [33, 'new'],
      ],
    ],
    [
      'a jump over the whole ring forgets nothing that matters and remembers nothing that is gone',
      [
        [5, 'new'],
        [5 + 10 * WIDTH, 'new'],
        [5, 'late'],
        [5 + 9 * WIDTH, 'late'],
        [6 + 9 * WIDTH, 'new'],
        [6 + 9 * WIDTH, 'replay'],
        [5 + 10 * WIDTH, 'replay'],
        [4 + 10 * WIDTH, 'new'],
      ],
    ],
    [
      'the first may be any',
      [
        [LIMIT - 1, 'new'],
        [LIMIT - 1, 'replay'],
        [LIMIT - 2, 'new'],
        [LIMIT - WIDTH, 'new'],
        [LIMIT - WIDTH - 1, 'late'],
      ],
    ],
    [
      'no counters',
      [
        [LIMIT, 'invalid'],
        [-1, 'invalid'],
        [0.5, 'invalid'],
        [NaN, 'invalid'],
        [Infinity, 'invalid'],
        [2 ** 53, 'invalid'],
        [0, 'new'],
      ],
    ],
  ];
  for (const [sentence, calls] of table)
    it(sentence, () => {
      let window = new CounterWindow(WIDTH, LIMIT);
      for (const [i, [counter, expected]] of calls.entries()) {
        assert.equal(window.look(counter), expected, `call ${i + 1} looks at ${counter}`);
        assert.equal(window.accept(counter), expected, `call ${i + 1} accepts ${counter}`);
        const next = new CounterWindow(WIDTH, LIMIT);
        next.restore(throughJson(window.snapshot()));
        window = next;
      }
    });

  const runs: [string, readonly number[], number][] = [
    ['upwards', Array.from({ length: 500 }, (_, i) => i), 500],
    ['downwards: what the window holds', Array.from({ length: 500 }, (_, i) => 499 - i), WIDTH],
    ['in pairs that changed places', Array.from({ length: 500 }, (_, i) => i ^ 1), 500],
    ['in blocks turned round', Array.from({ length: 500 }, (_, i) => i - (i % 50) + (49 - (i % 50))), 500],
  ];
  for (const [sentence, counters, expected] of runs)
    it(`accepts each of a run at most once: ${sentence}`, () => {
      const window = new CounterWindow(WIDTH);
      assert.equal(counters.filter((c) => window.accept(c) === 'new').length, expected);
      assert.equal(counters.filter((c) => window.accept(c) === 'new').length, 0);
    });

  it('rounds its width up to whole words, and takes no snapshot of another width', () => {
    assert.equal(new CounterWindow(1).width, 32);
    assert.equal(new CounterWindow(33).width, 64);
    assert.equal(new CounterWindow(1e9).width, 65_536);
    assert.throws(() => new CounterWindow(64).restore(new CounterWindow(32).snapshot()), RangeError);
  });

  it('agrees with a set on a long random run', () => {
    let state = 3;
    const random = (below: number): number => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    const window = new CounterWindow(WIDTH);
    const accepted = new Set<number>();
    let highest = -1;
    for (let i = 0; i < 50_000; i++) {
      const counter = Math.max(0, highest - 130 + random(150 + (i % 1_000 === 0 ? 400 : 0)));
      const expected: CounterSighting =
        counter > highest ? 'new' : highest - counter >= WIDTH ? 'late' : accepted.has(counter) ? 'replay' : 'new';
      assert.equal(window.accept(counter), expected, `${counter} at ${highest}`);
      if (expected === 'new') accepted.add(counter);
      highest = Math.max(highest, counter);
    }
  });
});
