import type { Advice } from './words.ts';
import type { Incident, Severity } from '../model.ts';
import type { Zone } from '../time.ts';
import { indented } from './layout.ts';
import type { IncidentStory } from './show.ts';
import { visible } from './visible.ts';
import type { Words } from './words.ts';

/**
 * A message that leaves the house, before it takes the form of a channel: a mail, a page of HTML, a line of a chat. Every
 * text in it is visible (visible.ts), on one line and bounded; nothing in it is marked up, and whoever marks it up escapes it.
 */
export interface Message {
  /** one line */
  readonly headline: string;
  readonly severity: Severity;
  /** BCP 47 */
  readonly language: string;
  /** who, since when, what it cost: label and value */
  readonly facts: readonly (readonly [label: string, value: string])[];
  readonly sections: readonly MessageSection[];
  readonly footer: string;
}

export interface MessageSection {
  readonly title: string;
  readonly items: readonly Advice[];
  /** the items are steps, to be numbered */
  readonly steps?: true;
}

export interface MessageOptions {
  readonly words: Words;
  readonly zone: Zone;
  readonly site: string;
  /** said below the headline: a story that goes on */
  readonly goesOn?: boolean;
}

/** Sightings, decisions and steps of one message; the rest is counted. */
const SHOWN = 8;
const HEADLINE = 300;
const SUBJECT = 180;

const plainItems = (texts: readonly string[]): Advice[] => texts.map((text) => ({ text }));

function some<T>(all: readonly T[], words: Words, text: (item: T) => Advice, most = SHOWN): Advice[] {
  const shown = all.slice(0, most).map(text);
  if (all.length > most) shown.push({ text: words.more(all.length - most) });
  return shown;
}

function overview({ incident }: IncidentStory, { words, zone, site }: MessageOptions): [string, string][] {
  const { labels } = words.message;
  const rest = (values: readonly string[], most = 5): string =>
    [
      ...values.slice(0, most).map((value) => visible(value, 64)),
      ...(values.length > most ? [words.more(values.length - most)] : []),
    ].join(', ');
  const accounts = incident.accounts.filter(
    (account) => incident.subject.type !== 'account' || account !== incident.subject.value,
  );
  const rows: [string, string][] = [
    [labels.site, visible(site, 64)],
    [labels.who, [words.subject(incident.subject), rest(accounts)].filter((text) => text !== '').join(', ')],
    [labels.from, rest(incident.sources)],
    [labels.since, words.time(incident.openedAt, zone)],
    [labels.last, incident.updatedAt === incident.openedAt ? '' : words.time(incident.updatedAt, zone)],
    [labels.cost, incident.loss === null ? '' : words.loss(incident.loss)],
    [labels.incident, visible(incident.id, 64)],
  ];
  return rows.filter(([, value]) => value !== '');
}

/**
 * An incident as somebody has to hear of it who has never seen ringfence: who, what, since when, what it cost, what was done,
 * what to do now, how to undo it.
 */
export function messageOf(story: IncidentStory, options: MessageOptions): Message {
  const { words, zone } = options;
  const { incident, evidence, decisions } = story;
  const { headings } = words;
  const seen = evidence.toSorted((a, b) => b.at - a.at).filter(distinct((e) => words.summary(e)));
  const undo = decisions.flatMap((d) => words.undo(d) ?? []).filter(distinct((advice) => advice.text));
  const failed = (id: string): string => {
    const code = story.failures?.get(id);
    return code === undefined ? '' : `: ${words.failure(code)}`;
  };
  const sections: MessageSection[] = [
    {
      title: headings.short,
      items: plainItems([
        ...(options.goesOn === true ? [`${words.message.goesOn(incident.evidenceCount)}.`] : []),
        words.inShort(incident, evidence, decisions).join(' '),
      ]),
    },
    { title: headings.now, items: words.now(incident, evidence), steps: true },
    {
      title: headings.done,
      items:
        decisions.length === 0
          ? plainItems([headings.nothingDone])
          : some(decisions, words, (d) => ({ text: `${words.decision(d, zone)}${failed(d.id)}` })),
    },
    {
      title: headings.undo,
      items: undo.length === 0 ? plainItems([headings.nothingToUndo]) : some(undo, words, (advice) => advice),
    },
    {
      title: headings.seen,
      items: some(seen, words, (e) => ({ text: `${words.time(e.at, zone)}: ${words.summary(e)}` })),
    },
    {
      title: headings.legitimate,
      items: [
        ...words.legitimate(incident, evidence).slice(0, SHOWN),
        { text: words.message.more, command: `ringfence alerts show ${visible(incident.id, 64)}` },
      ],
    },
  ];
  return {
    headline: visible(words.headline(incident, evidence), HEADLINE),
    severity: incident.severity,
    language: words.language,
    facts: overview(story, options),
    sections: sections.filter(({ items }) => items.length > 0),
    footer: words.message.footer,
  };
}

const distinct = <T>(key: (item: T) => string): ((item: T) => boolean) => {
  const known = new Set<string>();
  return (item) => {
    const name = key(item);
    return known.has(name) ? false : (known.add(name), true);
  };
};

/** Several incidents in one message, gravest first. */
export function digestOf(stories: readonly IncidentStory[], options: MessageOptions): Message {
  const { words, zone, site } = options;
  const sorted = stories.toSorted((a, b) => rank(b.incident) - rank(a.incident));
  const title = (incident: Incident, text: string): string =>
    `${words.severity(incident.severity).toUpperCase()}: ${visible(text, HEADLINE)}`;
  const all = sorted.slice(0, 4 * SHOWN);
  const left = sorted.length - all.length;
  const sections = all.map(({ incident, evidence, decisions }): MessageSection => {
    const account = words.now(incident, evidence)[0];
    return {
      title: title(incident, words.headline(incident, evidence)),
      items: [
        { text: `${words.message.labels.since} ${words.time(incident.openedAt, zone)}` },
        { text: words.inShort(incident, evidence, decisions).join(' ') },
        ...(account === undefined ? [] : [account]),
        { text: words.message.more, command: `ringfence alerts show ${visible(incident.id, 64)}` },
      ],
    };
  });
  const first = sorted[0]?.incident;
  return {
    headline:
      `${words.message.digest(stories.length)}: ${first === undefined ? '' : title(first, words.headline(first, sorted[0]?.evidence ?? []))}`.slice(
        0,
        HEADLINE,
      ),
    severity: first?.severity ?? 'info',
    language: words.language,
    facts: [[words.message.labels.site, visible(site, 64)]],
    sections: [...sections, ...(left > 0 ? [{ title: words.message.left(left), items: [] }] : [])],
    footer: words.message.footer,
  };
}

const rank = ({ severity }: Incident): number => ['info', 'low', 'medium', 'high', 'critical'].indexOf(severity);

/** A message without a story: a test, a channel that is stuck. */
export const notice = (headline: string, body: string, severity: Severity, options: MessageOptions): Message => ({
  headline: visible(headline, HEADLINE),
  severity,
  language: options.words.language,
  facts: [[options.words.message.labels.site, visible(options.site, 64)]],
  sections: [{ title: options.words.headings.short, items: [{ text: visible(body, 1000) }] }],
  footer: options.words.message.footer,
});

/** The line that a list of mails shows. */
export function subjectLine(message: Message, { words, site }: MessageOptions): string {
  return visible(
    `[${visible(site, 40)}] ${words.severity(message.severity).toUpperCase()}: ${message.headline}`,
    SUBJECT,
  );
}

/** As plain text, 78 columns. */
export function messageText(message: Message, words: Words): string {
  const options = { columns: 78 };
  const head = `${words.severity(message.severity).toUpperCase()}: ${message.headline}`;
  const label = Math.max(...message.facts.map(([name]) => name.length), 0);
  return [
    ...indented(head, 0, options),
    '',
    ...message.facts.flatMap(([name, value]) => indented(value, label + 4, options, `  ${name.padEnd(label)}  `)),
    ...message.sections.flatMap(({ title, items, steps }) => [
      '',
      ...indented(title, 0, options),
      ...items.flatMap(({ text, command, settings = [] }, i) => [
        ...indented(text, steps === true ? 5 : 2, options, steps === true ? `  ${i + 1}. ` : '  '),
        // a command is one line, however wide, so that it can be copied
        ...(command === undefined ? [] : [`     ${command}`]),
        ...settings.map((line) => `       ${line}`),
      ]),
    ]),
    '',
    '-- ',
    ...indented(message.footer, 0, options),
    '',
  ].join('\n');
}

/** As a few lines for a chat: no more than somebody reads on a telephone. */
export function chatText(message: Message, words: Words): string {
  const [short, now] = message.sections;
  const step = now?.steps === true ? now.items[0] : undefined;
  return [
    `${words.severity(message.severity).toUpperCase()}: ${message.headline}`,
    message.facts.map(([name, value]) => `${name}: ${value}`).join('\n'),
    ...(short?.items.map(({ text }) => text) ?? []),
    ...(step === undefined ? [] : [`→ ${step.text}${step.command === undefined ? '' : `: ${step.command}`}`]),
  ]
    .filter((line) => line !== '')
    .join('\n');
}
