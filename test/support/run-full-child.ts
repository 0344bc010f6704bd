/** Lets `ringfence run` work on the small file system it is given until that is full, frees it, and tells what happened. */
import { appendFileSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Daemon, incidents, row, until, writeSettings, readText } from './cli.ts';

const small = process.argv[2] ?? '';
const folder = mkdtempSync(join(tmpdir(), 'ringfence-full-'));
const settings = writeSettings(folder);
writeFileSync(settings, readText(settings).replace(join(folder, 'ringfence.db'), join(small, 'ringfence.db')));
const ballast = join(small, 'ballast');
const night = Date.now() - 3 * 3_600_000;
writeFileSync(join(folder, 'Master.csv'), '');

let written = 0;
const write = (count: number): void => {
  for (let i = 0; i < count; i++, written++)
    appendFileSync(join(folder, 'Master.csv'), row(`${written}.1`, `${10_000 + written}`, night + written * 1000));
};
const daemon = await Daemon.start(['--config', settings]);
const count = (text: string): number => daemon.stderr.split(text).length - 1;
const toldAll = (): boolean => daemon.stdout.split('\n').length - 1 >= written;
write(20);
await until('the first alerts', toldAll);
const { bavail, bsize } = statfsSync(small);
writeFileSync(ballast, Buffer.alloc(Math.max(0, bavail * bsize - 65_536)));
for (let tries = 0; count('detection goes on') === 0 && tries < 100; tries++) {
  write(20);
  await until('alerts while the disk fills', toldAll);
}
write(100);
await until('alerts while the disk is full', toldAll, 5_000).catch(() => undefined);
const toldWhileFull = toldAll() && count('the store takes writes again') === 0;
rmSync(ballast);
await until('writes again', () => count('the store takes writes again') > 0).catch(() => undefined);
const storedAgain = count('the store takes writes again') > 0;
write(5);
await until('the last alerts', toldAll);
const { status } = await daemon.end();
const stored = (await incidents(settings)).length;
const told = new Set(daemon.alerts.map((a) => a.id)).size;
console.log(
  JSON.stringify({ alarms: count('detection goes on'), toldWhileFull, storedAgain, status, told, stored, written }),
);
rmSync(folder, { recursive: true });
