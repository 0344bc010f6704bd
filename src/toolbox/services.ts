import type { Certificate, Identity, Keyholder, Trust } from '../crypto/smime/index.ts';
import type { Millis } from '../model.ts';
import type { Alert, Arrival, Direction, Proof, Reason, ServiceName } from './tool.ts';
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
  keys: 'CAs to trust, and where a key is used that key (--ca, --crl, --cert, --key, --to)',
  memory: 'the store, which remembers what was accepted ([store] path)',
  origins: 'the store, which knows the addresses of identities ([store] path)',
  associations: "the kernel's IPsec associations (ip xfrm, which needs CAP_NET_ADMIN)",
  audit: 'the audit trail (in the store)',
  authorisations: '[toolbox] authorisations',
};

/** Keys and certificates, as the crypto room hands them out: private ones are opaque handles. */
export interface Keys {
  /** CAs that are trusted, and their revocation lists */
  readonly trust: Trust;
  /** keys that open what is for us */
  readonly keyholders: readonly Keyholder[];
  /** A key that signs as `user@host`; null: there is none here. */
  signerOf(identity: string): Identity | null;
  /** Certificates of `user@host`, the youngest first. */
  certificatesOf(identity: string): readonly Certificate[];
  /** Was this key issued here, and is it good at that time? */
  isIssued(kid: string, at: Millis): boolean;
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
  readonly transport: Arrival['transport'];
  readonly proofs: readonly Proof[];
  /** key id of who signed, '' if nobody */
  readonly signer: string;
  /** SHA-256 of the message as it came, base64url */
  readonly digest: string;
  readonly notes: Readonly<Record<string, string | number | boolean>>;
}

/** The audit trail: append-only, hash-chained, signed where keys exist. */
export interface Audit {
  /** Part of the transaction that is under way. */
  append(record: AuditRecord, evidence: Uint8Array | null): void;
}

/** Who may do what. */
export interface Authorisations {
  /** null: nothing is said of this identity */
  allows(identity: string, method: string, to: string): boolean | null;
}

/** Where what people should hear of goes. */
export type Tell = (alert: Alert, record: AuditRecord) => void;
