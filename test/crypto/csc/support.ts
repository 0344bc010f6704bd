/** Both machines of the handshake in memory; signatures and randomness can be the same in every run of one test. */
import { createHash } from 'node:crypto';
import {
  ClientHandshake,
  type ClientSide,
  type ClientStep,
  type GatewayProven,
} from '../../../src/crypto/csc/client.ts';
import { ephemeralFrom } from '../../../src/crypto/csc/ephemeral.ts';
import type { Fresh, HandshakeRefused } from '../../../src/crypto/csc/handshake.ts';
import { ServerHandshake, type ClientProven, type ServerStep } from '../../../src/crypto/csc/server.ts';
import { publicHalf, type PrivateKeyHandle } from '../../../src/crypto/private-key.ts';
import { TestKeys } from '../../support/csc.ts';
import { NOW, testKey } from '../../support/keys.ts';

export const EXPORTED = Buffer.alloc(32, 7);

const scalar = (name: string): Buffer => createHash('sha256').update(name).digest();
export const freshOf = (name: string): Fresh => ({
  ephemeral: ephemeralFrom(scalar(`${name} scalar`)),
  rnd: scalar(`${name} rnd`),
  s1: scalar(`${name} s1`),
});

const signatures = new Map<string, Uint8Array>();

/** The same data has the same signature all through the run. */
export function signedOnce(key: PrivateKeyHandle, data: Uint8Array): Uint8Array {
  const id = `${key.kid} ${Buffer.from(data).toString('hex')}`;
  const signature = signatures.get(id) ?? key.signPss(data);
  signatures.set(id, signature);
  return signature;
}

export const knownKeys = (): TestKeys => {
  const keys = new TestKeys();
  keys.add('1004', testKey('phone'));
  keys.add('1005', testKey('neighbour'));
  keys.add('1006', testKey('lost phone'), 'revoked');
  keys.add('1007', testKey('old phone'), 'expired');
  return keys;
};

export const INST = scalar('inst').subarray(0, 16);
export const phoneSide = (more: Partial<ClientSide> = {}): ClientSide => ({
  gateway: publicHalf(testKey('gateway')),
  key: testKey('phone'),
  account: '1004',
  inst: INST,
  ...more,
});

/** Feeds a gateway's machine, answers its private key, collects what comes out. */
export class Server {
  readonly machine: ServerHandshake;
  readonly sent: Buffer[] = [];
  end: ClientProven | HandshakeRefused | null = null;
  /** steps after the end: there must be none */
  late = 0;
  /** called instead of signing at once */
  held: (() => void)[] | null = null;

  constructor(keys = knownKeys(), fresh = freshOf('server'), exporter: Uint8Array = EXPORTED) {
    this.machine = new ServerHandshake(exporter, keys, fresh);
  }

  receive(bytes: Buffer): this {
    this.#run(this.machine.receive(bytes, NOW));
    return this;
  }

  #run(steps: readonly ServerStep[]): void {
    for (const step of steps) {
      if (this.end !== null) this.late++;
      if (step.kind === 'send') this.sent.push(step.bytes);
      else if (step.kind === 'sign') {
        const answer = (): void => this.#run(this.machine.signed(signedOnce(step.key, step.data), NOW));
        if (this.held === null) answer();
        else this.held.push(answer);
      } else if (step.kind === 'unwrap') throw new Error('a gateway unwraps nothing');
      else this.end = step;
    }
  }

  get reason(): string | undefined {
    return this.end?.kind === 'refused' ? this.end.reason : this.end?.kind;
  }
}

/** The same for a client's machine. */
export class Client {
  readonly machine: ClientHandshake;
  readonly sent: Buffer[] = [];
  end: GatewayProven | HandshakeRefused | null = null;
  late = 0;

  constructor(side = phoneSide(), fresh = freshOf('client'), exporter: Uint8Array = EXPORTED) {
    this.machine = new ClientHandshake(exporter, side, fresh);
    this.#run(this.machine.start());
  }

  receive(bytes: Buffer): this {
    this.#run(this.machine.receive(bytes));
    return this;
  }

  #run(steps: readonly ClientStep[]): void {
    for (const step of steps) {
      if (this.end !== null) this.late++;
      if (step.kind === 'send') this.sent.push(step.bytes);
      else if (step.kind === 'sign') this.#run(this.machine.signed(signedOnce(step.key, step.data)));
      else if (step.kind === 'unwrap')
        this.#run(this.machine.unwrapped(step.key.decryptOaep(step.wrapped, step.label)));
      else this.end = step;
    }
  }

  get reason(): string | undefined {
    return this.end?.kind === 'refused' ? this.end.reason : this.end?.kind;
  }
}

/** Both to their end. */
export function shake(client = new Client(), server = new Server()): { client: Client; server: Server } {
  let toServer = 0;
  let toClient = 0;
  while (toServer < client.sent.length || toClient < server.sent.length) {
    while (toServer < client.sent.length) server.receive(client.sent[toServer++]!);
    while (toClient < server.sent.length) client.receive(server.sent[toClient++]!);
  }
  return { client, server };
}
