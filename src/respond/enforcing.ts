import { setTimeout as sleep } from 'node:timers/promises';
import type { Action, Decision, Millis } from '../model.ts';
import type { AmiSession } from '../pbx/ami.ts';
import type { Site } from '../site/site.ts';
import type { Enforcement } from '../store/index.ts';
import { Acts, isAct, type ActDetail } from './acts.ts';
import type { Declared } from './declarations.ts';
import { Declaring } from './declaring.ts';
import {
  Desired,
  entryOf,
  KINDS,
  REFUSING,
  type Claim,
  type Claimant,
  type EntryChange,
  type Kind,
} from './enforcement.ts';
import type {
  AllowResult,
  BlockResult,
  Enforcer,
  EnforcerHealth,
  EnforcerOptions,
  Standing,
  StandingEntry,
  Unblock,
} from './enforcer.ts';
import { deterministicId } from './ids.ts';
import { Ledger, newRow, textIn } from './ledger.ts';
import { makeLoops } from './loops.ts';
import type { LoopHandlers, TargetLoop } from './reconcile.ts';
import { Rotation, secretOf, type RotateResult } from './rotation.ts';
import { allowedBy, check, LONGEST, type Checked } from './safeguards.ts';
import { Spending } from './spending.ts';

const KIND_OF: Readonly<Partial<Record<Action, Kind>>> = {
  'block-address': 'address',
  'block-account': 'account',
  'block-international': 'international',
  'block-number': 'number',
};
const ACTION_OF = new Map(Object.entries(KIND_OF).map(([action, kind]) => [kind, action as Action]));

/** The desired state, the loops that make it stand, and the ledger that keeps it: `createEnforcer` says how to use it. */
export class Enforcing implements Enforcer {
  readonly #options: EnforcerOptions;
  readonly #desired = new Desired();
  readonly #ledger: Ledger;
  readonly #acts: Acts;
  readonly #rotation: Rotation;
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
    this.#acts = new Acts({
      ami: options.ami,
      site: () => this.#site,
      emergency: () => this.#emergency,
      allowed: (account) => this.#allowed(account),
      calls: options.calls ?? (() => []),
      rotate: (session, row) => this.#rotation.byRule(session, row),
      ...(options.kamailio === undefined ? {} : { kamailio: options.kamailio }),
      changed: (row, tookMs) => this.#actChanged(row, tookMs),
      log: options.log,
    });
    this.#rotation = new Rotation({
      ami: options.ami,
      keep: options.keepSecret,
      now: options.now,
      check: (account, claim) => this.#check('account', account, claim),
      stand: (auth, value, account, claim) => this.#standSecret(auth, { value, account }, claim),
      rows: (claim) => [...this.#ledger.rows()].filter((row) => row.kind === 'secret' && row.claim === claim),
      isDone: (auth) => this.isDone('secret', auth),
      undo: (id) => void this.unblock({ id }),
      tick: (now) => this.tick(now),
    });
    this.#declaring = new Declaring({
      desired: this.#desired,
      ledger: this.#ledger,
      check: (kind, value, claim) => this.#check(kind, value, claim),
      stand: (kind, value, claim) => this.#stand(kind, value, claim, performance.now()),
      undone: (change) => this.#moved(change, 'undone', performance.now()),
      log: options.log,
      now: options.now,
    });
    const handlers: LoopHandlers = {
      proved: (entry, at) => this.#proved(entry, at),
      refused: (entry, { code }) => this.#refused(entry, code),
    };
    this.#loops = makeLoops(options, handlers, this.#secrets, (account) => this.#site.accounts.aliasesOf(account));
  }

  /** Takes up what the store says should stand; each row passes the safeguards again. */
  resume(): void {
    const now = this.#options.now();
    for (const row of this.#ledger.load()) {
      if (isAct(row.kind)) {
        if (row.state === 'pending') this.#acts.take(row, now, performance.now());
        continue;
      }
      const kind = row.kind as Kind;
      const ended = row.until !== null && row.until <= now;
      if (row.state === 'undone' || row.state === 'expired' || ended) this.#disown(kind, row.value, row.until);
      if (ended && (row.state === 'pending' || row.state === 'done')) this.#endRow(row, 'expired');
      if (ended || (row.state !== 'pending' && row.state !== 'done')) continue;
      const secret = secretOf(row);
      if (secret !== null) this.#secrets.set(row.value, secret.value);
      else if (row.by === 'rule') this.#spending.remember(row.since);
      const { claim: id, since, why, until } = row;
      const claim: Claim = { id, since, why, until, by: row.by as Claimant, ...textIn(row) };
      this.#stand(kind, row.value, claim, performance.now(), row);
    }
    for (const decision of this.#options.store.decisions.inState('pending'))
      if (!this.#known(decision)) this.decide([decision]);
  }

  #known({ id, action, target }: Decision): boolean {
    return this.#ledger.get(KIND_OF[action] ?? action, target, id) !== undefined;
  }

  decide(decisions: readonly Decision[], detail: Partial<ActDetail> = {}): void {
    const since = performance.now();
    for (const decision of decisions) {
      if (decision.state !== 'pending') continue;
      // what a person took back stays back, however often it is judged again
      if (this.#ledger.stateOf(decision.id) === 'undone') continue;
      const kind = KIND_OF[decision.action];
      const account = detail.account ?? (kind === undefined && decision.action !== 'hang-up' ? decision.target : null);
      const allowed = account === null ? null : this.#allowed(account);
      if (account !== null && allowed !== null) this.#refuse(decision, kind, allowedBy(account, allowed));
      else if (kind !== undefined) this.#decideBlock(kind, decision, since);
      else this.#decideAct(decision, detail, since);
    }
  }

  #decideBlock(kind: Kind, decision: Decision, since: number): void {
    const { id, target, until, at, why } = decision;
    const claim: Claim = { id, until, since: at, by: 'rule', why };
    const checked = this.#check(kind, target, claim);
    const spent = checked.ok ? this.#spending.take(this.#desired, kind, checked.value) : checked;
    if (checked.ok && spent === null) {
      this.#stand(kind, checked.value, { ...claim, until: checked.until }, since);
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

  #actChanged(row: Enforcement, tookMs: number | null): void {
    this.#ledger.put(row);
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
    if (action !== undefined)
      this.#ledger.decided({
        id,
        incident: '',
        at: now,
        action,
        target: checked.value,
        state: 'pending',
        until: checked.until,
        why,
      });
    this.#stand(kind, checked.value, { ...claim, until: checked.until }, started);
    // what a person says replaces what people said before, a shorter end too
    const older = this.#desired.clear(kind, checked.value, (c) => c.by === 'hand' && c.id !== id);
    if (older !== null) this.#moved(older, 'undone', started);
    return { ok: true, id, until: checked.until };
  }

  allow(account: string, until: Millis, why: string): AllowResult {
    const started = performance.now();
    const now = this.#options.now();
    const id = deterministicId('hand', 'allow', account, String(now), String(this.#count++));
    const claim: Claim = { id, until, since: now, by: 'hand', why };
    const checked = this.#check('allow', account, claim);
    if (!checked.ok) return checked;
    const before = this.#desired.get('allow', checked.value)?.claims ?? [];
    // one claim on two entries: what no target holds and rules ask for, and the exemption from the office lock
    for (const kind of ['allow', 'exempt'] as const)
      this.#stand(kind, checked.value, { ...claim, until: checked.until }, started);
    for (const { id: older } of before)
      for (const change of this.#desired.undo(older)) this.#moved(change, 'undone', started);
    const lifted = (['account', 'international'] as const).flatMap(
      (kind) => this.#desired.clear(kind, checked.value, ({ by }) => by === 'rule') ?? [],
    );
    for (const change of lifted) this.#moved(change, 'undone', started);
    return { ok: true, id, until: checked.until, lifted: lifted.map(({ kind, value }) => ({ kind, value })) };
  }

  /** Until when a person has allowed this account. */
  #allowed(account: string): Millis | null {
    const entry = this.#desired.get('allow', account);
    return entry?.until != null && entry.until > this.#options.now() ? entry.until : null;
  }

  rotate(account: string, until: Millis | null, why: string): Promise<RotateResult> {
    const now = this.#options.now();
    const id = deterministicId('hand', 'secret', account, String(now), String(this.#count++));
    this.#ledger.decided({
      id,
      incident: '',
      at: now,
      action: 'rotate-secret',
      target: account,
      state: 'pending',
      until,
      why,
    });
    return this.#rotation.byHand(account, { id, until, since: now, by: 'hand', why }).then((result) => {
      if (!result.ok) this.#ledger.setState(id, 'failed');
      return result;
    });
  }

  unrotate(account: string): string[] {
    const auths = [...this.#ledger.rows()]
      .filter((row) => secretOf(row)?.account === account)
      .map(({ value }) => value);
    return [...new Set(auths)].filter((auth) => this.unblock({ kind: 'secret', value: auth }).length > 0);
  }

  /** One claim alone holds a secret: what changes it again takes the place of what changed it before. */
  #standSecret(auth: string, detail: { readonly value: string; readonly account: string }, claim: Claim): void {
    const started = performance.now();
    this.#secrets.set(auth, detail.value);
    const change = this.#desired.put('secret', auth, claim);
    this.#ledger.put({ ...newRow('secret', auth, claim), detail });
    this.#push({ ...change, moved: true }, started);
    const older = this.#desired.clear('secret', auth, ({ id }) => id !== claim.id);
    if (older !== null) this.#moved(older, 'undone', started);
  }

  unblock(what: Unblock): { kind: Kind; value: string }[] {
    const started = performance.now();
    const which = (claim: Claim): boolean => !('by' in what) || claim.by === what.by;
    let changes: EntryChange[];
    if ('id' in what) changes = this.#desired.undo(what.id);
    // with its exemption from the office lock
    else if ('kind' in what && what.kind === 'allow')
      changes = (this.#desired.get('allow', what.value)?.claims ?? []).flatMap(({ id }) => this.#desired.undo(id));
    // emergency numbers are the settings' alone
    else if ('kind' in what)
      changes = what.kind === 'emergency' ? [] : [this.#desired.clear(what.kind, what.value) ?? []].flat();
    else {
      const all = [...this.#desired.entries()].filter(({ kind }) => REFUSING.has(kind));
      changes = all.flatMap(({ kind, value }) => this.#desired.clear(kind, value, which) ?? []);
    }
    // what ended because the mode did may be put up again when the mode is back; what a person took back stays back
    const state = 'by' in what ? 'expired' : 'undone';
    for (const change of changes) {
      this.#moved(change, state, started);
      this.#declaring.lifted(change);
    }
    if ('by' in what || 'all' in what) this.#acts.callOff();
    if ('all' in what) for (const loop of this.#loops) loop.sweep();
    return changes.map(({ kind, value }) => ({ kind, value }));
  }

  declare(kind: Kind, entries: readonly Declared[], why: string): void {
    this.#declaring.declare(kind, entries, why);
  }

  standing(): Standing {
    const entries = [...this.#desired.entries()].map((entry): StandingEntry => {
      const rows = entry.claims.flatMap(({ id }) => this.#ledger.get(entry.kind, entry.value, id) ?? []);
      const proof: Record<string, Millis> = {};
      for (const row of rows) Object.assign(proof, row.proof);
      return { ...entry, state: this.#holds(entry.kind, entry.value) ? 'done' : (rows[0]?.state ?? 'pending'), proof };
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
    return this.#desired.get(kind, value) !== undefined && this.#holds(kind, value);
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
    for (const change of this.#desired.expire(now)) this.#moved(change, 'expired', started);
    this.#acts.tick(now);
    for (const loop of this.#loops) loop.tick(now);
    this.#ledger.tick(now);
  }

  useSite(site: Site, emergency: readonly string[]): void {
    const started = performance.now();
    this.#site = site;
    this.#emergency = new Set(emergency);
    for (const { kind, value, claims } of [...this.#desired.entries()])
      for (const claim of claims) {
        const checked = this.#check(kind, value, claim);
        if (checked.ok || checked.code === 'over' || checked.code === 'unknown-account') continue;
        this.#options.log.warn({ kind, value, code: checked.code }, `taken down: ${checked.reason}`);
        const change = this.#desired.clear(kind, value, ({ id }) => id === claim.id);
        if (change !== null) this.#moved(change, 'undone', started);
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
      entries: this.#desired.size,
      acts: this.#acts.size,
      unsaved: this.#ledger.unsaved,
      stopped: this.#spending.stopped,
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

  /** One more claim stands. `row`: as the store has it, when it is taken up again. */
  #stand(kind: Kind, value: string, claim: Claim, since: number, row?: Enforcement): void {
    if (row !== undefined) {
      const checked = this.#check(kind, value, claim);
      // the PBX tells its accounts after the login only: this one was known when it was blocked
      if (!checked.ok && checked.code !== 'unknown-account') {
        this.#options.log.warn({ kind, value, code: checked.code }, `not taken up again: ${checked.reason}`);
        this.#disown(kind, value, claim.until);
        this.#ledger.put({ ...row, state: 'failed', code: checked.code });
        this.#ledger.setState(claim.id, 'failed');
        return;
      }
    }
    const change = this.#desired.put(kind, value, claim);
    if (row === undefined) {
      const known = this.#ledger.get(kind, value, claim.id);
      this.#ledger.put({ ...newRow(kind, value, claim), proof: known?.proof ?? {} });
    }
    this.#push(change, since);
    if (!change.moved && this.#holds(kind, value)) this.#claimsDone(change, this.#options.now());
  }

  /** An entry changed because claims ended. */
  #moved(change: EntryChange, state: 'expired' | 'undone', since: number): void {
    for (const claim of change.ended) {
      const row = this.#ledger.get(change.kind, change.value, claim.id);
      if (row !== undefined) this.#endRow(row, state);
    }
    this.#options.counters.add(`enforce.${state}`, change.ended.length);
    this.#push(change, since);
  }

  /**
   * What was taken back is remembered until its end: it could come back with a database that was restored. What has no end of
   * its own at the PBX is remembered longer: it may stand there still.
   */
  #endRow(row: Enforcement, state: 'expired' | 'undone'): void {
    if (row.kind === 'secret' || row.kind === 'maintenance')
      this.#ledger.put({ ...row, state, until: this.#options.now() + LONGEST });
    else if (row.until !== null && (state === 'undone' || row.until > this.#options.now()))
      this.#ledger.put({ ...row, state });
    else this.#ledger.delete(row);
    if (row.by !== 'settings') this.#ledger.setState(row.claim, state);
  }

  #push({ kind, value, entry, moved, ended }: EntryChange, since: number): void {
    if (!moved) return;
    for (const loop of this.#loops) {
      if (!loop.layout.carries(kind)) continue;
      const until = ended.reduce<Millis | null>(
        (last, c) => (last === null || c.until === null ? null : Math.max(last, c.until)),
        0,
      );
      const keys =
        entry === null ? loop.layout.drop(kind, value, until) : loop.layout.set(kind, value, entry.until, entry.text);
      loop.push(keys, since);
    }
  }

  /** What ended while we were away, or must not stand: still ours to take away where it is found. */
  #disown(kind: Kind, value: string, until: Millis | null): void {
    if (!KINDS.includes(kind) || this.#desired.get(kind, value) !== undefined) return;
    for (const loop of this.#loops) if (loop.layout.carries(kind)) loop.layout.drop(kind, value, until);
  }

  #holds(kind: Kind, value: string): boolean {
    return this.#loops.every((loop) => !loop.layout.carries(kind) || loop.holds(kind, value));
  }

  #proved(entryName: string, at: Millis): void {
    const [kind, value] = entryOf(entryName);
    const entry = this.#desired.get(kind, value);
    if (entry !== undefined && this.#holds(kind, value))
      this.#claimsDone({ kind, value, entry, moved: false, ended: [] }, at);
  }

  #claimsDone({ kind, value, entry }: EntryChange, at: Millis): void {
    for (const { id, by } of entry?.claims ?? []) {
      const row = this.#ledger.get(kind, value, id);
      if (row === undefined || row.state === 'done') continue;
      const proof = Object.fromEntries(
        this.#loops.filter((loop) => loop.layout.carries(kind)).map((loop) => [loop.target.name, at]),
      );
      this.#ledger.put({ ...row, state: 'done', code: '', proof });
      this.#options.counters.add('enforce.done');
      if (by !== 'settings') this.#ledger.setState(id, 'done');
    }
  }

  /** A target does not let us: told as failed, though other targets may hold it. */
  #refused(entryName: string, code: string): void {
    const [kind, value] = entryOf(entryName);
    for (const { id, by } of this.#desired.get(kind, value)?.claims ?? []) {
      const row = this.#ledger.get(kind, value, id);
      if (row?.state !== 'pending') continue;
      this.#ledger.put({ ...row, code });
      if (by !== 'settings') this.#ledger.setState(id, 'failed');
    }
  }
}
