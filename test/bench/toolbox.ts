/**
 * What the interpretation engine costs beside the crypto that it runs: claim at most 5 %. Limits: one core, one message at a time, keys of 2048
 * bits. Positive control: the same with a step that idles for a tenth of the crypto's time has to show as about 10 %, or the measurement sees nothing.
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

const ROUNDS = Number(process.env['ROUNDS'] ?? 2_000);
const REPEATS = 5;

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
const registry = new Map(tools).set(control.name, control);
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

/** Microseconds for one, the least of several repeats: what disturbs only adds. */
async function least(work: () => void | Promise<void>): Promise<number> {
  let best = Infinity;
  for (let repeat = 0; repeat < REPEATS; repeat++) {
    const start = performance.now();
    for (let i = 0; i < ROUNDS; i++) await work();
    best = Math.min(best, ((performance.now() - start) / ROUNDS) * 1_000);
  }
  return best;
}

const opening = [{ tool: 'confidentiality.decrypt' }, { tool: 'integrity.verify' }];
await least(byHand);
const crypto = await least(byHand);
const run = await least(throughEngine(opening));
idle = crypto / 10 / 1_000;
const slow = await least(throughEngine([...opening, { tool: control.name }]));
const overhead = (run / crypto - 1) * 100;
const seen = (slow / run - 1) * 100;
console.log(`decrypt and verify an INVITE by hand: ${crypto.toFixed(1)} us`);
console.log(
  `the same through the engine:          ${run.toFixed(1)} us (${overhead.toFixed(1)} % more; claim: at most 5 %)`,
);
console.log(`positive control, 10 % idled:         ${slow.toFixed(1)} us (${seen.toFixed(1)} % more)`);
if (seen < 5 || overhead > 5) process.exitCode = 1;
