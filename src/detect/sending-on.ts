import type { EvidenceDraft, Millis, Severity, Tick } from '../model.ts';
import type { Site } from '../site/site.ts';
import { formatDuration, HOUR, iso, SECOND } from '../time.ts';
import { isGrave } from './call-classes.ts';
import type { Detector } from './detector.ts';
import { counted, listed, placeOf, printable } from './phrases.ts';
import { talkOfAll } from './placed-calls.ts';
import type { TrunkExits } from './sent-on.ts';
import { citing, SENT_ON_KINDS, SentOnCalls, type OnCall, type Sender, type SentOnEvent } from './sent-on-calls.ts';
import { addDistinct, copy, escalate, FloodGate } from './story.ts';

/** What through-dial and forwarding have in common: calls that are sent on are kept by sender, judged and told alike. */
export const SENDING_KINDS = [...SENT_ON_KINDS, 'tick'] as const;
export type SendingKind = (typeof SENDING_KINDS)[number];

/** What the calls of one sender within the window come to. */
export interface Sent {
  /** to numbers that are no arrangement of long */
  readonly fresh: readonly OnCall[];
  readonly targets: number;
  readonly risky: readonly OnCall[];
  readonly grave: readonly OnCall[];
  /** of the fresh ones, those that began while the office was closed */
  readonly late: readonly OnCall[];
  readonly connected: number;
  /** most that are up at the same time, the last one included */
  readonly atOnce: number;
}

interface Options {
  readonly site: Site;
  readonly exits: TrunkExits;
  readonly type: Sender['type'];
  readonly window: Millis;
  /** numbers of this risk or more are risky */
  readonly risk: number;
  readonly calls: number;
  /** null: nothing to tell */
  readonly severity: (sent: Sent, at: Millis) => Severity | null;
  readonly summary: (sender: string, what: string) => string;
}

const TALKING = 5_000;
/** A leg whose end nobody told is not taken for one that is up for ever. */
const LONGEST: Millis = 4 * HOUR;

export class SendingOn implements Detector<SendingKind> {
  readonly #options: Options;
  readonly #sent: SentOnCalls;
  readonly #talking = new Set<string>();
  readonly #gate = new FloodGate();

  constructor(options: Options) {
    this.#options = options;
    this.#sent = new SentOnCalls(options.site, options.exits, options.type, options.window);
  }

  on(event: SentOnEvent | Tick): EvidenceDraft[] {
    if (event.kind === 'tick') return this.#talking.size === 0 ? [] : this.#sweep(event.at);
    const change = this.#sent.take(event);
    if (change === null) return [];
    if (change.call.answered !== null && change.call.ended === null && this.#talking.size < TALKING)
      this.#talking.add(change.key);
    return this.#judge(change.key, change.sender, change.at);
  }

  #sweep(at: Millis): EvidenceDraft[] {
    const found: EvidenceDraft[] = [];
    for (const key of this.#talking) {
      const sender = this.#sent.sender(key);
      const up = sender !== undefined && this.#sent.of(sender, at).some((c) => c.answered !== null && c.ended === null);
      if (!up || sender.said.severity === 'critical') this.#talking.delete(key);
      if (up) found.push(...this.#judge(key, sender, at));
    }
    return found;
  }

  #judge(key: string, sender: Sender, at: Millis): EvidenceDraft[] {
    const { site, risk, calls, severity } = this.#options;
    const all = this.#sent.of(sender, at);
    const isRisky = ({ to }: OnCall): boolean => site.number(to).risk >= risk || isGrave(site.number(to));
    const fresh = all.filter((call) => isRisky(call) || !this.#sent.settled(sender, site.number(call.to), call.to));
    if (fresh.length === 0) return [];
    const found = severity(
      {
        fresh,
        targets: new Set(fresh.map(({ to }) => site.number(to).e164 ?? to)).size,
        risky: fresh.filter(isRisky),
        grave: fresh.filter(({ to }) => isGrave(site.number(to))),
        // forwarding does not ask, and the calendar costs
        get late() {
          return fresh.filter(({ started }) => !site.hours(started, null).open);
        },
        connected: fresh.filter(({ answered }) => answered !== null).length,
        atOnce: fresh.filter(({ ended, started }) => ended === null && at - started < LONGEST).length,
      },
      at,
    );
    if (found === null) return [];
    // one that is forwarded to one number for months is told once, not each time that the count has doubled
    const told = escalate(sender.said, found, found === 'medium' ? 0 : fresh.length, calls);
    if (told === null || !this.#gate.admits(at, told)) return [];
    return [this.#evidence(`${key}|${iso(sender.since)}|${told}|${fresh.length}|${iso(at)}`, sender, told, fresh, at)];
  }

  #evidence(key: string, sender: Sender, severity: Severity, calls: readonly OnCall[], at: Millis): EvidenceDraft {
    const { site, summary } = this.#options;
    const numbers: string[] = [];
    const places: string[] = [];
    const countries: string[] = [];
    const callers: string[] = [];
    for (const { to, from } of calls) {
      const number = site.number(to);
      addDistinct(numbers, number.e164 ?? number.dialled, 5);
      addDistinct(places, placeOf(number), 16);
      addDistinct(countries, number.country ?? '', 16);
      addDistinct(callers, printable(from), 5);
    }
    const connected = calls.filter(({ answered }) => answered !== null).length;
    const talk = talkOfAll(calls, at);
    const length = talk >= 60 * SECOND ? `, ${formatDuration(talk)} of talk` : connected === 0 ? ', not connected' : '';
    return {
      key,
      at,
      severity,
      subject: { type: sender.type, value: sender.value },
      summary: summary(printable(sender.value), `${counted(calls.length, 'call')} to ${listed(places)}${length}`),
      facts: {
        calls: calls.length,
        destinations: new Set(calls.map(({ to }) => to)).size,
        countries,
        numbers,
        callers,
        connected,
        talkSeconds: Math.round(talk / SECOND),
        risk: Math.max(...calls.map(({ to }) => site.number(to).risk)),
        firstCall: iso(calls[0]?.started ?? at),
      },
      ...citing(site, calls, at),
      accounts: [],
    };
  }

  size(): number {
    return this.#sent.size + this.#talking.size;
  }

  snapshot(): unknown {
    return { sent: this.#sent.snapshot(), talking: copy([...this.#talking]), gate: this.#gate.snapshot() };
  }

  restore(snapshot: unknown): void {
    const s = snapshot as { sent: unknown; talking: string[]; gate: unknown };
    this.#sent.restore(s.sent);
    this.#gate.restore(s.gate);
    this.#talking.clear();
    for (const key of s.talking) this.#talking.add(key);
  }
}
