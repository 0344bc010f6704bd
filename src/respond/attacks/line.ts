import { severityRank } from '../../model.ts';
import { iso } from '../../time.ts';
import type { Change } from '../incidents.ts';
import { SHIPPED_RULES } from '../shipped-rules.ts';

/**
 * A line for each sighting of an attacker, for programs that read logs (docs/fail2ban.md):
 *
 *     2026-11-23T01:13:04.512Z ringfence: attack detector=brute-force severity=high source=203.0.113.7 account=1004 action=block-address:observed incident=1f0a…
 *
 * `source=` stands only before an address that may be banned: proved, and nobody's whom a ban would hurt. Else the
 * same place says `unproven=` (anybody can have forged it) or `spared=` (the PBX, a trunk, the local network, an address where
 * several accounts live, the phone that was misused). No field can hold a blank or `=` of somebody else's making.
 */

/** Most lines of one piece of evidence. */
const LINES = 16;

/** What these tell of is an attacker's address; the others tell of the calls of an account, wherever its phone is. */
const OF_ATTACKERS: ReadonlySet<string> = new Set(
  SHIPPED_RULES.flatMap(({ detector, do: acts }) =>
    acts?.includes('block-address') === true ? [detector ?? []].flat() : [],
  ),
);

/** Only what a name may hold; the rest is `?`. */
const field = (value: string): string => (value === '' ? '-' : value.slice(0, 64).replace(/[^\w.@+-]/g, '?'));

/**
 * The lines about one change, none below severity high.
 * @param mayBan may this address be banned, by all that protects addresses?
 */
export function attackLines({ evidence, decisions, incident }: Change, mayBan: (address: string) => boolean): string[] {
  if (severityRank(evidence.severity) < severityRank('high')) return [];
  const { subject, sources, accounts, sourceProof, detector } = evidence;
  const addresses = subject.type === 'address' ? [subject.value, ...sources] : sources;
  const account = subject.type === 'account' ? subject.value : (accounts[0] ?? '');
  const action = decisions.map(({ action, state }) => `${action}:${state}`);
  const acts = [...new Set(action)].slice(0, 8).join(',') || 'none';
  const told = [...new Set(addresses)].slice(0, LINES);
  return (told.length === 0 ? [''] : told).map((address) => {
    const place = !OF_ATTACKERS.has(detector)
      ? 'spared'
      : sourceProof === 'none'
        ? 'unproven'
        : address !== evidence.facts['ownerAddress'] && mayBan(address)
          ? 'source'
          : 'spared';
    const where = address === '' ? 'unproven=-' : `${place}=${ADDRESS.test(address) ? address : '-'}`;
    return `${iso(evidence.at)} ringfence: attack detector=${detector} severity=${evidence.severity} ${where} account=${field(account)} action=${acts} incident=${incident.id}`;
  });
}

const ADDRESS = /^[0-9A-Fa-f.:]{2,45}$/;
