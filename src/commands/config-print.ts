import { stringify } from 'smol-toml';
import type { z } from 'zod';
import { settingsSchema } from '../config.ts';
import { EXIT, type GlobalOptions, type Output } from './output.ts';
import { fieldsOf, helpOf, isSection } from './schema-help.ts';
import { readConfig } from './site.ts';

const toml = (name: string, value: unknown): string => stringify({ [name]: value }).trimEnd();

/** Lines of one section: what it means as comments, then what stands, then the sections within. */
function section(path: string, schema: z.core.$ZodType, values: Record<string, unknown>): string[] {
  const lines: string[] = [];
  const fields = fieldsOf(schema);
  for (const { name, help, required } of helpOf(schema)) {
    const field = fields.find(([key]) => key === name)?.[1];
    if (field !== undefined && isSection(field)) continue;
    const value = values[name];
    lines.push(`# ${help}${required ? ' (must be given)' : ''}`);
    const table = typeof value === 'object' && value !== null && !Array.isArray(value);
    if (value === undefined) lines.push(`# ${name} = not set`);
    else if (table) lines.push(...named(path === '' ? name : `${path}.${name}`, value as Record<string, unknown>));
    else lines.push(toml(name, value));
  }
  for (const [name, field] of fields.filter(([, f]) => isSection(f))) {
    const below = path === '' ? name : `${path}.${name}`;
    const value = values[name] as Record<string, unknown> | undefined;
    lines.push('', `[${below}]${value === undefined ? '   # not set: this feed or neighbour is off' : ''}`);
    const body = section(below, field, value ?? {});
    lines.push(
      ...(value === undefined ? body.map((line) => (line.startsWith('#') || line === '' ? line : `# ${line}`)) : body),
    );
  }
  return lines;
}

const nest = (path: string, value: unknown): Record<string, unknown> =>
  path.split('.').reduceRight<unknown>((inner, key) => ({ [key]: inner }), value) as Record<string, unknown>;

/** Tables named by people: [accounts."2001"], [groups.night]. */
const named = (path: string, tables: Record<string, unknown>): string[] =>
  Object.keys(tables).length === 0
    ? [`# none: [${path}.NAME] adds one`]
    : stringify(nest(path, tables)).trimEnd().split('\n');

/** The settings as a TOML file that says what each line means. */
export function settingsAsToml(settings: unknown): string {
  return section('', settingsSchema, settings as Record<string, unknown>).join('\n');
}

/** `ringfence config print`: the settings as they stand, with every default and its meaning. */
export default function print(_args: readonly string[], options: GlobalOptions, output: Output): number {
  const { settings, file } = readConfig(options, output);
  if (output.json) output.object(settings);
  else output.result(`# ${file ?? 'defaults; no settings file was found'}\n${settingsAsToml(settings)}`);
  return EXIT.done;
}
