import { visible } from '../words/index.ts';
import { Refusal } from './control-methods.ts';
import { askOrAct, reason, tellRefusal } from './hand-command.ts';
import { EXIT, type GlobalOptions, type Output } from './output.ts';
import { pushKeysByHand, type PushKeysAnswer } from './pushing.ts';
import { readConfig } from './site.ts';

/** `ringfence keys push [ACCOUNT…]`: the PBX holds the store's public keys, read back byte for byte. */
export default async function keysPush(
  accounts: readonly string[],
  options: { readonly why?: string } & GlobalOptions,
  output: Output,
): Promise<number> {
  const config = readConfig(options, output);
  const params = { accounts: [...accounts], why: reason(options.why) };
  try {
    const answer = await askOrAct<'pushKeys', PushKeysAnswer>(config, output, 'pushKeys', params, (hand) =>
      pushKeysByHand(hand, params),
    );
    return tell(answer, output);
  } catch (error) {
    if (error instanceof Refusal) return tellRefusal(error, output);
    throw error;
  }
}

function tell(answer: PushKeysAnswer, output: Output): number {
  const { switched, withdrawn, revoked, cleaned, left, notes } = answer;
  for (const note of notes) output.note(`ringfence: ${visible(note, 300)}`);
  if (output.json) output.object({ ...answer, state: left.length === 0 ? 'done' : 'pending' });
  else {
    for (const account of switched) output.result(`${visible(account, 80)}: its key counts at the PBX now`);
    for (const account of withdrawn) output.result(`${visible(account, 80)}: it has no key at the PBX any more`);
    for (const kid of revoked) output.result(`${kid}: told as revoked`);
    if (switched.length + withdrawn.length + revoked.length === 0)
      output.result('The PBX holds the keys of the store already.');
    if (cleaned > 0)
      output.note(`ringfence: ${cleaned} rows of former keys, or of a push that was cut short, were deleted`);
  }
  if (left.length === 0) return EXIT.done;
  output.warn(
    `ringfence: NOT ALL OF IT STANDS: ${left.length} rows are not as they should be (${visible(left[0]?.key ?? '', 120)} …); ` +
      'where a push stops, the key before it still counts. Push again, and look at ringfence doctor',
  );
  return EXIT.failed;
}
