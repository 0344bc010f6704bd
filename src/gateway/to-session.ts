import { parseSip, parseUri, parseVia, type SipMessage } from '../wire/sip.ts';
import { SipDraft } from '../wire/sip-draft.ts';
import type { BorderContext } from './border-context.ts';
import {
  answerPort,
  answerTo,
  belonging,
  hop,
  isAt,
  ownRoutes,
  recordRoutes,
  seenVia,
  unwrapContact,
  viaValue,
} from './border-edit.ts';
import { Early } from './early.ts';
import type { Across } from './edge.ts';
import { unansweredOf, type Flow } from './flows.ts';
import { DIALOG_FORMING } from './to-upstream.ts';
import { RINGS, T1, T2, TIMEOUT, type Transaction } from './transactions.ts';
import type { Origin } from './upstream.ts';

/** A cut flow is waited for so long from its last sign of life. */
export const RESUMES = 30_000;

/** Where a request of the PBX leads, and what its URI is out there. */
interface Way {
  readonly flow: Flow;
  /** null: as it came */
  readonly uri: string | null;
}

/** Requests from the PBX to the sessions, and the answers to them. */
export class ToSession {
  readonly #border: BorderContext;
  readonly #early: Early;

  constructor(border: BorderContext) {
    this.#border = border;
    this.#early = new Early(border.now + RESUMES);
  }

  /** A flow has a session again: what waited for it goes on. */
  opened({ token }: Flow): void {
    for (const { bytes, request, origin } of this.#early.release(token))
      this.request(bytes, request, origin, performance.now());
  }

  /** To be called as time passes. */
  tick(): void {
    for (const { request, origin } of this.#early.over(this.#border.now)) this.#lost(request, origin);
  }

  /** A request came from inside. */
  request(bytes: Buffer, request: SipMessage, origin: Origin, started: number): void {
    const { transactions, options } = this.#border;
    const { method, via } = request;
    const from = `in:${origin.upstream?.name ?? origin.peer.address}:${via?.host ?? ''}:${via?.port ?? 0}`;
    const branch = options.keys.branch(
      from,
      request.branch,
      method === 'ACK' || method === 'CANCEL' ? 'INVITE' : method,
    );
    const known = transactions.get(branch);
    if (method === 'ACK' && known !== null && known.status >= 300) return this.#acknowledged(known);
    if (method === 'CANCEL') return this.#cancel(request, origin, known, branch);
    if (method !== 'ACK' && known !== null) {
      this.#border.count('messages.again');
      if (known.answer !== null) this.#border.answerInside(known, known.answer);
      return;
    }
    const way = this.#way(request);
    if (way === null) return this.#wait(bytes, request, origin, branch);
    if (transactions.isFull) return this.#refuse(request, origin, 503, ['Retry-After: 5']);
    const made = this.#make(way, bytes, request, origin, branch);
    if (typeof made === 'number') return this.#refuse(request, origin, made);
    const transaction = method === 'ACK' ? null : this.#begin(way.flow, bytes, request, origin, branch);
    options.inOrder(way.flow, () => this.#out(way.flow, made, transaction, started));
  }

  /** Its flow may be one that comes back after a start of ours. */
  #wait(bytes: Buffer, request: SipMessage, origin: Origin, branch: string): void {
    const { method } = request;
    const token = this.#tokenOf(request);
    const held = method !== 'ACK' && this.#early.hold({ token, branch, bytes, request, origin }, this.#border.now);
    if (!held) return this.#lost(request, origin);
    this.#border.count('messages.early');
    if (method === 'INVITE') this.#refuse(request, origin, 100);
  }

  /** '' : it names no flow */
  #tokenOf(request: SipMessage): string {
    const { user } = ownRoutes(request.values('Route'), this.#border.places);
    const uri = parseUri(request.requestUri);
    return user !== '' ? user : ((uri.ok ? unwrapContact(uri.value)?.token : undefined) ?? '');
  }

  /** No session is named, or none that is there. */
  #lost(request: SipMessage, origin: Origin): void {
    const { requestUri, requestUser } = request;
    const uri = parseUri(requestUri);
    const ours = uri.ok && isAt(this.#border.places, uri.value.host, uri.value.port);
    // somebody inside asks whether we are there
    if (request.method === 'OPTIONS' && ours && requestUser === '') return this.#refuse(request, origin, 200);
    this.#border.count('refused.no-flow');
    this.#refuse(request, origin, ours ? 430 : 404);
  }

  /** By Route (Path, Record-Route, or made by hand: a flow's token or an account), else by the Contact that we made of his. */
  #way(request: SipMessage): Way | null {
    const { flows } = this.#border.options;
    const routes = ownRoutes(request.values('Route'), this.#border.places);
    const uri = parseUri(request.requestUri);
    const wrapped = uri.ok ? unwrapContact(uri.value) : null;
    const target = wrapped?.contact ?? null;
    if (routes.user !== '') {
      const flow = flows.ofToken(routes.user) ?? flows.ofAccount(routes.user)[0];
      return this.#alive(flow, target);
    }
    if (wrapped !== null) return this.#alive(flows.ofToken(wrapped.token), target);
    const account =
      uri.ok && isAt(this.#border.places, uri.value.host, uri.value.port) ? uri.value.parameters['account'] : undefined;
    return account === undefined ? null : this.#alive(flows.ofAccount(account)[0], null);
  }

  #alive(flow: Flow | null | undefined, uri: string | null): Way | null {
    if (flow === null || flow === undefined) return null;
    const waits = flow.kind === 'csc' && this.#border.now - flow.lostAt < RESUMES;
    return flow.session !== null || waits ? { flow, uri } : null;
  }

  #refuse(request: SipMessage, origin: Origin, status: number, more: readonly string[] = []): void {
    if (request.method === 'ACK') return;
    const { inside, tag } = this.#border.options;
    const port = answerPort(request.values('Via')[0] ?? '', origin.peer);
    inside.answer(origin, port, answerTo(request, status, tag(), origin.peer, more));
  }

  /** The request as it goes out, before the edges; a number: the status that refuses it. */
  #make({ flow, uri }: Way, bytes: Buffer, request: SipMessage, origin: Origin, branch: string): Buffer | number {
    const { options, places } = this.#border;
    const read = SipDraft.of(bytes);
    if (!read.ok) return 400;
    const draft = read.value;
    if (!hop(draft)) return 483;
    const vias = draft.values('Via').map(parseVia);
    if (vias.filter((via) => via.ok && isAt(places, via.value.host, via.value.port)).length >= 4) return 482;
    draft.drop('Route', ownRoutes(draft.values('Route'), places).count);
    if (uri !== null) draft.uri(uri);
    if (request.contentLength === null) draft.set('Content-Length', String(request.body.length));
    draft.replaceFirst('Via', seenVia(draft.values('Via')[0] ?? '', origin.peer));
    const upstream = origin.upstream ?? options.inside.upstreams[0];
    if (request.toTag === '' && DIALOG_FORMING.includes(request.method) && upstream !== undefined)
      recordRoutes(draft, upstream.inside, options.outside, flow.token, upstream.name, 'outside');
    const own = request.method === 'ACK' ? options.keys.branch('in', request.branch, 'ACK') : branch;
    draft.prepend('Via', viaValue(options.outside, own));
    return draft.bytes();
  }

  #begin(flow: Flow, received: Buffer, request: SipMessage, origin: Origin, branch: string): Transaction {
    const now = this.#border.now;
    const { method } = request;
    const transaction: Transaction = {
      ...{ branch, side: 'in', method, flow, began: now, received, crossed: null, sent: null, upstream: null, origin },
      ...{ answerPort: answerPort(request.values('Via')[0] ?? '', origin.peer), heard: false, status: 0, answer: null },
      ...{
        acknowledged: false,
        cancel: null,
        cancelSent: false,
        tried: 0,
        pause: T1,
        resendAt: Infinity,
        failoverAt: Infinity,
        deadline: now + TIMEOUT,
      },
    };
    this.#border.transactions.add(transaction);
    this.#border.transactions.at(transaction, transaction.deadline);
    if (method === 'INVITE') this.#border.answerLocally(transaction, 100);
    return transaction;
  }

  #out(flow: Flow, made: Buffer, transaction: Transaction | null, started: number): Promise<void> | undefined {
    const message = parseSip(made);
    if (!message.ok) return undefined;
    const across = this.#border.cross('out', flow, made, message.value);
    const go = (result: Across): void => {
      if (!result.ok) {
        this.#border.count(`refused.${result.edge}`);
        if (result.finding !== null)
          this.#border.tellOf(flow, message.value, result.finding.kind, result.finding.detail, result.finding.claimed);
        if (transaction !== null) this.#border.answerLocally(transaction, result.status);
        return;
      }
      this.#border.options.mirror('out', flow.peer, made, this.#border.now);
      if (transaction !== null) {
        if (transaction.status !== 0) return; // cancelled, or timed out, while an edge thought
        transaction.sent = result.bytes;
      }
      this.#border.toSession(flow, result.bytes, result.message);
      this.#border.options.latency.add(performance.now() - started);
    };
    if (across instanceof Promise) return across.then(go);
    go(across);
    return undefined;
  }

  #cancel(cancel: SipMessage, origin: Origin, invite: Transaction | null, branch: string): void {
    const early = this.#early.take(branch);
    if (early !== null) {
      this.#refuse(cancel, origin, 200);
      return this.#refuse(early.request, early.origin, 487);
    }
    if (invite?.side !== 'in') return this.#refuse(cancel, origin, 481);
    this.#refuse(cancel, origin, 200);
    this.#giveUp(
      invite,
      cancel.headers('Reason').map((reason) => `Reason: ${reason}`),
    );
  }

  #giveUp(invite: Transaction, more: readonly string[] = []): void {
    if (invite.status !== 0 || invite.cancel !== null) return;
    const sent = invite.sent === null ? null : parseSip(invite.sent);
    if (sent?.ok !== true) {
      // it has not left yet
      this.#border.answerLocally(invite, 487);
      return;
    }
    invite.cancel = belonging(sent.value, 'CANCEL', sent.value.header('To') ?? '', more);
    if (invite.heard) this.#sendCancel(invite);
  }

  #sendCancel(invite: Transaction): void {
    const message = invite.cancel === null ? null : parseSip(invite.cancel);
    if (invite.cancel === null || message?.ok !== true) return;
    invite.cancelSent = true;
    this.#border.toSession(invite.flow, invite.cancel, message.value);
    invite.deadline = Math.min(invite.deadline, this.#border.now + TIMEOUT);
    this.#border.transactions.at(invite, invite.deadline);
  }

  /** An answer came out of a session. */
  answer(flow: Flow, bytes: Buffer, answer: SipMessage, started: number): Promise<void> | undefined {
    const { transactions } = this.#border;
    const transaction = transactions.get(answer.branch);
    flow.unanswered?.received(answer);
    if (transaction?.side !== 'in' || transaction.flow !== flow) {
      // a session answers what it was asked, and nothing else
      this.#border.count('answers.stray');
      return undefined;
    }
    const { method } = transaction;
    if (answer.cseqMethod !== method) return undefined; // 200 to our CANCEL
    transaction.heard = true;
    if (answer.status < 200) this.#provisional(transaction);
    if (answer.status >= 300 && method === 'INVITE') this.#acknowledge(transaction, answer);
    const repeated = transaction.status !== 0;
    if (
      answer.status === 100 ||
      (repeated && (method !== 'INVITE' || answer.status >= 300 || transaction.status >= 300))
    )
      return undefined;
    if (answer.status >= 200) transactions.final(transaction, answer.status, null, this.#border.now);
    const across = this.#border.cross('in', flow, bytes, answer);
    const go = (result: Across): void => this.#back(transaction, result, started);
    if (across instanceof Promise) return across.then(go);
    go(across);
    return undefined;
  }

  #provisional(transaction: Transaction): void {
    if (transaction.status !== 0 || transaction.method !== 'INVITE') return;
    if (transaction.cancel !== null && !transaction.cancelSent) return this.#sendCancel(transaction);
    if (transaction.cancelSent) return;
    transaction.deadline = this.#border.now + RINGS;
    this.#border.transactions.at(transaction, transaction.deadline);
  }

  /** A failure is acknowledged hop by hop (section 17.1.1.3), in the session's own terms. */
  #acknowledge({ sent, flow }: Transaction, answer: SipMessage): void {
    const invite = sent === null ? null : parseSip(sent);
    if (invite?.ok !== true) return;
    const ack = belonging(invite.value, 'ACK', answer.header('To') ?? '');
    const message = parseSip(ack);
    if (message.ok) this.#border.toSession(flow, ack, message.value);
  }

  #back(transaction: Transaction, across: Across, started: number): void {
    const { flow, method, status } = transaction;
    const { transactions, options } = this.#border;
    if (!across.ok) return this.#border.count(`refused.${across.edge}`);
    options.mirror('in', flow.peer, across.bytes, this.#border.now);
    const read = SipDraft.of(across.bytes);
    if (!read.ok) return;
    read.value.drop('Via', 1);
    const made = read.value.bytes();
    if (across.message.status >= 200) transaction.answer = made;
    this.#border.answerInside(transaction, made);
    options.latency.add(performance.now() - started);
    if (method === 'INVITE' && status >= 300 && transaction.origin?.transport === 'udp' && !transaction.acknowledged) {
      // timer G: until the ACK comes
      transaction.pause = T1;
      transactions.at(transaction, this.#border.now + T1);
    }
  }

  #acknowledged(invite: Transaction): void {
    invite.acknowledged = true;
    this.#border.transactions.at(invite, invite.deadline);
  }

  /** Its time has come: the answer to it is repeated, or it is given up. */
  due(transaction: Transaction): void {
    const { transactions, now } = this.#border;
    if (transaction.status !== 0) {
      if (now >= transaction.deadline || transaction.acknowledged || transaction.answer === null) {
        if (now >= transaction.deadline) transactions.remove(transaction);
        else transactions.at(transaction, transaction.deadline);
        return;
      }
      this.#border.answerInside(transaction, transaction.answer);
      transaction.pause = Math.min(2 * transaction.pause, T2);
      transactions.at(transaction, now + transaction.pause);
    } else if (transaction.method === 'INVITE' && transaction.heard && !transaction.cancelSent)
      this.#giveUp(transaction);
    else this.#timeout(transaction);
  }

  #timeout(transaction: Transaction): void {
    this.#border.count('timeouts');
    unansweredOf(transaction.flow).settled(transaction.branch, transaction.method);
    this.#border.answerLocally(transaction, 408);
  }

  /** The flow does not come back: what was sent to it has no answer. */
  gone(flow: Flow): void {
    this.#early.gone(flow.token, this.#border.now);
    for (const transaction of this.#border.transactions.of(flow))
      if (transaction.side === 'in' && transaction.status === 0) this.#timeout(transaction);
  }
}
