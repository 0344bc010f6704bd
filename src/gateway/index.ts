import { randomBytes } from 'node:crypto';
import type { SecureContext } from 'node:tls';
import { canonicalAddress } from '../address.ts';
import type { Counters } from '../counters.ts';
import { endpointOf } from '../crypto/identity.ts';
import type { Log } from '../log.ts';
import type { Millis } from '../model.ts';
import { Border } from './border.ts';
import type { Place } from './border-edit.ts';
import { BorderKeys } from './border-keys.ts';
import { CscServer, Instances, type CscServerOptions } from './csc-server.ts';
import type { Edge } from './edge.ts';
import type { Finding, Tell } from './findings.ts';
import { Flows, type Trunk } from './flows.ts';
import { InsideSockets, type UpstreamSettings } from './inside.ts';
import { HepMirror, type Mirrored } from './mirror.ts';
import type { GatewaySettings } from './options.ts';
import { Policy, type Accounts, type PolicyOptions } from './policy.ts';
import type { Refusal } from './session.ts';
import { startTlsSession } from './tls-session.ts';

export type { Edge, Crossed, Crossing } from './edge.ts';
export { SecretEdge, type SecretMemory } from './secret-edge.ts';
export type { Finding, FindingKind } from './findings.ts';
export type { Accounts } from './policy.ts';
export type { Mirrored } from './mirror.ts';

export interface GatewayOptions {
  readonly settings: GatewaySettings;
  /** [crypto] gateway: what clients know us by where `advertise` is empty; '' : nothing */
  readonly name: string;
  /** see border-keys.ts */
  readonly secret: Uint8Array;
  readonly context: (servername: string | undefined) => SecureContext;
  readonly csc: Pick<CscServerOptions, 'keys' | 'youngestKey' | 'enrol' | 'limits'>;
  readonly accounts: Accounts;
  /** is this key good now? Asked of each live session every second */
  readonly isGood: (kid: string) => boolean;
  readonly emergency: readonly string[];
  readonly edges: readonly Edge[];
  /** PEM, by name of the upstream */
  readonly upstreamCas: ReadonlyMap<string, string>;
  readonly mirrorPassword: string | null;
  /** every message that crosses, for detectors in this process */
  readonly heard: (mirrored: Mirrored) => void;
  readonly tell: Tell;
  readonly counters: Counters;
  readonly latency: { add(took: Millis): void };
  readonly log: Log;
}

export interface GatewayReading {
  readonly sessions: number;
  readonly flows: number;
  readonly transactions: number;
  readonly halfOpen: number;
  readonly upstreams: readonly { readonly name: string; readonly up: boolean }[];
}

/** Sessions, rules and sockets of the gateway, running. */
export interface Gateway {
  /** where it listens, outside and inside */
  readonly outside: readonly { readonly host: string; readonly port: number }[];
  readonly inside: { readonly host: string; readonly port: number };
  reading(): GatewayReading;
  /** New settings, as far as they can change while sessions stand: rules, emergency numbers, plain TLS. */
  use(settings: GatewaySettings, emergency: readonly string[]): void;
  close(): Promise<void>;
}

const TICK: Millis = 50;
const REVOKED_WITHIN: Millis = 1_000;

/** @throws ConfigError, PeerError when it cannot listen or an upstream's name is unknown */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { settings, counters, log } = options;
  const keys = new BorderKeys(options.secret);
  const listen = settings.listen.map(endpoint);
  const outside = outsideOf(options);
  let border: Border | null = null;
  const inside = await InsideSockets.open({
    at: endpoint(settings.inside),
    upstreams: upstreamsOf(options),
    allow: settings.inside_allow,
    checkEvery: settings.check_every,
    context: () => options.context(undefined),
    log,
    counters,
    received: (bytes, origin) => border?.fromInside(bytes, origin),
  });
  const mirror = new HepMirror({
    to: settings.mirror.map((address) => endpoint(address.slice('udp:'.length))),
    ...{ password: options.mirrorPassword, captureId: settings.capture_id, counters, log },
  });
  const here = { address: canonicalAddress(outside.host) ?? listen[0]?.host ?? '127.0.0.1', port: outside.port };
  const flows = new Flows(keys, randomBytes(9).toString('base64url'));
  const accounts: Accounts = {
    ...options.accounts,
    isKnown: (account) => options.accounts.isKnown(account) || flows.hasAccount(account),
  };
  const policy = new Policy(policyOf(accounts, settings, options.emergency));
  border = new Border({
    ...{ keys, flows, inside, outside, policy, counters, edges: options.edges },
    ...{
      tell: options.tell,
      latency: options.latency,
      now: Date.now,
      sourceHeader: settings.source_header,
      accountHeader: settings.account_header,
    },
    alsoOutside: listen.map(({ host, port }): Place => ({ transport: 'tls', host, port })),
    mirror: (direction, peer, payload, at) => {
      const mirrored =
        direction === 'in'
          ? { source: peer, destination: here, at, payload }
          : { source: here, destination: peer, at, payload };
      mirror.send(mirrored);
      options.heard(mirrored);
    },
    tag: () => randomBytes(6).toString('hex'),
    failoverAfter: settings.failover_after,
    pending: settings.limits.pending,
    later: (wait, work) => void setTimeout(work, wait),
    limits: {
      sourceRate: settings.limits.source_rate,
      sessionRate: settings.limits.session_rate,
      trunkRate: settings.limits.trunk_rate,
      messageBytes: settings.limits.message_bytes,
    },
    trunkOf: (account): Trunk | null => {
      const trunk = settings.trunks[account];
      return trunk === undefined ? null : { name: account, identities: trunk.identities };
    },
  });
  const handler = border;
  const servers: CscServer[] = [];
  const instances = new Instances();
  const close = async (): Promise<void> => {
    clearInterval(ticker);
    clearInterval(watcher);
    for (const session of plain) session.close('shutdown');
    await Promise.all(servers.map((server) => server.close()));
    inside.close();
    mirror.close();
  };
  const refused = (refusal: Refusal): void => tellRefusal(refusal, options);
  const limits = { headerBytes: settings.limits.header_bytes, messageBytes: settings.limits.message_bytes };
  const plain = new Set<ReturnType<typeof startTlsSession>>();
  const ticker = setInterval(() => handler.tick(), TICK);
  const watcher = setInterval(() => {
    for (const kid of flows.liveKids()) if (!options.isGood(kid)) for (const server of servers) server.revoked(kid);
  }, REVOKED_WITHIN);
  try {
    for (const { host, port } of listen)
      servers.push(
        await CscServer.open({
          ...{ address: host, port, context: options.context, handler, refused, instances, ...options.csc },
          ...(settings.plain.allow
            ? {
                plain: (socket) => {
                  const session = startTlsSession(socket, handler, { limits, refused, now: Date.now });
                  plain.add(session);
                  socket.once('close', () => plain.delete(session));
                },
              }
            : {}),
        }),
      );
  } catch (error) {
    await close();
    throw error;
  }
  return {
    outside: listen.map(({ host }, i) => ({ host, port: servers[i]?.port ?? 0 })),
    inside: inside.place,
    reading: () => ({
      ...handler.sizes(),
      halfOpen: servers.reduce((sum, server) => sum + server.counts.halfOpen, 0),
      upstreams: inside.upstreams.map(({ name, up }) => ({ name, up })),
    }),
    use: (next, emergency) => policy.use(policyOf(accounts, next, emergency)),
    close,
  };
}

/** Of an address that the settings' schema has taken. */
function endpoint(text: string): { readonly host: string; readonly port: number } {
  const read = endpointOf(text);
  if (read === null) throw new RangeError(`no host:port: ${text}`);
  return { host: canonicalAddress(read.host) ?? read.host.toLowerCase(), port: read.port };
}

const outsideOf = ({ settings, name }: GatewayOptions): Place => ({
  transport: 'tls',
  ...endpoint(settings.advertise !== '' ? settings.advertise : name !== '' ? name : (settings.listen[0] ?? '')),
});

const upstreamsOf = ({ settings, upstreamCas }: GatewayOptions): UpstreamSettings[] =>
  settings.upstreams.map(({ name, address, registrations, domain }) => ({
    ...{ name, registrations, domain, ca: upstreamCas.get(name) ?? null },
    ...endpoint(address.slice(4)),
    transport: address.slice(0, 3) as UpstreamSettings['transport'],
  }));

const policyOf = (
  accounts: Accounts,
  { rules, plain }: GatewaySettings,
  emergency: readonly string[],
): PolicyOptions => ({
  ...{ accounts, rules, emergency },
  plain: { withKey: plain.with_key, unregistered: plain.unregistered, accountsPerSession: plain.accounts_per_session },
});

/** A connection or session that the transport refused: counted, and told where somebody should look. */
function tellRefusal(
  { at, peer, stage, reason, kid, account, alert }: Refusal,
  { counters, tell }: GatewayOptions,
): void {
  counters.add(`gateway.refused.${stage}.${reason}`);
  if (!alert) return;
  const finding: Finding = {
    ...{ at, peer, kind: 'session', account: account ?? '', claimed: '', kid: kid ?? null, callId: '', method: '' },
    detail: `a connection was refused or cut: ${reason} (${stage})`,
  };
  tell(finding);
}
