import { z } from 'zod';
import { isAddressOrBlock } from '../address.ts';
import { Zone } from '../time.ts';
import { parseClosure, parseOpening, parseWeekly } from './hours-text.ts';
import { COUNTRIES } from './numbering-plan.ts';
import type { Parsed } from '../parsed.ts';

/**
 * The sections of the settings that say what this site is: [site] [dialing] [hours] [accounts] [groups] [network] [numbers] [tariff].
 * What one field can get wrong is told here; what takes more than one field, or a file, by `createSite`.
 */

/** Text that a parser must accept; its reason is the message. */
const textOf = (parse: (text: string) => Parsed<unknown>): z.ZodString =>
  z.string().check((context) => {
    const read = parse(context.value);
    if (!read.ok) context.issues.push({ code: 'custom', input: context.value, message: read.reason });
  });

/** A pattern that JavaScript accepts, of a length that a person writes. */
export function patternProblem(pattern: string): string | null {
  if (pattern.length > 500) return 'longer than 500 characters';
  try {
    new RegExp(pattern);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : 'not a regular expression';
  }
}

const pattern = z.string().check((context) => {
  const problem = patternProblem(context.value);
  if (problem !== null) context.issues.push({ code: 'custom', input: context.value, message: problem });
});

const hours = z
  .union([z.literal('always'), z.array(z.string())], {
    error: 'neither "always" nor a list like ["Mon-Fri 08:00-18:00"]',
  })
  .check((context) => {
    // checked here, not in the array: a union tells only that no branch fits
    if (context.value === 'always') return;
    for (const [index, text] of context.value.entries()) {
      const read = parseWeekly(text);
      if (!read.ok) context.issues.push({ code: 'custom', input: text, path: [index], message: read.reason });
    }
  });
const block = z.string().refine(isAddressOrBlock, { error: 'not an IP address or CIDR block' });
const digits = z.string().regex(/^\d{1,8}$/, { error: 'not a prefix of digits' });
const name = z
  .string()
  .min(1)
  .max(128)
  // eslint-disable-next-line no-control-regex -- control characters are what is refused
  .regex(/^[^\x00-\x1f\x7f]*$/, { error: 'control characters in a name' });

const ownHours = hours
  .optional()
  .describe('"always" or opening hours like those of [hours]; without it the hours of the group or site hold');
const holidaysToo = z
  .boolean()
  .default(false)
  .describe('do public holidays, closures and extra openings of [hours] apply to these hours too?');

export const siteOptions = z.strictObject({
  name: z.string().min(1).max(64).default('pbx').describe('name of this site in alerts and reports'),
  timezone: z
    .string()
    .refine((zone) => Zone.isValid(zone), { error: 'no such time zone; write it like Europe/Berlin' })
    .default('UTC')
    .describe('IANA time zone of the office; hours are judged by it'),
  country: z
    .string()
    .refine((country) => COUNTRIES.includes(country), { error: 'no such country; write it like DE, GB or US' })
    .default('US')
    .describe('ISO 3166-1 alpha-2 country: how people dial here'),
  currency: z
    .string()
    .regex(/^[A-Z]{3}$/, { error: 'not a currency code; write it like EUR' })
    .default('EUR')
    .describe('ISO 4217 code of the currency of the tariff'),
  language: z
    .enum(['en', 'de'])
    .default('en')
    .describe('language of alerts and of what commands say about incidents: en or de'),
});

export const dialingOptions = z.strictObject({
  outside: z
    .string()
    .regex(/^\d{0,4}$/, { error: 'not a prefix of up to four digits' })
    .default('')
    .describe('prefix for an outside line, "" if there is none'),
  international: z
    .array(digits)
    .default(['00', '011'])
    .describe('prefixes for calls abroad, after the outside prefix; + and those of the country always count'),
  internal: pattern
    .default('^[1-9][0-9]{1,4}$')
    .describe('regular expression: what is dialled within the PBX (an emergency number is tested for first)'),
  emergency: z
    .array(z.string().regex(/^\d{2,8}$/, { error: 'not a number of two to eight digits' }))
    .default([])
    .describe(
      'emergency numbers beside those of the country, which always count; never blocked, never hung up, with or without the outside prefix',
    ),
});

export const hoursOptions = z.strictObject({
  open: hours
    .default(['Mon-Fri 08:00-18:00'])
    .describe(
      'opening hours in local time, a line each: days, then spans of time; a span that ends before it begins runs over midnight; or "always"',
    ),
  holidays: z
    .string()
    .regex(/^(?:[A-Za-z]{2}(?:-[A-Za-z0-9]{1,4}){0,2})?$/, { error: 'write it like DE, DE-BE or GB-ENG; "" for none' })
    .default('')
    .describe('country or region whose public holidays close the office, "" for none'),
  closed: z
    .array(textOf(parseClosure))
    .default([])
    .describe('extra closures: DATE..DATE (both included), DATE, or DATE HH:MM-HH:MM for part of a day'),
  open_on: z
    .array(textOf(parseOpening))
    .default([])
    .describe('extra openings, DATE HH:MM-HH:MM; they override holidays and closures'),
});

export const accountsOptions = z
  .record(
    name,
    z.strictObject({
      hours: ownHours,
      holidays: holidaysToo,
      aliases: z
        .array(name)
        .default([])
        .describe('user names, AORs and digest usernames that lead to this account; the PBX tells them by itself'),
    }),
  )
  .describe('extensions and trunks that differ from the others, by their PJSIP endpoint id');

export const groupsOptions = z
  .record(
    name,
    z.strictObject({
      members: z.array(name).default([]).describe('accounts of the group, by their PJSIP endpoint id'),
      hours: ownHours,
      holidays: holidaysToo,
    }),
  )
  .describe('accounts that share hours; of several groups the first one with hours counts');

export const networkOptions = z.strictObject({
  local: z
    .array(block)
    .default(['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '127.0.0.0/8', '::1/128', 'fc00::/7', 'fe80::/10'])
    .describe("the office's own networks, addresses or CIDR blocks"),
  pbx: z.array(block).default([]).describe("the PBX's and proxies' own addresses; never blocked"),
  trunks: z
    .array(
      z.strictObject({
        name: name.describe("the trunk's endpoint in Asterisk"),
        addresses: z.array(block).default([]).describe("the carrier's addresses or CIDR blocks"),
      }),
    )
    .default([])
    .describe('trunks and where they signal from; never blocked'),
  never_block: z.array(block).default([]).describe('further addresses or CIDR blocks that are never blocked'),
});

export const numbersOptions = z.strictObject({
  risk_file: z
    .string()
    .default('')
    .describe(
      'CSV of ranges and what you hold against them, relative to the settings file, before the shipped table: E.164 digits without +, score 0-100[,why]; "" for none',
    ),
});

export const tariffOptions = z.strictObject({
  file: z
    .string()
    .default('')
    .describe(
      'CSV of prices, relative to the settings file: E.164 digits without +, rate per minute[,connection fee]; "" for none',
    ),
});

/** The sections, as the schema of the whole settings file takes them. */
export const siteSettings = {
  site: siteOptions.prefault({}),
  dialing: dialingOptions.prefault({}),
  hours: hoursOptions.prefault({}),
  accounts: accountsOptions.prefault({}),
  groups: groupsOptions.prefault({}),
  network: networkOptions.prefault({}),
  numbers: numbersOptions.prefault({}),
  tariff: tariffOptions.prefault({}),
};

const sections = z.object(siteSettings);

/** The settings that make a site, checked and with their defaults. */
export type SiteOptions = z.output<typeof sections>;

/** The same as they may be written, every field optional. */
export type SiteInput = z.input<typeof sections>;

/** Fills in defaults; for tests and callers without a settings file. @throws z.ZodError */
export const siteDefaults = (input: SiteInput = {}): SiteOptions => sections.parse(input);
