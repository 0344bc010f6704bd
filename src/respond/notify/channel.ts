import { graver, type Alert, type Millis, type Severity } from '../../model.ts';
import { PeerError, type ErrorCode } from '../../errors.ts';
import type { Delivery } from '../../store/index.ts';
import { iso, Zone } from '../../time.ts';
import {
  alarmText,
  digestOf,
  messageOf,
  notice,
  wordsOf,
  type AlarmMoment,
  type IncidentStory,
  type Message,
  type MessageOptions,
} from '../../words/index.ts';

/** What happened that somebody is told of. */
export type Telling =
  | {
      readonly kind: 'alert' | 'update';
      readonly delivery: Delivery;
      /** the line as it was given out; of an update the last line of its story */
      readonly alert: Alert;
      readonly story: IncidentStory;
      /** the story's first line: what later ones answer to */
      readonly first: boolean;
    }
  | { readonly kind: 'alarm'; readonly delivery: Delivery; readonly stuck: Stuck }
  /** something wrong with ringfence itself, or that it is over */
  | { readonly kind: 'health'; readonly delivery: Delivery; readonly moment: AlarmMoment }
  | { readonly kind: 'test'; readonly delivery: Delivery };

/** A channel that cannot deliver: the body of an alarm's delivery, as JSON. */
export interface Stuck {
  readonly channel: string;
  readonly waiting: number;
  readonly since: Millis;
  readonly error: string;
}

/** What a channel says about a delivery that it has made. */
export interface Told {
  /** for people: `250 2.0.0 Ok`, `confirmed by PJSIP/1001` */
  readonly detail: string;
}

/** Telling failed, in a way that says when to try again. */
export class TellError extends PeerError {
  /** so long until the next try; absent: the notifier's own back-off */
  readonly wait: Millis | null;
  /** true: the way itself works; it is not stuck, and the next thing may be told */
  readonly working: boolean;
  /** true: no further try makes sense */
  readonly final: boolean;
  constructor(
    code: ErrorCode,
    message: string,
    how: { readonly wait?: Millis; readonly working?: boolean; readonly final?: boolean },
  ) {
    super(code, message, true);
    this.wait = how.wait ?? null;
    this.working = how.working === true;
    this.final = how.final === true;
  }
}

/** One way to tell people. Its methods never run at the same time. */
export interface Channel {
  readonly name: string;
  /** how many tellings one message takes; the others of a longer queue are told by the same message */
  readonly folds: number;
  /** true: whatever waits is told in one go, however little it is */
  readonly together?: true;
  /**
   * Tells, and resolves when the other side has it. What is told twice (after a crash) has the same ids.
   * @throws PeerError: not retryable where the other side refuses this very message
   */
  tell(tellings: readonly Telling[], signal: AbortSignal): Promise<Told>;
  close(): void;
}

/** How texts of one channel are made. */
export interface Rendering {
  readonly language: string;
  readonly timezone: string;
  readonly site: string;
}

const known = new WeakMap<Rendering, MessageOptions>();

/** Made once for each channel: a zone keeps what it has looked up. */
export function messageOptions(rendering: Rendering): MessageOptions {
  const { language, timezone, site } = rendering;
  const options = known.get(rendering) ?? { words: wordsOf(language), zone: new Zone(timezone), site };
  known.set(rendering, options);
  return options;
}

/** What one or several tellings say to people. */
export function messageFor(tellings: readonly Telling[], channel: string, rendering: Rendering): Message {
  const options = messageOptions(rendering);
  const [first] = tellings;
  if (first === undefined) throw new RangeError('nothing to tell');
  // two lines of one story are one story
  const stories = new Map(
    tellings.flatMap((telling) => ('story' in telling ? [[telling.story.incident.id, telling.story]] : [])),
  );
  if (stories.size > 1) return digestOf([...stories.values()], options);
  const { message } = options.words;
  switch (first.kind) {
    case 'test':
      return notice(message.test(channel), message.testBody, 'info', options);
    case 'alarm': {
      const { channel: stuck, waiting, since, error } = first.stuck;
      const headline = message.stuck(stuck, waiting, options.words.minute(since, options.zone).trim(), error);
      return notice(headline, message.stuckBody, 'high', options);
    }
    case 'health': {
      const { headline, body } = alarmText(first.moment, options.words, options.zone);
      return notice(headline, body, first.delivery.severity, options);
    }
    default:
      return messageOf(first.story, { ...options, goesOn: first.kind === 'update' });
  }
}

/** What one telling says to programs: the alert's own JSON (contracts.md), or an object with `kind` in place of `incident`. */
export function objectFor(telling: Telling, site: string): Readonly<Record<string, unknown>> {
  if ('alert' in telling) return { ...telling.alert };
  const { id, at, severity } = telling.delivery;
  const [summary, own] = contentOf(telling);
  return { id, at: iso(at), kind: telling.kind, severity, site, summary, ...own };
}

function contentOf(
  telling: Exclude<Telling, { alert: Alert }>,
): [summary: string, own: Readonly<Record<string, unknown>>] {
  switch (telling.kind) {
    case 'test':
      return ['A test of this channel: nothing has happened', {}];
    case 'alarm': {
      const { channel, waiting, since } = telling.stuck;
      return [`${channel} cannot deliver: ${waiting} wait`, { ...telling.stuck, since: iso(since) }];
    }
    case 'health': {
      const { alarm, facts, since, until } = telling.moment;
      const { headline } = alarmText(telling.moment, wordsOf('en'), new Zone('UTC'));
      return [headline, { alarm, facts, since: iso(since), until: until === null ? null : iso(until) }];
    }
  }
}

/** The gravest severity of what is told together. */
export const severityFor = (tellings: readonly Telling[]): Severity =>
  tellings.reduce<Severity>((worst, { delivery }) => graver(worst, delivery.severity), 'info');
