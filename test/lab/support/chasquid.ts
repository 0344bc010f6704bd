import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { selfSigned } from '../../support/self-signed.ts';
import { labTree } from './packages.ts';
import { freePort } from './ports.ts';
import { logTail, start, until, type Running } from './process.ts';

/** A mail as chasquid delivered it. */
export interface Delivered {
  readonly headers: ReadonlyMap<string, string>;
  /** as it came, header and body */
  readonly raw: string;
  readonly text: string;
  readonly html: string;
}

/** chasquid, a real mail server: STARTTLS and login by the submission port, TLS from the first byte by the other. */
export interface Chasquid {
  readonly port: number;
  readonly tlsPort: number;
  readonly ca: string;
  readonly user: string;
  readonly password: string;
  readonly mails: () => Delivered[];
  readonly start: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

const HOST = '127.0.0.1';

/** Prepares a server in a directory of its own; it is not running yet. Throws LabUnavailable. */
export async function chasquid(directory: string): Promise<Chasquid> {
  const tree = await labTree('mail');
  const config = join(directory, 'etc');
  const inbox = join(directory, 'mail');
  for (const path of [join(config, 'certs/localhost'), join(config, 'domains/example.net'), inbox])
    mkdirSync(path, { recursive: true });
  const { cert, key } = selfSigned();
  writeFileSync(join(config, 'certs/localhost/fullchain.pem'), cert);
  writeFileSync(join(config, 'certs/localhost/privkey.pem'), key);
  const agent = join(directory, 'deliver');
  writeFileSync(agent, `#!/bin/sh\nf=$(mktemp ${inbox}/.XXXXXX) && cat >"$f" && mv "$f" ${inbox}/$(date +%s%N).eml\n`, {
    mode: 0o755,
  });
  const [port, tlsPort, smtp] = [await freePort(HOST), await freePort(HOST), await freePort(HOST)];
  writeFileSync(
    join(config, 'chasquid.conf'),
    [
      'hostname: "localhost"',
      `smtp_address: "${HOST}:${smtp}"`,
      `submission_address: "${HOST}:${port}"`,
      `submission_over_tls_address: "${HOST}:${tlsPort}"`,
      `mail_delivery_agent_bin: "${agent}"`,
      `mail_delivery_agent_args: "%to%"`,
      `data_dir: "${join(directory, 'data')}"`,
      `mail_log_path: "${join(directory, 'mail.log')}"`,
      '',
    ].join('\n'),
  );
  const user = 'ringfence@example.net';
  const password = 'a-test-password';
  for (const name of [user, 'noc@example.net']) {
    const [command = '', ...args] = tree.command(
      'usr/bin/chasquid-util',
      `--configdir=${config}`,
      'user-add',
      name,
      `--password=${password}`,
    );
    execFileSync(command, args);
  }
  let running: Running | null = null;
  const log = join(directory, 'chasquid.log');
  return {
    ...{ port, tlsPort, ca: cert, user, password },
    mails: () =>
      readdirSync(inbox)
        .filter((name) => name.endsWith('.eml'))
        .sort()
        .map((name) => read(readFileSync(join(inbox, name), 'latin1'))),
    start: async () => {
      const mark = logSize(log);
      running = start(tree.command('usr/bin/chasquid', '-config_dir', config), { cwd: directory, log });
      const process = running;
      await until('chasquid listens', 10_000, () => {
        if (!process.running()) throw new Error(`chasquid has ended:\n${logTail(log)}`);
        return (
          (
            logText(log)
              .slice(mark)
              .match(/Server listening/g) ?? []
          ).length === 3
        );
      });
    },
    stop: async () => {
      await running?.stop();
      running = null;
    },
  };
}

const logText = (path: string): string => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
};
const logSize = (path: string): number => logText(path).length;

/** A part's own text: quoted-printable or base64 undone, as UTF-8 (RFC 2045 section 6). */
function decoded(part: string): string {
  const [head = '', ...rest] = part.split(/\r?\n\r?\n/);
  const body = rest.join('\n\n');
  if (/content-transfer-encoding: base64/i.test(head)) return Buffer.from(body, 'base64').toString('utf8');
  if (!/content-transfer-encoding: quoted-printable/i.test(head)) return Buffer.from(body, 'latin1').toString('utf8');
  const bytes = body
    .replace(/=\r?\n/g, '')
    .replace(/=([0-9A-F]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

/** RFC 2047 words of a header. */
function words(text: string): string {
  return text
    .replace(/\?=\s+=\?/g, '?==?')
    .replace(/=\?utf-8\?([bq])\?([^?]*)\?=/gi, (_, kind: string, body: string) =>
      kind.toLowerCase() === 'b'
        ? `\u0000${Buffer.from(body, 'base64').toString('latin1')}`
        : `\u0000${body.replaceAll('_', ' ').replace(/=([0-9A-F]{2})/gi, (__, hex: string) => String.fromCharCode(parseInt(hex, 16)))}`,
    )
    .split('\u0000')
    .map((piece, i) => (i === 0 ? piece : Buffer.from(piece, 'latin1').toString('utf8')))
    .join('');
}

function read(raw: string): Delivered {
  const end = raw.search(/\r?\n\r?\n/);
  const unfolded = raw.slice(0, end).replace(/\r?\n[ \t]+/g, ' ');
  const headers = new Map(
    unfolded.split(/\r?\n/).map((line): [string, string] => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), words(line.slice(colon + 1).trim())];
    }),
  );
  const boundary = /boundary="([^"]+)"/.exec(headers.get('content-type') ?? '')?.[1];
  const parts =
    boundary === undefined
      ? []
      : raw
          .split(`--${boundary}`)
          .slice(1, -1)
          .map((part) => part.replace(/^\r?\n/, ''));
  const of = (type: string): string =>
    decoded(parts.find((part) => part.toLowerCase().includes(`content-type: ${type}`)) ?? '');
  return { headers, raw, text: of('text/plain'), html: of('text/html') };
}
