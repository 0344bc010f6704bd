import type { EnforcerOptions } from './enforcer.ts';
import { AsteriskLayout } from './layout.ts';
import { TargetLoop, type LoopHandlers } from './reconcile.ts';
import { AsteriskTarget } from './targets/asterisk.ts';
import { kamailioLayout, KamailioTarget } from './targets/kamailio.ts';
import { nftLayout, NftTarget } from './targets/nftables.ts';

/** Asterisk always, and what stands beside it. */
export function makeLoops(
  { ami, acl, kamailio, nft, log, now }: EnforcerOptions,
  handlers: LoopHandlers,
): TargetLoop[] {
  const loops = [new TargetLoop(new AsteriskTarget(ami), new AsteriskLayout(acl ?? true), handlers, log, now)];
  if (kamailio !== undefined)
    loops.push(new TargetLoop(new KamailioTarget(kamailio), kamailioLayout(), handlers, log, now));
  if (nft !== undefined) loops.push(new TargetLoop(new NftTarget(nft), nftLayout(), handlers, log, now));
  return loops;
}
