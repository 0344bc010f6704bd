import { resolve } from 'node:path';
import { readNamed, readSecret, type Config, type Settings } from '../config.ts';
import { readCountries } from '../console/countries.ts';
import type { Readings } from '../console/readings.ts';
import { Traffic } from '../console/traffic.ts';
import { UsersFile } from '../console/users.ts';
import type { AccountHabits, ConsoleView, GatewayView, HandResult, LiveCall, Registrations } from '../console/view.ts';
import { Web } from '../console/web.ts';
import type { Log } from '../log.ts';
import type { CallFacts, Event, Millis } from '../model.ts';
import { REFUSING } from '../respond/enforcement.ts';
import type { AuditEntry, Store } from '../store/index.ts';
import { HOUR, MINUTE, parseDuration, SECOND } from '../time.ts';
import { BoundedMap } from '../windows.ts';
import { allowByHand, blockByHand, unblockByHand, type Hand, type HandAnswer, type Lagging } from './by-hand.ts';
import { settingsAsToml } from './config-print.ts';
import { usersPath } from './console-users.ts';
import { Refusal, UNBLOCKABLE } from './control-methods.ts';
import type { Target } from './feeds.ts';
import { laggingText } from './hand-command.ts';
import { settingsShown } from './settings-shown.ts';
import { rulesOf } from './text.ts';

export interface RunConsoleOptions {
  readonly config: Config;
  readonly store: Store;
  readonly settings: () => Settings;
  readonly target: () => Target;
  readonly readings: () => Readings;
  readonly hand: () => Hand;
  readonly note: (entry: AuditEntry) => void;
  readonly gateway?: () => GatewayView | null;
  readonly log: Log;
}

/** Calls that ring; one that nobody ends is forgotten. */
const RINGING = 4_096;
const RINGS: Millis = 5 * MINUTE;
const CALLS = 2_000;
const YOUNGEST = 20;

/** What the console shows of the daemon, and what it may ask of it. */
export class RunConsole {
  readonly web: Web;
  readonly #options: RunConsoleOptions;
  readonly #traffic = new Traffic();
  readonly #ringing = new BoundedMap<CallFacts>(RINGING);
  readonly #rules = new Map<unknown, ReturnType<typeof rulesOf>>();
  readonly #countries: (address: string) => string | null;

  /** @throws RingfenceError when a file that the settings name cannot be used */
  constructor(options: RunConsoleOptions) {
    const { config, log } = options;
    const { console: own } = config.settings;
    this.#options = options;
    const { countries_file, proxy_header, proxy_secret_file, proxy_act } = own;
    this.#countries =
      countries_file === undefined ? () => null : readCountries(resolve(config.directory, countries_file));
    const [life, idle] = [parseDuration(own.session), parseDuration(own.idle)];
    this.web = new Web(this.#view(), {
      users: new UsersFile(usersPath(config)),
      proxy:
        proxy_header === undefined || proxy_secret_file === undefined
          ? null
          : {
              header: proxy_header.toLowerCase(),
              secret: readSecret(proxy_secret_file, config.directory, 'console.proxy_secret_file'),
              act: proxy_act,
            },
      life: life.ok ? life.value : 12 * HOUR,
      idle: idle.ok ? idle.value : HOUR,
      secure: own.cert_file !== undefined,
      log,
    });
  }

  /** Certificate and key of [console]; undefined: no TLS. @throws InputError */
  static tlsOf({ settings, directory }: Config): { cert: string; key: string } | undefined {
    const { cert_file, key_file } = settings.console;
    if (cert_file === undefined || key_file === undefined) return undefined;
    return {
      cert: readNamed(cert_file, directory, 'console.cert_file'),
      key: readNamed(key_file, directory, 'console.key_file'),
    };
  }

  /** Every event of the correlator. */
  event(event: Event): void {
    this.#traffic.event(event);
    switch (event.kind) {
      case 'call.started':
      case 'call.updated':
        if (event.answeredAt === null) this.#ringing.set(event.call, event);
        break;
      case 'call.answered':
      case 'call.ended':
      case 'cdr':
        this.#ringing.delete(event.call);
        break;
      default:
    }
  }

  #view(): ConsoleView {
    const { store, settings, target, readings, note, gateway } = this.#options;
    const standing = every(SECOND, () => this.#standing());
    const acted = async (work: Promise<HandAnswer>): Promise<HandResult> => {
      const result = resultOf(await work);
      standing.forget();
      return result;
    };
    return {
      store,
      now: () => Date.now(),
      site: () => target().site,
      readings: every(SECOND, readings),
      rules: () => this.#rulesNow(),
      calls: every(SECOND, () => this.#calls()),
      registrations: every(5 * SECOND, () => registrationsOf(target())),
      standing,
      accounts: () => target().endpoints.map(({ endpoint }) => endpoint),
      habits: (account) => habitsOf(target(), account),
      traffic: this.#traffic,
      settings: () => settingsAsToml(settingsShown(settings())),
      countryOf: this.#countries,
      gateway: () => gateway?.() ?? null,
      hand: {
        block: (kind, value, lasts, why) => acted(blockByHand(this.#hand(), { kind, value, lasts, why })),
        unblock: (what, why) => acted(this.#unblock(what, why)),
        allow: (account, lasts, why) => acted(allowByHand(this.#hand(), { account, lasts, why })),
      },
      note,
    };
  }

  #hand(): Hand {
    return this.#options.hand();
  }

  async #unblock(what: { id: string } | { kind: string; value: string }, why: string): Promise<HandAnswer> {
    if ('id' in what) return await unblockByHand(this.#hand(), { id: what.id, why });
    const kind = UNBLOCKABLE.find((each) => each === what.kind);
    if (kind === undefined) throw new Refusal('unknown', `there is no kind "${what.kind.slice(0, 40)}"`);
    return await unblockByHand(this.#hand(), { kind, value: what.value, why });
  }

  #rulesNow(): ReturnType<typeof rulesOf> {
    const { detect } = this.#options.settings();
    const known = this.#rules.get(detect);
    if (known !== undefined) return known;
    this.#rules.clear();
    const rules = rulesOf(detect);
    this.#rules.set(detect, rules);
    return rules;
  }

  #calls(): { calls: LiveCall[]; all: number } {
    const { site, pipeline } = this.#options.target();
    const up = pipeline.correlator.callsUp(CALLS);
    const youngest = Date.now() - RINGS;
    const ringing = [...this.#ringing.values()].filter(({ startedAt }) => startedAt > youngest);
    const calls = [...ringing, ...up.calls].slice(0, CALLS).map((call): LiveCall => {
      const number = site.number(call.dialled);
      const free = { perMinute: 0, connection: 0, by: 'tariff' as const };
      const { perMinute, connection, by } = call.trunk === null ? site.rate(number) : free;
      return { ...call, perMinute, connection, estimated: by === 'estimate' };
    });
    return { calls, all: up.all + ringing.length };
  }

  #standing(): ReturnType<ConsoleView['standing']> {
    const { entries } = this.#hand().enforcer.standing();
    return entries.map(({ kind, value, until, state, claims }) => ({
      ...{ kind, value, until, state, claims, refuses: REFUSING.has(kind) },
    }));
  }

  close(): void {
    this.web.close();
  }
}

/** Made anew at most so often, however many look. */
function every<T>(span: Millis, make: () => T): (() => T) & { forget(): void } {
  let made: { readonly value: T; readonly at: number } | null = null;
  const get = (): T => {
    const now = performance.now();
    if (made === null || now - made.at >= span) made = { value: make(), at: now };
    return made.value;
  };
  return Object.assign(get, { forget: () => void (made = null) });
}

function registrationsOf({ pipeline }: Target): Registrations {
  const byAccount = new Map(pipeline.correlator.registered());
  const all = [...byAccount].flatMap(([account, list]) => list.map((binding) => ({ account, binding })));
  const youngest = all.sort((a, b) => b.binding.since - a.binding.since).slice(0, YOUNGEST);
  return { byAccount, bindings: all.length, youngest };
}

function habitsOf({ pipeline }: Target, account: string): AccountHabits | null {
  const { habits } = pipeline;
  const weeks = habits.watched({ account });
  if (weeks === null) return null;
  return {
    weeks,
    known: habits.knows(account),
    week: (measure) => habits.week({ account }, measure),
    usual: (measure) => habits.usual({ account }, measure),
    countries: () => habits.countries({ account }),
  };
}

/** What an act by hand came to, for the page that asked. */
function resultOf(
  answer: HandAnswer & {
    readonly kind?: string;
    readonly value?: string;
    readonly until?: Millis;
    readonly lifted?: readonly { readonly kind: string; readonly value: string }[];
  },
): HandResult {
  const { kind, value, until = null, lifted = [], proved, notes } = answer;
  const lagging: readonly Lagging[] = proved ? [] : answer.lagging;
  return {
    proved,
    what: [
      ...(kind === undefined || value === undefined ? [] : [`${kind} ${value}`]),
      ...lifted.map((each) => `${each.kind} ${each.value}`),
    ],
    until,
    notes: [...notes, ...(lagging.length === 0 ? [] : [laggingText(lagging)])].map((note) => note.slice(0, 400)),
  };
}
