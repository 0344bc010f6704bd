import { sourceKey } from '../address.ts';
import type { EvidenceDraft, Millis, RequestFacts } from '../model.ts';
import { DAY, formatDuration, HOUR, iso } from '../time.ts';
import { SlidingDistinct } from '../windows.ts';
import { counted, printable } from './phrases.ts';
import { addressSubject, copy, escalate, unsaid, type Said } from './story.ts';

/**
 * User agents of programs that scan, guess and test SIP servers, as they name themselves unless told otherwise. A weak
 * signal: whoever means harm writes the name of a phone there (the best known campaign said Cisco), and whoever tests his own
 * PBX does not.
 */
const TOOLS: readonly (readonly [pattern: string, tool: string])[] = [
  ['friendly-scanner|friendly-request|sipvicious|sipv', 'SIPVicious'],
  ['sundayddr', 'sundayddr scanner'],
  ['sip-?scan', 'a SIP scanner'],
  ['sipcli', 'sipcli'],
  ['pplsip', 'pplsip dialler'],
  ['zeeko', 'Zeeko scanner'],
  ['iwar', 'iWar war dialler'],
  ['sippts|siptps', 'SIPPTS'],
  ['sipsak', 'sipsak'],
  ['smap', 'smap'],
  ['vaxsipuseragent', 'VaxSIPUserAgent'],
  ['mr\\.?black|elite|gulp', 'a known scanner'],
  ['nmap', 'nmap'],
  ['sipp\\b', 'SIPp'],
];

const ANY = new RegExp(TOOLS.map(([pattern]) => `\\b(?:${pattern})`).join('|'), 'i');
const EACH = TOOLS.map(([pattern, tool]) => [new RegExp(`\\b(?:${pattern})`, 'i'), tool] as const);

/** The tool that a User-Agent header names, or null. */
export function toolOf(userAgent: string): string | null {
  if (userAgent === '' || !ANY.test(userAgent)) return null;
  return EACH.find(([pattern]) => pattern.test(userAgent))?.[1] ?? null;
}

const SOURCES = 1_024;

interface Story {
  requests: number;
  first: Millis;
  last: Millis | null;
  said: Said;
}

/**
 * Requests of programs that name themselves, from anywhere, as one story of the site: a sweep of the internet sends one
 * OPTIONS from each of many addresses. Low, medium when it is many or goes on; never more by the name alone.
 */
export class NamedTools {
  readonly #threshold: number;
  #sources = new SlidingDistinct(DAY, SOURCES);
  #story: Story = { requests: 0, first: 0, last: null, said: unsaid() };

  /** `threshold`: requests without a day's pause that make it medium */
  constructor(threshold: number) {
    this.#threshold = threshold;
  }

  seen(tool: string, request: RequestFacts, at: Millis): EvidenceDraft[] {
    const story = this.#story;
    if (story.last === null || at - story.last > DAY) Object.assign(story, { requests: 0, first: at, said: unsaid() });
    story.last = at;
    story.requests++;
    const sources = this.#sources.add(sourceKey(request.source), at);
    const severity = story.requests >= this.#threshold ? 'medium' : 'low';
    const told = escalate(story.said, severity, story.requests, this.#threshold);
    if (told === null) return [];
    const span = at - story.first;
    const from = sources === 1 ? printable(request.source) : counted(sources, 'address', 'addresses');
    return [
      {
        key: `tool|${iso(story.first)}|${told}|${story.requests}`,
        at,
        severity: told,
        subject: addressSubject(request.source),
        summary: `${counted(story.requests, 'request')} of ${tool} from ${from}${span < HOUR ? '' : ` in ${formatDuration(span)}`}`,
        facts: {
          requests: story.requests,
          addresses: sources,
          tool,
          userAgent: printable(request.userAgent),
          methods: [printable(request.method)],
          since: iso(story.first),
          rule: 'a user agent that names a scanner',
        },
        calls: [],
        callKeys: [],
        sources: sources === 1 ? [request.source] : this.#sources.values().slice(-8),
        sourceProof: sources === 1 ? request.proof : 'none',
        accounts: [],
      },
    ];
  }

  snapshot(): unknown {
    return { sources: this.#sources.snapshot(), story: copy(this.#story) };
  }

  restore(snapshot: unknown): void {
    const s = snapshot as { sources: [string, Millis][]; story: Story };
    this.#sources = SlidingDistinct.restore(DAY, SOURCES, s.sources);
    this.#story = copy(s.story);
  }
}
