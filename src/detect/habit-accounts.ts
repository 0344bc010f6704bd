import { faded, HOURS_OF_WEEK, packCount, unpackCount } from '../baseline.ts';
import { decode, encode } from './habit-week.ts';
import { DayCounts } from './day-counts.ts';
import { notePlace, placesOf, wordsOf, type Places } from './habit-places.ts';
import { PackedLists } from './packed-lists.ts';

/**
 * The weeks of a hundred thousand accounts, in typed arrays by shards of 32: about 550 bytes an account. What changes with
 * every call (the present day, 60 bytes) is kept apart from what changes once a day, so that a snapshot, for which packets
 * wait, holds little more than what changed since the last.
 */
export const SHARD = 32;
const HOURS = 24;
/** Calls that cost money are few: counted by blocks of three hours. */
export const BLOCKS = HOURS_OF_WEEK / 3;

/** Faded amounts of an account. `scale`: what its bins are to be multiplied by. `missed`: faded days on which it was not watched. */
const FIELDS = ['scale', 'calls', 'chargeable', 'minutes', 'spend', 'missed', 'squares', 'expected'] as const;
export type Field = (typeof FIELDS)[number];
const WIDTH = FIELDS.length;
const PLACES = 64;
const PLACES_WHEN_MANY = 8;
/** Numbers in all lists of places together, two a place: above it the lists are kept short. 24 MB. */
const MANY_PLACES = 3_000_000;
/** Different places that one account can call on one day and have remembered. */
const PLACES_A_DAY = 32;
/** Below this the bins are scaled anew, so that they do not run out of their 16 bits. */
const LEAST_SCALE = 0.25;

class Shard {
  readonly calls = new Uint16Array(SHARD * HOURS_OF_WEEK);
  readonly chargeable = new Uint16Array(SHARD * BLOCKS);
  readonly fields = new Float32Array(SHARD * WIDTH);
  /** first day, and the day up to which it was learned, counted since 1970 */
  readonly since = new Uint16Array(SHARD);
  readonly learned = new Uint16Array(SHARD);
  readonly names: (string | null)[] = new Array<string | null>(SHARD).fill(null);
  readonly places = new PackedLists(SHARD);
  /** number of its last change */
  changed = 1;
  // ---- the present day
  readonly dayCalls = new DayCounts(SHARD * HOURS);
  readonly dayChargeable = new DayCounts(SHARD * HOURS);
  readonly dayAmounts = new Float32Array(SHARD * 2);
  /** the day that is counted; 0: none */
  readonly day = new Uint16Array(SHARD);
  /** 1: what was counted today must not be learned */
  readonly quarantined = new Uint8Array(SHARD);
  readonly dayPlaces = new PackedLists(SHARD);
  dayChanged = 1;

  arrays(): ArrayBufferView[] {
    return [this.calls, this.chargeable, this.fields, this.since, this.learned];
  }
  dayArrays(): ArrayBufferView[] {
    return [this.dayCalls.all(), this.dayChargeable.all(), this.dayAmounts, this.day, this.quarantined];
  }
  /** Takes back what `dayArrays` gave. */
  restoreDay(state: unknown): void {
    const calls = this.dayCalls.all();
    const chargeable = this.dayChargeable.all();
    fill(state, [calls, chargeable, this.dayAmounts, this.day, this.quarantined], (i, keys) =>
      this.dayPlaces.set(i, keys ?? []),
    );
    this.dayCalls.fill(calls);
    this.dayChargeable.fill(chargeable);
  }
}

/** What one account did on one day. */
export interface Day {
  readonly day: number;
  readonly quarantined: boolean;
  /** by hour */
  readonly calls: Uint16Array;
  readonly chargeable: Uint16Array;
  readonly minutes: number;
  readonly spend: number;
  readonly places: readonly number[];
}

/** A slot is an account's number, steady while the account is remembered. */
export type Slot = number;

export class AccountWeeks {
  readonly capacity: number;
  readonly #slots = new Map<string, Slot>();
  readonly #shards: Shard[] = [];
  #places = 0;
  /** whose places were asked for last: of one call several detectors ask in turn */
  #asked: Slot = -1;
  #askedPlaces: Places | null = null;
  /** slots given so far: one after the other, later those of the evicted */
  #next = 0;
  /** where the search for the longest unheard goes on */
  #hand = 0;
  /** accounts forgotten for lack of room */
  forgotten = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  get size(): number {
    return this.#slots.size;
  }
  /** Slots there are; each is an account's or free. */
  get slots(): number {
    return this.#shards.length * SHARD;
  }

  slotOf(account: string): Slot | undefined {
    return this.#slots.get(account);
  }
  nameOf(slot: Slot): string | null {
    return this.#shard(slot).names[slot % SHARD] ?? null;
  }

  #shard(slot: Slot): Shard {
    const shard = this.#shards[Math.floor(slot / SHARD)];
    if (shard === undefined) throw new RangeError(`no such slot: ${slot}`);
    return shard;
  }

  /**
   * A slot for a new account, learned up to the day before `day`; `missed`: faded days that were watched before it came.
   * When there is no room, of the next sixteen accounts the longest unheard goes.
   */
  open(account: string, day: number, missed: number): Slot {
    const slot = this.#next < this.capacity ? this.#free() : this.#evict();
    this.#slots.set(account, slot);
    const shard = this.#shard(slot);
    const i = slot % SHARD;
    shard.names[i] = account;
    shard.changed++;
    shard.dayChanged++;
    shard.since[i] = day;
    shard.learned[i] = day - 1;
    shard.fields[i * WIDTH] = 1;
    this.#put(slot, 'missed', missed);
    return slot;
  }

  #free(): Slot {
    if (this.#next === this.slots) this.#shards.push(new Shard());
    return this.#next++;
  }

  #evict(): Slot {
    let worst = this.#hand;
    for (let n = 0; n < 16; n++) {
      const slot = (this.#hand + n) % this.capacity;
      if (this.#heard(slot) < this.#heard(worst)) worst = slot;
    }
    this.#hand = (worst + 1) % this.capacity;
    const shard = this.#shard(worst);
    const i = worst % SHARD;
    this.#slots.delete(shard.names[i] ?? '');
    this.#putPlaces(worst, null);
    this.forgotten++;
    shard.calls.fill(0, i * HOURS_OF_WEEK, (i + 1) * HOURS_OF_WEEK);
    shard.chargeable.fill(0, i * BLOCKS, (i + 1) * BLOCKS);
    shard.fields.fill(0, i * WIDTH, (i + 1) * WIDTH);
    this.#clearDay(shard, i);
    return worst;
  }

  /** Last day heard of; of two that were heard of on one day the newcomer goes first. */
  #heard(slot: Slot): number {
    const shard = this.#shard(slot);
    const i = slot % SHARD;
    const last = Math.max(shard.learned[i] ?? 0, shard.day[i] ?? 0);
    return last - (shard.since[i] ?? 0) / 100_000;
  }

  // ------------------------------------------------------------------------------------------------ the present day

  /** `hour` of the day. */
  place(slot: Slot, day: number, hour: number, keys: readonly number[] | null): void {
    const shard = this.#begin(slot, day);
    const i = slot % SHARD;
    shard.dayCalls.bump(i * HOURS + hour);
    if (keys === null) return;
    shard.dayChargeable.bump(i * HOURS + hour);
    const room = PLACES_A_DAY - shard.dayPlaces.length(i);
    if (room > 0 && keys.length > 0) shard.dayPlaces.set(i, [...shard.dayPlaces.get(i), ...keys.slice(0, room)]);
  }

  talk(slot: Slot, day: number, minutes: number, spend: number): void {
    const shard = this.#begin(slot, day);
    const i = (slot % SHARD) * 2;
    shard.dayAmounts[i] = (shard.dayAmounts[i] ?? 0) + minutes;
    shard.dayAmounts[i + 1] = (shard.dayAmounts[i + 1] ?? 0) + spend;
  }

  quarantine(slot: Slot, day: number): void {
    this.#begin(slot, day).quarantined[slot % SHARD] = 1;
  }

  #begin(slot: Slot, day: number): Shard {
    const shard = this.#shard(slot);
    shard.day[slot % SHARD] = day;
    shard.dayChanged++;
    return shard;
  }

  /** The day that is counted; 0: none. */
  dayOf(slot: Slot): number {
    return this.#shard(slot).day[slot % SHARD] ?? 0;
  }
  isQuarantined(slot: Slot): boolean {
    return this.#shard(slot).quarantined[slot % SHARD] === 1;
  }

  /** What was counted and not yet learned; null: nothing. */
  present(slot: Slot): Day | null {
    const shard = this.#shard(slot);
    const i = slot % SHARD;
    const day = shard.day[i] ?? 0;
    if (day === 0) return null;
    return {
      day,
      quarantined: shard.quarantined[i] === 1,
      calls: shard.dayCalls.slice(i * HOURS, (i + 1) * HOURS),
      chargeable: shard.dayChargeable.slice(i * HOURS, (i + 1) * HOURS),
      minutes: shard.dayAmounts[i * 2] ?? 0,
      spend: shard.dayAmounts[i * 2 + 1] ?? 0,
      places: shard.dayPlaces.get(i),
    };
  }

  #clearDay(shard: Shard, i: number): void {
    shard.dayCalls.clear(i * HOURS, (i + 1) * HOURS);
    shard.dayChargeable.clear(i * HOURS, (i + 1) * HOURS);
    shard.dayAmounts.fill(0, i * 2, i * 2 + 2);
    shard.day[i] = 0;
    shard.quarantined[i] = 0;
    shard.dayPlaces.set(i, []);
    shard.dayChanged++;
    shard.changed++;
  }

  // ------------------------------------------------------------------------------------------------- what was learned

  since(slot: Slot): number {
    return this.#shard(slot).since[slot % SHARD] ?? 0;
  }
  learned(slot: Slot): number {
    return this.#shard(slot).learned[slot % SHARD] ?? 0;
  }
  /** As it stood at the end of the day up to which the account is learned. */
  get(slot: Slot, field: Field): number {
    return this.#shard(slot).fields[(slot % SHARD) * WIDTH + FIELDS.indexOf(field)] ?? 0;
  }
  #put(slot: Slot, field: Field, value: number): void {
    this.#shard(slot).fields[(slot % SHARD) * WIDTH + FIELDS.indexOf(field)] = value;
  }
  places(slot: Slot): Readonly<Places> | null {
    if (slot !== this.#asked) {
      this.#askedPlaces = placesOf(this.#shard(slot).places.get(slot % SHARD));
      this.#asked = slot;
    }
    return this.#askedPlaces;
  }
  #putPlaces(slot: Slot, places: Places | null): void {
    const lists = this.#shard(slot).places;
    this.#places += (places?.length ?? 0) - lists.length(slot % SHARD);
    lists.set(slot % SHARD, wordsOf(places ?? []));
    if (slot === this.#asked) this.#asked = -1;
  }
  /** Faded calls of an hour of the week (of three hours together: `chargeable`). */
  calls(slot: Slot, hour: number): number {
    const shard = this.#shard(slot);
    const i = slot % SHARD;
    return unpackCount(shard.calls[i * HOURS_OF_WEEK + hour] ?? 0) * (shard.fields[i * WIDTH] ?? 1);
  }
  chargeable(slot: Slot, block: number): number {
    const shard = this.#shard(slot);
    const i = slot % SHARD;
    return unpackCount(shard.chargeable[i * BLOCKS + block] ?? 0) * (shard.fields[i * WIDTH] ?? 1);
  }

  /**
   * The counted day is over. `kept`: the part of it that is learned (1; less for a day far above the expected; 0 for one that
   * is to be forgotten, and then `missed` is what the account is short of). `expected` and `squares`: of calls, by hours.
   */
  learn(
    slot: Slot,
    weekday: number,
    kept: number,
    { missed = 0, expected = 0, squares = 0 }: { missed?: number; expected?: number; squares?: number },
  ): void {
    const today = this.present(slot);
    if (today === null) return;
    const shard = this.#shard(slot);
    const i = slot % SHARD;
    const left = faded(today.day - (shard.learned[i] ?? 0));
    for (const field of FIELDS) this.#put(slot, field, this.get(slot, field) * left);
    this.#add(slot, 'missed', missed);
    this.#add(slot, 'expected', expected);
    this.#add(slot, 'squares', squares);
    if (this.get(slot, 'scale') < LEAST_SCALE) this.#rescale(shard, i);
    if (kept > 0) {
      const part = kept / this.get(slot, 'scale');
      for (let h = 0; h < HOURS; h++) {
        const calls = today.calls[h] ?? 0;
        if (calls > 0) raise(shard.calls, i * HOURS_OF_WEEK + weekday * HOURS + h, calls * part);
        const chargeable = today.chargeable[h] ?? 0;
        if (chargeable > 0)
          raise(shard.chargeable, i * BLOCKS + weekday * (HOURS / 3) + Math.floor(h / 3), chargeable * part);
      }
      this.#add(slot, 'calls', sum(today.calls) * kept);
      this.#add(slot, 'chargeable', sum(today.chargeable) * kept);
      this.#add(slot, 'minutes', today.minutes * kept);
      this.#add(slot, 'spend', today.spend * kept);
      this.#learnPlaces(slot, today);
    }
    shard.learned[i] = today.day;
    this.#clearDay(shard, i);
  }

  #learnPlaces(slot: Slot, { places, day }: Day): void {
    if (places.length === 0) return;
    const known = placesOf(this.#shard(slot).places.get(slot % SHARD)) ?? [];
    for (const key of places) notePlace(known, key, 1, day, this.#places > MANY_PLACES ? PLACES_WHEN_MANY : PLACES);
    this.#putPlaces(slot, known);
  }

  #rescale(shard: Shard, i: number): void {
    const scale = shard.fields[i * WIDTH] ?? 1;
    for (const [bins, width] of [
      [shard.calls, HOURS_OF_WEEK],
      [shard.chargeable, BLOCKS],
    ] as const)
      // prettier-ignore
      for (let b = i * width; b < (i + 1) * width; b++) bins[b] = packCount(unpackCount(bins[b] ?? 0) * scale);
    shard.fields[i * WIDTH] = 1;
  }

  #add(slot: Slot, field: Field, amount: number): void {
    if (amount !== 0) this.#put(slot, field, this.get(slot, field) + amount);
  }

  // -------------------------------------------------------------------------------------------------------- snapshots

  /** Each shard twice, as text made only when it is asked for; `revision` tells which have changed. */
  parts(): { name: string; revision: number; state: () => unknown }[] {
    return this.#shards.flatMap((shard, n) => [
      {
        name: `weeks.${n}`,
        revision: shard.changed,
        state: () => ({
          names: shard.names,
          arrays: shard.arrays().map(encode),
          places: shard.names.map((_, i) => placesOf(shard.places.get(i))),
        }),
      },
      {
        name: `day.${n}`,
        revision: shard.dayChanged,
        state: () => ({
          names: shard.names,
          arrays: shard.dayArrays().map(encode),
          places: shard.names.map((_, i) => (shard.dayPlaces.length(i) === 0 ? null : shard.dayPlaces.get(i))),
        }),
      },
    ]);
  }

  head(): unknown {
    return { shards: this.#shards.length, next: this.#next, hand: this.#hand };
  }

  /** `part` gives a stored part by name, undefined where there is none: its accounts begin afresh. */
  restore(head: unknown, part: (name: string) => { state: unknown; revision: number } | undefined): void {
    const { shards, next, hand } = head as { shards: number; next: number; hand: number };
    this.#slots.clear();
    this.#shards.length = 0;
    this.#places = 0;
    this.#asked = -1;
    const room = Math.min(shards, Math.ceil(this.capacity / SHARD));
    this.#next = Math.min(next, this.capacity);
    this.#hand = hand % this.capacity;
    for (let n = 0; n < room; n++) {
      const shard = new Shard();
      this.#shards.push(shard);
      const weeks = part(`weeks.${n}`);
      const day = part(`day.${n}`);
      if (weeks !== undefined) shard.changed = weeks.revision;
      if (day !== undefined) shard.dayChanged = day.revision;
      const state = (weeks?.state ?? day?.state) as Stored | undefined;
      if (state === undefined) continue;
      for (const [i, name] of state.names.entries()) {
        shard.names[i] = name;
        if (name !== null) this.#slots.set(name, n * SHARD + i);
      }
      fill(weeks?.state, shard.arrays(), (i, places) => this.#putPlaces(n * SHARD + i, places));
      shard.restoreDay(day?.state);
    }
  }
}

/** A stored shard without these accounts: what is left of theirs has no name. Another state is returned as it is. */
export function withoutAccounts(state: unknown, accounts: ReadonlySet<string>): unknown {
  const { names } = state as Partial<Stored>;
  if (!Array.isArray(names)) return state;
  return { ...(state as Stored), names: names.map((name) => (name !== null && accounts.has(name) ? null : name)) };
}

interface Stored {
  readonly names: (string | null)[];
  readonly arrays: string[];
  readonly places: (number[] | null)[];
}

function fill(state: unknown, arrays: ArrayBufferView[], put: (i: number, places: number[] | null) => void): void {
  if (state === undefined) return;
  const stored = state as Stored;
  for (const [i, array] of arrays.entries()) decode(stored.arrays[i] ?? '', array);
  for (const [i, list] of stored.places.entries()) put(i, list === null ? null : [...list]);
}

const sum = (counts: Uint16Array): number => {
  let total = 0;
  for (const count of counts) total += count;
  return total;
};

function raise(bins: Uint16Array, i: number, by: number): void {
  bins[i] = packCount(unpackCount(bins[i] ?? 0) + by);
}
