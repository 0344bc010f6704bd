import type { Site } from '../../src/site/index.ts';
import { DAY, HOUR, MINUTE, SECOND, Zone } from '../../src/time.ts';
import { Station, type Packet } from '../support/sip-builder.ts';
import { ABROAD } from './countries.ts';
import { PBX_ADDRESS, toDial, type Firm, type Person } from './people.ts';
import { Random } from './random.ts';

/** One call as it happens; feeds tell of it what they can see (feeds.ts). Times in ms. */
export interface PlannedCall {
  /** unique within its site; part of the uniqueid */
  readonly id: number;
  readonly at: number;
  /** in: from the trunk to an extension · through: from the trunk out again by DISA · forwarded: from the trunk to an extension that sends it out again */
  readonly form: 'out' | 'in' | 'internal' | 'through' | 'forwarded';
  /** the extension: caller of `out` and `internal`, called of `in` and `forwarded`; '' with `through` */
  readonly account: string;
  /** where the caller's packets come from, '' from the trunk */
  readonly source: string;
  readonly from: string;
  readonly dialled: string;
  readonly ring: number;
  /** 0: not answered */
  readonly talk: number;
}

export interface Day {
  readonly calls: PlannedCall[];
  /** mirrored SIP, for the live feed */
  readonly packets: Packet[];
}

const NOBODY = new Set(['room', 'fax', 'alarm']);
/** Spans of work in minutes of the local day, by role; null: not at work. */
function shiftOf(p: Person, weekday: number, holiday: boolean, day: number, kind: string): [number, number] | null {
  const n = Number(p.account);
  switch (p.role) {
    case 'room':
      return [8 * 60, 24 * 60];
    case 'fax':
      return weekday <= 5 && !holiday ? [7 * 60, 21 * 60] : null;
    case 'guard':
      return [22 * 60, 30 * 60];
    case 'shift': {
      const turn = (n + Math.floor(day / 7)) % 3;
      return weekday <= 6 && !holiday ? [(6 + 8 * turn) * 60, (14 + 8 * turn) * 60] : null;
    }
    case 'dispatcher':
      return weekday <= 6 && (n + day) % 6 !== 0
        ? (n + day) % 2 === 0
          ? [5 * 60, 14 * 60]
          : [13 * 60, 22 * 60]
        : null;
    case 'agent':
      return weekday <= 6 && !holiday && (n + day) % 5 !== 0 ? (n % 2 === 0 ? [485, 840] : [840, 1190]) : null;
    default:
      if (kind === 'hotel' && p.role === 'reception') return [(n % 3) * 480, (n % 3) * 480 + 480];
      if (kind === 'practice') return weekday <= 5 && !holiday ? [480, [3, 5].includes(weekday) ? 780 : 1080] : null;
      return weekday <= 5 && !holiday ? [515, 1010] : null;
  }
}

/** The ordinary life of a firm, day by day. The same firm and day always give the same calls. */
export class Life {
  readonly #firm: Firm;
  readonly #site: Site;
  readonly #zone: Zone;
  /** local midnight of day 0, as if it were UTC */
  readonly #first: number;
  #next = 1;
  #day = 0;

  constructor(firm: Firm, site: Site, first: number) {
    this.#firm = firm;
    this.#site = site;
    this.#zone = new Zone(firm.home.timezone);
    this.#first = first;
  }

  /** The instant of a minute of a local day. */
  instant(day: number, minute: number): number {
    return this.#zone.instant(this.#first + day * DAY + Math.round(minute * MINUTE));
  }

  weekday(day: number): number {
    return this.#zone.wall(this.instant(day, 720)).weekday;
  }

  isHoliday(day: number): boolean {
    return this.#site.hours(this.instant(day, 720), null).reason === 'holiday';
  }

  day(day: number): Day {
    const made: Day = { calls: [], packets: [] };
    const random = new Random(`${this.#firm.name}/day-${day}`);
    this.#next = (day + 1) * 10_000;
    this.#day = day;
    for (const p of this.#firm.people) {
      const own = random.fork(p.account);
      this.#registers(p, day, own.fork('register'), made);
      this.#outgoing(p, day, own.fork('out'), made);
      this.#incoming(p, day, own.fork('in'), made);
      this.#oddities(p, day, own.fork('odd'), made);
    }
    this.#troubles(day, random.fork('troubles'), made);
    return made;
  }

  #call(made: Day, call: Omit<PlannedCall, 'id'>): void {
    made.calls.push({ ...call, id: this.#next++ });
  }

  #out(
    made: Day,
    p: Person,
    at: number,
    dialled: string,
    ring: number,
    talk: number,
    source = addressOf(p, this.#day),
  ): void {
    this.#call(made, { at, form: 'out', account: p.account, source, from: p.account, dialled, ring, talk });
  }

  /** When this person works today: drawn around the shift, longer when there is overtime. */
  #span(p: Person, day: number, random: Random): [number, number] | null {
    const shift = shiftOf(p, this.weekday(day), this.isHoliday(day), day, this.#firm.kind);
    if (shift === null) return null;
    if (NOBODY.has(p.role)) return shift;
    if (p.role !== 'guard' && p.role !== 'reception' && random.chance(0.08)) return null; // ill or away
    const overtime = ['sales', 'executive', 'clerk'].includes(p.role) && random.chance(0.06) ? random.between(60, 200) : 0; // prettier-ignore
    return [shift[0] + random.between(-25, 20), shift[1] + random.between(-30, 30) + overtime];
  }

  #number(p: Person, random: Random): string {
    const { home } = this.#firm;
    if (p.role === 'room' && random.chance(p.abroad)) {
      const templates = ABROAD[random.pick(Object.keys(ABROAD))] ?? ['1212NXXXXXX', '1917NXXXXXX'];
      return toDial(home, random.digits(random.pick(templates)));
    }
    if (random.chance(p.abroad)) {
      // the first numbers of the list are the usual ones; one call in ten goes to somebody new
      const known = p.far[Math.floor(p.far.length * random.unit() ** 2)] ?? '';
      return random.chance(0.1) ? toDial(home, random.digits(random.pick(p.newFar))) : known;
    }
    if (p.near.length > 0 && random.chance(p.role === 'fax' ? 0.9 : 0.7))
      return p.near[Math.floor(p.near.length * random.unit() ** 2)] ?? '';
    return random.digits(random.pick(random.chance(0.6) ? home.fixed : home.mobile));
  }

  #outgoing(p: Person, day: number, random: Random, made: Day): void {
    if (p.role === 'alarm') {
      // the line's own test at a fixed minute, every day
      this.#out(made, p, this.instant(day, 190 + (Number(p.account) % 40)), p.near[0] ?? '', 3 * SECOND, 22 * SECOND);
      return;
    }
    const span = this.#span(p, day, random);
    if (span === null) return;
    const [from, to] = span;
    const count = random.poisson(p.out);
    for (let i = 0; i < count; i++) {
      const minute = random.between(from, to);
      if (minute > 720 && minute < 765 && random.chance(0.6)) continue; // lunch
      const at = this.instant(day, minute);
      const dialled = this.#number(p, random);
      const ring = Math.round(random.between(3, 25) * SECOND);
      const talk = random.chance(p.role === 'agent' ? 0.55 : 0.72) ? random.lognormal(p.talk, 0.9) * SECOND : 0;
      this.#out(made, p, at, dialled, ring, Math.round(Math.min(talk, 3 * HOUR)));
      // busy, or nobody there: again in a minute or three, as fax machines do anyway
      if (talk === 0 && random.chance(p.role === 'fax' ? 0.9 : 0.25))
        for (let n = 1; n <= random.whole(1, 3); n++) this.#out(made, p, at + n * random.between(60, 180) * SECOND, dialled, ring, 0); // prettier-ignore
    }
    const inside = NOBODY.has(p.role) ? 0 : random.poisson(p.out * 0.35);
    for (let i = 0; i < inside; i++) {
      const other = random.pick(this.#firm.people);
      if (other.account === p.account) continue;
      const at = this.instant(day, random.between(from, to));
      const talk = random.chance(0.7) ? Math.round(random.lognormal(60, 0.8) * SECOND) : 0;
      this.#call(made, { at, form: 'internal', account: p.account, source: addressOf(p, day), from: p.account, dialled: other.account, ring: 8 * SECOND, talk }); // prettier-ignore
    }
  }

  #incoming(p: Person, day: number, random: Random, made: Day): void {
    const span = this.#span(p, day, random);
    if (span === null || p.role === 'alarm') return;
    const forwarded = p.role === 'executive' && this.#isAway(p, day, 'forward', 0.12);
    const abroad = forwarded && this.#isAway(p, Math.floor(day / 60), 'forward-abroad', 0.3);
    const mobile = abroad
      ? toDial(this.#firm.home, new Random(`${p.account}-away`).digits(ABROAD[this.#firm.home.partners[0] ?? '']?.[1] ?? ''))
      : new Random(`${p.account}-mobile`).digits(this.#firm.home.mobile[0] ?? ''); // prettier-ignore
    const count = random.poisson(p.inbound);
    for (let i = 0; i < count; i++) {
      const at = this.instant(day, random.between(span[0] - 20, span[1] + 40));
      const from = random.chance(0.06) ? random.digits(ABROAD[random.pick(this.#firm.home.partners)]?.[0] ?? '') : random.digits(random.pick(this.#firm.home.fixed)); // prettier-ignore
      const answered = random.chance(0.8);
      const talk = answered ? Math.round(random.lognormal(100, 0.8) * SECOND) : 0;
      const ring = Math.round(random.between(answered ? 3 : 8, 25) * SECOND);
      const form = forwarded && random.chance(0.6) ? 'forwarded' : 'in';
      const dialled = form === 'in' ? p.account : mobile;
      this.#call(made, { at, form, account: p.account, source: '', from, dialled, ring, talk });
    }
  }

  /** Spells of some days, each person's own. */
  #isAway(p: Person, day: number, what: string, share: number): boolean {
    return new Random(`${this.#firm.name}/${p.account}/${what}/${Math.floor(day / 4)}`).chance(share);
  }

  #oddities(p: Person, day: number, random: Random, made: Day): void {
    if (NOBODY.has(p.role)) return;
    const { home } = this.#firm;
    const span = this.#span(p, day, random);
    if (span !== null && p.family !== '' && random.chance(0.18))
      this.#out(made, p, this.instant(day, random.between(span[0], span[1] + 30)), p.family, 9 * SECOND, Math.round(random.lognormal(420, 0.6) * SECOND)); // prettier-ignore
    if (span !== null && random.chance(0.004)) {
      // a misdial: a zero too many makes a number abroad of one at home
      const wrong = `${home.abroad.slice(0, -1)}${random.digits(home.fixed[0] ?? '')}`;
      this.#out(made, p, this.instant(day, random.between(span[0], span[1])), wrong, 4 * SECOND, random.chance(0.3) ? 6 * SECOND : 0); // prettier-ignore
    }
    if (span !== null && ['sales', 'executive'].includes(p.role) && random.chance(0.07))
      this.#out(made, p, this.instant(day, random.between(540, 960)), random.pick(p.far), 5 * SECOND, random.whole(30, 110) * MINUTE); // prettier-ignore
    if (span !== null && ['sales', 'clerk', 'executive'].includes(p.role) && random.chance(0.002))
      this.#out(made, p, this.instant(day, random.between(span[0], span[1])), toDial(home, random.digits(random.pick(ABROAD[random.pick(Object.keys(ABROAD))] ?? ['1212NXXXXXX', '']))), 9 * SECOND, random.whole(60, 500) * SECOND); // prettier-ignore
    this.#travels(p, day, random, made);
  }

  /** A journey of some days; null: this person is at home. */
  #journey(p: Person, day: number): { readonly address: string; readonly shift: number } | null {
    if (!p.softphone || !this.#isAway(p, day, 'travel', 0.05)) return null;
    const trip = new Random(`${this.#firm.name}/${p.account}/trip/${Math.floor(day / 4)}`);
    return { address: `198.18.${trip.whole(40, 90)}.${trip.whole(1, 250)}`, shift: trip.pick([-360, -60, 120, 360]) };
  }

  /** From a hotel, in another time zone: with the softphone, calls home and to partners. */
  #travels(p: Person, day: number, random: Random, made: Day): void {
    const journey = this.#journey(p, day);
    if (journey === null) return;
    const { address, shift } = journey;
    for (const minute of [480, 760]) this.#register(p, day, minute + shift, 'softphone', made);
    for (let i = random.poisson(3.5); i > 0; i--) {
      const dialled = random.chance(0.25) ? random.pick(p.far) : random.pick(p.near);
      this.#out(made, p, this.instant(day, random.between(485, 1060) + shift), dialled, 8 * SECOND, Math.round(random.lognormal(160, 0.8) * SECOND), address); // prettier-ignore
    }
  }

  /** The softphone is tried out in the office now and then. */
  #tries = (p: Person, day: number): boolean => p.softphone && day % 9 === Number(p.account) % 9;

  /** REGISTER of one of the devices; the registrar lists those of the other that still stand, as Asterisk does. */
  #register(p: Person, day: number, minute: number, device: 'desk' | 'softphone', made: Day): void {
    const journey = this.#journey(p, day);
    const desk = `<sip:${p.account}@${addressOf(p, day)}:5060>`;
    const soft = `<sip:${p.account}@${journey?.address ?? p.address}:5062>`;
    const moved = `<sip:${p.account}@${addressOf(p, day - 1)}:5060>`;
    const softStands =
      journey === null
        ? this.#tries(p, day) && minute >= 660 && minute < 720
        : minute >= 480 + journey.shift && minute < 1060 + journey.shift;
    // at night the phone of a home office has not told its new address yet
    const stands = device === 'desk' || minute >= 480 ? desk : moved;
    const listed = [
      `${stands};expires=64800`,
      ...(device === 'softphone' || softStands ? [`${soft};expires=18000`] : []),
      ...(device === 'desk' && moved !== desk && minute < 480 ? [`${moved};expires=9000`] : []),
    ];
    const at = this.instant(day, minute);
    const number = Number(p.account);
    const [station, userAgent, instance, seconds] =
      device === 'desk'
        ? [new Station(addressOf(p, day), 5060, PBX_ADDRESS), p.userAgent, number % 3 === 0 ? '' : `<urn:uuid:desk-${p.account}>`, 64_800]
        : [new Station(journey?.address ?? p.address, 5062, PBX_ADDRESS), 'Linphone-Desktop/5.2', `<urn:uuid:soft-${p.account}>`, journey === null ? 3600 : 18_000]; // prettier-ignore
    const contact = `${device === 'desk' ? desk : soft}${instance === '' ? '' : `;+sip.instance="${instance}"`}`;
    const callId = `reg-${p.account}-${station.address}-${station.port}-${at}`;
    made.packets.push(...station.register(at, p.account, { contact, callId, userAgent, expires: seconds, seconds, listed })); // prettier-ignore
  }

  /** Phones register again every few hours; in a home office the address changes once a week. */
  #registers(p: Person, day: number, random: Random, made: Day): void {
    for (let i = 0; i < 3; i++) this.#register(p, day, i * 480 + random.between(2, 470), 'desk', made);
    if (this.#tries(p, day) && this.#journey(p, day) === null) this.#register(p, day, 660, 'softphone', made);
  }

  /** What breaks: a power cut after which all phones register at once, a password that was changed in the PBX alone. */
  #troubles(day: number, random: Random, made: Day): void {
    const { people } = this.#firm;
    if (random.chance(0.02)) {
      const back = random.between(300, 1200);
      for (const p of people) this.#register(p, day, back + random.between(0, 0.4), 'desk', made);
    }
    if (random.chance(0.03)) {
      const p = random.pick(people);
      const station = new Station(p.address, 5064, PBX_ADDRESS);
      const from = this.instant(day, random.between(480, 900));
      const every = random.pick([30, 60, 300]) * SECOND;
      for (let i = 0; i < random.whole(20, 90); i++) made.packets.push(...wrongPassword(station, p.account, from + i * every, i)); // prettier-ignore
    }
  }
}

/** Where somebody's desk phone is on that day. */
export const addressOf = (p: Person, day: number): string =>
  p.homeOffice ? homeAddress(p, Math.floor((day + (Number(p.account) % 7)) / 7)) : p.address;

const homeAddress = (p: Person, week: number): string => `198.19.${Number(p.account) % 250}.${1 + (week % 250)}`;

/** REGISTER, 401, REGISTER with a wrong answer, 401. */
export function wrongPassword(station: Station, user: string, at: number, i: number, userAgent = ''): Packet[] {
  const common = { user, callId: `wrong-${user}-${station.address}-${i}`, expires: 3600, contact: `<sip:${user}@${station.address}:${station.port}>`, ...(userAgent === '' ? {} : { userAgent }) }; // prettier-ignore
  const first = station.request(at, { ...common, cseq: 1 });
  const second = station.request(at + 10, { ...common, cseq: 2, auth: user, answer: i.toString(16).padStart(32, 'e') });
  return [
    first,
    station.answer(at + 5, first, 401, station.challenge()),
    second,
    station.answer(at + 15, second, 401, station.challenge()),
  ];
}
