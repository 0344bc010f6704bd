import { BoundedMap } from '../windows.ts';
import { channelEndpoint, type AmiMessage } from '../wire/ami.ts';
import { numberTail, told, type Calls } from './calls.ts';
import type { Context } from './context.ts';

/** Legs that are up at one time. */
const MAX_LEGS = 16_384;

interface Leg {
  readonly call: string;
  readonly to: string;
  readonly via: string;
  answered: boolean;
}

/**
 * The number in what Dial() was given for a trunk (AMI's DialString): `0037126123456@carrier`, `carrier/sip:+371…@host`,
 * `carrier/0037126123456`, `g1/0037126123456`. '' where there is none.
 */
export function dialStringNumber(text: string): string {
  for (const part of text
    .slice(0, 256)
    .replace(/^sips?:/i, '')
    .split('/')
    .reverse()) {
    const user = part.replace(/^sips?:/i, '').split('@')[0] ?? '';
    if (/^[+*#]?\d[\d*#]{2,}$/.test(user)) return user;
  }
  return '';
}

/**
 * Calls that the PBX sends on by a trunk to another number than was dialled: forwarded by an extension, or dialled through
 * (DISA, voicemail, an IVR). AMI tells it, by the Linkedid of the channels that DialBegin names (Asterisk: Dial_API_events).
 */
export class Onward {
  readonly #context: Context;
  readonly #calls: Calls;
  /** by the Uniqueid of the trunk's channel */
  readonly #legs = new BoundedMap<Leg>(MAX_LEGS);

  constructor(context: Context, calls: Calls) {
    this.#context = context;
    this.#calls = calls;
  }

  get size(): number {
    return this.#legs.size;
  }

  dialBegin(event: AmiMessage, seenAt: number): void {
    const uniqueid = event.get('DestUniqueid') ?? '';
    const endpoint = channelEndpoint(event.get('DestChannel') ?? '');
    const call = this.#calls.byUniqueid(event.get('Linkedid') ?? event.get('DestLinkedid') ?? '');
    if (uniqueid === '' || endpoint === null || call === undefined || call.ended || this.#legs.has(uniqueid)) return;
    // DAHDI/i1/0037… has its number behind the endpoint
    const via = [endpoint.endpoint, endpoint.endpoint.split('/')[0] ?? ''].find((name) =>
      this.#context.site.networks.isTrunk(name),
    );
    const to = dialStringNumber(event.get('DialString') ?? '') || (event.get('DestExten') ?? '');
    if (via === undefined || to === '') return;
    // a phone's call out by the trunk is no call that is sent on; a trunk's is
    if (call.trunk === null && numberTail(to) === numberTail(call.dialled)) return;
    const leg: Leg = { call: call.call, to, via, answered: false };
    this.#legs.set(uniqueid, leg);
    this.#calls.sentOn(to);
    this.#tell(uniqueid, leg, 'dialled', seenAt);
  }

  up(uniqueid: string, seenAt: number): void {
    const leg = this.#legs.peek(uniqueid);
    if (leg === undefined || leg.answered) return;
    leg.answered = true;
    this.#tell(uniqueid, leg, 'answered', seenAt);
  }

  hangup(uniqueid: string, seenAt: number): void {
    const leg = this.#legs.peek(uniqueid);
    if (leg === undefined) return;
    this.#legs.delete(uniqueid);
    this.#tell(uniqueid, leg, 'ended', seenAt);
  }

  #tell(uniqueid: string, { call: key, to, via }: Leg, state: 'dialled' | 'answered' | 'ended', seenAt: number): void {
    const call = this.#calls.byKey(key);
    if (call === undefined) return;
    const leg = `${key}>${uniqueid}`;
    this.#context.emit(Object.assign(told(this.#context, 'call.onward', call, 'ami', seenAt), { leg, to, via, state }));
  }
}
