import { Zone } from '../time.ts';
import { sipUri } from '../crypto/identity.ts';
import { nameText } from '../crypto/x509/names.ts';
import { readCertificate } from '../crypto/x509/certificate.ts';
import { pemText } from '../crypto/x509/pem.ts';
import { certificateState } from '../store/index.ts';
import { en, visible } from '../words/index.ts';
import { certificateJson } from './keys/describe.ts';
import { findCertificates } from './keys/find.ts';
import { KeyRoom, nameOf } from './keys/key-room.ts';
import { EXIT, type GlobalOptions, type Output } from './output.ts';
import { readConfig } from './site.ts';

/** `ringfence keys show ACCOUNT|KID`: each certificate of it, good or not. */
export default async function keysShow(
  [name = '']: readonly string[],
  options: GlobalOptions,
  output: Output,
): Promise<number> {
  const config = readConfig(options, output);
  return await KeyRoom.with(config, (room) => {
    const zone = new Zone(config.settings.site.timezone);
    for (const row of findCertificates(room, name)) {
      const der = Buffer.from(row.certificate, 'base64');
      const read = readCertificate(der);
      const names = read.ok ? read.value.uris : [sipUri(room.domain, row.account)];
      if (output.json) {
        output.object({
          ...certificateJson(row, room.now),
          names,
          certificate: pemText('CERTIFICATE', der),
          publicKey: pemText('PUBLIC KEY', Buffer.from(row.spki, 'base64')),
        });
        continue;
      }
      const revoked =
        row.revokedAt === null ? '' : `, ends early ${en.minute(row.revokedAt, zone)}: ${row.reason ?? ''}`;
      output.result(`${visible(nameOf(row), 80)}: ${certificateState(row, room.now)}`);
      output.result(`  kid      ${row.kid}`);
      output.result(`  serial   ${row.serial}`);
      output.result(`  names    ${names.join(', ')}`);
      output.result(`  valid    ${en.minute(row.notBefore, zone)} to ${en.minute(row.notAfter, zone)}${revoked}`);
      output.result(`  key      RSA, ${row.bits} bits`);
      output.result(`  issuer   ${read.ok ? nameText(read.value.issuer) : row.issuer}`);
    }
    return EXIT.done;
  });
}
