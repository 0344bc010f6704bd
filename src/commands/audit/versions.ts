import { DAY } from '../../time.ts';
import { finding, type Finding } from './finding.ts';
import type { View } from './view.ts';

/**
 * When the last security fix of a release series comes, as the project publishes it (docs.asterisk.org, "Asterisk Versions").
 * A series that is not here is newer than this table, and is not told of.
 */
export const END_OF_LIFE: Readonly<Record<string, string>> = {
  '1.2': '2010-11-21',
  '1.4': '2012-04-21',
  '1.6': '2012-04-21',
  '1.8': '2015-10-21',
  '10': '2013-12-15',
  '11': '2017-10-25',
  '12': '2015-12-20',
  '13': '2021-10-24',
  '14': '2018-09-26',
  '15': '2019-10-03',
  '16': '2023-10-09',
  '17': '2021-10-28',
  '18': '2025-10-20',
  '19': '2023-11-02',
  '20': '2027-10-19',
  '21': '2025-10-18',
  '22': '2029-10-16',
  '23': '2027-10-15',
};

/** So long before the end it is worth a word. */
const AHEAD = 180 * DAY;

/** `16.28.0~dfsg-0+deb11u4`, `certified/18.9-cert4`, `1.8.32.3` → the release series. */
export const seriesOf = (version: string): string =>
  /(?:^|\/|\s)(1\.\d|\d+)/.exec(version.replace(/^Asterisk\s+(?:certified\/)?/i, ''))?.[1] ?? '';

export function versionFindings({ version, now }: View): Finding[] {
  if (version === null) return [];
  const ends = END_OF_LIFE[seriesOf(version)];
  if (ends === undefined || Date.parse(ends) - now > AHEAD) return [];
  const over = Date.parse(ends) <= now;
  return [
    finding({
      rule: 'end-of-life',
      ...(over ? {} : { severity: 'low' as const }),
      where: 'running',
      what: `Asterisk ${version}: security fixes ${over ? 'ended' : 'end'} on ${ends}`,
      fix: 'update to a series with long-term support (22 until 2029-10-16)',
    }),
  ];
}
