import { certificateState } from '../store/index.ts';
import { Zone } from '../time.ts';
import { RingfenceError } from '../errors.ts';
import keysPushed from './keys-pushed.ts';
import { certificateJson, certificateLine, HEAD } from './keys/describe.ts';
import { KeyRoom } from './keys/key-room.ts';
import { EXIT, type GlobalOptions, type Output } from './output.ts';
import { readConfig } from './site.ts';

interface ListOptions {
  readonly all: boolean;
  readonly pushed: boolean;
  readonly mend: boolean;
}

/** `ringfence keys list`: whose keys are good, until when; --pushed: beside what the PBX holds. */
export default async function keysList(
  _: readonly string[],
  options: ListOptions & GlobalOptions,
  output: Output,
): Promise<number> {
  if (options.pushed) return await keysPushed([], options, output);
  if (options.mend)
    throw new RingfenceError('usage', '--mend goes with --pushed: it makes the PBX hold what the store says');
  const config = readConfig(options, output);
  return await KeyRoom.with(config, ({ store, now }) => {
    const zone = new Zone(config.settings.site.timezone);
    const over = ['revoked', 'expired'];
    const rows = store.certificates.all().filter((row) => options.all || !over.includes(certificateState(row, now)));
    if (!output.json && rows.length > 0) output.note(HEAD);
    for (const row of rows)
      if (output.json) output.object(certificateJson(row, now));
      else output.result(certificateLine(row, now, zone));
    if (rows.length === 0) output.note('ringfence: no certificates; ringfence keys init, then keys issue ACCOUNT');
    const open = store.enrolments.open(now);
    if (open.length > 0)
      output.note(`ringfence: enrolment tokens not used yet: ${open.map(({ account }) => account).join(', ')}`);
    return EXIT.done;
  });
}
