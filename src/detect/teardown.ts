import { z } from 'zod';
import type { AuthSucceeded, DialogRequest, EvidenceDraft, Millis, RegisterAccepted, Severity } from '../model.ts';
import type { Site } from '../site/site.ts';
import { formatDuration } from '../time.ts';
import { SlidingDistinct } from '../windows.ts';
import { AddressStories, NOTHING, type AddressStory } from './address-story.ts';
import { defineDetector, type Detector } from './detector.ts';
import { networkOf } from './devices.ts';
import type { Friends } from './friends.ts';
import { amount, duration } from './parameters.ts';
import { counted, listed, printable } from './phrases.ts';

const parameters = z.strictObject({
  dialogs: amount(3, 'dialogs', 'different dialogs that one address, which is in none of them, interferes with'),
  site: amount(6, 'dialogs', 'the same, over all addresses together', 2),
  unknown: amount(10, 'dialogs', 'different dialogs that do not exist which a stranger tries to end', 2),
  window: duration('24h', 'interference is counted within this time'),
  settle: duration('2h', 'so long after the start a call may be one that nobody saw begin'),
  remember: duration(
    '30d',
    'an address that an account logged in from within this time is where it may have roamed to',
  ),
});

type Taken = DialogRequest | RegisterAccepted | AuthSucceeded;

const SITE = 'site';

class Teardown implements Detector<Taken['kind']> {
  readonly #p: z.output<typeof parameters>;
  readonly #site: Site;
  readonly #friends: Friends;
  readonly #stories: AddressStories;
  /** Call-IDs that outsiders interfered with, over all sources */
  #dialogs: SlidingDistinct;
  #began: Millis | null = null;

  constructor(p: z.output<typeof parameters>, site: Site, friends: Friends) {
    this.#p = p;
    this.#site = site;
    this.#friends = friends;
    this.#stories = new AddressStories(p.window);
    this.#dialogs = new SlidingDistinct(p.window, 256);
  }

  on(event: Taken): readonly EvidenceDraft[] {
    this.#began ??= event.at;
    return event.kind === 'dialog.request' ? this.#request(event) : NOTHING;
  }

  #request(event: DialogRequest): readonly EvidenceDraft[] {
    const { source, account, at } = event;
    if (event.inDialogSource === true || event.trunk !== null) return NOTHING;
    if (this.#site.networks.isPbx(source)) return NOTHING;
    if (event.inDialogSource === null) return this.#unknown(event);
    if (account !== null && this.#friends.isHome(source, account, at, this.#p.remember)) return NOTHING;
    const near = event.expected.some((peer) => networkOf(peer) === networkOf(source));
    if (near && event.tagsMatch !== false) return NOTHING;
    const key = `${source}|${event.tagsMatch === false ? 'guessed' : 'known'}`;
    const story = this.#add(key, event);
    const found = this.#stories.tell(key, story, this.#severity(event, story), story.calls.length, this.#p.dialogs, {
      summary: sentence(story, event),
      facts: {
        dialogs: story.calls.length,
        methods: story.methods.map(printable),
        expected: event.expected.slice(0, 8),
        tags: event.tagsMatch === false ? 'wrong' : 'right',
        userAgent: printable(story.userAgent),
        rule: `${counted(this.#p.dialogs, 'dialog')} within ${formatDuration(this.#p.window)}`,
      },
    });
    const all = this.#everywhere(event);
    return all.length === 0 ? found : [...found, ...all];
  }

  #add(key: string, event: DialogRequest): AddressStory {
    const proof = event.transport === 'udp' ? 'none' : 'answered';
    return this.#stories.add(key, { ...event, callKey: event.call, proof });
  }

  /** Who knows the tags reads the packets, or is the phone itself on another network: that is one account's, and seldom. */
  #severity(event: DialogRequest, story: AddressStory): Severity {
    const many = story.calls.length >= this.#p.dialogs;
    if (event.tagsMatch === false) return many ? 'high' : 'medium';
    if (many) return story.accounts.length > 1 ? 'high' : 'medium';
    return event.method === 'REFER' ? 'medium' : 'low';
  }

  /** Many addresses, each of which interferes with one call only. */
  #everywhere(event: DialogRequest): readonly EvidenceDraft[] {
    const dialogs = this.#dialogs.add(event.callId, event.at);
    const story = this.#add(SITE, event);
    if (dialogs < this.#p.site || story.sources.length < 3) return NOTHING;
    const from = counted(story.sources.length, 'address', 'addresses');
    return this.#stories.tell(SITE, story, 'high', dialogs, this.#p.site, {
      summary: `${counted(dialogs, 'call')} interfered with (${listed(story.methods)}) from ${from} outside of them`,
      facts: {
        dialogs,
        addresses: story.sources.length,
        methods: story.methods.map(printable),
        rule: `${counted(this.#p.site, 'dialog')} within ${formatDuration(this.#p.window)}, from anywhere`,
      },
    });
  }

  /** Nobody saw such a dialog begin: guessing, or one from before the start. */
  #unknown(event: DialogRequest): readonly EvidenceDraft[] {
    const { source, at } = event;
    if (at - (this.#began ?? at) < this.#p.settle || this.#friends.has(source, at, this.#p.remember)) return NOTHING;
    const key = `${source}|unknown`;
    const story = this.#add(key, event);
    if (story.calls.length < this.#p.unknown) return NOTHING;
    return this.#stories.tell(key, story, 'medium', story.count, this.#p.unknown, {
      summary: `${printable(source)} sent ${counted(story.count, 'request')} (${listed(story.methods)}) for calls that do not exist`,
      facts: {
        requests: story.count,
        methods: story.methods.map(printable),
        userAgent: printable(story.userAgent),
        rule: `${counted(this.#p.unknown, 'unknown dialog')} within ${formatDuration(this.#p.window)}`,
      },
    });
  }

  size(): number {
    return this.#stories.size;
  }

  snapshot(): unknown {
    return {
      stories: this.#stories.snapshot(),
      dialogs: this.#dialogs.snapshot(),
      began: this.#began,
    };
  }

  restore(snapshot: unknown): void {
    const s = snapshot as { stories: unknown; dialogs: [string, Millis][]; began: Millis | null };
    this.#stories.restore(s.stories);
    this.#dialogs = SlidingDistinct.restore(this.#p.window, 256, s.dialogs);
    this.#began = s.began;
  }
}

function sentence(story: AddressStory, event: DialogRequest): string {
  const whose = story.accounts.length === 0 ? '' : ` of ${listed(story.accounts.map(printable))}`;
  const why = event.tagsMatch === false ? 'and does not know its tags' : 'though it knows its tags';
  const calls = counted(story.calls.length, 'call');
  return `${printable(event.source)} sent ${listed(story.methods)} into ${calls}${whose} that it is no party to, ${why}`;
}

/**
 * Attack: somebody who is not in a call ends it (BYE, CANCEL), sends its media elsewhere (re-INVITE, UPDATE) or transfers it
 * (REFER): to cut people off, to listen, to have the PBX pay for a call that it believes ended. He guesses Call-ID and tags, or
 * has read them on the way.
 *
 * Innocent twins: proxies in front of the PBX and carriers that answer from several addresses (they recorded their route, or are
 * of the same trunk), a NAT that gives a phone another port or a neighbouring address, a phone that has roamed to a network it
 * has logged in from, and calls that began before anybody watched.
 */
export default defineDetector({
  name: 'teardown',
  summary: 'Requests that end, divert or transfer a call, from an address that is no party to it',
  parameters,
  consumes: ['dialog.request', 'register.accepted', 'auth.succeeded'],
  create: (p, site, { friends }) => new Teardown(p, site, friends),
});
