import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { keysFrom } from '../../src/commands/toolbox-keys.ts';
import { openStore, type ToolboxAlert } from '../../src/store/index.ts';
import { shippedTemplates } from '../../src/toolbox/shipped.ts';
import { HOUR, MINUTE, SECOND } from '../../src/time.ts';
import { jsonLines, ringfence } from '../support/cli.ts';
import { box, sdp } from '../toolbox/support.ts';
import { answerChallenge } from './support/digest.ts';
import { addresses, useLab } from './support/lab.ts';
import { freePort } from './support/ports.ts';
import { until } from './support/process.ts';
import { mirrored, Relay } from './support/relay.ts';
import { writeSettings } from './support/settings.ts';
import { header, parse } from './support/sip-message.ts';
import { Watcher } from './support/watcher.ts';

/** Where the relay stands: the gateway of this lab. */
const GATEWAY = addresses.edge;
const BOB = '127.0.10.1';
const CHARLES = '127.66.0.9';
const ECHO = '600';
const HONEST = process.env['RINGFENCE_LONG'] === '1' ? 500 : 12;

const HIM = { address: CHARLES, port: 5060, family: 'IPv4', size: 0 } as const;

/** A phone, or whoever sends what a phone has sent: one UDP socket. */
class Sender {
  readonly heard: string[] = [];
  readonly #socket: Socket;
  readonly #to: { readonly host: string; readonly port: number };

  private constructor(socket: Socket, to: { readonly host: string; readonly port: number }) {
    this.#socket = socket;
    this.#to = to;
    socket.on('message', (bytes) => this.heard.push(bytes.toString('latin1')));
  }

  static async open(address: string, to: { readonly host: string; readonly port: number }): Promise<Sender> {
    const socket = createSocket('udp4');
    await new Promise<void>((done) => socket.bind(0, address, done));
    return new Sender(socket, to);
  }

  get port(): number {
    return this.#socket.address().port;
  }

  send(bytes: Uint8Array): void {
    this.#socket.send(bytes, this.#to.port, this.#to.host);
  }

  /** Sends, and gives the answers that follow, to the first final one. */
  async ask(bytes: Uint8Array, cseq: string): Promise<string> {
    const from = this.heard.length;
    const final = (text: string): boolean => /^SIP\/2\.0 [2-6]/.test(text) && text.includes(`CSeq: ${cseq}`);
    this.send(bytes);
    await until(`an answer to ${cseq}`, 8_000, () => this.heard.slice(from).some(final), 10);
    return this.heard.slice(from).find(final) ?? '';
  }

  close(): void {
    this.#socket.close();
  }
}

const changed = (bytes: Buffer, from: RegExp, to: string): Buffer => {
  const text = bytes.toString('latin1');
  const next = text.replace(from, () => to);
  assert.notEqual(next, text, String(from));
  return Buffer.from(next, 'latin1');
};

/** What Charles does to a captured INVITE. */
const CHANGES: readonly (readonly [what: string, change: (bytes: Buffer) => Buffer])[] = [
  ['as it was', (b) => b],
  ['another Via', (b) => changed(b, /^Via:[^\r\n]*/m, `Via: SIP/2.0/UDP ${CHARLES}:5060;branch=z9hG4bKcharles`)],
  ['another Call-ID', (b) => changed(b, /^Call-ID:[^\r\n]*/m, 'Call-ID: charles@invalid')],
  ['another CSeq', (b) => changed(b, /^CSeq: \d+ INVITE/m, 'CSeq: 77 INVITE')],
  ['another From tag', (b) => changed(b, /;tag=bob[^\r\n;]*/, ';tag=charles')],
];

describe('lab: the replay of an encrypted INVITE', function () {
  this.timeout(120_000);
  let hepPort = 0;
  const lab = useLab(async () => {
    hepPort = await freePort();
    return { hep: { port: hepPort, password: 'labhep' }, trunk: 'own' };
  });
  let settings = '';
  let relay: Relay;
  let bob: Sender;
  let charles: Sender;
  let out: (bytes: Buffer) => Promise<Buffer>;
  let calls = 0;

  before(async () => {
    const folder = lab().directory;
    settings = writeSettings(lab(), {
      hep: { port: hepPort, password: 'labhep' },
      ...{ cdr: false, office: 'open' },
      more: [
        '[respond]\nmedia_encryption = ["1001"]',
        `[crypto]\ndomain = "${GATEWAY}"\nkey_store = "${join(folder, 'keys.json')}"\nmaster_key_file = "${join(folder, 'master.key')}"`,
      ],
    });
    const run = async (...args: string[]): Promise<string> => {
      const { status, stdout, stderr } = await ringfence([...args, '--config', settings]);
      assert.equal(status, 0, `${args.join(' ')}: ${stderr}`);
      return stdout;
    };
    await run('keys', 'init');
    const issued = async (name: string): Promise<{ cert: string; key: string; passphraseFile: string }> => {
      const pem = join(folder, `${name}.pem`);
      const made = await run('keys', 'issue', name, '--form', 'pem', '--out', pem, '--format', 'json');
      const { password } = jsonLines<{ password: string }>(made)[0] ?? assert.fail(made);
      const passphraseFile = join(folder, `${name}.password`);
      writeFileSync(passphraseFile, `${password}\n`, { mode: 0o600 });
      return { cert: pem, key: pem, passphraseFile };
    };
    const [bobs, echo] = [await issued('1001'), await issued(ECHO)];
    const [ca, crl] = [join(folder, 'ca.pem'), join(folder, 'crl.pem')];
    writeFileSync(ca, await run('keys', 'export', 'ca'));
    writeFileSync(crl, await run('keys', 'export', 'crl'));
    // the SRTP key is in the description, so the PBX has to take it
    await run('keys', 'media', '1001', 'sdes');

    const own = { host: GATEWAY, port: await freePort(GATEWAY) };
    const pbx = { host: lab().asterisk.host, port: lab().asterisk.sipPort };
    relay = new Relay({ ...{ settings, own, pbx, ca, crl }, ...echo, hep: { port: hepPort, password: 'labhep' } });
    await relay.start();
    bob = await Sender.open(BOB, own);
    charles = await Sender.open(CHARLES, own);

    // Bob's side: the template that signs and encrypts
    const memory = openStore(':memory:');
    const keys = await keysFrom({ ca: [ca], crl: [crl], to: [echo.cert], ...bobs }, memory);
    const side = box({ services: { keys: keys?.keys ?? null } });
    const template = shippedTemplates.find((each) => (each as { name: string }).name === 'invite-out-smime') as {
      readonly steps: readonly object[];
    };
    const program = side.program(template.steps, { direction: 'out', body: ['enveloped', 'signed'] });
    out = async (bytes) => {
      const result = await side.run(program, bytes, { at: Date.now() });
      assert.equal(result.verdict, 'accept', result.record.detail);
      return result.bytes;
    };
  });
  after(async () => {
    await relay.kill9();
    bob.close();
    charles.close();
  });

  const line = (name: string, value: string): string => `${name}: ${value}\r\n`;

  /** Bob's INVITE as it leaves him. */
  async function invite(
    call: string,
    cseq: number,
    more: readonly (readonly [string, string])[] = [],
  ): Promise<Buffer> {
    const key = Buffer.from(call.padEnd(30, '.')).toString('base64');
    const body = sdp(key, String(3_900_000_000 + calls), 1)
      .replaceAll('198.51.100.2', BOB)
      .replace('RTP/SAVP 0', 'RTP/SAVP 8 0');
    const head = [
      `INVITE sip:${ECHO}@${GATEWAY} SIP/2.0\r\n`,
      line('Via', `SIP/2.0/UDP ${BOB}:${bob.port};branch=z9hG4bK${call}-${cseq}`),
      line('Max-Forwards', '70'),
      line('From', `<sip:1001@${GATEWAY}>;tag=bob-${call}`),
      line('To', `<sip:${ECHO}@${GATEWAY}>`),
      line('Call-ID', `${call}@bob`),
      line('CSeq', `${cseq} INVITE`),
      line('Contact', `<sip:1001@${BOB}:${bob.port}>`),
      ...more.map(([name, value]) => line(name, value)),
      line('Content-Type', 'application/sdp'),
      line('Content-Length', String(Buffer.byteLength(body))),
    ];
    return await out(Buffer.from(`${head.join('')}\r\n${body}`));
  }

  const follow = (method: 'ACK' | 'BYE', call: string, answer: string, cseq: number, branch: string): Buffer =>
    Buffer.from(
      [
        `${method} sip:${ECHO}@${GATEWAY} SIP/2.0`,
        `Via: SIP/2.0/UDP ${BOB}:${bob.port};branch=${branch}`,
        'Max-Forwards: 70',
        `From: <sip:1001@${GATEWAY}>;tag=bob-${call}`,
        /^To:[^\r\n]*/m.exec(answer)?.[0] ?? '',
        `Call-ID: ${call}@bob`,
        `CSeq: ${cseq} ${method}`,
        'Content-Length: 0',
        '',
        '',
      ].join('\r\n'),
    );

  /** A call of Bob's to the end of its set-up. @returns both INVITEs as they were on the wire, and the answer */
  async function call(): Promise<{ name: string; first: Buffer; second: Buffer; answer: string }> {
    const name = `call${calls++}`;
    const first = await invite(name, 1);
    const challenge = await bob.ask(first, '1 INVITE');
    assert.match(challenge, /^SIP\/2\.0 401/);
    bob.send(follow('ACK', name, challenge, 1, `z9hG4bK${name}-1`));
    const parsed = parse(challenge);
    assert.ok(parsed?.status !== undefined);
    const { password } = lab().account('1001');
    const credentials = answerChallenge(parsed as never, 'INVITE', `sip:${ECHO}@${GATEWAY}`, {
      username: '1001',
      password,
    });
    assert.ok(credentials !== undefined);
    const second = await invite(name, 2, [credentials]);
    const answer = await bob.ask(second, '2 INVITE');
    assert.match(answer, /^SIP\/2\.0 200/);
    bob.send(follow('ACK', name, answer, 2, `z9hG4bK${name}-a`));
    return { name, first, second, answer };
  }
  const hangUp = async ({ name, answer }: { name: string; answer: string }): Promise<void> => {
    assert.match(await bob.ask(follow('BYE', name, answer, 3, `z9hG4bK${name}-b`), '3 BYE'), /^SIP\/2\.0 200/);
  };
  const processed = async (): Promise<number> =>
    Number(/(\d+) calls? processed/.exec(await lab().asterisk.cli('core show calls'))?.[1] ?? NaN);
  /** What was told so far, the latest first. */
  const alerts = (): ToolboxAlert[] => {
    const store = openStore(join(lab().directory, 'ringfence.db'), { create: false });
    try {
      return store.toolboxAlerts.list(1_000);
    } finally {
      store.close();
    }
  };
  const toldSoFar = (): number => alerts().reduce((sum, { times }) => sum + times, 0);
  /** The PBX counts a call when it ends. */
  const quiet = async (): Promise<number> => {
    await until('no call', 5_000, async () => (await lab().asterisk.cli('core show calls')).startsWith('0 active'), 50);
    return await processed();
  };

  it(`of ${HONEST} honest calls none is refused, and the PBX takes the SRTP key that only it was to see`, async () => {
    for (let n = 0; n < HONEST; n++) await hangUp(await call());
    assert.equal(relay.verdicts.length, 2 * HONEST);
    assert.deepEqual(
      relay.verdicts.filter(({ verdict }) => verdict !== 'accept'),
      [],
    );
    assert.ok(!relay.packets.some((packet) => packet.in && Buffer.from(packet.bytes, 'base64').includes('a=crypto')));
    assert.ok(header(parse(bob.heard.at(-2) ?? '') ?? assert.fail(), 'CSeq') !== '');
    assert.deepEqual(alerts(), []);
  });

  it('a repetition by the same branch is no replay: it is answered as the first was, and no second call', async () => {
    const made = await call();
    await until(
      'the call',
      5_000,
      async () => (await lab().asterisk.cli('core show calls')).startsWith('1 active'),
      50,
    );
    const before = await processed();
    const from = relay.verdicts.length;
    for (let n = 0; n < 3; n++) assert.match(await bob.ask(made.second, '2 INVITE'), /^SIP\/2\.0 200/);
    assert.deepEqual(
      relay.verdicts.slice(from).map(({ verdict, retransmission }) => [verdict, retransmission]),
      Array.from({ length: 3 }, () => ['accept', true]),
    );
    assert.equal(await processed(), before, 'no second call');
    await hangUp(made);
    assert.deepEqual(alerts(), []);
  });

  const moments: readonly (readonly [when: string, ahead: number, kill: boolean])[] = [
    ['at once', 0, false],
    ['an hour later', HOUR, false],
    ['after kill -9', 0, true],
    ['an hour later, after kill -9', HOUR, true],
  ];
  it('Charles sends it again, whatever he changes and whenever: refused, each time, and told', async () => {
    const made = await call();
    await hangUp(made);
    const before = await quiet();
    let tries = 0;
    for (const [when, ahead, kill] of moments) {
      if (kill) {
        await relay.kill9();
        await relay.start(ahead);
      } else relay.clock(ahead);
      for (const captured of [made.first, made.second])
        for (const [what, change] of CHANGES) {
          const from = relay.verdicts.length;
          const told = toldSoFar();
          charles.send(change(captured));
          await until('a verdict', 8_000, () => relay.verdicts.length > from, 5);
          const [verdict] = relay.verdicts.slice(from);
          assert.deepEqual([verdict?.verdict, verdict?.code], ['refuse', 'refused'], `${when}, ${what}`);
          assert.match(verdict?.reason ?? '', /^(?:replay|mismatch)$/, `${when}, ${what}`);
          assert.equal(toldSoFar(), told + 1, `${when}, ${what}`);
          const [alert] = alerts().filter(({ last }) => last >= Date.now() + ahead - MINUTE);
          assert.match(alert?.summary ?? '', /sent again/, `${when}, ${what}`);
          assert.equal(alert?.source, CHARLES);
          tries++;
        }
    }
    await until('his answers', 5_000, () => charles.heard.length >= tries, 20);
    assert.ok(charles.heard.every((text) => text.startsWith('SIP/2.0 403')));
    assert.equal(new Set(charles.heard.map((text) => text.split('\r\n')[0])).size, 1, 'the same answer to all');
    assert.equal(await quiet(), before, 'nothing of it reached the PBX');
    const listed = await ringfence(['toolbox', 'list', 'alerts', '--config', settings]);
    assert.match(listed.stdout, /An old INVITE of 1001@127\.0\.0\.2 was sent again from 127\.66\.0\.9/);
    console.log(`      ${tries} replays, all refused and told`);
    await relay.kill9();
    await relay.start();
  });

  /** What a mirror has seen of the phones' side of one call. */
  const seen = (name: string) =>
    relay.packets.filter(({ bytes }) => Buffer.from(bytes, 'base64').includes(`Call-ID: ${name}@bob`));
  const recorded = (packets: readonly Parameters<typeof mirrored>[0][]): Buffer =>
    Buffer.concat(packets.map((packet) => mirrored(packet, relay.settings)));

  it('where no gateway stands, mirrored traffic shows it too', async () => {
    const made = await call();
    await hangUp(made);
    const recording = seen(made.name);
    const end = recording.at(-1)?.at ?? 0;
    const file = join(lab().directory, 'replay.hep');
    for (const after of [2 * SECOND, HOUR])
      for (const [what, change] of CHANGES) {
        const again = { at: end + after, in: true, peer: HIM, bytes: change(made.second).toString('base64') };
        writeFileSync(file, recorded([...recording, again]));
        const replayed = await ringfence(['replay', file, '--format', 'json', '--config', settings]);
        const found = jsonLines(replayed.stdout).filter(({ detector }) => detector === 'replay');
        assert.ok(
          found.some(({ sources }) => sources.includes(CHARLES)),
          `${what} after ${after / MINUTE} minutes: ${replayed.stdout}`,
        );
      }
    writeFileSync(file, recorded(recording));
    const honest = await ringfence(['replay', file, '--format', 'json', '--config', settings]);
    assert.deepEqual(
      jsonLines(honest.stdout).filter(({ detector }) => detector === 'replay'),
      [],
    );
  });

  it('and the daemon tells it as it happens', async () => {
    const watcher = await Watcher.start(settings);
    try {
      const made = await call();
      charles.send(made.second);
      const told = await watcher.alert(({ detector }) => detector === 'replay', 'the replay');
      assert.ok(told.alert.sources.includes(CHARLES), JSON.stringify(told.alert));
      await hangUp(made);
    } finally {
      await watcher.stop();
    }
  });
});
