/** S/MIME for SIP: what toolbox, gateway and commands call. All of it is synchronous, takes `now` and does no I/O. */
export { fitFor, readCertificate, readRevocationList, Trust, type Certificate, type RevocationList } from '../chain.ts';
export { CIPHER_NAMES, type CipherName } from '../cms/ciphers.ts';
export type { Keyholder } from '../cms/decrypt.ts';
export { encryptCms } from '../cms/encrypt.ts';
export { receiptRequest, receiptRequestOf, signReceipt, verifyReceipt } from '../cms/receipt.ts';
export { certificatesOnly, identityOf, signCms, type Identity } from '../cms/sign.ts';
export type { VerifiedSigner } from '../cms/verify.ts';
export { nameText } from '../x509/names.ts';
export { pemBlocks } from '../x509/pem.ts';
export { decryptBare, isSignedBody, verifyCms, type OpenedCms } from './bare.ts';
export type { OpenerOptions } from './layers.ts';
export { answerTo, type SipAnswer, type SmimeRefusal } from './refusal.ts';
export {
  decryptSip,
  openSip,
  protectSip,
  type Opened,
  type OpenedMessage,
  type OpenOptions,
  type ProtectOptions,
  type SipSigner,
} from './sip.ts';
