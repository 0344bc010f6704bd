import { severityRank, type Alert, type Severity } from '../model.ts';
import { alertLine } from '../words/index.ts';
import { EXIT, type Output } from './output.ts';
import type { Stories } from './stories.ts';
import type { textOptions } from './text.ts';

export interface FailOn {
  readonly failOn: Severity | 'never';
}

/** Exit status of what was found: 1 when something is as grave as --fail-on, else 0. */
export const statusOf = (stories: Stories, failOn: FailOn['failOn']): number =>
  failOn !== 'never' && stories.all().some(({ incident }) => severityRank(incident.severity) >= severityRank(failOn))
    ? EXIT.found
    : EXIT.done;

/** Prints alert lines as people or scripts want them. */
export function alertPrinter(output: Output, text: ReturnType<typeof textOptions>): (alert: Alert) => void {
  return (alert) => {
    if (output.json) output.object(alert);
    else output.result(alertLine(alert, text));
  };
}
