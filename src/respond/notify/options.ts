import { z } from 'zod';
import { SEVERITIES } from '../../model.ts';
import { parseWeekly } from '../../site/hours-text.ts';
import { parseDuration } from '../../time.ts';

/** [notify]: who is told of what, and how. What takes other sections to check is told by `unknownInNotify`. */

const language = z
  .enum(['en', 'de'])
  .optional()
  .describe('language of what is told here: en or de; without it that of [site]');
const severity = (fallback: (typeof SEVERITIES)[number]) =>
  z.enum(SEVERITIES).default(fallback).describe('this grave or graver is told here');
const file = z.string().min(1);
const span = z
  .string()
  .refine((text) => parseDuration(text).ok, { error: 'not a duration; write it like 30s, 15m, 2h or 7d' });

/** One mailbox: what stands between < and > of a header, and nothing that ends it. */
const address = z
  .string()
  .max(254)
  .regex(/^[^\s@<>()[\],;:"\\]+@[^\s@<>()[\],;:"\\]+$/, { error: 'not a mail address like noc@example.net' });

const hostPort = (defaultPort: string) =>
  z.string().regex(/^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(?::\d{1,5})?$/, {
    error: `write it like mail.example.net or 127.0.0.1:${defaultPort}`,
  });

export const mailOptions = z.strictObject({
  to: z.array(address).min(1).max(50).describe('who gets the mails'),
  from: address.optional().describe('sender; without it ringfence@ and the name of this machine'),
  server: hostPort('25').default('127.0.0.1:25').describe('mail server (SMTP), with its port'),
  tls: z
    .enum(['auto', 'starttls', 'tls', 'none'])
    .default('auto')
    .describe(
      'auto: STARTTLS where the server offers it; starttls: it must; tls: from the first byte (port 465); none: never',
    ),
  ca_file: file.optional().describe("PEM certificates to trust; without it the system's"),
  username: z.string().min(1).max(200).optional().describe('login at the mail server, if it wants one'),
  password_file: file.optional().describe('file with its password, readable by ringfence alone'),
  severity: severity('medium'),
  night: z
    .enum(['digest', 'send'])
    .default('digest')
    .describe('digest: in quiet hours one mail at their end, save what is critical; send: each at once'),
  language,
});

export const WEBHOOK_SHAPES = ['ringfence', 'slack', 'teams', 'mattermost', 'telegram', 'pagerduty'] as const;

export const webhookOptions = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,30}$/, { error: 'lower case letters, digits and -' })
    .optional()
    .describe('the channel is called webhook.NAME; needed where there are several'),
  url: z
    .url({ protocol: /^https?$/, error: 'not a URL that begins with http:// or https://' })
    .optional()
    .describe('where alerts are posted; Telegram and PagerDuty have one of their own'),
  url_file: file.optional().describe('file with that URL, where the URL itself is a secret (Slack, Teams, Mattermost)'),
  shape: z
    .enum(WEBHOOK_SHAPES)
    .default('ringfence')
    .describe(
      'ringfence: the JSON of an alert; else what that service takes: slack, teams, mattermost, telegram, pagerduty',
    ),
  secret_file: file.optional().describe('file with the key of the signature (HMAC-SHA256) in Ringfence-Signature'),
  token_file: file
    .optional()
    .describe("file with a token: sent as Authorization: Bearer; Telegram: the bot's; PagerDuty: the routing key"),
  chat: z.string().max(64).default('').describe('Telegram: id of the chat'),
  ca_file: file.optional().describe("PEM certificates to trust; without it the system's"),
  severity: severity('medium'),
  quiet: z
    .enum(['send', 'hold'])
    .default('send')
    .describe('hold: in quiet hours what is not critical waits for their end'),
  language,
});

const FACILITIES = [
  'user',
  'daemon',
  'auth',
  'authpriv',
  'local0',
  'local1',
  'local2',
  'local3',
  'local4',
  'local5',
  'local6',
  'local7',
] as const;
/** Numbers of RFC 5424 section 6.2.1. */
export const FACILITY: Readonly<Record<(typeof FACILITIES)[number], number>> = {
  user: 1,
  daemon: 3,
  auth: 4,
  authpriv: 10,
  local0: 16,
  local1: 17,
  local2: 18,
  local3: 19,
  local4: 20,
  local5: 21,
  local6: 22,
  local7: 23,
};

export const syslogOptions = z.strictObject({
  server: z
    .string()
    .regex(/^(?:udp|tcp|tls):(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):\d{1,5}$/, {
      error: 'write it like udp:127.0.0.1:514, tcp:log.example.net:601 or tls:log.example.net:6514',
    })
    .default('udp:127.0.0.1:514')
    .describe('syslog server: udp:, tcp: or tls: with address and port; only tcp and tls notice that it is away'),
  ca_file: file.optional().describe("tls: PEM certificates to trust; without it the system's"),
  facility: z.enum(FACILITIES).default('local0').describe('facility of the messages'),
  format: z.enum(['text', 'json']).default('text').describe('text: a sentence; json: the JSON of an alert'),
  severity: severity('low'),
  language,
});

export const commandOptions = z.strictObject({
  run: z
    .array(z.string().max(1000))
    .min(1)
    .describe(
      'program and its arguments, as ["/usr/local/bin/tell", "noc"]; no shell; the alert comes as JSON on stdin',
    ),
  timeout: span.default('30s').describe('then it is ended and tried again'),
  severity: severity('medium'),
  quiet: z
    .enum(['send', 'hold'])
    .default('send')
    .describe('hold: in quiet hours what is not critical waits for their end'),
  language,
});

export const phoneOptions = z.strictObject({
  ring: z
    .array(z.string().regex(/^[A-Za-z0-9]{2,16}\/[\w.+@/-]{1,100}$/, { error: 'write it like PJSIP/1001' }))
    .min(1)
    .max(10)
    .describe('channels to ring, one after the other until somebody confirms, as PJSIP/1001'),
  username: z
    .string()
    .min(1)
    .max(128)
    .optional()
    .describe(
      'manager account that may originate; without it that of [asterisk.ami] (docs/notify.md: an account of its own needs the least)',
    ),
  secret_file: file.optional().describe('file with its secret, readable by ringfence alone'),
  ring_for: span.default('40s').describe('how long one telephone rings'),
  rounds: z.int().min(1).max(20).default(3).describe('how often all of them are tried, five minutes apart'),
  caller: z
    .string()
    .regex(/^[0-9]{0,15}$/, { error: 'digits only' })
    .default('')
    .describe('number that the telephone shows; "" = none'),
  lift: z
    .boolean()
    .default(true)
    .describe("may whoever answers lift the incident's blocks? Never one whose own account is part of it"),
  prompts: z
    .string()
    .regex(/^[a-z]{2,3}(?:_[A-Za-z_]{1,20})?$/, { error: 'a language of Asterisk such as en or de' })
    .optional()
    .describe("language of Asterisk's recorded prompts, where they are installed; without it the channel's"),
  severity: severity('critical'),
  language,
});

const routeOptions = z.strictObject({
  to: z.array(z.string()).describe('channels: mail, webhook or webhook.NAME, syslog, command, phone; [] = nobody'),
  severity: z.enum(SEVERITIES).optional().describe('this grave or graver; without it any'),
  hours: z
    .enum(['any', 'open', 'closed'])
    .default('any')
    .describe('only while the office (or the account that it is about, by its own hours) is open, or closed'),
  accounts: z.array(z.string()).default([]).describe('only alerts about one of these accounts'),
  groups: z.array(z.string()).default([]).describe('only alerts about an account of one of these groups'),
  detectors: z.array(z.string()).default([]).describe('only what these detectors saw'),
  last: z.boolean().default(false).describe('true: the routes below are not looked at for what this one fits'),
});

export const notifyOptions = z.strictObject({
  quiet: z
    .union([z.enum(['closed', 'never']), z.array(z.string())], {
      error: '"closed", "never" or a list like ["Mon-Sun 22:00-07:00"]',
    })
    .check((context) => {
      if (typeof context.value === 'string') return;
      for (const [index, text] of context.value.entries()) {
        const read = parseWeekly(text);
        if (!read.ok) context.issues.push({ code: 'custom', input: text, path: [index], message: read.reason });
      }
    })
    .default('closed')
    .describe('quiet hours: "closed" while the office is, "never", or a list like that of [hours] open'),
  updates: span
    .default('6h')
    .describe('a story that goes on is told again by mail after so long; "0s" = only when it becomes graver'),
  stuck: span.default('15m').describe('a channel that could deliver nothing for so long is told of by the others'),
  give_up: span.default('7d').describe('what could not be delivered for so long is given up, loudly'),
  mail: mailOptions.optional().describe('mail, by SMTP'),
  webhook: z
    .array(webhookOptions)
    .default([])
    .describe('alerts posted by HTTP, [notify.webhook] or several [[notify.webhook]]'),
  syslog: syslogOptions.optional().describe('a syslog server (RFC 5424)'),
  command: commandOptions.optional().describe('a program of yours'),
  phone: phoneOptions.optional().describe('a telephone that rings and says what happened, by Asterisk'),
  routes: z
    .array(routeOptions)
    .default([])
    .describe('who is told of what, [[notify.routes]]: all that fit count; without any every channel is told'),
});

export type NotifyOptions = z.output<typeof notifyOptions>;
export type MailOptions = z.output<typeof mailOptions>;
export type WebhookOptions = z.output<typeof webhookOptions>;
export type SyslogOptions = z.output<typeof syslogOptions>;
export type CommandOptions = z.output<typeof commandOptions>;
export type PhoneOptions = z.output<typeof phoneOptions>;
export type RouteOptions = z.output<typeof routeOptions>;

/** Channels by name, in the order in which they are shown. */
export function channelNames(options: NotifyOptions): string[] {
  const { mail, webhook, syslog, command, phone } = options;
  return [
    ...(mail === undefined ? [] : ['mail']),
    ...webhook.map(webhookName),
    ...(syslog === undefined ? [] : ['syslog']),
    ...(command === undefined ? [] : ['command']),
    ...(phone === undefined ? [] : ['phone']),
  ];
}

export const webhookName = ({ name }: WebhookOptions): string => (name === undefined ? 'webhook' : `webhook.${name}`);

/** Milliseconds of a duration that the schema has checked. */
export function millis(text: string): number {
  const read = parseDuration(text);
  if (!read.ok) throw new RangeError(read.reason);
  return read.value;
}

/** Something in [notify] that does not fit together. `known`: the names that there are; [] where it is no name that is wrong. */
export interface NotifyProblem {
  readonly path: string;
  readonly message: string;
  readonly known: readonly string[];
  readonly name: string;
}

/** What takes more than one field to see. */
export function problemsInNotify(
  options: NotifyOptions,
  known: { readonly detectors: readonly string[]; readonly groups: readonly string[] },
): NotifyProblem[] {
  const found: NotifyProblem[] = [];
  const wrong = (path: string, message: string): void => void found.push({ path, message, known: [], name: '' });
  const channels = channelNames(options);
  const seen = new Set<string>();
  for (const [index, hook] of options.webhook.entries()) {
    const path = `notify.webhook.${index}`;
    if (seen.has(webhookName(hook)))
      wrong(`${path}.name`, `a second ${webhookName(hook)}: give each a name of its own`);
    seen.add(webhookName(hook));
    if (hook.url !== undefined && hook.url_file !== undefined)
      wrong(`${path}.url_file`, 'url is given too: one of them');
    const own = hook.shape === 'telegram' || hook.shape === 'pagerduty';
    if (hook.url === undefined && hook.url_file === undefined && !own)
      wrong(`${path}.url`, 'must be given, or url_file');
    if (own && hook.token_file === undefined) wrong(`${path}.token_file`, `must be given for ${hook.shape}`);
    if (hook.shape === 'telegram' && hook.chat === '') wrong(`${path}.chat`, 'must be given for telegram');
  }
  if (
    options.mail !== undefined &&
    (options.mail.username === undefined) !== (options.mail.password_file === undefined)
  )
    wrong('notify.mail.username', 'username and password_file belong together');
  if (options.phone?.username !== undefined && options.phone.secret_file === undefined)
    wrong('notify.phone.secret_file', 'must be given with username');
  const look = (path: string, names: readonly string[], what: string, all: readonly string[]): void => {
    for (const [index, name] of names.entries())
      if (!all.includes(name))
        found.push({ path: `${path}.${index}`, message: `no ${what} "${name}"`, known: all, name });
  };
  for (const [index, route] of options.routes.entries()) {
    look(`notify.routes.${index}.to`, route.to, 'channel', channels);
    look(`notify.routes.${index}.groups`, route.groups, 'group', known.groups);
    look(`notify.routes.${index}.detectors`, route.detectors, 'detector', known.detectors);
  }
  return found;
}
