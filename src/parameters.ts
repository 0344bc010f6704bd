import { z } from 'zod';
import { parseDuration } from './time.ts';

/** Parameters of detectors and tools: every one has a default and help that ends with its unit. */

/** A length of time; written `15m`, read as milliseconds. */
export const duration = (initial: string, help: string) =>
  z
    .string()
    .transform((text, context) => {
      const read = parseDuration(text);
      if (read.ok && read.value > 0) return read.value;
      context.issues.push({ code: 'custom', input: text, message: read.ok ? 'must be longer than 0' : read.reason });
      return z.NEVER;
    })
    .prefault(initial)
    .describe(`${help}; a duration such as ${initial}`);

/** A whole number from `least` to `most` (what is held to count by); `unit` says what is counted. */
export const amount = (initial: number, unit: string, help: string, least = 1, most = 1_000) =>
  z.int().min(least).max(most).default(initial).describe(`${help}; number of ${unit}`);
