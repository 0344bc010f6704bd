import { z } from 'zod';
import { unwrap } from '../config.ts';

/** One setting: its dotted name within its section, its default, what it means. */
export interface SettingHelp {
  readonly name: string;
  /** undefined: it has none, or it must be given */
  readonly fallback: unknown;
  readonly required: boolean;
  readonly help: string;
}

const describe = (schema: z.core.$ZodType): string => (schema instanceof z.ZodType ? (schema.description ?? '') : '');

function fallbackOf(schema: z.core.$ZodType): unknown {
  if (!(schema instanceof z.ZodType)) return undefined;
  const read = schema.safeParse(undefined);
  return read.success ? read.data : undefined;
}

/** The fields of an object schema, in order. */
export function fieldsOf(schema: z.core.$ZodType): [string, z.core.$ZodType][] {
  const inner = unwrap(schema);
  return inner instanceof z.ZodObject ? Object.entries(inner.shape as Record<string, z.core.$ZodType>) : [];
}

/** Default and meaning of each plain field of a section; sections within it are left to the caller. */
export function helpOf(schema: z.core.$ZodType): SettingHelp[] {
  return fieldsOf(schema).map(([name, field]) => {
    const fallback = fallbackOf(field);
    const required = !(field instanceof z.ZodOptional) && fallback === undefined;
    return { name, fallback, required, help: describe(field) };
  });
}

export const isSection = (schema: z.core.$ZodType): boolean => unwrap(schema) instanceof z.ZodObject;
