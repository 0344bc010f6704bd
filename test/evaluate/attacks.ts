import type { Site } from '../../src/site/index.ts';
import { HOUR, MINUTE, SECOND } from '../../src/time.ts';
import { Station, type Packet } from '../support/sip-builder.ts';
import { ABROAD, REVENUE_SHARE, SATELLITE } from './countries.ts';
import { addressOf, type Life, type PlannedCall } from './life.ts';
import { PBX_ADDRESS, toDial, type Firm, type Person } from './people.ts';
import type { Random } from './random.ts';
import { SIGNALLING } from './signalling.ts';

/** What was done, and whom an alert must name to count. */
export interface Attack {
  readonly calls: PlannedCall[];
  readonly packets: Packet[];
  readonly accounts: readonly string[];
  readonly sources: readonly string[];
  readonly numbers: readonly string[];
  /** days that it takes */
  readonly days: number;
}

export interface Scene {
  readonly firm: Firm;
  readonly site: Site;
  readonly life: Life;
  readonly random: Random;
  /** first day of the attack, a Saturday */
  readonly day: number;
  readonly victim: Person;
  /** an address of the attacker that nobody else has */
  readonly thief: string;
  /** ids of the calls of the attack begin here */
  readonly id: number;
}

export interface AttackKind {
  readonly kind: string;
  readonly pace: string;
  /** can call records alone tell? */
  readonly records: boolean;
  make(scene: Scene): Attack;
}

interface Slot {
  readonly at: number;
  /** ms */
  readonly talk: number;
}

/** How fast: when calls begin and how long they last. Day 0 is a Saturday. */
const PACES: Readonly<Record<string, (s: Scene) => Slot[]>> = {
  // Saturday night, four lines without a pause for two hours
  burst: ({ life, day, random }) =>
    [0, 1, 2, 3].flatMap((line) => {
      const slots: Slot[] = [];
      for (let minute = 60 + line; minute < 180;) {
        const talk = random.between(4, 18);
        slots.push({ at: life.instant(day, minute), talk: talk * MINUTE });
        minute += talk + 0.3;
      }
      return slots;
    }),
  // one line from eleven at night until five in the morning, call after call
  'six-hour': ({ life, day, random }) =>
    Array.from({ length: 36 }, (_, i) => ({
      at: life.instant(day + 1, 1380 + 10 * i),
      talk: random.between(5, 9.5) * MINUTE,
    })),
  // from Saturday 2:00 to Monday 5:00, long calls with pauses
  weekend: ({ life, day, random }) =>
    Array.from({ length: 48 }, (_, i) => ({
      at: life.instant(day, 120 + 62 * i + random.between(0, 20)),
      talk: random.between(15, 40) * MINUTE,
    })),
  // three working days from ten to four, hidden among everybody's calls
  'office-hours': ({ life, day, random }) =>
    [2, 3, 4].flatMap((d) =>
      Array.from({ length: 15 }, (_, i) => ({
        at: life.instant(day + d, 600 + 24 * i + random.between(0, 12)),
        talk: random.between(4, 14) * MINUTE,
      })),
    ),
  'one a night': ({ life, day, random }) =>
    Array.from({ length: 12 }, (_, i) => ({
      at: life.instant(day + i, 110 + random.between(0, 120)),
      talk: random.between(25, 60) * MINUTE,
    })),
  // every working day one call, at some time of the day
  'one a day': ({ life, day, random }) =>
    [2, 3, 4, 5, 6, 9, 10, 11, 12, 13].map((d) => ({
      at: life.instant(day + d, random.between(560, 980)),
      talk: random.between(12, 40) * MINUTE,
    })),
};

const DAYS: Readonly<Record<string, number>> = { burst: 2, 'six-hour': 3, weekend: 4, 'office-hours': 6, 'one a night': 14, 'one a day': 15 }; // prettier-ignore

type Numbers = (s: Scene) => () => string;

const shareNumbers: Numbers = ({ firm, random }) => {
  const chosen = Object.values(REVENUE_SHARE);
  const templates = Array.from({ length: 3 }, () => random.pick(chosen));
  return () => toDial(firm.home, random.digits(random.pick(templates)));
};
const of =
  (templates: (s: Scene) => readonly string[], count: number): Numbers =>
  (s) => {
    const numbers = Array.from({ length: count }, () => s.random.digits(s.random.pick(templates(s))));
    return () => s.random.pick(numbers);
  };
const abroad = ({ firm }: Scene, e164: string): string => toDial(firm.home, e164);
/** Countries that nobody at the site has as a partner, and that no table calls dangerous by itself. */
const NEVER = ['TR', 'NG', 'PK', 'VN', 'MA', 'UA', 'ZA', 'TN', 'AR'];

const NUMBERS: Readonly<Record<string, Numbers>> = {
  share: shareNumbers,
  premium: of(({ firm }) => firm.home.premium, 3),
  satellite: of((s) => SATELLITE.map((t) => abroad(s, t)), 4),
  'new country': (s) => {
    const partners = new Set([...s.firm.home.partners, s.firm.home.country]);
    const country = s.random.pick(NEVER.filter((c) => !partners.has(c)));
    return () => abroad(s, s.random.digits(s.random.pick(ABROAD[country] ?? ['90532NXXXXXX', '90532NXXXXXX'])));
  },
  'known country': (s) => {
    const country = s.firm.home.partners[0] ?? 'DE';
    return () => abroad(s, s.random.digits(ABROAD[country]?.[1] ?? '49171NXXXXXX'));
  },
  'one number': (s) => {
    const number = shareNumbers(s)();
    return () => number;
  },
  sequence: (s) => {
    const first = shareNumbers(s)().slice(0, -2);
    let n = 10;
    return () => `${first}${n++ % 100}`;
  },
};

interface Way {
  readonly form: PlannedCall['form'];
  /** whose packets: the owner's own phone, or the thief's */
  readonly thief: boolean;
  readonly before?: (s: Scene, first: number) => Packet[];
}

function pump(s: Scene, slots: readonly Slot[], way: Way, numbers: () => string, days: number): Attack {
  const dialled: string[] = [];
  const { victim } = s;
  const through = way.form === 'through' || way.form === 'forwarded';
  const calls = slots.map(({ at, talk }, i): PlannedCall => {
    const number = numbers();
    dialled.push(number);
    return {
      id: s.id + i,
      at: Math.round(at),
      form: way.form,
      account: way.form === 'through' ? '' : victim.account,
      source: through ? '' : way.thief ? s.thief : addressOf(victim, s.day + 2),
      from: through ? '16465550100' : victim.account,
      dialled: number,
      ring: 6 * SECOND,
      // one in eight finds nobody, or a circuit that is full
      talk: i % 8 === 5 ? 0 : Math.round(talk),
    };
  });
  return {
    calls,
    packets: way.before?.(s, slots[0]?.at ?? 0) ?? [],
    accounts: way.form === 'through' ? [] : [victim.account],
    sources: way.thief ? [s.thief] : [],
    numbers: [...new Set(dialled)],
    days,
  };
}

/** The thief registers with the stolen password, an hour before; the owner's phone stays registered beside him. */
const hijack = (s: Scene, first: number): Packet[] =>
  new Station(s.thief, 5060, PBX_ADDRESS).register(first - HOUR, s.victim.account, {
    userAgent: 'PBX',
    expires: 86_400,
    seconds: 86_400,
    listed: [
      `<sip:${s.victim.account}@${s.thief}:5060>;expires=86400`,
      `<sip:${s.victim.account}@${addressOf(s.victim, s.day)}:5060>;expires=20000`,
    ],
  });

const pumping = (kind: string, numbers: string, way: Way, paces: readonly string[]): AttackKind[] =>
  paces.map((pace) => ({
    kind,
    pace,
    records: true,
    make: (s) => {
      const slots = PACES[pace]?.(s) ?? [];
      const next = NUMBERS[numbers]?.(s);
      if (slots.length === 0 || next === undefined) throw new RangeError(`no such attack: ${kind} ${pace}`);
      return pump(s, slots, way, next, DAYS[pace] ?? 3);
    },
  }));

/** Short calls to many places on the first night, then long ones to those of the same ranges that answered. */
const testThenPump: AttackKind = {
  kind: 'test calls, then pumping',
  pace: 'two nights',
  records: true,
  make: (s) => {
    const next = shareNumbers(s);
    const probes = Array.from({ length: 9 }, (_, i): Slot => ({ at: s.life.instant(s.day, 150 + 3 * i), talk: 5 * SECOND })); // prettier-ignore
    const pumped = PACES['six-hour']?.(s) ?? [];
    return pump(s, [...probes, ...pumped], { form: 'out', thief: false }, next, 3);
  },
};

/** One ring to many extensions from numbers that cost; some people call back the next hours. */
const wangiri = (pace: string, rings: number, days: readonly number[]): AttackKind => ({
  kind: 'one-ring calls and call-backs',
  pace,
  records: true,
  make: (s) => {
    const next = shareNumbers(s);
    const e164 = (dialled: string): string => dialled.slice(s.firm.home.abroad.length);
    const people = s.firm.people.filter((p) => !['fax', 'alarm', 'room', 'guard'].includes(p.role));
    const calls: PlannedCall[] = [];
    const numbers = Array.from({ length: 4 }, next);
    const accounts = new Set<string>();
    for (const d of days)
      for (let i = 0; i < rings; i++) {
        const p = s.random.pick(people);
        const number = s.random.pick(numbers);
        const at = s.life.instant(s.day + d, 570 + (i * 240) / rings);
        const id = s.id + calls.length;
        calls.push({ id, at, form: 'in', account: p.account, source: '', from: e164(number), dialled: p.account, ring: 1500, talk: 0 }); // prettier-ignore
        if (!s.random.chance(0.12)) continue;
        accounts.add(p.account);
        calls.push({ id: id + 1, at: at + s.random.whole(5, 90) * MINUTE, form: 'out', account: p.account, source: addressOf(p, s.day + d), from: p.account, dialled: number, ring: 4 * SECOND, talk: s.random.whole(1, 6) * MINUTE }); // prettier-ignore
      }
    return { calls, packets: [], accounts: [...accounts], sources: [], numbers: [...numbers, ...numbers.map(e164)], days: (days.at(-1) ?? 0) + 2 }; // prettier-ignore
  },
});

const ALL = Object.keys(PACES);
const STOLEN: Way = { form: 'out', thief: true };
const OWN: Way = { form: 'out', thief: false };

/** The catalogue. What costs money comes first, with everything from a burst to one call a night. */
export const ATTACKS: readonly AttackKind[] = [
  ...pumping('stolen password', 'share', STOLEN, ALL),
  ...pumping('hijacked registration, calls', 'share', { ...STOLEN, before: hijack }, ['burst', 'six-hour', 'office-hours', 'one a night']), // prettier-ignore
  ...pumping("by the owner's own phone", 'share', OWN, ALL),
  ...pumping('through-dial (DISA)', 'share', { form: 'through', thief: false }, ['burst', 'six-hour', 'office-hours', 'one a night']), // prettier-ignore
  ...pumping('forwarding', 'share', { form: 'forwarded', thief: false }, ['burst', 'six-hour', 'office-hours', 'one a night']), // prettier-ignore
  ...pumping('one number again and again', 'one number', OWN, ['six-hour', 'office-hours', 'one a night', 'one a day']),
  ...pumping('numbers in sequence', 'sequence', OWN, ['burst', 'office-hours']),
  ...pumping('premium numbers at home', 'premium', OWN, ALL),
  ...pumping('satellite', 'satellite', OWN, ['burst', 'office-hours', 'one a night', 'one a day']),
  ...pumping('a country never called', 'new country', OWN, ALL),
  ...pumping('a country that is called', 'known country', OWN, ALL),
  testThenPump,
  wangiri('burst', 60, [2]),
  wangiri('slow', 6, [2, 3, 4, 5, 6]),
  ...SIGNALLING,
];
