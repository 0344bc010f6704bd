import { z } from 'zod';
import type { CallEnded, CallRecorded, EvidenceDraft, Millis, Severity } from '../model.ts';
import type { DialledNumber, Site } from '../site/site.ts';
import { formatDuration, iso, SECOND } from '../time.ts';
import { BoundedMap, type Packed } from '../windows.ts';
import { countryOf, isUsualCountry } from './call-classes.ts';
import { defineDetector, type Detector, type Shared } from './detector.ts';
import type { Habits } from './habits.ts';
import { amount, duration, score } from './parameters.ts';
import { counted, placeOf } from './phrases.ts';
import { CALL_KINDS, citing, PlacedCalls, talkOfAll, type Placed, type PlacedEvent } from './placed-calls.ts';
import { addDistinct, copy, escalate, unsaid, type Said } from './story.ts';

const parameters = z.strictObject({
  rings: amount(5, 'calls', 'so many that ring once from one dear country are meant to be called back', 2, 64),
  pairs: amount(3, 'pairs', 'so many different ones of caller and called number are among them', 1, 64),
  ring: duration('5s', 'a call that ends sooner has rung once, the time to reach the phone included'),
  callbacks: amount(2, 'calls', 'so many call-backs that connect, and the bait has worked', 1, 64),
  window: duration('7d', 'rings are counted, and call-backs awaited, within this time'),
  risk: score(40, 'a caller whose number has this risk or more is dear to call back'),
});

interface Ring {
  readonly at: Millis;
  readonly call: string;
  readonly id: string;
  readonly from: string;
  readonly to: string;
}

/** One-ring calls from one country, and those who called back. */
interface Story {
  place: string;
  /** the number that rang first: the story's subject */
  number: string;
  rings: Ring[];
  backs: (Placed<string> & { readonly account: string })[];
  said: Said;
}

const STORIES = 1_000;
const NUMBERS = 20_000;
const RINGS = 64;
const BACKS = 64;

class Wangiri implements Detector<PlacedEvent['kind']> {
  readonly #p: z.output<typeof parameters>;
  readonly #site: Site;
  readonly #habits: Habits;
  readonly #stories = new BoundedMap<Story>(STORIES);
  /** number that rang once -> when first, and when last */
  readonly #rang = new BoundedMap<[first: Millis, last: Millis]>(NUMBERS);
  /** calls to such numbers; the tag is the country */
  readonly #placed: PlacedCalls<string>;

  constructor(p: z.output<typeof parameters>, site: Site, { habits, states }: Shared) {
    this.#p = p;
    this.#site = site;
    this.#habits = habits;
    this.#placed = new PlacedCalls(site, { states, span: p.window, most: BACKS }, (number, _subject, started) => {
      const rang = number.e164 === null ? undefined : this.#rang.peek(number.e164);
      // records tell of a call-back when it is over, and the number may have rung again by then
      return rang === undefined || started < rang[0] || started - rang[1] > p.window ? null : countryOf(number);
    });
  }

  on(event: PlacedEvent): EvidenceDraft[] {
    if (event.trunk !== null) {
      const ring =
        event.kind === 'call.ended' ? this.#ended(event) : event.kind === 'cdr' ? this.#recorded(event) : null;
      return ring === null ? [] : this.#rings(ring, event.at);
    }
    const change = this.#placed.take(event);
    if (change === null) return [];
    const { call, caller, at } = change;
    const story = this.#stories.get(call.tag);
    if (story === undefined) return [];
    const account = caller.subject.type === 'account' ? caller.subject.value : '';
    story.backs = story.backs.filter((other) => other.call !== call.call).slice(1 - BACKS);
    story.backs.push({ ...call.plain(), account });
    return this.#judge(call.tag, story, at);
  }

  /** A call in that the caller ended within one ring, whether or not a machine of ours took it. */
  #ended({
    at,
    call,
    from,
    dialled,
    startedAt,
    answeredAt,
    uniqueid,
    callId,
    status,
    lostSince,
  }: CallEnded): Ring | null {
    // 487: the caller gave up; 0: not told. Whoever is told that the line is busy hangs up soon too
    if (lostSince !== null || (status !== 0 && status !== 487) || at - startedAt > this.#p.ring) return null;
    if (answeredAt !== null && at - answeredAt > this.#p.ring / 2) return null;
    return { at: startedAt, call, id: uniqueid ?? callId ?? call, from, to: dialled };
  }

  #recorded({ call, record }: CallRecorded): Ring | null {
    if (record.disposition !== 'NO ANSWER' && record.disposition !== 'ANSWERED') return null;
    // whole seconds: what began and ended in the same ones is not longer for it
    if (record.end - record.start > this.#p.ring || record.billsec * SECOND > this.#p.ring / 2) return null;
    return {
      at: record.start,
      call,
      id: record.uniqueid === '' ? call : record.uniqueid,
      from: record.src,
      to: record.dst,
    };
  }

  #rings(ring: Ring, at: Millis): EvidenceDraft[] {
    const number = this.#site.number(ring.from);
    if (!this.#isBait(number)) return [];
    const country = countryOf(number);
    let story = this.#stories.get(country);
    if (story === undefined || ring.at - (story.rings.at(-1)?.at ?? ring.at) > this.#p.window) {
      story = { place: placeOf(number), number: number.e164 ?? '', rings: [], backs: [], said: unsaid() };
      this.#stories.set(country, story);
    }
    if (story.rings.some(({ call }) => call === ring.call)) return [];
    const from = ring.at - this.#p.window;
    story.rings = story.rings.filter((other) => other.at >= from).slice(1 - RINGS);
    story.rings.push({ ...ring, from: number.e164 ?? ring.from });
    if (number.e164 !== null) this.#ringsFrom(number.e164, ring.at);
    return this.#judge(country, story, at);
  }

  #ringsFrom(e164: string, at: Millis): void {
    const known = this.#rang.get(e164);
    if (known === undefined || at - known[1] > this.#p.window) this.#rang.set(e164, [at, at]);
    else this.#rang.set(e164, [Math.min(known[0], at), Math.max(known[1], at)]);
  }

  #isBait(number: DialledNumber): boolean {
    if (!number.chargeable || !number.blockable || number.e164 === null || number.risk < this.#p.risk) return false;
    // partners misdial, and hang up
    return !isUsualCountry(this.#habits, { type: 'number', value: number.e164 }, number);
  }

  #judge(key: string, story: Story, at: Millis): EvidenceDraft[] {
    const { rings, backs } = story;
    const pairs = new Set(rings.map(({ from, to }) => `${from}>${to}`)).size;
    if (rings.length < this.#p.rings || pairs < this.#p.pairs) return [];
    const connected = backs.filter((call) => call.answered !== null);
    // one campaign rings from several countries
    const worked = connected.length > 0 && this.#connected(at) >= this.#p.callbacks;
    const severity: Severity = worked ? 'high' : backs.length > 0 ? 'medium' : 'low';
    const count = rings.length + backs.length;
    const told = escalate(story.said, severity, count, this.#p.rings);
    if (told === null) return [];
    const numbers: string[] = [];
    const extensions: string[] = [];
    const accounts: string[] = [];
    for (const { from, to } of rings) {
      addDistinct(numbers, from, RINGS);
      addDistinct(extensions, to, RINGS);
    }
    for (const { account } of backs) addDistinct(accounts, account, 16);
    const span = (rings.at(-1)?.at ?? at) - (rings[0]?.at ?? at);
    const times = `${rings.length} calls from ${story.place} rang once${span >= SECOND ? ` within ${formatDuration(span)}` : ''}`;
    const back =
      backs.length === 0
        ? ', for somebody to call back'
        : `, and ${counted(backs.length, 'call')} went back there, ${connected.length === 0 ? 'none connected yet' : `${connected.length} connected`}`;
    return [
      {
        key: `${key}|${iso(rings[0]?.at ?? at)}|${told}|${count}`,
        at,
        severity: told,
        subject: { type: 'number', value: story.number },
        summary: `${times}${back}`,
        facts: {
          rings: rings.length,
          pairs,
          callers: numbers.length,
          called: extensions.length,
          calledBack: backs.length,
          callbacks: connected.length,
          talkSeconds: Math.round(talkOfAll(backs, at) / SECOND),
          numbers: numbers.slice(0, 5),
          // the ones that were called; any number can be written as a caller's own
          reached: [...new Set(connected.map(({ dialled }) => this.#site.number(dialled).e164 ?? dialled))].slice(0, 5),
          rule: `rings ${this.#p.rings} within ${formatDuration(this.#p.window)}`,
        },
        ...cited(this.#site, story, at),
        accounts,
      },
    ];
  }

  /** Call-backs that connected, to wherever, within the window. */
  #connected(at: Millis): number {
    let count = 0;
    for (const [, { backs }] of this.#stories.entries())
      count += backs.filter(({ answered }) => answered !== null && answered >= at - this.#p.window).length;
    return count;
  }

  size(): number {
    return this.#placed.size + this.#stories.size + this.#rang.size;
  }

  snapshot(): unknown {
    return {
      stories: this.#stories.snapshot(copy),
      rang: this.#rang.snapshot(copy),
      placed: this.#placed.snapshot(),
    };
  }

  restore(snapshot: unknown): void {
    const s = snapshot as { stories: Packed<Story>[]; rang: Packed<[Millis, Millis]>[]; placed: unknown };
    this.#stories.restore(s.stories, copy);
    this.#rang.restore(s.rang, copy);
    this.#placed.restore(s.placed);
  }
}

/** The call-backs, which cost money; before there are any, the rings. */
function cited(site: Site, { rings, backs }: Story, at: Millis): ReturnType<typeof citing> {
  const of = citing(site, backs, at);
  if (backs.length > 0) return of;
  return { ...of, calls: rings.slice(-20).map(({ id }) => id), callKeys: rings.slice(-50).map(({ call }) => call) };
}

/**
 * Attack: calls from a dear country ring once on many phones and are gone. Whoever is curious calls back, and pays by the
 * minute.
 *
 * Innocent twins: a partner abroad who misdials and hangs up, an impatient customer who tries one number again and again,
 * callers from a country that the site calls itself, a line that is busy, callers whose number is cheap to call back.
 */
export default defineDetector({
  name: 'wangiri',
  summary: 'Calls in from dear numbers that ring once, and the calls back to them',
  parameters,
  consumes: CALL_KINDS,
  create: (p, site, shared) => new Wangiri(p, site, shared),
});
