import { randomBytes } from 'node:crypto';
import { header, headers, isRequest, isResponse, parameter, responseTo } from './sip-message.ts';
import type { SipMessage, SipRequest, SipResponse } from './sip-message.ts';
import { hostport } from './sip-transport.ts';
import type { Endpoint, SipTransport } from './sip-transport.ts';

/** RFC 3261 17.1.1.1: T1, T2, and timers B, F and H. */
const T1 = 500;
const T2 = 4000;

export function newBranch(): string {
  return `z9hG4bK${randomBytes(8).toString('hex')}`;
}

export function newTag(): string {
  return randomBytes(6).toString('hex');
}

interface Client {
  readonly request: SipRequest;
  readonly peer: Endpoint;
  readonly onResponse: (response: SipResponse) => void;
  timer: NodeJS.Timeout | undefined;
  state: 'calling' | 'proceeding' | 'completed';
}

interface Server {
  readonly peer: Endpoint;
  response: SipResponse | undefined;
  timer: NodeJS.Timeout | undefined;
}

/**
 * The transaction layer of RFC 3261 section 17: retransmits requests and final responses over UDP, answers retransmissions, ACKs
 * failed INVITEs. A 2xx to an INVITE and its ACK are passed on each time: they are the user agent's.
 */
export class SipTransactions {
  onRequest: (request: SipRequest, peer: Endpoint) => void = () => undefined;
  /** A 2xx to an INVITE whose transaction is over: retransmitted because its ACK was lost. */
  onStray2xx: (response: SipResponse) => void = () => undefined;
  readonly #transport: SipTransport;
  readonly #timeoutMs: number;
  readonly #clients = new Map<string, Client>();
  readonly #servers = new Map<string, Server>();
  #closed = false;

  constructor(transport: SipTransport, timeoutMs = 64 * T1) {
    this.#transport = transport;
    this.#timeoutMs = timeoutMs;
    transport.onMessage = (message, peer) => this.#receive(message, peer);
  }

  /** The Via value for a new transaction. */
  via(branch = newBranch()): string {
    const { protocol, address, port } = this.#transport;
    return `SIP/2.0/${protocol.toUpperCase()} ${hostport(address, port)};branch=${branch};rport`;
  }

  /** Sends a request and resolves with its final response; rejects when none comes in time. */
  async request(
    request: SipRequest,
    peer: Endpoint,
    onProvisional?: (response: SipResponse) => void,
  ): Promise<SipResponse> {
    const key = clientKey(request);
    return await new Promise((resolve, reject) => {
      const deadline = setTimeout(() => {
        this.#forget(key);
        reject(new Error(`no answer to ${request.method} ${request.uri} within ${this.#timeoutMs} ms`));
      }, this.#timeoutMs);
      const client: Client = {
        request,
        peer,
        timer: undefined,
        state: 'calling',
        onResponse: (response) => {
          if (response.status < 200) {
            // once it rings, it is for the caller to give up
            if (request.method === 'INVITE') clearTimeout(deadline);
            onProvisional?.(response);
            return;
          }
          clearTimeout(deadline);
          resolve(response);
        },
      };
      this.#clients.set(key, client);
      this.#transport.send(request, peer);
      if (this.#transport.protocol === 'udp') this.#retransmitLater(client, T1);
    });
  }

  #retransmitLater(client: Client, delay: number): void {
    client.timer = setTimeout(() => {
      if (this.#closed || client.state === 'completed') return;
      if (client.request.method === 'INVITE') {
        if (client.state === 'proceeding') return; // timer A stops at the first provisional response
        this.#transport.send(client.request, client.peer);
        this.#retransmitLater(client, delay * 2);
      } else {
        this.#transport.send(client.request, client.peer);
        this.#retransmitLater(client, client.state === 'proceeding' ? T2 : Math.min(delay * 2, T2));
      }
    }, delay);
    client.timer.unref();
  }

  /** Answers a request; a final response is repeated when the request is, and to an INVITE until the ACK comes. */
  respond(request: SipRequest, peer: Endpoint, response: SipResponse): void {
    const server = this.#servers.get(serverKey(request)) ?? { peer, response: undefined, timer: undefined };
    this.#servers.set(serverKey(request), server);
    server.response = response;
    this.#transport.send(response, peer);
    const untilAck = request.method === 'INVITE' && response.status >= 200;
    if (untilAck && (this.#transport.protocol === 'udp' || response.status < 300))
      this.#repeatLater(server, T1, Date.now() + 64 * T1);
  }

  #repeatLater(server: Server, delay: number, deadline: number): void {
    server.timer = setTimeout(() => {
      if (this.#closed || server.response === undefined || Date.now() > deadline) return;
      this.#transport.send(server.response, server.peer);
      this.#repeatLater(server, Math.min(delay * 2, T2), deadline);
    }, delay);
    server.timer.unref();
  }

  /** Ends the repetition of the final response to an INVITE: its ACK has come. */
  acknowledged(invite: SipRequest): void {
    clearTimeout(this.#servers.get(serverKey(invite))?.timer);
  }

  /** Sends without a transaction: an ACK to a 2xx. */
  sendAck(ack: SipRequest, peer: Endpoint): void {
    this.#transport.send(ack, peer);
  }

  #receive(message: SipMessage, peer: Endpoint): void {
    if (isRequest(message)) this.#receiveRequest(message, peer);
    else if (isResponse(message)) this.#receiveResponse(message);
  }

  #receiveRequest(request: SipRequest, peer: Endpoint): void {
    const known = this.#servers.get(serverKey(request));
    if (request.method === 'ACK') {
      if (known !== undefined) clearTimeout(known.timer); // to a failure response: same branch
      this.onRequest(request, peer);
      return;
    }
    if (known !== undefined) {
      if (known.response !== undefined) this.#transport.send(known.response, peer);
      return;
    }
    this.#servers.set(serverKey(request), { peer, response: undefined, timer: undefined });
    this.onRequest(request, peer);
  }

  #receiveResponse(response: SipResponse): void {
    const key = clientKey(response);
    const client = this.#clients.get(key);
    const invite = header(response, 'CSeq').endsWith('INVITE');
    if (client === undefined) return;
    if (response.status < 200) {
      if (client.state === 'calling') client.state = 'proceeding';
      if (client.state === 'proceeding') client.onResponse(response);
      return;
    }
    const first = client.state !== 'completed';
    client.state = 'completed';
    clearTimeout(client.timer);
    if (invite && response.status >= 300) this.#transport.send(ackToFailure(client.request, response), client.peer);
    if (first) client.onResponse(response);
    else if (invite && response.status < 300) this.onStray2xx(response);
  }

  #forget(key: string): void {
    const client = this.#clients.get(key);
    if (client === undefined) return;
    clearTimeout(client.timer);
    this.#clients.delete(key);
  }

  close(): void {
    this.#closed = true;
    for (const { timer } of this.#clients.values()) clearTimeout(timer);
    for (const { timer } of this.#servers.values()) clearTimeout(timer);
  }
}

function branchOf(message: SipMessage): string {
  return parameter(header(message, 'Via').split(',')[0] ?? '', 'branch') ?? '';
}

function clientKey(message: SipMessage): string {
  return `${branchOf(message)} ${header(message, 'CSeq').split(/\s+/)[1] ?? ''}`;
}

function serverKey(request: SipRequest): string {
  return `${branchOf(request)} ${header(request, 'Via').split(/[\s;]/)[1] ?? ''} ${request.method === 'ACK' ? 'INVITE' : request.method}`;
}

/** RFC 3261 17.1.1.3: same branch, same CSeq number, the response's To. */
function ackToFailure(invite: SipRequest, response: SipResponse): SipRequest {
  return {
    method: 'ACK',
    uri: invite.uri,
    headers: [
      ['Via', header(invite, 'Via')],
      ...headers(invite, 'Route').map((value): [string, string] => ['Route', value]),
      ['Max-Forwards', '70'],
      ['From', header(invite, 'From')],
      ['To', header(response, 'To')],
      ['Call-ID', header(invite, 'Call-ID')],
      ['CSeq', `${header(invite, 'CSeq').split(/\s+/)[0] ?? ''} ACK`],
    ],
    body: '',
  };
}

/** A plain final response without a body. */
export function plainResponse(request: SipRequest, status: number, reason: string): SipResponse {
  return responseTo(request, status, reason, newTag());
}
