import type { SiteInput } from '../../src/site/index.ts';
import { ABROAD, HOMES, type Home } from './countries.ts';
import { Random } from './random.ts';

/** Who works at a site, when, and whom they call. Everybody's numbers and habits are drawn once, then days are lived. */

export type Role =
  | 'reception'
  | 'clerk'
  | 'sales'
  | 'executive'
  | 'dispatcher'
  | 'agent'
  | 'shift'
  | 'guard'
  | 'warehouse'
  | 'doctor'
  | 'room'
  | 'fax'
  | 'alarm';

export interface Person {
  readonly account: string;
  readonly role: Role;
  /** where the phone stands; home offices have a public address that changes */
  readonly address: string;
  readonly homeOffice: boolean;
  readonly userAgent: string;
  /** calls to the outside on a full day */
  readonly out: number;
  /** calls received on a full day */
  readonly inbound: number;
  /** share of calls abroad */
  readonly abroad: number;
  /** seconds: median talk */
  readonly talk: number;
  /** numbers as dialled, called again and again; the earlier the more often */
  readonly near: readonly string[];
  readonly far: readonly string[];
  /** E.164 templates of new numbers in the countries of `far` */
  readonly newFar: readonly string[];
  /** somebody private abroad, as dialled, called about once a week; '' nobody */
  readonly family: string;
  /** a softphone beside the desk phone, for travels */
  readonly softphone: boolean;
}

type Staff = readonly (readonly [role: Role, count: number])[];

interface Kind {
  readonly staff: Staff;
  readonly hours: readonly string[];
  /** settings that an admin of such a site makes */
  readonly groups: Readonly<Record<string, { readonly roles: readonly Role[]; readonly hours: 'always' | string[] }>>;
}

const OFFICE_HOURS = ['Mon-Fri 08:00-18:00'];
const MACHINES = { machines: { roles: ['alarm', 'fax'], hours: 'always' } } as const;

/** Kinds of sites, and what of them their admins put into the settings. */
export const KINDS: Readonly<Record<string, Kind>> = {
  office: {
    staff: [['reception', 1], ['sales', 6], ['clerk', 14], ['executive', 3], ['warehouse', 4], ['fax', 1], ['alarm', 1]], // prettier-ignore
    hours: OFFICE_HOURS,
    groups: MACHINES,
  },
  lawyers: {
    staff: [
      ['reception', 2],
      ['executive', 9],
      ['clerk', 6],
      ['fax', 1],
    ],
    hours: ['Mon-Fri 08:00-19:00'],
    groups: MACHINES,
  },
  'call-centre': {
    staff: [
      ['agent', 36],
      ['clerk', 4],
      ['executive', 1],
    ],
    hours: ['Mon-Sat 08:00-20:00'],
    groups: {},
  },
  hotel: {
    staff: [
      ['reception', 3],
      ['room', 40],
      ['clerk', 3],
      ['executive', 1],
      ['alarm', 1],
    ],
    hours: 'Mon-Sun 07:00-23:00'.split('|'),
    groups: { rooms: { roles: ['room', 'reception'], hours: 'always' }, ...MACHINES },
  },
  practice: {
    staff: [
      ['reception', 3],
      ['doctor', 3],
      ['fax', 1],
      ['alarm', 1],
    ],
    hours: ['Mon,Tue,Thu 08:00-12:00, 14:00-18:00', 'Wed,Fri 08:00-13:00'],
    groups: {},
  },
  factory: {
    staff: [['reception', 1], ['clerk', 8], ['sales', 3], ['shift', 8], ['warehouse', 6], ['guard', 1], ['executive', 2], ['fax', 1], ['alarm', 1]], // prettier-ignore
    hours: ['Mon-Fri 07:00-17:30'],
    groups: { shifts: { roles: ['shift', 'guard'], hours: 'always' }, ...MACHINES },
  },
  logistics: {
    staff: [
      ['dispatcher', 10],
      ['clerk', 5],
      ['sales', 3],
      ['warehouse', 5],
      ['guard', 1],
      ['executive', 1],
    ],
    hours: ['Mon-Fri 07:00-18:00', 'Sat 08:00-12:00'],
    groups: { dispatch: { roles: ['dispatcher', 'guard'], hours: 'always' } },
  },
  small: {
    staff: [
      ['reception', 1],
      ['clerk', 4],
      ['executive', 1],
      ['alarm', 1],
    ],
    hours: ['Mon-Fri 08:30-17:00'],
    groups: {},
  },
};

/** out, in, abroad, median talk in seconds */
const HABITS: Readonly<Record<Role, readonly [out: number, inbound: number, abroad: number, talk: number]>> = {
  reception: [9, 22, 0.02, 70],
  clerk: [7, 5, 0.03, 130],
  sales: [16, 8, 0.22, 170],
  executive: [6, 5, 0.15, 240],
  dispatcher: [24, 14, 0.35, 90],
  agent: [70, 10, 0, 140],
  shift: [4, 3, 0.01, 100],
  guard: [3, 1, 0, 60],
  warehouse: [3, 2, 0.01, 70],
  doctor: [6, 3, 0.01, 120],
  room: [0.7, 0.5, 0.35, 240],
  fax: [5, 4, 0.12, 55],
  alarm: [1, 0, 0, 25],
};

/** Countries from which lorry drivers carry their telephones. */
const DRIVERS = ['PL', 'RO', 'LT', 'LV', 'UA', 'TR', 'CZ', 'HU'];
const PHONES = [
  'Yealink SIP-T46S 66.86',
  'snomD785 10.1',
  'Fanvil X4U 2.12',
  'Cisco/SPA504G-7.6',
  'Grandstream GXP2170',
];

/** E.164 templates as dialled from there. */
export const toDial = (home: Home, e164: string): string => `${home.abroad}${e164}`;

const mobileOf = (country: string): string =>
  ({ LT: '3706NXXXXXX', LV: '3712NXXXXXX' })[country] ?? ABROAD[country]?.[1] ?? '1212NXXXXXX';

function farTemplates(role: Role, home: Home, random: Random): string[] {
  if (role === 'dispatcher') return [...DRIVERS.map(mobileOf), ...home.partners.map((c) => ABROAD[c]?.[0] ?? '')];
  const count = { sales: 4, executive: 4, clerk: 2, fax: 2 }[role as string] ?? 1;
  return Array.from({ length: count }, () => {
    const templates = ABROAD[random.pick(home.partners)] ?? ['1212NXXXXXX', '1917NXXXXXX'];
    return random.chance(0.65) ? templates[0] : templates[1];
  });
}

function person(account: string, role: Role, home: Home, random: Random, i: number): Person {
  const [out, inbound, abroad, talk] = HABITS[role];
  const busy = random.lognormal(1, 0.35);
  const nearCount = role === 'alarm' ? 1 : role === 'fax' ? 12 : role === 'agent' ? 0 : random.whole(10, 40);
  const newFar = farTemplates(role, home, random);
  const farCount = role === 'dispatcher' ? 40 : role === 'sales' ? 14 : 6;
  const homeOffice = (role === 'clerk' || role === 'sales' || role === 'executive') && random.chance(0.15);
  const relatives = ['TR', 'MA', 'PL', 'RO', 'UA', 'PK', 'NG', 'VN', 'TN', 'IN'];
  return {
    account,
    role,
    address: homeOffice ? `203.0.113.${10 + i}` : `10.1.0.${10 + i}`,
    homeOffice,
    userAgent: random.pick(PHONES),
    out: role === 'alarm' ? 1 : out * busy,
    inbound: inbound * busy,
    abroad: abroad * random.lognormal(1, 0.5),
    talk,
    near: Array.from({ length: nearCount }, () =>
      random.digits(random.pick(random.chance(0.7) ? home.fixed : home.mobile)),
    ),
    far: Array.from({ length: farCount }, () => toDial(home, random.digits(random.pick(newFar)))),
    newFar,
    family:
      !['room', 'fax', 'alarm'].includes(role) && random.chance(0.06)
        ? toDial(home, random.digits(mobileOf(random.pick(relatives)))) // prettier-ignore
        : '',
    softphone: role === 'executive' || (role === 'sales' && random.chance(0.4)),
  };
}

/** A site as the evaluation knows it: its people and its settings. */
export interface Firm {
  readonly name: string;
  readonly kind: string;
  readonly home: Home;
  readonly people: readonly Person[];
  readonly settings: SiteInput;
  /** half of the sites have a tariff file */
  readonly tariff: boolean;
  /** a number of the firm itself, as the carrier delivers it */
  readonly did: string;
}

export const TRUNK = 'carrier';
export const TRUNK_ADDRESS = '198.51.100.4';
export const PBX_ADDRESS = '192.0.2.10';

export function makeFirm(name: string, kind: string, country: string, tariff: boolean): Firm {
  const home = HOMES[country];
  const made = KINDS[kind];
  if (home === undefined || made === undefined) throw new RangeError(`no such site: ${kind} in ${country}`);
  const random = new Random(`${name}/people`);
  const people: Person[] = [];
  for (const [role, count] of made.staff)
    for (let i = 0; i < count; i++) {
      const n = people.length;
      people.push(person(String(1001 + n), role, home, random.fork(`${role}-${n}`), n));
    }
  const groups = Object.fromEntries(
    Object.entries(made.groups).map(([group, { roles, hours }]) => [
      group,
      { members: people.filter((p) => roles.includes(p.role)).map((p) => p.account), hours },
    ]),
  );
  return {
    name,
    kind,
    home,
    people,
    tariff,
    did: '4000',
    settings: {
      site: { name, timezone: home.timezone, country, currency: home.currency },
      hours: { open: [...made.hours], holidays: home.holidays },
      groups,
      network: { pbx: [PBX_ADDRESS], trunks: [{ name: TRUNK, addresses: [TRUNK_ADDRESS] }] },
    },
  };
}

/** Sites whose traffic thresholds may be set on, and sites that only judge them: other kinds in other countries. */
export const SITES: Readonly<Record<'train' | 'test', readonly (readonly [kind: string, country: string])[]>> = {
  train: [['office', 'DE'], ['call-centre', 'GB'], ['lawyers', 'US'], ['hotel', 'FR'], ['factory', 'IT'], ['practice', 'ES'], ['logistics', 'NL'], ['small', 'PL'], ['office', 'AT'], ['lawyers', 'CH'], ['small', 'AU'], ['office', 'BR']], // prettier-ignore
  test: [['call-centre', 'IN'], ['practice', 'DE'], ['office', 'GB'], ['small', 'US'], ['office', 'FR'], ['hotel', 'IT'], ['logistics', 'ES'], ['lawyers', 'NL'], ['factory', 'PL'], ['small', 'CH'], ['office', 'AU'], ['factory', 'DE']], // prettier-ignore
};

export const firmsOf = (set: 'train' | 'test'): Firm[] =>
  SITES[set].map(([kind, country], i) => makeFirm(`${set}-${i + 1}-${kind}-${country}`, kind, country, i % 2 === 0));
