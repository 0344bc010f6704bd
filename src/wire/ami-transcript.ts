import type { Millis } from '../model.ts';
import { amiEventTime, parseInstant } from './ami-fields.ts';
import type { AmiMessage } from './ami-message.ts';
import { AmiFramer, type AmiFramerOptions } from './ami-framer.ts';

/** `offset` counts bytes from the start of the recording. */
export type AmiRecorded =
  | { readonly kind: 'message'; readonly at: Millis; readonly message: AmiMessage; readonly offset: number }
  | { readonly kind: 'refused'; readonly reason: string; readonly offset: number };

/** Messages before the first known time that are kept until it is known. */
const HELD_LIMIT = 1_000;

/**
 * Reads an AMI recording (`.ami`): the bytes that Asterisk sent, as they were received (`socat`, a packet capture's stream,
 * a logging client), from one session or several one after another. Lines end in CRLF or LF.
 *
 * A message's time is, in this order:
 *  1. its own `Timestamp: 1795285804.889513` (manager.conf `timestampevents = yes`, which a recording should have),
 *  2. its own `EventTV` (security events carry it always),
 *  3. the recording's clock: the latest time of 1, 2 or of a line `# at 2026-11-21T18:30:04.889Z` before it. Such lines,
 *     which the recorder puts between messages, give the times of arrival; other lines with `#` there are comments.
 * Messages before the first known time get that time; if none ever comes they are refused, for they cannot be placed.
 */
export class AmiTranscriptReader {
  readonly #framer: AmiFramer;
  #clock: Millis | null = null;
  #held: { readonly message: AmiMessage; readonly offset: number }[] = [];

  constructor(options: AmiFramerOptions = {}) {
    this.#framer = new AmiFramer({ ...options, transcript: true });
  }

  push(chunk: Buffer): AmiRecorded[] {
    return this.#timed(this.#framer.push(chunk));
  }

  /** The last message may lack its empty line. */
  end(): AmiRecorded[] {
    const recorded = this.#timed(this.#framer.end());
    for (const { offset } of this.#held)
      recorded.push({ kind: 'refused', reason: 'no time: record it with timestampevents = yes', offset });
    this.#held = [];
    return recorded;
  }

  #timed(items: ReturnType<AmiFramer['push']>): AmiRecorded[] {
    const recorded: AmiRecorded[] = [];
    for (const item of items) {
      if (item.kind === 'refused') recorded.push(item);
      else if (item.kind === 'comment') {
        const stamp = item.text.startsWith('at ') ? parseInstant(item.text.slice(3).trim()) : null;
        if (stamp !== null) this.#tick(stamp, recorded);
        else if (item.text.startsWith('at '))
          recorded.push({
            kind: 'refused',
            reason: 'not a time: write "# at 2026-11-21T18:30:04.889Z"',
            offset: item.offset,
          });
      } else if (item.kind === 'message') this.#message(item.message, item.offset, recorded);
    }
    return recorded;
  }

  #message(message: AmiMessage, offset: number, recorded: AmiRecorded[]): void {
    const own = amiEventTime(message);
    if (own !== null) this.#tick(own, recorded);
    const at = own ?? this.#clock;
    if (at !== null) recorded.push({ kind: 'message', at, message, offset });
    else if (this.#held.length < HELD_LIMIT) this.#held.push({ message, offset });
    else recorded.push({ kind: 'refused', reason: 'no time: record it with timestampevents = yes', offset });
  }

  #tick(at: Millis, recorded: AmiRecorded[]): void {
    this.#clock = Math.max(at, this.#clock ?? at);
    for (const held of this.#held) recorded.push({ kind: 'message', at, ...held });
    this.#held = [];
  }
}

/** A whole recording at once: for tests and small files; see AmiTranscriptReader for the format. */
export function readAmiTranscript(bytes: Buffer): AmiRecorded[] {
  const reader = new AmiTranscriptReader();
  return [...reader.push(bytes), ...reader.end()];
}
