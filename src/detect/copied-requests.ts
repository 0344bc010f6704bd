import { sourceKey } from '../address.ts';
import type { Millis, RequestAnswered, RequestFacts, RequestRepeated, RequestSeen } from '../model.ts';
import { ReplayMemory, type PackedReplays } from '../replay-window.ts';
import type { Site } from '../site/site.ts';
import { iso } from '../time.ts';
import { BoundedMap, type Packed } from '../windows.ts';
import { printable } from './phrases.ts';
import type { ReplayFinding } from './replay-finding.ts';

const REQUESTS = 8_192;
const NONCES = 8_192;
const ASKED = 4_096;
/** Kamailio gives all whom it challenges within one second the same nonce (auth module, without nonce_count). */
const SAME_NONCE: Millis = 1_500;
/** A proxy gives a request up after this (RFC 3261 timers B and F). */
const FORWARDED: Millis = 32_000;
/** Two mirrors of one packet are that near to each other. */
const MIRRORED: Millis = 100;

/** A request that was answered for good. */
interface Answered {
  readonly source: string;
  /** topmost Via, as it claims */
  readonly sentBy: string;
  readonly account: string | null;
  readonly at: Millis;
}

/** Credentials that were taken. */
interface Taken {
  readonly source: string;
  readonly sentBy: string;
  readonly account: string | null;
  readonly callId: string;
  cseq: number;
  nc: number | null;
  readonly at: Millis;
  /** when its own request without credentials came, null: not seen, so that the nonce is one of before */
  readonly asked: Millis | null;
}

/** Answers by which the PBX shows that the credentials were right: success, and what is said of the callee. */
const isTaken = (status: number): boolean =>
  status < 400 || status === 480 || status === 486 || status === 487 || status >= 600;

const requestKey = ({ callId, cseq, method, fromTag }: RequestFacts): string =>
  `${callId} ${cseq} ${method} ${fromTag}`;
const nonceKey = (nonce: string, user: string): string => `${nonce} ${user}`;

/** Requests, and credentials of requests, that come again from somewhere else. Only what the PBX took is remembered. */
export class CopiedRequests {
  readonly #site: Site;
  readonly #remember: Millis;
  readonly #nonceLife: Millis;
  readonly #requests = new ReplayMemory<Answered>({ capacity: REQUESTS, whenFull: 'forget' });
  readonly #nonces = new ReplayMemory<Taken>({ capacity: NONCES, whenFull: 'forget' });
  /** `Call-ID source` -> when it asked without credentials */
  readonly #asked = new BoundedMap<Millis>(ASKED);

  constructor(site: Site, remember: Millis, nonceLife: Millis) {
    this.#site = site;
    this.#remember = remember;
    this.#nonceLife = nonceLife;
  }

  get size(): number {
    return this.#requests.size + this.#nonces.size + this.#asked.size;
  }

  seen(event: RequestSeen): ReplayFinding | null {
    const { request, at } = event;
    if (request.authUser === null) this.#asked.set(askedKey(request), at);
    return this.#copied(event) ?? this.#shownAgain(event);
  }

  /** The very request, Call-ID, CSeq and From tag, of which the PBX's answer is known. */
  #copied({ request, at }: RequestSeen): ReplayFinding | null {
    const first = request.method === 'INVITE' ? this.#requests.first(requestKey(request), at) : undefined;
    if (first === undefined || this.#sameParty(request, first, at)) return null;
    return {
      ...finding(request, at, first.source, first.account),
      story: `copy|${sourceKey(request.source)}|${first.account ?? ''}`,
      severity: 'high',
      callIds: [request.callId],
      summary: `An old ${printable(request.method)} of ${owner(first.account, first.source)} was sent again from ${printable(request.source)}`,
      facts: { ...factsOf(request, first.source), since: iso(first.at), rule: 'the same Call-ID, CSeq and From tag' },
    };
  }

  /** Nonce and count that somebody else had answered with. */
  #shownAgain({ request, at }: RequestSeen): ReplayFinding | null {
    const { nonce, nc, authUser, callId, cseq } = request;
    if (nonce === null || authUser === null) return null;
    const first = this.#nonces.first(nonceKey(nonce, authUser), at);
    if (first === undefined || this.#sameParty(request, first, at)) return null;
    // a new count has a new digest, for which one must know the password: the phone itself, on a new address
    if (nc !== null && first.nc !== null && nc > first.nc) return null;
    const asked = this.#asked.peek(askedKey(request));
    if (asked !== undefined && first.asked !== null && Math.abs(asked - first.asked) <= SAME_NONCE) return null;
    // phones that moved, and never count or do not use counts, look like this too, save where it is the very request
    const sure = callId === first.callId ? cseq <= first.cseq : nc !== null;
    return {
      ...finding(request, at, first.source, first.account),
      story: `nonce|${sourceKey(request.source)}|${first.account ?? printable(authUser)}`,
      severity: sure ? 'high' : 'medium',
      callIds: [...new Set([callId, first.callId])],
      summary: `Credentials that ${owner(first.account, first.source)} had used were shown again from ${printable(request.source)}`,
      facts: {
        ...factsOf(request, first.source),
        since: iso(first.at),
        username: printable(authUser),
        nonceCount: nc,
        rule: 'the same nonce and count from two addresses',
      },
    };
  }

  /** A copy of a request that waits for its answer, or has just been answered. */
  repeated(event: RequestRepeated): ReplayFinding | null {
    const { source, firstSource, account, trunk, method, callId, at, offersCredentials } = event;
    if (sourceKey(source) === sourceKey(firstSource)) return null;
    if (trunk !== null && trunk === this.#site.networks.trunkOf(firstSource)) return null;
    // a phone whose address changes while it waits, and a network that is mirrored on both sides of a NAT, look like this
    const mirrored = event.seenAt - event.firstSeenAt < MIRRORED;
    const severity = offersCredentials && !mirrored ? 'high' : 'medium';
    return {
      story: `copy|${sourceKey(source)}|${account ?? sourceKey(firstSource)}`,
      at,
      severity,
      account,
      other: null,
      source,
      firstSource,
      proof: 'none',
      callIds: [callId],
      summary: `${printable(method)} of ${owner(account, firstSource)} was sent a second time from ${printable(source)}, the very same${offersCredentials ? ', with its credentials' : ''}`,
      facts: {
        method: printable(method),
        firstAddress: printable(firstSource),
        credentials: offersCredentials,
        rule: 'one request from two addresses',
      },
    };
  }

  /** The PBX has answered for good: what it took is what could be shown again. */
  answered({ request, account, status, at, tookMs }: RequestAnswered): void {
    if (!isTaken(status)) return;
    const { source, sentBy, nonce, nc, authUser, callId, cseq } = request;
    if (request.method === 'INVITE')
      this.#requests.seen(requestKey(request), at, this.#remember, { source, sentBy, account, at });
    if (nonce === null || authUser === null) return;
    const asked = this.#asked.peek(askedKey(request)) ?? null;
    const taken: Taken = { source, sentBy, account, callId, cseq, nc, at: at - tookMs, asked };
    if (this.#nonces.seen(nonceKey(nonce, authUser), at, this.#nonceLife, taken) !== 'replay') return;
    const known = this.#nonces.first(nonceKey(nonce, authUser), at);
    if (known === undefined || sourceKey(known.source) !== sourceKey(source)) return;
    known.nc = nc === null ? known.nc : Math.max(nc, known.nc ?? 0);
    if (known.callId === callId) known.cseq = Math.max(cseq, known.cseq);
  }

  /** One host, one carrier, or a proxy that passes the request on with a Via of its own. */
  #sameParty({ source, sentBy, viaHosts }: RequestFacts, first: Answered | Taken, at: Millis): boolean {
    if (sourceKey(source) === sourceKey(first.source)) return true;
    const { networks } = this.#site;
    const trunk = networks.trunkOf(source);
    if (trunk !== null && trunk === networks.trunkOf(first.source)) return true;
    return at - first.at <= FORWARDED && sentBy !== first.sentBy && viaHosts.includes(first.sentBy);
  }

  snapshot(): unknown {
    return {
      requests: this.#requests.snapshot(flat),
      nonces: this.#nonces.snapshot(flat),
      asked: this.#asked.snapshot((at) => at),
    };
  }

  restore(snapshot: unknown): void {
    const s = snapshot as {
      requests: PackedReplays<Answered>;
      nonces: PackedReplays<Taken>;
      asked: Packed<Millis>[];
    };
    this.#requests.restore(s.requests, flat);
    this.#nonces.restore(s.nonces, flat);
    this.#asked.restore(s.asked, (at) => at);
  }
}

/** What is held has no parts: a copy that costs little, for packets wait while a snapshot is made. */
const flat = <T extends object>(value: T): T => ({ ...value });

const askedKey = ({ callId, source }: RequestFacts): string => `${callId} ${source}`;

const owner = (account: string | null, source: string): string =>
  account === null ? printable(source) : `extension ${printable(account)} at ${printable(source)}`;

const finding = (request: RequestFacts, at: Millis, firstSource: string, account: string | null) => ({
  at,
  account,
  other: null,
  source: request.source,
  firstSource,
  proof: request.proof,
});

const factsOf = (request: RequestFacts, firstSource: string) => ({
  method: printable(request.method),
  firstAddress: printable(firstSource),
  userAgent: printable(request.userAgent),
});
