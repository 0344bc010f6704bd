import type { Binding, CallFacts, Millis } from '../model.ts';
import type { Site } from '../site/index.ts';
import type { Store, AuditEntry } from '../store/index.ts';
import type { RuleText } from '../words/index.ts';
import type { Readings } from './readings.ts';
import type { Traffic } from './traffic.ts';

/** What the console asks of the running daemon. The command that runs it passes it in; all of it is cheap and plain. */
export interface ConsoleView {
  readonly store: Store;
  now(): Millis;
  site(): Site;
  readings(): Readings;
  /** what detectors look for and the settings that they judge by */
  rules(): ReadonlyMap<string, RuleText>;
  /** calls that ring or are up, the youngest two thousand, and how many there are */
  calls(): { readonly calls: readonly LiveCall[]; readonly all: number };
  /** who is registered from where */
  registrations(): Registrations;
  /** what stands at the PBX and its neighbours */
  standing(): readonly StandingBlock[];
  /** accounts of this PBX, as far as they are known */
  accounts(): readonly string[];
  /** what was learned; null: nobody of that name */
  habits(account: string): AccountHabits | null;
  readonly traffic: Traffic;
  /** the settings as TOML; no secret stands in them */
  settings(): string;
  /** country of an address, ISO 3166-1; null: not known */
  countryOf(address: string): string | null;
  /** the crypto gateway; null: it does not run here */
  gateway(): GatewayView | null;
  readonly hand: HandView;
  /** tells the audit trail */
  note(entry: AuditEntry): void;
}

export interface LiveCall extends Pick<
  CallFacts,
  'call' | 'account' | 'trunk' | 'from' | 'dialled' | 'source' | 'userAgent' | 'startedAt' | 'answeredAt'
> {
  /** what a minute of it and its connection cost, in the site's currency; 0: it costs nothing, or came in */
  readonly perMinute: number;
  readonly connection: number;
  readonly estimated: boolean;
}

export interface Registrations {
  /** account, or AOR where it is none of a known account, and its live bindings */
  readonly byAccount: ReadonlyMap<string, readonly Binding[]>;
  readonly bindings: number;
  /** those that came last */
  readonly youngest: readonly { readonly account: string; readonly binding: Binding }[];
}

export interface StandingBlock {
  readonly kind: string;
  readonly value: string;
  readonly until: Millis | null;
  readonly state: string;
  readonly claims: readonly {
    readonly id: string;
    readonly by: string;
    readonly since: Millis;
    readonly until: Millis | null;
    readonly why: string;
  }[];
  /** does it refuse calls or registrations? */
  readonly refuses: boolean;
}

export const MEASURES = ['calls', 'chargeable', 'minutes', 'spend'] as const;
export type Measure = (typeof MEASURES)[number];

export interface AccountHabits {
  /** faded weeks that it rests on */
  readonly weeks: number;
  /** is anything judged by it yet? */
  readonly known: boolean;
  /** 168 hours from Monday midnight, in the site's zone */
  week(measure: Measure): readonly number[];
  usual(measure: Measure): { readonly mean: number; readonly high: number };
  countries(): readonly { readonly place: string; readonly calls: number; readonly last: Millis }[];
}

/** Sessions of the crypto gateway, as its room tells them. */
export interface GatewayView {
  readonly listening: readonly string[];
  sessions(limit: number): { readonly sessions: readonly GatewaySession[]; readonly all: number };
}

export interface GatewaySession {
  /** account, or '' while nobody has proved who he is */
  readonly account: string;
  readonly address: string;
  readonly since: Millis;
  /** `CSC`, `TLS 1.3 …` */
  readonly cipher: string;
  /** key id of the peer's certificate, '' if none */
  readonly kid: string;
  readonly received: number;
  readonly sent: number;
}

/** What people do by hand; the same that the commands do. Each throws RingfenceError with what a person should know. */
export interface HandView {
  block(kind: Blockable, value: string, lasts: Millis, why: string): Promise<HandResult>;
  /** a block by its id, all that an incident has led to, or an entry */
  unblock(
    what: { readonly id: string } | { readonly kind: string; readonly value: string },
    why: string,
  ): Promise<HandResult>;
  allow(account: string, lasts: Millis, why: string): Promise<HandResult>;
}

export const BLOCKABLE = ['account', 'international', 'number', 'address'] as const;
export type Blockable = (typeof BLOCKABLE)[number];

export interface HandResult {
  /** seen to stand (or to be gone) everywhere */
  readonly proved: boolean;
  /** `address 203.0.113.7`, each */
  readonly what: readonly string[];
  readonly until: Millis | null;
  readonly notes: readonly string[];
}
