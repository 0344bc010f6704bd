import { createHash } from 'node:crypto';
import { connect as connectTls } from 'node:tls';
import { isIP } from 'node:net';
import { FrameReader, frame, HANDSHAKE_BOUNDS } from '../crypto/csc/frames.ts';
import {
  ENROLMENT_PROTOCOL,
  enrolmentRequest,
  FRAME,
  readEnrolmentAnswer,
  type EnrolmentToken,
} from '../crypto/enrolment.ts';
import { endpointOf } from '../crypto/identity.ts';
import { publicKeyFromSpki, type PublicKey } from '../crypto/public-key.ts';
import { readCertificate } from '../crypto/x509/certificate.ts';
import { PeerError } from '../errors.ts';
import type { Millis } from '../model.ts';
import { parsed, refused, type Parsed } from '../parsed.ts';
import { SECOND } from '../time.ts';
import { exporterOf } from './csc-server.ts';

/** What an agent has after enrolment. */
export interface Enrolment {
  /** its certificate, DER */
  readonly certificate: Uint8Array;
  /** the CA's, DER: it has issued the gateway's TLS certificate too */
  readonly authority: Uint8Array;
  /** the gateway's key that the token pins */
  readonly gateway: PublicKey;
}

/**
 * Redeems a token: sends a certificate request, takes the certificate. TLS's own certificate is not looked at, for the agent
 * knows no CA yet: the MACs of both sides are over this connection's exporter, so nobody can stand in between.
 *
 * @param csr of the key that the certificate is for, DER
 * @throws PeerError: `peer-unreachable`, `peer-closed`, `peer-timeout` (retryable; a gateway that refuses closes, so a token
 * that is spent ends as `peer-closed`); `peer-refused`: whoever answers does not know the token
 */
export async function enrol(
  token: EnrolmentToken,
  csr: Uint8Array,
  { withinMs = 10 * SECOND }: { readonly withinMs?: Millis } = {},
): Promise<Enrolment> {
  const endpoint = endpointOf(token.gw);
  if (endpoint === null) throw new TypeError(`not host:port: ${token.gw}`);
  const { host, port } = endpoint;
  const socket = connectTls({
    host,
    port,
    minVersion: 'TLSv1.3',
    ALPNProtocols: [ENROLMENT_PROTOCOL],
    ...(isIP(host) === 0 ? { servername: host } : {}),
    rejectUnauthorized: false,
  });
  const late = new PeerError('peer-timeout', `${token.gw} did not answer in ${withinMs} ms`, true);
  const reader = new FrameReader();
  let exporter: Uint8Array = new Uint8Array(0);
  const timer = setTimeout(() => socket.destroy(late), withinMs);
  try {
    const answer = await new Promise<Buffer>((resolve, reject) => {
      const fail = (code: 'peer-unreachable' | 'peer-closed' | 'peer-refused', why: string): void =>
        reject(new PeerError(code, `${token.gw} ${why}`, code !== 'peer-refused'));
      socket.on('error', (error: Error) => (error === late ? reject(late) : fail('peer-unreachable', error.message)));
      socket.once('close', () =>
        fail('peer-closed', 'gave no certificate: the token may be spent, over or taken back'),
      );
      socket.once('secureConnect', () => {
        if (socket.alpnProtocol !== ENROLMENT_PROTOCOL) {
          fail('peer-refused', 'does not enrol: not a gateway, or enrolment is switched off there');
          return;
        }
        exporter = exporterOf(socket);
        socket.write(frame(FRAME.request, enrolmentRequest(token.k, exporter, csr)));
      });
      socket.on('data', (chunk: Buffer) => {
        reader.push(chunk);
        const found = reader.next((type) => type === FRAME.answer, HANDSHAKE_BOUNDS);
        if (found === null) return;
        if ('ok' in found) fail('peer-refused', 'answered with something else');
        else resolve(found.payload);
      });
    });
    const chain = readEnrolmentAnswer(token.k, exporter, answer);
    const enrolment = chain.ok ? ofChain(token, chain.value) : chain;
    if (!enrolment.ok) throw new PeerError('peer-refused', `${token.gw}: ${enrolment.reason}`, false);
    return enrolment.value;
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}

function ofChain(token: EnrolmentToken, chain: readonly Uint8Array[]): Parsed<Enrolment> {
  const [certificate, authority, ...gateways] = chain;
  if (certificate === undefined || authority === undefined) return refused('a chain without a CA');
  if (!createHash('sha256').update(authority).digest().equals(token.ca)) return refused('a CA that is not the token’s');
  const pinned = Buffer.from(token.kid).toString('base64url');
  for (const der of gateways) {
    const read = readCertificate(der);
    if (!read.ok || read.value.kid !== pinned) continue;
    const gateway = publicKeyFromSpki(read.value.spki);
    return gateway.ok ? parsed({ certificate, authority, gateway: gateway.value }) : gateway;
  }
  return refused('no certificate of the gateway’s key that the token names: make a new token');
}
