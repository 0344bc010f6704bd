import { nearest } from '../config.ts';
import { detectors as all } from '../detect/index.ts';
import { RingfenceError } from '../errors.ts';
import { EXIT, type GlobalOptions, type Output } from './output.ts';
import { helpOf } from './schema-help.ts';
import { readConfig } from './site.ts';

/** `ringfence detectors`: every detector, its parameters, their defaults and what the settings make of them. */
export default function detectors(args: readonly string[], options: GlobalOptions, output: Output): number {
  const [wanted] = args;
  const found = all.filter((d) => wanted === undefined || d.name === wanted);
  if (found.length === 0) {
    const names = all.map((d) => d.name);
    const near = nearest(wanted ?? '', names);
    const hint = near === null ? `there are: ${names.join(', ')}` : `did you mean ${near}?`;
    throw new RingfenceError('usage', `there is no detector "${wanted ?? ''}"; ${hint}`);
  }
  const { settings } = readConfig(options, output);
  for (const [index, detector] of found.entries()) {
    const set = (settings.detect as Record<string, Record<string, unknown>>)[detector.name] ?? {};
    const parameters = helpOf(detector.parameters, set).map((p) => ({
      name: p.name,
      value: p.value,
      default: p.fallback,
      help: p.help,
    }));
    if (output.json) {
      output.object({ name: detector.name, summary: detector.summary, consumes: detector.consumes, parameters });
      continue;
    }
    output.result(`${index === 0 ? '' : '\n'}${detector.name}: ${detector.summary}`);
    for (const { name, value, default: fallback, help } of parameters) {
      const changed =
        JSON.stringify(value) === JSON.stringify(fallback) ? '' : ` (default ${JSON.stringify(fallback)})`;
      output.result(`  ${name} = ${JSON.stringify(value)}${changed}\n      ${help}`);
    }
  }
  if (!output.json) output.note('\nSet them in the settings under [detect.NAME], for example [detect.scan].');
  return EXIT.done;
}
