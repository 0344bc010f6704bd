import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import Database from 'better-sqlite3';
import {
  AuditQueue,
  canonicalJson,
  headText,
  openStore,
  readHead,
  recordOf,
  type Store,
} from '../../src/store/index.ts';
import { problemsOf, trailOf } from '../support/audit.ts';
import { decision, evidence, incident, T0 } from '../support/evidence.ts';
import { temporaryFolder } from '../support/temporary.ts';

const DAY = 86_400_000;

describe('the audit trail', () => {
  const folder = temporaryFolder();
  let files = 0;
  let path = '';
  let now = T0;
  const opened = (records: number): Store => {
    path = folder.file(`audit${files++}.db`);
    const store = openStore(path, { clock: () => now });
    store.audit.append(
      Array.from({ length: records }, (_, i) => ({
        ...{ actor: 'hand:ada', action: 'decision.made', target: `account/${i + 1}`, details: { n: i + 1 } },
      })),
    );
    return store;
  };
  /** Changes the file as somebody would who has taken the guards away. */
  const tamper = (sql: string, ...values: unknown[]): void => {
    const raw = new Database(path);
    for (const name of ['append', 'no_update', 'no_delete']) raw.exec(`DROP TRIGGER audit_${name}`);
    raw.prepare(sql).run(...values);
    raw.close();
  };

  it('links each record to the one before; the hash is that of its canonical JSON, as anybody can compute it', () => {
    const store = opened(3);
    const records = trailOf(store);
    assert.deepEqual(
      records.map(({ seq }) => seq),
      [1, 2, 3],
    );
    for (const [i, { hash, ...rest }] of records.entries()) {
      assert.equal(rest.previous, records[i - 1]?.hash ?? '0'.repeat(64));
      assert.equal(createHash('sha256').update(canonicalJson(rest)).digest('hex'), hash);
    }
    // the same by hand, RFC 8785
    const { hash, previous } = records[1]!;
    const text =
      '{"action":"decision.made","actor":"hand:ada","at":"2026-11-21T01:13:04.512Z","details":{"n":2},"evidence":[],' +
      `"previous":"${previous}","seq":2,"target":"account/2"}`;
    assert.equal(createHash('sha256').update(text).digest('hex'), hash);
    assert.deepEqual(problemsOf(store), []);
    store.close();
  });

  const canonical: [Parameters<typeof canonicalJson>[0], string][] = [
    [{ b: 1, a: [true, null, 'x'], c: undefined }, '{"a":[true,null,"x"],"b":1}'],
    [{ '€': 1, ö: 2, a: 3, '\u{1f600}': 4 }, '{"a":3,"ö":2,"€":1,"😀":4}'],
    ['\ud800"\n', '"\ufffd\\"\\n"'],
    [[1e21, -0, 0.1], '[1e+21,0,0.1]'],
  ];
  for (const [value, text] of canonical) it(`writes ${text}`, () => assert.equal(canonicalJson(value), text));

  it('keeps whatever text it is given', () => {
    const store = opened(0);
    const strange = ['', '\0', '\ud800', '"\'; DROP TABLE audit; --', '𝄞'.repeat(500)];
    for (const text of strange)
      store.audit.append([{ actor: text, action: 'a', target: text, evidence: [text], details: { [text]: text } }]);
    assert.deepEqual(problemsOf(store), []);
    assert.equal(trailOf(store)[3]?.target, strange[3]);
    store.close();
  });

  for (const [what, sql] of [
    ['an update', 'UPDATE audit SET actor = actor WHERE seq = 2'],
    ['a deletion', 'DELETE FROM audit WHERE seq = 3'],
    [
      'a replacement',
      "INSERT OR REPLACE INTO audit SELECT 2, at, actor, action, 'x', evidence, details, previous, hash FROM audit WHERE seq = 2",
    ],
    [
      'a gap',
      'INSERT INTO audit SELECT 5, at, actor, action, target, evidence, details, hash, hash FROM audit WHERE seq = 3',
    ],
    [
      'a false link',
      'INSERT INTO audit SELECT 4, at, actor, action, target, evidence, details, previous, hash FROM audit WHERE seq = 3',
    ],
    ['a made-up checkpoint', "INSERT INTO audit_checkpoints VALUES (2, 'x', 0)"],
    ['a checkpoint over all', 'INSERT INTO audit_checkpoints SELECT seq, hash, 0 FROM audit WHERE seq = 3'],
  ] as const)
    it(`refuses ${what} by plain SQL`, () => {
      opened(3).close();
      const raw = new Database(path);
      assert.throws(() => raw.exec(sql), /audit trail|checkpoint/);
      raw.close();
      const store = openStore(path);
      assert.deepEqual([problemsOf(store), store.audit.unguarded()], [[], []]);
      store.close();
    });

  const edits: [string, string, string[]][] = [
    ['an edited target', "UPDATE audit SET target = 'account/9' WHERE seq = 4", ['4 edited']],
    ['an edited time', 'UPDATE audit SET at = at + 1 WHERE seq = 4', ['4 edited']],
    ['edited details that mean the same', 'UPDATE audit SET details = \'{"n": 4}\' WHERE seq = 4', ['4 edited']],
    ['details that are no JSON', "UPDATE audit SET details = 'x' WHERE seq = 4", ['4 edited']],
    [
      'an edited hash',
      "UPDATE audit SET hash = replace(hash, substr(hash, 1, 1), 'z') WHERE seq = 4",
      ['4 edited', '5 unlinked'],
    ],
    ['the last record edited', "UPDATE audit SET actor = 'nobody' WHERE seq = 8", ['8 edited']],
    ['a removed record', 'DELETE FROM audit WHERE seq = 4', ['5 missing']],
    ['the first removed', 'DELETE FROM audit WHERE seq = 1', ['2 missing']],
    ['three removed', 'DELETE FROM audit WHERE seq IN (3, 4, 5)', ['6 missing']],
    ['a removed record, the rest renumbered', '', ['4 edited', '4 unlinked', '5 edited', '6 edited', '7 edited']],
  ];
  for (const [what, sql, problems] of edits)
    it(`finds ${what}, and where`, () => {
      opened(8).close();
      if (sql === '') {
        tamper('DELETE FROM audit WHERE seq = 4');
        const raw = new Database(path);
        raw.exec('UPDATE audit SET seq = seq - 1 WHERE seq > 4');
        raw.close();
      } else tamper(sql);
      const store = openStore(path);
      assert.deepEqual(problemsOf(store), problems);
      assert.ok(store.audit.unguarded().includes('audit_no_update'));
      store.close();
    });

  it('finds two records that changed places', () => {
    opened(8).close();
    tamper('UPDATE audit SET seq = CASE seq WHEN 3 THEN -5 WHEN 5 THEN -3 END WHERE seq IN (3, 5)');
    const raw = new Database(path);
    raw.exec('UPDATE audit SET seq = -seq WHERE seq < 0');
    raw.close();
    const store = openStore(path);
    assert.deepEqual(problemsOf(store).slice(0, 2), ['3 edited', '3 unlinked']);
    store.close();
  });

  it('finds a cut end and a chain written anew by a remembered head alone', () => {
    const first = opened(8);
    const head = first.audit.head();
    assert.deepEqual(readHead(headText(head)), head);
    first.close();
    tamper('DELETE FROM audit WHERE seq > 6');
    const cut = openStore(path);
    assert.deepEqual(problemsOf(cut), [], 'a chain alone cannot show it');
    assert.deepEqual(problemsOf(cut, head), ['6 truncated']);
    for (const n of [7, 8, 9]) cut.audit.append([{ actor: 'x', action: 'y', target: `${n}` }]);
    assert.deepEqual(problemsOf(cut), []);
    assert.deepEqual(problemsOf(cut, head), ['8 unlinked']);
    cut.close();
  });

  it('is purged from its beginning, says what went, and is anchored to it', async () => {
    const store = opened(1_200);
    now = T0 + 2 * DAY;
    store.audit.append([{ actor: 'hand:ada', action: 'decision.made', target: 'young' }]);
    assert.equal(await store.purgeAudit(T0 - DAY), 0);
    assert.equal(await store.purgeAudit(T0 + DAY), 1_200);
    assert.deepEqual(store.audit.checkpoint()?.seq, 1_200);
    assert.deepEqual(problemsOf(store), []);
    const records = trailOf(store);
    assert.deepEqual(
      records.map(({ seq, action }) => `${seq} ${action}`),
      ['1201 decision.made', '1202 audit.purged'],
    );
    assert.deepEqual(records[1]?.details, {
      hash: store.audit.checkpoint()?.hash,
      records: 1_200,
      through: 1_200,
      until: new Date(T0).toISOString(),
    });
    assert.equal(await store.purgeAudit(T0 + DAY), 0, 'nothing twice');
    assert.equal(store.audit.head().seq, 1_202);
    now = T0;
    store.close();
  });

  it('leaves what stands behind something young, though its clock was wrong', async () => {
    const store = opened(1);
    now = T0 - 5 * DAY;
    store.audit.append([{ actor: 'x', action: 'y', target: 'z' }]);
    now = T0;
    assert.equal(await store.purgeAudit(T0 - DAY), 0);
    store.close();
  });

  it('takes up a purge that was cut short', () => {
    const store = opened(700);
    now = T0 + 2 * DAY;
    assert.deepEqual(store.audit.purgeStep(now - DAY), { records: 500, done: false });
    assert.deepEqual(problemsOf(store), []);
    assert.deepEqual(store.audit.purgeStep(now - DAY), { records: 200, done: true });
    assert.deepEqual(problemsOf(store), []);
    now = T0;
    store.close();
  });

  it('tells of decisions with who made them and on what, once, and of acknowledgements', () => {
    const store = opened(0);
    const because = new Map([['d1', { actor: 'rule:scan', evidence: ['e1'] }]]);
    const judged = {
      cursor: 'run' as const,
      evidence: [{ incident: 'i1', evidence: evidence('e1') }],
      incidents: [incident('i1')],
      decisions: [decision('d1')],
      because,
    };
    store.commitJudged(judged);
    store.commitJudged(judged);
    store.commitJudged({ ...judged, decisions: [decision('d1', { state: 'pending' })] });
    store.acknowledge('i1', { who: 'ada', note: 'seen' });
    assert.deepEqual(
      trailOf(store).map(({ actor, action, target, evidence: ids }) => [actor, action, target, ids.join(' ')]),
      [
        ['rule:scan', 'decision.made', '1004', 'd1 i1 e1'],
        ['rule:scan', 'decision.changed', '1004', 'd1 i1 e1'],
        ['hand:ada', 'incident.acknowledged', 'i1', ''],
      ],
    );
    assert.deepEqual(trailOf(store)[1]?.details['state'], 'pending');
    store.close();
  });

  it('holds what waits for a full store, bounded, and says what was lost', () => {
    const queue = new AuditQueue(2);
    for (const target of ['a', 'b', 'c', 'd']) queue.take({ actor: 'x', action: 'y', target });
    const { entries, written } = queue.pending();
    assert.deepEqual(
      entries.map(({ action, target }) => `${action} ${target}`),
      ['y a', 'y b', 'audit.lost audit'],
    );
    assert.deepEqual(entries[2]?.details, { records: 2 });
    queue.take({ actor: 'x', action: 'y', target: 'e' });
    written();
    assert.equal(queue.size, 1, 'what came meanwhile is still counted');
    queue.pending().written();
    assert.equal(queue.size, 0);
  });

  it('reads nothing but a head as a head', () => {
    for (const text of [
      '',
      '1',
      '1:abc',
      `-1:${'0'.repeat(64)}`,
      `1:${'G'.repeat(64)}`,
      `${'9'.repeat(17)}:${'0'.repeat(64)}`,
    ])
      assert.equal(readHead(text), null);
    assert.equal(
      recordOf({
        seq: 1,
        at: NaN,
        actor: '',
        action: '',
        target: '',
        evidence: '[]',
        details: '{}',
        previous: '',
        hash: '',
      }),
      null,
    );
  });
});
