import { setTimeout as sleep } from 'node:timers/promises';
import type { Millis } from '../model.ts';
import type { NewSecret, Registers } from '../respond/enforcer.ts';
import { SECOND } from '../time.ts';
import type { Hand } from './by-hand.ts';
import { Refusal, type MethodParams } from './control-methods.ts';
import { readTarget } from './hand-target.ts';
import { forgetSecret, keptSecrets } from './kept-secrets.ts';

export interface RotateAnswer {
  readonly id: string;
  readonly account: string;
  /** when the old password is good again; null: not by itself */
  readonly until: Millis | null;
  /** told here once */
  readonly secrets: readonly NewSecret[];
  /** Asterisk was seen to use them */
  readonly proved: boolean;
  /** what a REGISTER with the new and with the old secret was answered */
  readonly registers: Registers;
  readonly notes: readonly string[];
}

export interface UnrotateAnswer {
  readonly account: string;
  /** auth objects whose old password is good again */
  readonly auths: readonly string[];
  readonly proved: boolean;
}

/** `rotate ACCOUNT`. @throws Refusal */
export async function rotateByHand(hand: Hand, params: MethodParams['rotate']): Promise<RotateAnswer> {
  const { value: account, read, notes } = readTarget('account', params.account, hand);
  const until = params.lasts === null ? null : Date.now() + params.lasts;
  const result = await hand.enforcer.rotate(account, until, params.why);
  if (!result.ok) throw new Refusal(result.code, result.reason);
  forgetKept(hand, account);
  // what an audit found of the old one is no longer so
  hand.store.passwordVerdicts.delete(account);
  const { id, secrets, proved, registers } = result;
  return {
    id,
    account,
    until: result.until,
    secrets,
    proved,
    registers,
    notes: read === null ? notes : [read, ...notes],
  };
}

const GONE_WITHIN: Millis = 2 * SECOND;

/** `rotate ACCOUNT --undo`. @throws Refusal when it has none */
export async function unrotateByHand(hand: Hand, params: MethodParams['unrotate']): Promise<UnrotateAnswer> {
  const { value: account } = readTarget('account', params.account, hand);
  const auths = hand.enforcer.unrotate(account, params.why);
  if (auths.length === 0)
    throw new Refusal('unknown', `ringfence has not given ${account} a new password, or it was taken back already`);
  forgetKept(hand, account);
  const end = performance.now() + GONE_WITHIN;
  while (!hand.enforcer.agrees() && performance.now() < end) {
    await sleep(2);
    hand.enforcer.tick(Date.now());
  }
  return { account, auths, proved: hand.enforcer.agrees() };
}

/** What a rule had kept for this account is good no more. */
function forgetKept({ store }: Hand, account: string): void {
  for (const kept of keptSecrets(store.path)) if (kept.account === account) forgetSecret(store.path, kept.id);
}
