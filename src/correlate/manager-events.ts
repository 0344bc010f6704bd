import type { AuthFailed, Millis, SourceProof, Transport } from '../model.ts';
import { BoundedMap } from '../windows.ts';
import { channelEndpoint, parseRemoteAddress, type AmiMessage } from '../wire/ami.ts';
import type { Authentication } from './authentication.ts';
import { SAME_CALL, type Call, type Calls, type FirstHop } from './calls.ts';
import { stamp, type Context } from './context.ts';
import { EarlyFailures } from './early-failures.ts';
import { channelCallId, guardSource, pinResult } from './guard-events.ts';
import { Onward } from './onward.ts';
import type { Acceptance, Registrations } from './registrations.ts';
import type { Signalling } from './signalling.ts';
import type { StandingChannel } from './standing.ts';

const MAX_ACCOUNTS = 65_536;
const MAX_CALL_IDS = 32_768;
/** A contact appears, or a channel, this soon after the request that was authenticated. */
const AFTER_AUTH = 2_000;
/** requests of one account held for so long */
const RECENT = 16;
/** Without either by then it was a refresh of the same contact. */
const REFRESH_AFTER = 300;
const DEFAULT_EXPIRES = 3_600;
/** An answer that was not mirrored by then will not be: the packet was lost. */
const MIRROR_WAIT = 500;

interface Authenticated {
  readonly account: string;
  readonly callId: string;
  readonly source: string;
  readonly sourcePort: number;
  readonly transport: Transport;
  readonly proof: SourceProof;
  readonly at: Millis;
}

/** Where a request came from. */
interface Source {
  readonly source: string;
  readonly sourcePort: number;
  readonly transport: Transport;
}

/**
 * AMI events become the same facts as mirrored SIP. What each class of event tells, and does not, was measured on
 * Asterisk 22 and 16: only security events carry the packet's source and Call-ID, ContactStatus carries neither,
 * a REGISTER that repeats a Contact from elsewhere shows as SuccessfulAuth alone.
 */
export class ManagerEvents {
  readonly #context: Context;
  readonly #registrations: Registrations;
  readonly #calls: Calls;
  readonly #authentication: Authentication;
  readonly #signalling: Signalling;
  readonly #onward: Onward;
  /** account -> its latest authenticated request */
  readonly #authenticated = new BoundedMap<Authenticated[]>(MAX_ACCOUNTS);
  /** Call-ID -> name that the PBX does not know; the challenge that follows names it "<unknown>" */
  readonly #unknown = new BoundedMap<{ username: string; counted: boolean }>(MAX_CALL_IDS);
  readonly #early = new EarlyFailures();
  /** acceptances that mirrored SIP is about to tell */
  readonly #awaited: { acceptance: Acceptance; at: Millis }[] = [];
  /** authenticated requests that may turn out to be refreshes */
  #maybeRefresh: Authenticated[] = [];

  constructor(
    context: Context,
    parts: { registrations: Registrations; calls: Calls; authentication: Authentication; signalling: Signalling },
  ) {
    this.#context = context;
    this.#registrations = parts.registrations;
    this.#calls = parts.calls;
    this.#authentication = parts.authentication;
    this.#signalling = parts.signalling;
    this.#onward = new Onward(context, parts.calls);
  }

  get size(): number {
    return this.#authenticated.size + this.#unknown.size + this.#early.size + this.#onward.size;
  }

  event(event: AmiMessage, seenAt: Millis): void {
    switch (event.name) {
      case 'SuccessfulAuth':
        return this.#successfulAuth(event, seenAt);
      case 'ChallengeSent':
        return this.#challenged(event);
      case 'ChallengeResponseFailed':
      case 'InvalidPassword':
        return this.#failed(event, seenAt);
      case 'InvalidAccountID':
        return this.#invalidAccount(event, seenAt);
      case 'FailedACL':
        return this.#failedAcl(event, seenAt);
      case 'ContactStatus':
        return this.#contactStatus(event, seenAt);
      case 'Newchannel':
        return this.#newChannel(event, seenAt);
      case 'Newstate':
        if (event.get('ChannelState') === '6') this.#up(event, seenAt);
        return;
      case 'DialBegin':
        this.#nameCallId(event, seenAt);
        return this.#onward.dialBegin(event, seenAt);
      case 'UserEvent':
        return this.#userEvent(event, seenAt);
      case 'Hangup':
        return this.#hangup(event, seenAt);
      default:
    }
  }

  /** The packet's source; behind a proxy, that of the first hop if its SIP was mirrored; null: not known. */
  #source(event: AmiMessage): { from: Source; hop: FirstHop | null } | null {
    const remote = parseRemoteAddress(event.get('RemoteAddress') ?? '');
    if (!remote.ok) return null;
    const { address, port, transport } = remote.value;
    if (!this.#context.servers.is(address, port, transport))
      return { from: { source: address, sourcePort: port, transport }, hop: null };
    const hop = this.#signalling.sourceOf(event.get('SessionID') ?? '');
    if (hop === undefined) return null;
    return { from: { source: hop.source, sourcePort: hop.sourcePort, transport: hop.transport }, hop };
  }

  /** PJSIP (measured: 16, 22) leaves the nonce out here; whoever tells it is believed. */
  #challenged(event: AmiMessage): void {
    const remote = parseRemoteAddress(event.get('RemoteAddress') ?? '');
    if (!remote.ok || this.#context.servers.is(remote.value.address, remote.value.port, remote.value.transport)) return;
    this.#context.returnPaths.issued(event.get('Challenge') ?? '', remote.value.address, this.#context.clock.now);
  }

  /** What a failure proves: it names the nonce that was answered. null: no answer of the PBX has been seen, nor can be. */
  #failureProof(event: AmiMessage, { source, transport }: Source): SourceProof | null {
    const { returnPaths, clock } = this.#context;
    const proof = returnPaths.proof(transport, source, event.get('Challenge'), clock.now);
    return proof === 'none' && !returnPaths.watched ? null : proof;
  }

  /**
   * What a success proves. PJSIP makes its nonces of the source's address and takes them from there alone; chan_sip keeps
   * them by Call-ID, whoever sends it. Behind a proxy the nonce is the proxy's matter: what its mirrored packets showed counts.
   */
  #successProof(event: AmiMessage, { transport }: Source, hop: FirstHop | null): SourceProof {
    if (transport !== 'udp') return 'authenticated';
    if (hop !== null) return hop.proof === 'none' ? 'none' : 'authenticated';
    return event.get('Service') === 'PJSIP' ? 'authenticated' : 'none';
  }

  #successfulAuth(event: AmiMessage, seenAt: Millis): void {
    if (event.get('Service') === 'AMI') return;
    const found = this.#source(event);
    const username = event.get('AccountID') ?? '';
    const callId = event.get('SessionID') ?? '';
    if (found === null || username === '') return;
    const { from } = found;
    const proof = this.#successProof(event, from, found.hop);
    const account = this.#context.site.accounts.resolve(username);
    // endpoints that need no password authenticate too, by address: that proves nothing about a person
    if (event.get('UsingPassword') === '0' || (account !== null && this.#context.site.networks.isTrunk(account)))
      return;
    this.#context.registrar = true;
    if (account !== null) {
      const authenticated = { account, callId, ...from, proof, at: this.#context.clock.now };
      this.#authenticated.set(account, [...this.#recent(account), authenticated].slice(-RECENT));
      if (this.#maybeRefresh.length < 4_096) this.#maybeRefresh.push(authenticated);
    }
    const offer = { ...from, destination: localAddress(event), method: '', callId, userAgent: '' };
    this.#authentication.succeeded('ami', seenAt, offer, { account, username, proof });
  }

  #failed(event: AmiMessage, seenAt: Millis): void {
    const callId = event.get('SessionID') ?? '';
    const unknown = this.#unknown.get(callId);
    if (event.get('AccountID') !== '<unknown>' || unknown === undefined) {
      this.#tellFailure(event, seenAt, event.get('AccountID') ?? '', 'wrong-credentials');
    } else if (unknown.counted) {
      unknown.counted = false; // the first challenge answered is the attempt that InvalidAccountID told
    } else this.#tellFailure(event, seenAt, unknown.username, 'unknown-account');
  }

  #invalidAccount(event: AmiMessage, seenAt: Millis): void {
    const callId = event.get('SessionID') ?? '';
    const username = event.get('AccountID') ?? '';
    if (event.get('Service') !== 'AMI') {
      if (this.#unknown.has(callId)) return; // once per request, twice per attempt
      this.#unknown.set(callId, { username, counted: true });
    }
    this.#tellFailure(event, seenAt, username, 'unknown-account');
  }

  #failedAcl(event: AmiMessage, seenAt: Millis): void {
    const full = event.get('ACLName') === 'registrar_attempt_exceeds_maximum_configured_contacts';
    this.#tellFailure(event, seenAt, event.get('AccountID') ?? '', full ? 'too-many-contacts' : 'acl');
  }

  #tellFailure(event: AmiMessage, seenAt: Millis, username: string, reason: AuthFailed['reason']): void {
    const found = this.#source(event);
    const ami = event.get('Service') === 'AMI';
    if (found === null) {
      const callId = event.get('SessionID') ?? '';
      if (!ami && callId !== '') this.#early.hold(callId, { event, seenAt, username, reason }, this.#context.clock.now);
      return;
    }
    const offer = {
      ...found.from,
      destination: localAddress(event),
      method: ami ? 'AMI' : '',
      callId: event.get('SessionID') ?? '',
      userAgent: '',
    };
    this.#authentication.failed('ami', seenAt, offer, {
      account: ami ? null : this.#context.site.accounts.resolve(username),
      username,
      reason,
      proof: this.#failureProof(event, found.from),
    });
  }

  /** The SIP of this Call-ID was mirrored for the first time: now it is known whose the failures are. */
  sourceKnown(callId: string): void {
    for (const { event, seenAt, username, reason } of this.#early.take(callId, this.#context.clock.now))
      this.#tellFailure(event, seenAt, username, reason);
  }

  #contactStatus(event: AmiMessage, seenAt: Millis): void {
    const uri = event.get('URI') ?? '';
    const aor = event.get('AOR') ?? '';
    const account = this.#context.site.accounts.resolve(event.get('EndpointName') ?? aor);
    if (uri === '' || aor === '') return;
    if (event.get('ContactStatus') === 'Removed') {
      this.#registrations.removedByRegistrar(aor, account, uri, seenAt);
      return;
    }
    if (account === null || this.#registrations.knows(aor, account, uri)) return;
    if (this.#context.site.networks.isTrunk(account)) return; // a static contact, qualified
    const by = this.#recent(account).at(-1) ?? null;
    this.#explained(by);
    const until = Number(event.get('RegExpire') ?? NaN) * 1000;
    const left = Math.round((until - this.#context.clock.now) / 1000);
    const acceptance: Acceptance = {
      feed: 'ami',
      seenAt,
      aor,
      account,
      source: by?.source ?? null,
      sourcePort: by?.sourcePort ?? 0,
      transport: by?.transport ?? 'udp',
      userAgent: event.get('UserAgent') ?? '',
      callId: event.get('CallID') ?? by?.callId ?? '',
      authUser: null,
      proof: by?.proof ?? 'none',
      requested: [{ uri, expires: left > 0 ? left : null, instance: '' }],
      listed: null,
      expires: DEFAULT_EXPIRES,
    };
    // where the request was mirrored its answer is about to be, and tells more: instance, expiry, what was displaced
    const mirrored = by !== null && this.#signalling.sourceOf(by.callId) !== undefined;
    if (mirrored && this.#awaited.length < 1_024) this.#awaited.push({ acceptance, at: this.#context.clock.now });
    else this.#registrations.accept(acceptance);
  }

  /** Requests of this account that were authenticated just now and that no contact or channel has explained yet. */
  #recent(account: string): Authenticated[] {
    return (this.#authenticated.get(account) ?? []).filter(({ at }) => this.#context.clock.now - at <= AFTER_AUTH);
  }

  /**
   * Who placed the call of a channel that has just begun; null: not known, or two are at it from two addresses, owner and thief.
   * The owner's call must not be taken for the thief's: which is which the guard's variables or the mirror tell.
   */
  #callerOf(account: string): Authenticated | null {
    const recent = this.#recent(account);
    const latest = recent.at(-1);
    return latest === undefined || recent.some(({ source }) => source !== latest.source) ? null : latest;
  }

  /** A contact or a channel came of it: it is no refresh, and explains nothing else. */
  #explained(by: Authenticated | null): void {
    if (by === null) return;
    this.#maybeRefresh = this.#maybeRefresh.filter((pending) => pending !== by);
    this.#authenticated.set(
      by.account,
      this.#recent(by.account).filter((one) => one !== by),
    );
  }

  #newChannel(event: AmiMessage, seenAt: Millis): void {
    const uniqueid = event.get('Uniqueid') ?? '';
    const dialled = event.get('Exten') ?? '';
    const channel = event.get('Channel') ?? '';
    // a channel that is another's second leg, or that nobody dialled, starts no call
    if (uniqueid === '' || uniqueid !== event.get('Linkedid') || dialled === '' || dialled === 's') return;
    const endpoint = channelEndpoint(channel);
    if (endpoint === null || endpoint.technology === 'Local') return;
    const { networks, accounts } = this.#context.site;
    const trunk = networks.isTrunk(endpoint.endpoint) ? endpoint.endpoint : null;
    const account = trunk === null ? accounts.resolve(endpoint.endpoint) : null;
    const by = account === null ? null : this.#callerOf(account);
    this.#explained(by);
    this.#calls.start({
      feed: 'ami',
      seenAt,
      account,
      trunk,
      from: event.get('CallerIDNum') ?? '',
      dialled,
      callId: freshCallId(by, this.#calls),
      uniqueid,
      linkedid: event.get('Linkedid'),
      channel,
      source: by?.source ?? null,
      sourcePort: by?.sourcePort ?? 0,
      transport: by?.transport ?? null,
      userAgent: '',
      authenticated: by === null ? null : true,
      proof: by?.proof ?? 'none',
      startedAt: this.#context.clock.now,
    });
  }

  /** A caller's channel that was up before ringfence connected: a call like any other, if what it dialled is known. */
  standing(c: StandingChannel): void {
    const endpoint = channelEndpoint(c.channel);
    if (endpoint === null || endpoint.technology === 'Local' || !/^[+*#\d]+$/.test(c.dialled)) return;
    if (c.uniqueid !== c.linkedid || this.#calls.byUniqueid(c.uniqueid) !== undefined) return;
    const { networks, accounts } = this.#context.site;
    const trunk = networks.isTrunk(endpoint.endpoint) ? endpoint.endpoint : null;
    const call = this.#calls.start({
      feed: 'ami',
      seenAt: c.startedAt,
      account: trunk === null ? accounts.resolve(endpoint.endpoint) : null,
      trunk,
      from: c.from,
      dialled: c.dialled,
      callId: null,
      uniqueid: c.uniqueid,
      linkedid: c.linkedid,
      channel: c.channel,
      source: null,
      sourcePort: 0,
      transport: null,
      userAgent: '',
      authenticated: null,
      proof: 'none',
      startedAt: c.startedAt,
    });
    if (c.answered) this.#calls.answer(call, 'ami', c.startedAt);
  }

  #up(event: AmiMessage, seenAt: Millis): void {
    const call = this.#calls.byUniqueid(event.get('Uniqueid') ?? '');
    if (call === undefined) this.#onward.up(event.get('Uniqueid') ?? '', seenAt);
    if (call !== undefined) this.#calls.answer(call, 'ami', seenAt);
  }

  #hangup(event: AmiMessage, seenAt: Millis): void {
    const call = this.#calls.byUniqueid(event.get('Uniqueid') ?? '');
    if (call === undefined) {
      this.#onward.hangup(event.get('Uniqueid') ?? '', seenAt);
      return;
    }
    this.#nameCallId(event, seenAt);
    this.#calls.end(call, 0, 'ami', seenAt);
  }

  /** The dialplan guard leaves the Call-ID in a channel variable, which later events of that channel carry. */
  #nameCallId(event: AmiMessage, seenAt: Millis): void {
    const callId = channelCallId(event);
    const call: Call | undefined = this.#calls.byUniqueid(event.get('Uniqueid') ?? '');
    if (callId === null || callId === '' || call === undefined) return;
    const hop = this.#signalling.sourceOf(callId) ?? this.#guardSource(event) ?? undefined;
    this.#calls.nameCallId(call, callId, hop, seenAt);
  }

  /** What the guard tells beside it: docs/astdb.md, "What the guard tells". */
  #userEvent(event: AmiMessage, seenAt: Millis): void {
    this.#nameCallId(event, seenAt);
    const name = event.get('UserEvent');
    if (name !== 'RingfenceBlock' && name !== 'RingfencePin') return;
    const callId = channelCallId(event) ?? '';
    const call = this.#calls.byUniqueid(event.get('Uniqueid') ?? '') ?? this.#calls.byCallId(callId);
    const endpoint = event.get('Endpoint') ?? '';
    const happened = {
      ...stamp(this.#context, 'ami', seenAt),
      account: call?.account ?? (endpoint === '' ? null : this.#context.site.accounts.resolve(endpoint)),
      source: call?.source ?? this.#signalling.sourceOf(callId)?.source ?? this.#guardSource(event)?.source ?? null,
    };
    if (name === 'RingfencePin') {
      const result = pinResult(event);
      if (result !== null) this.#context.emit({ kind: 'pin.tried', ...happened, result });
      return;
    }
    this.#context.emit({
      kind: 'call.refused',
      ...happened,
      call: call?.call ?? null,
      rule: (event.get('Rule') ?? '').slice(0, 128),
      dialled: event.get('Dialled') ?? '',
      callId,
      userAgent: call?.userAgent ?? '',
    });
  }

  /** Where the guard says that the call came from; null: a proxy's address, which is nobody's, or none. */
  #guardSource(event: AmiMessage): FirstHop | null {
    const hop = guardSource(event);
    return hop === null || this.#context.servers.is(hop.source, hop.sourcePort, hop.transport) ? null : hop;
  }

  tick(): void {
    const now = this.#context.clock.now;
    while (this.#awaited[0] !== undefined && now - this.#awaited[0].at >= MIRROR_WAIT) {
      const { acceptance } = this.#awaited[0];
      this.#awaited.shift();
      const [contact] = acceptance.requested;
      const told =
        typeof contact === 'object' && this.#registrations.knows(acceptance.aor, acceptance.account, contact.uri);
      if (!told) this.#registrations.accept(acceptance);
    }
    if (this.#maybeRefresh.length === 0) return;
    const due = this.#maybeRefresh.filter((pending) => now - pending.at >= REFRESH_AFTER);
    if (due.length === 0) return;
    this.#maybeRefresh = this.#maybeRefresh.filter((pending) => now - pending.at < REFRESH_AFTER);
    for (const { account, source, sourcePort, transport } of due)
      this.#registrations.refreshed(account, source, sourcePort, transport);
  }

  /** Asterisk is up, back, or gone. */
  state(state: 'up' | 'restarted' | 'down', seenAt: Millis): void {
    this.#context.emit({ kind: 'pbx.state', ...stamp(this.#context, 'ami', seenAt), state });
  }
}

/** The Call-ID of an authenticated request belongs to one channel only; a second channel soon after is another call. */
function freshCallId(by: Authenticated | null, calls: Calls): string | null {
  if (by === null) return null;
  const call = calls.byCallId(by.callId);
  return call === undefined || (call.uniqueid === null && Math.abs(call.startedAt - by.at) <= SAME_CALL)
    ? by.callId
    : null;
}

function localAddress(event: AmiMessage): string {
  const local = parseRemoteAddress(event.get('LocalAddress') ?? '');
  return local.ok ? local.value.address : '';
}
