import type { Log } from '../log.ts';
import type { Enforcer } from '../respond/enforcer.ts';
import type { PhoneActs } from '../respond/notify/phone.ts';
import type { Store } from '../store/index.ts';

/** What a digit on the telephone does. Without an enforcer nothing can be lifted, and it is not offered. */
export function phoneActs(store: Store, enforcer: (() => Enforcer) | null, log: Log): PhoneActs {
  return {
    acknowledge: (incident, who) => {
      if (store.acknowledge(incident, { who, note: 'by telephone' }))
        log.info({ incident, who }, 'acknowledged by telephone');
    },
    // what refuses calls because of the incident is taken back, as by hand: no rule puts it up again
    lift:
      enforcer === null
        ? null
        : (incident, who) => {
            const lifted = store.decisions
              .of(incident)
              .filter(({ action }) => action.startsWith('block-'))
              .flatMap(({ id }) => enforcer().unblock({ id }));
            log.warn({ incident, who, lifted: lifted.length }, 'lifted by telephone');
            return lifted.length;
          },
  };
}
