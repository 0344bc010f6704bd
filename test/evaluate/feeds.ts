import type { CallRecord, Millis } from '../../src/model.ts';
import type { Pipeline } from '../../src/pipeline.ts';
import { SECOND } from '../../src/time.ts';
import { AmiMessage } from '../../src/wire/ami.ts';
import type { Packet } from '../support/sip-builder.ts';
import type { PlannedCall } from './life.ts';
import { TRUNK } from './people.ts';

/**
 * What the feeds tell of calls and packets. `cdr`: call records alone, as `scan` reads them. `live`: registrations, guesses and
 * everything that is an attack on signalling as mirrored SIP bytes; calls as the manager events that Asterisk 22 was measured
 * to send (SuccessfulAuth, Newchannel, DialBegin, Newstate, Hangup), and their records after them. Mirrored SIP of every call
 * would say the same again and take ten times as long.
 */
export type Feed = 'live' | 'cdr';

type Step = 'auth' | 'new' | 'leg' | 'dial' | 'up' | 'hangup' | 'records' | 'packet' | 'tick';
export interface Item {
  readonly at: Millis;
  readonly step: Step;
  readonly call: PlannedCall | null;
  readonly packet: Packet | null;
}

const uniqueid = (call: PlannedCall): string => `${Math.floor(call.at / 1000)}.${2 * call.id}`;
const secondLeg = (call: PlannedCall): string => `${Math.floor(call.at / 1000)}.${2 * call.id + 1}`;
const callIdOf = (call: PlannedCall): string => `call-${call.id}@${call.source}`;
/** All by which evidence may name a call. */
export const namesOf = (call: PlannedCall): string[] => [uniqueid(call), secondLeg(call), callIdOf(call)];
const fromTrunk = (call: PlannedCall): boolean => call.form !== 'out' && call.form !== 'internal';
export const endOf = (call: PlannedCall): Millis => call.at + call.ring + call.talk;

const hex = (id: number): string => (id % 0xffff_ffff).toString(16).padStart(8, '0');
const channelOf = (call: PlannedCall): string => `PJSIP/${fromTrunk(call) ? TRUNK : call.account}-${hex(2 * call.id)}`;
const outgoing = (call: PlannedCall): string =>
  `PJSIP/${call.form === 'internal' ? call.dialled : call.form === 'in' ? call.account : TRUNK}-${hex(2 * call.id + 1)}`;
/** A phone that forwards by itself (302) makes Asterisk dial a Local channel; a dialplan forward dials at once. Both are seen. */
const byLocal = (call: PlannedCall): boolean => call.form === 'forwarded' && call.id % 2 === 0;

/** Items in the order in which they happen. */
export function itemsOf(feed: Feed, calls: readonly PlannedCall[], packets: readonly Packet[]): Item[] {
  const items: Item[] = [];
  const add = (at: Millis, step: Step, call: PlannedCall): void => void items.push({ at, step, call, packet: null });
  for (const call of calls) {
    const end = endOf(call);
    if (feed === 'live') {
      if (!fromTrunk(call) && call.source !== '') add(call.at, 'auth', call);
      add(call.at + 3, 'new', call);
      // DISA: the caller dials on after its answer
      const dials = call.at + (call.form === 'through' ? 9 * SECOND : 40);
      if (call.form !== 'in' && call.form !== 'internal') add(dials, 'leg', call);
      add(dials + 5, 'dial', call);
      if (call.talk > 0) add(call.at + call.ring, 'up', call);
      add(end, 'hangup', call);
    }
    add(end + 5, 'records', call);
  }
  if (feed === 'live') for (const packet of packets) items.push({ at: packet.at, step: 'packet', call: null, packet });
  return items.sort((a, b) => a.at - b.at);
}

type Header = readonly [string, string];

function amiOf(step: Step, call: PlannedCall): Header[] {
  const id: Header[] = [['Uniqueid', uniqueid(call)], ['Linkedid', uniqueid(call)]]; // prettier-ignore
  switch (step) {
    case 'auth':
      return [
        ['Event', 'SuccessfulAuth'],
        ['Service', 'PJSIP'],
        ['AccountID', call.account],
        ['SessionID', callIdOf(call)],
        ['LocalAddress', 'IPV4/UDP/192.0.2.10/5060'],
        ['RemoteAddress', `IPV4/UDP/${call.source}/5060`],
        ['UsingPassword', '1'],
      ];
    case 'new': {
      const exten = call.form === 'through' ? '4000' : call.form === 'forwarded' ? call.account : call.dialled;
      return [
        ['Event', 'Newchannel'],
        ['Channel', channelOf(call)],
        ['ChannelState', '4'],
        ['CallerIDNum', call.from],
        ['Context', fromTrunk(call) ? 'from-trunk' : 'from-internal'],
        ['Exten', exten],
        ...id,
      ];
    }
    case 'leg':
      return [
        ['Event', 'Newchannel'],
        ['Channel', outgoing(call)],
        ['ChannelState', '0'],
        ['CallerIDNum', ''],
        ['Context', 'from-trunk'],
        ['Exten', 's'],
        ['Uniqueid', secondLeg(call)],
        ['Linkedid', uniqueid(call)],
      ];
    case 'dial':
      return [
        ['Event', 'DialBegin'],
        ['Channel', channelOf(call)],
        ['CallerIDNum', call.from],
        ['Exten', call.form === 'forwarded' ? call.account : call.dialled],
        ...id,
        ['DestChannel', outgoing(call)],
        ['DestUniqueid', secondLeg(call)],
        ['DestLinkedid', uniqueid(call)],
        ['DialString', call.form === 'internal' || call.form === 'in' ? call.dialled : `${call.dialled}@${TRUNK}`],
      ];
    case 'up':
      return [['Event', 'Newstate'], ['Channel', channelOf(call)], ['ChannelState', '6'], ...id]; // prettier-ignore
    default:
      return [['Event', 'Hangup'], ['Channel', channelOf(call)], ['Cause', '16'], ...id]; // prettier-ignore
  }
}

/** The rows of Master.csv of one call. */
export function recordsOf(call: PlannedCall): CallRecord[] {
  const answered = call.talk > 0;
  const start = Math.floor(call.at / 1000) * 1000;
  const answer = Math.floor((call.at + call.ring) / 1000) * 1000;
  const end = Math.floor(endOf(call) / 1000) * 1000;
  const row: CallRecord = {
    accountcode: '',
    src: call.from,
    dst: call.dialled,
    dcontext: call.form === 'through' ? 'disa' : fromTrunk(call) ? 'from-trunk' : 'from-internal',
    clid: `"" <${call.from}>`,
    channel: channelOf(call),
    dstchannel: outgoing(call),
    lastapp: 'Dial',
    lastdata: call.form === 'in' || call.form === 'internal' ? `PJSIP/${call.dialled},30` : `PJSIP/${call.dialled}@${TRUNK},60`, // prettier-ignore
    start,
    answer: answered ? answer : null,
    end,
    duration: (end - start) / 1000,
    billsec: answered ? (end - answer) / 1000 : 0,
    disposition: answered ? 'ANSWERED' : call.id % 5 === 0 ? 'BUSY' : 'NO ANSWER',
    amaflags: 'DOCUMENTATION',
    uniqueid: uniqueid(call),
    userfield: '',
    linkedid: uniqueid(call),
    sequence: 2 * call.id,
    peeraccount: '',
  };
  if (!byLocal(call)) return [row];
  const local = `Local/${call.dialled}@from-internal-${hex(call.id)}`;
  return [
    { ...row, dst: call.account, dstchannel: `${local};1`, lastdata: `PJSIP/${call.account},30` },
    { ...row, channel: `${local};2`, uniqueid: secondLeg(call), sequence: 2 * call.id + 1, dcontext: 'from-internal' },
  ];
}

/** Plays items into the pipeline; it is the feeds that move its clock. */
export function play(pipeline: Pipeline, items: readonly Item[]): void {
  for (const { at, step, call, packet } of items) {
    pipeline.advance(at);
    if (packet !== null) pipeline.correlator.sip(packet.path, packet.payload, at, at);
    else if (call === null) pipeline.correlator.tick(at);
    else if (step === 'records') for (const record of recordsOf(call)) pipeline.correlator.cdr(record, Infinity);
    else pipeline.ami(new AmiMessage(amiOf(step, call)), at, at);
  }
}

/** Ticks while attack calls are up, as live every second; here every ten seconds. */
export function ticksOf(calls: readonly PlannedCall[]): Item[] {
  const times = new Set<number>();
  for (const call of calls)
    if (call.talk > 0)
      for (let at = Math.ceil(call.at / 10_000) * 10_000; at < endOf(call); at += 10_000) times.add(at);
  return [...times].map((at): Item => ({ at, step: 'tick', call: null, packet: null }));
}
