import type { Millis, SourceProof, Transport } from '../model.ts';
import { BoundedMap } from '../windows.ts';

/** Secrets held; those that are being used are kept, whatever flood of challenges goes to forged sources. */
const MAX_SECRETS = 32_768;
/** Longer ones are nobody's nonce or tag. */
const LONGEST = 256;
/**
 * So long what was sent to an address proves that whoever shows it is there. Asterisk takes a nonce for 32 s, Kamailio for
 * five minutes; much later somebody else may have the address.
 */
const FRESH: Millis = 600_000;

interface Issued {
  /** whom it was sent to; null: to several, or somebody else made it up, so that it proves nothing about anybody */
  address: string | null;
  at: Millis;
}

/**
 * Who has shown that packets reach him at the address that he writes as his own (over UDP anybody can write any). Whoever
 * repeats what only the PBX's answer to that address held, has received it: nonce and opaque of a challenge, the tag of an answer.
 *
 * A forger can have a challenge sent to his victim, but never sees it; one that he gets at his own address proves nothing
 * at another. Kamailio's nonces are by default the same for all who are challenged within a second, and a phone
 * behind it may answer with a challenge of its own making: what went to two addresses, or came to the PBX from
 * without, proves nothing. Somebody on the path between the two, who reads the answers, is not told apart from the address.
 */
export class ReturnPaths {
  readonly #issued = new BoundedMap<Issued>(MAX_SECRETS);

  get size(): number {
    return this.#issued.size;
  }

  /** Has any been seen yet? Where answers are not mirrored nobody can be proved, and nobody be called a forger. */
  get watched(): boolean {
    return this.#issued.size > 0;
  }

  /** The PBX sent this to that address. */
  issued(secret: string, address: string, at: Millis): void {
    if (secret === '' || secret.length > LONGEST) return;
    const known = this.#issued.get(secret);
    if (known === undefined) this.#issued.set(secret, { address, at });
    else if (known.address === address) known.at = at;
    else known.address = null;
  }

  /** Somebody who is not the PBX made this up: it proves nothing though the PBX should pass it on. */
  spoilt(secret: string, at: Millis): void {
    if (secret !== '' && secret.length <= LONGEST) this.#issued.set(secret, { address: null, at });
  }

  /** What a request proves of its source, by what it repeats of an answer. */
  proofOf(
    { transport, source }: { readonly transport: Transport; readonly source: string },
    secrets: readonly string[],
    at: Millis,
  ): SourceProof {
    for (const secret of secrets) if (this.proof(transport, source, secret, at) !== 'none') return 'answered';
    return this.proof(transport, source, null, at);
  }

  /** What a request proves of its source. A connection (TCP, TLS, WebSocket) needs both ways. */
  proof(transport: Transport | null, address: string, secret: string | null, at: Millis): SourceProof {
    if (transport !== null && transport !== 'udp') return 'answered';
    if (secret === null || secret === '' || secret.length > LONGEST) return 'none';
    const known = this.#issued.get(secret);
    return known?.address === address && at - known.at <= FRESH ? 'answered' : 'none';
  }
}
