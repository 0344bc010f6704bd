import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { canonicalAddress } from '../address.ts';
import { loadConfig, type Config } from '../config.ts';
import { endpointOf } from '../crypto/identity.ts';
import { ConfigError, InputError, messageOf } from '../errors.ts';
import { createSite, type Site } from '../site/index.ts';
import type { GlobalOptions, Output } from './output.ts';

/** The settings, with their warnings said. @throws ConfigError and others of loadConfig */
export function readConfig(options: GlobalOptions, output: Output): Config {
  const config = loadConfig(options.config);
  for (const warning of config.warnings) output.note(`ringfence: ${warning}`);
  return config;
}

/** The text of a file that the settings name; undefined: they name none. @throws InputError */
function textOf(config: Config, setting: string, file: string): string | undefined {
  if (file === '') return undefined;
  const path = resolve(config.directory, file);
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new InputError('input-unreadable', `${setting}: cannot read ${path}: ${messageOf(error)}`, { cause: error });
  }
}

/** The site that the settings describe. @throws ConfigError with every problem, InputError for the tariff and risk files */
export function siteOf(config: Config): Site {
  const { settings } = config;
  const tariff = textOf(config, '[tariff] file', settings.tariff.file);
  const risks = textOf(config, '[numbers] risk_file', settings.numbers.risk_file);
  const made = createSite({ ...settings, network: withGateway(settings) }, tariff, risks);
  if (!made.ok) throw new ConfigError(config.file ?? 'defaults', made.problems);
  return made.value;
}

/** The PBX sees the gateway as the source of everybody behind it: it is no more blocked than the PBX itself. */
function withGateway({ network, gateway }: Config['settings']): Config['settings']['network'] {
  if (gateway === undefined) return network;
  const own = [gateway.inside, gateway.advertise, ...gateway.listen].flatMap((text) => {
    const address = canonicalAddress(endpointOf(text)?.host ?? '');
    return address === null || address === '0.0.0.0' || address === '::' ? [] : [address];
  });
  return { ...network, pbx: [...new Set([...network.pbx, ...own])] };
}
