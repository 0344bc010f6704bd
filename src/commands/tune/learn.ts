import type { EventOf, Millis } from '../../model.ts';
import type { Site } from '../../site/index.ts';
import { DAY, HOUR, MINUTE, Zone, type WallTime } from '../../time.ts';

/** Slots of a week: half hours from Monday 00:00, by the office's clock. */
export const SLOT_MINUTES = 30;
export const DAY_SLOTS = 1440 / SLOT_MINUTES;

/** Accounts and ranges held; more than any one site has. */
const ACCOUNTS = 20_000;
const RANGES = 20_000;

/** When somebody telephones: slot of the week -> weeks in which he did. */
export type Presence = Map<number, Set<number>>;

/** Calls to a block of numbers that cost money. */
export interface Range {
  readonly digits: string;
  readonly place: string;
  readonly risk: number;
  calls: number;
  readonly weeks: Set<number>;
  readonly accounts: Set<string>;
}

const localDay = (wall: WallTime): number => Math.floor(Date.UTC(wall.year, wall.month - 1, wall.day) / DAY);
/** Weeks since Monday 5 January 1970. */
const weekOf = (day: number): number => Math.floor((day - 4) / 7);

function add(sums: Map<string, number>, key: string, amount: number): void {
  sums.set(key, (sums.get(key) ?? 0) + amount);
}

/**
 * What a site's own call records tell about its ways. Who works when is learned from calls that cost nothing to speak of:
 * an attack calls costly numbers, and must not teach that the office is open at night.
 */
export class Learner {
  readonly #site: Site;
  readonly #zone: Zone;
  readonly presence = new Map<string, Presence>();
  readonly weeks = new Set<number>();
  readonly ranges = new Map<string, Range>();
  /** money by account (or '' for the site), then hour, day, or day while closed */
  readonly spent: Readonly<Record<'hour' | 'day' | 'closed', Map<string, number>>> = {
    hour: new Map(),
    day: new Map(),
    closed: new Map(),
  };
  records = 0;
  first: Millis = Infinity;
  last: Millis = 0;

  constructor(site: Site) {
    this.#site = site;
    this.#zone = new Zone(site.timezone);
  }

  take({ record, account, trunk }: EventOf<'cdr'>): void {
    this.records++;
    this.first = Math.min(this.first, record.start);
    this.last = Math.max(this.last, record.start);
    if (account === null || trunk !== null || this.#site.networks.isTrunk(account)) return;
    const number = this.#site.number(record.dst);
    const wall = this.#zone.wall(record.start);
    const day = localDay(wall);
    const week = weekOf(day);
    this.weeks.add(week);
    if (!number.blockable) return;
    if (!number.chargeable) {
      this.#present(
        account,
        (wall.weekday - 1) * DAY_SLOTS + Math.floor((wall.hour * 60 + wall.minute) / SLOT_MINUTES),
        week,
      );
      return;
    }
    if (record.answer === null || record.billsec === 0) return;
    const { perMinute, connection } = this.#site.rate(number);
    const cost = connection + (perMinute * record.billsec * 1_000) / MINUTE;
    const closed = !this.#site.hours(record.start, account).open;
    for (const who of [account, '']) {
      add(this.spent.hour, `${who}\n${Math.floor(record.start / HOUR)}`, cost);
      add(this.spent.day, `${who}\n${day}`, cost);
      if (closed) add(this.spent.closed, `${who}\n${day}`, cost);
    }
    if (number.e164 !== null && number.e164.length >= 9) this.#called(number.e164.slice(0, -4), number, account, week);
  }

  #present(account: string, slot: number, week: number): void {
    let slots = this.presence.get(account);
    if (slots === undefined) {
      if (this.presence.size >= ACCOUNTS) return;
      slots = new Map();
      this.presence.set(account, slots);
    }
    const weeks = slots.get(slot);
    if (weeks === undefined) slots.set(slot, new Set([week]));
    else weeks.add(week);
  }

  #called(
    digits: string,
    { place, risk }: { place: string | null; risk: number },
    account: string,
    week: number,
  ): void {
    let range = this.ranges.get(digits);
    if (range === undefined) {
      if (this.ranges.size >= RANGES) return;
      range = { digits, place: place ?? 'no country', risk, calls: 0, weeks: new Set(), accounts: new Set() };
      this.ranges.set(digits, range);
    }
    range.calls++;
    range.weeks.add(week);
    if (range.accounts.size < 100) range.accounts.add(account);
  }
}
