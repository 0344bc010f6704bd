import { severityRank, type Millis } from '../../model.ts';
import { alarmText } from '../../words/index.ts';
import type { Context, Fragments, Made } from '../context.ts';
import { html, type Html, type Piece } from '../html.ts';
import {
  accountLink,
  badge,
  card,
  chip,
  columns,
  empty,
  incidentLink,
  table,
  tile,
  timeOf,
  type Tone,
} from '../parts.ts';
import type { LiveCall } from '../view.ts';
import { standingOf } from './blocks.ts';
import { spark } from '../charts.ts';

const CALLS = 60;
const REGISTRATIONS = 12;
const INCIDENTS = 6;
/** So long something is news. */
const NEWS: Millis = 60_000;

/** What a call has cost so far. */
export const costOf = ({ answeredAt, perMinute, connection }: LiveCall, now: Millis): number =>
  answeredAt === null ? 0 : connection + (perMinute * Math.max(0, now - answeredAt)) / 60_000;

/** Money that grows while one looks: the script goes on from these numbers until the next word of the server. */
function ticking(base: number, perMinute: number, { words, view, now }: Context): Html {
  const shown = words.money(base, view.site().currency);
  if (perMinute === 0) return html`<span class="money">${shown}</span>`;
  return html`<span class="money" data-base="${base.toFixed(6)}" data-rate="${perMinute.toFixed(6)}" data-at="${now}"
    >${shown}</span
  >`;
}

function status(context: Context): Html {
  const { view, texts, words, now } = context;
  const { mode, ready, progress, alarms, enforcement, store } = view.readings();
  const raised = alarms.filter((each) => each.raised);
  const open = store.incidents.reduce((sum, each) => sum + each.open, 0);
  const grave = store.incidents
    .filter(({ severity }) => severity === 'critical' || severity === 'high')
    .reduce((sum, each) => sum + each.open, 0);
  const { calls, all } = view.calls();
  const answered = calls.filter(({ answeredAt }) => answeredAt !== null);
  const perMinute = answered.reduce((sum, call) => sum + call.perMinute, 0);
  const spent = answered.reduce((sum, call) => sum + costOf(call, now), 0);
  const well = ready && progress && raised.length === 0;
  const health: [Tone, string] = well
    ? ['good', texts.well]
    : ['bad', ready ? texts.notWell(raised.length) : texts.notReady];
  return html`<dl class="tiles">
      ${tile(texts.health, health[1], health[0], texts.modes[mode])}
      ${tile(texts.openIncidents, open, grave > 0 ? 'bad' : open > 0 ? 'odd' : 'good', texts.ofThemGrave(grave))}
      ${tile(texts.callsNow, all, 'quiet', spark(view.traffic.recent(now), texts.callsAnHour))}
      ${tile(texts.runningCost, ticking(spent, perMinute, context), perMinute > 0 ? 'odd' : 'quiet', texts.aMinute(words.money(perMinute, view.site().currency)))}
      ${tile(texts.standing, standingOf(view).length, enforcement.stopped ? 'bad' : 'quiet', enforcement.stopped ? texts.stopped : '')}
    </dl>
    ${
      raised.length === 0
        ? ''
        : html`<ul class="alarms">
            ${raised.map(({ alarm }) => alarmed(alarm, context))}
          </ul>`
    }`;
}

/** Something is wrong with ringfence itself: what, and what to do. */
function alarmed(alarm: string, { view, texts, words, zone }: Context): Html {
  const kept = view.store.alarms.standing().find((each) => each.alarm === alarm);
  if (kept === undefined) return html`<li>${badge('bad', texts.alarm)} <b>${alarm}</b></li>`;
  const { headline, body } = alarmText(kept, words, zone);
  return html`<li>${badge('bad', texts.alarm)} <b>${headline}</b> ${body}</li>`;
}

function calls(context: Context): Html {
  const { view, texts, words, now } = context;
  const { calls: up, all } = view.calls();
  if (up.length === 0) return empty(texts.noCalls);
  const sorted = up.toSorted((a, b) => costOf(b, now) - costOf(a, now) || b.startedAt - a.startedAt).slice(0, CALLS);
  const rows = sorted.map((call): Piece[] => {
    const number = view.site().number(call.dialled);
    const who = call.account === null ? html`${call.from}` : accountLink(call.account);
    return [
      who,
      call.trunk === null
        ? html`<b>${words.number(number)}</b>`
        : html`${words.number(number)} ${badge('quiet', texts.inbound)}`,
      call.source ?? '',
      call.answeredAt === null
        ? badge('odd', texts.ringing)
        : html`<span data-since="${call.answeredAt}">${words.duration(now - call.answeredAt)}</span>`,
      call.perMinute === 0 && call.connection === 0
        ? '–'
        : ticking(costOf(call, now), call.answeredAt === null ? 0 : call.perMinute, context),
    ];
  });
  const heads = [
    { title: texts.heads.who, head: true, short: true },
    { title: texts.heads.to },
    { title: texts.heads.from, short: true },
    { title: texts.heads.lasts, right: true, short: true },
    { title: texts.heads.cost, right: true, short: true },
  ];
  return html`${table(texts.callsNow, heads, rows)}${all > sorted.length ? html`<p class="more">${words.more(all - sorted.length)}</p>` : ''}`;
}

function latest(context: Context): Html {
  const { view, texts } = context;
  const { incidents } = view.store.incidents.list({ limit: INCIDENTS, acknowledged: false });
  if (incidents.length === 0) return empty(texts.noIncidents);
  const sorted = incidents.toSorted((a, b) => severityRank(b.severity) - severityRank(a.severity));
  return html`<ul class="stories">
    ${sorted.map(
      (incident) =>
        html`<li class="${incident.severity}">
          ${chip(incident.severity, context)} ${incidentLink(incident.id, context.words.headline(incident, []))}
          ${timeOf(incident.openedAt, context)}
        </li>`,
    )}
  </ul>`;
}

function feeds(context: Context): Html {
  const { view, texts, words, now } = context;
  const { feeds: all, ami, hep, enforcement, notifiers } = view.readings();
  const rows: Piece[][] = all.map(({ feed, lastAt }) => {
    const silent = view.readings().alarms.some(({ alarm, raised }) => raised && alarm === `${feed}-silent`);
    const state =
      feed === 'ami' && ami !== null && ami.state !== 'up'
        ? badge('bad', texts.states[ami.state])
        : silent
          ? badge('bad', texts.silent)
          : lastAt === null
            ? badge('odd', texts.nothingYet)
            : badge('good', texts.alive);
    const more =
      feed === 'hep' && hep !== null && (hep.kernelDrops ?? 0) > 0 ? texts.dropped(hep.kernelDrops ?? 0) : '';
    return [
      texts.feeds[feed],
      html`${state} ${more}`,
      lastAt === null ? '–' : texts.ago(words.duration(Math.max(0, now - lastAt))),
    ];
  });
  for (const { name, state, unproved } of enforcement.targets)
    rows.push([
      name,
      html`${badge(state === 'up' ? 'good' : state === 'new' ? 'quiet' : 'bad', texts.targetStates(state))}
      ${unproved > 0 ? texts.unproved(unproved) : ''}`,
      '–',
    ]);
  for (const { channel, up, waiting } of notifiers)
    rows.push([
      html`${texts.channel} ${channel}`,
      html`${badge(up ? 'good' : 'bad', up ? texts.delivers : texts.stuck)} ${waiting > 0 ? texts.waiting(waiting) : ''}`,
      '–',
    ]);
  if (rows.length === 0) return empty(texts.nothingYet);
  return table(
    texts.feedsTitle,
    [{ title: texts.heads.feed, head: true }, { title: texts.heads.state }, { title: texts.heads.last, short: true }],
    rows,
  );
}

function registrations(context: Context): Html {
  const { view, texts, words, now } = context;
  const { byAccount, bindings, youngest } = view.registrations();
  if (bindings === 0) return empty(texts.noRegistrations);
  const rows = youngest
    .slice(0, REGISTRATIONS)
    .map(({ account, binding }): Piece[] => [
      accountLink(account),
      html`${binding.source ?? texts.unknownPlace} <small>${binding.transport}</small>`,
      binding.userAgent,
      texts.ago(words.duration(Math.max(0, now - binding.since))),
    ]);
  return html`<p>${texts.registered(byAccount.size, bindings)}</p>
    ${table(
      texts.registrations,
      [
        { title: texts.heads.account, head: true, short: true },
        { title: texts.heads.from, short: true },
        { title: texts.heads.device },
        { title: texts.heads.since, short: true },
      ],
      rows,
    )}`;
}

function blocks(context: Context): Html {
  const { view, texts, words, now } = context;
  const all = standingOf(view);
  if (all.length === 0) return empty(texts.noBlocks);
  return html`<ul class="plain">
      ${all.slice(0, 10).map(
        ({ kind, value, until }) =>
          html`<li>
            <b>${texts.blockKinds(kind)}</b> ${value}
            <small>${until === null ? '' : texts.left(words.duration(Math.max(0, until - now)))}</small>
          </li>`,
      )}
    </ul>
    <p><a href="/blocks">${texts.allBlocks(all.length)}</a></p>`;
}

/** What has just opened, for those who look and for those who listen. */
export function news(context: Context): Html {
  const { view, now, words } = context;
  const [youngest] = view.store.incidents.list({ limit: 1, acknowledged: false }).incidents;
  if (youngest === undefined || now - youngest.openedAt > NEWS) return html``;
  return html`${chip(youngest.severity, context)} ${incidentLink(youngest.id, words.headline(youngest, []))}`;
}

const PARTS: Readonly<Record<string, (context: Context) => Html>> = {
  news,
  status,
  calls,
  latest,
  feeds,
  registrations,
  blocks,
};

export function make(context: Context): Made {
  const { texts } = context;
  const body = html`<div id="status">${status(context)}</div>
    ${columns(
      [
        card('calls', texts.callsNow, calls(context)),
        card('registrations', texts.registrations, registrations(context), html`<a href="/accounts">${texts.all}</a>`),
      ],
      [
        card('latest', texts.latest, latest(context), html`<a href="/incidents">${texts.all}</a>`),
        card('feeds', texts.feedsTitle, feeds(context)),
        card('blocks', texts.places.blocks, blocks(context)),
      ],
    )}`;
  return { title: texts.places.now, body };
}

export const live = (context: Context): Fragments =>
  new Map(Object.entries(PARTS).map(([id, part]) => [id, part(context)]));
