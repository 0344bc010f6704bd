import { hostname } from 'node:os';
import { readNamed, readSecret, type Config } from '../config.ts';
import { RingfenceError } from '../errors.ts';
import type { Channel, Rendering } from '../respond/notify/channel.ts';
import { commandChannel } from '../respond/notify/command.ts';
import { mailChannel, type MailChannelOptions, type MailServer } from '../respond/notify/mail.ts';
import {
  FACILITY,
  millis,
  webhookName,
  type MailOptions,
  type PhoneOptions,
  type SyslogOptions,
  type WebhookOptions,
} from '../respond/notify/options.ts';
import { phoneChannel, type PhoneActs } from '../respond/notify/phone.ts';
import { syslogChannel } from '../respond/notify/syslog.ts';
import { webhookChannel } from '../respond/notify/webhook.ts';
import { amiOf } from './acting.ts';

/** Reads what the settings of the channels name, each told by its setting. */
interface Files {
  secret(path: string | undefined, setting: string): string | null;
  text(path: string | undefined, setting: string): string | null;
}

/**
 * The channels that [notify] sets, none of them connected yet.
 * @throws RingfenceError when a file that the settings name cannot be used
 */
export function openChannels(config: Config, acts: PhoneActs): Channel[] {
  const { settings } = config;
  const { mail, webhook, syslog, command, phone } = settings.notify;
  const { timezone, name: site, language } = settings.site;
  const files = filesOf(config);
  const rendering = (own: string | undefined): Rendering => ({ language: own ?? language, timezone, site });
  return [
    ...(mail === undefined ? [] : [mailChannel(mailOf(mail, files, rendering(mail.language)))]),
    ...webhook.map((hook) => webhookOf(hook, files, rendering(hook.language))),
    ...(syslog === undefined ? [] : [syslogOf(syslog, files, rendering(syslog.language))]),
    ...(command === undefined
      ? []
      : [commandChannel({ ...rendering(command.language), run: command.run, timeout: millis(command.timeout) })]),
    ...(phone === undefined ? [] : [phoneOf(config, phone, files, acts)]),
  ];
}

/** Files that the settings name, read when they are asked for. */
function filesOf({ directory }: Config): Files {
  return {
    secret: (path, setting) => (path === undefined ? null : readSecret(path, directory, setting)),
    text: (path, setting) => (path === undefined ? null : readNamed(path, directory, setting)),
  };
}

/**
 * How mails are sent by [notify.mail], for what is no alert.
 * @throws RingfenceError when there is no such section, or a file that it names cannot be used
 */
export function mailOptionsOf(config: Config): MailChannelOptions {
  const { notify, site } = config.settings;
  if (notify.mail === undefined)
    throw new RingfenceError('usage', 'mails go by [notify.mail]: add it to the settings (docs/notify.md)');
  const rendering = { language: notify.mail.language ?? site.language, timezone: site.timezone, site: site.name };
  return mailOf(notify.mail, filesOf(config), rendering);
}

/** `host:port`, the host in brackets where it is an IPv6 address. */
function hostPort(text: string, fallback: number): { host: string; port: number } {
  const [, bracketed, plain = '', port] = /^(?:\[(.+)\]|([^:]+))(?::(\d+))?$/.exec(text) ?? [];
  return { host: bracketed ?? plain, port: port === undefined ? fallback : Number(port) };
}

function mailOf(options: MailOptions, files: Files, rendering: Rendering): MailChannelOptions {
  const pass = files.secret(options.password_file, 'notify.mail.password_file');
  const server: MailServer = {
    ...hostPort(options.server, options.tls === 'tls' ? 465 : 25),
    tls: options.tls,
    ca: files.text(options.ca_file, 'notify.mail.ca_file'),
    login: options.username === undefined || pass === null ? null : { user: options.username, pass },
  };
  const machine = hostname();
  const from = options.from ?? `ringfence@${machine.includes('.') ? machine : `${machine}.localdomain`}`;
  return { ...rendering, server, from, to: options.to };
}

function webhookOf(options: WebhookOptions, files: Files, rendering: Rendering): Channel {
  const channel = webhookName(options);
  const url = options.url ?? files.secret(options.url_file, `notify.${channel}.url_file`) ?? '';
  if (url !== '' && !/^https?:\/\/./.test(url))
    throw new RingfenceError(
      'config-invalid',
      `notify.${channel}: what stands in url_file is no http:// or https:// URL`,
    );
  return webhookChannel({
    ...rendering,
    ...{ channel, url, shape: options.shape, chat: options.chat },
    token: files.secret(options.token_file, `notify.${channel}.token_file`) ?? '',
    secret: files.secret(options.secret_file, `notify.${channel}.secret_file`),
    ca: files.text(options.ca_file, `notify.${channel}.ca_file`),
  });
}

function syslogOf(options: SyslogOptions, files: Files, rendering: Rendering): Channel {
  const [transport] = options.server.split(':') as ['udp' | 'tcp' | 'tls'];
  return syslogChannel({
    ...rendering,
    ...hostPort(options.server.slice(transport.length + 1), 514),
    transport,
    ca: files.text(options.ca_file, 'notify.syslog.ca_file'),
    facility: FACILITY[options.facility],
    format: options.format,
    machine: hostname(),
    process: String(process.pid),
  });
}

function phoneOf(config: Config, options: PhoneOptions, files: Files, acts: PhoneActs): Channel {
  const { ami } = config.settings.asterisk;
  const setting = options.secret_file === undefined ? 'asterisk.ami.secret_file' : 'notify.phone.secret_file';
  const secret = files.secret(options.secret_file ?? ami?.secret_file, setting);
  const connection = amiOf(config, secret);
  if (connection === null)
    throw new RingfenceError('config-invalid', '[notify.phone] rings by Asterisk: add [asterisk.ami] to the settings');
  return phoneChannel({
    ami: { ...connection, username: options.username ?? connection.username },
    ring: options.ring,
    ringFor: millis(options.ring_for),
    rounds: options.rounds,
    caller: options.caller,
    lift: options.lift,
    prompts: options.prompts ?? '',
    acts,
  });
}
