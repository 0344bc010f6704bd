import { sourceKey } from '../address.ts';
import {
  betterProof,
  graver,
  severityRank,
  type EvidenceDraft,
  type Millis,
  type Severity,
  type SourceProof,
} from '../model.ts';
import { iso } from '../time.ts';
import { networkOf, sameness, type Device, type Sameness } from './devices.ts';
import { printable } from './phrases.ts';
import { accountSubject, addressSubject, escalate, unsaid, withOne, type Said } from './story.ts';

/** What registration-hijack holds of an account, and how it is told. */

/** What was said about one address that uses an account. */
export interface Story {
  key: string;
  address: string;
  owner: string;
  first: Millis;
  reasons: string[];
  device: Sameness;
  userAgent: string;
  ownerAgent: string;
  historyKnown: boolean;
  calls: string[];
  callKeys: string[];
  /** proof of the address by what made the story as grave as it is */
  proof: SourceProof;
  said: Said;
}

/** One account's registrations. */
export interface State {
  aor: string;
  account: string | null;
  devices: Device[];
  /** when one device took the binding of another */
  fights: { at: Millis; a: string; b: string }[];
  removed: { key: string; at: Millis; devices: Device[] } | null;
  authUsers: string[];
  stories: Story[];
  /** a device of the account on a new address: told once a day */
  moved: Millis | null;
}

const DEVICES = 12;
/** devices behind one address that are told apart: a desk phone and a softphone in one office */
const TOGETHER = 4;
const STORIES = 4;

const rankOf = (story: Story): number => (story.said.severity === null ? -1 : severityRank(story.said.severity));

/** The story about an address that uses the account; of too many the mildest is forgotten. */
export function storyOf(state: State, thief: Device, owner: Device | undefined, historyKnown: boolean): Story {
  let story = state.stories.find((s) => s.key === thief.key);
  if (story === undefined) {
    if (state.stories.length >= STORIES) {
      const mildest = state.stories.reduce((a, b) => (rankOf(b) < rankOf(a) ? b : a));
      state.stories = state.stories.filter((s) => s !== mildest);
    }
    story = {
      key: thief.key,
      address: thief.address,
      owner: owner?.address ?? '',
      first: thief.last,
      reasons: [],
      device: 'unknown',
      userAgent: thief.userAgent,
      ownerAgent: owner?.userAgent ?? '',
      historyKnown,
      calls: [],
      callKeys: [],
      proof: 'none',
      said: unsaid(),
    };
    state.stories = withOne(state.stories, story);
  }
  if (thief.userAgent !== '') story.userAgent = thief.userAgent;
  return story;
}

/** A story is told when it becomes graver; with `calls` also each time their number has doubled. */
export function tell(
  state: State,
  story: Story,
  severity: Severity,
  reason: string,
  at: Millis,
  proof: SourceProof,
  calls = 0,
): EvidenceDraft[] {
  if (calls === 0 && story.reasons.length < 8 && !story.reasons.includes(reason)) story.reasons.push(reason);
  const worst = story.said.severity === null ? severity : graver(story.said.severity, severity);
  const rise = severityRank(severity) - rankOf(story);
  if (rise > 0) story.proof = proof;
  else if (rise === 0) story.proof = betterProof(story.proof, proof);
  const told = escalate(story.said, worst, calls, calls === 0 ? Number.MAX_SAFE_INTEGER : 2);
  if (told === null) return [];
  const who = state.account ?? state.aor;
  const owner = story.owner === '' ? '' : ` (its phone is at ${printable(story.owner)})`;
  const verb = severityRank(told) < severityRank('high') ? 'was used from' : 'was taken over from';
  return [
    {
      key: `${who}|${story.key}|${iso(story.first)}|${told}|${calls}`,
      at,
      severity: told,
      subject: state.account === null ? addressSubject(story.address) : accountSubject(state.account),
      summary: `Extension ${printable(who)} ${verb} ${printable(story.address)}, ${reason}${owner}`,
      facts: {
        aor: printable(state.aor),
        address: story.address,
        ownerAddress: story.owner,
        userAgent: printable(story.userAgent),
        ownerUserAgent: printable(story.ownerAgent),
        sameDevice: story.device,
        reasons: [...story.reasons],
        calls: story.callKeys.length,
        historyKnown: story.historyKnown,
        since: iso(story.first),
      },
      calls: [...story.calls],
      callKeys: [...story.callKeys],
      sources: [story.address],
      sourceProof: story.proof,
      accounts: [],
    },
  ];
}

/** What is known of a device: as itself, else as another that was seen at its address. */
export function knownAs(state: State, device: Device): Device | undefined {
  const there = state.devices.filter((d) => d.key === device.key);
  return there.find((d) => sameness(d, device) !== 'other') ?? there[0];
}

/**
 * Takes a device in, or renews what is known of it; of too many a thief's is forgotten first, then the longest unseen. Two
 * behind one address stay two, so that a softphone that goes travelling is known by what it was at home.
 */
export function remember(state: State, device: Device): void {
  const there = state.devices.filter((d) => d.key === device.key);
  const known = there.find((d) => sameness(d, device) !== 'other') ?? (there.length < TOGETHER ? undefined : there[0]);
  const suspect = state.stories.some((s) => s.key === device.key && rankOf(s) >= severityRank('high'));
  if (suspect) (known ?? device).suspect = true;
  if (known !== undefined) {
    known.last = device.last;
    known.contact = device.contact;
    if (device.userAgent !== '') known.userAgent = device.userAgent;
    if (device.instance !== '') known.instance = device.instance;
    return;
  }
  state.devices = withOne(state.devices, device);
  if (state.devices.length <= DEVICES) return;
  const others = state.devices.filter((d) => d !== device);
  const thieves = others.filter((d) => d.suspect === true);
  const oldest = (thieves.length > 0 ? thieves : others).reduce((a, b) => (b.last < a.last ? b : a));
  state.devices = state.devices.filter((d) => d !== oldest);
}

/** The account's own devices: not those that took it over, unless nobody has minded for as long as a device takes to belong (`learn`). */
export const ownDevices = (state: State, at: Millis, learn: Millis): Device[] =>
  state.devices.filter((d) => d.suspect !== true || at - d.first >= learn);

export const ownerOf = (state: State, at: Millis, learn: Millis): Device | undefined =>
  ownDevices(state, at, learn)[0] ?? state.devices[0];

/** Was the account registered from there, or from next door? */
export function isHome(state: State, address: string, at: Millis, learn: Millis): boolean {
  const key = sourceKey(address);
  return ownDevices(state, at, learn).some((d) => d.key === key || networkOf(d.address) === networkOf(address));
}
