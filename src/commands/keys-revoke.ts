import { RingfenceError } from '../errors.ts';
import type { RevocationReason } from '../model.ts';
import { certificateState } from '../store/index.ts';
import { visible } from '../words/index.ts';
import { certificateJson } from './keys/describe.ts';
import { findCertificates } from './keys/find.ts';
import { KeyRoom, nameOf } from './keys/key-room.ts';
import { EXIT, type GlobalOptions, type Output } from './output.ts';
import { readConfig } from './site.ts';

/** `ringfence keys revoke ACCOUNT|KID`: good no more, from now on. */
export default async function keysRevoke(
  [name = '']: readonly string[],
  options: { readonly reason: RevocationReason } & GlobalOptions,
  output: Output,
): Promise<number> {
  return await KeyRoom.with(readConfig(options, output), (room) => {
    const { now } = room;
    const over = ['revoked', 'expired'];
    const rows = findCertificates(room, name).filter((row) => !over.includes(certificateState(row, now)));
    if (rows.length === 0)
      throw new RingfenceError(
        'refused',
        `nothing of "${visible(name, 80)}" is good any more: it was revoked, or has expired`,
      );
    for (const row of room.revoke(rows, options.reason))
      if (output.json) output.object(certificateJson(row, now));
      else output.result(`Revoked: ${visible(nameOf(row), 80)} ${row.kid} (${options.reason})`);
    const tokens = room.store.enrolments.cancel(name);
    if (tokens > 0) output.note('ringfence: its enrolment token is taken back as well');
    for (const { use } of rows)
      if (use !== 'account') output.note(`ringfence: the gateway needs a new one: ringfence keys rotate --${use}`);
    output.note(
      'ringfence: whoever checks by lists needs the new one: ringfence keys export crl. The copy at the PBX: ringfence keys push',
    );
    return EXIT.done;
  });
}
