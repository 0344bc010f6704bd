import type { Config } from '../config.ts';
import type { Counters } from '../counters.ts';
import type { Log } from '../log.ts';
import type { Event, Millis } from '../model.ts';
import type { AmiSession } from '../pbx/ami.ts';
import type { Enforcer } from '../respond/enforcer.ts';
import type { Change } from '../respond/incidents.ts';
import { actDetail } from '../respond/policy.ts';
import type { Site } from '../site/index.ts';
import type { Store } from '../store/index.ts';
import { cannotAct, emergencyOf, enforces, openEnforcer } from './acting.ts';
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
  readonly #options: RunActingOptions;
  #config: Config;

  constructor(options: RunActingOptions) {
    const { target } = options;
    this.#options = options;
    this.#config = options.config;
    this.enforcer = openEnforcer({
      ...options,
      endpoints: () => target().endpoints.length || null,
      legs: (call) => target().pipeline.correlator.legsOf(call),
      registrations: (address) => target().pipeline.correlator.registrationsFrom(address),
    });
    this.#useMode();
  }

  /** What a piece of evidence led to. The push has begun when this returns; the packet path does not wait for it. */
  changed({ decisions, evidence }: Change): void {
    if (decisions.length > 0) this.enforcer.decide(decisions, actDetail(evidence, this.#options.target().site));
  }

  /** Every event: a call whose channel has become known may be one that is to be hung up. */
  watch(event: Event): void {
    if ((event.kind === 'call.started' || event.kind === 'call.updated') && event.uniqueid !== null)
      this.enforcer.learnt();
  }

  loggedIn(session: AmiSession): void {
    this.enforcer.loggedIn(session);
  }

  tick(now: Millis): void {
    this.enforcer.tick(now);
  }

  /** Other settings: what they protect now is taken down, and without mode = "enforce" all that rules have put up. */
  useConfig(config: Config, site: Site): void {
    this.#config = config;
    this.enforcer.useSite(site, emergencyOf(config.settings));
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
  close(): boolean {
    return this.enforcer.close();
  }
}
