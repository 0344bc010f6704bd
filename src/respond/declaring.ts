import type { Log } from '../log.ts';
import type { Millis } from '../model.ts';
import type { Declared } from './declarations.ts';
import type { Claim, Desired, EntryChange, Kind } from './enforcement.ts';
import { newRow, type Ledger } from './ledger.ts';
import { lockPeriods, lockText } from './lock/periods.ts';
import type { Checked } from './safeguards.ts';
import type { Undone } from './trail.ts';

/** What a declaration may do to the desired state. */
export interface DeclaringHands {
  readonly desired: Desired;
  readonly ledger: Ledger;
  check(kind: Kind, value: string, claim: Claim): Checked;
  stand(kind: Kind, value: string, claim: Claim): void;
  undone(change: EntryChange): void;
  readonly log: Log;
  readonly now: () => Millis;
}

/** Printable, of a length that a line of AMI takes: whatever else it is, it is the settings' own. */
const TEXT = /^[\x20-\x7e]{1,900}$/;
const bySettings = ({ by }: Claim): boolean => by === 'settings';
/** Under this name the ledger keeps until when a person has lifted the office lock. */
const LIFTED = 'lifted';

/** The settings' own claims: one a kind and value, changed only where the settings want it otherwise than before. */
export class Declaring {
  readonly #hands: DeclaringHands;
  /** what could not stand, told once */
  readonly #refused = new Set<string>();

  constructor(hands: DeclaringHands) {
    this.#hands = hands;
  }

  declare(kind: Kind, entries: readonly Declared[], why: string): void {
    const { desired } = this.#hands;
    const wanted = new Map(entries.flatMap((entry) => this.#stillWanted(kind, entry)).map((e) => [e.value, e]));
    for (const { kind: other, value, claims } of [...desired.entries()]) {
      if (other !== kind || wanted.has(value) || !claims.some(bySettings)) continue;
      const change = desired.clear(kind, value, bySettings);
      if (change !== null) this.#hands.undone(change);
    }
    for (const entry of wanted.values()) this.#put(kind, entry, why);
  }

  #put(kind: Kind, { value, until, text }: Declared, why: string): void {
    const { desired, log, now } = this.#hands;
    const id = `settings:${kind}`;
    const before = desired.get(kind, value)?.claims.find((claim) => claim.id === id);
    if (before?.until === until && before.text === text) return;
    const claim: Claim = { id, until, since: now(), by: 'settings', why, ...(text === undefined ? {} : { text }) };
    const checked: Checked =
      text === undefined || TEXT.test(text)
        ? this.#hands.check(kind, value, claim)
        : { ok: false, code: 'not-a-value', reason: `what is to stand at ${kind}/${value} is no line of text` };
    const name = `${kind}/${value}`;
    if (checked.ok) {
      this.#refused.delete(name);
      this.#hands.stand(kind, checked.value, { ...claim, until: checked.until });
    } else if (!this.#refused.has(name)) {
      this.#refused.add(name);
      log.warn({ kind, value, code: checked.code }, `not pushed: ${checked.reason}`);
    }
  }

  /**
   * A person took back the office lock of the settings: it is lifted for the period that lasts, or else for the next one,
   * and holds again after that.
   */
  lifted({ kind, value, ended }: EntryChange, undone: Undone): void {
    const now = this.#hands.now();
    const claim = ended.find(bySettings);
    const until = lockPeriods(claim?.text ?? '').find((period) => period.until > now)?.until;
    if (kind !== 'lock' || claim === undefined || until === undefined) return;
    const row = newRow(kind, value, { ...claim, id: LIFTED, by: 'hand', until, why: 'lifted by hand' });
    this.#hands.ledger.put({ ...row, state: 'undone', detail: null }, undone);
  }

  #stillWanted(kind: Kind, entry: Declared): Declared[] {
    const lifted = this.#hands.ledger.get(kind, entry.value, LIFTED)?.until ?? 0;
    if (kind !== 'lock' || entry.text === undefined || lifted === 0) return [entry];
    const periods = lockPeriods(entry.text).filter(({ until }) => until > lifted);
    return periods.length === 0 ? [] : [{ ...entry, text: lockText(periods) }];
  }
}
