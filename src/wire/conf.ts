import { parsed, refused, type Parsed } from '../parsed.ts';

/**
 * Asterisk's configuration files, as main/config.c of Asterisk 16 to 22 reads them (configs/samples/extensions.conf.sample
 * and https://docs.asterisk.org, "Asterisk Configuration Files"): sections, settings, templates, inclusions, comments.
 * Nothing here opens a file: whoever reads one puts the items of included files in the place of the `include`.
 */

/** Where an item stands. */
interface Place {
  /** as given to `parseConf` */
  readonly file: string;
  /** from 1 */
  readonly line: number;
}

/** `[name]`, `[name](!)`, `[name](template,…)`, `[name](+)`. */
export interface ConfHeader extends Place {
  readonly kind: 'section';
  readonly name: string;
  /** `!`: it exists to be inherited from */
  readonly template: boolean;
  /** `+`: what follows belongs to the section of this name that is there already */
  readonly adds: boolean;
  /** what follows `+`: which of several sections of this name (`type=endpoint`); '' for any */
  readonly filter: string;
  readonly inherits: readonly string[];
}

/** `name = value`, `name => value`, `name += value`. */
export interface ConfSetting extends Place {
  readonly kind: 'setting';
  readonly name: string;
  readonly value: string;
  readonly operator: '=' | '=>' | '+=';
}

/** `#include`, `#tryinclude` (may be missing), `#exec` (a program, whose output would be read). */
export interface ConfDirective extends Place {
  readonly kind: 'include' | 'tryinclude' | 'exec';
  /** without its quotation marks */
  readonly argument: string;
}

/** A line that Asterisk complains of and skips. */
export interface ConfOdd extends Place {
  readonly kind: 'odd';
  readonly reason: string;
}

export type ConfItem = ConfHeader | ConfSetting | ConfDirective | ConfOdd;

/** A section with everything that it inherits (first) and that was added to it. */
export interface ConfSection extends Place {
  readonly name: string;
  readonly template: boolean;
  readonly settings: readonly ConfSetting[];
}

const LONGEST_FILE = 16 * 1024 * 1024;
/** fgets in main/config.c: what is longer is skipped. */
const LONGEST_LINE = 8190;
const DEEPEST_COMMENT = 128;
/** Templates that inherit twice from templates that inherit twice … could make any number. */
const MOST_SETTINGS = 1_000_000;

/** Removes comments, which may run over lines, and the backslash before a `;` that begins none. */
class Comments {
  depth = 0;

  /** What is left of a line; null: it is not clear. */
  strip(line: string): string | null {
    let kept = '';
    let from = 0;
    for (let at = line.indexOf(';'); at >= 0; at = line.indexOf(';', at + 1)) {
      const inside = this.depth > 0;
      if (at > 0 && line[at - 1] === '\\') {
        if (!inside) kept += line.slice(from, at - 1);
        from = at;
      } else if (line.startsWith(';--', at) && line[at + 3] !== '-') {
        if (!inside) kept += line.slice(from, at);
        if (++this.depth > DEEPEST_COMMENT) return null;
        at += 2;
        from = at + 1;
      } else if (at - from >= 2 && line.startsWith('--', at - 2)) {
        // Asterisk takes all that follows for a comment then
        if (!inside) return null;
        this.depth--;
        from = at + 1;
      } else if (!inside) return kept + line.slice(from, at);
    }
    return this.depth > 0 ? kept : kept + line.slice(from);
  }
}

// ast_strip: everything up to the space counts as blank
// eslint-disable-next-line no-control-regex -- these are what is meant
const BLANK = /^[\u0000-\u0020]+|[\u0000-\u0020]+$/g;
const strip = (text: string): string => text.replace(BLANK, '');

/**
 * Reads one file. `file` is its name in what is returned.
 * @returns its items in order; refused where Asterisk would not take the file, with the offset of that line
 */
export function parseConf(text: string, file = ''): Parsed<ConfItem[]> {
  if (text.length > LONGEST_FILE) return refused('a configuration file of more than 16 MiB');
  const items: ConfItem[] = [];
  const comments = new Comments();
  let number = 0;
  for (let start = text.startsWith('\ufeff') ? 1 : 0; start < text.length;) {
    const end = text.indexOf('\n', start);
    const line = text.slice(start, end < 0 ? text.length : end);
    const place = { file, line: ++number };
    if (line.length > LONGEST_LINE)
      items.push({ kind: 'odd', reason: 'a line of more than 8,190 characters', ...place });
    else if (line.includes('\0')) items.push({ kind: 'odd', reason: 'a NUL character', ...place });
    else {
      const left = comments.strip(line);
      if (left === null) {
        comments.depth = 0;
        items.push({ kind: 'odd', reason: 'a --; without its ;--, or too many ;--', ...place });
      } else {
        const content = strip(left);
        const item = content === '' ? null : readLine(content, place);
        if (typeof item === 'string') return refused(`line ${place.line}: ${item}`, start);
        if (item !== null) items.push(item);
      }
    }
    start = end < 0 ? text.length : end + 1;
  }
  if (comments.depth > 0) items.push({ kind: 'odd', reason: 'a comment ;-- that never ends', file, line: number });
  return parsed(items);
}

/** One line without comments. @returns text: why Asterisk refuses the whole file */
function readLine(content: string, place: Place): ConfItem | string {
  if (content.startsWith('[')) return readHeader(content, place);
  if (content.startsWith('#')) return readDirective(content, place);
  return readSetting(content, place);
}

function readHeader(content: string, place: Place): ConfHeader | string {
  const close = content.indexOf(']');
  if (close < 0) return 'a [ without its ]';
  const header = { kind: 'section', name: content.slice(1, close), ...place } as const;
  let template = false;
  let adds = false;
  let filter = '';
  const inherits: string[] = [];
  // options count only directly behind the bracket
  if (content[close + 1] === '(') {
    const end = content.indexOf(')', close);
    if (end < 0) return 'a ( without its )';
    for (const option of content
      .slice(close + 2, end)
      .split(',')
      .map(strip)) {
      if (option === '!') template = true;
      else if (option.startsWith('+')) {
        adds = true;
        filter = option.slice(1);
      } else if (option !== '') inherits.push(option);
    }
  }
  return { ...header, template, adds, filter, inherits };
}

const CLOSING: Readonly<Record<string, string>> = { '"': '"', "'": "'", '<': '>' };

function readDirective(content: string, place: Place): ConfDirective | ConfOdd {
  const [, name = '', rest = ''] = /^#([^\s]*)\s*(.*)$/s.exec(content) ?? [];
  const odd = (reason: string): ConfOdd => ({ kind: 'odd', reason, ...place });
  if (name !== 'include' && name !== 'tryinclude' && name !== 'exec') return odd(`#${name} is no directive`);
  const closing = CLOSING[rest.charAt(0)];
  const quoted = closing !== undefined && rest.length > 1 && rest.endsWith(closing);
  const argument = quoted ? rest.slice(1, -1) : rest;
  return argument === '' ? odd(`#${name} names no file`) : { kind: name, argument, ...place };
}

function readSetting(content: string, place: Place): ConfSetting | ConfOdd | string {
  // a name that begins with [ or # has a backslash before it
  const escaped = content.startsWith('\\');
  if (escaped && content.length === 1) return 'a backslash before nothing';
  const text = escaped ? content.slice(1) : content;
  const equals = text.indexOf('=', escaped ? 1 : 0);
  if (equals < 0) return { kind: 'odd', reason: "a line without '='", ...place };
  const appends = equals > 0 && text[equals - 1] === '+';
  const object = !appends && text[equals + 1] === '>';
  return {
    kind: 'setting',
    name: strip(text.slice(0, appends ? equals - 1 : equals)),
    value: strip(text.slice(equals + (object ? 2 : 1))),
    operator: appends ? '+=' : object ? '=>' : '=',
    ...place,
  };
}

interface Building extends Place {
  readonly name: string;
  readonly template: boolean;
  readonly settings: ConfSetting[];
}

/** `name=value&name=value` as in `[100](+type=endpoint)`: which of several sections is meant. */
function fits(section: Building, filter: string): boolean {
  if (filter === '') return true;
  return filter.split('&').every((part) => {
    const [name = '', value = ''] = part.split('=').map(strip);
    if (name === 'TEMPLATES') return true;
    return section.settings.some((setting) => setting.name === name && setting.value === value);
  });
}

/**
 * Puts the items of a file (those of included files in their places) together: templates are inherited from, `(+)` adds.
 * Directives and odd lines are passed over.
 * @returns sections in order, templates too; refused where Asterisk would not take the file; `offset` is then the item's index
 */
export function assembleConf(items: readonly ConfItem[]): Parsed<ConfSection[]> {
  const sections: Building[] = [];
  const byName = new Map<string, Building[]>();
  let current: Building | null = null;
  let count = 0;
  for (const [index, item] of items.entries()) {
    if (item.kind === 'section') {
      const named = byName.get(item.name.toLowerCase()) ?? [];
      if (item.adds) {
        current = named.findLast((section) => fits(section, item.filter)) ?? null;
        if (current === null) return refused(`${where(item)}: there is no section [${item.name}] to add to`, index);
      } else {
        current = { name: item.name, template: item.template, settings: [], file: item.file, line: item.line };
        sections.push(current);
        named.push(current);
        byName.set(item.name.toLowerCase(), named);
      }
      for (const name of item.inherits) {
        const base = byName.get(name.toLowerCase())?.findLast((section) => section !== current);
        if (base === undefined) return refused(`${where(item)}: there is no template [${name}]`, index);
        count += base.settings.length;
        if (count > MOST_SETTINGS) return refused(`${where(item)}: templates make more than a million settings`, index);
        for (const setting of base.settings) current.settings.push(setting);
      }
    } else if (item.kind === 'setting') {
      if (current === null) return refused(`${where(item)}: a setting before any [section]`, index);
      if (++count > MOST_SETTINGS) return refused('more than a million settings', index);
      add(current.settings, item);
    }
  }
  return parsed(sections);
}

function add(settings: ConfSetting[], item: ConfSetting): void {
  const at = item.operator === '+=' ? settings.findLastIndex(({ name }) => name === item.name) : -1;
  const before = settings[at];
  if (before === undefined) settings.push(item);
  else settings[at] = { ...before, value: before.value + item.value };
}

const where = ({ file, line }: Place): string => `${file === '' ? 'line ' : `${file}:`}${line}`;

/** The last value of a setting in a section, which is the one that counts in nearly all of Asterisk's files; null: not set. */
export const confValue = (section: ConfSection | undefined, name: string): string | null =>
  section?.settings.findLast((setting) => setting.name.toLowerCase() === name.toLowerCase())?.value ?? null;

/** All values of a setting in a section, in order. */
export const confValues = (section: ConfSection | undefined, name: string): string[] =>
  (section?.settings ?? [])
    .filter((setting) => setting.name.toLowerCase() === name.toLowerCase())
    .map(({ value }) => value);

/** ast_true: yes, true, y, t, 1, on. */
export const isYes = (value: string | null): boolean => value !== null && /^(?:yes|true|y|t|1|on)$/i.test(value);
