/** Writes two key stores in turn over the file of argv[2], until it is killed. */
import { readFileSync } from 'node:fs';
import { writeWhole } from '../../src/commands/keys/whole-file.ts';

const [, , path = '', first = '', second = ''] = process.argv;
const stores = [readFileSync(first), readFileSync(second)];
process.stdout.write('writing\n');
for (let i = 0; ; i++) writeWhole(path, stores[i % 2] ?? Buffer.alloc(0), null);
