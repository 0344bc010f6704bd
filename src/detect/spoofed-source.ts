import { z } from 'zod';
import { sourceKey } from '../address.ts';
import type {
  AuthSucceeded,
  EvidenceDraft,
  Millis,
  RegisterAccepted,
  RequestAnswered,
  RequestFacts,
  RequestOwnAddress,
  RequestSeen,
  Severity,
} from '../model.ts';
import type { Site } from '../site/site.ts';
import { formatDuration } from '../time.ts';
import { BoundedMap, type Packed } from '../windows.ts';
import { AddressStories, NOTHING, type AddressStory } from './address-story.ts';
import { claimsOf, isRelayed, lieOf, type Claim, type Lie } from './claimed-hosts.ts';
import { defineDetector, type Detector } from './detector.ts';
import type { Friends } from './friends.ts';
import { amount, duration } from './parameters.ts';
import { counted, listed, printable } from './phrases.ts';
import { copy, storyKey } from './story.ts';

const parameters = z.strictObject({
  requests: amount(3, 'requests', "requests of one stranger that name somebody else's public address as their own"),
  voices: amount(
    5,
    'accounts',
    'so many of ours that a stranger speaks for, all at home elsewhere and none logged in',
    3,
    8,
  ),
  settle: duration('10s', 'so long may an office that has moved take until it logs in'),
  own: amount(3, 'requests', "requests whose source is the PBX's own address, from a port that is not its own"),
  window: duration('24h', 'they are counted within this time'),
  remember: duration('30d', 'an address that somebody logged in from within this time is no stranger'),
});

type Taken = RequestSeen | RequestAnswered | RequestOwnAddress | RegisterAccepted | AuthSucceeded;

/** Requests in which the names say where an answer or a call is to go. */
const JUDGED = new Set(['REGISTER', 'INVITE', 'SUBSCRIBE', 'MESSAGE']);
const ACCOUNTS = 30_000;
const SOURCES = 8_192;
const LOOPBACK = /^(?:127\.|::1$)/;

class SpoofedSource implements Detector<Taken['kind']> {
  readonly #p: z.output<typeof parameters>;
  readonly #site: Site;
  readonly #friends: Friends;
  readonly #stories: AddressStories;
  /** account -> addresses it has logged in from: what a phone found out about itself before its line got another address */
  readonly #former = new BoundedMap<string[]>(ACCOUNTS);
  /** strangers that showed a password, right or wrong */
  readonly #tries = new BoundedMap<Millis>(SOURCES);

  constructor(p: z.output<typeof parameters>, site: Site, friends: Friends) {
    this.#p = p;
    this.#site = site;
    this.#friends = friends;
    this.#stories = new AddressStories(p.window);
  }

  on(event: Taken): readonly EvidenceDraft[] {
    switch (event.kind) {
      case 'request.seen': {
        const voices = this.#speaks(event);
        const lies = this.#judge(event, false);
        return voices.length === 0 ? lies : [...voices, ...lies];
      }
      case 'request.answered':
        return event.status < 300 ? this.#judge(event, true) : NOTHING;
      case 'request.own-address':
        return this.#ownAddress(event);
      case 'auth.succeeded':
        this.#lived(event.account, event.source);
        return NOTHING;
      case 'register.accepted':
        if (event.binding.source !== null) this.#lived(event.account, event.binding.source);
        return NOTHING;
    }
  }

  #lived(account: string | null, source: string): void {
    if (account === null) return;
    const known = this.#former.get(account);
    if (known === undefined) this.#former.set(account, [source]);
    else if (!known.includes(source)) {
      if (known.length >= 8) known.shift();
      known.push(source);
    }
  }

  /** The gravest thing that is wrong with what a request says of itself. */
  #lie(request: RequestFacts, account: string | null): (Claim & { lie: Lie }) | null {
    let worst: (Claim & { lie: Lie }) | null = null;
    for (const claim of claimsOf(request)) {
      // From names the domain of the caller, and behind a proxy the Contact is not the sender's
      if (claim.header === 'From' || (claim.header === 'Contact' && isRelayed(request))) continue;
      const lie = lieOf(claim, request.source, this.#site.networks);
      if (lie === null) continue;
      if (account !== null && this.#former.peek(account)?.includes(claim.address) === true) continue;
      if (worst === null || lie !== 'elsewhere') worst = { ...claim, lie };
    }
    return worst;
  }

  #judge(event: RequestSeen | RequestAnswered, accepted: boolean): readonly EvidenceDraft[] {
    const { request, at, trunk, account } = event;
    if (trunk !== null || !JUDGED.has(request.method)) return NOTHING;
    const found = this.#lie(request, account);
    if (found === null) return NOTHING;
    const { source, userAgent, callId, method, proof } = request;
    const friend = this.#friends.has(source, at, this.#p.remember);
    // a phone of ours that is wrong about itself: told where calls to it would go somewhere else
    if (friend && found.lie === 'elsewhere' && !(accepted && method === 'REGISTER')) return NOTHING;
    const base = storyKey(sourceKey(source), proof);
    const key = `${base}|${found.lie}`;
    const name = `${found.header} ${found.address}`;
    const story = accepted
      ? this.#stories.peek(key)
      : this.#stories.add(key, { at, source, method, callId, account, name, userAgent, proof });
    if (story === undefined) return NOTHING;
    const severity = this.#severity(found.lie, story, friend, accepted && request.authUser === null);
    if (severity === null) return NOTHING;
    return this.#stories.tell(key, story, severity, story.count, this.#p.requests, {
      summary: sentence(story, found.lie, accepted),
      facts: {
        requests: story.count,
        claims: story.names.map(printable),
        methods: story.methods.map(printable),
        accepted,
        authenticated: request.authUser !== null && accepted,
        userAgent: printable(story.userAgent),
        rule: WHY[found.lie],
      },
    });
  }

  /** A stranger calls or registers in the name of one account of ours after the other, and never shows a password. */
  #speaks({ request, at, trunk }: RequestSeen): readonly EvidenceDraft[] {
    const { source, proof, method, callId, userAgent, fromUser } = request;
    if (trunk !== null || fromUser === '' || !JUDGED.has(method) || isRelayed(request)) return NOTHING;
    const { networks, accounts } = this.#site;
    if (networks.isLocal(source) || networks.isPbx(source) || this.#friends.has(source, at, this.#p.remember))
      return NOTHING;
    const base = sourceKey(source);
    // who shows one is judged by what becomes of it
    if (request.authUser !== null) this.#tries.set(base, at);
    const account = accounts.resolve(fromUser);
    const homes = account === null ? undefined : this.#former.peek(account);
    if (account === null || homes === undefined || homes.includes(source) || this.#tries.has(base)) return NOTHING;
    const key = `${storyKey(base, proof)}|voices`;
    const story = this.#stories.add(key, { at, source, method, callId, account, name: account, userAgent, proof });
    const voices = story.names.length;
    if (voices < this.#p.voices || at - story.first < this.#p.settle) return NOTHING;
    return this.#stories.tell(key, story, 'high', story.count, this.#p.voices, {
      summary: `${printable(source)} sent ${counted(story.count, 'request')} (${listed(story.methods)}) in the name of ${voices === 8 ? 'eight extensions or more' : counted(voices, 'extension')} that are registered elsewhere (${listed(story.names.map(printable))}), without a password`,
      facts: {
        requests: story.count,
        accounts: voices,
        methods: story.methods.map(printable),
        userAgent: printable(story.userAgent),
        rule: `${this.#p.voices} accounts within ${formatDuration(this.#p.window)}`,
      },
    });
  }

  #severity(lie: Lie, story: AddressStory, friend: boolean, letIn: boolean): Severity | null {
    if (lie === 'elsewhere') {
      if (friend) return 'low';
      return story.count >= this.#p.requests ? 'medium' : null;
    }
    return letIn ? 'high' : 'medium';
  }

  /** Somebody writes the PBX's own address as his: answers go astray, and rules that trust it let him in. */
  #ownAddress({ request, at }: RequestOwnAddress): readonly EvidenceDraft[] {
    const { source, proof, method, callId, userAgent, sourcePort } = request;
    // a program on the PBX itself, by the loopback, or one that has received what was sent to that port
    if (proof !== 'none' || LOOPBACK.test(source) || method === 'OPTIONS') return NOTHING;
    const key = `own-address|${source}`;
    const story = this.#stories.add(key, { at, source, method, callId, name: `port ${sourcePort}`, userAgent });
    if (story.count < this.#p.own) return NOTHING;
    return this.#stories.tell(key, story, 'medium', story.count, this.#p.own, {
      summary: `${counted(story.count, 'request')} (${listed(story.methods.map(printable))}) reached the PBX with its own address ${printable(source)} as the source, from ports that are not its own`,
      facts: {
        requests: story.count,
        ports: story.names.map(printable),
        methods: story.methods.map(printable),
        userAgent: printable(story.userAgent),
        rule: `${counted(this.#p.own, 'request')} within ${formatDuration(this.#p.window)}`,
      },
    });
  }

  size(): number {
    return this.#stories.size + this.#former.size + this.#tries.size;
  }

  snapshot(): unknown {
    return {
      stories: this.#stories.snapshot(),
      former: this.#former.snapshot(copy),
      tries: this.#tries.snapshot(Number),
    };
  }

  restore(snapshot: unknown): void {
    const s = snapshot as { stories: unknown; former: Packed<string[]>[]; tries: Packed<Millis>[] };
    this.#stories.restore(s.stories);
    this.#former.restore(s.former, copy);
    this.#tries.restore(s.tries, Number);
  }
}

const WHY: Readonly<Record<Lie, string>> = {
  own: "an address of the PBX itself, named by somebody else's request",
  inside: "an address of the site's own network, named by a request from outside",
  elsewhere: "a public address that is neither the sender's nor near it",
};

function sentence(story: AddressStory, lie: Lie, accepted: boolean): string {
  const whose = { own: "the PBX's own address", inside: 'an inside address', elsewhere: "somebody else's address" }[
    lie
  ];
  const claims = listed(story.names.map(printable));
  const result = accepted ? ', and was accepted' : '';
  return `${story.sources.map(printable)[0] ?? ''} named ${whose} as its own in ${counted(story.count, 'request')} (${claims})${result}`;
}

/**
 * Attack: a request whose names cannot belong together with where it came from: it claims to be inside, to be the PBX itself, or to be
 * somebody else whom answers and calls would then reach. Or the packet itself bears the PBX's own address. Or one stranger speaks in
 * the name of one extension after the other, to see for whom the PBX asks no password.
 *
 * Innocent twins: a phone behind NAT names its private address, one that asks STUN names the address its line had yesterday,
 * a proxy passes on the Contact of the phone behind it, a firewall translates between IPv4 and IPv6, a monitor on the PBX's own
 * machine sends from the PBX's address, and an office that has moved registers all its phones from its new address, with their passwords.
 */
export default defineDetector({
  name: 'spoofed-source',
  summary: 'Requests whose Via or Contact cannot belong to the address that they came from',
  parameters,
  consumes: ['request.seen', 'request.answered', 'request.own-address', 'register.accepted', 'auth.succeeded'],
  create: (p, site, { friends }) => new SpoofedSource(p, site, friends),
});
