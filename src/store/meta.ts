import type { Connection } from './connection.ts';

/** Single values by name: when it was last purged, which version wrote it, and the like. */
export interface MetaTable {
  get(key: string): string | null;
  set(key: string, value: string): void;
}

export function metaTable(connection: Connection): MetaTable {
  const get = connection.prepare<{ value: string }>('SELECT value FROM meta WHERE key = ?');
  const set = connection.prepare(
    'INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value',
  );
  return {
    get: (key) => get.get(key)?.value ?? null,
    set: (key, value) => void set.run(key, value),
  };
}
