import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { setImmediate as breathe } from 'node:timers/promises';
import { InputError, messageOf } from '../errors.ts';
import type { Millis } from '../model.ts';
import { AmiTranscriptReader } from '../wire/ami.ts';
import type { AmiRecorded } from '../wire/ami.ts';
import { isCapture } from '../wire/capture.ts';
import { CdrReader } from '../wire/cdr.ts';
import type { CdrItem } from '../wire/cdr.ts';
import { decodeHep } from '../wire/hep.ts';
import type { CdrTimes } from './cdr-tail.ts';
import { CaptureRecording, HepDatagram, HepRecording, looksLikeSip } from './recorded-sip.ts';
import type { Recorded, RecordingReader } from './recorded.ts';

export type { Recorded, RecordedPath } from './recorded.ts';

const CHUNK = 1024 * 1024;
/** What a file is shows in its beginning. */
const START = 65_536;

/**
 * Reads recordings, merged by their own time: packet captures (.pcap, .pcapng: SIP over UDP and TCP, or HEP), .hep
 * (concatenated HEPv3), Master.csv and AMI transcripts (.ami). What a file is, its content tells, its name only where
 * the content does not. `times` is about call records. Files of any length take bounded memory.
 * @throws InputError naming the file and what to do: before the first item when one is missing, unreadable or of an
 * unknown kind; at its end when nothing in it could be read
 */
export async function* readRecordings(files: readonly string[], times: CdrTimes): AsyncGenerator<Recorded, void, void> {
  const sources: Source[] = [];
  try {
    for (const file of files) sources.push(new Source(file, times));
    for (const source of sources) source.fill();
    for (let count = 0; ; count++) {
      // few files at a time: looking at all of them costs less than keeping them sorted
      let first: Source | null = null;
      for (const source of sources) {
        if (source.at < (first?.at ?? Infinity)) first = source;
      }
      if (first?.head === undefined) return;
      yield first.head;
      first.next();
      if (count % 10_000 === 9_999) await breathe(); // signals and timers want to be heard
    }
  } finally {
    for (const source of sources) source.close();
  }
}

/** One file and the items of it that are next. */
class Source {
  head: Recorded | undefined;
  readonly #file: string;
  readonly #fd: number;
  readonly #reader: RecordingReader;
  readonly #chunkBytes: number;
  #items: readonly Recorded[] = [];
  #index = 0;
  #ended = false;
  #refused: Extract<Recorded, { kind: 'refused' }> | null = null;

  constructor(file: string, times: CdrTimes) {
    this.#file = file;
    this.#fd = open(file);
    // items are views of their chunk, so that a small file must not hold a large one
    this.#chunkBytes = Math.min(CHUNK, Math.max(4_096, fstatSync(this.#fd).size));
    try {
      this.#reader = readerFor(file, startOf(this.#fd), times);
    } catch (error) {
      closeSync(this.#fd);
      throw error;
    }
  }

  /** time of the next item; Infinity: there is none */
  get at(): Millis {
    return this.head?.at ?? Infinity;
  }

  next(): void {
    this.head = this.#items[++this.#index];
    if (this.head === undefined) this.fill();
  }

  /** Reads until there is a next item or the file has ended. */
  fill(): void {
    while (this.head === undefined && !this.#ended) {
      const chunk = Buffer.allocUnsafeSlow(this.#chunkBytes);
      const count = this.#read(chunk);
      const isEnd = count === 0;
      this.#ended = isEnd;
      this.#items = isEnd ? this.#reader.end() : this.#reader.push(chunk.subarray(0, count));
      this.#index = 0;
      this.head = this.#items[0];
      this.#refused ??= this.#items.find((item) => item.kind === 'refused') ?? null;
      if (isEnd && !this.#reader.isSound && this.#refused !== null) {
        const { reason, offset } = this.#refused;
        throw new InputError(
          'input-malformed',
          `${this.#file}: nothing in it could be read: ${reason} (byte ${offset}); name a .pcap, .pcapng, .hep, Master.csv or .ami file`,
        );
      }
    }
  }

  #read(chunk: Buffer): number {
    try {
      return readSync(this.#fd, chunk, 0, chunk.length, null);
    } catch (error) {
      throw unreadable(this.#file, error);
    }
  }

  close(): void {
    closeSync(this.#fd);
  }
}

function unreadable(file: string, error: unknown): InputError {
  const code = error instanceof Error && 'code' in error ? error.code : '';
  if (code === 'ENOENT') return new InputError('input-missing', `${file} does not exist: check the path`);
  const hint = code === 'EACCES' ? ': run as a user who may read it' : '';
  return new InputError('input-unreadable', `${file} cannot be read (${messageOf(error)})${hint}`, { cause: error });
}

function open(file: string): number {
  let fd: number;
  try {
    fd = openSync(file, 'r');
  } catch (error) {
    throw unreadable(file, error);
  }
  if (!fstatSync(fd).isDirectory()) return fd;
  closeSync(fd);
  throw new InputError('input-unreadable', `${file} is a folder: name the recordings in it`);
}

function startOf(fd: number): Buffer {
  try {
    const bytes = Buffer.alloc(START);
    return bytes.subarray(0, readSync(fd, bytes, 0, START, 0));
  } catch {
    return Buffer.alloc(0); // a pipe: its name tells what it is
  }
}

const COMPRESSED = [0x1f8b, 0x425a, 0xfd37, 0x28b5];

function readerFor(file: string, start: Buffer, times: CdrTimes): RecordingReader {
  if (isCapture(start)) return new CaptureRecording(file);
  if (start.length >= 4 && start.toString('latin1', 0, 4) === 'HEP3') return new HepRecording(file);
  if (start.length >= 2 && COMPRESSED.includes(start.readUInt16BE(0))) {
    throw new InputError('input-malformed', `${file} is compressed: unpack it first (gunzip, unxz, unzstd)`);
  }
  const hep = start[0] === 1 || start[0] === 2 ? decodeHep(start) : null;
  if (hep?.ok === true && looksLikeSip(hep.value.payload)) return new HepDatagram(file);
  if (
    /^(?:Asterisk Call Manager\/|(?:#[^\n]*\n|\s)*(?:Event|Response|Message|Privilege):\s)/.test(
      start.toString('latin1', 0, 4096),
    )
  ) {
    return new AmiRecording(file);
  }
  if (new CdrReader(times).push(start).some((item) => item.ok)) return new CdrRecording(file, times);
  switch (/\.([a-z]+)$/i.exec(file)?.[1]?.toLowerCase()) {
    case 'pcap':
    case 'pcapng':
    case 'cap':
      return new CaptureRecording(file);
    case 'hep':
      return new HepRecording(file);
    case 'csv':
      return new CdrRecording(file, times);
    case 'ami':
      return new AmiRecording(file);
    default:
      throw new InputError(
        'input-malformed',
        `${file} is no recording that is known: name a .pcap, .pcapng, .hep, Master.csv or .ami file`,
      );
  }
}

class CdrRecording implements RecordingReader {
  isSound = false;
  readonly #file: string;
  readonly #reader: CdrReader;
  #at: Millis = 0;

  constructor(file: string, times: CdrTimes) {
    this.#file = file;
    this.#reader = new CdrReader(times);
  }

  push(chunk: Buffer): Recorded[] {
    return this.#recorded(this.#reader.push(chunk));
  }

  end(): Recorded[] {
    return this.#recorded(this.#reader.end());
  }

  #recorded(items: readonly CdrItem[]): Recorded[] {
    return items.map((item): Recorded => {
      if (!item.ok)
        return { kind: 'refused', at: this.#at, reason: item.reason, file: this.#file, offset: item.offset };
      this.isSound = true;
      this.#at = item.record.end;
      return { kind: 'cdr', at: this.#at, record: item.record };
    });
  }
}

class AmiRecording implements RecordingReader {
  isSound = false;
  readonly #file: string;
  readonly #reader = new AmiTranscriptReader();
  #at: Millis = 0;

  constructor(file: string) {
    this.#file = file;
  }

  push(chunk: Buffer): Recorded[] {
    return this.#recorded(this.#reader.push(chunk));
  }

  end(): Recorded[] {
    return this.#recorded(this.#reader.end());
  }

  #recorded(items: readonly AmiRecorded[]): Recorded[] {
    return items.map((item): Recorded => {
      if (item.kind === 'refused')
        return { kind: 'refused', at: this.#at, reason: item.reason, file: this.#file, offset: item.offset };
      this.isSound = true;
      this.#at = item.at;
      return { kind: 'ami', at: item.at, message: item.message };
    });
  }
}
