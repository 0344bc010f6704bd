import { randomBytes } from 'node:crypto';
import { PeerError } from '../errors.ts';
import type { AmiMessage } from '../wire/ami.ts';
import type { AmiSession } from './ami.ts';
import { deleteKey, FAMILY, putKey } from './astdb.ts';

/** Where PJSIP looks for its ACLs and secrets (sorcery.conf, asterisk-conf/sorcery_ringfence.conf). null: cannot be told. */
export interface SorceryMapping {
  /** sorcery.conf sends PJSIP to AstDB family ringfence for ACLs: only so is a REGISTER of a blocked address refused */
  readonly acl: boolean | null;
  /** and for auth objects, before anything else: only so can a secret be changed */
  readonly auth: boolean | null;
  /** Asterisk was started since: the file is read at the start alone */
  readonly loaded: boolean | null;
}

/**
 * Reads sorcery.conf as Asterisk would (GetConfig follows its inclusions), and looks whether an auth object that is put
 * into AstDB is found. The object belongs to no endpoint and is gone again with the same breath: Asterisk does what one
 * session asks in its order, so nobody who asks this session afterwards sees it.
 * @throws PeerError as AmiSession when the connection fails; what Asterisk refuses or does not know is null
 */
export async function readSorcery(session: AmiSession): Promise<SorceryMapping> {
  const name = `ringfence-probe-${randomBytes(6).toString('hex')}`;
  const hash = randomBytes(16).toString('hex');
  const object = JSON.stringify({ auth_type: 'md5', username: name, md5_cred: hash, realm: 'asterisk' });
  const [file, , auths] = await Promise.all([
    session.action('GetConfig', [['Filename', 'sorcery.conf']]),
    told(putKey(session, `auth/${name}`, object)),
    told(session.list('PJSIPShowAuths')),
    told(deleteKey(session, `auth/${name}`)),
  ]);
  const lines = linesOf(file);
  const first = (section: string, type: string): boolean | null =>
    lines === null ? null : isFirst(lines.get(section) ?? [], type);
  const auth = first('res_pjsip', 'auth');
  const found = auths?.some((item) => item.get('ObjectName') === name) === true;
  return {
    acl: first('acl', 'acl'),
    // a mapping that works is there, wherever it is written
    auth: found ? true : auth,
    loaded: found ? true : auth === true && auths !== null ? false : null,
  };
}

/** null: Asterisk does not let us, or cannot. */
async function told<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof PeerError && !error.retryable) return null;
    throw error;
  }
}

/** Lines by section; null: the file cannot be read. A PBX without sorcery.conf has none. */
export function linesOf(answer: AmiMessage): Map<string, string[]> | null {
  if (answer.name !== 'Success') return /not found/i.test(answer.get('Message') ?? '') ? new Map() : null;
  const names = new Map<string, string>();
  const lines = new Map<string, string[]>();
  for (const [header, value] of answer.entries) {
    const category = /^category-(\d+)$/i.exec(header)?.[1];
    if (category !== undefined) names.set(category, value.toLowerCase());
    const of = /^line-(\d+)-\d+$/i.exec(header)?.[1];
    const section = of === undefined ? undefined : names.get(of);
    if (section !== undefined) lines.set(section, [...(lines.get(section) ?? []), value]);
  }
  return lines;
}

/** Is AstDB family ringfence the first place where objects of this type are looked for? */
function isFirst(lines: readonly string[], type: string): boolean {
  const line = lines.find((text) => new RegExp(`^\\s*${type}(?:/[^=]*)?\\s*=`, 'i').test(text)) ?? '';
  const [wizard = '', family = ''] = line.slice(line.indexOf('=') + 1).split(',');
  return wizard.trim().toLowerCase() === 'astdb' && family.trim() === FAMILY;
}

/** What is missing, and the lines that mend it; [] is all there. */
export function sorceryAdvice({ acl, auth, loaded }: SorceryMapping): string[] {
  const file = 'asterisk-conf/sorcery_ringfence.conf says how';
  const advice: string[] = [];
  if (acl === false)
    advice.push(
      'sorcery.conf does not send PJSIP to AstDB for ACLs: calls of a blocked address are refused by the dialplan guard, ' +
        `its REGISTERs are not. Put "acl = astdb,ringfence" first into [acl] there and restart Asterisk once; ${file}`,
    );
  if (auth === false)
    advice.push(
      'sorcery.conf does not send PJSIP to AstDB for secrets: a stolen one cannot be replaced. ' +
        `Put "auth = astdb,ringfence" first into [res_pjsip] there and restart Asterisk once; ${file}`,
    );
  if (loaded === false)
    advice.push(
      "sorcery.conf was changed after Asterisk had started, and is read at its start alone: asterisk -rx 'core restart when convenient'",
    );
  return advice;
}
