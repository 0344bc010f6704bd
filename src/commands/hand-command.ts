import { userInfo } from 'node:os';
import type { Config } from '../config.ts';
import { PeerError, RingfenceError } from '../errors.ts';
import type { Millis } from '../model.ts';
import { formatDuration, SECOND, Zone } from '../time.ts';
import { en, visible } from '../words/index.ts';
import type { BlockAnswer, Lagging } from './by-hand.ts';
import { callControl, controlPath } from './control.ts';
import { Refusal, type Method, type MethodParams } from './control-methods.ts';
import { directly, storePath, type DirectHand } from './direct.ts';
import { daemonOf } from './lock.ts';
import { EXIT, type Output } from './output.ts';

/** A daemon that has not answered after this long hangs. */
export const ANSWERS: Millis = 5 * SECOND;

/**
 * Asks the daemon, or where there is none does it here.
 * @throws Refusal; PeerError when the daemon lives and does not answer; what `directly` throws
 */
export async function askOrAct<M extends Method, T>(
  config: Config,
  output: Output,
  method: M,
  params: MethodParams[M],
  here: (hand: DirectHand) => Promise<T> | T,
): Promise<T> {
  const daemon = daemonOf(storePath(config));
  if (daemon === null) return await directly(config, output, { declares: true }, here);
  try {
    return (await callControl(controlPath(storePath(config)), method, params, ANSWERS)) as T;
  } catch (error) {
    if (!(error instanceof PeerError)) throw error;
    throw hangs(daemon.pid, error);
  }
}

/** What to say of a daemon that lives and does not answer. */
export const hangs = (pid: number, error: PeerError): RingfenceError =>
  new RingfenceError(
    error.code,
    `ringfence run (process ${pid}) lives and does not answer: ${error.message}. ` +
      `If it hangs, end it (kill -9 ${pid}, or systemctl restart ringfence); what stands at the PBX goes on standing until its end`,
  );

/** Who asks, for the reason that is kept. */
export function whoAsks(): string {
  const sudo = process.env['SUDO_USER'] ?? '';
  if (sudo !== '') return sudo;
  try {
    return userInfo().username;
  } catch {
    return `user ${process.getuid?.() ?? ''}`;
  }
}

/** The reason as it is kept: with who gave it. */
export const reason = (why: string | undefined): string =>
  `${why === undefined || why.trim() === '' ? 'by hand' : why.trim().slice(0, 400)} (${whoAsks().slice(0, 90)})`;

const NAMES: Readonly<Record<string, string>> = {
  asterisk: 'Asterisk',
  pjsip: "Asterisk's PJSIP",
  kamailio: 'Kamailio',
  nftables: 'nftables',
};
export const targetName = (target: string): string => NAMES[target] ?? target;

/** Which targets do not hold it yet, and why. */
export const laggingText = (lagging: readonly Lagging[]): string =>
  lagging.length === 0
    ? 'it was not seen to stand within 2 s'
    : lagging
        .filter(({ target }) => target !== 'pjsip' || lagging.every((other) => other.target !== 'asterisk'))
        .map(({ target, state, error }) => {
          if (state === 'up') return `${targetName(target)} has not taken it yet`;
          const how = state === 'refused' ? 'refuses' : 'is away';
          return `${targetName(target)} ${how}${error === null ? '' : `: ${visible(error, 300)}`}`;
        })
        .join('; ');

/** Until when, as this office's clock will show it. */
export const untilText = (until: Millis, timezone: string): string => en.minute(until, new Zone(timezone));

const SENTENCES: Readonly<Record<string, (value: string) => string>> = {
  account: (v) => `Account ${v} is blocked`,
  international: (v) => `Calls abroad of account ${v} are blocked`,
  number: (v) => `Calls to +${v} are blocked`,
  address: (v) => `Address ${v} is blocked`,
  allow: (v) => `Account ${v} is allowed`,
  maintenance: (v) => `Registrations and all calls of account ${v}, emergency calls too, are refused`,
};
const sentence = (kind: string, value: string): string =>
  (SENTENCES[kind] ?? ((v: string) => `${kind} ${v} stands`))(visible(value, 80));

/**
 * Tells what was put up, and whether it stands.
 * @param away why Asterisk cannot be told, where the command acted itself
 * @returns exit status: 2 when it is not in force yet
 */
export function tellStanding(answer: BlockAnswer, output: Output, timezone: string, away: string | null): number {
  const { id, kind, value, until, proved, took, lagging, notes, read } = answer;
  if (output.json)
    output.object({ ...answer, until: new Date(until).toISOString(), state: proved ? 'done' : 'pending' });
  for (const note of [read, ...notes]) if (note !== null) output.note(`ringfence: ${visible(note, 300)}`);
  const what = `${sentence(kind, value)} until ${untilText(until, timezone)}`;
  if (!proved)
    output.warn(
      `ringfence: ${what}, but NOT IN FORCE YET: ${visible(away ?? laggingText(lagging), 400)}. ` +
        'It is stored, and pushed as soon as that can be done (by ringfence run, or ringfence blocks --expire)',
    );
  else if (!output.json) output.result(`${what} (done in ${formatDuration(took)}; to undo: ringfence unblock ${id})`);
  return proved ? EXIT.done : EXIT.failed;
}

/** As JSON for scripts: a refusal is a result too. @returns exit status */
export function tellRefusal(error: Refusal, output: Output): number {
  if (output.json) output.object({ state: 'refused', code: error.said, reason: error.message });
  output.warn(`ringfence: ${visible(error.message, 500)}`);
  return EXIT.failed;
}
