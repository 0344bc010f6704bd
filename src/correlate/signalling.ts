import { type Millis, type RequestFacts, type SourceProof } from '../model.ts';
import { BoundedMap } from '../windows.ts';
import type { Site } from '../site/site.ts';
import type { Credentials, SipMessage } from '../wire/sip.ts';
import type { Authentication } from './authentication.ts';
import type { Calls, FirstHop } from './calls.ts';
import type { Context } from './context.ts';
import type { Registrations } from './registrations.ts';
import { answerOf, aorOf, requestFacts, secretsOf, type PacketPath } from './sip-facts.ts';
import { Dialogs } from './dialogs.ts';
import { OwnRequests } from './own-requests.ts';
import { repetition, Transactions, type Answer, type OpenRequest, type Transaction } from './transactions.ts';

/** First hops remembered, so that AMI behind a proxy can be told the true source. */
const MAX_SOURCES = 16_384;
const DEFAULT_EXPIRES = 3_600;

/** Requests outside a dialog that make a transaction here. Others (PUBLISH, INFO…) tell nothing that is judged. */
const WATCHED = new Set(['REGISTER', 'INVITE', 'OPTIONS', 'MESSAGE', 'SUBSCRIBE', 'REFER', 'NOTIFY']);

/** Mirrored SIP: requests and answers become facts. */
export class Signalling {
  readonly #context: Context;
  readonly #registrations: Registrations;
  readonly #calls: Calls;
  readonly #authentication: Authentication;
  readonly #transactions = new Transactions();
  readonly #firstHop = new BoundedMap<Mutable<FirstHop>>(MAX_SOURCES);
  readonly #dialogs: Dialogs;
  readonly #own: OwnRequests;
  #firstSeen: ((callId: string) => void) | null = null;

  constructor(context: Context, registrations: Registrations, calls: Calls, authentication: Authentication) {
    this.#context = context;
    this.#registrations = registrations;
    this.#calls = calls;
    this.#authentication = authentication;
    this.#dialogs = new Dialogs(context, calls);
    this.#own = new OwnRequests(context, calls, this.#dialogs);
  }

  get size(): number {
    const { size } = this.#transactions;
    return size + this.#firstHop.size + this.#dialogs.size + this.#own.size;
  }

  /** Where the first hop of this Call-ID came from, if its SIP was seen. */
  sourceOf(callId: string): FirstHop | undefined {
    return this.#firstHop.peek(callId);
  }

  /** `told` is called with each Call-ID of which a first request was seen, after that was told. */
  onFirstSeen(told: (callId: string) => void): void {
    this.#firstSeen = told;
  }

  message(path: PacketPath, message: SipMessage, seenAt: Millis): void {
    if (message.isRequest) this.#request(path, message, seenAt);
    else this.#response(path, message, seenAt);
  }

  #request(path: PacketPath, message: SipMessage, seenAt: Millis): void {
    const method = message.method;
    if (method === 'ACK') {
      this.#acknowledged(path, message, seenAt);
      return;
    }
    const own = this.#context.servers.is(path.source, path.sourcePort, path.transport);
    const within = method === 'BYE' || method === 'CANCEL' || message.toTag !== '';
    if (within) this.#within(path, message, own, seenAt);
    if (own && WATCHED.has(method)) this.#own.request(path, message, within, seenAt);
    if (own || within || !WATCHED.has(method)) return;
    this.#context.servers.seenAt(path.destination, path.destinationPort);
    const key = Transactions.key(message.callId, message.cseq, method, message.branch);
    const all = message.allCredentials();
    const credentials = all.length > 1 ? theReal(all, this.#context.site) : (all[0] ?? null);
    const offered = all.length > 1 ? all.map((c) => c.response).join() : (credentials?.response ?? '');
    const known = this.#transactions.find(key);
    if (known?.offered === offered) {
      const repeated = repetition(this.#context, known, path, message, seenAt);
      if (repeated !== null) this.#context.emit(repeated);
      return;
    }
    const proof = this.#context.returnPaths.proofOf(path, secretsOf(credentials), this.#context.clock.now);
    const facts = requestFacts(path, message, credentials, proof);
    const { networks, accounts } = this.#context.site;
    const trunk = networks.trunkOf(path.source);
    const user = method === 'REGISTER' ? facts.toUser : (facts.authUser ?? facts.fromUser);
    const request: OpenRequest = {
      facts,
      account: trunk === null && user !== '' ? accounts.resolve(user) : null,
      trunk,
      contacts: method === 'REGISTER' ? message.bindings() : [],
      expires: message.expires,
      at: this.#context.clock.now,
      seenAt,
      rangAt: null,
      retransmissions: 0,
      provisional: false,
      authenticated: false,
      taken: false,
    };
    const transaction: Transaction = {
      key,
      offered,
      source: path.source,
      firstSeen: seenAt,
      account: request.account,
      lastSeen: seenAt,
      repeats: 0,
      request,
    };
    this.#transactions.open(transaction);
    const first = this.#noteFirstHop(facts);
    this.#context.emit({
      kind: 'request.seen',
      at: this.#context.clock.now,
      seenAt,
      feed: 'sip',
      request: facts,
      account: request.account,
      trunk,
    });
    if (first) this.#firstSeen?.(facts.callId);
    for (const answer of this.#transactions.takeEarly(key, this.#context.clock.now))
      this.#answer(transaction, answer, path);
  }

  /** A request within a dialog, or a CANCEL. One of somebody who is not in it changes nothing: the PBX refuses it (481). */
  #within(path: PacketPath, message: SipMessage, own: boolean, seenAt: Millis): void {
    const { method, callId } = message;
    if (!own && this.#dialogs.isOutsiders(path, message, seenAt)) return;
    if (method !== 'BYE' && method !== 'CANCEL') {
      this.#calls.alive(callId);
      return;
    }
    const call = this.#calls.byCallId(callId);
    if (method === 'CANCEL' && call?.answered === true) return;
    if (call !== undefined) this.#calls.end(call, method === 'CANCEL' ? 487 : 0, 'sip', seenAt);
    this.#dialogs.ended(callId);
  }

  #response(path: PacketPath, message: SipMessage, seenAt: Millis): void {
    const method = message.cseqMethod;
    if (!WATCHED.has(method)) return;
    const { servers, returnPaths, clock } = this.#context;
    if (servers.is(path.destination, path.destinationPort, path.transport)) {
      if (servers.is(path.source, path.sourcePort, path.transport)) return;
      this.#own.answered(path, message, seenAt);
      if (message.status === 401 || message.status === 407)
        for (const secret of secretsOf(message.challenge())) returnPaths.spoilt(secret, clock.now);
      return;
    }
    const key = Transactions.key(message.callId, message.cseq, method, message.branch);
    const transaction = this.#transactions.find(key);
    const waits = transaction?.request;
    if (waits?.rangAt === null && message.status >= 180 && message.status < 200) waits.rangAt = seenAt;
    if (waits === null || (waits?.provisional === true && message.status < 200)) return;
    const answer = answerOf(message, seenAt);
    for (const secret of answer.secrets) returnPaths.issued(secret, path.destination, clock.now);
    if (method === 'INVITE' && message.status >= 200 && message.status < 300)
      returnPaths.issued(dialogSecret(message), path.destination, clock.now);
    if (transaction !== undefined) {
      this.#answer(transaction, answer, path, true);
      if (method === 'INVITE' && message.status < 300) this.#dialogs.answered(message.callId, message, null);
    }
    // any but 100 may have overtaken its request
    else if (message.toTag !== '') this.#transactions.hold(key, answer, clock.now);
  }

  /** @returns true: nothing of this Call-ID had been seen */
  #noteFirstHop(facts: RequestFacts): boolean {
    const known = this.#firstHop.get(facts.callId);
    if (known === undefined) this.#firstHop.set(facts.callId, firstHop(facts));
    else if (known.source === facts.source && facts.proof !== 'none') known.proof = facts.proof;
    return known === undefined;
  }

  /** The caller has received the answer to his INVITE: its tag was sent to him alone (RFC 3261 section 13.2.2.4). */
  #acknowledged(path: PacketPath, message: SipMessage, seenAt: Millis): void {
    if (message.toTag === '') return;
    const call = this.#calls.byCallId(message.callId);
    if (call?.proof !== 'none' || call.source !== path.source) return;
    const { returnPaths, clock } = this.#context;
    if (returnPaths.proofOf(path, [dialogSecret(message)], clock.now) !== 'none')
      this.#calls.proved(call, 'answered', seenAt);
  }

  /** Takes in one answer. `path` is that of the answer (`fromServer`) or of the request, when the answer came first. */
  #answer(transaction: Transaction, answer: Answer, path: PacketPath, fromServer = false): void {
    const { request } = transaction;
    if (request === null) return;
    const { facts } = request;
    const { status } = answer;
    // a proxy says so before the PBX has asked who calls
    if (status === 100 && this.#context.servers.relays(facts.destination)) return;
    if (status >= 200) this.#transactions.close(transaction);
    else request.provisional = true;
    if (fromServer && (answer.challenges || (facts.method === 'REGISTER' && status === 200)))
      this.#context.servers.learn(path.source, path.sourcePort, path.transport);
    if (!this.#context.registrar)
      this.#context.registrar =
        answer.challenges ||
        (facts.method === 'REGISTER' && status >= 200) ||
        this.#context.site.networks.isPbx(facts.destination);
    if (facts.method === 'INVITE') this.#inviteAnswered(request, answer);
    if (status < 200) return;
    if (status === 401 || status === 407) {
      if (isChallenge(request, answer)) return;
      this.#failed(request, answer, 'wrong-credentials');
    } else if (facts.method === 'REGISTER') this.#registerAnswered(request, answer);
    this.#context.emit({
      kind: 'request.answered',
      at: this.#context.clock.now,
      seenAt: answer.seenAt,
      feed: 'sip',
      request: facts,
      account: request.account,
      trunk: request.trunk,
      status,
      tookMs: Math.max(0, answer.seenAt - request.seenAt),
      ringMs: request.rangAt === null ? null : Math.max(0, request.rangAt - request.seenAt),
      retransmissions: request.retransmissions,
      session: answer.session,
    });
  }

  #registerAnswered(request: OpenRequest, answer: Answer): void {
    const { facts } = request;
    if (answer.status === 403) this.#failed(request, answer, 'forbidden');
    else if (answer.status === 404) this.#failed(request, answer, 'unknown-account');
    else if (answer.status >= 200 && answer.status < 300) {
      if (facts.authUser !== null) this.#succeeded(request, answer.seenAt);
      this.#registrations.accept({
        feed: 'sip',
        seenAt: answer.seenAt,
        aor: aorOf(facts),
        account: request.account,
        source: facts.source,
        sourcePort: facts.sourcePort,
        transport: facts.transport,
        userAgent: facts.userAgent,
        callId: facts.callId,
        authUser: facts.authUser,
        proof: acceptedProof(facts),
        requested: request.contacts,
        listed: answer.contacts,
        expires: answer.expires ?? request.expires ?? DEFAULT_EXPIRES,
      });
    }
  }

  #inviteAnswered(request: OpenRequest, answer: Answer): void {
    const { facts } = request;
    const { status, seenAt } = answer;
    if (status >= 300) {
      // only the request that was taken on ends the call: the challenge of the one before may be mirrored after it
      const call = request.taken && !isChallenge(request, answer) ? this.#calls.byCallId(facts.callId) : undefined;
      if (call !== undefined && !call.answered) this.#calls.end(call, status, 'sip', seenAt);
      return;
    }
    if (!request.taken) this.#dialogs.began(facts.callId, facts.fromTag, facts.source, facts.contactHost);
    request.taken = true;
    if (facts.authUser !== null) this.#succeeded(request, seenAt);
    const call = this.#calls.start({
      feed: 'sip',
      seenAt,
      account: request.account,
      trunk: request.trunk,
      from: facts.fromUser,
      dialled: facts.requestUser === '' ? facts.toUser : facts.requestUser,
      callId: facts.callId,
      uniqueid: null,
      linkedid: null,
      channel: null,
      source: facts.source,
      sourcePort: facts.sourcePort,
      transport: facts.transport,
      userAgent: facts.userAgent,
      authenticated: facts.authUser !== null,
      proof: acceptedProof(facts),
      startedAt: request.at,
    });
    if (status >= 200) this.#calls.answer(call, 'sip', seenAt);
  }

  #failed(request: OpenRequest, answer: Answer, reason: 'wrong-credentials' | 'forbidden' | 'unknown-account'): void {
    const { facts } = request;
    this.#authentication.failed('sip', answer.seenAt, facts, {
      account: request.account,
      username: facts.authUser ?? (facts.method === 'REGISTER' ? facts.toUser : facts.fromUser),
      reason,
      proof: facts.proof,
    });
  }

  /** Told at the first answer that shows it: the provisional one of a call, the 200 of a registration. */
  #succeeded(request: OpenRequest, seenAt: Millis): void {
    const { facts } = request;
    if (request.authenticated) return;
    request.authenticated = true;
    this.#authentication.succeeded('sip', seenAt, facts, {
      account: facts.authUser === null ? request.account : this.#context.site.accounts.resolve(facts.authUser),
      username: facts.authUser ?? '',
      proof: acceptedProof(facts),
    });
  }

  tick(): void {
    this.#own.tick();
  }

  snapshot(): unknown {
    return this.#dialogs.snapshot();
  }

  /** Dialogs alone: requests that wait for their answer are not kept. */
  restore(snapshot: unknown): void {
    this.#dialogs.restore(snapshot);
  }
}

/** A copy, for the facts of a request are let go when it is answered. */
const firstHop = ({ source, sourcePort, transport, proof }: RequestFacts): Mutable<FirstHop> => ({
  source,
  sourcePort,
  transport,
  proof,
});

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Credentials that were taken and answer a challenge sent to their source. */
const acceptedProof = ({ authUser, proof }: RequestFacts): SourceProof =>
  authUser !== null && proof !== 'none' ? 'authenticated' : proof;

/** What only the PBX and the caller know of a call that was answered. */
const dialogSecret = (message: SipMessage): string => `${message.toTag} ${message.callId}`;

/**
 * Of several credentials Asterisk takes whichever is right, so that a decoy may stand before them: those of an account
 * that we know count, else the last.
 */
const theReal = (all: readonly Credentials[], site: Site): Credentials | null =>
  all.find(({ username }) => {
    const account = site.accounts.resolve(username);
    return account !== null && site.accounts.mapped(account);
  }) ??
  all.at(-1) ??
  null;

/** A request without credentials, or with an expired nonce, is asked for credentials: that is no failure. */
const isChallenge = ({ facts }: OpenRequest, { status, stale }: Answer): boolean =>
  (status === 401 || status === 407) && (facts.authUser === null || stale);
