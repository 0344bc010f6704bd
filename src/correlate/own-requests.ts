import type { Millis, RequestFacts } from '../model.ts';
import type { SipMessage } from '../wire/sip.ts';
import { BoundedMap } from '../windows.ts';
import type { Calls, CallSighting } from './calls.ts';
import { stamp, type Context } from './context.ts';
import type { Dialogs } from './dialogs.ts';
import { sessionOf } from './session-facts.ts';
import { requestFacts, secretsOf, type PacketPath } from './sip-facts.ts';
import { SAME_PACKET, Transactions } from './transactions.ts';

/** Requests of the PBX held until they are answered, and for a while after. */
const MAX_REQUESTS = 16_384;
/** Addresses that the PBX has sent requests to. */
const MAX_PEERS = 8_192;
/** The PBX's INVITE to a trunk may be mirrored before the caller's leg was answered. */
const SECOND_LEG_WAIT = 1_000;

interface OwnRequest {
  readonly asked: string;
  readonly seenAt: Millis;
  last: Millis;
  retransmissions: number;
  rang: boolean;
  answered: boolean;
}

/** What the PBX asks of others (trunks, phones), and what comes back: from whom it was asked of, or from somebody else. */
export class OwnRequests {
  readonly #context: Context;
  readonly #calls: Calls;
  readonly #dialogs: Dialogs;
  readonly #open = new BoundedMap<OwnRequest>(MAX_REQUESTS);
  readonly #peers = new BoundedMap<true>(MAX_PEERS);

  /** INVITEs to trunks that no call explains yet */
  #unexplained: { facts: RequestFacts; at: Millis; seenAt: Millis }[] = [];

  constructor(context: Context, calls: Calls, dialogs: Dialogs) {
    this.#context = context;
    this.#calls = calls;
    this.#dialogs = dialogs;
  }

  get size(): number {
    return this.#open.size + this.#peers.size + this.#unexplained.length;
  }

  /** The PBX (or the proxy in front of it) asks somebody, or somebody writes its address as his own. */
  request(path: PacketPath, message: SipMessage, within: boolean, seenAt: Millis): void {
    const { servers, site, returnPaths, clock } = this.#context;
    const { method } = message;
    if (!servers.is(path.destination, path.destinationPort, path.transport)) {
      servers.seenAt(path.source, path.sourcePort);
      this.#sent(path, message, seenAt);
    } else if (path.source !== path.destination) servers.relayed(path.source, path.destination);
    else if (path.transport === 'udp' && site.networks.isPbx(path.source) && !within) {
      if (path.sourcePort !== path.destinationPort && servers.knowsPort(path.source, path.sourcePort)) return;
      const proof = returnPaths.proofOf(path, secretsOf(message.credentials()), clock.now);
      const request = requestFacts(path, message, message.credentials(), proof);
      this.#context.emit({ kind: 'request.own-address', ...stamp(this.#context, 'sip', seenAt), request });
    }
    if (method === 'INVITE' && !within) this.#invite(path, message, seenAt);
  }

  /** The PBX sends a request to somebody who is no server of the site. */
  #sent(path: PacketPath, message: SipMessage, seenAt: Millis): void {
    const { method, callId } = message;
    const key = Transactions.key(callId, message.cseq, method, message.branch);
    const known = this.#open.get(key);
    if (known?.asked === path.destination) {
      if (seenAt - known.last >= SAME_PACKET) known.retransmissions++;
      known.last = seenAt;
      return;
    }
    const asked = path.destination;
    this.#open.set(key, { asked, seenAt, last: seenAt, retransmissions: 0, rang: false, answered: false });
    this.#peers.set(asked, true);
    if (method === 'INVITE') this.#dialogs.began(callId, message.fromTag, asked);
  }

  /** An answer from somebody who is no server of the site. */
  answered(path: PacketPath, message: SipMessage, seenAt: Millis): void {
    const { status, cseqMethod: method, callId } = message;
    if (status < 180) return;
    const request = this.#open.get(Transactions.key(callId, message.cseq, method, message.branch));
    const awaited = request?.asked === path.source;
    if (request !== undefined) {
      const invited = method === 'INVITE' && status < 300;
      if (invited) this.#dialogs.answered(callId, message, path.source);
      if (awaited) {
        if (request.answered || (request.rang && status < 200)) return;
        if (status < 200) request.rang = true;
        else request.answered = true;
      }
    }
    const { networks } = this.#context.site;
    this.#context.emit({
      kind: 'answer.received',
      ...stamp(this.#context, 'sip', seenAt),
      status,
      method,
      callId,
      source: path.source,
      sourcePort: path.sourcePort,
      transport: path.transport,
      asked: request?.asked ?? null,
      peer: this.#peers.has(path.source),
      trunk: (request === undefined ? null : networks.trunkOf(request.asked)) ?? networks.trunkOf(path.source),
      userAgent: message.userAgent,
      contactHost: message.contactHost,
      tookMs: request === undefined ? null : Math.max(0, seenAt - request.seenAt),
      retransmissions: request?.retransmissions ?? 0,
      session: method === 'INVITE' && status < 300 ? sessionOf(message) : null,
    });
  }

  /** The PBX calls out. Towards a trunk that is the second leg of somebody's call, or a call that no phone placed. */
  #invite(path: PacketPath, message: SipMessage, seenAt: Millis): void {
    if (this.#context.site.networks.trunkOf(path.destination) === null) return;
    if (this.#calls.byCallId(message.callId) !== undefined || this.#unexplained.length >= 1_024) return;
    if (this.#unexplained.some((waiting) => waiting.facts.callId === message.callId)) return;
    this.#unexplained.push({ facts: requestFacts(path, message, null, 'none'), at: this.#context.clock.now, seenAt });
  }

  /** Time passes: what no caller's leg has explained by now is a call that the PBX placed by itself. */
  tick(): void {
    const now = this.#context.clock.now;
    if (this.#unexplained.length === 0) return;
    const due = this.#unexplained.filter((waiting) => now - waiting.at >= SECOND_LEG_WAIT);
    if (due.length === 0) return;
    this.#unexplained = this.#unexplained.filter((waiting) => now - waiting.at < SECOND_LEG_WAIT);
    for (const { facts, at, seenAt } of due) {
      const known = this.#calls.byCallId(facts.callId) !== undefined || this.#calls.isSecondLeg(facts.requestUser, at);
      if (known) continue;
      this.#calls.start({ ...ownCall(facts), feed: 'sip', seenAt, startedAt: at });
    }
  }
}

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
