import { parseSip, parseUri, parseVia, type SipMessage } from '../wire/sip.ts';
import { SipDraft } from '../wire/sip-draft.ts';
import { recordRoute, type AgentContext, type AgentTransaction, type Veiled } from './agent-context.ts';
import type { Target } from './agent-contacts.ts';
import type { LocalPeer } from './agent-local.ts';
import { answerTo, belonging, hop, viaValue } from './border-edit.ts';
import { hideIdentity } from './secret-call.ts';
import { DIALOG_FORMING } from './to-upstream.ts';
import { RINGS, T1, T2, TIMEOUT } from './transactions.ts';

/** Requests from the gateway to phones, and the answers to them. */
export class AgentDown {
  readonly #agent: AgentContext;

  constructor(agent: AgentContext) {
    this.#agent = agent;
  }

  /** A request came from the gateway. */
  request(bytes: Buffer, request: SipMessage): void {
    const agent = this.#agent;
    const { method } = request;
    const kin = method === 'ACK' || method === 'CANCEL' ? 'INVITE' : method;
    const branch = this.#branch(request, kin);
    const known = agent.get(branch);
    if (method === 'ACK') {
      agent.unanswered.received(request);
      if (known !== null && known.status >= 300) return;
    } else if (method === 'CANCEL') return this.#cancel(request, known);
    else if (known !== null) {
      agent.count('again');
      if (known.answer !== null) agent.answerGateway(known.answer);
      return;
    }
    const way = this.#way(request);
    if (way === null) {
      agent.count('refused.no-phone');
      return this.#refuse(request, request.toTag === '' ? 404 : 481);
    }
    if (agent.isFull) return this.#refuse(request, 503);
    const secret = agent.options.veil?.isSecret(request) ?? false;
    const transaction = method === 'ACK' ? null : agent.begin('down', request, way.peer, branch, secret);
    if (method === 'INVITE' && transaction !== null) agent.answerLocally(transaction, 100);
    const veiled = agent.options.veil?.in(bytes, request) ?? { ok: true, bytes };
    const own = method === 'ACK' ? this.#branch(request, 'ACK') : branch;
    const go = (result: Veiled): void => this.#on(result, way, own, transaction);
    if (veiled instanceof Promise) void veiled.then(go);
    else go(veiled);
  }

  #branch(request: SipMessage, kin: string): string {
    return this.#agent.options.keys.branch('gateway', request.branch, kin);
  }

  /** By the contact that we made of the phone's own; else to the PBX on this side, else to the phone that registered last. */
  #way({ requestUri }: SipMessage): Target | null {
    const { contacts, deliver } = this.#agent.options;
    const named = contacts.target(requestUri);
    if (named !== null) return named;
    const read = parseUri(requestUri);
    if (!read.ok || read.value.host === contacts.host) return null;
    if (deliver !== null) return { uri: requestUri, peer: deliver };
    return contacts.lastRegistered(this.#agent.now);
  }

  #refuse(request: SipMessage, status: number): void {
    if (request.method === 'ACK') return;
    this.#agent.answerGateway(answerTo(request, status, this.#agent.options.tag(), null));
  }

  #on(result: Veiled, { uri, peer }: Target, branch: string, transaction: AgentTransaction | null): void {
    const agent = this.#agent;
    if (!result.ok) {
      if (transaction !== null) agent.answerLocally(transaction, result.status);
      return;
    }
    const request = parseSip(result.bytes);
    if (!request.ok) return;
    const made = this.#make(result.bytes, request.value, uri, peer, branch);
    if (typeof made === 'number') {
      if (transaction !== null) agent.answerLocally(transaction, made);
      return;
    }
    if (transaction !== null) {
      if (transaction.status !== 0) return; // cancelled meanwhile
      transaction.sent = made;
      if (peer.transport === 'udp') {
        transaction.pause = T1;
        transaction.resendAt = agent.now + T1;
        agent.schedule(transaction);
      }
    }
    agent.toPhone(peer, made);
  }

  #make(bytes: Buffer, request: SipMessage, uri: string, peer: LocalPeer, branch: string): Buffer | number {
    const agent = this.#agent;
    const read = SipDraft.of(bytes);
    if (!read.ok) return 400;
    const draft = read.value;
    if (!hop(draft)) return 483;
    const { host, port } = peer.place;
    const vias = draft.values('Via').map(parseVia);
    if (vias.some((via) => via.ok && via.value.branch === branch && via.value.host === host && via.value.port === port))
      return 482;
    agent.dropRoutes(draft);
    draft.uri(uri);
    if (request.toTag === '' && DIALOG_FORMING.includes(request.method))
      draft.prepend('Record-Route', recordRoute(peer.place));
    draft.prepend('Via', viaValue(peer.place, branch));
    return draft.bytes();
  }

  #cancel(cancel: SipMessage, invite: AgentTransaction | null): void {
    if (invite?.side !== 'down') return this.#refuse(cancel, 481);
    this.#refuse(cancel, 200);
    this.#giveUp(
      invite,
      cancel.headers('Reason').map((reason) => `Reason: ${reason}`),
    );
  }

  #giveUp(invite: AgentTransaction, more: readonly string[] = []): void {
    if (invite.status !== 0 || invite.cancel !== null) return;
    const sent = invite.sent === null ? null : parseSip(invite.sent);
    if (sent?.ok !== true) return this.#agent.answerLocally(invite, 487);
    invite.cancel = belonging(sent.value, 'CANCEL', sent.value.header('To') ?? '', more);
    if (invite.heard) this.#sendCancel(invite);
  }

  #sendCancel(invite: AgentTransaction): void {
    if (invite.cancel === null) return;
    invite.cancelSent = true;
    this.#agent.toPhone(invite.peer, invite.cancel);
    invite.pause = invite.peer.transport === 'udp' ? T1 : Infinity;
    invite.resendAt = this.#agent.now + invite.pause;
    invite.deadline = Math.min(invite.deadline, this.#agent.now + TIMEOUT);
    this.#agent.schedule(invite);
  }

  /** An answer came from a phone. */
  answer(bytes: Buffer, answer: SipMessage, peer: LocalPeer): void {
    const agent = this.#agent;
    const transaction = agent.get(answer.branch);
    if (transaction?.side !== 'down' || transaction.peer.address !== peer.address) return agent.count('stray');
    const { method } = transaction;
    if (answer.cseqMethod === 'CANCEL' && method === 'INVITE') {
      transaction.resendAt = Infinity;
      return agent.schedule(transaction);
    }
    if (answer.cseqMethod !== method) return agent.count('stray');
    transaction.heard = true;
    if (answer.status >= 300 && method === 'INVITE') this.#acknowledge(transaction, answer);
    const repeated = transaction.status !== 0;
    if (answer.status < 200) this.#provisional(transaction);
    if (
      answer.status === 100 ||
      (repeated && (method !== 'INVITE' || answer.status >= 300 || transaction.status >= 300))
    )
      return;
    const made = this.#back(bytes, answer, transaction, peer);
    if (made === null) return;
    transaction.answer = made;
    if (answer.status >= 200 && !repeated) agent.final(transaction, answer.status);
    agent.answerGateway(made);
  }

  /** The answer as the gateway gets it. */
  #back(bytes: Buffer, answer: SipMessage, transaction: AgentTransaction, peer: LocalPeer): Buffer | null {
    const read = SipDraft.of(bytes);
    if (!read.ok) return null;
    const draft = read.value;
    draft.drop('Via', 1);
    if (answer.contentLength === null) draft.set('Content-Length', String(answer.body.length));
    this.#agent.giveEnds(draft, answer, transaction.ends);
    // of a redirection it says where else to try: no contact of the phone's own
    if (answer.status < 300)
      this.#agent.hideContacts(draft, answer, peer, transaction.secret ? transaction.ends.callId : '');
    this.#agent.mendMedia(draft, answer);
    if (transaction.secret) hideIdentity(draft, answer);
    return draft.bytes();
  }

  #provisional(transaction: AgentTransaction): void {
    if (transaction.status !== 0) return;
    if (transaction.method !== 'INVITE') transaction.pause = Math.max(transaction.pause, T2);
    else if (transaction.cancel !== null && !transaction.cancelSent) this.#sendCancel(transaction);
    else if (!transaction.cancelSent) {
      transaction.resendAt = Infinity;
      transaction.deadline = this.#agent.now + RINGS;
      this.#agent.schedule(transaction);
    }
  }

  #acknowledge({ sent, peer }: AgentTransaction, answer: SipMessage): void {
    const invite = sent === null ? null : parseSip(sent);
    if (invite?.ok === true) this.#agent.toPhone(peer, belonging(invite.value, 'ACK', answer.header('To') ?? ''));
  }

  /** Its time has come: it is sent again (timers A and E of section 17.1), or given up. */
  due(transaction: AgentTransaction): void {
    const agent = this.#agent;
    if (transaction.status !== 0) return agent.remove(transaction);
    const { method, cancelSent, sent, cancel, peer } = transaction;
    if (agent.now >= transaction.deadline) {
      if (transaction.heard && method === 'INVITE' && !cancelSent) {
        this.#giveUp(transaction);
        if (transaction.cancelSent) return;
      }
      agent.count('timeouts');
      return agent.answerLocally(transaction, 408);
    }
    const bytes = cancelSent ? cancel : sent;
    if (bytes !== null) agent.toPhone(peer, bytes);
    const doubled = 2 * transaction.pause;
    transaction.pause = method === 'INVITE' && !cancelSent ? doubled : Math.min(doubled, T2);
    transaction.resendAt = agent.now + transaction.pause;
    agent.schedule(transaction);
  }
}
