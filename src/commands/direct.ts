import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readSecret, type Config } from '../config.ts';
import { Counters } from '../counters.ts';
import { messageOf, PeerError, RingfenceError } from '../errors.ts';
import { createLog } from '../log.ts';
import type { Millis } from '../model.ts';
import { connectAmi, type AmiSession } from '../pbx/ami.ts';
import { readEndpoints, type PbxEndpoint } from '../pbx/ami-state.ts';
import type { CallLeg, Enforcer } from '../respond/enforcer.ts';
import { KeyPublisher } from '../respond/key-publisher.ts';
import type { Site } from '../site/index.ts';
import { openStore, type Store } from '../store/index.ts';
import { SECOND } from '../time.ts';
import { amiOf, cannotAct, openEnforcer } from './acting.ts';
import type { Hand } from './by-hand.ts';
import { declareSettings, readPin } from './declare.ts';
import { storeOf } from './open-store.ts';
import type { Output } from './output.ts';
import { siteOf } from './site.ts';

/** Where the settings have the store. */
export const storePath = ({ settings, directory }: Config): string => resolve(directory, settings.store.path);

export interface DirectHand extends Hand {
  /** why Asterisk cannot be told anything now; null: it can */
  readonly away: string | null;
}

export interface DirectOptions {
  /** do with a store in memory when there is none or it cannot be used: for the panic switch, which needs none */
  readonly anyStore?: boolean;
  /** what the settings want at the PBX goes there first: emergency numbers before anything that refuses */
  readonly declares?: boolean;
  /** do nothing, and throw, when Asterisk cannot be reached */
  readonly needsAsterisk?: boolean;
  /** channels of a call by ringfence's key of it */
  readonly legs?: (target: string) => readonly CallLeg[];
}

/** So long the first reading of what stands may take before the work begins. */
const FIRST_READ: Millis = 5 * SECOND;

/**
 * Work by hand where no daemon answers: the command itself opens the store, logs in to Asterisk and reconciles.
 * Where Asterisk cannot be reached, what was asked for is stored all the same.
 * @throws RingfenceError for settings, secret and store that cannot be used; PeerError with `needsAsterisk`
 */
export async function directly<T>(
  config: Config,
  output: Output,
  options: DirectOptions,
  work: (hand: DirectHand) => Promise<T> | T,
): Promise<T> {
  const { settings, directory } = config;
  const site = siteOf(config);
  const ami = settings.asterisk.ami;
  const secret = ami === undefined ? null : readSecret(ami.secret_file, directory, 'asterisk.ami.secret_file');
  const store = options.anyStore === true ? anyStore(config, output) : storeOf(config, { create: true });
  let session: AmiSession | null = null;
  let away: string | null = ami === undefined ? cannotAct(settings) : null;
  let endpoints: readonly PbxEndpoint[] | null = null;
  const connection = amiOf(config, secret);
  let enforcer: Enforcer | null = null;
  try {
    if (connection !== null)
      try {
        session = await connectAmi(
          { ...connection, connectMs: 2 * SECOND, actionMs: 3 * SECOND },
          { event: () => undefined, closed: () => (session = null) },
        );
        endpoints = await readEndpoints(session);
      } catch (error) {
        if (!(error instanceof PeerError)) throw error;
        if (options.needsAsterisk === true) throw error;
        away = error.message;
      }
    if (endpoints !== null) site.accounts.learn(endpoints);
    const log = createLog('silent');
    const opened = openEnforcer({
      ...{ config, site, store, log, counters: new Counters() },
      session: () => session,
      endpoints: () => endpoints?.length ?? null,
      ...(options.legs === undefined ? {} : { legs: options.legs }),
    });
    enforcer = opened;
    if (options.declares === true && endpoints !== null) declare(opened, config, site, endpoints, output);
    if (session !== null) opened.loggedIn(session);
    await read(opened);
    return await work({
      enforcer: opened,
      store,
      site: () => site,
      mode: () => settings.mode,
      mediaAllowed: () => settings.respond.media_encryption,
      keys: new KeyPublisher({ store, ami: () => session, log, now: Date.now }),
      dialing: () => settings.dialing,
      endpoints: () => endpoints?.map(({ endpoint }) => endpoint) ?? null,
      away,
    });
  } finally {
    const kept = enforcer?.close() ?? true;
    session?.close();
    store.close();
    if (!kept) output.warn(`ringfence: ${store.path} could not take all of it`);
  }
}

/** A wrong PIN file must not keep anybody from blocking a thief. */
function declare(
  enforcer: Enforcer,
  config: Config,
  site: Site,
  endpoints: readonly PbxEndpoint[],
  output: Output,
): void {
  try {
    const pin = readPin(config, createLog('silent'));
    declareSettings(enforcer, { config, site, pin, endpoints: endpoints.map(({ endpoint }) => endpoint) }, Date.now());
  } catch (error) {
    if (!(error instanceof RingfenceError)) throw error;
    output.warn(`ringfence: ${error.message}; what the settings want at the PBX is left as it is`);
  }
}

/** Until every target that can be reached has told what it holds: only then is it known where an address belongs. */
async function read(enforcer: Enforcer): Promise<void> {
  const end = performance.now() + FIRST_READ;
  const isRead = (): boolean =>
    enforcer.health().targets.every(({ state, readAt }) => readAt !== null || state === 'away' || state === 'refused');
  for (;;) {
    enforcer.tick(Date.now());
    if (isRead() || performance.now() > end) return;
    await sleep(5);
  }
}

function anyStore(config: Config, output: Output): Store {
  try {
    if (existsSync(storePath(config))) return storeOf(config, { create: false });
    output.warn(`ringfence: there is no store at ${storePath(config)}; what stands is taken away all the same`);
  } catch (error) {
    output.warn(`ringfence: ${messageOf(error)}; what stands is taken away all the same`);
  }
  return openStore(':memory:');
}
