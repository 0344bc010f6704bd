import type { DecisionState, Millis } from '../model.ts';
import type { Kind, StandingEntry } from '../respond/enforcer.ts';
import { lockPeriods } from '../respond/lock/periods.ts';
import { formatDuration, iso, Zone } from '../time.ts';
import { en, fit, visible } from '../words/index.ts';
import type { BlocksAnswer } from './by-hand.ts';
import { targetName } from './hand-command.ts';
import type { Output } from './output.ts';

/** Something that was wanted within the last day and does not stand, or not everywhere. */
export interface Refused {
  readonly kind: string;
  readonly value: string;
  readonly id: string;
  readonly since: Millis;
  /** which safeguard or error */
  readonly code: string;
  readonly why: string;
  readonly state: DecisionState;
}

/** All that `ringfence blocks` shows. */
export interface Listing extends BlocksAnswer {
  readonly refused: readonly Refused[];
  /** the incident that a claim came from; '': none */
  readonly incidentOf: (id: string) => string;
  /** why Asterisk cannot be asked now */
  readonly away: string | null;
}

/** Kinds of which only the number is of interest. */
const COUNTED: Readonly<Partial<Record<Kind, string>>> = {
  emergency: 'emergency numbers',
  exempt: 'exemptions from the office lock',
  dialplan: 'settings of how numbers are dialled',
  pin: 'PIN of the office lock',
};
const isCounted = (kind: string): boolean => kind in COUNTED;

/** One object a line: `standing`, then what others put there, then what was refused. */
export function* blocksAsJson({ entries, foreign, refused, incidentOf }: Listing): Generator {
  for (const { kind, value, until, text, state, proof, claims } of entries)
    yield {
      what: 'standing',
      ...{ kind, value, state, text: kind === 'secret' || kind === 'pin' ? null : text },
      until: until === null ? null : iso(until),
      proof: Object.fromEntries(Object.entries(proof).map(([target, at]) => [target, iso(at)])),
      claims: claims.map((claim) => ({
        id: claim.id,
        by: claim.by,
        why: claim.why,
        incident: incidentOf(claim.id),
        since: iso(claim.since),
        until: claim.until === null ? null : iso(claim.until),
      })),
    };
  for (const row of foreign) yield { what: 'foreign', ...row };
  for (const row of refused) yield { what: 'refused', ...row, since: iso(row.since), incident: incidentOf(row.id) };
}

const INDENT = 2;

/** As a table, no line of it wider than the terminal. */
export function blocksAsText(listing: Listing, timezone: string, output: Output): string {
  const zone = new Zone(timezone);
  const columns = process.stdout.isTTY ? Math.min(160, Math.max(60, process.stdout.columns)) : 120;
  const shown = listing.entries.filter(({ kind }) => !isCounted(kind));
  const lines = [
    ...health(listing),
    ...(shown.length === 0 ? ['Nothing is blocked.'] : table(shown, listing, zone, columns)),
    ...counts(listing.entries),
    ...section(
      'Put there by somebody else, left alone (ringfence unblock --all takes away what refuses):',
      listing.foreign.map(
        ({ target, key, value }) => `${targetName(target)}  ${visible(key, 80)}  ${visible(value, 80)}`,
      ),
    ),
    ...section(
      'Wanted within the last day and not done:',
      listing.refused.map((row) => refusedText(row, zone)),
    ),
  ];
  return lines.map((line) => (output.color ? line : fit(line, columns).trimEnd())).join('\n');
}

const section = (title: string, rows: readonly string[]): string[] =>
  rows.length === 0
    ? []
    : ['', title, ...rows.slice(0, 50).map((row) => ' '.repeat(INDENT) + row), ...more(rows.length)];
const more = (count: number): string[] => (count > 50 ? [`${' '.repeat(INDENT)}and ${count - 50} more`] : []);

/** What people must know before they read the table. */
function health({ health: { targets, stopped }, away, entries }: Listing): string[] {
  const lines = stopped === null ? [] : [`STOPPED: rules put up no more: ${stopped.reason}`];
  if (away !== null && targets.every(({ name }) => name !== 'asterisk')) lines.push(visible(away, 300));
  const gone = targets.some(({ name, state }) => name === 'asterisk' && state === 'away');
  for (const { name, state, lastError, contested } of targets) {
    // it is told of once
    if (name === 'pjsip' && state === 'away' && gone) continue;
    const error = name === 'asterisk' && away !== null ? away : lastError;
    if (state !== 'up' && entries.length > 0)
      lines.push(
        `${targetName(name)} ${state === 'refused' ? 'refuses' : 'is away'}${error === null ? '' : `: ${visible(error, 300)}`}`,
      );
    for (const key of contested) lines.push(`${targetName(name)}: somebody keeps changing ${visible(key, 80)}`);
  }
  return lines.length === 0 ? [] : [...lines, ''];
}

/** Of the office lock: when it ends, or when it begins. */
function lockTimes(text: string, zone: Zone): string {
  const next = lockPeriods(text).find(({ until }) => until > Date.now());
  if (next === undefined) return 'no end';
  if (next.from > Date.now()) return `from ${en.minute(next.from, zone)}`;
  return clockAndRest(next.until, zone);
}

const clockAndRest = (until: Millis | null, zone: Zone): string =>
  until === null ? 'no end' : `${en.minute(until, zone)} (${formatDuration(Math.max(0, until - Date.now()))})`;

function table(entries: readonly StandingEntry[], { incidentOf }: Listing, zone: Zone, columns: number): string[] {
  const rows = entries
    .toSorted((a, b) => (a.kind === b.kind ? (a.until ?? Infinity) - (b.until ?? Infinity) : a.kind < b.kind ? -1 : 1))
    .map(({ kind, value, until, text, state, proof, claims }) => {
      const claim = claims.toSorted((a, b) => (b.until ?? Infinity) - (a.until ?? Infinity))[0];
      const incident = claim === undefined ? '' : incidentOf(claim.id).slice(0, 8);
      const story = incident === '' ? '' : ` [incident ${incident}]`;
      const where = Object.keys(proof).map(targetName).join(', ');
      return [
        kind,
        visible(kind === 'number' ? `+${value}` : value, 45),
        kind === 'lock' && text !== null ? lockTimes(text, zone) : clockAndRest(until, zone),
        claims
          .map(({ by }) => by)
          .filter((by, i, all) => all.indexOf(by) === i)
          .join('+'),
        state === 'done' ? (where === '' ? 'done' : `done: ${where}`) : state,
        claim?.id.slice(0, 8) ?? '',
        `${visible(claim?.why ?? '', 200)}${story}`,
      ];
    });
  const all = [['KIND', 'VALUE', 'UNTIL', 'BY', 'STATE', 'ID', 'WHY'], ...rows];
  const widths = all.reduce<number[]>((most, row) => row.map((cell, i) => Math.max(most[i] ?? 0, cell.length)), []);
  const last = widths.length - 1;
  const room = Math.max(20, columns - widths.slice(0, last).reduce((sum, wide) => sum + wide + 2, 0));
  return all.map((row) =>
    row
      .map((cell, i) => fit(cell, i === last ? room : (widths[i] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}

function counts(entries: readonly StandingEntry[]): string[] {
  const numbers = new Map<string, number>();
  for (const { kind, claims } of entries)
    if (isCounted(kind) && claims.some(({ by }) => by === 'settings')) numbers.set(kind, (numbers.get(kind) ?? 0) + 1);
  if (numbers.size === 0) return [];
  const named = [...numbers].map(([kind, count]) => `${count} ${COUNTED[kind as Kind] ?? `of ${kind}`}`);
  return ['', `From the settings stand as well: ${named.join(', ')}.`];
}

/** What the codes of safeguards and targets mean to a person. */
const MEANINGS: Readonly<Record<string, string>> = {
  allowed: 'a person has allowed this account',
  'protected-address': 'PBX, trunk, proxy, local or never_block',
  'shared-address': 'several healthy accounts are behind this address',
  'emergency-number': 'an emergency number',
  'unknown-account': 'the PBX is not known to have this account',
  trunk: 'a trunk',
  'budget-hour': 'rules have put up as much as they may within an hour',
  'budget-accounts': 'rules have blocked as many accounts as they may',
  unsupported: 'not possible here',
  'unknown-call': 'the channels of the call were not known',
  'unknown-number': 'nobody knew what the call had dialled',
  'no-contact-named': 'which contact to end was not known',
  'too-late': 'it waited too long',
  'peer-refused': 'the target refuses it',
};

const refusedText = ({ kind, value, since, code, state }: Refused, zone: Zone): string =>
  `${en.minute(since, zone)}  ${kind} ${visible(value, 60)}: ${MEANINGS[code] ?? (code === '' ? state : code)}`;
