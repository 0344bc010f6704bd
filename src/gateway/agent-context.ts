import type { Counters } from '../counters.ts';
import type { Log } from '../log.ts';
import type { Millis } from '../model.ts';
import { SECOND } from '../time.ts';
import { parseNameAddr, parseSip, parseUri, type SipMessage } from '../wire/sip.ts';
import { SipDraft } from '../wire/sip-draft.ts';
import type { AgentContacts } from './agent-contacts.ts';
import type { Local, LocalPeer } from './agent-local.ts';
import { answerTo, isAt, withUri, type Place } from './border-edit.ts';
import type { BorderKeys } from './border-keys.ts';
import type { Session } from './session.ts';
import { TIMEOUT } from './transactions.ts';
import { Unanswered } from './unanswered.ts';
import { Wheel } from './wheel.ts';

/** A message as it crosses between the phone's side and the gateway's: it goes on as `bytes`, or is refused. */
export type Veiled = { readonly ok: true; readonly bytes: Buffer } | { readonly ok: false; readonly status: number };

/** Hides who calls whom, and shows it again (crypto.md, the secret call); without one everything passes as it is. */
export interface Veil {
  /** Is it part of a secret call? Then its Contact is one of that call alone. */
  isSecret(message: SipMessage): boolean;
  /** a request of the phone, before it goes out */
  out(bytes: Buffer, message: SipMessage): Veiled | Promise<Veiled>;
  /** a request of the gateway, before the phone gets it */
  in(bytes: Buffer, message: SipMessage): Veiled | Promise<Veiled>;
}

/** Writes the address that the world sees into descriptions of media; null: nothing is to be changed. */
export type MediaAddress = () => string | null;

export interface AgentOptions {
  readonly keys: BorderKeys;
  readonly contacts: AgentContacts;
  readonly local: Local;
  /** SIP domain: what phones send to the agent's own address is for it */
  readonly domain: string;
  /** where requests go that name no contact of ours: a PBX or trunk on this side */
  readonly deliver: LocalPeer | null;
  readonly veil: Veil | null;
  readonly mediaAddress: MediaAddress;
  readonly counters: Counters;
  readonly log: Log;
  readonly now: () => Millis;
  readonly tag: () => string;
}

/** What was sent on and what became of it: `up` from the phone to the gateway, `down` the other way. */
export interface AgentTransaction {
  /** ours: of the Via that we put on top */
  readonly branch: string;
  readonly side: 'up' | 'down';
  readonly method: string;
  readonly peer: LocalPeer;
  readonly secret: boolean;
  /** the request as it came, for answers of our own; null: it has its final answer */
  received: SipMessage | null;
  /** its From, To and Call-ID, which its answers carry */
  readonly ends: Ends;
  /** as it was sent on; null: it has not left yet */
  sent: Buffer | null;
  heard: boolean;
  /** final status, 0 before */
  status: number;
  /** the last answer as it was sent back */
  answer: Buffer | null;
  acknowledged: boolean;
  cancel: Buffer | null;
  cancelSent: boolean;
  pause: Millis;
  resendAt: Millis;
  deadline: Millis;
}

export interface Ends {
  readonly from: string;
  readonly to: string;
  readonly callId: string;
}

export const endsOf = (message: SipMessage): Ends => ({
  from: message.header('From') ?? '',
  to: message.header('To') ?? '',
  callId: message.callId,
});

/** Requests that are held and nobody answers: what one phone or PBX can need, many times over. */
const MOST_TRANSACTIONS = 20_000;
/** Messages for the gateway that are kept: of a PBX with hundreds of calls. */
const KEPT = { messages: 8_192, bytes: 32 << 20 };
/** Cut connections are waited for so long from their last sign of life. */
export const RESUMES: Millis = 30 * SECOND;

/** What both directions share: transactions, sending, answering, the names of contacts. */
export class AgentContext {
  readonly options: AgentOptions;
  readonly unanswered = new Unanswered(KEPT);
  readonly #all = new Map<string, AgentTransaction>();
  readonly #wheel: Wheel<AgentTransaction>;
  session: Session | null = null;
  /** when the last session was lost, or the agent began */
  lostAt: Millis;

  constructor(options: AgentOptions) {
    this.options = options;
    this.lostAt = options.now();
    this.#wheel = new Wheel(50, this.lostAt);
  }

  get now(): Millis {
    return this.options.now();
  }

  get size(): number {
    return this.#all.size;
  }

  get isFull(): boolean {
    return this.#all.size >= MOST_TRANSACTIONS;
  }

  /** Is there a session, or may one come soon enough? */
  get isUsable(): boolean {
    return this.session !== null || this.now - this.lostAt < RESUMES;
  }

  count(name: string): void {
    this.options.counters.add(`agent.${name}`);
  }

  get(branch: string): AgentTransaction | null {
    return this.#all.get(branch) ?? null;
  }

  all(): AgentTransaction[] {
    return [...this.#all.values()];
  }

  begin(
    side: AgentTransaction['side'],
    request: SipMessage,
    peer: LocalPeer,
    branch: string,
    secret: boolean,
  ): AgentTransaction {
    const now = this.now;
    const transaction: AgentTransaction = {
      ...{ branch, side, method: request.method, peer, secret, received: request, ends: endsOf(request), sent: null },
      ...{ heard: false, status: 0, answer: null, acknowledged: false, cancel: null, cancelSent: false },
      ...{ pause: Infinity, resendAt: Infinity, deadline: now + TIMEOUT },
    };
    this.#all.set(branch, transaction);
    this.schedule(transaction);
    return transaction;
  }

  schedule(transaction: AgentTransaction): void {
    this.#wheel.set(transaction, Math.min(transaction.resendAt, transaction.deadline));
  }

  /** It has its final answer, which is kept for those who ask again. */
  final(transaction: AgentTransaction, status: number): void {
    transaction.status = status;
    transaction.received = null;
    if (transaction.method !== 'INVITE' || status < 300) transaction.sent = null;
    transaction.resendAt = Infinity;
    transaction.deadline = this.now + TIMEOUT;
    this.schedule(transaction);
  }

  remove(transaction: AgentTransaction): void {
    this.#all.delete(transaction.branch);
    this.#wheel.delete(transaction);
  }

  due(): AgentTransaction[] {
    return this.#wheel.take(this.now);
  }

  /** To the gateway, or kept for the next connection. */
  toGateway(bytes: Buffer, message: SipMessage): void {
    this.unanswered.sent(bytes, message, this.now);
    if (this.session === null) return this.count('kept');
    this.count(this.session.send(bytes) ? 'messages.up' : 'untaken');
  }

  toPhone(peer: LocalPeer, bytes: Buffer): void {
    this.count('messages.down');
    this.options.local.send(peer, bytes);
  }

  /** An answer of ours; it is the final one if it is not 100. */
  answerLocally(transaction: AgentTransaction, status: number, more: readonly string[] = []): void {
    const { received, side, peer } = transaction;
    if (received === null) return;
    const bytes = answerTo(received, status, this.options.tag(), side === 'up' ? peer : null, more);
    transaction.answer = bytes;
    if (status >= 200) this.final(transaction, status);
    if (side === 'up') this.toPhone(peer, bytes);
    else this.answerGateway(bytes);
  }

  answerGateway(bytes: Buffer): void {
    const message = parseSip(bytes);
    if (message.ok) this.toGateway(bytes, message.value);
  }

  isOurs(uri: string): boolean {
    const read = parseUri(uri);
    return read.ok && isAt(this.options.local.places, read.value.host, read.value.port);
  }

  /** Routes of ours come off the top. */
  dropRoutes(draft: SipDraft): void {
    for (;;) {
      const [first] = draft.values('Route');
      const address = first === undefined ? null : parseNameAddr(first);
      if (address?.ok !== true || !this.isOurs(address.value.uri)) return;
      draft.drop('Route', 1);
    }
  }

  /** The phone's contacts become names of ours. */
  hideContacts(draft: SipDraft, message: SipMessage, peer: LocalPeer, dialog: string): void {
    const { contacts } = this.options;
    const registers = message.isRequest && message.method === 'REGISTER';
    draft.replaceEach('Contact', (value) => {
      const address = value === '*' ? null : parseNameAddr(value);
      if (address?.ok !== true || !/^sips?:/i.test(address.value.uri)) return value;
      const { uri, parameters } = address.value;
      const seconds = parameters['expires'] ?? '';
      const expires = /^\d{1,10}$/.test(seconds) ? Number(seconds) : (message.expires ?? 3_600);
      const name = registers ? contacts.register(uri, peer, expires, this.now) : contacts.inDialog(uri, peer, dialog);
      // of a secret call nothing else is told: a display name, an instance, a device
      return dialog === '' ? withUri(value, uri, name) : `<${name}>`;
    });
  }

  /** Names of ours become the phone's contacts again. */
  showContacts(draft: SipDraft): void {
    draft.replaceEach('Contact', (value) => {
      const address = parseNameAddr(value);
      const target = address.ok ? this.options.contacts.target(address.value.uri) : null;
      return target !== null && address.ok ? withUri(value, address.value.uri, target.uri) : value;
    });
  }

  /** Where the far side is to send media to, as the world sees it. */
  mendMedia(draft: SipDraft, message: SipMessage): void {
    const seen = this.options.mediaAddress();
    if (seen === null || !/^application\/sdp\b/i.test(message.contentType)) return;
    const body = withMediaAddress(message.body.toString('latin1'), seen);
    if (body !== null) draft.body(Buffer.from(body, 'latin1'));
  }

  /** The answer gets the ends that its request had; To keeps the tag of whoever answers. */
  giveEnds(draft: SipDraft, answer: SipMessage, { from, to, callId }: Ends): void {
    const parsedTo = parseNameAddr(to);
    const tagged = parsedTo.ok && parsedTo.value.parameters['tag'] !== undefined;
    draft.set('From', from);
    draft.set('To', tagged || answer.toTag === '' ? to : `${to};tag=${answer.toTag}`);
    draft.set('Call-ID', callId);
  }
}

/** Addresses that mean nothing outside (RFC 1918, RFC 6598, RFC 3927, RFC 1122) stand in `c=` lines; null: none does. */
export function withMediaAddress(sdp: string, seen: string): string | null {
  const family = seen.includes(':') ? 'IP6' : 'IP4';
  const inside =
    family === 'IP4'
      ? /^(c=IN IP4 |o=\S+ \S+ \S+ IN IP4 )(10\.|127\.|169\.254\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.)[\d.]+/gm
      : /^(c=IN IP6 |o=\S+ \S+ \S+ IN IP6 )(f[cd]|fe80:)[0-9a-f:]*/gim;
  const mended = sdp.replace(inside, (_, head: string) => `${head}${seen}`);
  return mended === sdp ? null : mended;
}

export const viaHost = (host: string, branch: string): string => `SIP/2.0/TLS ${host};branch=${branch};rport`;

export const recordRoute = ({ transport, host, port }: Place): string =>
  `<sip:${host.includes(':') ? `[${host}]` : host}:${port};transport=${transport};lr>`;
