import { hash } from 'node:crypto';
import type { Millis } from '../model.ts';
import { parsed, refused, type Parsed, type Refused } from '../parsed.ts';
import { oid } from './der.ts';
import { signatureHolds } from './x509/algorithms.ts';
import { KEY_USAGE, readCertificate, type Certificate } from './x509/certificate.ts';
import { nameText } from './x509/names.ts';
import type { RevocationList } from './x509/revocation-list.ts';

export { readCertificate, type Certificate } from './x509/certificate.ts';
export { readRevocationList, type RevocationList } from './x509/revocation-list.ts';

/** What a certificate is wanted for. */
export type CertificateUse = 'sign' | 'encrypt';

/** Certificates below the anchor, the first of them the owner's. */
const LONGEST_PATH = 3;
/** More candidates than any honest message carries; each may cost a signature check. */
const MOST_CANDIDATES = 8;
const MOST_CACHED = 1_000;

const EMAIL_PROTECTION = oid('1.3.6.1.5.5.7.3.4');
const ANY_USAGE = oid('2.5.29.37.0');

/**
 * The CAs that a site trusts and their revocation lists (RFC 5280 section 6, for RSA and without policies). Names are compared
 * octet by octet. Revocation fails closed: where lists are given, the owner's certificate needs a valid one of its issuer, as
 * `openssl -crl_check` does, and each CA above it is looked up in those that are there. Certificates and checked signatures are
 * remembered (1,000 of each at the most), and so are paths for as long as all dates in them and in the lists hold.
 */
export class Trust {
  readonly anchors: readonly Certificate[];
  readonly lists: readonly RevocationList[];
  readonly #read = new Map<string, Certificate | null>();
  readonly #issued = new Map<string, boolean>();
  readonly #signedLists = new Map<string, boolean>();
  readonly #paths = new Map<string, Standing>();

  constructor(anchors: readonly Certificate[], lists: readonly RevocationList[] = []) {
    this.anchors = anchors;
    this.lists = lists;
  }

  /** `readCertificate`, remembered; null for what is refused. */
  certificate(der: Uint8Array): Certificate | null {
    const name = hash('sha256', der, 'base64');
    return remembered(this.#read, name, () => {
      const read = readCertificate(Buffer.from(der)); // a copy: a view would keep the message
      return read.ok ? read.value : null;
    });
  }

  /**
   * The path from `owner` up to an anchor, both in it, by way of `others`. An owner that is itself an anchor is a path of one.
   * Refused, with the reason of the most promising path: no path, dates, usages, constraints, algorithms, revocation.
   */
  path(owner: Certificate, others: readonly Certificate[], now: Millis, use: CertificateUse): Parsed<Certificate[]> {
    const name = `${use} ${owner.fingerprint}`;
    const known = this.#paths.get(name);
    if (known !== undefined && now >= known.from && now <= known.to) return parsed([...known.path]);
    const found = this.#find(owner, others, now, use);
    if (found.ok) {
      if (this.#paths.size >= MOST_CACHED) this.#paths.clear();
      this.#paths.set(name, this.#standing(found.value));
    }
    return found;
  }

  /** A path that held once holds while nothing in it, and no list, begins or ends: trust and lists do not change. */
  #standing(path: readonly Certificate[]): Standing {
    const from = [...path.map((c) => c.notBefore), ...this.lists.map((list) => list.thisUpdate)];
    const to = [...path.map((c) => c.notAfter), ...this.lists.map((list) => list.nextUpdate)];
    return { path, from: Math.max(...from), to: Math.min(...to) };
  }

  #find(owner: Certificate, others: readonly Certificate[], now: Millis, use: CertificateUse): Parsed<Certificate[]> {
    const own = ownerFault(owner, use);
    if (own !== null) return refused(own);
    if (this.anchors.some((anchor) => anchor.fingerprint === owner.fingerprint)) {
      const fault = datesFault(owner, now) ?? this.#revocationFault(owner, owner, now, false);
      return fault === null ? parsed([owner]) : refused(fault);
    }
    if (owner.ca) return refused(`${named(owner)} is a CA's own certificate and not trusted for messages`);
    return this.#climb([owner], others.slice(0, MOST_CANDIDATES), now);
  }

  #climb(path: readonly Certificate[], others: readonly Certificate[], now: Millis): Parsed<Certificate[]> {
    const top = path.at(-1);
    if (top === undefined) return refused('no certificate');
    let best: Refused = refused(`no trusted CA has issued ${named(top)}`);
    const candidates = [
      ...this.anchors.map((c) => ({ c, anchor: true })),
      ...others.map((c) => ({ c, anchor: false })),
    ];
    for (const { c: issuer, anchor } of candidates) {
      if (!issuer.subject.equals(top.issuer) || path.some((c) => c.fingerprint === issuer.fingerprint)) continue;
      if (!anchor && path.length >= LONGEST_PATH) continue;
      const fault = this.#linkFault(top, issuer, path.length, now);
      if (fault !== null) {
        best = refused(fault);
        continue;
      }
      const whole = anchor ? parsed([...path, issuer]) : this.#climb([...path, issuer], others, now);
      if (whole.ok) return whole;
      best = whole;
    }
    return best;
  }

  /** What is wrong with `issuer` as the issuer of `issued`, the `below`th certificate of the path; null: nothing. */
  #linkFault(issued: Certificate, issuer: Certificate, below: number, now: Millis): string | null {
    const fault = issuerFault(issuer, below) ?? datesFault(issued, now) ?? datesFault(issuer, now);
    if (fault !== null) return fault;
    if (issued.algorithm === null) return `${named(issued)} is signed with an algorithm that is not taken`;
    if (!this.#hasIssued(issuer, issued)) return `the signature on ${named(issued)} does not hold`;
    return this.#revocationFault(issued, issuer, now, below > 1);
  }

  #hasIssued(issuer: Certificate, issued: Certificate): boolean {
    const { algorithm } = issued;
    if (algorithm === null) return false;
    return remembered(this.#issued, `${issuer.fingerprint} ${issued.fingerprint}`, () =>
      signatureHolds(issuer.key, algorithm, issued.tbs, issued.signature),
    );
  }

  #revocationFault(issued: Certificate, issuer: Certificate, now: Millis, lenient: boolean): string | null {
    if (this.lists.length === 0) return null;
    const own = this.lists.filter((list) => list.issuer.equals(issuer.subject));
    if (own.length === 0) return lenient ? null : `no revocation list of ${nameText(issuer.subject)}`;
    let fault: string | null = null;
    let fresh = false;
    for (const list of own) {
      const broken = this.#listFault(list, issuer, now);
      if (broken !== null) fault = broken;
      else if (list.revoked.has(issued.serial.toString('hex'))) return `${named(issued)} is revoked`;
      else fresh = true;
    }
    return fresh ? null : fault;
  }

  #listFault(list: RevocationList, issuer: Certificate, now: Millis): string | null {
    const name = `the revocation list of ${nameText(issuer.subject)}`;
    if (now < list.thisUpdate) return `${name} is of the future`;
    if (now > list.nextUpdate) return `${name} is stale`;
    if (issuer.keyUsage !== null && (issuer.keyUsage & KEY_USAGE.cRLSign) === 0)
      return `${name} may not be signed by it`;
    const { algorithm } = list;
    if (algorithm === null) return `${name} is signed with an algorithm that is not taken`;
    const holds = remembered(this.#signedLists, `${issuer.fingerprint} ${this.lists.indexOf(list)}`, () =>
      signatureHolds(issuer.key, algorithm, list.tbs, list.signature),
    );
    return holds ? null : `the signature on ${name} does not hold`;
  }
}

/** A path, and when it holds. */
interface Standing {
  readonly path: readonly Certificate[];
  readonly from: Millis;
  readonly to: Millis;
}

function remembered<V>(memory: Map<string, V>, name: string, find: () => V): V {
  const known = memory.get(name);
  if (known !== undefined) return known;
  if (memory.size >= MOST_CACHED) memory.clear();
  const value = find();
  memory.set(name, value);
  return value;
}

const named = (certificate: Certificate): string =>
  `certificate ${certificate.serial.toString('hex')} (${nameText(certificate.subject)})`;

function datesFault(certificate: Certificate, now: Millis): string | null {
  if (now < certificate.notBefore) return `${named(certificate)} is not valid yet`;
  return now > certificate.notAfter ? `${named(certificate)} has expired` : null;
}

/** Neither rooms nor agents may be limited to something else (RFC 8551 section 4.4: emailProtection or any). */
function usageFault(certificate: Certificate): string | null {
  const usages = certificate.extendedKeyUsage;
  if (certificate.notUnderstood.length > 0) return `${named(certificate)} has a constraint that is not understood`;
  const fits = usages === null || usages.includes(EMAIL_PROTECTION) || usages.includes(ANY_USAGE);
  return fits ? null : `${named(certificate)} is not for S/MIME (extKeyUsage)`;
}

/**
 * May it be used so, as far as it says itself? For one that is known from elsewhere (a key store); nothing is said of who issued it.
 */
export function fitFor(certificate: Certificate, use: CertificateUse, now: Millis): Parsed<Certificate> {
  const fault = ownerFault(certificate, use) ?? datesFault(certificate, now);
  return fault === null ? parsed(certificate) : refused(fault);
}

function ownerFault(owner: Certificate, use: CertificateUse): string | null {
  const bits = use === 'sign' ? KEY_USAGE.digitalSignature | KEY_USAGE.nonRepudiation : KEY_USAGE.keyEncipherment;
  if (owner.keyUsage !== null && (owner.keyUsage & bits) === 0)
    return `${named(owner)} may not ${use === 'sign' ? 'sign' : 'be encrypted to'} (keyUsage)`;
  return usageFault(owner);
}

function issuerFault(issuer: Certificate, below: number): string | null {
  if (!issuer.ca) return `${named(issuer)} is no CA (basicConstraints)`;
  if (issuer.keyUsage !== null && (issuer.keyUsage & KEY_USAGE.keyCertSign) === 0)
    return `${named(issuer)} may not issue (keyUsage)`;
  // certificates between it and the owner; self-issued ones count too, which is the stricter reading
  if (issuer.pathLength !== null && below - 1 > issuer.pathLength) return `${named(issuer)} allows no path as long`;
  return usageFault(issuer);
}
