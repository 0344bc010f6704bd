import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { StoreError } from '../../src/errors.ts';
import { openStore } from '../../src/store/index.ts';
import { HOUR } from '../../src/time.ts';
import { Replays } from '../../src/toolbox/replays.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { box, numbered, sip, T0 } from './support.ts';

const ROUNDS = process.env['RINGFENCE_LONG'] === '1' ? 60 : 6;
const child = new URL('../support/toolbox-child.ts', import.meta.url).pathname;
const STEPS = [{ tool: 'anti-replay.check' }, { tool: 'anti-replay.sdes' }, { tool: 'anti-replay.digest' }];

/** Has messages judged from the given number on, and kills whoever judges them. @returns the last that was accepted */
async function killed(path: string, from: number): Promise<number> {
  const process_ = spawn(process.execPath, ['--import', 'tsx', child, path, String(from)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let errors = '';
  process_.stdout.setEncoding('utf8').on('data', (text: string) => {
    if (out === '') setTimeout(() => process_.kill('SIGKILL'), 20 + Math.random() * 80);
    out += text;
  });
  process_.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  await once(process_, 'close');
  assert.equal(process_.signalCode, 'SIGKILL', errors);
  return Number(out.split('\n').at(-2));
}

describe('what was accepted, after a restart', () => {
  const folder = temporaryFolder();

  it(`is refused after each of ${ROUNDS} kills`, async function () {
    this.timeout(ROUNDS * 20_000);
    const path = folder.file('killed.db');
    let from = 0;
    let refused = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const last = await killed(path, from);
      const own = box({ path });
      const program = own.program(STEPS);
      for (let n = from; n <= last; n++) {
        // an hour later, from elsewhere, and once more with other numbers
        const at = { at: T0 + HOUR, source: '203.0.113.66' };
        const same = await own.run(program, numbered(n), at);
        const changed = await own.run(
          program,
          numbered(n, { callId: `x-${n}`, fromTag: 'x', cseq: 7, branch: 'x' }),
          at,
        );
        assert.deepEqual([same.record.reason, changed.record.reason], ['replay', 'replay'], `message ${n}`);
        refused += 2;
      }
      // the one that was judged when the kill came may have been accepted and not told
      from = last + 2;
      assert.deepEqual(own.store.check(), []);
      own.store.close();
    }
    assert.ok(refused >= 2 * ROUNDS);
    console.log(`      ${refused / 2} messages accepted, all refused again`);
  });

  it('and never under another secret: then nothing of it would be known', () => {
    const path = folder.file('secret.db');
    box({ path }).store.close();
    const store = openStore(path);
    const made = (): Replays =>
      new Replays({ table: store.replays, meta: store.meta, secret: Buffer.alloc(32, 1), most: 10 });
    assert.throws(made, (error: unknown) => error instanceof StoreError && error.message.includes('secret'));
    store.close();
  });

  it('holds no key, and not who called whom, in the clear', async () => {
    const path = folder.file('sealed.db');
    const own = box({ path });
    await own.run(own.program(STEPS), numbered(12_345));
    const rows = JSON.stringify(['message', 'sdes', 'digest'].map((level) => own.store.replays.count(level)));
    assert.equal(rows, '[2,1,1]');
    own.store.close();
    const { readFileSync, existsSync } = await import('node:fs');
    const bytes = [path, `${path}-wal`]
      .filter((file) => existsSync(file))
      .map((file) => readFileSync(file).toString('latin1'));
    for (const secret of ['k12345', 'alice@example.org', '3870012345'])
      assert.ok(
        bytes.every((text) => !text.includes(secret)),
        secret,
      );
  });

  it('a store that cannot be written lets nothing pass', async () => {
    const own = box({ path: folder.file('closed.db') });
    const program = own.program(STEPS);
    assert.equal((await own.run(program, sip())).verdict, 'accept');
    own.store.transaction(() => undefined);
    const { default: Database } = await import('better-sqlite3');
    const holder = new Database(folder.file('closed.db'));
    holder.exec('BEGIN IMMEDIATE');
    const result = await own.run(program, numbered(2));
    assert.deepEqual([result.verdict, result.record.reason], ['refuse', 'unavailable']);
    holder.exec('ROLLBACK');
    holder.close();
    assert.equal((await own.run(program, numbered(2))).verdict, 'accept');
    own.store.close();
  });
});
