import assert from 'node:assert/strict';
import { checkSettings, type Settings } from '../../src/config.ts';
import { Counters } from '../../src/counters.ts';
import type { Alert, Millis } from '../../src/model.ts';
import type { Channel, Telling } from '../../src/respond/notify/channel.ts';
import { Notifier } from '../../src/respond/notify/notifier.ts';
import { Routing } from '../../src/respond/notify/routing.ts';
import { createSite, type Site } from '../../src/site/index.ts';
import { openStore, type Store } from '../../src/store/index.ts';
import { alert, evidence, incident } from './evidence.ts';
import { recordingLog } from './log.ts';

/** A channel whose other side is the test: it takes what it is told, or fails as the test says. */
export function listening(name: string, folds = 1): Channel & { readonly told: Telling[][]; fail: Error | null } {
  const told: Telling[][] = [];
  return {
    name,
    folds,
    told,
    fail: null,
    async tell(tellings) {
      await Promise.resolve();
      if (this.fail !== null) throw this.fail;
      told.push([...tellings]);
      return { detail: 'heard' };
    },
    close: () => undefined,
  };
}

export const settingsOf = (notify: object, more: object = {}): Settings =>
  checkSettings(
    { site: { name: 'head-office', timezone: 'Europe/Berlin', country: 'DE' }, notify, ...more },
    'test.toml',
  );

export function siteBy(settings: Settings): Site {
  const made = createSite(settings);
  assert.ok(made.ok);
  return made.value;
}

export interface Telltale {
  readonly store: Store;
  readonly notifier: Notifier;
  readonly logged: ReturnType<typeof recordingLog>['logged'];
  readonly counters: Counters;
  /** commits alerts as the recorder does, and tells them */
  commit(alerts: readonly Alert[], now: Millis): void;
  /** time passes, and what is due is told */
  at(now: Millis): Promise<void>;
}

/** A store, routes by the settings, and channels of the test's. */
export function telltale(
  settings: Settings,
  channels: readonly Channel[],
  now: Millis,
  store = openStore(':memory:'),
): Telltale {
  const site = siteBy(settings);
  const routing = new Routing(settings.notify, site);
  const { log, logged } = recordingLog();
  const counters = new Counters();
  const notifier = new Notifier({
    ...{ store, routing, channels, log, counters, now },
    stuck: 15 * 60_000,
    giveUp: 7 * 86_400_000,
  });
  return {
    store,
    notifier,
    logged,
    counters,
    commit: (alerts, when) => {
      commitAlerts(store, routing, alerts, when);
      for (const one of alerts) notifier.told(one, when);
    },
    at: async (when) => {
      notifier.tick(when);
      await notifier.idle();
    },
  };
}

/** Incident, evidence, alert lines and their deliveries, in one commit. */
export function commitAlerts(store: Store, routing: Routing, alerts: readonly Alert[], now: Millis): void {
  store.commitJudged({
    cursor: 'run',
    evidence: alerts.map((a) => ({
      incident: a.incident,
      evidence: evidence(`e-${a.id}`, {
        ...{ detector: a.detector, severity: a.severity, subject: a.subject, summary: a.summary, facts: a.facts },
        ...{ at: Date.parse(a.at), sources: a.sources, calls: a.calls },
      }),
    })),
    incidents: alerts.map((a) =>
      incident(a.incident, {
        ...{ detector: a.detector, severity: a.severity, subject: a.subject, summary: a.summary },
        ...{ openedAt: Date.parse(a.at), updatedAt: Date.parse(a.at), sources: a.sources, loss: a.loss ?? null },
        accounts: a.subject.type === 'account' ? [a.subject.value] : [],
      }),
    ),
    alerts,
    deliveries: alerts.flatMap((a) => routing.plan(a, now)),
  });
}

/** An alert at a time. */
export const alertAt = (id: string, at: Millis, over: Partial<Alert> = {}): Alert =>
  alert(id, { at: new Date(at).toISOString(), incident: `incident-${id}`, ...over });
