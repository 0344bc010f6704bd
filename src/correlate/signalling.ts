import { type Millis, type RequestFacts, type SourceProof } from '../model.ts';
import { BoundedMap } from '../windows.ts';
import type { Site } from '../site/site.ts';
import type { Credentials, SipMessage } from '../wire/sip.ts';
import type { Authentication } from './authentication.ts';
import type { Calls, CallSighting, FirstHop } from './calls.ts';
import { stamp, type Context } from './context.ts';
import type { Registrations } from './registrations.ts';
import { answerOf, aorOf, requestFacts, secretsOf, type PacketPath } from './sip-facts.ts';
import { Transactions, type Answer, type OpenRequest, type Transaction } from './transactions.ts';

/** First hops remembered, so that AMI behind a proxy can be told the true source. */
const MAX_SOURCES = 16_384;
const DEFAULT_EXPIRES = 3_600;
/** The PBX's INVITE to a trunk may be mirrored before the caller's leg was answered. */
const SECOND_LEG_WAIT = 1_000;

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
  /** the PBX's own INVITEs to trunks that no call explains yet */
  #ownInvites: { facts: RequestFacts; at: Millis; seenAt: Millis }[] = [];

  constructor(context: Context, registrations: Registrations, calls: Calls, authentication: Authentication) {
    this.#context = context;
    this.#registrations = registrations;
    this.#calls = calls;
    this.#authentication = authentication;
  }

  get size(): number {
    return this.#transactions.size + this.#firstHop.size + this.#ownInvites.length;
  }

  /** Where the first hop of this Call-ID came from, if its SIP was seen. */
  sourceOf(callId: string): FirstHop | undefined {
    return this.#firstHop.peek(callId);
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
    if (method === 'BYE' || method === 'CANCEL') {
      const call = this.#calls.byCallId(message.callId);
      if (call !== undefined && !(method === 'CANCEL' && call.answered))
        this.#calls.end(call, method === 'CANCEL' ? 487 : 0, 'sip', seenAt);
      return;
    }
    if (message.toTag !== '') {
      this.#calls.alive(message.callId);
      return;
    }
    if (!WATCHED.has(method)) return;
    const own = this.#context.servers.is(path.source, path.sourcePort, path.transport);
    if (own) {
      const { servers } = this.#context;
      if (servers.is(path.destination, path.destinationPort, path.transport))
        servers.relayed(path.source, path.destination);
      if (method === 'INVITE') this.#ownInvite(path, message, seenAt);
      return;
    }
    const key = Transactions.key(message.callId, message.cseq, method, message.branch);
    const all = message.allCredentials();
    const credentials = all.length > 1 ? theReal(all, this.#context.site) : (all[0] ?? null);
    const offered = all.length > 1 ? all.map((c) => c.response).join() : (credentials?.response ?? '');
    const known = this.#transactions.find(key);
    if (known?.offered === offered) return; // a retransmission, or the same packet mirrored twice
    const proof = this.#proof(path, secretsOf(credentials));
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
      provisional: false,
      authenticated: false,
      taken: false,
    };
    const transaction: Transaction = { key, offered, request };
    this.#transactions.open(transaction);
    this.#noteFirstHop(facts);
    this.#context.emit({
      kind: 'request.seen',
      ...stamp(this.#context, 'sip', seenAt),
      request: facts,
      account: request.account,
      trunk,
    });
    for (const answer of this.#transactions.takeEarly(key, this.#context.clock.now))
      this.#answer(transaction, answer, path);
  }

  #response(path: PacketPath, message: SipMessage, seenAt: Millis): void {
    const method = message.cseqMethod;
    if (!WATCHED.has(method)) return;
    const { servers, returnPaths, clock } = this.#context;
    // answers to the PBX's own requests are nobody's attack
    if (servers.is(path.destination, path.destinationPort, path.transport)) {
      const challenged = message.status === 401 || message.status === 407;
      if (challenged && !servers.is(path.source, path.sourcePort, path.transport))
        for (const secret of secretsOf(message.challenge())) returnPaths.spoilt(secret, clock.now);
      return;
    }
    const key = Transactions.key(message.callId, message.cseq, method, message.branch);
    const transaction = this.#transactions.find(key);
    const waits = transaction?.request;
    if (waits === null || (waits?.provisional === true && message.status < 200)) return;
    const answer = answerOf(message, seenAt);
    for (const secret of answer.secrets) returnPaths.issued(secret, path.destination, clock.now);
    if (method === 'INVITE' && message.status >= 200 && message.status < 300)
      returnPaths.issued(dialogSecret(message), path.destination, clock.now);
    if (transaction !== undefined) this.#answer(transaction, answer, path, true);
    // any but 100 may have overtaken its request
    else if (message.toTag !== '') this.#transactions.hold(key, answer, clock.now);
  }

  /** What a request proves of its source, by what it repeats of an answer. */
  #proof({ transport, source }: PacketPath, secrets: readonly string[]): SourceProof {
    const { returnPaths, clock } = this.#context;
    for (const secret of secrets)
      if (returnPaths.proof(transport, source, secret, clock.now) !== 'none') return 'answered';
    return returnPaths.proof(transport, source, null, clock.now);
  }

  #noteFirstHop(facts: RequestFacts): void {
    const known = this.#firstHop.get(facts.callId);
    if (known === undefined) this.#firstHop.set(facts.callId, firstHop(facts));
    else if (known.source === facts.source && facts.proof !== 'none') known.proof = facts.proof;
  }

  /** The caller has received the answer to his INVITE: its tag was sent to him alone (RFC 3261 section 13.2.2.4). */
  #acknowledged(path: PacketPath, message: SipMessage, seenAt: Millis): void {
    if (message.toTag === '') return;
    const call = this.#calls.byCallId(message.callId);
    if (call?.proof !== 'none' || call.source !== path.source) return;
    if (this.#proof(path, [dialogSecret(message)]) !== 'none') this.#calls.proved(call, 'answered', seenAt);
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
      ...stamp(this.#context, 'sip', answer.seenAt),
      request: facts,
      account: request.account,
      trunk: request.trunk,
      status,
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
    this.#authentication.failed('sip', answer.seenAt, {
      account: request.account,
      username: facts.authUser ?? (facts.method === 'REGISTER' ? facts.toUser : facts.fromUser),
      ...offeredBy(facts),
      reason,
      proof: facts.proof,
    });
  }

  /** Told at the first answer that shows it: the provisional one of a call, the 200 of a registration. */
  #succeeded(request: OpenRequest, seenAt: Millis): void {
    const { facts } = request;
    if (request.authenticated) return;
    request.authenticated = true;
    this.#authentication.succeeded('sip', seenAt, {
      account: facts.authUser === null ? request.account : this.#context.site.accounts.resolve(facts.authUser),
      username: facts.authUser ?? '',
      ...offeredBy(facts),
      proof: acceptedProof(facts),
    });
  }

  /** The PBX calls out. Towards a trunk that is the second leg of somebody's call, or a call that no phone placed. */
  #ownInvite(path: PacketPath, message: SipMessage, seenAt: Millis): void {
    if (this.#context.site.networks.trunkOf(path.destination) === null) return;
    if (this.#calls.byCallId(message.callId) !== undefined || this.#ownInvites.length >= 1_024) return;
    if (this.#ownInvites.some((waiting) => waiting.facts.callId === message.callId)) return;
    this.#ownInvites.push({ facts: requestFacts(path, message, null, 'none'), at: this.#context.clock.now, seenAt });
  }

  /** Time passes: what no caller's leg has explained by now is a call that the PBX placed by itself. */
  tick(): void {
    const now = this.#context.clock.now;
    if (this.#ownInvites.length === 0) return;
    const due = this.#ownInvites.filter((waiting) => now - waiting.at >= SECOND_LEG_WAIT);
    if (due.length === 0) return;
    this.#ownInvites = this.#ownInvites.filter((waiting) => now - waiting.at < SECOND_LEG_WAIT);
    for (const { facts, at, seenAt } of due) {
      const known = this.#calls.byCallId(facts.callId) !== undefined || this.#calls.isSecondLeg(facts.requestUser, at);
      if (known) continue;
      this.#calls.start({ ...ownCall(facts), feed: 'sip', seenAt, startedAt: at });
    }
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

/** Who offered credentials, where, with what. */
const offeredBy = ({ source, sourcePort, destination, transport, method, callId, userAgent }: RequestFacts) => ({
  source,
  sourcePort,
  destination,
  transport,
  method,
  callId,
  userAgent,
});

/** A call that the PBX places by itself. */
const ownCall = (facts: RequestFacts): Omit<CallSighting, 'feed' | 'seenAt' | 'startedAt'> => ({
  account: null,
  trunk: null,
  from: facts.fromUser,
  dialled: facts.requestUser,
  callId: facts.callId,
  uniqueid: null,
  linkedid: null,
  channel: null,
  source: null,
  sourcePort: 0,
  transport: null,
  userAgent: facts.userAgent,
  authenticated: null,
  proof: 'none',
});

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
