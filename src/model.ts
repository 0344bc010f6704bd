/**
 * What flows through ringfence, read second (after pipeline.ts):
 *
 *   bytes ─ collect ─► packets, records, AMI events ─ correlate ─► Event ─ detect ─► Evidence ─ respond ─► Incident, Decision
 *
 * Every value here is plain and serialisable. All times are milliseconds since 1970-01-01 UTC unless a name says otherwise.
 */

export type Millis = number;

export type Transport = 'udp' | 'tcp' | 'tls' | 'ws' | 'wss' | 'sctp';

export const SEVERITIES = ['info', 'low', 'medium', 'high', 'critical'] as const;
export type Severity = (typeof SEVERITIES)[number];
export const severityRank = (severity: Severity): number => SEVERITIES.indexOf(severity);
/** The graver of two severities. */
export const graver = (a: Severity, b: Severity): Severity => (severityRank(a) >= severityRank(b) ? a : b);

/** Whom evidence is about. An account is a PJSIP endpoint id; an address is canonical text (address.ts); a number is E.164 digits without +, or as dialled. */
export interface Subject {
  readonly type: 'account' | 'address' | 'number' | 'trunk';
  readonly value: string;
}

// ---------------------------------------------------------------------------------------------------------- call records

/** Asterisk's own dispositions (cdr.h), as Master.csv spells them. */
export type Disposition = 'ANSWERED' | 'NO ANSWER' | 'BUSY' | 'FAILED' | 'CONGESTION' | 'UNKNOWN';

/** One row of Master.csv or one AMI Cdr event, times already in UTC. Text fields that were absent are ''. */
export interface CallRecord {
  readonly accountcode: string;
  readonly src: string;
  readonly dst: string;
  readonly dcontext: string;
  readonly clid: string;
  readonly channel: string;
  readonly dstchannel: string;
  readonly lastapp: string;
  readonly lastdata: string;
  readonly start: Millis;
  /** null: never answered */
  readonly answer: Millis | null;
  readonly end: Millis;
  /** seconds from start to end */
  readonly duration: number;
  /** seconds from answer to end */
  readonly billsec: number;
  readonly disposition: Disposition;
  readonly amaflags: string;
  readonly uniqueid: string;
  readonly userfield: string;
  readonly linkedid: string;
  readonly sequence: number | null;
  readonly peeraccount: string;
}

// ---------------------------------------------------------------------------------------------------------------- events

/** Which feed a fact came from. `sip` is mirrored SIP (HEP live, pcap or .hep recorded). */
export type Feed = 'sip' | 'ami' | 'cdr' | 'clock';

interface Happened {
  /** Event time; live it is arrival. Never decreases from one event to the next. */
  readonly at: Millis;
  /** The time the source itself put on it (HEP time stamp, AMI Timestamp, end of a call record). */
  readonly seenAt: Millis;
  readonly feed: Feed;
}

/**
 * What of a session description (RFC 8866) tells sessions and keys apart; a key itself is never told. Texts are '' where a part
 * is missing or is not printable.
 */
export interface SessionFacts {
  /** `o=`: username and session id in one text, the same in every version of one session of one address */
  readonly origin: string;
  /** `o=`: session version */
  readonly version: string;
  /** `o=`: address or name of the host that made it, as it says */
  readonly originAddress: string;
  /** the first `c=`: where media is to be sent, as it says */
  readonly connection: string;
  /** of each `a=crypto` inline key (RFC 4568 section 9.2) the first 16 bytes of its SHA-256, in hex; 8 at the most */
  readonly keys: readonly string[];
  /** of a description that is encrypted (S/MIME) the first 16 bytes of its SHA-256, in hex: nothing else can be seen of it */
  readonly sealed?: string;
}

/** Signalling facts of one SIP request, as far as judging needs them. Users are percent-decoded. */
export interface RequestFacts {
  readonly method: string;
  readonly callId: string;
  readonly cseq: number;
  /** topmost Via branch, '' if none */
  readonly branch: string;
  /** topmost Via sent-by host as the sender claims it */
  readonly sentBy: string;
  /** sent-by hosts of the Vias below it, nearest first, 8 at the most: whom it came through, as the senders claim */
  readonly viaHosts: readonly string[];
  readonly fromUser: string;
  /** host of the From header, lower case */
  readonly fromHost: string;
  readonly fromTag: string;
  readonly toUser: string;
  /** host of the To header, lower case */
  readonly toHost: string;
  /** user part of the request URI, '' if none */
  readonly requestUser: string;
  /** host of the first Contact, lower case, '' if none: where the sender wants to be reached */
  readonly contactHost: string;
  /** session description of an INVITE, null without one */
  readonly session: SessionFacts | null;
  /** packet source, canonical address text */
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  readonly destinationPort: number;
  readonly transport: Transport;
  readonly userAgent: string;
  /** username of Authorization or Proxy-Authorization, null without credentials */
  readonly authUser: string | null;
  readonly nonce: string | null;
  readonly nc: number | null;
  /** what the request itself proves of its source: `answered` where it repeats a nonce that was sent there alone */
  readonly proof: SourceProof;
}

/** A new request outside a dialog that somebody sent to the PBX (retransmissions and the PBX's own requests are not told). */
export interface RequestSeen extends Happened {
  readonly kind: 'request.seen';
  readonly request: RequestFacts;
  readonly account: string | null;
  /** name of the trunk the source address belongs to, else null */
  readonly trunk: string | null;
}

/** The final answer to such a request. Challenges (401/407 to a request without credentials, or stale=true) are not told. */
export interface RequestAnswered extends Happened {
  readonly kind: 'request.answered';
  readonly request: RequestFacts;
  readonly account: string | null;
  readonly trunk: string | null;
  /** SIP status code 200-699 */
  readonly status: number;
  /** milliseconds from the request to this answer, by the clock of whoever mirrored them */
  readonly tookMs: number;
  /** milliseconds from an INVITE to the first of 180-199, null if it did not ring */
  readonly ringMs: number | null;
  /** how often the request was sent again because nobody answered (RFC 3261 section 17.1) */
  readonly retransmissions: number;
  /** session description of the 2xx to an INVITE, null without one */
  readonly session: SessionFacts | null;
}

/**
 * The same request (Call-ID, CSeq, method, branch and credentials) came again, in a way that no retransmission comes: from
 * another address, or more often than timers allow (16 times, 32, 64 …; RFC 3261 section 17.1 comes to eleven).
 */
export interface RequestRepeated extends Happened {
  readonly kind: 'request.repeated';
  readonly method: string;
  readonly callId: string;
  readonly cseq: number;
  readonly branch: string;
  readonly source: string;
  readonly sourcePort: number;
  readonly transport: Transport;
  readonly trunk: string | null;
  /** where it came from first, when by the clock of whoever mirrored it, and in whose name */
  readonly firstSource: string;
  readonly firstSeenAt: Millis;
  readonly account: string | null;
  /** times that it came again, from anywhere */
  readonly repeats: number;
  readonly offersCredentials: boolean;
}

/** A request that reached the PBX with an address of its own as the source, over UDP, from a port that nothing of it was seen at. */
export interface RequestOwnAddress extends Happened {
  readonly kind: 'request.own-address';
  readonly request: RequestFacts;
}

/** A request within a dialog (BYE, CANCEL, re-INVITE, UPDATE, REFER) that somebody sent to the PBX. */
export interface DialogRequest extends Happened {
  readonly kind: 'dialog.request';
  readonly method: string;
  readonly callId: string;
  /** ringfence's key of the call, null: none known by this Call-ID */
  readonly call: string | null;
  /** who placed that call */
  readonly account: string | null;
  readonly source: string;
  readonly sourcePort: number;
  readonly transport: Transport;
  readonly trunk: string | null;
  readonly userAgent: string;
  /** does it come from whom the dialog is with (by source, Contact, Record-Route, trunk)? null: the dialog is not known */
  readonly inDialogSource: boolean | null;
  /** does it name the tags of the dialog? null: the dialog, or its tags, are not known */
  readonly tagsMatch: boolean | null;
  /** addresses the dialog is with, 8 at the most */
  readonly expected: readonly string[];
  readonly session: SessionFacts | null;
}

/**
 * An answer to a request of the PBX's own: the first that rings and the final one of each, and every answer that nobody
 * had asked for at that address.
 */
export interface AnswerReceived extends Happened {
  readonly kind: 'answer.received';
  /** SIP status code 180-699 */
  readonly status: number;
  /** what was asked */
  readonly method: string;
  readonly callId: string;
  readonly source: string;
  readonly sourcePort: number;
  readonly transport: Transport;
  /** address that the PBX had sent this request to; null: no such request was seen */
  readonly asked: string | null;
  /** has the PBX ever sent this source a request? */
  readonly peer: boolean;
  /** trunk of the address that was asked, or else of the source */
  readonly trunk: string | null;
  /** Server or User-Agent of the answer, '' if none */
  readonly userAgent: string;
  /** host of its first Contact, '' if none: where a 3xx leads, and where requests of the dialog go from then on */
  readonly contactHost: string;
  /** milliseconds from the request; null: nobody asked */
  readonly tookMs: number | null;
  /** how often the PBX sent the request again */
  readonly retransmissions: number;
  readonly session: SessionFacts | null;
}

/** One binding of an address-of-record (RFC 3261 section 10). */
export interface Binding {
  readonly contact: string;
  /** address the accepted REGISTER came from; null: learnt from the registrar's own list, source unknown */
  readonly source: string | null;
  readonly sourcePort: number;
  readonly transport: Transport;
  readonly userAgent: string;
  /** +sip.instance, '' if none */
  readonly instance: string;
  readonly callId: string;
  readonly since: Millis;
  readonly lastRefresh: Millis;
  readonly expiresAt: Millis;
}

/** A REGISTER that the registrar accepted with a binding left standing. */
export interface RegisterAccepted extends Happened {
  readonly kind: 'register.accepted';
  readonly account: string | null;
  /** user@host of the To header, user percent-decoded, host lower case */
  readonly aor: string;
  /** what stands now */
  readonly binding: Binding;
  /** the same binding (same Contact, or same instance) before this REGISTER, if there was one and it had not expired */
  readonly previous: Binding | null;
  /** the AOR's other bindings that had not expired (8 at the most, youngest first) */
  readonly others: readonly Binding[];
  /** bindings of this AOR that the answer no longer lists: what this REGISTER replaced (remove_existing) */
  readonly displaced: readonly Binding[];
  /** digest username, null when the REGISTER was accepted without credentials (or the feed does not tell) */
  readonly authUser: string | null;
  /** how sure it is that the REGISTER came from `binding.source` */
  readonly proof: SourceProof;
  /** does ringfence know this AOR's past? false in the first registration period after a cold start */
  readonly historyKnown: boolean;
}

/** A binding that ended because somebody asked for it (Expires: 0, Contact: *) or the registrar said so. */
export interface RegisterRemoved extends Happened {
  readonly kind: 'register.removed';
  readonly account: string | null;
  readonly aor: string;
  readonly removed: readonly Binding[];
  /** where the request came from; null: the registrar itself (expiry, AMI ContactStatus Removed) */
  readonly source: string | null;
  readonly sourcePort: number;
}

/** Somebody offered credentials that were wrong, or a name the PBX does not know. A first challenge is not a failure. */
export interface AuthFailed extends Happened {
  readonly kind: 'auth.failed';
  readonly account: string | null;
  /** the name that was tried, as it was sent (percent-decoded) */
  readonly username: string;
  readonly source: string;
  readonly sourcePort: number;
  /** which of the PBX's addresses it was sent to, '' when the feed does not say */
  readonly destination: string;
  readonly transport: Transport;
  /** '' when the feed does not say */
  readonly method: string;
  readonly callId: string;
  readonly reason: 'wrong-credentials' | 'unknown-account' | 'forbidden' | 'acl' | 'too-many-contacts';
  readonly userAgent: string;
  /** what this attempt proves of its source; null: nobody can say, for the PBX's answers are not mirrored */
  readonly proof: SourceProof | null;
}

/** Credentials that the PBX took. */
export interface AuthSucceeded extends Happened {
  readonly kind: 'auth.succeeded';
  readonly account: string | null;
  readonly username: string;
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  readonly transport: Transport;
  readonly method: string;
  readonly callId: string;
  readonly userAgent: string;
  /** `authenticated`: it answered a challenge that was sent to this source; `none`: the source may be forged, the password is right */
  readonly proof: SourceProof;
}

/** Is the caller's address one that the account is registered from? `unknown`: no address, or ringfence has not watched long enough to say. */
export type CallerRegistration = 'this-source' | 'other-source' | 'none' | 'unknown';

/** What is known of a call so far. Feeds add to it: HEP knows addresses, AMI knows uniqueid and channel. */
export interface CallFacts {
  /** ringfence's own key of the call, the same in every event about it, whatever feed told it first */
  readonly call: string;
  /** who placed it; null: not an account of ours or not known */
  readonly account: string | null;
  /** trunk that it came in by; null: not from a trunk */
  readonly trunk: string | null;
  /** caller's user part or caller id number, '' if unknown */
  readonly from: string;
  /** number as dialled */
  readonly dialled: string;
  readonly callId: string | null;
  readonly uniqueid: string | null;
  readonly linkedid: string | null;
  readonly channel: string | null;
  readonly source: string | null;
  readonly sourcePort: number;
  readonly transport: Transport | null;
  readonly userAgent: string;
  /** the INVITE carried credentials that were taken (or AMI said so); null: the feed does not tell */
  readonly authenticated: boolean | null;
  /** how sure it is that the caller is at `source`; it grows when the PBX's answer is acknowledged from there */
  readonly proof: SourceProof;
  readonly registration: CallerRegistration;
  readonly startedAt: Millis;
  readonly answeredAt: Millis | null;
}

/** The PBX took the call on: an INVITE got a provisional or 2xx answer, or a channel with a dialled number appeared. Told once per call. */
export interface CallStarted extends Happened, CallFacts {
  readonly kind: 'call.started';
}

/** A fact was learnt after the start (uniqueid, source, account, registration), typically from another feed. */
export interface CallUpdated extends Happened, CallFacts {
  readonly kind: 'call.updated';
}

export interface CallAnswered extends Happened, CallFacts {
  readonly kind: 'call.answered';
}

export interface CallEnded extends Happened, CallFacts {
  readonly kind: 'call.ended';
  /** SIP status that refused it, or 0 */
  readonly status: number;
  /** null: its end was told. Else nothing was heard of it since then, and it is given up: it ended nobody knows when */
  readonly lostSince: Millis | null;
}

/**
 * The PBX sends a call on by a trunk, to another number than was dialled: an extension is forwarded, or somebody dials
 * through (DISA, voicemail, an IVR). Also every call from a trunk that leaves by a trunk. AMI alone tells it.
 */
export interface CallOnward extends Happened, CallFacts {
  readonly kind: 'call.onward';
  /** key of this leg: one call may be sent on to several numbers */
  readonly leg: string;
  /** number dialled on the trunk */
  readonly to: string;
  /** the trunk's endpoint */
  readonly via: string;
  readonly state: 'dialled' | 'answered' | 'ended';
}

/**
 * The dialplan guard refused a call: an entry of ringfence stands in its way. Told by AMI alone; an address that PJSIP's
 * own ACL refuses is not told.
 */
export interface CallRefused extends Happened {
  readonly kind: 'call.refused';
  /** key of the call where another feed told of it, else null */
  readonly call: string | null;
  readonly account: string | null;
  /** what refused it: `address/203.0.113.7`, `account/1004`, `international/1004`, `number/371`, `lock/international`, `dialled` */
  readonly rule: string;
  readonly source: string | null;
  readonly dialled: string;
  readonly callId: string;
  readonly userAgent: string;
}

/** Somebody dialled a PIN to lift the office lock for a call. */
export interface PinTried extends Happened {
  readonly kind: 'pin.tried';
  readonly account: string | null;
  readonly source: string | null;
  readonly result: 'accepted' | 'used' | 'wrong' | 'locked' | 'blocked';
}

/** A call record was written. `call` is the key of the live call that it confirms, or one of its own. */
export interface CallRecorded extends Happened {
  readonly kind: 'cdr';
  readonly call: string;
  /** true: call.started has been told for this call */
  readonly live: boolean;
  readonly account: string | null;
  readonly trunk: string | null;
  readonly record: CallRecord;
}

/** Something that pretends to be a known format and is not. */
export interface Malformed extends Happened {
  readonly kind: 'malformed';
  readonly protocol: 'sip' | 'hep' | 'ami' | 'cdr';
  readonly source: string | null;
  readonly reason: string;
}

/** The PBX came (back) up, its state was read, or it went. */
export interface PbxState extends Happened {
  readonly kind: 'pbx.state';
  readonly state: 'up' | 'restarted' | 'down';
}

/** Time passes though nothing happens; at least once a second live. */
export interface Tick extends Happened {
  readonly kind: 'tick';
}

export type Event =
  | RequestSeen
  | RequestAnswered
  | RequestRepeated
  | RequestOwnAddress
  | DialogRequest
  | AnswerReceived
  | RegisterAccepted
  | RegisterRemoved
  | AuthFailed
  | AuthSucceeded
  | CallStarted
  | CallUpdated
  | CallAnswered
  | CallEnded
  | CallOnward
  | CallRefused
  | PinTried
  | CallRecorded
  | Malformed
  | PbxState
  | Tick;

export type EventKind = Event['kind'];
export type EventOf<K extends EventKind> = Extract<Event, { kind: K }>;

// -------------------------------------------------------------------------------------------------------------- evidence

export type Fact = string | number | boolean | null | readonly string[];

export interface Loss {
  readonly amount: number;
  readonly currency: string;
  readonly estimated: boolean;
}

/**
 * How sure it is that the source address is real: `none` (one UDP packet proves nothing), `answered` (a TCP or TLS
 * connection, a digest challenge that was sent there and answered, rightly or wrongly, or a call whose ACK came back),
 * `authenticated` (a challenge was answered rightly). Whoever reads the packets on their way can still forge all.
 */
export type SourceProof = 'none' | 'answered' | 'authenticated';

const PROOFS: readonly SourceProof[] = ['none', 'answered', 'authenticated'];
/** The better of two proofs. */
export const betterProof = (a: SourceProof, b: SourceProof): SourceProof =>
  PROOFS.indexOf(a) >= PROOFS.indexOf(b) ? a : b;
export const worseProof = (a: SourceProof, b: SourceProof): SourceProof => (betterProof(a, b) === a ? b : a);

/** What one detector saw. */
export interface EvidenceDraft {
  /** Deterministic within the detector: the same traffic gives the same keys, so that a second insert is ignored. */
  readonly key: string;
  readonly at: Millis;
  readonly severity: Severity;
  readonly subject: Subject;
  /** one plain English sentence, no full stop */
  readonly summary: string;
  readonly facts: Readonly<Record<string, Fact>>;
  /** uniqueids where known, else Call-IDs */
  readonly calls: readonly string[];
  /** ringfence's keys of those calls, by which stories are joined */
  readonly callKeys: readonly string[];
  readonly sources: readonly string[];
  readonly sourceProof: SourceProof;
  /** accounts involved beside the subject */
  readonly accounts: readonly string[];
  readonly loss?: Loss;
}

export interface Evidence extends EvidenceDraft {
  readonly id: string;
  readonly detector: string;
}

// ------------------------------------------------------------------------------------------------ incidents and decisions

export type Action =
  | 'none'
  | 'hang-up'
  | 'block-account'
  | 'block-international'
  | 'block-number'
  | 'block-address'
  | 'expire-contact'
  | 'rotate-secret';

export type DecisionState = 'observed' | 'pending' | 'done' | 'failed' | 'expired' | 'undone';

export interface Decision {
  readonly id: string;
  readonly incident: string;
  readonly at: Millis;
  readonly action: Action;
  /** whom it acts on: an account, number, address, or the uniqueid or key of a call */
  readonly target: string;
  readonly state: DecisionState;
  readonly until: Millis | null;
  readonly why: string;
}

/** One story: evidence that belongs together, with one severity, that of its gravest evidence. */
export interface Incident {
  readonly id: string;
  readonly openedAt: Millis;
  readonly updatedAt: Millis;
  readonly severity: Severity;
  readonly subject: Subject;
  /** detector of the gravest evidence */
  readonly detector: string;
  readonly summary: string;
  readonly accounts: readonly string[];
  readonly sources: readonly string[];
  readonly calls: readonly string[];
  readonly evidenceCount: number;
  readonly loss: Loss | null;
  readonly acknowledgedAt: Millis | null;
}

/** The alert line of contracts.md: an incident when it opens and again each time its severity rises. */
export interface Alert {
  readonly id: string;
  readonly at: string;
  readonly detector: string;
  readonly severity: Severity;
  readonly subject: Subject;
  readonly summary: string;
  readonly facts: Readonly<Record<string, Fact>>;
  readonly calls: readonly string[];
  readonly sources: readonly string[];
  readonly loss?: Loss;
  readonly incident: string;
  readonly decisions: readonly {
    readonly action: Action;
    readonly state: DecisionState;
    readonly until: string | null;
  }[];
}

/** Why a certificate is good no more (RFC 5280, 5.3.1), with the number that a revocation list has for it. */
export const REVOCATION_REASONS = {
  unspecified: 0,
  keyCompromise: 1,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
} as const;
export type RevocationReason = keyof typeof REVOCATION_REASONS;
