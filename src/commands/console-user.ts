import { existsSync, readFileSync } from 'node:fs';
import { UsersFile, hashPassword, isUserName, type Role } from '../console/users.ts';
import { RingfenceError } from '../errors.ts';
import { askPassphrase } from './keys/passphrase.ts';
import { EXIT, type GlobalOptions, type Output } from './output.ts';
import { usersPath } from './console-users.ts';
import { readConfig } from './site.ts';

interface UserOptions {
  readonly role: Role;
  readonly replace: boolean;
  readonly passwordFile?: string;
}

/** `ringfence console user add|remove|list [NAME]`: who may log in to the console. The daemon sees it at once. */
export default async function consoleUser(
  [verb = 'list', name = '']: readonly string[],
  options: UserOptions & GlobalOptions,
  output: Output,
): Promise<number> {
  const file = new UsersFile(usersPath(readConfig(options, output)));
  const users = new Map(file.all());
  if (verb === 'list') return list(users, output);
  if (!isUserName(name))
    throw new RingfenceError(
      'usage',
      'name the user: letters, digits, dot, hyphen, underscore and @, 64 characters at the most',
    );
  if (verb === 'remove') {
    if (!users.delete(name)) throw new RingfenceError('usage', `there is no user ${name}; ringfence console user list`);
    file.write(users);
    output.result(`${name} may no longer log in to the console; who was logged in is out`);
    return EXIT.done;
  }
  if (users.has(name) && !options.replace)
    throw new RingfenceError('usage', `there is a user ${name}; --replace gives another password and role`);
  const password = await passwordFor(name, options);
  users.set(name, { name, role: options.role, password: await hashPassword(password) });
  file.write(users);
  output.result(`${name} may log in to the console and ${options.role === 'act' ? 'act' : 'look'} (${file.path})`);
  return EXIT.done;
}

function list(users: ReadonlyMap<string, { readonly name: string; readonly role: Role }>, output: Output): number {
  for (const { name, role } of users.values())
    if (output.json) output.object({ name, role });
    else output.result(`${name.padEnd(24)} ${role}`);
  if (users.size === 0) output.note('ringfence: no users; ringfence console user add NAME --role act');
  return EXIT.done;
}

/** Of --password-file, typed at a terminal, or a line of stdin. */
async function passwordFor(name: string, { passwordFile }: UserOptions): Promise<string> {
  if (passwordFile === undefined && !process.stdin.isTTY && existsSync('/dev/stdin')) {
    const [line = ''] = readFileSync(0, 'utf8').split(/\r?\n/);
    if (line !== '') return line;
  }
  return await askPassphrase(passwordFile, `Password of ${name} for the console: `, { twice: true });
}
