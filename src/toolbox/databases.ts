import { createHash } from 'node:crypto';
import type { ConfigProblem } from '../errors.ts';
import type { Millis, Severity } from '../model.ts';
import type { ToolboxAlertsTable, ToolboxKind, ToolboxObject, ToolboxObjectsTable } from '../store/index.ts';
import { HOUR } from '../time.ts';
import { fits } from './identities.ts';
import type { Authorisation, Policy, ToolboxSettings } from './options.ts';
import type { Authorisations, AuditRecord } from './services.ts';
import { checkTemplate, readTemplate, suits, type Checked, type Registry } from './template.ts';
import type { Alert, Direction, Message } from './tool.ts';

/**
 * The toolbox's databases as the store holds them: templates, tools, policies and authorisations, each in versions, and alerts. Keys are
 * the crypto room's; settings are the TOML's, of which policies and authorisations are copied here, so that a message of last month can be
 * judged by what held then.
 */

/** A template file of people's own. */
export interface TemplateFile {
  /** as messages call it */
  readonly file: string;
  readonly text: string;
}

export interface Named {
  readonly checked: Checked;
  readonly source: string;
  /** 0: no store to count versions in */
  readonly version: number;
}

const ALERTS_KEPT = 10_000;

const digestOf = (body: string): string => createHash('sha256').update(body).digest('base64url');

/** All templates there are, people's own before shipped ones of that name. @returns every problem of every file too */
export function gatherTemplates(
  shipped: readonly unknown[],
  files: readonly TemplateFile[],
  registry: Registry,
): { readonly templates: ReadonlyMap<string, Omit<Named, 'version'>>; readonly problems: readonly ConfigProblem[] } {
  const templates = new Map<string, Omit<Named, 'version'>>();
  const problems: ConfigProblem[] = [];
  for (const each of shipped) {
    const read = checkTemplate(each, registry);
    if (!read.ok) throw new Error(`a shipped template is wrong: ${JSON.stringify(read.problems)}`);
    templates.set(read.value.template.name, { checked: read.value, source: 'shipped' });
  }
  for (const { file, text } of files) {
    const read = readTemplate(text, registry);
    if (read.ok) templates.set(read.value.template.name, { checked: read.value, source: file });
    else problems.push(...read.problems.map((problem) => ({ ...problem, path: `${file}: ${problem.path}` })));
  }
  return { templates, problems };
}

/** Names of templates that policies use and that there are none of. */
export const unknownTemplates = ({ policies }: ToolboxSettings, names: Iterable<string>): ConfigProblem[] => {
  const known = new Set(names);
  return policies.flatMap(({ template }, index) =>
    known.has(template) ? [] : [{ path: `toolbox.policies[${index}].template`, message: `no template "${template}"` }],
  );
};

/** One thing as it should stand in the store. */
interface Wanted {
  readonly name: string;
  readonly source: string;
  readonly body: unknown;
}

/**
 * Brings the store up to what is there: what is new or changed becomes a new version, what is gone ends. Within a transaction.
 * @returns how many changed
 */
export function syncObjects(
  table: ToolboxObjectsTable,
  templates: ReadonlyMap<string, Omit<Named, 'version'>>,
  registry: Registry,
  settings: ToolboxSettings,
  at: Millis,
): number {
  const numbered = (name: string, index: number): string => `${name}-${String(index + 1).padStart(5, '0')}`;
  const all: [ToolboxKind, Wanted[]][] = [
    ['template', [...templates].map(([name, { checked, source }]) => ({ name, source, body: checked.template }))],
    ['tool', [...registry.values()].map(toolBody)],
    ['policy', settings.policies.map((body, i) => ({ name: numbered('policy', i), source: 'settings', body }))],
    [
      'authorisation',
      settings.authorisations.map((body, i) => ({ name: numbered('authorisation', i), source: 'settings', body })),
    ],
  ];
  return all.reduce((sum, [kind, wanted]) => sum + syncKind(table, kind, wanted, at), 0);
}

const toolBody = ({ name, family, summary, directions, needs, gives, layer, parameters }: Tool): Wanted => ({
  name,
  source: 'shipped',
  body: { family, summary, directions, needs, gives, layer, parameters: Object.keys(parameters.shape) },
});
type Tool = Registry extends ReadonlyMap<string, infer T> ? T : never;

function syncKind(table: ToolboxObjectsTable, kind: ToolboxKind, wanted: readonly Wanted[], at: Millis): number {
  const standing = new Map(table.standing(kind).map((object) => [object.name, object]));
  let changed = 0;
  for (const { name, source, body } of wanted) {
    const text = JSON.stringify(body);
    const digest = digestOf(text);
    const known = standing.get(name);
    standing.delete(name);
    if (known?.digest === digest && known.source === source) continue;
    table.add({ kind, name, source, digest, body: text, since: at });
    changed++;
  }
  for (const name of standing.keys()) if (table.end(kind, name, at)) changed++;
  return changed;
}

/** A template as the store holds it: checked again, for the tools may be other ones than when it was put there. */
export function templateOf(object: ToolboxObject, registry: Registry): ReturnType<typeof readTemplate> {
  return readTemplate(object.body, registry);
}

/** The template that policies give a message; null: none fits. */
export function templateFor(policies: readonly Policy[], message: Message, direction: Direction): string | null {
  const found = policies.find((policy) => suits(policy, message, direction) && fits(policy.identity, message.from));
  return found?.template ?? null;
}

/** The settings' list of who may do what. */
export const authorisationsOf = (list: readonly Authorisation[]): Authorisations => ({
  allows: (identity, method, to) =>
    list.find(
      (each) =>
        fits(each.identity, identity) &&
        (each.methods.length === 0 || each.methods.includes(method)) &&
        fits(each.to, to),
    )?.allow ?? null,
});

/** Keeps an alert: the same reason, identity and address within an hour is one, and is counted. */
export function keepAlert(
  table: ToolboxAlertsTable,
  alert: Alert,
  record: AuditRecord,
): { readonly id: string; readonly times: number } {
  const { at, template, from, source, callId } = record;
  const hour = Math.floor(at / HOUR);
  const id = digestOf(JSON.stringify([template, alert.reason, from, source, hour])).slice(0, 22);
  const severity: Severity = alert.severity;
  const { reason, summary, facts } = alert;
  const text = { identity: from.slice(0, 256), callId: callId.slice(0, 256), summary: summary.slice(0, 1_000) };
  const times = table.add({ id, first: at, severity, template, reason, source, facts, ...text });
  if (times === 1) table.trim(ALERTS_KEPT);
  return { id, times };
}
