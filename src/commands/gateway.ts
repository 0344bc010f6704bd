import { resolve } from 'node:path';
import { loadConfig } from '../config.ts';
import { Counters } from '../counters.ts';
import { messageOf, PeerError, RingfenceError } from '../errors.ts';
import type { Finding } from '../gateway/index.ts';
import { createLog, logForm, type Log } from '../log.ts';
import { MINUTE, SECOND } from '../time.ts';
import type { MethodParams } from './control-methods.ts';
import { callControl, controlPath } from './control.ts';
import { emergencyOf, runGateway } from './gateway-parts.ts';
import { storeOf } from './open-store.ts';
import { EXIT, type GlobalOptions, type Output } from './output.ts';
import { readingOf } from './run-gateway.ts';
import { readConfig, siteOf } from './site.ts';
import { tellSystemd, watchdogEvery } from './systemd.ts';

interface GatewayCommandOptions {
  readonly for?: number;
  readonly log: 'debug' | 'info' | 'warn' | 'error';
}

const READING_EVERY = 10 * SECOND;
/** The daemon answers within that, or is away. */
const DAEMON_WITHIN = 2 * SECOND;
/** Findings that wait for the daemon; what is beyond is in the log alone. */
const MOST_WAITING = 1_000;

/** `ringfence gateway`: the crypto gateway alone. Ends with 0 on SIGTERM and SIGINT, its sessions closed in order. */
export default async function gateway(
  _args: readonly string[],
  options: GatewayCommandOptions & GlobalOptions,
  output: Output,
): Promise<number> {
  const config = readConfig(options, output);
  const { settings } = config;
  if (settings.gateway === undefined)
    throw new RingfenceError(
      'config-invalid',
      'no gateway is set: add [gateway] to the settings (docs/gateway.md says how; ringfence config print shows what there is)',
    );
  const log = createLog(
    options.log,
    settings.log.format === 'auto' ? logForm(process.stderr.isTTY) : settings.log.format,
  );
  const counters = new Counters();
  const site = siteOf(config);
  const store = storeOf(config, { create: true });
  const daemon = new DaemonLine(controlPath(resolve(config.directory, settings.store.path)), counters, log);
  const timers: NodeJS.Timeout[] = [];
  try {
    const ended = endSignal(options.for);
    const running = await runGateway(
      {
        config,
        store,
        counters,
        log,
        site: () => site,
        tell: (finding) => daemon.tell(finding),
        heard: () => undefined,
      },
      settings.gateway,
    );
    process.on('SIGHUP', () => {
      try {
        const { settings: next } = loadConfig(options.config ?? config.file ?? undefined);
        if (next.gateway !== undefined) running.use(next.gateway, emergencyOf({ ...config, settings: next }));
        log.info(
          'rules, emergency numbers and [gateway.plain] were read again; the rest takes effect at the next start',
        );
      } catch (error) {
        if (!(error instanceof RingfenceError)) throw error;
        log.error({ code: error.code }, `the settings were not taken, the old ones stand: ${error.message}`);
      }
    });
    timers.push(
      setInterval(() => daemon.report(readingOf(running, counters)), READING_EVERY),
      setInterval(() => log.info({ ...running.reading(), counts: counters.all() }, 'still guarding'), MINUTE),
    );
    const watchdog = watchdogEvery();
    if (watchdog !== null) timers.push(setInterval(() => tellSystemd('WATCHDOG=1', log), watchdog));
    daemon.report(readingOf(running, counters));
    process.stderr.write('ringfence ready\n');
    tellSystemd('--ready', log);
    const why = await ended;
    log.info(`ending: ${why}`);
    await running.close();
    await daemon.close();
    log.info({ counts: counters.all() }, 'ended');
    return EXIT.done;
  } finally {
    for (const timer of timers) clearInterval(timer);
    store.close();
  }
}

function endSignal(after: number | undefined): Promise<string> {
  return new Promise((end) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => end(signal));
    if (after !== undefined) setTimeout(() => end('the time of --for is over'), after).unref();
  });
}

/** Tells the daemon, one thing after the other; while it is away the newest wait, and all of it is in the log. */
class DaemonLine {
  readonly #path: string;
  readonly #counters: Counters;
  readonly #log: Log;
  #waiting: Finding[] = [];
  #reading: ReturnType<typeof readingOf> | null = null;
  #telling: Promise<void> | null = null;
  #away = false;

  constructor(path: string, counters: Counters, log: Log) {
    this.#path = path;
    this.#counters = counters;
    this.#log = log;
  }

  tell(finding: Finding): void {
    const { peer, kind, account, detail } = finding;
    this.#log.warn({ kind, account, source: peer.address }, detail);
    this.#waiting.push(finding);
    if (this.#waiting.length > MOST_WAITING) {
      this.#waiting.shift();
      this.#counters.add('gateway.findings.untold');
    }
    this.#telling ??= this.#tellAll();
  }

  report(reading: ReturnType<typeof readingOf>): void {
    this.#reading = reading;
    this.#telling ??= this.#tellAll();
  }

  async #tellAll(): Promise<void> {
    try {
      for (let finding = this.#waiting[0]; finding !== undefined; finding = this.#waiting[0]) {
        await callControl(this.#path, 'gatewayFinding', shortened(finding), DAEMON_WITHIN);
        this.#waiting.shift();
      }
      if (this.#reading !== null) await callControl(this.#path, 'gatewayReading', plain(this.#reading), DAEMON_WITHIN);
      this.#reading = null;
      if (this.#away) this.#log.info('the daemon listens again');
      this.#away = false;
    } catch (error) {
      if (!(error instanceof RingfenceError)) throw error;
      if (!this.#away)
        this.#log.warn(`what is refused stands in this log alone, no daemon listens: ${messageOf(error)}`);
      this.#away = true;
      // refused by the daemon: it will not take it later either
      if (!(error instanceof PeerError)) this.#waiting.shift();
    } finally {
      this.#telling = null;
    }
  }

  async close(): Promise<void> {
    await this.#telling;
  }
}

/** Texts of strangers, no longer than the daemon takes them. */
const shortened = (finding: Finding): Finding => ({
  ...finding,
  account: finding.account.slice(0, 256),
  claimed: finding.claimed.slice(0, 256),
  callId: finding.callId.slice(0, 512),
  method: finding.method.slice(0, 64),
  detail: finding.detail.slice(0, 1_000),
});

const plain = ({ upstreams, ...reading }: ReturnType<typeof readingOf>): MethodParams['gatewayReading'] => ({
  ...reading,
  upstreams: [...upstreams],
  counts: { ...reading.counts },
});
