import { sourceKey } from '../address.ts';
import type {
  AnswerReceived,
  AuthSucceeded,
  Millis,
  RequestAnswered,
  RequestFacts,
  RequestSeen,
  SessionFacts,
  SourceProof,
} from '../model.ts';
import { ReplayMemory, type PackedReplays } from '../replay-window.ts';
import type { Site } from '../site/site.ts';
import { formatDuration, iso, SECOND } from '../time.ts';
import { counted, printable } from './phrases.ts';
import type { ReplayFinding } from './replay-finding.ts';
import { copy } from './story.ts';

const KEYS = 16_384;
const SESSIONS = 8_192;
const WAITING = 256;
/** So long a caller has to show that he knows the password: behind a proxy that is seen when the callee rings. */
const PATIENCE: Millis = 15 * SECOND;
/** A call that a carrier lets ring at several numbers of ours comes several times at once, with one description. */
const FORKED: Millis = 10 * SECOND;
/** Shorter session ids (`o=- 0 0`, `o=user 1 1`) are the same in every call of many phones. */
const TELLING = 8;

/** A proxy gives a request up after this (RFC 3261 timers B and F). */
const FORWARDED: Millis = 32 * SECOND;

/** In which call a key or a session description was used first. */
interface Use {
  readonly callId: string;
  /** CSeq and From tag of the request, topmost Via; of an answer nothing */
  readonly numbers: string;
  readonly sentBy: string;
  readonly source: string;
  readonly account: string | null;
  readonly userAgent: string;
  readonly session: string;
  /** start of the call */
  readonly at: Millis;
  /** different calls of its own phone with this key, and the last of them */
  calls: number;
  last: string;
}

/** What somebody offers or answers with. */
interface Shown {
  readonly at: Millis;
  readonly callId: string;
  readonly numbers: string;
  readonly sentBy: string;
  readonly viaHosts: readonly string[];
  readonly source: string;
  readonly account: string | null;
  readonly userAgent: string;
  readonly session: SessionFacts;
  readonly proof: SourceProof;
}

/** Something of another's call was offered; is it he himself on another address? */
interface Waiting {
  readonly at: Millis;
  readonly callId: string;
  readonly what: 'key' | 'sealed' | 'session';
  readonly first: Use;
  readonly shown: Omit<Shown, 'session'>;
  /** account whose password was right since then */
  known: string | null;
}

const firstUse = ({ callId, numbers, sentBy, source, account, userAgent, at }: Shown, session: string): Use => ({
  callId,
  numbers,
  sentBy,
  source,
  account,
  userAgent,
  session,
  at,
  calls: 1,
  last: callId,
});

const NO_WAY = { numbers: '', sentBy: '', viaHosts: [] } as const;
const wayOf = ({ cseq, fromTag, sentBy, viaHosts }: RequestFacts) => ({
  numbers: `${cseq} ${fromTag}`,
  sentBy,
  viaHosts,
});

/** What is held has no parts: a copy that costs little. */
const flat = (use: Use): Use => ({ ...use });

/** The parts of `o=` that tell one session of one host from all others; '' where they do not. */
function sessionText({ origin, version, originAddress }: SessionFacts): string {
  const id = origin.slice(origin.indexOf(' ') + 1);
  return id.length < TELLING ? '' : `${origin} ${version} ${originAddress}`;
}

/** What makes a key stream: the keys, or the ciphertext that holds them. */
const keysOf = ({ keys, sealed }: SessionFacts): readonly string[] =>
  sealed === undefined ? keys : [`sealed ${sealed}`];

const RULES: Readonly<Record<Waiting['what'], string>> = {
  key: 'one SRTP key in two calls from two addresses',
  sealed: 'one encrypted session description in two calls from two addresses',
  session: 'one o= line in two calls from two addresses',
};

function summaryOf(what: Waiting['what'], from: string, again: string): string {
  if (what === 'session')
    return `The session description of a call of ${from} came again from ${again} in another call`;
  const thing = what === 'key' ? 'An SRTP key' : 'The encrypted session description';
  return `${thing} of a call of ${from} came again from ${again}: who gets an answer to it, and has recorded that call, can listen to it`;
}

/**
 * SRTP master keys (RFC 4568) and session descriptions that are seen in two calls. A key that serves twice makes the same key
 * stream twice (RFC 3711 section 9.1): who has recorded both calls takes one from the other and hears both.
 */
export class SessionKeys {
  readonly #site: Site;
  readonly #remember: Millis;
  readonly #calls: number;
  readonly #keys = new ReplayMemory<Use>({ capacity: KEYS, whenFull: 'forget' });
  readonly #sessions = new ReplayMemory<Use>({ capacity: SESSIONS, whenFull: 'forget' });
  #waiting: Waiting[] = [];

  /** `calls`: so many calls of one phone with one key are told */
  constructor(site: Site, remember: Millis, calls: number) {
    this.#site = site;
    this.#remember = remember;
    this.#calls = calls;
  }

  get size(): number {
    return this.#keys.size + this.#sessions.size + this.#waiting.length;
  }

  /** Somebody offers a session to the PBX. What is suspicious is told when he has had time to show who he is. */
  offered({ request, account, at }: RequestSeen): void {
    if (request.session === null) return;
    const { callId, source, userAgent, proof } = request;
    this.#compare({ at, callId, source, account, userAgent, proof, session: request.session, ...wayOf(request) });
  }

  /** A password was right: his who offered a session under this Call-ID. */
  authenticated({ callId, account, source }: AuthSucceeded): void {
    for (const waiting of this.#waiting)
      if (waiting.callId === callId && waiting.shown.source === source) waiting.known = account ?? '';
  }

  /** The PBX took the call on and it was answered: its keys are used from now on. */
  answered({ request, account, status, at, tookMs, session }: RequestAnswered): ReplayFinding | null {
    if (request.method !== 'INVITE' || status >= 300) return null;
    const { callId, source, destination, userAgent, proof } = request;
    const began = at - tookMs;
    if (session !== null)
      this.#use({ at: began, callId, account: null, userAgent, proof, source: destination, session, ...NO_WAY }, at);
    if (request.session === null) return null;
    const way = wayOf(request);
    return this.#use({ at: began, callId, account, userAgent, proof, source, session: request.session, ...way }, at);
  }

  /** Somebody whom the PBX called answers with a session of his. */
  received({ asked, status, session, callId, source, userAgent, at }: AnswerReceived): ReplayFinding | null {
    if (session === null || asked === null || status < 200) return null;
    return this.#use({ at, callId, source, account: null, userAgent, proof: 'none', session, ...NO_WAY }, at);
  }

  #compare(shown: Shown): void {
    const { session } = shown;
    const key = keysOf(session).find((each) => this.#isAnothers(this.#keys.first(each, shown.at), shown));
    const text = key === undefined && keysOf(session).length === 0 ? sessionText(session) : '';
    const first =
      key !== undefined
        ? this.#keys.first(key, shown.at)
        : text === ''
          ? undefined
          : this.#sessions.first(text, shown.at);
    if (first === undefined || !this.#isAnothers(first, shown)) return;
    if (this.#waiting.length >= WAITING || this.#waiting.some((w) => w.callId === shown.callId)) return;
    const what = key === undefined ? 'session' : session.sealed === undefined ? 'key' : 'sealed';
    const { session: _, ...rest } = shown;
    this.#waiting.push({ at: shown.at, callId: shown.callId, what, first, shown: rest, known: null });
  }

  /** Of another call that came from elsewhere? Or of that call, as a request of its own that none of its proxies passes on? */
  #isAnothers(first: Use | undefined, { at, callId, numbers, sentBy, viaHosts, source }: Shown): boolean {
    if (first === undefined || sourceKey(first.source) === sourceKey(source)) return false;
    if (first.callId === callId) {
      const forwarded = at - first.at <= FORWARDED && sentBy !== first.sentBy && viaHosts.includes(first.sentBy);
      if (numbers === '' || first.numbers === '' || numbers === first.numbers || forwarded) return false;
    }
    const trunk = this.#site.networks.trunkOf(source);
    return trunk === null || trunk !== this.#site.networks.trunkOf(first.source);
  }

  /** Remembers what a call uses; tells when a phone has used a key of its own for too many of them. */
  #use(shown: Shown, at: Millis): ReplayFinding | null {
    const { session, callId } = shown;
    const text = sessionText(session);
    if (text !== '' && session.keys.length === 0) this.#sessions.seen(text, at, this.#remember, firstUse(shown, text));
    let found: ReplayFinding | null = null;
    for (const key of keysOf(session)) {
      if (this.#keys.seen(key, at, this.#remember, firstUse(shown, text)) !== 'replay') continue;
      const first = this.#keys.first(key, at);
      if (first === undefined || first.last === callId || this.#isAnothers(first, shown)) continue;
      const same = session.sealed !== undefined || (text !== '' && first.session === text);
      const forked = same && shown.at - first.at <= FORKED;
      if (forked) continue;
      first.last = callId;
      if (++first.calls >= this.#calls) found = this.#reuse(first, shown, at);
    }
    return found;
  }

  /** No attack, but as good as no encryption: some phones draw their key when they start, or never. */
  #reuse(first: Use, { source, callId, account, userAgent, proof, session }: Shown, at: Millis): ReplayFinding {
    const sealed = session.sealed !== undefined;
    const whose = account === null ? `A phone at ${printable(source)}` : `The phone of extension ${printable(account)}`;
    return {
      story: `reuse|${userAgent === '' ? sourceKey(source) : printable(userAgent)}`,
      at,
      severity: 'medium',
      account,
      other: null,
      source,
      firstSource: first.source,
      proof,
      callIds: [...new Set([callId, first.callId])],
      summary: `${whose} has used one ${sealed ? 'encrypted session description' : 'SRTP key'} for ${counted(first.calls, 'call')}: whoever records two of them can listen to both`,
      facts: {
        callsWithOneKey: first.calls,
        since: iso(first.at),
        userAgent: printable(userAgent),
        rule: `${this.#calls} calls of one phone with one key`,
      },
    };
  }

  /** Time passes: what nobody has explained is told. */
  tick(at: Millis): ReplayFinding[] {
    if (this.#waiting.length === 0) return [];
    const due = this.#waiting.filter((waiting) => at - waiting.at >= PATIENCE);
    if (due.length === 0) return [];
    this.#waiting = this.#waiting.filter((waiting) => at - waiting.at < PATIENCE);
    return due.flatMap((waiting) => this.#judge(waiting, at) ?? []);
  }

  #judge({ at: since, what, first, shown, known, callId }: Waiting, at: Millis): ReplayFinding | null {
    // the phone itself, on another address: it knows the password
    const same = first.account === null ? first.userAgent === shown.userAgent : first.account === known;
    if ((known !== null && (same || known === '')) || (what === 'session' && known !== null)) return null;
    const from =
      first.account === null
        ? printable(first.source)
        : `extension ${printable(first.account)} at ${printable(first.source)}`;
    const again = printable(shown.source);
    return {
      story: `${what}|${sourceKey(shown.source)}|${first.account ?? sourceKey(first.source)}`,
      at,
      severity: what === 'session' ? 'medium' : 'high',
      account: first.account,
      other: known ?? shown.account,
      source: shown.source,
      firstSource: first.source,
      proof: known === null ? shown.proof : 'authenticated',
      callIds: [callId, first.callId],
      summary: summaryOf(what, from, again),
      facts: {
        firstAddress: printable(first.source),
        firstCall: iso(first.at),
        after: formatDuration(since - first.at),
        userAgent: printable(shown.userAgent),
        authenticatedAs: known === null ? null : printable(known),
        rule: RULES[what],
      },
    };
  }

  snapshot(): unknown {
    return {
      keys: this.#keys.snapshot(flat),
      sessions: this.#sessions.snapshot(flat),
      waiting: copy(this.#waiting),
    };
  }

  restore(snapshot: unknown): void {
    const s = snapshot as {
      keys: PackedReplays<Use>;
      sessions: PackedReplays<Use>;
      waiting: Waiting[];
    };
    this.#keys.restore(s.keys, flat);
    this.#sessions.restore(s.sessions, flat);
    this.#waiting = copy(s.waiting);
  }
}
