import type { Severity } from '../model.ts';

const NAMES: Readonly<Record<Severity, string>> = {
  info: 'Info',
  low: 'gering',
  medium: 'mittel',
  high: 'hoch',
  critical: 'kritisch',
};

export const severityName = (severity: Severity): string => NAMES[severity];
