/** npm run docs: writes docs/settings.md from the schemas of the settings. test/docs.test.ts checks that it is in step. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { fieldsOf, helpOf, isSection } from '../src/commands/schema-help.ts';
import { LATER, settingsSchema, unwrap } from '../src/config.ts';
import { detectors } from '../src/detect/index.ts';

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
    `Sections and settings of later versions are accepted with a warning and not used: ${LATER.map((n) => `\`${n}\``).join(', ')}.`,
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

if (process.argv[1] === import.meta.filename)
  writeFileSync(join(import.meta.dirname, '../docs/settings.md'), settingsPage());
