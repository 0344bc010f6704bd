/** Writes to the store for ever and prints each id once it is acknowledged; its parent kills it at random. */
import { writeSync } from 'node:fs';
import { openStore } from '../../src/store/index.ts';
import { alert, decision, evidence, incident } from './evidence.ts';

const [path = '', round = '0'] = process.argv.slice(2);
const store = openStore(path);
const from = store.offsets.get('run')?.offset ?? 0;
for (let i = from; ; i++) {
  const id = `${i}`;
  // Every record is judged to one piece of evidence; a commit takes up to seven of them.
  const many = 1 + (i % 7);
  const ids = Array.from({ length: many }, (_, n) => `${id}-${n}`);
  const committed = store.commitJudged({
    cursor: 'run',
    offset: { path: 'Master.csv', device: '1', inode: '2', offset: i + 1, head: round },
    snapshots: [{ name: 'count', version: 1, state: { next: i + 1 } }],
    evidence: ids.map((e) => ({ incident: `i${id}`, evidence: evidence(e) })),
    incidents: [incident(`i${id}`, { evidenceCount: many })],
    decisions: [decision(`d${id}`, { incident: `i${id}` })],
    alerts: [alert(`a${id}`, { incident: `i${id}` })],
  });
  if (committed.evidence.length !== many) throw new Error(`judged twice: ${ids.join(' ')}`);
  if (i % 5 === 4) store.commitJudged({ cursor: 'run', merged: [{ younger: `i${id}`, elder: `i${i - 1}` }] });
  if (i % 50 === 49) store.purgeStep(0);
  writeSync(1, `${id}\n`);
}
