import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, isAbsolute, join } from 'node:path';
import { InputError, messageOf } from '../../errors.ts';
import { assembleConf, parseConf, type ConfDirective, type ConfItem, type ConfSection } from '../../wire/conf.ts';

/** A configuration file of Asterisk's with all that it includes. */
export interface LoadedConf {
  readonly path: string;
  /** the text of this file alone */
  readonly text: string;
  /** of this file and those that it includes, in Asterisk's order */
  readonly items: readonly ConfItem[];
  readonly sections: readonly ConfSection[];
  /** every file that was read, this one first */
  readonly files: readonly string[];
  /** programs whose output Asterisk reads (#exec); they are never run here, so what they print is not known */
  readonly programs: readonly ConfDirective[];
  /** what could not be read or understood; empty: all of it was */
  readonly problems: readonly string[];
}

/** MAX_INCLUDE_LEVEL of main/config.c. */
const DEEPEST = 10;
const MOST_FILES = 2_000;

/** A pattern for names of files, as glob(3) has them in the last part of a path. */
function pattern(glob: string): RegExp {
  const text = glob
    .replace(/[.+^${}()|\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${text}$`, 's');
}

/** The files that an inclusion means; patterns count in the last part of the path. */
function named(argument: string, etc: string): string[] {
  const path = isAbsolute(argument) ? argument : join(etc, argument);
  const name = basename(path);
  if (!/[*?[]/.test(name)) return [path];
  const fits = pattern(name);
  try {
    return readdirSync(dirname(path))
      .filter((file) => fits.test(file) && (!file.startsWith('.') || name.startsWith('.')))
      .sort()
      .map((file) => join(dirname(path), file));
  } catch {
    return [];
  }
}

class Loading {
  readonly files: string[] = [];
  readonly programs: ConfDirective[] = [];
  readonly problems: string[] = [];
  readonly #etc: string;

  constructor(etc: string) {
    this.#etc = etc;
  }

  /** @returns null: the file is not there */
  text(path: string): string | null {
    try {
      return readFileSync(path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') this.problems.push(`${path}: ${messageOf(error)}`);
      return null;
    }
  }

  items(path: string, text: string, depth: number): ConfItem[] {
    this.files.push(path);
    const read = parseConf(text, path);
    if (!read.ok) {
      this.problems.push(`${path}, ${read.reason}`);
      return [];
    }
    return read.value.flatMap((item) => {
      if (item.kind === 'odd') this.problems.push(`${path}:${item.line}: ${item.reason}`);
      if (item.kind === 'exec') this.programs.push(item);
      return item.kind === 'include' || item.kind === 'tryinclude' ? [item, ...this.#included(item, depth)] : [item];
    });
  }

  #included(item: ConfDirective, depth: number): ConfItem[] {
    const at = `${item.file}:${item.line}`;
    if (depth >= DEEPEST || this.files.length > MOST_FILES) {
      this.problems.push(`${at}: inclusions within inclusions, more than ${DEEPEST} deep`);
      return [];
    }
    return named(item.argument, this.#etc).flatMap((path) => {
      const text = this.text(path);
      if (text !== null) return this.items(path, text, depth + 1);
      if (item.kind === 'include') this.problems.push(`${at}: ${path} is not there`);
      return [];
    });
  }
}

/**
 * Reads a file and what it includes; null: it is not there. Nothing is run, nothing is changed.
 * @throws InputError when it is there and may not be read
 */
export function loadConf(path: string, etc: string): LoadedConf | null {
  const loading = new Loading(etc);
  const text = loading.text(path);
  if (text === null) {
    const [why] = loading.problems;
    if (why !== undefined) throw new InputError('input-unreadable', `${why}; run it as root`);
    return null;
  }
  const items = loading.items(path, text, 0);
  const { files, programs, problems } = loading;
  const assembled = assembleConf(items);
  if (!assembled.ok) problems.push(assembled.reason);
  return { path, text, items, sections: assembled.ok ? assembled.value : [], files, programs, problems };
}
