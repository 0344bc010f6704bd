import { resolve } from 'node:path';
import type { Config } from '../config.ts';
import type { Counters } from '../counters.ts';
import { PeerError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Event, Millis } from '../model.ts';
import type { AmiSession } from '../pbx/ami.ts';
import { readSorcery, sorceryAdvice } from '../pbx/sorcery.ts';
import { attackLines } from '../respond/attacks/line.ts';
import { AttackLog } from '../respond/attacks/log.ts';
import { emergencyAsDialled } from '../respond/declarations.ts';
import type { Enforcer } from '../respond/enforcer.ts';
import { KeyPublisher } from '../respond/key-publisher.ts';
import type { Change } from '../respond/incidents.ts';
import { actDetail } from '../respond/policy.ts';
import { check } from '../respond/safeguards.ts';
import type { Site } from '../site/index.ts';
import type { Store } from '../store/index.ts';
import { cannotAct, enforces, openEnforcer, proxiesOf } from './acting.ts';
import { declareSettings, readPin } from './declare.ts';
import type { Target } from './feeds.ts';

export interface RunActingOptions {
  readonly config: Config;
  readonly site: Site;
  readonly store: Store;
  /** what is judged by, now: a reload puts another in its place */
  readonly target: () => Target;
  readonly session: () => AmiSession | null;
  readonly counters: Counters;
  readonly log: Log;
}

/** What the daemon does about what it finds: the enforcer, with what happens told to it. */
export class RunActing {
  readonly enforcer: Enforcer;
  /** public keys as the PBX holds them */
  readonly keys: KeyPublisher;
  readonly #options: RunActingOptions;
  #config: Config;
  #pin: string | null;
  #attacks: AttackLog | null;
  #declareAt: Millis = 0;
  readonly #warned = new Set<string>();

  /** @throws RingfenceError when the settings or a file that they name cannot be used; StoreError */
  constructor(options: RunActingOptions) {
    const { target } = options;
    this.#options = options;
    this.#config = options.config;
    this.#pin = readPin(options.config, options.log);
    this.#attacks = this.#openAttackLog(options.config);
    this.enforcer = openEnforcer({
      ...options,
      endpoints: () => target().endpoints.length || null,
      legs: (call) => target().pipeline.correlator.legsOf(call),
      registrations: (address) => target().pipeline.correlator.registrationsFrom(address),
    });
    this.keys = new KeyPublisher({ store: options.store, ami: options.session, log: options.log, now: Date.now });
    this.#declare(options.site);
    this.#useMode();
  }

  /** What a piece of evidence led to. The push has begun when this returns; the packet path does not wait for it. */
  changed(change: Change): void {
    const { decisions, evidence } = change;
    if (decisions.length > 0) this.enforcer.decide(decisions, actDetail(evidence, this.#options.target().site));
    this.#attacks?.write(attackLines(change, (address) => this.#mayBan(address)));
  }

  /** For programs that ban by our log: nobody is named there whom ringfence itself would not block. */
  #mayBan(address: string): boolean {
    const { target } = this.#options;
    return check('address', address, null, {
      site: target().site,
      now: Date.now(),
      by: 'rule',
      emergency: new Set(),
      proxies: new Set(proxiesOf(this.#config.settings)),
      registrations: (behind) => target().pipeline.correlator.registrationsFrom(behind),
    }).ok;
  }

  #openAttackLog({ settings, directory }: Config): AttackLog | null {
    const { counters, log } = this.#options;
    return settings.log.attacks === '' ? null : new AttackLog(resolve(directory, settings.log.attacks), counters, log);
  }

  /** Every event: a call whose channel has become known, or that was answered, may be one that is to be hung up; a thief may be back. */
  watch(event: Event): void {
    if ((event.kind === 'call.started' || event.kind === 'call.updated') && event.uniqueid !== null)
      this.enforcer.learnt();
    if (event.kind === 'register.accepted') this.enforcer.registered(event);
    if (event.kind === 'call.answered' || event.kind === 'call.updated') this.enforcer.answered(event);
  }

  /** The PBX has told its endpoints, and what stands there is read and put right. */
  loggedIn(session: AmiSession): void {
    // asked before the enforcer reads what stands: see readSorcery
    void this.#lookAtSorcery(session);
    this.#declare(this.#options.target().site);
    this.enforcer.loggedIn(session);
    this.keys.loggedIn();
  }

  /** What Asterisk cannot do as it is set up is said once, with the line that mends it. */
  async #lookAtSorcery(session: AmiSession): Promise<void> {
    try {
      this.#warn(sorceryAdvice(await readSorcery(session)));
    } catch (error) {
      if (!(error instanceof PeerError)) throw error;
      this.#options.log.debug(`whether sorcery.conf is as it should be is not known: ${error.message}`);
    }
  }

  #warn(warnings: readonly string[]): void {
    for (const warning of warnings) {
      if (this.#warned.has(warning)) continue;
      this.#warned.add(warning);
      this.#options.log.warn(warning);
    }
  }

  tick(now: Millis): void {
    if (now >= this.#declareAt) this.#declare(this.#options.target().site);
    this.enforcer.tick(now);
    this.keys.tick(now);
  }

  /** What the settings want at the PBX now: another thing at closing time than at noon. */
  #declare(site: Site): void {
    const { target } = this.#options;
    const endpoints = target().endpoints.map(({ endpoint }) => endpoint);
    const declared = declareSettings(
      this.enforcer,
      { config: this.#config, site, pin: this.#pin, endpoints },
      Date.now(),
    );
    this.#declareAt = declared.nextAt;
    this.#warn(declared.warnings);
  }

  /**
   * Other settings: what they protect now is taken down, and without mode = "enforce" all that rules have put up.
   * @throws RingfenceError when a file that they name cannot be used: nothing has changed then
   */
  useConfig(config: Config, site: Site): void {
    this.#pin = readPin(config, this.#options.log);
    this.#config = config;
    this.#attacks = this.#openAttackLog(config);
    this.enforcer.useSite(site, emergencyAsDialled(config.settings));
    this.#declare(site);
    this.#useMode();
  }

  #useMode(): void {
    const { log } = this.#options;
    const missing = cannotAct(this.#config.settings);
    if (this.#config.settings.mode === 'enforce' && missing !== null) log.error(missing);
    if (enforces(this.#config.settings)) return;
    const lifted = this.enforcer.unblock({ by: 'rule' });
    if (lifted.length > 0) log.warn({ lifted: lifted.length }, 'mode = "observe": what rules had put up is lifted');
  }

  /** For the line of counts: what stands, and how each neighbour does. A loud stop is said again each time. */
  summary(): unknown {
    const { targets, entries, acts, unsaved, stopped } = this.enforcer.health();
    if (stopped !== null)
      this.#options.log.error(
        { code: stopped.code, since: new Date(stopped.since).toISOString() },
        `STOPPED: rules put up no more: ${stopped.reason}. Look at \`ringfence blocks\`: is a rule or a network setting wrong?`,
      );
    return {
      mode: this.#config.settings.mode,
      ...{ entries, acts, unsaved },
      stopped: stopped?.code ?? null,
      targets: Object.fromEntries(
        targets.map(({ name, state, rows, unproved, foreign, contested, restored, latency }) => [
          name,
          { state, rows, unproved, foreign: foreign.length, contested: contested.length, restored, latency },
        ]),
      ),
    };
  }

  /** @returns false: the store could not take the last of it */
  async close(): Promise<boolean> {
    await this.#attacks?.close();
    return this.enforcer.close();
  }
}
