/**
 * npm run lab [-- [attack|innocents] [--kamailio] [--trunk own|asterisk] [--hep PORT] [--hep-password WORD] [--keep]]
 *
 * Brings up a real Asterisk with a trunk that is answered (and, asked for, a real Kamailio in front) on this machine's loopback,
 * says where everything is and how to point ringfence at it, and ends it all on Ctrl-C. With `attack` it plays the attacks of
 * test/lab/support/attacks.ts, with `innocents` what looks like one, while a ringfence watches, prints what it saw and how long
 * after the packet, and ends.
 */
import { parseArgs } from 'node:util';
import { attacks, innocents, weakSignals } from '../../test/lab/support/attacks.ts';
import type { Step } from '../../test/lab/support/attacks.ts';
import { startLab } from '../../test/lab/support/lab.ts';
import type { Lab } from '../../test/lab/support/lab.ts';
import { LabUnavailable } from '../../test/lab/support/packages.ts';
import { pause } from '../../test/lab/support/process.ts';
import { writeSettings } from '../../test/lab/support/settings.ts';
import { Watcher } from '../../test/lab/support/watcher.ts';

/** How long after a step ringfence may still have something to say about it: it waits for what settles. */
const AFTERWARDS = 1_000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
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
    'usage: npm run lab [-- [attack|innocents] [--kamailio] [--trunk own|asterisk] [--hep PORT] [--hep-password WORD] [--keep]]',
  );
  process.exit(2);
}

let lab: Lab | undefined;
let ending = false;
async function end(status: number): Promise<never> {
  if (!ending) {
    ending = true;
    await lab?.stop();
  }
  process.exit(status);
}
process.on('SIGINT', () => void end(0));
process.on('SIGTERM', () => void end(0));

try {
  const hep = { port: Number(values.hep), password: values['hep-password'] };
  lab = await startLab({
    kamailio: values.kamailio,
    hep,
    trunk: values.trunk === 'own' ? 'own' : 'asterisk',
    keep: values.keep,
  });
  const settings = writeSettings(lab, { hep });
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

/** Plays each step against the lab while ringfence watches, and prints what it saw and how long after the packet. */
async function playAll(running: Lab, steps: readonly Step[], settings: string): Promise<void> {
  const watcher = await Watcher.start(settings);
  console.log('\nringfence is ready and watches by mirrored SIP, manager events and call records.\n');
  try {
    for (const step of steps) {
      const told = watcher.alerts.length;
      const { startedAt, moments } = await step.play(running);
      await pause(AFTERWARDS);
      console.log(`${clock(startedAt)}  ${step.name}: ${step.summary}`);
      for (const { at, alert } of watcher.alerts.slice(told)) {
        const packet = moments.filter((moment) => moment.at <= at).at(-1);
        const late = packet === undefined ? '' : `  (${at - packet.at} ms after ${packet.label})`;
        console.log(`${clock(at)}    ${alert.severity.padEnd(8)} ${alert.summary}${late}`);
        const would = [...new Set(alert.decisions.map((decision) => decision.action))];
        if (would.length > 0) console.log(`${''.padEnd(25)}observed; would ${would.join(', ')}`);
      }
      if (watcher.alerts.length === told) console.log(`${''.padEnd(16)}nothing to report`);
    }
  } finally {
    await watcher.stop();
  }
}

function clock(at: number): string {
  return new Date(at).toISOString().slice(11, 23);
}
