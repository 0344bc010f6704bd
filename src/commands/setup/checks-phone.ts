import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../../config.ts';
import { NOTIFY_CONTEXT } from '../../respond/notify/phone.ts';
import { PROMPTS } from '../../respond/notify/phone-script.ts';
import type { AsteriskFound } from './asterisk.ts';
import { dialplanNow, type Live } from './checks-asterisk.ts';
import { advice, ok, problem, type Row } from './checks.ts';

/** Asterisk's own, in which a prompt is said that another language does not have (main/file.c). */
const FALLBACK = 'en';
const INSTALL = 'apt-get install asterisk-core-sounds-en-gsm';

/** Can Asterisk place the call to the person on duty, and say what happened? Nothing where [notify.phone] is not set. */
export async function phoneRows(
  { settings }: Config,
  live: Live,
  console: readonly string[],
  found: AsteriskFound,
): Promise<Row[]> {
  const { phone } = settings.notify;
  if (phone === undefined) return [];
  const { plan, from } = await dialplanNow(live, console, found);
  const check = 'telephone call';
  return [
    plan.has(NOTIFY_CONTEXT)
      ? ok(check, `its context ${NOTIFY_CONTEXT} is ${from === 'live' ? 'loaded' : 'in the files'}`)
      : problem(
          check,
          `the context ${NOTIFY_CONTEXT} is not ${from === 'live' ? 'loaded' : 'in the files'}: nobody can be rung`,
          "ringfence init --install, then asterisk -rx 'dialplan reload'",
        ),
    promptsRow(join(found.directories.data, 'sounds'), phone.prompts ?? ''),
  ];
}

/** Are the prompts there, in the language of [notify.phone] prompts or else in English? */
export function promptsRow(sounds: string, language: string): Row {
  const check = 'prompts';
  const english = missingIn(sounds, FALLBACK);
  const own = language === '' || language === FALLBACK ? english : missingIn(sounds, ...languages(language));
  const silent = own.filter((name) => english.includes(name));
  const all = PROMPTS.length;
  if (silent.length === all) return problem(check, `none is installed in ${sounds}: the call would be silent`, INSTALL);
  if (silent.length > 0)
    return problem(check, `${silent.length} of ${all} are not installed (${silent.slice(0, 5).join(', ')})`, INSTALL);
  if (own.length === 0) return ok(check, `all ${all} are installed${language === '' ? '' : ` in ${language}`}`);
  const said = own.length === all ? `none is installed in ${language}` : `${own.length} of ${all} are not installed in ${language}`; // prettier-ignore
  return advice(
    check,
    `${said} (${own.slice(0, 5).join(', ')}): Asterisk says these in English`,
    `install that language below ${sounds} (docs/notify.md says where it is to be had), or leave prompts out`,
  );
}

/** Asterisk takes de where de_AT has nothing. */
const languages = (language: string): string[] => {
  const parts = language.split('_');
  return parts.map((_, i) => parts.slice(0, parts.length - i).join('_'));
};

/** Those that none of these languages has, in whatever format. */
function missingIn(sounds: string, ...names: readonly string[]): string[] {
  const there = new Set(
    names.flatMap((language) =>
      ['', 'digits', 'letters'].flatMap((folder) =>
        list(join(sounds, language, folder)).map((file) => join(folder, file.replace(/\.[^.]+$/, ''))),
      ),
    ),
  );
  return PROMPTS.filter((name) => !there.has(name));
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
