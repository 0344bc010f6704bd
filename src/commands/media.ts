import { setTimeout as sleep } from 'node:timers/promises';
import type { Millis } from '../model.ts';
import { SECOND } from '../time.ts';
import type { Hand } from './by-hand.ts';
import { Refusal, type MethodParams } from './control-methods.ts';
import { readTarget } from './hand-target.ts';

export interface MediaAnswer {
  readonly account: string;
  /** Asterisk was seen to use it (or not to, when it is taken back) */
  readonly proved: boolean;
  /** what it waits for, where it is not */
  readonly lagging: string;
}

const PATIENCE: Millis = 2 * SECOND;

/** `keys media`. @throws Refusal */
export async function mediaByHand(hand: Hand, params: MethodParams['media']): Promise<MediaAnswer> {
  const { value: account } = readTarget('account', params.account, hand);
  const { enforcer } = hand;
  if (params.encryption === null) {
    if (enforcer.unblock({ kind: 'endpoint', value: account }, params.why).length === 0)
      throw new Refusal('unknown', `ringfence has not changed how media of ${account} is encrypted`);
  } else {
    const allowed = hand.mediaAllowed();
    if (!allowed.includes(account) && !allowed.includes('*'))
      throw new Refusal(
        'not-allowed',
        `the settings do not let ringfence change how media of ${account} is encrypted: [respond] media_encryption = ["${account}"]`,
      );
    const made = await enforcer.encryptMedia(account, params.encryption, params.why);
    if (!made.ok) throw new Refusal(made.code, made.reason);
  }
  const ready = (): boolean =>
    enforcer.agrees() && (params.encryption === null || enforcer.isDone('endpoint', account));
  const refused = (): string | undefined =>
    enforcer.standing().entries.some(({ kind, value }) => kind === 'endpoint' && value === account)
      ? hand.store.enforcement
          .all()
          .find(({ kind, value, code }) => kind === 'endpoint' && value === account && code !== '')?.code
      : undefined;
  await within(PATIENCE, hand, () => ready() || refused() !== undefined);
  const code = refused();
  if (code !== undefined && !ready()) {
    const said = enforcer.health().targets.find(({ name }) => name === 'pjsip')?.lastError ?? 'Asterisk refuses it';
    enforcer.unblock({ kind: 'endpoint', value: account }, 'Asterisk does not use it');
    await within(PATIENCE, hand, () => enforcer.agrees());
    throw new Refusal(code, said);
  }
  return { account, proved: ready(), lagging: ready() ? '' : 'Asterisk was not seen to use it within 2 s' };
}

/** Lets the enforcer work until `ready`, so long at the most. */
async function within(time: Millis, { enforcer }: Hand, ready: () => boolean): Promise<void> {
  const end = performance.now() + time;
  while (!ready() && performance.now() < end) {
    await sleep(5);
    enforcer.tick(Date.now());
  }
}
