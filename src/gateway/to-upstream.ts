import { parseSip, parseUri, parseVia, type SipMessage } from '../wire/sip.ts';
import { SipDraft } from '../wire/sip-draft.ts';
import type { BorderContext } from './border-context.ts';
import {
  answerTo,
  belonging,
  hop,
  isAt,
  ownRoutes,
  pathValue,
  recordRoutes,
  seenVia,
  unwrapContacts,
  viaValue,
  wrapContacts,
} from './border-edit.ts';
import type { Across } from './edge.ts';
import type { Flow } from './flows.ts';
import { RINGS, T1, T2, TIMEOUT, type Transaction } from './transactions.ts';
import type { Origin, Upstream } from './upstream.ts';

/** Requests after which a dialog may stand, so that what follows must come by here too (RFC 3261 section 16.6, step 4). */
export const DIALOG_FORMING = ['INVITE', 'SUBSCRIBE', 'REFER', 'NOTIFY'];

/** A message that has passed us so often goes round in circles; twice is a call from one phone outside to another. */
const MOST_PASSES = 4;

/** What no stranger may say of himself (RFC 3325 section 7), or of the way back (RFC 3327 section 5.5). */
const NOT_THEIRS = ['P-Asserted-Identity', 'Remote-Party-ID', 'Path'];
/** The secret call's; whoever may send them has had them read and taken out at the edge. */
const SECRET_CALL = ['CGS-Callee', 'CGS-Caller'];

/** A request is refused on its way, with what is told of it. */
class Refusal {
  readonly status: number;
  readonly more: readonly string[];
  constructor(status: number, ...more: readonly string[]) {
    this.status = status;
    this.more = more;
  }
}

/** Requests from sessions to the PBX, and its answers (RFC 3261 section 16). */
export class ToUpstream {
  readonly #border: BorderContext;

  constructor(border: BorderContext) {
    this.#border = border;
  }

  /** A request came out of a session. @returns a promise where an edge needs it */
  request(flow: Flow, bytes: Buffer, request: SipMessage, started: number): Promise<void> | undefined {
    const { transactions, options } = this.#border;
    const { method } = request;
    const kin = method === 'ACK' || method === 'CANCEL' ? 'INVITE' : method;
    const branch = options.keys.branch(flow.key, request.branch, kin);
    const known = transactions.get(branch);
    if (method === 'ACK') {
      flow.unanswered?.received(request);
      // of a failure: it goes no further (section 17.2.1)
      if (known !== null && known.status >= 300) return undefined;
    } else if (method === 'CANCEL') {
      this.#cancel(flow, request, known);
      return undefined;
    } else if (known !== null) {
      this.#border.count('messages.again');
      if (known.answer !== null) this.#border.answerSession(flow, known.answer, known.status);
      return undefined;
    }
    if (transactions.isFull || flow.pending >= this.#mostPending(flow)) {
      this.#border.count('refused.pending');
      this.#border.refuse(flow, request, 503, ['Retry-After: 5']);
      return undefined;
    }
    const across = this.#border.cross('in', flow, bytes, request);
    const go = (result: Across): void => this.#crossed(flow, bytes, request, branch, result, started);
    if (across instanceof Promise) return across.then(go);
    go(across);
    return undefined;
  }

  #mostPending({ trunk }: Flow): number {
    const { pending } = this.#border.options;
    return trunk === null ? pending : 50 * pending;
  }

  #crossed(flow: Flow, received: Buffer, request: SipMessage, branch: string, across: Across, started: number): void {
    const { policy, mirror } = this.#border.options;
    if (!across.ok) {
      this.#border.count(`refused.${across.edge}`);
      const { finding, status, after = 0 } = across;
      if (finding !== null) this.#border.tellOf(flow, request, finding.kind, finding.detail, finding.claimed);
      this.#later(after - (performance.now() - started), () => this.#border.refuse(flow, request, status));
      return;
    }
    const { equalised = null } = across;
    const refuse = (status: number, more: readonly string[] = []): void =>
      equalised === null
        ? this.#border.refuse(flow, request, status, more)
        : this.#later(equalised.after - (performance.now() - started), () =>
            this.#border.refuse(flow, request, equalised.status),
          );
    mirror('in', flow.peer, across.bytes, this.#border.now);
    const fault = policy.isEmergency(across.message) ? null : policy.judge(flow, across.message);
    if (fault !== null) {
      this.#border.count(`refused.${fault.reason}`);
      this.#border.tellOf(flow, across.message, fault.kind, fault.detail, fault.claimed);
      refuse(fault.status);
      return;
    }
    const upstream = this.#next(across.message, null);
    const made = this.#make(flow, across.bytes, across.message, upstream, branch);
    if (made instanceof Refusal) {
      this.#border.count(`refused.${made.status}`);
      refuse(made.status, made.more);
      return;
    }
    if (request.method !== 'ACK') this.#begin(flow, received, across.bytes, made, branch, upstream, request.method);
    this.#border.options.inside.send(upstream, made);
    this.#border.options.latency.add(performance.now() - started);
  }

  #later(wait: number, work: () => void): void {
    if (wait <= 0) work();
    else this.#border.options.later(wait, work);
  }

  #begin(
    flow: Flow,
    received: Buffer,
    crossed: Buffer,
    sent: Buffer,
    branch: string,
    upstream: Upstream,
    method: string,
  ): void {
    const now = this.#border.now;
    const transaction: Transaction = {
      ...{
        branch,
        side: 'out',
        method,
        flow,
        began: now,
        received,
        crossed,
        sent,
        upstream,
        origin: null,
        answerPort: 0,
      },
      ...{ heard: false, status: 0, answer: null, acknowledged: false, cancel: null, cancelSent: false, tried: 0 },
      ...{ pause: T1, resendAt: 0, failoverAt: 0, deadline: now + TIMEOUT },
    };
    this.#border.transactions.add(transaction);
    if (method === 'INVITE') this.#border.answerLocally(transaction, 100);
    this.#sent(transaction);
  }

  /** It was sent to its upstream for the first time. */
  #sent(transaction: Transaction): void {
    const { now, options } = this.#border;
    transaction.began = now;
    transaction.deadline = now + TIMEOUT;
    transaction.pause = transaction.upstream?.transport === 'udp' ? T1 : Infinity;
    transaction.resendAt = now + transaction.pause;
    transaction.failoverAt = now + options.failoverAfter;
    this.#schedule(transaction);
  }

  #schedule(transaction: Transaction): void {
    this.#border.transactions.at(transaction, Math.min(transaction.resendAt, transaction.failoverAt));
  }

  /** Where a request goes: within a dialog to whom its Route names, else to the first upstream that is there. */
  #next(request: SipMessage, not: Upstream | null): Upstream {
    const { upstreams } = this.#border.options.inside;
    const { upstream } = ownRoutes(request.values('Route'), this.#border.places);
    const named =
      request.toTag === '' ? undefined : (upstreams.find(({ name }) => name === upstream) ?? this.#byUri(request));
    const next = named ?? upstreams.find((one) => one.up && one !== not) ?? upstreams[0];
    if (next === undefined) throw new Error('a gateway without upstream');
    return next;
  }

  #byUri(request: SipMessage): Upstream | undefined {
    const uri = parseUri(request.requestUri);
    if (!uri.ok) return undefined;
    const { upstreams } = this.#border.options.inside;
    return upstreams.find((one) => isAt([one], uri.value.host, uri.value.port, one.transport));
  }

  /** The request as the upstream gets it. */
  #make(flow: Flow, bytes: Buffer, request: SipMessage, upstream: Upstream, branch: string): Buffer | Refusal {
    const { options, places } = this.#border;
    const read = SipDraft.of(bytes);
    if (!read.ok) return new Refusal(400);
    const draft = read.value;
    if (!/^(?:sips?|tel):/i.test(request.requestUri)) return new Refusal(416);
    const wanted = draft.values('Proxy-Require').filter((tag) => tag.toLowerCase() !== 'path');
    if (wanted.length > 0) return new Refusal(420, `Unsupported: ${wanted.join(', ')}`);
    if (!hop(draft)) return new Refusal(483);
    const vias = draft.values('Via').map(parseVia);
    if (vias.filter((via) => via.ok && isAt(places, via.value.host, via.value.port)).length >= MOST_PASSES) {
      this.#border.tellOf(flow, request, 'loop', `${request.method} to ${request.requestUser} goes round in circles`);
      return new Refusal(482);
    }
    // what begins a dialog goes where we say, not where a preloaded Route says
    if (request.toTag === '') draft.remove('Route');
    else draft.drop('Route', ownRoutes(draft.values('Route'), places).count);
    if (upstream.domain !== '') this.#retarget(draft, request, upstream.domain);
    draft.replaceFirst('Via', seenVia(draft.values('Via')[0] ?? '', flow.peer));
    if (flow.trunk === null) draft.remove(...NOT_THEIRS);
    draft.remove(...SECRET_CALL);
    if (options.sourceHeader !== '') draft.set(options.sourceHeader, flow.peer.address);
    if (options.accountHeader !== '') {
      draft.remove(options.accountHeader);
      const [account] = flow.kind === 'csc' ? flow.accounts : [];
      if (account !== undefined) draft.set(options.accountHeader, account);
    }
    if (request.method === 'REGISTER') {
      if (!this.#register(draft, flow, upstream)) return new Refusal(400);
    } else if (request.toTag === '' && DIALOG_FORMING.includes(request.method))
      recordRoutes(draft, upstream.inside, options.outside, flow.token, upstream.name, 'inside');
    const ownBranch = request.method === 'ACK' ? options.keys.branch(flow.key, request.branch, 'ACK') : branch;
    draft.prepend('Via', viaValue(upstream.inside, ownBranch));
    return draft.bytes();
  }

  #register(draft: SipDraft, flow: Flow, { registrations, inside }: Upstream): boolean {
    if (registrations === 'contact') return wrapContacts(draft, inside, flow.token).ok;
    const outbound = draft.values('Contact').some((contact) => /;\s*reg-id\s*=/i.test(contact));
    draft.prepend('Path', pathValue(inside, flow.token, outbound));
    if (!draft.values('Supported').some((tag) => tag.toLowerCase() === 'path')) draft.append('Supported', 'path');
    return true;
  }

  /** Requests to our own name are for the domain behind us. */
  #retarget(draft: SipDraft, { requestUri }: SipMessage, domain: string): void {
    const uri = parseUri(requestUri);
    if (!uri.ok || uri.value.scheme === 'tel') return;
    if (!isAt(this.#border.places, uri.value.host, uri.value.port, uri.value.parameters['transport'] ?? 'tls')) return;
    const user = /^[^:]*:(?:([^@]*)@)?/.exec(requestUri)?.[1];
    draft.uri(`sip:${user === undefined ? '' : `${user}@`}${domain}`);
  }

  /** CANCEL is answered here and goes on of itself, when the INVITE has been answered by anything (section 9.1). */
  #cancel(flow: Flow, cancel: SipMessage, invite: Transaction | null): void {
    if (invite?.side !== 'out' || invite.flow !== flow) {
      this.#border.refuse(flow, cancel, 481);
      return;
    }
    this.#border.answerSession(flow, answerTo(cancel, 200, this.#border.options.tag(), flow.peer), 200);
    this.giveUp(
      invite,
      cancel.headers('Reason').map((reason) => `Reason: ${reason}`),
    );
  }

  /** Cancels an INVITE that has no final answer. */
  giveUp(invite: Transaction, more: readonly string[] = []): void {
    if (invite.status !== 0 || invite.cancel !== null || invite.sent === null) return;
    const sent = parseSip(invite.sent);
    if (!sent.ok) return;
    invite.cancel = belonging(sent.value, 'CANCEL', sent.value.header('To') ?? '', more);
    if (invite.heard) this.#sendCancel(invite);
  }

  #sendCancel(invite: Transaction): void {
    if (invite.cancel === null || invite.upstream === null) return;
    const { now, options } = this.#border;
    invite.cancelSent = true;
    options.inside.send(invite.upstream, invite.cancel);
    // no final answer within 64*T1: it is taken for dead (section 9.1)
    invite.deadline = Math.min(invite.deadline, now + TIMEOUT);
    invite.pause = invite.upstream.transport === 'udp' ? T1 : Infinity;
    invite.resendAt = now + invite.pause;
    this.#schedule(invite);
  }

  /** An answer came from inside. */
  answer(bytes: Buffer, answer: SipMessage, origin: Origin, started: number): void {
    const { transactions } = this.#border;
    const transaction = transactions.get(answer.branch);
    if (transaction?.side !== 'out' || transaction.upstream !== origin.upstream)
      return this.#border.count('answers.stray');
    if (answer.cseqMethod === 'CANCEL' && transaction.method === 'INVITE') {
      transaction.resendAt = Infinity; // it has arrived
      return;
    }
    if (answer.cseqMethod !== transaction.method) return this.#border.count('answers.stray');
    const { method } = transaction;
    transaction.heard = true;
    transaction.failoverAt = Infinity;
    if (answer.status < 200) this.#provisional(transaction);
    else if (transaction.status !== 0) {
      // told already: only a 2xx to an INVITE goes on each time, for its ACK was lost (section 16.7, step 5)
      if (method === 'INVITE' && answer.status >= 300) this.#acknowledge(transaction, answer);
      if (method !== 'INVITE' || answer.status >= 300 || transaction.status >= 300) return;
    }
    if (answer.status === 100) return;
    const { flow } = transaction;
    if (answer.status >= 300 && method === 'INVITE') this.#acknowledge(transaction, answer);
    if (answer.status >= 200) transactions.final(transaction, answer.status, null, this.#border.now);
    this.#border.options.inOrder(flow, () => this.#back(transaction, bytes, answer, started));
  }

  #provisional(transaction: Transaction): void {
    if (transaction.status !== 0 || transaction.cancelSent) return;
    if (transaction.method !== 'INVITE') {
      transaction.pause = Math.max(transaction.pause, T2);
      return;
    }
    transaction.resendAt = Infinity;
    transaction.deadline = this.#border.now + RINGS;
    if (transaction.cancel === null) this.#schedule(transaction);
    else this.#sendCancel(transaction);
  }

  #acknowledge({ sent, upstream }: Transaction, answer: SipMessage): void {
    const invite = sent === null ? null : parseSip(sent);
    if (invite?.ok !== true || upstream === null) return;
    this.#border.options.inside.send(upstream, belonging(invite.value, 'ACK', answer.header('To') ?? ''));
  }

  /** An answer goes to the session whose request it is for. */
  #back(transaction: Transaction, bytes: Buffer, answer: SipMessage, started: number): Promise<void> | undefined {
    const { flow } = transaction;
    const read = SipDraft.of(bytes);
    if (!read.ok) return undefined;
    const draft = read.value;
    draft.drop('Via', 1);
    if (answer.contentLength === null) draft.set('Content-Length', String(answer.body.length));
    if (answer.cseqMethod === 'REGISTER' && answer.status >= 200 && answer.status < 300)
      this.#registered(flow, draft, answer, transaction);
    const made = draft.bytes();
    const message = parseSip(made);
    if (!message.ok) return undefined; // no Via was left: it was not for us to send on
    const across = this.#border.cross('out', flow, made, message.value);
    const go = (result: Across): void => {
      if (!result.ok) return this.#border.count(`refused.${result.edge}`);
      this.#border.options.mirror('out', flow.peer, made, this.#border.now);
      if (answer.status >= 200) transaction.answer = result.bytes;
      this.#border.toSession(flow, result.bytes, result.message);
      this.#border.options.latency.add(performance.now() - started);
    };
    if (across instanceof Promise) return across.then(go);
    go(across);
    return undefined;
  }

  /** The PBX has taken a registration: over plain TLS it is this that says whose session it is. */
  #registered(flow: Flow, draft: SipDraft, answer: SipMessage, { upstream }: Transaction): void {
    const { policy, flows } = this.#border.options;
    if (upstream?.registrations === 'contact') unwrapContacts(draft, flow.token);
    if (flow.kind !== 'tls') return;
    const account = policy.accountOf(answer.toUser);
    if (!flow.accounts.has(account)) flows.bind(flow, account);
  }

  /** Its time has come: it is sent again, sent elsewhere, or given up. */
  due(transaction: Transaction): void {
    const { transactions, now } = this.#border;
    if (transaction.status !== 0) {
      transactions.remove(transaction);
      return;
    }
    if (now >= transaction.deadline) {
      // what rings for too long is cancelled first (timer C)
      if (transaction.heard && transaction.method === 'INVITE' && !transaction.cancelSent) this.giveUp(transaction);
      else this.#timeout(transaction);
      return;
    }
    if (now >= transaction.failoverAt && this.#elsewhere(transaction)) return;
    if (now >= transaction.resendAt) this.#again(transaction);
    this.#schedule(transaction);
  }

  /** Over UDP (timers A and E of section 17.1; CANCEL is a transaction of its own like the latter). */
  #again(transaction: Transaction): void {
    const { method, upstream, cancelSent } = transaction;
    const bytes = cancelSent ? transaction.cancel : transaction.sent;
    if (bytes === null || upstream === null) return;
    this.#border.count('retransmissions');
    this.#border.options.inside.send(upstream, bytes);
    const doubled = 2 * transaction.pause;
    transaction.pause = method === 'INVITE' && !cancelSent ? doubled : Math.min(doubled, T2);
    transaction.resendAt = this.#border.now + transaction.pause;
  }

  /** Tries the next upstream with a request that begins something and that nobody has answered. */
  #elsewhere(transaction: Transaction): boolean {
    const { inside } = this.#border.options;
    const { upstream, crossed, flow, branch } = transaction;
    transaction.failoverAt = Infinity;
    const request = crossed === null ? null : parseSip(crossed);
    if (upstream === null || crossed === null || request?.ok !== true) return false;
    inside.suspect(upstream);
    if (request.value.toTag !== '' || transaction.tried >= inside.upstreams.length - 1) return false;
    const next = this.#next(request.value, upstream);
    const made = next === upstream || !next.up ? null : this.#make(flow, crossed, request.value, next, branch);
    if (made === null || made instanceof Refusal) return false;
    this.#border.count('failovers');
    transaction.upstream = next;
    transaction.sent = made;
    transaction.tried++;
    inside.send(next, made);
    this.#sent(transaction);
    return true;
  }

  #timeout(transaction: Transaction): void {
    this.#border.count('timeouts');
    if (transaction.upstream !== null) this.#border.options.inside.suspect(transaction.upstream);
    this.#border.answerLocally(transaction, 408);
  }

  /** Nobody will come for the answers of this flow: calls that ring for it are cancelled. */
  gone(flow: Flow): void {
    for (const transaction of this.#border.transactions.of(flow))
      if (transaction.side === 'out' && transaction.method === 'INVITE') this.giveUp(transaction);
  }
}
