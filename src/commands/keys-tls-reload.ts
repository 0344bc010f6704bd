import type { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { readSecret, type Config } from '../config.ts';
import { readServerFiles } from '../crypto/tls-files.ts';
import { messageOf, RingfenceError } from '../errors.ts';
import type { Millis } from '../model.ts';
import { connectAmi, type AmiSession } from '../pbx/ami.ts';
import { reloadPjsip, servedCertificate, tlsTransports, type TlsTransport } from '../pbx/tls-transports.ts';
import { actorOf } from '../respond/trail.ts';
import { SECOND } from '../time.ts';
import { visible } from '../words/index.ts';
import { amiOf } from './acting.ts';
import { reason } from './hand-command.ts';
import { storeOf } from './open-store.ts';
import { EXIT, type GlobalOptions, type Output } from './output.ts';
import { readConfig } from './site.ts';

/** How long a handshake may take, and how long the new certificate may take to be served. */
const HANDSHAKE: Millis = 2 * SECOND;
const SERVED_WITHIN: Millis = 5 * SECOND;

/** One transport, what its files hold, and what is served before and after. */
interface Renewal {
  readonly transport: TlsTransport;
  readonly wanted: X509Certificate;
  readonly before: X509Certificate;
  after: X509Certificate | null;
}

/**
 * `ringfence keys tls-reload`: the certificate files of PJSIP's TLS transports were replaced; Asterisk reads them again, and a
 * real handshake shows whether it serves them. Files that no server could use are found before anything is reloaded.
 */
export default async function tlsReload(
  _args: readonly string[],
  options: { readonly why?: string } & GlobalOptions,
  output: Output,
): Promise<number> {
  const config = readConfig(options, output);
  const { ami } = config.settings.asterisk;
  const secret = ami === undefined ? null : readSecret(ami.secret_file, config.directory, 'asterisk.ami.secret_file');
  const connection = amiOf(config, secret);
  if (connection === null || ami === undefined)
    throw new RingfenceError('config-invalid', 'Asterisk cannot be told to reload without [asterisk.ami]');
  const session = await connectAmi({ ...connection, connectMs: 3 * SECOND }, { event: () => undefined });
  try {
    const transports = await tlsTransports(session, ami.host);
    if (transports.length === 0)
      throw new RingfenceError(
        'peer-refused',
        'pjsip.conf has no transport with protocol=tls: there is nothing to renew',
      );
    const renewals = await Promise.all(transports.map(look));
    if (renewals.some(isNew)) await renew(session, renewals);
    tellTrail(config, renewals.filter(isNew), options.why);
    return tell(renewals, output);
  } finally {
    session.close();
  }
}

const isNew = ({ before, wanted }: Renewal): boolean => before.fingerprint256 !== wanted.fingerprint256;
const isServed = ({ after, wanted }: Renewal): boolean => after?.fingerprint256 === wanted.fingerprint256;

/** @throws RingfenceError where a file cannot be used, or nobody answers */
async function look(transport: TlsTransport): Promise<Renewal> {
  const { name, host, port, certFile, keyFile } = transport;
  const read = (path: string): Buffer => {
    try {
      return readFileSync(path);
    } catch (error) {
      throw new RingfenceError(
        'input-unreadable',
        `transport ${name}: cannot read ${path === '' ? 'its files, for pjsip.conf names none' : path}: ${messageOf(error)}; ` +
          'run this on the PBX, as root',
      );
    }
  };
  const key = read(keyFile === '' ? certFile : keyFile);
  const files = readServerFiles(read(certFile).toString(), key);
  key.fill(0);
  const unusable = files.ok ? whyUnusable(files.value) : files.reason;
  if (!files.ok || unusable !== null)
    throw new RingfenceError(
      'input-malformed',
      `transport ${name}: ${unusable ?? ''} (${certFile}, ${keyFile}); nothing was reloaded, the old one is served on`,
    );
  const before = await servedCertificate(transport, HANDSHAKE);
  if (before === null)
    throw new RingfenceError('peer-unreachable', `transport ${name}: nobody speaks TLS at ${host}:${port}`);
  return { transport, wanted: files.value, before, after: before };
}

function whyUnusable({ validFrom, validTo }: X509Certificate): string | null {
  const now = Date.now();
  if (Date.parse(validTo) < now) return `the certificate ended on ${validTo}`;
  return Date.parse(validFrom) > now ? `the certificate begins on ${validFrom}` : null;
}

async function renew(session: AmiSession, renewals: readonly Renewal[]): Promise<void> {
  await reloadPjsip(session);
  for (const end = performance.now() + SERVED_WITHIN; ;) {
    await Promise.all(
      renewals.map(async (renewal) => (renewal.after = await servedCertificate(renewal.transport, HANDSHAKE))),
    );
    if (renewals.every(isServed) || performance.now() > end) return;
    await sleep(100);
  }
}

function tellTrail(config: Config, renewals: readonly Renewal[], why: string | undefined): void {
  if (renewals.length === 0) return;
  const store = storeOf(config, { create: true });
  try {
    const actor = actorOf('hand', reason(why));
    store.audit.append(
      renewals.map((renewal) => ({
        actor,
        action: isServed(renewal) ? 'key.tls-renewed' : 'key.tls-not-renewed',
        target: `transport/${renewal.transport.name}`,
        details: {
          before: renewal.before.fingerprint256,
          wanted: renewal.wanted.fingerprint256,
          until: new Date(renewal.wanted.validTo).toISOString(),
        },
      })),
    );
  } finally {
    store.close();
  }
}

function tell(renewals: readonly Renewal[], output: Output): number {
  for (const renewal of renewals) {
    const { transport, wanted, after } = renewal;
    const { name, host, port } = transport;
    const until = new Date(wanted.validTo).toISOString();
    if (output.json)
      output.object({
        ...{ transport: name, address: `${host}:${port}`, served: isServed(renewal), renewed: isNew(renewal) },
        ...{ fingerprint: after?.fingerprint256 ?? null, until },
      });
    else if (isServed(renewal))
      output.result(
        `${visible(name, 80)} (${host}:${port}): ${isNew(renewal) ? 'the new certificate is served' : 'serves the certificate of its file already'}, until ${until}`,
      );
    else
      output.result(
        `${visible(name, 80)} (${host}:${port}): ${after === null ? 'NOBODY SPEAKS TLS THERE ANY MORE' : 'the OLD certificate is still served'}`,
      );
  }
  if (renewals.every(isServed)) return EXIT.done;
  output.warn(
    'ringfence: not all of it is served. Keep the names of the files in pjsip.conf as they were; Asterisk 16 takes a new certificate ' +
      "at its start alone: asterisk -rx 'core restart when convenient'",
  );
  return EXIT.found;
}
