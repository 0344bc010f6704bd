import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Millis } from '../model.ts';
import { BoundedMap } from '../windows.ts';
import type { Role, User } from './users.ts';

/** Who looks at a page. */
export interface Visitor {
  readonly name: string;
  readonly role: Role;
  /** what a form must carry */
  readonly csrf: string;
  /** what is told on the next page, once */
  flash: Flash | null;
  /** logged in here, so that he can log out; false: a reverse proxy has said who it is */
  readonly own: boolean;
}

export interface Flash {
  readonly kind: 'done' | 'failed';
  readonly text: string;
}

interface Session {
  readonly visitor: Visitor;
  /** the hash of the password with which it was opened: another password ends it */
  readonly password: string;
  readonly since: Millis;
  seenAt: Millis;
}

export interface SessionLimits {
  /** longest life */
  readonly life: Millis;
  /** longest without a request */
  readonly idle: Millis;
}

const SESSIONS = 1_000;
const TOKEN_BYTES = 32;
const TOKEN = /^[\w-]{43}$/;

/** Compares two texts without telling by its time where they differ. */
export function isSame(a: string, b: string): boolean {
  const [one, other] = [a, b].map((text) => createHash('sha256').update(text).digest()) as [Buffer, Buffer];
  return timingSafeEqual(one, other);
}

/** Sessions live in memory: a restart logs everybody out. What is kept of a token is its hash. */
export class Sessions {
  readonly #limits: SessionLimits;
  readonly #sessions = new BoundedMap<Session>(SESSIONS);
  /** who came by a proxy, for what is told once */
  readonly #proxied = new BoundedMap<Visitor>(SESSIONS);
  readonly #key = randomBytes(32);

  constructor(limits: SessionLimits) {
    this.#limits = limits;
  }

  /** @returns the token for the cookie: 256 random bits */
  open(user: User, now: Millis): string {
    const token = randomBytes(TOKEN_BYTES).toString('base64url');
    const visitor: Visitor = { name: user.name, role: user.role, csrf: this.#csrfOf(token), flash: null, own: true };
    this.#sessions.set(keyOf(token), { visitor, password: user.password, since: now, seenAt: now });
    return token;
  }

  /**
   * Whose session this is; null: of nobody, or it has ended. Who was taken out of the users, or has another role or password
   * now, has to log in again. @param touch false: what a page asks for by itself keeps no session alive
   */
  find(token: string, users: ReadonlyMap<string, User>, now: Millis, touch: boolean): Visitor | null {
    if (!TOKEN.test(token)) return null;
    const session = this.#sessions.get(keyOf(token));
    if (session === undefined) return null;
    const user = users.get(session.visitor.name);
    const stands =
      now - session.since < this.#limits.life &&
      now - session.seenAt < this.#limits.idle &&
      user?.password === session.password &&
      user.role === session.visitor.role;
    if (!stands) {
      this.close(token);
      return null;
    }
    if (touch) session.seenAt = now;
    return session.visitor;
  }

  close(token: string): void {
    this.#sessions.delete(keyOf(token));
  }

  /** Somebody whom a reverse proxy names. */
  proxied(name: string, role: Role): Visitor {
    const known = this.#proxied.get(name);
    if (known?.role === role) return known;
    const visitor: Visitor = { name, role, csrf: this.#csrfOf(`proxy ${name}`), flash: null, own: false };
    this.#proxied.set(name, visitor);
    return visitor;
  }

  /** What the log-in form must carry for the cookie that came with it: nobody is logged in as somebody else unawares. */
  loginCsrf(nonce: string): string {
    return this.#csrfOf(`login ${nonce}`);
  }

  #csrfOf(what: string): string {
    return createHmac('sha256', this.#key).update(what).digest('base64url');
  }
}

const keyOf = (token: string): string => createHash('sha256').update(token).digest('base64url');
