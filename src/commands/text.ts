import { detectors } from '../detect/index.ts';
import type { Severity } from '../model.ts';
import type { Site } from '../site/index.ts';
import { Zone } from '../time.ts';
import { plain, wordsOf, type Painter, type RuleText, type TextOptions } from '../words/index.ts';
import type { Output } from './output.ts';
import { helpOf } from './schema-help.ts';

const sgr = (codes: string, text: string): string => `\u001b[${codes}m${text}\u001b[0m`;

const SEVERITY_COLOURS: Readonly<Record<Severity, string>> = {
  info: '2',
  low: '36',
  medium: '33',
  high: '31',
  critical: '1;97;41',
};

const ansi: Painter = {
  bold: (text) => sgr('1', text),
  dim: (text) => sgr('2', text),
  severity: (severity, text) => sgr(SEVERITY_COLOURS[severity], text),
};

/** Commands that this version has, so that no advice names another. */
export const COMMANDS: ReadonlySet<string> = new Set([
  'run',
  'scan',
  'replay',
  'alerts',
  'block',
  'unblock',
  'blocks',
  'allow',
  'rotate',
  'detectors',
  'number',
  'config',
  'respond',
  'tune',
  'report',
  'audit',
  'privacy',
  'notify',
  'console',
]);

/** How text is written here: the site's language and zone, colour and width of the terminal. */
export function textOptions(site: Site, output: Output): TextOptions & { commands: ReadonlySet<string> } {
  return {
    words: wordsOf(site.language),
    zone: new Zone(site.timezone),
    paint: output.color ? ansi : plain,
    columns: process.stdout.isTTY ? Math.min(140, Math.max(60, process.stdout.columns)) : 100,
    commands: COMMANDS,
  };
}

/** Every detector as `alerts show` explains it: what it looks for and the settings that it judged by. */
export function rulesOf(detect: Readonly<Record<string, unknown>>): ReadonlyMap<string, RuleText> {
  return new Map(
    detectors.map((d) => {
      const set = (detect[d.name] ?? {}) as Record<string, unknown>;
      const settings = helpOf(d.parameters, set).map(({ name, value, help }) => ({
        name,
        value: JSON.stringify(value),
        help,
      }));
      return [d.name, { summary: d.summary, settings }];
    }),
  );
}
