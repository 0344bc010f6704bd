import { z } from 'zod';
import { sourceKey } from '../address.ts';
import type { CallAnswered, CallRefused, EvidenceDraft, Millis, RequestAnswered, Subject } from '../model.ts';
import type { Site } from '../site/site.ts';
import { DAY } from '../time.ts';
import { BoundedMap, type Packed } from '../windows.ts';
import { callerOf } from './callers.ts';
import { defineDetector, type Detector } from './detector.ts';
import { amount, duration } from './parameters.ts';
import { counted, printable } from './phrases.ts';
import { accountSubject, addDistinct, addressSubject, copy, escalate, FloodGate, unsaid, type Said } from './story.ts';

const parameters = z.strictObject({
  calls: amount(3, 'calls', 'so many answered calls that cost nothing much, before, make an ordinary caller'),
  days: amount(2, 'days', 'on so many different days', 1, 30),
  remember: duration('30d', 'an ordinary caller is remembered for so long'),
  attempts: amount(2, 'attempts', 'so many refused attempts of an ordinary caller are told', 1),
});
type Parameters = z.output<typeof parameters>;

/** Answered calls of one account from one address, or of one address. */
interface Ordinary {
  calls: number;
  /** different days, and the last of them, counted in days since 1970 */
  days: number;
  day: number;
  first: Millis;
  last: Millis;
}

/** What one block refused of callers who look ordinary. */
interface Refused {
  attempts: number;
  first: Millis;
  sources: string[];
  accounts: string[];
  numbers: string[];
  userAgent: string;
  said: Said;
}

const CALLERS = 50_000;
const BLOCKS = 5_000;
/** What decisions put up; the office lock and odd dialled strings refuse everybody alike. */
const BY_DECISION = /^(address|account|international|number)\/(.{1,120})$/;
/** Goes through a shell as it is. */
const PLAIN = /^[\w.@+:/-]+$/;

type Taken = CallAnswered | CallRefused | RequestAnswered;

class BlockedCaller implements Detector<Taken['kind']> {
  readonly #p: Parameters;
  readonly #site: Site;
  /** `account@source`, `@source` */
  readonly #ordinary = new BoundedMap<Ordinary>(CALLERS);
  readonly #refused = new BoundedMap<Refused>(BLOCKS);
  readonly #gate = new FloodGate();

  constructor(p: Parameters, site: Site) {
    this.#p = p;
    this.#site = site;
  }

  on(event: Taken): EvidenceDraft[] {
    switch (event.kind) {
      case 'call.answered':
        this.#answered(event);
        return [];
      case 'call.refused':
        return this.#refusal(event.rule, event.account, event.source, event.dialled, event.userAgent, event.at);
      case 'request.answered': {
        // an address that PJSIP's own ACL denies is told by nobody: its REGISTER gets 403 without a challenge
        const { method, source, userAgent } = event.request;
        if (method !== 'REGISTER' || event.status !== 403 || event.trunk !== null) return [];
        return this.#refusal(`address/${source}`, null, source, '', userAgent, event.at);
      }
    }
  }

  /** Only calls that cost nothing much show that somebody is at home here: a thief places others. */
  #answered(event: CallAnswered): void {
    const { source, at } = event;
    if (event.trunk !== null || this.#site.number(event.dialled).chargeable) return;
    const account = callerOf(event) ?? '';
    const where = source === null ? '' : sourceKey(source);
    if (account !== '') this.#count(`${account}@${where}`, at);
    if (where !== '') this.#count(`@${where}`, at);
  }

  #count(key: string, at: Millis): void {
    const day = Math.floor(at / DAY);
    const known = this.#ordinary.get(key);
    if (known === undefined || at - known.last > this.#p.remember) {
      this.#ordinary.set(key, { calls: 1, days: 1, day, first: at, last: at });
      return;
    }
    known.calls++;
    if (day > known.day) known.days++;
    known.day = day;
    known.last = at;
  }

  #refusal(
    rule: string,
    account: string | null,
    source: string | null,
    dialled: string,
    userAgent: string,
    at: Millis,
  ): EvidenceDraft[] {
    const [, kind, value] = BY_DECISION.exec(rule) ?? [];
    if (kind === undefined || value === undefined) return [];
    const where = source === null ? '' : sourceKey(source);
    const caller = this.#ordinary.peek(kind === 'address' || account === null ? `@${where}` : `${account}@${where}`);
    if (caller === undefined || at - caller.last > this.#p.remember) return [];
    if (caller.calls < this.#p.calls || caller.days < this.#p.days) return [];
    let refused = this.#refused.get(rule);
    if (refused === undefined || at - refused.first > this.#p.remember) {
      refused = { attempts: 0, first: at, sources: [], accounts: [], numbers: [], userAgent: '', said: unsaid() };
      this.#refused.set(rule, refused);
    }
    refused.attempts++;
    addDistinct(refused.sources, source ?? '', 8);
    addDistinct(refused.accounts, account ?? '', 8);
    addDistinct(refused.numbers, dialled, 8);
    if (userAgent !== '') refused.userAgent = userAgent;
    if (refused.attempts < this.#p.attempts) return [];
    const fresh = refused.said.severity === null;
    if (escalate(refused.said, 'medium', refused.attempts, this.#p.attempts * 2) === null) return [];
    if (fresh && !this.#gate.admits(at, 'medium')) return [];
    return [this.#evidence(rule, kind, value, refused, caller, account, source, at)];
  }

  #evidence(
    rule: string,
    kind: string,
    value: string,
    refused: Refused,
    caller: Ordinary,
    account: string | null,
    source: string | null,
    at: Millis,
  ): EvidenceDraft {
    const subject: Subject =
      kind !== 'address' && account !== null ? accountSubject(account) : addressSubject(source ?? value);
    const who = subject.type === 'account' ? `extension ${printable(subject.value)}` : printable(subject.value);
    const undo = PLAIN.test(value) ? `ringfence unblock ${kind} ${value}` : '';
    const from = source !== null && subject.type === 'account' ? ` at ${printable(source)}` : '';
    return {
      key: `${rule}|${new Date(refused.first).toISOString()}|${refused.attempts}`,
      at,
      severity: 'medium',
      subject,
      summary:
        `A block may hit an innocent: ${who}${from} was refused ${counted(refused.attempts, 'time')} and has placed ${counted(caller.calls, 'ordinary call')} on ${counted(caller.days, 'day')} before` +
        (undo === '' ? '' : `; if it is one, undo it: ${undo}`),
      facts: {
        rule: printable(rule),
        attempts: refused.attempts,
        since: new Date(refused.first).toISOString(),
        ordinaryCalls: caller.calls,
        ordinaryDays: caller.days,
        addresses: refused.sources.map(printable),
        numbers: refused.numbers.map(printable),
        userAgent: printable(refused.userAgent),
        undo,
      },
      calls: [],
      callKeys: [],
      sources: [],
      sourceProof: 'none',
      accounts: [],
    };
  }

  size(): number {
    return this.#ordinary.size + this.#refused.size;
  }

  snapshot(): unknown {
    return {
      ordinary: this.#ordinary.snapshot(copy),
      refused: this.#refused.snapshot(copy),
      gate: this.#gate.snapshot(),
    };
  }

  restore(snapshot: unknown): void {
    const s = snapshot as { ordinary: Packed<Ordinary>[]; refused: Packed<Refused>[]; gate: unknown };
    this.#ordinary.restore(s.ordinary, copy);
    this.#refused.restore(s.refused, copy);
    this.#gate.restore(s.gate);
  }
}

/**
 * Attack: none, but our own mistake. A block refuses somebody who had placed ordinary calls on several days before, from the
 * same address: a colleague behind the address of a thief, the owner of an account that was blocked, a customer's number.
 * Told so that somebody looks; nothing is done by itself, and it is a story of its own beside that of the attack.
 *
 * Innocent twin: here the other way round, the attacker who goes on trying. He has no ordinary calls behind him: those that
 * he placed while he was in cost money and are not counted. A thief in the owner's own office is not told from the owner.
 */
export default defineDetector({
  name: 'blocked-caller',
  summary: 'A block refuses somebody who was an ordinary caller before',
  parameters,
  consumes: ['call.answered', 'call.refused', 'request.answered'],
  create: (p, site) => new BlockedCaller(p, site),
});
