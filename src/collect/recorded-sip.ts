import type { Millis } from '../model.ts';
import { BoundedMap } from '../windows.ts';
import { CaptureReader } from '../wire/capture.ts';
import type { Captured, Datagram } from '../wire/capture.ts';
import { decodeHep } from '../wire/hep.ts';
import type { HepPacket } from '../wire/hep.ts';
import { HepFramer } from '../wire/hep-stream.ts';
import { SipFramer } from '../wire/sip-stream.ts';
import type { StreamBytes } from '../wire/tcp.ts';
import type { Recorded, RecordingReader } from './recorded.ts';

/** HEP payload type of SIP; what else agents send (RTCP reports, logs) is not judged. */
const SIP = 1;
const SIP_PORT = 5060;
/** Streams with half a message in hand; each may hold 128 KiB. */
const STREAMS = 1_024;

/** Does it begin like SIP: a status line, or a method and a URI? CRLFs before it are keep-alives (RFC 5626 section 3.5.1). */
export function looksLikeSip(bytes: Buffer): boolean {
  let at = 0;
  while (at < bytes.length && at < 8 && (bytes[at] === 13 || bytes[at] === 10)) at++;
  return /^(?:SIP\/2\.0 \d|[A-Z]{2,20} (?:sips?|tel):)/i.test(bytes.toString('latin1', at, at + 32));
}

const isHep3 = (bytes: Buffer): boolean => bytes.length >= 4 && bytes.readUInt32BE(0) === 0x48455033;

const pathOf = (packet: HepPacket): Extract<Recorded, { kind: 'sip' }>['path'] => ({
  source: packet.source,
  sourcePort: packet.sourcePort,
  destination: packet.destination,
  destinationPort: packet.destinationPort,
  transport: packet.transport,
});

/** SIP out of a packet capture: over UDP and TCP, and mirrored as HEP over either. Times are those of the capture. */
export class CaptureRecording implements RecordingReader {
  isSound = false;
  readonly #file: string;
  readonly #reader = new CaptureReader();
  readonly #streams = new BoundedMap<SipFramer | HepFramer>(STREAMS);
  #at: Millis = 0;

  constructor(file: string) {
    this.#file = file;
  }

  push(chunk: Buffer): Recorded[] {
    return this.#recorded(this.#reader.push(chunk));
  }

  end(): Recorded[] {
    // a capture of anything else is a capture still
    if (this.#reader.frames > 0) this.isSound = true;
    return this.#recorded(this.#reader.end());
  }

  #recorded(captured: readonly Captured[]): Recorded[] {
    const out: Recorded[] = [];
    for (const one of captured) {
      if (one.kind === 'refused') {
        out.push({ kind: 'refused', at: this.#at, reason: one.reason, file: this.#file, offset: one.offset });
        continue;
      }
      this.isSound = true;
      this.#at = one.at;
      if (one.kind === 'datagram') this.#datagram(one, out);
      else this.#stream(one, out);
    }
    return out;
  }

  #datagram(datagram: Datagram, out: Recorded[]): void {
    const { at, payload } = datagram;
    if (looksLikeSip(payload)) this.#sip(datagram, 'udp', payload, out);
    else if (isHep3(payload) || payload[0] === 1 || payload[0] === 2) {
      const decoded = decodeHep(payload);
      // versions 1 and 2 are told from other traffic only by what they carry
      const isHep =
        decoded.ok &&
        decoded.value.payloadType === SIP &&
        (decoded.value.version === 3 || looksLikeSip(decoded.value.payload));
      if (isHep) out.push({ kind: 'sip', at, path: pathOf(decoded.value), payload: decoded.value.payload });
      else if (!decoded.ok && isHep3(payload)) this.#refuse(`HEP: ${decoded.reason}`, out);
    } else if (datagram.sourcePort === SIP_PORT || datagram.destinationPort === SIP_PORT) {
      this.#sip(datagram, 'udp', payload, out); // whatever it is, it was sent to a SIP port: the judge shall see it
    }
  }

  #stream(bytes: StreamBytes, out: Recorded[]): void {
    const key = String(bytes.stream);
    let framer = this.#streams.get(key);
    if (framer === undefined) {
      if (isHep3(bytes.payload)) framer = new HepFramer();
      else if (bytes.sourcePort === SIP_PORT || bytes.destinationPort === SIP_PORT || looksLikeSip(bytes.payload))
        framer = new SipFramer();
      else return;
      this.#streams.set(key, framer);
    }
    if (framer instanceof SipFramer) {
      for (const message of framer.push(bytes.payload, bytes.gap)) {
        if (message.ok) this.#sip(bytes, 'tcp', message.value, out);
        else this.#refuse(message.reason, out);
      }
    } else if (!bytes.gap) {
      for (const packet of framer.push(bytes.payload)) {
        if (!packet.ok) this.#refuse(`HEP: ${packet.reason}`, out);
        else if (packet.value.payloadType === SIP)
          out.push({ kind: 'sip', at: bytes.at, path: pathOf(packet.value), payload: packet.value.payload });
      }
    } else this.#streams.delete(key); // HEP cannot be framed again after a hole, but where a packet begins a chunk
    if (bytes.end) this.#streams.delete(key);
  }

  #sip(from: Datagram | StreamBytes, transport: 'udp' | 'tcp', payload: Buffer, out: Recorded[]): void {
    const { at, source, sourcePort, destination, destinationPort } = from;
    out.push({ kind: 'sip', at, path: { source, sourcePort, destination, destinationPort, transport }, payload });
  }

  #refuse(reason: string, out: Recorded[]): void {
    out.push({ kind: 'refused', at: this.#at, reason, file: this.#file, offset: 0 });
  }
}

/** SIP out of concatenated HEPv3 packets. Times are those of the capture agents. */
export class HepRecording implements RecordingReader {
  isSound = false;
  readonly #file: string;
  readonly #framer = new HepFramer();
  #at: Millis = 0;

  constructor(file: string) {
    this.#file = file;
  }

  push(chunk: Buffer): Recorded[] {
    return this.#recorded(this.#framer.push(chunk));
  }

  end(): Recorded[] {
    return this.#recorded(this.#framer.end());
  }

  #recorded(packets: ReturnType<HepFramer['push']>): Recorded[] {
    const out: Recorded[] = [];
    for (const packet of packets) {
      if (!packet.ok) {
        out.push({
          kind: 'refused',
          at: this.#at,
          reason: `HEP: ${packet.reason}`,
          file: this.#file,
          offset: packet.offset,
        });
        continue;
      }
      this.isSound = true;
      this.#at = packet.value.seenAt ?? this.#at;
      if (packet.value.payloadType === SIP)
        out.push({ kind: 'sip', at: this.#at, path: pathOf(packet.value), payload: packet.value.payload });
    }
    return out;
  }
}

/** One HEP datagram of version 1 or 2, as a file: it cannot be concatenated, for it does not say how long it is. */
export class HepDatagram implements RecordingReader {
  isSound = false;
  readonly #file: string;
  #bytes: Buffer = Buffer.alloc(0);

  constructor(file: string) {
    this.#file = file;
  }

  push(chunk: Buffer): Recorded[] {
    if (this.#bytes.length <= 65_535) this.#bytes = Buffer.concat([this.#bytes, chunk]);
    return [];
  }

  end(): Recorded[] {
    const packet = decodeHep(this.#bytes);
    const refuse = (reason: string): Recorded[] => [{ kind: 'refused', at: 0, reason, file: this.#file, offset: 0 }];
    if (!packet.ok) return refuse(`HEP: ${packet.reason}`);
    this.isSound = true;
    if (packet.value.seenAt === null) return refuse('HEP: version 1 carries no time');
    if (packet.value.payloadType !== SIP) return [];
    return [{ kind: 'sip', at: packet.value.seenAt, path: pathOf(packet.value), payload: packet.value.payload }];
  }
}
