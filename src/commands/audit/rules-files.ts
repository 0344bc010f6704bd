import { statSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { confValues, type ConfSection } from '../../wire/conf.ts';
import { finding, type Finding } from './finding.ts';
import { sectionsOf, type View } from './view.ts';

/** Files of Asterisk's in which secrets stand, and the settings that hold them. */
const SECRET_FILES = ['pjsip.conf', 'pjsip_wizard.conf', 'sip.conf', 'iax.conf', 'manager.conf', 'ari.conf', 'voicemail.conf', 'res_odbc.conf', 'res_pgsql.conf', 'res_config_mysql.conf', 'cdr_pgsql.conf', 'cdr_mysql.conf', 'cdr_tds.conf', 'hep.conf', 'xmpp.conf', 'res_ldap.conf'] as const; // prettier-ignore
const SECRET_SETTINGS =
  /^(?:password|secret|md5secret|md5_cred|password_digest|dbpass|pass|capture_password|remotesecret|inbound_auth\/password|outbound_auth\/password)$/i;
const KEY_SETTINGS = [
  'priv_key_file',
  'dtls_private_key',
  'tlsprivatekey',
  'dtlsprivatekey',
  'private_key_file',
] as const;

/** May every user of this machine read it: by its mode, and by that of every folder on the way? */
function readableByAll(path: string): boolean {
  try {
    if ((statSync(path).mode & 0o004) === 0) return false;
    for (let folder = dirname(path); ; folder = dirname(folder)) {
      if ((statSync(folder).mode & 0o001) === 0) return false;
      if (folder === dirname(folder)) return true;
    }
  } catch {
    return false;
  }
}

const holdsSecret = (name: string, section: ConfSection, file: string): boolean =>
  section.settings.some(
    (setting) =>
      setting.file === file &&
      setting.value !== '' &&
      // a line of a mailbox begins with its PIN
      (name === 'voicemail.conf'
        ? !/^(?:general|zonemessages)$/i.test(section.name)
        : SECRET_SETTINGS.test(setting.name)),
  );

/** Who may read what Asterisk keeps. */
export function fileFindings(view: View): Finding[] {
  const { etc, database } = view.found.directories;
  const found: Finding[] = [];
  const closed = new Set<string>();
  for (const name of SECRET_FILES) {
    const sections = view.found.conf(name)?.sections ?? [];
    for (const file of view.found.conf(name)?.files ?? []) {
      if (closed.has(file) || !sections.some((section) => holdsSecret(name, section, file)) || !readableByAll(file))
        continue;
      closed.add(file);
      found.push(
        finding({
          rule: 'secrets-readable',
          where: file,
          what: 'it can be read by every user of this machine',
          fix: `chown asterisk:asterisk ${file} && chmod 640 ${file}`,
        }),
      );
    }
  }
  for (const name of ['pjsip.conf', 'sip.conf', 'http.conf', 'manager.conf'])
    for (const section of sectionsOf(view, name))
      for (const setting of KEY_SETTINGS)
        for (const value of confValues(section, setting)) {
          const path = isAbsolute(value) ? value : join(etc, value);
          if (closed.has(path) || !readableByAll(path)) continue;
          closed.add(path);
          found.push(
            finding({
              rule: 'key-readable',
              where: path,
              what: `the private key of [${section.name}] in ${name} can be read by every user of this machine`,
              fix: `chown asterisk:asterisk ${path} && chmod 600 ${path}`,
            }),
          );
        }
  const astdb = join(database, 'astdb.sqlite3');
  if (readableByAll(astdb))
    found.push(
      finding({
        rule: 'database-readable',
        where: astdb,
        what: 'it can be read by every user of this machine',
        fix: `chmod 640 ${astdb}, and UMask=0027 in Asterisk’s systemd unit (systemctl edit asterisk)`,
      }),
    );
  return found;
}
