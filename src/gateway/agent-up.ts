import { parseSip, parseUri, parseVia, type SipMessage } from '../wire/sip.ts';
import { SipDraft } from '../wire/sip-draft.ts';
import { recordRoute, viaHost, type AgentContext, type AgentTransaction, type Veiled } from './agent-context.ts';
import type { LocalPeer } from './agent-local.ts';
import { answerTo, belonging, hop, seenVia } from './border-edit.ts';
import { unclean } from './policy.ts';
import { DIALOG_FORMING } from './to-upstream.ts';
import { RINGS, T1, T2, TIMEOUT } from './transactions.ts';

/** Requests from phones to the gateway, and the answers to them (RFC 3261 section 16). */
export class AgentUp {
  readonly #agent: AgentContext;

  constructor(agent: AgentContext) {
    this.#agent = agent;
  }

  /** A request came from a phone. */
  request(bytes: Buffer, request: SipMessage, peer: LocalPeer): void {
    const { method } = request;
    const fault = unclean(request, bytes);
    if (fault !== null) {
      this.#agent.count('refused.malformed');
      this.#agent.options.log.warn({ from: peer.address }, `a phone's ${method} is not in order: ${fault}`);
      return this.#refuse(request, peer, 400);
    }
    const kin = method === 'ACK' || method === 'CANCEL' ? 'INVITE' : method;
    const branch = this.#branch(request, peer, kin);
    const known = this.#agent.get(branch);
    if (method === 'ACK') {
      if (known !== null && known.status >= 300) this.#acknowledged(known);
      else this.#on(bytes, request, peer, this.#branch(request, peer, 'ACK'), null);
      return;
    }
    if (method === 'CANCEL') return this.#cancel(request, peer, known);
    if (known !== null) {
      this.#agent.count('again');
      if (known.answer !== null) this.#agent.toPhone(peer, known.answer);
      return;
    }
    if (this.#isForUs(request)) return this.#refuse(request, peer, this.#agent.session === null ? 503 : 200);
    if (!this.#agent.isUsable) {
      this.#agent.count('refused.no-gateway');
      return this.#refuse(request, peer, 503, ['Retry-After: 5']);
    }
    if (this.#agent.isFull) return this.#refuse(request, peer, 503, ['Retry-After: 5']);
    const transaction = this.#agent.begin('up', request, peer, branch, this.#isSecret(request));
    if (method === 'INVITE') this.#agent.answerLocally(transaction, 100);
    this.#on(bytes, request, peer, branch, transaction);
  }

  #isSecret(request: SipMessage): boolean {
    return this.#agent.options.veil?.isSecret(request) ?? false;
  }

  #branch(request: SipMessage, peer: LocalPeer, kin: string): string {
    const { via } = request;
    const from = `${peer.transport} ${via?.host ?? ''} ${via?.port ?? 0}`;
    return this.#agent.options.keys.branch(from, request.branch, kin);
  }

  /** Somebody asks whether we are there: OPTIONS to our own address, without a user. */
  #isForUs(request: SipMessage): boolean {
    return request.method === 'OPTIONS' && request.requestUser === '' && this.#agent.isOurs(request.requestUri);
  }

  #refuse(request: SipMessage, peer: LocalPeer, status: number, more: readonly string[] = []): void {
    if (request.method === 'ACK') return;
    this.#agent.toPhone(peer, answerTo(request, status, this.#agent.options.tag(), peer, more));
  }

  /** Sends it on, behind the veil where there is one. `transaction`: null for an ACK */
  #on(bytes: Buffer, request: SipMessage, peer: LocalPeer, branch: string, transaction: AgentTransaction | null): void {
    const made = this.#make(bytes, request, peer, branch);
    if (typeof made === 'number') {
      if (transaction !== null) this.#agent.answerLocally(transaction, made);
      return;
    }
    const message = parseSip(made);
    if (!message.ok) return;
    const { veil } = this.#agent.options;
    const veiled = veil?.out(made, message.value) ?? { ok: true, bytes: made };
    const go = (result: Veiled): void => this.#send(result, transaction);
    if (veiled instanceof Promise) void veiled.then(go);
    else go(veiled);
  }

  #send(result: Veiled, transaction: AgentTransaction | null): void {
    if (!result.ok) {
      if (transaction !== null) this.#agent.answerLocally(transaction, result.status);
      return;
    }
    // cancelled, or given up, while it was being sealed
    if (transaction !== null && transaction.status !== 0) return;
    const message = parseSip(result.bytes);
    if (!message.ok) return;
    if (transaction !== null) transaction.sent = result.bytes;
    this.#agent.toGateway(result.bytes, message.value);
  }

  /** The request as it leaves; a number: the status that refuses it. */
  #make(bytes: Buffer, request: SipMessage, peer: LocalPeer, branch: string): Buffer | number {
    const read = SipDraft.of(bytes);
    if (!read.ok) return 400;
    const draft = read.value;
    const { contacts, domain } = this.#agent.options;
    if (!hop(draft)) return 483;
    const vias = draft.values('Via').map(parseVia);
    if (vias.some((via) => via.ok && via.value.host === contacts.host)) return 482;
    this.#agent.dropRoutes(draft);
    if (this.#agent.isOurs(request.requestUri)) draft.uri(retargeted(request.requestUri, domain));
    draft.replaceFirst('Via', seenVia(draft.values('Via')[0] ?? '', peer));
    this.#agent.hideContacts(draft, request, peer, this.#isSecret(request) ? request.callId : '');
    this.#agent.mendMedia(draft, request);
    if (request.toTag === '' && DIALOG_FORMING.includes(request.method))
      draft.prepend('Record-Route', recordRoute(peer.place));
    draft.prepend('Via', viaHost(contacts.host, branch));
    return draft.bytes();
  }

  #cancel(cancel: SipMessage, peer: LocalPeer, invite: AgentTransaction | null): void {
    if (invite?.side !== 'up') return this.#refuse(cancel, peer, 481);
    this.#refuse(cancel, peer, 200);
    this.#giveUp(
      invite,
      cancel.headers('Reason').map((reason) => `Reason: ${reason}`),
    );
  }

  #giveUp(invite: AgentTransaction, more: readonly string[] = []): void {
    if (invite.status !== 0 || invite.cancel !== null) return;
    const sent = invite.sent === null ? null : parseSip(invite.sent);
    if (sent?.ok !== true) return this.#agent.answerLocally(invite, 487);
    // the gateway gets it behind the INVITE, whichever connection both take
    const cancel = belonging(sent.value, 'CANCEL', sent.value.header('To') ?? '', more);
    invite.cancel = cancel;
    const message = parseSip(cancel);
    if (message.ok) this.#agent.toGateway(cancel, message.value);
    invite.deadline = Math.min(invite.deadline, this.#agent.now + TIMEOUT);
    this.#agent.schedule(invite);
  }

  /** An answer came from the gateway. */
  answer(bytes: Buffer, answer: SipMessage): void {
    const agent = this.#agent;
    const transaction = agent.get(answer.branch);
    if (transaction?.side !== 'up') return agent.count('stray');
    const { method } = transaction;
    if (answer.cseqMethod !== method) return; // 200 to our CANCEL
    transaction.heard = true;
    if (answer.status >= 300 && method === 'INVITE') this.#acknowledge(transaction, answer);
    if (answer.status < 200) this.#provisional(transaction);
    const repeated = transaction.status !== 0;
    if (answer.status === 100 || (repeated && (method !== 'INVITE' || answer.status >= 300))) return;
    const read = SipDraft.of(bytes);
    if (!read.ok) return;
    const draft = read.value;
    draft.drop('Via', 1);
    agent.giveEnds(draft, answer, transaction.ends);
    if (method === 'REGISTER') agent.showContacts(draft);
    transaction.answer = draft.bytes();
    if (answer.status >= 200 && !repeated) agent.final(transaction, answer.status);
    agent.toPhone(transaction.peer, transaction.answer);
    if (method === 'INVITE' && answer.status >= 300 && transaction.peer.transport === 'udp') {
      transaction.pause = T1;
      transaction.resendAt = agent.now + T1;
      agent.schedule(transaction);
    }
  }

  #provisional(transaction: AgentTransaction): void {
    if (transaction.status !== 0 || transaction.method !== 'INVITE' || transaction.cancel !== null) return;
    // the gateway gives up a call that rings for too long; this is for the case that it is not there to do so
    transaction.deadline = this.#agent.now + RINGS + TIMEOUT;
    this.#agent.schedule(transaction);
  }

  /** A failure is acknowledged hop by hop (section 17.1.1.3). */
  #acknowledge({ sent }: AgentTransaction, answer: SipMessage): void {
    const invite = sent === null ? null : parseSip(sent);
    if (invite?.ok !== true) return;
    const ack = belonging(invite.value, 'ACK', answer.header('To') ?? '');
    const message = parseSip(ack);
    if (message.ok) this.#agent.toGateway(ack, message.value);
  }

  #acknowledged(invite: AgentTransaction): void {
    invite.acknowledged = true;
    invite.resendAt = Infinity;
    this.#agent.schedule(invite);
  }

  /** Its time has come: the answer is repeated (timer G), or it is given up. */
  due(transaction: AgentTransaction): void {
    const agent = this.#agent;
    const { status, answer, method, branch } = transaction;
    if (status !== 0) {
      if (agent.now >= transaction.deadline) return agent.remove(transaction);
      if (answer !== null && !transaction.acknowledged) agent.toPhone(transaction.peer, answer);
      transaction.pause = Math.min(2 * transaction.pause, T2);
      transaction.resendAt = transaction.acknowledged ? Infinity : agent.now + transaction.pause;
      return agent.schedule(transaction);
    }
    if (method === 'INVITE' && transaction.sent !== null && transaction.cancel === null && agent.session !== null)
      return this.#giveUp(transaction);
    agent.count('timeouts');
    agent.unanswered.settled(branch, method);
    agent.answerLocally(transaction, 408);
  }

  /** The gateway has not come back in time: whoever waits is told. */
  gone(): void {
    for (const transaction of this.#agent.all()) {
      if (transaction.side !== 'up' || transaction.status !== 0) continue;
      this.#agent.count('timeouts');
      this.#agent.answerLocally(transaction, 408);
    }
  }
}

/** A URI that names the agent's own address is for the domain behind it. */
function retargeted(uri: string, domain: string): string {
  const user = /^[^:]*:(?:([^@]*)@)?/.exec(uri)?.[1];
  const host = parseUri(`sip:${domain}`).ok ? domain : `[${domain}]`;
  return `sip:${user === undefined ? '' : `${user}@`}${host}`;
}
