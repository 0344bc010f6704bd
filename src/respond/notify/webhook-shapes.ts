import type { Millis, Severity } from '../../model.ts';
import { iso } from '../../time.ts';
import { chatText, type Message } from '../../words/index.ts';
import { messageFor, messageOptions, objectFor, type Rendering, type Telling } from './channel.ts';
import type { WEBHOOK_SHAPES } from './options.ts';

export type WebhookShape = (typeof WEBHOOK_SHAPES)[number];

/** What is posted: to which URL, and as which JSON. */
export interface Post {
  readonly url: string;
  readonly body: unknown;
}

export interface ShapeOptions extends Rendering {
  readonly channel: string;
  readonly url: string;
  readonly token: string;
  readonly chat: string;
}

type Shape = (message: Message, telling: Telling, options: ShapeOptions) => Post;

const EMOJI: Readonly<Record<Severity, string>> = { info: '⚪', low: '🔵', medium: '🟡', high: '🟠', critical: '🔴' };
const COLOUR: Readonly<Record<Severity, string>> = {
  info: '#546e7a',
  low: '#0277bd',
  medium: '#f9a825',
  high: '#ef6c00',
  critical: '#c62828',
};

const cut = (text: string, most: number): string =>
  text.length <= most
    ? text
    : `${Array.from(text)
        .slice(0, most - 1)
        .join('')}…`;

/** Slack's three characters (https://docs.slack.dev/messaging/formatting-message-text#escaping): no mention, no link. */
const slackText = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** Characters of Markdown, and @ of a mention, made plain; a zero-width joiner would be invisible, a backslash is not. */
const markdownText = (text: string): string => text.replace(/[\\`*_{}[\]()#+\-.!|~<>&@:]/g, '\\$&');

/** Sections as lines, for services that show text alone. */
const short = (message: Message, options: ShapeOptions): string => chatText(message, messageOptions(options).words);

const slack: Shape = (message, _telling, options) => ({
  url: options.url,
  body: {
    text: slackText(cut(`${EMOJI[message.severity]} ${message.headline}`, 2900)),
    blocks: [
      {
        type: 'header',
        text: { type: 'plain_text', text: cut(`${EMOJI[message.severity]} ${message.headline}`, 150), emoji: false },
      },
      // plain_text: nothing in it is a link, a mention or a format
      { type: 'section', text: { type: 'plain_text', text: cut(short(message, options), 2900), emoji: false } },
    ],
  },
});

/** An Adaptive Card in the envelope that Teams' workflows take; its texts may hold Markdown, so that is made plain. */
const teams: Shape = (message, _telling, options) => ({
  url: options.url,
  body: {
    type: 'message',
    attachments: [
      {
        contentType: 'application/vnd.microsoft.card.adaptive',
        contentUrl: null,
        content: {
          $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
          type: 'AdaptiveCard',
          version: '1.4',
          body: [
            {
              type: 'TextBlock',
              size: 'Medium',
              weight: 'Bolder',
              wrap: true,
              text: markdownText(`${EMOJI[message.severity]} ${message.headline}`),
            },
            {
              type: 'FactSet',
              facts: message.facts.map(([title, value]) => ({
                title: markdownText(title),
                value: markdownText(value),
              })),
            },
            ...short(message, options)
              .split('\n')
              .slice(1 + message.facts.length)
              .map((text) => ({ type: 'TextBlock', wrap: true, text: markdownText(cut(text, 2000)) })),
          ],
        },
      },
    ],
  },
});

const mattermost: Shape = (message, _telling, options) => ({
  url: options.url,
  body: {
    username: 'ringfence',
    attachments: [
      {
        fallback: cut(message.headline, 1000),
        color: COLOUR[message.severity],
        title: markdownText(cut(message.headline, 300)),
        text: markdownText(
          short(message, options)
            .split('\n')
            .slice(1 + message.facts.length)
            .join('\n'),
        ),
        fields: message.facts.map(([title, value]) => ({
          title: markdownText(title),
          value: markdownText(value),
          short: true,
        })),
      },
    ],
  },
});

/** The Bot API's sendMessage without parse_mode: the text is plain, 4096 characters at the most. */
const telegram: Shape = (message, _telling, options) => ({
  url: `${options.url === '' ? 'https://api.telegram.org' : options.url.replace(/\/+$/, '')}/bot${options.token}/sendMessage`,
  body: {
    chat_id: options.chat,
    text: cut(`${EMOJI[message.severity]} ${short(message, options)}`, 4000),
    disable_web_page_preview: true,
    disable_notification: message.severity === 'info' || message.severity === 'low',
  },
});

const PAGER: Readonly<Record<Severity, string>> = {
  info: 'info',
  low: 'info',
  medium: 'warning',
  high: 'error',
  critical: 'critical',
};

/** Events API v2, which other services take too. One incident is one event there: later lines fold into it by dedup_key. */
const pagerduty: Shape = (message, telling, options) => ({
  url: options.url === '' ? 'https://events.pagerduty.com/v2/enqueue' : options.url,
  body: {
    routing_key: options.token,
    event_action: 'trigger',
    dedup_key: telling.delivery.incident === '' ? telling.delivery.id : telling.delivery.incident,
    client: 'ringfence',
    payload: {
      summary: cut(message.headline, 1000),
      source: options.site,
      severity: PAGER[message.severity],
      timestamp: iso(telling.delivery.at),
      component: 'pbx',
      class: 'alert' in telling ? telling.alert.detector : telling.kind,
      custom_details: {
        ...Object.fromEntries(message.facts),
        text: cut(short(message, options), 4000),
      },
    },
  },
});

const SHAPES: Readonly<Record<Exclude<WebhookShape, 'ringfence'>, Shape>> = {
  slack,
  teams,
  mattermost,
  telegram,
  pagerduty,
};

/** What one telling is for one service. */
export function postOf(shape: WebhookShape, telling: Telling, options: ShapeOptions): Post {
  if (shape === 'ringfence') return { url: options.url, body: objectFor(telling, options.site) };
  return SHAPES[shape](messageFor([telling], options.channel, options), telling, options);
}

/** Seconds or a date of Retry-After (RFC 9110 section 10.2.3); null: none, or not to be believed. */
export function retryAfter(value: string | undefined, now: Millis): Millis | null {
  if (value === undefined) return null;
  const wait = /^\d{1,6}$/.test(value) ? Number(value) * 1000 : Date.parse(value) - now;
  return Number.isFinite(wait) && wait > 0 ? wait : null;
}
