/** npm run docs: writes docs/settings.md from the schemas of the settings, and the table in docs/metrics.md. test/docs.test.ts checks that they are in step. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { fieldsOf, helpOf, isSection } from '../src/commands/schema-help.ts';
import { LATER, settingsSchema, unwrap } from '../src/config.ts';
import { METRICS } from '../src/console/metric-table.ts';
import { COMMIT_METRIC, LEFT_OUT_METRIC } from '../src/console/metrics.ts';
import { processTable } from '../src/console/process-table.ts';
import { detectors } from '../src/detect/index.ts';
import { tools } from '../src/toolbox/registry.ts';
import { shippedTemplates } from '../src/toolbox/shipped.ts';
import { templateSchema } from '../src/toolbox/template.ts';
import { FACTS, FAMILIES, type ToolDefinition } from '../src/toolbox/tool.ts';

const sentence = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** A value as TOML has it. */
const written = (value: unknown): string =>
  Array.isArray(value) ? `[${value.map(written).join(', ')}]` : JSON.stringify(value);

/** The fields of tables that people name ([accounts.NAME]) or that stand in a list (trunks). */
function innerOf(schema: z.core.$ZodType): z.core.$ZodType | null {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodRecord) return inner.valueType;
  if (inner instanceof z.ZodArray && inner.element instanceof z.ZodObject) return inner.element;
  return null;
}

function fieldLines(schema: z.core.$ZodType, indent = ''): string[] {
  const fields = new Map(fieldsOf(schema));
  return helpOf(schema).flatMap(({ name, fallback, required, help }) => {
    const field = fields.get(name);
    if (field === undefined || isSection(field)) return [];
    const plain = typeof fallback === 'object' && !Array.isArray(fallback) ? undefined : fallback;
    const initial = required ? ', must be given' : plain === undefined ? '' : ` = \`${written(plain)}\``;
    const inner = innerOf(field);
    const own = `${indent}- \`${name}\`${initial}: ${help}`;
    return [own, ...(inner === null ? [] : fieldLines(inner, `${indent}  `))];
  });
}

function sections(path: string, schema: z.core.$ZodType): string[] {
  const lines: string[] = [];
  for (const [name, field] of fieldsOf(schema)) {
    const below = path === '' ? name : `${path}.${name}`;
    const record = unwrap(field) instanceof z.ZodRecord;
    if (!isSection(field) && !(record && path === '')) continue;
    const [own] = helpOf(z.object({ [name]: field as z.ZodType }));
    const detector = detectors.find((d) => below === `detect.${d.name}`);
    const about = detector?.summary ?? own?.help ?? '';
    const off = field instanceof z.ZodOptional ? ' Without this section it is off.' : '';
    const fields = record ? fieldLines(innerOf(field) ?? field) : fieldLines(field);
    if (fields.length > 0 || about !== '') {
      lines.push(`## [${below}${record ? '.NAME' : ''}]`, '');
      if (about !== '' || off !== '') lines.push(`${sentence(about)}${about === '' ? '' : '.'}${off}`.trim(), '');
      if (fields.length > 0) lines.push(...fields, '');
    }
    if (!record) lines.push(...sections(below, field));
  }
  return lines;
}

/** docs/settings.md as it should be. */
export function settingsPage(): string {
  const mode = fieldLines(settingsSchema).filter((line) => line.startsWith('- `mode`'));
  return `${[
    '# Settings',
    '',
    'Made by `npm run docs` from the schemas in src/; `ringfence config print` prints the same with what stands in your file.',
    '',
    'The file is TOML: `--config FILE`, else `/etc/ringfence/ringfence.toml`, else `./ringfence.toml`. Every section may be',
    'missing. Paths are relative to the file. A duration is text such as `"90s"`, `"15m"`, `"2h"`, `"7d"`. An unknown name is an',
    'error that says the nearest known one; `ringfence config check` tells everything that is wrong at once.',
    '',
    ...(LATER.length === 0
      ? []
      : [
          `Sections and settings of later versions are accepted with a warning and not used: ${LATER.map((n) => `\`${n}\``).join(', ')}.`,
        ]),
    '',
    '## At the top',
    '',
    ...mode,
    '',
    ...sections('', settingsSchema),
  ]
    .join('\n')
    .trimEnd()}\n`;
}

const METRICS_PAGE = join(import.meta.dirname, '../docs/metrics.md');

/** docs/metrics.md as it should be: its text, and the table of all metrics between its two marks. */
export function metricsPage(): string {
  const table = processTable(0);
  table.stop();
  const all = [
    ...METRICS,
    { ...COMMIT_METRIC, type: 'histogram' },
    { ...LEFT_OUT_METRIC, labels: [], type: 'gauge' },
    ...table.rows.map((row) => ({ ...row, labels: [] })),
  ];
  const lines = [
    '| name | type | labels | what it says |',
    '|---|---|---|---|',
    ...all.map(({ name, type, labels, help }) => `| \`${name}\` | ${type} | ${labels.join(', ')} | ${help} |`),
  ].join('\n');
  return readFileSync(METRICS_PAGE, 'utf8').replace(
    /(<!-- metrics: .*? -->\n)[\s\S]*(<!-- end of metrics -->)/,
    (_, start: string, end: string) => `${start}\n${lines}\n\n${end}`,
  );
}

const TITLES: Readonly<Record<(typeof FAMILIES)[number], string>> = {
  pki: 'PKI',
  authentication: 'Authentication',
  integrity: 'Data integrity',
  confidentiality: 'Confidentiality',
  'anti-replay': 'Anti-replay',
  'non-repudiation': 'Non-repudiation',
  compression: 'Compression',
  headers: 'Header processing',
  origin: 'Origin binding',
  ipsec: 'IPsec',
};

const TOOLBOX_PAGE = join(import.meta.dirname, '../docs/toolbox.md');

function toolLines({ name, summary, directions, needs = [], gives = [], layer, parameters }: ToolDefinition): string[] {
  const fields = fieldLines(parameters);
  return [
    `**\`${name}\`** (${directions.join(', ')}) ${summary}.`,
    ...(layer === undefined ? [] : [`${directions.includes('in') ? 'Takes off' : 'Puts on'} the layer \`${layer}\`.`]),
    ...needs.map((fact) => `Needs \`${fact}\`: ${FACTS[fact]}.`),
    ...gives.map((fact) => `Gives \`${fact}\`: ${FACTS[fact]}.`),
    '',
    ...fields,
    ...(fields.length === 0 ? [] : ['']),
  ];
}

/** docs/toolbox.md as it should be: its text, and between its two marks every tool and its parameters, by family, and the shipped templates. */
export function toolboxPage(): string {
  const families = FAMILIES.flatMap((family) => {
    const own = [...tools.values()].filter((tool) => tool.family === family);
    return own.length === 0 ? [] : [`### ${TITLES[family]}`, '', ...own.flatMap(toolLines)];
  });
  const templates = shippedTemplates.map((value) => {
    const { name, summary, steps } = templateSchema.parse(value);
    return `| \`${name}\` | ${summary} | ${steps.map(({ tool }) => tool).join(', ')} |`;
  });
  const lines = [
    ...families,
    '### Templates that come along',
    '',
    '| template | for | steps |',
    '|---|---|---|',
    ...templates,
  ];
  return readFileSync(TOOLBOX_PAGE, 'utf8').replace(
    /(<!-- tools: .*? -->\n)[\s\S]*(<!-- end of tools -->)/,
    (_, start: string, end: string) => `${start}\n${lines.join('\n')}\n\n${end}`,
  );
}

if (process.argv[1] === import.meta.filename) {
  writeFileSync(join(import.meta.dirname, '../docs/settings.md'), settingsPage());
  writeFileSync(METRICS_PAGE, metricsPage());
  writeFileSync(TOOLBOX_PAGE, toolboxPage());
}
