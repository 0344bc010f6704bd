import { canonicalAddress } from '../address.ts';
import type { Millis } from '../model.ts';
import type { Site } from '../site/site.ts';
import { DAY, HOUR } from '../time.ts';
import { SlidingCount } from '../windows.ts';
import { REFUSING, type Claimant, type Kind } from './enforcement.ts';

/**
 * The last door before anything is pushed. Policy has its own safeguards; these hold even if policy, a command or a
 * stored row is wrong, and are asked again for each.
 */
export type RefusalCode =
  | 'not-an-address'
  | 'protected-address'
  | 'shared-address'
  | 'not-a-number'
  | 'emergency-number'
  | 'not-an-account'
  | 'unknown-account'
  | 'trunk'
  | 'allowed'
  | 'not-a-value'
  | 'by-hand-only'
  | 'no-end'
  | 'over'
  | 'budget-hour'
  | 'budget-accounts';

export type Checked =
  | { readonly ok: true; readonly value: string; readonly until: Millis | null }
  | { readonly ok: false; readonly code: RefusalCode; readonly reason: string };

/** Without an end of its own a block stands for a day; none stands longer than thirty. */
export const DEFAULT_END: Millis = DAY;
export const LONGEST: Millis = 30 * DAY;

const no = (code: RefusalCode, reason: string): Checked => ({ ok: false, code, reason });

/** Longest endpoint id that fits into a key of AstDB (Asterisk 16: some 250 bytes), in UTF-8. */
const ENDPOINT_BYTES = 160;
/**
 * May this be an endpoint's id? Asterisk takes nearly everything; what means something in the dialplan is written otherwise
 * in keys (guard-names.ts). Line ends would be other headers of AMI; spaces at the ends do not survive it.
 */
const isEndpoint = (value: string): boolean =>
  value !== '' && value.trim() === value && !CONTROL.test(value) && Buffer.byteLength(value) <= ENDPOINT_BYTES;
// eslint-disable-next-line no-control-regex -- control characters are what is refused
const CONTROL = /[\x00-\x1f\x7f]/;
/** An exemption of an endpoint with such a name would be one of everybody, for calls to numbers that begin so. */
export const readsAsDestination = (endpoint: string): boolean => /^\+\d/.test(endpoint);
/** Names of PJSIP's auth objects, whatever printable ASCII they are made of. */
const AUTH_ID = /^[\x21-\x7e]{1,100}$/;
const E164_PREFIX = /^[1-9]\d{0,14}$/;
const DESTINATION = /^\+[1-9]\d{0,14}$/;
/** alone and behind a prefix for an outside line of up to four digits */
const EMERGENCY = /^[0-9*#]{2,12}$/;
const DIALPLAN = /^(?:outside|international|country|trunk|national|bare|abroad\/\d{1,8})$/;

export interface Checking {
  readonly site: Site;
  readonly now: Millis;
  readonly by: Claimant;
  /** emergency numbers as dialled */
  readonly emergency: ReadonlySet<string>;
  /** proxies that speak for many, beside what the settings name (a Kamailio in front) */
  readonly proxies: ReadonlySet<string>;
  /** until when no rule may act on an account, for a person said so; null: nobody did */
  readonly allowed?: (account: string) => Millis | null;
  /** healthy registrations behind an address, where that is known */
  readonly registrations?: (address: string) => number;
}

/** May this stand, and as what and until when? The value comes back canonical, the end within bounds. */
export function check(kind: Kind, value: string, until: Millis | null, context: Checking): Checked {
  const checked = CHECKS[kind](value, context);
  if (!checked.ok) return checked;
  const { now, by } = context;
  // the settings' own ends when they say so: closing time, or never
  if (by === 'settings' && (until === null ? !REFUSING.has(kind) : until > now)) return { ...checked, until };
  // a secret goes back only when somebody says so: the old one may be in a thief's hands
  // nor does a phone learn by itself that its media is encrypted otherwise again
  if ((kind === 'secret' || kind === 'endpoint') && (until === null || until > now)) return { ...checked, until };
  const end = until ?? now + DEFAULT_END;
  if (!Number.isFinite(end)) return no('no-end', 'it needs an end');
  if (end <= now) return no('over', 'its end has passed already');
  return { ...checked, until: Math.min(end, now + LONGEST) };
}

const found = (value: string): Checked => ({ ok: true, value, until: null });

/** Kinds that nobody but the settings may put up. */
const settingsOwn =
  (known: (value: string) => boolean) =>
  (value: string, { by }: Checking): Checked =>
    by === 'settings' && known(value) ? found(value) : no('not-a-value', `only the settings say so: "${value}"`);

const CHECKS: Readonly<Record<Kind, (value: string, context: Checking) => Checked>> = {
  address: checkAddress,
  number: checkNumber,
  account: checkAccount,
  international: checkAccount,
  // rules never: it refuses emergency calls too, and the account is not to be reached
  maintenance: (value, context) =>
    context.by === 'rule'
      ? no('by-hand-only', 'an account is refused wholly, emergency calls too, when a person says so')
      : checkAccount(value, context),
  endpoint: (value, context) =>
    context.by === 'hand'
      ? checkAccount(value, context)
      : no('by-hand-only', 'how media is encrypted is changed when a person says so'),
  secret: (value) => (AUTH_ID.test(value) ? found(value) : no('not-a-value', `"${value}" is no auth object`)),
  allow: checkAccount,
  // who may call abroad though the office is locked; with a plus, where everybody may call
  exempt: (value) =>
    DESTINATION.test(value) || (isEndpoint(value) && !readsAsDestination(value))
      ? found(value)
      : no('not-an-account', `"${value}" is neither an endpoint nor + and the first digits of numbers`),
  emergency: (value) => (EMERGENCY.test(value) ? found(value) : no('not-a-value', `"${value}" is no number`)),
  dialplan: settingsOwn((value) => DIALPLAN.test(value)),
  pin: settingsOwn((value) => value === 'hash'),
  lock: (value) => (value === 'international' ? found(value) : no('not-a-value', `there is no lock "${value}"`)),
};

/** Unspecified, link-local, multicast and broadcast: no caller's address. (The machine itself is in never_block always.) */
const NOBODY = /^(?:0\.|169\.254\.|22[4-9]\.|2[3-5]\d\.|::1?$|fe[89ab][0-9a-f]:|ff[0-9a-f]{2}:)/;

/** One registration from an address may be the thief's own; several are an office or a family behind one router. */
const SHARED = 2;

function checkAddress(value: string, { site: { networks }, proxies, by, registrations }: Checking): Checked {
  const address = canonicalAddress(value);
  if (address === null) return no('not-an-address', `"${value}" is no IP address`);
  const because = (why: string): Checked => no('protected-address', `${address} is never blocked: ${why}`);
  if (networks.isPbx(address)) return because("it is the PBX's own");
  if (proxies.has(address)) return because('it is a proxy, behind which everybody is');
  const trunk = networks.trunkOf(address);
  if (trunk !== null) return because(`it belongs to trunk ${trunk}`);
  if (networks.neverBlock(address)) return because('network.never_block holds it');
  if (networks.isLocal(address)) return because('it is in the local network (network.local)');
  if (NOBODY.test(address)) return because("it is no caller's");
  const behind = by === 'rule' ? (registrations?.(address) ?? 0) : 0;
  if (behind >= SHARED)
    return no('shared-address', `${behind} accounts are registered from ${address}: block the account that is abused`);
  return found(address);
}

function checkNumber(value: string, { site, emergency }: Checking): Checked {
  const digits = value.replace(/^\+/, '');
  if (!E164_PREFIX.test(digits))
    return no(
      'not-a-number',
      `"${value}" is no number: E.164 digits, or the first of them, as 3716 for a part of Latvia`,
    );
  const readings = [digits, `+${digits}`].map((text) => site.number(text));
  if (emergency.has(digits) || readings.some((number) => !number.blockable))
    return no('emergency-number', `${digits} is, or could be taken for, an emergency number`);
  return found(digits);
}

/** Why no rule may act on what concerns this account. */
export const allowedBy = (account: string, until: Millis): Checked & { ok: false } => ({
  ok: false,
  code: 'allowed',
  reason: `a person allowed ${account} until ${new Date(until).toISOString()}: no rule acts on it (ringfence unblock allow ${account} ends that)`,
});

function checkAccount(value: string, { site, by, allowed }: Checking): Checked {
  if (!isEndpoint(value)) return no('not-an-account', `"${value}" is no endpoint of the PBX`);
  if (site.networks.isTrunk(value)) return no('trunk', `${value} is a trunk: blocking it would silence everybody`);
  if (by === 'rule' && !site.accounts.mapped(value))
    return no('unknown-account', `the PBX is not known to have an endpoint ${value}`);
  const until = by === 'rule' ? (allowed?.(value) ?? null) : null;
  return until === null ? found(value) : allowedBy(value, until);
}

export interface BudgetLimits {
  /** new blocks by rule within an hour; default 200 */
  readonly perHour: number;
  /** most accounts blocked (wholly or abroad) by rule at once, as a share of all; default 0.25 */
  readonly accounts: number;
  /** so many accounts may always be blocked; default 3 */
  readonly accountsAtLeast: number;
}

export const DEFAULT_BUDGET: BudgetLimits = { perHour: 200, accounts: 0.25, accountsAtLeast: 3 };

/** Accounts of a PBX that has not told them. */
const UNKNOWN_PBX = 12;

/**
 * How much rules may block. A site under attack needs a few blocks; hundreds are a wrong rule, a wrong network setting or
 * an attacker who has us block everybody. What people block by hand is not counted.
 */
export class Budget {
  readonly #limits: BudgetLimits;
  readonly #hour: SlidingCount;

  constructor(limits: BudgetLimits = DEFAULT_BUDGET) {
    this.#limits = limits;
    this.#hour = new SlidingCount(HOUR, limits.perHour);
  }

  /**
   * May one more stand? Counts it when it may.
   * @param held accounts blocked by rule now; `all`: accounts of the PBX, null when it has not told
   */
  take(kind: Kind, now: Millis, held: number, all: number | null): Checked | null {
    const refused = this.refuses(kind, now, held, all);
    if (refused === null) this.#hour.add(now);
    return refused;
  }

  /** The same without counting it. */
  refuses(kind: Kind, now: Millis, held: number, all: number | null): Checked | null {
    const { perHour, accounts, accountsAtLeast } = this.#limits;
    if (this.#hour.count(now) >= perHour)
      return no('budget-hour', `${perHour} blocks within an hour are as many as rules may put up`);
    const most = Math.max(accountsAtLeast, Math.floor((all ?? UNKNOWN_PBX) * accounts));
    if ((kind === 'account' || kind === 'international') && held >= most)
      return no('budget-accounts', `${held} accounts are blocked, as many as rules may block at once`);
    return null;
  }

  /** Blocks that were put up before a restart count as well. */
  remember(at: Millis): void {
    this.#hour.add(at);
  }
}
