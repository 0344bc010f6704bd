import { createHash, randomBytes } from 'node:crypto';
import { sdp } from './call.ts';
import { header, parameter } from './sip-message.ts';
import type { SipRequest } from './sip-message.ts';
import { newBranch, newTag } from './sip-transactions.ts';
import { SipTransport, hostport } from './sip-transport.ts';
import type { Endpoint } from './sip-transport.ts';

/** What a forger has learnt at his own address. */
export interface Learnt {
  readonly realm: string;
  readonly nonce: string;
}

export interface Forged {
  readonly method: 'REGISTER' | 'INVITE' | 'OPTIONS';
  /** User of From and, of a REGISTER, of To. */
  readonly as: string;
  /** Who is called or asked for. */
  readonly to?: string;
  /** A guess, or the right password that he has stolen; none: without credentials. */
  readonly password?: string;
  /** The challenge that he answers; none: one that he made up. */
  readonly learnt?: Learnt;
  readonly userAgent?: string;
}

/**
 * Sends with the source address of somebody else and never sees an answer, as who forges UDP does. On loopback it takes no raw
 * socket: a second socket at the victim's address, or the victim's own one, makes the very same packets, and what comes back
 * nobody reads.
 */
export class Forger {
  readonly #server: Endpoint;
  readonly #send: (request: SipRequest) => void;
  readonly #sentBy: string;
  readonly close: () => void;

  private constructor(server: Endpoint, transport: SipTransport, own: boolean) {
    this.#server = server;
    this.#sentBy = hostport(transport.address, transport.port);
    this.#send = (request) => transport.send(request, server);
    this.close = () => {
      if (own) transport.close();
    };
  }

  /** At an address that is somebody else's, and any port. */
  static async at(address: string, server: Endpoint): Promise<Forger> {
    return new Forger(server, await SipTransport.open({ address, protocol: 'udp' }), true);
  }

  /** With address and port of a phone: its own socket sends what it knows nothing of. */
  static as(phone: { readonly transport: SipTransport }, server: Endpoint): Forger {
    return new Forger(server, phone.transport, false);
  }

  send(forged: Forged): void {
    const { method, as, to = as, userAgent = 'Snom D735/10.1' } = forged;
    const where = hostport(this.#server.host, this.#server.port);
    const uri = method === 'REGISTER' ? `sip:${where}` : `sip:${to}@${where}`;
    const credentials = forged.password === undefined ? [] : [authorization(forged, forged.password, uri)];
    this.#send({
      method,
      uri,
      headers: [
        ['Via', `SIP/2.0/UDP ${this.#sentBy};branch=${newBranch()};rport`],
        ['Max-Forwards', '70'],
        ['From', `<sip:${as}@${where}>;tag=${newTag()}`],
        ['To', `<sip:${to}@${where}>`],
        ['Call-ID', randomBytes(10).toString('hex')],
        ['CSeq', `1 ${method}`],
        ['Contact', `<sip:${as}@${this.#sentBy}>`],
        ['User-Agent', userAgent],
        ...credentials,
        ...(method === 'INVITE' ? ([['Content-Type', 'application/sdp']] as const) : []),
      ],
      body: method === 'INVITE' ? sdp(this.#sentBy.split(':')[0] ?? '', 40_000) : '',
    });
  }
}

function authorization(forged: Forged, password: string, uri: string): readonly [string, string] {
  const { realm, nonce } = forged.learnt ?? {
    realm: 'asterisk',
    nonce: `${Date.now()}/${randomBytes(16).toString('hex')}`,
  };
  const md5 = (text: string): string => createHash('md5').update(text).digest('hex');
  const answer = md5(`${md5(`${forged.as}:${realm}:${password}`)}:${nonce}:${md5(`${forged.method}:${uri}`)}`);
  const fields = [`username="${forged.as}"`, `realm="${realm}"`, `nonce="${nonce}"`, `uri="${uri}"`];
  return ['Authorization', `Digest ${fields.join(', ')}, response="${answer}", algorithm=MD5`];
}

/** Asks for a challenge at an address of one's own. */
export async function learn(address: string, server: Endpoint, as: string): Promise<Learnt> {
  const transport = await SipTransport.open({ address, protocol: 'udp' });
  try {
    return await new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('no challenge')), 2_000);
      transport.onMessage = (message) => {
        const challenge = header(message, 'WWW-Authenticate');
        const [realm, nonce] = [parameter(challenge, 'realm'), parameter(challenge, 'nonce')];
        if (realm === undefined || nonce === undefined) return;
        clearTimeout(timer);
        resolve({ realm, nonce });
      };
      Forger.as({ transport }, server).send({ method: 'REGISTER', as });
    });
  } finally {
    transport.close();
  }
}
