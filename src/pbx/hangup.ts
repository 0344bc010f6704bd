import { setTimeout as sleep } from 'node:timers/promises';
import { PeerError } from '../errors.ts';
import type { Millis } from '../model.ts';
import { rightsHint, type AmiSession } from './ami.ts';

/** What became of the channel: ended by us, or gone before. */
export type HangupResult = 'hung-up' | 'gone';

/** A uniqueid: `1795285803.42`, with systemname `pbx-1795285803.42`. Never a pattern, which Hangup takes between slashes. */
const UNIQUEID = /^(?:[\w.-]{1,64}-)?\d{6,12}\.\d{1,12}$/;
/** Q.850 cause 21, call rejected: a phone that rings at the other end stops, the caller hears 403. */
const CAUSE = '21';
/** A channel ends within milliseconds; one that is still there after these looks is stuck. */
const LOOKS: readonly Millis[] = [0, 20, 80, 400];

export const isUniqueid = (text: string): boolean => UNIQUEID.test(text);

/** The extensions that the channels run in now, by uniqueid: for a caller's channel what was dialled. @throws PeerError */
export async function runningChannels(session: AmiSession): Promise<Map<string, string>> {
  const items = await session.list('CoreShowChannels');
  const found = new Map<string, string>();
  for (const item of items)
    if (item.name === 'CoreShowChannel') found.set(item.get('Uniqueid') ?? '', item.get('Exten') ?? '');
  return found;
}

/**
 * Ends one channel, named by its uniqueid, and looks whether it has ended: Success only means that it was asked to.
 * @throws PeerError: as AmiSession.action; peer-refused when Asterisk does not let us; peer-timeout when it stays
 */
export async function hangUp(session: AmiSession, uniqueid: string): Promise<HangupResult> {
  if (!isUniqueid(uniqueid))
    throw new PeerError('peer-protocol', `"${uniqueid}" is no uniqueid: only one channel is hung up at a time`, false);
  const answer = await session.action('Hangup', [
    ['Channel', uniqueid],
    ['Cause', CAUSE],
  ]);
  if (answer.name !== 'Success') {
    const said = answer.get('Message') ?? answer.name;
    if (/no such channel/i.test(said)) return 'gone';
    throw new PeerError('peer-refused', `Asterisk refuses to hang up ${uniqueid}: ${said}${rightsHint(said)}`, false);
  }
  for (const wait of LOOKS) {
    if (wait > 0) await sleep(wait);
    if (!(await runningChannels(session)).has(uniqueid)) return 'hung-up';
  }
  throw new PeerError('peer-timeout', `channel ${uniqueid} is still there after it was hung up`, true);
}
