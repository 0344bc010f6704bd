/** An agent between a phone's socket and a gateway, all on the loopback. */
import { createSocket, type Socket as Datagrams } from 'node:dgram';
import { createServer, connect, type Server, type Socket } from 'node:net';
import { randomBytes } from 'node:crypto';
import { Counters } from '../../src/counters.ts';
import { publicHalf } from '../../src/crypto/private-key.ts';
import { AgentContacts } from '../../src/gateway/agent-contacts.ts';
import type { AgentOptions } from '../../src/gateway/agent-context.ts';
import { AgentLink, type LinkSettings } from '../../src/gateway/agent-link.ts';
import { LocalSockets, type Local, type LocalPeer } from '../../src/gateway/agent-local.ts';
import { AgentProxy } from '../../src/gateway/agent-proxy.ts';
import { BorderKeys } from '../../src/gateway/border-keys.ts';
import type { Session, SessionHandler } from '../../src/gateway/session.ts';
import type { Log } from '../../src/log.ts';
import type { TestKeys } from './csc.ts';
import { pem, testAuthority, testKey } from './keys.ts';

/** A log that keeps its lines. */
export function recordingLog(): { readonly log: Log; readonly lines: string[] } {
  const lines: string[] = [];
  const line =
    (level: string) =>
    (...args: readonly unknown[]): void =>
      void lines.push(`${level} ${args.map((arg) => (typeof arg === 'string' ? arg : JSON.stringify(arg))).join(' ')}`);
  const log = { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') };
  return { log, lines };
}

const SECRET = Buffer.alloc(32, 5);

/** The phones' side without sockets: what it is sent is kept. */
export class FakeLocal implements Local {
  readonly places = [{ transport: 'udp', host: '192.168.1.2', port: 5060 } as const];
  readonly sent: string[] = [];

  send(_peer: LocalPeer, bytes: Buffer): void {
    this.sent.push(bytes.toString('latin1'));
  }

  take(): string[] {
    return this.sent.splice(0);
  }
}

export interface FakeAgent {
  readonly proxy: AgentProxy;
  readonly local: FakeLocal;
  readonly contacts: AgentContacts;
  readonly counters: Counters;
  readonly phone: LocalPeer;
  readonly pass: (ms: number) => void;
  readonly fromPhone: (text: string, peer?: LocalPeer) => void;
}

/** An agent whose clock the test moves. */
export function makeAgent(more: Partial<AgentOptions> = {}): FakeAgent {
  const local = new FakeLocal();
  const counters = new Counters();
  let now = 1_000_000;
  const contacts = new AgentContacts(SECRET, [], now);
  const proxy = new AgentProxy({
    ...{ keys: new BorderKeys(SECRET), contacts, local, domain: 'example.com', deliver: null, veil: null, counters },
    ...{ mediaAddress: () => null, log: recordingLog().log, now: () => now, tag: () => 'agenttag' },
    ...more,
  });
  const phone: LocalPeer = {
    ...{ transport: 'udp', address: '192.168.1.5', port: 5062, connection: null },
    place: local.places[0] ?? { transport: 'udp', host: '', port: 0 },
  };
  return {
    ...{ proxy, local, contacts, counters, phone },
    pass: (ms) => {
      for (const end = now + ms; now < end;) {
        now = Math.min(end, now + 50);
        proxy.tick();
      }
    },
    fromPhone: (text, peer = phone) => proxy.fromPhone(Buffer.from(text, 'latin1'), peer),
  };
}

export interface TestAgent {
  readonly proxy: AgentProxy;
  readonly link: AgentLink;
  readonly local: LocalSockets;
  readonly counters: Counters;
  readonly lines: readonly string[];
  /** port for phones, UDP and TCP */
  readonly port: number;
  readonly stop: () => Promise<void>;
}

/** A whole agent for 1004, connected to a gateway at these places. */
export async function testAgent(
  gateways: readonly string[],
  keys: Pick<TestKeys, 'gateway'>,
  more: Partial<AgentOptions> & {
    readonly link?: Partial<LinkSettings>;
    /** addresses of phones; default: 127.0.0.1 alone */
    readonly allow?: readonly string[];
    /** hears every SIP message inside CSC, as whoever has opened it would */
    readonly spy?: (text: string) => void;
  } = {},
): Promise<TestAgent> {
  const { link: linkMore, spy, allow = ['127.0.0.1'], ...options } = more;
  const { log, lines } = recordingLog();
  const counters = new Counters();
  const contacts = new AgentContacts(SECRET, [], Date.now());
  const holder: { proxy: AgentProxy | null } = { proxy: null };
  const local = await LocalSockets.open({
    listen: [{ transport: 'udp', host: '127.0.0.1', port: 0 }],
    ...{ allow, log, counters },
    received: (bytes, peer) => holder.proxy?.fromPhone(bytes, peer),
  });
  const proxy = new AgentProxy({
    ...{
      keys: new BorderKeys(SECRET),
      contacts,
      local,
      domain: 'example.com',
      deliver: null,
      veil: null,
      counters,
      log,
    },
    ...{ mediaAddress: () => null, now: () => Date.now(), tag: () => randomBytes(4).toString('hex') },
    ...options,
  });
  holder.proxy = proxy;
  const inst = randomBytes(16);
  const link = new AgentLink({
    ...{ gateways, log, handler: spy === undefined ? proxy : spied(proxy, spy), keyTold: () => undefined },
    identity: () => ({
      ...{ account: '1004', key: testKey('phone'), inst, pinned: [publicHalf(keys.gateway)] },
      ca: [pem('CERTIFICATE', testAuthority().certificate)],
    }),
    ...linkMore,
  });
  const ticker = setInterval(() => proxy.tick(), 50);
  link.start();
  return {
    ...{ proxy, link, local, counters, lines, port: local.places[0]?.port ?? 0 },
    stop: async () => {
      clearInterval(ticker);
      await link.stop();
      local.close();
    },
  };
}

/** A handler whose sessions tell what they carry. */
function spied(handler: SessionHandler, spy: (text: string) => void): SessionHandler {
  const shown = new Map<Session, Session>();
  const of = (session: Session): Session => {
    const known = shown.get(session);
    if (known !== undefined) return known;
    const { id, kind, account, kid, inst, peer, establishedAt } = session;
    const made: Session = {
      ...{ id, kind, account, kid, inst, peer, establishedAt },
      send: (bytes) => {
        spy(bytes.toString('latin1'));
        return session.send(bytes);
      },
      close: (reason) => session.close(reason),
    };
    shown.set(session, made);
    return made;
  };
  return {
    opened: (session, inherits) => handler.opened(of(session), inherits),
    message: (session, bytes) => {
      spy(bytes.toString('latin1'));
      handler.message(of(session), bytes);
    },
    closed: (session, reason, cut) => handler.closed(of(session), reason, cut),
  };
}

/** A phone's UDP socket: what comes is kept, and handed to `heard`. */
export class PhoneSocket {
  readonly received: string[] = [];
  heard: (text: string) => void = () => undefined;
  readonly #socket: Datagrams;
  readonly #agent: number;

  private constructor(socket: Datagrams, agent: number) {
    this.#socket = socket;
    this.#agent = agent;
    socket.on('message', (bytes) => {
      const text = bytes.toString('latin1');
      this.received.push(text);
      this.heard(text);
    });
  }

  static async open(agent: number): Promise<PhoneSocket> {
    const socket = createSocket('udp4');
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    return new PhoneSocket(socket, agent);
  }

  get port(): number {
    return this.#socket.address().port;
  }

  get via(): string {
    return `SIP/2.0/UDP 127.0.0.1:${this.port}`;
  }

  get contact(): string {
    return `sip:1004@127.0.0.1:${this.port}`;
  }

  send(text: string): void {
    this.#socket.send(Buffer.from(text, 'latin1'), this.#agent, '127.0.0.1');
  }

  close(): void {
    this.#socket.close();
  }
}

/** Sits between the agent and a gateway, and resets every connection at will: as whoever can forge a RST does. */
export class Resetter {
  readonly #server: Server;
  readonly #pairs = new Set<Socket>();
  resets = 0;

  private constructor(server: Server, target: { readonly host: string; readonly port: number }) {
    this.#server = server;
    server.on('connection', (near) => {
      const far = connect({ ...target, noDelay: true });
      near.setNoDelay(true);
      for (const [one, other] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#pairs.add(one);
        one.on('error', () => undefined);
        one.on('close', () => {
          this.#pairs.delete(one);
          other.destroy();
        });
        one.pipe(other);
      }
    });
  }

  static async open(port: number, host = '127.0.0.1'): Promise<Resetter> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, host, resolve));
    return new Resetter(server, { host, port });
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  reset(): void {
    if (this.#pairs.size > 0) this.resets++;
    for (const socket of [...this.#pairs]) socket.resetAndDestroy();
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#pairs) socket.destroy();
  }
}
