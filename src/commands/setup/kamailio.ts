import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, isAbsolute, join } from 'node:path';

/** What a look at kamailio.cfg tells. Nothing in it has been run or changed. */
export interface KamailioFound {
  readonly file: string;
  /** is ringfence.cfg included? */
  readonly included: boolean;
  /** does request_route call route(RINGFENCE)? */
  readonly called: boolean;
  /** line after which to include it: the last loadmodule; 0: there is none */
  readonly lastModule: number;
  /** line of `request_route {`; 0: there is none */
  readonly route: number;
  /** modules that ringfence.cfg would load as well */
  readonly mirrors: boolean;
  readonly rpc: boolean;
  /** addresses of `listen=`, without wildcards */
  readonly addresses: readonly string[];
}

const FILES = ['/etc/kamailio/kamailio.cfg', '/usr/local/etc/kamailio/kamailio.cfg'];
const MOST = 100;

/** Code without comments, line by line; what stands in strings is kept. */
const codeOf = (text: string): string[] =>
  text
    .replace(/\/\*[\s\S]*?\*\//g, (all) => '\n'.repeat(all.split('\n').length - 1))
    .split('\n')
    // `#!define` and its kin are directives
    .map((line) => line.replace(/(^|\s)(?:#(?!!)|\/\/).*$/, ''));

/** The lines of a file and of those that it includes. */
function allCode(file: string, seen = new Set<string>()): string[] {
  if (seen.has(file) || seen.size > MOST || !existsSync(file)) return [];
  seen.add(file);
  return codeOf(readFileSync(file, 'utf8')).flatMap((line) => {
    const name = /^\s*(?:#!)?(?:include|import)_file\s+"([^"]+)"/.exec(line)?.[1];
    if (name === undefined) return [line];
    return [line, ...allCode(isAbsolute(name) ? name : join(dirname(file), name), seen)];
  });
}

/** Looks at Kamailio's configuration; null: there is none. */
export function lookAtKamailio(given: string | undefined): KamailioFound | null {
  const file = given ?? FILES.find((path) => existsSync(path));
  if (file === undefined || !existsSync(file)) return null;
  const own = codeOf(readFileSync(file, 'utf8'));
  const all = allCode(file);
  const last = own.findLastIndex((line) => /^\s*loadmodule\b/.test(line)) + 1;
  const route = own.findIndex((line) => /^\s*(?:request_route|route)\s*(?:\{|$)/.test(line)) + 1;
  const addresses = all.flatMap((line) => {
    const host = /^\s*listen\s*=\s*"?(?:\w+:)?(\[[^\]]+\]|[^\s:"]+)/.exec(line)?.[1]?.replace(/^\[|\]$/g, '');
    return host === undefined || /^(?:0\.0\.0\.0|::|[A-Z_]+)$/.test(host) ? [] : [host];
  });
  const has = (fits: RegExp): boolean => all.some((line) => fits.test(line));
  return {
    file,
    included: all.some((line) => /include_file\s+"([^"]+)"/.exec(line)?.[1]?.endsWith('ringfence.cfg') === true),
    called: has(/\broute\(\s*"?RINGFENCE"?\s*\)/),
    lastModule: last,
    route,
    mirrors: own.some((line) => /loadmodule\s+"?[^"]*siptrace/.test(line)),
    rpc: own.some((line) => /loadmodule\s+"?[^"]*jsonrpcs/.test(line)),
    addresses: [...new Set(addresses)].filter((address) => basename(address) !== ''),
  };
}
