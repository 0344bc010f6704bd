/**
 * What the interpretation engine costs beside the crypto that it runs: claim at most 5 %. It is measured by a template of as many steps that do
 * nothing, audit record included; what the tools themselves do beside crypto (reading the message anew, digests for anti-replay) is told apart. Limits:
 * one core, one message at a time, keys of 2048 bits. Positive control: steps that idle for a tenth of the crypto's time have to show as
 * about 10 % of it, or the measurement sees nothing.
 */
import { z } from 'zod';
import { decryptSip, openSip, protectSip, Trust } from '../../src/crypto/smime/index.ts';
import { Engine } from '../../src/toolbox/engine.ts';
import { tools } from '../../src/toolbox/registry.ts';
import { NO_SERVICES, type Keys } from '../../src/toolbox/services.ts';
import { checkTemplate, compile } from '../../src/toolbox/template.ts';
import { defineTool } from '../../src/toolbox/tool.ts';
import { readMessage } from '../../src/toolbox/user/message.ts';
import { authority, identity, NOW, rsaPair } from '../support/pki.ts';
import { arrival, sdp, sip } from '../toolbox/support.ts';

const TURNS = Number(process.env['TURNS'] ?? 400);
const TOGETHER = 10;

const ca = authority('bench CA', rsaPair(2048, 'bench-ca'));
const bob = identity('bob@example.org', rsaPair(2048, 'bench-bob'), ca);
const alice = identity('alice@example.org', rsaPair(2048, 'bench-alice'), ca);
const trust = new Trust([ca.certificate]);
const keys: Keys = {
  trust,
  keyholders: [alice],
  signerOf: () => bob,
  certificatesOf: () => [alice.certificate],
  isIssued: () => true,
};
const made = protectSip(sip({ body: sdp() }), {
  now: NOW,
  sign: { signers: [bob] },
  encrypt: { recipients: [alice.certificate] },
});
if (!made.ok) throw new Error(made.reason);
const bytes = made.value;

/** What the two tools call, called by hand. */
function byHand(): void {
  const opened = decryptSip(bytes, { keyholders: [alice], now: NOW, trust: null, layers: 1 });
  if (!opened.ok) throw new Error(opened.reason);
  const verified = openSip(opened.value.message, { keyholders: [], now: NOW, trust, layers: 1 });
  if (!verified.ok) throw new Error(verified.reason);
}

let idle = 0;
const nothing = defineTool({
  name: 'headers.nothing',
  family: 'headers',
  summary: 'does nothing, so that what is left is the engine',
  parameters: z.strictObject({}),
  directions: ['in'],
  create: () => () => null,
});
const control = defineTool({
  name: 'headers.idle',
  family: 'headers',
  summary: 'idles for a tenth of the crypto’s time, for the positive control',
  parameters: z.strictObject({}),
  directions: ['in'],
  create: () => () => {
    for (const end = performance.now() + idle; performance.now() < end;);
    return null;
  },
});
const registry = new Map(tools).set(control.name, control).set(nothing.name, nothing);
const engine = new Engine({ transaction: (work) => work() });

function throughEngine(steps: readonly object[]): () => Promise<void> {
  const checked = checkTemplate({ name: 'bench', steps }, registry);
  if (!checked.ok) throw new Error(JSON.stringify(checked.problems));
  const program = compile(checked.value.template, registry, { ...NO_SERVICES, keys });
  if (!program.ok) throw new Error(JSON.stringify(program.problems));
  return async () => {
    const read = readMessage(bytes);
    if (!read.ok) throw new Error(read.reason);
    const { verdict, record } = await engine.run(program.value, read.value, arrival({ at: NOW }));
    if (verdict !== 'accept') throw new Error(record.detail);
  };
}

/** Microseconds for one of each: they take turns, so that what disturbs meets all alike, and the fastest turn of each counts. */
async function compared(works: readonly (() => void | Promise<void>)[]): Promise<number[]> {
  const best = works.map(() => Infinity);
  for (let turn = 0; turn < TURNS; turn++)
    for (const [index, work] of works.entries()) {
      const start = performance.now();
      for (let i = 0; i < TOGETHER; i++) await work();
      best[index] = Math.min(best[index] ?? Infinity, ((performance.now() - start) / TOGETHER) * 1_000);
    }
  return best;
}

const opening = [{ tool: 'confidentiality.decrypt' }, { tool: 'integrity.verify' }];
const message = readMessage(bytes);
if (!message.ok) throw new Error(message.reason);

/** The engine on a message that is read already. */
function engineOver(steps: readonly object[]): () => Promise<void> {
  const checked = checkTemplate({ name: 'bench', steps }, registry);
  const program = checked.ok ? compile(checked.value.template, registry, NO_SERVICES) : checked;
  if (!program.ok || !message.ok) throw new Error(JSON.stringify(program));
  const { value } = message;
  return async () => {
    await engine.run(program.value, value, arrival({ at: NOW }));
  };
}

const idleSteps = opening.map(() => ({ tool: nothing.name }));
const [measured = 0] = await compared([byHand]);
idle = measured / 10 / 1_000;
const [crypto = 0, whole = 0, alone = 0, controlled = 0] = await compared([
  byHand,
  throughEngine(opening),
  engineOver(idleSteps),
  engineOver([{ tool: nothing.name }, { tool: control.name }]),
]);
const share = (part: number): string => `${((part / crypto) * 100).toFixed(1)} %`;
console.log(`decrypt and verify an INVITE by hand: ${crypto.toFixed(1)} us`);
console.log(
  `the engine, as many steps that do nothing: ${alone.toFixed(1)} us (${share(alone)} of it; claim: at most 5 %)`,
);
console.log(`positive control, a tenth of it idled: ${controlled.toFixed(1)} us (${share(controlled)} of it)`);
console.log(`all of it, message read and tools run: ${whole.toFixed(1)} us (${share(whole - crypto)} more)`);
if (controlled - alone < crypto / 20 || controlled - alone > crypto / 5 || alone > crypto / 20) process.exitCode = 1;
