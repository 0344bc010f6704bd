/**
 * With which digits the numbers that a pattern describes can begin. The patterns are those of the numbering plans: digits,
 * `\d`, classes, groups, alternatives, `?`, `{n}`, `{n,m}`; of the site's own data, never of a stranger.
 */

/** Bit n: digit n. */
const ANY = 0b11_1111_1111;

type Node =
  | { readonly is: 'digits'; readonly mask: number }
  | { readonly is: 'all' | 'either'; readonly parts: readonly Node[] }
  | { readonly is: 'times'; readonly part: Node; readonly least: number; readonly most: number };

/** Reads the pattern into a tree. @throws RangeError at what it does not know */
class Reader {
  #at = 0;
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  whole(): Node {
    const node = this.#either();
    if (this.#at < this.#text.length) throw this.#unknown();
    return node;
  }

  #unknown(): RangeError {
    return new RangeError(`not a pattern of digits: ${this.#text} at ${this.#at}`);
  }

  #take(word: string): boolean {
    if (!this.#text.startsWith(word, this.#at)) return false;
    this.#at += word.length;
    return true;
  }

  #either(): Node {
    const parts = [this.#all()];
    while (this.#take('|')) parts.push(this.#all());
    const [only, ...more] = parts;
    return only !== undefined && more.length === 0 ? only : { is: 'either', parts };
  }

  #all(): Node {
    const parts: Node[] = [];
    while (this.#at < this.#text.length && !/[|)]/.test(this.#text.charAt(this.#at))) parts.push(this.#times());
    return { is: 'all', parts };
  }

  #times(): Node {
    const part = this.#one();
    if (this.#take('?')) return { is: 'times', part, least: 0, most: 1 };
    const count = /^\{(\d+)(?:,(\d+))?\}/.exec(this.#text.slice(this.#at));
    if (count === null) return part;
    this.#at += count[0].length;
    return { is: 'times', part, least: Number(count[1]), most: Number(count[2] ?? count[1]) };
  }

  #one(): Node {
    // the plans anchor some at the start and some at the end: all are read as whole
    if (this.#take('^') || this.#take('$')) return { is: 'all', parts: [] };
    if (this.#take('(?:') || this.#take('(')) {
      const inner = this.#either();
      if (!this.#take(')')) throw this.#unknown();
      return inner;
    }
    if (this.#take('\\d')) return { is: 'digits', mask: ANY };
    if (this.#take('[')) return this.#class();
    const digit = /^\d/.exec(this.#text.slice(this.#at));
    if (digit === null) throw this.#unknown();
    this.#at++;
    return { is: 'digits', mask: 1 << Number(digit[0]) };
  }

  #class(): Node {
    const end = this.#text.indexOf(']', this.#at);
    const inside = this.#text.slice(this.#at, end);
    if (end < 0 || !/^(?:\d(?:-\d)?)+$/.test(inside)) throw this.#unknown();
    this.#at = end + 1;
    let mask = 0;
    for (const [, from, to] of inside.matchAll(/(\d)(?:-(\d))?/g))
      for (let digit = Number(from); digit <= Number(to ?? from); digit++) mask |= 1 << digit;
    return { is: 'digits', mask };
  }
}

/** A state of the machine that reads numbers by the pattern (Thompson's construction). */
interface State {
  readonly mask: number;
  readonly next: State | null;
  readonly free: readonly State[];
  /** from here on every digit is as good as any other */
  readonly open: boolean;
}

const END: State = { mask: 0, next: null, free: [], open: true };

/** The states that read `node` and then go on to `then`. */
function compile(node: Node, then: State): State {
  switch (node.is) {
    case 'digits':
      return { mask: node.mask, next: then, free: [], open: node.mask === ANY && then.open };
    case 'all':
      return node.parts.reduceRight((after, part) => compile(part, after), then);
    case 'either': {
      const free = node.parts.map((part) => compile(part, then));
      return { mask: 0, next: null, free, open: free.some(({ open }) => open) };
    }
    case 'times': {
      let state = then;
      for (let i = node.most; i > node.least; i--) {
        const more = compile(node.part, state);
        state = { mask: 0, next: null, free: [more, then], open: more.open || then.open };
      }
      for (let i = 0; i < node.least; i++) state = compile(node.part, state);
      return state;
    }
  }
}

function reach(state: State, into: Set<State>): void {
  if (into.has(state)) return;
  into.add(state);
  for (const next of state.free) reach(next, into);
}

function after(states: ReadonlySet<State>, digit: number): Set<State> {
  const next = new Set<State>();
  for (const state of states) if ((state.mask & (1 << digit)) !== 0 && state.next !== null) reach(state.next, next);
  return next;
}

const isOpen = (states: ReadonlySet<State>): boolean => [...states].some(({ open, mask }) => open && mask !== 0);

/**
 * The prefixes, `depth` digits at the most, with which the numbers of a pattern begin: as short as says the same.
 * @throws RangeError when the pattern has something that plans do not use
 */
export function prefixesOf(pattern: string, depth: number): string[] {
  const start = new Set<State>();
  reach(compile(new Reader(pattern).whole(), END), start);
  const walk = (states: ReadonlySet<State>, prefix: string): string[] => {
    if (prefix.length === depth || isOpen(states)) return [prefix];
    const found: string[] = [];
    let whole = 0;
    for (let digit = 0; digit < 10; digit++) {
      const next = after(states, digit);
      if (next.size === 0) continue;
      const below = walk(next, prefix + String(digit));
      if (below.length === 1 && below[0]?.length === prefix.length + 1) whole++;
      found.push(...below);
    }
    if (found.length === 0) return [prefix];
    return whole === 10 ? [prefix] : found;
  };
  return walk(start, '');
}

/** Words listed at the most. */
const WORDS = 64;

/**
 * Every word that a short pattern stands for (`00|01[12]`), longest first; null where there are more than 64.
 * @throws RangeError as above
 */
export function wordsOf(pattern: string): string[] | null {
  const start = new Set<State>();
  reach(compile(new Reader(pattern).whole(), END), start);
  const words: string[] = [];
  const walk = (states: ReadonlySet<State>, word: string): boolean => {
    if (states.has(END)) words.push(word);
    if (words.length > WORDS) return false;
    for (let digit = 0; digit < 10; digit++) {
      const next = after(states, digit);
      if (next.size > 0 && !walk(next, word + String(digit))) return false;
    }
    return true;
  };
  if (!walk(start, '')) return null;
  return words.sort((a, b) => b.length - a.length || (a < b ? -1 : 1));
}
