import type { Counters } from '../counters.ts';
import type { Log } from '../log.ts';
import type { CallFacts, Decision, DecisionState, Millis, RegisterAccepted } from '../model.ts';
import type { AmiSession } from '../pbx/ami.ts';
import type { MediaEncryption } from '../pbx/endpoint-object.ts';
import type { KamailioRpc } from '../pbx/kamailio.ts';
import type { Nft } from '../pbx/nft.ts';
import type { Site } from '../site/site.ts';
import type { ActDetail, CallLeg } from './acts.ts';
import type { Declared } from './declarations.ts';
import type { Claim, Claimant, Kind } from './enforcement.ts';
import { Enforcing } from './enforcing.ts';
import type { EnforcementStore } from './ledger.ts';
import type { TargetHealth } from './reach.ts';
import type { KeepSecret, RotateResult, TryRegister } from './rotation.ts';
import type { BudgetLimits, RefusalCode } from './safeguards.ts';
import type { Stopped } from './spending.ts';

export type { ActDetail, CallLeg } from './acts.ts';
export type { Claim, Claimant, Kind } from './enforcement.ts';
export type { TargetHealth } from './reach.ts';
export type { KeepSecret, NewSecret, Registers, RotateResult } from './rotation.ts';

/**
 * Enforcement: what was decided is made to stand at the PBX and its neighbours, and kept so, whatever is killed, restarted,
 * edited by hand or lost; it ends when it should; what became of each decision is written back.
 *
 * Wiring: `decide` with every change of the incidents, right in the callback (it returns at once, the push has begun);
 * `loggedIn` when AMI is up or up again; `learnt` when a call's uniqueid becomes known; `tick` a few times a second;
 * `close` at the end. Decisions in state `observed` are not acted on, and what is decided by hand always is.
 */
export interface Enforcer {
  /** Acts on decisions that are `pending`. `detail` names the contacts that expire-contact is to end. */
  decide(decisions: readonly Decision[], detail?: Partial<ActDetail>): void;
  /** A call was answered, or more is known of one that was: it is hung up where a block stands that should have refused it. */
  answered(call: CallFacts): void;
  /** Does what stands refuse this call by itself, so that there is nothing to hang up? */
  refuses(call: CallFacts): boolean;
  /** A registration was accepted: where it is one whose contact was ended as a thief's, it is ended again. */
  registered(event: RegisterAccepted): void;
  /** A decision by hand. `until` null is 24 hours. */
  block(kind: Kind, value: string, until: Millis | null, why: string): BlockResult;
  /**
   * "My boss travels": until then no rule blocks or hangs up this account's calls, and the office lock does not hold for it.
   * What rules have put up on the account is lifted. Only a person says so.
   */
  allow(account: string, until: Millis, why: string): AllowResult;
  /**
   * A new secret for an account, by hand, in place of the one in pjsip.conf: told here once and kept nowhere. `until` null:
   * until it is undone. The account's own phone is locked out until it has it, from emergency calls too.
   */
  rotate(account: string, until: Millis | null, why: string): Promise<RotateResult>;
  /** The secret of pjsip.conf is good again. @returns auth objects whose new secret was taken back */
  unrotate(account: string, why?: string): readonly string[];
  /**
   * Another encryption of an endpoint's media than pjsip.conf says, from its next call on, until it is taken back. Only a person
   * says so, of accounts that the settings name.
   */
  encryptMedia(account: string, media: MediaEncryption, why: string): Promise<MediaResult>;
  /** Takes back by hand: a decision, all that is claimed of an entry, or everything that refuses. @returns what was taken back */
  unblock(what: Unblock, why?: string): readonly { readonly kind: Kind; readonly value: string }[];
  /** The settings' own: all entries of this kind that the settings want, in place of those of the last call. */
  declare(kind: Kind, entries: readonly Declared[], why: string): void;
  /** Everything that stands or should, and what stands there of others. */
  standing(): Standing;
  /** Does this entry stand, proved at every target that holds such entries? */
  isDone(kind: Kind, value: string): boolean;
  /** Do all targets hold what they should, nothing waiting and nothing on its way? */
  agrees(): boolean;
  /** AMI is up: what stands there is read and put right. */
  loggedIn(session: AmiSession): void;
  /** Channels of calls became known: hang-ups that waited for them go on. */
  learnt(): void;
  tick(now: Millis): void;
  /** Other settings after a reload; what they protect now is taken down. */
  useSite(site: Site, emergency: readonly string[]): void;
  /** Drives everything until all targets agree and no act waits, for commands without a daemon. @returns false: not in time */
  settled(timeout: Millis): Promise<boolean>;
  health(): EnforcerHealth;
  /** Stops; what stands stays standing until its end. @returns false: the store could not take the last of it */
  close(): boolean;
}

export type Unblock =
  | { readonly id: string }
  | { readonly kind: Kind; readonly value: string }
  /** only what this claimant put up: `rule` when enforcing is switched off */
  | { readonly by: Claimant }
  /** the panic switch: takes down also what others put into our tables */
  | { readonly all: true };

export type BlockResult =
  /** `value`: as it stands, canonical */
  | { readonly ok: true; readonly id: string; readonly value: string; readonly until: Millis | null }
  | { readonly ok: false; readonly code: RefusalCode; readonly reason: string };

export type MediaResult =
  { readonly ok: true; readonly id: string } | { readonly ok: false; readonly code: string; readonly reason: string };

export type AllowResult =
  | (BlockResult & { readonly ok: true; readonly lifted: readonly { readonly kind: Kind; readonly value: string }[] })
  | (BlockResult & { readonly ok: false });

export interface StandingEntry {
  readonly kind: Kind;
  readonly value: string;
  readonly until: Millis | null;
  /** what stands in place of an end, null: the end does. `lockPeriods` reads that of the office lock */
  readonly text: string | null;
  readonly claims: readonly Claim[];
  /** `done`: proved at every target that holds such entries */
  readonly state: DecisionState;
  /** target -> when it was proved there */
  readonly proof: Readonly<Record<string, Millis>>;
}

export interface Standing {
  readonly entries: readonly StandingEntry[];
  readonly foreign: readonly { readonly target: string; readonly key: string; readonly value: string }[];
}

export interface EnforcerHealth {
  readonly targets: readonly TargetHealth[];
  readonly entries: number;
  /** acts that wait */
  readonly acts: number;
  /** rows that the store has not taken yet */
  readonly unsaved: number;
  /** set while rules may put up no more: a loud stop */
  readonly stopped: Stopped | null;
  /** decision to proof of acts, the last, milliseconds */
  readonly lastActMs: number | null;
}

export interface EnforcerOptions {
  readonly site: Site;
  readonly store: EnforcementStore;
  /** the manager session that is up, null while none is; null instead: there is no manager interface, and Asterisk holds nothing */
  readonly ami: (() => AmiSession | null) | null;
  /** emergency numbers as dialled ([dialing] emergency) */
  readonly emergency: readonly string[];
  readonly kamailio?: KamailioRpc;
  readonly nft?: Nft;
  /** is family ringfence mapped to acl in sorcery.conf? default true; without the mapping such rows do nothing */
  readonly acl?: boolean;
  /** addresses that speak for many (a proxy in front) beside those of the settings */
  readonly proxies?: readonly string[];
  readonly budget?: BudgetLimits;
  /** endpoints of the PBX; null: not told yet */
  readonly accounts?: () => number | null;
  /** healthy registrations behind an address: with several, no rule blocks it as a whole */
  readonly registrations?: (address: string) => number;
  /** channels of a call by ringfence's key of it */
  readonly calls?: (target: string) => readonly CallLeg[];
  /** where a rule's new secret is kept for staff; without it no rule changes secrets */
  readonly keepSecret?: KeepSecret;
  /** proves a changed secret by a real REGISTER */
  readonly tryRegister?: TryRegister;
  readonly log: Log;
  readonly counters: Counters;
  readonly now: () => Millis;
}

/** Starts from what the store says should stand. @throws StoreError */
export function createEnforcer(options: EnforcerOptions): Enforcer {
  const enforcer = new Enforcing(options);
  enforcer.resume();
  return enforcer;
}
