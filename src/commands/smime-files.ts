import { appendFileSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { privateKeyFromPem } from '../crypto/private-key.ts';
import {
  fitFor,
  identityOf,
  nameText,
  pemBlocks,
  readCertificate,
  readRevocationList,
  Trust,
  type Certificate,
  type Identity,
  type RevocationList,
  type SmimeRefusal,
  type VerifiedSigner,
} from '../crypto/smime/index.ts';
import { InputError, messageOf, RingfenceError } from '../errors.ts';
import type { Parsed } from '../parsed.ts';
import { visible } from '../words/visible.ts';
import type { GlobalOptions, Output } from './output.ts';

/** Options that all four `ringfence smime` commands take. */
export interface SmimeOptions extends GlobalOptions {
  readonly in?: string;
  readonly out?: string;
  readonly form: 'sip' | 'cms';
  /** epoch milliseconds */
  readonly at?: number;
  readonly audit?: string;
}

export interface KeyOptions {
  readonly cert?: string;
  readonly key?: string;
  readonly passphraseFile?: string;
}

export interface TrustOptions {
  readonly ca?: readonly string[];
  readonly crl?: readonly string[];
}

export interface SigningOptions {
  readonly signature: 'pss' | 'pkcs1';
  readonly transfer: 'binary' | 'base64';
}

export const instantOf = (options: SmimeOptions): number => options.at ?? Date.now();

const STDIN = 0;
const MOST_BYTES = 16 << 20;

function readBytes(file: string | number, option: string): Buffer {
  const named = file === STDIN ? 'stdin' : String(file);
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    throw new InputError('input-unreadable', `${option}: cannot read ${named}: ${messageOf(error)}`, { cause: error });
  }
  if (bytes.length > MOST_BYTES) throw new InputError('input-malformed', `${option}: ${named} is longer than 16 MiB`);
  return bytes;
}

/** What to work on. @throws InputError */
export const readInput = (options: SmimeOptions): Buffer => readBytes(options.in ?? STDIN, '--in');

export const readContent = (file: string, option = '--content'): Buffer => readBytes(file, option);

/** Writes the result; a file is the user's alone, for it may hold what was secret. */
export function writeResult(options: SmimeOptions, output: Output, bytes: Uint8Array): void {
  if (options.out === undefined) {
    output.bytes(bytes);
    return;
  }
  try {
    writeFileSync(options.out, bytes, { mode: 0o600 });
  } catch (error) {
    throw new InputError('input-unreadable', `--out: cannot write ${options.out}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

function valueOf<T>(read: Parsed<T>, where: string, help: string): T {
  if (!read.ok) throw new InputError('input-malformed', `${where}: ${read.reason}; ${help}`);
  return read.value;
}

const CERTIFICATE_HELP = 'give a certificate in PEM, as `openssl x509` writes it';

/** All certificates of a file. @throws InputError */
export function readCertificates(file: string, option: string): [Certificate, ...Certificate[]] {
  const blocks = valueOf(pemBlocks(readBytes(file, option), 'CERTIFICATE'), `${option}: ${file}`, CERTIFICATE_HELP);
  const all = blocks.map((der) => valueOf(readCertificate(der), `${option}: ${file}`, 'RSA keys of 2048 to 4096 bits are taken')); // prettier-ignore
  const [first, ...rest] = all;
  if (first === undefined) throw new InputError('input-malformed', `${option}: ${file}: no certificate`);
  return [first, ...rest];
}

/** The settings' schema takes a third of a second to load: only where it is needed. */
async function readPassphrase(file: string): Promise<string> {
  const { readSecret } = await import('../config.ts');
  return readSecret(file, process.cwd(), '--passphrase-file');
}

/** Key and certificate of `--key` and `--cert`; null where neither is given. @throws InputError, RingfenceError */
export async function readIdentity(options: KeyOptions): Promise<Identity | null> {
  const { cert, key } = options;
  if (cert === undefined && key === undefined) return null;
  if (cert === undefined || key === undefined)
    throw new InputError('input-missing', `--cert and --key go together; --${cert === undefined ? 'cert' : 'key'} is missing`); // prettier-ignore
  const [certificate, ...chain] = readCertificates(cert, '--cert');
  const pem = readBytes(key, '--key');
  if ((statSync(key).mode & 0o007) !== 0)
    throw new RingfenceError('secret-unsafe', `--key: ${key} can be read by everybody; run: chmod 640 ${key}`);
  const passphrase = options.passphraseFile === undefined ? undefined : await readPassphrase(options.passphraseFile);
  const handle = valueOf(
    privateKeyFromPem(pem, passphrase),
    `--key: ${key}`,
    'see --passphrase-file for encrypted keys',
  );
  pem.fill(0);
  return valueOf(identityOf(handle, certificate, chain), `--key: ${key}`, `--cert must be its certificate`);
}

/** The same where it must be there. */
export async function needIdentity(options: KeyOptions, why: string): Promise<Identity> {
  const identity = await readIdentity(options);
  if (identity === null) throw new InputError('input-missing', `--cert and --key are needed ${why}`);
  return identity;
}

/** CAs and revocation lists; null where none are given. @throws InputError */
export function readTrust(options: TrustOptions): Trust | null {
  if (options.ca === undefined) {
    if (options.crl !== undefined) throw new InputError('input-missing', '--crl needs --ca');
    return null;
  }
  const lists = (options.crl ?? []).flatMap((file): RevocationList[] =>
    valueOf(pemBlocks(readBytes(file, '--crl'), 'X509 CRL'), `--crl: ${file}`, 'give it in PEM or DER').map((der) =>
      valueOf(readRevocationList(der), `--crl: ${file}`, 'a complete list with nextUpdate is needed'),
    ),
  );
  return new Trust(
    options.ca.flatMap((file) => readCertificates(file, '--ca')),
    lists,
  );
}

/** Certificates to encrypt to: fit for it, and of a trusted CA where one is given. @throws InputError */
export function readRecipients(files: readonly string[], trust: Trust | null, now: number): Certificate[] {
  return files.map((file) => {
    const [certificate, ...others] = readCertificates(file, '--to');
    const fit = trust === null ? fitFor(certificate, 'encrypt', now) : trust.path(certificate, others, now, 'encrypt');
    valueOf<unknown>(fit, `--to: ${file}`, 'nothing was encrypted');
    return certificate;
  });
}

/** What nobody outside is told: the reason goes to the file of `--audit`, the code to stderr. */
export function tellRefusal(refused: SmimeRefusal, command: string, options: SmimeOptions, output: Output): void {
  if (options.audit !== undefined) {
    const line = {
      at: new Date(instantOf(options)).toISOString(),
      command,
      code: refused.code,
      reason: refused.reason,
    };
    try {
      appendFileSync(options.audit, `${JSON.stringify(line)}\n`, { mode: 0o600 });
    } catch (error) {
      throw new InputError('input-unreadable', `--audit: cannot write ${options.audit}: ${messageOf(error)}`, { cause: error }); // prettier-ignore
    }
  }
  output.warn(`ringfence: ${refused.code}${refused.advice === null ? '' : `: ${refused.advice}`}`);
}

/** A signer as people read it. */
export const signedBy = ({ certificate }: VerifiedSigner): string =>
  [...certificate.uris, nameText(certificate.subject)].map((text) => visible(text)).join(', ');

/** A signer as JSON tells it. */
export const signerJson = ({ certificate, path, signingTime }: VerifiedSigner): object => ({
  subject: nameText(certificate.subject),
  issuer: nameText(certificate.issuer),
  serial: certificate.serial.toString('hex'),
  uris: certificate.uris,
  kid: certificate.kid,
  sha256: certificate.fingerprint,
  notAfter: new Date(certificate.notAfter).toISOString(),
  signingTime: signingTime === null ? null : new Date(signingTime).toISOString(),
  path: path.map((one) => nameText(one.subject)),
});
