import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openStore } from '../../src/store/index.ts';
import { problemsOf } from '../support/audit.ts';
import { temporaryFolder } from '../support/temporary.ts';

const LONG = process.env['RINGFENCE_LONG'] === '1';
const ROUNDS = LONG ? 300 : 30;
const writer = new URL('../support/store-writer.ts', import.meta.url).pathname;

/** Runs the writer until it has acknowledged something, kills it a random moment later. @returns what it acknowledged */
async function round(path: string, number: number): Promise<number[]> {
  const child = spawn(process.execPath, ['--import', 'tsx', writer, path, String(number)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    if (out === '') setTimeout(() => child.kill('SIGKILL'), Math.random() * 60);
    out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  await once(child, 'close');
  assert.equal(child.signalCode, 'SIGKILL', errors);
  // The last line may be torn by the kill; what is not a whole line was not told.
  return out.split('\n').slice(0, -1).map(Number);
}

describe('kill -9', () => {
  const folder = temporaryFolder();

  it(`at ${ROUNDS} random moments loses nothing that was acknowledged and doubles nothing`, async function () {
    this.timeout(ROUNDS * 6000);
    const path = folder.file('killed.db');
    let acknowledged = 0;
    for (let number = 0; number < ROUNDS; number++) {
      const told = await round(path, number);
      for (const id of told) assert.equal(id >= acknowledged, true, `${id} was acknowledged twice`);
      acknowledged = (told.at(-1) ?? acknowledged - 1) + 1;
      const store = openStore(path, { create: false });
      const next = store.offsets.get('run')?.offset ?? 0;
      assert.ok(next >= acknowledged, `round ${number}: ${acknowledged} acknowledged, ${next} kept`);
      assert.deepEqual(store.snapshots.load('run').get('count')?.state, { next }, 'snapshot and offset agree');
      let evidence = 0;
      for (let i = 0; i < next; i++) evidence += 1 + (i % 7);
      assert.equal(store.evidence.count(), evidence, 'every record judged, none twice');
      assert.equal(store.audit.head().seq, next, 'each decision is in the audit trail, once');
      assert.deepEqual(problemsOf(store), []);
      for (const id of told.slice(-20)) {
        const found = store.resolve(`i${id}`);
        assert.equal(found.kind, 'incident', `i${id}`);
      }
      if (number % 10 === 9 || number === ROUNDS - 1) assert.deepEqual(store.check(), []);
      acknowledged = next;
      store.close();
    }
    assert.ok(acknowledged > ROUNDS, `${acknowledged} records`);
  });
});
