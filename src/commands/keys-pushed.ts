import { visible } from '../words/index.ts';
import { Refusal } from './control-methods.ts';
import { askOrAct, reason, tellRefusal } from './hand-command.ts';
import { EXIT, type GlobalOptions, type Output } from './output.ts';
import { inventoryByHand, type InventoryAnswer } from './pushing.ts';
import { readConfig } from './site.ts';

export interface PushedOptions {
  readonly mend: boolean;
  readonly why?: string;
}

/** `ringfence keys list --pushed [--mend]`: what the store knows beside what the PBX holds; 1 where they differ. */
export default async function keysPushed(
  _args: readonly string[],
  options: PushedOptions & GlobalOptions,
  output: Output,
): Promise<number> {
  const config = readConfig(options, output);
  const params = { mend: options.mend, why: reason(options.why) };
  try {
    const answer = await askOrAct<'keyInventory', InventoryAnswer>(config, output, 'keyInventory', params, (hand) =>
      inventoryByHand(hand, params),
    );
    return tell(answer, output);
  } catch (error) {
    if (error instanceof Refusal) return tellRefusal(error, output);
    throw error;
  }
}

function tell(answer: InventoryAnswer, output: Output): number {
  const { accounts, keys, revoked, auths, acls, differences, notes } = answer;
  if (output.json) output.object(answer);
  else {
    output.result(`Public keys: ${keys} of ${accounts} accounts, ${revoked} revoked.`);
    output.result(`New passwords: ${auths.length === 0 ? 'none' : auths.map((id) => visible(id, 80)).join(', ')}.`);
    output.result(`Addresses refused by PJSIP: ${acls}.`);
    for (const { what, key, state } of differences) output.result(`${what}  ${visible(key, 200)}  ${state}`);
    output.result(
      differences.length === 0 ? 'The PBX holds what the store says.' : `${differences.length} differences.`,
    );
  }
  for (const note of notes) output.note(`ringfence: ${visible(note, 300)}`);
  return differences.length === 0 ? EXIT.done : EXIT.found;
}
