import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, statSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { InputError, messageOf, RingfenceError } from '../errors.ts';
import { giveTo } from '../store/file.ts';

/** `read` looks; `act` also acknowledges, blocks and undoes. */
export const ROLES = ['read', 'act'] as const;
export type Role = (typeof ROLES)[number];

export interface User {
  readonly name: string;
  readonly role: Role;
  /** `scrypt$15$8$1$salt$hash`: log2 of N, r, p (RFC 7914), both base64url */
  readonly password: string;
}

/** What a name may be: it is told in the audit trail and at the end of reasons. */
export const isUserName = (name: string): boolean => /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/.test(name);

/** Shortest password that is taken (NIST SP 800-63B, 3.1.1.2 asks for fifteen where it is the only factor). */
export const PASSWORD_LEAST = 12;
/** Longest: what is hashed is bounded. */
const PASSWORD_MOST = 256;

/** 32 MiB and about 0.1 s a guess (OWASP: N=2^15, r=8, p=3 or dearer; the memory is what counts). */
const COST = { log: 15, r: 8, p: 3 } as const;
const HASH_BYTES = 32;

const derive = (
  password: string,
  salt: Buffer,
  { log, r, p }: { log: number; r: number; p: number },
): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const options = { N: 2 ** log, r, p, maxmem: 256 * 2 ** log * r };
    scrypt(password.normalize('NFKC'), salt, HASH_BYTES, options, (error, key) => {
      if (error === null) resolve(key);
      else reject(error);
    });
  });

/** @throws RingfenceError usage when it is too short or too long */
export async function hashPassword(password: string): Promise<string> {
  if (password.length < PASSWORD_LEAST || password.length > PASSWORD_MOST)
    throw new RingfenceError('usage', `a password has ${PASSWORD_LEAST} to ${PASSWORD_MOST} characters`);
  const salt = randomBytes(16);
  const key = await derive(password, salt, COST);
  return `scrypt$${COST.log}$${COST.r}$${COST.p}$${salt.toString('base64url')}$${key.toString('base64url')}`;
}

const HASHED = /^scrypt\$(1[0-9]|20)\$(\d{1,2})\$(\d{1,2})\$([\w-]{16,64})\$([\w-]{43})$/;

/** Compared in constant time; of somebody who is unknown (null) the same work is done and the answer is no. */
export async function isPassword(user: User | null, password: string): Promise<boolean> {
  if (password.length > PASSWORD_MOST) return false;
  const found = user === null ? null : HASHED.exec(user.password);
  const [, log = COST.log, r = COST.r, p = COST.p, salt = '', hash = ''] = found ?? [];
  const cost = { log: Number(log), r: Number(r), p: Number(p) };
  const key = await derive(password, Buffer.from(salt, 'base64url'), cost);
  const known = Buffer.from(hash, 'base64url');
  return known.length === key.length && timingSafeEqual(known, key);
}

const HEAD =
  '# who may log in to the console: name:role:password (scrypt). ringfence console user add|remove writes it.\n';

/** The file of users: read anew when it has changed, so that who is taken out of it is out at once. */
export class UsersFile {
  readonly path: string;
  #users: ReadonlyMap<string, User> = new Map();
  #seen = '';

  constructor(path: string) {
    this.path = path;
  }

  /** By name; empty where there is no file. @throws RingfenceError secret-unsafe, InputError */
  all(): ReadonlyMap<string, User> {
    const stats = statSync(this.path, { throwIfNoEntry: false, bigint: true });
    if (stats === undefined) {
      this.#seen = '';
      return (this.#users = new Map());
    }
    const seen = `${stats.ino} ${stats.mtimeNs} ${stats.size} ${stats.mode}`;
    if (seen === this.#seen) return this.#users;
    if ((Number(stats.mode) & 0o007) !== 0)
      throw new RingfenceError(
        'secret-unsafe',
        `[console] users_file: ${this.path} can be read by everybody; run: chmod 600 ${this.path}`,
      );
    this.#users = this.#parse(this.#read());
    this.#seen = seen;
    return this.#users;
  }

  #read(): string {
    try {
      return readFileSync(this.path, 'utf8');
    } catch (error) {
      throw new InputError('input-unreadable', `cannot read ${this.path}: ${messageOf(error)}`, { cause: error });
    }
  }

  #parse(text: string): Map<string, User> {
    const users = new Map<string, User>();
    for (const [index, line] of text.split('\n').entries()) {
      if (line.trim() === '' || line.startsWith('#')) continue;
      const [name = '', role = '', password = '', ...more] = line.trim().split(':');
      const known = ROLES.find((each) => each === role);
      if (!isUserName(name) || known === undefined || !HASHED.test(password) || more.length > 0)
        throw new InputError(
          'input-malformed',
          `${this.path}, line ${index + 1} is no user of the console; make it anew by ringfence console user add`,
        );
      users.set(name, { name, role: known, password });
    }
    return users;
  }

  /** The file is the new one or the old one, whole. @throws InputError */
  write(users: ReadonlyMap<string, User>): void {
    const text = HEAD + [...users.values()].map(({ name, role, password }) => `${name}:${role}:${password}\n`).join('');
    const fresh = `${this.path}.new`;
    try {
      const fd = openSync(fresh, 'w', 0o600);
      try {
        writeSync(fd, text);
        fsyncSync(fd);
      } finally {
        closeSync(fd);
      }
      giveTo(fresh, statSync(dirname(this.path)));
      renameSync(fresh, this.path);
    } catch (error) {
      throw new InputError('input-unreadable', `cannot write ${this.path}: ${messageOf(error)}`, { cause: error });
    }
  }
}
