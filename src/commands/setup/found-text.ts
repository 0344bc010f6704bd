import type { AsteriskFound } from './asterisk.ts';
import type { KamailioFound } from './kamailio.ts';

const list = (texts: readonly string[], none: string): string => {
  const shown = texts.slice(0, 12).join(', ');
  if (texts.length === 0) return none;
  return texts.length > 12 ? `${shown} and ${texts.length - 12} more` : shown;
};

function asteriskLines(found: AsteriskFound): string[] {
  const { manager, records, mirror, reach } = found;
  const away =
    reach.unguarded.length === 0
      ? 'each asks the guard first'
      : `the guard is not asked at ${reach.unguarded.length} places`;
  return [
    `Asterisk's configuration in ${found.directories.etc}${found.freepbx ? ', made by FreePBX (only *_custom.conf files are for people)' : ''}`,
    `  SIP at        ${list(found.addresses, 'every address')}`,
    `  accounts      ${list(found.endpoints, 'none found')}`,
    ...(found.trunks.length === 0
      ? ['  trunks        none found']
      : found.trunks.map(({ name, hosts }) => `  trunk         ${name}: ${list(hosts, 'address not known')}`)),
    `  calls leave   ${reach.outgoing.length === 0 ? 'nowhere that was seen' : `from ${list(reach.outgoing, '')}; ${away}`}`,
    `  call records  ${records.exists ? `${records.path}, ${records.utc ? 'UTC' : 'local time'}` : 'no Master.csv'}`,
    `  manager       ${manager === null ? 'no manager.conf' : `${manager.enabled ? 'on' : 'off'}, ${manager.address}:${manager.port}`}`,
    `  mirrored SIP  ${mirror.enabled ? `to ${mirror.address}` : 'none'}`,
    ...found.problems.slice(0, 10).map((problem) => `  not understood: ${problem}`),
  ];
}

const kamailioLines = (found: KamailioFound): string[] => [
  `Kamailio's configuration: ${found.file}`,
  `  listens at    ${list(found.addresses, 'every address')}`,
  `  ringfence     ${found.included ? 'included' : 'not included'}, route(RINGFENCE) ${found.called ? 'called' : 'not called'}`,
];

/** What init has found, for people. */
export const foundText = (asterisk: AsteriskFound | null, kamailio: KamailioFound | null): string =>
  [
    'Found:',
    ...(asterisk === null ? [] : asteriskLines(asterisk)),
    ...(kamailio === null ? [] : kamailioLines(kamailio)),
    '',
  ].join('\n');
