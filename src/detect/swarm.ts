import type { AuthFailed, EvidenceDraft, Millis } from '../model.ts';
import { formatDuration, HOUR, iso } from '../time.ts';
import { SlidingDistinct } from '../windows.ts';
import { counted } from './phrases.ts';
import { addressSubject, copy, escalate, unsaid, type Said } from './story.ts';

const SOURCES = 1_024;
const NAMES = 64;

interface Story {
  said: Said;
  sources: number;
  first: Millis;
  last: Millis | null;
}

/** Password guessing by many addresses, each of them too quiet for itself, over many accounts. */
export class Swarm {
  readonly #threshold: number;
  #sources = new SlidingDistinct(HOUR, SOURCES);
  #names = new SlidingDistinct(HOUR, NAMES);
  #story: Story = { said: unsaid(), sources: 0, first: 0, last: null };

  /** `threshold`: addresses, and accounts, within an hour */
  constructor(threshold: number) {
    this.#threshold = threshold;
  }

  /** A failure of an address that tried an unknown account, or more than one. */
  failed(event: AuthFailed, name: string, source: string): EvidenceDraft[] {
    const { at } = event;
    const story = this.#story;
    if (story.last === null || at - story.last > HOUR) Object.assign(story, { said: unsaid(), sources: 0, first: at });
    story.last = at;
    if (!this.#sources.has(source, at - HOUR)) story.sources++;
    const sources = this.#sources.add(source, at);
    const names = this.#names.add(name, at);
    if (sources < this.#threshold || names < Math.min(this.#threshold, NAMES)) return [];
    const told = escalate(story.said, 'high', story.sources, this.#threshold);
    if (told === null) return [];
    return [
      {
        key: `swarm|${iso(story.first)}|${told}|${story.sources}`,
        at,
        severity: told,
        subject: addressSubject(event.source),
        summary: `${counted(story.sources, 'address', 'addresses')} tried passwords for many accounts in ${formatDuration(at - story.first)}, none of them often`,
        facts: { addresses: story.sources, accounts: names, rule: `${this.#threshold} addresses within 1 h` },
        calls: [],
        callKeys: [],
        sources: this.#sources.values().slice(-16),
        sourceProof: 'none',
        accounts: this.#names.values().slice(-8),
      },
    ];
  }

  snapshot(): unknown {
    return { sources: this.#sources.snapshot(), names: this.#names.snapshot(), story: copy(this.#story) };
  }

  restore(snapshot: unknown): void {
    const s = snapshot as { sources: [string, Millis][]; names: [string, Millis][]; story: Story };
    this.#sources = SlidingDistinct.restore(HOUR, SOURCES, s.sources);
    this.#names = SlidingDistinct.restore(HOUR, NAMES, s.names);
    this.#story = copy(s.story);
  }
}
