import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Real software, unpacked from Debian packages by scripts/lab/fetch. */
export interface Tree {
  readonly directory: string;
  /** Package name -> Debian version, of the packages that were asked for. */
  readonly versions: ReadonlyMap<string, string>;
  /** The command line that starts a program of this tree, given by its path inside it (`usr/sbin/asterisk`). */
  readonly command: (program: string, ...args: readonly string[]) => string[];
}

export interface Trees {
  readonly asterisk: Tree;
  readonly tools: Tree;
  /** What fetching (or finding it all in the cache) took. */
  readonly fetchMs: number;
}

/** The lab cannot be brought up on this machine; the message says why, in one line. */
export class LabUnavailable extends Error {
  readonly code = 'lab-unavailable';
}

export const repository = join(dirname(fileURLToPath(import.meta.url)), '../../..');

let trees: Promise<Trees> | undefined;

/** Fetches what is not cached, once in a process. Throws LabUnavailable. */
export async function labTrees(): Promise<Trees> {
  trees ??= fetchTrees();
  return await trees;
}

const others = new Map<string, Promise<Tree | undefined>>();

/** One more tree that scripts/lab/fetch knows, once in a process. Throws LabUnavailable. */
export async function labTree(part: 'mail' | 'syslog' | 'prometheus' | 'python' | 'tshark'): Promise<Tree> {
  const known = others.get(part) ?? runFetch(part).then((found) => found.get(part));
  others.set(part, known);
  const fetched = await known;
  if (fetched === undefined) throw new LabUnavailable(`scripts/lab/fetch named no tree ${part}`);
  return fetched;
}

async function fetchTrees(): Promise<Trees> {
  const began = Date.now();
  const found = await runFetch();
  const asterisk = found.get('asterisk');
  const tools = found.get('tools');
  if (asterisk === undefined || tools === undefined) throw new LabUnavailable('scripts/lab/fetch named no trees');
  return { asterisk, tools, fetchMs: Date.now() - began };
}

async function runFetch(...parts: readonly string[]): Promise<Map<string, Tree>> {
  const lines = await new Promise<string>((resolve, reject) => {
    execFile(
      'bash',
      [join(repository, 'scripts/lab/fetch'), ...parts],
      { encoding: 'utf8' },
      (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else
          reject(
            new LabUnavailable(
              stderr
                .trim()
                .split('\n')
                .at(-1)
                ?.replace(/^lab: /, '') ?? error.message,
            ),
          );
      },
    );
  });
  const found = new Map<string, Tree>();
  for (const line of lines.split('\n')) {
    const [part, directory, versions] = line.split('\t');
    if (part !== undefined && directory !== undefined && versions !== undefined)
      found.set(part, tree(directory, versions));
  }
  return found;
}

function tree(directory: string, versions: string): Tree {
  const pairs = versions.split(', ').map((pair): [string, string] => {
    const [name = '', version = ''] = pair.split(' ');
    return [name, version];
  });
  return {
    directory,
    versions: new Map(pairs),
    command: (program, ...args) => [join(directory, 'exec'), program, ...args],
  };
}

/** The path of a directory inside a tree that lies under the machine's architecture triple or directly under usr/lib. */
export function libraryDirectory(from: Tree, name: string): string {
  const lib = join(from.directory, 'usr/lib');
  const places = [
    lib,
    ...readdirSync(lib)
      .filter((entry) => entry.includes('-linux-'))
      .map((entry) => join(lib, entry)),
  ];
  for (const place of places.reverse()) {
    try {
      if (readdirSync(join(place, name)).length > 0) return join(place, name);
    } catch {
      // not in this one
    }
  }
  throw new Error(`no ${name} under ${lib}`);
}

/** The first number of Asterisk's version: 22 for `1:22.10.1+dfsg…`. */
export function asteriskMajor(asterisk: Tree): number {
  const version = asterisk.versions.get('asterisk') ?? '';
  return Number(/^(?:\d+:)?(\d+)\./.exec(version)?.[1] ?? 0);
}
