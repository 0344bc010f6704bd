import type { Millis } from '../../model.ts';
import { readExact, writeExact } from '../exact-json.ts';
import type { PrivateKeyHandle } from '../private-key.ts';
import type { PublicKey } from '../public-key.ts';
import { frame, FrameReader, HANDSHAKE_BOUNDS, TYPE, type Frame } from './frames.ts';
import {
  AUTH,
  HELLO,
  HELLO_BOUNDS,
  MOST_WAITING,
  PROOF,
  READY,
  VERSION,
  type Established,
  type Fresh,
  type HandshakeRefusal,
  type HandshakeStep,
} from './handshake.ts';
import { FIRST_NONCE, open, Opener, seal, Sealer } from './record.ts';
import {
  clientProof,
  handshakeKeys,
  KEY_BYTES,
  LABEL,
  serverProof,
  sessionKeys,
  Transcript,
  type Keys,
} from './schedule.ts';

/** Who knocks, and at whose door. */
export interface ClientSide {
  /** the gateway's key, as it is pinned */
  readonly gateway: PublicKey;
  /** the account's own */
  readonly key: PrivateKeyHandle;
  readonly account: string;
  /** this program's instance, 16 bytes: the same at every start */
  readonly inst: Uint8Array;
}

/** The client's end of a handshake that held. */
export interface GatewayProven extends Established {
  /** the gateway's clock */
  readonly now: Millis;
}

export type ClientStep = HandshakeStep<GatewayProven>;

type Awaited = 'hello' | 'proof' | 'ready';
const AWAITED: Readonly<Record<Awaited, number>> = {
  hello: TYPE.serverHello,
  proof: TYPE.proof,
  ready: TYPE.ready,
};
const SECRET_LABEL = Buffer.from(LABEL.secret);
const raw = (kid: string): Uint8Array => Buffer.from(kid, 'base64url');

/** The client's side of the handshake (docs/csc.md): `start`, then bytes of the gateway go in, steps come out. */
export class ClientHandshake {
  readonly #exporter: Uint8Array;
  readonly #side: ClientSide;
  readonly #fresh: Fresh;
  readonly #reader = new FrameReader();
  readonly #transcript = new Transcript();
  #state: Awaited | 'start' | 'signing' | 'unwrapping' | 'over' = 'start';
  #shared: Buffer = Buffer.alloc(0);
  #handshake: Keys | null = null;
  #now: Millis = 0;

  /** @param exporter 32 bytes of the TLS connection (EXPORTER of schedule.ts) */
  constructor(exporter: Uint8Array, side: ClientSide, fresh: Fresh) {
    this.#exporter = exporter;
    this.#side = side;
    this.#fresh = fresh;
  }

  start(): ClientStep[] {
    if (this.#state !== 'start') return [];
    const { ephemeral, rnd } = this.#fresh;
    const hello = writeExact(HELLO, { v: VERSION, gw: raw(this.#side.gateway.kid), epk: ephemeral.epk, rnd });
    const bytes = frame(TYPE.clientHello, hello);
    this.#transcript.add(bytes);
    this.#state = 'hello';
    return [{ kind: 'send', bytes }];
  }

  receive(chunk: Buffer): ClientStep[] {
    if (this.#state === 'over' || this.#state === 'start') return [];
    this.#reader.push(chunk);
    return this.#read();
  }

  #read(): ClientStep[] {
    for (;;) {
      const state = this.#state;
      if (state === 'start' || state === 'over') return [];
      if (state === 'signing' || state === 'unwrapping')
        return this.#reader.pending > MOST_WAITING ? this.#refuse('early') : [];
      const next = this.#reader.next(
        (type) => type === AWAITED[state],
        state === 'hello' ? HELLO_BOUNDS : HANDSHAKE_BOUNDS,
      );
      if (next === null) return [];
      if ('ok' in next) return this.#refuse(next.reason as HandshakeRefusal);
      const steps = state === 'hello' ? this.#hello(next) : state === 'proof' ? this.#proof(next) : this.#ready(next);
      if (steps.length > 0) return steps;
    }
  }

  #hello({ whole, payload }: Frame): ClientStep[] {
    const hello = readExact(HELLO, payload);
    if (!hello.ok) return this.#refuse('malformed');
    const { v, gw, epk } = hello.value;
    if (v !== VERSION) return this.#refuse('version');
    if (!raw(this.#side.gateway.kid).every((byte, i) => byte === gw[i])) return this.#refuse('gateway');
    const shared = this.#fresh.ephemeral.agree(epk);
    if (shared === null) return this.#refuse('weak-key');
    this.#shared = shared;
    this.#transcript.add(whole);
    this.#state = 'proof';
    return [];
  }

  #proof({ whole, payload }: Frame): ClientStep[] {
    const proof = readExact(PROOF, payload);
    if (!proof.ok) return this.#refuse('malformed');
    const { gateway, key, inst, account } = this.#side;
    const kidS = raw(gateway.kid);
    if (!gateway.verifyPss(serverProof(this.#transcript.hash(), this.#exporter, kidS), proof.value.sig))
      return this.#refuse('proof');
    this.#transcript.add(whole);
    const h3 = this.#transcript.hash();
    this.#handshake = handshakeKeys(this.#shared, h3);
    this.#state = 'signing';
    const data = clientProof(h3, this.#exporter, kidS, raw(key.kid), inst, account);
    return [{ kind: 'sign', key, data }];
  }

  /** The answer to a step `sign`. */
  signed(signature: Uint8Array): ClientStep[] {
    const keys = this.#handshake;
    if (this.#state !== 'signing' || keys === null) return [];
    const { account, key, inst } = this.#side;
    const auth = writeExact(AUTH, { id: account, kid: raw(key.kid), inst, sig: signature });
    const bytes = seal(keys.toServer, FIRST_NONCE, TYPE.auth, auth);
    this.#transcript.add(bytes);
    this.#state = 'ready';
    return [{ kind: 'send', bytes }, ...this.#read()];
  }

  #ready(sealed: Frame): ClientStep[] {
    const plain = this.#handshake === null ? null : open(this.#handshake.toClient, FIRST_NONCE, sealed);
    if (plain === null) return this.#refuse('tag');
    const ready = readExact(READY, plain);
    if (!ready.ok) return this.#refuse('malformed');
    this.#transcript.add(sealed.whole);
    this.#now = ready.value.now;
    this.#state = 'unwrapping';
    return [{ kind: 'unwrap', key: this.#side.key, label: SECRET_LABEL, wrapped: ready.value.wrap }];
  }

  /** The answer to a step `unwrap`; null: it could not be decrypted. */
  unwrapped(s1: Uint8Array | null): ClientStep[] {
    if (this.#state !== 'unwrapping') return [];
    if (s1?.length !== KEY_BYTES) return this.#refuse('secret');
    const keys = sessionKeys(this.#shared, s1, this.#transcript.hash());
    s1.fill(0);
    this.#over();
    return [
      {
        kind: 'established',
        now: this.#now,
        sealer: new Sealer(keys.toServer),
        opener: new Opener(keys.toClient),
        reader: this.#reader,
      },
    ];
  }

  #refuse(reason: HandshakeRefusal): ClientStep[] {
    this.#over();
    return [{ kind: 'refused', reason }];
  }

  /** Nothing of the handshake is needed any more. */
  #over(): void {
    this.#state = 'over';
    for (const secret of [this.#shared, this.#fresh.s1, this.#handshake?.toServer, this.#handshake?.toClient])
      secret?.fill(0);
  }
}
