import { certificateState } from '../../store/index.ts';
import { DAY } from '../../time.ts';
import type { Context, Made } from '../context.ts';
import { heatMap } from '../charts.ts';
import { html, type Html, type Piece } from '../html.ts';
import {
  badge,
  behind,
  card,
  chip,
  columns,
  empty,
  facts,
  form,
  incidentLink,
  mayAct,
  pathTo,
  table,
  timeOf,
} from '../parts.ts';
import { MEASURES, type AccountHabits, type Measure } from '../view.ts';
import { spanField, whyField } from './blocks.ts';

const INCIDENTS = 15;

const measureOf = (query: URLSearchParams): Measure =>
  MEASURES.find((each) => each === query.get('measure')) ?? 'calls';

function baseline(account: string, habits: AccountHabits | null, context: Context): Html {
  const { texts, words, query, view } = context;
  if (habits === null) return empty(texts.nothingLearned);
  const measure = measureOf(query);
  const format = (value: number): string =>
    measure === 'spend' ? words.money(value, view.site().currency) : String(Math.round(value * 100) / 100);
  const links = MEASURES.map(
    (each) =>
      html`<a
        href="${pathTo('accounts', account)}?measure=${each}#baseline-title"
        ${each === measure ? html` aria-current="true"` : ''}
        >${texts.measures[each]}</a
      >`,
  );
  const rows = MEASURES.filter((each) => habits.usual(each).mean > 0).map((each): Piece[] => {
    const { mean, high } = habits.usual(each);
    return [texts.measures[each], (Math.round(mean * 100) / 100).toString(), String(high)];
  });
  const days = texts.days;
  const map = heatMap(
    habits.week(measure),
    days,
    { label: texts.heatOf(texts.measures[measure]), cell: (day, hour, value) => texts.heatCell(day, hour, value) },
    format,
  );
  return html`<p class="tabs">${links}</p>
    <div class="scroll" tabindex="0" role="group" aria-label="${texts.baseline}">${map}</div>
    <p>
      <small
        >${texts.restsOn(String(Math.round(habits.weeks * 10) / 10))}${habits.known ? '' : ` ${texts.notYetJudged}`}</small
      >
    </p>
    ${
      rows.length === 0
        ? ''
        : table(
            texts.usual,
            [
              { title: texts.perDay, head: true },
              { title: texts.mean, right: true },
              { title: texts.oneIn100, right: true },
            ],
            rows,
          )
    }`;
}

function countries(habits: AccountHabits | null, { texts, words, now }: Context): Html {
  const all = habits?.countries() ?? [];
  if (all.length === 0) return empty(texts.noCountries);
  const rows = all
    .slice(0, 12)
    .map(({ place, calls, last }): Piece[] => [
      place,
      String(Math.round(calls * 10) / 10),
      texts.ago(words.duration(Math.max(0, Math.floor((now - last) / DAY)) * DAY)),
    ]);
  return table(
    texts.countries,
    [
      { title: texts.heads.place, head: true },
      { title: texts.measures.calls, right: true },
      { title: texts.heads.last, short: true },
    ],
    rows,
  );
}

function bindings(account: string, context: Context): Html {
  const { view, texts, words, now } = context;
  const all = view.registrations().byAccount.get(account) ?? [];
  if (all.length === 0) return empty(texts.notRegistered);
  const rows = all.map((each): Piece[] => [
    html`${each.source ?? texts.unknownPlace}${each.sourcePort === 0 ? '' : `:${each.sourcePort}`}
      <small>${each.transport}</small>`,
    each.userAgent,
    each.contact,
    texts.ago(words.duration(Math.max(0, now - each.since))),
    texts.left(words.duration(Math.max(0, each.expiresAt - now))),
  ]);
  const { heads: named } = texts;
  const heads = [
    { title: named.from, head: true, short: true },
    { title: named.device },
    { title: named.contact },
    { title: named.since, short: true },
    { title: named.until, short: true },
  ];
  return table(texts.bindings, heads, rows);
}

function secrets(account: string, context: Context): Html {
  const { view, texts, words, now } = context;
  const rotated = view
    .standing()
    .find(({ kind, value }) => kind === 'secret' && (value === account || value.startsWith(`${account}/`)));
  const since = rotated?.claims[0]?.since;
  const stale = view.store.incidents
    .list({ subject: { type: 'account', value: account }, limit: INCIDENTS })
    .incidents.find(({ detector }) => detector === 'stale-password');
  const certificates = view.store.certificates.ofAccount(account).map((each) => {
    const state = certificateState(each, now);
    return html`<li>
      ${badge(state === 'live' ? 'good' : state === 'retiring' ? 'odd' : 'quiet', texts.keyStates(state))}
      <code>${each.kid.slice(0, 16)}</code> ${texts.until(words.minute(each.notAfter, context.zone))}
    </li>`;
  });
  return facts([
    [
      texts.secretAge,
      since === undefined ? texts.secretOld : html`${texts.ago(words.duration(now - since))} (${texts.secretNew})`,
    ],
    [texts.staleSecret, stale === undefined ? texts.no : incidentLink(stale.id, words.headline(stale, []))],
    [
      texts.heads.key,
      certificates.length === 0
        ? texts.noKey
        : html`<ul class="plain">
            ${certificates}
          </ul>`,
    ],
  ]);
}

export function make(context: Context, [account = '']: readonly string[]): Made | null {
  const { view, texts, words } = context;
  if (account === '' || account.length > 200) return null;
  const habits = view.habits(account);
  const { incidents } = view.store.incidents.list({ subject: { type: 'account', value: account }, limit: INCIDENTS });
  const stories = incidents.map(
    (each) =>
      html`<li class="${each.severity}">
        ${chip(each.severity, context)} ${incidentLink(each.id, words.headline(each, []))}
        ${timeOf(each.openedAt, context)}
      </li>`,
  );
  const acts = mayAct(context)
    ? html`<div class="acts">
        ${behind('allow', texts.allow(account), form(context, `/act/allow?from=${pathTo('accounts', account)}`, html`<input type="hidden" name="account" value="${account}" />${spanField('allow-for', context, '7d')}${whyField('allow-why', context)}<button>${texts.allow(account)}</button>`))}
        ${(['account', 'international'] as const).map((kind) => behind(`block-${kind}`, `${texts.block}: ${texts.blockKinds(kind)}`, form(context, `/act/block?from=${pathTo('accounts', account)}`, html`<input type="hidden" name="kind" value="${kind}" /><input type="hidden" name="value" value="${account}" />${spanField(`${kind}-for`, context)}${whyField(`${kind}-why`, context)}<button class="danger">${texts.block}</button>`)))}
      </div>`
    : '';
  const body = html`${acts}${columns(
    [
      card('baseline', texts.baseline, baseline(account, habits, context)),
      card('bindings', texts.bindings, bindings(account, context)),
      card(
        'stories',
        texts.places.incidents,
        stories.length === 0
          ? empty(texts.noIncidents)
          : html`<ul class="stories">
              ${stories}
            </ul>`,
      ),
    ],
    [
      card('countries', texts.countries, countries(habits, context)),
      card('secrets', texts.secrets, secrets(account, context)),
    ],
  )}`;
  return { title: `${texts.heads.account} ${account}`, body };
}
