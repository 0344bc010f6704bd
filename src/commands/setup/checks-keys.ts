import { existsSync } from 'node:fs';
import type { Config } from '../../config.ts';
import { RingfenceError } from '../../errors.ts';
import { certificateState } from '../../store/index.ts';
import { DAY, formatDuration } from '../../time.ts';
import { visible } from '../../words/index.ts';
import { storePath } from '../direct.ts';
import { BACKED_UP, KeyRoom, nameOf } from '../keys/key-room.ts';
import { keyStorePath } from '../keys/private-files.ts';
import { advice, ok, problem, type Row } from './checks.ts';

/** A certificate that ends sooner is told. */
const SOON = 30 * DAY;

/** Can the keys be opened, are they in a backup, does a certificate end soon? Nothing where there are no keys. */
export function keyRows(config: Config): Row[] {
  if (!existsSync(keyStorePath(config)) || !existsSync(storePath(config))) return [];
  let room: KeyRoom | null = null;
  try {
    room = KeyRoom.open(config);
    const { keys } = room.keys;
    for (const stored of keys) room.open(stored);
    return [...backupRows(room), ...endRows(room), ok('keys', `${keys.length} private keys can be opened`)];
  } catch (error) {
    if (!(error instanceof RingfenceError)) throw error;
    return [problem('keys', error.message, 'ringfence keys restore FILE')];
  } finally {
    room?.store.close();
  }
}

function backupRows({ store, keys }: KeyRoom): Row[] {
  const saved = JSON.parse(store.meta.get(BACKED_UP) ?? '[]') as string[];
  const missing = keys.keys.filter(({ kid }) => !saved.includes(kid)).length;
  if (missing === 0) return [];
  const text =
    saved.length === 0 ? 'there is no backup of the keys' : `${missing} of ${keys.keys.length} keys are in no backup`;
  return [
    problem('keys', `${text}: if this disk dies, every device has to be set up again`, 'ringfence keys backup FILE'),
  ];
}

function endRows({ store, now }: KeyRoom): Row[] {
  const soon = store.certificates
    .all()
    .filter((row) => certificateState(row, now) === 'live' && row.notAfter - now < SOON)
    .sort((a, b) => a.notAfter - b.notAfter);
  const [first] = soon;
  if (first === undefined) return [];
  const name = visible(nameOf(first), 80);
  const what = first.use === 'account' ? name : `--${first.use}`;
  return [
    advice(
      'keys',
      `${soon.length} certificates end within 30 days, that of ${name} in ${formatDuration(first.notAfter - now)}`,
      `ringfence keys rotate ${what}`,
    ),
  ];
}
