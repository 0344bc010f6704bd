import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { loadConfig, type Config } from '../config.ts';
import { ConfigError, InputError, messageOf } from '../errors.ts';
import { createSite, type Site } from '../site/index.ts';
import type { GlobalOptions, Output } from './output.ts';

/** The settings, with their warnings said. @throws ConfigError and others of loadConfig */
export function readConfig(options: GlobalOptions, output: Output): Config {
  const config = loadConfig(options.config);
  for (const warning of config.warnings) output.note(`ringfence: ${warning}`);
  return config;
}

/** The site that the settings describe. @throws ConfigError with every problem, InputError for the tariff file */
export function siteOf(config: Config): Site {
  const { settings } = config;
  const { file } = settings.tariff;
  let tariff: string | undefined;
  if (file !== '') {
    const path = resolve(config.directory, file);
    try {
      tariff = readFileSync(path, 'utf8');
    } catch (error) {
      throw new InputError('input-unreadable', `[tariff] file: cannot read ${path}: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }
  const made = createSite(settings, tariff);
  if (!made.ok) throw new ConfigError(config.file ?? 'defaults', made.problems);
  return made.value;
}
