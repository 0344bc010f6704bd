import type { Millis } from '../../model.ts';
import { readExact, writeExact } from '../exact-json.ts';
import { accountProblem } from '../identity.ts';
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
import { clientProof, handshakeKeys, LABEL, serverProof, sessionKeys, Transcript, type Keys } from './schedule.ts';

/** What the gateway knows of an account's key. */
export interface KnownKey {
  readonly account: string;
  readonly key: PublicKey;
  readonly state: 'good' | 'revoked' | 'expired';
}

/** Whom the gateway is and whom it knows. Asked in each handshake anew: keys come and go. */
export interface GatewayKeys {
  /** the gateway's own live key of this kid (base64url), not that of TLS */
  own(kid: string): PrivateKeyHandle | undefined;
  /** an account's key, by kid (base64url) */
  known(kid: string): KnownKey | undefined;
  /** a key that nobody has: whoever claims an unknown one is verified against it, which takes as long */
  readonly decoy: PublicKey;
}

/** The gateway's end of a handshake that held. */
export interface ClientProven extends Established {
  readonly account: string;
  /** base64url */
  readonly kid: string;
  /** the client's instance, base64url */
  readonly inst: string;
}

export type ServerStep = HandshakeStep<ClientProven>;

const only =
  (wanted: number) =>
  (type: number): boolean =>
    type === wanted;
const isHello = only(TYPE.clientHello);
const isAuth = only(TYPE.auth);
const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');
const SECRET_LABEL = Buffer.from(LABEL.secret);

/**
 * The gateway's side of the handshake (docs/csc.md): bytes of the client go in, steps come out. However the bytes are split,
 * the steps are the same. After `refused` and `established` it takes nothing more.
 */
export class ServerHandshake {
  readonly #exporter: Uint8Array;
  readonly #keys: GatewayKeys;
  readonly #fresh: Fresh;
  readonly #reader = new FrameReader();
  readonly #transcript = new Transcript();
  #state: 'hello' | 'signing' | 'auth' | 'over' = 'hello';
  #own: PrivateKeyHandle | null = null;
  #kid: Uint8Array = new Uint8Array(0);
  #shared: Buffer = Buffer.alloc(0);
  #handshake: Keys | null = null;

  /** @param exporter 32 bytes of the TLS connection (EXPORTER of schedule.ts) */
  constructor(exporter: Uint8Array, keys: GatewayKeys, fresh: Fresh) {
    this.#exporter = exporter;
    this.#keys = keys;
    this.#fresh = fresh;
  }

  /** Has the gateway proved itself yet? */
  get stage(): 'hello' | 'auth' {
    return this.#handshake === null ? 'hello' : 'auth';
  }

  /** @param now the gateway's clock, which the client learns in frame 5 */
  receive(chunk: Buffer, now: Millis): ServerStep[] {
    if (this.#state === 'over') return [];
    this.#reader.push(chunk);
    return this.#read(now);
  }

  /** The answer to a step `sign`. */
  signed(signature: Uint8Array, now: Millis): ServerStep[] {
    if (this.#state !== 'signing') return [];
    const proof = frame(TYPE.proof, writeExact(PROOF, { sig: signature }));
    this.#transcript.add(proof);
    this.#handshake = handshakeKeys(this.#shared, this.#transcript.hash());
    this.#state = 'auth';
    return [{ kind: 'send', bytes: proof }, ...this.#read(now)];
  }

  #read(now: Millis): ServerStep[] {
    if (this.#state === 'signing') return this.#reader.pending > MOST_WAITING ? this.#refuse('early') : [];
    const hello = this.#state === 'hello';
    const next = this.#reader.next(hello ? isHello : isAuth, hello ? HELLO_BOUNDS : HANDSHAKE_BOUNDS);
    if (next === null) return [];
    if ('ok' in next) return this.#refuse(next.reason as HandshakeRefusal);
    return hello ? this.#hello(next) : this.#auth(next, now);
  }

  #hello({ whole, payload }: Frame): ServerStep[] {
    const hello = readExact(HELLO, payload);
    if (!hello.ok) return this.#refuse('malformed');
    const { v, gw, epk } = hello.value;
    if (v !== VERSION) return this.#refuse('version');
    const own = this.#keys.own(base64url(gw));
    if (own === undefined) return this.#refuse('gateway');
    const { ephemeral, rnd } = this.#fresh;
    const shared = ephemeral.agree(epk);
    if (shared === null) return this.#refuse('weak-key');
    this.#shared = shared;
    this.#own = own;
    this.#kid = gw;
    const answer = frame(TYPE.serverHello, writeExact(HELLO, { v: VERSION, gw, epk: ephemeral.epk, rnd }));
    this.#transcript.add(whole);
    this.#transcript.add(answer);
    this.#state = 'signing';
    return [
      { kind: 'send', bytes: answer },
      { kind: 'sign', key: own, data: serverProof(this.#transcript.hash(), this.#exporter, gw) },
      ...this.#read(0), // only: does too much wait?
    ];
  }

  #auth(sealed: Frame, now: Millis): ServerStep[] {
    const keys = this.#handshake;
    if (keys === null || this.#own === null) throw new TypeError('frame 4 before frame 3');
    const plain = open(keys.toServer, FIRST_NONCE, sealed);
    if (plain === null) return this.#refuse('tag');
    const auth = readExact(AUTH, plain);
    if (!auth.ok || accountProblem(auth.value.id) !== null) return this.#refuse('malformed');
    const { id, inst, sig } = auth.value;
    const kid = base64url(auth.value.kid);
    const known = this.#keys.known(kid);
    const said = clientProof(this.#transcript.hash(), this.#exporter, this.#kid, auth.value.kid, inst, id);
    const proven = (known?.key ?? this.#keys.decoy).verifyPss(said, sig);
    if (known === undefined) return this.#refuse('unknown-key', kid);
    if (!proven) return this.#refuse('proof', kid);
    if (known.account !== id) return this.#refuse('account', kid, known.account);
    if (known.state !== 'good') return this.#refuse(`${known.state}-key`, kid, known.account);
    this.#transcript.add(sealed.whole);
    return this.#ready(keys, known, kid, base64url(inst), now);
  }

  #ready(keys: Keys, { account, key }: KnownKey, kid: string, inst: string, now: Millis): ServerStep[] {
    const { s1 } = this.#fresh;
    const wrap = key.encryptOaep(s1, SECRET_LABEL);
    const ready = seal(keys.toClient, FIRST_NONCE, TYPE.ready, writeExact(READY, { wrap, now }));
    this.#transcript.add(ready);
    const session = sessionKeys(this.#shared, s1, this.#transcript.hash());
    this.#over();
    return [
      { kind: 'send', bytes: ready },
      {
        kind: 'established',
        account,
        kid,
        inst,
        sealer: new Sealer(session.toClient),
        opener: new Opener(session.toServer),
        reader: this.#reader,
      },
    ];
  }

  #refuse(reason: HandshakeRefusal, kid?: string, account?: string): ServerStep[] {
    this.#over();
    return [
      { kind: 'refused', reason, ...(kid === undefined ? {} : { kid }), ...(account === undefined ? {} : { account }) },
    ];
  }

  /** Nothing of the handshake is needed any more. */
  #over(): void {
    this.#state = 'over';
    for (const secret of [this.#shared, this.#fresh.s1, this.#handshake?.toServer, this.#handshake?.toClient])
      secret?.fill(0);
  }
}
