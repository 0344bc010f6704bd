import { z } from 'zod';
import { sourceKey } from '../address.ts';
import type {
  AuthFailed,
  AuthSucceeded,
  CallAnswered,
  CallStarted,
  CallUpdated,
  EvidenceDraft,
  Millis,
  RegisterAccepted,
  RegisterRemoved,
  Severity,
  SourceProof,
  Tick,
} from '../model.ts';
import type { Site } from '../site/site.ts';
import { DAY, HOUR } from '../time.ts';
import { BoundedMap, type Packed } from '../windows.ts';
import { callerOf } from './callers.ts';
import { defineDetector, type Detector } from './detector.ts';
import {
  belongsTo,
  bestSameness,
  deviceOf,
  devicesOf,
  isAccomplice,
  networkOf,
  sameness,
  visitor,
  type Device,
} from './devices.ts';
import { isHome, knownAs, ownDevices, ownerOf, remember, storyOf, tell, type State } from './hijack-story.ts';
import { amount, duration } from './parameters.ts';
import { counted, printable } from './phrases.ts';
import { addDistinct, copy, withDistinct } from './story.ts';

const parameters = z.strictObject({
  switches: amount(
    2,
    'changes',
    'so often two different devices take one binding from each other within an hour',
    2,
    100,
  ),
  failures: amount(3, 'failures', 'a registration from a new address after so many failures there is grave'),
  learn: duration('7d', 'a second device belongs to the account when it has been seen for so long'),
  settle: duration('2s', 'how long a registration or call may follow credentials that were taken'),
});
type Parameters = z.output<typeof parameters>;

const STATES = 20_000;
const FAILURES = 20_000;
const PENDING = 2_000;

type CallEvent = CallStarted | CallUpdated | CallAnswered;
type Taken = RegisterAccepted | RegisterRemoved | AuthFailed | AuthSucceeded | CallEvent | Tick;

class RegistrationHijack implements Detector<Taken['kind']> {
  readonly #p: Parameters;
  readonly #site: Site;
  readonly #states = new BoundedMap<State>(STATES);
  /** account and source -> failures there */
  readonly #failures = new BoundedMap<{ count: number; last: Millis }>(FAILURES);
  /** credentials taken from an address that is not bound, which a registration or call may yet explain */
  readonly #pending = new Map<
    string,
    { account: string; address: string; userAgent: string; proof: SourceProof; at: Millis }
  >();

  constructor(p: Parameters, site: Site) {
    this.#p = p;
    this.#site = site;
  }

  on(event: Taken): readonly EvidenceDraft[] {
    const due = this.#pending.size > 0 ? this.#settle(event.at) : [];
    const found = this.#take(event);
    return due.length === 0 ? found : [...due, ...found];
  }

  #take(event: Taken): readonly EvidenceDraft[] {
    switch (event.kind) {
      case 'tick':
        return NOTHING;
      case 'register.accepted':
        return this.#registered(event);
      case 'register.removed':
        return this.#removed(event);
      case 'auth.failed':
        return this.#failed(event);
      case 'auth.succeeded':
        return this.#authenticated(event);
      default:
        return this.#called(event);
    }
  }

  #isOurs(address: string): boolean {
    return this.#site.networks.isPbx(address) || this.#site.networks.trunkOf(address) !== null;
  }

  #registered(event: RegisterAccepted): readonly EvidenceDraft[] {
    const { binding, at } = event;
    if (binding.source === null || this.#isOurs(binding.source)) return NOTHING;
    const state = this.#state(event);
    const device = deviceOf(binding, binding.source, at);
    this.#pending.delete(`${event.account ?? event.aor}|${device.key}`);
    const rivals = devicesOf([event.previous, ...event.displaced], at).filter((d) => d.key !== device.key);
    const known = knownAs(state, device);
    const found = this.#borrowed(event, state, device);
    if (known === undefined) found.push(...this.#newcomer(event, state, device, rivals));
    else found.push(...this.#returned(event, state, device, known, rivals));
    remember(state, device);
    if (state.removed?.key === device.key) state.removed = null;
    return found;
  }

  /**
   * Another name's password opened this account: the registrar does not compare the two. Providers hand out digest
   * usernames of their own, though, so it is grave only where the name is another account's or could be (an
   * extension), or somebody else is registered here.
   */
  #borrowed(event: RegisterAccepted, state: State, device: Device): EvidenceDraft[] {
    const { authUser } = event;
    if (authUser === null || state.authUsers.includes(authUser)) return [];
    state.authUsers = withDistinct(state.authUsers, authUser, 8);
    const resolved = this.#site.accounts.resolve(authUser);
    const user = event.aor.slice(0, Math.max(0, event.aor.lastIndexOf('@')));
    if (belongsTo(authUser, user) || (event.account !== null && belongsTo(authUser, event.account))) return [];
    if (resolved !== null && resolved === event.account) return [];
    const owner = ownDevices(state, event.at, this.#p.learn).find((d) => d.key !== device.key);
    const story = storyOf(state, device, owner, event.historyKnown);
    const disturbed = event.others.length > 0 || event.displaced.length > 0;
    const another = disturbed || this.#isAnothersAccount(resolved ?? authUser, device.address);
    return another
      ? tell(state, story, 'high', `registered with the password of ${printable(authUser)}`, event.at, event.proof)
      : tell(
          state,
          story,
          'medium',
          `registered with the digest username ${printable(authUser)}`,
          event.at,
          event.proof,
        );
  }

  /**
   * Is this name an account of its own: told by the settings or the PBX, or seen to register? Registered from this very
   * address it may be one person's, who has two numbers.
   */
  #isAnothersAccount(name: string, address: string): boolean {
    if (this.#states.peek(name)?.devices.some((d) => d.address === address) === true) return false;
    const { accounts } = this.#site;
    return accounts.mapped(name) || this.#states.has(name) || this.#site.number(name).kind === 'extension';
  }

  /** An address that this account was never seen at. */
  #newcomer(event: RegisterAccepted, state: State, device: Device, rivals: readonly Device[]): EvidenceDraft[] {
    const { at } = event;
    const removed = state.removed !== null && at - state.removed.at <= HOUR ? state.removed : null;
    const own = ownDevices(state, at, this.#p.learn);
    const suspects = state.devices.filter((d) => !own.includes(d));
    const honest = (d: Device): boolean => d.key !== device.key && !suspects.some((s) => s.key === d.key);
    const alive = [...rivals, ...devicesOf(event.others, at), ...(removed?.devices ?? [])].filter(honest);
    const before = alive.length > 0 ? alive : own.length > 0 ? own : state.devices;
    const failures = this.#failuresOf(event.account ?? event.aor, device.key, at);
    const owner = before[0];
    if (owner === undefined) return [];
    const same = bestSameness(device, [...alive, ...own]);
    // a phone that moves does not fight with itself
    if (rivals[0] !== undefined && same !== 'instance' && same !== 'agent') this.#fight(state, device, rivals[0], at);
    const near = [...alive, ...own].some((d) => networkOf(d.address) === networkOf(device.address));
    const say = (severity: Severity, reason: string): EvidenceDraft[] => {
      const story = storyOf(state, device, owner, event.historyKnown);
      story.device = same;
      return tell(state, story, severity, reason, at, event.proof);
    };
    if (failures >= this.#p.failures) return say('high', `after ${counted(failures, 'wrong password')} from there`);
    if (same === 'instance' || same === 'agent') {
      if (near || (state.moved !== null && at - state.moved < DAY)) return [];
      state.moved = at;
      return say(same === 'instance' ? 'low' : 'medium', 'the same phone on a new address');
    }
    if (!near && isAccomplice(device, suspects))
      return say('high', 'by whoever took it over before, from another address');
    const neighbour = near && this.#site.networks.isLocal(device.address);
    // taking the binding away is seen, whatever was before; a second device beside it may have been there for years
    const taken = rivals.some(honest) || removed !== null;
    const grave = same === 'other' && alive.length > 0 && !neighbour && (taken || event.historyKnown);
    const reason =
      removed?.key === device.key
        ? 'after the registration was removed from there'
        : alive.length === 0
          ? 'a new phone on a new address'
          : taken
            ? 'in place of the phone that was registered'
            : 'beside the phone that is registered';
    return say(grave ? 'high' : 'medium', reason);
  }

  /** An address that the account was seen at before: does it fight with another? */
  #returned(
    event: RegisterAccepted,
    state: State,
    device: Device,
    known: Device,
    rivals: readonly Device[],
  ): EvidenceDraft[] {
    const rival = rivals[0];
    if (rival === undefined) return [];
    const own = {
      ...known,
      userAgent: device.userAgent || known.userAgent,
      instance: device.instance || known.instance,
    };
    const same = sameness(own, rival);
    if (same === 'instance' || same === 'agent') return [];
    const switches = this.#fight(state, device, rival, event.at);
    // where the feed tells no user agent it may be one softphone between two networks: more is asked
    if (switches < this.#p.switches * (same === 'unknown' ? 2 : 1)) return [];
    // who came later is the thief
    const other = state.devices.find((d) => d.key === rival.key) ?? rival;
    const [owner, thief] = other.first <= known.first ? [other, device] : [known, other];
    const trusted = (d: Device): boolean => event.at - d.first >= this.#p.learn;
    if (trusted(owner) && trusted(thief)) return [];
    const story = storyOf(state, thief, owner, event.historyKnown);
    story.device = same;
    const reason = `the two took the registration from each other ${counted(switches, 'time')}`;
    // of the two only he who registered now is certain to be where he says
    return tell(state, story, 'high', reason, event.at, thief === device ? event.proof : 'none');
  }

  #fight(state: State, a: Device, b: Device, at: Millis): number {
    state.fights = state.fights.filter((f) => at - f.at <= HOUR).slice(1 - 2 * this.#p.switches);
    state.fights.push({ at, a: a.key, b: b.key });
    return state.fights.filter((f) => (f.a === a.key && f.b === b.key) || (f.a === b.key && f.b === a.key)).length;
  }

  #removed(event: RegisterRemoved): readonly EvidenceDraft[] {
    const { source, at } = event;
    if (source === null || this.#isOurs(source)) return NOTHING;
    const key = sourceKey(source);
    const state = this.#states.get(event.account ?? event.aor);
    const devices = devicesOf(event.removed, at).filter((d) => d.key !== key);
    const owner = devices[0];
    if (state === undefined || owner === undefined || state.devices.some((d) => d.key === key)) return NOTHING;
    if (devices.some((d) => networkOf(d.address) === networkOf(source))) return NOTHING;
    state.removed = { key, at, devices };
    const story = storyOf(state, visitor(owner, source, '', at), owner, true);
    return tell(state, story, 'medium', 'which removed the registration', at, 'none');
  }

  #failed(event: AuthFailed): readonly EvidenceDraft[] {
    // failures that anybody could have sent in its name say nothing about an address
    if (event.reason !== 'wrong-credentials' || event.proof === 'none' || this.#isOurs(event.source)) return NOTHING;
    const key = `${event.account ?? event.username}|${sourceKey(event.source)}`;
    const seen = this.#failures.get(key);
    const count = seen === undefined || event.at - seen.last > DAY ? 1 : seen.count + 1;
    this.#failures.set(key, { count, last: event.at });
    return NOTHING;
  }

  #failuresOf(account: string, key: string, at: Millis): number {
    const seen = this.#failures.peek(`${account}|${key}`);
    return seen === undefined || at - seen.last > DAY ? 0 : seen.count;
  }

  /** Credentials that were taken, from an address that is not bound. */
  #authenticated(event: AuthSucceeded): readonly EvidenceDraft[] {
    const { account, source, at } = event;
    if (account === null || this.#isOurs(source) || this.#site.networks.isLocal(source)) return NOTHING;
    const state = this.#states.peek(account);
    if (state === undefined || isHome(state, source, at, this.#p.learn)) return NOTHING;
    const pending = `${account}|${sourceKey(source)}`;
    if (this.#pending.size < PENDING && !this.#pending.has(pending))
      this.#pending.set(pending, { account, address: source, userAgent: event.userAgent, proof: event.proof, at });
    return NOTHING;
  }

  #settle(at: Millis): EvidenceDraft[] {
    const found: EvidenceDraft[] = [];
    for (const [key, waiting] of this.#pending) {
      if (at - waiting.at < this.#p.settle) break; // in order of time
      this.#pending.delete(key);
      const state = this.#states.peek(waiting.account);
      const owner = state === undefined ? undefined : ownerOf(state, at, this.#p.learn);
      if (state === undefined || owner === undefined || isHome(state, waiting.address, at, this.#p.learn)) continue;
      if (state.stories.some((s) => s.key === sourceKey(waiting.address))) continue;
      const story = storyOf(state, visitor(owner, waiting.address, waiting.userAgent, at), owner, true);
      found.push(...tell(state, story, 'medium', 'with its password but without registering', at, waiting.proof));
    }
    return found;
  }

  #called(event: CallEvent): readonly EvidenceDraft[] {
    const { source, at } = event;
    const account = callerOf(event);
    if (account === null || source === null || event.trunk !== null || this.#isOurs(source)) return NOTHING;
    this.#pending.delete(`${account}|${sourceKey(source)}`);
    const state = this.#states.get(account);
    if (state === undefined) return NOTHING;
    const number = this.#site.number(event.dialled);
    if (!number.blockable) return NOTHING;
    let story = state.stories.find((s) => s.key === sourceKey(source));
    const robbed = story?.said.severity === 'high' || story?.said.severity === 'critical';
    if (!robbed) {
      if (event.registration !== 'other-source' || isHome(state, source, at, this.#p.learn)) return NOTHING;
      const owner = ownerOf(state, at, this.#p.learn);
      if (owner === undefined) return NOTHING;
      const device = visitor(owner, source, event.userAgent, at);
      story = storyOf(state, device, owner, true);
      story.device = bestSameness(device, ownDevices(state, at, this.#p.learn));
    }
    if (story === undefined) return NOTHING;
    const fresh = addDistinct(story.callKeys, event.call, 50);
    addDistinct(story.calls, event.uniqueid ?? event.callId ?? event.call, 20);
    const calls = story.callKeys.length;
    const taken = number.chargeable && event.answeredAt !== null;
    if (robbed)
      return fresh || taken
        ? tell(state, story, 'critical', `and ${counted(calls, 'call')} placed`, at, event.proof, calls)
        : NOTHING;
    const other = story.device === 'other';
    const severity: Severity = other ? (taken ? 'critical' : 'high') : 'medium';
    return tell(state, story, severity, 'which called without being registered', at, event.proof, calls);
  }

  #state(event: RegisterAccepted): State {
    const key = event.account ?? event.aor;
    let state = this.#states.get(key);
    if (state === undefined) {
      state = {
        aor: event.aor,
        account: event.account,
        devices: [],
        fights: [],
        removed: null,
        authUsers: [],
        stories: [],
        moved: null,
      };
      // what stood before ringfence looked, where its address is known, is the account's own
      for (const d of devicesOf(event.others, event.at)) remember(state, d);
      this.#states.set(key, state);
    }
    return state;
  }

  size(): number {
    return this.#states.size + this.#failures.size + this.#pending.size;
  }

  snapshot(): unknown {
    return {
      states: this.#states.snapshot(copy),
      failures: this.#failures.snapshot(copy),
      pending: [...this.#pending],
    };
  }

  restore(snapshot: unknown): void {
    const s = snapshot as {
      states: Packed<State>[];
      failures: Packed<{ count: number; last: Millis }>[];
      pending: [string, { account: string; address: string; userAgent: string; proof: SourceProof; at: Millis }][];
    };
    this.#states.restore(s.states, copy);
    this.#failures.restore(s.failures, copy);
    this.#pending.clear();
    for (const [key, waiting] of s.pending) this.#pending.set(key, copy(waiting));
  }
}

const NOTHING: readonly EvidenceDraft[] = [];

/**
 * Attack: somebody with the password, or with another account's password where the registrar does not compare, registers an
 * account from his own address, beside the owner's phone or in its place, and takes or places its calls.
 *
 * Innocent twins: a phone that reboots (same address, other port and Call-ID), a phone that moves (same instance or user
 * agent: medium at most, once a day), address translation (the same /24 or /48), a user with several devices (learnt when
 * they come, judged when they are new), a softphone that flaps between two networks. After a cold start a second device
 * beside the first is at most medium: it may have been there for years.
 */
export default defineDetector({
  name: 'registration-hijack',
  summary: 'An account registered or used from an address that is not its owner’s',
  parameters,
  consumes: [
    'register.accepted',
    'register.removed',
    'auth.failed',
    'auth.succeeded',
    'call.started',
    'call.updated',
    'call.answered',
    'tick',
  ],
  create: (p, site) => new RegistrationHijack(p, site),
});
