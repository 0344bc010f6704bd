import type { Config } from '../config.ts';
import { PeerError, RingfenceError } from '../errors.ts';
import { formatDuration } from '../time.ts';
import { visible } from '../words/index.ts';
import { leavePanic, unblockByHand, type UnblockAnswer } from './by-hand.ts';
import { callControl, controlPath } from './control.ts';
import { Refusal, UNBLOCKABLE, type MethodParams, type Unblockable } from './control-methods.ts';
import { directly, storePath } from './direct.ts';
import { ANSWERS, askOrAct, hangs, laggingText, reason, tellRefusal } from './hand-command.ts';
import { daemonOf } from './lock.ts';
import { EXIT, type GlobalOptions, type Output } from './output.ts';
import { readConfig } from './site.ts';

interface UnblockOptions {
  readonly all: boolean;
  readonly why?: string;
}

/** `ringfence unblock ID`, `unblock KIND VALUE`, `unblock --all`: takes back by hand, and waits until it is seen to be gone. */
export default async function unblock(
  [what, value]: readonly (string | undefined)[],
  options: UnblockOptions & GlobalOptions,
  output: Output,
): Promise<number> {
  const params = paramsOf(what, value, options);
  const config = readConfig(options, output);
  let away: string | null = null;
  try {
    const answer =
      'all' in params
        ? await panic(config, output, params)
        : await askOrAct<'unblock', UnblockAnswer>(config, output, 'unblock', params, (hand) => {
            away = hand.away;
            return unblockByHand(hand, params);
          });
    return tell(answer, 'all' in params, output, away);
  } catch (error) {
    if (error instanceof Refusal) return tellRefusal(error, output);
    throw error;
  }
}

function paramsOf(
  what: string | undefined,
  value: string | undefined,
  options: UnblockOptions,
): MethodParams['unblock'] {
  const why = reason(options.why);
  if (options.all) {
    if (what === undefined) return { all: true, why };
    throw new RingfenceError('usage', '--all takes everything back: write it without an id');
  }
  if (what === undefined)
    throw new RingfenceError(
      'usage',
      'unblock what? An ID, a KIND and VALUE, or --all; ringfence blocks shows what stands',
    );
  if (value !== undefined) {
    if ((UNBLOCKABLE as readonly string[]).includes(what)) return { kind: what as Unblockable, value, why };
    throw new RingfenceError('usage', `there is no kind "${what}"; it is one of ${UNBLOCKABLE.join(', ')}`);
  }
  if (what === 'lock') return { kind: 'lock', value: 'international', why };
  if (what.length >= 4) return { id: what, why };
  throw new RingfenceError('usage', `"${what}" is too short for an id; write four characters of it or more`);
}

/**
 * The panic switch. A daemon that answers does it; one that hangs, or a store that cannot be used, does not keep it from
 * Asterisk: then this command tells the targets itself.
 */
async function panic(
  config: Config,
  output: Output,
  params: Extract<MethodParams['unblock'], { all: true }>,
): Promise<UnblockAnswer> {
  const path = storePath(config);
  const daemon = daemonOf(path);
  if (daemon !== null)
    try {
      return (await callControl(controlPath(path), 'unblock', params, ANSWERS)) as UnblockAnswer;
    } catch (error) {
      if (!(error instanceof PeerError)) throw error;
      output.warn(`ringfence: ${hangs(daemon.pid, error).message}. Taking everything away without it`);
    }
  return await directly(config, output, { anyStore: true }, async (hand) => {
    const answer = await unblockByHand(hand, params);
    if (daemon !== null) leavePanic(hand.store, Date.now());
    if (hand.away !== null) output.warn(`ringfence: ${hand.away}`);
    return answer;
  });
}

function tell(answer: UnblockAnswer, all: boolean, output: Output, away: string | null): number {
  const { lifted, proved, took, lagging, notes, mode } = answer;
  if (output.json) output.object({ ...answer, state: proved ? 'done' : 'pending' });
  for (const note of notes) output.note(`ringfence: ${visible(note, 400)}`);
  if (all && mode === 'enforce')
    output.note(
      'ringfence: what was lifted is not put up again, but mode = "enforce" stands: a new attack is blocked. To stop that: mode = "observe" in the settings, and reload',
    );
  const names = lifted.map(({ kind, value }) => `${kind} ${visible(value, 80)}`);
  const shown = names.length > 10 ? [...names.slice(0, 10), `and ${names.length - 10} more`] : names;
  if (!proved) {
    const where = away ?? laggingText(lagging);
    output.warn(
      `ringfence: ${names.length === 0 ? 'taken back' : shown.join(', ')}: NOT GONE YET: ${visible(where, 400)}. It is taken away as soon as that can be done`,
    );
    return EXIT.failed;
  }
  if (output.json) return EXIT.done;
  if (names.length > 0) output.result(`Lifted: ${shown.join(', ')} (gone in ${formatDuration(took)})`);
  else if (all) output.result('Nothing stands that refuses a call');
  return EXIT.done;
}
