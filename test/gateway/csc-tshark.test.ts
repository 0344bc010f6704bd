/** What an observer of the network sees, with the keys of TLS in his hand too (SSLKEYLOGFILE). */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { TLSSocket } from 'node:tls';
import { LabUnavailable, labTree, type Tree } from '../lab/support/packages.ts';
import { ipv4, pcap, tcp } from '../support/capture-builder.ts';
import { bareClient, OPTIONS, testGateway, tlsTo, until } from '../support/csc.ts';
import { temporaryFolder } from '../support/temporary.ts';

const SIPS = 5061;
const PHONE = '192.0.2.7';
const GATEWAY = '198.51.100.1';

/** Passes a connection on and writes down what went over the wire, as a capture of TCP packets to port 5061. */
class Tap {
  readonly #frames: { readonly bytes: Buffer; readonly at: number }[] = [];
  readonly #seq = { toGateway: 1, toPhone: 1 };
  port = 0;

  static async before(target: () => number): Promise<Tap> {
    const tap = new Tap();
    const server = createServer((inner) => {
      tap.#packet('toGateway', Buffer.alloc(0), 'S');
      tap.#packet('toPhone', Buffer.alloc(0), 'SA');
      const outer = connect(target(), '127.0.0.1');
      inner.on('data', (chunk) => outer.write(tap.#data('toGateway', chunk)));
      outer.on('data', (chunk) => inner.write(tap.#data('toPhone', chunk)));
      for (const [one, other] of [[inner, outer], [outer, inner]] as const)
        one.on('error', () => undefined).on('close', () => other.destroy()); // prettier-ignore
      server.close();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    tap.port = (server.address() as AddressInfo).port;
    return tap;
  }

  #data(way: 'toGateway' | 'toPhone', chunk: Buffer): Buffer {
    for (let at = 0; at < chunk.length; at += 1_400) this.#packet(way, chunk.subarray(at, at + 1_400), 'A');
    return chunk;
  }

  #packet(way: 'toGateway' | 'toPhone', data: Buffer, flags: string): void {
    const [source, destination] = way === 'toGateway' ? [PHONE, GATEWAY] : [GATEWAY, PHONE];
    const [sourcePort, destinationPort] = way === 'toGateway' ? [40_000, SIPS] : [SIPS, 40_000];
    const segment = tcp({ seq: this.#seq[way] - (flags === 'A' ? 0 : 1), data, flags, sourcePort, destinationPort });
    this.#seq[way] += data.length;
    this.#frames.push({ bytes: ipv4(segment, { source, destination, protocol: 6, id: this.#frames.length + 1 }), at: 1_795_953_600_000 + this.#frames.length }); // prettier-ignore
  }

  capture(): Buffer {
    return pcap(this.#frames, { linkType: 101 });
  }
}

describe('CSC, seen from the network', () => {
  const folder = temporaryFolder();
  let tree: Tree;

  before(async function () {
    this.timeout(300_000);
    try {
      tree = await labTree('tshark');
    } catch (error) {
      if (!(error instanceof LabUnavailable)) throw error;
      console.log(`      skipped: ${error.message}`);
      this.skip();
    }
  });

  function tshark(...args: readonly string[]): string {
    const [program = '', ...all] = tree.command('usr/bin/tshark', '-n', '-r', folder.file('wire.pcap'), ...args);
    const run = spawnSync(program, all, { encoding: 'utf8', maxBuffer: 64 << 20, env: { HOME: folder.path, XDG_RUNTIME_DIR: folder.path } }); // prettier-ignore
    assert.equal(run.status, 0, run.stderr);
    return run.stdout;
  }

  /** What tshark makes of it: its summary, and the bytes inside TLS where it has the keys. */
  function seen(tap: Tap, keys: readonly Buffer[]): { summary: string; inside: string } {
    writeFileSync(folder.file('wire.pcap'), tap.capture());
    writeFileSync(folder.file('keys'), Buffer.concat(keys));
    const withKeys = ['-o', `tls.keylog_file:${folder.file('keys')}`];
    // the last lines are the bytes, those before one line for each packet
    const said = tshark(...withKeys, '-z', 'follow,tls,raw,0');
    const bytes = [...said.matchAll(/^\t?([0-9a-f]+)$/gm)].map((line) => Buffer.from(line[1] ?? '', 'hex'));
    return { summary: said.slice(0, said.indexOf('====')), inside: Buffer.concat(bytes).toString('latin1') };
  }

  it('TLS alone is not enough: with its keys logged, the SIP of a plain connection lies open (so the test can see)', async () => {
    const plain: TLSSocket[] = [];
    const gateway = await testGateway({ plain: (socket) => plain.push(socket) });
    const tap = await Tap.before(() => gateway.server.port);
    const keys: Buffer[] = [];
    const socket = await tlsTo(tap.port, { ALPNProtocols: ['sip/2'] }, (line) => keys.push(line));
    socket.write(OPTIONS);
    await until('it is there', () => plain.length === 1);
    await new Promise((resolve) => plain[0]?.once('data', resolve));
    socket.destroy();
    await gateway.server.close();
    const { summary, inside } = seen(tap, keys);
    assert.match(summary, /SIP .*OPTIONS/);
    assert.match(inside, /OPTIONS sip:example\.com SIP\/2\.0/);
    const blind = seen(tap, []);
    assert.doesNotMatch(blind.summary, /SIP|OPTIONS/);
    assert.equal(blind.inside, '');
    assert.match(blind.summary, /TLSv1\.3/);
  }).timeout(60_000);

  it('under CSC, with the keys of TLS logged, there is no SIP, no account and no instance to be seen', async () => {
    const gateway = await testGateway();
    gateway.heard.onMessage = (session, bytes) => session.send(bytes);
    const tap = await Tap.before(() => gateway.server.port);
    const keys: Buffer[] = [];
    const inst = Buffer.alloc(16, 0x55);
    const client = await bareClient({ server: { port: tap.port }, keys: gateway.keys }, { inst }, (line) => keys.push(line)); // prettier-ignore
    const answers: string[] = [];
    client.socket.on('data', (chunk: Buffer) => {
      for (const step of client.channel.receive(chunk)) if (step.kind === 'sip') answers.push(step.bytes.toString());
    });
    for (const step of client.channel.start(Date.now())) if (step.kind === 'send') client.socket.write(step.bytes);
    client.socket.write(client.channel.send(OPTIONS)!);
    await until('the message came back', () => answers.length === 1);
    assert.deepEqual(gateway.heard.messages, [OPTIONS.toString()]);
    client.socket.destroy();
    await gateway.server.close();
    const { summary, inside } = seen(tap, keys);
    assert.match(summary, /TLSv1\.3/);
    assert.match(inside, /\{"v":1,"gw":"[\w-]{43}"/, 'TLS is open to him: he sees the first frames');
    assert.match(inside, /\{"sig":"/);
    assert.doesNotMatch(summary, /SIP|OPTIONS/);
    for (const secret of ['SIP/2.0', 'OPTIONS', 'example.com', '1004', inst.toString('base64url'), '"id"', '"inst"', '"wrap"'])
      assert.ok(!inside.includes(secret), secret); // prettier-ignore
  }).timeout(60_000);
});
