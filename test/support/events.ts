import type {
  AnswerReceived,
  AuthFailed,
  AuthSucceeded,
  Binding,
  CallAnswered,
  CallEnded,
  CallFacts,
  CallOnward,
  CallRecord,
  CallRecorded,
  CallRefused,
  CallStarted,
  CallUpdated,
  DialogRequest,
  Event,
  Evidence,
  EvidenceDraft,
  Feed,
  Malformed,
  Millis,
  RegisterAccepted,
  RegisterRemoved,
  RequestAnswered,
  RequestFacts,
  RequestOwnAddress,
  RequestRepeated,
  RequestSeen,
  Tick,
} from '../../src/model.ts';
import { CallStates } from '../../src/detect/call-states.ts';
import { Friends } from '../../src/detect/friends.ts';
import { CallCount } from '../../src/detect/habit-calls.ts';
import type { Detector, DetectorDefinition, Shared } from '../../src/detect/index.ts';
import { noHabits } from '../../src/detect/habits.ts';
import { TrunkExits } from '../../src/detect/sent-on.ts';
import type { Site } from '../../src/site/index.ts';
import { testSite } from './site.ts';

/** Friday 20 November 2026, 22:00 in Berlin: the office has been closed for four hours. */
export const NIGHT = Date.parse('2026-11-20T21:00:00Z');
/** Friday, 10:00 in Berlin. */
export const DAYTIME = Date.parse('2026-11-20T09:00:00Z');

export const OWNER = '203.0.113.7';
export const THIEF = '198.18.5.66';
export const PBX = '192.0.2.10';

type Over<E> = Partial<Omit<E, 'kind' | 'at' | 'seenAt'>>;
const happened = (at: Millis, feed: Feed = 'sip'): { at: Millis; seenAt: Millis; feed: Feed } => ({
  at,
  seenAt: at,
  feed,
});

export const tick = (at: Millis): Tick => ({ kind: 'tick', ...happened(at, 'clock') });

export const request = (over: Partial<RequestFacts> = {}): RequestFacts => ({
  method: 'OPTIONS',
  callId: 'c@x',
  cseq: 1,
  branch: 'z9hG4bK1',
  sentBy: 'x',
  viaHosts: [],
  fromUser: '100',
  fromHost: 'pbx.example',
  fromTag: 't',
  toUser: '100',
  toHost: 'pbx.example',
  requestUser: '100',
  contactHost: '',
  session: null,
  source: THIEF,
  sourcePort: 5060,
  destination: PBX,
  destinationPort: 5060,
  transport: 'udp',
  userAgent: 'Fanvil X4',
  authUser: null,
  nonce: null,
  nc: null,
  proof: over.transport === undefined || over.transport === 'udp' ? 'none' : 'answered',
  ...over,
});

export const seen = (at: Millis, facts: Partial<RequestFacts>, over: Over<RequestSeen> = {}): RequestSeen => ({
  kind: 'request.seen',
  ...happened(at),
  request: request(facts),
  account: null,
  trunk: null,
  ...over,
});

export const answered = (
  at: Millis,
  status: number,
  facts: Partial<RequestFacts>,
  over: Over<RequestAnswered> = {},
): RequestAnswered => ({
  kind: 'request.answered',
  ...happened(at),
  request: request(facts),
  account: null,
  trunk: null,
  status,
  tookMs: 20,
  ringMs: null,
  retransmissions: 0,
  session: null,
  ...over,
});

/** The thief sends the owner's INVITE again. */
export const repeated = (at: Millis, over: Over<RequestRepeated> = {}): RequestRepeated => ({
  kind: 'request.repeated',
  ...happened(at),
  method: 'INVITE',
  callId: 'c@x',
  cseq: 2,
  branch: 'z9hG4bK1',
  source: THIEF,
  sourcePort: 5060,
  transport: 'udp',
  trunk: null,
  firstSource: OWNER,
  firstSeenAt: at - 60_000,
  account: null,
  repeats: 1,
  offersCredentials: true,
  ...over,
});

/** The owner's phone takes a call of the PBX's. */
export const received = (at: Millis, over: Over<AnswerReceived> = {}): AnswerReceived => ({
  kind: 'answer.received',
  ...happened(at),
  status: 200,
  method: 'INVITE',
  callId: 'out@pbx',
  source: OWNER,
  sourcePort: 5060,
  transport: 'udp',
  asked: OWNER,
  peer: true,
  trunk: null,
  userAgent: 'Yealink T46',
  contactHost: OWNER,
  tookMs: 900,
  retransmissions: 0,
  session: null,
  ...over,
});

/** The thief ends a call of the owner's. */
export const within = (at: Millis, over: Over<DialogRequest> = {}): DialogRequest => ({
  kind: 'dialog.request',
  ...happened(at),
  method: 'BYE',
  callId: 'call-1@x',
  call: 'call-1',
  account: '1004',
  source: THIEF,
  sourcePort: 5060,
  transport: 'udp',
  trunk: null,
  userAgent: '',
  inDialogSource: false,
  tagsMatch: false,
  expected: [OWNER],
  session: null,
  ...over,
});

/** Somebody sends the PBX an INVITE from the PBX's own address. */
export const ownAddress = (at: Millis, facts: Partial<RequestFacts> = {}): RequestOwnAddress => ({
  kind: 'request.own-address',
  ...happened(at),
  request: request({ method: 'INVITE', source: PBX, sourcePort: 40_000, ...facts }),
});

/** Something that is no SIP. */
export const garbage = (at: Millis, source: string | null = THIEF): Malformed => ({
  kind: 'malformed',
  ...happened(at),
  protocol: 'sip',
  source,
  reason: 'no Via header',
});

export const failed = (at: Millis, over: Over<AuthFailed> = {}): AuthFailed => ({
  kind: 'auth.failed',
  ...happened(at),
  account: over.username ?? '1004',
  username: '1004',
  source: THIEF,
  sourcePort: 5060,
  destination: PBX,
  transport: 'udp',
  method: 'REGISTER',
  callId: 'c@x',
  reason: 'wrong-credentials',
  userAgent: 'Fanvil X4',
  proof: 'answered',
  ...over,
});

export const succeeded = (at: Millis, over: Over<AuthSucceeded> = {}): AuthSucceeded => ({
  kind: 'auth.succeeded',
  ...happened(at),
  account: over.username ?? '1004',
  username: '1004',
  source: OWNER,
  sourcePort: 5060,
  destination: PBX,
  transport: 'udp',
  method: 'REGISTER',
  callId: 'c@x',
  userAgent: 'Yealink T46',
  proof: 'authenticated',
  ...over,
});

export const binding = (at: Millis, over: Partial<Binding> = {}): Binding => ({
  contact: `sip:1004@${over.source ?? OWNER}:5060`,
  source: OWNER,
  sourcePort: 5060,
  transport: 'udp',
  userAgent: 'Yealink T46',
  instance: '',
  callId: 'r@x',
  since: at,
  lastRefresh: at,
  expiresAt: at + 3_600_000,
  ...over,
});

export const registered = (
  at: Millis,
  over: Partial<Binding> = {},
  rest: Over<RegisterAccepted> = {},
): RegisterAccepted => ({
  kind: 'register.accepted',
  ...happened(at),
  account: '1004',
  aor: '1004@pbx.example',
  binding: binding(at, over),
  previous: null,
  others: [],
  displaced: [],
  authUser: null,
  proof: 'authenticated',
  historyKnown: true,
  ...rest,
});

export const removed = (
  at: Millis,
  source: string | null,
  bindings: readonly Binding[],
  rest: Over<RegisterRemoved> = {},
): RegisterRemoved => ({
  kind: 'register.removed',
  ...happened(at),
  account: '1004',
  aor: '1004@pbx.example',
  removed: bindings,
  source,
  sourcePort: 5060,
  ...rest,
});

const call = (at: Millis, over: Partial<CallFacts>): CallFacts => ({
  call: 'call-1',
  account: '1004',
  trunk: null,
  from: '1004',
  dialled: '0037120000001',
  callId: `${over.call ?? 'call-1'}@x`,
  uniqueid: null,
  linkedid: null,
  channel: null,
  source: OWNER,
  sourcePort: 5060,
  transport: 'udp',
  userAgent: 'Yealink T46',
  authenticated: true,
  proof:
    over.authenticated === undefined || over.authenticated === true
      ? 'authenticated'
      : over.transport === undefined || over.transport === 'udp'
        ? 'none'
        : 'answered',
  registration: 'this-source',
  startedAt: at,
  answeredAt: null,
  ...over,
});

export const started = (at: Millis, over: Partial<CallFacts> = {}): CallStarted => ({
  kind: 'call.started',
  ...happened(at),
  ...call(at, over),
});
export const updated = (at: Millis, over: Partial<CallFacts> = {}): CallUpdated => ({
  kind: 'call.updated',
  ...happened(at),
  ...call(at, over),
});
export const connected = (at: Millis, over: Partial<CallFacts> = {}): CallAnswered => ({
  kind: 'call.answered',
  ...happened(at),
  ...call(at, { answeredAt: at, ...over }),
});
export const ended = (at: Millis, over: Partial<CallFacts> = {}, status = 0): CallEnded => ({
  kind: 'call.ended',
  ...happened(at),
  ...call(at, over),
  status,
  lostSince: null,
});

/** An inbound call of the carrier's that is sent on to Latvia, unless `over` says otherwise. */
export const onward = (at: Millis, state: CallOnward['state'], over: Partial<CallOnward> = {}): CallOnward => ({
  ...call(at, { account: null, trunk: 'carrier', from: '4930999999', dialled: '4930123456', source: null }),
  leg: `${over.call ?? 'call-1'}>1`,
  to: '0037120000001',
  via: 'carrier',
  ...over,
  kind: 'call.onward',
  ...happened(at, 'ami'),
  state,
});

/** The guard refuses a call of the owner of 1004. */
export const refused = (at: Millis, over: Over<CallRefused> = {}): CallRefused => ({
  kind: 'call.refused',
  ...happened(at, 'ami'),
  call: null,
  account: '1004',
  rule: 'account/1004',
  source: OWNER,
  dialled: '0301234567',
  callId: 'c@x',
  userAgent: '',
  ...over,
});

export const record = (start: Millis, seconds: number, over: Partial<CallRecord> = {}): CallRecord => ({
  accountcode: '',
  src: '1004',
  dst: '0037120000001',
  dcontext: 'internal',
  clid: '1004',
  channel: 'PJSIP/1004-00000001',
  dstchannel: 'PJSIP/carrier-00000002',
  lastapp: 'Dial',
  lastdata: '',
  start,
  answer: seconds > 0 ? start : null,
  end: start + seconds * 1_000,
  duration: seconds,
  billsec: seconds,
  disposition: seconds > 0 ? 'ANSWERED' : 'NO ANSWER',
  amaflags: 'DOCUMENTATION',
  uniqueid: `${start / 1_000}.0`,
  userfield: '',
  linkedid: '',
  sequence: null,
  peeraccount: '',
  ...over,
});

export const recorded = (row: CallRecord, over: Over<CallRecorded> = {}): CallRecorded => ({
  kind: 'cdr',
  ...happened(row.end, 'cdr'),
  call: `cdr-${row.uniqueid}`,
  live: false,
  account: '1004',
  trunk: null,
  record: row,
  ...over,
});

/** `n` events or groups of events, `every` milliseconds apart. */
export function series(
  n: number,
  from: Millis,
  every: Millis,
  make: (at: Millis, i: number) => Event | readonly Event[],
): Event[] {
  const events: Event[] = [];
  for (let i = 0; i < n; i++) {
    const made = make(from + i * every, i);
    if ('kind' in made) events.push(made);
    else events.push(...made);
  }
  return events;
}

export interface Judge {
  readonly detector: Detector;
  /** one event or many; what the detector says to them */
  readonly take: (...events: readonly Event[]) => EvidenceDraft[];
}

/** A detector on its defaults (or the given settings), fed as the pipeline feeds it: with what it consumes. */
export function judge(
  definition: unknown,
  parameters: Record<string, unknown> = {},
  site: Site = testSite(),
  shared: Partial<Shared> = {},
): Judge {
  const known = definition as DetectorDefinition;
  const friends = new Friends();
  const counted = new CallCount(site);
  const made: Detector = known.create(known.parameters.parse(parameters), site, {
    habits: noHabits,
    friends,
    counted,
    states: new CallStates(),
    exits: new TrunkExits(site),
    ...shared,
  });
  const kinds = new Set<string>(known.consumes);
  const detector: Detector = {
    on: (event) => {
      const found = kinds.has(event.kind) ? made.on(event) : [];
      friends.take(event);
      return found;
    },
    size: () => made.size() + friends.size + counted.size,
    snapshot: () => ({ made: made.snapshot(), friends: friends.snapshot(), counted: counted.snapshot() }),
    restore: (snapshot) => {
      const s = snapshot as { made: unknown; friends: unknown; counted: unknown };
      made.restore(s.made);
      friends.restore(s.friends);
      counted.restore(s.counted);
    },
  };
  return { detector, take: (...events) => events.flatMap((e) => [...detector.on(e)]) };
}

/** `high 198.18.5.66`, for tables. */
export const told = (found: readonly (EvidenceDraft | Evidence)[]): string[] =>
  found.map((e) => `${e.severity} ${e.subject.value}`);
