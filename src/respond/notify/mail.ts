import { createTransport } from 'nodemailer';
import { messageOf as errorText, PeerError } from '../../errors.ts';
import type { Millis } from '../../model.ts';
import { SECOND } from '../../time.ts';
import { messageHtml, messageText, subjectLine } from '../../words/index.ts';
import { deterministicId } from '../ids.ts';
import {
  messageFor,
  messageOptions,
  severityFor,
  type Channel,
  type Rendering,
  type Telling,
  type Told,
} from './channel.ts';

export interface MailServer {
  readonly host: string;
  readonly port: number;
  readonly tls: 'auto' | 'starttls' | 'tls' | 'none';
  readonly ca: string | null;
  readonly login: { readonly user: string; readonly pass: string } | null;
}

export interface MailChannelOptions extends Rendering {
  readonly server: MailServer;
  readonly from: string;
  readonly to: readonly string[];
}

/** A mail before it is handed over; all its texts are single lines, and safe in a header. */
export interface Mail {
  readonly messageId: string;
  /** the thread: Message-IDs that it answers to */
  readonly references: readonly string[];
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Connecting, the server's greeting, and every answer. */
const PATIENCE: Millis = 20 * SECOND;
/** Stories that one mail tells. */
const FOLDS = 200;

/**
 * The mail that tells these things. All mails about one incident are one thread (RFC 5322 section 3.6.4): the first line has
 * the incident's own Message-ID, the others refer to it. The same telling always has the same Message-ID, so that a mail
 * that was sent twice over a crash is known as the same.
 */
export function mailOf(tellings: readonly Telling[], rendering: Rendering, domain: string): Mail {
  const options = messageOptions(rendering);
  const message = messageFor(tellings, 'mail', rendering);
  const [first] = tellings;
  const one = tellings.length === 1 ? first : undefined;
  const root = (incident: string): string => `<incident.${hex(incident)}@${domain}>`;
  const own = `<${deterministicId('mail', ...tellings.map(({ delivery }) => delivery.id).sort())}@${domain}>`;
  const incidents = [...new Set(tellings.flatMap(({ delivery }) => delivery.incident || []))];
  const opens = one?.kind === 'alert' && one.first;
  const severity = severityFor(tellings);
  return {
    messageId: opens ? root(one.delivery.incident) : own,
    references: opens || incidents.length !== 1 ? [] : incidents.map(root),
    subject: subjectLine(message, options),
    text: messageText(message, options.words),
    html: messageHtml(message, options.words),
    headers: {
      // RFC 3834 section 5: no out-of-office answers
      'Auto-Submitted': 'auto-generated',
      'X-Ringfence-Severity': severity,
      'Content-Language': rendering.language,
      ...(incidents.length === 1 ? { 'X-Ringfence-Incident': hex(incidents[0] ?? '') } : {}),
      ...(severity === 'critical' ? { Importance: 'high' } : {}),
    },
  };
}

/** An id as it may stand in a header; ours are hex digits. */
const hex = (id: string): string => id.replace(/[^A-Za-z0-9._-]/g, '').slice(0, 64);

/** A way to the server; nothing is connected yet. */
function transportTo(server: MailServer): ReturnType<typeof createTransport> {
  return createTransport({
    host: server.host,
    port: server.port,
    secure: server.tls === 'tls',
    requireTLS: server.tls === 'starttls',
    ignoreTLS: server.tls === 'none',
    ...(server.ca === null ? {} : { tls: { ca: server.ca } }),
    ...(server.login === null ? {} : { auth: server.login }),
    connectionTimeout: PATIENCE,
    greetingTimeout: PATIENCE,
    socketTimeout: PATIENCE,
    dnsTimeout: PATIENCE,
    // nothing in a mail of ours is ever fetched from a file or a URL
    disableFileAccess: true,
    disableUrlAccess: true,
  });
}

/** Mail by SMTP (RFC 5321). */
export function mailChannel(options: MailChannelOptions): Channel {
  const { server, from, to } = options;
  const domain = from.slice(from.indexOf('@') + 1);
  const transport = transportTo(server);
  return {
    name: 'mail',
    folds: FOLDS,
    tell: async (tellings): Promise<Told> => {
      const mail = mailOf(tellings, options, domain);
      try {
        const sent = (await transport.sendMail({
          from: { name: 'ringfence', address: from },
          to: [...to],
          subject: mail.subject,
          text: mail.text,
          html: mail.html,
          messageId: mail.messageId,
          ...(mail.references.length === 0 ? {} : { references: [...mail.references], inReplyTo: mail.references[0] }),
          headers: { ...mail.headers },
        })) as { readonly response?: string; readonly rejected?: readonly unknown[] };
        const rejected = sent.rejected?.length ?? 0;
        return { detail: `${sent.response ?? 'sent'}${rejected === 0 ? '' : `; ${rejected} of ${to.length} refused`}` };
      } catch (error) {
        throw smtpError(error, server);
      }
    },
    close: () => transport.close(),
  };
}

/** What went wrong, as an error that says what to do; a 5yz answer is the server's last word about this mail (RFC 5321 section 4.2.1). */
function smtpError(error: unknown, { host, port }: MailServer): PeerError {
  const { responseCode = 0, code = '' } = error as { readonly responseCode?: number; readonly code?: string };
  const where = `${host}:${port}`;
  if (code === 'EAUTH')
    return new PeerError(
      'peer-refused',
      `the mail server ${where} does not accept the login: check username and password_file (${errorText(error)})`,
      true,
      { cause: error },
    );
  if (responseCode >= 500)
    return new PeerError('peer-refused', `the mail server ${where} refuses: ${errorText(error)}`, false, {
      cause: error,
    });
  const kind = code === 'ETIMEDOUT' ? 'peer-timeout' : 'peer-unreachable';
  return new PeerError(kind, `the mail server ${where} could not be used: ${errorText(error)}`, true, { cause: error });
}

/** A report, made and ready to go. */
export interface ReportMail {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  /** BCP 47 */
  readonly language: string;
  /** the period that it is about; the same report has the same Message-ID */
  readonly from: Millis;
  readonly until: Millis;
}

/**
 * Sends a report to those who get the alerts.
 * @throws PeerError when the server cannot be reached or refuses
 */
export async function sendReport({ server, from, to }: MailChannelOptions, report: ReportMail): Promise<Told> {
  const transport = transportTo(server);
  const id = deterministicId('report', String(report.from), String(report.until), ...to);
  try {
    const sent = (await transport.sendMail({
      from: { name: 'ringfence', address: from },
      to: [...to],
      subject: report.subject,
      text: report.text,
      html: report.html,
      messageId: `<${id}@${from.slice(from.indexOf('@') + 1)}>`,
      headers: { 'Auto-Submitted': 'auto-generated', 'Content-Language': report.language },
    })) as { readonly response?: string };
    return { detail: sent.response ?? 'sent' };
  } catch (error) {
    throw smtpError(error, server);
  } finally {
    transport.close();
  }
}
