import type { TLSSocket } from 'node:tls';
import type { Channel, ChannelFault, ChannelStep, GatewayKey } from '../crypto/csc/channel.ts';
import type { Millis } from '../model.ts';
import { SECOND } from '../time.ts';
import type { CloseReason, Peer, Session } from './session.ts';

/** A session that is being closed waits this long for the other side's word, and for the last bytes to leave. */
const CLOSING_WITHIN: Millis = 2 * SECOND;
/** Bytes that may wait for a slow path; then `send` takes no more. */
export const MOST_QUEUED = 1_048_576;
/** So much more than the owner may queue can only be answers of ours. */
const STUCK_AT = 2 * MOST_QUEUED;

/** What a session tells whoever made it. */
export interface SessionOwner {
  /** the other side has shown that it has the keys; before that nothing is told */
  confirmed(): void;
  message(bytes: Buffer): void;
  /** gateway: what to answer; null: there is no such key */
  gatewayKey?(): GatewayKey | null;
  /** client: the gateway's answer to `askKey` */
  keyTold?(key: GatewayKey): void;
  /** the last word */
  over(reason: CloseReason, cut: boolean, fault: ChannelFault | undefined): void;
}

/** Who is at the other end. */
export interface SessionFacts {
  readonly id: string;
  readonly account: string | undefined;
  readonly kid: string;
  readonly inst: string | undefined;
  readonly peer: Peer;
  readonly establishedAt: Millis;
}

/** A CSC session over its TLS connection, of either side: carries out what the channel says. */
export class CscSession implements Session {
  readonly kind = 'csc';
  readonly id: string;
  readonly account: string | undefined;
  readonly kid: string;
  readonly inst: string | undefined;
  readonly peer: Peer;
  readonly establishedAt: Millis;
  readonly #socket: TLSSocket;
  readonly #channel: Channel;
  readonly #owner: SessionOwner;
  /** why we close it; null: we do not */
  #closing: CloseReason | null = null;
  #isOver = false;
  #timer: NodeJS.Timeout | null = null;

  constructor(socket: TLSSocket, channel: Channel, facts: SessionFacts, owner: SessionOwner) {
    this.id = facts.id;
    this.account = facts.account;
    this.kid = facts.kid;
    this.inst = facts.inst;
    this.peer = facts.peer;
    this.establishedAt = facts.establishedAt;
    this.#socket = socket;
    this.#channel = channel;
    this.#owner = owner;
  }

  /** Takes the socket over. */
  start(): void {
    const socket = this.#socket;
    socket.on('data', (chunk: Buffer) => this.#run(this.#channel.receive(chunk)));
    const lost = (): void => this.#end(this.#closing ?? 'lost', true);
    socket.on('end', lost);
    socket.on('close', lost);
    this.#run(this.#channel.start(Date.now()));
    socket.resume();
  }

  /** Bytes that wait for the path. */
  get queued(): number {
    return this.#socket.writableLength;
  }

  send(message: Buffer): boolean {
    if (this.#isOver || this.queued > MOST_QUEUED) return false;
    const record = this.#channel.send(message);
    if (record === null) return false;
    this.#write(record);
    return true;
  }

  /** Client: asks for the gateway's youngest key. @returns false: already asked, or closing */
  askKey(): boolean {
    const record = this.#isOver ? null : this.#channel.askKey();
    if (record !== null) this.#write(record);
    return record !== null;
  }

  close(reason: CloseReason): void {
    if (this.#isOver || this.#closing !== null) return;
    this.#closing = reason;
    this.#run(this.#channel.close());
    this.#timer = setTimeout(() => this.#end(reason, true), CLOSING_WITHIN).unref();
  }

  /** Ends it without a word to the other side. */
  cut(reason: CloseReason, fault?: ChannelFault): void {
    this.#end(reason, true, fault);
  }

  /** To be called every second. */
  tick(now: Millis): void {
    if (this.#isOver) return;
    if (this.#channel.isExpired(now)) this.close('expired');
    this.#run(this.#channel.tick(now));
  }

  #run(steps: readonly ChannelStep[]): void {
    // records were sealed in this order: what the owner sends while he is told of the rest comes after them
    for (const step of steps) if (step.kind === 'send') this.#write(step.bytes);
    // whoever makes us answer and does not read the answers; a queue that the owner has filled is no fault
    if (this.queued > STUCK_AT) this.#end('stuck', true);
    for (const step of steps) {
      if (this.#isOver) return; // by what the owner did with the step before
      switch (step.kind) {
        case 'send':
          break;
        case 'confirmed':
          this.#owner.confirmed();
          break;
        case 'sip':
          this.#owner.message(step.bytes);
          break;
        case 'key-request':
          this.#answerKey();
          break;
        case 'gateway-key':
          this.#owner.keyTold?.(step.key);
          break;
        case 'over':
          this.#overBy(step.reason, step.fault);
      }
    }
  }

  #answerKey(): void {
    const key = this.#owner.gatewayKey?.() ?? null;
    const record = key === null ? null : this.#channel.answerKey(key);
    if (record === null) this.close('shutdown');
    else this.#write(record);
  }

  #overBy(reason: 'closed' | 'peer-closed' | 'silent' | 'protocol', fault: ChannelFault | undefined): void {
    if (reason === 'closed') this.#end(this.#closing ?? 'shutdown', false);
    else this.#end(reason, reason !== 'peer-closed', fault);
  }

  /** Several records of one turn of the event loop leave together. */
  #write(record: Buffer): void {
    const socket = this.#socket;
    if (socket.writableCorked === 0) {
      socket.cork();
      process.nextTick(() => socket.uncork());
    }
    socket.write(record);
  }

  #end(reason: CloseReason, cut: boolean, fault?: ChannelFault): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#channel.end();
    const socket = this.#socket;
    if (cut) socket.destroy();
    else {
      socket.end();
      setTimeout(() => socket.destroy(), CLOSING_WITHIN).unref();
    }
    this.#owner.over(reason, cut, fault);
  }
}
