import { readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse as parseToml, TomlError } from 'smol-toml';
import { z } from 'zod';
import { cdrOptions, hepOptions } from './collect/options.ts';
import { consoleOptions, healthOptions, heartbeatOptions, metricsOptions } from './console/options.ts';
import { cryptoOptions } from './crypto/options.ts';
import { detectorParameters } from './detect/index.ts';
import { ConfigError, InputError, messageOf, RingfenceError, type ConfigProblem } from './errors.ts';
import { agentOptions, gatewayOptions } from './gateway/options.ts';
import { amiOptions, kamailioOptions, nftOptions } from './pbx/options.ts';
import { logOptions } from './respond/attacks/options.ts';
import { lockOptions, unknownGroups } from './respond/lock/options.ts';
import { notifyOptions, problemsInNotify } from './respond/notify/options.ts';
import { respondOptions, unknownNames, type UnknownName } from './respond/options.ts';
import { siteSettings } from './site/options.ts';
import { auditOptions, storeOptions } from './store/options.ts';
import { toolboxOptions } from './toolbox/options.ts';

/** Where settings are looked for when --config does not say. */
export const CONFIG_PATHS = ['/etc/ringfence/ringfence.toml', './ringfence.toml'] as const;

/** The whole settings file. Every section may be missing; every field has its default and help here. */
export const settingsSchema = z.strictObject({
  mode: z
    .enum(['observe', 'enforce'])
    .default('observe')
    .describe('observe: say what would be done; enforce: do it. A new installation observes'),
  ...siteSettings,
  asterisk: z
    .strictObject({
      cdr: cdrOptions.optional().describe('call records'),
      ami: amiOptions.optional().describe('manager interface'),
    })
    .prefault({}),
  hep: hepOptions.optional().describe('mirrored SIP'),
  kamailio: kamailioOptions.optional().describe('the proxy in front, if any'),
  nftables: nftOptions.optional().describe("blocked addresses in this machine's packet filter too, if wanted"),
  store: storeOptions.prefault({}),
  crypto: cryptoOptions.prefault({}).describe('certificates and keys (docs/keys.md)'),
  agent: agentOptions
    .prefault({})
    .describe("the crypto gateway's client side, on the other machine: ringfence agent (docs/agent.md)"),
  console: consoleOptions.prefault({}).describe('metrics and health, for this machine'),
  metrics: metricsOptions.prefault({}).describe('metrics and health, for a Prometheus on another machine'),
  health: healthOptions.prefault({}).describe('when ringfence tells that something is wrong with itself'),
  heartbeat: heartbeatOptions
    .optional()
    .describe("a dead man's switch: an address outside that is asked for while ringfence is well"),
  detect: z.strictObject(detectorParameters).prefault({}),
  lock: lockOptions.prefault({}).describe('the office lock: no calls abroad while the office is closed'),
  respond: respondOptions
    .prefault({})
    .describe('what is done about what: in observe mode it is said, in enforce mode it is done'),
  audit: auditOptions.prefault({}).describe('what is kept for the audits, and the trail of who or what decided what'),
  notify: notifyOptions.prefault({}).describe('who is told of what, and how (docs/notify.md)'),
  gateway: gatewayOptions.optional().describe('the crypto gateway before the PBX, if wanted (docs/gateway.md)'),
  toolbox: toolboxOptions.prefault({}).describe('the security toolbox: templates, and what they rest on'),
  log: logOptions.prefault({}).describe("the daemon's own log, and lines for programs that read logs"),
});

export type Settings = z.output<typeof settingsSchema>;

/** Settings of later versions (docs/contracts.md): a file that has them works here too, it is only said that they rest. */
export const LATER: readonly string[] = [];

/** Settings as they stand, and where they came from. */
export interface Config {
  readonly settings: Settings;
  /** the file, or null: defaults alone */
  readonly file: string | null;
  /** paths in the settings are relative to this */
  readonly directory: string;
  /** things that are no error and that somebody should know */
  readonly warnings: readonly string[];
  /** what the file sets for later versions, as it was written: kept, and not used */
  readonly later: Readonly<Record<string, unknown>>;
}

type Tree = Record<string, unknown>;

const isTable = (value: unknown): value is Tree =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);

/** Parts a settings tree into what this version reads and what a later one does. */
function setApart(tree: Tree): { now: Tree; later: Tree; found: string[] } {
  const now = { ...tree };
  const later: Tree = {};
  const found: string[] = [];
  for (const path of LATER) {
    const [section, name] = path.split('.') as [string, string?];
    const value = now[section];
    if (name === undefined) {
      if (!(section in now)) continue;
      later[section] = value;
      Reflect.deleteProperty(now, section);
      found.push(`[${section}]`);
    } else if (isTable(value) && name in value) {
      const { [name]: set, ...rest } = value;
      now[section] = rest;
      later[section] = { [name]: set };
      found.push(`${name} in [${section}]`);
    }
  }
  return { now, later, found };
}

/** Fewest single-character edits that turn one word into the other (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/** The known word nearest to a mistyped one, if it is near at all. */
export function nearest(word: string, known: readonly string[]): string | null {
  const ranked = known.map((k) => ({ k, d: distance(word.toLowerCase(), k) })).sort((a, b) => a.d - b.d);
  const best = ranked[0];
  return best !== undefined && best.d <= Math.max(2, Math.floor(word.length / 3)) ? best.k : null;
}

/** The object schema behind optional, default and prefault wrappers. */
export function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  let inner = schema;
  while (inner instanceof z.ZodOptional || inner instanceof z.ZodDefault || inner instanceof z.ZodPrefault)
    inner = inner.unwrap();
  return inner;
}

/** The help of a setting, wherever among its wrappers it stands. */
export function helpText(schema: z.core.$ZodType): string | undefined {
  for (let inner = schema; ; inner = inner.unwrap()) {
    if (inner instanceof z.ZodType && inner.description !== undefined) return inner.description;
    if (!(inner instanceof z.ZodOptional || inner instanceof z.ZodDefault || inner instanceof z.ZodPrefault))
      return undefined;
  }
}

function schemaAt(path: readonly PropertyKey[]): z.core.$ZodType | null {
  let schema: z.core.$ZodType = settingsSchema;
  for (const step of path) {
    const inner = unwrap(schema);
    let next: z.core.$ZodType | undefined;
    if (inner instanceof z.ZodObject) next = (inner.shape as Record<string, z.core.$ZodType>)[String(step)];
    else if (inner instanceof z.ZodRecord) next = inner.valueType;
    else if (inner instanceof z.ZodArray) next = inner.element;
    if (next === undefined) return null;
    schema = next;
  }
  return schema;
}

const dotted = (path: readonly PropertyKey[]): string =>
  path.map((p) => (/^[A-Za-z_][\w-]*$/.test(String(p)) ? String(p) : JSON.stringify(p))).join('.');

/** The table that may stand here, of several things that may. */
function tableOf(schema: z.core.$ZodType): z.core.$ZodType {
  const inner = unwrap(schema);
  return inner instanceof z.ZodUnion ? (inner.options.find((o) => o instanceof z.ZodObject) ?? inner) : inner;
}

function problemsOf(error: z.ZodError): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  for (const issue of error.issues) {
    if (issue.code === 'unrecognized_keys') {
      const schema = tableOf(schemaAt(issue.path) ?? settingsSchema);
      const later = issue.path.length === 0 ? LATER.filter((name) => !name.includes('.')) : [];
      const known = [...(schema instanceof z.ZodObject ? Object.keys(schema.shape) : []), ...later];
      for (const key of issue.keys) {
        const near = nearest(key, known);
        const help = near === null ? `known here: ${known.join(', ')}` : `did you mean ${near}?`;
        problems.push({ path: dotted([...issue.path, key]), message: 'unknown setting', help });
      }
    } else {
      const schema = schemaAt(issue.path);
      const help = schema === null ? undefined : helpText(schema);
      const path = issue.path.length === 0 ? '(file)' : dotted(issue.path);
      const missing = issue.code === 'invalid_type' && issue.message.endsWith('received undefined');
      const message = missing ? 'must be given' : issue.message.replace(/^Invalid (?:input|option): /, '');
      problems.push({ path, message, ...(help === undefined ? {} : { help }) });
    }
  }
  return problems;
}

/** Country of the machine: of its locale, else of its time zone; 'US' if neither tells. ISO 3166-1. */
function machineCountry(timezone: string): string {
  const locale = /^[a-z]{2,3}_([A-Z]{2})/.exec(process.env['LC_ALL'] ?? process.env['LANG'] ?? '');
  if (locale?.[1] !== undefined) return locale[1];
  for (let i = 0; i < 26 * 26; i++) {
    const region = String.fromCharCode(65 + Math.floor(i / 26), 65 + (i % 26));
    const zones = (new Intl.Locale(`und-${region}`) as Intl.Locale & { timeZones?: string[] }).timeZones;
    if (zones?.includes(timezone) === true) return region;
  }
  return 'US';
}

/** What the machine itself tells: used only where there is no settings file at all. */
export function machineSite(): { timezone: string; country: string } {
  const timezone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  return { timezone, country: machineCountry(timezone) };
}

/** Sections of which there may be several: one of them may be written as [notify.webhook], several as [[notify.webhook]]. */
const SEVERAL = ['webhook', 'routes'] as const;

function withLists(tree: unknown): unknown {
  const notify = isTable(tree) ? tree['notify'] : undefined;
  if (!isTable(tree) || !isTable(notify)) return tree;
  const lists = SEVERAL.filter((name) => isTable(notify[name])).map((name): [string, unknown] => [
    name,
    [notify[name]],
  ]);
  return { ...tree, notify: { ...notify, ...Object.fromEntries<unknown>(lists) } };
}

/** Something in [notify] that does not fit together; of a wrong name the nearest that there is. */
function notifyProblem({ path, message, name, known }: ReturnType<typeof problemsInNotify>[number]): ConfigProblem {
  if (name === '') return { path, message };
  const near = nearest(name, known);
  const there = known.length === 0 ? 'there is none' : `there are: ${known.join(', ')}`;
  return { path, message, help: near === null ? there : `did you mean ${near}?` };
}

/** A name in [respond] that nothing has, with the nearest that there is. */
function unknownProblem({ path, name, what, known }: UnknownName): ConfigProblem {
  const near = nearest(name, known);
  const there = known.length === 0 ? 'there is none' : `there are: ${known.join(', ')}`;
  return { path, message: `no ${what} "${name}"`, help: near === null ? there : `did you mean ${near}?` };
}

/**
 * Checks a settings tree and fills in the defaults.
 * @throws ConfigError with every problem found
 */
export function checkSettings(tree: unknown, file: string): Settings {
  const checked = settingsSchema.safeParse(withLists(tree));
  if (!checked.success) throw new ConfigError(file, problemsOf(checked.error));
  const { respond, lock } = checked.data;
  const groups = Object.keys(checked.data.groups);
  const unknown = [
    ...unknownNames(respond, { detectors: Object.keys(detectorParameters), groups }),
    ...unknownGroups(lock, groups),
  ];
  const notify = problemsInNotify(checked.data.notify, { detectors: Object.keys(detectorParameters), groups });
  const problems = [...unknown.map(unknownProblem), ...notify.map(notifyProblem)];
  if (problems.length > 0) throw new ConfigError(file, problems);
  return checked.data;
}

function whyUnread(code: string | undefined, error: unknown): string {
  if (code === 'ENOENT') return 'there is no such file; name another with --config FILE';
  if (code === 'EISDIR') return 'that is a folder; name the file in it';
  if (code === 'EACCES') return 'not allowed; run ringfence as the user who may, or as root';
  return messageOf(error);
}

function readFirst(path: string | undefined): { file: string; text: string } | null {
  for (const candidate of path === undefined ? CONFIG_PATHS : [path]) {
    try {
      const text = readFileSync(candidate, 'utf8');
      // `ringfence config print > ringfence.toml`: the shell has made the file, empty, before anything is printed
      if (path === undefined && text.trim() === '') continue;
      return { file: resolve(candidate), text };
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT' && path === undefined) continue;
      throw new RingfenceError('config-unreadable', `cannot read the settings ${candidate}: ${whyUnread(code, error)}`);
    }
  }
  return null;
}

/**
 * Reads the settings: `path`, else the first of CONFIG_PATHS that is there, else the defaults with the machine's zone.
 * @throws ConfigError with every problem found; RingfenceError 'config-unreadable'
 */
export function loadConfig(path: string | undefined): Config {
  const found = readFirst(path);
  if (found === null) {
    const site = machineSite();
    const where = `time zone ${site.timezone}, country ${site.country}`;
    return {
      settings: checkSettings({ site }, 'defaults'),
      file: null,
      directory: process.cwd(),
      warnings: [`no settings file (${CONFIG_PATHS.join(', ')}): using the defaults with this machine's ${where}`],
      later: {},
    };
  }
  let tree: Tree;
  try {
    tree = parseToml(found.text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const reason = error.message.split('\n')[0] ?? 'not TOML';
    throw new ConfigError(found.file, [{ path: `line ${error.line}, column ${error.column}`, message: reason }]);
  }
  const { now, later, found: unused } = setApart(tree);
  const settings = checkSettings(now, found.file);
  const resting = unused.map((name) => `this version does not use ${name} yet; the setting is kept`);
  const warnings = [...warningsOf(settings), ...resting];
  return { settings, file: found.file, directory: dirname(found.file), warnings, later };
}

function warningsOf(settings: Settings): string[] {
  const warnings: string[] = [];
  if (settings.mode === 'enforce' && settings.asterisk.ami === undefined)
    warnings.push(
      'mode = "enforce" without [asterisk.ami]: nothing can be done at Asterisk; add the section (docs/operators-guide.md)',
    );
  if (settings.audit.passwords && settings.hep === undefined)
    warnings.push(
      '[audit] passwords without [hep]: digest answers come by mirrored SIP; add the section, or audit a recording',
    );
  return warnings;
}

/** Longest secret: what a HEP packet and an AMI line hold. */
const SECRET_BYTES = 256;

/** A file that a setting names (a certificate, a key). @throws InputError that says which setting and which file */
export function readNamed(path: string, directory: string, setting: string): string {
  const file = resolve(directory, path);
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new InputError('input-unreadable', `${setting}: cannot read ${file}: ${messageOf(error)}`, { cause: error });
  }
}

/**
 * Reads a secret from a file: one line, its end stripped.
 * @throws RingfenceError 'secret-unsafe' if others may read it, InputError if it cannot be read or is empty
 */
export function readSecret(path: string, directory: string, setting: string): string {
  const file = resolve(directory, path);
  let text: string;
  try {
    const { mode } = statSync(file);
    if ((mode & 0o007) !== 0)
      throw new RingfenceError('secret-unsafe', `${setting}: ${file} can be read by everybody; run: chmod 640 ${file}`);
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof RingfenceError) throw error;
    throw new InputError('input-unreadable', `${setting}: cannot read ${file}: ${messageOf(error)}`, { cause: error });
  }
  const secret = text.replace(/\r?\n$/, '');
  if (secret === '' || /[\r\n\0]/.test(secret))
    throw new InputError('input-malformed', `${setting}: ${file} must hold the secret alone, on one line`);
  if (Buffer.byteLength(secret) > SECRET_BYTES)
    throw new InputError('input-malformed', `${setting}: ${file} holds more than ${SECRET_BYTES} bytes`);
  return secret;
}
