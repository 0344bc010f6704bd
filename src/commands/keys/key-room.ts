import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Config } from '../../config.ts';
import { endpointOf } from '../../crypto/identity.ts';
import { CLOCK_SKEW, createAuthority, issueCertificate, type Authority, type Issued } from '../../crypto/issue.ts';
import {
  certificateOf,
  keyOf,
  openKey,
  sealKey,
  withKey,
  withoutKey,
  type KeyStore,
  type Role,
  type StoredKey,
} from '../../crypto/key-store.ts';
import { MASTER_KEY_BYTES, MasterKey } from '../../crypto/master-key.ts';
import { generatePrivateKey, type PrivateKeyHandle } from '../../crypto/private-key.ts';
import { publicKeyFromSpki } from '../../crypto/public-key.ts';
import type { Certificate } from '../../crypto/x509/certificate.ts';
import { InputError, RingfenceError } from '../../errors.ts';
import type { Millis, RevocationReason } from '../../model.ts';
import {
  certificateState,
  type CertificateState,
  type CertificateUse,
  type IssuedCertificate,
  type Store,
} from '../../store/index.ts';
import { giveTo } from '../../store/file.ts';
import { iso } from '../../time.ts';
import { whoAsks } from '../hand-command.ts';
import { storePath } from '../direct.ts';
import { storeOf } from '../open-store.ts';
import { keyStorePath, loadKeyStore, masterKeyPath, readMasterKey, saveKeyStore } from './private-files.ts';
import { writeWhole, type Owner } from './whole-file.ts';

/** A private key of ours, opened, with its certificate. */
export interface OwnKey {
  readonly key: PrivateKeyHandle;
  readonly certificate: Certificate;
  readonly stored: StoredKey;
}

/** Purpose of the key under which secrets of enrolment tokens are kept. */
export const ENROLMENT = 'enrolment';
/** Which keys the last backup holds: kids, a JSON list, in the store's meta table. */
export const BACKED_UP = 'keys-backup';

/** States in which a key is good. */
export const GOOD: readonly CertificateState[] = ['live', 'retiring'];
/** Most good keys that one account, or the gateway, has at a time. */
const MOST_LIVE = 2;

/** The files and the table behind every `ringfence keys` command: settings, store, key store, master key. */
export class KeyRoom {
  readonly config: Config;
  readonly store: Store;
  readonly now: Millis;
  #keys: KeyStore;
  #master: MasterKey | null = null;

  private constructor(config: Config, store: Store, now: Millis) {
    this.config = config;
    this.store = store;
    this.now = now;
    this.#keys = loadKeyStore(config);
  }

  /**
   * Opens them; the master key only when it is needed.
   * @param first there may be nothing yet
   * @throws RingfenceError
   */
  static open(config: Config, first = false): KeyRoom {
    const made = first || existsSync(keyStorePath(config)) || existsSync(storePath(config));
    if (!made) throw noKeys(config, 'are no keys');
    const store = storeOf(config, { create: true });
    try {
      return new KeyRoom(config, store, Date.now());
    } catch (error) {
      store.close();
      throw error;
    }
  }

  /** Opens them for the time of `work`. */
  static async with<T>(config: Config, work: (room: KeyRoom) => Promise<T> | T, first = false): Promise<T> {
    const room = KeyRoom.open(config, first);
    try {
      return await work(room);
    } finally {
      room.store.close();
    }
  }

  get keys(): KeyStore {
    return this.#keys;
  }

  /** [crypto] domain. @throws RingfenceError config-invalid when it is not set */
  get domain(): string {
    const { domain } = this.config.settings.crypto;
    if (domain !== '') return domain;
    throw new RingfenceError(
      'config-invalid',
      'crypto.domain: certificates are for sip:ACCOUNT@DOMAIN and no domain is set; write [crypto] domain = "…" into the settings',
    );
  }

  /** Host of [crypto] gateway, '' if it is not set. */
  get host(): string {
    return endpointOf(this.config.settings.crypto.gateway)?.host ?? '';
  }

  get master(): MasterKey {
    this.#master ??= readMasterKey(this.config);
    return this.#master;
  }

  /** Whoever owns the store owns the keys too, also when root makes them. */
  get owner(): Owner {
    return statSync(this.store.path);
  }

  /** Makes the master key if there is none: of two that try at once, one does. @returns its path when it was made */
  makeMaster(): string | null {
    const { path, credential } = masterKeyPath(this.config);
    if (credential) return null;
    return this.store.transaction(() => {
      if (existsSync(path)) return null;
      this.writeMaster(randomBytes(MASTER_KEY_BYTES));
      return path;
    });
  }

  /** Puts a master key in its place; `bytes` are erased. */
  writeMaster(bytes: Buffer): void {
    const { path } = masterKeyPath(this.config);
    this.#makeFolder(path);
    writeWhole(path, bytes, this.owner);
    this.#master = new MasterKey(bytes);
    bytes.fill(0);
  }

  /** Changes the key store, as it now is, and writes it; one command at a time (the store's lock is held meanwhile). */
  change(make: (keys: KeyStore) => KeyStore, also: () => void = () => undefined): void {
    this.store.transaction(() => {
      const next = make(loadKeyStore(this.config));
      also();
      this.#makeFolder(keyStorePath(this.config));
      saveKeyStore(this.config, next, this.owner);
      this.#keys = next;
    });
  }

  #makeFolder(file: string): void {
    const folder = dirname(file);
    if (existsSync(folder)) return;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    giveTo(folder, this.owner);
  }

  /** Opens the youngest key of a role. @throws RingfenceError when there is none, or it cannot be opened */
  own(role: Role): OwnKey {
    const stored = keyOf(this.#keys, role);
    if (stored === null) throw noKeys(this.config, role === 'ca' ? 'is no CA' : `is no ${role} key`);
    return this.open(stored);
  }

  open(stored: StoredKey): OwnKey {
    const key = openKey(this.master, stored);
    const certificate = certificateOf(stored);
    if (key.ok && certificate.ok) return { key: key.value, certificate: certificate.value, stored };
    const why = key.ok ? 'its certificate cannot be read' : key.reason;
    throw new InputError(
      'input-malformed',
      `the ${stored.role} key ${stored.kid} of ${keyStorePath(this.config)} cannot be opened with ` +
        `${masterKeyPath(this.config).path}: ${why}`,
    );
  }

  /** CAs that are not over, the one that issues first. */
  authorities(): (Authority & { readonly notAfter: Millis })[] {
    return this.#keys.keys
      .filter(({ role }) => role === 'ca')
      .map((stored) => this.open(stored))
      .filter(({ certificate }) => certificate.notAfter > this.now)
      .map(({ key, certificate: { der, subject, notAfter } }) => ({ key, certificate: der, subject, notAfter }));
  }

  /** The CA that issues. @throws RingfenceError */
  authority(): Authority & { readonly notAfter: Millis } {
    const [first] = this.authorities();
    if (first !== undefined) return first;
    this.own('ca'); // says so when there is none at all
    throw new RingfenceError('refused', 'the CA has expired: ringfence keys rotate --ca makes a new one');
  }

  /** A new CA of this site, in the key store. @param first it must be the first: two that try at once make one */
  async makeAuthority(first = false): Promise<Authority> {
    const { domain } = this;
    const key = await generatePrivateKey(this.config.settings.crypto.bits);
    const authority = createAuthority(key, domain, this.now);
    const stored = sealKey(this.master, key, 'ca', [authority.certificate], this.now);
    this.change(
      (keys) => {
        if (first && keyOf(keys, 'ca') !== null)
          throw new RingfenceError(
            'refused',
            `somebody made a CA at the same moment; ${keyStorePath(this.config)} has it`,
          );
        return withKey(this.#pruned(keys), stored);
      },
      () => this.note('key.made', 'ca', { kid: key.kid }),
    );
    return authority;
  }

  /** A new key of the gateway with its certificate, in key store and table. The old one is good for the overlap. */
  async makeOwn(role: Exclude<Role, 'ca'>): Promise<IssuedCertificate> {
    const authority = this.authority();
    const key = await generatePrivateKey(this.config.settings.crypto.bits);
    const made = this.#certify(authority, role, '', key.spki);
    const stored = sealKey(this.master, key, role, [made.issued.der, authority.certificate], this.now);
    this.change(
      (keys) => withKey(this.#pruned(keys), stored),
      () => this.#enter(made.row),
    );
    return made.row;
  }

  /** Without keys whose certificates are all over: nobody needs them any more. */
  #pruned(store: KeyStore): KeyStore {
    const over = store.keys.filter((stored) => {
      const rows = this.store.certificates.ofKid(stored.kid);
      const own = certificateOf(stored);
      const ended = own.ok && own.value.notAfter < this.now;
      return ended || (rows.length > 0 && !rows.some((row) => GOOD.includes(certificateState(row, this.now))));
    });
    return over.reduce((kept, { kid }) => withoutKey(kept, kid), store);
  }

  /**
   * Issues a certificate for an account's key. The keys that it has are good for the overlap. `deliver` gets the certificate
   * and its CA's; if that fails nothing was issued.
   * @throws RingfenceError refused
   */
  issue(account: string, spki: Uint8Array, deliver: (chain: readonly Uint8Array[]) => void): IssuedCertificate {
    const authority = this.authority();
    const { row, issued } = this.#certify(authority, 'account', account, spki);
    this.store.transaction(() => {
      this.#enter(row);
      deliver([issued.der, authority.certificate]);
    });
    return row;
  }

  #certify(
    authority: Authority & { readonly notAfter: Millis },
    use: CertificateUse,
    account: string,
    spki: Uint8Array,
  ): { readonly row: IssuedCertificate; readonly issued: Issued } {
    const { domain, host, now } = this;
    const key = publicKeyFromSpki(spki);
    if (!key.ok) throw new RingfenceError('refused', `no certificate for ${key.reason}`);
    const notBefore = now - CLOCK_SKEW;
    const notAfter = Math.min(now + this.config.settings.crypto.validity, authority.notAfter);
    const issued = issueCertificate(authority, { use, account, domain, host, spki, notBefore, notAfter });
    const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
    const row: IssuedCertificate = {
      serial: issued.serial,
      kid: issued.kid,
      use,
      account,
      issuer: authority.key.kid,
      bits: key.value.bits,
      // a certificate knows whole seconds
      notBefore: Math.floor(notBefore / 1000) * 1000,
      notAfter: Math.floor(notAfter / 1000) * 1000,
      revokedAt: null,
      reason: null,
      certificate: base64(issued.der),
      spki: base64(spki),
    };
    return { row, issued };
  }

  /** Good certificates of an account, or of the gateway's role, youngest first. */
  good(use: CertificateUse, account = ''): IssuedCertificate[] {
    const { certificates } = this.store;
    const all = use === 'account' ? certificates.ofAccount(account) : certificates.all().filter((c) => c.use === use);
    return all.filter((one) => GOOD.includes(certificateState(one, this.now)));
  }

  /** Puts a new certificate into the table; within a transaction. Those before it end with the overlap. */
  #enter(row: IssuedCertificate): void {
    const { certificates } = this.store;
    const before = this.good(row.use, row.account);
    // keys count, not certificates: one may have a second certificate for the same key
    const others = before.filter(({ kid }) => kid !== row.kid);
    if (new Set(others.map(({ kid }) => kid)).size >= MOST_LIVE) {
      const oldest = others.at(-1);
      throw new RingfenceError(
        'refused',
        `${nameOf(row)} has ${MOST_LIVE} good keys already; the older one, ${oldest?.kid ?? ''}, ends ` +
          `${iso(oldest?.revokedAt ?? oldest?.notAfter ?? 0)}. To end it now: ringfence keys revoke ${oldest?.kid ?? ''} --reason superseded`,
      );
    }
    certificates.add(row);
    for (const one of before)
      certificates.revoke(one.serial, this.now + this.config.settings.crypto.overlap, 'superseded');
    this.note('key.issued', nameOf(row), { kid: row.kid, serial: row.serial });
  }

  /** Ends certificates now. @returns them as they then are */
  revoke(rows: readonly IssuedCertificate[], reason: RevocationReason): IssuedCertificate[] {
    return this.store.transaction(() =>
      rows.map((row) => {
        this.store.certificates.revoke(row.serial, this.now, reason);
        this.note('key.revoked', nameOf(row), { kid: row.kid, serial: row.serial, reason });
        return this.store.certificates.get(row.serial) ?? row;
      }),
    );
  }

  /** Tells the audit trail. */
  note(action: string, target: string, details: Readonly<Record<string, string>>): void {
    this.store.audit.append([{ actor: `hand:${whoAsks()}`, action, target, details }]);
  }
}

const noKeys = (config: Config, what: string): InputError =>
  new InputError('input-missing', `there ${what} in ${keyStorePath(config)}: ringfence keys init makes them`);

/** Whose certificate it is, as people say it. */
export const nameOf = ({ use, account }: Pick<IssuedCertificate, 'use' | 'account'>): string =>
  use === 'account' ? account : use;
