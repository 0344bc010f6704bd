import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Lab } from './lab.ts';
import { repository } from './packages.ts';

const SECRET = 'the-telephone-secret';

/** A dialplan file with the guard and ringfence's telephone call, as an admin includes them; for the lab's `guard`. */
export function dialplan(directory: string): string {
  const file = join(directory, 'ringfence-dialplan.conf');
  const snippet = (name: string): string => `#include "${join(repository, 'asterisk-conf', name)}"\n`;
  writeFileSync(file, snippet('extensions_ringfence.conf') + snippet('extensions_ringfence_notify.conf'));
  return file;
}

/** The manager account of manager_ringfence_notify.conf, or one with other rights. @returns its name and secret */
export async function phoneAccount(
  { asterisk }: Lab,
  rights?: string,
  username = 'ringfence-phone',
): Promise<{ username: string; secret: string }> {
  const shipped = readFileSync(join(repository, 'asterisk-conf/manager_ringfence_notify.conf'), 'utf8')
    .replace('[ringfence-phone]', `[${username}]`)
    .replace('CHANGE-ME', SECRET);
  const text = rights === undefined ? shipped : shipped.replace(/^read = .*\nwrite = .*$/m, rights);
  appendFileSync(join(asterisk.etc, 'manager.conf'), `\n${text}`);
  await asterisk.cli('manager reload');
  return { username, secret: SECRET };
}
