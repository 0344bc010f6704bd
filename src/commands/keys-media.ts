import { RingfenceError } from '../errors.ts';
import { MEDIA_ENCRYPTIONS, type MediaEncryption } from '../pbx/endpoint-object.ts';
import { visible } from '../words/index.ts';
import { Refusal } from './control-methods.ts';
import { askOrAct, reason, tellRefusal } from './hand-command.ts';
import { mediaByHand, type MediaAnswer } from './media.ts';
import { EXIT, type GlobalOptions, type Output } from './output.ts';
import { readConfig } from './site.ts';

/** `ringfence keys media ACCOUNT sdes|dtls|no`, `--undo`: how an endpoint's media is encrypted, from its next call on. */
export default async function keysMedia(
  [account = '', encryption]: readonly (string | undefined)[],
  options: { readonly undo: boolean; readonly why?: string } & GlobalOptions,
  output: Output,
): Promise<number> {
  if (options.undo === (encryption !== undefined) || !known(encryption))
    throw new RingfenceError('usage', `write ${MEDIA_ENCRYPTIONS.join(', ')}, or --undo alone`);
  const config = readConfig(options, output);
  const params = { account, encryption: encryption ?? null, why: reason(options.why) };
  try {
    const answer = await askOrAct<'media', MediaAnswer>(config, output, 'media', params, (hand) =>
      mediaByHand(hand, params),
    );
    if (output.json) output.object({ ...answer, state: answer.proved ? 'done' : 'pending' });
    else if (answer.proved)
      output.result(
        encryption === undefined
          ? `Account ${visible(account, 80)}: media is encrypted as pjsip.conf says again`
          : `Account ${visible(account, 80)}: media_encryption is ${encryption} from the next call on; to undo: ringfence keys media ${visible(account, 80)} --undo`,
      );
    if (answer.proved) return EXIT.done;
    output.warn(`ringfence: NOT IN FORCE YET: ${visible(answer.lagging, 300)}`);
    return EXIT.failed;
  } catch (error) {
    if (error instanceof Refusal) return tellRefusal(error, output);
    throw error;
  }
}

const known = (text: string | undefined): text is MediaEncryption | undefined =>
  text === undefined || (MEDIA_ENCRYPTIONS as readonly string[]).includes(text);
