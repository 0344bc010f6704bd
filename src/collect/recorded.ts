import type { CallRecord, Millis, Transport } from '../model.ts';
import type { AmiMessage } from '../wire/ami.ts';

/** Where a packet went from and to; addresses are canonical text. */
export interface RecordedPath {
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  readonly destinationPort: number;
  readonly transport: Transport;
}

/** One thing out of a recording. `at` is the recording's own time; that of a refusal is the time reached in its file. */
export type Recorded =
  | { readonly kind: 'sip'; readonly at: Millis; readonly path: RecordedPath; readonly payload: Buffer }
  | { readonly kind: 'cdr'; readonly at: Millis; readonly record: CallRecord }
  | { readonly kind: 'ami'; readonly at: Millis; readonly message: AmiMessage }
  | {
      readonly kind: 'refused';
      readonly at: Millis;
      readonly reason: string;
      readonly file: string;
      readonly offset: number;
    };

/** Reads one file, pushed in chunks that are never written to again. */
export interface RecordingReader {
  push(chunk: Buffer): Recorded[];
  end(): Recorded[];
  /** something of the kind of this recording has been found in it */
  readonly isSound: boolean;
}
