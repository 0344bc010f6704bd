import { z } from 'zod';
import { helpText, unwrap } from '../config.ts';
import { writeDuration } from '../time.ts';

/** One setting of a section. Values are as a settings file has them: a duration is `15m`, not a number. */
export interface SettingHelp {
  readonly name: string;
  /** as it stands; undefined: not set */
  readonly value: unknown;
  /** undefined: it has none, or it must be given */
  readonly fallback: unknown;
  readonly required: boolean;
  readonly help: string;
}

function fallbackOf(schema: z.core.$ZodType): unknown {
  if (!(schema instanceof z.ZodType)) return undefined;
  const read = schema.safeParse(undefined);
  return read.success ? read.data : undefined;
}

/** Durations are written as text and read as milliseconds; no other setting changes its type. */
const asWritten = (schema: z.core.$ZodType, value: unknown): unknown =>
  typeof value === 'number' && unwrap(schema) instanceof z.ZodPipe ? writeDuration(value) : value;

/** The fields of an object schema, in order. */
export function fieldsOf(schema: z.core.$ZodType): [string, z.core.$ZodType][] {
  const inner = unwrap(schema);
  if (!(inner instanceof z.ZodObject)) return [];
  const shape = inner.shape as Record<string, z.core.$ZodType>;
  return Object.entries(shape);
}

/** Value, default and meaning of each field of a section; `values` is the section as it was read. */
export function helpOf(schema: z.core.$ZodType, values: Readonly<Record<string, unknown>> = {}): SettingHelp[] {
  return fieldsOf(schema).map(([name, field]) => {
    const fallback = fallbackOf(field);
    return {
      name,
      value: asWritten(field, values[name]),
      fallback: asWritten(field, fallback),
      required: !(field instanceof z.ZodOptional) && fallback === undefined,
      help: helpText(field) ?? '',
    };
  });
}

export const isSection = (schema: z.core.$ZodType): boolean => unwrap(schema) instanceof z.ZodObject;
