import type { Millis } from '../model.ts';
import type { Tally } from './tally.ts';

/**
 * What the daemon knows of itself, as metrics and health ask for it. The console declares it; the command that runs the
 * daemon makes it. Everything in it is cheap to make and plain. Times are milliseconds since 1970 UTC.
 */
export interface Readings {
  readonly version: string;
  readonly mode: 'observe' | 'enforce';
  /** logged in to Asterisk, where that is asked for, and listening */
  readonly ready: boolean;
  /** packets, records and events are being judged, and what is judged goes to the store */
  readonly progress: boolean;
  readonly startedAt: Millis;
  /** the shared counters (counters.ts) */
  readonly counts: Readonly<Record<string, number>>;
  readonly tally: Tally;
  /** those that the settings ask for */
  readonly feeds: readonly FeedReading[];
  readonly hep: {
    /** datagrams that the kernel dropped, over all sockets; null: it does not tell */
    readonly kernelDrops: number | null;
    /** bytes, the smallest of all sockets; null: none over UDP */
    readonly receiveBuffer: number | null;
    readonly connections: number;
  } | null;
  readonly ami: {
    readonly state: 'up' | 'connecting' | 'refused' | 'closed';
    readonly since: Millis;
    /** what its last answer took; null: none yet */
    readonly roundTrip: Millis | null;
  } | null;
  readonly enforcement: EnforcementReading;
  /** what waits, by where it waits */
  readonly queues: readonly { readonly queue: string; readonly length: number }[];
  readonly store: StoreReading;
  /** entries held, by part of the pipeline */
  readonly sizes: Readonly<Record<string, number>>;
  readonly notifiers: readonly NotifierReading[];
  readonly heartbeat: HeartbeatReading | null;
  /** the crypto gateway, in this process or as it last told of itself; null: there is none */
  readonly gateway: GatewayReading | null;
  /** what is wrong with ringfence itself, by the alarm's name; every alarm is listed */
  readonly alarms: readonly { readonly alarm: string; readonly raised: boolean }[];
}

export type FeedName = 'hep' | 'ami' | 'cdr';

export interface FeedReading {
  readonly feed: FeedName;
  /** when something of it was last taken; null: not since the start */
  readonly lastAt: Millis | null;
}

export interface EnforcementReading {
  /** entries that should stand */
  readonly entries: number;
  /** acts that wait */
  readonly acts: number;
  /** rules put up no more: a limit was reached */
  readonly stopped: boolean;
  readonly targets: readonly {
    readonly name: string;
    readonly state: string;
    readonly since: Millis;
    readonly rows: number;
    readonly unproved: number;
    readonly foreign: number;
    readonly contested: number;
    /** decision to effect, milliseconds */
    readonly median: Millis;
    readonly p99: Millis;
  }[];
}

export interface StoreReading {
  /** bytes */
  readonly file: number;
  readonly log: number;
  /** it refuses writes now */
  readonly failing: boolean;
  /** incidents that are kept, by severity; of these those that nobody has acknowledged */
  readonly incidents: readonly { readonly severity: string; readonly all: number; readonly open: number }[];
}

/** A channel by which people are told. */
export interface NotifierReading {
  /** its name in the settings */
  readonly channel: string;
  readonly up: boolean;
  readonly waiting: number;
  readonly delivered: number;
  readonly failed: number;
}

export interface HeartbeatReading {
  readonly sent: number;
  readonly failed: number;
  readonly lastAt: Millis | null;
}

/** The crypto gateway. */
export interface GatewayReading {
  readonly sessions: number;
  readonly flows: number;
  readonly transactions: number;
  readonly halfOpen: number;
  readonly upstreams: readonly { readonly name: string; readonly up: boolean }[];
  /** what a message waited in it, milliseconds */
  readonly median: Millis;
  readonly p99: Millis;
  /** its counters, those whose names begin with `gateway.` */
  readonly counts: Readonly<Record<string, number>>;
}
