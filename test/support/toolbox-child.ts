/** Judges one message after another and prints the number of each that was accepted, for ever; its parent kills it at random. */
import { writeSync } from 'node:fs';
import { box, numbered } from '../toolbox/support.ts';

const [path = '', from = '0'] = process.argv.slice(2);
const own = box({ path });
const program = own.program([
  { tool: 'anti-replay.check' },
  { tool: 'anti-replay.sdes' },
  { tool: 'anti-replay.digest' },
]);
for (let n = Number(from); ; n++) {
  const { verdict, record } = await own.run(program, numbered(n));
  if (verdict !== 'accept') throw new Error(`${n}: ${record.detail}`);
  writeSync(1, `${n}\n`);
}
