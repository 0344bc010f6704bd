import { parsed, refused, type Parsed } from '../../parsed.ts';
import { editSip } from '../../wire/sip-edit.ts';
import { parseSdp, sdpPart } from '../../wire/sdp.ts';
import { parseSip, type SipMessage } from '../../wire/sip.ts';
import type { Changes, DigestAnswer, Message, Session } from '../tool.ts';

/**
 * The user part of the toolbox: bytes from outside are read here, and nowhere among the tools, the engine and the databases.
 * Nothing here holds a key or reaches the store.
 */

/** Larger messages are refused unread: a SIP message of ours with certificates and a body of 64 KiB comes to half of it. */
export const MOST_MESSAGE_BYTES = 256 * 1024;

/** Headers that a request has once (RFC 3261 section 20); two of them, and two readers read two messages. */
const SINGLE = ['From', 'To', 'Call-ID', 'CSeq', 'Max-Forwards', 'Content-Type', 'Content-Length', 'Date', 'Expires'];

/** Reads a whole SIP message, request or response. */
export function readMessage(bytes: Buffer): Parsed<Message> {
  if (bytes.length > MOST_MESSAGE_BYTES) return refused(`a message of more than ${MOST_MESSAGE_BYTES} bytes`);
  const read = parseSip(bytes);
  return read.ok ? parsed(new ReadMessage(bytes, read.value)) : read;
}

class ReadMessage implements Message {
  #bytes: Buffer;
  #sip: SipMessage;
  #session: Session | null | undefined;

  constructor(bytes: Buffer, sip: SipMessage) {
    this.#bytes = bytes;
    this.#sip = sip;
  }

  get bytes(): Buffer {
    return this.#bytes;
  }
  get isRequest(): boolean {
    return this.#sip.isRequest;
  }
  get method(): string {
    return this.#sip.isRequest ? this.#sip.method : this.#sip.cseqMethod;
  }
  get status(): number {
    return this.#sip.status;
  }
  get requestUri(): string {
    return this.#sip.requestUri;
  }
  get callId(): string {
    return this.#sip.callId;
  }
  get cseq(): number {
    return this.#sip.cseq;
  }
  get branch(): string {
    return this.#sip.branch;
  }
  get from(): string {
    return `${this.#sip.fromUser}@${this.#sip.fromHost}`;
  }
  get to(): string {
    return `${this.#sip.toUser}@${this.#sip.toHost}`;
  }
  get fromTag(): string {
    return this.#sip.fromTag;
  }
  get toTag(): string {
    return this.#sip.toTag;
  }
  get contentType(): string {
    return this.#sip.contentType;
  }
  get body(): Buffer {
    return this.#sip.body;
  }
  header(name: string): string | null {
    return this.#sip.header(name);
  }
  headers(name: string): readonly string[] {
    return this.#sip.headers(name);
  }

  get digests(): readonly DigestAnswer[] {
    return this.#sip
      .allCredentials()
      .map(({ username, realm, nonce, response, nc }) => ({ username, realm, nonce, response, nc }));
  }

  /** Read once: several tools ask for it. */
  get session(): Session | null {
    if (this.#session === undefined) this.#session = this.#readSession();
    return this.#session;
  }

  #readSession(): Session | null {
    const part = sdpPart(this.contentType, this.body);
    const sdp = part === null ? null : parseSdp(part);
    if (sdp?.ok !== true) return null;
    const { origin, crypto, media } = sdp.value;
    const id = `${origin.sessionId} ${origin.sessionVersion}`;
    const keys = [crypto, ...media.map((each) => each.crypto)]
      .flat()
      .flatMap((each) => each.keys.map(({ key }) => key));
    return {
      origin: `${origin.username} ${id} ${origin.netType} ${origin.addressType} ${origin.address}`,
      originId: id,
      keys: [...new Set(keys)],
    };
  }

  get doubled(): readonly string[] {
    return SINGLE.filter((name) => this.#sip.headers(name).length > 1);
  }

  get exact(): boolean {
    const { contentLength, body } = this.#sip;
    if (contentLength === null) return true;
    // what stands behind the length is no part of the message, but another reader may take it for one
    return !this.#sip.truncated && this.#bytes.subarray(this.#bytes.length - body.length).equals(body);
  }

  change({ remove, set, body }: Changes): string | null {
    const edited = editSip(this.#bytes, {
      ...(remove === undefined ? {} : { remove }),
      ...(set === undefined ? {} : { set }),
      ...(body === undefined ? {} : { body }),
    });
    if (!edited.ok) return edited.reason;
    return this.replace(edited.value);
  }

  replace(bytes: Buffer): string | null {
    if (bytes.length > MOST_MESSAGE_BYTES) return `it would have more than ${MOST_MESSAGE_BYTES} bytes`;
    const read = parseSip(bytes);
    if (!read.ok) return read.reason;
    this.#bytes = bytes;
    this.#sip = read.value;
    this.#session = undefined;
    return null;
  }
}
