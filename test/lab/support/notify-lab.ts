import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Lab } from './lab.ts';
import { repository } from './packages.ts';

/** Debian's English prompts lie under the voice's own name; `sounds/en` is a link that its package's installation makes. */
export const VOICE = 'en_US_f_Allison';

const SECRET = 'the-telephone-secret';

/** A dialplan file with the guard and ringfence's telephone call, as an admin includes them; for the lab's `guard`. */
export function dialplan(directory: string): string {
  const file = join(directory, 'ringfence-dialplan.conf');
  const snippet = (name: string): string => `#include "${join(repository, 'asterisk-conf', name)}"\n`;
  writeFileSync(file, snippet('extensions_ringfence.conf') + snippet('extensions_ringfence_notify.conf'));
  return file;
}

/** The manager account that may originate, as manager_ringfence.conf describes it. @returns its name and secret */
export async function phoneAccount(
  { asterisk }: Lab,
  rights = 'read = user\nwrite = originate',
  username = 'ringfence-phone',
): Promise<{ username: string; secret: string }> {
  appendFileSync(
    join(asterisk.etc, 'manager.conf'),
    `\n[${username}]\nsecret = ${SECRET}\ndeny = 0.0.0.0/0.0.0.0\npermit = 127.0.0.1/255.255.255.255\n${rights}\n`,
  );
  await asterisk.cli('manager reload');
  return { username, secret: SECRET };
}
