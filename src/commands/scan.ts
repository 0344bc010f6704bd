import { resolve } from 'node:path';
import { scanCdrFile } from '../collect/cdr-file.ts';
import { Counters } from '../counters.ts';
import { RingfenceError } from '../errors.ts';
import { createLog } from '../log.ts';
import { Pipeline } from '../pipeline.ts';
import { Recorder } from '../respond/recorder.ts';
import { Zone } from '../time.ts';
import { en } from '../words/index.ts';
import { daemonOf, isSameFile } from './lock.ts';
import { storeOf } from './open-store.ts';
import type { GlobalOptions, Output } from './output.ts';
import { alertPrinter, statusOf, type FailOn } from './verdict.ts';
import { readConfig, siteOf } from './site.ts';
import { Stories } from './stories.ts';
import { textOptions } from './text.ts';

interface ScanOptions extends FailOn {
  readonly all: boolean;
}

const DEFAULT_CDR = '/var/log/asterisk/cdr-csv/Master.csv';

/** `ringfence scan`: the call records since the last scan, each judged exactly once; `--all` from the start. */
export default function scan(_args: readonly string[], options: ScanOptions & GlobalOptions, output: Output): number {
  const config = readConfig(options, output);
  const { settings } = config;
  const site = siteOf(config);
  const cdr = settings.asterisk.cdr ?? { path: DEFAULT_CDR, utc: true };
  const path = resolve(config.directory, cdr.path);
  const store = storeOf(config, { create: true });
  try {
    const daemon = daemonOf(store.path);
    if (typeof daemon?.cdr === 'string' && isSameFile(daemon.cdr, path))
      throw new RingfenceError(
        'store-locked',
        `ringfence run (process ${daemon.pid}) follows ${path} already; what it finds is in ringfence alerts`,
      );
    const text = textOptions(site, output);
    const print = alertPrinter(output, text);
    const stories = new Stories();
    const recorder = new Recorder({
      cursor: 'scan',
      store,
      snapshots: () => pipeline.snapshot(),
      // with --all what was told before is told again, for somebody asked to see it
      told: options.all ? () => undefined : print,
      counters: new Counters(),
      log: createLog('warn'),
      limit: Infinity,
    });
    const pipeline = new Pipeline({
      live: false,
      detect: settings.detect,
      respond: settings.respond,
      site,
      amiRecords: false,
      changed: (change) => {
        stories.take(change);
        recorder.take(change);
        if (options.all) change.alerts.forEach(print);
      },
    });
    const stored = options.all ? null : store.offsets.get('scan');
    const position = stored?.path === path ? stored : null;
    if (position !== null) pipeline.restore(store.snapshots.load('scan'));
    let records = 0;
    for (const batch of scanCdrFile({ path, zone: new Zone(site.timezone), utc: cdr.utc, position })) {
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
    return statusOf(stories, options.failOn);
  } finally {
    store.close();
  }
}
