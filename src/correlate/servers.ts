import type { Transport } from '../model.ts';
import type { Site } from '../site/site.ts';

/** Most addresses that can be learnt; a site has a handful, an attacker who fakes answers must not fill the set. */
const LIMIT = 64;

/**
 * Who is the PBX (or the proxy in front of it), so that its own requests are not taken for somebody's attack: the
 * addresses of the settings, else what answers REGISTERs or challenges requests of others.
 */
export class Servers {
  readonly #site: Site;
  /** "address port" over UDP, "address" once it was seen answering on a connection, whose own requests leave from any port */
  readonly #learnt = new Set<string>();

  /** servers that passed a request on to another */
  readonly #relays = new Set<string>();

  /** ports that something of the site was seen at */
  readonly #ports: { readonly address: string; readonly port: number }[] = [];

  constructor(site: Site) {
    this.#site = site;
  }

  /** A server of the site was written to at this port, or wrote to somebody else from there. */
  seenAt(address: string, port: number): void {
    if (!this.knowsPort(address, port) && this.#ports.length < LIMIT) this.#ports.push({ address, port });
  }

  /** Is there a server of the site at this port? Few are held, and every packet asks: looked at one by one. */
  knowsPort(address: string, port: number): boolean {
    for (const known of this.#ports) if (known.port === port && known.address === address) return true;
    return false;
  }

  is(address: string, port: number, transport: Transport): boolean {
    if (this.#site.networks.isPbx(address)) return true;
    if (this.#learnt.size === 0) return false;
    return this.#learnt.has(`${address} ${port}`) || (transport !== 'udp' && this.#learnt.has(address));
  }

  /** Something at this address answered as only a registrar or an authenticating server does. */
  learn(address: string, port: number, transport: Transport): void {
    if (this.#learnt.size >= LIMIT || this.#site.networks.trunkOf(address) !== null) return;
    this.#learnt.add(`${address} ${port}`);
    if (transport !== 'udp') this.#learnt.add(address);
  }

  /** This server passed a request on to that one: it is a proxy, or calls through one. Forged, it costs a moment at the start of calls. */
  relayed(from: string, to: string): void {
    if (from !== to && this.#relays.size < LIMIT) this.#relays.add(from);
  }

  /** May an answer of this server say only that it passes the request on (100, RFC 3261 section 16.2)? */
  relays(address: string): boolean {
    return this.#relays.has(address);
  }

  snapshot(): string[] {
    return [...this.#learnt];
  }

  restore(learnt: readonly string[]): void {
    this.#learnt.clear();
    this.#relays.clear();
    for (const entry of learnt.slice(0, LIMIT)) this.#learnt.add(entry);
  }
}
