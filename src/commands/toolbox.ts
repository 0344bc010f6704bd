import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, openSync, readdirSync, readFileSync, statSync, writeSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { nearest, readSecret, type Config } from '../config.ts';
import { ConfigError, InputError, messageOf, RingfenceError, type ConfigProblem } from '../errors.ts';
import { readXfrm } from '../pbx/xfrm.ts';
import { giveTo } from '../store/file.ts';
import { openStore, type Store } from '../store/index.ts';
import {
  authorisationsOf,
  gatherTemplates,
  syncObjects,
  unknownTemplates,
  type Named,
  type TemplateFile,
} from '../toolbox/databases.ts';
import { assemble, type Toolbox } from '../toolbox/assemble.ts';
import type { EvidenceDoor } from '../toolbox/evidence.ts';
import { tools } from '../toolbox/registry.ts';
import type { Services } from '../toolbox/services.ts';
import { shippedTemplates } from '../toolbox/shipped.ts';
import { MOST_TEMPLATE_BYTES, readTemplate, type Checked } from '../toolbox/template.ts';
import { associationsOf } from '../toolbox/user/xfrm.ts';

/** Associations are asked for again after so long, milliseconds. */
const XFRM_AGE = 2_000;
const SECRET_BYTES = 32;

/** All templates of this site by name, with what is wrong with people's own. */
export interface Templates {
  readonly templates: ReadonlyMap<string, Omit<Named, 'version'>>;
  readonly problems: readonly ConfigProblem[];
}

/** The shipped templates and those in the folder that the settings name. @throws InputError */
export function templatesOf(config: Config): Templates {
  const gathered = gatherTemplates(shippedTemplates, filesOf(config), tools);
  const problems = [...gathered.problems, ...unknownTemplates(config.settings.toolbox, gathered.templates.keys())];
  return { templates: gathered.templates, problems };
}

function filesOf({ settings, directory }: Config): TemplateFile[] {
  if (settings.toolbox.templates === '') return [];
  const folder = resolve(directory, settings.toolbox.templates);
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith('.json'))
      .sort()
      .map((name) => ({ file: join(folder, name), text: textOf(join(folder, name)) }));
  } catch (error) {
    if (error instanceof RingfenceError) throw error;
    throw new InputError('input-unreadable', `toolbox.templates: cannot read ${folder}: ${messageOf(error)}`);
  }
}

/** Text of a template file. @throws InputError */
function textOf(file: string): string {
  try {
    if (statSync(file).size > MOST_TEMPLATE_BYTES)
      throw new InputError('input-malformed', `${file}: a template has ${MOST_TEMPLATE_BYTES} bytes at the most`);
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof RingfenceError) throw error;
    throw new InputError('input-unreadable', `cannot read the template ${file}: ${messageOf(error)}`, { cause: error });
  }
}

export const isFile = (name: string): boolean => name.includes('/') || name.endsWith('.json');

/** A template by its name, or from a file. @throws RingfenceError that says which there are; ConfigError with every problem of a file */
export function templateNamed(name: string, { templates, problems }: Templates): Omit<Named, 'version'> {
  if (isFile(name)) {
    const read = readTemplate(textOf(name), tools);
    if (!read.ok) throw new ConfigError(name, read.problems);
    return { checked: read.value, source: name };
  }
  const found = templates.get(name);
  if (found !== undefined) return found;
  const near = nearest(name, [...templates.keys()]);
  const broken = problems.find(({ path }) => path.includes(`/${name}.json`));
  const hint =
    broken === undefined
      ? near === null
        ? 'ringfence toolbox list shows those there are'
        : `did you mean ${near}?`
      : `${broken.path}: ${broken.message}`;
  throw new RingfenceError('usage', `there is no template "${name}"; ${hint}`);
}

/** Brings the store up to what is there now. */
export const syncStore = (store: Store, config: Config, { templates }: Templates, at: number): number =>
  store.transaction(() => syncObjects(store.toolboxObjects, templates, tools, config.settings.toolbox, at));

/** The store, if there is one already; null: there is none yet. */
export function storeIfThere(config: Config): Store | null {
  const path = resolve(config.directory, config.settings.store.path);
  return existsSync(path) ? openStore(path, { create: false }) : null;
}

/** Where the secret lies that hides what is remembered. */
const secretPath = ({ settings, directory }: Config): string =>
  resolve(
    directory,
    settings.toolbox.secret_file === '' ? `${settings.store.path}.secret` : settings.toolbox.secret_file,
  );

/** The secret that hides what is remembered; made where it is missing. @throws InputError, RingfenceError secret-unsafe */
const secretOf = (config: Config): Uint8Array =>
  madeSecret(secretPath(config), config.directory, 'toolbox.secret_file');

/** 32 random bytes of our own, as hex in a file; made where they are missing. @throws InputError, RingfenceError secret-unsafe */
export function madeSecret(path: string, directory: string, setting: string): Uint8Array {
  if (!existsSync(path)) makeSecret(path, setting);
  const text = readSecret(path, directory, setting);
  if (!/^[0-9a-f]{64}$/i.test(text))
    throw new InputError('input-malformed', `${setting}: ${path} must hold ${SECRET_BYTES} bytes in hex`);
  return Buffer.from(text, 'hex');
}

function makeSecret(path: string, setting: string): void {
  try {
    const file = openSync(path, 'wx', 0o600);
    writeSync(file, `${randomBytes(SECRET_BYTES).toString('hex')}\n`);
    fsyncSync(file);
    closeSync(file);
    giveTo(path, statSync(dirname(path)));
  } catch (error) {
    // two that start together: the first has made it
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return;
    throw new InputError('input-unreadable', `${setting}: cannot make ${path}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** The toolbox over a store, with all that this site has for it. */
export function openToolbox(
  store: Store,
  config: Config,
  clock: () => number,
  more: Pick<Services, 'keys' | 'audit'> & { readonly evidence?: EvidenceDoor } = { keys: null, audit: null },
): Toolbox {
  const { toolbox } = config.settings;
  const { keys, audit, evidence } = more;
  return assemble({
    ...{ store, secret: secretOf(config), limits: toolbox },
    services: {
      ...{ keys, audit },
      associations: associationsOf(() => readXfrm(toolbox.ip_command), clock, XFRM_AGE),
      authorisations: toolbox.authorisations.length === 0 ? null : authorisationsOf(toolbox.authorisations),
    },
    ...(evidence === undefined ? {} : { evidence }),
  });
}

export const stepsText = ({ template }: Checked): string => template.steps.map(({ tool }) => tool).join(', ');
