import { sourceKey } from '../address.ts';
import { severityRank, type Evidence, type Fact } from '../model.ts';
import { HOUR } from '../time.ts';
import { BoundedMap, SlidingDistinct, type Packed } from '../windows.ts';
import { isFirm } from './families.ts';

/** So many accounts that do the same within the window are one story. */
const JOINED = 3;
const WINDOW = HOUR;
/** accounts counted of one campaign */
const MEMBERS = 64;
const MARKS = 4096;
/** marks of one piece of evidence */
const MARKS_EACH = 16;

/** What evidence has in common with that of other accounts. */
export interface Common {
  /** further keys by which it is joined: the campaign, and the others that are in it */
  readonly keys: readonly string[];
  /** accounts that called the same range within the hour, this one too */
  readonly callers: number;
}

export interface CampaignsSnapshot {
  readonly marks: readonly Packed<(readonly [string, number])[]>[];
}

/**
 * Finds the attack that is spread over many extensions, each of which does little. Evidence about different accounts is
 * one story when three of them, within an hour, called the same block of ten thousand numbers, or one detector says the same
 * of them and of one address (of grave evidence: one /24, or one program). Colleagues who call one partner late
 * become one story too, which is one page to read; it is no graver for that (but see `many-callers` in raising.ts).
 * What can be forged joins nobody.
 */
export class Campaigns {
  readonly #marks = new BoundedMap<SlidingDistinct>(MARKS);

  /** Takes evidence about an account or number, and says whom it belongs with. `sources`: keys of its own addresses. */
  note(e: Evidence, sources: readonly string[]): Common {
    const { type, value } = e.subject;
    if (type === 'address' || !isFirm(e) || severityRank(e.severity) < severityRank('medium'))
      return { keys: [], callers: 0 };
    const member = `${type}:${value}`;
    const keys = new Set<string>();
    let callers = 0;
    for (const mark of marksOf(e, sources).slice(0, MARKS_EACH)) {
      let members = this.#marks.get(mark);
      if (members === undefined) {
        members = new SlidingDistinct(WINDOW, MEMBERS);
        this.#marks.set(mark, members);
      }
      const before = members.count(e.at);
      const count = members.add(member, e.at);
      if (mark.startsWith('range:')) callers = Math.max(callers, count);
      if (count < JOINED) continue;
      keys.add(`campaign:${mark}`);
      // later ones find the story by the campaign
      if (before < JOINED) for (const other of members.values()) keys.add(other);
    }
    return { keys: [...keys], callers };
  }

  get size(): number {
    return this.#marks.size;
  }

  snapshot(): CampaignsSnapshot {
    return { marks: this.#marks.snapshot((members) => members.snapshot()) };
  }

  restore({ marks }: CampaignsSnapshot): void {
    this.#marks.restore(marks, (pairs) => SlidingDistinct.restore(WINDOW, MEMBERS, pairs));
  }
}

const texts = (value: Fact | undefined): readonly string[] =>
  typeof value === 'string' ? [value] : Array.isArray(value) ? (value as readonly string[]) : [];

/** Numbers in E.164 (or dialled with as many digits), without their last four: blocks are given out by ten thousand. */
const rangesOf = (e: Evidence): string[] =>
  [...texts(e.facts['numbers']), ...(e.subject.type === 'number' ? [e.subject.value] : [])]
    .map((number) => number.replace(/^\+/, ''))
    .filter((number) => /^\d{9,18}$/.test(number))
    .map((number) => `range:${number.slice(0, -4)}`);

/** An IPv4 address's /24; an IPv6 key is a /64 already. */
const netOf = (source: string): string => {
  const parts = source.split('.');
  return parts.length === 4 ? `${parts.slice(0, 3).join('.')}.` : source;
};

function marksOf(e: Evidence, sources: readonly string[]): string[] {
  // an attack that is spread does the same to each: two from one network who do different things are two
  const mine = (what: string, value: string): string => `${what}:${e.detector}:${value}`;
  // of calls behind one address each is somebody's own: the phones of an office, a family, a hotel
  const phones = e.callKeys.length === 0 ? sources.map((source) => mine('source', sourceKey(source))) : [];
  const marks = [...rangesOf(e), ...phones];
  if (severityRank(e.severity) < severityRank('high')) return [...new Set(marks)];
  const programs = [...texts(e.facts['userAgent']), ...texts(e.facts['userAgents'])].filter((name) => name !== '');
  return [
    ...new Set([
      ...marks,
      ...sources.map((source) => mine('net', netOf(source))),
      ...programs.map((name) => mine('tool', name)),
    ]),
  ];
}
