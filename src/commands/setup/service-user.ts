import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Config } from '../../config.ts';
import { keyStorePath, masterKeyPath } from '../keys/private-files.ts';
import { problem, type Row } from './checks.ts';

/** The user that the service runs as (scripts/systemd/ringfence.service). */
const SERVICE = 'ringfence';

interface User {
  readonly uid: number;
  readonly gids: ReadonlySet<number>;
}

const entries = (file: string): string[][] => {
  try {
    return readFileSync(file, 'utf8')
      .split('\n')
      .map((line) => line.split(':'));
  } catch {
    return [];
  }
};

/** The service's group, where somebody has made it. */
export function serviceGroup(): number | null {
  const found = entries('/etc/group').find(([name]) => name === SERVICE);
  return found === undefined ? null : Number(found[2]);
}

/** passwd(5) and group(5): users of other sources (LDAP) are not known here. */
function serviceUser(): User | null {
  const found = entries('/etc/passwd').find(([name]) => name === SERVICE);
  if (found === undefined) return null;
  const more = entries('/etc/group').filter(([, , , members = '']) => members.split(',').includes(SERVICE));
  return { uid: Number(found[2]), gids: new Set([Number(found[3]), ...more.map(([, , gid]) => Number(gid))]) };
}

/** May this user read a file, by its mode? */
export const mayRead = (stats: { uid: number; gid: number; mode: number }, user: User): boolean => {
  const bits = stats.uid === user.uid ? 0o400 : user.gids.has(stats.gid) ? 0o040 : 0o004;
  return (stats.mode & bits) !== 0;
};

/** What root can read, the service must be able to read as well: settings, secrets, call records. */
export function serviceRows(config: Config, user: User | null = serviceUser()): Row[] {
  if (user === null) return [];
  const { asterisk, hep } = config.settings;
  const files = [asterisk.ami?.secret_file, hep?.password_file, asterisk.cdr?.path].flatMap((file) =>
    file === undefined ? [] : [resolve(config.directory, file)],
  );
  const keys = [masterKeyPath(config).path, keyStorePath(config)]; // those that are there are looked at
  return [...(config.file === null ? [] : [config.file]), ...files, ...keys].flatMap((file) => {
    const stats = statSync(file, { throwIfNoEntry: false });
    if (stats === undefined || mayRead(stats, user)) return [];
    const records = file.endsWith('.csv');
    if (keys.includes(file))
      return [
        problem('service user', `${SERVICE} may not read ${file}`, `chown ${SERVICE}: ${file}; chmod 600 ${file}`),
      ];
    const mend = records
      ? `usermod -aG asterisk ${SERVICE}; chmod g+r ${file}`
      : `chgrp ${SERVICE} ${file}; chmod 640 ${file}`;
    return [problem('service user', `${SERVICE} may not read ${file}`, mend)];
  });
}
