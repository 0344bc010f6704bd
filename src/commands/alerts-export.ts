import { storeOf } from './open-store.ts';
import { EXIT, type GlobalOptions, type Output } from './output.ts';
import { readConfig } from './site.ts';

/** `ringfence alerts export`: the alert lines as they were told, JSON, oldest first. */
export default function exportAlerts(
  _args: readonly string[],
  options: { readonly since?: number } & GlobalOptions,
  output: Output,
): number {
  const store = storeOf(readConfig(options, output), { create: false });
  try {
    for (const alert of store.alerts.since(options.since ?? 0, 'info')) output.object(alert);
    return EXIT.done;
  } finally {
    store.close();
  }
}
