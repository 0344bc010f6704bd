import { RingfenceError } from '../errors.ts';
import { blockByHand, type BlockAnswer } from './by-hand.ts';
import { BLOCKABLE, Refusal, type Blockable } from './control-methods.ts';
import { askOrAct, reason, tellRefusal, tellStanding } from './hand-command.ts';
import type { GlobalOptions, Output } from './output.ts';
import { readConfig } from './site.ts';

interface BlockOptions {
  /** milliseconds */
  readonly for?: number;
  readonly why?: string;
}

/** `ringfence block KIND VALUE`: by hand, whatever the mode; waits until it is seen to stand. */
export default async function block(
  [kind = '', value = '']: readonly string[],
  options: BlockOptions & GlobalOptions,
  output: Output,
): Promise<number> {
  if (!(BLOCKABLE as readonly string[]).includes(kind))
    throw new RingfenceError('usage', `there is no kind "${kind}" to block; it is one of ${BLOCKABLE.join(', ')}`);
  const config = readConfig(options, output);
  const params = { kind: kind as Blockable, value, lasts: options.for ?? null, why: reason(options.why) };
  let away: string | null = null;
  try {
    const answer = await askOrAct<'block', BlockAnswer>(config, output, 'block', params, (hand) => {
      away = hand.away;
      return blockByHand(hand, params);
    });
    return tellStanding(answer, output, config.settings.site.timezone, away);
  } catch (error) {
    if (error instanceof Refusal) return tellRefusal(error, output);
    throw error;
  }
}
