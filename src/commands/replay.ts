import { readRecordings } from '../collect/recordings.ts';
import { Pipeline } from '../pipeline.ts';
import type { Change } from '../respond/incidents.ts';
import { Zone } from '../time.ts';
import { en, explain } from '../words/index.ts';
import type { GlobalOptions, Output } from './output.ts';
import { readConfig, siteOf } from './site.ts';
import { Stories } from './stories.ts';
import { rulesOf, textOptions } from './text.ts';
import { alertPrinter, statusOf, type FailOn } from './verdict.ts';

/** Call records in a file of their own are those of the AMI events recorded beside it. */
const isRecordFile = (file: string): boolean => /\.csv(?:[.-]|$)/.test(file);

/** `ringfence replay FILE…`: recordings judged on their own clock; no store, no PBX. */
export default async function replay(
  files: readonly string[],
  options: { readonly explain: boolean } & FailOn & GlobalOptions,
  output: Output,
): Promise<number> {
  const { settings, ...config } = readConfig(options, output);
  const site = siteOf({ settings, ...config });
  const text = textOptions(site, output);
  const print = alertPrinter(output, text);
  const stories = new Stories();
  const changed = (change: Change): void => {
    stories.take(change);
    for (const alert of change.alerts) print(alert);
  };
  const pipeline = new Pipeline({
    live: false,
    detect: settings.detect,
    respond: settings.respond,
    site,
    amiRecords: !files.some(isRecordFile),
    changed,
  });
  const refused = new Map<string, number>();
  let items = 0;
  const cdr = { zone: new Zone(site.timezone), utc: settings.asterisk.cdr?.utc ?? true };
  for await (const item of readRecordings(files, cdr)) {
    items++;
    if (item.kind === 'refused') {
      refused.set(item.reason, (refused.get(item.reason) ?? 0) + 1);
      continue;
    }
    pipeline.advance(item.at);
    if (item.kind === 'sip') pipeline.correlator.sip(item.path, item.payload, item.at, item.at);
    else if (item.kind === 'ami') pipeline.ami(item.message, item.at, item.at);
    else pipeline.correlator.cdr(item.record, Infinity);
  }
  pipeline.finish();

  const found = stories.all();
  if (options.explain && !output.json)
    for (const story of found) output.result(`\n${explain({ ...story, rules: rulesOf(settings.detect) }, text)}`);
  for (const [reason, count] of refused)
    output.note(`ringfence: ${count} item${count === 1 ? '' : 's'} not read: ${reason}`);
  const said = found.length === 0 ? 'nothing to report' : en.tally(stories.tally());
  output.note(`ringfence: ${items} message${items === 1 ? '' : 's'} judged: ${said}`);
  return statusOf(stories, options.failOn);
}
