import { stringify } from 'smol-toml';
import type { z } from 'zod';
import { settingsSchema } from '../config.ts';
import { EXIT, type GlobalOptions, type Output } from './output.ts';
import { fieldsOf, helpOf, isSection } from './schema-help.ts';
import { readConfig } from './site.ts';

type Table = Readonly<Record<string, unknown>>;

const isTable = (value: unknown): value is Table =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);

const keyText = (key: string): string => (/^[\w-]+$/.test(key) ? key : JSON.stringify(key));

/** A value on one line; tables within arrays too. */
function inline(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inline).join(', ')}]`;
  if (isTable(value))
    return `{ ${Object.entries(value)
      .map(([key, inner]) => `${keyText(key)} = ${inline(inner)}`)
      .join(', ')} }`;
  return stringify({ value }).trim().slice('value = '.length);
}

/** Tables named by people: [accounts.2001], [groups.night]. */
function named(path: string, tables: Table): string[] {
  if (Object.keys(tables).length === 0) return [`# none; [${path}.NAME] adds one`];
  return Object.entries(tables).flatMap(([name, fields]) => [
    `[${path}.${keyText(name)}]`,
    ...Object.entries(fields as Table)
      .filter(([, value]) => value !== undefined)
      .map(([field, value]) => `${field} = ${inline(value)}`),
  ]);
}

const unset = (name: string, fallback: unknown): string =>
  fallback === undefined ? `#${name} =` : `#${name} = ${inline(fallback)}`;

const below = (path: string, name: string): string => (path === '' ? name : `${path}.${name}`);

/** Lines of one section: what each field means as a comment, then how it stands, then the sections within. */
function section(path: string, schema: z.core.$ZodType, values: Table, later: Table): string[] {
  const lines: string[] = [];
  const tables: string[] = [];
  const fields = fieldsOf(schema);
  for (const { name, value, fallback, help, required } of helpOf(schema, values)) {
    if (fields.some(([key, field]) => key === name && isSection(field))) continue;
    const comment = `# ${help}${required ? ' (must be given)' : ''}`;
    // tables end a section, so they come after its last plain field
    if (isTable(value)) tables.push('', comment, ...named(below(path, name), value));
    else lines.push(comment, value === undefined ? unset(name, fallback) : `${name} = ${inline(value)}`);
  }
  for (const [name, value] of Object.entries(later)) {
    const known = fields.some(([key]) => key === name);
    if (!known && !isTable(value)) lines.push('# of a later version', `${name} = ${inline(value)}`);
  }
  lines.push(...tables);
  for (const [name, field] of fields.filter(([, f]) => isSection(f))) {
    const inner = below(path, name);
    const value = values[name] as Table | undefined;
    const more = isTable(later[name]) ? later[name] : {};
    if (value !== undefined) lines.push('', `[${inner}]`, ...section(inner, field, value, more));
    else
      lines.push(
        '',
        `#[${inner}]   # not set: this feed or neighbour is off`,
        ...section(inner, field, {}, more).map((line) => (line.startsWith('#') || line === '' ? line : `#${line}`)),
      );
  }
  return lines;
}

/** The settings as a TOML file that says what each line means; loading it gives the same settings. */
export function settingsAsToml(settings: unknown, later: Table = {}): string {
  const known = new Set(fieldsOf(settingsSchema).map(([name]) => name));
  const unknown = Object.entries(later).filter(([name]) => !known.has(name));
  const rest = unknown.map(([name, value]) => `\n# of a later version\n${stringify({ [name]: value }).trimEnd()}`);
  return [...section('', settingsSchema, settings as Table, later), ...rest].join('\n');
}

/** `ringfence config print`: the settings as they stand, with every default and its meaning. */
export default function print(_args: readonly string[], options: GlobalOptions, output: Output): number {
  const { settings, file, later } = readConfig(options, output);
  if (output.json)
    output.object({ ...settings, ...later, store: { ...settings.store, ...(later['store'] as object) } });
  else output.result(`# ${file ?? 'defaults; no settings file was found'}\n${settingsAsToml(settings, later)}`);
  return EXIT.done;
}
