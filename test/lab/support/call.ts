import { header, headers, parameter, responseTo, uriOf } from './sip-message.ts';
import type { SipRequest, SipResponse } from './sip-message.ts';
import { newBranch, newTag } from './sip-transactions.ts';
import type { SipTransactions } from './sip-transactions.ts';
import type { Endpoint, SipTransport } from './sip-transport.ts';

/** What a call needs of the user agent that it belongs to. */
export interface CallParty {
  readonly transport: SipTransport;
  readonly transactions: SipTransactions;
  readonly contact: string;
  readonly userAgent: string;
}

export type CallState = 'calling' | 'ringing' | 'answered' | 'ended';

interface Dialog {
  readonly callId: string;
  local: string;
  remote: string;
  target: string;
  routes: string[];
  sequence: number;
}

/** One call of a user agent, placed or received, with the times (epoch ms) of what happened on the wire. */
export class Call {
  readonly direction: 'outgoing' | 'incoming';
  /** The dialled number. */
  readonly number: string;
  readonly callId: string;
  state: CallState = 'calling';
  /** Final status of the INVITE, 0 before. */
  status = 0;
  /** When the last INVITE (the one with credentials, if asked for) was sent or came. */
  invitedAt = 0;
  answeredAt: number | undefined;
  endedAt: number | undefined;
  endedBy: 'here' | 'there' | 'failure' | undefined;
  cancelled = false;
  /** Descriptions that the other side has offered within the call. */
  readonly offers: string[] = [];
  /** Settles when the INVITE has its final answer. */
  readonly settled: Promise<number>;
  /** Settles when the call is over, for whatever reason. */
  readonly ended: Promise<void>;
  readonly #party: CallParty;
  readonly #peer: Endpoint;
  readonly #dialog: Dialog;
  #invite: SipRequest | undefined;
  #ack: SipRequest | undefined;
  #settle: (status: number) => void = () => undefined;
  #end: () => void = () => undefined;

  constructor(
    party: CallParty,
    peer: Endpoint,
    direction: Call['direction'],
    number: string,
    dialog: Omit<Dialog, 'target' | 'routes'>,
  ) {
    this.#party = party;
    this.#peer = peer;
    this.direction = direction;
    this.number = number;
    this.callId = dialog.callId;
    this.#dialog = { ...dialog, target: '', routes: [] };
    this.settled = new Promise((resolve) => (this.#settle = resolve));
    this.ended = new Promise((resolve) => (this.#end = resolve));
  }

  /** An incoming call's first request: remembers where its dialog leads. */
  static incoming(party: CallParty, peer: Endpoint, invite: SipRequest): Call {
    const number = /^sips?:([^@;>]*)@/.exec(invite.uri)?.[1] ?? '';
    const call = new Call(party, peer, 'incoming', number, {
      callId: header(invite, 'Call-ID'),
      local: `${header(invite, 'To')};tag=${newTag()}`,
      remote: header(invite, 'From'),
      sequence: 0,
    });
    call.invitedAt = Date.now();
    call.#invite = invite;
    call.#dialog.target = uriOf(header(invite, 'Contact'));
    call.#dialog.routes = routeSet(headers(invite, 'Record-Route'));
    return call;
  }

  /** Notes the INVITE that is being sent: CANCEL and ACK refer to it. */
  inviting(invite: SipRequest): void {
    this.#invite = invite;
    this.invitedAt = Date.now();
    this.#dialog.sequence = Number(header(invite, 'CSeq').split(/\s+/)[0]);
    if (this.cancelled) this.cancel();
  }

  /** A provisional response to our INVITE. */
  progress(response: SipResponse): void {
    if (this.state === 'calling' && response.status > 100) this.state = 'ringing';
    if (this.cancelled) this.#sendCancel();
  }

  /** The final response to our INVITE. */
  outcome(response: SipResponse): void {
    this.status = response.status;
    if (response.status >= 300) {
      this.#finish('failure');
      this.#settle(response.status);
      return;
    }
    this.#dialog.remote = header(response, 'To');
    this.#dialog.target = uriOf(header(response, 'Contact'));
    this.#dialog.routes = routeSet(headers(response, 'Record-Route')).reverse();
    this.answeredAt = Date.now();
    this.state = 'answered';
    this.#ack = this.#request('ACK', this.#dialog.sequence);
    this.acknowledge();
    this.#settle(response.status);
    if (this.cancelled) void this.hangUp(); // the answer crossed our CANCEL
  }

  /** Sends our ACK, again if the 2xx came again. */
  acknowledge(): void {
    if (this.#ack !== undefined) this.#party.transactions.sendAck(this.#ack, this.#peer);
  }

  /** The INVITE could not be carried out at all. */
  failed(): void {
    this.#finish('failure');
    this.#settle(0);
  }

  ring(): void {
    this.#respond(180, 'Ringing');
    this.state = 'ringing';
  }

  answer(sdp: string): void {
    if (this.state === 'ended') return;
    this.#respond(200, 'OK', sdp);
    this.state = 'answered';
    this.status = 200;
    this.answeredAt = Date.now();
    this.#settle(200);
  }

  refuse(status: number, reason: string): void {
    if (this.state === 'ended' || this.state === 'answered') return;
    this.#respond(status, reason);
    this.status = status;
    this.#finish('here');
    this.#settle(status);
  }

  #respond(status: number, reason: string, body = ''): void {
    const invite = this.#invite;
    if (invite === undefined) return;
    const extra: [string, string][] = [
      ['Contact', `<${this.#party.contact}>`],
      ['User-Agent', this.#party.userAgent],
    ];
    if (body !== '') extra.push(['Content-Type', 'application/sdp']);
    const tag = parameter(this.#dialog.local, 'tag') ?? '';
    this.#party.transactions.respond(invite, this.#peer, responseTo(invite, status, reason, tag, extra, body));
  }

  /** The other side's ACK to our answer. */
  acknowledged(): void {
    if (this.#invite !== undefined) this.#party.transactions.acknowledged(this.#invite);
  }

  /** The other side's BYE or CANCEL, whose own response the user agent has sent. */
  remoteEnded(cancel: boolean): void {
    if (cancel && this.state !== 'answered') {
      this.cancelled = true;
      this.#respond(487, 'Request Terminated');
      this.status = 487;
      this.#settle(487);
    }
    this.#finish('there');
  }

  /** Gives up an INVITE that has no final answer; RFC 3261 9.1: not before a provisional one. */
  cancel(): void {
    this.cancelled = true;
    if (this.state === 'ringing') this.#sendCancel();
  }

  #sendCancel(): void {
    const invite = this.#invite;
    if (invite === undefined || this.status !== 0) return;
    const cancel: SipRequest = {
      method: 'CANCEL',
      uri: invite.uri,
      headers: [
        ['Via', header(invite, 'Via')],
        ['Max-Forwards', '70'],
        ['From', header(invite, 'From')],
        ['To', header(invite, 'To')],
        ['Call-ID', this.callId],
        ['CSeq', `${header(invite, 'CSeq').split(/\s+/)[0] ?? ''} CANCEL`],
      ],
      body: '',
    };
    this.#party.transactions.request(cancel, this.#peer).catch(() => undefined);
  }

  /** Ends an answered call with BYE, one that is not with CANCEL. Resolves when it is over. */
  async hangUp(): Promise<void> {
    if (this.state === 'ended') return;
    if (this.state !== 'answered') {
      this.cancel();
      await this.ended;
      return;
    }
    this.#finish('here');
    const bye = this.#request('BYE', ++this.#dialog.sequence);
    await this.#party.transactions.request(bye, this.#peer).catch(() => undefined);
  }

  /** Presses a digit: an INFO within the dialog, as phones send it that are set to "SIP INFO". Resolves with its answer's status. */
  async press(digit: string): Promise<number> {
    const info = this.#request('INFO', ++this.#dialog.sequence);
    const response = await this.#party.transactions.request(
      {
        ...info,
        headers: [...info.headers, ['Content-Type', 'application/dtmf-relay']],
        body: `Signal=${digit}\r\nDuration=160\r\n`,
      },
      this.#peer,
    );
    return response.status;
  }

  /** Offers the session again: held (`sendonly`) or taken up. Resolves with the status of the answer, which is acknowledged. */
  async offer(description: string): Promise<{ status: number; body: string }> {
    const sequence = ++this.#dialog.sequence;
    const invite = this.#request('INVITE', sequence);
    const more: [string, string][] = [
      ['Contact', `<${this.#party.contact}>`],
      ['Content-Type', 'application/sdp'],
    ];
    const request = { ...invite, headers: [...invite.headers, ...more], body: description };
    const { status, body } = await this.#party.transactions.request(request, this.#peer);
    if (status < 300) {
      this.#ack = this.#request('ACK', sequence);
      this.acknowledge();
    }
    return { status, body };
  }

  /** The other side offers the session again: taken as it is. */
  offered(invite: SipRequest, description: string): void {
    this.offers.push(invite.body);
    const tag = parameter(this.#dialog.local, 'tag') ?? '';
    const more: [string, string][] = [
      ['Contact', `<${this.#party.contact}>`],
      ['Content-Type', 'application/sdp'],
    ];
    this.#invite = invite;
    this.#party.transactions.respond(invite, this.#peer, responseTo(invite, 200, 'OK', tag, more, description));
  }

  #request(method: string, sequence: number): SipRequest {
    return {
      method,
      uri: this.#dialog.target,
      headers: [
        ['Via', this.#party.transactions.via(newBranch())],
        ...this.#dialog.routes.map((route): [string, string] => ['Route', route]),
        ['Max-Forwards', '70'],
        ['From', this.#dialog.local],
        ['To', this.#dialog.remote],
        ['Call-ID', this.callId],
        ['CSeq', `${sequence} ${method}`],
        ['User-Agent', this.#party.userAgent],
      ],
      body: '',
    };
  }

  #finish(by: 'here' | 'there' | 'failure'): void {
    if (this.state === 'ended') return;
    this.state = 'ended';
    this.endedAt = Date.now();
    this.endedBy = by;
    this.#end();
  }
}

function routeSet(values: readonly string[]): string[] {
  return values.flatMap((value) => value.split(',')).map((value) => value.trim());
}

/** An offer or answer of G.711 at the given address; no media is sent. */
export function sdp(address: string, port: number, version = 1): string {
  return [
    'v=0',
    `o=- ${port} ${version} IN IP4 ${address}`,
    's=-',
    `c=IN IP4 ${address}`,
    't=0 0',
    `m=audio ${port} RTP/AVP 0 8`,
    'a=rtpmap:0 PCMU/8000',
    'a=rtpmap:8 PCMA/8000',
    'a=sendrecv',
    '',
  ].join('\r\n');
}
