import { z } from 'zod';
import { sourceKey } from '../address.ts';
import type { AuthFailed, AuthSucceeded, EvidenceDraft, Millis, Severity } from '../model.ts';
import type { Site } from '../site/site.ts';
import { DAY, formatDuration, HOUR, iso } from '../time.ts';
import { BoundedMap, SlidingDistinct, type Packed } from '../windows.ts';
import { isCrowd, namesOf, widestPort, type Entries } from './cadence.ts';
import { defineDetector, type Detector } from './detector.ts';
import { Guesses, isStale, type Source } from './guesses.ts';
import { amount, duration } from './parameters.ts';
import { PatientSwarm } from './patient-swarm.ts';
import { counted, printable } from './phrases.ts';
import { draft, StalePasswords } from './stale-password.ts';
import { accountSubject, addressSubject, copy, escalate, FloodGate, unsaid } from './story.ts';
import type { Said } from './story.ts';
import { Swarm } from './swarm.ts';
import { productOf } from './trunk-agents.ts';

const parameters = z.strictObject({
  failures: amount(10, 'failures', 'wrong credentials from one address within `window`', 2),
  window: duration('60s', 'the fast window'),
  accounts: amount(5, 'accounts', 'different accounts that failed from one address and port within `window`', 2),
  slowFailures: amount(20, 'failures', 'wrong credentials from one address within an hour', 2),
  crawlFailures: amount(12, 'failures', 'wrong credentials from one address, for several accounts, within a day', 2),
  crawlAccounts: amount(3, 'accounts', 'so many different accounts make a day of failures a slow guesser', 2),
  sources: amount(
    5,
    'addresses',
    'so many addresses failing for one account within an hour are a distributed attack',
    2,
    64,
  ),
  patient: amount(
    24,
    'failures',
    'so many for one account from a strange address and program, over three quarters of a day or longer, are no old password',
    12,
  ),
  daySources: amount(
    12,
    'addresses',
    'so many strange ones failing for one account within a day, twice each, are a distributed attack',
    4,
    32,
  ),
  roaming: amount(
    10,
    'addresses',
    'so many addresses failing for several or unknown accounts within an hour are one',
    2,
  ),
  breach: amount(5, 'failures', 'a success after so many failures of that account from there is a breach'),
  hint: amount(
    2,
    'accounts',
    'so many accounts that failed from a new address within `window` are told as low, medium where refused for good',
    2,
  ),
  patience: duration('2m', 'how long many accounts behind one address may fail once or twice each before it is judged'),
});
type Parameters = z.output<typeof parameters>;

/** What failed for one account, wherever from. */
interface Target {
  sources: SlidingDistinct;
  failures: number;
  /** of these, those that are not known to be forgeable */
  sound: number;
  first: Millis;
  last: Millis;
  said: Said;
}

const SOURCES = 20_000;
const ACCOUNTS = 5_000;
const OWNERS = 50_000;
const AGENTS = 20_000;
const CERTAIN = '!';
/** Whoever tries one account for so long has patience. */
const PATIENT = 18 * HOUR;
const KEEPS_TRYING = 6 * HOUR;

class BruteForce implements Detector<'auth.failed' | 'auth.succeeded'> {
  readonly #p: Parameters;
  readonly #site: Site;
  /** by source and target: all that failed, and (`CERTAIN` behind the key) what certainly came from there */
  readonly #sources: Guesses;
  readonly #targets = new BoundedMap<Target>(ACCOUNTS);
  /** account and source that have authenticated there before */
  readonly #owners = new BoundedMap<Millis>(OWNERS);
  /** source -> when anybody last authenticated there */
  readonly #inhabited = new BoundedMap<Millis>(SOURCES);
  /** source -> when it was last told as a guesser; with `CERTAIN` behind it, told as certain */
  readonly #guessers = new BoundedMap<Millis>(ACCOUNTS);
  /** account -> what its phone called itself when it last logged in */
  readonly #agents = new BoundedMap<string>(AGENTS);
  readonly #stale: StalePasswords;
  readonly #swarm: Swarm;
  readonly #patient: PatientSwarm;
  readonly #gate = new FloodGate();

  constructor(p: Parameters, site: Site) {
    this.#p = p;
    this.#site = site;
    this.#stale = new StalePasswords(p.failures);
    this.#swarm = new Swarm(p.roaming);
    this.#patient = new PatientSwarm(p.daySources);
    this.#sources = new Guesses(SOURCES, Math.max(p.failures, p.slowFailures, p.crawlFailures, p.breach) + 8);
  }

  on(event: AuthFailed | AuthSucceeded): EvidenceDraft[] {
    const { networks } = this.#site;
    if (networks.isPbx(event.source) || networks.trunkOf(event.source) !== null) return [];
    return event.kind === 'auth.failed' ? this.#failed(event) : this.#succeeded(event);
  }

  #failed(event: AuthFailed): EvidenceDraft[] {
    // the password was right: the registrar merely had no room
    if (event.reason === 'too-many-contacts') return [];
    const name = event.account ?? event.username.toLowerCase();
    const source = sourceKey(event.source);
    if (this.#owners.get(`${name}|${source}`) !== undefined) return this.#stale.failed(event, name, source);
    const key = `${source}>${event.destination}`;
    const unknown = event.reason === 'unknown-account' || event.account === null;
    const state = this.#sources.note(key, event, name, unknown);
    const proven = event.proof !== null && event.proof !== 'none';
    // blamed is the address for all; blocked only for what is certain to be its own
    const certain = proven
      ? this.#sources.note(key + CERTAIN, event, name, unknown)
      : this.#sources.peek(key + CERTAIN);
    return [
      ...this.#judgeSource(key, state, certain, event, name, source),
      ...this.#judgeAccount(event, name, source),
      ...(unknown || state.names.length > 1 ? this.#swarm.failed(event, name, source) : []),
      ...(unknown || this.#inhabited.peek(source) !== undefined
        ? []
        : this.#patient.failed(event, name, source, this.#isStrange(event, name))),
    ];
  }

  /** Does its program differ from the one that logs in as this account? null: nobody can say. */
  #isStrange({ userAgent }: AuthFailed, name: string): boolean | null {
    const known = this.#agents.peek(name);
    return known === undefined || userAgent === '' ? null : productOf(userAgent) !== productOf(known);
  }

  #judgeSource(
    key: string,
    state: Source,
    certain: Source | undefined,
    event: AuthFailed,
    name: string,
    source: string,
  ): EvidenceDraft[] {
    const { at } = event;
    const single = state.names.length === 1;
    const patient = single && this.#isPatient(state, event, name, source);
    const verdict = patient
      ? ({ severity: 'high', rule: `${this.#p.patient} failures over ${formatDuration(PATIENT)}` } as const)
      : this.#verdict(state, source, '', at);
    if (verdict === null) return this.#slowStale(state, event, name, source);
    const { severity, rule } = verdict;
    if (!patient && severity === 'high' && isStale(state, at))
      return this.#stale.tell(event, name, source, state.total);
    const before = state.said.severity;
    if (severity === 'low' && before !== null) return [];
    const proven =
      severity === 'high' &&
      certain !== undefined &&
      (patient ? this.#isPatient(certain, event, name, source) : this.#isGuesser(certain, source, at));
    // that it is certain is news: the address may be blocked from then on
    const proves = proven && !state.proved && before === 'high';
    const told = escalate(state.said, severity, state.total, this.#p.failures) ?? (proves ? severity : null);
    if (told === null || (told !== before && !this.#gate.admits(at, told))) return [];
    state.proved ||= proven;
    if (told === 'high') this.#guessers.set(source, at);
    if (proven) this.#guessers.set(source + CERTAIN, at);
    const target = event.destination === '' ? '' : ` at ${event.destination}`;
    const span = at - state.first;
    return [
      {
        ...draft(event, told, state.subject, `${key}|${iso(state.first)}|${told}|${state.total}`),
        summary:
          `${printable(event.source)} tried passwords for ${single ? `extension ${printable(state.names[0] ?? '')}` : counted(state.names.length, 'account')}${target}: ` +
          `${counted(state.total, 'failure')}${span < 1_000 ? '' : ` in ${formatDuration(span)}`}`,
        facts: {
          failures: state.total,
          accounts: state.names.length,
          names: state.names.slice(0, 10).map(printable),
          target: event.destination,
          rule,
          since: iso(state.first),
          userAgent: printable(state.userAgent),
        },
        sourceProof: proven ? 'answered' : 'none',
        accounts: state.names.slice(0, 8),
      },
    ];
  }

  /**
   * One account, tried for the better part of a day from outside, where nobody ever logged in, by a program that its owner does not
   * use. A forgotten phone is at home somewhere, or is at least of the owner's make.
   */
  #isPatient(state: Source, event: AuthFailed, name: string, source: string): boolean {
    if (state.total < this.#p.patient || event.at - state.first < PATIENT || state.names.length > 1) return false;
    if (event.account === null || this.#site.networks.isLocal(event.source)) return false;
    return this.#inhabited.peek(source) === undefined && this.#isStrange(event, name) === true;
  }

  /** Too slow for any window, and it goes on: told as an old password, which it most often is. */
  #slowStale(state: Source, event: AuthFailed, name: string, source: string): EvidenceDraft[] {
    if (state.names.length > 1 || event.account === null) return [];
    if (event.at - state.first < KEEPS_TRYING || state.log.since(event.at).length < this.#p.crawlFailures) return [];
    return this.#stale.tell(event, name, source, state.total);
  }

  /** Is what certainly came from there enough by itself? */
  #isGuesser(certain: Source, source: string, at: Millis): boolean {
    return this.#verdict(certain, source, CERTAIN, at)?.severity === 'high' && !isStale(certain, at);
  }

  /** `kind`: CERTAIN where only what is certain is looked at. */
  #verdict(state: Source, source: string, kind: string, at: Millis): { severity: Severity; rule: string } | null {
    const entries = state.log.since(at);
    const guesser = this.#guessers.peek(source + kind);
    const rule = this.#rule(state, entries, at);
    if (guesser !== undefined && at - guesser <= DAY && entries.length >= 2)
      return { severity: 'high', rule: rule ?? 'it has been guessing within a day' };
    const inhabited = this.#inhabited.peek(source);
    if (rule !== null) {
      if (!isCrowd(entries)) return { severity: 'high', rule };
      if (at - state.first >= this.#p.patience && (inhabited ?? 0) < state.first)
        return { severity: inhabited === undefined ? 'high' : 'medium', rule };
    }
    const recent = state.log.since(at, this.#p.window);
    if (inhabited !== undefined || namesOf(recent).size < this.#p.hint) return null;
    const severity = recent.every(([, f]) => f.final) ? 'medium' : 'low';
    return { severity, rule: `${this.#p.hint} accounts within ${formatDuration(this.#p.window)}` };
  }

  /** Which of the windows is full, or null. */
  #rule(state: Source, day: Entries, at: Millis): string | null {
    const p = this.#p;
    const recent = state.log.since(at, p.window);
    if (recent.length >= p.failures) return `${p.failures} failures within ${formatDuration(p.window)}`;
    // phones behind one address translator come from a port each; one program may try many accounts from one
    if (recent.length >= p.accounts && widestPort(recent) >= p.accounts)
      return `${p.accounts} accounts from one port within ${formatDuration(p.window)}`;
    const refused = recent.filter(([, f]) => f.final);
    if (refused.length >= p.accounts && namesOf(refused).size >= p.accounts)
      return `${p.accounts} accounts refused within ${formatDuration(p.window)}`;
    if (state.log.since(at, HOUR).length >= p.slowFailures) return `${p.slowFailures} failures within 1 h`;
    if (day.length < p.crawlFailures) return null;
    const names = namesOf(day).size;
    const mixed = names > 1 && day.some(([, f]) => f.unknown);
    return names >= p.crawlAccounts || mixed ? `${p.crawlFailures} failures for several accounts within a day` : null;
  }

  #judgeAccount(event: AuthFailed, name: string, source: string): EvidenceDraft[] {
    if (event.account === null || event.reason === 'unknown-account') return [];
    let target = this.#targets.get(name);
    if (target === undefined || event.at - target.last > HOUR) {
      const sources = new SlidingDistinct(HOUR, 64);
      target = { sources, failures: 0, sound: 0, first: event.at, last: event.at, said: unsaid() };
      this.#targets.set(name, target);
    }
    target.failures++;
    if (event.proof !== 'none') target.sound++;
    target.last = event.at;
    const sources = target.sources.add(source, event.at);
    if (sources < this.#p.sources || target.failures < this.#p.failures) return [];
    const told = escalate(target.said, 'high', target.failures, this.#p.failures);
    if (told === null) return [];
    return [
      {
        ...draft(
          event,
          told,
          accountSubject(event.account),
          `account|${name}|${iso(target.first)}|${told}|${target.failures}`,
        ),
        summary: `${counted(sources, 'address', 'addresses')} tried passwords for extension ${printable(name)}: ${counted(target.failures, 'failure')} in ${formatDuration(event.at - target.first)}`,
        facts: { failures: target.failures, addresses: sources, rule: `${this.#p.sources} addresses within 1 h` },
        sources: target.sources.values().slice(-16),
        sourceProof: 'none',
      },
    ];
  }

  #succeeded(event: AuthSucceeded): EvidenceDraft[] {
    const name = event.account ?? event.username.toLowerCase();
    const source = sourceKey(event.source);
    const owner = `${name}|${source}`;
    this.#inhabited.set(source, event.at);
    if (event.userAgent !== '') this.#agents.set(name, event.userAgent);
    this.#stale.mended(name, source);
    const owned = this.#owners.get(owner) !== undefined;
    this.#owners.set(owner, event.at);
    let failures = 0;
    let proven = 0;
    let steady = false;
    let first = event.at;
    for (const target of event.destination === '' ? [''] : [event.destination, '']) {
      const key = `${source}>${target}`;
      const all = this.#sources.account(key, name, event.at);
      proven += this.#sources.account(key + CERTAIN, name, event.at).failures;
      failures += all.failures;
      first = Math.min(first, all.first);
      steady ||= all.steady;
    }
    if (owned) return [];
    const target = this.#targets.peek(name);
    const attacked =
      target?.said.severity === 'high' && target.sound >= this.#p.sources && event.at - target.last <= HOUR;
    const took = attacked && failures > 0;
    if (failures < this.#p.breach && !attacked) return [];
    const severity: Severity = steady && !took ? 'medium' : failures >= this.#p.breach || took ? 'critical' : 'medium';
    // a thief is no owner: what he does next is judged like the first time
    if (severity === 'critical') this.#owners.delete(owner);
    const subject = event.account === null ? addressSubject(event.source) : accountSubject(event.account);
    const told =
      attacked && failures === 0
        ? 'while others were guessing its password'
        : `after ${counted(failures, 'failure')} in ${formatDuration(event.at - first)}`;
    return [
      {
        ...draft(event, severity, subject, `breach|${owner}|${iso(event.at)}`),
        summary: `${printable(event.source)} got into extension ${printable(name)} ${told}${steady ? ', at the even pace of a phone' : ''}`,
        facts: {
          failures,
          since: iso(first),
          distributed: attacked,
          userAgent: printable(event.userAgent),
          rule: 'success after failures',
        },
        // failures in the name of an address before its own phone logs in must not make a thief of it
        sourceProof: proven >= (took ? 1 : this.#p.breach) ? event.proof : 'none',
        accounts: event.account === null ? [] : [event.account],
      },
    ];
  }

  size(): number {
    return (
      this.#sources.size +
      this.#targets.size +
      this.#owners.size +
      this.#inhabited.size +
      this.#guessers.size +
      this.#agents.size +
      this.#patient.size +
      this.#stale.size
    );
  }

  snapshot(): unknown {
    return {
      sources: this.#sources.snapshot(),
      targets: this.#targets.snapshot((t) => ({ ...copy({ ...t, sources: null }), sources: t.sources.snapshot() })),
      owners: this.#owners.snapshot(Number),
      inhabited: this.#inhabited.snapshot(Number),
      guessers: this.#guessers.snapshot(Number),
      agents: this.#agents.snapshot(String),
      patient: this.#patient.snapshot(),
      stale: this.#stale.snapshot(),
      swarm: this.#swarm.snapshot(),
      gate: this.#gate.snapshot(),
    };
  }

  restore(snapshot: unknown): void {
    const s = snapshot as Snapshot;
    this.#sources.restore(s.sources);
    this.#targets.restore(s.targets, ({ sources, ...rest }) => ({
      ...copy(rest),
      sources: SlidingDistinct.restore(HOUR, 64, sources),
    }));
    this.#owners.restore(s.owners, Number);
    this.#inhabited.restore(s.inhabited, Number);
    this.#guessers.restore(s.guessers, Number);
    this.#agents.restore(s.agents, String);
    this.#patient.restore(s.patient);
    this.#stale.restore(s.stale);
    this.#swarm.restore(s.swarm);
    this.#gate.restore(s.gate);
  }
}

interface Snapshot {
  sources: unknown;
  targets: Packed<Omit<Target, 'sources'> & { sources: [string, Millis][] }>[];
  owners: Packed<Millis>[];
  inhabited: Packed<Millis>[];
  guessers: Packed<Millis>[];
  agents: Packed<string>[];
  patient: unknown;
  stale: unknown;
  swarm: unknown;
  gate: unknown;
}

/**
 * Attack: passwords are guessed, for one account or all, at hundreds a second or one an hour, from one address or a botnet.
 * When a guess is right the account is taken: a breach. Failures are told for each target address by itself.
 *
 * Innocent twins: a phone with a stale password (one account, its old address or an even pace, for hours): medium, once a
 * day, unless it is at home nowhere and of another make than the owner's; an office of phones behind one address after an outage (many accounts, once or twice each, from many ports): low, and
 * nothing where they had registered before;
 * a user who mistypes and then gets in. A first challenge never comes here: it is no failure.
 */
export default defineDetector({
  name: 'brute-force',
  summary: 'Password guessing, fast, slow or distributed, and the guess that succeeds',
  parameters,
  consumes: ['auth.failed', 'auth.succeeded'],
  create: (p, site) => new BruteForce(p, site),
});
