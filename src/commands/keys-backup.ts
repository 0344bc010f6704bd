import { resolve } from 'node:path';
import { passphraseProblem, sealBackup } from '../crypto/backup.ts';
import { RingfenceError } from '../errors.ts';
import { iso } from '../time.ts';
import { writeBackup } from './keys/backup-content.ts';
import { writeNew } from './keys/hand-out.ts';
import { BACKED_UP, KeyRoom } from './keys/key-room.ts';
import { askPassphrase } from './keys/passphrase.ts';
import { EXIT, type GlobalOptions, type Output } from './output.ts';
import { readConfig } from './site.ts';

/** `ringfence keys backup FILE`: master key, CA, the gateway's keys and all that was issued, under a passphrase. */
export default async function keysBackup(
  [file = '']: readonly string[],
  options: { readonly passphraseFile?: string } & GlobalOptions,
  output: Output,
): Promise<number> {
  const config = readConfig(options, output);
  return await KeyRoom.with(config, async (room) => {
    for (const stored of room.keys.keys) room.open(stored); // what cannot be opened would be no backup
    if (room.keys.keys.length === 0) room.own('ca');
    const passphrase = await askPassphrase(options.passphraseFile, 'Passphrase of the backup: ', { twice: true });
    const problem = passphraseProblem(passphrase);
    if (problem !== null) throw new RingfenceError('usage', `--passphrase-file: ${problem}`);
    const masterKey = room.master.copy();
    const certificates = room.store.certificates.all();
    const content = writeBackup({ madeAt: room.now, domain: room.domain, masterKey, keys: room.keys, certificates });
    const path = resolve(file);
    writeNew(path, sealBackup(passphrase, content));
    masterKey.fill(0);
    content.fill(0);
    room.store.transaction(() => {
      room.store.meta.set(BACKED_UP, JSON.stringify(room.keys.keys.map(({ kid }) => kid)));
      room.note('key.backup', 'keys', { file: path });
    });
    if (output.json)
      output.object({ file: path, at: iso(room.now), keys: room.keys.keys.length, certificates: certificates.length });
    else output.result(`Backup of ${room.keys.keys.length} keys and ${certificates.length} certificates: ${path}`);
    output.note(
      "ringfence: put it where this machine's fate does not reach, its passphrase elsewhere, and try it: ringfence keys restore FILE --check",
    );
    return EXIT.done;
  });
}
