import { z } from 'zod';
import type {
  AnswerReceived,
  AuthSucceeded,
  EvidenceDraft,
  Millis,
  RequestAnswered,
  RequestRepeated,
  RequestSeen,
  Tick,
} from '../model.ts';
import type { Site } from '../site/site.ts';
import { DAY, iso } from '../time.ts';
import { BoundedMap, type Packed } from '../windows.ts';
import { CopiedRequests } from './copied-requests.ts';
import { defineDetector, type Detector } from './detector.ts';
import { amount, duration } from './parameters.ts';
import type { ReplayFinding } from './replay-finding.ts';
import { SessionKeys } from './session-keys.ts';
import { accountSubject, addressSubject, copy, escalate, FloodGate, unsaid, type Said } from './story.ts';

const parameters = z.strictObject({
  remember: duration('24h', 'an answered call, its session description and its SRTP keys are known again for so long'),
  credentials: duration(
    '10m',
    'credentials that were taken are known again for so long (a nonce lives 32 s in Asterisk)',
  ),
  reused_key_calls: amount(3, 'calls', 'so many calls of one phone with one SRTP key are told', 2),
});
type Parameters = z.output<typeof parameters>;

const STORIES = 4_096;
/** A story that goes on is told again at so many findings, and each time that they have doubled. */
const AGAIN = 8;

interface Story {
  first: Millis;
  last: Millis;
  count: number;
  said: Said;
}

type Taken = RequestSeen | RequestAnswered | RequestRepeated | AnswerReceived | AuthSucceeded | Tick;

class Replay implements Detector<Taken['kind']> {
  readonly #copied: CopiedRequests;
  readonly #keys: SessionKeys;
  readonly #stories = new BoundedMap<Story>(STORIES);
  readonly #gate = new FloodGate();

  constructor(p: Parameters, site: Site) {
    this.#copied = new CopiedRequests(site, p.remember, p.credentials);
    this.#keys = new SessionKeys(site, p.remember, p.reused_key_calls);
  }

  on(event: Taken): EvidenceDraft[] {
    switch (event.kind) {
      case 'request.seen':
        this.#keys.offered(event);
        return this.#tell(this.#copied.seen(event));
      case 'request.repeated':
        return this.#tell(this.#copied.repeated(event));
      case 'request.answered':
        this.#copied.answered(event);
        return this.#tell(this.#keys.answered(event));
      case 'answer.received':
        return this.#tell(this.#keys.received(event));
      case 'auth.succeeded':
        this.#keys.authenticated(event);
        return [];
      case 'tick':
        return this.#keys.tick(event.at).flatMap((found) => this.#tell(found));
    }
  }

  #tell(found: ReplayFinding | null): EvidenceDraft[] {
    if (found === null) return [];
    const { at, severity } = found;
    let story = this.#stories.get(found.story);
    const fresh = story === undefined || at - story.last > DAY;
    if (story === undefined || fresh) {
      story = { first: at, last: at, count: 0, said: unsaid() };
      this.#stories.set(found.story, story);
    }
    story.last = at;
    story.count++;
    const told = escalate(story.said, severity, story.count, AGAIN);
    if (told === null || (fresh && !this.#gate.admits(at, severity))) return [];
    const { account, other, source } = found;
    return [
      {
        key: `${found.story}|${iso(story.first)}|${told}|${story.count}`,
        at,
        severity: told,
        subject: account === null ? addressSubject(source) : accountSubject(account),
        summary: found.summary,
        facts: { ...found.facts, times: story.count },
        calls: found.callIds.map((callId) => callId.slice(0, 256)),
        callKeys: found.callIds,
        sources: [source],
        sourceProof: found.proof,
        accounts: other === null || other === '' || other === account ? [] : [other],
      },
    ];
  }

  size(): number {
    return this.#copied.size + this.#keys.size + this.#stories.size;
  }

  snapshot(): unknown {
    return {
      copied: this.#copied.snapshot(),
      keys: this.#keys.snapshot(),
      stories: this.#stories.snapshot(copy),
      gate: this.#gate.snapshot(),
    };
  }

  restore(snapshot: unknown): void {
    const s = snapshot as { copied: unknown; keys: unknown; stories: Packed<Story>[]; gate: unknown };
    this.#copied.restore(s.copied);
    this.#keys.restore(s.keys);
    this.#stories.restore(s.stories, copy);
    this.#gate.restore(s.gate);
  }
}

/**
 * Attack: somebody on the path has recorded signalling and sends it again. Charles sends Alice the INVITE by which Bob had called
 * her: the SRTP key in it serves a second time, so that her new media and Bob's old ones cancel each other out and both can be
 * heard (RFC 3711 section 9.1; Gupta and Shmatikov, Security Analysis of Voice-over-IP Protocols, 2007). Or he shows Bob's
 * digest credentials again while their nonce lives, with a Contact of his own. Seen as a Call-ID with its CSeq and tag, as a
 * nonce with its count, as an SRTP key or as an `o=` line, that comes again from another address. What is remembered is
 * only what the PBX has taken, so that nobody crowds it out with inventions.
 *
 * Innocent twins: a retransmission (the same address); forking and proxies (the same call within seconds, a Via of their own
 * above the first one's); several servers of one carrier; a NAT that moves a phone to another port; a phone that moves to
 * another network (it counts on, or answers a new challenge: it knows the password); phones behind Kamailio, which get one
 * nonce if they are challenged within one second; Asterisk, which takes a nonce for 32 s with the same count, from the
 * same address. A re-INVITE keeps its key. Phones that never draw a new key are a hole, but no attack: medium,
 * once for each make of phone. A network that is mirrored on both sides of a NAT shows each packet from two addresses:
 * the inner one, or the proxy that is missing there, belongs under [network] pbx.
 */
export default defineDetector({
  name: 'replay',
  summary: 'Signalling, credentials or SRTP keys that were seen before come again from elsewhere',
  parameters,
  consumes: ['request.seen', 'request.answered', 'request.repeated', 'answer.received', 'auth.succeeded', 'tick'],
  create: (p, site) => new Replay(p, site),
});
