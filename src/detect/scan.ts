import { z } from 'zod';
import { sourceKey } from '../address.ts';
import type {
  AuthFailed,
  AuthSucceeded,
  CallStarted,
  EvidenceDraft,
  Millis,
  RegisterAccepted,
  RequestAnswered,
  RequestSeen,
  Severity,
  Tick,
} from '../model.ts';
import type { Site } from '../site/site.ts';
import { DAY, formatDuration, HOUR } from '../time.ts';
import { BoundedMap, SlidingDistinct, type Packed } from '../windows.ts';
import { defineDetector, type Detector } from './detector.ts';
import { amount, duration } from './parameters.ts';
import { evidenceOf, note, probeOf, type Scanner } from './scan-story.ts';
import { copy, escalate, FloodGate, sourceOf, storyKey, storyKeys, unsaid } from './story.ts';
import { NamedTools, toolOf } from './tools.ts';

const parameters = z.strictObject({
  targets: amount(
    10,
    'targets',
    'different accounts, numbers or addresses probed by a stranger within `window`',
    2,
    200,
  ),
  window: duration('60s', 'the fast window'),
  slowTargets: amount(12, 'targets', 'different ones probed by a stranger within a day', 2),
  prefixes: amount(
    5,
    'prefixes',
    'different prefixes dialled by a stranger in front of the same digits within a day',
    2,
  ),
  settle: duration('5s', 'how long a new address may take to prove itself by a password that is right'),
  friends: amount(
    3,
    'times',
    'how much more an address may probe that has authenticated; only refused requests count there',
    1,
    10,
  ),
  toolRequests: amount(
    10,
    'requests',
    'requests of programs that name themselves as scanners, from anywhere, within a day',
  ),
});
type Parameters = z.output<typeof parameters>;

/** Nearly all sources ask for one thing only: these cost next to nothing. */
interface Single {
  readonly probe: string;
  readonly at: Millis;
  readonly tool: string | null;
}

const SOURCES = 20_000;
const FRIENDS = 50_000;
const TAIL = 8;
/** Who still goes on after so long means it. */
const SUSTAINED = 6 * HOUR;

type Taken = RequestSeen | RequestAnswered | AuthFailed | AuthSucceeded | RegisterAccepted | CallStarted | Tick;

class Scan implements Detector<Taken['kind']> {
  readonly #p: Parameters;
  readonly #site: Site;
  readonly #singles = new BoundedMap<Single>(SOURCES);
  readonly #scanners = new BoundedMap<Scanner>(SOURCES / 4);
  /** sources that have authenticated */
  readonly #friends = new BoundedMap<Millis>(FRIENDS);
  /** sources over a threshold that may yet prove themselves -> when it is settled */
  readonly #pending = new Map<string, Millis>();
  /** probes held of one scanner */
  readonly #limit: number;
  readonly #tools: NamedTools;
  readonly #gate = new FloodGate();

  constructor(p: Parameters, site: Site) {
    this.#p = p;
    this.#site = site;
    this.#limit = Math.max(64, p.slowTargets, p.targets * p.friends, p.prefixes * p.friends) + 8;
    this.#tools = new NamedTools(p.toolRequests);
  }

  on(event: Taken): readonly EvidenceDraft[] {
    const due = this.#pending.size > 0 ? this.#settle(event.at) : NOTHING;
    const found = this.#take(event);
    return due.length === 0 ? found : [...due, ...found];
  }

  #take(event: Taken): readonly EvidenceDraft[] {
    switch (event.kind) {
      case 'request.seen':
        return this.#seen(event);
      case 'request.answered':
        return this.#answered(event);
      case 'auth.failed':
        return event.reason === 'unknown-account' ? this.#unknown(event) : NOTHING;
      case 'auth.succeeded':
        return this.#befriend(event.source, event.at);
      case 'register.accepted':
        return this.#befriend(event.binding.source, event.at);
      case 'call.started':
        // the PBX serves him without a password: a peer, or a hole that unregistered-caller tells of
        if (event.source !== null)
          for (const key of storyKeys(sourceKey(event.source))) this.#scanners.peek(key)?.probes.delete(event.dialled);
        return NOTHING;
      case 'tick':
        return NOTHING;
    }
  }

  #befriend(source: string | null, at: Millis): readonly EvidenceDraft[] {
    if (source === null) return NOTHING;
    this.#friends.set(sourceKey(source), at);
    for (const key of storyKeys(sourceKey(source))) {
      this.#pending.delete(key);
      this.#singles.delete(key);
      // what a newly come phone or an office behind one address asked before it had logged in was no scan
      if (this.#scanners.peek(key)?.said.severity === null) this.#scanners.delete(key);
    }
    return NOTHING;
  }

  #seen(event: RequestSeen): readonly EvidenceDraft[] {
    const { request } = event;
    // credentials are judged by what becomes of them
    if (event.trunk !== null || request.authUser !== null) return NOTHING;
    const base = sourceKey(request.source);
    if (this.#friends.has(base)) return NOTHING;
    const key = storyKey(base, request.proof);
    const probe = probeOf(request);
    const single = this.#singles.get(key);
    if (single === undefined) {
      const tool = toolOf(request.userAgent);
      this.#singles.set(key, { probe, at: event.at, tool });
      return tool === null ? NOTHING : this.#tools.seen(tool, request, event.at);
    }
    const told = single.tool === null ? NOTHING : this.#tools.seen(single.tool, request, event.at);
    if (probe === single.probe && this.#scanners.peek(key) === undefined) return told;
    const scanner = this.#scanner(key, request.source, event.at, single);
    const fresh = this.#probe(scanner, probe, event.at);
    note(scanner, request.method, request.userAgent);
    if (!fresh) return told;
    if (request.method === 'INVITE') this.#prefixes(scanner, probe);
    const found = this.#judge(key, scanner, event.at, false);
    return told.length === 0 ? found : [...told, ...found];
  }

  #answered(event: RequestAnswered): readonly EvidenceDraft[] {
    const { request, status } = event;
    if (event.trunk !== null) return NOTHING;
    const key = storyKey(sourceKey(request.source), request.proof);
    const probe = probeOf(request);
    const friend = this.#friends.has(sourceKey(request.source));
    if (status < 300 && request.method !== 'OPTIONS') {
      this.#scanners.peek(key)?.probes.delete(probe);
      return NOTHING;
    }
    // busy, no answer, cancelled, and the PBX's own troubles tell nothing about what exists
    if (status !== 403 && status !== 404 && status !== 484 && status !== 604 && (friend || status >= 300))
      return NOTHING;
    return this.#learnt(key, request.source, probe, event.at, request.method, request.userAgent);
  }

  #unknown(event: AuthFailed): readonly EvidenceDraft[] {
    const { source, username, at, method, userAgent, proof } = event;
    if (this.#site.networks.isPbx(source) || this.#site.networks.trunkOf(source) !== null) return NOTHING;
    return this.#learnt(storyKey(sourceKey(source), proof), source, username, at, method, userAgent);
  }

  /** An answer that told the prober whether something exists. */
  #learnt(
    key: string,
    source: string,
    probe: string,
    at: Millis,
    method: string,
    userAgent: string,
  ): readonly EvidenceDraft[] {
    let single = this.#singles.get(key);
    if (single === undefined) {
      single = { probe, at, tool: toolOf(userAgent) };
      this.#singles.set(key, single);
    }
    const scanner = this.#scanner(key, source, at, single);
    const fresh = this.#probe(scanner, probe, at);
    const before = scanner.answers.has(probe);
    scanner.answers.add(probe, at);
    note(scanner, method, userAgent);
    if (fresh && method === 'INVITE') this.#prefixes(scanner, probe);
    return before && !fresh ? NOTHING : this.#judge(key, scanner, at, true);
  }

  #scanner(key: string, address: string, at: Millis, single: Single): Scanner {
    let scanner = this.#scanners.get(key);
    if (scanner === undefined || at - scanner.last > DAY) {
      scanner = {
        address,
        probes: new SlidingDistinct(DAY, this.#limit),
        answers: new SlidingDistinct(DAY, this.#limit),
        first: single.at >= at - DAY ? single.at : at,
        last: at,
        distinct: 0,
        prefixed: 0,
        methods: [],
        tool: single.tool,
        userAgent: '',
        proof: key === sourceOf(key) ? 'answered' : 'none',
        said: unsaid(),
      };
      if (single.at >= at - DAY && !this.#friends.has(sourceOf(key))) this.#probe(scanner, single.probe, single.at);
      this.#scanners.set(key, scanner);
    }
    scanner.last = at;
    return scanner;
  }

  #probe(scanner: Scanner, probe: string, at: Millis): boolean {
    const held = scanner.probes.has(probe, at - DAY);
    scanner.probes.add(probe, at);
    if (!held) scanner.distinct++;
    return !held;
  }

  /** How many things before the same last digits: the search for the prefix that leads outside. */
  #prefixes(scanner: Scanner, dialled: string): void {
    const tail = dialled.slice(-TAIL);
    if (dialled.length < TAIL || !/^\d+$/.test(tail)) return;
    let same = 0;
    for (const probe of scanner.probes.values()) if (probe.endsWith(tail)) same++;
    scanner.prefixed = Math.max(scanner.prefixed, same);
  }

  /** Is a threshold reached, and how gravely? */
  #verdict(key: string, scanner: Scanner, at: Millis): { severity: Severity; rule: string } | null {
    const p = this.#p;
    const friend = this.#friends.has(sourceOf(key));
    const times = friend ? p.friends : 1;
    const from = at - p.window;
    if (scanner.answers.countSince(from) >= p.targets * times)
      return { severity: 'high', rule: `${p.targets * times} targets answered within ${formatDuration(p.window)}` };
    if (scanner.prefixed >= p.prefixes * times) {
      const severity = scanner.answers.count(at) >= p.prefixes * times ? 'high' : 'medium';
      return { severity, rule: `${p.prefixes * times} prefixes before the same number` };
    }
    if (scanner.probes.countSince(from) >= p.targets * times)
      return { severity: 'medium', rule: `${p.targets * times} targets within ${formatDuration(p.window)}` };
    if (!friend && at - scanner.first >= SUSTAINED && scanner.answers.count(at) >= p.slowTargets)
      return { severity: 'high', rule: `${p.slowTargets} targets answered within a day` };
    if (!friend && scanner.probes.count(at) >= p.slowTargets)
      return { severity: 'medium', rule: `${p.slowTargets} targets within a day` };
    return null;
  }

  #judge(key: string, scanner: Scanner, at: Millis, answered: boolean): readonly EvidenceDraft[] {
    const verdict = this.#verdict(key, scanner, at);
    if (verdict === null) return NOTHING;
    // unanswered requests may be those of phones that log in a moment later
    const sure = answered || scanner.said.severity !== null || scanner.prefixed >= this.#p.prefixes;
    if (!sure && at - scanner.first < this.#p.settle) {
      if (!this.#pending.has(key) && this.#pending.size < 1_000) this.#pending.set(key, scanner.first + this.#p.settle);
      return NOTHING;
    }
    return this.#tell(key, scanner, at, verdict);
  }

  #settle(at: Millis): readonly EvidenceDraft[] {
    const found: EvidenceDraft[] = [];
    for (const [key, due] of this.#pending) {
      if (due > at) continue;
      this.#pending.delete(key);
      const scanner = this.#scanners.peek(key);
      const verdict = scanner === undefined ? null : this.#verdict(key, scanner, scanner.last);
      if (scanner !== undefined && verdict !== null) found.push(...this.#tell(key, scanner, at, verdict));
    }
    return found;
  }

  #tell(
    key: string,
    scanner: Scanner,
    at: Millis,
    verdict: { severity: Severity; rule: string },
  ): readonly EvidenceDraft[] {
    const fresh = scanner.said.severity === null;
    const told = escalate(scanner.said, verdict.severity, scanner.distinct, this.#p.targets);
    if (told === null || (fresh && !this.#gate.admits(at, told))) return NOTHING;
    return [evidenceOf(key, scanner, at, told, verdict.rule, scanner.prefixed >= this.#p.prefixes)];
  }

  size(): number {
    return this.#singles.size + this.#scanners.size + this.#friends.size + this.#pending.size;
  }

  snapshot(): unknown {
    return {
      singles: this.#singles.snapshot(copy),
      scanners: this.#scanners.snapshot(({ probes, answers, ...rest }) => ({
        ...copy(rest),
        probes: probes.snapshot(),
        answers: answers.snapshot(),
      })),
      friends: this.#friends.snapshot(Number),
      pending: [...this.#pending],
      tools: this.#tools.snapshot(),
      gate: this.#gate.snapshot(),
    };
  }

  restore(snapshot: unknown): void {
    const s = snapshot as Snapshot;
    this.#singles.restore(s.singles, copy);
    this.#scanners.restore(s.scanners, ({ probes, answers, ...rest }) => ({
      ...copy(rest),
      probes: SlidingDistinct.restore(DAY, this.#limit, probes),
      answers: SlidingDistinct.restore(DAY, this.#limit, answers),
    }));
    this.#friends.restore(s.friends, Number);
    this.#pending.clear();
    for (const [key, due] of s.pending) this.#pending.set(key, due);
    this.#tools.restore(s.tools);
    this.#gate.restore(s.gate);
  }
}

interface Snapshot {
  singles: Packed<Single>[];
  scanners: Packed<Omit<Scanner, 'probes' | 'answers'> & { probes: [string, Millis][]; answers: [string, Millis][] }>[];
  friends: Packed<Millis>[];
  pending: [string, Millis][];
  tools: unknown;
  gate: unknown;
}

const NOTHING: readonly EvidenceDraft[] = [];

/**
 * Attack: before passwords are guessed or calls are placed, somebody finds out what is there: which addresses speak SIP
 * (OPTIONS), which accounts exist (REGISTER, INVITE, OPTIONS to each), which prefix leads outside (the same number behind
 * 00, 011, 9011, 900 …). All at once, or one an hour for a day.
 *
 * Innocent twins: a trunk's or monitor's keep-alive (one target for ever), a user who misdials, a phone that subscribes to
 * the lamps of a hundred colleagues, an office of a hundred phones that registers for the first time: whoever has
 * authenticated is a friend, of whom only refused requests count, and three times as many.
 */
export default defineDetector({
  name: 'scan',
  summary: 'Probing of accounts, numbers, dialling prefixes and servers, fast or slow',
  parameters,
  consumes: [
    'request.seen',
    'request.answered',
    'auth.failed',
    'auth.succeeded',
    'register.accepted',
    'call.started',
    'tick',
  ],
  create: (p, site) => new Scan(p, site),
});
