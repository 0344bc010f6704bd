import { randomBytes } from 'node:crypto';
import { Call, sdp } from './call.ts';
import { answerChallenge, isChallenge } from './digest.ts';
import type { Credentials } from './digest.ts';
import { pause } from './process.ts';
import { header, headers, parameter, uriOf } from './sip-message.ts';
import type { SipRequest, SipResponse } from './sip-message.ts';
import { SipTransactions, newTag, plainResponse } from './sip-transactions.ts';
import { SipTransport, hostport } from './sip-transport.ts';
import type { Endpoint, Packet } from './sip-transport.ts';

/** What a user agent does with a call that comes in. */
export interface AnswerPolicy {
  /** Milliseconds of ringing before the answer, default 0; -1: rings for ever. */
  readonly afterMs?: number;
  /** Refuses with this status instead of answering. */
  readonly refuse?: number;
}

export interface UserAgentOptions {
  /** Source address, any of 127.0.0.0/8, or ::1. */
  readonly address: string;
  readonly port?: number;
  readonly protocol?: 'udp' | 'tcp' | 'tls';
  /** PEM of the CA that tls trusts. */
  readonly ca?: string;
  /** The registrar and outbound proxy; all requests go there. None for a server that only answers. */
  readonly server?: Endpoint;
  /** User part of the address of record, and digest credentials. */
  readonly username: string;
  readonly password?: string;
  readonly userAgent?: string;
  /** `+sip.instance` of the Contact (RFC 5626), a URN. */
  readonly instance?: string;
  readonly onCall?: (number: string) => AnswerPolicy;
  /** How long a request waits for its final answer (64*T1 = 32 s by the standard). */
  readonly timeoutMs?: number;
}

export interface RegisterOptions {
  readonly expires?: number;
  /** Another Contact URI than the agent's own; `*` with `expires: 0` removes every binding. */
  readonly contact?: string;
  readonly callId?: string;
  readonly password?: string;
  /** Digest username, if it differs from the AOR's user. */
  readonly username?: string;
  /** User of the AOR, if it differs from the agent's. */
  readonly aor?: string;
}

export interface RegisterOutcome {
  readonly status: number;
  /** Contact lines of a 200: the bindings that the registrar holds. */
  readonly contacts: readonly string[];
  /** When the last REGISTER (the one with credentials, if it came to that) left. */
  readonly sentAt: number;
  /** When its final response came. */
  readonly answeredAt: number;
  readonly callId: string;
}

/** A small but correct SIP user agent (RFC 3261) on a loopback address of its own: the lab's phones, thieves and carriers. */
export class UserAgent {
  readonly options: UserAgentOptions;
  readonly transport: SipTransport;
  readonly transactions: SipTransactions;
  readonly userAgent: string;
  readonly calls: Call[] = [];
  /** Bodies of MESSAGEs that came. */
  readonly texts: string[] = [];
  readonly #registerTag = newTag();
  #registerCallId: string;
  #sequence = 0;
  readonly #mediaPort = 30_000 + Math.floor(Math.random() * 10_000) * 2;

  private constructor(options: UserAgentOptions, transport: SipTransport) {
    this.options = options;
    this.transport = transport;
    this.userAgent = options.userAgent ?? 'LabPhone/1.0';
    this.#registerCallId = this.#newCallId();
    this.transactions = new SipTransactions(transport, options.timeoutMs);
    this.transactions.onRequest = (request, peer) => this.#receive(request, peer);
    this.transactions.onStray2xx = (response) => this.#callOf(response)?.acknowledge();
  }

  static async open(options: UserAgentOptions): Promise<UserAgent> {
    const { address, port, protocol = 'udp', server, ca } = options;
    const transport = await SipTransport.open({
      address,
      protocol,
      ...(port === undefined ? {} : { port }),
      ...(server === undefined ? {} : { server }),
      ...(ca === undefined ? {} : { ca }),
    });
    return new UserAgent(options, transport);
  }

  get packets(): readonly Packet[] {
    return this.transport.packets;
  }

  /** The Contact URI. */
  get contact(): string {
    const { address, port, protocol } = this.transport;
    return `sip:${this.options.username}@${hostport(address, port)}${protocol === 'udp' ? '' : `;transport=${protocol}`}`;
  }

  #newCallId(): string {
    return `${randomBytes(10).toString('hex')}@${this.options.address}`;
  }

  /** Media is never sent: over IPv6 too an IPv4 address is offered. */
  get #mediaAddress(): string {
    return this.options.address.includes(':') ? '127.0.0.1' : this.options.address;
  }

  #server(): Endpoint {
    if (this.options.server === undefined) throw new Error('this user agent has no server');
    return this.options.server;
  }

  /** REGISTER with digest; the same Call-ID and Contact each time, CSeq rising (RFC 3261 10.2). */
  async register(options: RegisterOptions = {}): Promise<RegisterOutcome> {
    const { expires = 3600, contact = this.contact } = options;
    const server = this.#server();
    const uri = `sip:${hostport(server.host, server.port)}`;
    const aor = `sip:${options.aor ?? this.options.username}@${hostport(server.host, server.port)}`;
    const callId = options.callId ?? this.#registerCallId;
    const instance = this.options.instance === undefined ? '' : `;+sip.instance="<${this.options.instance}>"`;
    const build = (authorization: readonly (readonly [string, string])[]): SipRequest => ({
      method: 'REGISTER',
      uri,
      headers: [
        ['Via', this.transactions.via()],
        ['Max-Forwards', '70'],
        ['From', `<${aor}>;tag=${this.#registerTag}`],
        ['To', `<${aor}>`],
        ['Call-ID', callId],
        ['CSeq', `${++this.#sequence} REGISTER`],
        ['Contact', contact === '*' ? '*' : `<${contact}>${instance}`],
        ['Expires', String(expires)],
        ['User-Agent', this.userAgent],
        ...authorization,
      ],
      body: '',
    });
    const { response, sentAt } = await this.#withDigest(build, server, options);
    return {
      status: response.status,
      contacts: headers(response, 'Contact').flatMap((value) => value.split(/,\s*(?=<)/)),
      sentAt,
      answeredAt: Date.now(),
      callId,
    };
  }

  /** Removes this agent's own binding. */
  async unregister(): Promise<RegisterOutcome> {
    return await this.register({ expires: 0 });
  }

  /** Sends, and once more with credentials when these are asked for; twice more when the nonce was stale. */
  async #withDigest(
    build: (authorization: readonly (readonly [string, string])[]) => SipRequest,
    server: Endpoint,
    override: { password?: string; username?: string },
    beforeSend?: (request: SipRequest) => void,
    onProvisional?: (response: SipResponse) => void,
  ): Promise<{ response: SipResponse; sentAt: number }> {
    const password = override.password ?? this.options.password;
    let authorization: readonly (readonly [string, string])[] = [];
    for (let attempt = 0; ; attempt++) {
      const request = build(authorization);
      beforeSend?.(request);
      const sentAt = Date.now();
      const response = await this.transactions.request(request, server, onProvisional);
      const stale =
        parameter(header(response, 'WWW-Authenticate') || header(response, 'Proxy-Authenticate'), 'stale') === 'true';
      const again = isChallenge(response) && password !== undefined && (attempt === 0 || (stale && attempt < 3));
      if (!again) return { response, sentAt };
      const credentials: Credentials = { username: override.username ?? this.options.username, password };
      const answer = answerChallenge(response, request.method, request.uri, credentials);
      if (answer === undefined) return { response, sentAt };
      authorization = [answer];
    }
  }

  /** Starts a call; `settled` of what it returns tells how the INVITE ended. */
  dial(number: string, options: { password?: string; username?: string; from?: string } = {}): Call {
    const server = this.#server();
    const uri = `sip:${number}@${hostport(server.host, server.port)}`;
    const from = `<sip:${options.from ?? this.options.username}@${hostport(server.host, server.port)}>;tag=${newTag()}`;
    const callId = this.#newCallId();
    let sequence = 0;
    const call = new Call(this, server, 'outgoing', number, { callId, local: from, remote: `<${uri}>`, sequence });
    this.calls.push(call);
    const build = (authorization: readonly (readonly [string, string])[]): SipRequest => ({
      method: 'INVITE',
      uri,
      headers: [
        ['Via', this.transactions.via()],
        ['Max-Forwards', '70'],
        ['From', from],
        ['To', `<${uri}>`],
        ['Call-ID', callId],
        ['CSeq', `${++sequence} INVITE`],
        ['Contact', `<${this.contact}>`],
        ['Allow', 'INVITE, ACK, BYE, CANCEL, OPTIONS'],
        ['User-Agent', this.userAgent],
        ...authorization,
        ['Content-Type', 'application/sdp'],
      ],
      body: sdp(this.#mediaAddress, this.#mediaPort),
    });
    this.#withDigest(
      build,
      server,
      options,
      (request) => call.inviting(request),
      (response) => call.progress(response),
    ).then(
      ({ response }) => call.outcome(response),
      () => call.failed(),
    );
    return call;
  }

  /** Sends a request outside of any dialog, such as MESSAGE or OPTIONS, with digest. */
  async ask(method: string, number: string, text = ''): Promise<SipResponse> {
    const server = this.#server();
    const { username } = this.options;
    const uri = `sip:${number}@${hostport(server.host, server.port)}`;
    const callId = this.#newCallId();
    let sequence = 0;
    const build = (authorization: readonly (readonly [string, string])[]): SipRequest => ({
      method,
      uri,
      headers: [
        ['Via', this.transactions.via()],
        ['Max-Forwards', '70'],
        ['From', `<sip:${username}@${hostport(server.host, server.port)}>;tag=${this.#registerTag}`],
        ['To', `<${uri}>`],
        ['Call-ID', callId],
        ['CSeq', `${++sequence} ${method}`],
        ...(text === '' ? [] : [['Content-Type', 'text/plain'] as const]),
        ...authorization,
      ],
      body: text,
    });
    return (await this.#withDigest(build, server, {})).response;
  }

  /** Dials, and hangs up `talkMs` after the answer. Resolves when the call is over. */
  async callFor(number: string, talkMs: number): Promise<Call> {
    const call = this.dial(number);
    if ((await call.settled) === 200) {
      await Promise.race([pause(talkMs), call.ended]);
      await call.hangUp();
    }
    return call;
  }

  #callOf(message: SipRequest | SipResponse): Call | undefined {
    const callId = header(message, 'Call-ID');
    return this.calls.find((call) => call.callId === callId);
  }

  #receive(request: SipRequest, peer: Endpoint): void {
    const call = this.#callOf(request);
    switch (request.method) {
      case 'ACK':
        call?.acknowledged();
        return;
      case 'INVITE':
        if (call === undefined) this.#ring(request, peer);
        else call.offered(request, sdp(this.#mediaAddress, this.#mediaPort, 2));
        return;
      case 'BYE':
      case 'CANCEL':
        this.transactions.respond(
          request,
          peer,
          call === undefined ? plainResponse(request, 481, 'No Such Call') : plainResponse(request, 200, 'OK'),
        );
        call?.remoteEnded(request.method === 'CANCEL');
        return;
      case 'MESSAGE':
        this.texts.push(request.body);
        this.transactions.respond(request, peer, plainResponse(request, 200, 'OK'));
        return;
      case 'OPTIONS':
        this.transactions.respond(request, peer, plainResponse(request, 200, 'OK'));
        return;
      default:
        this.transactions.respond(request, peer, plainResponse(request, 501, 'Not Implemented'));
    }
  }

  #ring(invite: SipRequest, peer: Endpoint): void {
    const call = Call.incoming(this, peer, invite);
    this.calls.push(call);
    const { afterMs = 0, refuse } = this.options.onCall?.(call.number) ?? {};
    call.ring();
    if (refuse !== undefined) {
      call.refuse(refuse, 'Refused');
      return;
    }
    if (afterMs < 0) return;
    setTimeout(() => call.answer(sdp(this.#mediaAddress, this.#mediaPort)), afterMs).unref();
  }

  /** The switch is pulled: no unregistration, no BYE. */
  close(): void {
    this.transactions.close();
    this.transport.close();
  }
}

/** The address that a request says it is for. */
export function requestUser(request: SipRequest): string {
  return /^sips?:([^@]*)@/.exec(uriOf(request.uri))?.[1] ?? '';
}
