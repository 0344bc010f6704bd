import { z } from 'zod';
import { sourceKey } from '../address.ts';
import type { AnswerReceived, EvidenceDraft, Millis, RequestAnswered, Severity, Subject } from '../model.ts';
import { formatDuration, iso } from '../time.ts';
import { BoundedMap, type Packed } from '../windows.ts';
import { defineDetector, type Detector } from './detector.ts';
import { Pace, type PackedPace, type PaceLimits, type Slowness } from './pace.ts';
import { amount, duration } from './parameters.ts';
import { named, printable } from './phrases.ts';
import { addressSubject, copy, FloodGate } from './story.ts';

const parameters = z.strictObject({
  samples: amount(8, 'answers', 'so many answers within an hour (32 are looked at) say something', 4, 32),
  factor: amount(3, 'times', 'so many times as long as usual is slow', 2, 100),
  floor: duration('200ms', 'what is slow takes longer than usual by so much at least'),
  lasting: duration('15m', 'slow for so long is told as low'),
  long: duration('1h', 'a trunk or the PBX slow for so long is told as medium'),
  learn: duration('3d', 'a peer is watched for so long before anything is said of it'),
});
type Parameters = z.output<typeof parameters>;

const PACES = 4_096;

/** What is measured of a peer. */
type Measure = 'ring' | 'options' | 'register';
const MEASURES: Readonly<Record<string, Measure>> = { OPTIONS: 'options', REGISTER: 'register' };
interface Peer {
  readonly pace: Pace;
  /** what was told of the slowness that began then */
  since: Millis;
  told: Severity | null;
}

type PackedPeer = Omit<Peer, 'pace'> & { readonly pace: PackedPace };

type Taken = RequestAnswered | AnswerReceived;

class Latency implements Detector<Taken['kind']> {
  readonly #p: Parameters;
  readonly #limits: PaceLimits;
  readonly #peers = new BoundedMap<Peer>(PACES);
  readonly #gate = new FloodGate();

  constructor(p: Parameters) {
    this.#p = p;
    this.#limits = p;
  }

  on(event: Taken): EvidenceDraft[] {
    const { at, retransmissions } = event;
    if (event.kind === 'request.answered') {
      // only what the PBX took: refusals are made to be slow, and floods are not to be measured by
      const measure = MEASURES[event.request.method];
      if (measure === undefined || event.status >= 300) return [];
      return this.#took(at, addressSubject(event.request.destination), true, measure, event.tookMs, retransmissions);
    }
    if (event.asked === null || event.tookMs === null || (event.status >= 300 && event.status < 500)) return [];
    const measure = event.method === 'INVITE' ? 'ring' : MEASURES[event.method];
    // an answer says how long somebody was at lunch, ringing says how long the network took
    if (measure === undefined || (measure === 'ring' && event.status >= 200)) return [];
    const subject: Subject =
      event.trunk === null ? addressSubject(event.source) : { type: 'trunk', value: event.trunk };
    return this.#took(at, subject, event.trunk !== null, measure, event.tookMs, retransmissions);
  }

  /** `central`: everybody depends on this peer */
  #took(
    at: Millis,
    subject: Subject,
    central: boolean,
    measure: Measure,
    tookMs: number,
    retransmissions: number,
  ): EvidenceDraft[] {
    const key = `${measure} ${subject.type} ${subject.type === 'address' ? sourceKey(subject.value) : subject.value}`;
    let peer = this.#peers.get(key);
    if (peer === undefined) this.#peers.set(key, (peer = { pace: new Pace(at), since: 0, told: null }));
    const slowness = peer.pace.add(at, tookMs, retransmissions > 0, this.#limits);
    if (slowness === null) return [];
    if (peer.since !== slowness.since) Object.assign(peer, { since: slowness.since, told: null });
    const lasted = at - slowness.since;
    const severity = central && lasted >= this.#p.long ? 'medium' : lasted >= this.#p.lasting ? 'low' : null;
    if (severity === null || severity === peer.told || peer.told === 'medium') return [];
    const fresh = peer.told === null;
    peer.told = severity;
    if (fresh && !this.#gate.admits(at, severity)) return [];
    return [this.#evidence(key, at, severity, subject, measure, slowness)];
  }

  #evidence(
    key: string,
    at: Millis,
    severity: Severity,
    subject: Subject,
    measure: Measure,
    s: Slowness,
  ): EvidenceDraft {
    const span = formatDuration(at - s.since);
    return {
      key: `${key}|${iso(s.since)}|${severity}`,
      at,
      severity,
      subject,
      summary: `${named(subject)} ${pronounced(measure, s)}, for ${span} now: no attack by itself, but calls suffer`,
      facts: {
        measure,
        medianMs: s.now,
        usualMs: s.usual,
        sentAgainPercent: s.againNow,
        sentAgainUsually: s.againUsual,
        answers: s.samples,
        since: iso(s.since),
        peer: printable(subject.value),
        rule:
          s.kind === 'slow'
            ? `the median of an hour is ${this.#p.factor} times as long as usual`
            : 'a quarter of the requests sent again',
      },
      calls: [],
      callKeys: [],
      sources: [],
      sourceProof: 'none',
      accounts: [],
    };
  }

  size(): number {
    return this.#peers.size;
  }

  snapshot(): unknown {
    return {
      peers: this.#peers.snapshot(({ pace, since, told }): PackedPeer => ({ pace: pace.pack(), since, told })),
      gate: this.#gate.snapshot(),
    };
  }

  restore(snapshot: unknown): void {
    const s = copy(snapshot) as { peers: Packed<PackedPeer>[]; gate: unknown };
    this.#peers.restore(s.peers, ({ pace, since, told }) => ({ pace: Pace.unpack(pace), since, told }));
    this.#gate.restore(s.gate);
  }
}

function pronounced(measure: Measure, { kind, now, usual, againNow, againUsual }: Slowness): string {
  const method = measure === 'ring' ? 'INVITE' : measure.toUpperCase();
  if (kind === 'lossy')
    return `has to be asked again for ${againNow} of 100 ${method} requests, usually for ${againUsual}`;
  const [late, soon] = [formatDuration(now), formatDuration(usual)];
  return measure === 'ring'
    ? `rings ${late} after it is called, usually after ${soon}`
    : `answers ${method} after ${late}, usually after ${soon}`;
}

/**
 * Attack: none; this is about health, and never graver than medium. A trunk that takes three times as long to ring as it did for
 * weeks, a PBX that answers REGISTER late, requests that have to be sent again: a line is full, a disk is slow, a flood goes
 * on next door (which `flood` tells of), or somebody has put himself in between.
 *
 * Innocent twins: one slow answer, or ten; a far country, which rings late (half of the calls would have to go there);
 * a phone that sleeps (low, and only if it used to be quick); a peer that has only just appeared, or has been slow for three
 * days and is not going to change. How long a callee takes to answer is not measured, only when it rings.
 */
export default defineDetector({
  name: 'latency',
  summary: 'A trunk, a phone or the PBX that answers much more slowly than it used to',
  parameters,
  consumes: ['request.answered', 'answer.received'],
  create: (p) => new Latency(p),
});
