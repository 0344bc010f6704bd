import type { Millis } from '../model.ts';
import type { Peer } from './session.ts';

/** What the gateway refused, as people and detectors should hear of it. A fixed set: metrics are labelled with it. */
export type FindingKind =
  /** another account's identity inside a session */
  | 'identity'
  /** an account with an enrolled key, over plain TLS */
  | 'downgrade'
  /** a method or destination that the rules do not allow */
  | 'rule'
  /** more messages than the limits allow */
  | 'rate'
  /** what is no SIP, or is read in two ways */
  | 'malformed'
  /** it came back again and again */
  | 'loop'
  /** an edge refused it: a secret call's box, a toolbox template */
  | 'edge'
  /** the transport refused it: handshake, key, record */
  | 'session';

export interface Finding {
  readonly at: Millis;
  readonly kind: FindingKind;
  /** whose session it is; '' : nobody has proved anything */
  readonly account: string;
  /** whose name was used, '' if that is not the point */
  readonly claimed: string;
  readonly kid: string | null;
  readonly peer: Peer;
  readonly callId: string;
  readonly method: string;
  /** one plain English sentence, no full stop */
  readonly detail: string;
}

/** Where findings go; the command passes it in. */
export type Tell = (finding: Finding) => void;
