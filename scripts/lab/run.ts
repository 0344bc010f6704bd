/**
 * npm run lab [-- [attack|innocents] [--observe] [--kamailio] [--trunk own|asterisk] [--hep PORT] [--hep-password WORD] [--keep]]
 *
 * Brings up a real Asterisk with a trunk that is answered (and, asked for, a real Kamailio in front) on this machine's loopback,
 * says where everything is and how to point ringfence at it, and ends it all on Ctrl-C. With `attack` it plays the attacks of
 * test/lab/support/attacks.ts, with `innocents` what looks like one, while a ringfence watches and acts, prints what it saw, what it did and how
 * long after the packet, and ends. With --observe it watches only.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { attacks, innocents, weakSignals } from '../../test/lab/support/attacks.ts';
import type { Moment, Step } from '../../test/lab/support/attacks.ts';
import { startLab } from '../../test/lab/support/lab.ts';
import type { Lab } from '../../test/lab/support/lab.ts';
import { LabUnavailable } from '../../test/lab/support/packages.ts';
import { pause } from '../../test/lab/support/process.ts';
import { guardedLab, standing } from '../../test/lab/support/protected.ts';
import { writeSettings } from '../../test/lab/support/settings.ts';
import { Watcher, type SeenAlert } from '../../test/lab/support/watcher.ts';

/** How long after a step ringfence may still have something to say about it: it waits for what settles. */
const AFTERWARDS = 1_000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    observe: { type: 'boolean', default: false },
    kamailio: { type: 'boolean', default: false },
    trunk: { type: 'string', default: 'asterisk' },
    hep: { type: 'string', default: '9060' },
    'hep-password': { type: 'string', default: 'labhep' },
    keep: { type: 'boolean', default: false },
  },
});
const play = positionals[0];
if ((play !== undefined && play !== 'attack' && play !== 'innocents') || !['own', 'asterisk'].includes(values.trunk)) {
  console.error(
    'usage: npm run lab [-- [attack|innocents] [--observe] [--kamailio] [--trunk own|asterisk] [--hep PORT] [--hep-password WORD] [--keep]]',
  );
  process.exit(2);
}

let lab: Lab | undefined;
const folder = mkdtempSync(join(tmpdir(), 'ringfence-lab-'));
let ending = false;
async function end(status: number): Promise<never> {
  if (!ending) {
    ending = true;
    await lab?.stop();
    rmSync(folder, { recursive: true, force: true });
  }
  process.exit(status);
}
process.on('SIGINT', () => void end(0));
process.on('SIGTERM', () => void end(0));

try {
  const hep = { port: Number(values.hep), password: values['hep-password'] };
  lab = await startLab({
    ...guardedLab(folder, values.kamailio),
    hep,
    trunk: values.trunk === 'own' ? 'own' : 'asterisk',
    keep: values.keep,
  });
  const settings = writeSettings(lab, { hep, mode: values.observe ? 'observe' : 'enforce' });
  describe(lab, settings, play === undefined);
  if (play === undefined) {
    console.log('\nRunning. Ctrl-C ends it.');
    // timers keep the process; the lab's programs are ended by `end`
    setInterval(() => undefined, 60_000);
  } else {
    await playAll(lab, play === 'attack' ? [...weakSignals, ...attacks] : innocents, settings);
    await end(0);
  }
} catch (error) {
  console.error(error instanceof LabUnavailable ? `lab: ${error.message}` : error);
  await end(2);
}

function describe(running: Lab, settings: string, hint: boolean): void {
  const { asterisk, kamailio, trunk, edge, trees } = running;
  const versions = [...trees.asterisk.versions, ...trees.tools.versions].map(([name, version]) => `${name} ${version}`);
  const rows: [string, string][] = [
    [
      'up in',
      `${running.bootMs} ms (Asterisk ${asterisk.bootMs} ms${kamailio === undefined ? '' : `, Kamailio ${kamailio.bootMs} ms`})`,
    ],
    ['versions', versions.join('\n            ')],
    [
      'phones',
      `sip:${edge.host}:${edge.port} over UDP and TCP${kamailio === undefined ? '' : ' (Kamailio; behind it Asterisk)'}`,
    ],
    ['accounts', running.accounts.map(({ extension, password }) => `${extension} ${password}`).join('\n            ')],
    ['Asterisk', `SIP ${asterisk.host}:${asterisk.sipPort}, pid ${asterisk.pid}, log ${asterisk.log}`],
    [
      'manager',
      `${asterisk.host}:${asterisk.amiPort}, user ${asterisk.amiUsername}, secret in ${asterisk.amiSecretFile}`,
    ],
    ['records', asterisk.masterCsv],
    ['HEP', `to 127.0.0.1:${values.hep}, password ${values['hep-password']}`],
    ['trunk', `${trunk.host}:${trunk.port}, answered by ${trunk.kind}`],
    ...(kamailio === undefined
      ? []
      : ([['Kamailio', `JSON-RPC udp:127.0.0.1:${kamailio.rpcPort}, log ${kamailio.log}`]] as [string, string][])),
    ['settings', settings],
  ];
  for (const [name, text] of rows) console.log(`${name.padEnd(10)}  ${text}`);
  if (hint) console.log(`\nWatch it:   node dist/cli.js run --config ${settings}`);
}

/** Plays each step against the lab while ringfence runs; prints what it saw and did, and how long after the packet. */
async function playAll(running: Lab, steps: readonly Step[], settings: string): Promise<void> {
  const watcher = await Watcher.start(settings);
  const does = values.observe ? 'watches' : 'acts';
  console.log(`\nringfence is ready and ${does}, by mirrored SIP, manager events and call records.\n`);
  let stood = new Map<string, string>();
  try {
    for (const step of steps) {
      const told = watcher.alerts.length;
      const { startedAt, moments } = await step.play(running);
      await pause(AFTERWARDS);
      console.log(`${clock(startedAt)}  ${step.name}: ${step.summary}`);
      const lines = [...moments.map(wire), ...watcher.alerts.slice(told).map((seen) => alertLine(seen, moments))];
      for (const { at, text } of abridged(lines.sort((x, y) => x.at - y.at))) console.log(`${clock(at)}  ${text}`);
      if (watcher.alerts.length === told) console.log(`${''.padEnd(16)}nothing to report`);
      const stands = await standing(running);
      const put = [...stands.keys()].filter((key) => !stood.has(key));
      if (put.length > 0) console.log(`${''.padEnd(16)}stands now: ${put.join(', ')}`);
      stood = stands;
    }
  } finally {
    await watcher.stop();
  }
}

interface Line {
  readonly at: number;
  readonly text: string;
  readonly wire: boolean;
}

function wire({ at, label }: Moment): Line {
  return { at, text: `    ${label}`, wire: true };
}

function alertLine({ at, alert }: SeenAlert, moments: readonly Moment[]): Line {
  const packet = moments.filter((moment) => moment.at <= at).at(-1);
  const late = packet === undefined ? '' : `  (${at - packet.at} ms after ${packet.label})`;
  const actions = [...new Set(alert.decisions.map(({ action }) => action))].join(', ');
  const decided = actions === '' ? '' : `\n${''.padEnd(27)}${values.observe ? 'observed; would' : 'does'} ${actions}`;
  return { at, text: `  ${alert.severity.padEnd(8)} ${alert.summary}${late}${decided}`, wire: false };
}

/** Of a long run of packets, with nothing told between them, the first two and the last. */
function abridged(lines: readonly Line[]): Line[] {
  const kept: Line[] = [];
  let run: Line[] = [];
  const close = (): void => {
    const [first, second, ...rest] = run;
    const last = rest.pop();
    if (first === undefined || second === undefined || last === undefined || rest.length < 3) kept.push(...run);
    else kept.push(first, { ...second, text: `${second.text}  … and ${rest.length} more` }, last);
    run = [];
  };
  for (const line of lines) {
    if (line.wire) run.push(line);
    else {
      close();
      kept.push(line);
    }
  }
  close();
  return kept;
}

function clock(at: number): string {
  return new Date(at).toISOString().slice(11, 23);
}
