import type { Place } from './border-edit.ts';
import type { Peer } from './session.ts';

/** A PBX or proxy behind the gateway. */
export interface Upstream {
  readonly name: string;
  readonly transport: 'udp' | 'tcp' | 'tls';
  readonly host: string;
  readonly port: number;
  readonly registrations: 'contact' | 'path';
  /** '' : request URIs stay */
  readonly domain: string;
  /** where it reaches us */
  readonly inside: Place;
  /** it answered when it was last asked; nobody has been asked yet: true */
  up: boolean;
}

/** Where a message from inside came from. */
export interface Origin {
  /** null: an address of inside_allow */
  readonly upstream: Upstream | null;
  readonly transport: 'udp' | 'tcp' | 'tls';
  readonly peer: Peer;
  /** of TCP and TLS: answers go back by it */
  readonly connection: object | null;
}

/** The sockets inside. Nothing here throws; what cannot be sent is counted, and the transaction's timer tells. */
export interface Inside {
  readonly upstreams: readonly Upstream[];
  send(upstream: Upstream, bytes: Buffer): void;
  /** @param port where a datagram goes, by the Via of its request */
  answer(origin: Origin, port: number, bytes: Buffer): void;
  /** It left a request without any answer: ask it now whether it is there. */
  suspect(upstream: Upstream): void;
}
