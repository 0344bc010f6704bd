/** Fills the small file system it is given, with the store on it, frees it again and tells on stdout what happened. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { StoreError } from '../../src/errors.ts';
import { openStore } from '../../src/store/index.ts';
import { evidence, incident } from './evidence.ts';

const folder = process.argv[2] ?? '';
const path = join(folder, 'ringfence.db');
const ballast = join(folder, 'ballast');
writeFileSync(ballast, Buffer.alloc(300_000));
const store = openStore(path);
const codes = new Set<string>();
let tried = 0;

/** Writes until it is refused ten times in a row, or `most` were written. @returns how many were written */
function write(most: number): number {
  let written = 0;
  for (let refused = 0; refused < 10 && written < most; tried++) {
    try {
      const row = evidence(`e${tried}`, { facts: { text: 'x'.repeat(2000) } });
      store.commitJudged({ cursor: 'run', evidence: [{ incident: 'i1', evidence: row }], incidents: [incident('i1')] });
      written++;
      refused = 0;
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      codes.add(error.code);
      refused++;
    }
  }
  return written;
}

const before = write(1000);
const whileFull = store.evidence.count();
rmSync(ballast);
write(20);
const after = store.evidence.count();
const check = store.check();
store.close();
const again = openStore(path);
console.log(JSON.stringify({ codes: [...codes], before, whileFull, after, check, reopened: again.evidence.count() }));
again.close();
