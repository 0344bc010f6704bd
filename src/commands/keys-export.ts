import { resolve } from 'node:path';
import { newPassword, writePkcs12 } from '../crypto/pkcs12.ts';
import { pemText } from '../crypto/x509/pem.ts';
import { RingfenceError } from '../errors.ts';
import { certificateState } from '../store/index.ts';
import { visible } from '../words/index.ts';
import { findCertificates, isOwn, type Own } from './keys/find.ts';
import { writeNew } from './keys/hand-out.ts';
import { GOOD, KeyRoom } from './keys/key-room.ts';
import { revocationLists } from './keys/revocation-lists.ts';
import { EXIT, type GlobalOptions, type Output } from './output.ts';
import { readConfig } from './site.ts';

interface ExportOptions {
  readonly form: 'pem' | 'der' | 'spki' | 'p12';
  readonly out?: string;
}

/** `ringfence keys export ACCOUNT|KID|ca|crl|gateway|gateway-tls`: certificates, public keys, revocation lists. */
export default async function keysExport(
  [name = '']: readonly string[],
  options: ExportOptions & GlobalOptions,
  output: Output,
): Promise<number> {
  return await KeyRoom.with(readConfig(options, output), (room) => {
    if (options.form === 'p12') {
      exportPkcs12(room, name, options.out, output);
      return EXIT.done;
    }
    const bytes = name === 'crl' ? lists(room, options.form) : certificates(room, name, options.form);
    if (options.out !== undefined) writeNew(resolve(options.out), bytes);
    else if (output.json)
      output.object({
        name,
        form: options.form,
        data: options.form === 'der' ? bytes.toString('base64') : bytes.toString(),
      });
    else output.bytes(bytes);
    return EXIT.done;
  });
}

type Form = Exclude<ExportOptions['form'], 'p12'>;

function lists(room: KeyRoom, form: Form): Buffer {
  if (form === 'spki') throw new RingfenceError('usage', 'a revocation list has no key; --form pem or der');
  const all = revocationLists(room);
  if (all.length === 0) room.authority(); // says why there is none
  return form === 'der' ? Buffer.from(all[0] ?? []) : Buffer.from(all.map((der) => pemText('X509 CRL', der)).join(''));
}

/** PEM holds every good one, youngest first; DER holds one thing alone, the youngest. */
function certificates(room: KeyRoom, name: string, form: Form): Buffer {
  const all = name === 'ca' ? authorities(room) : issued(room, name);
  if (form === 'der') return all[0]?.certificate ?? Buffer.alloc(0);
  const text = all.map(({ certificate, spki }) =>
    form === 'pem' ? pemText('CERTIFICATE', certificate) : pemText('PUBLIC KEY', spki),
  );
  return Buffer.from(text.join(''));
}

interface Public {
  readonly certificate: Buffer;
  readonly spki: Uint8Array;
}

function authorities(room: KeyRoom): Public[] {
  room.authority();
  return room.authorities().map(({ certificate, key }) => ({ certificate: Buffer.from(certificate), spki: key.spki }));
}

function issued(room: KeyRoom, name: string): Public[] {
  const good = findCertificates(room, name).filter((row) => GOOD.includes(certificateState(row, room.now)));
  if (good.length === 0)
    throw new RingfenceError(
      'refused',
      `no key of "${visible(name, 80)}" is good any more; ringfence keys show ${visible(name, 80)} says why`,
    );
  return good.map((row) => ({
    certificate: Buffer.from(row.certificate, 'base64'),
    spki: Buffer.from(row.spki, 'base64'),
  }));
}

/** The gateway's own key, for a TLS proxy in front of it. Accounts' keys are not kept, and the CA's goes into a backup. */
function exportPkcs12(room: KeyRoom, name: string, out: string | undefined, output: Output): void {
  if (!isOwn(name))
    throw new RingfenceError(
      'refused',
      name === 'ca'
        ? 'the key of the CA leaves this machine in a backup alone: ringfence keys backup FILE'
        : `the key of "${visible(name, 80)}" is with its owner and is not kept here; a new one: ringfence keys rotate ${visible(name, 80)}`,
    );
  if (out === undefined) throw new RingfenceError('usage', 'a private key goes into a file: --out FILE');
  const { key, password } = packOwn(room, name, resolve(out));
  if (output.json) output.object({ name, kid: key, file: resolve(out), password });
  else output.result(`${name} ${key}: ${resolve(out)}\nPassword, shown this once: ${password}`);
}

function packOwn(room: KeyRoom, name: Own, path: string): { readonly key: string; readonly password: string } {
  const { key, stored } = room.own(name);
  const password = newPassword();
  const chain = stored.chain.map((one) => Buffer.from(one, 'base64'));
  writeNew(path, writePkcs12(key, chain, password, `ringfence ${name}`));
  room.store.transaction(() => room.note('key.exported', name, { kid: key.kid }));
  return { key: key.kid, password };
}
