import { SEVERITIES, severityRank, type Loss, type Millis, type Severity, type Subject } from '../model.ts';
import { StoreError } from '../errors.ts';
import { fromJson } from './connection.ts';

/** Times are whole milliseconds in STRICT INTEGER columns. */
export const whole = (at: Millis): number => Math.round(at);

export const rank = (severity: Severity): number => severityRank(severity);

export function severityAt(path: string, value: number): Severity {
  const severity = SEVERITIES[value];
  if (severity === undefined) throw new StoreError('store-damaged', `${path}: no such severity: ${value}`);
  return severity;
}

export const list = (values: readonly string[]): string => JSON.stringify(values);

export const unlist = (path: string, text: string): readonly string[] =>
  fromJson(path, 'a list', text) as readonly string[];

export const packLoss = (loss: Loss | null | undefined): string | null =>
  loss === null || loss === undefined ? null : JSON.stringify(loss);

export const unpackLoss = (path: string, text: string | null): Loss | null =>
  text === null ? null : (fromJson(path, 'a loss', text) as Loss);

export const subjectOf = (type: string, value: string): Subject => ({ type: type as Subject['type'], value });
