import { Counters } from '../../../src/counters.ts';
import type { Decision, Millis } from '../../../src/model.ts';
import { keepAmi, type AmiKeeper, type KeepOptions } from '../../../src/pbx/ami.ts';
import type { KamailioRpc } from '../../../src/pbx/kamailio.ts';
import { createEnforcer, type Enforcer, type EnforcerOptions } from '../../../src/respond/enforcer.ts';
import { createSite, siteDefaults, type Site } from '../../../src/site/index.ts';
import type { Store } from '../../../src/store/index.ts';
import { recordingLog, type Logged } from '../../support/log.ts';
import { addresses, type Lab } from './lab.ts';
import { until } from './process.ts';

/** The lab's office as ringfence's settings would describe it. */
export function labSite(lab: Lab): Site {
  const made = createSite(
    siteDefaults({
      site: { name: 'lab', timezone: 'UTC', country: 'DE', currency: 'EUR' },
      dialing: { international: ['00'], internal: '^1[0-9]{3}$', emergency: ['110', '112'] },
      hours: { open: ['Mon-Sun 00:00-24:00'], holidays: '' },
      network: {
        local: [addresses.office],
        pbx: [addresses.pbx, addresses.edge],
        trunks: [{ name: 'trunk', addresses: [addresses.carrier] }],
      },
    }),
  );
  if (!made.ok) throw new Error(JSON.stringify(made.problems));
  made.value.accounts.learn(lab.accounts.map(({ extension }) => ({ endpoint: extension, aliases: [] })));
  return made.value;
}

/** An enforcer on a real PBX, driven as the daemon would drive it. */
export interface RunningEnforcer {
  readonly enforcer: Enforcer;
  readonly keeper: AmiKeeper;
  readonly site: Site;
  readonly logged: Logged[];
  readonly counters: Counters;
  close(): Promise<void>;
}

export async function runEnforcer(
  lab: Lab,
  store: Store,
  options: Partial<EnforcerOptions> & { kamailio?: KamailioRpc } = {},
  keep: Partial<KeepOptions> = {},
): Promise<RunningEnforcer> {
  const { log, logged } = recordingLog();
  const counters = new Counters();
  const holder: { enforcer: Enforcer | null } = { enforcer: null };
  const { host, amiPort: port, amiUsername: username, amiSecret: secret } = lab.asterisk;
  const keeper = keepAmi(
    { host, port, username, secret, firstMs: 100, ceilingMs: 500, ...keep },
    {
      event: () => undefined,
      changed: (change) => {
        if (change.kind !== 'down') holder.enforcer?.loggedIn(change.session);
      },
    },
    log,
  );
  const site = options.site ?? labSite(lab);
  const enforcer = createEnforcer({
    site,
    store,
    ami: () => keeper.session,
    emergency: ['110', '112'],
    log,
    counters,
    now: Date.now,
    ...options,
  });
  holder.enforcer = enforcer;
  const timer = setInterval(() => enforcer.tick(Date.now()), 100);
  await until('the enforcer has read Asterisk', 10_000, () => enforcer.health().targets[0]?.state === 'up');
  return {
    enforcer,
    keeper,
    site,
    logged,
    counters,
    close: async () => {
      clearInterval(timer);
      enforcer.close();
      await keeper.close();
    },
  };
}

let count = 0;

/** A decision as the policy would make it. */
export const decision = (
  action: Decision['action'],
  target: string,
  lasts: Millis | null,
  id = `d${++count}`,
): Decision => ({
  id,
  incident: 'story',
  at: Date.now(),
  action,
  target,
  state: 'pending',
  until: lasts === null ? null : Date.now() + lasts,
  why: 'a test',
});
