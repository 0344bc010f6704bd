import type { Millis, RequestFacts, SourceProof, Transport } from '../model.ts';
import type { Credentials, SipMessage } from '../wire/sip.ts';
import { sessionOf } from './session-facts.ts';
import type { Answer } from './transactions.ts';

/** Where a packet went from and to; addresses in canonical text. A HepPacket is one. */
export interface PacketPath {
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  readonly destinationPort: number;
  readonly transport: Transport;
}

/** Vias looked at: a request comes through one or two proxies, seldom three. */
const MOST_VIAS = 8;

/** user@host of the To header: the address-of-record of a REGISTER (RFC 3261 section 10.2). */
export const aorOf = (facts: RequestFacts): string => `${facts.toUser}@${facts.toHost}`;

/** What judging needs of a request. `credentials`: those that count, of several; `proof`: what they prove. */
export function requestFacts(
  path: PacketPath,
  message: SipMessage,
  credentials: Credentials | null,
  proof: SourceProof,
): RequestFacts {
  return {
    method: message.method,
    callId: message.callId,
    cseq: message.cseq,
    branch: message.branch,
    sentBy: message.sentBy,
    viaHosts: message.viaHosts(MOST_VIAS),
    fromUser: message.fromUser,
    fromHost: message.fromHost,
    fromTag: message.fromTag,
    toUser: message.toUser,
    toHost: message.toHost,
    requestUser: message.requestUser,
    contactHost: message.contactHost,
    session: message.method === 'INVITE' ? sessionOf(message) : null,
    source: path.source,
    sourcePort: path.sourcePort,
    destination: path.destination,
    destinationPort: path.destinationPort,
    transport: path.transport,
    userAgent: message.userAgent,
    authUser: credentials === null ? null : credentials.username,
    nonce: credentials === null ? null : credentials.nonce,
    nc: credentials === null ? null : credentials.nc,
    proof,
  };
}

/**
 * What of a challenge only its receiver knows and gives back with his credentials (RFC 7616 section 3.4): the nonce, and the
 * opaque, which Asterisk makes anew for each while all behind one proxy get the same nonce within a second.
 */
export const secretsOf = (challenge: { readonly nonce: string; readonly opaque: string } | null): string[] =>
  challenge === null
    ? []
    : [challenge.nonce, challenge.opaque === '' ? '' : `opaque ${challenge.opaque}`].filter((secret) => secret !== '');

/** What judging needs of an answer. */
export function answerOf(message: SipMessage, seenAt: Millis): Answer {
  const challenge = message.status === 401 || message.status === 407 ? message.challenge() : null;
  const registered = message.cseqMethod === 'REGISTER' && message.status === 200;
  const contacts = registered ? message.bindings() : null;
  const accepted = message.cseqMethod === 'INVITE' && message.status >= 200 && message.status < 300;
  return {
    status: message.status,
    stale: challenge?.stale ?? false,
    challenges: challenge !== null,
    secrets: secretsOf(challenge),
    contacts: contacts === '*' ? [] : contacts,
    expires: registered ? message.expires : null,
    session: accepted ? sessionOf(message) : null,
    seenAt,
  };
}
