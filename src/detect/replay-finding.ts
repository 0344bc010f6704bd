import type { Fact, Millis, Severity, SourceProof } from '../model.ts';

/** A thing that was shown twice, as the detector `replay` tells it. */
export interface ReplayFinding {
  /** findings of one story differ in nothing else */
  readonly story: string;
  readonly at: Millis;
  readonly severity: Severity;
  /** whose it was, null: not known */
  readonly account: string | null;
  /** in whose name it came the second time, where that is somebody else */
  readonly other: string | null;
  /** where it came from now, and where it had come from before */
  readonly source: string;
  readonly firstSource: string;
  readonly proof: SourceProof;
  /** Call-IDs, the new one first */
  readonly callIds: readonly string[];
  readonly summary: string;
  readonly facts: Readonly<Record<string, Fact>>;
}
