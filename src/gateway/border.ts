import type { Millis } from '../model.ts';
import { parseSip, type SipMessage } from '../wire/sip.ts';
import { sourceKey } from '../address.ts';
import { accountOf, BorderContext, type BorderOptions } from './border-context.ts';
import type { Flow, Trunk } from './flows.ts';
import { Limiter } from './limits.ts';
import { unclean } from './policy.ts';
import type { CloseReason, Session, SessionHandler } from './session.ts';
import { RESUMES, ToSession } from './to-session.ts';
import { ToUpstream } from './to-upstream.ts';
import type { Origin } from './upstream.ts';

export interface Limits {
  /** messages a second */
  readonly sourceRate: number;
  readonly sessionRate: number;
  readonly trunkRate: number;
  readonly messageBytes: number;
}

/** A session that sends so much nonsense is no phone. */
const MOST_MALFORMED = 10;
/** Messages that wait for an edge, of one flow. */
const MOST_WAITING = 1_000;
/** A registration at the PBX may outlive a connection by so much; then the flow's name means nothing any more. */
const FLOW_KEPT: Millis = 24 * 3_600_000;

/** A session that ended so leaves nothing to be resumed. */
const FINAL: readonly CloseReason[] = ['revoked', 'refused', 'protocol', 'stuck'];

export type BorderSettings = Omit<BorderOptions, 'inOrder'> & {
  readonly limits: Limits;
  readonly trunkOf: (account: string) => Trunk | null;
};

/**
 * The border proxy: what comes out of sessions goes to the PBX and back, what the PBX sends finds its way down the right session. It
 * opens no socket, and what its clock is it is told; sessions and upstreams are passed in.
 */
export class Border implements SessionHandler {
  readonly #context: BorderContext;
  readonly #toUpstream: ToUpstream;
  readonly #toSession: ToSession;
  readonly #limiter = new Limiter();
  readonly #settings: BorderSettings;
  readonly #malformed = new WeakMap<Flow, number>();
  /** flows without a session, and since when nobody waits for them */
  readonly #lost = new Set<Flow>();

  constructor(settings: BorderSettings) {
    this.#settings = settings;
    this.#context = new BorderContext({ ...settings, inOrder: (flow, work) => this.#inOrder(flow, work) });
    this.#toUpstream = new ToUpstream(this.#context);
    this.#toSession = new ToSession(this.#context);
  }

  /** What it holds. */
  sizes(): { readonly sessions: number; readonly flows: number; readonly transactions: number } {
    const { flows } = this.#settings;
    return { sessions: flows.live, flows: flows.size, transactions: this.#context.transactions.size };
  }

  opened(session: Session): void {
    const { flows, trunkOf } = this.#settings;
    const now = this.#context.now;
    const flow = flows.open(session, session.account === undefined ? null : trunkOf(session.account), now);
    this.#lost.delete(flow);
    this.#context.count(`sessions.${session.kind}`);
    for (const bytes of flow.unanswered?.again(now) ?? []) {
      this.#context.count('messages.resent');
      session.send(bytes);
    }
    this.#toSession.opened(flow);
  }

  message(session: Session, bytes: Buffer): void {
    const started = performance.now();
    const flow = this.#settings.flows.ofSession(session);
    if (flow?.session !== session) return;
    const now = this.#context.now;
    flow.heardAt = now;
    this.#context.count('messages.in');
    this.#context.count('bytes.in', bytes.length);
    const read = parseSip(bytes);
    if (!read.ok) return this.#nonsense(flow, read.reason);
    const fault = unclean(read.value, bytes);
    if (fault !== null) {
      this.#nonsense(flow, fault);
      this.#context.refuse(flow, read.value, 400);
      return;
    }
    const message = read.value;
    if (bytes.length > this.#settings.limits.messageBytes) {
      this.#context.count('refused.size');
      this.#context.refuse(flow, message, 413);
      return;
    }
    if (!this.#mayCome(flow, message, now)) return;
    this.#inOrder(flow, () =>
      message.isRequest
        ? this.#toUpstream.request(flow, bytes, message, started)
        : this.#toSession.answer(flow, bytes, message, started),
    );
  }

  /** Answers, ACK, BYE and CANCEL end what began: they count and are never held back. Nor are calls for help. */
  #mayCome(flow: Flow, message: SipMessage, now: Millis): boolean {
    const { limits, policy } = this.#settings;
    const [name, perSecond] =
      flow.trunk !== null
        ? [`trunk ${flow.token}`, limits.trunkRate]
        : flow.accounts.size > 0
          ? [`flow ${flow.token}`, limits.sessionRate]
          : [`source ${sourceKey(flow.peer.address)}`, limits.sourceRate];
    if (this.#limiter.take(name, { perSecond }, now)) return true;
    if (!message.isRequest || ['ACK', 'BYE', 'CANCEL'].includes(message.method) || policy.isEmergency(message))
      return true;
    this.#context.count('refused.rate');
    this.#context.tellOf(flow, message, 'rate', `more than ${perSecond} SIP messages a second`);
    this.#context.refuse(flow, message, 503, ['Retry-After: 2']);
    return false;
  }

  #nonsense(flow: Flow, reason: string): void {
    const times = (this.#malformed.get(flow) ?? 0) + 1;
    this.#malformed.set(flow, times);
    this.#context.count('refused.malformed');
    const account = accountOf(flow);
    this.#context.tell(flow, flow.peer, {
      kind: 'malformed',
      account,
      claimed: '',
      callId: '',
      method: '',
      detail: `what came is no SIP message that could go on: ${reason}`,
    });
    if (times >= MOST_MALFORMED) flow.session?.close('refused');
  }

  closed(session: Session, reason: CloseReason): void {
    this.#context.count(`closed.${reason}`);
    const flow = this.#settings.flows.lost(session, this.#context.now);
    if (flow === null) return;
    if (flow.kind === 'tls' || FINAL.includes(reason)) this.#gone(flow, true);
    else this.#lost.add(flow);
  }

  /** What waits for a flow is given up; `forever`: its name too. */
  #gone(flow: Flow, forever: boolean): void {
    this.#toSession.gone(flow);
    this.#toUpstream.gone(flow);
    flow.unanswered?.clear();
    if (!forever) return;
    this.#lost.delete(flow);
    this.#settings.flows.forget(flow);
    for (const edge of this.#settings.edges) edge.forget?.(flow);
  }

  /** A message came from inside; `bytes` are our own. */
  fromInside(bytes: Buffer, origin: Origin): void {
    const started = performance.now();
    const read = parseSip(bytes);
    if (!read.ok || read.value.truncated || read.value.via === null || read.value.branch === '')
      return this.#context.count('inside.malformed');
    const message = read.value;
    // what a datagram holds behind its body is no part of the message (RFC 3261 section 18.3)
    const end =
      message.contentLength === null
        ? bytes.length
        : message.body.byteOffset - bytes.byteOffset + message.contentLength;
    const whole = end < bytes.length ? bytes.subarray(0, end) : bytes;
    if (message.isRequest) this.#toSession.request(whole, message, origin, started);
    else this.#toUpstream.answer(whole, message, origin, started);
  }

  /** Time passes: call it every 50 ms or so. */
  tick(): void {
    const now = this.#context.now;
    this.#toSession.tick();
    for (const transaction of this.#context.transactions.due(now))
      (transaction.side === 'out' ? this.#toUpstream : this.#toSession).due(transaction);
    for (const flow of this.#lost) {
      const gone = now - flow.lostAt;
      if (gone >= FLOW_KEPT) this.#gone(flow, true);
      else if (gone >= RESUMES && (flow.pending > 0 || (flow.unanswered?.size ?? 0) > 0)) this.#gone(flow, false);
    }
  }

  /** Runs work of a flow behind what waits for an edge there, so that messages keep their order. */
  #inOrder(flow: Flow, work: () => Promise<void> | undefined): void {
    if (flow.waiting !== null) {
      if (flow.waiting.length < MOST_WAITING) flow.waiting.push(work);
      else {
        this.#context.count('refused.waiting');
        flow.session?.close('stuck');
      }
      return;
    }
    const pending = work();
    if (pending === undefined) return;
    flow.waiting = [];
    void pending.then(() => this.#goOn(flow));
  }

  #goOn(flow: Flow): void {
    for (let next = flow.waiting?.shift(); next !== undefined; next = flow.waiting?.shift()) {
      const pending = next();
      if (pending === undefined) continue;
      void pending.then(() => this.#goOn(flow));
      return;
    }
    flow.waiting = null;
  }
}
