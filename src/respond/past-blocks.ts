import type { CallFacts, Decision, Millis } from '../model.ts';
import type { Site } from '../site/site.ts';
import type { Claim, Entry, Kind } from './enforcement.ts';
import { deterministicId } from './ids.ts';

const NAMES: Partial<Record<Kind, (value: string) => string>> = {
  account: (value) => `the block of all calls of ${value}`,
  international: (value) => `the block of calls abroad of ${value}`,
  address: (value) => `the block of address ${value}`,
  number: (value) => `the block of numbers that begin with ${value}`,
};

/** Entries that should have refused this call, as far as they stand; the office lock is not asked, for a PIN may have lifted it. */
function entriesOf(call: CallFacts, site: Site, standing: (kind: Kind, value: string) => Entry | undefined): Entry[] {
  const { account, trunk, source, dialled } = call;
  const number = site.number(dialled);
  // calls that come in are nobody's here; nobody knows whether a call without a number is an emergency call
  if (trunk !== null || !/\d/.test(dialled) || !number.blockable) return [];
  const found: (Entry | undefined)[] = [];
  if (account !== null) found.push(standing('account', account));
  if (account !== null && number.international && number.chargeable) found.push(standing('international', account));
  if (source !== null) found.push(standing('address', source));
  for (let length = 1; length <= (number.e164?.length ?? 0); length++)
    found.push(standing('number', (number.e164 ?? '').slice(0, length)));
  return found.flatMap((entry) => entry ?? []);
}

/**
 * Is this call one that the guard refuses by itself? It is not answered, and a block that stands in its way was seen to stand before it
 * began (`provedAt`: since when, null: not proved). Nothing of it is up, so nothing is hung up; should it be answered all the same,
 * `pastBlock` has it hung up.
 */
export function isRefused(
  call: CallFacts,
  site: Site,
  standing: (kind: Kind, value: string) => Entry | undefined,
  provedAt: (entry: Entry) => Millis | null,
): boolean {
  if (call.answeredAt !== null) return false;
  return entriesOf(call, site, standing).some((entry) => {
    const at = entry.claims.some(({ by }) => by !== 'settings') ? provedAt(entry) : null;
    return at !== null && at <= call.startedAt;
  });
}

/**
 * A call was answered though a block stands that should have refused it: it was under way when the block was put up, or the
 * dialplan does not ask the guard. It is to be hung up; a call that was answered before the block is left alone.
 * @param incidentOf the incident of the block's decision, '' if there is none
 * @returns null: no block was in its way
 */
export function pastBlock(
  call: CallFacts,
  site: Site,
  standing: (kind: Kind, value: string) => Entry | undefined,
  incidentOf: (claim: Claim) => string,
): Decision | null {
  const { answeredAt } = call;
  if (answeredAt === null) return null;
  for (const { kind, value, claims } of entriesOf(call, site, standing)) {
    const claim = claims.find(({ since, by }) => since <= answeredAt && by !== 'settings');
    const name = NAMES[kind]?.(value);
    if (claim === undefined || name === undefined) continue;
    return {
      id: deterministicId('past-block', call.call),
      incident: incidentOf(claim),
      at: answeredAt,
      action: 'hang-up',
      target: call.call,
      state: 'pending',
      until: null,
      why: `it was answered though ${name} stands`,
    };
  }
  return null;
}
