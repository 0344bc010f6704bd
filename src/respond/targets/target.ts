import type { PeerError } from '../../errors.ts';
import type { Millis } from '../../model.ts';

/** A row as it should stand at a target; null: it should not be there. */
export interface RowChange {
  readonly key: string;
  readonly value: string | null;
}

/** What the target itself says it holds after the change, or why the change failed. */
export type RowOutcome =
  { readonly ok: true; readonly standing: string | null } | { readonly ok: false; readonly error: PeerError };

/**
 * A neighbour that holds rows. Every method may throw a PeerError: the whole target is then away or refuses.
 */
export interface Target {
  readonly name: string;
  /** is there any sense in trying now? */
  readonly isUp: boolean;
  /** reached through the manager session: a login is its new life */
  readonly overAmi?: boolean;
  /** The rows that stand, all of them; where that is not to be had (`expected` is too many), those of the expected keys. */
  read(expected: ReadonlyMap<string, string>, now: Millis): Promise<ReadonlyMap<string, string>>;
  /** Makes the changes and reads each back. No key comes twice. */
  apply(changes: readonly RowChange[], now: Millis): Promise<ReadonlyMap<string, RowOutcome>>;
  /** `restarted`: what it held in memory is gone; `changed`: read it now. Asked about once a second. */
  pulse?(): Promise<'same' | 'restarted' | 'changed'>;
  close?(): void;
}

/** What is left of a row's life, in seconds, from a value that is its end in epoch seconds; at least one. */
export const lifeOf = (value: string, now: Millis): number => Math.max(1, Math.ceil(Number(value) - now / 1000));
