import type { EnforcerOptions } from './enforcer.ts';
import { AsteriskLayout } from './layout.ts';
import { TargetLoop, type LoopHandlers } from './reconcile.ts';
import { AsteriskTarget } from './targets/asterisk.ts';
import { kamailioLayout, KamailioTarget } from './targets/kamailio.ts';
import { nftLayout, NftTarget } from './targets/nftables.ts';
import { pjsipLayout, PjsipTarget } from './targets/pjsip.ts';

/** Asterisk, where there is a manager interface, and what stands beside it. `secrets`: objects of rotated secrets by auth id; `aliases`: further users of an account. */
export function makeLoops(
  { ami, acl, kamailio, nft, log, now }: EnforcerOptions,
  handlers: LoopHandlers,
  secrets: ReadonlyMap<string, string>,
  aliases: (account: string) => readonly string[],
): TargetLoop[] {
  const loops: TargetLoop[] = [];
  if (ami !== null)
    loops.push(
      new TargetLoop(new AsteriskTarget(ami, acl ?? true), new AsteriskLayout(acl ?? true), handlers, log, now),
      new TargetLoop(new PjsipTarget(ami), pjsipLayout(secrets), handlers, log, now),
    );
  if (kamailio !== undefined)
    loops.push(new TargetLoop(new KamailioTarget(kamailio), kamailioLayout(aliases), handlers, log, now));
  if (nft !== undefined) loops.push(new TargetLoop(new NftTarget(nft), nftLayout(), handlers, log, now));
  return loops;
}
