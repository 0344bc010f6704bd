import { RingfenceError } from '../errors.ts';
import { recordOf } from './record.ts';
import type { AuditRecord, Tell } from './services.ts';
import type { Program } from './template.ts';
import { refuse, type Alert, type Arrival, type Message, type Outcome, type Passage, type Refusal } from './tool.ts';

/**
 * The interpretation engine: runs a template over a message. The first step that fails stops it. Outside there is one refusal;
 * why stands in the audit record. What the steps want remembered is committed in one transaction after the last has agreed
 * and before the message is handed on, so that what was accepted is known after any crash, and what was refused is not remembered (else a
 * forger's copy that came first would lock out the true one).
 */

/** What is told outside of every refusal, whatever the reason. */
export const REFUSED = 'refused';

export interface Result {
  readonly verdict: 'accept' | 'refuse' | 'challenge';
  /** '' for an accepted message, else the same code whatever the reason */
  readonly code: '' | typeof REFUSED;
  /** the message as it is to go on; empty unless accepted */
  readonly bytes: Buffer;
  /**
   * The transport repeats itself (RFC 3261 section 17). Whoever hands messages on answers it as the first was answered: Asterisk 22 takes a
   * repetition that comes after the ACK for a new call, with the SRTP key of the old one
   */
  readonly retransmission: boolean;
  /** a signed receipt to be sent back (DER); null: none */
  readonly receipt: Uint8Array | null;
  /** for the audit trail alone */
  readonly record: AuditRecord;
}

export interface EngineOptions {
  /** runs what is to be remembered: all of it, on disk, or nothing */
  readonly transaction: <T>(work: () => T) => T;
  /** every message that was judged */
  readonly record?: (record: AuditRecord) => void;
  /** what people should hear of */
  readonly tell?: Tell;
}

export class Engine {
  readonly #options: EngineOptions;

  constructor(options: EngineOptions) {
    this.#options = options;
  }

  /**
   * Judges one message. Rejects only for a bug: whatever a message holds, and a store or kernel that is away, is a refusal.
   * The time that a refusal takes tells which step refused; who answers strangers waits until a fixed time after receipt.
   */
  async run(program: Program, message: Message, arrival: Arrival): Promise<Result> {
    const { template } = program;
    const passage: Passage = {
      template: template.name,
      direction: template.direction,
      arrival,
      message,
      original: message.bytes,
      opened: [],
      signer: null,
      recipients: [],
      identity: null,
      headersBound: false,
      evidence: null,
      receipt: null,
      retransmission: false,
      commits: [],
      notes: {},
      alerts: [],
    };
    let tool = '';
    let refusal: Refusal | null = null;
    for (const step of program.steps) {
      const outcome = guarded(step.run, passage);
      refusal = isPending(outcome) ? await outcome : outcome;
      if (refusal === null) continue;
      tool = step.tool;
      break;
    }
    if (refusal === null && passage.commits.length > 0) [refusal, tool] = this.#commit(passage);
    return this.#told(passage, refusal, tool);
  }

  #commit(passage: Passage): [Refusal | null, string] {
    try {
      this.#options.transaction(() => {
        for (const commit of passage.commits) {
          const refusal = commit();
          if (refusal !== null) throw new Undone(refusal);
        }
      });
      return [null, ''];
    } catch (error) {
      if (error instanceof Undone) return [error.refusal, 'anti-replay'];
      return [unavailable(error), 'store'];
    }
  }

  #told(passage: Passage, refusal: Refusal | null, tool: string): Result {
    const record = recordOf(passage, refusal, tool);
    const alerts: readonly Alert[] = refusal === null ? passage.alerts : refusal.alert ? [refusal.alert] : [];
    for (const alert of alerts) this.#options.tell?.(alert, record);
    this.#options.record?.(record);
    if (refusal !== null)
      return {
        verdict: record.verdict,
        code: REFUSED,
        bytes: Buffer.alloc(0),
        retransmission: false,
        receipt: null,
        record,
      };
    const { retransmission, receipt } = passage;
    return { verdict: 'accept', code: '', bytes: passage.message.bytes, retransmission, receipt, record };
  }
}

/** Leaves a transaction with nothing of it kept. */
class Undone extends Error {
  readonly refusal: Refusal;
  constructor(refusal: Refusal) {
    super(refusal.detail);
    this.refusal = refusal;
  }
}

const isPending = (outcome: Outcome | Promise<Outcome>): outcome is Promise<Outcome> => outcome instanceof Promise;

/** Fails closed where a neighbour is away; a bug stays one. */
function guarded(run: (passage: Passage) => Outcome | Promise<Outcome>, passage: Passage): Outcome | Promise<Outcome> {
  try {
    const outcome = run(passage);
    return isPending(outcome) ? outcome.catch(unavailable) : outcome;
  } catch (error) {
    return unavailable(error);
  }
}

function unavailable(error: unknown): Refusal {
  if (!(error instanceof RingfenceError)) throw error;
  return refuse('unavailable', `${error.code}: ${error.message}`);
}
