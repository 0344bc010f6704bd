import { createHmac } from 'node:crypto';

/** Bytes of the border's secret: it is kept over restarts, so that branches and flow tokens stay what they were. */
export const BORDER_SECRET_BYTES = 32;

/** RFC 3261 section 8.1.1.7: what begins with it is unique to its transaction. */
export const MAGIC_COOKIE = 'z9hG4bK';

const ZERO = Buffer.from([0]);

/**
 * What the gateway puts into messages that must mean the same to it after a restart: branches of requests that it sends on, and
 * tokens of flows (RFC 5626 section 5.2) in Path, Record-Route and Contact.
 */
export class BorderKeys {
  readonly #secret: Uint8Array;

  constructor(secret: Uint8Array) {
    if (secret.length !== BORDER_SECRET_BYTES) throw new RangeError(`a border secret has ${BORDER_SECRET_BYTES} bytes`);
    this.#secret = secret;
  }

  /**
   * Branch of a request that is sent on: the same for a resend over another connection, so that whoever is next absorbs it.
   * @param kid whose request it is @param method INVITE for its CANCEL and for the ACK of its failure
   */
  branch(kid: string, received: string, method: string): string {
    return MAGIC_COOKIE + this.#hmac('', kid, received, method).subarray(0, 17).toString('base64url').slice(0, 22);
  }

  /** Names a flow: the program `inst` of whoever holds the key `kid`. 22 characters, not to be guessed. */
  token(kid: string, inst: string): string {
    return this.#hmac('flow', kid, inst).toString('base64url').slice(0, 22);
  }

  #hmac(domain: string, ...parts: readonly string[]): Buffer {
    const hmac = createHmac('sha256', this.#secret);
    if (domain !== '') hmac.update(domain).update(ZERO).update(ZERO);
    parts.forEach((part, i) => (i === 0 ? hmac.update(part) : hmac.update(ZERO).update(part)));
    return hmac.digest();
  }
}
