import type { Millis } from '../model.ts';

/** What this site is, as judging needs it. Built once from the settings by `createSite` (site/index.ts). */
export interface Site {
  readonly name: string;
  readonly timezone: string;
  /** ISO 3166-1 alpha-2 */
  readonly country: string;
  readonly currency: string;
  /** of alerts and of what commands say about incidents */
  readonly language: 'en' | 'de';
  /** units of the currency in a euro, roughly (currencies.ts) */
  readonly unitsPerEuro: number;
  /** Is the office (or this account, by its own hours) open at this instant? */
  hours(at: Millis, account: string | null): Hours;
  /** What a dialled number is to this site. Cached; never throws. */
  number(dialled: string): DialledNumber;
  readonly networks: Networks;
  readonly accounts: Accounts;
  /** Estimated price of a call by the tariff file, in the site's currency; null: no tariff or no price known. */
  price(number: DialledNumber, seconds: number): number | null;
  /** What a minute costs by the tariff file, else by our own estimate (price-estimates.ts); never null, 0 for what costs nothing. */
  rate(number: DialledNumber): PriceRate;
}

export interface PriceRate {
  /** currency units per minute */
  readonly perMinute: number;
  /** currency units per answered call */
  readonly connection: number;
  readonly by: 'tariff' | 'estimate';
}

export interface Hours {
  readonly open: boolean;
  /** why: regular hours, or what closed (or opened) it */
  readonly reason: 'hours' | 'always' | 'outside-hours' | 'weekend' | 'holiday' | 'closed' | 'opened';
  /** name of the public holiday, if that is the reason */
  readonly holiday: string | null;
  /** start of this open or closed period; null: longer than a year ago */
  readonly since: Millis | null;
  /** its end; null: not within a year */
  readonly until: Millis | null;
}

/** Types that libphonenumber tells apart, and those that only a site knows. */
export type NumberKind =
  | 'extension'
  | 'emergency'
  | 'service' // short codes, feature codes (*43), voicemail
  | 'fixed'
  | 'mobile'
  | 'fixed-or-mobile'
  | 'toll-free'
  | 'premium'
  | 'shared-cost'
  | 'voip'
  | 'personal'
  | 'pager'
  | 'uan'
  | 'satellite'
  | 'non-geographic' // +882 +883 +888: no country (+800 is toll-free, +808 shared-cost, +870 +881 satellite, +979 premium)
  | 'unknown'
  | 'invalid';

export interface DialledNumber {
  readonly dialled: string;
  readonly kind: NumberKind;
  /** E.164 digits without +, null where there is none (extension, emergency, invalid) */
  readonly e164: string | null;
  /** ISO 3166-1, null: internal, non-geographic or unknown */
  readonly country: string | null;
  /** country name in English, or the name of the non-geographic code ("Inmarsat satellite (+870)") */
  readonly place: string | null;
  readonly international: boolean;
  /** can cost money that matters: international, premium, satellite, non-geographic, shared cost; never emergency or internal */
  readonly chargeable: boolean;
  /** 0-100, see number-risk.ts */
  readonly risk: number;
  readonly reasons: readonly string[];
  /** false: an emergency number; nothing may ever refuse it */
  readonly blockable: boolean;
}

export interface Networks {
  isLocal(address: string): boolean;
  isPbx(address: string): boolean;
  /** name of the trunk that this address belongs to */
  trunkOf(address: string): string | null;
  /** the PBX, trunks, the machine itself and what the settings exempt */
  neverBlock(address: string): boolean;
  /** is this account a trunk's endpoint? */
  isTrunk(account: string): boolean;
}

export interface Accounts {
  /**
   * The PJSIP endpoint id of a user name, AOR user or endpoint name; null: not an account of this PBX, or one name for
   * several. While the PBX has told no account, every plausible name stands for itself (see `mapped`): settings usually
   * name only the few accounts that differ from the others.
   */
  resolve(user: string): string | null;
  /** true: the account is known from settings or PBX; only then may a block name it */
  mapped(account: string): boolean;
  /** The PBX's endpoints as read from AMI, with the AORs and auth usernames that lead to them. Replaces what was told before. */
  learn(endpoints: readonly { readonly endpoint: string; readonly aliases: readonly string[] }[]): void;
  groupsOf(account: string): readonly string[];
  /** Other names that lead to this account and to no other: AORs, auth usernames. */
  aliasesOf(account: string): readonly string[];
}
