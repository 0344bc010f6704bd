import type { Evidence } from '../model.ts';
import type { DialledNumber, Site } from '../site/site.ts';
import type { ActDetail } from './acts.ts';
import type { Response } from './options.ts';
import { isShared } from './story.ts';

/** Somebody whom a rule would act on and who is spared, and why. */
export interface Spared {
  readonly target: string;
  readonly reason: string;
}

/** Whom an action aims at. */
export interface Aim {
  readonly targets: readonly string[];
  readonly spared: readonly Spared[];
}

/** Most targets of one action and one piece of evidence. */
const TARGETS = 50;

/** The numbers that evidence names in its facts, as dialled or E.164. */
export function numbersOf(evidence: Evidence): readonly string[] {
  const value = evidence.facts['numbers'];
  const named: readonly string[] = Array.isArray(value) ? (value as readonly string[]) : [];
  return evidence.subject.type === 'number' ? [evidence.subject.value, ...named] : named;
}

/** What a number in evidence may mean: E.164 digits without +, else what was dialled. Blocking must be safe in both. */
export const readings = (text: string, site: Site): DialledNumber[] =>
  (/^[1-9]\d{6,14}$/.test(text) ? [`+${text}`, text] : [text]).map((number) => site.number(number));

/** The account that evidence is about; null: none, or several of which none can be said to be the one that was misused. */
export function accountOf({ subject, accounts }: Evidence): string | null {
  if (subject.type === 'account') return subject.value;
  return accounts.length === 1 ? (accounts[0] ?? null) : null;
}

const nobody: Aim = { targets: [], spared: [] };
const spare = (target: string, reason: string): Aim => ({ targets: [], spared: [{ target, reason }] });

const AIMS: Readonly<
  Record<'calls' | 'account' | 'contact' | 'sources' | 'numbers', (e: Evidence, site: Site) => Aim>
> = {
  calls: (evidence, site) => {
    const calls = evidence.callKeys.length > 0 ? evidence.callKeys : evidence.calls;
    const emergency = numbersOf(evidence).find((number) => readings(number, site).some((n) => !n.blockable));
    // Which call went where is not told: with an emergency call among them none is hung up.
    if (calls.length > 0 && emergency !== undefined)
      return spare(calls.join(', '), `${emergency}, among the numbers called, is or may be an emergency number`);
    return { targets: calls, spared: [] };
  },
  account: (evidence, site) => {
    const account = accountOf(evidence);
    if (account === null)
      return evidence.accounts.length > 1
        ? spare(evidence.accounts.join(', '), 'several accounts are named: none can be said to be the one')
        : nobody;
    if (site.networks.isTrunk(account)) return spare(account, 'it is a trunk: blocking it would silence everybody');
    return site.accounts.mapped(account)
      ? { targets: [account], spared: [] }
      : spare(account, 'the PBX is not known to have such an account');
  },
  contact: (evidence, site) => {
    const aim = AIMS.account(evidence, site);
    const { contacts, sources } = actDetail(evidence, site);
    if (aim.targets.length === 0 || contacts.length + sources.length > 0) return aim;
    return spare(aim.targets.join(', '), "which of its contacts is the attacker's is not known: its owner's stays too");
  },
  sources: (evidence, site) => {
    const targets: string[] = [];
    const spared: Spared[] = [];
    for (const target of sourcesOf(evidence)) {
      const reason = whySpared(target, evidence, site);
      if (reason === null) targets.push(target);
      else spared.push({ target, reason });
    }
    return { targets, spared };
  },
  numbers: (evidence, site) => {
    const targets: string[] = [];
    const spared: Spared[] = [];
    const reason = whyNumbersStay(evidence, site);
    if (reason !== null) return spare(numbersOf(evidence).join(', '), reason);
    for (const text of reachedNumbers(evidence)) {
      const all = readings(text, site);
      const number = all.find((n) => n.chargeable && n.e164 !== null)?.e164 ?? null;
      if (!all.every((n) => n.blockable)) spared.push({ target: text, reason: 'it is or may be an emergency number' });
      else if (number !== null) targets.push(number);
      else spared.push({ target: text, reason: 'a call there costs nothing that matters' });
    }
    return { targets, spared };
  },
};

/**
 * Whoever writes any source address could have the numbers of anybody blocked, by calls that he forges or lets ring once.
 * What counts is a caller who was proved, or the PBX's own word for a call that connected (records): then the number that did cost money, and not those named beside it.
 */
function whyNumbersStay(evidence: Evidence, { networks }: Site): string | null {
  // calls that came in: whoever places them writes what number he likes as his own
  if (typeof evidence.facts['rings'] === 'number' && factTexts(evidence, 'reached').length === 0)
    return 'a caller can write any number as his own, and which were called back is not told';
  if (evidence.sourceProof !== 'none') return null;
  // a trunk is known by its address, which a forger writes as well as any other; its own calls are acknowledged, and so proved
  const outside = sourcesOf(evidence).some((address) => !networks.isPbx(address));
  if (outside) return 'nothing proves that the caller is where its packets say: such calls can be forged';
  const connected = evidence.facts['connected'];
  if (typeof connected !== 'number' || connected <= 0)
    return 'nothing proves that anybody called there: such requests can be forged';
  const calls = evidence.facts['calls'];
  const all = typeof calls === 'number' && connected >= calls;
  return all || new Set(numbersOf(evidence)).size === 1
    ? null
    : "which of these numbers was reached is not told, and the others may be anybody's";
}

/** Numbers that were called, where evidence tells them (fact `reached`) apart from others that it names. */
function reachedNumbers(evidence: Evidence): readonly string[] {
  const reached = factTexts(evidence, 'reached');
  return reached.length > 0 ? reached : numbersOf(evidence);
}

const AIM_OF: Readonly<Record<Response, keyof typeof AIMS>> = {
  'hang-up': 'calls',
  'expire-contact': 'contact',
  'block-international': 'account',
  'block-account': 'account',
  'block-address': 'sources',
  'block-number': 'numbers',
  'rotate-secret': 'account',
};

/** The addresses that evidence names, its subject first. */
const sourcesOf = ({ subject, sources }: Evidence): string[] => [
  ...new Set(subject.type === 'address' ? [subject.value, ...sources] : sources),
];

function whySpared(address: string, evidence: Evidence, { networks }: Site): string | null {
  if (evidence.sourceProof === 'none')
    return 'nothing proves that the packets came from there: anybody can write any source address';
  if (address === evidence.facts['ownerAddress']) return 'it is where the phone of the rightful owner is';
  if (networks.isPbx(address)) return "it is the PBX's or a proxy's own";
  const trunk = networks.trunkOf(address);
  if (trunk !== null) return `it belongs to trunk ${trunk}`;
  if (networks.neverBlock(address)) return 'network.never_block holds it';
  return isShared(networks, address) ? 'it is in the local network (network.local)' : null;
}

/**
 * Whom this action aims at, and who is spared. Never aimed at: an account that the PBX is not known to have, a trunk; the
 * PBX, trunks, the local network and `never_block`; the rightful owner's address; an address that was not proved; an
 * emergency number, or calls among which one may be.
 */
export function aimOf(action: Response, evidence: Evidence, site: Site): Aim {
  const { targets, spared } = AIMS[AIM_OF[action]](evidence, site);
  return { targets: [...new Set(targets)].slice(0, TARGETS), spared: spared.slice(0, TARGETS) };
}

/** Texts under one name of the facts: one, or a list. */
function factTexts(evidence: Evidence, name: string): readonly string[] {
  const value = evidence.facts[name];
  if (typeof value === 'string') return value === '' ? [] : [value];
  return Array.isArray(value) ? (value as readonly string[]) : [];
}

/**
 * What the enforcer has to know beside the decisions: the account, where the evidence is about one, and which of its
 * contacts `expire-contact` is to end: those that the evidence names (facts `contact`, `contacts`:
 * Contact URIs), and those from the attacker's addresses. Left out are the owner's address and addresses behind which
 * everybody is (PBX, proxies, trunks, `never_block`). An address of the local network counts: of this one account, no
 * contact from there but the attacker's is meant.
 */
export function actDetail(evidence: Evidence, site: Site): ActDetail {
  const { networks } = site;
  const owner = evidence.facts['ownerAddress'];
  const sources = sourcesOf(evidence).filter(
    (address) => address !== owner && !networks.neverBlock(address) && !networks.isPbx(address),
  );
  const contacts = [...factTexts(evidence, 'contact'), ...factTexts(evidence, 'contacts')];
  return { contacts, sources, account: accountOf(evidence) };
}
