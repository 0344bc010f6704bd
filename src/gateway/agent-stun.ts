import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { addressFromBytes } from '../address.ts';
import { PeerError } from '../errors.ts';
import type { Millis } from '../model.ts';
import { parsed, refused, type Parsed } from '../parsed.ts';

/** STUN (RFC 8489): a server tells under which address it sees us. Binding requests alone, without credentials. */
const BINDING_REQUEST = 0x0001;
const BINDING_SUCCESS = 0x0101;
const MAGIC = 0x2112a442;
const HEADER = 20;
const TRANSACTION = 12;
const XOR_MAPPED_ADDRESS = 0x0020;
const FAMILIES: Readonly<Record<number, 4 | 16>> = { 1: 4, 2: 16 };

/** A Binding request (section 5). @param id 12 random bytes */
export function bindingRequest(id: Uint8Array): Buffer {
  const bytes = Buffer.alloc(HEADER);
  bytes.writeUInt16BE(BINDING_REQUEST, 0);
  bytes.writeUInt32BE(MAGIC, 4);
  bytes.set(id, 8);
  return bytes;
}

/** The address in the answer to it (section 14.2). Refused: what is no such answer; whoever does not know `id` is not believed. */
export function mappedAddress(bytes: Buffer, id: Uint8Array): Parsed<string> {
  if (bytes.length < HEADER || bytes.readUInt16BE(0) !== BINDING_SUCCESS) return refused('no Binding response');
  if (bytes.readUInt32BE(4) !== MAGIC || !bytes.subarray(8, 8 + TRANSACTION).equals(id))
    return refused('the answer to something else', 4);
  if (HEADER + bytes.readUInt16BE(2) !== bytes.length) return refused('cut, or longer than it says', 2);
  for (let at = HEADER; at + 4 <= bytes.length;) {
    const type = bytes.readUInt16BE(at);
    const length = bytes.readUInt16BE(at + 2);
    const value = bytes.subarray(at + 4, at + 4 + length);
    if (value.length < length) return refused('an attribute that is cut', at);
    if (type === XOR_MAPPED_ADDRESS) return unmasked(value, bytes.subarray(4, HEADER), at);
    at += 4 + Math.ceil(length / 4) * 4;
  }
  return refused('no address in it');
}

/** @param mask magic cookie and transaction id */
function unmasked(value: Buffer, mask: Buffer, at: number): Parsed<string> {
  const length = FAMILIES[value[1] ?? 0];
  if (length === undefined || value.length !== 4 + length) return refused('an address of another length', at);
  return parsed(
    addressFromBytes(
      value.subarray(4).map((byte, i) => byte ^ (mask[i] ?? 0)),
      0,
      length,
    ),
  );
}

/** Pauses of section 6.2.1 with an RTO of 500 ms, shortened: a caller waits. */
const PAUSES: readonly Millis[] = [0, 500, 1_000];
const LAST: Millis = 1_500;

/**
 * Asks a STUN server under which address this machine is seen.
 * @throws PeerError `peer-timeout`, `peer-unreachable`
 */
export async function seenAddress(server: { readonly host: string; readonly port: number }): Promise<string> {
  const id = randomBytes(TRANSACTION);
  const { host, port } = server;
  const where = `${host}:${port}`;
  const socket = createSocket({ type: host.includes(':') ? 'udp6' : 'udp4' });
  const timers: NodeJS.Timeout[] = [];
  try {
    return await new Promise<string>((resolve, reject) => {
      const fail = (error: Error): void =>
        reject(new PeerError('peer-unreachable', `the STUN server ${where}: ${error.message}`, true));
      socket.on('error', fail);
      socket.on('message', (bytes) => {
        const read = mappedAddress(bytes, id);
        if (read.ok) resolve(read.value);
      });
      let at = 0;
      for (const pause of PAUSES) {
        at += pause;
        timers.push(
          setTimeout(() => {
            socket.send(bindingRequest(id), port, host, (error) => {
              if (error !== null) fail(error);
            });
          }, at),
        );
      }
      const late = new PeerError('peer-timeout', `the STUN server ${where} does not answer`, true);
      timers.push(setTimeout(() => reject(late), at + LAST));
    });
  } finally {
    for (const timer of timers) clearTimeout(timer);
    socket.close();
  }
}
