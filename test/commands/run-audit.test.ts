import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { RunAudit } from '../../src/commands/run-audit.ts';
import { StoreError } from '../../src/errors.ts';
import { openStore, sealIn, type AuditSigner, type Store } from '../../src/store/index.ts';
import { HOUR, MINUTE } from '../../src/time.ts';
import { problemsOf, trailOf } from '../support/audit.ts';
import { recordingLog } from '../support/log.ts';
import { temporaryFolder } from '../support/temporary.ts';

const START = Date.UTC(2026, 10, 29, 12);

describe('the daemon and the audit trail', () => {
  const folder = temporaryFolder();
  let files = 0;
  let path = '';
  let store: Store;
  beforeEach(() => {
    path = folder.file(`${files++}.db`);
    store = openStore(path);
  });
  afterEach(() => store.close());
  const entry = { actor: 'hand:ada', action: 'decision.made', target: '1004' };
  const actions = (): string[] => trailOf(store).map(({ action }) => action);

  it('says where the trail has come to, once an hour', () => {
    const { log, logged } = recordingLog();
    const audit = new RunAudit({ store, log });
    audit.note(entry);
    for (let at = START; at < START + 3 * HOUR - MINUTE; at += MINUTE / 2) audit.tick(at);
    const said = logged.filter(({ message }) => message.includes('has come to here'));
    assert.equal(said.length, 3);
    assert.match(said[0]?.message ?? '', new RegExp(`1:${store.audit.head().hash}`));
  });

  it('sees that somebody cut the end off while it runs, and says so in the log and in the trail', () => {
    const { log, logged } = recordingLog();
    const audit = new RunAudit({ store, log });
    for (let i = 0; i < 3; i++) audit.note(entry);
    audit.tick(START);
    const raw = new Database(path);
    raw.exec('DROP TRIGGER audit_no_delete; DELETE FROM audit WHERE seq = 3');
    raw.close();
    audit.tick(START + MINUTE);
    assert.ok(logged.some(({ level, message }) => level === 'error' && message.includes('edited the audit trail')));
    assert.deepEqual(problemsOf(store), ['3 broken']);
  });

  it('signs what has grown, as often as it should; a key that cannot sign stops nothing', async () => {
    const { log, logged } = recordingLog();
    let signer: AuditSigner | null = null;
    const audit = new RunAudit({ store, log, signer: () => signer, sealEvery: HOUR });
    audit.note(entry);
    audit.tick(START);
    assert.deepEqual(actions(), ['decision.made'], 'no key yet');
    signer = { kid: 'aa', sign: () => Promise.reject(new Error('the card is gone')) };
    audit.tick(START + HOUR);
    for (let i = 0; i < 5; i++) await turn();
    assert.ok(logged.some(({ message }) => message.includes('was not sealed: the card is gone')));
    signer = { kid: 'aa', sign: (bytes) => Promise.resolve(bytes) };
    for (const later of [2, 3, 3.5]) {
      audit.tick(START + later * HOUR);
      for (let i = 0; i < 5; i++) await turn();
    }
    assert.deepEqual(actions(), ['decision.made', 'audit.seal'], 'nothing new is signed no second time');
    const [first, second] = trailOf(store);
    const seal = second === undefined ? null : sealIn(second);
    assert.ok(seal !== null && seal !== 'broken');
    assert.equal(seal.signature.toString(), `ringfence audit seal/1\x001:${first?.hash}`);
  });

  it('goes on while the store is full, and tells when there is room', () => {
    const { log, logged } = recordingLog();
    let full = true;
    const audit = new RunAudit({
      store: {
        transaction: (work) => store.transaction(work),
        audit: {
          ...store.audit,
          append: (entries) => {
            if (full) throw new StoreError('store-full', 'no room');
            store.audit.append(entries);
          },
        },
      },
      log,
    });
    audit.note(entry);
    audit.note(entry);
    assert.equal(logged.filter(({ level }) => level === 'error').length, 1);
    assert.equal(audit.close(), false);
    full = false;
    audit.tick(START);
    assert.deepEqual(actions(), ['decision.made', 'decision.made']);
    assert.equal(audit.close(), true);
  });
});
