import { allowByHand, type AllowAnswer } from './by-hand.ts';
import { Refusal } from './control-methods.ts';
import { askOrAct, reason, tellRefusal, tellStanding } from './hand-command.ts';
import type { GlobalOptions, Output } from './output.ts';
import { readConfig } from './site.ts';

interface AllowOptions {
  /** milliseconds */
  readonly for: number;
  readonly why?: string;
}

/** `ringfence allow ACCOUNT --for 7d`: no rule blocks or hangs up its calls until then, nor does the office lock hold for it. */
export default async function allow(
  [account = '']: readonly string[],
  options: AllowOptions & GlobalOptions,
  output: Output,
): Promise<number> {
  const config = readConfig(options, output);
  const params = { account, lasts: options.for, why: reason(options.why) };
  let away: string | null = null;
  try {
    const answer = await askOrAct<'allow', AllowAnswer>(config, output, 'allow', params, (hand) => {
      away = hand.away;
      return allowByHand(hand, params);
    });
    for (const { kind, value } of answer.lifted) output.note(`ringfence: lifted: ${kind} ${value}`);
    output.note(
      'ringfence: no rule acts on it until then; what is seen is still told. A block by hand stands all the same',
    );
    return tellStanding(answer, output, config.settings.site.timezone, away);
  } catch (error) {
    if (error instanceof Refusal) return tellRefusal(error, output);
    throw error;
  }
}
