import type { Packet } from './sip-builder.ts';
import { CaptureReader } from '../../src/wire/capture.ts';
import { readData } from './data.ts';

/** UDP datagrams on port 5060 of a capture of the data, in the order of the file or of their times. */
export function capturedSip(path: string, order: 'file' | 'time' = 'file'): Packet[] {
  const reader = new CaptureReader();
  const read = [...reader.push(readData(path)), ...reader.end()];
  const packets = read.flatMap((c): Packet[] => {
    if (c.kind !== 'datagram' || (c.sourcePort !== 5060 && c.destinationPort !== 5060)) return [];
    const { source, sourcePort, destination, destinationPort, payload, at } = c;
    return [{ path: { source, sourcePort, destination, destinationPort, transport: 'udp' }, payload, at }];
  });
  return order === 'file' ? packets : packets.sort((a, b) => a.at - b.at);
}
