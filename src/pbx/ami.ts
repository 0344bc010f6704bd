import { randomBytes } from 'node:crypto';
import { PeerError } from '../errors.ts';
import type { Millis } from '../model.ts';
import { AmiMessage } from '../wire/ami.ts';
import type { AmiItem } from '../wire/ami.ts';
import { AmiTransport } from './ami-transport.ts';
import type { AmiHeaders, AmiOptions } from './ami-transport.ts';

export type { AmiHeaders, AmiOptions } from './ami-transport.ts';
export { keepAmi } from './ami-keep.ts';
export type { AmiChange, AmiHealth, AmiKeeper, AmiKeeperHandlers, KeepOptions } from './ami-keep.ts';
export { readPbxState } from './ami-state.ts';
export type { PbxChannel, PbxContact, PbxEndpoint, PbxState } from './ami-state.ts';

export interface AmiHandlers {
  /** An event that no action of ours asked for, synchronously in the socket's callback. */
  event(event: AmiMessage, arrival: Millis): void;
  /** Something on the connection that is no AMI message; the stream goes on after it. */
  refused?(reason: string, arrival: Millis): void;
  /** Asterisk answered an action, so many milliseconds after it was sent. */
  answered?(took: Millis): void;
  /** Told once when the session is over, with the reason; every action that waited has been rejected with it. */
  closed?(error: PeerError): void;
}

/** A logged-in manager session. It is over for good when its connection is; `keepAmi` makes new ones. */
export interface AmiSession {
  /** version of the protocol by the banner, `11.0.0` */
  readonly version: string;
  /**
   * Sends an action and resolves with its response, whether Success or Error (`name`), for only the caller knows whether
   * an Error is one: DBDel of a key that is absent is an Error too.
   * @throws PeerError peer-timeout, peer-closed (both retryable), peer-protocol (cannot be sent as it is)
   */
  action(name: string, headers?: AmiHeaders): Promise<AmiMessage>;
  /**
   * Sends a list action (PJSIPShowEndpoints, DBGetTree …) and resolves with its items, without the event that ends the
   * list. "No … found" is the empty list.
   * @throws PeerError as `action`, and peer-refused with Asterisk's words when it answers with an Error
   */
  list(name: string, headers?: AmiHeaders): Promise<AmiMessage[]>;
  /** Ends the session; what waits is rejected. */
  close(): void;
}

/** What to do where the manager account may not do this; '' for any other refusal. A session keeps the rights of its login. */
export const rightsHint = (said: string): string =>
  /permission/i.test(said)
    ? '. Give the manager account "write = system" (asterisk-conf/manager_ringfence.conf), then: asterisk -rx "manager reload", and restart ringfence'
    : '';

const ACTION_MS: Millis = 5_000;
const PING_MS: Millis = 15_000;
/** Actions that may wait at a time, and items of one list: beyond these something is wrong. */
const WAITING_LIMIT = 10_000;
const ITEM_LIMIT = 500_000;

interface Waiting {
  readonly name: string;
  readonly list: boolean;
  readonly items: AmiMessage[];
  /** by performance.now() */
  readonly sentAt: number;
  readonly timer: NodeJS.Timeout;
  readonly resolve: (response: AmiMessage) => void;
  readonly reject: (error: PeerError) => void;
}

/**
 * Connects to the Asterisk Manager Interface and logs in.
 * @throws PeerError: peer-unreachable, peer-timeout, peer-closed, peer-protocol (no AMI there), and peer-refused, not
 * retryable, when the account or the certificate is not accepted; each says what to do
 */
export async function connectAmi(options: AmiOptions, handlers: AmiHandlers): Promise<AmiSession> {
  const session = new Session(options, handlers);
  await session.open();
  return session;
}

const LIST_COMPLETE = new AmiMessage([['Response', 'Success']]);

class Session implements AmiSession {
  readonly #options: AmiOptions;
  readonly #handlers: AmiHandlers;
  readonly #waiting = new Map<string, Waiting>();
  /** ActionIDs are ours alone: another manager's, or one that an event carries, cannot be taken for them */
  readonly #prefix = `ringfence-${randomBytes(6).toString('hex')}-`;
  #transport: AmiTransport | null = null;
  #count = 0;
  #pings: NodeJS.Timeout | null = null;

  constructor(options: AmiOptions, handlers: AmiHandlers) {
    this.#options = options;
    this.#handlers = handlers;
  }

  async open(): Promise<void> {
    this.#transport = await AmiTransport.open(this.#options, {
      item: (item, arrival) => this.#item(item, arrival),
      closed: (error) => this.#closed(error),
    });
    this.#pings = setInterval(() => void this.#ping(), this.#options.pingMs ?? PING_MS).unref();
  }

  get version(): string {
    return this.#transport?.version ?? '';
  }

  action(name: string, headers: AmiHeaders = []): Promise<AmiMessage> {
    return this.#send(name, headers, []);
  }

  async list(name: string, headers: AmiHeaders = []): Promise<AmiMessage[]> {
    const items: AmiMessage[] = [];
    const response = await this.#send(name, headers, items, true);
    if (response.name === 'Success') return items;
    const said = response.get('Message') ?? response.name;
    if (/\bno\b.*\bfound\b|\bnot found\b/i.test(said)) return [];
    throw new PeerError('peer-refused', `Asterisk refuses ${name}: ${said}${rightsHint(said)}`, false);
  }

  close(): void {
    this.#transport?.close(new PeerError('peer-closed', 'the AMI session was closed by us', true));
  }

  async #send(name: string, headers: AmiHeaders, items: AmiMessage[], list = false): Promise<AmiMessage> {
    const transport = this.#transport;
    if (transport === null) throw new PeerError('peer-closed', 'there is no AMI session', true);
    if (this.#waiting.size >= WAITING_LIMIT) {
      throw new PeerError('peer-timeout', `${WAITING_LIMIT} AMI actions wait already`, true);
    }
    const id = `${this.#prefix}${++this.#count}`;
    transport.send(name, headers, id);
    return await new Promise((resolve, reject) => {
      const limit = this.#options.actionMs ?? ACTION_MS;
      const timer = setTimeout(() => {
        const error = new PeerError('peer-timeout', `Asterisk did not answer ${name} within ${limit} ms`, true);
        this.#settle(id)?.reject(error);
      }, limit);
      this.#waiting.set(id, { name, list, items, sentAt: performance.now(), timer, resolve, reject });
    });
  }

  /** Takes an action out of what waits, and frees all that is held for it. */
  #settle(id: string): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return undefined;
    this.#waiting.delete(id);
    clearTimeout(waiting.timer);
    this.#transport?.answered(id);
    return waiting;
  }

  #item(item: AmiItem, arrival: Millis): void {
    if (item.kind === 'refused') this.#handlers.refused?.(item.reason, arrival);
    if (item.kind !== 'message') return;
    const { message } = item;
    const id = message.get('ActionID');
    const waiting = id === null ? undefined : this.#waiting.get(id);
    if (message.kind === 'response') {
      if (id !== null && waiting !== undefined) this.#response(id, waiting, message);
    } else if (message.kind === 'event') {
      if (id !== null && waiting?.list === true) this.#listItem(id, waiting, message);
      // what comes after a time-out is an answer too late, not news
      else if (id?.startsWith(this.#prefix) !== true) this.#handlers.event(message, arrival);
    }
  }

  #response(id: string, waiting: Waiting, message: AmiMessage): void {
    this.#handlers.answered?.(performance.now() - waiting.sentAt);
    const starts =
      message.get('EventList')?.toLowerCase() === 'start' || /\bwill follow\b/i.test(message.get('Message') ?? '');
    if (!waiting.list || message.name !== 'Success') this.#settle(id)?.resolve(message);
    else if (starts) waiting.timer.refresh();
    else {
      this.#settle(id)?.reject(new PeerError('peer-protocol', `${waiting.name} is no list action`, false));
    }
  }

  #listItem(id: string, waiting: Waiting, message: AmiMessage): void {
    waiting.timer.refresh();
    const mark = message.get('EventList')?.toLowerCase();
    if (mark === 'cancelled') {
      this.#settle(id)?.reject(new PeerError('peer-refused', `Asterisk broke the list of ${waiting.name} off`, true));
    } else if (mark === 'complete' || (mark === undefined && message.name.endsWith('Complete'))) {
      this.#settle(id)?.resolve(LIST_COMPLETE);
    } else if (waiting.items.push(message) > ITEM_LIMIT) {
      waiting.items.length = 0;
      this.#settle(id)?.reject(
        new PeerError('peer-protocol', `${waiting.name} lists more than ${ITEM_LIMIT} items`, false),
      );
    }
  }

  /** A connection whose other end is gone without a word is found out by asking. */
  async #ping(): Promise<void> {
    try {
      await this.action('Ping');
    } catch (error) {
      if (error instanceof PeerError && error.code === 'peer-timeout') this.#transport?.close(error);
    }
  }

  #closed(error: PeerError): void {
    if (this.#pings !== null) clearInterval(this.#pings);
    for (const id of [...this.#waiting.keys()]) this.#settle(id)?.reject(error);
    this.#handlers.closed?.(error);
  }
}
