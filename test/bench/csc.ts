/**
 * What CSC costs beside TLS alone: `npm run bench -- csc` after `npm run build`.
 *
 * Claims, all of the gateway's process, on one core, in CPU time (a busy machine changes that little): it makes at least half as
 * many handshakes as bare TLS 1.3 with RSA-2048 client certificates does; a message in and out costs at most 15 % more than
 * over TLS alone with the same echo (which does not hold: docs/benchmarks.md); an idle session holds at most 60 KiB. Turns alternate; the median counts.
 * Positive control: the echo over TLS with a known amount of hashing in it, which must show.
 */
import { existsSync } from 'node:fs';
import { generateKeyPairSync } from 'node:crypto';
import { join } from 'node:path';
import type * as Issue from '../../src/crypto/issue.ts';
import type * as Pem from '../../src/crypto/x509/pem.ts';
import type * as PrivateKey from '../../src/crypto/private-key.ts';
import { Child, DIST } from './support/child.ts';
import type { Keys, Kind, Question, Usage } from './support/csc-peer.ts';
import { grouped, median, table } from './support/print.ts';

if (!existsSync(join(DIST, 'gateway/csc-server.js'))) {
  console.log(`csc: skipped, for there is no ${DIST}: npm run build makes it`);
  process.exit(0);
}
const { createAuthority, issueCertificate } = (await import(join(DIST, 'crypto/issue.js'))) as typeof Issue;
const { privateKeyFromPem } = (await import(join(DIST, 'crypto/private-key.js'))) as typeof PrivateKey;
const { pemText } = (await import(join(DIST, 'crypto/x509/pem.js'))) as typeof Pem;

const LONG = process.env['RINGFENCE_LONG'] === '1';
const TURNS = 5;
const HANDSHAKES = LONG ? 1_000 : 100;
const SESSIONS = 50;
const ROUNDS = LONG ? 400 : 40;
const IDLE = LONG ? 5_000 : 1_000;

function keys(): Keys {
  const made = () => {
    const pem = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs8', format: 'pem' });
    const read = privateKeyFromPem(pem.toString());
    if (!read.ok) throw new Error(read.reason);
    return { pem: pem.toString(), key: read.value };
  };
  const [ca, tls, gateway, client] = [made(), made(), made(), made()];
  const now = Date.now();
  const authority = createAuthority(ca.key, 'example.com', now);
  const issued = (use: 'gateway-tls' | 'account', spki: Uint8Array): string =>
    pemText('CERTIFICATE', issueCertificate(authority, { use, account: use === 'account' ? '1004' : '', domain: 'example.com', host: '127.0.0.1', spki, notBefore: now - 60_000, notAfter: now + 86_400_000 }).der); // prettier-ignore
  return {
    ca: pemText('CERTIFICATE', authority.certificate),
    tlsKey: tls.pem,
    tlsCertificate: issued('gateway-tls', tls.key.spki),
    gateway: gateway.pem,
    client: client.pem,
    clientCertificate: issued('account', client.key.spki),
  };
}

const ask = <T>(child: Child, question: Question): Promise<T> => child.ask<T>(question);
process.setMaxListeners(40); // each child's folder is removed at the end
const all = keys();

/** A gateway's process and one with its clients. */
async function pair(kind: Kind, busy = 0): Promise<{ server: Child; client: Child; port: number }> {
  const server = new Child(0, 'csc-peer');
  const client = new Child(1, 'csc-peer');
  const { port } = await ask<{ port: number }>(server, { ask: 'listen', kind, keys: all, busy });
  return { server, client, port };
}

const MESSAGE = [
  'INVITE sip:2000@example.com SIP/2.0',
  'Via: SIP/2.0/TLS 192.0.2.7:5061;branch=z9hG4bK776asdhds;rport',
  'Max-Forwards: 70',
  'To: <sip:2000@example.com>',
  'From: <sip:1004@example.com>;tag=1928301774',
  'Call-ID: a84b4c76e66710@192.0.2.7',
  'CSeq: 314159 INVITE',
  'Contact: <sip:1004@192.0.2.7:5061;transport=tls>',
  'Content-Type: application/sdp',
  'Content-Length: 240',
  '',
  'v=0\r\n'.padEnd(240, 'a=x\r\n'),
].join('\r\n');

async function measureHandshakes(): Promise<void> {
  const kinds = { 'TLS 1.3, client certificate': 'mutual', 'CSC/1 in TLS 1.3': 'csc' } as const;
  const pairs = await Promise.all(
    Object.entries(kinds).map(async ([name, kind]) => ({ name, kind, ...(await pair(kind)) })),
  );
  const costs = new Map<string, number[]>();
  const rates = new Map<string, number[]>();
  for (let turn = 0; turn <= TURNS; turn++)
    for (const { name, kind, server, client, port } of pairs) {
      await ask(server, { ask: 'usage' });
      const count = turn === 0 ? 50 : HANDSHAKES;
      const { ms } = await ask<{ ms: number }>(client, { ask: 'handshakes', kind, keys: all, port, count, atOnce: 8 });
      const { cpu } = await ask<Usage>(server, { ask: 'usage' });
      if (turn === 0) continue; // the compiler's
      costs.set(name, [...(costs.get(name) ?? []), cpu / count]);
      rates.set(name, [...(rates.get(name) ?? []), (1000 * count) / ms]);
    }
  const [tls = NaN, csc = NaN] = pairs.map(({ name }) => median(costs.get(name) ?? []));
  console.log(`\nhandshakes, median of ${TURNS} turns of ${HANDSHAKES}`);
  console.log(table([['', 'gateway CPU each', 'a second and core', 'with this client'], ...pairs.map(({ name }) => {
    const cost = median(costs.get(name) ?? []);
    return [name, `${Math.round(cost)} µs`, grouped(1e6 / cost), grouped(median(rates.get(name) ?? []))];
  })])); // prettier-ignore
  console.log(`CSC makes ${(tls / csc).toFixed(2)}x the handshakes of TLS (goal 0.5x)`);
  await Promise.all(pairs.flatMap(({ server, client }) => [server.end(), client.end()]));
}

async function measureMessages(): Promise<void> {
  const kinds = [['TLS alone', 'tls', 0], ['CSC/1 in TLS', 'csc', 0], ['control: TLS and 20 x SHA-256', 'tls', 20]] as const; // prettier-ignore
  const pairs = await Promise.all(
    kinds.map(async ([name, kind, busy]) => ({ name, kind, ...(await pair(kind, busy)) })),
  );
  for (const { kind, client, port } of pairs)
    await ask(client, { ask: 'sessions', kind, keys: all, port, count: SESSIONS });
  const costs = new Map<string, number[]>();
  for (let turn = 0; turn <= 2 * TURNS; turn++)
    for (const { name, server, client } of pairs) {
      await ask(server, { ask: 'usage' });
      await ask(client, { ask: 'messages', rounds: ROUNDS, message: MESSAGE });
      const { cpu } = await ask<Usage>(server, { ask: 'usage' });
      if (turn > 1) costs.set(name, [...(costs.get(name) ?? []), cpu / (ROUNDS * SESSIONS)]);
    }
  const cost = (name: string): number => median(costs.get(name) ?? []);
  console.log(`\na message of ${MESSAGE.length} bytes in and out, ${SESSIONS} sessions, one at a time on each, median of ${2 * TURNS - 1} turns of ${ROUNDS * SESSIONS}`); // prettier-ignore
  console.log(table([['', 'gateway CPU', 'to TLS alone'], ...kinds.map(([name]) => [name, `${cost(name).toFixed(1)} µs`, `${((cost(name) / cost('TLS alone') - 1) * 100).toFixed(0)} %`])])); // prettier-ignore
  await Promise.all(pairs.flatMap(({ server, client }) => [server.end(), client.end()]));
}

async function measureMemory(): Promise<void> {
  const rows: string[][] = [['', 'resident, each', 'heap and buffers, each']];
  for (const [name, kind] of [
    ['TLS alone', 'tls'],
    ['CSC/1 in TLS', 'csc'],
  ] as const) {
    // prettier-ignore
    const { server, client, port } = await pair(kind);
    await ask(client, { ask: 'sessions', kind, keys: all, port, count: 100 });
    const before = await ask<Usage>(server, { ask: 'usage' });
    await ask(client, { ask: 'sessions', kind, keys: all, port, count: 100 + IDLE });
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    await ask(server, { ask: 'usage' });
    const after = await ask<Usage>(server, { ask: 'usage' });
    const each = (bytes: number): string => `${(bytes / IDLE / 1024).toFixed(1)} KiB`;
    rows.push([name, each(after.rss - before.rss), each(after.heap - before.heap)]);
    await Promise.all([server.end(), client.end()]);
  }
  console.log(`\nidle sessions, ${IDLE} of them`);
  console.log(table(rows));
}

await measureHandshakes();
await measureMessages();
await measureMemory();
