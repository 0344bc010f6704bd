import type { z } from 'zod';
import type { Millis, Severity } from '../model.ts';
import type { Certificate, VerifiedSigner } from '../crypto/smime/index.ts';
import type { Services } from './services.ts';

/**
 * What a tool is, and what passes through it. Read this first, then template.ts (which order of tools makes sense) and
 * engine.ts (how a template is run).
 */

export const FAMILIES = [
  'pki',
  'authentication',
  'integrity',
  'confidentiality',
  'anti-replay',
  'non-repudiation',
  'compression',
  'headers',
  'origin',
  'ipsec',
] as const;
export type Family = (typeof FAMILIES)[number];

/** in: a message comes to us or ours, and is judged and opened; out: it leaves, and is protected. */
export type Direction = 'in' | 'out';

/** A wrapping of the body (RFC 8551): signed (SignedData, multipart/signed), enveloped (EnvelopedData, AuthEnvelopedData), compressed (Content-Encoding). */
export const LAYERS = ['signed', 'enveloped', 'compressed'] as const;
export type Layer = (typeof LAYERS)[number];

/** What a step finds out and later steps may ask for; template.ts checks that it is found before it is asked for. */
export const FACTS = {
  recipients: 'certificates of whom the message is for',
  signer: 'a signature that holds, by a certificate of a CA of ours that names From',
  identity: 'who sent it, proved by the signature',
} as const;
export type Fact = keyof typeof FACTS;

/** What a tool needs beyond the message; a command or the gateway passes it in (services.ts). */
export type ServiceName = 'keys' | 'memory' | 'origins' | 'associations' | 'audit' | 'authorisations';

/** How the other end has shown that it holds a secret, just now: checked by whoever took the message off the wire. */
export const PROOFS = ['csc', 'client-certificate', 'digest'] as const;
export type Proof = (typeof PROOFS)[number];

/** How a message came (or leaves): what the wire told, not what the message claims. */
export interface Arrival {
  readonly at: Millis;
  /** canonical address text; null: not known, and then whatever rests on it refuses */
  readonly source: string | null;
  readonly sourcePort: number;
  readonly destination: string | null;
  readonly destinationPort: number;
  readonly transport: 'udp' | 'tcp' | 'tls' | 'ws' | 'wss' | 'sctp' | 'csc';
  readonly proofs: readonly Proof[];
}

/** What of a session description tells calls apart. Keys are secrets: compared under an HMAC, never shown. */
export interface Session {
  /** the whole `o=` value, '' if there is none */
  readonly origin: string;
  /** its session id and version: too short ones are the same in every call of many phones */
  readonly originId: string;
  /** `a=crypto` inline keys (RFC 4568 section 9.2) */
  readonly keys: readonly string[];
}

/** Digest credentials as far as replay goes (RFC 7616). */
export interface DigestAnswer {
  readonly username: string;
  readonly realm: string;
  readonly nonce: string;
  readonly response: string;
  /** null: none */
  readonly nc: number | null;
}

/** A SIP message as tools see it: read, and changed, by the user part (user/message.ts), so that no tool parses bytes from outside. */
export interface Message {
  readonly bytes: Buffer;
  readonly isRequest: boolean;
  /** of a response that of its CSeq */
  readonly method: string;
  /** 0 for a request */
  readonly status: number;
  readonly requestUri: string;
  readonly callId: string;
  readonly cseq: number;
  readonly branch: string;
  /** `user@host` of From and To, host lower case */
  readonly from: string;
  readonly to: string;
  readonly fromTag: string;
  readonly toTag: string;
  readonly contentType: string;
  readonly body: Buffer;
  /** first line of a header, null if there is none */
  header(name: string): string | null;
  /** every line of a header */
  headers(name: string): readonly string[];
  readonly digests: readonly DigestAnswer[];
  /** of the body as it is now; null without one */
  readonly session: Session | null;
  /** names of headers that stand there more than once though they may not (RFC 3261 section 7.3.1) */
  readonly doubled: readonly string[];
  /** is the body as long as Content-Length says? */
  readonly exact: boolean;
  /** Applies changes. @returns why not, null: done */
  change(changes: Changes): string | null;
  /** Puts another message, made by the crypto room out of this one, in its place. @returns why not, null: done */
  replace(bytes: Buffer): string | null;
}

export interface Changes {
  readonly remove?: readonly string[];
  readonly set?: readonly (readonly [name: string, value: string])[];
  readonly body?: Uint8Array;
}

/** Who signed, as the crypto room has verified it. */
export interface Signer {
  /** SHA-256 of the SPKI, base64url */
  readonly kid: string;
  /** the `user@host` of From (of a response: To) that the certificate names */
  readonly aor: string;
  readonly certificate: Certificate;
  /** digest of the signature itself: a second message cannot have it */
  readonly digest: string;
  /** of the signed Date; null without one */
  readonly date: Millis | null;
  /** were To, From, Call-ID, CSeq and Date signed? */
  readonly headersSigned: boolean;
  readonly contactChanged: boolean;
  /** signature and chain */
  readonly info: VerifiedSigner;
}

/** One message on its way through a template. Tools read it, and write what they find out. */
export interface Passage {
  readonly template: string;
  readonly direction: Direction;
  readonly arrival: Arrival;
  readonly message: Message;
  /** bytes as they came, and the digests of every layer that was taken off */
  readonly original: Buffer;
  readonly opened: string[];
  signer: Signer | null;
  recipients: readonly Certificate[];
  /** `user@host` that a signature has proved; null: the From header's word alone */
  identity: string | null;
  /** have the headers under the signature been compared with the outer ones? */
  headersBound: boolean;
  /** the very message again, as a transport repeats it (RFC 3261 section 17.1): whoever hands it on absorbs it */
  retransmission: boolean;
  /** runs when every step has agreed, all in one transaction: what was accepted is on disk before the message goes on */
  readonly commits: (() => Refusal | null)[];
  /** what the audit record keeps whole, null: the digest is enough */
  evidence: Uint8Array | null;
  /** a signed receipt that is to be sent back (DER); null: none */
  receipt: Uint8Array | null;
  /** facts for the audit record */
  readonly notes: Record<string, string | number | boolean>;
  /** alerts of steps that let the message pass */
  readonly alerts: Alert[];
}

/** Why, for the audit log; outside all of them look alike. */
export type Reason =
  | 'malformed'
  | 'headers'
  | 'content'
  | 'signature'
  | 'chain'
  | 'revoked'
  | 'identity'
  | 'mismatch'
  | 'decryption'
  | 'clear-keys'
  | 'no-certificate'
  | 'proof'
  | 'authorisation'
  | 'replay'
  | 'key-reuse'
  | 'nonce-reuse'
  | 'stale'
  | 'full'
  | 'origin'
  | 'ipsec'
  | 'too-large'
  | 'unavailable';

export interface Refusal {
  readonly reason: Reason;
  readonly detail: string;
  /** challenge: let him prove himself (401, 407; `stale` where a nonce was worn out) and judge again; default refuse */
  readonly verdict?: 'refuse' | 'challenge';
  /** is somebody to be told? null: no, it happens */
  readonly alert?: Alert | null;
}

export interface Alert {
  readonly severity: Severity;
  readonly reason: Reason;
  readonly summary: string;
  readonly facts: Readonly<Record<string, string | number | boolean | null>>;
}

/** null: go on. */
export type Outcome = Refusal | null;

export type Step = (passage: Passage) => Outcome | Promise<Outcome>;

/** What a tool's file exports. */
export interface ToolDefinition<P extends z.ZodObject = z.ZodObject, N extends string = string> {
  /** `family.verb` */
  readonly name: N;
  readonly family: Family;
  /** one line for people */
  readonly summary: string;
  /** zod strict object; every field has a default and a `.describe()` that names unit and meaning */
  readonly parameters: P;
  readonly directions: readonly Direction[];
  readonly needs?: readonly Fact[];
  readonly gives?: readonly Fact[];
  /** takes this layer off (in), puts it on (out) */
  readonly layer?: Layer;
  /** must the content be open, with no layer left on it? */
  readonly clear?: boolean;
  /** has to be the last step of its kind: nothing after it may change the message */
  readonly final?: boolean;
  /** does it change headers or body without being a layer? */
  readonly changes?: boolean;
  readonly services?: readonly ServiceName[];
  /** parameters that are right each by itself and wrong together; [] is right */
  check?(parameters: z.output<P>): readonly string[];
  create(parameters: z.output<P>, services: Services): Step;
}

/** Ties the parameter types of one definition together. */
export const defineTool = <P extends z.ZodObject, const N extends string>(
  definition: ToolDefinition<P, N>,
): ToolDefinition<P, N> => definition;

export const refuse = (reason: Reason, detail: string, alert: Alert | null = null): Refusal => ({
  reason,
  detail,
  alert,
});
