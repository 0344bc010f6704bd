import type { Connection } from './connection.ts';

/** Ids of incidents that turned out to be part of an elder one: whoever wrote one down still finds the story. */
export interface AliasesTable {
  get(alias: string): string | null;
  of(incident: string): string[];
  /** `younger`, and all that was folded into it before, now means `elder`. */
  fold(younger: string, elder: string): void;
  forget(incident: string, limit: number): number;
}

export function aliasesTable(connection: Connection): AliasesTable {
  const get = connection.prepare<{ incident: string }>('SELECT incident FROM aliases WHERE alias = ?');
  const of = connection.prepare<{ alias: string }>('SELECT alias FROM aliases WHERE incident = ? ORDER BY alias');
  const move = connection.prepare('UPDATE aliases SET incident = ? WHERE incident = ?');
  const add = connection.prepare(
    'INSERT INTO aliases (alias, incident) VALUES (?, ?) ON CONFLICT (alias) DO UPDATE SET incident = excluded.incident',
  );
  const forget = connection.prepare(
    'DELETE FROM aliases WHERE alias IN (SELECT alias FROM aliases WHERE incident = ? LIMIT ?)',
  );
  return {
    get: (alias) => get.get(alias)?.incident ?? null,
    of: (incident) => of.all(incident).map((row) => row.alias),
    fold: (younger, elder) => {
      move.run(elder, younger);
      add.run(younger, elder);
    },
    forget: (incident, limit) => forget.run(incident, limit),
  };
}
