import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { SecureContext } from 'node:tls';
import { readNamed, readSecret, type Config } from '../config.ts';
import type { Counters } from '../counters.ts';
import { endpointOf } from '../crypto/identity.ts';
import { generatePrivateKey, publicHalf } from '../crypto/private-key.ts';
import { publicKeyFromSpki } from '../crypto/public-key.ts';
import { secureContextOf } from '../crypto/tls-context.ts';
import { pemText } from '../crypto/x509/pem.ts';
import { messageOf, RingfenceError } from '../errors.ts';
import {
  SecretEdge,
  startGateway,
  type Edge,
  type Finding,
  type Gateway,
  type GatewayOptions,
  type Mirrored,
} from '../gateway/index.ts';
import type { GatewaySettings } from '../gateway/options.ts';
import type { Log } from '../log.ts';
import type { Millis } from '../model.ts';
import { Latencies } from '../respond/latencies.ts';
import { dialplanOf } from '../site/dialplan.ts';
import type { Site } from '../site/index.ts';
import { certificateState, type IssuedCertificate, type Store } from '../store/index.ts';
import { MINUTE, SECOND } from '../time.ts';
import { secretMemory } from './gateway-secret.ts';
import { toolboxEdge, toolboxKeys, type Holdings } from './gateway-toolbox.ts';
import { answerEnrolment } from './keys/enrolling.ts';
import { GOOD, KeyRoom, type OwnKey } from './keys/key-room.ts';
import { keyStorePath } from './keys/private-files.ts';
import { revocationLists } from './keys/revocation-lists.ts';
import { madeSecret } from './toolbox.ts';

export interface GatewayParts {
  readonly config: Config;
  readonly site: () => Site;
  readonly store: Store;
  readonly counters: Counters;
  readonly log: Log;
  readonly tell: (finding: Finding) => void;
  readonly heard: (mirrored: Mirrored) => void;
}

/** The gateway with what this site has for it, and what the console asks of it. */
export interface RunningGateway extends Gateway {
  readonly latencies: Latencies;
}

/** A new key or certificate is used at most so late, and a revoked one known. */
const LOOKED_AT: Millis = SECOND;
/** So often at least its keys are read, and revocation lists made, anew. */
const RENEWED: Millis = 10 * MINUTE;

/** Starts the gateway of [gateway]. @throws RingfenceError: no keys, no settings, an address that is taken */
export async function runGateway(parts: GatewayParts, settings: GatewaySettings): Promise<RunningGateway> {
  const { config, store, counters, log } = parts;
  const own = new OwnKeys(config, settings, log);
  const latencies = new Latencies();
  const ends: { address: string; port: number } = { address: '127.0.0.1', port: 0 };
  const certificates = new KnownKeys(store);
  const secret = madeSecret(resolve(config.directory, settings.secret_file), config.directory, 'gateway.secret_file');
  const edges = [
    // the box is over the message as it crosses the wire: first of what comes in, last of what goes out
    new SecretEdge({
      ...{ domain: config.settings.crypto.domain, secret, memory: secretMemory(store) },
      own: () => own.holdings.keys.map(({ key }) => key),
      known: (kid) => certificates.known(kid),
      accountOf: (name) => parts.site().accounts.resolve(name),
      settings: { noKey: settings.secret_calls.no_key, hide: settings.secret_calls.hide },
      now: Date.now,
      warn: (text) => log.warn(text),
    }),
    toolboxEdge(
      config,
      store,
      toolboxKeys(store, () => own.holdings),
      () => ends,
    ),
  ].filter((edge): edge is Edge => edge !== null);
  const decoy = publicHalf(await generatePrivateKey(config.settings.crypto.bits));
  const gateway = await startGateway({
    ...{ settings, edges, counters, log, tell: parts.tell, heard: parts.heard },
    name: config.settings.crypto.gateway,
    secret,
    context: () => own.context,
    csc: {
      keys: { own: (kid) => own.gateway(kid)?.key, known: (kid) => certificates.known(kid), decoy },
      youngestKey: () => own.youngest(),
      enrol: (payload, exporter) => KeyRoom.with(config, (room) => answerEnrolment(room, payload, exporter)),
    },
    accounts: {
      accountOf: (name) => parts.site().accounts.resolve(name),
      isKnown: (account) => parts.site().accounts.mapped(account) || certificates.hasKey(account),
      hasKey: (account) => certificates.hasKey(account),
    },
    isGood: (kid) => certificates.known(kid)?.state === 'good',
    emergency: emergencyOf(config),
    upstreamCas: new Map(
      settings.upstreams.flatMap(({ name, ca_file }) =>
        ca_file === undefined ? [] : [[name, readNamed(ca_file, config.directory, 'gateway.upstreams.ca_file')]],
      ),
    ),
    mirrorPassword:
      settings.mirror_password_file === undefined
        ? null
        : readSecret(settings.mirror_password_file, config.directory, 'gateway.mirror_password_file'),
    latency: latencies,
  } satisfies GatewayOptions);
  const [first] = gateway.outside;
  const name = endpointOf(settings.advertise);
  Object.assign(ends, { address: name?.host ?? first?.host ?? ends.address, port: name?.port ?? first?.port ?? 0 });
  for (const { host, port } of gateway.outside) log.info(`the gateway listens on tls:${host}:${port}`);
  log.info(`the PBX reaches the gateway at ${gateway.inside.host}:${gateway.inside.port}, UDP and TCP`);
  const timer = setInterval(() => own.look(), LOOKED_AT);
  return {
    ...gateway,
    latencies,
    close: async () => {
      clearInterval(timer);
      await gateway.close();
    },
  };
}

/** What people here dial for help, with and without the prefix for an outside line. */
export const emergencyOf = ({ settings }: Config): readonly string[] =>
  dialplanOf({ country: settings.site.country, ...settings.dialing }).emergency;

/** The gateway's own keys as the key store has them: read again when that file changes. */
class OwnKeys {
  readonly #config: Config;
  readonly #settings: GatewaySettings;
  readonly #log: Log;
  #context: SecureContext;
  #stamp = '';
  #readAt: Millis = 0;
  holdings: Holdings = { keys: [], authorities: [], lists: [] };

  constructor(config: Config, settings: GatewaySettings, log: Log) {
    this.#config = config;
    this.#settings = settings;
    this.#log = log;
    this.#context = this.#read();
  }

  get context(): SecureContext {
    return this.#context;
  }

  gateway(kid: string): OwnKey | undefined {
    return this.holdings.keys.find(
      ({ stored, certificate }) => stored.kid === kid && certificate.notAfter > Date.now(),
    );
  }

  youngest(): { readonly kid: Uint8Array; readonly spki: Uint8Array; readonly crl: Uint8Array } | null {
    const {
      keys: [first],
      lists: [crl = new Uint8Array(0)],
    } = this.holdings;
    return first === undefined ? null : { kid: Buffer.from(first.key.kid, 'base64url'), spki: first.key.spki, crl };
  }

  /** Reads the key store again where it has changed; what cannot be read changes nothing. */
  look(): void {
    try {
      const changed = stampOf(this.#config) !== this.#stamp;
      if (!changed && Date.now() - this.#readAt < RENEWED) return;
      this.#context = this.#read();
      if (changed) this.#log.info("the gateway's keys were read again");
    } catch (error) {
      if (!(error instanceof RingfenceError)) throw error;
      this.#stamp = stampOf(this.#config);
      this.#log.error(`the gateway goes on with the keys that it has: ${messageOf(error)}`);
    }
  }

  #read(): SecureContext {
    const room = KeyRoom.open(this.#config);
    try {
      this.#stamp = stampOf(this.#config);
      this.#readAt = Date.now();
      const tls = room.own('gateway-tls');
      room.own('gateway'); // says what to do where there is none
      this.holdings = {
        keys: room.keys.keys.filter(({ role }) => role === 'gateway').map((stored) => room.open(stored)),
        authorities: room.authorities().map(({ certificate }) => certificate),
        lists: revocationLists(room),
      };
      const chain = tls.stored.chain.map((text) => pemText('CERTIFICATE', Buffer.from(text, 'base64'))).join('');
      return secureContextOf(tls.key, chain, { minVersion: this.#settings.plain.tls12 ? 'TLSv1.2' : 'TLSv1.3' });
    } finally {
      room.store.close();
    }
  }
}

function stampOf(config: Config): string {
  const { mtimeMs, ino, size } = statSync(keyStorePath(config), { throwIfNoEntry: false }) ?? {
    mtimeMs: 0,
    ino: 0,
    size: 0,
  };
  return `${mtimeMs} ${ino} ${size}`;
}

type Known = NonNullable<ReturnType<GatewayOptions['csc']['keys']['known']>>;

/** Accounts' keys by the store's certificates, which are the authority. */
class KnownKeys {
  readonly #store: Store;
  /** whether an account has a key that is good, and when that was looked up */
  readonly #keyed = new Map<string, { readonly good: boolean; readonly at: Millis }>();

  constructor(store: Store) {
    this.#store = store;
  }

  known(kid: string): Known | undefined {
    const now = Date.now();
    const rows = this.#store.certificates.ofKid(kid).filter(({ use }) => use === 'account');
    const row = rows.find((one) => isGood(one, now)) ?? rows[0];
    const key = row === undefined ? null : publicKeyFromSpki(Buffer.from(row.spki, 'base64'));
    if (row === undefined || key?.ok !== true) return undefined;
    const state = certificateState(row, now);
    return {
      account: row.account,
      key: key.value,
      state: isGood(row, now) ? 'good' : state === 'revoked' ? 'revoked' : 'expired',
    };
  }

  /** Asked of each request over plain TLS: the answer of the last second counts. */
  hasKey(account: string): boolean {
    const now = Date.now();
    const last = this.#keyed.get(account);
    if (last !== undefined && now - last.at < LOOKED_AT) return last.good;
    const good = this.#store.certificates.ofAccount(account).some((row) => isGood(row, now));
    if (this.#keyed.size > 10_000) this.#keyed.clear();
    this.#keyed.set(account, { good, at: now });
    return good;
  }
}

const isGood = (row: IssuedCertificate, now: Millis): boolean => GOOD.includes(certificateState(row, now));
