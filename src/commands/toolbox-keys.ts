import type { Certificate, Identity } from '../crypto/smime/index.ts';
import { readCertificate } from '../crypto/smime/index.ts';
import type { JsonObject } from '../store/audit-chain.ts';
import { certificateState, signedDetails, type Store } from '../store/index.ts';
import type { Audit, Keys } from '../toolbox/services.ts';
import { readCertificates, readIdentity, readTrust, type KeyOptions, type TrustOptions } from './smime-files.ts';

export interface ToolboxKeyOptions extends KeyOptions, TrustOptions {
  readonly to?: readonly string[];
}

const named = ({ uris }: Certificate, identity: string): boolean => {
  const at = identity.lastIndexOf('@');
  const uri = `sip:${identity.slice(0, at)}@${identity.slice(at + 1).toLowerCase()}`;
  return uris.some((each) => each === uri || each === `sips:${uri.slice(4)}`);
};

/** Keys and certificates of the command line, and the certificates that were issued here; null: no CA is named. @throws InputError */
export async function keysFrom(
  options: ToolboxKeyOptions,
  store: Store,
): Promise<{ readonly keys: Keys; readonly own: Identity | null } | null> {
  const own = await readIdentity(options);
  const trust = readTrust(options);
  if (trust === null) return null;
  const given = (options.to ?? []).flatMap((file) => readCertificates(file, '--to'));
  const issued = (identity: string): Certificate[] =>
    store.certificates.ofAccount(identity.slice(0, identity.lastIndexOf('@'))).flatMap(({ certificate }) => {
      const read = readCertificate(Buffer.from(certificate, 'base64'));
      return read.ok ? [read.value] : [];
    });
  const keys: Keys = {
    trust,
    keyholders: own === null ? [] : [own],
    signerOf: (identity) => (own !== null && named(own.certificate, identity) ? own : null),
    certificatesOf: (identity) => [...given, ...issued(identity)].filter((certificate) => named(certificate, identity)),
    isIssued: (kid, at) =>
      store.certificates.ofKid(kid).some((row) => ['live', 'retiring'].includes(certificateState(row, at))),
  };
  return { keys, own };
}

/**
 * The audit trail of the store: each judged message is a record in its chain, and with a key it has a signature (RSASSA-PSS, SHA-256) of its
 * own over its details.
 */
export function auditOf(store: Store, own: Identity | null): Audit {
  return {
    append: (record, evidence) => {
      const { verdict, from, at, ...rest } = record;
      const details: JsonObject = {
        ...rest,
        judgedAt: at,
        verdict,
        ...(evidence === null ? {} : { message: Buffer.from(evidence).toString('base64') }),
      };
      const signature =
        own === null
          ? {}
          : {
              kid: own.key.kid,
              alg: 'PS256',
              signature: Buffer.from(own.key.signPss(signedDetails(details))).toString('base64'),
            };
      const done = { accept: 'message.accepted', refuse: 'message.refused', challenge: 'message.challenged' }[verdict];
      store.audit.append([
        { actor: 'toolbox', action: done, target: from.slice(0, 256), details: { ...details, ...signature } },
      ]);
    },
  };
}
