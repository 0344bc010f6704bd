import { z } from 'zod';
import { sourceKey } from '../address.ts';
import type {
  AnswerReceived,
  CallStarted,
  EvidenceDraft,
  Millis,
  RequestAnswered,
  RequestFacts,
  RequestSeen,
  Severity,
} from '../model.ts';
import type { Site } from '../site/site.ts';
import { formatDuration } from '../time.ts';
import { BoundedMap, type Packed } from '../windows.ts';
import { AddressStories, NOTHING, type AddressStory } from './address-story.ts';
import { claimsOf, isRelayed } from './claimed-hosts.ts';
import { defineDetector, type Detector } from './detector.ts';
import { networkOf } from './devices.ts';
import type { Friends } from './friends.ts';
import { amount, duration } from './parameters.ts';
import { counted, listed, printable } from './phrases.ts';
import { addDistinct, copy, storyKey } from './story.ts';
import { TrunkAgents } from './trunk-agents.ts';

const parameters = z.strictObject({
  requests: amount(
    4,
    'requests',
    "so many of one stranger in a trunk's name are no accident, whatever becomes of them",
    2,
  ),
  answers: amount(3, 'answers', 'answers of a stranger, whom the PBX never asked anything', 2),
  window: duration('24h', 'what one address does is counted within this time'),
  settle: duration('24h', 'so long a trunk must have been heard before another user agent of it is news'),
  remember: duration('30d', 'an address that somebody logged in from within this time is no stranger'),
});

type Taken = RequestSeen | RequestAnswered | CallStarted | AnswerReceived;

const JUDGED = new Set(['REGISTER', 'INVITE', 'MESSAGE']);

interface Invite {
  readonly key: string;
  readonly source: string;
  readonly trunk: string;
  readonly relayed: boolean;
}

class GatewayImpersonation implements Detector<Taken['kind']> {
  readonly #p: z.output<typeof parameters>;
  readonly #site: Site;
  readonly #friends: Friends;
  readonly #stories: AddressStories;
  readonly #agents: TrunkAgents;
  /** Call-ID of an INVITE in a trunk's name -> its story */
  readonly #invites = new BoundedMap<Invite>(4_096);

  constructor(p: z.output<typeof parameters>, site: Site, friends: Friends) {
    this.#p = p;
    this.#site = site;
    this.#friends = friends;
    this.#stories = new AddressStories(p.window);
    this.#agents = new TrunkAgents(p.settle);
  }

  on(event: Taken): readonly EvidenceDraft[] {
    switch (event.kind) {
      case 'request.seen':
        return event.trunk === null ? this.#request(event) : this.#trunk(event.trunk, event.request, event);
      case 'request.answered':
        return event.trunk === null && event.status < 300 ? this.#letIn(event.request, event) : NOTHING;
      case 'call.started':
        return event.trunk === null && event.source !== null ? this.#taken(event, event.source) : NOTHING;
      case 'answer.received':
        return this.#answer(event);
    }
  }

  /** The trunk in whose name a request comes, and how it says so; null: in nobody's. */
  #named(request: RequestFacts): { trunk: string; how: string } | null {
    const { networks, accounts } = this.#site;
    if (networks.isPbx(request.source)) return null;
    const user = request.authUser ?? (request.method === 'REGISTER' ? request.toUser : request.fromUser);
    const account = user === '' ? null : accounts.resolve(user);
    // a trunk that is known by its name alone, with no address in the settings, may come from anywhere
    if (account !== null && networks.isTrunk(account) && this.#agents.known(account))
      return { trunk: account, how: `as ${account}` };
    // a machine of ours passes on what a carrier wrote
    if (networks.isLocal(request.source)) return null;
    for (const { header, address } of claimsOf(request)) {
      const trunk = networks.trunkOf(address);
      if (trunk !== null) return { trunk, how: `${header} ${address}` };
    }
    return null;
  }

  #request({ request, at }: RequestSeen): readonly EvidenceDraft[] {
    if (!JUDGED.has(request.method)) return NOTHING;
    const named = this.#named(request);
    if (named === null) return NOTHING;
    const { source, method, callId, userAgent, proof } = request;
    const key = keyOf(request, named.trunk);
    const story = this.#stories.add(key, { at, source, method, callId, name: named.how, userAgent, proof });
    if (method === 'INVITE')
      this.#invites.set(callId, { key, source, trunk: named.trunk, relayed: isRelayed(request) });
    const mistaken = isRelayed(request) || this.#friends.has(source, at, this.#p.remember);
    const severity = story.count >= this.#p.requests && !mistaken ? 'high' : 'medium';
    return this.#tell(key, story, named.trunk, severity, 'refused or not yet answered');
  }

  /** What was asked in a trunk's name was granted. */
  #letIn(request: RequestFacts, event: RequestAnswered): readonly EvidenceDraft[] {
    if (!JUDGED.has(request.method)) return NOTHING;
    const named = this.#named(request);
    const key = named === null ? '' : keyOf(request, named.trunk);
    const story = this.#stories.peek(key);
    if (named === null || story === undefined) return NOTHING;
    story.last = event.at;
    const severity = this.#granted(isRelayed(request), request.source, event.at);
    return this.#tell(key, story, named.trunk, severity, 'accepted by the PBX');
  }

  /** A call that was taken on: long before it is answered. */
  #taken(event: CallStarted, source: string): readonly EvidenceDraft[] {
    const invite = event.callId === null ? undefined : this.#invites.peek(event.callId);
    const story = invite === undefined ? undefined : this.#stories.peek(invite.key);
    if (invite === undefined || story === undefined || sourceKey(invite.source) !== sourceKey(source)) return NOTHING;
    story.last = event.at;
    addDistinct(story.callKeys, event.call, 50);
    return this.#tell(
      invite.key,
      story,
      invite.trunk,
      this.#granted(invite.relayed, source, event.at),
      'its call was taken on',
    );
  }

  /** A proxy that the settings do not name, or a phone's own, may pass a carrier's names on. */
  #granted(relayed: boolean, source: string, at: Millis): Severity {
    return relayed || this.#friends.has(source, at, this.#p.remember) ? 'medium' : 'high';
  }

  #tell(key: string, story: AddressStory, trunk: string, severity: Severity, result: string): readonly EvidenceDraft[] {
    return this.#stories.tell(key, story, severity, story.count, 10, {
      summary: `${story.sources.map(printable)[0] ?? ''} sent ${counted(story.count, 'request')} (${listed(story.methods)}) in the name of trunk ${printable(trunk)} (${listed(story.names.map(printable))}), ${result}`,
      facts: {
        trunk,
        requests: story.count,
        claims: story.names.map(printable),
        methods: story.methods.map(printable),
        result,
        userAgent: printable(story.userAgent),
        rule: "a trunk's name or address from an address that is not the trunk's",
      },
    });
  }

  /** A message from a trunk's own address: what does it call itself? */
  #trunk(
    trunk: string,
    { source, userAgent, method, callId }: RequestFacts,
    { at }: RequestSeen,
  ): readonly EvidenceDraft[] {
    const before = this.#agents.heard(trunk, userAgent, at);
    if (before === null) return NOTHING;
    return this.#changed(trunk, before, { at, source, method, callId, userAgent, answer: false });
  }

  #changed(
    trunk: string,
    before: readonly string[],
    m: { at: Millis; source: string; method: string; callId: string; userAgent: string; answer: boolean },
  ): readonly EvidenceDraft[] {
    const key = `agent|${trunk}|${printable(m.userAgent)}`;
    const story = this.#stories.add(key, m, { type: 'trunk', value: trunk });
    const what = m.answer ? 'answers' : 'calls';
    // who is asked by address and answers is the carrier; who calls from that address may only write it
    return this.#stories.tell(key, story, m.answer ? 'low' : 'medium', 1, 2, {
      summary: `Trunk ${printable(trunk)} ${what} as ${printable(m.userAgent)}, until now ${listed(before.map(printable))}`,
      facts: {
        trunk,
        userAgent: printable(m.userAgent),
        before: before.map(printable),
        rule: 'another product than before',
      },
    });
  }

  #answer(event: AnswerReceived): readonly EvidenceDraft[] {
    const { asked, source, trunk, at, method, userAgent, callId } = event;
    const { networks } = this.#site;
    if (asked === source) {
      const before = trunk === null ? null : this.#agents.heard(trunk, userAgent, at);
      return trunk === null || before === null
        ? NOTHING
        : this.#changed(trunk, before, { at, source, method, callId, userAgent, answer: true });
    }
    if (networks.isPbx(source) || networks.trunkOf(source) !== null) return NOTHING;
    return asked === null ? this.#unasked(event) : this.#instead(event, asked);
  }

  /** Somebody answers in place of whom the PBX asked. */
  #instead(event: AnswerReceived, asked: string): readonly EvidenceDraft[] {
    const { source, trunk, status, method, contactHost, userAgent } = event;
    if (networkOf(source) === networkOf(asked) || this.#friends.has(source, event.at, this.#p.remember)) return NOTHING;
    const redirects = status >= 300 && status < 400;
    if (!redirects && (trunk === null || status >= 300)) return NOTHING;
    const key = `${source}|instead|${trunk ?? asked}`;
    const story = this.#stories.add(key, { ...event, name: String(status) });
    const whom = trunk === null ? printable(asked) : `trunk ${printable(trunk)}`;
    return this.#stories.tell(key, story, redirects ? 'high' : 'medium', story.count, 10, {
      summary: `${printable(source)} answered ${counted(story.count, 'request')} (${printable(method)}) that went to ${whom}${redirects ? `, and sent the call on to ${printable(contactHost) || 'somewhere else'}` : ''}`,
      facts: {
        trunk,
        asked,
        answers: story.count,
        statuses: story.names,
        leadsTo: printable(contactHost),
        userAgent: printable(userAgent),
        rule: 'an answer from an address that was not asked',
      },
    });
  }

  /** Answers to nothing: somebody hopes to hit a request that the PBX has sent. */
  #unasked(event: AnswerReceived): readonly EvidenceDraft[] {
    const { source, peer, at, userAgent } = event;
    if (peer || this.#site.networks.isLocal(source) || this.#friends.has(source, at, this.#p.remember)) return NOTHING;
    const key = `${source}|unasked`;
    const story = this.#stories.add(key, { ...event, name: String(event.status) });
    if (story.count < this.#p.answers) return NOTHING;
    return this.#stories.tell(key, story, 'medium', story.count, this.#p.answers, {
      summary: `${printable(source)} sent ${counted(story.count, 'answer')} (${listed(story.names)}) though the PBX has never asked it anything`,
      facts: {
        answers: story.count,
        statuses: story.names,
        methods: story.methods.map(printable),
        userAgent: printable(userAgent),
        rule: `${counted(this.#p.answers, 'answer')} within ${formatDuration(this.#p.window)}`,
      },
    });
  }

  size(): number {
    return this.#stories.size + this.#agents.size + this.#invites.size;
  }

  snapshot(): unknown {
    return {
      stories: this.#stories.snapshot(),
      agents: this.#agents.snapshot(),
      invites: this.#invites.snapshot(copy),
    };
  }

  restore(snapshot: unknown): void {
    const s = snapshot as { stories: unknown; agents: unknown; invites: Packed<Invite>[] };
    this.#stories.restore(s.stories);
    this.#agents.restore(s.agents);
    this.#invites.restore(s.invites, copy);
  }
}

const keyOf = ({ source, proof, method }: RequestFacts, trunk: string): string =>
  `${storyKey(sourceKey(source), proof)}|${method}|${trunk}`;

/**
 * Attack: somebody takes the place of a trunk or gateway, which the PBX trusts: he calls or registers in its name, answers the
 * PBX's calls instead of it (and sends them on to a number of his), sprays answers in the hope to hit, or writes the trunk's own
 * address, and only what his program calls itself gives him away.
 *
 * Innocent twins: a carrier whose machines answer for each other (one network, or listed), one that passes on what its customers'
 * devices call themselves, a new version of the carrier's software, a proxy of ours that passes on a carrier's names, a gateway that is
 * known by its name alone, and answers to what the PBX asked before anybody watched.
 */
export default defineDetector({
  name: 'gateway-impersonation',
  summary: "Requests and answers in a trunk's name from elsewhere, and a trunk that turns into another product",
  parameters,
  consumes: ['request.seen', 'request.answered', 'call.started', 'answer.received'],
  create: (p, site, { friends }) => new GatewayImpersonation(p, site, friends),
});
