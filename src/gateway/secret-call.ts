import { parseNameAddr, type SipMessage } from '../wire/sip.ts';
import type { SipDraft } from '../wire/sip-draft.ts';
import { sipUri } from '../crypto/identity.ts';

/** What both ends of a secret call write (docs/csc.md, "Boxes"): the same in every message, so that it tells nothing. */
const ANONYMOUS = '<sip:anonymous@anonymous.invalid>';
const HIDDEN_USER = 'cgs';

/** Request URI of the INVITE, and To of every message, on the untrusted side. */
export const hiddenUri = (domain: string): string => sipUri(domain, HIDDEN_USER);

/** URI parameter of an agent's Contact in a secret call: the gateway knows by it whose names it must not let out, also after a restart. */
export const SECRET_MARK = 'cgs';

/** Headers by which a message says who is who, or what a call is about. */
const IDENTITY = [
  'P-Asserted-Identity',
  'P-Preferred-Identity',
  'P-Called-Party-ID',
  'Remote-Party-ID',
  'History-Info',
  'Diversion',
  'Referred-By',
  'Reply-To',
  'Call-Info',
  'Subject',
  'Organization',
  'Authorization',
  'Proxy-Authorization',
];

/** From, To and Call-ID of a message of a secret call, and what is taken out of it. */
export function hide(draft: SipDraft, message: SipMessage, domain: string, callId: string): void {
  setEnds(draft, message, { from: ANONYMOUS, to: `<${hiddenUri(domain)}>`, callId });
  hideIdentity(draft, message);
}

/** Takes out what else says who is who. */
export function hideIdentity(draft: SipDraft, message: SipMessage): void {
  draft.remove(...IDENTITY);
  const body = withoutOriginUser(message);
  if (body !== null) draft.body(body);
}

/** @param ends From and To without tags: those of the message stay */
export function setEnds(
  draft: SipDraft,
  message: SipMessage,
  ends: { readonly from: string; readonly to: string; readonly callId: string },
): void {
  draft.set('From', tagged(ends.from, message.fromTag));
  draft.set('To', tagged(ends.to, message.toTag));
  draft.set('Call-ID', ends.callId);
}

const tagged = (value: string, tag: string): string => (tag === '' ? value : `${value};tag=${tag}`);

/** A From or To as name and URI alone: what stays the same in a dialogue. */
export function bareAddress(value: string): string {
  const read = parseNameAddr(value);
  if (!read.ok) return '<sip:unknown@unknown.invalid>';
  const { name, uri } = read.value;
  return name === '' ? `<${uri}>` : `"${name.replaceAll(/["\\]/g, '')}" <${uri}>`;
}

/** The user name of `o=` is some programs' account name (RFC 8866 section 5.2: "-" where there is none). null: nothing to change */
function withoutOriginUser(message: SipMessage): Buffer | null {
  if (!/^application\/sdp\b/i.test(message.contentType)) return null;
  const sdp = message.body.toString('latin1');
  const blank = sdp.replace(/^o=\S+ /m, 'o=- ').replace(/^s=[^\r\n]*/m, 's=-');
  return blank === sdp ? null : Buffer.from(blank, 'latin1');
}
