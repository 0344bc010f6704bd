import { RingfenceError } from '../errors.ts';
import { visible } from '../words/index.ts';
import { checkAccount, handOut, type HandOutOptions } from './keys/hand-out.ts';
import { KeyRoom } from './keys/key-room.ts';
import { EXIT, type GlobalOptions, type Output } from './output.ts';
import { readConfig } from './site.ts';

/** `ringfence keys issue ACCOUNT`: its first key and certificate, as a file with a password, or for a request. */
export default async function keysIssue(
  [account = '']: readonly string[],
  options: HandOutOptions & GlobalOptions,
  output: Output,
): Promise<number> {
  checkAccount(account);
  return await KeyRoom.with(readConfig(options, output), async (room) => {
    if (room.good('account', account).length > 0)
      throw new RingfenceError(
        'refused',
        `${visible(account, 80)} has a key already; a new one in its place: ringfence keys rotate ${visible(account, 80)}`,
      );
    await handOut(room, account, options, output);
    return EXIT.done;
  });
}
