import { setTimeout as sleep } from 'node:timers/promises';
import type { Action, CallFacts, Decision, Millis, RegisterAccepted } from '../model.ts';
import { PeerError } from '../errors.ts';
import type { AmiSession } from '../pbx/ami.ts';
import { endpointObject, type MediaEncryption } from '../pbx/endpoint-object.ts';
import type { Site } from '../site/site.ts';
import type { Enforcement } from '../store/index.ts';
import { Acts, isAct, type ActDetail } from './acts.ts';
import { Claims } from './claims.ts';
import type { Declared } from './declarations.ts';
import { Declaring } from './declaring.ts';
import { REFUSING, type Claim, type Claimant, type Entry, type EntryChange, type Kind } from './enforcement.ts';
import type {
  AllowResult,
  BlockResult,
  Enforcer,
  EnforcerHealth,
  EnforcerOptions,
  MediaResult,
  Standing,
  StandingEntry,
  Unblock,
} from './enforcer.ts';
import { deterministicId } from './ids.ts';
import { Ledger, newRow, textIn } from './ledger.ts';
import { makeLoops } from './loops.ts';
import { isRefused, pastBlock } from './past-blocks.ts';
import type { LoopHandlers, TargetLoop } from './reconcile.ts';
import { Returning } from './returning.ts';
import { Rotation, secretOf, type RotateResult } from './rotation.ts';
import { allowedBy, check, readsAsDestination, type Checked } from './safeguards.ts';
import { Spending } from './spending.ts';
import { actorOf, goneEntry, refusedEntry, registeredEntry, restoredEntry, type Undone } from './trail.ts';

const KIND_OF: Readonly<Partial<Record<Action, Kind>>> = {
  'block-address': 'address',
  'block-account': 'account',
  'block-international': 'international',
  'block-number': 'number',
};
/** What a person, or a rule, now says takes the place of what was said before. */
const replacedBy = ({ by, why }: Claim): Undone => ({ actor: actorOf(by, why), why: 'a newer one takes its place' });
const ACTION_OF = new Map(Object.entries(KIND_OF).map(([action, kind]) => [kind, action as Action]));

/** The desired state, the loops that make it stand, and the ledger that keeps it: `createEnforcer` says how to use it. */
export class Enforcing implements Enforcer {
  readonly #options: EnforcerOptions;
  readonly #claims: Claims;
  readonly #ledger: Ledger;
  readonly #acts: Acts;
  readonly #rotation: Rotation;
  readonly #returning: Returning;
  /** objects of rotated secrets by auth id */
  readonly #secrets = new Map<string, string>();
  readonly #declaring: Declaring;
  readonly #loops: readonly TargetLoop[];
  readonly #spending: Spending;
  readonly #proxies: ReadonlySet<string>;
  #site: Site;
  #emergency: ReadonlySet<string>;
  #lastActMs: number | null = null;
  #count = 0;

  constructor(options: EnforcerOptions) {
    this.#options = options;
    this.#site = options.site;
    this.#emergency = new Set(options.emergency);
    this.#proxies = new Set(options.proxies ?? []);
    this.#spending = new Spending(options);
    this.#ledger = new Ledger(options.store, options.counters, options.log);
    this.#claims = new Claims({
      ledger: this.#ledger,
      check: (kind, value, claim) => this.#check(kind, value, claim),
      log: options.log,
      counters: options.counters,
      now: options.now,
    });
    this.#acts = new Acts({
      ami: options.ami ?? ((): null => null),
      site: () => this.#site,
      emergency: () => this.#emergency,
      allowed: (account) => this.#allowed(account),
      calls: options.calls ?? (() => []),
      rotate: (session, row) => this.#rotation.byRule(session, row),
      ...(options.kamailio === undefined ? {} : { kamailio: options.kamailio }),
      changed: (row, tookMs) => this.#actChanged(row, tookMs),
      log: options.log,
    });
    this.#returning = new Returning({
      contained: (account) => this.#isContained(account),
      again: (row, now) => this.#endAgain(row, now),
    });
    this.#rotation = new Rotation({
      ami: options.ami ?? ((): null => null),
      keep: options.keepSecret,
      now: options.now,
      check: (account, claim) => this.#check('account', account, claim),
      stand: (auth, value, account, claim) => this.#standSecret(auth, { value, account }, claim),
      rows: (claim) => [...this.#ledger.rows()].filter((row) => row.kind === 'secret' && row.claim === claim),
      isDone: (auth) => this.isDone('secret', auth),
      undo: (id) => void this.#takeBack({ id }, { actor: 'ringfence', why: 'Asterisk does not use the new secret' }),
      tick: (now) => this.tick(now),
      tryRegister: options.tryRegister,
      registered: (id, account, result) => this.#ledger.note(registeredEntry(id, account, result)),
    });
    this.#declaring = new Declaring({
      desired: this.#claims.desired,
      ledger: this.#ledger,
      check: (kind, value, claim) => this.#check(kind, value, claim),
      stand: (kind, value, claim) => this.#claims.stand(kind, value, claim, performance.now()),
      undone: (change) => this.#claims.moved(change, 'undone', performance.now()),
      log: options.log,
      now: options.now,
    });
    const handlers: LoopHandlers = {
      proved: (entry, at) => this.#claims.proved(entry, at),
      refused: (entry, { code }) => this.#claims.refused(entry, code),
      restored: (target, key) => this.#ledger.note(restoredEntry(target, key)),
      gone: (target, key) => this.#ledger.note(goneEntry(target, key)),
    };
    this.#loops = makeLoops(options, handlers, this.#secrets, (account) => this.#site.accounts.aliasesOf(account));
    this.#claims.use(this.#loops);
  }

  /** Takes up what the store says should stand; each row passes the safeguards again. */
  resume(): void {
    const now = this.#options.now();
    for (const row of this.#ledger.load()) {
      if (isAct(row.kind)) {
        if (row.state === 'pending') this.#acts.take(row, now, performance.now());
        else this.#contactEnded(row);
        continue;
      }
      const kind = row.kind as Kind;
      const ended = row.until !== null && row.until <= now;
      if (row.state === 'undone' || row.state === 'expired' || ended) this.#claims.disown(kind, row.value, row.until);
      if (ended && (row.state === 'pending' || row.state === 'done')) this.#claims.endRow(row, 'expired');
      if (ended || (row.state !== 'pending' && row.state !== 'done')) continue;
      const secret = secretOf(row);
      if (secret !== null) this.#secrets.set(row.value, secret.value);
      else if (row.by === 'rule') this.#spending.remember(row.since);
      const { claim: id, since, why, until } = row;
      const claim: Claim = { id, since, why, until, by: row.by as Claimant, ...textIn(row) };
      this.#claims.stand(kind, row.value, claim, performance.now(), row);
    }
    for (const decision of this.#options.store.decisions.inState('pending'))
      if (!this.#known(decision)) this.#decide(decision, {}, performance.now(), true);
  }

  #known({ id, action, target }: Decision): boolean {
    return this.#ledger.get(KIND_OF[action] ?? action, target, id) !== undefined;
  }

  decide(decisions: readonly Decision[], detail: Partial<ActDetail> = {}): void {
    const since = performance.now();
    for (const decision of decisions) this.#decide(decision, detail, since);
  }

  #decide(decision: Decision, detail: Partial<ActDetail>, since: number, resumed = false): void {
    if (decision.state !== 'pending') return;
    // what a person took back stays back, however often it is judged again
    if (this.#ledger.stateOf(decision.id) === 'undone') return;
    const kind = KIND_OF[decision.action];
    const account = detail.account ?? (kind === undefined && decision.action !== 'hang-up' ? decision.target : null);
    const allowed = account === null ? null : this.#allowed(account);
    if (account !== null && allowed !== null) this.#refuse(decision, kind, allowedBy(account, allowed));
    else if (kind !== undefined) this.#decideBlock(kind, decision, since, resumed);
    else this.#decideAct(decision, detail, since);
  }

  #decideBlock(kind: Kind, decision: Decision, since: number, resumed: boolean): void {
    const { id, target, until, at, why } = decision;
    const claim: Claim = { id, until, since: at, by: 'rule', why };
    let checked = this.#check(kind, target, claim);
    // the PBX tells its accounts after the login only: this one was known when it was decided
    if (resumed && !checked.ok && checked.code === 'unknown-account') checked = { ok: true, value: target, until };
    const spent = checked.ok ? this.#spending.take(this.#claims.desired, kind, checked.value) : checked;
    if (checked.ok && spent === null) {
      this.#claims.stand(kind, checked.value, { ...claim, until: checked.until }, since);
      return;
    }
    const refused = spent ?? checked;
    if (!refused.ok) this.#refuse(decision, kind, refused);
  }

  #refuse(
    { id, action, target, until, at, why }: Decision,
    kind: Kind | undefined,
    refused: Checked & { ok: false },
  ): void {
    this.#options.counters.add(`enforce.refused.${refused.code}`);
    this.#options.log.warn({ action, target, code: refused.code }, `not done: ${refused.reason}`);
    const state = refused.code === 'over' ? 'expired' : 'failed';
    const row = newRow(kind ?? action, target, { id, until, since: at, by: 'rule', why });
    this.#ledger.put({ ...row, state, code: refused.code });
    this.#ledger.setState(id, state);
  }

  #decideAct({ id, action, target, at, why, until }: Decision, detail: Partial<ActDetail>, since: number): void {
    if (action === 'none') return;
    const known = this.#ledger.get(action, target, id);
    if (known !== undefined && known.state !== 'pending') return;
    const row: Enforcement = known ?? {
      ...newRow(action, target, { id, until: action === 'rotate-secret' ? until : null, since: at, by: 'rule', why }),
      detail: { contacts: detail.contacts ?? [], sources: detail.sources ?? [] } satisfies ActDetail,
    };
    if (!isAct(action)) {
      this.#ledger.put({ ...row, state: 'failed', code: 'unsupported' });
      this.#ledger.setState(id, 'failed');
      return;
    }
    if (known === undefined) this.#ledger.put(row);
    this.#acts.take(row, this.#options.now(), since);
  }

  answered(call: CallFacts): void {
    const { desired } = this.#claims;
    const { decisions } = this.#options.store;
    const decision = pastBlock(
      call,
      this.#site,
      (kind, value) => desired.get(kind, value),
      ({ id }) => decisions.get(id)?.incident ?? '',
    );
    // its channels may be told under another name of it, and it is told again when they become known
    if (decision === null || (call.uniqueid === null && this.#options.calls?.(call.call).length === 0)) return;
    const { target } = decision;
    for (const row of this.#ledger.rows())
      if (row.kind === 'hang-up' && row.value === target && row.state !== 'failed') return;
    this.#ledger.decided(decision);
    this.decide([decision], { account: call.account });
  }

  refuses(call: CallFacts): boolean {
    const { desired } = this.#claims;
    return isRefused(
      call,
      this.#site,
      (kind, value) => desired.get(kind, value),
      (entry) => this.#provedAt(entry),
    );
  }

  /** Since when an entry is known to stand at all targets that hold such entries. */
  #provedAt({ kind, value, claims }: Entry): Millis | null {
    if (!this.#claims.holds(kind, value)) return null;
    const times = claims.flatMap(({ id }) => Object.values(this.#ledger.get(kind, value, id)?.proof ?? {}));
    return times.length === 0 ? null : Math.min(...times);
  }

  registered(event: RegisterAccepted): void {
    if (this.#returning.size > 0) this.#returning.registered(event, this.#options.now());
  }

  #contactEnded(row: Enforcement): void {
    if (row.kind === 'expire-contact' && row.state === 'done') this.#returning.ended(row);
  }

  /** Nobody has spared the account, and what a rule put up against its misuse stands. */
  #isContained(account: string): boolean {
    const byRule = (kind: Kind): boolean =>
      this.#claims.desired.get(kind, account)?.claims.some(({ by }) => by === 'rule') === true;
    return this.#allowed(account) === null && (byRule('international') || byRule('account'));
  }

  #endAgain(row: Enforcement, now: Millis): void {
    this.#options.counters.add('enforce.expire-contact.again');
    this.#options.log.info({ account: row.value }, 'the contact that was ended is there again: ended once more');
    this.#acts.take({ ...row, state: 'pending', code: '', tries: 0, since: now }, now, performance.now());
  }

  #actChanged(row: Enforcement, tookMs: number | null): void {
    this.#ledger.put(row);
    this.#contactEnded(row);
    if (tookMs !== null) this.#lastActMs = tookMs;
    if (row.state !== 'pending') {
      this.#options.counters.add(`enforce.${row.kind}.${row.state}`);
      this.#ledger.setState(row.claim, row.state);
    }
  }

  block(kind: Kind, value: string, until: Millis | null, why: string): BlockResult {
    const started = performance.now();
    const now = this.#options.now();
    const id = deterministicId('hand', kind, value, String(now), String(this.#count++));
    const claim: Claim = { id, until, since: now, by: 'hand', why };
    const checked = this.#check(kind, value, claim);
    if (!checked.ok) return checked;
    const action = ACTION_OF.get(kind);
    if (action !== undefined) this.#decidedByHand(action, checked.value, { ...claim, until: checked.until });
    this.#claims.stand(kind, checked.value, { ...claim, until: checked.until }, started);
    // what a person says replaces what people said before, a shorter end too
    const older = this.#claims.desired.clear(kind, checked.value, (c) => c.by === 'hand' && c.id !== id);
    if (older !== null) this.#claims.moved(older, 'undone', started, replacedBy(claim));
    return { ok: true, id, value: checked.value, until: checked.until };
  }

  #decidedByHand(action: Action, target: string, { id, until, since, why }: Claim): void {
    this.#ledger.decided({ id, incident: '', at: since, action, target, state: 'pending', until, why });
  }

  allow(account: string, until: Millis, why: string): AllowResult {
    const started = performance.now();
    const now = this.#options.now();
    const id = deterministicId('hand', 'allow', account, String(now), String(this.#count++));
    const claim: Claim = { id, until, since: now, by: 'hand', why };
    const checked = this.#check('allow', account, claim);
    if (!checked.ok) return checked;
    const before = this.#claims.desired.get('allow', checked.value)?.claims ?? [];
    // one claim on two entries: what no target holds and rules ask for, and the exemption from the office lock
    for (const kind of readsAsDestination(checked.value) ? (['allow'] as const) : (['allow', 'exempt'] as const))
      this.#claims.stand(kind, checked.value, { ...claim, until: checked.until }, started);
    for (const { id: older } of before)
      for (const change of this.#claims.desired.undo(older))
        this.#claims.moved(change, 'undone', started, replacedBy(claim));
    const lifted = (['account', 'international'] as const).flatMap(
      (kind) => this.#claims.desired.clear(kind, checked.value, ({ by }) => by === 'rule') ?? [],
    );
    const undone: Undone = { actor: actorOf('hand', why), why };
    for (const change of lifted) this.#claims.moved(change, 'undone', started, undone);
    const { value, until: end } = checked;
    return {
      ok: true,
      id,
      value,
      until: end,
      lifted: lifted.map((change) => ({ kind: change.kind, value: change.value })),
    };
  }

  /** Until when a person has allowed this account. */
  #allowed(account: string): Millis | null {
    const entry = this.#claims.desired.get('allow', account);
    return entry?.until != null && entry.until > this.#options.now() ? entry.until : null;
  }

  rotate(account: string, until: Millis | null, why: string): Promise<RotateResult> {
    const now = this.#options.now();
    const id = deterministicId('hand', 'secret', account, String(now), String(this.#count++));
    const claim: Claim = { id, until, since: now, by: 'hand', why };
    this.#decidedByHand('rotate-secret', account, claim);
    return this.#rotation.byHand(account, claim).then((result) => {
      if (!result.ok) {
        this.#ledger.setState(id, 'failed');
        this.#ledger.note(refusedEntry('rotate-secret', account, id, result));
      }
      return result;
    });
  }

  async encryptMedia(account: string, media: MediaEncryption, why: string): Promise<MediaResult> {
    const session = this.#options.ami?.() ?? null;
    if (session === null)
      return { ok: false, code: 'peer-closed', reason: 'Asterisk is away: nothing can be changed now' };
    const now = this.#options.now();
    const id = deterministicId('hand', 'endpoint', account, String(now), String(this.#count++));
    const claim: Claim = { id, until: null, since: now, by: 'hand', why };
    const checked = this.#check('endpoint', account, claim);
    if (!checked.ok) return checked;
    let text: string;
    try {
      text = await endpointObject(session, checked.value, media);
    } catch (error) {
      if (error instanceof PeerError) return { ok: false, code: error.code, reason: error.message };
      throw error;
    }
    const started = performance.now();
    const older = this.#claims.desired.get('endpoint', checked.value)?.claims ?? [];
    this.#claims.stand('endpoint', checked.value, { ...claim, text }, started);
    for (const { id: before } of older)
      for (const change of this.#claims.desired.undo(before))
        this.#claims.moved(change, 'undone', started, replacedBy(claim));
    return { ok: true, id };
  }

  unrotate(account: string, why = ''): string[] {
    const auths = [...this.#ledger.rows()]
      .filter((row) => secretOf(row)?.account === account)
      .map(({ value }) => value);
    return [...new Set(auths)].filter((auth) => this.unblock({ kind: 'secret', value: auth }, why).length > 0);
  }

  /** One claim alone holds a secret: what changes it again takes the place of what changed it before. */
  #standSecret(auth: string, detail: { readonly value: string; readonly account: string }, claim: Claim): void {
    const started = performance.now();
    this.#secrets.set(auth, detail.value);
    const change = this.#claims.desired.put('secret', auth, claim);
    this.#ledger.put({ ...newRow('secret', auth, claim), detail });
    this.#claims.push({ ...change, moved: true }, started);
    const older = this.#claims.desired.clear('secret', auth, ({ id }) => id !== claim.id);
    if (older !== null) this.#claims.moved(older, 'undone', started, replacedBy(claim));
  }

  unblock(what: Unblock, why = ''): { kind: Kind; value: string }[] {
    const bySettings: Undone = { actor: 'settings', why: 'rules may act no more' };
    return this.#takeBack(what, 'by' in what ? bySettings : { actor: actorOf('hand', why), why });
  }

  #takeBack(what: Unblock, undone: Undone): { kind: Kind; value: string }[] {
    const started = performance.now();
    const which = (claim: Claim): boolean => !('by' in what) || claim.by === what.by;
    let changes: EntryChange[];
    if ('id' in what) changes = this.#claims.desired.undo(what.id);
    // with its exemption from the office lock
    else if ('kind' in what && what.kind === 'allow')
      changes = (this.#claims.desired.get('allow', what.value)?.claims ?? []).flatMap(({ id }) =>
        this.#claims.desired.undo(id),
      );
    // emergency numbers are the settings' alone
    else if ('kind' in what)
      changes = what.kind === 'emergency' ? [] : [this.#claims.desired.clear(what.kind, what.value) ?? []].flat();
    else {
      const all = [...this.#claims.desired.entries()].filter(({ kind }) => REFUSING.has(kind));
      changes = all.flatMap(({ kind, value }) => this.#claims.desired.clear(kind, value, which) ?? []);
    }
    // what ended because the mode did may be put up again when the mode is back; what a person took back stays back
    const state = 'by' in what ? 'expired' : 'undone';
    for (const change of changes) {
      this.#claims.moved(change, state, started, undone);
      this.#declaring.lifted(change, undone);
    }
    if ('by' in what || 'all' in what) this.#acts.callOff();
    if ('all' in what) for (const loop of this.#loops) loop.sweep();
    return changes.map(({ kind, value }) => ({ kind, value }));
  }

  declare(kind: Kind, entries: readonly Declared[], why: string): void {
    this.#declaring.declare(kind, entries, why);
  }

  standing(): Standing {
    const entries = [...this.#claims.desired.entries()].map((entry): StandingEntry => {
      const rows = entry.claims.flatMap(({ id }) => this.#ledger.get(entry.kind, entry.value, id) ?? []);
      const proof: Record<string, Millis> = {};
      for (const row of rows) Object.assign(proof, row.proof);
      return {
        ...entry,
        state: this.#claims.holds(entry.kind, entry.value) ? 'done' : (rows[0]?.state ?? 'pending'),
        proof,
      };
    });
    const foreign = this.#loops.flatMap((loop) => {
      const { name, foreign: rows } = loop.health();
      return rows.map((row) => ({ target: name, ...row }));
    });
    return { entries, foreign };
  }

  agrees(): boolean {
    return this.#loops.every((loop) => loop.isSettled);
  }

  isDone(kind: Kind, value: string): boolean {
    return this.#claims.desired.get(kind, value) !== undefined && this.#claims.holds(kind, value);
  }

  loggedIn(_session: AmiSession): void {
    for (const loop of this.#loops) if (loop.target.overAmi === true) loop.reborn();
    this.#acts.wake(this.#options.now());
  }

  learnt(): void {
    if (this.#acts.size > 0) this.#acts.wake(this.#options.now());
  }

  tick(now: Millis): void {
    const started = performance.now();
    for (const change of this.#claims.desired.expire(now)) this.#claims.moved(change, 'expired', started);
    this.#returning.tick(now);
    this.#acts.tick(now);
    for (const loop of this.#loops) loop.tick(now);
    this.#ledger.tick(now);
  }

  useSite(site: Site, emergency: readonly string[]): void {
    const started = performance.now();
    this.#site = site;
    this.#emergency = new Set(emergency);
    for (const { kind, value, claims } of [...this.#claims.desired.entries()])
      for (const claim of claims) {
        const checked = this.#check(kind, value, claim);
        if (checked.ok || checked.code === 'over' || checked.code === 'unknown-account') continue;
        this.#options.log.warn({ kind, value, code: checked.code }, `taken down: ${checked.reason}`);
        const change = this.#claims.desired.clear(kind, value, ({ id }) => id === claim.id);
        if (change !== null) this.#claims.moved(change, 'undone', started, { actor: 'settings', why: checked.reason });
      }
  }

  async settled(timeout: Millis): Promise<boolean> {
    const end = performance.now() + timeout;
    for (;;) {
      this.tick(this.#options.now());
      if (this.#loops.every((loop) => loop.isSettled) && this.#acts.size === 0) return this.#ledger.flush();
      if (performance.now() > end) return false;
      await sleep(10);
    }
  }

  health(): EnforcerHealth {
    return {
      targets: this.#loops.map((loop) => loop.health()),
      entries: this.#claims.desired.size,
      acts: this.#acts.size,
      unsaved: this.#ledger.unsaved,
      stopped: this.#spending.stopped(this.#claims.desired),
      lastActMs: this.#lastActMs,
    };
  }

  close(): boolean {
    for (const loop of this.#loops) loop.close();
    return this.#ledger.close();
  }

  #check(kind: Kind, value: string, { until, by }: Claim): Checked {
    const { now, registrations } = this.#options;
    return check(kind, value, until, {
      site: this.#site,
      now: now(),
      by,
      emergency: this.#emergency,
      proxies: this.#proxies,
      allowed: (account) => this.#allowed(account),
      ...(registrations === undefined ? {} : { registrations }),
    });
  }
}
