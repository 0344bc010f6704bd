import { severityRank, type Alert, type Millis, type Severity } from '../../model.ts';
import { weeklyHours, type Site } from '../../site/index.ts';
import type { NewDelivery } from '../../store/index.ts';
import { SECOND } from '../../time.ts';
import { deterministicId } from '../ids.ts';
import { channelNames, millis, webhookName, type NotifyOptions, type RouteOptions } from './options.ts';

/** How a channel is told, as far as routing has to know. */
interface ChannelRule {
  readonly name: string;
  readonly severity: Severity;
  /** what is not critical waits for the end of the quiet hours */
  readonly holds: boolean;
  /** what was decided is told with its outcome: worth a moment where a person reads it */
  readonly settles: boolean;
  /** stories that go on are told */
  readonly updates: boolean;
}

/** So long what was decided may take before it is told of. */
const SETTLE: Millis = 3 * SECOND;

/** Who is told of what, and when: a function of the settings, the alert and the site's calendar. */
export class Routing {
  readonly channels: readonly string[];
  readonly #options: NotifyOptions;
  readonly #site: Site;
  readonly #rules: readonly ChannelRule[];
  readonly #quietEnd: (at: Millis) => Millis | null;

  constructor(options: NotifyOptions, site: Site) {
    this.channels = channelNames(options);
    this.#options = options;
    this.#site = site;
    this.#rules = rulesOf(options);
    this.#quietEnd = quietEnds(options, site);
  }

  /** An alert line as deliveries, one for each channel that it goes to. `now`: when it is decided. */
  plan(alert: Alert, now: Millis): NewDelivery[] {
    const to = this.#channelsFor(alert);
    const pending = alert.decisions.some(({ state }) => state === 'pending');
    return this.#rules
      .filter(({ name, severity }) => to.has(name) && severityRank(alert.severity) >= severityRank(severity))
      .map((rule) => {
        const until = rule.holds && alert.severity !== 'critical' ? this.#quietEnd(now) : null;
        return {
          id: deterministicId('delivery', alert.id, rule.name),
          channel: rule.name,
          kind: 'alert',
          alert: alert.id,
          incident: alert.incident,
          severity: alert.severity,
          at: Date.parse(alert.at),
          held: until !== null,
          body: '',
          nextAt: until ?? (pending && rule.settles ? now + SETTLE : now),
        };
      });
  }

  /** A story that goes on: at most one delivery in each period of `updates` on each channel that tells such. */
  updates(incident: string, severity: Severity, at: Millis, now: Millis): NewDelivery[] {
    const every = millis(this.#options.updates);
    if (every === 0) return [];
    const slot = Math.floor(now / every);
    return this.#rules
      .filter(({ updates, severity: least }) => updates && severityRank(severity) >= severityRank(least))
      .map((rule) => {
        const due = (slot + 1) * every;
        const until = rule.holds ? this.#quietEnd(due) : null;
        return {
          id: deterministicId('update', incident, rule.name, String(slot)),
          channel: rule.name,
          kind: 'update',
          alert: '',
          incident,
          severity,
          at,
          held: until !== null,
          body: '',
          nextAt: until ?? due,
        };
      });
  }

  /**
   * Where it is told that something is wrong with ringfence itself, and that it is over: whatever hears of that severity, by
   * day and by night, but nobody is rung for it. Routes are about incidents.
   */
  forAlarms(severity: Severity): string[] {
    return this.#rules
      .filter(({ name, severity: least }) => name !== 'phone' && severityRank(severity) >= severityRank(least))
      .map(({ name }) => name);
  }

  #channelsFor(alert: Alert): ReadonlySet<string> {
    const { routes } = this.#options;
    if (routes.length === 0) return new Set(this.channels);
    const to = new Set<string>();
    for (const route of routes) {
      if (!this.#fits(route, alert)) continue;
      for (const name of route.to) to.add(name);
      if (route.last) break;
    }
    return to;
  }

  #fits(route: RouteOptions, alert: Alert): boolean {
    if (route.severity !== undefined && severityRank(alert.severity) < severityRank(route.severity)) return false;
    if (route.detectors.length > 0 && !route.detectors.includes(alert.detector)) return false;
    const account = alert.subject.type === 'account' ? alert.subject.value : null;
    if (route.hours !== 'any') {
      const { open } = this.#site.hours(Date.parse(alert.at), account);
      if (open !== (route.hours === 'open')) return false;
    }
    if (route.accounts.length === 0 && route.groups.length === 0) return true;
    if (account === null) return false;
    const groups = this.#site.accounts.groupsOf(account);
    return route.accounts.includes(account) || route.groups.some((group) => groups.includes(group));
  }
}

function rulesOf({ mail, webhook, syslog, command, phone }: NotifyOptions): ChannelRule[] {
  return [
    ...(mail === undefined
      ? []
      : [{ name: 'mail', severity: mail.severity, holds: mail.night === 'digest', settles: true, updates: true }]),
    ...webhook.map((hook) => ({
      name: webhookName(hook),
      severity: hook.severity,
      holds: hook.quiet === 'hold',
      settles: hook.shape !== 'ringfence',
      updates: false,
    })),
    ...(syslog === undefined
      ? []
      : [{ name: 'syslog', severity: syslog.severity, holds: false, settles: false, updates: false }]),
    ...(command === undefined
      ? []
      : [
          {
            name: 'command',
            severity: command.severity,
            holds: command.quiet === 'hold',
            settles: false,
            updates: false,
          },
        ]),
    ...(phone === undefined
      ? []
      : [{ name: 'phone', severity: phone.severity, holds: false, settles: true, updates: false }]),
  ];
}

/** When the quiet hours in which a moment lies end; null: it lies in none. */
function quietEnds({ quiet }: NotifyOptions, site: Site): (at: Millis) => Millis | null {
  if (quiet === 'never' || quiet.length === 0) return () => null;
  if (quiet === 'closed')
    return (at) => {
      const { open, until } = site.hours(at, null);
      // an office that is closed for a year has nobody to wait for
      return open || until === null ? null : until;
    };
  const hours = weeklyHours(site.timezone, quiet);
  return (at) => {
    const { open, until } = hours.at(at);
    return open ? until : null;
  };
}
