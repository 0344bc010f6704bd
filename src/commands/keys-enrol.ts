import { encodeToken, newTokenSecret, TOKEN_LIFETIME, tokenId } from '../crypto/enrolment.ts';
import { createHash } from 'node:crypto';
import { RingfenceError } from '../errors.ts';
import { DAY, iso } from '../time.ts';
import { visible } from '../words/index.ts';
import { untilText } from './hand-command.ts';
import { checkAccount } from './keys/hand-out.ts';
import { ENROLMENT, KeyRoom } from './keys/key-room.ts';
import { EXIT, type GlobalOptions, type Output } from './output.ts';
import { readConfig } from './site.ts';

/** `ringfence keys enrol ACCOUNT`: a token by which its agent gets a certificate for a key of its own, once, within the hour. */
export default async function keysEnrol(
  [account = '']: readonly string[],
  options: { readonly cancel: boolean } & GlobalOptions,
  output: Output,
): Promise<number> {
  checkAccount(account);
  const config = readConfig(options, output);
  return await KeyRoom.with(config, (room) => {
    const { store, now } = room;
    if (options.cancel) {
      const gone = store.transaction(() => store.enrolments.cancel(account));
      if (output.json) output.object({ account, cancelled: gone });
      else output.result(gone > 0 ? 'Its token is taken back' : 'It has no token that could be used');
      return EXIT.done;
    }
    const { gateway } = config.settings.crypto;
    if (gateway === '')
      throw new RingfenceError(
        'config-invalid',
        'crypto.gateway: a token says where the gateway is; write [crypto] gateway = "host:port" into the settings',
      );
    if (new Set(room.good('account', account).map(({ kid }) => kid)).size >= 2)
      throw new RingfenceError(
        'refused',
        `${visible(account, 80)} has two good keys already; ringfence keys show ${visible(account, 80)}, then revoke one`,
      );
    const ca = new Uint8Array(createHash('sha256').update(room.authority().certificate).digest());
    const kid = room.own('gateway').key.kid;
    const k = newTokenSecret();
    const tid = Buffer.from(tokenId(k)).toString('base64url');
    const expiresAt = now + TOKEN_LIFETIME;
    const token = encodeToken({ gw: gateway, id: account, ca, kid: new Uint8Array(Buffer.from(kid, 'base64url')), k });
    store.transaction(() => {
      store.enrolments.forget(now - DAY);
      const before = store.enrolments.cancel(account);
      if (before > 0) output.note('ringfence: the token that it had is good no more');
      store.enrolments.add({ tid, account, secret: room.master.seal(ENROLMENT, tid, k), expiresAt });
      room.note('key.token', account, { tid });
    });
    if (output.json) output.object({ account, token, tid, until: iso(expiresAt), gateway });
    else {
      output.result(`ringfence agent enrol ${token}`);
      output.note(
        `ringfence: run that on the other machine: for ${visible(account, 80)}, once, until ${untilText(expiresAt, config.settings.site.timezone)}. Whoever has it can speak as this account: hand it over like a password`,
      );
    }
    return EXIT.done;
  });
}
