import type { EvidenceDraft, Fact, Millis, Severity, SourceProof, Subject } from '../model.ts';
import { iso } from '../time.ts';
import { BoundedMap, type Packed } from '../windows.ts';
import { addressSubject, copy, escalate, FloodGate, unsaid, withDistinct, type Said } from './story.ts';

/** What one address (or trunk) did that belongs together. Plain. */
export interface AddressStory {
  readonly subject: Subject;
  first: Millis;
  last: Millis;
  count: number;
  calls: string[];
  callKeys: string[];
  sources: string[];
  accounts: string[];
  methods: string[];
  /** what it claimed or aimed at */
  names: string[];
  userAgent: string;
  proof: SourceProof;
  said: Said;
}

/** One thing that it did, to be added. */
export interface Deed {
  readonly at: Millis;
  readonly source: string;
  readonly method?: string;
  readonly callId?: string;
  readonly callKey?: string | null;
  readonly account?: string | null;
  readonly name?: string;
  readonly userAgent?: string;
  readonly proof?: SourceProof;
}

/** Stories by key, each of which is over when nothing was added for `window`. */
export class AddressStories {
  readonly #window: Millis;
  readonly #byKey: BoundedMap<AddressStory>;
  readonly #gate = new FloodGate();

  constructor(window: Millis, capacity = 8_192) {
    this.#window = window;
    this.#byKey = new BoundedMap(capacity);
  }

  get size(): number {
    return this.#byKey.size;
  }

  peek(key: string): AddressStory | undefined {
    return this.#byKey.peek(key);
  }

  /** Adds a deed. The proof of a story is the worst of its deeds: one forged among them must not be blamed on anybody. */
  add(key: string, deed: Deed, subject: Subject = addressSubject(deed.source)): AddressStory {
    let story = this.#byKey.get(key);
    const proof = deed.proof ?? 'none';
    if (story === undefined || deed.at - story.last > this.#window) {
      story = {
        subject,
        first: deed.at,
        last: deed.at,
        count: 0,
        calls: [],
        callKeys: [],
        sources: [],
        accounts: [],
        methods: [],
        names: [],
        userAgent: '',
        proof,
        said: unsaid(),
      };
      this.#byKey.set(key, story);
    }
    story.last = deed.at;
    story.count++;
    if (proof === 'none') story.proof = 'none';
    story.sources = withDistinct(story.sources, deed.source, 8);
    story.methods = withDistinct(story.methods, deed.method ?? '', 8);
    story.calls = withDistinct(story.calls, deed.callId ?? '', 20);
    story.callKeys = withDistinct(story.callKeys, deed.callKey ?? '', 50);
    story.accounts = withDistinct(story.accounts, deed.account ?? '', 8);
    story.names = withDistinct(story.names, deed.name ?? '', 8);
    if (deed.userAgent !== undefined && deed.userAgent !== '') story.userAgent = deed.userAgent;
    return story;
  }

  /** Tells a story where it has become graver, or longer by much; `count` and `threshold` as `escalate` has them. */
  tell(
    key: string,
    story: AddressStory,
    severity: Severity,
    count: number,
    threshold: number,
    say: { readonly summary: string; readonly facts: Readonly<Record<string, Fact>> },
  ): readonly EvidenceDraft[] {
    const fresh = story.said.severity;
    const told = escalate(story.said, severity, count, threshold);
    if (told === null || (told !== fresh && !this.#gate.admits(story.last, told))) return NOTHING;
    return [
      {
        key: `${key}|${iso(story.first)}|${told}|${count}`,
        at: story.last,
        severity: told,
        subject: story.subject,
        summary: say.summary,
        facts: { ...say.facts, since: iso(story.first) },
        calls: [...story.calls],
        callKeys: [...story.callKeys],
        sources: [...story.sources],
        sourceProof: story.proof,
        accounts: [...story.accounts],
      },
    ];
  }

  snapshot(): unknown {
    return { stories: this.#byKey.snapshot(copy), gate: this.#gate.snapshot() };
  }

  restore(snapshot: unknown): void {
    const s = snapshot as { stories: Packed<AddressStory>[]; gate: unknown };
    this.#byKey.restore(s.stories, copy);
    this.#gate.restore(s.gate);
  }
}

export const NOTHING: readonly EvidenceDraft[] = [];
