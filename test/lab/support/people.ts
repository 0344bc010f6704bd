import type { Call } from './call.ts';
import type { Lab } from './lab.ts';
import { pause } from './process.ts';
import { homeAddress } from './staff.ts';
import type { UserAgent } from './ua.ts';

/** Something that a person at a phone did, and how it went. */
export interface Deed {
  readonly at: number;
  readonly what: string;
  readonly ok: boolean;
}

/** Numbers at home that cost nothing to speak of. */
const AT_HOME = ['0301234567', '0891234567', '04012345678'];

/**
 * People who use their phones all the time, as people do: each registers, refreshes its registration, calls a number at home and
 * the next colleague, and is called. Everything that fails is kept: whoever protects a PBX must not be felt by them.
 */
export class People {
  readonly phones: readonly UserAgent[];
  readonly deeds: Deed[] = [];
  readonly #everyMs: number;
  #going = true;
  #done: Promise<void> = Promise.resolve();

  private constructor(phones: readonly UserAgent[], everyMs: number) {
    this.phones = phones;
    this.#everyMs = everyMs;
  }

  /** Extensions from 1101 on are home workers with an address each; the others are in the office. */
  static async start(lab: Lab, extensions: readonly string[], everyMs = 300): Promise<People> {
    const phones: UserAgent[] = [];
    for (const extension of extensions) {
      const address = Number(extension) > 1100 ? { address: homeAddress(extension) } : {};
      phones.push(await lab.phone(extension, { timeoutMs: 4_000, ...address }));
    }
    const people = new People(phones, everyMs);
    for (const phone of phones) await people.#registers(phone);
    people.#done = people.#live();
    return people;
  }

  async #live(): Promise<void> {
    for (let round = 0; this.#going; round++) {
      const phone = this.phones[round % this.phones.length];
      const next = this.phones[(round + 1) % this.phones.length];
      if (phone === undefined || next === undefined) return;
      if (round % 3 === 0) await this.#registers(phone);
      await this.#calls(phone, AT_HOME[round % AT_HOME.length] ?? '112');
      if (next !== phone) await this.#callsColleague(phone, next);
      await pause(this.#everyMs);
    }
  }

  async #registers(phone: UserAgent): Promise<void> {
    const status = await phone.register().then(
      (outcome) => outcome.status,
      () => 0,
    );
    this.#note(`REGISTER of ${phone.options.username}: ${status}`, status === 200);
  }

  async #calls(phone: UserAgent, number: string): Promise<Call> {
    const call = await phone.callFor(number, 60);
    const whole = call.status === 200 && call.endedBy === 'here';
    this.#note(`${phone.options.username} calls ${number}: ${call.status}, ended ${call.endedBy ?? 'not'}`, whole);
    return call;
  }

  async #callsColleague(phone: UserAgent, next: UserAgent): Promise<void> {
    const came = next.calls.length;
    await this.#calls(phone, next.options.username);
    this.#note(`${next.options.username} is called by ${phone.options.username}`, next.calls.length > came);
  }

  #note(what: string, ok: boolean): void {
    this.deeds.push({ at: Date.now(), what, ok });
  }

  /** Ends, their phones too, and tells what failed since the start, in order. */
  async stop(): Promise<string[]> {
    if (this.#going) {
      this.#going = false;
      await this.#done;
      for (const phone of this.phones) {
        await phone.unregister().catch(() => undefined);
        phone.close();
      }
    }
    return this.deeds
      .filter(({ ok }) => !ok)
      .map(({ at, what }) => `${new Date(at).toISOString().slice(11, 23)} ${what}`);
  }
}

/** How a call of a thief ended, as he and the carrier saw it. */
export interface Attempt {
  readonly number: string;
  /**
   * Milliseconds from his first INVITE of this call to its refusal, or to the BYE or CANCEL that cut it, to him or to the carrier; NaN:
   * neither came. (PJSIP holds back the BYE to whom an ACL denied the ACK; there is nobody left for him to talk to then.)
   */
  readonly cutMs: number;
  readonly status: number;
  /** Milliseconds of talk that he got. */
  readonly talkMs: number;
}

/** Calls and talks until he is cut off or `talkMs` are over. */
export async function steals(lab: Lab, thief: UserAgent, number: string, talkMs: number): Promise<Attempt> {
  const began = Date.now();
  const call = thief.dial(number);
  const status = await call.settled;
  const atCarrier = (): number | undefined =>
    lab.trunk.calls().findLast((c) => c.number === number && c.invitedAt >= began)?.endedAt;
  while (status === 200 && call.state !== 'ended' && atCarrier() === undefined && Date.now() - began < talkMs)
    await pause(2);
  const carrier = status === 200 ? atCarrier() : undefined;
  const cut = status !== 200 || call.endedBy === 'there' || carrier !== undefined;
  const over = carrier ?? call.endedAt ?? Date.now();
  if (call.state !== 'ended') await call.hangUp();
  const first = thief.packets.find(
    ({ label, direction, message }) =>
      label === 'INVITE' && direction === 'sent' && message.headers.some(([, value]) => value === call.callId),
  );
  return {
    ...{ number, status, talkMs: call.answeredAt === undefined ? 0 : over - call.answeredAt },
    cutMs: cut && first !== undefined ? over - first.at : NaN,
  };
}

/** Median and worst of milliseconds, for a line of output. */
export function spread(values: readonly number[]): string {
  const sorted = values.toSorted((a, b) => a - b);
  return `median ${Math.round(sorted[Math.floor(sorted.length / 2)] ?? NaN)} ms, worst ${Math.round(sorted.at(-1) ?? NaN)} ms of ${values.length}`;
}
