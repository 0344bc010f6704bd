import type { Event, Millis } from '../model.ts';
import { HOUR, MINUTE } from '../time.ts';

/** Width of a step, and how many are kept: a day. */
export const STEP = 5 * MINUTE;
const STEPS = 288;

/** Bounds of the cells that times are counted in, milliseconds: each is a quarter longer than the one before, 1 ms to 60 s. */
const BOUNDS: readonly number[] = Array.from({ length: 50 }, (_, i) => 1.25 ** i);

/** Times, counted by how long they were. */
class Times {
  readonly #cells = new Uint32Array(BOUNDS.length + 1);
  count = 0;

  add(ms: number): void {
    const at = ms <= 1 ? 0 : Math.ceil(Math.log(ms) / Math.log(1.25));
    const cell = Math.min(this.#cells.length - 1, at);
    this.#cells[cell] = (this.#cells[cell] ?? 0) + 1;
    this.count++;
  }

  /** The time that this share of them does not exceed, at most a quarter too long; null: there were none. */
  share(share: number): number | null {
    if (this.count === 0) return null;
    let left = share * this.count;
    for (const [i, cell] of this.#cells.entries()) {
      left -= cell;
      if (left <= 0) return BOUNDS[Math.min(i, BOUNDS.length - 1)] ?? null;
    }
    return BOUNDS.at(-1) ?? null;
  }
}

interface Step {
  readonly index: number;
  inbound: number;
  outbound: number;
  answered: number;
  refused: number;
  retransmissions: number;
  readonly ringing: Times;
  readonly register: Times;
}

/** Five minutes of what went through the PBX. Times in milliseconds. */
export interface TrafficStep {
  readonly at: Millis;
  readonly inbound: number;
  readonly outbound: number;
  readonly answered: number;
  /** calls that the PBX refused because of what stands there */
  readonly refused: number;
  readonly retransmissions: number;
  /** from INVITE to ringing (post-dial delay); median and 95 of 100 */
  readonly pdd: readonly [median: number | null, p95: number | null];
  /** from REGISTER to its final answer */
  readonly register: readonly [median: number | null, p95: number | null];
}

/** What went through the PBX in the last day, five minutes a step. Fed by the events of the correlator; bounded. */
export class Traffic {
  readonly #steps: (Step | undefined)[] = [];

  event(event: Event): void {
    switch (event.kind) {
      case 'call.started':
        if (event.trunk === null) this.#at(event.at).outbound++;
        else this.#at(event.at).inbound++;
        break;
      case 'call.answered':
        this.#at(event.at).answered++;
        break;
      case 'call.refused':
        this.#at(event.at).refused++;
        break;
      case 'request.answered': {
        const step = this.#at(event.at);
        step.retransmissions += event.retransmissions;
        if (event.request.method === 'INVITE' && event.ringMs !== null) step.ringing.add(event.ringMs);
        if (event.request.method === 'REGISTER' && event.status < 300) step.register.add(event.tookMs);
        break;
      }
      case 'answer.received':
        if (event.status >= 200) this.#at(event.at).retransmissions += event.retransmissions;
        break;
      default:
    }
  }

  #at(at: Millis): Step {
    const index = Math.floor(at / STEP);
    const known = this.#steps[index % STEPS];
    if (known?.index === index) return known;
    const step: Step = {
      ...{ index, inbound: 0, outbound: 0, answered: 0, refused: 0, retransmissions: 0 },
      ...{ ringing: new Times(), register: new Times() },
    };
    this.#steps[index % STEPS] = step;
    return step;
  }

  /** The steps up to now, oldest first; those of which nothing was heard are empty. */
  steps(now: Millis, count = STEPS): TrafficStep[] {
    const last = Math.floor(now / STEP);
    return Array.from({ length: Math.min(count, STEPS) }, (_, i) => {
      const index = last - Math.min(count, STEPS) + 1 + i;
      const step = this.#steps[index % STEPS];
      const held = step?.index === index ? step : null;
      return {
        at: index * STEP,
        inbound: held?.inbound ?? 0,
        outbound: held?.outbound ?? 0,
        answered: held?.answered ?? 0,
        refused: held?.refused ?? 0,
        retransmissions: held?.retransmissions ?? 0,
        pdd: [held?.ringing.share(0.5) ?? null, held?.ringing.share(0.95) ?? null],
        register: [held?.register.share(0.5) ?? null, held?.register.share(0.95) ?? null],
      };
    });
  }

  /** Calls of each of the last two hours' steps. */
  recent(now: Millis): number[] {
    return this.steps(now, (2 * HOUR) / STEP).map(({ inbound, outbound }) => inbound + outbound);
  }
}
