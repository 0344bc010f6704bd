import type { SipMessage } from '../wire/sip.ts';
import { parseUri } from '../wire/sip.ts';
import type { FindingKind } from './findings.ts';
import type { Flow, Trunk } from './flows.ts';
import type { Rule } from './options.ts';

/** Why a message is refused, and what is said of it. */
export interface Refused {
  readonly status: number;
  readonly kind: FindingKind;
  /** label of the count gateway.refused.<reason> */
  readonly reason: string;
  readonly claimed: string;
  readonly detail: string;
}

/** What the gateway knows of accounts; the command passes it in. */
export interface Accounts {
  /** the account behind an AOR's user or a digest username, as far as that is known; null: nobody's */
  accountOf(name: string): string | null;
  /** Is there such an account, for certain? */
  isKnown(account: string): boolean;
  /** Has it a key that is good now? */
  hasKey(account: string): boolean;
}

export interface PolicyOptions {
  readonly accounts: Accounts;
  readonly rules: readonly Rule[];
  /** numbers that always pass */
  readonly emergency: readonly string[];
  /** plain TLS sessions */
  readonly plain: {
    /** accounts with a key that may use it all the same */
    readonly withKey: readonly string[];
    /** other requests than REGISTER before the PBX has accepted one */
    readonly unregistered: boolean;
    readonly accountsPerSession: number;
  };
}

/** Exact, or a prefix with * at its end. */
export const fits = (pattern: string, text: string): boolean =>
  pattern.endsWith('*') ? text.startsWith(pattern.slice(0, -1)) : pattern === text;

const ANONYMOUS = 'anonymous.invalid';

/** Who is meant by a name: the account if it is one, else the name itself. */
const known = (accounts: Accounts, name: string): string => accounts.accountOf(name) ?? name;

/**
 * Judges requests that come out of sessions (never those of the PBX): whose name is in them, and may it go there? Pure but for
 * what it asks about accounts.
 */
export class Policy {
  #options: PolicyOptions;

  constructor(options: PolicyOptions) {
    this.#options = options;
  }

  use(options: PolicyOptions): void {
    this.#options = options;
  }

  /** The account behind a name, or the name itself. */
  accountOf(name: string): string {
    return known(this.#options.accounts, name);
  }

  /** Is it a call for help? Nothing below is asked of it. */
  isEmergency(request: SipMessage): boolean {
    return request.method === 'INVITE' && this.#options.emergency.includes(request.requestUser);
  }

  /** null: it may go on. */
  judge(flow: Flow, request: SipMessage): Refused | null {
    return this.#identity(flow, request) ?? this.#rules(flow, request);
  }

  #identity(flow: Flow, request: SipMessage): Refused | null {
    for (const name of namesIn(request)) {
      const fault = this.#mayUse(flow, name, request);
      if (fault !== null) return fault;
    }
    if (flow.kind === 'csc' || flow.accounts.size > 0 || request.method === 'REGISTER') return null;
    if (this.#options.plain.unregistered) return null;
    return refuse(
      403,
      'identity',
      'unregistered',
      '',
      `${request.method} over plain TLS before any registration was accepted`,
    );
  }

  #mayUse(flow: Flow, { name, where }: Name, request: SipMessage): Refused | null {
    const { accounts, plain } = this.#options;
    const account = known(accounts, name);
    if (flow.trunk !== null) {
      // behind a trunk stand phones of its own, and their contacts may be called as ours are
      if (where === 'contact' || speaksFor(flow.trunk, name)) return null;
      return this.#foreign(flow, name, where, request);
    }
    if (flow.accounts.has(account) || flow.accounts.has(name)) return null;
    if (where === 'contact')
      // its user is the phone's own business, unless it is somebody else's name
      return flow.accounts.size > 0 && accounts.isKnown(account) ? this.#foreign(flow, name, where, request) : null;
    if (flow.kind === 'csc') return this.#foreign(flow, name, where, request);
    // plain TLS: nobody has proved anything before the PBX has taken a registration
    if (accounts.hasKey(account) && !plain.withKey.some((pattern) => fits(pattern, account)))
      return refuse(403, 'downgrade', 'downgrade', account, `${account} has a key and came over plain TLS without it`);
    return flow.accounts.size >= plain.accountsPerSession ? this.#foreign(flow, name, where, request) : null;
  }

  #foreign(flow: Flow, name: string, where: Name['where'], { method }: SipMessage): Refused {
    const own = [...flow.accounts].join(', ');
    const place = { from: 'From', to: 'To', contact: 'Contact', digest: 'its credentials' }[where];
    return refuse(
      403,
      'identity',
      'identity',
      known(this.#options.accounts, name),
      `${method} in a session of ${own} names ${name} in ${place}`,
    );
  }

  #rules(flow: Flow, request: SipMessage): Refused | null {
    const { method } = request;
    const dialled = request.requestUser;
    const names = [...flow.accounts];
    const rule = this.#options.rules.find(
      (each) =>
        (each.accounts.length === 0 || each.accounts.some((pattern) => names.some((name) => fits(pattern, name)))) &&
        (each.methods.length === 0 || each.methods.includes(method)) &&
        (each.to.length === 0 || each.to.some((pattern) => fits(pattern, dialled))),
    );
    if (rule?.action !== 'deny') return null;
    // what belongs to a call that stands goes on: it would stand for ever
    if (request.toTag !== '' || method === 'CANCEL' || method === 'ACK') return null;
    return refuse(
      403,
      'rule',
      'rule',
      '',
      `${method} to ${dialled === '' ? request.requestHost : dialled} is not allowed${rule.why === '' ? '' : `: ${rule.why}`}`,
    );
  }
}

const refuse = (status: number, kind: FindingKind, reason: string, claimed: string, detail: string): Refused => ({
  ...{ status, kind, reason, claimed, detail },
});

const speaksFor = ({ name, identities }: Trunk, who: string): boolean =>
  who === name || identities.some((pattern) => fits(pattern, who));

interface Name {
  readonly name: string;
  readonly where: 'from' | 'to' | 'contact' | 'digest';
}

/**
 * Names that a request uses as its sender's. Within a dialog From is whatever the dialog began with (of a call that was sent on, somebody
 * else's number), so that credentials alone count.
 */
function namesIn(request: SipMessage): Name[] {
  const names: Name[] = request.allCredentials().map(({ username }) => ({ name: username, where: 'digest' }));
  if (request.toTag === '' && request.method !== 'CANCEL') {
    if (request.fromHost !== ANONYMOUS) names.push({ name: request.fromUser, where: 'from' });
    if (request.method === 'REGISTER') names.push({ name: request.toUser, where: 'to' });
    const contacts = request.contacts();
    if (contacts !== '*')
      for (const { user } of contacts) if (user !== '') names.push({ name: user, where: 'contact' });
  }
  return names;
}

const SINGLE = ['From', 'To', 'Call-ID', 'CSeq', 'Max-Forwards', 'Content-Type', 'Content-Length', 'Expires'];
const TOKEN = /^[A-Za-z0-9\-.!%*_+`'~]{1,64}$/;

/**
 * What two readers could read as two messages, or none should ever see (RFC 3261 section 7.3.1, RFC 4475): a fault's text, null for a
 * message in order.
 */
export function unclean(message: SipMessage, bytes: Buffer): string | null {
  if (message.isRequest && !TOKEN.test(message.method)) return 'the method is no token';
  if (message.isRequest && message.cseqMethod !== message.method) return 'CSeq names another method';
  const twice = SINGLE.find((name) => message.headers(name).length > 1);
  if (twice !== undefined) return `${twice} stands there twice`;
  if (message.contentLength === null || message.truncated) return 'Content-Length is not the length of the body';
  if (bytes.length - (message.body.byteOffset - bytes.byteOffset) !== message.contentLength)
    return 'Content-Length is not the length of the body';
  if (message.via === null) return 'the topmost Via cannot be read';
  if (message.branch === '') return 'the topmost Via has no branch';
  if (message.fromTag === '') return 'From has no tag';
  if (message.isRequest) {
    const scheme = /^[a-z][a-z0-9+.-]*:/i.exec(message.requestUri)?.[0].toLowerCase();
    if (scheme === undefined) return 'the request URI is none';
    if (['sip:', 'sips:', 'tel:'].includes(scheme) && !parseUri(message.requestUri).ok)
      return 'the request URI cannot be read';
  }
  return null;
}
