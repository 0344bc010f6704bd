import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { connect } from 'node:tls';
import { PeerError } from '../errors.ts';
import type { Millis } from '../model.ts';
import { rightsHint, type AmiSession } from './ami.ts';
import { linesOf } from './sorcery.ts';

/** A transport of PJSIP that speaks TLS (pjsip.conf, type=transport, protocol=tls). */
export interface TlsTransport {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** as pjsip.conf names them, '' where it does not */
  readonly certFile: string;
  readonly keyFile: string;
}

/** @param manager where a transport that listens everywhere is reached @throws PeerError as AmiSession */
export async function tlsTransports(session: AmiSession, manager: string): Promise<TlsTransport[]> {
  const answer = await session.action('GetConfig', [
    ['Filename', 'pjsip.conf'],
    ['Filter', 'type=transport'],
  ]);
  const found: TlsTransport[] = [];
  for (const [name, lines] of linesOf(answer) ?? []) {
    const value = (option: string): string =>
      lines
        .findLast((line) => line.startsWith(`${option}=`))
        ?.slice(option.length + 1)
        .trim() ?? '';
    if (value('protocol') !== 'tls') continue;
    const [, v6, v4 = '', port] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(value('bind')) ?? [];
    const host = v6 ?? v4;
    const everywhere = isIP(host) === 0 || host === '0.0.0.0' || /^[0:]+$/.test(host);
    found.push({
      name,
      host: everywhere ? manager : host,
      port: port === undefined ? 5061 : Number(port),
      certFile: value('cert_file'),
      keyFile: value('priv_key_file'),
    });
  }
  return found;
}

/** Has PJSIP read its settings and certificates again. Calls go on. @throws PeerError */
export async function reloadPjsip(session: AmiSession): Promise<void> {
  const answer = await session.action('Reload', [['Module', 'res_pjsip.so']]);
  if (answer.name === 'Success') return;
  const said = answer.get('Message') ?? answer.name;
  throw new PeerError('peer-refused', `Asterisk refuses Reload of res_pjsip.so: ${said}${rightsHint(said)}`, false);
}

/** The certificate that a real TLS handshake shows; null: nobody speaks TLS there. What it is worth is not asked. */
export function servedCertificate(
  { host, port }: Pick<TlsTransport, 'host' | 'port'>,
  within: Millis,
): Promise<X509Certificate | null> {
  return new Promise((told) => {
    const socket = connect({ host, port, rejectUnauthorized: false, timeout: within });
    const end = (certificate: X509Certificate | null): void => {
      told(certificate);
      socket.destroy();
    };
    socket.on('secureConnect', () => end(socket.getPeerX509Certificate() ?? null));
    for (const event of ['error', 'timeout', 'close'] as const) socket.on(event, () => end(null));
  });
}
