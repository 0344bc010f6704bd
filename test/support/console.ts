/** A console as the daemon serves it, on a real store, pipeline and enforcer, with a PBX in memory and traffic that is given. */
import { randomBytes, scryptSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Hand } from '../../src/commands/by-hand.ts';
import { usersPath } from '../../src/commands/console-users.ts';
import { RunConsole } from '../../src/commands/run-console.ts';
import { siteOf } from '../../src/commands/site.ts';
import { loadConfig, type Config } from '../../src/config.ts';
import type { Readings } from '../../src/console/readings.ts';
import { servePages, type PagesServer } from '../../src/console/server.ts';
import { Tally } from '../../src/console/tally.ts';
import { UsersFile, type User } from '../../src/console/users.ts';
import type { GatewayView } from '../../src/console/view.ts';
import { Counters } from '../../src/counters.ts';
import type { Event } from '../../src/model.ts';
import { Pipeline } from '../../src/pipeline.ts';
import { createEnforcer, type Enforcer } from '../../src/respond/enforcer.ts';
import { KeyPublisher } from '../../src/respond/key-publisher.ts';
import { actDetail } from '../../src/respond/policy.ts';
import { Recorder } from '../../src/respond/recorder.ts';
import { openStore, type AuditEntry, type Store } from '../../src/store/index.ts';
import { FakePbx } from './fake-pbx.ts';
import { recordingLog } from './log.ts';
import type { Packet } from './sip-builder.ts';

export const PASSWORD = 'a long enough password';
/** Hashed as the console does it, but cheaply: the tests log in often. */
const HASHED = ((): string => {
  const salt = randomBytes(16);
  const key = scryptSync(PASSWORD, salt, 32, { N: 2 ** 10, r: 8, p: 1 });
  return `scrypt$10$8$1$${salt.toString('base64url')}$${key.toString('base64url')}`;
})();

export interface ConsoleOptions {
  /** more settings */
  readonly settings?: string;
  readonly language?: 'en' | 'de';
  readonly gateway?: GatewayView;
  readonly tls?: boolean;
}

export class ConsoleBench {
  readonly folder = mkdtempSync(join(tmpdir(), 'ringfence-console-'));
  readonly config: Config;
  readonly store: Store;
  readonly pipeline: Pipeline;
  readonly enforcer: Enforcer;
  readonly recorder: Recorder;
  readonly console: RunConsole;
  readonly pbx = new FakePbx();
  readonly logged = recordingLog();
  readonly notes: AuditEntry[] = [];
  readonly endpoints = ['1001', '1002', '1003', '1004', '1005', '2001'].map((endpoint) => ({ endpoint, aliases: [] }));
  /** what the daemon says of itself */
  readings: Partial<Readings> = {};
  server: PagesServer | null = null;
  readonly #timer: NodeJS.Timeout;
  readonly #tally: Tally;

  constructor({ settings = '', language = 'en', gateway }: ConsoleOptions = {}) {
    const file = join(this.folder, 'ringfence.toml');
    // the office opens in some hours: whenever this runs, it is closed
    const hour = (new Date().getUTCHours() + 8) % 22;
    const two = (value: number): string => String(value).padStart(2, '0');
    writeFileSync(
      file,
      `mode = "enforce"
[site]
name = "head-office"
timezone = "UTC"
country = "DE"
currency = "EUR"
language = "${language}"
[hours]
open = ["Mon-Sun ${two(hour)}:00-${two(hour + 1)}:30"]
[accounts.1002]
hours = "always"
[network]
local = ["10.0.0.0/8"]
pbx = ["192.0.2.10"]
trunks = [{ name = "carrier", addresses = ["198.51.100.0/28"] }]
[store]
path = "ringfence.db"
${settings.includes('[console]') ? '' : '[console]\ncountries_file = "countries.csv"\n'}${settings}
`,
    );
    writeFileSync(join(this.folder, 'countries.csv'), '203.0.113.0,203.0.113.255,NL\n198.51.100.0,198.51.100.255,US\n');
    this.config = loadConfig(file);
    const site = siteOf(this.config);
    site.accounts.learn(this.endpoints);
    this.store = openStore(join(this.folder, 'ringfence.db'));
    const { log } = this.logged;
    const counters = new Counters();
    this.enforcer = createEnforcer({
      ...{ site, store: this.store, ami: () => this.pbx, emergency: ['110', '112'], log, counters },
      ...{ accounts: () => 50, now: Date.now },
    });
    this.recorder = new Recorder({
      ...{ cursor: 'run', store: this.store, snapshots: () => [], told: () => undefined, counters, log },
    });
    this.#tally = new Tally([], 'EUR');
    this.pipeline = new Pipeline({
      ...{ live: true, detect: this.config.settings.detect, respond: this.config.settings.respond, site },
      ...{ enforce: true, amiRecords: false },
      changed: (change) => {
        this.recorder.take(change);
        if (change.decisions.length > 0) this.enforcer.decide(change.decisions, actDetail(change.evidence, site));
      },
      watch: (event: Event) => this.console.event(event),
    });
    const keys = new KeyPublisher({ store: this.store, ami: () => this.pbx, log, now: Date.now });
    const hand: Hand = {
      ...{ enforcer: this.enforcer, store: this.store, keys, site: () => site, mode: () => 'enforce' as const },
      ...{ dialing: () => this.config.settings.dialing, mediaAllowed: () => [] },
      endpoints: () => this.endpoints.map(({ endpoint }) => endpoint),
    };
    this.console = new RunConsole({
      ...{ config: this.config, store: this.store, settings: () => this.config.settings, log },
      target: () => ({ site, pipeline: this.pipeline, endpoints: this.endpoints }),
      readings: () => this.#readings(),
      hand: () => hand,
      note: (entry) => {
        this.notes.push(entry);
        this.store.audit.append([entry]);
      },
      gateway: () => gateway ?? null,
    });
    this.enforcer.loggedIn(this.pbx);
    this.#timer = setInterval(() => this.enforcer.tick(Date.now()), 50).unref();
  }

  #readings(): Readings {
    const counts = Object.entries(this.store.incidents.counts());
    return {
      ...{ version: '0.0.0', mode: 'enforce', ready: true, progress: true, startedAt: Date.now() - 3_600_000 },
      ...{ counts: {}, tally: this.#tally, hep: { kernelDrops: 0, receiveBuffer: 4_194_304, connections: 0 } },
      feeds: [
        { feed: 'hep', lastAt: Date.now() - 400 },
        { feed: 'ami', lastAt: Date.now() - 900 },
        { feed: 'cdr', lastAt: Date.now() - 42_000 },
      ],
      ami: { state: 'up', since: Date.now() - 3_600_000, roundTrip: 2 },
      enforcement: { ...this.enforcer.health(), stopped: false, targets: this.#targets() },
      ...{
        queues: [],
        store: { file: 1e6, log: 0, failing: false, incidents: counts.map(([severity, n]) => ({ severity, ...n })) },
      },
      ...{ sizes: {}, notifiers: [{ channel: 'mail', up: true, waiting: 0, delivered: 12, failed: 0 }] },
      ...{ heartbeat: null, alarms: [], gateway: null },
      ...this.readings,
    };
  }

  #targets(): Readings['enforcement']['targets'] {
    return this.enforcer
      .health()
      .targets.map(({ name, state, since, rows, unproved, foreign, contested, latency }) => ({
        ...{ name, state, since, rows, unproved, foreign: foreign.length, contested: contested.length },
        ...{ median: latency.median, p99: latency.p99 },
      }));
  }

  /** Users, each with PASSWORD. */
  users(all: Readonly<Record<string, User['role']>>): void {
    const password = HASHED;
    const file = new UsersFile(usersPath(this.config));
    file.write(new Map(Object.entries(all).map(([name, role]) => [name, { name, role, password }])));
  }

  async serve(): Promise<string> {
    const tls = RunConsole.tlsOf(this.config);
    this.server = await servePages({
      ...{ listen: '127.0.0.1:0', allow: null, names: this.config.settings.console.names },
      ...{ pages: new Map(), counters: new Counters(), log: this.logged.log },
      app: this.console.web.handle.bind(this.console.web),
      tls,
    });
    return `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${this.server.port}`;
  }

  /** Mirrored SIP, in the order of time. */
  play(packets: readonly Packet[]): void {
    for (const { path, payload, at } of packets.toSorted((a, b) => a.at - b.at)) {
      this.pipeline.advance(at);
      this.pipeline.correlator.sip(path, payload, at, at);
    }
    this.recorder.flush();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.console.close();
    await this.server?.close();
    this.enforcer.close();
    this.store.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
