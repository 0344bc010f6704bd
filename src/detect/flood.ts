import { z } from 'zod';
import { sourceKey } from '../address.ts';
import type {
  AuthSucceeded,
  EvidenceDraft,
  Malformed,
  Millis,
  RegisterAccepted,
  RequestAnswered,
  RequestRepeated,
  RequestSeen,
  Severity,
  SourceProof,
  Tick,
} from '../model.ts';
import type { Site } from '../site/site.ts';
import { formatDuration, MINUTE } from '../time.ts';
import { BoundedMap, SlidingDistinct, type Packed } from '../windows.ts';
import { AddressStories, NOTHING, type AddressStory } from './address-story.ts';
import { defineDetector, type Detector } from './detector.ts';
import type { Friends } from './friends.ts';
import { amount, duration } from './parameters.ts';
import { counted, listed, printable } from './phrases.ts';
import { addTo, rateFrom, type Rate } from './rates.ts';
import { copy, sourceOf, storyKey } from './story.ts';

const parameters = z.strictObject({
  requests: amount(
    100,
    'requests',
    'requests of one address within `window` that the PBX does not accept',
    10,
    100_000,
  ),
  malformed: amount(30, 'messages', 'messages of one address within `window` that are no SIP', 5, 100_000),
  window: duration('10s', 'the rate is counted within this time'),
  friends: amount(10, 'times', 'how much more an address may send that somebody has logged in from'),
  site: amount(500, 'requests', 'the same from all strangers together, from twenty addresses at least', 50, 1_000_000),
  usual: amount(10, 'times', 'how much more than is usual here all strangers together must send'),
  grave: amount(10, 'times', 'how much more than any of these limits is high'),
  lasting: duration('30s', 'half as much again as a limit for so long is high too'),
  settle: duration('5s', 'how long the PBX may take to accept what was sent at once, as after an outage'),
});

type Taken = RequestSeen | RequestAnswered | RequestRepeated | Malformed | AuthSucceeded | RegisterAccepted | Tick;

/** What one source sends. Plain. */
interface Flow {
  readonly source: string;
  readonly requests: Rate;
  readonly malformed: Rate;
  method: string;
  userAgent: string;
}

/** Over a limit. Plain. */
interface Waiting {
  readonly due: Millis;
  /** most within one window since then */
  peak: number;
  /** what the PBX has accepted since then, as it counts */
  credit: number;
}

const FLOWS = 16_384;
const SITE = 'site';
const ADDRESSES = 20;
/** End of the key of what is no SIP. */
const GARBAGE = '|garbage';
const PENDING = 1_000;
/** The REGISTER that was challenged, and the one that was accepted; one more, for a phone that had to ask twice. */
const CREDIT = 3;
/** What is usual is learnt as a mean of minutes, over about a day. */
const MINUTES = 1_440;
/** A flood that lasts is half as much again as a limit: what is just above it may be a peak of every day. */
const LASTING = 1.5;
/** A story is over when the flood has paused for so long. */
const PAUSE = 10 * MINUTE;

class Flood implements Detector<Taken['kind']> {
  readonly #p: z.output<typeof parameters>;
  readonly #site: Site;
  readonly #friends: Friends;
  readonly #flows = new BoundedMap<Flow>(FLOWS);
  readonly #stories = new AddressStories(PAUSE, 2_048);
  /** over a limit, while it is not settled whether the PBX accepts it */
  readonly #pending = new Map<string, Waiting>();
  #all: Rate = rateFrom(0);
  /** strangers' requests in this minute, and the usual number in a window */
  #minute: { at: Millis; count: number; usual: number } = { at: 0, count: 0, usual: 0 };
  #addresses: SlidingDistinct;

  constructor(p: z.output<typeof parameters>, site: Site, friends: Friends) {
    this.#p = p;
    this.#site = site;
    this.#friends = friends;
    this.#addresses = new SlidingDistinct(p.window, 1_024);
  }

  on(event: Taken): readonly EvidenceDraft[] {
    const due = this.#pending.size > 0 ? this.#settle(event.at) : NOTHING;
    this.#take(event);
    return due;
  }

  #take(event: Taken): void {
    switch (event.kind) {
      case 'request.seen': {
        if (event.trunk !== null) return;
        const { source, proof, method, userAgent } = event.request;
        this.#sent(source, proof, method, userAgent, 1, event.at);
        return;
      }
      case 'request.answered': {
        const { request, status } = event;
        // anybody's OPTIONS may be answered; a call taken on without a password is no excuse either
        if (event.trunk !== null || status >= 300 || request.method === 'OPTIONS' || request.authUser === null) return;
        this.#accepted(request.source, event.at);
        return;
      }
      case 'request.repeated': {
        if (event.trunk !== null) return;
        const copies = event.source === event.firstSource ? Math.ceil(event.repeats / 2) : 1;
        const proof = event.transport === 'udp' ? 'none' : 'answered';
        this.#sent(event.source, proof, event.method, '', copies, event.at);
        return;
      }
      case 'malformed':
        if (event.protocol === 'sip' && event.source !== null) this.#garbage(event.source, event.at);
        return;
      case 'auth.succeeded':
      case 'register.accepted':
        return;
      case 'tick':
        return;
    }
  }

  #flow(key: string, source: string, at: Millis): Flow {
    let flow = this.#flows.get(key);
    if (flow === undefined) {
      flow = { source, requests: rateFrom(at), malformed: rateFrom(at), method: '', userAgent: '' };
      this.#flows.set(key, flow);
    }
    return flow;
  }

  #sent(source: string, proof: SourceProof, method: string, userAgent: string, n: number, at: Millis): void {
    const base = sourceKey(source);
    const key = storyKey(base, proof);
    const flow = this.#flow(key, source, at);
    flow.method = method;
    if (userAgent !== '') flow.userAgent = userAgent;
    const count = addTo(flow.requests, this.#p.window, at, n);
    if (count >= this.#p.requests) this.#wait(key, count, at);
    if (!this.#friends.has(source, at)) this.#strangers(base, n, at);
  }

  #strangers(source: string, n: number, at: Millis): void {
    this.#learn(at);
    this.#minute.count += n;
    this.#addresses.add(source, at);
    const count = addTo(this.#all, this.#p.window, at, n);
    if (count >= this.#limit()) this.#wait(SITE, count, at);
  }

  /** What all strangers together may send within a window. */
  #limit(): number {
    return Math.max(this.#p.site, this.#p.usual * this.#minute.usual);
  }

  /** A minute has passed: what it brought counts as usual, but no more than thrice what was, for a flood is no habit. */
  #learn(at: Millis): void {
    const minute = this.#minute;
    const passed = Math.floor((at - minute.at) / MINUTE);
    if (passed < 1) return;
    const count = Math.min((minute.count * this.#p.window) / MINUTE, 3 * Math.max(minute.usual, 1));
    minute.usual += (count - minute.usual) / MINUTES;
    minute.usual *= (1 - 1 / MINUTES) ** Math.min(passed - 1, 30 * MINUTES);
    minute.at = at;
    minute.count = 0;
  }

  #accepted(source: string, at: Millis): void {
    const base = sourceKey(source);
    for (const key of [base, storyKey(base, 'none')]) {
      const flow = this.#flows.peek(key);
      if (flow !== undefined) addTo(flow.requests, this.#p.window, at, -CREDIT);
      this.#credit(key);
    }
    this.#credit(SITE);
    addTo(this.#all, this.#p.window, at, -CREDIT);
    this.#minute.count = Math.max(0, this.#minute.count - CREDIT);
  }

  #garbage(source: string, at: Millis): void {
    const { networks } = this.#site;
    if (networks.isPbx(source) || networks.trunkOf(source) !== null) return;
    const base = sourceKey(source);
    const key = storyKey(base, 'none');
    const flow = this.#flow(key, source, at);
    const count = addTo(flow.malformed, this.#p.window, at, 1);
    if (count >= this.#p.malformed) this.#wait(`${key}${GARBAGE}`, count, at);
    if (!this.#friends.has(source, at)) this.#strangers(base, 1, at);
  }

  #wait(key: string, count: number, at: Millis): void {
    const waiting = this.#pending.get(key);
    if (waiting !== undefined) waiting.peak = Math.max(waiting.peak, count);
    else if (this.#pending.size < PENDING) this.#pending.set(key, { due: at + this.#p.settle, peak: count, credit: 0 });
  }

  #credit(key: string): void {
    if (this.#pending.size === 0) return;
    const waiting = this.#pending.get(key);
    if (waiting !== undefined) waiting.credit += CREDIT;
  }

  #settle(at: Millis): readonly EvidenceDraft[] {
    let found: EvidenceDraft[] | null = null;
    for (const [key, { due, peak, credit }] of this.#pending) {
      if (due > at) break; // they wait in the order in which they began
      this.#pending.delete(key);
      const count = Math.round(peak - credit);
      (found ??= []).push(...(key === SITE ? this.#judgeSite(count, due) : this.#judge(key, count, due)));
    }
    return found ?? NOTHING;
  }

  /** `count` is what was sent within a window, but for what the PBX has accepted. */
  #judge(waited: string, count: number, at: Millis): readonly EvidenceDraft[] {
    const garbage = waited.endsWith(GARBAGE);
    const key = garbage ? waited.slice(0, -GARBAGE.length) : waited;
    const flow = this.#flows.peek(key);
    if (flow === undefined) return NOTHING;
    const p = this.#p;
    const { source, method, userAgent } = flow;
    const limit = (garbage ? p.malformed : p.requests) * (this.#friends.has(source, at) ? p.friends : 1);
    if (count < limit) return NOTHING;
    const proof = sourceOf(key) === key ? 'answered' : 'none';
    const story = this.#stories.add(waited, { at, source, method: garbage ? '' : method, userAgent, proof });
    const what = garbage
      ? counted(count, 'message that is no SIP', 'messages that are no SIP')
      : `${counted(count, 'request')} (${listed(story.methods.map(printable))}) that the PBX did not accept`;
    return this.#stories.tell(waited, story, this.#severity(count, limit, story), count, limit, {
      summary: `${printable(source)} sent ${what} within ${formatDuration(p.window)}`,
      facts: {
        count,
        garbage,
        methods: story.methods.map(printable),
        userAgent: printable(story.userAgent),
        rule: `${limit} within ${formatDuration(p.window)}`,
      },
    });
  }

  #judgeSite(count: number, at: Millis): readonly EvidenceDraft[] {
    const limit = Math.round(this.#limit());
    const addresses = this.#addresses.count(at);
    const source = this.#addresses.values().at(-1);
    if (count < limit || addresses < ADDRESSES || source === undefined) return NOTHING;
    const story = this.#stories.add(SITE, { at, source: source.replace(/\/64$/, '') });
    return this.#stories.tell(SITE, story, this.#severity(count, limit, story), count, limit, {
      summary: `${count} requests of ${addresses === 1_024 ? 'more than 1000' : addresses} strangers within ${formatDuration(this.#p.window)} that the PBX did not accept`,
      facts: {
        requests: count,
        addresses,
        usual: Math.round(this.#minute.usual * 10) / 10,
        rule: `${limit} within ${formatDuration(this.#p.window)}, from anywhere`,
      },
    });
  }

  #severity(count: number, limit: number, { first, last }: AddressStory): Severity {
    const lasts = last - first >= this.#p.lasting && count >= LASTING * limit;
    return lasts || count >= limit * this.#p.grave ? 'high' : 'medium';
  }

  size(): number {
    return this.#flows.size + this.#stories.size + this.#pending.size;
  }

  snapshot(): unknown {
    return {
      flows: this.#flows.snapshot(copy),
      stories: this.#stories.snapshot(),
      pending: [...this.#pending].map(([key, waiting]) => [key, { ...waiting }]),
      all: { ...this.#all },
      minute: { ...this.#minute },
      addresses: this.#addresses.snapshot(),
    };
  }

  restore(snapshot: unknown): void {
    const s = snapshot as Snapshot;
    this.#flows.restore(s.flows, copy);
    this.#stories.restore(s.stories);
    this.#pending.clear();
    for (const [key, waiting] of s.pending) this.#pending.set(key, { ...waiting });
    this.#all = { ...s.all };
    this.#minute = { ...s.minute };
    this.#addresses = SlidingDistinct.restore(this.#p.window, 1_024, s.addresses);
  }
}

interface Snapshot {
  flows: Packed<Flow>[];
  stories: unknown;
  pending: [string, Waiting][];
  all: Rate;
  minute: { at: Millis; count: number; usual: number };
  addresses: [string, Millis][];
}

/**
 * Attack: requests (REGISTER, INVITE, OPTIONS, copies of one packet) or garbage in such numbers that the PBX has no time for
 * anybody else: from one address, or from so many (or so many forged ones) that none of them stands out. For all together
 * it must be many, and many times what is usual here.
 *
 * Innocent twins: hundreds of phones that register again after an outage, from one office or from everywhere: the PBX accepts them,
 * and what it accepts within a few seconds is taken off again. Monitoring and qualify by OPTIONS every second, lamps of a hundred colleagues,
 * and trunks, whose calls are judged elsewhere.
 */
export default defineDetector({
  name: 'flood',
  summary: 'So many requests or garbage, from one address or many, that the PBX may be overwhelmed',
  parameters,
  consumes: [
    'request.seen',
    'request.answered',
    'request.repeated',
    'malformed',
    'auth.succeeded',
    'register.accepted',
    'tick',
  ],
  create: (p, site, { friends }) => new Flood(p, site, friends),
});
