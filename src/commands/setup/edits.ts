import type { ConfHeader, ConfItem, ConfSetting } from '../../wire/conf.ts';
import type { LoadedConf } from './conf-files.ts';
import { linesOf } from './diff.ts';

/** Lines that are put into a file before line `at` (from 1); after the last line where it is one more than there are. */
export interface Insertion {
  readonly at: number;
  readonly lines: readonly string[];
}

/** What is to be done to a file that belongs to people; or why it is left to them. */
export type Edit =
  | { readonly kind: 'none' }
  | { readonly kind: 'insert'; readonly insertions: readonly Insertion[] }
  | { readonly kind: 'refused'; readonly why: string; readonly lines: readonly string[] };

/** Marks of what `init --install` adds, by which `uninstall` finds it again. */
const BEGIN = '; ringfence begins (put in by ringfence init --install, taken out by ringfence uninstall)';
const END = '; ringfence ends';
const MARK = '; ringfence: by init --install';

/** The text with the lines put in. */
export function inserted(text: string, insertions: readonly Insertion[]): string {
  const lines = linesOf(text);
  for (const { at, lines: more } of [...insertions].sort((a, b) => b.at - a.at)) lines.splice(at - 1, 0, ...more);
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

/** The text without what `init --install` put in; the same text where there is nothing of it. */
export function takenOut(text: string): string {
  const kept: string[] = [];
  let inside = false;
  for (const line of text.split('\n')) {
    if (line === BEGIN) inside = true;
    if (!inside && !line.endsWith(MARK)) kept.push(line);
    if (line === END) inside = false;
  }
  // a block whose end somebody has deleted: rather leave all of it than take what is his
  return inside ? text : kept.join('\n');
}

const unclear = (conf: LoadedConf): string | null =>
  conf.problems[0] ?? (conf.text.includes('\r') ? `${conf.path} has line ends of another system (CR LF)` : null);

const includes = (conf: LoadedConf, argument: string): boolean =>
  conf.items.some(
    (item) => (item.kind === 'include' || item.kind === 'tryinclude') && item.argument.endsWith(argument),
  );

/** An inclusion at the end of a file. `argument` as in `#include "…"`, relative to Asterisk's directory. */
export function includeEdit(conf: LoadedConf, argument: string): Edit {
  if (includes(conf, argument)) return { kind: 'none' };
  const lines = [`#include "${argument}"`];
  const why = unclear(conf);
  if (why !== null) return { kind: 'refused', why, lines };
  return { kind: 'insert', insertions: [{ at: linesOf(conf.text).length + 1, lines: [BEGIN, ...lines, END] }] };
}

/** The kinds of objects that ringfence keeps in AstDB, and what Asterisk does without a mapping (res_pjsip, acl). */
const MAPPINGS = [
  { section: 'res_pjsip', type: 'auth', own: 'config,pjsip.conf,criteria=type=auth' },
  { section: 'acl', type: 'acl', own: 'config,pjsip.conf,criteria=type=acl' },
] as const;

const OURS = 'astdb,ringfence';

const same = (a: string, b: string): boolean => a.replaceAll(/\s/g, '') === b;

/** Does this sorcery.conf look into AstDB for `type`, before anything else? */
export function isMapped(items: readonly ConfItem[], section: string, type: string): boolean {
  const first = settingsIn(items, section).find(({ name }) => name === type);
  return first !== undefined && same(first.value, OURS);
}

/** Is everything mapped that ringfence uses? */
export const isSorceryMapped = (conf: LoadedConf | null): boolean =>
  conf !== null && MAPPINGS.every(({ section, type }) => isMapped(conf.items, section, type));

/** Settings of all sections of a name, in order, without what they inherit. */
function settingsIn(items: readonly ConfItem[], section: string): ConfSetting[] {
  let inside = false;
  return items.flatMap((item) => {
    if (item.kind === 'section') inside = item.name.toLowerCase() === section;
    return inside && item.kind === 'setting' ? [item] : [];
  });
}

/** What sorcery.conf has to say, whatever else it says. */
export const sorceryLines = (): string[] =>
  MAPPINGS.flatMap(({ section, type, own }) => [`[${section}]`, `${type} = ${OURS}`, `${type} = ${own}`]);

/**
 * The mappings put into a sorcery.conf: by inclusion where it has no such sections, else before the lines of their kind,
 * which stay. Realtime and what else stands there goes on; only looked up later.
 */
export function sorceryEdit(conf: LoadedConf, argument: string): Edit {
  if (isSorceryMapped(conf)) return { kind: 'none' };
  const headers = conf.items.filter((item): item is ConfHeader => item.kind === 'section');
  const own = MAPPINGS.map((mapping) => ({
    ...mapping,
    headers: headers.filter(({ name }) => name.toLowerCase() === mapping.section),
    lines: settingsIn(conf.items, mapping.section),
  }));
  if (own.every((mapping) => mapping.headers.length === 0)) return includeEdit(conf, argument);
  const refuse = (why: string): Edit => ({ kind: 'refused', why, lines: sorceryLines() });
  const why = unclear(conf);
  if (why !== null) return refuse(why);
  if (conf.programs.length > 0) return refuse(`${conf.path} has an #exec, whose output cannot be known`);
  const insertions: Insertion[] = [];
  const end = linesOf(conf.text).length + 1;
  for (const { section, type, own: fallback, headers: found, lines } of own) {
    if (isMapped(conf.items, section, type)) continue;
    const [header] = found;
    if (header === undefined) {
      const more = [BEGIN, `[${section}]`, `${type} = ${OURS}`, `${type} = ${fallback}`, END];
      insertions.push({ at: end, lines: more });
      continue;
    }
    const strange = found.find((one) => one.template || one.adds || one.inherits.length > 0 || one.file !== conf.path);
    if (found.length > 1 || strange !== undefined)
      return refuse(`[${section}] stands in several places, in another file, or is made of templates`);
    if (lines.some(({ name }) => name === `${type}/cache`))
      return refuse(`${type} is cached there (${type}/cache): a new secret would only count when the cache ends`);
    if (lines.some(({ name, value }) => name === type && same(value, OURS)))
      return refuse(`${type} = ${OURS} stands behind another line of its kind: put it before`);
    const first = lines.find(({ name }) => name === type);
    const marked = (value: string): string => `${type} = ${value} ${MARK}`;
    if (first !== undefined) insertions.push({ at: first.line, lines: [marked(OURS)] });
    // none of its kind: then Asterisk's own place has to be named as well
    else insertions.push({ at: header.line + 1, lines: [marked(OURS), marked(fallback)] });
  }
  return { kind: 'insert', insertions };
}
