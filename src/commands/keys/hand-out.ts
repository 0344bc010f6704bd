import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, linkSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { readCsr } from '../../crypto/csr.ts';
import { accountProblem } from '../../crypto/identity.ts';
import { newPassword, writeEncryptedPkcs8, writePkcs12 } from '../../crypto/pkcs12.ts';
import { generatePrivateKey, type PrivateKeyHandle } from '../../crypto/private-key.ts';
import { pemText } from '../../crypto/x509/pem.ts';
import { InputError, messageOf, RingfenceError } from '../../errors.ts';
import type { IssuedCertificate } from '../../store/index.ts';
import { visible } from '../../words/index.ts';
import type { Output } from '../output.ts';
import { certificateJson } from './describe.ts';
import type { KeyRoom } from './key-room.ts';

export interface HandOutOptions {
  /** a certificate request of a device that made its own key; - is stdin */
  readonly csr?: string;
  readonly out?: string;
  readonly form: 'p12' | 'pem';
}

/** Writes a file that must not be there, for us alone, and to the disk. @throws InputError */
export function writeNew(path: string, bytes: Uint8Array): void {
  const own = join(dirname(path), `.${randomBytes(6).toString('hex')}.ringfence`);
  try {
    const fd = openSync(own, 'wx', 0o600);
    try {
      for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    linkSync(own, path); // unlike a rename it never takes the place of another file
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code === 'EEXIST' ? 'there is a file of that name already' : messageOf(error);
    throw new InputError('input-unreadable', `cannot write ${path}: ${why}; --out FILE names another`, {
      cause: error,
    });
  } finally {
    rmSync(own, { force: true });
  }
}

/** @throws RingfenceError usage */
export function checkAccount(account: string): void {
  const problem = accountProblem(account);
  if (problem !== null) throw new RingfenceError('usage', `"${visible(account, 80)}": ${problem}`);
}

/** Makes a certificate for an account: for a key that is made here and handed out, or for the key of a request. */
export async function handOut(room: KeyRoom, account: string, options: HandOutOptions, output: Output): Promise<void> {
  if (options.csr !== undefined) {
    certifyRequest(room, account, options.csr, options.out, output);
    return;
  }
  const path = resolve(options.out ?? `${account.replaceAll(/[^\w.-]/g, '_')}.${options.form}`);
  if (existsSync(path)) throw new InputError('input-unreadable', `${path} is there already; --out FILE names another`);
  const key = await generatePrivateKey(room.config.settings.crypto.bits);
  const password = newPassword();
  // the file is written within the transaction: there is no certificate whose key nobody has
  const row = room.issue(account, key.spki, (chain) =>
    writeNew(path, packed(key, chain, password, `${account} at ${room.domain}`, options.form)),
  );
  if (output.json) output.object({ ...certificateJson(row, room.now), file: path, password });
  else {
    output.result(`Key and certificate of ${visible(account, 80)}: ${path}`);
    output.result(`Password, shown this once: ${password}`);
    output.result(`kid ${row.kid}`);
  }
  output.note(
    'ringfence: bring file and password to the device by two ways, and delete the file then: nobody else has the key',
  );
}

function packed(
  key: PrivateKeyHandle,
  chain: readonly Uint8Array[],
  password: string,
  name: string,
  form: 'p12' | 'pem',
): Uint8Array {
  if (form === 'p12') return writePkcs12(key, chain, password, name);
  const own = pemText('ENCRYPTED PRIVATE KEY', writeEncryptedPkcs8(key, password));
  return Buffer.from(own + chain.map((one) => pemText('CERTIFICATE', one)).join(''));
}

const STDIN = 0;

function certifyRequest(room: KeyRoom, account: string, file: string, out: string | undefined, output: Output): void {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file === '-' ? STDIN : file);
  } catch (error) {
    throw new InputError('input-unreadable', `--csr: cannot read ${file}: ${messageOf(error)}`, { cause: error });
  }
  const csr = readCsr(bytes);
  if (!csr.ok) throw new InputError('input-malformed', `--csr ${file}: ${csr.reason}`);
  let text = '';
  const row: IssuedCertificate = room.issue(account, csr.value.spki, (chain) => {
    text = chain.map((one) => pemText('CERTIFICATE', one)).join('');
    if (out !== undefined) writeNew(resolve(out), Buffer.from(text));
  });
  if (output.json) output.object({ ...certificateJson(row, room.now), certificates: text });
  else if (out === undefined) output.result(text.trimEnd());
  else output.result(`Certificate of ${visible(account, 80)}: ${resolve(out)}\nkid ${row.kid}`);
}
