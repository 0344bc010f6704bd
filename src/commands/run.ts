import { resolve } from 'node:path';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { loadConfig, type Config } from '../config.ts';
import { Counters } from '../counters.ts';
import { messageOf, RingfenceError } from '../errors.ts';
import { createLog, logForm, type Log } from '../log.ts';
import type { Event } from '../model.ts';
import { Pipeline } from '../pipeline.ts';
import type { Change } from '../respond/incidents.ts';
import { Recorder } from '../respond/recorder.ts';
import type { Site } from '../site/index.ts';
import type { Store } from '../store/index.ts';
import { DAY, HOUR, MINUTE, parseDuration, SECOND } from '../time.ts';
import { enforces } from './acting.ts';
import { AnswerKeeper } from './audit/answer-store.ts';
import type { Hand } from './by-hand.ts';
import { readSecrets, startAmi, startCdr, startHep, type Target } from './feeds.ts';
import { lockStore } from './lock.ts';
import { RunActing } from './run-acting.ts';
import { RunHealth } from './run-health.ts';
import { tellSystemd } from './systemd.ts';
import { RunAudit } from './run-audit.ts';
import { RunGateway } from './run-gateway.ts';
import { RunConsole } from './run-console.ts';
import { handOf, startRunControl } from './run-control.ts';
import { RunNotify } from './run-notify.ts';
import { storeOf } from './open-store.ts';
import { EXIT, type GlobalOptions, type Output } from './output.ts';
import { alertPrinter } from './verdict.ts';
import { readConfig, siteOf } from './site.ts';
import { textOptions } from './text.ts';
import { trailSigner } from './trail-signer.ts';

interface RunOptions {
  readonly for?: number;
  readonly log: 'debug' | 'info' | 'warn' | 'error';
}

/** The correlator's clock moves at least this often; what waits for time to pass is at most this late. */
const TICK = 250;
/** What ends, and what waits for a neighbour, is at most this late. */
const ACT_TICK = 100;

/** `ringfence run`: the daemon. Ends with 0 on SIGTERM and SIGINT, nothing lost. */
export default async function run(
  _args: readonly string[],
  options: RunOptions & GlobalOptions,
  output: Output,
): Promise<number> {
  const config = readConfig(options, output);
  const { settings } = config;
  const { cdr, ami } = settings.asterisk;
  if (settings.hep === undefined && cdr === undefined && ami === undefined && settings.gateway?.in_run !== true)
    throw new RingfenceError(
      'config-invalid',
      'no feed is set: add [hep], [asterisk.cdr] or [asterisk.ami] to the settings (ringfence config print shows them)',
    );
  const secrets = readSecrets(config);
  const log = createLog(
    options.log,
    settings.log.format === 'auto' ? logForm(process.stderr.isTTY) : settings.log.format,
  );
  const counters = new Counters();
  const site = siteOf(config);
  const store = storeOf(config, { create: true });
  const lock = lockStore(store.path, cdr === undefined ? null : resolve(config.directory, cdr.path));
  try {
    const daemon = new Daemon(config, site, store, counters, log, output);
    const ended = endSignal(options.for, output);
    process.on('SIGHUP', () => daemon.reload(options.config ?? config.file ?? undefined));
    try {
      await daemon.start(secrets);
    } catch (error) {
      await daemon.stop(); // one feed could not start: those that did must not keep the process
      throw error;
    }
    const why = await ended;
    log.info(`ending: ${why}`);
    return (await daemon.stop()) ? EXIT.done : EXIT.failed;
  } finally {
    store.close();
    lock.release();
  }
}

/** Resolves when somebody wants the daemon to end, or nobody reads its alerts any more (`ringfence run | head`). */
function endSignal(after: number | undefined, output: Output): Promise<string> {
  return new Promise((end) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => end(signal));
    if (after !== undefined) setTimeout(() => end('the time of --for is over'), after).unref();
    output.onGone(() => end('nobody reads stdout any more'));
  });
}

/** Feeds get this long to close; what they still hold is with their senders. */
const CLOSE_WITHIN = 3 * SECOND;

class Daemon {
  readonly #config: Config;
  readonly #store: Store;
  readonly #counters: Counters;
  readonly #log: Log;
  readonly #target: Target;
  readonly #recorder: Recorder;
  /** [audit] passwords */
  readonly #answers: AnswerKeeper | null;
  readonly #acting: RunActing;
  readonly #health: RunHealth;
  readonly #audit: RunAudit;
  readonly #notify: RunNotify;
  readonly #gateway: RunGateway;
  readonly #hand: Hand;
  /** null: [console] listen = "" */
  readonly #console: RunConsole | null;
  readonly #timers: NodeJS.Timeout[] = [];
  #hep: Awaited<ReturnType<typeof startHep>> = null;
  #cdr: ReturnType<typeof startCdr> = null;
  #ami: ReturnType<typeof startAmi> = null;
  #control: Awaited<ReturnType<typeof startRunControl>> | null = null;
  #ready = false;
  /** as they are since the last reload */
  #settings: Config['settings'];

  constructor(config: Config, site: Site, store: Store, counters: Counters, log: Log, output: Output) {
    this.#config = config;
    this.#settings = config.settings;
    this.#store = store;
    this.#counters = counters;
    this.#log = log;
    this.#health = new RunHealth({
      ...{ config, store, counters, log },
      target: () => this.#target,
      mode: () => this.#settings.mode,
      recorder: () => this.#recorder,
      enforcer: () => this.#acting.enforcer,
      hep: () => this.#hep,
      cdr: () => this.#cdr,
      ami: () => this.#ami,
      ready: () => this.#ready,
      channels: () => this.#notify.health(),
      gateway: () => this.#gateway.reading(),
      web: () => this.#console?.web ?? null,
      told: (notice) => this.#notify.alarm(notice),
    });
    const print = alertPrinter(output, textOptions(site, output));
    this.#recorder = new Recorder({
      cursor: 'run',
      store: this.#health.watched(store),
      snapshots: () => this.#target.pipeline.snapshot(),
      told: (alert) => {
        print(alert);
        this.#notify.told(alert);
      },
      deliveries: (alert) => this.#notify.plan(alert),
      counters,
      log,
    });
    const every = parseDuration(config.settings.audit.seal_every);
    const signer = trailSigner(config, log);
    this.#audit = new RunAudit({ store, log, signer, ...(every.ok ? { sealEvery: every.value } : {}) });
    this.#target = { site, pipeline: this.#pipeline(config, site), endpoints: [] };
    this.#answers = config.settings.audit.passwords
      ? new AnswerKeeper(store, (username) => this.#target.site.accounts.resolve(username))
      : null;
    this.#acting = new RunActing({
      ...{ config, site, store, counters, log },
      target: () => this.#target,
      session: () => this.#ami?.session ?? null,
    });
    this.#gateway = new RunGateway({
      ...{ config, store, counters, log },
      target: () => this.#target,
      recorder: () => this.#recorder,
    });
    this.#notify = new RunNotify({ config, site, store, counters, log, enforcer: () => this.#acting.enforcer });
    const shared = { settings: () => this.#settings, target: () => this.#target };
    this.#hand = handOf({ ...shared, store, enforcer: this.#acting.enforcer, keys: this.#acting.keys });
    this.#console =
      config.settings.console.listen === ''
        ? null
        : new RunConsole({
            ...{ ...shared, config, store, log },
            readings: () => this.#health.readings(),
            hand: () => this.#hand,
            note: (entry) => this.#audit.note(entry),
          });
  }

  #pipeline({ settings }: Config, site: Site): Pipeline {
    const amiRecords = settings.asterisk.cdr === undefined;
    const changed = (change: Change): void => {
      this.#acting.changed(change);
      this.#recorder.take(change);
      this.#health.changed(change);
      this.#notify.changed(change);
    };
    const watch = (event: Event): void => {
      // a quiet night writes no snapshots
      if (event.kind !== 'tick') this.#recorder.touched();
      this.#acting.watch(event);
      this.#health.event(event);
      this.#console?.event(event);
    };
    const { detect, respond } = settings;
    const enforce = enforces(settings);
    const silence = parseDuration(settings.hep?.call_silence ?? '');
    return new Pipeline({
      ...{ live: true, detect, respond, enforce, site, amiRecords, changed, watch },
      refused: (call) => this.#acting.enforcer.refuses(call),
      ...(silence.ok ? { silence: silence.value } : {}),
    });
  }

  async start(secrets: ReturnType<typeof readSecrets>): Promise<void> {
    this.#audit.settings('settings.loaded', this.#config, { why: 'ringfence run started' });
    this.#audit.tick(Date.now());
    const stored = this.#store.snapshots.load('run');
    const warm = stored.size > 0 && this.#target.pipeline.restore(stored);
    this.#log.info(
      warm ? 'going on from where it ended' : 'starting without a past: what rests on it is judged mildly for an hour',
    );
    const context = {
      config: this.#config,
      target: this.#target,
      recorder: this.#recorder,
      ...(this.#answers === null ? {} : { heard: this.#answers.answers.take.bind(this.#answers.answers) }),
      counters: this.#counters,
      log: this.#log,
    };
    this.#control = await startRunControl({
      ...{ store: this.#store, log: this.#log, hand: this.#hand },
      status: () => this.#status(),
      reload: () => this.reload(this.#config.file ?? undefined),
      gateway: {
        gatewayFinding: (finding) => this.#gateway.judge(finding),
        gatewayReading: (reading) => this.#gateway.told(reading),
      },
    });
    // the backlog of records first: it lies before what the other feeds tell
    this.#cdr = startCdr(context, this.#store.offsets.get('run'));
    await turn(); // the end of the file is found now: what is written from here on is judged
    this.#hep = await startHep(context, secrets.hep);
    await this.#gateway.start();
    this.#ami = startAmi(context, secrets.ami, (session) => {
      this.#acting.loggedIn(session);
      this.#becomeReady();
    });
    this.#every(ACT_TICK, () => this.#acting.tick(Date.now()));
    this.#every(TICK, () => {
      this.#target.pipeline.correlator.tick(Date.now());
      this.#health.ticked();
    });
    this.#every(SECOND, () => this.#audit.tick(Date.now()));
    this.#every(SECOND, () => {
      this.#recorder.tick(Date.now());
      this.#notify.tick(Date.now());
    });
    this.#every(MINUTE, () => {
      const acting = this.#acting.summary();
      this.#log.info(
        { counts: this.#counters.all(), held: this.#target.pipeline.sizes(), acting, notify: this.#notify.health() },
        'still watching',
      );
    });
    this.#every(MINUTE, () => this.#keepAnswers());
    this.#every(6 * HOUR, () => void this.#purge());
    for (const { transport, address, port } of this.#hep?.addresses() ?? [])
      this.#log.info(`listening for mirrored SIP on ${transport}:${address}:${port}`);
    await this.#health.start();
    if (this.#ami === null) this.#becomeReady();
  }

  #every(interval: number, work: () => void): void {
    this.#timers.push(setInterval(work, interval));
  }

  /** What the control socket's `status` tells beside enforcement. */
  #status(): object {
    return {
      ready: this.#ready,
      counts: this.#counters.all(),
      ami: this.#ami?.health().state ?? null,
      hep: this.#hep?.addresses() ?? [],
      hepAt: this.#hep?.health().lastPacketAt ?? null,
      waiting: this.#recorder.waiting,
      notify: this.#notify.health(),
    };
  }

  /** Said once: listening everywhere, and logged in to Asterisk where that is asked for. */
  #becomeReady(): void {
    if (this.#ready) return;
    this.#ready = true;
    process.stderr.write('ringfence ready\n');
    tellSystemd('--ready', this.#log);
  }

  #keepAnswers(): void {
    const { audit } = this.#config.settings;
    const keep = parseDuration(audit.passwords_keep);
    const before = Date.now() - (keep.ok ? keep.value : 7 * DAY);
    try {
      // switched off: what was kept goes at once
      if (this.#answers === null) this.#store.digestAnswers.forget(Infinity);
      else this.#answers.flush(before);
    } catch (error) {
      this.#log.error(`digest answers could not be kept: ${messageOf(error)}`);
    }
  }

  /** One story at a time, so that the loop runs between them. */
  async #anonymise(): Promise<void> {
    const { anonymise, anonymise_after } = this.#config.settings.store;
    const after = parseDuration(anonymise_after);
    if (!anonymise || !after.ok) return;
    let masked = 0;
    for (;;) {
      const step = this.#store.privacy.anonymiseStep(Date.now() - after.value, Date.now());
      if (step === 0) break;
      masked += step;
      await turn();
    }
    if (masked > 0) this.#log.info({ masked }, 'masked what was older than [store] anonymise_after');
  }

  async #purge(): Promise<void> {
    const keep = parseDuration(this.#config.settings.store.keep);
    try {
      const gone = await this.#store.purge(Date.now() - (keep.ok ? keep.value : 90 * DAY));
      if (gone > 0) {
        this.#log.info({ incidents: gone }, 'purged what was older than [store] keep');
        this.#audit.note({
          actor: 'settings',
          action: 'store.purged',
          target: 'incidents',
          details: { incidents: gone },
        });
      }
      await this.#anonymise();
      const trail = parseDuration(this.#settings.audit.trail_keep);
      if (trail.ok) await this.#store.purgeAudit(Date.now() - trail.value);
    } catch (error) {
      this.#log.error(`purging failed: ${messageOf(error)}`);
    }
  }

  /**
   * SIGHUP: new settings of site and detectors, without forgetting what was seen. Wrong settings change nothing.
   * Addresses, files and accounts of the feeds are as they were at the start.
   */
  reload(path: string | undefined): string | null {
    try {
      const config = loadConfig(path);
      const site = siteOf(config);
      const fixed = (s: Config['settings']): string =>
        JSON.stringify([
          s.asterisk,
          s.hep,
          s.store,
          s.kamailio,
          s.nftables,
          s.console,
          s.metrics,
          s.health,
          s.heartbeat,
          s.respond.limits,
          s.audit.passwords,
        ]);
      const pipeline = this.#pipeline(config, site);
      pipeline.restore(new Map(this.#target.pipeline.snapshot().map((part) => [part.name, part])));
      site.accounts.learn(this.#target.endpoints);
      this.#notify.useConfig(config, site);
      this.#acting.useConfig(config, site);
      void this.#gateway.use(config);
      this.#target.site = site;
      this.#target.pipeline = pipeline;
      this.#settings = config.settings;
      this.#log.info('the settings were read again');
      this.#audit.settings('settings.loaded', config, { why: 'read again' });
      for (const warning of config.warnings) this.#log.warn(warning);
      if (fixed(config.settings) !== fixed(this.#config.settings))
        this.#log.warn(
          '[asterisk], [hep], [store], [kamailio], [nftables], [console], [metrics], [health], [heartbeat], [respond.limits] or [audit] passwords changed: that takes effect at the next start of ringfence',
        );
      return null;
    } catch (error) {
      if (!(error instanceof RingfenceError)) throw error;
      this.#audit.settings('settings.refused', null, { code: error.code });
      this.#log.error({ code: error.code }, `the settings were not taken, the old ones stand: ${error.message}`);
      return error.message;
    }
  }

  #closeAudit(): boolean {
    this.#audit.note({ actor: 'ringfence', action: 'run.ended', target: 'ringfence' });
    return this.#audit.close();
  }

  /** @returns false: the store could not take everything */
  async stop(): Promise<boolean> {
    this.#control?.close();
    for (const timer of this.#timers) clearInterval(timer);
    this.#console?.close();
    const closed = Promise.all([this.#hep?.close(), this.#ami?.close(), this.#health.close(), this.#gateway.close()]);
    await Promise.race([closed, sleep(CLOSE_WITHIN, undefined, { ref: false })]);
    this.#cdr?.close();
    this.#keepAnswers();
    const stored = [this.#recorder.close(), await this.#acting.close(), this.#closeAudit()].every(Boolean);
    await this.#notify.close();
    if (!stored) this.#log.error({ changes: this.#recorder.waiting }, 'the store could not take what was judged last');
    this.#log.info({ counts: this.#counters.all() }, 'ended');
    return stored;
  }
}
