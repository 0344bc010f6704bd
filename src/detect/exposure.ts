import { z } from 'zod';
import { CidrSet } from '../address.ts';
import type {
  AnswerReceived,
  EvidenceDraft,
  Millis,
  RegisterAccepted,
  RequestAnswered,
  Severity,
  Subject,
  Transport,
} from '../model.ts';
import type { Site } from '../site/site.ts';
import { iso } from '../time.ts';
import { BoundedMap, type Packed } from '../windows.ts';
import { defineDetector, type Detector } from './detector.ts';
import { amount, duration } from './parameters.ts';
import { counted, printable } from './phrases.ts';
import { accountSubject, addressSubject, copy, FloodGate } from './story.ts';

const parameters = z.strictObject({
  calls: amount(2, 'calls', 'so many answered calls with an SRTP key in clear text are told'),
  again: duration('7d', 'the same account, trunk or address is told again after so long'),
  tls: duration('30d', 'a phone that has registered over TLS within so long should do so'),
});
type Parameters = z.output<typeof parameters>;

const PEERS = 20_000;
/** Addresses that no packet on the internet has (RFC 1918, 6598, 3927, 1122, 4193, 4291): a network of one's own, or a tunnel. */
const INSIDE = new CidrSet([
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '100.64.0.0/10',
  '169.254.0.0/16',
  '127.0.0.0/8',
  'fc00::/7',
  'fe80::/10',
  '::1',
]);

const isClear = (transport: Transport): boolean => transport !== 'tls' && transport !== 'wss';

/** Calls of one account, trunk or address whose keys could be read. */
interface Exposed {
  calls: number;
  first: Millis;
  lastCall: string;
  told: Millis | null;
}

/** A phone that has registered over TLS. */
interface Secured {
  brand: string;
  last: Millis;
  told: Millis | null;
}

type Taken = RequestAnswered | AnswerReceived | RegisterAccepted;

class Exposure implements Detector<Taken['kind']> {
  readonly #p: Parameters;
  readonly #site: Site;
  /** `trunk carrier`, `account 1004`, `address 203.0.113.7` */
  readonly #exposed = new BoundedMap<Exposed>(PEERS);
  /** by AOR */
  readonly #secured = new BoundedMap<Secured>(PEERS);
  readonly #gate = new FloodGate();

  constructor(p: Parameters, site: Site) {
    this.#p = p;
    this.#site = site;
  }

  on(event: Taken): EvidenceDraft[] {
    switch (event.kind) {
      case 'request.answered': {
        const { request, account, trunk, status } = event;
        if (request.session === null || request.session.keys.length === 0 || status >= 300) return [];
        const { transport, source, callId } = request;
        const subject = trunkOr(trunk, account === null ? addressSubject(source) : accountSubject(account));
        return this.#keys(event.at, subject, transport, source, callId);
      }
      case 'answer.received': {
        const { session, asked, trunk, transport, source, callId, status } = event;
        if (session === null || session.keys.length === 0 || asked === null || status < 200) return [];
        return this.#keys(event.at, trunkOr(trunk, addressSubject(source)), transport, source, callId);
      }
      case 'register.accepted':
        return this.#registered(event);
    }
  }

  /** Does what this address sends cross networks that are not the site's own? */
  #isOutside(address: string): boolean {
    const { networks } = this.#site;
    return !networks.isLocal(address) && !networks.isPbx(address) && !INSIDE.has(address);
  }

  /** A key was sent that everybody on the way could read, and the call was answered. */
  #keys(at: Millis, subject: Subject, transport: Transport, source: string, callId: string): EvidenceDraft[] {
    if (!isClear(transport) || !this.#isOutside(source)) return [];
    const key = `${subject.type} ${subject.value}`;
    const known = this.#exposed.get(key);
    const exposed = known ?? { calls: 0, first: at, lastCall: '', told: null };
    if (known === undefined) this.#exposed.set(key, exposed);
    if (exposed.lastCall === callId) return [];
    if (exposed.told !== null && at - exposed.told < this.#p.again) return [];
    if (at - exposed.first >= this.#p.again) Object.assign(exposed, { calls: 0, first: at });
    exposed.lastCall = callId;
    if (++exposed.calls < this.#p.calls) return [];
    // one phone tells of its own calls, a trunk of everybody's
    const severity: Severity = subject.type === 'trunk' ? 'medium' : 'low';
    const { calls, first } = exposed;
    Object.assign(exposed, { calls: 0, first: at, told: at });
    if (!this.#gate.admits(at, severity)) return [];
    const who = { account: 'extension ', trunk: 'trunk ', address: '', number: '' }[subject.type];
    return [
      {
        ...draft(at, severity, subject, source, `keys|${key}|${iso(at)}`),
        summary: `${counted(calls, 'encrypted call')} with ${who}${printable(subject.value)} sent the key along in clear text over ${transport.toUpperCase()}: whoever is on the way can listen`,
        facts: {
          calls,
          since: iso(first),
          transport,
          rule: 'an SRTP key (a=crypto) without TLS, from an address outside',
        },
        calls: [callId.slice(0, 256)],
        callKeys: [callId],
      },
    ];
  }

  /** A phone that used TLS comes without it. */
  #registered({ at, aor, account, binding, others, proof }: RegisterAccepted): EvidenceDraft[] {
    const { transport, source, userAgent } = binding;
    const brand = brandOf(userAgent);
    const known = this.#secured.get(aor);
    if (!isClear(transport)) {
      this.#secured.set(aor, { brand, last: at, told: known?.told ?? null });
      return [];
    }
    if (known === undefined || brand === '' || known.brand !== brand || at - known.last > this.#p.tls) return [];
    if (source === null || !this.#isOutside(source) || others.some((other) => !isClear(other.transport))) return [];
    if (known.told !== null && at - known.told < this.#p.again) return [];
    known.told = at;
    if (!this.#gate.admits(at, 'medium')) return [];
    const whose = account === null ? printable(aor) : `extension ${printable(account)}`;
    return [
      {
        ...draft(
          at,
          'medium',
          account === null ? addressSubject(source) : accountSubject(account),
          source,
          `tls|${aor}|${iso(at)}`,
        ),
        sourceProof: proof,
        summary: `The phone of ${whose} registered over ${transport.toUpperCase()} from ${printable(source)}, though it had used TLS before`,
        facts: {
          transport,
          lastOverTls: iso(known.last),
          userAgent: printable(userAgent),
          rule: 'a phone that used TLS registers without it',
        },
      },
    ];
  }

  size(): number {
    return this.#exposed.size + this.#secured.size;
  }

  snapshot(): unknown {
    return {
      exposed: this.#exposed.snapshot(copy),
      secured: this.#secured.snapshot(copy),
      gate: this.#gate.snapshot(),
    };
  }

  restore(snapshot: unknown): void {
    const s = snapshot as { exposed: Packed<Exposed>[]; secured: Packed<Secured>[]; gate: unknown };
    this.#exposed.restore(s.exposed, copy);
    this.#secured.restore(s.secured, copy);
    this.#gate.restore(s.gate);
  }
}

const trunkOr = (trunk: string | null, other: Subject): Subject =>
  trunk === null ? other : { type: 'trunk', value: trunk };

/** The make of a phone: its firmware may be another one tomorrow. */
const brandOf = (userAgent: string): string => (/^[A-Za-z][\w-]{0,31}/.exec(userAgent)?.[0] ?? '').toLowerCase();

const draft = (at: Millis, severity: Severity, subject: Subject, source: string, key: string) => ({
  key,
  at,
  severity,
  subject,
  calls: [] as string[],
  callKeys: [] as string[],
  sources: [source],
  sourceProof: 'none' as const,
  accounts: [],
});

/**
 * Attack: none yet, but the door that it comes by. SRTP keys that are sent in the SDP (SDES, RFC 4568) are as secret as the
 * signalling that carries them: over UDP or TCP across the internet everybody on the way reads the key with the call (RFC 4568
 * section 7.1 asks for TLS or S/MIME). And a phone that used TLS and now comes without it was reset, set up anew, or talked out of it.
 *
 * Innocent twins: phones in the office and behind a tunnel, whose addresses are private or under [network] local; a
 * proxy that takes TLS and passes plain UDP on inside; a second device of another make beside the one that uses TLS. A
 * key that was offered in vain harms nobody: only answered calls count, and one call may be somebody trying his settings.
 *
 * What cannot be seen is not told: passwords never cross (PJSIP and Kamailio ask for digests, RFC 3261 took Basic away),
 * mirrored SIP is in clear whatever the phone used, and a TLS connection that is reset leaves no trace in HEP or AMI.
 */
export default defineDetector({
  name: 'exposure',
  summary: 'Keys of encrypted calls in clear text, and phones that stop using TLS',
  parameters,
  consumes: ['request.answered', 'answer.received', 'register.accepted'],
  create: (p, site) => new Exposure(p, site),
});
