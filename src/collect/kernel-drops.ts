import { readFile } from 'node:fs/promises';
import { endianness } from 'node:os';
import { addressToBytes } from '../address.ts';

/** An address as /proc/net/udp prints it: hexadecimal 32-bit words in the machine's own order. */
function procAddress(address: string, port: number, words: 1 | 4): string | null {
  const bytes = addressToBytes(address);
  if (bytes?.length !== words * 4) return null;
  const view = Buffer.from(bytes);
  if (endianness() === 'LE') view.swap32();
  return `${view.toString('hex')}:${port.toString(16).padStart(4, '0')}`.toUpperCase();
}

/** Sum of the `drops` column (proc(5), net/ipv4/udp.c udp4_format_sock) over the sockets bound to `local`. null: none is. */
export function dropsIn(table: string, address: string, port: number): number | null {
  const local = procAddress(address, port, address.includes(':') ? 4 : 1);
  if (local === null) return null;
  let drops: number | null = null;
  for (let at = table.indexOf(local); at >= 0; at = table.indexOf(local, at + 1)) {
    const lineStart = table.lastIndexOf('\n', at) + 1;
    const lineEnd = table.indexOf('\n', at);
    const fields = table
      .slice(lineStart, lineEnd < 0 ? undefined : lineEnd)
      .trim()
      .split(/\s+/);
    const count = Number(fields[12]);
    if (fields[1] === local && Number.isInteger(count)) drops = (drops ?? 0) + count;
  }
  return drops;
}

/**
 * Datagrams that the kernel has dropped for want of room on the UDP socket bound to this address and port, since it was
 * opened. null where the kernel does not say (not Linux, or /proc is hidden).
 */
export async function kernelDrops(address: string, port: number): Promise<number | null> {
  try {
    return dropsIn(await readFile(address.includes(':') ? '/proc/net/udp6' : '/proc/net/udp', 'latin1'), address, port);
  } catch {
    return null;
  }
}
