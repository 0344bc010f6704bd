import { OAEP_ADVICE } from '../cms/decrypt.ts';
import { NOT_SPOKEN } from '../cms/enveloped-data.ts';
import { certificatesOnly } from '../cms/sign.ts';
import type { Certificate } from '../x509/certificate.ts';
import { CBC_WITHOUT_TRUST } from './layers.ts';
import type { Header } from './mime.ts';

/** Why a message is refused: one code for everybody outside, the reason for the audit log alone. */
export interface SmimeRefusal {
  readonly ok: false;
  readonly code: 'smime-refused';
  /** for the audit log: it tells apart what nobody outside may tell apart */
  readonly reason: string;
  /** 415: a body of a type that is not spoken here, which anybody can see; 493: everything else */
  readonly status: 415 | 493;
  /** what the sender can do, of what stands in the open anyway; null: nothing to say */
  readonly advice: string | null;
}

export function refusal(reason: string): SmimeRefusal {
  const notSpoken = reason.startsWith(NOT_SPOKEN);
  const media = notSpoken && /protocol|encoding|CMS type|no S\/MIME/.test(reason);
  const transport = notSpoken && /key transport|OAEP/.test(reason);
  const advice = transport ? OAEP_ADVICE : reason === CBC_WITHOUT_TRUST ? reason : null;
  return { ok: false, code: 'smime-refused', reason, status: media ? 415 : 493, advice };
}

/** An answer to a refused request (RFC 3261 sections 8.2.3, 21.4.13, 21.4.30 and 23.2): status, headers, body. */
export interface SipAnswer {
  readonly status: 415 | 493;
  readonly phrase: string;
  readonly headers: readonly Header[];
  readonly body: Buffer;
}

const ACCEPT =
  'multipart/signed, application/pkcs7-mime, multipart/mixed, message/sipfrag, message/sip, application/sdp';

/**
 * What to answer. 415 says what is taken; 493 carries our certificates (certs-only), so that the other side can encrypt to the right
 * key, and the same Warning whatever the reason was. `agent` is our host name or pseudonym (RFC 3261 section 20.43).
 */
export function answerTo(refused: SmimeRefusal, own: readonly Certificate[], agent: string): SipAnswer {
  if (refused.status === 415) {
    const headers: Header[] = [
      ['Accept', ACCEPT],
      ['Accept-Encoding', 'identity'],
    ];
    return { status: 415, phrase: 'Unsupported Media Type', headers, body: Buffer.alloc(0) };
  }
  const warning: Header = [
    'Warning',
    `399 ${agent} "S/MIME: AES-GCM, RSA-OAEP with SHA-256, signed by a certificate trusted here"`,
  ];
  if (own.length === 0) return { status: 493, phrase: 'Undecipherable', headers: [warning], body: Buffer.alloc(0) };
  const headers: Header[] = [
    warning,
    ['Content-Type', 'application/pkcs7-mime; smime-type=certs-only; name="smime.p7c"'],
    ['Content-Disposition', 'attachment; filename="smime.p7c"; handling=optional'],
    ['Content-Transfer-Encoding', 'binary'],
  ];
  return { status: 493, phrase: 'Undecipherable', headers, body: certificatesOnly(own) };
}
