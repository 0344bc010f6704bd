import { PeerError } from '../errors.ts';
import type { AmiSession } from './ami.ts';
import { linesOf } from './sorcery.ts';

/** How media of an endpoint is encrypted (pjsip.conf, media_encryption): by SDES (RFC 4568), DTLS-SRTP (RFC 5763), not at all. */
export const MEDIA_ENCRYPTIONS = ['sdes', 'dtls', 'no'] as const;
export type MediaEncryption = (typeof MEDIA_ENCRYPTIONS)[number];

/** Longest value of AstDB that a line of AMI carries (1,018 bytes with its name), with room. */
const LONGEST = 1_000;
/** Options that may stand in several lines, which together are one list. */
const LISTS = new Set([
  'allow',
  'disallow',
  'auth',
  'outbound_auth',
  'aors',
  'identify_by',
  'codec_prefs_incoming_offer',
]);

const refused = (words: string): PeerError => new PeerError('peer-refused', words, false);

/**
 * The endpoint as pjsip.conf has it, with another encryption of media, as the object that takes its place in AstDB
 * (ringfence/endpoint/<id>). It is whole: Asterisk does not merge the two.
 * @throws PeerError as AmiSession; peer-refused where it is not in pjsip.conf, or cannot be said as one such object
 */
export async function endpointObject(session: AmiSession, endpoint: string, media: MediaEncryption): Promise<string> {
  const answer = await session.action('GetConfig', [
    ['Filename', 'pjsip.conf'],
    ['Filter', 'type=endpoint'],
  ]);
  const lines = linesOf(answer)?.get(endpoint.toLowerCase());
  if (lines === undefined)
    throw refused(
      `endpoint ${endpoint} does not stand in pjsip.conf (realtime, a wizard?): change its media_encryption there`,
    );
  const object: Record<string, string> = {};
  for (const line of lines) {
    const [, name = '', value = ''] = /^([^=]+)=(.*)$/.exec(line) ?? [];
    if (name === '' || name === 'type') continue;
    const before = object[name];
    if (before !== undefined && !LISTS.has(name))
      throw refused(
        `endpoint ${endpoint} has several lines "${name} =": that cannot be said as one object. Change media_encryption in pjsip.conf`,
      );
    object[name] = before === undefined ? value : `${before},${value}`;
  }
  object['media_encryption'] = media;
  if (media === 'dtls' && object['dtls_cert_file'] === undefined) object['dtls_auto_generate_cert'] = 'yes';
  const text = JSON.stringify(object);
  if (Buffer.byteLength(text) > LONGEST || /[\r\n\0]/.test(text))
    throw refused(
      `endpoint ${endpoint} has more settings than AMI can carry (${Buffer.byteLength(text)} bytes of ${LONGEST}): ` +
        'change its media_encryption in pjsip.conf',
    );
  return text;
}

/** The encryption that an object of ours asks for; null: it is none of ours. */
export function mediaIn(value: string): string | null {
  try {
    const { media_encryption: media } = JSON.parse(value) as Record<string, unknown>;
    return typeof media === 'string' ? media : null;
  } catch {
    return null;
  }
}

/**
 * Which of these endpoints Asterisk uses otherwise than their object says: one that it cannot read, or has no mapping for, it
 * passes over without a word. @throws PeerError as AmiSession
 */
export async function unusedEndpoints(session: AmiSession, values: ReadonlyMap<string, string>): Promise<string[]> {
  const unused: string[] = [];
  for (const [endpoint, value] of values) {
    const details = await session.list('PJSIPShowEndpoint', [['Endpoint', endpoint]]);
    const shown = details.find(({ name }) => name === 'EndpointDetail')?.get('MediaEncryption') ?? '';
    if (shown.toLowerCase() !== mediaIn(value)) unused.push(endpoint);
  }
  return unused;
}

export const endpointNotInForce = (endpoint: string): PeerError =>
  refused(
    `AstDB holds another media_encryption for endpoint ${endpoint} and Asterisk does not use it. Put "endpoint = astdb,ringfence" ` +
      'before the other endpoint lines of [res_pjsip] in sorcery.conf (sorcery_ringfence.conf says what that allows) and restart Asterisk',
  );
