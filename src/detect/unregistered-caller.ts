import { z } from 'zod';
import { sourceKey } from '../address.ts';
import {
  betterProof,
  type CallAnswered,
  type CallRecorded,
  type CallStarted,
  type CallUpdated,
  type EvidenceDraft,
  type Millis,
  type RegisterAccepted,
  type RequestAnswered,
  type Severity,
  type SourceProof,
  type Subject,
} from '../model.ts';
import type { Site } from '../site/site.ts';
import { formatDuration, iso } from '../time.ts';
import { BoundedMap, type Packed } from '../windows.ts';
import { callerOf } from './callers.ts';
import { defineDetector, type Detector } from './detector.ts';
import { amount, duration } from './parameters.ts';
import { counted, listed, placeOf, printable } from './phrases.ts';
import { accountSubject, addressSubject, copy, escalate, FloodGate, unsaid, withDistinct } from './story.ts';
import type { Said } from './story.ts';

const parameters = z.strictObject({
  attempts: amount(
    3,
    'calls',
    'so many chargeable calls that the PBX took on without asking who calls, none connected yet',
  ),
  refused: amount(5, 'calls', 'so many chargeable calls tried and refused'),
  window: duration('24h', 'attempts of one address are counted within this time'),
  remember: duration('30d', 'an address that registered within this time is no stranger'),
});

/** What a call is, as far as this detector cares. */
type Verdict = 'stranger' | 'unwatched' | 'credentials' | 'static';

interface Call {
  story: string;
  connected: boolean;
  /** it is certain that it came from the story's address */
  proven: boolean;
}

/** The chargeable calls of one address that nobody registered from. */
interface Story {
  subject: Subject;
  verdict: Verdict;
  first: Millis;
  last: Millis;
  taken: number;
  connected: number;
  refused: number;
  /** of taken and of connected: those that certainly came from there */
  provenTaken: number;
  provenConnected: number;
  numbers: string[];
  places: string[];
  calls: string[];
  callKeys: string[];
  sources: string[];
  accounts: string[];
  userAgent: string;
  /** best proof of a single call */
  proof: SourceProof;
  /** what was told of it as proof last */
  saidProof: SourceProof;
  said: Said;
}

const STORIES = 10_000;
const CALLS = 20_000;
const SOURCES = 50_000;

type CallEvent = CallStarted | CallUpdated | CallAnswered;
type Taken = CallEvent | CallRecorded | RegisterAccepted | RequestAnswered;

class UnregisteredCaller implements Detector<Taken['kind']> {
  readonly #p: z.output<typeof parameters>;
  readonly #site: Site;
  /** source -> when a registration from there was last accepted */
  readonly #registered = new BoundedMap<Millis>(SOURCES);
  readonly #calls = new BoundedMap<Call>(CALLS);
  readonly #stories = new BoundedMap<Story>(STORIES);
  readonly #gate = new FloodGate();

  constructor(p: z.output<typeof parameters>, site: Site) {
    this.#p = p;
    this.#site = site;
  }

  on(event: Taken): EvidenceDraft[] {
    switch (event.kind) {
      case 'register.accepted':
        if (event.binding.source !== null) this.#registered.set(sourceKey(event.binding.source), event.at);
        return [];
      case 'request.answered':
        return event.request.method === 'INVITE' && event.status >= 400 ? this.#refusal(event) : [];
      case 'cdr':
        return this.#record(event);
      default:
        return this.#live(event);
    }
  }

  #live(event: CallEvent): EvidenceDraft[] {
    const verdict = this.#verdict(event);
    let call = this.#calls.get(event.call);
    if (call !== undefined && verdict !== this.#stories.peek(call.story)?.verdict) {
      this.#withdraw(event.call, call);
      call = undefined;
    }
    if (verdict === null || event.source === null) return [];
    if (call === undefined) {
      const number = this.#site.number(event.dialled);
      if (!number.chargeable || !number.blockable) return [];
      const subject =
        verdict === 'credentials' && event.account !== null
          ? accountSubject(event.account)
          : addressSubject(event.source);
      call = { story: `${verdict}|${subject.value}|${sourceKey(event.source)}`, connected: false, proven: false };
      this.#calls.set(event.call, call);
      const story = this.#story(call.story, subject, verdict, event.at);
      story.taken++;
      story.numbers = withDistinct(story.numbers, number.e164 ?? number.dialled, 32);
      story.places = withDistinct(story.places, placeOf(number), 8);
      story.callKeys = withDistinct(story.callKeys, event.call, 50);
    }
    const story = this.#stories.get(call.story);
    if (story === undefined) return [];
    story.sources = withDistinct(story.sources, event.source, 8);
    story.calls = withDistinct(story.calls, event.uniqueid ?? event.callId ?? event.call, 20);
    const caller = story.verdict === 'static' ? event.account : callerOf(event);
    if (caller !== null) story.accounts = withDistinct(story.accounts, caller, 8);
    if (event.userAgent !== '') story.userAgent = event.userAgent;
    this.#weigh(story, call, event);
    return this.#judge(call.story, story, event.at);
  }

  /** Counts a call as connected, and as certainly from there, each once. */
  #weigh(story: Story, call: Call, event: CallEvent): void {
    story.proof = betterProof(story.proof, event.proof);
    const connects = event.answeredAt !== null && !call.connected;
    const proves = event.proof !== 'none' && !call.proven;
    call.connected ||= connects;
    call.proven ||= proves;
    if (connects) story.connected++;
    if (proves) story.provenTaken++;
    if (call.connected && call.proven && (connects || proves)) story.provenConnected++;
  }

  /** null: nothing against this call. */
  #verdict(event: CallEvent): Verdict | null {
    const { source, account } = event;
    if (source === null || event.trunk !== null || event.registration === 'this-source') return null;
    if (event.registration === 'other-source') return null; // an account used from elsewhere: registration-hijack
    const { networks, accounts } = this.#site;
    if (networks.isPbx(source) || networks.trunkOf(source) !== null) return null;
    if (account !== null && networks.isTrunk(account)) return null;
    const seen = this.#registered.peek(sourceKey(source));
    const neighbour = seen !== undefined && event.at - seen <= this.#p.remember;
    if (event.authenticated === true) {
      if (neighbour || event.registration === 'unknown' || networks.isLocal(source)) return null;
      return 'credentials';
    }
    // the PBX's own channel name says that it knows this address (identify by address, a static phone)
    // but not when it took him for its `anonymous` endpoint, which is anybody
    const identified =
      account !== null && !/^anonymous(?:@|$)/.test(account) && event.channel?.includes(`/${account}-`) === true;
    if (identified && (neighbour || networks.isLocal(source) || accounts.mapped(account))) return null;
    if (event.authenticated === null && neighbour) return null;
    if (event.registration === 'unknown') return event.authenticated === false ? 'unwatched' : null;
    if (account !== null && accounts.mapped(account) && networks.isLocal(source)) return 'static';
    return 'stranger';
  }

  #refusal(event: RequestAnswered): EvidenceDraft[] {
    const { source, authUser } = event.request;
    const { networks } = this.#site;
    if (event.trunk !== null || authUser !== null || networks.isPbx(source) || networks.trunkOf(source) !== null)
      return [];
    const key = sourceKey(source);
    if (this.#registered.has(key)) return [];
    const number = this.#site.number(event.request.requestUser);
    if (!number.chargeable || !number.blockable) return [];
    const story = this.#story(`stranger|${source}|${key}`, addressSubject(source), 'stranger', event.at);
    story.refused++;
    story.numbers = withDistinct(story.numbers, number.e164 ?? number.dialled, 32);
    story.places = withDistinct(story.places, placeOf(number), 8);
    story.sources = withDistinct(story.sources, source, 8);
    if (event.request.userAgent !== '') story.userAgent = event.request.userAgent;
    return this.#judge(`stranger|${source}|${key}`, story, event.at);
  }

  /** The record of a call whose answer no feed told. */
  #record(event: CallRecorded): EvidenceDraft[] {
    const call = this.#calls.get(event.call);
    const story = call === undefined ? undefined : this.#stories.get(call.story);
    if (call === undefined || story === undefined) return [];
    story.calls = withDistinct(story.calls, event.record.uniqueid, 20);
    if (call.connected || event.record.disposition !== 'ANSWERED') return [];
    call.connected = true;
    story.connected++;
    if (call.proven) story.provenConnected++;
    return this.#judge(call.story, story, event.at);
  }

  /** What was learnt later cleared the caller, or said who he is. */
  #withdraw(key: string, call: Call): void {
    const story = this.#stories.peek(call.story);
    this.#calls.delete(key);
    if (story === undefined) return;
    story.taken--;
    if (call.connected) story.connected--;
    if (call.proven) story.provenTaken--;
    if (call.connected && call.proven) story.provenConnected--;
    story.callKeys = story.callKeys.filter((k) => k !== key);
  }

  #story(key: string, subject: Subject, verdict: Verdict, at: Millis): Story {
    let story = this.#stories.get(key);
    if (story === undefined || at - story.last > this.#p.window) {
      story = {
        subject,
        verdict,
        first: at,
        last: at,
        taken: 0,
        connected: 0,
        refused: 0,
        provenTaken: 0,
        provenConnected: 0,
        numbers: [],
        places: [],
        calls: [],
        callKeys: [],
        sources: [],
        accounts: [],
        userAgent: '',
        proof: 'none',
        saidProof: 'none',
        said: unsaid(),
      };
      this.#stories.set(key, story);
    }
    story.last = at;
    return story;
  }

  #severity(story: Story): Severity | null {
    switch (story.verdict) {
      case 'static':
        return story.taken > 0 ? 'low' : null;
      case 'unwatched':
        return story.taken > 0 ? 'medium' : null;
      case 'credentials':
      case 'stranger':
        if (story.connected > 0) return 'critical';
        if (story.taken >= this.#p.attempts) return 'high';
        return story.taken > 0 || story.refused >= this.#p.refused ? 'medium' : null;
    }
  }

  /** Are the calls that certainly came from there enough for this severity by themselves? */
  #proofOf(story: Story, severity: Severity): SourceProof {
    const enough =
      severity === 'critical'
        ? story.provenConnected > 0
        : story.provenTaken >= (severity === 'high' ? this.#p.attempts : 1);
    return enough ? story.proof : 'none';
  }

  #judge(key: string, story: Story, at: Millis): EvidenceDraft[] {
    const severity = this.#severity(story);
    if (severity === null) return [];
    const count = story.taken + story.refused;
    const before = story.said.severity;
    // the milder verdicts are told once: a static phone is no news with its second call
    if (before !== null && (story.verdict === 'static' || story.verdict === 'unwatched')) return [];
    const proof = this.#proofOf(story, severity);
    // that the address is certain is news: it may be blocked from then on
    const proved = before === severity && story.saidProof === 'none' && proof !== 'none';
    const told = escalate(story.said, severity, count, this.#p.attempts) ?? (proved ? severity : null);
    if (told === null || (told !== before && !this.#gate.admits(at, told))) return [];
    story.saidProof = proof;
    return [
      {
        key: `${key}|${iso(story.first)}|${told}|${count}${proof === 'none' ? '' : '|proven'}`,
        at,
        severity: told,
        subject: story.subject,
        summary: sentence(story, at),
        facts: {
          calls: story.taken,
          connected: story.connected,
          refused: story.refused,
          destinations: story.numbers.length,
          numbers: story.numbers.slice(0, 5),
          authenticated: story.verdict === 'credentials',
          userAgent: printable(story.userAgent),
          why: WHY[story.verdict],
        },
        calls: [...story.calls],
        callKeys: [...story.callKeys],
        sources: [...story.sources],
        sourceProof: proof,
        accounts: story.accounts.filter((a) => a !== story.subject.value),
      },
    ];
  }

  size(): number {
    return this.#registered.size + this.#calls.size + this.#stories.size;
  }

  snapshot(): unknown {
    return {
      registered: this.#registered.snapshot(Number),
      calls: this.#calls.snapshot(copy),
      stories: this.#stories.snapshot(copy),
      gate: this.#gate.snapshot(),
    };
  }

  restore(snapshot: unknown): void {
    const s = snapshot as {
      registered: Packed<Millis>[];
      calls: Packed<Call>[];
      stories: Packed<Story>[];
      gate: unknown;
    };
    this.#registered.restore(s.registered, Number);
    this.#calls.restore(s.calls, copy);
    this.#stories.restore(s.stories, copy);
    this.#gate.restore(s.gate);
  }
}

const WHY: Record<Verdict, string> = {
  stranger: 'no registration from there was ever accepted and no password was asked for',
  unwatched: 'no password was asked for; registrations have not been watched long enough to say more',
  credentials: "the account's password was used by an address that never registered",
  static: 'a known account in the local network that calls without registering',
};

function sentence(story: Story, at: Millis): string {
  const source = printable(story.sources[0] ?? story.subject.value);
  const where = listed(story.places);
  const span = at - story.first >= 1_000 ? ` in ${formatDuration(at - story.first)}` : '';
  if (story.verdict === 'credentials') {
    const times = story.taken > 1 ? ` ${story.taken} times${span}` : '';
    return `Extension ${printable(story.subject.value)} called ${where}${times} from ${source}, which never registered`;
  }
  if (story.verdict === 'static')
    return `${source} called ${where} as ${listed(story.accounts)} without being registered`;
  if (story.taken === 0)
    return `${source}, not registered, tried ${counted(story.refused, 'call')} to ${where}${span}, all refused`;
  const calls = `${counted(story.taken, 'call')} to ${where}${span}`;
  const result = story.connected > 0 ? `${story.connected} connected` : 'none connected yet';
  return `${source}, not registered and not asked for a password, placed ${calls}, ${result}`;
}

/**
 * Attack: the PBX answers an INVITE from a stranger without asking for a password (an anonymous endpoint, a peer that is
 * matched too widely), and the call goes out to a number that costs money. No REGISTER ever succeeds and no password is
 * ever wrong, so that every failure counter misses it. Or he has an account's password, and calls with it without ever registering,
 * while the account's own phone is away.
 *
 * Innocent twins: a trunk or the PBX itself, a phone in the local network that is known by its address instead of a
 * registration, any phone that registered from there, and any call in the first period of watching (at most medium).
 */
export default defineDetector({
  name: 'unregistered-caller',
  summary: 'Chargeable calls from an address that never had an accepted registration and is no trunk',
  parameters,
  consumes: ['call.started', 'call.updated', 'call.answered', 'cdr', 'register.accepted', 'request.answered'],
  create: (p, site) => new UnregisteredCaller(p, site),
});
