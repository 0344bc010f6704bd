import type { Event, Millis, SourceProof, Subject } from '../model.ts';

/** What all feeds together tell of one call. Plain. */
export interface CallState {
  /** ringfence's key of the call, by which stories are joined */
  readonly call: string;
  readonly dialled: string;
  readonly started: Millis;
  answered: Millis | null;
  ended: Millis | null;
  /** uniqueid where known, else Call-ID */
  id: string;
  /** '' while unknown */
  source: string;
  proof: SourceProof;
}

/** One call. `T` is what its detector thought of it when it began. */
export interface Placed<T> extends CallState {
  who: string;
  tag: T;
}

/**
 * States of calls, each made once for all detectors that begin to hold the call with the same event. They take each event in
 * one after the other, which is the same as once: nothing that an event adds counts.
 */
export class CallStates {
  #event: Event | null = null;
  #key = '';
  #state: CallState | null = null;
  #named: Named | null = null;

  /** One for all tables that hear of a new caller with the same event. */
  named(subject: Subject): Named {
    const { type, value } = subject;
    if (this.#named?.subject.value !== value || this.#named.subject.type !== type)
      this.#named = { key: `${type}:${value}`, subject };
    return this.#named;
  }

  /** The state that another detector has made with this event, or a new one. */
  open(event: Event, key: string, call: string, dialled: string, started: Millis): CallState {
    if (this.#state === null || event !== this.#event || key !== this.#key) {
      this.#state = { call, dialled, started, answered: null, ended: null, id: call, source: '', proof: 'none' };
      this.#event = event;
      this.#key = key;
    }
    return this.#state;
  }
}

/** Who places calls, and the text by which tables know him. */
export interface Named {
  readonly key: string;
  readonly subject: Subject;
}

/** A call as one detector holds it: its own opinion, and the state that it shares. */
export class HeldCall<T> implements Placed<T> {
  readonly #state: CallState;
  who = '';
  tag: T;

  constructor(state: CallState, tag: T) {
    this.#state = state;
    this.tag = tag;
  }

  get call(): string {
    return this.#state.call;
  }
  get dialled(): string {
    return this.#state.dialled;
  }
  get started(): Millis {
    return this.#state.started;
  }
  get answered(): Millis | null {
    return this.#state.answered;
  }
  set answered(at: Millis | null) {
    this.#state.answered = at;
  }
  get ended(): Millis | null {
    return this.#state.ended;
  }
  set ended(at: Millis | null) {
    this.#state.ended = at;
  }
  get id(): string {
    return this.#state.id;
  }
  set id(id: string) {
    this.#state.id = id;
  }
  get source(): string {
    return this.#state.source;
  }
  set source(source: string) {
    this.#state.source = source;
  }
  get proof(): SourceProof {
    return this.#state.proof;
  }
  set proof(proof: SourceProof) {
    this.#state.proof = proof;
  }

  /** A copy that stands for itself. */
  plain(): Placed<T> {
    return { ...this.#state, who: this.who, tag: this.tag };
  }

  static from<T>({ who, tag, ...state }: Placed<T>): HeldCall<T> {
    const held = new HeldCall(state, tag);
    held.who = who;
    return held;
  }
}
