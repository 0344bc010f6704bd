import type { Millis, Subject } from '../model.ts';
import type { DialledNumber } from '../site/site.ts';
import type { Zone } from '../time.ts';
import type { Habits } from './habits.ts';

/** How calls that cost money are told apart by where they lead. */

/** A range is what one owner holds: calls to other numbers of it are calls to him. First digits of E.164. */
const RANGE_DIGITS = 6;
/** Days on which an account, or the whole site, has called a range so that it is usual there. */
const OWN_DAYS = 3;
const SITE_DAYS = 5;
/** From here on a number is dear or abused by nature (site/number-risk.ts). */
const GRAVE_RISK = 80;
/** From this risk on nothing is familiar, lest a pumper who takes his time becomes a habit. */
export const NEVER_FAMILIAR = 60;

/** The range of a number; the number itself where it has no E.164 form. */
export const rangeOf = (number: DialledNumber): string => number.e164?.slice(0, RANGE_DIGITS) ?? number.dialled;

/** Dear by nature: premium rate, satellite, and what the table of risks puts beside them. */
export const isGrave = ({ kind, risk }: DialledNumber): boolean =>
  kind === 'premium' || kind === 'satellite' || risk >= GRAVE_RISK;

/**
 * Has the caller called this range on several days before, or others of the site? On twice as many where it is dear by
 * nature. False while nothing is known.
 */
export function isUsual(habits: Habits, subject: Subject, number: DialledNumber): boolean {
  const times = isGrave(number) ? 2 : 1;
  const own = subject.type === 'account' ? habits.called({ account: subject.value }, number).prefix : null;
  if ((own?.days ?? 0) >= times * OWN_DAYS) return true;
  return (habits.called('site', number).prefix?.days ?? 0) >= times * SITE_DAYS;
}

/** The same of the whole country. */
export function isUsualCountry(habits: Habits, subject: Subject, number: DialledNumber): boolean {
  if (subject.type === 'account' && (habits.called({ account: subject.value }, number).country?.days ?? 0) >= OWN_DAYS)
    return true;
  return (habits.called('site', number).country?.days ?? 0) >= SITE_DAYS;
}

/** Days on which a country was called so that the account, or the whole site, does business there. */
const OWN_BUSINESS_DAYS = 6;
const SITE_BUSINESS_DAYS = 20;

/** Is that country, with all its ranges, where this caller or this site does its business? Asked by day only. */
export function isTradePartner(habits: Habits, subject: Subject, number: DialledNumber): boolean {
  const own = subject.type === 'account' ? habits.called({ account: subject.value }, number).country : null;
  if ((own?.days ?? 0) >= OWN_BUSINESS_DAYS) return true;
  return (habits.called('site', number).country?.days ?? 0) >= SITE_BUSINESS_DAYS;
}

/** Hours of the site's clock at which somebody may be at work on a day off, or still. */
const MORNING = 7;
const EVENING = 21;

/** Is it a call that somebody who works late, or on a Saturday, may place: by day, to a country of usual business? */
export function isPlausible(
  habits: Habits,
  zone: Zone,
  subject: Subject,
  number: DialledNumber,
  started: Millis,
): boolean {
  if (subject.type !== 'account' || number.risk >= NEVER_FAMILIAR || isGrave(number)) return false;
  const { hour } = zone.wall(started);
  return hour >= MORNING && hour < EVENING && isUsualCountry(habits, subject, number);
}

/** The country of a number; of a global code its three digits. */
export const countryOf = (number: DialledNumber): string =>
  number.country ?? number.e164?.slice(0, 3) ?? number.dialled;
