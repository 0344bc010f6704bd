import type { Fact, Millis } from '../model.ts';
import type { Zone } from '../time.ts';
import { deAlarms } from './de-alarms.ts';
import { enAlarms } from './en-alarms.ts';
import { visible } from './visible.ts';
import type { Words } from './words.ts';

/** What is wrong with ringfence itself, as it is told. */
export interface AlarmText {
  /** one line, no full stop */
  readonly headline: string;
  /** what it means and what to do, a few sentences */
  readonly body: string;
}

export interface AlarmMoment {
  /** its name (console/alarms.ts), or `ringfence-away` for a time in which ringfence did not run */
  readonly alarm: string;
  readonly facts: Readonly<Record<string, Fact>>;
  readonly since: Millis;
  /** null: it stands */
  readonly until: Millis | null;
}

/** A fact for people: lists with commas; hostile parts spelled out. */
export type FactText = (value: Fact | undefined) => string;

/** One language's texts, by the alarm's name. */
export interface AlarmWords {
  readonly texts: Readonly<Record<string, (facts: AlarmMoment['facts'], told: FactText) => AlarmText>>;
  since(time: string): string;
  over(headline: string): string;
  lasted(from: string, duration: string): string;
}

const LANGUAGES: Readonly<Record<string, AlarmWords>> = { en: enAlarms, de: deAlarms };

const told: FactText = (value) =>
  Array.isArray(value) ? value.map((one: string) => visible(one, 40)).join(', ') : visible(String(value ?? ''), 200);

/** An alarm in the language of `words`: while it stands, or (with an end) that it is over. A name that is not known is told as it is. */
export function alarmText(
  moment: AlarmMoment,
  words: Pick<Words, 'language' | 'time' | 'duration'>,
  zone: Zone,
): AlarmText {
  const language = LANGUAGES[words.language] ?? enAlarms;
  const { alarm, facts, since, until } = moment;
  const { headline, body } = language.texts[alarm]?.(facts, told) ?? { headline: visible(alarm, 64), body: '' };
  const from = words.time(since, zone);
  if (until === null) return { headline, body: `${language.since(from)} ${body}`.trim() };
  return { headline: language.over(headline), body: language.lasted(from, words.duration(until - since)) };
}
