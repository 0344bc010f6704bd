import type { Settings } from '../config.ts';
import type { Log } from '../log.ts';
import type { Enforcer } from '../respond/enforcer.ts';
import type { KeyPublisher } from '../respond/key-publisher.ts';
import type { Store } from '../store/index.ts';
import { SECOND } from '../time.ts';
import { handHandlers, watchPanic, type Hand } from './by-hand.ts';
import { controlPath, startControl, type Control, type ControlHandlers } from './control.ts';
import type { Target } from './feeds.ts';

export interface HandParts {
  readonly enforcer: Enforcer;
  readonly keys: KeyPublisher;
  readonly store: Store;
  readonly settings: () => Settings;
  readonly target: () => Target;
}

export interface RunControlOptions {
  readonly hand: Hand;
  readonly store: Store;
  /** what the daemon tells of itself, beside its enforcement: counts, feeds */
  readonly status: () => object;
  /** Reads the settings again. @returns null, or why the old ones stand */
  readonly reload: () => string | null;
  /** a gateway in a process of its own */
  readonly gateway: Pick<ControlHandlers, 'gatewayFinding' | 'gatewayReading'>;
  readonly log: Log;
}

/** What people do by hand is done on this, whether they ask by the control socket or by the console. */
export function handOf({ enforcer, keys, store, settings, target }: HandParts): Hand {
  return {
    enforcer,
    keys,
    store,
    site: () => target().site,
    mode: () => settings().mode,
    mediaAllowed: () => settings().respond.media_encryption,
    dialing: () => settings().dialing,
    endpoints: () => (target().endpoints.length === 0 ? null : target().endpoints.map(({ endpoint }) => endpoint)),
  };
}

/** The daemon's ear for people: commands by its socket, and the panic switch that was pulled while it hung. */
export async function startRunControl(options: RunControlOptions): Promise<Control> {
  const { hand, store, status, reload, gateway, log } = options;
  const control = await startControl(controlPath(store.path), handHandlers(hand, { status, reload, ...gateway }), log);
  const timer = setInterval(watchPanic(hand, log), SECOND);
  return {
    close: () => {
      clearInterval(timer);
      control.close();
    },
  };
}
