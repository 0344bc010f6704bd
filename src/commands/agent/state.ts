import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { rootCertificates } from 'node:tls';
import type { Config } from '../../config.ts';
import {
  openAgent,
  readAgentStore,
  writeAgentStore,
  type AgentStore,
  type OpenedAgent,
} from '../../crypto/agent-store.ts';
import { MASTER_KEY_BYTES, MasterKey } from '../../crypto/master-key.ts';
import { pemText } from '../../crypto/x509/pem.ts';
import { InputError, messageOf, RingfenceError } from '../../errors.ts';
import type { KeptContact } from '../../gateway/agent-contacts.ts';
import type { Identity } from '../../gateway/agent-link.ts';
import { masterKeyAt, readMasterKeyAt, readPrivate } from '../keys/private-files.ts';
import { writeWhole } from '../keys/whole-file.ts';

/** The files of an agent: its master key, its keys and pins, the contacts of its phones. */
export class AgentState {
  readonly folder: string;
  readonly #publicCa: boolean;

  constructor({ settings, directory }: Config) {
    this.folder = resolve(directory, settings.agent.state);
    this.#publicCa = settings.agent.public_ca;
  }

  get file(): string {
    return join(this.folder, 'agent.json');
  }

  get #contacts(): string {
    return join(this.folder, 'contacts.json');
  }

  get #masterFile(): string {
    return join(this.folder, 'master.key');
  }

  /** When the keys last changed, 0 where there are none. */
  get changedAt(): number {
    return statSync(this.file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  }

  /** What is kept; null: nothing yet. @throws RingfenceError that says what is wrong with it */
  load(): AgentStore | null {
    if (!existsSync(this.file)) return null;
    const read = readAgentStore(readPrivate(this.file, "the agent's keys", 0o022).toString());
    if (read.ok) return read.value;
    throw new InputError('input-malformed', `${this.file}: ${read.reason}; move it away and enrol again`);
  }

  save(store: AgentStore): void {
    this.#write(this.file, Buffer.from(writeAgentStore(store)));
  }

  /** @throws RingfenceError input-missing where it was never enrolled */
  open(): OpenedAgent {
    const store = this.load();
    if (store === null || store.keys.length === 0)
      throw new InputError(
        'input-missing',
        `${this.folder}: this agent is not enrolled. On the gateway's machine, ringfence keys enrol ACCOUNT prints the line to run here`,
      );
    const opened = openAgent(this.master(), store);
    if (opened.ok) return opened.value;
    throw new InputError(
      'input-malformed',
      `${this.file} cannot be opened with its master key: ${opened.reason}; move both away and enrol again`,
    );
  }

  /** Its master key, made where there is none. */
  master(): MasterKey {
    const where = masterKeyAt(this.#masterFile);
    if (!where.credential && !existsSync(where.path)) {
      if (existsSync(this.file))
        throw new InputError(
          'input-missing',
          `${where.path} is gone, and without it ${this.file} opens for nobody; move that away too, and enrol again`,
        );
      const bytes = randomBytes(MASTER_KEY_BYTES);
      this.#write(where.path, bytes);
      bytes.fill(0);
    }
    return readMasterKeyAt(where);
  }

  /** Contacts of phones as they were; none where nothing is kept or it cannot be read: phones register again. */
  contacts(warn: (text: string) => void): KeptContact[] {
    if (!existsSync(this.#contacts)) return [];
    try {
      const read = JSON.parse(readPrivate(this.#contacts, 'the contacts of phones', 0o022).toString()) as unknown;
      if (Array.isArray(read) && read.every(isContact)) return read;
      throw new RingfenceError('input-malformed', 'not what was written');
    } catch (error) {
      warn(`${this.#contacts}: ${messageOf(error)}; phones are reached again when they have registered anew`);
      return [];
    }
  }

  saveContacts(contacts: readonly KeptContact[]): void {
    this.#write(this.#contacts, Buffer.from(JSON.stringify(contacts)));
  }

  #write(path: string, bytes: Uint8Array): void {
    if (!existsSync(this.folder)) mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    writeWhole(path, bytes, statSync(this.folder));
  }

  /** As whom, and to whom, a connection is made. */
  identity({ account, key, inst, pinned, authorities }: OpenedAgent): Identity {
    const own = authorities.map((der) => pemText('CERTIFICATE', der));
    return { account, key, inst, pinned, ca: this.#publicCa ? [...own, ...rootCertificates] : own };
  }
}

/** The SIP domain that its certificate names. */
export const domainOf = ({ certificate }: OpenedAgent): string => {
  const host = /^sips?:[^@]*@(.+)$/.exec(certificate.uris[0] ?? '')?.[1] ?? '';
  return host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
};

function isContact(value: unknown): value is KeptContact {
  if (typeof value !== 'object' || value === null) return false;
  const { token, uri, transport, address, port, at, until } = value as Record<string, unknown>;
  const { host, port: own } = (typeof at === 'object' && at !== null ? at : {}) as Record<string, unknown>;
  return (
    [token, uri, address, host].every((text) => typeof text === 'string') &&
    [port, own, until].every((number) => typeof number === 'number') &&
    (transport === 'udp' || transport === 'tcp')
  );
}
