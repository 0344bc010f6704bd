import { setTimeout as sleep } from 'node:timers/promises';
import { PeerError } from '../errors.ts';
import type { Millis } from '../model.ts';
import type { AmiSession } from '../pbx/ami.ts';
import type { HashFor, ProbeIdentity, ProbeResult } from '../pbx/register-probe.ts';
import { authObjects, authValue, hashOfSecret, newSecret, type AuthObject } from '../pbx/secrets.ts';
import type { Enforcement } from '../store/index.ts';
import { Refusal } from './acts.ts';
import type { Claim } from './enforcement.ts';
import type { Checked } from './safeguards.ts';

/** A new secret, told once. */
export interface NewSecret {
  /** PJSIP's auth object */
  readonly auth: string;
  readonly username: string;
  readonly realm: string;
  readonly secret: string;
  /** other endpoints that use the same auth object, and now need this secret too */
  readonly sharedWith: readonly string[];
}

export type RotateResult =
  | {
      readonly ok: true;
      /** id of the decision, by which it is undone */
      readonly id: string;
      /** when the old secret is good again; null: not by itself */
      readonly until: Millis | null;
      readonly secrets: readonly NewSecret[];
      /** Asterisk was seen to use it */
      readonly proved: boolean;
      /** what it answered to a REGISTER with the new secret and with the old one */
      readonly registers: Registers;
    }
  | { readonly ok: false; readonly code: string; readonly reason: string };

/** What the PBX answered to REGISTERs with either secret. */
export interface Registers {
  readonly new: ProbeResult;
  readonly old: ProbeResult;
}

/** Sends a REGISTER that changes no binding (pbx/register-probe.ts). */
export type TryRegister = (session: AmiSession, identity: ProbeIdentity, hash: HashFor) => Promise<ProbeResult>;

/** Keeps a rule's new secret where staff, and nobody else, can read it. Throws when it cannot. */
export type KeepSecret = (decision: string, account: string, secrets: readonly NewSecret[]) => void;

/** What rotating needs of the enforcement around it. */
export interface RotationOptions {
  readonly ami: () => AmiSession | null;
  readonly keep: KeepSecret | undefined;
  readonly now: () => Millis;
  /** may this account be touched? */
  readonly check: (account: string, claim: Claim) => Checked;
  /** this object is to stand, by this claim alone */
  readonly stand: (auth: string, value: string, account: string, claim: Claim) => void;
  /** rows of what a claim put up */
  readonly rows: (claim: string) => readonly Enforcement[];
  readonly isDone: (auth: string) => boolean;
  readonly undo: (claim: string) => void;
  readonly tick: (now: Millis) => void;
  /** absent: no REGISTER is tried */
  readonly tryRegister: TryRegister | undefined;
  /** what the REGISTERs proved, for the audit trail */
  readonly registered: (claim: string, account: string, result: Registers) => void;
}

/** A secret that stands and was not tried yet. */
interface Untried {
  readonly account: string;
  readonly auths: readonly AuthObject[];
  readonly secrets: readonly NewSecret[];
}

const UNTRIED: Registers = { new: 'unknown', old: 'unknown' };

/** So long a person waits to hear whether Asterisk uses the new secret. */
const WAIT: Millis = 3_000;

/** The object and the account of a secret that stands, as the store has them; null: it is none. */
export function secretOf({ kind, detail }: Enforcement): { readonly value: string; readonly account: string } | null {
  if (kind !== 'secret' || typeof detail !== 'object' || detail === null) return null;
  const { value, account } = detail as Record<string, unknown>;
  return typeof value === 'string' && typeof account === 'string' ? { value, account } : null;
}

/**
 * New secrets for accounts: an object in AstDB takes the place of the one in pjsip.conf (which stays as it is), with the
 * hash alone; the secret itself is told once to the person who asked, or kept in a file of staff's where a rule did it.
 */
export class Rotation {
  readonly #options: RotationOptions;
  /** by decision; gone with a restart, and then AMI's word alone counts */
  readonly #untried = new Map<string, Untried>();

  constructor(options: RotationOptions) {
    this.#options = options;
  }

  /** For a person, who is told the secret, and whether it is in force. */
  async byHand(account: string, claim: Claim): Promise<RotateResult> {
    const session = this.#options.ami();
    if (session === null)
      return { ok: false, code: 'peer-closed', reason: 'Asterisk is away: a secret cannot be changed now' };
    const checked = this.#options.check(account, claim);
    if (!checked.ok) return checked;
    const kept: Claim = { ...claim, until: claim.until === null ? null : checked.until };
    let secrets: readonly NewSecret[];
    try {
      secrets = await this.#change(session, checked.value, kept);
    } catch (error) {
      if (error instanceof PeerError) return { ok: false, code: error.code, reason: error.message };
      throw error;
    }
    return await this.#proved(session, kept, secrets);
  }

  async #proved(session: AmiSession, { id, until }: Claim, secrets: readonly NewSecret[]): Promise<RotateResult> {
    const end = performance.now() + WAIT;
    for (;;) {
      this.#options.tick(this.#options.now());
      if (secrets.every(({ auth }) => this.#options.isDone(auth))) {
        const registers = await this.#try(session, id);
        if (registers.new === 'refused') return { ok: false, code: 'not-accepted', reason: this.#takeBack(id) };
        return { ok: true, id, until, secrets, proved: registers.old !== 'accepted', registers };
      }
      const refused = this.#options.rows(id).find(({ code }) => code !== '');
      if (refused !== undefined) {
        this.#options.undo(id);
        const reason =
          'Asterisk does not use the new secret, so the old one stays: sorcery.conf needs "auth = astdb,ringfence" ' +
          'before the other auth lines (asterisk-conf/sorcery_ringfence.conf), and Asterisk one restart';
        return { ok: false, code: refused.code, reason };
      }
      if (performance.now() > end) return { ok: true, id, until, secrets, proved: false, registers: UNTRIED };
      await sleep(10);
    }
  }

  /**
   * For a rule: the secret goes to staff's file before it is put up, so that none is ever lost.
   * @returns false: it is put up and not proved yet, ask again @throws Refusal, PeerError
   */
  async byRule(session: AmiSession, { claim: id, value: account, since, until, why }: Enforcement): Promise<boolean> {
    const standing = this.#options.rows(id).filter(({ kind }) => kind === 'secret');
    if (standing.length > 0) {
      const refused = standing.find(({ code }) => code !== '');
      if (refused !== undefined)
        throw new Refusal(refused.code, `the new secret of ${account} stands in AstDB and Asterisk does not use it`);
      if (!standing.every(({ value }) => this.#options.isDone(value))) return false;
      if ((await this.#try(session, id)).new === 'refused') throw new Refusal('not-accepted', this.#takeBack(id));
      return true;
    }
    const claim: Claim = { id, since, why, until, by: 'rule' };
    const checked = this.#options.check(account, claim);
    if (!checked.ok) throw new Refusal(checked.code, checked.reason);
    await this.#change(session, checked.value, claim);
    return false;
  }

  async #change(session: AmiSession, account: string, claim: Claim): Promise<NewSecret[]> {
    const auths = await authObjects(session, account);
    const secrets = auths.map(({ id, username, realm, sharedWith }): NewSecret => {
      return { auth: id, username, realm, secret: newSecret(), sharedWith };
    });
    if (claim.by === 'rule') this.#keep(claim.id, account, secrets);
    for (const [i, auth] of auths.entries())
      this.#options.stand(auth.id, authValue(auth, secrets[i]?.secret ?? ''), account, claim);
    this.#untried.set(claim.id, { account, auths, secrets });
    return secrets;
  }

  /**
   * A real REGISTER with the new secret and one with the old: what Asterisk shows of itself is not what a phone gets. Once.
   * An endpoint with several auth objects answers by any of them: the best answer counts for each.
   */
  async #try(session: AmiSession, id: string): Promise<Registers> {
    const untried = this.#untried.get(id);
    const { tryRegister } = this.#options;
    this.#untried.delete(id);
    if (untried === undefined || tryRegister === undefined) return UNTRIED;
    const { account, auths, secrets } = untried;
    const ask = async (hashOf: (i: number) => HashFor): Promise<ProbeResult> => {
      const answers = await Promise.all(
        auths.map(({ aor, username }, i) => tryRegister(session, { endpoint: account, aor, username }, hashOf(i))),
      );
      return answers.find((a) => a === 'accepted') ?? answers.find((a) => a === 'refused') ?? 'unknown';
    };
    const [fresh, old] = await Promise.all([
      ask((i) => hashOfSecret(auths[i]?.username ?? '', secrets[i]?.secret ?? '')),
      ask((i) => auths[i]?.hash ?? ((): null => null)),
    ]);
    const result: Registers = { new: fresh, old };
    this.#options.registered(id, account, result);
    return result;
  }

  /** The phone could not register with the new secret either. @returns why */
  #takeBack(id: string): string {
    this.#options.undo(id);
    return (
      'a REGISTER with the new secret is refused though Asterisk shows it in use, so the old one stays: ' +
      'does the PBX ask with another realm than its auth object or [global] default_realm says?'
    );
  }

  #keep(decision: string, account: string, secrets: readonly NewSecret[]): void {
    const shared = secrets.find(({ sharedWith }) => sharedWith.length > 0);
    if (shared !== undefined)
      throw new Refusal(
        'shared-secret',
        `${shared.sharedWith.join(', ')} use the secret of ${account} too: only a person may change it`,
      );
    if (this.#options.keep === undefined)
      throw new Refusal('unsupported', `a new secret of ${account} could be told to nobody: it was not changed`);
    try {
      this.#options.keep(decision, account, secrets);
    } catch (error) {
      throw new Refusal(
        'secret-not-kept',
        `the new secret of ${account} cannot be written for staff, so the old one stays: ${String(error)}`,
      );
    }
  }
}
