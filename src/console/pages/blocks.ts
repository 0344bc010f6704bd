import { RingfenceError } from '../../errors.ts';
import { DAY, HOUR, MINUTE } from '../../time.ts';
import type { Context, Done, Made } from '../context.ts';
import { html, type Html, type Piece } from '../html.ts';
import {
  accountLink,
  badge,
  behind,
  card,
  empty,
  field,
  form,
  mayAct,
  select,
  table,
  textInput,
  timeOf,
} from '../parts.ts';
import { BLOCKABLE, type Blockable, type ConsoleView, type HandResult, type StandingBlock } from '../view.ts';

/** What refuses something, youngest first. */
export const standingOf = (view: ConsoleView): StandingBlock[] =>
  view
    .standing()
    .filter(({ refuses }) => refuses)
    .sort((a, b) => sinceOf(b) - sinceOf(a));

const sinceOf = ({ claims }: StandingBlock): number => Math.max(0, ...claims.map(({ since }) => since));

/** How long a block may be asked to last. */
export const SPANS = ['15m', '2h', '1d', '7d', '30d'] as const;
const LASTS: Readonly<Record<string, number>> = {
  '15m': 15 * MINUTE,
  '2h': 2 * HOUR,
  '1d': DAY,
  '7d': 7 * DAY,
  '30d': 30 * DAY,
};

/** @throws RingfenceError usage */
export function lastsOf(text: string | null): number {
  const lasts = LASTS[text ?? ''];
  if (lasts === undefined) throw new RingfenceError('usage', `"${text ?? ''}" is none of ${SPANS.join(', ')}`);
  return lasts;
}

/** The reason as it is kept: with who gave it (the audit trail reads it there). */
export const reasonOf = (why: string | null, { visitor, texts }: Context): string =>
  `${why === null || why.trim() === '' ? texts.byHand : why.trim().replaceAll(/[()]/g, ' ').slice(0, 400)} (${visitor.name})`;

export const spanField = (id: string, { texts }: Context, chosen = '1d'): Html =>
  field(
    id,
    texts.howLong,
    select(
      id,
      'for',
      SPANS.map((span) => [span, texts.spans[span]]),
      chosen,
    ),
  );
export const whyField = (id: string, { texts }: Context): Html =>
  field(id, texts.why, textInput(id, 'why', '', html` maxlength="400"`));

function row(context: Context, block: StandingBlock, index: number): Piece[] {
  const { texts, words, visitor } = context;
  const { kind, value, until, state, claims } = block;
  const undo = form(
    context,
    '/act/unblock?from=/blocks',
    html`<input type="hidden" name="kind" value="${kind}" /><input
        type="hidden"
        name="value"
        value="${value}"
      />${whyField(`why-${index}`, context)}<button class="danger">${texts.undo}</button>`,
  );
  const why = claims.map(
    ({ why: each, by, id }) =>
      html`<li>
        ${badge(by === 'hand' ? 'quiet' : 'odd', texts.claimants(by))} ${words.reason(each)}
        <small><code>${id}</code></small>
      </li>`,
  );
  return [
    html`<b>${texts.blockKinds(kind)}</b>
      ${kind === 'account' || kind === 'international' ? accountLink(value) : value}`,
    badge(state === 'done' ? 'good' : state === 'failed' ? 'bad' : 'odd', texts.decisionStates(state)),
    until === null ? '–' : timeOf(until, context),
    html`<ul class="plain">
      ${why}
    </ul>`,
    ...(visitor.role === 'act' ? [behind(`undo-${index}`, texts.undo, undo)] : []),
  ];
}

function fresh(context: Context): Html {
  const { texts } = context;
  const kinds = BLOCKABLE.map((kind): [string, string] => [kind, texts.blockKinds(kind)]);
  return form(
    context,
    '/act/block?from=/blocks',
    html`${field('block-kind', texts.heads.what, select('block-kind', 'kind', kinds, context.query.get('kind') ?? 'address'))}
      ${field('block-value', texts.whom, textInput('block-value', 'value', context.query.get('value') ?? '', html` required maxlength="200"`))}
      ${spanField('block-for', context)}${whyField('block-why', context)}
      <button class="danger">${texts.block}</button>`,
    'row',
  );
}

export function make(context: Context): Made {
  const { view, texts } = context;
  const all = standingOf(view);
  const columns = [
    { title: texts.heads.what, head: true },
    { title: texts.heads.state },
    { title: texts.heads.until, short: true },
    { title: texts.heads.why },
    ...(mayAct(context) ? [{ title: texts.heads.act }] : []),
  ];
  const shown = all.slice(0, 500);
  const body =
    all.length === 0
      ? empty(texts.noBlocks)
      : table(
          texts.places.blocks,
          columns,
          shown.map((each, i) => row(context, each, i)),
        );
  const more =
    all.length > shown.length ? html`<p class="more">${context.words.more(all.length - shown.length)}</p>` : '';
  return {
    title: texts.places.blocks,
    body: html`${card('blocks', texts.standing, html`${body}${more}`)}${mayAct(context) ? card('block', texts.blockSomething, fresh(context)) : ''}`,
  };
}

/** What came of it, for the next page. */
export function told(to: string, said: string, result: HandResult, { texts, words, zone }: Context): Done {
  const what = result.what.slice(0, 5).join(', ');
  const until = result.until === null ? '' : ` ${texts.until(words.minute(result.until, zone))}`;
  const text = [
    `${said}${what === '' ? '' : `: ${what}`}${until}`,
    result.proved ? '' : texts.notProved,
    ...result.notes,
  ].filter((each) => each !== '');
  return { to, kind: result.proved ? 'done' : 'failed', text: text.join('. ') };
}

export async function block(context: Context, given: URLSearchParams): Promise<Done> {
  const kind = BLOCKABLE.find((each): each is Blockable => each === given.get('kind'));
  if (kind === undefined) throw new RingfenceError('usage', `it is one of ${BLOCKABLE.join(', ')}`);
  const value = given.get('value')?.trim() ?? '';
  if (value === '' || value.length > 200) throw new RingfenceError('usage', context.texts.nobodyNamed);
  const result = await context.view.hand.block(
    kind,
    value,
    lastsOf(given.get('for')),
    reasonOf(given.get('why'), context),
  );
  return told(backOf(context, '/blocks'), context.texts.blocked, result, context);
}

export async function unblock(context: Context, given: URLSearchParams): Promise<Done> {
  const id = given.get('id');
  const what = id === null ? { kind: given.get('kind') ?? '', value: given.get('value') ?? '' } : { id };
  const result = await context.view.hand.unblock(what, reasonOf(given.get('why'), context));
  return told(backOf(context, '/blocks'), context.texts.lifted, result, context);
}

export async function allow(context: Context, given: URLSearchParams): Promise<Done> {
  const account = given.get('account')?.trim() ?? '';
  if (account === '') throw new RingfenceError('usage', context.texts.nobodyNamed);
  const result = await context.view.hand.allow(account, lastsOf(given.get('for')), reasonOf(given.get('why'), context));
  return told(backOf(context, '/blocks'), context.texts.allowed, result, context);
}

/** The page that asked. */
export function backOf({ query }: Context, otherwise: string): string {
  const from = query.get('from') ?? '';
  return /^\/[\w\-/.%@+~]{0,300}$/.test(from) ? from : otherwise;
}
