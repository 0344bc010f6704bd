import { resolve } from 'node:path';
import { canonicalAddress } from '../address.ts';
import { readNamed, type Config, type Settings } from '../config.ts';
import type { Counters } from '../counters.ts';
import { PeerError, RingfenceError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { AmiOptions, AmiSession } from '../pbx/ami.ts';
import { kamailioRpc, type KamailioRpc } from '../pbx/kamailio.ts';
import { Nft } from '../pbx/nft.ts';
import { sipDoors, tryRegister } from '../pbx/register-probe.ts';
import { emergencyAsDialled } from '../respond/declarations.ts';
import { createEnforcer, type CallLeg, type Enforcer } from '../respond/enforcer.ts';
import type { EnforcementStore } from '../respond/ledger.ts';
import type { TryRegister } from '../respond/rotation.ts';
import { budgetOf } from '../respond/options.ts';
import type { Site } from '../site/index.ts';
import { keepSecretBeside } from './kept-secrets.ts';

export interface ActingOptions {
  readonly config: Config;
  readonly site: Site;
  readonly store: EnforcementStore;
  /** the manager session that is up; null: none is */
  readonly session: () => AmiSession | null;
  /** endpoints that the PBX has told; null: it has not */
  readonly endpoints?: () => number | null;
  /** channels of a call by ringfence's key of it */
  readonly legs?: (target: string) => readonly CallLeg[];
  /** healthy registrations behind an address */
  readonly registrations?: (address: string) => number;
  readonly log: Log;
  readonly counters: Counters;
}

/**
 * The enforcer that the settings ask for: Asterisk, and Kamailio and nftables where they have a section. For the daemon
 * and for commands that act while there is none.
 * @throws StoreError; RingfenceError config-invalid for a `[kamailio] rpc` that cannot be used
 */
export function openEnforcer(options: ActingOptions): Enforcer {
  const { config, site, store, session, endpoints, legs, registrations, log, counters } = options;
  const { settings } = config;
  const kamailio = kamailioOf(settings);
  return createEnforcer({
    site,
    store,
    ami: settings.asterisk.ami === undefined ? null : session,
    emergency: emergencyAsDialled(settings),
    proxies: proxiesOf(settings),
    budget: budgetOf(settings.respond),
    ...(kamailio === null ? {} : { kamailio }),
    ...(settings.nftables === undefined ? {} : { nft: new Nft(settings.nftables) }),
    ...(endpoints === undefined ? {} : { accounts: endpoints }),
    ...(legs === undefined ? {} : { calls: legs }),
    ...(registrations === undefined ? {} : { registrations }),
    ...(settings.asterisk.ami === undefined ? {} : { tryRegister: registerAt(settings.asterisk.ami.host) }),
    keepSecret: keepSecretBeside(resolve(config.directory, settings.store.path)),
    log,
    counters,
    now: Date.now,
  });
}

/** REGISTERs go to the doors that pjsip.conf names, at the manager's address where it names none. */
const registerAt =
  (manager: string): TryRegister =>
  async (session, identity, hash) =>
    await tryRegister(await sipDoors(session, manager), identity, hash);

/** Can anything be done at all? null: yes; else what is missing. */
export function cannotAct({ asterisk, kamailio, nftables }: Settings): string | null {
  if (asterisk.ami !== undefined || kamailio !== undefined || nftables !== undefined) return null;
  return 'nothing can be done without [asterisk.ami]: add it to the settings (docs/operators-guide.md says how)';
}

/** May rules act by these settings? Decisions are then pending, else observed; decisions by hand act in either mode. */
export const enforces = (settings: Settings): boolean => settings.mode === 'enforce' && cannotAct(settings) === null;

/** @throws RingfenceError config-invalid */
export function kamailioOf({ kamailio }: Settings): KamailioRpc | null {
  if (kamailio === undefined) return null;
  try {
    return kamailioRpc({ rpc: kamailio.rpc });
  } catch (error) {
    if (error instanceof PeerError) throw new RingfenceError('config-invalid', error.message, { cause: error });
    throw error;
  }
}

/** Addresses behind which everybody is: Kamailio's own. Never blocked. */
export function proxiesOf({ kamailio }: Settings): string[] {
  if (kamailio === undefined) return [];
  const host = /^udp:\[?([^\]]+?)\]?:\d+$/.exec(kamailio.rpc)?.[1] ?? hostOf(kamailio.rpc);
  return [host, ...kamailio.addresses].flatMap((address) => canonicalAddress(address) ?? []);
}

const hostOf = (url: string): string => (URL.canParse(url) ? new URL(url).hostname.replace(/^\[|\]$/g, '') : '');

/** How AMI is reached by the settings; null: they have no [asterisk.ami]. `secret`: of its secret_file. @throws InputError */
export function amiOf({ settings, directory }: Config, secret: string | null): AmiOptions | null {
  const { ami } = settings.asterisk;
  if (ami === undefined || secret === null) return null;
  const ca = ami.ca_file === undefined ? undefined : readNamed(ami.ca_file, directory, 'asterisk.ami.ca_file');
  return {
    host: ami.host,
    port: ami.port,
    username: ami.username,
    secret,
    ...(ami.tls ? { tls: ca === undefined ? {} : { ca } } : {}),
  };
}
