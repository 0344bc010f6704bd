import { randomBytes } from 'node:crypto';
import { readSecret, type Config } from '../config.ts';
import { RingfenceError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Millis } from '../model.ts';
import { declarations, pinHash, pinProblem } from '../respond/declarations.ts';
import type { Enforcer } from '../respond/enforcer.ts';
import type { Site } from '../site/index.ts';

/** The PIN that lifts the office lock for one call; null: there is none. @throws RingfenceError that says which file and what to do */
export function readPin({ settings, directory }: Config, log: Log): string | null {
  const { pin_file } = settings.lock;
  if (pin_file === '') return null;
  const pin = readSecret(pin_file, directory, 'lock.pin_file');
  const problem = pinProblem(pin);
  if (problem?.usable === false) throw new RingfenceError('config-invalid', `lock.pin_file: ${problem.message}`);
  if (problem !== null) log.warn(`lock.pin_file: ${problem.message}`);
  return pin;
}

export interface DeclareOptions {
  readonly config: Config;
  readonly site: Site;
  readonly pin: string | null;
  /** endpoint ids of the PBX, as far as it has told them */
  readonly endpoints: readonly string[];
}

/**
 * Tells the enforcer what the settings themselves want at the PBX: emergency numbers, how numbers are dialled, exemptions,
 * the office lock. @returns when the answer is another one, and what cannot be as the settings want it
 */
export function declareSettings(
  enforcer: Enforcer,
  { config, site, pin, endpoints }: DeclareOptions,
  now: Millis,
): { readonly nextAt: Millis; readonly warnings: readonly string[] } {
  const standing = enforcer.standing().entries.find(({ kind }) => kind === 'pin')?.text ?? null;
  const hash = pin === null ? null : pinHash(pin, standing, randomBytes(6).toString('hex'));
  const wanted = declarations({ site, settings: config.settings, pin: hash, endpoints }, now);
  for (const { kind, entries, why } of wanted.kinds) enforcer.declare(kind, entries, why);
  return wanted;
}
