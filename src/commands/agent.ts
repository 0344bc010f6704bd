import { randomBytes } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { canonicalAddress } from '../address.ts';
import type { Config } from '../config.ts';
import { Counters } from '../counters.ts';
import { endpointOf } from '../crypto/identity.ts';
import { withPinned, type OpenedAgent } from '../crypto/agent-store.ts';
import { messageOf, RingfenceError } from '../errors.ts';
import { AgentContacts } from '../gateway/agent-contacts.ts';
import { AgentLink } from '../gateway/agent-link.ts';
import { LocalSockets, placeText, type LocalPeer } from '../gateway/agent-local.ts';
import { AgentProxy } from '../gateway/agent-proxy.ts';
import { seenAddress } from '../gateway/agent-stun.ts';
import { AgentVeil } from '../gateway/agent-veil.ts';
import { BorderKeys } from '../gateway/border-keys.ts';
import { createLog, logForm, type Log } from '../log.ts';
import { retry } from '../retry.ts';
import { DAY, formatDuration, MINUTE, SECOND } from '../time.ts';
import { enrolAgent, isEnrolledBy, tokenInSettings } from './agent/enrolling.ts';
import { AgentState, domainOf } from './agent/state.ts';
import { emergencyOf } from './gateway-parts.ts';
import { EXIT, type GlobalOptions, type Output } from './output.ts';
import { readConfig } from './site.ts';
import { tellSystemd, watchdogEvery } from './systemd.ts';

interface AgentRunOptions {
  readonly for?: number;
  readonly log: 'debug' | 'info' | 'warn' | 'error';
}

const TICK = 50;
/** Contacts are written, and a new key is noticed, so often at the most. */
const LOOK = 2 * SECOND;

/** `ringfence agent`: carries SIP between phones on this side and the gateway. Ends with 0 on SIGTERM and SIGINT. */
export default async function agent(
  _args: readonly string[],
  options: AgentRunOptions & GlobalOptions,
  output: Output,
): Promise<number> {
  const config = readConfig(options, output);
  const { format } = config.settings.log;
  const log = createLog(options.log, format === 'auto' ? logForm(process.stderr.isTTY) : format);
  const stop = new AbortController();
  const ended = new Promise<string>((end) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => end(signal));
    if (options.for !== undefined) setTimeout(() => end('the time of --for is over'), options.for).unref();
  });
  void ended.then(() => stop.abort());
  const state = new AgentState(config);
  try {
    await enrolBySettings(config, state, log, stop.signal);
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    return EXIT.done;
  }
  const running = await Running.start(config, state, log);
  log.info(`ending: ${await ended}`);
  await running.stop();
  return EXIT.done;
}

/** With a token in the settings that was not used yet. What may pass is tried again: a machine may boot before its network. */
async function enrolBySettings(config: Config, state: AgentState, log: Log, signal: AbortSignal): Promise<void> {
  const token = tokenInSettings(config);
  const store = state.load();
  if (token === null || isEnrolledBy(store, token)) return;
  try {
    await retry(() => enrolAgent(state, token), {
      ...{ first: SECOND, ceiling: MINUTE, signal },
      failed: (error, wait) => log.warn(`enrolment: ${error.message}; again in ${formatDuration(wait)}`),
    });
    log.info({ account: token.id }, 'enrolled by the token of the settings');
  } catch (error) {
    // an old key goes on, whatever became of the token
    if (store === null || store.keys.length === 0 || !(error instanceof RingfenceError)) throw error;
    log.error(`enrolment: ${error.message}; going on with the key that is there`);
  }
}

class Running {
  readonly #config: Config;
  readonly #state: AgentState;
  readonly #log: Log;
  readonly #counters = new Counters();
  readonly #timers: NodeJS.Timeout[] = [];
  #opened: OpenedAgent;
  #changedAt: number;
  #seen: string | null = null;
  /** the gateway's clock minus ours */
  #clockOffset = 0;
  #ready = false;
  #local: LocalSockets | null = null;
  #link: AgentLink | null = null;
  readonly #contacts: AgentContacts;

  private constructor(config: Config, state: AgentState, log: Log) {
    this.#config = config;
    this.#state = state;
    this.#log = log;
    this.#opened = state.open();
    this.#changedAt = state.changedAt;
    const kept = state.contacts((text) => log.warn(text));
    this.#contacts = new AgentContacts(this.#opened.secret, kept, Date.now());
  }

  static async start(config: Config, state: AgentState, log: Log): Promise<Running> {
    const running = new Running(config, state, log);
    await running.#start();
    return running;
  }

  async #start(): Promise<void> {
    const { agent } = this.#config.settings;
    const store = this.#state.load();
    const holder: { proxy: AgentProxy | null } = { proxy: null };
    const local = await LocalSockets.open({
      ...{ listen: agent.listen.map(transportOf), allow: agent.allow, log: this.#log, counters: this.#counters },
      received: (bytes, peer) => holder.proxy?.fromPhone(bytes, peer),
    });
    this.#local = local;
    const proxy = new AgentProxy({
      ...{ keys: new BorderKeys(this.#opened.secret), contacts: this.#contacts, local, counters: this.#counters },
      domain: domainOf(this.#opened),
      deliver: await delivery(agent.deliver, local),
      veil: new AgentVeil({
        ...{ account: this.#opened.account, domain: domainOf(this.#opened), hides: agent.secret_calls, log: this.#log },
        emergency: emergencyOf(this.#config),
        keys: () => this.#opened,
        clock: () => Date.now() + this.#clockOffset,
      }),
      mediaAddress: () => this.#seen,
      log: this.#log,
      now: () => Date.now(),
      tag: () => randomBytes(6).toString('hex'),
    });
    holder.proxy = proxy;
    const link = new AgentLink({
      gateways: agent.gateways.length > 0 ? agent.gateways : [store?.gateway ?? ''],
      identity: () => this.#state.identity(this.#opened),
      handler: proxy,
      log: this.#log,
      keyTold: (key) => this.#pin(key.spki),
      connected: ({ clockOffset }) => this.#connected(clockOffset),
    });
    this.#link = link;
    this.#log.info(
      { account: this.#opened.account, listen: local.places.map(placeText).join(' ') },
      'phones can be set up with this address as their outbound proxy',
    );
    this.#timers.push(
      setInterval(() => proxy.tick(), TICK),
      setInterval(() => this.#look(), LOOK),
      setInterval(() => this.#tellEnd(), DAY),
    );
    const every = watchdogEvery();
    if (every !== null) this.#timers.push(setInterval(() => tellSystemd('WATCHDOG=1', this.#log), every));
    process.on('SIGHUP', () => this.#keysChanged());
    this.#tellEnd();
    this.#askStun();
    link.start();
  }

  #connected(clockOffset: number): void {
    this.#clockOffset = clockOffset;
    if (Math.abs(clockOffset) > MINUTE)
      this.#log.warn(
        `the gateway's clock and ours differ by ${formatDuration(Math.abs(clockOffset))}; certificates go by the clock`,
      );
    if (this.#ready) return;
    this.#ready = true;
    process.stderr.write('ringfence agent ready\n');
    tellSystemd('--ready', this.#log);
  }

  /** The gateway has a younger key: it is trusted too, for a pinned one has said so. */
  #pin(spki: Uint8Array): void {
    if (this.#opened.pinned.some((one) => Buffer.from(one.spki).equals(spki))) return;
    const store = this.#state.load();
    if (store === null) return;
    this.#state.save(withPinned(store, spki));
    this.#opened = this.#state.open();
    this.#changedAt = this.#state.changedAt;
    this.#log.info({ kid: this.#opened.pinned[0]?.kid }, "the gateway's new key is pinned beside the old one");
  }

  #look(): void {
    try {
      if (this.#state.changedAt !== this.#changedAt) this.#keysChanged();
      const contacts = this.#contacts.toKeep(Date.now());
      if (contacts !== null) this.#state.saveContacts(contacts);
    } catch (error) {
      if (!(error instanceof RingfenceError)) throw error;
      this.#log.error(error.message);
    }
  }

  /** `ringfence agent enrol` has put another key there. */
  #keysChanged(): void {
    try {
      this.#changedAt = this.#state.changedAt;
      const before = this.#opened.key.kid;
      this.#opened = this.#state.open();
      if (this.#opened.key.kid === before) return;
      this.#log.info({ kid: this.#opened.key.kid }, 'a new key: connecting with it');
      this.#link?.renew();
    } catch (error) {
      if (!(error instanceof RingfenceError)) throw error;
      this.#log.error(`the keys were not read again: ${error.message}`);
    }
  }

  #tellEnd(): void {
    const left = this.#opened.certificate.notAfter - Date.now();
    const { account } = this.#opened;
    if (left > this.#config.settings.agent.renew_before) return;
    const when = left > 0 ? `ends in ${formatDuration(left)}` : 'has ended: the gateway takes it no more';
    this.#log.warn(
      `the certificate ${when}. On the gateway's machine: ringfence keys enrol ${account}; then run here what it prints`,
    );
  }

  #askStun(): void {
    const { stun, stun_every: every } = this.#config.settings.agent;
    const server = endpointOf(stun);
    if (server === null) return;
    const ask = (): void => {
      seenAddress(server).then(
        (address) => {
          if (address !== this.#seen) this.#log.info({ address }, 'media is announced at the address that STUN tells');
          this.#seen = address;
        },
        (error: unknown) => this.#log.warn(`${messageOf(error)}; descriptions of media stay as they were`),
      );
    };
    ask();
    this.#timers.push(setInterval(ask, every));
  }

  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await this.#link?.stop();
    this.#local?.close();
    this.#look();
    this.#log.info({ counts: this.#counters.all() }, 'ended');
  }
}

interface Listening {
  readonly transport: 'udp' | 'tcp';
  readonly host: string;
  readonly port: number;
}

/** `udp:127.0.0.1:5060` of the settings. */
export function transportOf(text: string): Listening {
  const endpoint = endpointOf(text.slice(4)) ?? { host: '', port: 0 };
  return { transport: text.startsWith('tcp:') ? 'tcp' : 'udp', ...endpoint };
}

/** The PBX or trunk of [agent] deliver. */
async function delivery(text: string, local: LocalSockets): Promise<LocalPeer | null> {
  if (text === '') return null;
  const { transport, host, port } = transportOf(text);
  const found = canonicalAddress(host) ?? (await lookup(host)).address;
  const place = local.places.find((one) => one.transport === transport) ?? local.places[0];
  return place === undefined ? null : { transport, address: found, port, place, connection: null };
}
