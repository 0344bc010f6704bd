import { parseListen } from '../collect/hep.ts';
import { readNamed, readSecret, type Config } from '../config.ts';
import { ConfigError, messageOf, RingfenceError, type ConfigProblem } from '../errors.ts';
import { openChannels } from './notify-channels.ts';
import { EXIT, type GlobalOptions, type Output } from './output.ts';
import { readConfig, siteOf } from './site.ts';

/** What the settings point at: secrets, certificates, the tariff. Each is tried, so that all problems come at once. */
export function filesOf(config: Config): ConfigProblem[] {
  const { settings, directory } = config;
  const problems: ConfigProblem[] = [];
  const attempt = (path: string, work: () => unknown): void => {
    try {
      work();
    } catch (error) {
      if (error instanceof ConfigError) problems.push(...error.problems);
      else problems.push({ path, message: messageOf(error).replace(`${path}: `, '') });
    }
  };
  const { ami } = settings.asterisk;
  if (ami !== undefined)
    attempt('asterisk.ami.secret_file', () => readSecret(ami.secret_file, directory, 'asterisk.ami.secret_file'));
  const { hep } = settings;
  const password = hep?.password_file;
  if (password !== undefined) attempt('hep.password_file', () => readSecret(password, directory, 'hep.password_file'));
  for (const [index, listen] of (hep?.listen ?? []).entries()) {
    const path = `hep.listen.${index}`;
    if (parseListen(listen) === null)
      problems.push({ path, message: `"${listen}" is no address to listen on`, help: 'like "udp:127.0.0.1:9060"' });
    else if (listen.startsWith('tls:') && (hep?.cert_file === undefined || hep.key_file === undefined))
      problems.push({ path, message: `${listen} needs a certificate and a key`, help: 'cert_file and key_file' });
  }
  for (const [path, file] of [
    ['hep.cert_file', hep?.cert_file],
    ['hep.key_file', hep?.key_file],
    ['asterisk.ami.ca_file', ami?.ca_file],
  ] as const)
    if (file !== undefined) attempt(path, () => readNamed(file, directory, path));
  attempt('notify', () => {
    for (const channel of openChannels(config, { acknowledge: () => undefined, lift: () => 0 })) channel.close();
  });
  attempt('tariff.file', () => siteOf(config));
  return problems;
}

/** `ringfence config check`: every problem at once; 0 = right, 1 = not. */
export default function check(args: readonly string[], options: GlobalOptions, output: Output): number {
  const [file] = args;
  try {
    const config = readConfig(file === undefined ? options : { ...options, config: file }, output);
    const problems = filesOf(config);
    if (problems.length > 0) throw new ConfigError(config.file ?? 'defaults', problems);
    if (output.json) output.object({ ok: true, file: config.file });
    else output.result(`${config.file ?? 'defaults'}: the settings are right`);
    return EXIT.done;
  } catch (error) {
    if (!(error instanceof RingfenceError)) throw error;
    if (error.code === 'config-unreadable') throw error;
    if (output.json)
      output.object({ ok: false, error: error.message, problems: error instanceof ConfigError ? error.problems : [] });
    else output.result(error.message);
    return EXIT.found;
  }
}
