import { SEVERITIES, type Severity } from '../../model.ts';
import { DAY, HOUR } from '../../time.ts';
import type { IncidentPage, IncidentQuery } from '../../store/index.ts';
import type { Context, Fragments, Made } from '../context.ts';
import { html, type Html, type Piece } from '../html.ts';
import { badge, card, chip, empty, incidentLink, select, table, timeOf } from '../parts.ts';
import { news } from './now.ts';

const PAGE = 40;
const TEXT = 100;

const SINCE = { day: DAY, week: 7 * DAY, month: 30 * DAY, hour: HOUR } as const;

interface Asked {
  readonly text: string;
  readonly atLeast: Severity;
  readonly state: 'open' | 'seen' | 'all';
  readonly since: keyof typeof SINCE | 'all';
  readonly order: 'newest' | 'gravest';
  readonly after: string | null;
}

const oneOf = <T extends string>(value: string | null, known: readonly T[], otherwise: T): T =>
  known.find((each) => each === value) ?? otherwise;

function askedBy(query: URLSearchParams): Asked {
  return {
    text: (query.get('q') ?? '').trim().slice(0, TEXT),
    atLeast: oneOf(query.get('severity'), SEVERITIES, 'info'),
    state: oneOf(query.get('state'), ['open', 'seen', 'all'], 'all'),
    since: oneOf(query.get('since'), ['hour', 'day', 'week', 'month', 'all'], 'all'),
    order: oneOf(query.get('order'), ['newest', 'gravest'], 'newest'),
    after: query.get('after'),
  };
}

async function found({ view, now }: Context, asked: Asked): Promise<IncidentPage & { readonly searched?: number }> {
  const query: IncidentQuery = {
    limit: PAGE,
    atLeast: asked.atLeast,
    order: asked.order,
    ...(asked.state === 'all' ? {} : { acknowledged: asked.state === 'seen' }),
    ...(asked.since === 'all' ? {} : { since: now - SINCE[asked.since] }),
    ...(asked.after === null || !/^[0-4]\.\d{1,16}\.[\w-]{1,64}$/.test(asked.after) ? {} : { after: asked.after }),
  };
  return asked.text === '' ? view.store.incidents.list(query) : await view.store.searchIncidents(asked.text, query);
}

function filters({ texts, words }: Context, asked: Asked): Html {
  const severities = SEVERITIES.map((each): [string, string] => [
    each,
    each === 'info' ? texts.any : texts.atLeast(words.severity(each)),
  ]);
  const choice = (
    id: string,
    label: string,
    name: string,
    options: readonly (readonly [string, string])[],
    chosen: string,
  ): Html => html`<p class="field"><label for="${id}">${label}</label>${select(id, name, options, chosen)}</p>`;
  return html`<form method="get" action="/incidents" class="filters" role="search">
    <p class="field grow">
      <label for="q">${texts.search}</label
      ><input
        type="search"
        id="q"
        name="q"
        value="${asked.text}"
        placeholder="${texts.searchHint}"
        maxlength="${TEXT}"
      />
    </p>
    ${choice('f-severity', texts.heads.severity, 'severity', severities, asked.atLeast)}
    ${choice(
      'f-state',
      texts.heads.state,
      'state',
      [
        ['all', texts.any],
        ['open', texts.open],
        ['seen', texts.seen],
      ],
      asked.state,
    )}
    ${choice(
      'f-since',
      texts.heads.since,
      'since',
      [
        ['all', texts.any],
        ['hour', texts.lastHour],
        ['day', texts.lastDay],
        ['week', texts.lastWeek],
        ['month', texts.lastMonth],
      ],
      asked.since,
    )}
    ${choice(
      'f-order',
      texts.order,
      'order',
      [
        ['newest', texts.newest],
        ['gravest', texts.gravest],
      ],
      asked.order,
    )}
    <button>${texts.show}</button>
  </form>`;
}

/** The same question with another page. */
function pageLink(asked: Asked, after: string | null): string {
  const query = new URLSearchParams();
  const { text, atLeast, state, since, order } = asked;
  for (const [name, value, usual] of [
    ['q', text, ''],
    ['severity', atLeast, 'info'],
    ['state', state, 'all'],
    ['since', since, 'all'],
    ['order', order, 'newest'],
    ['after', after ?? '', ''],
  ] as const)
    if (value !== usual) query.set(name, value);
  const written = query.toString();
  return written === '' ? '/incidents' : `/incidents?${written}`;
}

export async function make(context: Context): Promise<Made> {
  const { view, texts, words } = context;
  const asked = askedBy(context.query);
  const { incidents, next, searched } = await found(context, asked);
  const counts = view.readings().store.incidents.filter(({ all }) => all > 0);
  const rows = incidents.map((incident): Piece[] => [
    chip(incident.severity, context),
    incidentLink(incident.id, words.headline(incident, [])),
    words.subject(incident.subject),
    timeOf(incident.openedAt, context),
    incident.loss === null ? '' : words.loss(incident.loss),
    incident.acknowledgedAt === null ? badge('odd', texts.open) : badge('good', texts.seen),
  ]);
  const columns = [
    { title: texts.heads.severity },
    { title: texts.heads.what, head: true },
    { title: texts.heads.whom, short: true },
    { title: texts.heads.when, short: true },
    { title: texts.heads.cost, right: true, short: true },
    { title: texts.heads.state },
  ];
  const summary = counts
    .map(
      ({ severity, all, open }) =>
        html`<li>${chip(severity as Severity, context)} ${all} <small>${texts.ofThemOpen(open)}</small></li>`,
    )
    .reverse();
  const body = html`<ul class="counts">
      ${summary}
    </ul>
    ${filters(context, asked)}
    ${incidents.length === 0 ? empty(searched === undefined || next === null ? texts.noIncidents : texts.notAmong(searched)) : table(texts.places.incidents, columns, rows)}
    <nav class="pager" aria-label="${texts.pages}">
      ${asked.after === null ? '' : html`<a href="${pageLink(asked, null)}">${texts.first}</a>`}${next === null ? '' : html`<a rel="next" href="${pageLink(asked, next)}">${searched === undefined ? texts.older : texts.searchOn}</a>`}
    </nav>`;
  return { title: texts.places.incidents, body: card('incidents', texts.places.incidents, body) };
}

export const live = (context: Context): Fragments => new Map([['news', news(context)]]);
