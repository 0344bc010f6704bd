import assert from 'node:assert/strict';
import { Sources, type SourceLimits } from '../../src/gateway/sources.ts';
import { Busy, WorkQueue } from '../../src/gateway/work-queue.ts';

const LIMITS: SourceLimits = {
  stranger: { burst: 3, perSecond: 1 },
  known: { burst: 20, perSecond: 10 },
  halfOpenStranger: 2,
  halfOpenKnown: 10,
};
const NOW = Date.parse('2026-11-29T12:00:00Z');

describe('who may connect how often', () => {
  /** Connects and goes on to stand at once, so many times. */
  const tries = (sources: Sources, address: string, count: number, at = NOW): string =>
    Array.from({ length: count }, () => {
      const admitted = sources.admit(address, at);
      if (admitted === 'ok') sources.release(address);
      return admitted;
    }).join(' ');

  it('a stranger: a burst, then a steady few', () => {
    const sources = new Sources(LIMITS);
    assert.equal(tries(sources, '192.0.2.1', 4), 'ok ok ok rate');
    assert.equal(tries(sources, '192.0.2.1', 1, NOW + 999), 'rate');
    assert.equal(tries(sources, '192.0.2.1', 2, NOW + 1_000), 'ok rate');
    assert.equal(tries(sources, '192.0.2.1', 4, NOW + 60_000), 'ok ok ok rate', 'no more than the burst is saved up');
    assert.equal(tries(sources, '192.0.2.2', 1), 'ok', 'another address is another source');
  });

  it('an IPv6 /64 is one source', () => {
    const sources = new Sources(LIMITS);
    assert.equal(tries(sources, '2001:db8::1', 2) + ' ' + tries(sources, '2001:db8::ffff:1', 2), 'ok ok ok rate'); // prettier-ignore
    assert.equal(tries(sources, '2001:db8:0:1::1', 1), 'ok');
  });

  it('so many half-open at a time', () => {
    const sources = new Sources(LIMITS);
    assert.deepEqual(
      [1, 2, 3].map(() => sources.admit('192.0.2.1', NOW)),
      ['ok', 'ok', 'half-open'],
    );
    sources.release('192.0.2.1');
    assert.equal(sources.admit('192.0.2.1', NOW), 'ok');
  });

  it('where a known key came from, limits are wide, for a day', () => {
    const sources = new Sources(LIMITS);
    tries(sources, '192.0.2.1', 4);
    sources.proven('192.0.2.1', NOW);
    assert.equal(tries(sources, '192.0.2.1', 10, NOW + 1_000), Array(10).fill('ok').join(' '));
    assert.equal(sources.isKnown('192.0.2.1', NOW + 86_399_999), true);
    assert.equal(sources.isKnown('192.0.2.1', NOW + 86_400_000), false);
  });

  it('a flood of new sources neither grows nor pushes a known one out', () => {
    const sources = new Sources(LIMITS);
    sources.proven('192.0.2.1', NOW);
    for (let i = 0; i < 200_000; i++) sources.admit(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, NOW);
    assert.equal(sources.isKnown('192.0.2.1', NOW), true);
  });
});

describe('work for private keys', () => {
  /** A job that ends when it is told to. */
  function job(log: string[], name: string) {
    let end = (): void => undefined;
    const work = (): Promise<string> => {
      log.push(name);
      return new Promise((resolve) => {
        end = () => resolve(name);
      });
    };
    return { work, end: () => end() };
  }
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const stays = (): boolean => false;

  it('so much at a time; who comes from a known source goes first', async () => {
    const log: string[] = [];
    const queue = new WorkQueue(1, 10);
    const jobs = ['a', 'stranger', 'known', 'stranger 2'].map((name) => job(log, name));
    const results = jobs.map(({ work }, i) => queue.run(i === 2, work, stays));
    assert.deepEqual([log, queue.waiting], [['a'], 3]);
    for (const one of [jobs[0], jobs[2], jobs[1], jobs[3]]) {
      one?.end();
      await settle();
    }
    assert.deepEqual(log, ['a', 'known', 'stranger', 'stranger 2']);
    assert.deepEqual(await Promise.all(results), ['a', 'stranger', 'known', 'stranger 2']);
  });

  it('strangers who are too many are refused, and take no place of those we know', async () => {
    const log: string[] = [];
    const queue = new WorkQueue(1, 2);
    const running = job(log, 'running');
    const first = queue.run(false, running.work, stays);
    const waiting = [job(log, 'w1'), job(log, 'w2')];
    const results = waiting.map(({ work }) => queue.run(false, work, stays));
    await assert.rejects(queue.run(false, job(log, 'too many').work, stays), Busy);
    const known = job(log, 'known');
    const let_in = queue.run(true, known.work, stays);
    running.end();
    await first;
    await settle();
    known.end();
    assert.equal(await let_in, 'known');
    for (const one of waiting) {
      await settle();
      one.end();
    }
    await Promise.all(results);
  });

  it('who has gone is not worked for; a job that fails is told and stops nothing', async () => {
    const log: string[] = [];
    const queue = new WorkQueue(1, 10);
    const running = job(log, 'running');
    const first = queue.run(false, running.work, stays);
    void queue.run(false, job(log, 'gone').work, () => true);
    const failing = queue.run(false, () => Promise.reject(new Error('no')), stays);
    running.end();
    await first;
    await assert.rejects(failing, /no/);
    assert.equal(await queue.run(false, () => Promise.resolve('on'), stays), 'on');
    assert.deepEqual(log, ['running']);
  });
});
