import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../config.ts';
import { PeerError, StoreError } from '../errors.ts';
import type { Millis } from '../model.ts';
import { openStore, type Enforcement, type Store } from '../store/index.ts';
import { DAY, SECOND } from '../time.ts';
import { listByHand, type BlocksAnswer } from './by-hand.ts';
import { blocksAsJson, blocksAsText, type Listing, type Refused } from './blocks-text.ts';
import { callControl, controlPath } from './control.ts';
import { directly, storePath } from './direct.ts';
import { askOrAct } from './hand-command.ts';
import { daemonOf } from './lock.ts';
import { EXIT, type GlobalOptions, type Output } from './output.ts';
import { readConfig } from './site.ts';

interface BlocksOptions {
  readonly expire: boolean;
  readonly kind?: string;
}

/** `ringfence blocks`: what stands, where it was seen to stand, and what could not be put up. */
export default async function blocks(
  _args: readonly string[],
  options: BlocksOptions & GlobalOptions,
  output: Output,
): Promise<number> {
  const config = readConfig(options, output);
  if (options.expire) return await expire(config, output);
  let away: string | null = null;
  const answer = await askOrAct<'blocks', BlocksAnswer>(config, output, 'blocks', {}, async (hand) => {
    away = hand.away;
    return await Promise.resolve(listByHand(hand));
  });
  const store = readable(config, output);
  try {
    const listing: Listing = {
      ...answer,
      entries: answer.entries.filter(({ kind }) => options.kind === undefined || kind === options.kind),
      refused: options.kind === undefined && store !== null ? refusedOf(store, Date.now()) : [],
      incidentOf: (id) => store?.decisions.get(id)?.incident ?? '',
      away,
    };
    if (output.json) for (const line of blocksAsJson(listing)) output.object(line);
    else output.result(blocksAsText(listing, config.settings.site.timezone, output));
    return EXIT.done;
  } finally {
    store?.close();
  }
}

/** The store is its owner's alone; who may use the control socket still sees what stands. */
function readable(config: Config, output: Output): Store | null {
  try {
    return openStore(storePath(config), { create: false });
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    output.note(`ringfence: without incidents and refusals: ${error.message}`);
    return null;
  }
}

/** What rules wanted within the last day and safeguards, budget or target did not let them. */
function refusedOf(store: Store, now: Millis): Refused[] {
  const recent = ({ state, since, code }: Enforcement): boolean =>
    (state === 'failed' || code !== '') && since > now - DAY;
  return store.enforcement
    .all()
    .filter(recent)
    .map(({ kind, value, claim, since, code, why, state }) => ({ kind, value, id: claim, since, code, why, state }));
}

/** So long the daemon may take to say that it lives, before its work is done for it. */
const LIVES: Millis = SECOND;
/** So long everything may take to be compared and put right. */
const SETTLES: Millis = 2 * SECOND;

/**
 * `ringfence blocks --expire`, each minute by a timer: guard entries end in Asterisk by themselves, ACL, auth and
 * maintenance do not. A daemon that answers has done it already; without one everything is compared and put right here.
 */
async function expire(config: Config, output: Output): Promise<number> {
  const path = storePath(config);
  if (!existsSync(path)) return EXIT.done; // nothing was ever put up
  if (daemonOf(path) !== null)
    try {
      await callControl(controlPath(path), 'status', {}, LIVES);
      return EXIT.done;
    } catch (error) {
      if (!(error instanceof PeerError)) throw error;
      output.note('ringfence: the daemon does not answer: what has ended is taken away without it');
    }
  const ended = endedRows(path, Date.now());
  try {
    return await directly(config, output, { needsAsterisk: true }, async ({ enforcer }) => {
      const end = performance.now() + SETTLES;
      const come = (): boolean => enforcer.health().targets.some(({ state }) => state === 'up' || state === 'new');
      while (!enforcer.agrees() && come() && performance.now() < end) {
        await sleep(5);
        enforcer.tick(Date.now());
      }
      const [lagging] = enforcer.health().targets.filter(({ state }) => state !== 'up');
      if (ended === 0 || enforcer.agrees()) return EXIT.done;
      output.warn(
        `ringfence: ${plural(ended)} ended and may stand still: ${lagging?.lastError ?? 'not seen to be gone'}`,
      );
      return EXIT.failed;
    });
  } catch (error) {
    // every minute Asterisk is away: nobody wants to read that when there is nothing to do
    if (!(error instanceof PeerError)) throw error;
    if (ended === 0) return EXIT.done;
    output.warn(`ringfence: ${plural(ended)} ended and cannot be taken away now: ${error.message}`);
    return EXIT.failed;
  }
}

const plural = (count: number): string => (count === 1 ? '1 block' : `${count} blocks`);

function endedRows(path: string, now: Millis): number {
  const store = openStore(path, { create: false });
  try {
    return store.enforcement.all().filter(({ until, state }) => until !== null && until <= now && state === 'done')
      .length;
  } finally {
    store.close();
  }
}
