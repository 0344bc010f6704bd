import { openSip } from '../crypto/smime/index.ts';
import type { Keys } from './services.ts';
import { refuse, type Outcome, type Passage } from './tool.ts';

/**
 * Takes a signature off a message: it holds, its certificate leads to a CA of ours, is in date and not revoked, and names whoever is in From
 * (in a response To); headers under it are those of the message. All of that at once, for the crypto room gives nothing away of a message of which
 * any part does not hold.
 */
export function takeSignatureOff(passage: Passage, keys: Keys, headers: 'required' | 'optional'): Outcome {
  const { message, arrival } = passage;
  const opened = openSip(message.bytes, {
    trust: keys.trust,
    keyholders: [],
    now: arrival.at,
    layers: 1,
    require: { signed: true, headers: headers === 'required' },
  });
  if (!opened.ok) return refused(opened.reason, passage);
  const { value } = opened;
  const [info] = value.signers.filter(({ certificate }) => certificate.kid === value.signer?.kid);
  if (value.signer === null || info === undefined) return refuse('signature', 'nobody has signed the content');
  const { certificate, aor, kid, signatureDigest: digest } = value.signer;
  const { date, headersSigned, contactChanged } = value;
  const fault = message.replace(value.message);
  if (fault !== null) return refuse('content', fault);
  passage.signer = { kid, aor, certificate, digest, date, headersSigned, contactChanged, info };
  passage.headersBound = headersSigned;
  return null;
}

/** Headers that are not those that were signed: an old message under new ones, or one that somebody has changed on its way. */
function refused(reason: string, { message, arrival }: Passage): Outcome {
  const differing = /^SIP: signed (\S+) is not the one of the message$/.exec(reason)?.[1];
  if (differing === undefined) return refuse('signature', reason);
  return refuse('mismatch', reason, {
    severity: 'high',
    reason: 'mismatch',
    summary: `A signed ${message.method} of ${message.from} came under another ${differing} from ${arrival.source ?? 'an unknown address'}: an old message sent again, or one that was changed`,
    facts: {
      rule: 'headers that are not those under the signature',
      header: differing,
      callId: message.callId.slice(0, 256),
    },
  });
}
