import type { Config } from '../config.ts';
import { closeSync, fsyncSync, openSync, rmSync, writeSync } from 'node:fs';
import { messageOf, RingfenceError } from '../errors.ts';
import type { NewSecret } from '../respond/enforcer.ts';
import { actorOf } from '../respond/trail.ts';
import { openStore } from '../store/index.ts';
import { iso } from '../time.ts';
import { visible } from '../words/index.ts';
import { Refusal } from './control-methods.ts';
import { storePath } from './direct.ts';
import { askOrAct, reason, tellRefusal, untilText } from './hand-command.ts';
import { forgetSecret, keptSecrets } from './kept-secrets.ts';
import { EXIT, type GlobalOptions, type Output } from './output.ts';
import { rotateByHand, unrotateByHand, type RotateAnswer, type UnrotateAnswer } from './rotating.ts';
import { readConfig } from './site.ts';

interface RotateOptions {
  /** milliseconds */
  readonly for?: number;
  readonly undo: boolean;
  readonly show: boolean;
  /** a file that the new password goes into, and is printed nowhere */
  readonly to?: string;
  readonly why?: string;
}

/**
 * `ringfence rotate ACCOUNT`: a new SIP password in place of the one in pjsip.conf, shown once; `--undo` makes the old one
 * good again, `--show` shows what a rule gave it.
 */
export default async function rotate(
  [account = '']: readonly string[],
  options: RotateOptions & GlobalOptions,
  output: Output,
): Promise<number> {
  if (options.undo && (options.show || options.for !== undefined || options.to !== undefined))
    throw new RingfenceError('usage', '--undo goes alone: it makes the old password good again, now');
  if (options.show && options.to !== undefined)
    throw new RingfenceError('usage', '--to is for a password that is changed now; --show prints what a rule gave');
  const config = readConfig(options, output);
  if (options.show) return show(config, account, output);
  try {
    return options.undo
      ? await undo(config, account, options.why, output)
      : await change(config, account, options, output);
  } catch (error) {
    if (error instanceof Refusal) return tellRefusal(error, output);
    throw error;
  }
}

async function change(config: Config, account: string, options: RotateOptions, output: Output): Promise<number> {
  const params = { account, lasts: options.for ?? null, why: reason(options.why) };
  const sealed = options.to === undefined ? null : new SealedFile(options.to);
  let answer: RotateAnswer;
  try {
    answer = await askOrAct<'rotate', RotateAnswer>(config, output, 'rotate', params, (hand) =>
      rotateByHand(hand, params),
    );
  } catch (error) {
    sealed?.drop();
    throw error;
  }
  sealed?.write(`${answer.secrets.flatMap(linesOf).join('\n')}\n`);
  const { until, proved, secrets, notes } = answer;
  for (const note of notes) output.note(`ringfence: ${visible(note, 300)}`);
  if (output.json)
    output.object({
      ...answer,
      ...(sealed === null ? {} : { secrets: secrets.map(({ secret: _, ...rest }) => rest), to: sealed.path }),
      ...{ until: until === null ? null : iso(until), state: proved ? 'done' : 'pending' },
    });
  else {
    const end = until === null ? '' : ` until ${untilText(until, config.settings.site.timezone)}`;
    const where = sealed === null ? 'shown this once:' : `written to ${visible(sealed.path, 200)} alone`;
    output.result(`Account ${visible(answer.account, 80)} has a new password${end}, ${where}`);
    if (sealed === null) for (const line of secrets.flatMap(linesOf)) output.result(line);
    for (const line of registersText(answer)) output.result(line);
    output.result(`To make the old one good again: ringfence rotate ${visible(answer.account, 80)} --undo`);
  }
  output.note(
    `ringfence: until its own phone has it, that phone cannot register and cannot call, emergency numbers included. ` +
      'Calls that are up go on, and a registration stands until its end: to end a thief\'s, see "ringfence alerts show". ' +
      "Write the same password into pjsip.conf (or the PBX's web page) when there is time, then --undo",
  );
  if (answer.registers.old === 'accepted')
    output.warn(
      'ringfence: a REGISTER with the OLD password is still taken: find out why before you rely on the new one',
    );
  else if (!proved) output.warn('ringfence: Asterisk was not seen to use it within 3 s: NOT IN FORCE YET');
  return proved ? EXIT.done : EXIT.failed;
}

/** What real REGISTERs showed, as far as they showed anything. */
function registersText({ registers }: RotateAnswer): string[] {
  const words = { accepted: 'taken', refused: 'refused' };
  const said = (['new', 'old'] as const).flatMap((which) => {
    const result = registers[which];
    return result === 'unknown' ? [] : [`the ${which} password is ${words[result]}`];
  });
  return said.length === 0 ? [] : [`Tried with a REGISTER: ${said.join(', ')}`];
}

/** A file for a password: made before anything is changed, new, for its owner alone. */
class SealedFile {
  readonly path: string;
  readonly #file: number;

  /** @throws RingfenceError where it cannot be made, or is there already */
  constructor(path: string) {
    this.path = path;
    try {
      this.#file = openSync(path, 'wx', 0o600);
    } catch (error) {
      throw new RingfenceError('usage', `--to ${path}: no new file can be made there: ${messageOf(error)}`);
    }
  }

  write(text: string): void {
    writeSync(this.#file, text);
    fsyncSync(this.#file);
    closeSync(this.#file);
  }

  drop(): void {
    closeSync(this.#file);
    rmSync(this.path, { force: true });
  }
}

const linesOf = ({ auth, username, realm, secret, sharedWith }: NewSecret): string[] => [
  `  user ${visible(username, 80)}  password ${secret}  (realm ${visible(realm, 80)}, auth object ${visible(auth, 80)})`,
  ...(sharedWith.length === 0 ? [] : [`  needed as well by ${sharedWith.map((name) => visible(name, 80)).join(', ')}`]),
];

async function undo(config: Config, account: string, why: string | undefined, output: Output): Promise<number> {
  const params = { account, why: reason(why) };
  const answer = await askOrAct<'unrotate', UnrotateAnswer>(config, output, 'unrotate', params, (hand) =>
    unrotateByHand(hand, params),
  );
  if (output.json) output.object({ ...answer, state: answer.proved ? 'undone' : 'pending' });
  const name = visible(answer.account, 80);
  if (!answer.proved) {
    output.warn(
      `ringfence: the new password of ${name} is NOT GONE YET: it is taken away as soon as Asterisk can be told`,
    );
    return EXIT.failed;
  }
  if (!output.json) output.result(`Account ${name}: the password of pjsip.conf is good again`);
  return EXIT.done;
}

/** Does the decision still stand? What was taken back otherwise (unblock, uninstall) is good no more. */
function isGood(path: string, id: string): boolean {
  const store = openStore(path, { create: false });
  try {
    const { state } = store.decisions.get(id) ?? { state: 'undone' };
    if (state === 'done' || state === 'pending') return true;
  } finally {
    store.close();
  }
  forgetSecret(path, id);
  return false;
}

/** Staff have it: it is kept nowhere any more, and the trail says who took it. */
function handedOver(path: string, ids: readonly string[], account: string): void {
  const store = openStore(path, { create: false });
  try {
    const actor = actorOf('hand', reason(undefined));
    store.audit.append([{ actor, action: 'secret.handed-over', target: `account/${account}`, evidence: ids }]);
  } finally {
    store.close();
  }
  for (const id of ids) forgetSecret(path, id);
}

function show(config: Config, account: string, output: Output): number {
  const path = storePath(config);
  const kept = keptSecrets(path).filter((one) => one.account === account && isGood(path, one.id));
  for (const one of kept)
    if (output.json) output.object(one);
    else for (const line of one.secrets.flatMap(linesOf)) output.result(line.trim());
  if (kept.length > 0) {
    handedOver(
      path,
      kept.map(({ id }) => id),
      account,
    );
    output.note('ringfence: shown this once, and kept nowhere any more; to change it again: ringfence rotate');
    return EXIT.done;
  }
  output.warn(
    `ringfence: no rule has given ${visible(account, 80)} a password that is kept; each is shown once and then kept nowhere`,
  );
  return EXIT.failed;
}
