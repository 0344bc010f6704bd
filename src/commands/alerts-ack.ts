import { userInfo } from 'node:os';
import { incidentId, storeOf } from './open-store.ts';
import { EXIT, type GlobalOptions, type Output } from './output.ts';
import { readConfig } from './site.ts';

interface AckOptions {
  readonly by?: string;
  readonly note?: string;
}

/** `ringfence alerts ack ID…`: somebody has seen it; it opens again by itself when it grows worse. */
export default function ack(args: readonly string[], options: AckOptions & GlobalOptions, output: Output): number {
  const config = readConfig(options, output);
  const store = storeOf(config, { create: false });
  try {
    const ids = args.map((id) => incidentId(store, id)); // all are known before one is acknowledged
    for (const id of ids) {
      store.acknowledge(id, { who: options.by ?? userInfo().username, note: options.note ?? '' });
      if (output.json) output.object({ incident: id, acknowledged: true });
      else output.result(`${id}: acknowledged`);
    }
    return EXIT.done;
  } finally {
    store.close();
  }
}
