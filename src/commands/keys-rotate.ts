import { RingfenceError } from '../errors.ts';
import { visible } from '../words/index.ts';
import { certificateJson } from './keys/describe.ts';
import { checkAccount, handOut, type HandOutOptions } from './keys/hand-out.ts';
import { KeyRoom } from './keys/key-room.ts';
import { EXIT, type GlobalOptions, type Output } from './output.ts';
import { readConfig } from './site.ts';
import { formatDuration } from '../time.ts';

interface RotateOptions extends HandOutOptions {
  readonly ca: boolean;
  readonly gateway: boolean;
  readonly gatewayTls: boolean;
}

/** `ringfence keys rotate ACCOUNT`, or --ca, --gateway, --gateway-tls: a new key; the old one is good for [crypto] overlap. */
export default async function keysRotate(
  [account]: readonly (string | undefined)[],
  options: RotateOptions & GlobalOptions,
  output: Output,
): Promise<number> {
  const wanted = [account !== undefined, options.ca, options.gateway, options.gatewayTls].filter(Boolean).length;
  if (wanted !== 1) throw new RingfenceError('usage', 'rotate what? One of ACCOUNT, --ca, --gateway, --gateway-tls');
  if (account !== undefined) checkAccount(account);
  return await KeyRoom.with(readConfig(options, output), async (room) => {
    if (account !== undefined) await rotateAccount(room, account, options, output);
    else if (options.ca) await rotateAuthority(room, output);
    else await rotateOwn(room, options.gateway ? 'gateway' : 'gateway-tls', output);
    return EXIT.done;
  });
}

const overlapOf = ({ config }: KeyRoom): string => formatDuration(config.settings.crypto.overlap);

async function rotateAccount(room: KeyRoom, account: string, options: HandOutOptions, output: Output): Promise<void> {
  if (room.good('account', account).length === 0)
    throw new RingfenceError(
      'refused',
      `${visible(account, 80)} has no key to replace; its first: ringfence keys issue ${visible(account, 80)}`,
    );
  await handOut(room, account, options, output);
  output.note(`ringfence: its old key is good for ${overlapOf(room)} more`);
}

async function rotateAuthority(room: KeyRoom, output: Output): Promise<void> {
  const old = room.own('ca');
  const { key } = await room.makeAuthority();
  if (output.json) output.object({ ca: key.kid, before: old.key.kid });
  else output.result(`New CA: ${key.kid}`);
  output.note(
    `ringfence: it issues from now on. Give both to whoever trusts the old one (ringfence keys export ca): what that has issued stays good. Now: ringfence keys backup FILE`,
  );
}

async function rotateOwn(room: KeyRoom, role: 'gateway' | 'gateway-tls', output: Output): Promise<void> {
  const row = await room.makeOwn(role);
  if (output.json) output.object(certificateJson(row, room.now));
  else output.result(`New ${role} key: ${row.kid}`);
  output.note(`ringfence: the old one is good for ${overlapOf(room)} more. Now: ringfence keys backup FILE`);
}
