import type { Millis } from '../model.ts';
import type { Connection } from './connection.ts';
import { whole } from './rows.ts';

export const TOOLBOX_KINDS = ['template', 'tool', 'policy', 'authorisation'] as const;
export type ToolboxKind = (typeof TOOLBOX_KINDS)[number];

/** One version of a template, tool, policy or authorisation. */
export interface ToolboxObject {
  readonly kind: ToolboxKind;
  readonly name: string;
  /** 1, 2, 3 … for each name */
  readonly version: number;
  /** shipped, settings or people's own file */
  readonly source: string;
  /** SHA-256 of the body, base64url */
  readonly digest: string;
  /** JSON */
  readonly body: string;
  readonly since: Millis;
  /** null: this version holds; else when it was replaced or taken out */
  readonly ended: Millis | null;
}

export interface ToolboxObjectsTable {
  /** What holds now, by name; null: nothing of that name. */
  get(kind: ToolboxKind, name: string): ToolboxObject | null;
  /** Everything of a kind that holds, in order of names. */
  standing(kind: ToolboxKind): ToolboxObject[];
  /** All versions of a name, newest first. */
  versions(kind: ToolboxKind, name: string): ToolboxObject[];
  add(object: Omit<ToolboxObject, 'version' | 'ended'>): ToolboxObject;
  /** @returns false: nothing of that name stood */
  end(kind: ToolboxKind, name: string, at: Millis): boolean;
}

/** The toolbox's databases of templates, tools, policies and authorisations: every version that ever held. */
export function toolboxObjectsTable(connection: Connection): ToolboxObjectsTable {
  const columns = 'kind, name, version, source, digest, body, since, ended';
  const get = connection.prepare<ToolboxObject>(
    `SELECT ${columns} FROM toolbox_objects WHERE kind = ? AND name = ? AND ended IS NULL`,
  );
  const standing = connection.prepare<ToolboxObject>(
    `SELECT ${columns} FROM toolbox_objects WHERE kind = ? AND ended IS NULL ORDER BY name`,
  );
  const versions = connection.prepare<ToolboxObject>(
    `SELECT ${columns} FROM toolbox_objects WHERE kind = ? AND name = ? ORDER BY version DESC`,
  );
  const end = connection.prepare('UPDATE toolbox_objects SET ended = ? WHERE kind = ? AND name = ? AND ended IS NULL');
  const insert = connection.prepare(`INSERT INTO toolbox_objects (${columns}) VALUES (?, ?, ?, ?, ?, ?, ?, NULL)`);
  return {
    get: (kind, name) => get.get(kind, name) ?? null,
    standing: (kind) => standing.all(kind),
    versions: (kind, name) => versions.all(kind, name),
    add: (object) =>
      connection.transaction(() => {
        const { kind, name, source, digest, body } = object;
        const since = whole(object.since);
        end.run(since, kind, name);
        const version = (versions.all(kind, name)[0]?.version ?? 0) + 1;
        insert.run(kind, name, version, source, digest, body, since);
        return { ...object, since, version, ended: null };
      }),
    end: (kind, name, at) => end.run(whole(at), kind, name) > 0,
  };
}
