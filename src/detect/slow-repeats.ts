import type { EvidenceDraft, Millis, Subject } from '../model.ts';
import type { DialledNumber, Site } from '../site/site.ts';
import { formatDuration, HOUR, iso } from '../time.ts';
import { BoundedMap, type Packed } from '../windows.ts';
import { countryOf, rangeOf } from './call-classes.ts';
import { counted, named, placeOf } from './phrases.ts';
import { citing, type Placed } from './placed-calls.ts';
import { addDistinct, copy, escalate, unsaid, type Said } from './story.ts';

/** Calls this far apart are two occasions: two nights, or two days. */
const OCCASION = 12 * HOUR;
const STORIES = 10_000;
const OCCASIONS = 64;

/** One caller and one country, or the whole site and one country. */
interface Story {
  subject: Subject;
  place: string;
  /** when each occasion began */
  occasions: Millis[];
  /** of those: were all of them late? */
  late: boolean;
  accounts: string[];
  callKeys: string[];
  calls: string[];
  said: Said;
}

/** One call every night to a dear or abused country, each too little to be told gravely by itself. */
export class SlowRepeats {
  readonly #site: Site;
  readonly #nights: number;
  readonly #span: Millis;
  readonly #stories = new BoundedMap<Story>(STORIES);

  /** `nights`: so many occasions, at least 12 h apart, within `span` */
  constructor(site: Site, nights: number, span: Millis) {
    this.#site = site;
    this.#nights = nights;
    this.#span = span;
  }

  get size(): number {
    return this.#stories.size;
  }

  /** A connected call to a number worth watching for so long. `late`: well within a closed period. */
  connected(
    call: Placed<unknown>,
    subject: Subject,
    number: DialledNumber,
    late: boolean,
    at: Millis,
  ): EvidenceDraft[] {
    const country = countryOf(number);
    const own = this.#count(`${call.who}|${country}`, subject, call, number, late, at);
    if (own !== null) return [own];
    // nobody of them often, all of them together every night
    const range: Subject = { type: 'number', value: rangeOf(number) };
    const account = subject.type === 'account' ? subject.value : '';
    if (account === '' || !late) return [];
    const all = this.#count(`|${country}`, range, call, number, late, at, account);
    return all === null ? [] : [all];
  }

  #count(
    key: string,
    subject: Subject,
    call: Placed<unknown>,
    number: DialledNumber,
    late: boolean,
    at: Millis,
    account = '',
  ): EvidenceDraft | null {
    let story = this.#stories.get(key);
    if (story === undefined || call.started - (story.occasions.at(-1) ?? 0) > this.#span) {
      story = {
        subject,
        place: placeOf(number),
        occasions: [],
        late: true,
        accounts: [],
        callKeys: [],
        calls: [],
        said: unsaid(),
      };
      this.#stories.set(key, story);
    }
    if (story.callKeys.includes(call.call)) return null;
    if (story.callKeys.length >= 50) story.callKeys.shift();
    story.callKeys.push(call.call);
    if (story.calls.length >= 20) story.calls.shift();
    story.calls.push(call.id);
    story.late &&= late;
    const from = call.started - this.#span;
    while ((story.occasions[0] ?? from) < from) story.occasions.shift();
    addDistinct(story.accounts, account, 16);
    if (call.started - (story.occasions.at(-1) ?? -Infinity) < OCCASION) return null;
    story.occasions.push(call.started);
    if (story.occasions.length > OCCASIONS) story.occasions.shift();
    const count = story.occasions.length;
    // of one account its own story tells
    if (count < this.#nights || (subject.type === 'number' && story.accounts.length === 1)) return null;
    const severity = escalate(story.said, story.late ? 'high' : 'medium', count, this.#nights);
    if (severity === null) return null;
    return this.#evidence(
      `slow|${key}|${iso(story.occasions[0] ?? at)}|${severity}|${count}`,
      story,
      severity,
      call,
      at,
    );
  }

  #evidence(
    key: string,
    story: Story,
    severity: EvidenceDraft['severity'],
    call: Placed<unknown>,
    at: Millis,
  ): EvidenceDraft {
    const count = story.occasions.length;
    const when = counted(count, story.late ? 'night' : 'day');
    const within = formatDuration(call.started - (story.occasions[0] ?? call.started));
    const who = story.accounts.length > 0 ? counted(story.accounts.length, 'extension') : named(story.subject);
    const { sources, sourceProof } = citing(this.#site, [call], at);
    return {
      key,
      at,
      severity,
      subject: story.subject,
      summary: `${who} called ${story.place} on ${when} within ${within}, a little each time`,
      facts: {
        nights: count,
        late: story.late,
        firstCall: iso(story.occasions[0] ?? at),
        rule: `nights ${this.#nights} within ${formatDuration(this.#span)}`,
      },
      calls: [...story.calls],
      callKeys: [...story.callKeys],
      sources,
      sourceProof,
      accounts: [...story.accounts],
    };
  }

  snapshot(): unknown {
    return this.#stories.snapshot(copy);
  }

  restore(snapshot: unknown): void {
    this.#stories.restore(snapshot as Packed<Story>[], copy);
  }
}
