import { accessSync, constants } from 'node:fs';
import { hostname } from 'node:os';
import { Worker } from 'node:worker_threads';
import { readRecordings } from '../collect/recordings.ts';
import type { Config } from '../config.ts';
import { DigestAnswers, type AcceptedAnswer } from '../correlate/digest-answers.ts';
import { InputError, messageOf } from '../errors.ts';
import type { Site } from '../site/index.ts';
import type { Store } from '../store/index.ts';
import { DAY, parseDuration, Zone } from '../time.ts';
import { visible, weaknessText } from '../words/index.ts';
import { answerKey, openAnswer } from './audit/answer-store.ts';
import type { Limits, Task, Verdict } from './audit/guessing.ts';
import type { Told, Work } from './audit/worker.ts';
import { storeOf } from './open-store.ts';
import { EXIT, type GlobalOptions, type Output } from './output.ts';
import { readConfig, siteOf } from './site.ts';

export interface AuditPasswordsOptions {
  /** how long it may take */
  readonly seconds: number;
  /** candidates a second */
  readonly rate: number;
  readonly wordlist?: string;
  /** default: [audit] pin_digits */
  readonly pinDigits?: number;
}

/** An account's last accepted answer, and the row of the store that it came from. */
interface Kept {
  readonly accepted: AcceptedAnswer;
  readonly row: { readonly account: string; readonly at: number } | null;
}

/**
 * `ringfence audit passwords [FILE…]`: which accounts' passwords fall to a dictionary, from digest answers that the PBX accepted. The
 * password itself is never told, stored or logged.
 */
export default async function auditPasswords(
  files: readonly string[],
  options: AuditPasswordsOptions & GlobalOptions,
  output: Output,
): Promise<number> {
  const config = readConfig(options, output);
  const site = siteOf(config);
  if (options.wordlist !== undefined) readable(options.wordlist);
  const store = files.length > 0 ? null : storeOf(config, { create: false });
  try {
    const kept = store === null ? await fromRecordings(files, config, site, output) : fromStore(store, config, output);
    const tasks = [...kept].map(([account, { accepted }]) => ({
      account,
      accepted,
      owner: ownerOf(account, accepted, config),
    }));
    const limits: Limits = {
      pinDigits: options.pinDigits ?? config.settings.audit.pin_digits,
      wordlist: options.wordlist ?? null,
    };
    const verdicts = await guess({ tasks, limits, rate: Math.max(1, options.rate), seconds: options.seconds }, output);
    for (const verdict of verdicts) tell(verdict, kept.get(verdict.account)?.accepted, output);
    if (store !== null) remember(store, verdicts, kept);
    return summary(verdicts, output);
  } finally {
    store?.close();
  }
}

function readable(file: string): void {
  try {
    accessSync(file, constants.R_OK);
  } catch (error) {
    throw new InputError('input-unreadable', `--wordlist ${file} cannot be read (${messageOf(error)}): check the path`, { cause: error }); // prettier-ignore
  }
}

/** @throws InputError as `readRecordings`, and when there is no accepted answer in them */
async function fromRecordings(
  files: readonly string[],
  { settings }: Config,
  site: Site,
  output: Output,
): Promise<Map<string, Kept>> {
  const kept = new Map<string, Kept>();
  const answers = new DigestAnswers((accepted) => {
    const { username } = accepted.answer;
    kept.set(site.accounts.resolve(username) ?? username, { accepted, row: null });
  });
  const times = { zone: new Zone(site.timezone), utc: settings.asterisk.cdr?.utc ?? true };
  for await (const item of readRecordings(files, times))
    if (item.kind === 'sip') answers.take(item.path, item.payload, item.at);
  if (answers.unproved > 0)
    output.note(
      `ringfence: ${answers.unproved} answers not used: the challenge that they answer is not in the recording`,
    );
  if (kept.size === 0)
    throw new InputError(
      'input-missing',
      `no accepted login in ${files.join(', ')}: record for as long as phones take to register again (an hour), with both directions`,
    );
  return kept;
}

/** @throws InputError when nothing is kept */
function fromStore(store: Store, { settings }: Config, output: Output): Map<string, Kept> {
  const keep = parseDuration(settings.audit.passwords_keep);
  store.digestAnswers.forget(Date.now() - (keep.ok ? keep.value : 7 * DAY));
  const rows = store.digestAnswers.all();
  if (rows.length === 0)
    throw new InputError(
      'input-missing',
      settings.audit.passwords
        ? 'no digest answers are kept yet: the daemon keeps one as each phone registers, and each is deleted once it was audited'
        : 'no digest answers are kept: set passwords = true in [audit] and restart ringfence, or name a recording (.pcap, .hep)',
    );
  const key = answerKey(store.path);
  const kept = new Map<string, Kept>();
  for (const row of rows) {
    const accepted = openAnswer(key, row);
    if (accepted === null)
      output.warn(`ringfence: the answer of ${visible(row.account)} was kept under another key; it is passed over`);
    else kept.set(row.account, { accepted, row });
  }
  return kept;
}

function ownerOf(account: string, { answer, displayName }: AcceptedAnswer, { settings }: Config): Task['owner'] {
  const domain = /@(.+)$/.exec(answer.username)?.[1] ?? '';
  const sites = [settings.site.name === 'pbx' ? '' : settings.site.name, answer.realm, hostname(), domain];
  const names = [account, answer.username, answer.username.replace(/@.*$/, '')];
  return {
    names: [...new Set(names.filter((name) => name !== '' && name.length <= 64))],
    people: displayName === '' || displayName.length > 64 ? [] : [displayName],
    sites: [...new Set(sites.filter((name) => name !== '' && name.length <= 128))],
  };
}

/** The worker's file: compiled beside this one, or the source itself. */
const WORKER = new URL(`./audit/worker${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url);

/** Guesses in a thread of its own. Ctrl-C ends it as it ends any command. */
function guess(work: Work, output: Output): Promise<readonly Verdict[]> {
  const terminal = process.stderr.isTTY && !output.json;
  return new Promise((resolve, reject) => {
    const worker = new Worker(WORKER, { workerData: work });
    worker.on('message', (told: Told) => {
      if (told.kind === 'done') resolve(told.verdicts);
      else if (terminal) {
        const { tried, total } = told.progress;
        process.stderr.write(
          `\rringfence: ${Math.min(99, Math.floor((100 * tried) / Math.max(1, total)))} % of ${work.tasks.length} accounts`,
        );
      }
    });
    worker.on('error', reject);
    worker.on('exit', (code) => {
      if (terminal) process.stderr.write('\r\u001b[K');
      if (code !== 0) reject(new Error(`the guessing thread ended with ${code}`));
    });
  });
}

const MEND =
  'give it a new one of 20 random characters (ringfence rotate does it at once; then pjsip.conf and the phone)';

function tell(verdict: Verdict, accepted: AcceptedAnswer | undefined, output: Output): void {
  const { account, weakness, length, complete } = verdict;
  const text = weakness === null ? null : weaknessText(weakness, length);
  const { algorithm = '', method = '', username = account, realm = '' } = accepted?.answer ?? {};
  const at = accepted === undefined ? null : new Date(accepted.at).toISOString();
  if (output.json)
    output.object({ account, weak: weakness !== null, weakness, text, complete, username, realm, algorithm, method, at, mend: weakness === null ? null : MEND }); // prettier-ignore
  else if (text !== null) {
    output.result(`WEAK  ${visible(account)}: its password ${text} (${algorithm}, ${method} of ${at ?? ''})`);
    output.result(`      mend: ${MEND}`);
  }
}

/**
 * The answer that was audited is deleted and its verdict kept, for reports; what the budget did not suffice for is there the next
 * time, and an earlier verdict with it.
 */
function remember(store: Store, verdicts: readonly Verdict[], kept: ReadonlyMap<string, Kept>): void {
  const at = Date.now();
  store.transaction(() => {
    for (const { account, complete, weakness } of verdicts) {
      const row = kept.get(account)?.row;
      if (!complete || row === undefined || row === null) continue;
      store.passwordVerdicts.put({ account: row.account, at, weakness });
      store.digestAnswers.delete(row.account, row.at);
    }
  });
}

function summary(verdicts: readonly Verdict[], output: Output): number {
  const weak = verdicts.filter(({ weakness }) => weakness !== null).length;
  const open = verdicts.filter(({ complete }) => !complete).length;
  const accounts = `${verdicts.length} account${verdicts.length === 1 ? '' : 's'}`;
  output.note(`ringfence: ${accounts} audited: ${weak === 0 ? 'no weak password found' : `${weak} weak`}`);
  if (open > 0)
    output.warn(`ringfence: ${open} of them not to the end: give it more time (--seconds) or a higher --rate`);
  return weak > 0 ? EXIT.found : EXIT.done;
}
