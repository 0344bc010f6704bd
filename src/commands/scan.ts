import { resolve } from 'node:path';
import { scanCdrFile } from '../collect/cdr-file.ts';
import { Counters } from '../counters.ts';
import { RingfenceError } from '../errors.ts';
import type { Config } from '../config.ts';
import { createLog } from '../log.ts';
import type { Decision, DecisionState, Evidence, Millis } from '../model.ts';
import { Pipeline } from '../pipeline.ts';
import type { CallLeg } from '../respond/enforcer.ts';
import type { Change } from '../respond/incidents.ts';
import { actDetail } from '../respond/policy.ts';
import { Recorder } from '../respond/recorder.ts';
import type { Site } from '../site/index.ts';
import type { Store } from '../store/index.ts';
import { SECOND, Zone } from '../time.ts';
import { en } from '../words/index.ts';
import { cannotAct } from './acting.ts';
import { directly, storePath } from './direct.ts';
import { daemonOf, isSameFile } from './lock.ts';
import { storeOf } from './open-store.ts';
import { EXIT, type GlobalOptions, type Output } from './output.ts';
import { alertPrinter, statusOf, type FailOn } from './verdict.ts';
import { ScanNotify } from './scan-notify.ts';
import { readConfig, siteOf } from './site.ts';
import { Stories } from './stories.ts';
import { textOptions } from './text.ts';

interface ScanOptions extends FailOn {
  readonly all: boolean;
  readonly enforce: boolean;
}

/** So long what was decided may take until it is seen to stand. */
const PATIENCE: Millis = 5 * SECOND;

const DEFAULT_CDR = '/var/log/asterisk/cdr-csv/Master.csv';

/** `ringfence scan`: the call records since the last scan, each judged exactly once; `--all` from the start. */
export default async function scan(
  _args: readonly string[],
  options: ScanOptions & GlobalOptions,
  output: Output,
): Promise<number> {
  const config = readConfig(options, output);
  refuseBesideDaemon(config, options.enforce);
  if (options.enforce) return await scanAndAct(config, options, output);
  const store = storeOf(config, { create: true });
  try {
    const site = siteOf(config);
    const notify = new ScanNotify({ config, site, store, enforcer: null });
    const { status } = judge(config, options, output, { store, site, notify, changed: () => undefined });
    await notify.tell(output);
    return status;
  } finally {
    store.close();
  }
}

const recordsOf = ({ settings, directory }: Config): { readonly path: string; readonly utc: boolean } => {
  const cdr = settings.asterisk.cdr ?? { path: DEFAULT_CDR, utc: true };
  return { path: resolve(directory, cdr.path), utc: cdr.utc };
};

/** @throws RingfenceError store-locked: what a daemon judges is not judged twice, and one alone speaks to the PBX */
function refuseBesideDaemon(config: Config, enforce: boolean): void {
  const daemon = daemonOf(storePath(config));
  if (daemon === null) return;
  const { path } = recordsOf(config);
  if (daemon.cdr !== null && isSameFile(daemon.cdr, path))
    throw new RingfenceError(
      'store-locked',
      `ringfence run (process ${daemon.pid}) follows ${path} already; what it finds is in ringfence alerts`,
    );
  if (enforce)
    throw new RingfenceError(
      'store-locked',
      `ringfence run (process ${daemon.pid}) acts with this store already: let it follow the file ([asterisk.cdr] path), or scan without --enforce`,
    );
}

/** The PBX is asked for its accounts first: nobody else is blocked. What cannot be done now is done when ringfence runs next. */
async function scanAndAct(config: Config, options: ScanOptions, output: Output): Promise<number> {
  const missing = cannotAct(config.settings);
  if (missing !== null) throw new RingfenceError('config-invalid', `--enforce: ${missing}`);
  let calls: Pipeline['correlator'] | null = null;
  const legs = (target: string): readonly CallLeg[] => calls?.legsOf(target) ?? [];
  return await directly(config, output, { declares: true, legs }, async ({ enforcer, store, site, away }) => {
    const notify = new ScanNotify({ config, site: site(), store, enforcer: () => enforcer });
    const decided = new Map<string, { readonly decision: Decision; readonly evidence: Evidence }>();
    const { status, correlator } = judge(config, options, output, {
      ...{ store, site: site(), notify, enforce: true },
      changed: ({ decisions, evidence }) => {
        for (const decision of decisions) decided.set(decision.id, { decision, evidence });
      },
    });
    calls = correlator;
    for (const { decision, evidence } of decided.values()) enforcer.decide([decision], actDetail(evidence, site()));
    const settled = away === null && (await enforcer.settled(PATIENCE));
    await notify.tell(output);
    const states = [...decided.keys()].map((id) => store.decisions.get(id)?.state ?? 'pending');
    const count = (state: DecisionState): number => states.filter((one) => one === state).length;
    if (decided.size > 0)
      output.note(
        `ringfence: decided ${decided.size}: ${count('done')} done, ${count('failed')} refused or failed, ` +
          `${count('expired')} over already (ringfence alerts show says which)`,
      );
    if (settled) return status;
    output.warn(
      `ringfence: NOT IN FORCE YET: ${away ?? 'the PBX has not taken all of it within 5 s'}; ` +
        'it is stored, and tried again by ringfence run or the next scan --enforce',
    );
    return EXIT.failed;
  });
}

interface Judging {
  readonly store: Store;
  readonly site: Site;
  /** may what is decided be done? */
  readonly enforce?: boolean;
  readonly notify: ScanNotify;
  readonly changed: (change: Change) => void;
}

function judge(
  config: Config,
  options: ScanOptions,
  output: Output,
  { store, site, notify, enforce = false, changed }: Judging,
): { readonly status: number; readonly correlator: Pipeline['correlator'] } {
  const { settings } = config;
  const { path, utc } = recordsOf(config);
  const text = textOptions(site, output);
  const print = alertPrinter(output, text);
  const stories = new Stories();
  const recorder = new Recorder({
    cursor: 'scan',
    store,
    snapshots: () => pipeline.snapshot(),
    // with --all what was told before is told again, for somebody asked to see it
    told: options.all ? () => undefined : print,
    deliveries: (alert) => notify.plan(alert, position === null),
    counters: new Counters(),
    log: createLog('warn'),
    limit: Infinity,
  });
  const pipeline = new Pipeline({
    live: false,
    detect: settings.detect,
    respond: settings.respond,
    ...{ site, enforce },
    amiRecords: false,
    changed: (change) => {
      stories.take(change);
      recorder.take(change);
      notify.changed(change);
      changed(change);
      if (options.all) change.alerts.forEach(print);
    },
  });
  const stored = options.all ? null : store.offsets.get('scan');
  const position = stored?.path === path ? stored : null;
  if (position !== null) pipeline.restore(store.snapshots.load('scan'));
  let records = 0;
  for (const batch of scanCdrFile({ path, zone: new Zone(site.timezone), utc, position })) {
    const now = Date.now();
    for (const record of batch.records) {
      pipeline.advance(record.end);
      pipeline.correlator.cdr(record, now);
    }
    records += batch.records.length;
    for (const { reason, offset } of batch.refused)
      output.warn(`ringfence: ${path}: byte ${offset}: not a call record: ${reason}`);
    if (batch.gap !== null) output.warn(`ringfence: ${batch.gap}`);
    recorder.reached(batch.position);
    recorder.tick(now);
  }
  if (!recorder.close())
    throw new RingfenceError(
      'store-full',
      'the store could not take what was found; nothing of it is lost: scan again when there is room',
    );
  const found = stories.all().length === 0 ? 'nothing to report' : en.tally(stories.tally());
  output.note(`ringfence: ${records} call record${records === 1 ? '' : 's'} judged: ${found}`);
  return { status: statusOf(stories, options.failOn), correlator: pipeline.correlator };
}
