import type { ActRoute, PageRoute } from '../context.ts';
import { PLACES, type Place } from '../layout.ts';
import * as account from './account.ts';
import * as accounts from './accounts.ts';
import * as audit from './audit.ts';
import * as blocks from './blocks.ts';
import * as incident from './incident.ts';
import * as incidents from './incidents.ts';
import * as keys from './keys.ts';
import * as now from './now.ts';
import * as settings from './settings.ts';
import * as traffic from './traffic.ts';

/** Every page, by its path. */
export const PAGES: readonly PageRoute[] = [
  { path: /^\/$/, ...now },
  { path: /^\/incidents$/, ...incidents },
  { path: /^\/incidents\/([^/]{1,200})$/, make: incident.make },
  { path: /^\/accounts$/, make: accounts.make },
  { path: /^\/accounts\/([^/]{1,600})$/, make: account.make },
  { path: /^\/traffic$/, ...traffic },
  { path: /^\/blocks$/, make: blocks.make },
  { path: /^\/keys$/, ...keys },
  { path: /^\/audit$/, make: audit.make },
  { path: /^\/settings$/, make: settings.make },
];

/** Everything that can be done from a page. */
export const ACTS: readonly ActRoute[] = [
  { path: /^\/incidents\/([^/]{1,200})\/acknowledge$/, act: incident.acknowledge },
  { path: /^\/incidents\/([^/]{1,200})\/false-alarm$/, act: incident.falseAlarm },
  { path: /^\/act\/block$/, act: blocks.block },
  { path: /^\/act\/unblock$/, act: blocks.unblock },
  { path: /^\/act\/allow$/, act: blocks.allow },
];

/** Under which heading of the navigation a path stands. */
export const placeOf = (path: string): Place | null => {
  const first = path.split('/')[1] ?? '';
  return first === '' ? 'now' : (PLACES.find((place) => place === first) ?? null);
};
