import { closeSync, openSync, readSync } from 'node:fs';
import type { AcceptedAnswer } from '../../correlate/digest-answers.ts';
import type { Weakness } from '../../words/index.ts';
import { digestTester } from '../../wire/digest-proof.ts';
import { commonCandidates, ownCandidates, pins, type Candidate, type Owner } from './candidates.ts';

/** One account's answer and whose it is. */
export interface Task {
  readonly account: string;
  readonly accepted: AcceptedAnswer;
  readonly owner: Owner;
}

/** What was found of an account. Never the secret, nor how far down the list it was. */
export interface Verdict {
  readonly account: string;
  readonly weakness: Weakness | null;
  /** length of a secret of digits alone, else 0 */
  readonly length: number;
  /** everything was tried, or it was found */
  readonly complete: boolean;
}

export interface Limits {
  /** every number of up to so many digits is tried */
  readonly pinDigits: number;
  /** a file with a word a line, null for none */
  readonly wordlist: string | null;
}

/** A kind of candidates: an account's own, or those that are tried on all accounts. */
interface Round {
  /** candidates for one account, roughly: for progress */
  readonly size: number;
  readonly own: boolean;
  readonly make: (owner: Owner) => Iterable<Candidate>;
}

const LONGEST_WORD = 128;

/** The lines of a word list, read in pieces. */
function* wordsOf(file: string): Generator<Candidate> {
  const fd = openSync(file, 'r');
  try {
    const chunk = Buffer.alloc(65_536);
    let rest = Buffer.alloc(0);
    for (let count = readSync(fd, chunk); count > 0; count = readSync(fd, chunk)) {
      const bytes = Buffer.concat([rest, chunk.subarray(0, count)]);
      let start = 0;
      for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, start)) {
        const text = bytes.toString('utf8', start, end).replace(/\r$/, '');
        if (text.length > 0 && text.length <= LONGEST_WORD) yield { text, weakness: 'word-list' };
        start = end + 1;
      }
      // a line that never ends is no word
      rest = bytes.length - start > 65_536 ? Buffer.alloc(0) : Buffer.from(bytes.subarray(start));
    }
    const text = rest.toString('utf8');
    if (text.length > 0 && text.length <= LONGEST_WORD) yield { text, weakness: 'word-list' };
  } finally {
    closeSync(fd);
  }
}

/** What is likely for all accounts first, then what is less likely, so that a budget that runs out has not been spent on one. */
function rounds({ pinDigits, wordlist }: Limits): Round[] {
  const numbers = (length: number): Round[] =>
    length > pinDigits ? [] : [{ size: 10 ** length, own: false, make: () => pins(length) }];
  return [
    { size: 15_000, own: true, make: ownCandidates },
    ...[1, 2, 3, 4].flatMap(numbers),
    { size: 505_000, own: false, make: commonCandidates },
    ...(wordlist === null ? [] : [{ size: 1_000_000, own: false, make: () => wordsOf(wordlist) }]),
    ...[5, 6, 7, 8].flatMap(numbers),
  ];
}

/** How far it is: candidates tried and, roughly, all of them. */
export interface Progress {
  tried: number;
  total: number;
}

/** So many candidates between two looks at the clock. */
const STEP = 1_000;

/**
 * Tries candidates against all answers. Yields after every thousand, for whoever bounds its rate and its time to do so; when it is not
 * asked on, `verdicts` says how far it came.
 */
export class Guessing {
  readonly progress: Progress;
  readonly #tasks: readonly Task[];
  readonly #rounds: readonly Round[];
  readonly #found = new Map<string, Verdict>();
  readonly #open: Set<string>;

  constructor(tasks: readonly Task[], limits: Limits) {
    this.#tasks = tasks;
    this.#rounds = rounds(limits);
    this.#open = new Set(tasks.map(({ account }) => account));
    const each = this.#rounds.reduce((sum, { size }) => sum + size, 0);
    this.progress = { tried: 0, total: each * tasks.length };
  }

  *run(): Generator<number> {
    const alive = new Map<Task, (secret: string) => boolean>();
    for (const task of this.#tasks) {
      const tester = digestTester(task.accepted.answer);
      if (tester !== null) alive.set(task, tester);
    }
    let step = 0;
    for (const round of this.#rounds)
      // what is the same for all is made once and tried on all
      for (const targets of round.own ? Array.from(alive, (one) => new Map([one])) : [alive]) {
        const [first] = targets.keys();
        if (first === undefined) continue;
        for (const candidate of round.make(first.owner)) {
          for (const [task, test] of targets)
            if (test(candidate.text)) {
              this.#fell(task, candidate);
              targets.delete(task);
              alive.delete(task);
            }
          step += targets.size;
          if (targets.size === 0) break;
          if (step < STEP) continue;
          this.progress.tried += step;
          yield step;
          step = 0;
        }
      }
    for (const { account } of alive.keys()) this.#open.delete(account);
  }

  #fell({ account }: Task, { text, weakness }: Candidate): void {
    const length = weakness === 'digits' ? text.length : 0;
    this.#found.set(account, { account, weakness, length, complete: true });
  }

  /** In the order of the tasks. */
  verdicts(): Verdict[] {
    return this.#tasks.map(
      ({ account }) =>
        this.#found.get(account) ?? { account, weakness: null, length: 0, complete: !this.#open.has(account) },
    );
  }
}
