import type { SecretMemory } from '../gateway/index.ts';
import type { Store } from '../store/index.ts';

const NONCES = 'secret-nonce';
const CALLS = 'secret-call';
/** Rows forgotten with one call at the most. */
const TOGETHER = 32;

/** What the secret call keeps, beside what the toolbox has accepted: nonces of boxes, and calls that stand, sealed. */
export function secretMemory(store: Store): SecretMemory {
  const { replays } = store;
  const row = { cseq: 0, credentials: '', owner: '', source: '', callId: '', dated: false };
  const forget = (level: string, now: number): void => void replays.forget(level, now, TOGETHER);
  return {
    once: (nonce, message, until) =>
      store.transaction(() => {
        forget(NONCES, Date.now());
        const known = replays.get(NONCES, nonce);
        if (known !== null) return known.message === message;
        replays.put({ ...row, level: NONCES, key: nonce, call: '', message, at: Date.now(), until });
        return true;
      }),
    keep: (key, value, until) =>
      store.transaction(() => {
        forget(CALLS, Date.now());
        replays.put({ ...row, level: CALLS, key, call: value, message: '', at: Date.now(), until });
      }),
    find: (key) => replays.get(CALLS, key)?.call ?? null,
  };
}
