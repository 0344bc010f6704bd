import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf, RingfenceError } from '../errors.ts';
import type { Decision, Millis } from '../model.ts';
import type { Enforcer, EnforcerHealth, Kind, StandingEntry } from '../respond/enforcer.ts';
import type { KeyPublisher } from '../respond/key-publisher.ts';
import { DEFAULT_END, LONGEST, type RefusalCode } from '../respond/safeguards.ts';
import type { Site } from '../site/index.ts';
import type { Store } from '../store/index.ts';
import { SECOND } from '../time.ts';
import type { ControlHandlers } from './control.ts';
import { Refusal, type MethodParams } from './control-methods.ts';
import { readTarget } from './hand-target.ts';
import { mediaByHand } from './media.ts';
import { inventoryByHand, pushKeysByHand } from './pushing.ts';
import { rotateByHand, unrotateByHand } from './rotating.ts';

/** What people do by hand is done on this: the daemon's enforcer, or that of a command where there is no daemon. */
export interface Hand {
  readonly enforcer: Enforcer;
  readonly store: Store;
  readonly site: () => Site;
  readonly mode: () => 'observe' | 'enforce';
  /** prefixes by which a number as dialled is told from one in E.164 digits */
  readonly dialing: () => { readonly outside: string; readonly international: readonly string[] };
  /** accounts whose media may be encrypted otherwise; `*`: all */
  readonly mediaAllowed: () => readonly string[];
  /** public keys as the PBX holds them */
  readonly keys: KeyPublisher;
  /** names of the PBX's endpoints; null: it has not told them */
  readonly endpoints: () => readonly string[] | null;
}

/** A target that does not hold yet what it should. */
export interface Lagging {
  readonly target: string;
  readonly state: 'up' | 'away' | 'refused' | 'new';
  readonly error: string | null;
}

export interface HandAnswer {
  /** true: seen to stand (or to be gone) at every target */
  readonly proved: boolean;
  /** how long that took, milliseconds */
  readonly took: Millis;
  readonly lagging: readonly Lagging[];
  /** what the person should know beside it */
  readonly notes: readonly string[];
}

export interface BlockAnswer extends HandAnswer {
  readonly id: string;
  readonly kind: Kind;
  readonly value: string;
  readonly until: Millis;
  /** how the value was read, where it could have been read otherwise */
  readonly read: string | null;
}

export interface UnblockAnswer extends HandAnswer {
  readonly lifted: readonly { readonly kind: string; readonly value: string }[];
  readonly mode: 'observe' | 'enforce';
}

export interface AllowAnswer extends BlockAnswer {
  readonly lifted: readonly { readonly kind: string; readonly value: string }[];
}

export interface BlocksAnswer {
  readonly mode: 'observe' | 'enforce';
  readonly entries: readonly StandingEntry[];
  readonly foreign: readonly { readonly target: string; readonly key: string; readonly value: string }[];
  readonly health: EnforcerHealth;
}

/** A person looks at the screen for about so long; what is not proved then is told as not proved. */
const PATIENCE: Millis = 2 * SECOND;

/** What to do about a refusal. */
const HINTS: Partial<Record<RefusalCode, string>> = {
  'protected-address': 'block the account that is abused (ringfence block account), or the address in the firewall',
  'not-an-address': 'write one address like 203.0.113.7 or 2001:db8::1; a whole network is for the firewall',
  'not-a-number': 'write it as it is dialled here, or with + and the country code',
  'emergency-number': 'emergency numbers are never blocked, by nobody',
  trunk: 'block the account or the number instead',
};

const refusal = (code: RefusalCode, reason: string): Refusal => {
  const hint = HINTS[code];
  return new Refusal(code, hint === undefined ? reason : `${reason}; ${hint}`);
};

/** `block`, waiting until it is proved, two seconds at the most. @throws Refusal */
export async function blockByHand(hand: Hand, params: MethodParams['block']): Promise<BlockAnswer> {
  const began = performance.now();
  const { value, read, notes } = readTarget(params.kind, params.value, hand);
  const asked = params.lasts ?? DEFAULT_END;
  const made = hand.enforcer.block(params.kind, value, Date.now() + asked, params.why);
  if (!made.ok) throw refusal(made.code, made.reason);
  const entry = { kind: params.kind as Kind, value: made.value };
  const proof = await proved(hand, began, () => hand.enforcer.isDone(entry.kind, entry.value), made.id);
  const until = made.until ?? Date.now() + asked;
  return { ...entry, id: made.id, until, read, ...proof, notes: [...notes, ...shortened(asked)] };
}

const shortened = (asked: Millis): string[] => (asked > LONGEST ? ['nothing stands longer than 30 days'] : []);

/** `allow`: no rule acts on the account, and what rules did because of it is taken back. @throws Refusal */
export async function allowByHand(hand: Hand, params: MethodParams['allow']): Promise<AllowAnswer> {
  const began = performance.now();
  const { value, read, notes } = readTarget('account', params.account, hand);
  const made = hand.enforcer.allow(value, Date.now() + params.lasts, params.why);
  if (!made.ok) throw refusal(made.code, made.reason);
  const lifted = [...made.lifted, ...liftStoryOf(hand, made.value, params.why)];
  const proof = await proved(hand, began, () => hand.enforcer.isDone('exempt', made.value) && hand.enforcer.agrees());
  const until = made.until ?? Date.now() + params.lasts;
  const answer = { id: made.id, kind: 'allow' as const, value: made.value, until, read, lifted };
  return { ...answer, ...proof, notes: [...notes, ...shortened(params.lasts)] };
}

/** Takes back what rules put up elsewhere because of this account: the address that it calls from, the number that it called. */
function liftStoryOf({ enforcer, store }: Hand, account: string, why: string): { kind: Kind; value: string }[] {
  const about = ({ incident }: Decision): boolean => {
    const subject = store.incidents.get(incident)?.subject;
    return subject?.type === 'account' && subject.value === account;
  };
  const ids = enforcer.standing().entries.flatMap(({ claims }) =>
    claims.flatMap(({ id, by }) => {
      const decision = by === 'rule' ? store.decisions.get(id) : null;
      return decision !== null && about(decision) ? [id] : [];
    }),
  );
  return ids.flatMap((id) => enforcer.unblock({ id }, why));
}

/** `unblock`. @throws Refusal when nothing of that name was ever put up */
export async function unblockByHand(hand: Hand, params: MethodParams['unblock']): Promise<UnblockAnswer> {
  const began = performance.now();
  const { enforcer } = hand;
  const notes: string[] = [];
  let lifted: readonly { kind: Kind; value: string }[];
  if ('all' in params) {
    lifted = enforcer.unblock({ all: true }, params.why);
    const secrets = enforcer.standing().entries.filter(({ kind }) => kind === 'secret').length;
    if (secrets > 0)
      notes.push(`new passwords stay (${secrets}): ringfence rotate ACCOUNT --undo makes an old one good again`);
  } else if ('kind' in params) lifted = unblockTarget(hand, params, notes);
  else lifted = idsOf(hand, params.id, notes).flatMap((id) => enforcer.unblock({ id }, params.why));
  const proof = await proved(hand, began, () => enforcer.agrees());
  return { lifted, mode: hand.mode(), ...proof, notes };
}

function unblockTarget(
  hand: Hand,
  { kind, value: given, why }: Extract<MethodParams['unblock'], { kind: string }>,
  notes: string[],
): readonly { kind: Kind; value: string }[] {
  const { enforcer } = hand;
  const read = kind === 'lock' ? { value: given } : readTarget(kind, given, hand);
  if (kind === 'secret' && enforcer.unrotate(read.value, why).length > 0) return [{ kind, value: read.value }];
  // as it stands, whatever the settings now make of what was dialled
  for (const value of new Set([given.replace(/^\+/, ''), read.value])) {
    const lifted = enforcer.unblock({ kind, value }, why);
    if (lifted.length > 0) return lifted;
  }
  const key = `${kind}/${read.value}`;
  const foreign = enforcer.standing().foreign.find((row) => row.key === key);
  notes.push(
    foreign === undefined
      ? `nothing stands against ${kind} ${read.value}`
      : `${key} stands in ${foreign.target} and was put there by somebody else; in Asterisk this takes it away: ` +
          `asterisk -rx 'database del ringfence ${key}'`,
  );
  return [];
}

/** The claims that an id means: of a block, or of all that an incident has led to. @throws Refusal */
function idsOf({ enforcer, store }: Hand, id: string, notes: string[]): string[] {
  const claims = new Set(enforcer.standing().entries.flatMap((entry) => entry.claims.map((claim) => claim.id)));
  const fitting = claims.has(id) ? [id] : [...claims].filter((claim) => claim.startsWith(id));
  if (fitting.length > 1) throw new Refusal('ambiguous', `"${id}" could be ${fitting.join(' or ')}; write more of it`);
  if (fitting.length === 1) return fitting;
  const incident = store.resolve(id);
  if (incident.kind === 'ambiguous')
    throw new Refusal('ambiguous', `"${id}" could be ${incident.ids.join(' or ')}; write more of it`);
  const decision = store.decisions.get(id);
  const decisions =
    incident.kind === 'incident' ? store.decisions.of(incident.id) : decision === null ? [] : [decision];
  if (incident.kind === 'unknown' && decision === null)
    throw new Refusal('unknown', `nothing is known of "${id}"; ringfence blocks and ringfence alerts list show ids`);
  const standing = decisions.filter((d) => claims.has(d.id));
  if (standing.length === 0) notes.push(`nothing of ${id} stands any more`);
  return standing.map((d) => d.id);
}

/** Waits until `ready`, two seconds at the most; less when a target refuses the claim `id`. */
async function proved(
  { enforcer, store }: Hand,
  began: number,
  ready: () => boolean,
  id?: string,
): Promise<Pick<HandAnswer, 'proved' | 'took' | 'lagging'>> {
  const end = performance.now() + PATIENCE;
  const refused = (): boolean => id !== undefined && store.enforcement.of(id).some(({ code }) => code !== '');
  while (!ready() && performance.now() < end && !refused()) {
    await sleep(2);
    enforcer.tick(Date.now());
  }
  const done = ready();
  const lagging = enforcer
    .health()
    .targets.filter(({ state, unproved }) => !done && (state !== 'up' || unproved > 0))
    .map(({ name, state, lastError }) =>
      state === 'up' && refused()
        ? { target: name, state: 'refused' as const, error: lastError ?? 'ringfence doctor tells more' }
        : { target: name, state, error: lastError },
    );
  return { proved: done, took: Math.round(performance.now() - began), lagging };
}

/** What stands. */
export function listByHand({ enforcer, mode }: Hand): BlocksAnswer {
  return { mode: mode(), ...enforcer.standing(), health: enforcer.health() };
}

/** Where a panic that the daemon did not hear is left for it. */
const PANIC = 'unblocked-all';

/** A daemon that hangs would put everything up again when it wakes: it finds this. */
export const leavePanic = (store: Store, now: Millis): void => store.meta.set(PANIC, String(now));

/**
 * The daemon's side of the commands: what its control socket answers.
 * @param more what the daemon knows of itself (`status`) and how it reads its settings again, which answers null or why not
 */
export function handHandlers(
  hand: Hand,
  more: { readonly status: () => object; readonly reload: () => string | null } & Pick<
    ControlHandlers,
    'gatewayFinding' | 'gatewayReading'
  >,
): ControlHandlers {
  return {
    block: (params) => blockByHand(hand, params),
    unblock: (params) => unblockByHand(hand, params),
    allow: (params) => allowByHand(hand, params),
    rotate: (params) => rotateByHand(hand, params),
    unrotate: (params) => unrotateByHand(hand, params),
    blocks: () => listByHand(hand),
    media: (params) => mediaByHand(hand, params),
    pushKeys: (params) => pushKeysByHand(hand, params),
    keyInventory: (params) => inventoryByHand(hand, params),
    gatewayFinding: more.gatewayFinding,
    gatewayReading: more.gatewayReading,
    status: () => ({ pid: process.pid, mode: hand.mode(), enforcement: hand.enforcer.health(), ...more.status() }),
    reload: () => {
      const problem = more.reload();
      if (problem !== null) throw new RingfenceError('config-invalid', problem);
      return { reloaded: true };
    },
  };
}

/** Looks whether somebody pulled the panic switch while this daemon did not answer; to be asked about once a second. */
export function watchPanic({ enforcer, store }: Hand, log: { error(text: string): void }): () => void {
  const read = (): string | null => {
    try {
      return store.meta.get(PANIC);
    } catch (error) {
      log.error(`the store cannot be read: ${messageOf(error)}`);
      return null;
    }
  };
  let known = read();
  return () => {
    const now = read();
    if (now === null || now === known) return;
    known = now;
    const lifted = enforcer.unblock({ all: true }, 'the panic switch, pulled while this process did not answer');
    log.error(`somebody pulled the panic switch while this process did not answer: ${lifted.length} blocks are lifted`);
  };
}
