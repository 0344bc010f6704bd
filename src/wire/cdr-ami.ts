import { canonicalAddress } from '../address.ts';
import type { CallRecord, Millis } from '../model.ts';
import { parsed, refused, type Parsed } from '../parsed.ts';
import type { Zone } from '../time.ts';
import { amiEventTime } from './ami-fields.ts';
import type { AmiMessage } from './ami-message.ts';
import { dispositionOf } from './cdr-fields.ts';
import { readWall, timesByEvidence, uniqueidTime } from './cdr-time.ts';

/** An AMI Cdr event. What the event itself lacks is there if cdr_manager.conf maps it. */
export interface AmiCallRecord {
  readonly record: CallRecord;
  /** `srcip => SrcIP`: canonical address text of the caller; null: not told */
  readonly sourceAddress: string | null;
  /** `sipcallid => SipCallID`: SIP Call-ID of the caller's leg; null: not told */
  readonly callId: string | null;
}

export interface AmiCdrOptions {
  /** the site's zone: asked only where the event does not tell by itself what its local times mean */
  readonly zone: Zone;
  /** when the event arrived, for one without Timestamp (a live feed) */
  readonly arrival?: Millis;
}

const date = (text: string): number => (text.length === 19 ? readWall(Buffer.from(text, 'latin1'), 0) : NaN);

const integer = (text: string | null): number =>
  text !== null && /^-?\d{1,12}$/.test(text) ? Math.max(0, Number(text)) : NaN;

/** `127.0.0.2`, `127.0.0.2:43085`, `[2001:db8::1]:5060`, `2001:db8::1`. */
function addressOf(text: string | null): string | null {
  if (text === null || text.length > 64) return null;
  const whole = canonicalAddress(text);
  return whole ?? canonicalAddress(text.replace(/:\d{1,5}$/, ''));
}

/**
 * The call record of an AMI Cdr event (cdr_manager). Its times are local time of the PBX's own /etc/localtime without an
 * offset; they are resolved by what is zone-safe in the event: the unique id (creation of the channel), Timestamp (or
 * arrival) and the duration.
 */
export function cdrFromAmi(event: AmiMessage, options: AmiCdrOptions): Parsed<AmiCallRecord> {
  if (event.kind !== 'event' || event.name !== 'Cdr') return refused('not a Cdr event');
  const text = (name: string): string => event.get(name) ?? '';
  const start = date(text('StartTime'));
  const end = date(text('EndTime'));
  const answer = text('AnswerTime') === '' ? null : date(text('AnswerTime'));
  if (Number.isNaN(start)) return refused('StartTime is not a date');
  if (Number.isNaN(end)) return refused('EndTime is not a date');
  if (Number.isNaN(answer)) return refused('AnswerTime is not a date');
  const duration = integer(event.get('Duration'));
  if (Number.isNaN(duration)) return refused('Duration is not a number');
  const billsec = integer(event.get('BillableSeconds'));
  if (Number.isNaN(billsec)) return refused('BillableSeconds is not a number');
  const uniqueid = text('UniqueID');
  const linkedid = text('LinkedID');
  const created = uniqueidTime(uniqueid === '' ? linkedid : uniqueid);
  const told = amiEventTime(event) ?? options.arrival ?? null;
  const times = timesByEvidence({ start, answer, end, duration, billsec }, created, told, options.zone);
  const sequence = integer(event.get('Sequence'));
  const record: CallRecord = {
    accountcode: text('AccountCode'),
    src: text('Source'),
    dst: text('Destination'),
    dcontext: text('DestinationContext'),
    clid: text('CallerID'),
    channel: text('Channel'),
    dstchannel: text('DestinationChannel'),
    lastapp: text('LastApplication'),
    lastdata: text('LastData'),
    ...times,
    duration,
    billsec,
    disposition: dispositionOf(text('Disposition')),
    amaflags: text('AMAFlags'),
    uniqueid,
    userfield: text('UserField'),
    linkedid,
    sequence: Number.isNaN(sequence) ? null : sequence,
    peeraccount: text('PeerAccount'),
  };
  return parsed({ record, sourceAddress: addressOf(event.get('SrcIP')), callId: event.get('SipCallID') || null });
}
