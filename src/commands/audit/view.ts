import { isIP } from 'node:net';
import { namesIn } from '../../pbx/ami-state.ts';
import { confValue, confValues, isYes, type ConfSection } from '../../wire/conf.ts';
import { weaknessText } from '../../words/index.ts';
import type { AsteriskFound } from '../setup/asterisk.ts';
import type { Dialplan } from '../setup/dialplan.ts';
import { weaknessOf, type Owner } from './candidates.ts';

/** The files, and what the running Asterisk says beside them. */
export interface View {
  readonly found: AsteriskFound;
  /** PJSIP objects: of pjsip.conf, and those that only the running Asterisk knows */
  readonly pjsip: readonly ConfSection[];
  /** as loaded, else as in the files */
  readonly dialplan: Dialplan;
  /** `22.10.1…`; null: it was not told */
  readonly version: string | null;
  /** is it loaded? null: it was not told */
  readonly chanSip: boolean | null;
  /** names of the company or site that secrets may be made of */
  readonly sites: readonly string[];
  readonly pinDigits: number;
  readonly now: number;
}

export const ofType = (sections: readonly ConfSection[], type: string): ConfSection[] =>
  sections.filter((section) => !section.template && confValue(section, 'type') === type);

export const sectionsOf = (view: View, file: string): readonly ConfSection[] =>
  (view.found.conf(file)?.sections ?? []).filter(({ template }) => !template);

export const named = (sections: readonly ConfSection[], name: string): ConfSection | undefined =>
  sections.find((section) => section.name.toLowerCase() === name);

/** Where a setting stands, or the section that lacks it. */
export function placeOf(section: ConfSection, ...names: readonly string[]): string {
  for (const name of names) {
    const setting = section.settings.findLast((one) => one.name.toLowerCase() === name);
    if (setting !== undefined) return at(setting);
  }
  return at(section);
}

export const at = ({ file, line }: { readonly file: string; readonly line: number }): string =>
  line === 0 ? file : `${file}:${line}`;

export const words = (section: ConfSection | undefined, name: string): string[] =>
  confValues(section, name).flatMap(namesIn);

export const on = (section: ConfSection | undefined, name: string, fallback = false): boolean => {
  const value = confValue(section, name);
  return value === null ? fallback : isYes(value);
};

/** `0.0.0.0:5060`, `[::]:5061`, `192.0.2.1` → the host. */
export function hostOf(text: string): string {
  const bracket = /^\[([^\]]+)\]/.exec(text.trim())?.[1];
  if (bracket !== undefined) return bracket;
  return isIP(text.trim()) === 6 ? text.trim() : text.trim().replace(/:\d+$/, '');
}

/** Can only this machine reach what listens there? */
export const isLoopback = (bind: string): boolean => /^(?:127\.|::1$|localhost$)/.test(hostOf(bind));

/** Is that a block that takes in whoever comes, like 0.0.0.0/0 or 0.0.0.0/0.0.0.0? Wider than any network of one firm: /7. */
export function isAnybody(block: string): boolean {
  const [address = '', mask = ''] = block.trim().replace(/^!/, '').split('/');
  if (mask === '') return address === '0.0.0.0' || address === '::';
  if (/^\d+$/.test(mask)) return Number(mask) < 8 || (isIP(address) === 6 && Number(mask) < 16);
  return isIP(mask) === 4 && Number(mask.split('.')[0]) < 255;
}

/** Is who may come held to some addresses by these settings? `permit = 0.0.0.0/0` (FreePBX's default) holds nobody off. */
export function limitsAddresses(section: ConfSection, ...prefixes: readonly string[]): boolean {
  return prefixes.some((prefix) => {
    if (words(section, `${prefix}acl`).length > 0) return true;
    const denied = words(section, `${prefix}deny`).some(isAnybody);
    const permitted = words(section, `${prefix}permit`);
    return denied && !permitted.some(isAnybody);
  });
}

/** What is wrong with a secret that stands in a file; null: nothing was found. Never the secret itself. */
export function secretProblem(view: View, secret: string, owner: Partial<Owner>): string | null {
  const whole: Owner = { names: owner.names ?? [], people: owner.people ?? [], sites: view.sites };
  const weakness = weaknessOf(secret, whole, view.pinDigits);
  if (weakness !== null) return weaknessText(weakness, secret.length);
  return secret.length < 8 ? `has ${secret.length} characters, which a computer tries through` : null;
}
