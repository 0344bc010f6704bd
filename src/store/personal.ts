/**
 * Every table of the store, and what of a person is in it. docs/privacy.md tells the same to those who ask; a table that is not
 * here, or not there, fails the tests.
 */
export interface TableOfPersons {
  /** whose data it is, and what */
  readonly holds: string;
  /**
   * How export and deletion find an account: `incident` by the incident it belongs to, `column` by a column of its own,
   * `trail` by what it tells, `memory` by being named anywhere in it; `none`: nobody is in it.
   */
  readonly by: 'incident' | 'column' | 'trail' | 'memory' | 'none';
  /** what `privacy delete` does; `kept` says why not */
  readonly deletion: 'deleted' | 'kept' | 'none';
  /** `by: 'column'`: which */
  readonly column?: string;
  /** does `anonymise` mask it? */
  readonly masked: boolean;
}

const table = (
  by: TableOfPersons['by'],
  deletion: TableOfPersons['deletion'],
  masked: boolean,
  holds: string,
  column?: string,
): TableOfPersons => ({ by, deletion, masked, holds, ...(column === undefined ? {} : { column }) });

export const PERSONAL_TABLES: Readonly<Record<string, TableOfPersons>> = {
  incidents: table(
    'incident',
    'deleted',
    true,
    'extensions, numbers and addresses of a story, and a sentence about it',
  ),
  evidence: table(
    'incident',
    'deleted',
    true,
    'what a detector saw: extensions, numbers dialled, addresses, makes of phones, ids of calls',
  ),
  alerts: table('incident', 'deleted', true, 'the lines that were told of a story'),
  decisions: table('incident', 'deleted', true, 'what was decided about an extension, number or address, and why'),
  acknowledgements: table('incident', 'deleted', true, 'who of the staff has seen a story, and his note'),
  deliveries: table('incident', 'deleted', true, 'what was told on which channel, with its text'),
  aliases: table('incident', 'deleted', false, 'ids of stories that became one; nobody by name'),
  enforcement: table(
    'column',
    'deleted',
    false,
    'what stands at the PBX against an extension, number or address, until it ends',
    'value',
  ),
  digest_answers: table(
    'column',
    'deleted',
    false,
    'with [audit] passwords: the last login of an extension, encrypted',
    'account',
  ),
  password_verdicts: table(
    'column',
    'deleted',
    false,
    'what `audit passwords` found of an extension: weak or not, of which kind, when; never the password',
    'account',
  ),
  enrolments: table('column', 'deleted', false, 'tokens by which an extension gets its certificate', 'account'),
  certificates: table(
    'column',
    'kept',
    false,
    'certificates issued to extensions; needed to revoke them and to know whose a key is',
    'account',
  ),
  snapshots: table(
    'memory',
    'deleted',
    false,
    'what detectors remember: calls and registrations of the last hours, habits of each extension',
  ),
  audit: table('trail', 'kept', false, 'who or what decided what; append-only, it is evidence against tampering'),
  audit_checkpoints: table('none', 'none', false, 'where the trail was cut; nobody'),
  alarms: table('none', 'none', false, 'what was wrong with ringfence itself; nobody'),
  offsets: table('none', 'none', false, 'how far call records are read; nobody'),
  toolbox_origins: table(
    'column',
    'deleted',
    false,
    'from which addresses an identity (user@host) speaks, until it has been silent for long',
    'identity',
  ),
  toolbox_alerts: table(
    'column',
    'deleted',
    true,
    'what the toolbox has told: identity, address, Call-ID and a sentence',
    'identity',
  ),
  toolbox_replays: table(
    'none',
    'none',
    false,
    'hashes of accepted messages with address and Call-ID, until they are too old to be replayed; nobody by name',
  ),
  toolbox_shares: table('none', 'none', false, 'how much of that is of one sender, by a hash; nobody by name'),
  toolbox_objects: table('none', 'none', false, 'security templates and policies as they were set; nobody'),
  meta: table('none', 'none', false, 'versions and the like; nobody'),
};
