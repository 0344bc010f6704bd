import { randomBytes } from 'node:crypto';
import { messageOf, PeerError, RingfenceError } from '../errors.ts';
import type { Channel, Telling } from '../respond/notify/channel.ts';
import { openChannels } from './notify-channels.ts';
import { EXIT, type GlobalOptions, type Output } from './output.ts';
import { readConfig } from './site.ts';

/** What became of a test of one channel. */
interface Proof {
  readonly channel: string;
  readonly ok: boolean;
  readonly detail: string;
  readonly tookMs: number;
}

/** Longer than any channel takes; the telephone rings and wants a digit. */
const PATIENCE = 5 * 60_000;

/** `ringfence notify test [CHANNEL]`: tells through each channel that this is a test. 0: all took it; 1: not all; 2: it could not be tried. */
export default async function notifyTest(
  args: readonly string[],
  options: GlobalOptions,
  output: Output,
): Promise<number> {
  const config = readConfig(options, output);
  const channels = openChannels(config, { acknowledge: () => undefined, lift: () => 0 });
  const wanted = args[0];
  const names = channels.map(({ name }) => name);
  if (names.length === 0)
    throw new RingfenceError(
      'usage',
      'no channel is set: add [notify.mail] or another to the settings (docs/notify.md)',
    );
  if (wanted !== undefined && !names.includes(wanted))
    throw new RingfenceError('usage', `there is no channel "${wanted}"; there are: ${names.join(', ')}`);
  let ok = true;
  for (const channel of channels.filter(({ name }) => wanted === undefined || name === wanted)) {
    if (channel.name === 'phone') output.note('ringfence: the telephone rings now; press 1 to confirm');
    const proof = await prove(channel);
    ok &&= proof.ok;
    if (output.json) output.object(proof);
    else output.result(`${proof.ok ? 'ok  ' : 'FAIL'}  ${proof.channel}: ${proof.detail} (${proof.tookMs} ms)`);
  }
  return ok ? EXIT.done : EXIT.found;
}

async function prove(channel: Channel): Promise<Proof> {
  const began = performance.now();
  const proof = (ok: boolean, detail: string): Proof => ({
    channel: channel.name,
    ok,
    detail,
    tookMs: Math.round(performance.now() - began),
  });
  try {
    const { detail } = await channel.tell([testOf(channel.name)], AbortSignal.timeout(PATIENCE));
    return proof(true, detail);
  } catch (error) {
    if (!(error instanceof PeerError)) throw error;
    return proof(false, messageOf(error));
  } finally {
    channel.close();
  }
}

/** Every test is another one: its id is drawn. */
function testOf(channel: string): Telling {
  const at = Date.now();
  return {
    kind: 'test',
    delivery: {
      id: randomBytes(8).toString('hex'),
      ...{ channel, kind: 'alarm', alert: '', incident: '', severity: 'info', at, held: false, body: '' },
      ...{ state: 'waiting', attempts: 0, nextAt: at, doneAt: null, error: '' },
    },
  };
}
