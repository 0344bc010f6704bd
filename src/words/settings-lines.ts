import type { Evidence, Incident } from '../model.ts';
import type { Broken } from './broken.ts';
import { tomlList, tomlText } from './toml.ts';

/** The settings under which an incident would not have been one, as lines to paste; null: there are none to give. */
export type Lines = readonly string[] | null;

/** What lines are made from. `account` is '' where none is known. */
export interface Innocent {
  readonly incident: Incident;
  readonly evidence: readonly Evidence[];
  readonly account: string;
}

const MOST = 8;

/** `[section."name"]`, then lines; null where the name cannot be written. */
const section = (head: string, name: string, ...lines: readonly string[]): Lines => {
  const written = tomlText(name);
  return written === null ? null : [`[${head}.${written}]`, ...lines];
};

const addresses = ({ incident }: Innocent): string | null => tomlList(incident.sources.slice(0, MOST));

const neverBlock = (story: Innocent): Lines => {
  const list = addresses(story);
  return list === null ? null : ['[network]', `never_block = ${list}`];
};

/** A detector's own way to be told that this is right. */
const OWN: Readonly<Record<string, (story: Innocent) => Lines>> = {
  'out-of-hours-calls': ({ account }) => section('accounts', account, 'hours = "always"'),
  'registration-hijack': () => ['[detect.registration-hijack]', 'learn = "1d"'],
  'unregistered-caller': (story) => {
    const list = addresses(story);
    return list === null ? null : ['[network]', `trunks = [{ name = "carrier", addresses = ${list} }]`];
  },
  'brute-force': neverBlock,
  scan: neverBlock,
  flood: neverBlock,
};

export const ownLines = (detector: string, story: Innocent): Lines => OWN[detector]?.(story) ?? null;

/** The settings of a detector that were met, so high that they would not have been. */
export function raisedLines({ detector, settings }: Broken): Lines {
  const name = /^[a-z][a-z-]*$/.test(detector) ? detector : null;
  const lines = settings.flatMap(({ setting, met, above, value }) =>
    met && above !== null && /^[A-Za-z_]+$/.test(setting) ? [`${setting} = ${above} # now ${value}`] : [],
  );
  return name === null || lines.length === 0 ? null : [`[detect.${name}]`, ...lines];
}

/** A rule by which this account's alerts are told and nothing is done about them. */
export function ruleLines(detectors: readonly string[], account: string): Lines {
  const written = tomlText(account);
  const list = tomlList(detectors);
  return written === null || list === null
    ? null
    : ['[[respond.rules]]', `account = ${written}`, `detector = ${list}`, 'do = []'];
}
