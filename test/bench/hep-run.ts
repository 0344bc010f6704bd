/**
 * Claim: `ringfence run`, as it is installed (settings file, store, all detectors), takes 7,000 mirrored packets a second
 * for twenty seconds, loses none and stays under 128 MiB.
 *
 * Control: what was sent is counted by the sender, what was taken by the daemon, what was lost by the kernel; they must agree.
 * Limits: RSS is the highest that the kernel saw (VmHWM), which counts pages shared with other Node programs too.
 */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createSocket } from 'node:dgram';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Child, DIST, startNode, temporaryFolder } from './support/child.ts';
import { grouped, mebibytes } from './support/print.ts';
import type { Sending, Sent } from './support/sender.ts';
import { settingsFile } from './support/settings.ts';
import { BENCH_START, mirrored } from './support/traffic.ts';

const RATE = 7_000;
const MILLISECONDS = 20_000;

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const socket = createSocket('udp4');
  await new Promise<void>((bound) => socket.bind(0, '127.0.0.1', bound));
  const { port } = socket.address();
  socket.close();
  return port;
}

const status = (pid: number, field: string): number =>
  Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;

/** Processor time of a process in seconds: utime and stime of proc(5), in the ticks of `getconf CLK_TCK`. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  const ticks = Number(spawnSync('getconf', ['CLK_TCK']).stdout.toString());
  return (Number(fields[11]) + Number(fields[12])) / ticks;
}

const folder = temporaryFolder();
const traffic = join(folder, 'traffic.hep');
// as many dialogues as the time needs, so that no call is told twice
writeFileSync(traffic, Buffer.concat(mirrored((RATE * MILLISECONDS) / 20_000, (n) => BENCH_START + n / 7)));
const port = await freePort();
const config = settingsFile(folder, `[hep]\nlisten = ["udp:127.0.0.1:${port}"]\n`);
const sender = new Child(1, 'sender', traffic);

const daemon = startNode(0, [join(DIST, 'cli.js'), 'run', '--config', config], { stdout: 'ignore', stderr: 'pipe' });
let log = '';
daemon.stderr?.setEncoding('utf8').on('data', (text: string) => (log += text));
while (!log.includes('ringfence ready')) {
  if (daemon.exitCode !== null) throw new Error(`the daemon did not start: ${log}`);
  await sleep(50);
}
const pid = daemon.pid ?? 0;
const idle = status(pid, 'VmRSS');
const before = cpuSeconds(pid);
const sent = await sender.ask<Sent>({ port, rate: RATE, milliseconds: MILLISECONDS } satisfies Sending);
await sleep(1_500); // the daemon looks at the kernel's counter once a second
const cpu = cpuSeconds(pid) - before;
const peak = status(pid, 'VmHWM');
daemon.kill('SIGTERM');
await once(daemon, 'exit');
await sender.end();

const counts = /"counts":(\{[^}]*\})[^\n]*"ended"/.exec(log)?.[1] ?? '{}';
const { 'hep.packets.udp': taken = 0, 'hep.lost.kernel': lost = 0 } = JSON.parse(counts) as Record<string, number>;
console.log(
  `ringfence run at ${grouped(sent.packets / (sent.milliseconds / 1000))} packets/s for ${(sent.milliseconds / 1000).toFixed(0)} s: ` +
    `${grouped(sent.packets)} sent, ${grouped(taken)} taken, ${grouped(lost)} lost in the kernel; ` +
    `${((cpu / sent.packets) * 100_000).toFixed(2)} CPU s per 100,000 packets (${((cpu / sent.milliseconds) * 100_000).toFixed(0)} % of a core); ` +
    `RSS ${mebibytes(idle)} before, ${mebibytes(peak)} at its highest`,
);
if (taken + lost !== sent.packets) console.log('  the counts do not agree: see the log', log.slice(-2000));
