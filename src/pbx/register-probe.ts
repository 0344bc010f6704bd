import { createHash, randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import type { Millis } from '../model.ts';
import type { SipMessage } from '../wire/sip.ts';
import type { AmiSession } from './ami.ts';
import { hostPort, openDoor, type SipDoor } from './sip-door.ts';
import { linesOf } from './sorcery.ts';

export type { SipDoor } from './sip-door.ts';

/** HA1 of RFC 7616, 3.4.2 (hex) for the algorithm and realm of a challenge; null: it is not known. */
export type HashFor = (algorithm: DigestAlgorithm, realm: string) => string | null;
export type DigestAlgorithm = 'MD5' | 'SHA-256' | 'SHA-512-256';
/** What Node calls them. */
export const DIGESTS: Readonly<Record<DigestAlgorithm, string>> = {
  MD5: 'md5',
  'SHA-256': 'sha256',
  'SHA-512-256': 'sha512-256',
};

export interface ProbeIdentity {
  readonly endpoint: string;
  readonly aor: string;
  readonly username: string;
}

/** `unknown`: the PBX did not say: unreachable, no such AOR, an ACL, an algorithm for which there is no hash. */
export type ProbeResult = 'accepted' | 'refused' | 'unknown';

const WITHIN: Millis = 900;

/**
 * The doors of PJSIP, UDP before TCP, from the transports of pjsip.conf; one that listens everywhere is reached where the
 * manager is. [] when Asterisk does not tell. @throws PeerError as AmiSession
 */
export async function sipDoors(session: AmiSession, manager: string): Promise<SipDoor[]> {
  const answer = await session.action('GetConfig', [
    ['Filename', 'pjsip.conf'],
    ['Filter', 'type=transport'],
  ]);
  const doors: SipDoor[] = [];
  for (const lines of linesOf(answer)?.values() ?? []) {
    const value = (name: string): string =>
      lines
        .findLast((line) => line.startsWith(`${name}=`))
        ?.slice(name.length + 1)
        .trim() ?? '';
    const transport = value('protocol') === '' ? 'udp' : value('protocol');
    const [, v6, v4, port] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(value('bind')) ?? [];
    const host = v6 ?? v4 ?? '';
    if ((transport !== 'udp' && transport !== 'tcp') || isIP(host) === 0) continue;
    const everywhere = host === '0.0.0.0' || /^[0:]+$/.test(host);
    doors.push({ transport, host: everywhere ? manager : host, port: port === undefined ? 5060 : Number(port) });
  }
  return doors.sort((a, b) => (a.transport === b.transport ? 0 : a.transport === 'udp' ? -1 : 1));
}

/**
 * Asks the PBX by a real REGISTER whether it takes these credentials. The request has no Contact (RFC 3261, 10.2.3): it asks for
 * the bindings and changes none. Tries each door until one answers.
 */
export async function tryRegister(
  doors: readonly SipDoor[],
  identity: ProbeIdentity,
  hash: HashFor,
): Promise<ProbeResult> {
  for (const door of doors) {
    const result = await atDoor(door, identity, hash);
    if (result !== null) return result;
  }
  return 'unknown';
}

/** null: nobody answers there */
async function atDoor(door: SipDoor, identity: ProbeIdentity, hash: HashFor): Promise<ProbeResult | null> {
  const end = performance.now() + WITHIN;
  const connection = await openDoor(door, WITHIN);
  if (connection === null) return null;
  const request = new Register(door, identity, connection.local);
  try {
    const first = await connection.ask(request.bytes(null), request.answers, end);
    if (first === null) return null;
    if (first.status < 300) return 'unknown'; // nobody was asked for a password
    const credentials = request.credentials(first, hash);
    if (credentials === null) return 'unknown';
    const second = await connection.ask(request.bytes(credentials), request.answers, end);
    if (second === null) return null;
    if (second.status < 300) return 'accepted';
    return second.status === 401 || second.status === 407 ? 'refused' : 'unknown';
  } finally {
    connection.close();
  }
}

/** A parameter of a challenge, '' if there is none. */
function parameter(challenge: string, name: string): string {
  const [, quoted, token] =
    new RegExp(`[\\s,]${name}\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|([^\\s,"]+))`, 'i').exec(challenge) ?? [];
  return quoted ?? token ?? '';
}

/** One REGISTER and its repetition with credentials. */
class Register {
  readonly #door: SipDoor;
  readonly #identity: ProbeIdentity;
  readonly #local: string;
  readonly #callId = randomBytes(12).toString('hex');
  readonly #tag = randomBytes(6).toString('hex');
  #cseq = 0;

  constructor(door: SipDoor, identity: ProbeIdentity, local: string) {
    this.#door = door;
    this.#identity = identity;
    this.#local = local;
  }

  get #uri(): string {
    const { host, port } = this.#door;
    return `sip:${hostPort(host, port)}`;
  }

  bytes(credentials: string | null): Buffer {
    const { aor, endpoint } = this.#identity;
    const host = this.#uri.slice('sip:'.length);
    const via = `SIP/2.0/${this.#door.transport.toUpperCase()} ${this.#local};rport;branch=z9hG4bK${randomBytes(8).toString('hex')}`;
    const lines = [
      `REGISTER ${this.#uri} SIP/2.0`,
      `Via: ${via}`,
      'Max-Forwards: 70',
      `From: <sip:${encodeURIComponent(endpoint)}@${host}>;tag=${this.#tag}`,
      `To: <sip:${encodeURIComponent(aor)}@${host}>`,
      `Call-ID: ${this.#callId}`,
      `CSeq: ${++this.#cseq} REGISTER`,
      'User-Agent: ringfence',
      ...(credentials === null ? [] : [credentials]),
      'Content-Length: 0',
    ];
    return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`);
  }

  /** Is this the final answer to what was sent last? */
  readonly answers = (message: SipMessage): boolean =>
    !message.isRequest &&
    message.status >= 200 &&
    message.callId === this.#callId &&
    message.header('CSeq')?.startsWith(`${this.#cseq} `) === true;

  /** A header that answers the first challenge for which there is a hash; null: none. RFC 7616, 3.4. */
  credentials(challenge: SipMessage, hash: HashFor): string | null {
    const isProxy = challenge.status === 407;
    if (challenge.status !== 401 && !isProxy) return null;
    // eslint-disable-next-line no-control-regex -- a line end would begin a header of its own
    if (/[\x00-\x1f\x7f]/.test(this.#identity.username)) return null;
    for (const value of challenge.headers(isProxy ? 'Proxy-Authenticate' : 'WWW-Authenticate')) {
      const field = (name: string): string => parameter(value, name);
      const name = (field('algorithm') || 'MD5').toUpperCase();
      const realm = field('realm');
      const nonce = field('nonce');
      const ha1 = name in DIGESTS ? hash(name as DigestAlgorithm, realm) : null;
      if (ha1 === null || /["\\\r\n]/.test(realm + nonce)) continue;
      const digest = (text: string): string =>
        createHash(DIGESTS[name as DigestAlgorithm])
          .update(text)
          .digest('hex');
      const cnonce = randomBytes(8).toString('hex');
      const isQop = field('qop')
        .split(',')
        .some((word) => word.trim() === 'auth');
      const tail = digest(`REGISTER:${this.#uri}`);
      const response = digest(isQop ? `${ha1}:${nonce}:00000001:${cnonce}:auth:${tail}` : `${ha1}:${nonce}:${tail}`);
      const opaque = field('opaque');
      return `${isProxy ? 'Proxy-' : ''}Authorization: Digest ${[
        `username="${this.#identity.username.replace(/["\\]/g, '\\$&')}"`,
        `realm="${realm}"`,
        `nonce="${nonce}"`,
        `uri="${this.#uri}"`,
        `response="${response}"`,
        `algorithm=${name}`,
        ...(opaque === '' || /["\\\r\n]/.test(opaque) ? [] : [`opaque="${opaque}"`]),
        ...(isQop ? ['qop=auth', 'nc=00000001', `cnonce="${cnonce}"`] : []),
      ].join(', ')}`;
    }
    return null;
  }
}
