import type { PacketPath } from '../../src/correlate/index.ts';

/** One mirrored packet: where it went, its bytes, when it was seen. */
export interface Packet {
  readonly path: PacketPath;
  readonly payload: Buffer;
  readonly at: number;
}

export interface RequestOptions {
  readonly method?: string;
  readonly user: string;
  readonly to?: string;
  readonly uri?: string;
  readonly host?: string;
  readonly callId: string;
  readonly cseq?: number;
  readonly branch?: string;
  readonly toTag?: string;
  readonly contact?: string;
  readonly expires?: number;
  readonly userAgent?: string;
  /** digest username; its answer is made of `answer`, so that two guesses differ */
  readonly auth?: string;
  readonly answer?: string;
  /** default: the nonce that challenges to this station carry */
  readonly nonce?: string;
  readonly extra?: readonly string[];
}

export const PBX = '192.0.2.10';

const path = (source: string, destination: string, sourcePort = 5060, destinationPort = 5060): PacketPath => ({
  source,
  sourcePort,
  destination,
  destinationPort,
  transport: 'udp',
});

/** A phone (or a thief) at an address, talking to the PBX: builds the packets of both directions. */
export class Station {
  readonly address: string;
  readonly port: number;
  readonly server: string;
  #branch = 0;

  constructor(address: string, port = 5060, server = PBX) {
    this.address = address;
    this.port = port;
    this.server = server;
  }

  /** What challenges to this station hold: like Asterisk's, its nonce is this address's alone. */
  challenge(nonce = `n-${this.address}`): string[] {
    return [`WWW-Authenticate: Digest realm="asterisk", nonce="${nonce}", algorithm=MD5, qop="auth"`];
  }

  nextBranch(): string {
    return `z9hG4bK-${this.address}-${this.port}-${++this.#branch}`;
  }

  request(at: number, o: RequestOptions): Packet {
    const method = o.method ?? 'REGISTER';
    const host = o.host ?? 'pbx.example';
    const to = o.to ?? o.user;
    const uri = o.uri ?? (method === 'REGISTER' ? `sip:${host}` : `sip:${to}@${host}`);
    const lines = [
      `${method} ${uri} SIP/2.0`,
      `Via: SIP/2.0/UDP ${this.address}:${this.port};branch=${o.branch ?? this.nextBranch()};rport`,
      `From: <sip:${o.user}@${host}>;tag=f${o.callId.length}`,
      `To: <sip:${to}@${host}>${o.toTag === undefined ? '' : `;tag=${o.toTag}`}`,
      `Call-ID: ${o.callId}`,
      `CSeq: ${o.cseq ?? 1} ${method}`,
      'Max-Forwards: 70',
      ...(o.contact === undefined ? [] : [`Contact: ${o.contact}`]),
      ...(o.expires === undefined ? [] : [`Expires: ${o.expires}`]),
      ...(o.userAgent === undefined ? [] : [`User-Agent: ${o.userAgent}`]),
      ...(o.auth === undefined
        ? []
        : [
            `Authorization: Digest username="${o.auth}", realm="asterisk", nonce="${o.nonce ?? `n-${this.address}`}", uri="${uri}", response="${o.answer ?? '0'.repeat(32)}", algorithm=MD5`,
          ]),
      ...(o.extra ?? []),
      'Content-Length: 0',
      '',
      '',
    ];
    return { path: path(this.address, this.server, this.port), payload: Buffer.from(lines.join('\r\n')), at };
  }

  /** The server's answer to a request of this station. */
  answer(at: number, request: Packet, status: number, extra: readonly string[] = []): Packet {
    return { path: path(this.server, this.address, 5060, this.port), payload: answerTo(request, status, extra), at };
  }

  /** REGISTER as phones do it: challenge, credentials, 200 with the binding; four packets from `at` on. */
  register(
    at: number,
    user: string,
    o: Partial<RequestOptions> & { listed?: readonly string[]; seconds?: number } = {},
  ): Packet[] {
    const contact = o.contact ?? `<sip:${user}@${this.address}:${this.port}>`;
    const { auth = user, ...others } = o;
    const common = { user, callId: `reg-${user}-${this.address}`, expires: 3600, ...others, contact };
    const first = this.request(at, { ...common, cseq: 1 });
    const second = this.request(at + 10, { ...common, cseq: 2, auth });
    const listed = o.listed ?? [`${contact};expires=${o.seconds ?? 3600}`];
    return [
      first,
      this.answer(at + 5, first, 401, this.challenge()),
      second,
      this.answer(
        at + 15,
        second,
        200,
        listed.map((c) => `Contact: ${c}`),
      ),
    ];
  }

  /** A call with credentials: INVITE, 401, ACK, INVITE, 100, 200, ACK; BYE after `talk` ms if given. */
  call(at: number, user: string, dialled: string, o: Partial<RequestOptions> & { talk?: number } = {}): Packet[] {
    const { auth = user, ...others } = o;
    const common = { method: 'INVITE', user, to: dialled, callId: `call-${user}-${dialled}-${at}`, ...others };
    const first = this.request(at, { ...common, cseq: 1 });
    const ack = this.request(at + 6, { ...common, method: 'ACK', cseq: 1 });
    const second = this.request(at + 10, { ...common, cseq: 2, auth });
    const packets = [
      first,
      this.answer(at + 5, first, 401, this.challenge()),
      ack,
      second,
      this.answer(at + 12, second, 100),
      this.answer(at + 200, second, 200),
    ];
    if (o.talk !== undefined)
      packets.push(this.request(at + 200 + o.talk, { ...common, method: 'BYE', cseq: 3, toTag: 't1' }));
    return packets;
  }
}

export const challenge = ['WWW-Authenticate: Digest realm="asterisk", nonce="n1", algorithm=MD5, qop="auth"'];

function answerTo(request: Packet, status: number, extra: readonly string[]): Buffer {
  const lines = request.payload.toString().split('\r\n');
  const take = (name: string): string => lines.find((line) => line.startsWith(`${name}:`)) ?? '';
  const to = take('To');
  return Buffer.from(
    [
      `SIP/2.0 ${status} ${status < 200 ? 'Trying' : status < 300 ? 'OK' : 'No'}`,
      take('Via'),
      take('From'),
      to.includes(';tag=') ? to : `${to};tag=t1`,
      take('Call-ID'),
      take('CSeq'),
      ...extra,
      'Content-Length: 0',
      '',
      '',
    ].join('\r\n'),
  );
}
