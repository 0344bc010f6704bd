import type { Millis } from '../model.ts';
import type { Alert, Arrival, Direction, Proof, Reason, ServiceName, Signer } from './tool.ts';
import type { Origins } from './origins.ts';
import type { Replays } from './replays.ts';

/**
 * What tools reach beyond the message. The toolbox declares it; a command or the gateway passes it in. What is null is not
 * there, and a template that needs it does not pass its check.
 */
export interface Services {
  readonly keys: Keys | null;
  readonly memory: Replays | null;
  readonly origins: Origins | null;
  readonly associations: Associations | null;
  readonly audit: Audit | null;
  readonly authorisations: Authorisations | null;
}

export const NO_SERVICES: Services = {
  keys: null,
  memory: null,
  origins: null,
  associations: null,
  audit: null,
  authorisations: null,
};

/** What each of them is, for the one who has to bring it. */
export const SERVICE_HELP: Readonly<Record<ServiceName, string>> = {
  keys: 'keys and certificates (ringfence keys init)',
  memory: 'the store, which remembers what was accepted ([store] path)',
  origins: 'the store, which knows the addresses of identities ([store] path)',
  associations: "the kernel's IPsec associations (ip xfrm, which needs CAP_NET_ADMIN)",
  audit: 'the audit trail (in the store)',
  authorisations: '[toolbox] authorisations',
};

/** Why an operation with keys failed: for the audit log alone. */
export interface Failure {
  readonly ok: false;
  readonly reason: Reason;
  readonly detail: string;
}

/** A body with its type. */
export interface Content {
  readonly contentType: string;
  readonly disposition: string;
  readonly body: Uint8Array;
}

/**
 * S/MIME and the CA, as the crypto room does them. Private keys stay behind it: nothing here takes one or returns one.
 * No method throws because of what a message holds.
 */
export interface Keys {
  /** Certificates (DER, leaf first) of `user@host`, newest first; [] if there is none. */
  certificatesOf(identity: string): readonly Uint8Array[];
  /** Chain to a CA of ours, dates, revocation, key usage. null: trusted */
  validate(certificates: readonly Uint8Array[], at: Millis): Promise<Failure | null> | Failure | null;
  /** Does the certificate name `user@host` (SAN URI sip:, RFC 5922)? */
  names(certificate: Uint8Array, identity: string): boolean;
  decrypt(content: Content): Promise<{ readonly ok: true; readonly content: Content } | Failure>;
  encrypt(content: Content, recipients: readonly Uint8Array[], cipher: string): Promise<Content>;
  verify(
    content: Content,
  ): Promise<{ readonly ok: true; readonly content: Content; readonly signer: Signer } | Failure>;
  /** Signs `content` together with the headers in `fragment` (message/sipfrag); null: there is no key of that identity here. */
  sign(content: Content, fragment: string, identity: string): Promise<Content | null>;
}

/** A security association that covers a packet, as the kernel holds it. */
export interface Association {
  readonly protocol: string;
  readonly mode: string;
  readonly spi: string;
  /** the other gateway of a tunnel, else the peer */
  readonly peer: string;
}

/** The kernel's IPsec, as `ip xfrm` tells it. */
export interface Associations {
  /** What covers a packet that comes in, or goes out, so; a text says why nothing does. @throws PeerError: nobody can say */
  covering(arrival: Arrival, direction: Direction): Promise<Association | string>;
}

/** One message that was judged, for the audit trail. */
export interface AuditRecord {
  readonly at: Millis;
  readonly template: string;
  readonly verdict: 'accept' | 'refuse' | 'challenge';
  /** tool that refused, '' if none did */
  readonly tool: string;
  readonly reason: Reason | '';
  readonly detail: string;
  readonly callId: string;
  readonly method: string;
  readonly cseq: number;
  readonly from: string;
  readonly to: string;
  readonly source: string;
  readonly proofs: readonly Proof[];
  /** key id of who signed, '' if nobody */
  readonly signer: string;
  /** SHA-256 of the message as it came, base64url */
  readonly digest: string;
  readonly notes: Readonly<Record<string, string | number | boolean>>;
}

/** The audit trail: append-only, hash-chained, signed where keys exist. */
export interface Audit {
  /** On disk when it returns. @returns the record's hash in the chain */
  append(record: AuditRecord, evidence?: Uint8Array): string;
}

/** Who may do what. */
export interface Authorisations {
  /** null: nothing is said of this identity */
  allows(identity: string, method: string, to: string): boolean | null;
}

/** Where what people should hear of goes. */
export type Tell = (alert: Alert, record: AuditRecord) => void;
