import type { Config } from '../config.ts';
import { RingfenceError } from '../errors.ts';
import { blockByHand, type BlockAnswer } from './by-hand.ts';
import { BLOCKABLE, Refusal, type Blockable, type MethodParams } from './control-methods.ts';
import { askOrAct, reason, tellRefusal, tellStanding } from './hand-command.ts';
import { EXIT, type GlobalOptions, type Output } from './output.ts';
import { readConfig } from './site.ts';

interface BlockOptions {
  /** milliseconds */
  readonly for?: number;
  readonly why?: string;
  /** of an account: its registrations too, by maintenance mode */
  readonly registrations: boolean;
}

/** `ringfence block KIND VALUE`: by hand, whatever the mode; waits until it is seen to stand. */
export default async function block(
  [kind = '', value = '']: readonly string[],
  options: BlockOptions & GlobalOptions,
  output: Output,
): Promise<number> {
  if (!(BLOCKABLE as readonly string[]).includes(kind))
    throw new RingfenceError('usage', `there is no kind "${kind}" to block; it is one of ${BLOCKABLE.join(', ')}`);
  if (options.registrations && kind !== 'account')
    throw new RingfenceError('usage', '--registrations goes with an account: ringfence block account VALUE');
  const config = readConfig(options, output);
  const kinds = options.registrations ? (['account', 'maintenance'] as const) : [kind as Blockable];
  let status: number = EXIT.done;
  for (const each of kinds) status = Math.max(status, await blockOne(each, value, options, config, output));
  return status;
}

async function blockOne(
  kind: MethodParams['block']['kind'],
  value: string,
  options: BlockOptions,
  config: Config,
  output: Output,
): Promise<number> {
  const params = { kind, value, lasts: options.for ?? null, why: reason(options.why) };
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
