import { canonicalAddress } from '../address.ts';
import type { PinTried } from '../model.ts';
import type { AmiMessage } from '../wire/ami.ts';
import type { FirstHop } from './calls.ts';

/** What the dialplan guard tells by UserEvents and channel variables: docs/astdb.md, "What the guard tells". */

/**
 * The Call-ID: in a channel variable, where Asterisk puts a backslash before quotation marks and backslashes; else in a
 * header of the guard's event, where a comma is `_` and those are gone. null: it does not tell.
 */
export function channelCallId(event: AmiMessage): string | null {
  const variable = event.variables().get('RINGFENCE_CALLID');
  if (variable !== undefined && variable !== '') return variable.replace(/\\(["\\])/g, '$1');
  return event.get('CallID');
}

/** RINGFENCE_SRC, `192.0.2.1:5060` or `[2001:db8::1]:5060`, with port 0 for chan_sip and IAX2. null: it does not tell. */
export function guardSource(event: AmiMessage): FirstHop | null {
  const text = event.variables().get('RINGFENCE_SRC') ?? event.get('Source') ?? '';
  const colon = text.lastIndexOf(':');
  const source = colon < 0 || colon > 64 ? null : canonicalAddress(text.slice(0, colon));
  const sourcePort = Number(text.slice(colon + 1));
  if (source === null || !Number.isInteger(sourcePort)) return null;
  return { source, sourcePort, transport: 'udp', proof: 'none' };
}

const PIN_RESULTS: readonly PinTried['result'][] = ['accepted', 'used', 'wrong', 'locked', 'blocked'];

/** `Result` of RingfencePin; null: none that is known. */
export const pinResult = (event: AmiMessage): PinTried['result'] | null =>
  PIN_RESULTS.find((known) => known === event.get('Result')) ?? null;
