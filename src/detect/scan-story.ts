import type { EvidenceDraft, Millis, RequestFacts, Severity, SourceProof } from '../model.ts';
import { formatDuration, iso, SECOND } from '../time.ts';
import type { SlidingDistinct } from '../windows.ts';
import { counted, printable } from './phrases.ts';
import { addressSubject, type Said } from './story.ts';

/** What scan holds of a prober, and how it is told. */

/** A stranger who probed more than one thing. */
export interface Scanner {
  address: string;
  probes: SlidingDistinct;
  /** probes that were answered, so that he learnt something */
  answers: SlidingDistinct;
  first: Millis;
  last: Millis;
  distinct: number;
  prefixed: number;
  methods: string[];
  tool: string | null;
  userAgent: string;
  proof: SourceProof;
  said: Said;
}

/** What a request asks about: for OPTIONS a server and user, for a call the number, else the account. */
export function probeOf(request: RequestFacts): string {
  switch (request.method) {
    case 'OPTIONS':
      return `${request.destination} ${request.requestUser}`;
    case 'INVITE':
      return request.requestUser;
    default:
      return request.toUser;
  }
}

export function note(scanner: Scanner, method: string, userAgent: string): void {
  if (method !== '' && scanner.methods.length < 8 && !scanner.methods.includes(method)) scanner.methods.push(method);
  if (userAgent !== '') scanner.userAgent = userAgent;
}

/** `prefixes`: was it the search for a dialling prefix? */
export function evidenceOf(
  key: string,
  scanner: Scanner,
  at: Millis,
  severity: Severity,
  rule: string,
  prefixes: boolean,
): EvidenceDraft {
  const answered = scanner.answers.count(at);
  const span = scanner.last - scanner.first;
  const what = prefixes
    ? `${scanner.prefixed} prefixes before the same number`
    : counted(scanner.distinct, 'account, number or address', 'accounts, numbers or addresses');
  const time = span < SECOND ? '' : ` in ${formatDuration(span)}`;
  const tool = scanner.tool === null ? '' : ` with ${scanner.tool}`;
  const result = answered === 0 ? 'without learning anything' : `${answered} of them answered`;
  return {
    key: `${key}|${iso(scanner.first)}|${severity}|${scanner.distinct}|${scanner.prefixed}`,
    at,
    severity,
    subject: addressSubject(scanner.address),
    summary: `${printable(scanner.address)} probed ${what}${time}${tool}, ${result}`,
    facts: {
      probed: scanner.distinct,
      answered,
      prefixes: scanner.prefixed,
      examples: scanner.probes.values().slice(-8).map(printable),
      methods: scanner.methods.map(printable),
      tool: scanner.tool,
      userAgent: printable(scanner.userAgent),
      rule,
      since: iso(scanner.first),
    },
    calls: [],
    callKeys: [],
    sources: [scanner.address],
    sourceProof: scanner.proof,
    accounts: [],
  };
}
