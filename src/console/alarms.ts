import type { Fact, Millis, Severity } from '../model.ts';
import { MINUTE } from '../time.ts';

/**
 * What may be wrong with ringfence itself. These are no incidents: nobody attacks, no account or address is concerned, and
 * they end, which an incident does not. Each is told once when it begins and once when it is over.
 */
export const ALARMS = {
  'hep-silent': 'high',
  'ami-silent': 'high',
  'cdr-silent': 'high',
  'cdr-unreadable': 'high',
  'ami-away': 'high',
  'target-away': 'high',
  'packets-lost': 'medium',
  'limit-reached': 'high',
  'store-stuck': 'high',
  'notify-stuck': 'high',
  'heartbeat-missed': 'medium',
} as const satisfies Readonly<Record<string, Severity>>;

export type AlarmName = keyof typeof ALARMS;
export const ALARM_NAMES = Object.keys(ALARMS) as AlarmName[];

/** Something that is so now: since when, and what belongs to it. */
export interface Condition {
  readonly since: Millis;
  readonly facts: Readonly<Record<string, Fact>>;
}

export type Conditions = ReadonlyMap<AlarmName, Condition>;

/** An alarm as it is kept: `until` null while it stands. */
export interface KeptAlarm {
  readonly alarm: string;
  readonly since: Millis;
  readonly until: Millis | null;
  readonly facts: Readonly<Record<string, Fact>>;
}

/** What people are told of one: that it has begun, or that it is over. */
export interface AlarmNotice extends KeptAlarm {
  readonly alarm: AlarmName;
  readonly state: 'raised' | 'cleared';
  readonly severity: Severity;
  readonly at: Millis;
}

/** It is over when it has been well for so long: what comes and goes is one alarm. */
const WELL_FOR: Millis = 10 * MINUTE;

interface Standing extends KeptAlarm {
  readonly alarm: AlarmName;
  /** since when all is well; null: it is not */
  wellSince: Millis | null;
}

const isAlarm = (name: string): name is AlarmName => name in ALARMS;

/** Which alarms stand, and what of that is news. Pure: time comes in. */
export class AlarmBook {
  readonly #standing = new Map<AlarmName, Standing>();

  /** @param kept alarms that stood when ringfence ended: they have been told */
  constructor(kept: readonly KeptAlarm[]) {
    for (const row of kept)
      if (row.until === null && isAlarm(row.alarm))
        this.#standing.set(row.alarm, { ...row, alarm: row.alarm, wellSince: null });
  }

  /** Compares what is so now with what was told. @returns what is to be told */
  look(conditions: Conditions, now: Millis): AlarmNotice[] {
    const notices: AlarmNotice[] = [];
    for (const [alarm, { since, facts }] of conditions) {
      const standing = this.#standing.get(alarm);
      if (standing !== undefined) {
        standing.wellSince = null;
        continue;
      }
      this.#standing.set(alarm, { alarm, since, until: null, facts, wellSince: null });
      notices.push({ alarm, state: 'raised', severity: ALARMS[alarm], at: now, since, until: null, facts });
    }
    for (const [alarm, standing] of this.#standing) {
      if (conditions.has(alarm)) continue;
      standing.wellSince ??= now;
      if (now - standing.wellSince < WELL_FOR) continue;
      this.#standing.delete(alarm);
      const { since, facts, wellSince } = standing;
      notices.push({ alarm, state: 'cleared', severity: 'info', at: now, since, until: wellSince, facts });
    }
    return notices;
  }

  stands(alarm: AlarmName): boolean {
    return this.#standing.has(alarm);
  }
}
