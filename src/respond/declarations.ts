import { createHash } from 'node:crypto';
import type { Millis } from '../model.ts';
import { dialplanOf, type Dialplan } from '../site/dialplan.ts';
import type { Site, SiteOptions } from '../site/index.ts';
import { DAY } from '../time.ts';
import type { Kind } from './enforcement.ts';
import { guardName } from './guard-names.ts';
import { readsAsDestination } from './safeguards.ts';
import type { LockOptions } from './lock/options.ts';
import { lockText, type Period } from './lock/periods.ts';

/** What the settings themselves want standing at the PBX, whatever anybody does: entries for `Enforcer.declare`. */
export interface Declared {
  readonly value: string;
  /** null: for as long as the settings say so */
  readonly until: Millis | null;
  /** of kinds that hold a text and no end: dialplan, pin, and the lock, whose text is its periods */
  readonly text?: string;
}

export interface Declaration {
  readonly kind: Kind;
  readonly why: string;
  readonly entries: readonly Declared[];
}

export interface Declarations {
  /** In the order in which they belong to the PBX: what lets through and how numbers are read, then what refuses. */
  readonly kinds: readonly Declaration[];
  /** The answer is another one from then on, without anybody doing anything (opening, closing); at most a day ahead. */
  readonly nextAt: Millis;
  /** what cannot be as the settings want it, one sentence each */
  readonly warnings: readonly string[];
}

export interface DeclarationsInput {
  readonly site: Site;
  /** the settings that made the site, and `[lock]` */
  readonly settings: Pick<SiteOptions, 'site' | 'dialing' | 'accounts' | 'groups'> & { readonly lock: LockOptions };
  /** what `pinHash` made of the PIN; null: there is none */
  readonly pin: string | null;
  /** endpoint ids of the PBX, as far as it has told them */
  readonly endpoints: readonly string[];
}

/** So many closed periods are told ahead, so that the lock comes up by itself though ringfence is dead. */
const PERIODS = 4;
/** The answer is worked out anew at least this often. */
const ANEW: Millis = DAY;
/** A closed period without an end within a year is told as so long. */
const LONG: Millis = 30 * DAY;

/** Emergency numbers as they are dialled here, each alone and behind the prefix for an outside line. */
export const emergencyAsDialled = (settings: Pick<SiteOptions, 'site' | 'dialing'>): readonly string[] =>
  dialplanFrom(settings).emergency;

function dialplanFrom({ site: { country }, dialing }: Pick<SiteOptions, 'site' | 'dialing'>): Dialplan {
  const { outside, international, emergency } = dialing;
  return dialplanOf({ country, outside, international, emergency });
}

/** What should stand now, by the settings alone. */
export function declarations(input: DeclarationsInput, now: Millis): Declarations {
  const plan = dialplanFrom(input.settings);
  const exempt = exemptions(input, now);
  const lock = input.settings.lock.international ? closedPeriods(input.site, now) : [];
  const open = input.site.hours(now, null);
  const nextAt = Math.min(now + ANEW, ...[open.until, ...exempt.changes].map((at) => at ?? Infinity));
  return {
    kinds: [
      {
        kind: 'emergency',
        why: 'emergency numbers of the country and of [dialing] emergency',
        entries: plan.emergency.map((value) => ({ value, until: null })),
      },
      { kind: 'dialplan', why: 'how numbers are dialled here: [site] country, [dialing]', entries: dialled(plan) },
      { kind: 'exempt', why: 'exempt from the office lock: own hours, or [lock] exempt_…', entries: exempt.entries },
      {
        kind: 'pin',
        why: '[lock] pin_file',
        entries: input.pin === null ? [] : [{ value: 'hash', until: null, text: input.pin }],
      },
      {
        kind: 'lock',
        why: '[lock] international: the office is closed',
        entries:
          lock.length === 0
            ? []
            : [{ value: 'international', until: Math.max(...lock.map(({ until }) => until)), text: lockText(lock) }],
      },
    ],
    nextAt,
    warnings: [...exempt.warnings, ...collisions(input.endpoints)],
  };
}

/** `dialplan/…` of docs/astdb.md: a setting that says "none" has no key. */
function dialled({ outside, international, country, trunk, national, abroad }: Dialplan): Declared[] {
  const texts: [value: string, text: string][] = [
    ['outside', outside],
    ['international', international.join(' ')],
    ['country', country],
    ['trunk', trunk.join(' ')],
    ['national', national === null ? '' : [...new Set(national)].join('-')],
    ...[...abroad].map(([digits, is]): [string, string] => [`abroad/${digits}`, is ? '1' : '0']),
  ];
  return texts.filter(([, text]) => text !== '').map(([value, text]) => ({ value, until: null, text }));
}

interface Exemptions {
  readonly entries: readonly Declared[];
  /** when one begins or ends */
  readonly changes: readonly (Millis | null)[];
  readonly warnings: readonly string[];
}

/** Who and what may call abroad though the office is locked. */
function exemptions({ site, settings: { accounts, groups, lock } }: DeclarationsInput, now: Millis): Exemptions {
  const until = new Map<string, Millis | null>();
  const changes: (Millis | null)[] = [];
  const own = new Set(Object.entries(accounts).flatMap(([name, { hours }]) => (hours === undefined ? [] : [name])));
  for (const { members, hours } of Object.values(groups)) if (hours !== undefined) for (const m of members) own.add(m);
  for (const account of own) {
    const hours = site.hours(now, account);
    changes.push(hours.until);
    if (hours.open) until.set(account, hours.until);
  }
  const named = [...lock.exempt_accounts, ...lock.exempt_groups.flatMap((group) => groups[group]?.members ?? [])];
  for (const account of named) until.set(account, null);
  const warnings: string[] = [];
  // with a plus and digits the guard would take it for a destination, which is free for everybody
  for (const account of [...until.keys()].filter(readsAsDestination)) {
    until.delete(account);
    warnings.push(`account ${account} cannot be exempt from the office lock: its name reads as a destination`);
  }
  for (const account of [...until.keys()].filter((name) => site.networks.isTrunk(name))) until.delete(account);
  for (const destination of lock.exempt_destinations) until.set(destination, null);
  return { entries: [...until].map(([value, end]) => ({ value, until: end })), changes, warnings };
}

/** The closed period that lasts, if one does, and those that come. */
function closedPeriods(site: Site, now: Millis): Period[] {
  const periods: Period[] = [];
  let at = now;
  while (periods.length < PERIODS) {
    const { open, since, until } = site.hours(at, null);
    if (!open) periods.push({ from: since ?? at, until: until ?? at + LONG });
    if (until === null) break;
    at = until;
  }
  return periods;
}

/** Endpoints that AstDB's keys cannot tell apart: a block of one is a block of the other. */
function collisions(endpoints: readonly string[]): string[] {
  const byKey = new Map<string, string[]>();
  for (const endpoint of endpoints) {
    const key = guardName(endpoint);
    byKey.set(key, [...(byKey.get(key) ?? []), endpoint]);
  }
  return [...byKey.values()]
    .filter((names) => names.length > 1)
    .map(
      (names) => `the dialplan guard cannot tell endpoints ${names.join(' and ')} apart: what blocks one blocks all`,
    );
}

const PIN_HASH = /^([0-9A-Za-z]+)-([0-9a-f]{40})$/;

/** Hash of a PIN as the dialplan compares it: `<salt>-<hex SHA-1 of salt and PIN>`. */
const hashed = (salt: string, pin: string): string =>
  `${salt}-${createHash('sha1').update(`${salt}${pin}`).digest('hex')}`;

/**
 * `pin/hash` of a PIN. What stands already is kept while it is this PIN's, so that no restart changes it.
 * @param standing what stands, or stood when ringfence last ran; null: nothing
 * @param salt letters and digits, for a new hash
 */
export function pinHash(pin: string, standing: string | null, salt: string): string {
  const known = PIN_HASH.exec(standing ?? '')?.[1];
  return known !== undefined && hashed(known, pin) === standing ? standing : hashed(salt, pin);
}

/** What is wrong with a PIN, and whether it may be used all the same; null: nothing. */
export function pinProblem(pin: string): { readonly usable: boolean; readonly message: string } | null {
  if (!/^\d{4,20}$/.test(pin)) return { usable: false, message: 'a PIN has 4 to 20 digits and nothing else' };
  if (pin.length < 6)
    return { usable: true, message: 'the PIN has fewer than 6 digits: easily guessed, take a longer one' };
  return null;
}
