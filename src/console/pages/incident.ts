import { RingfenceError } from '../../errors.ts';
import type { Decision, Evidence } from '../../model.ts';
import { brokenBy, numbersOf, timelineOf, type Advice, type Entry, type IncidentStory } from '../../words/index.ts';
import type { Context, Done, Made } from '../context.ts';
import { html, lines, type Html, type Piece } from '../html.ts';
import { worldMap } from '../map.ts';
import {
  accountLink,
  badge,
  behind,
  card,
  chip,
  columns,
  empty,
  facts,
  form,
  mayAct,
  pathTo,
  timeOf,
} from '../parts.ts';
import type { ConsoleView } from '../view.ts';
import { spanField, whyField } from './blocks.ts';

const ENTRIES = 150;
const VALUES = 12;
const BUTTONS = 8;
const DECISIONS = 30;
const PLACES = 60;

function storyOf(view: ConsoleView, id: string): IncidentStory | null {
  const { store } = view;
  const incident = store.incidents.get(id);
  if (incident === null) return null;
  const decisions = store.decisions.of(id);
  const failed = decisions.filter(({ state }) => state === 'failed');
  const codes = failed.map(({ id: each }): [string, string] => [
    each,
    store.enforcement.of(each).find(({ code }) => code !== '')?.code ?? '',
  ]);
  return {
    incident,
    evidence: store.evidence.of(id),
    decisions,
    failures: new Map(codes.filter(([, code]) => code !== '')),
    acknowledgements: store.acknowledgements.of(id),
    aliases: store.aliases.of(id),
    deliveries: store.deliveries.of(id).filter(({ state }) => state !== 'dropped'),
    rules: view.rules(),
  };
}

function some(values: readonly string[], { words }: Context, link: (value: string) => Piece = (value) => value): Piece {
  const shown = values.slice(0, VALUES).map((value, i) => html`${i === 0 ? '' : ', '}${link(value)}`);
  return values.length > VALUES ? html`${shown}, ${words.more(values.length - VALUES)}` : html`${shown}`;
}

function overview({ incident, evidence, acknowledgements, aliases }: IncidentStory, context: Context): Html {
  const { words, texts, zone } = context;
  const { headings } = words;
  const last = acknowledgements.at(-1);
  const rows: [string, Piece][] = [
    [
      headings.about,
      incident.subject.type === 'account' ? accountLink(incident.subject.value) : words.subject(incident.subject),
    ],
    [headings.began, timeOf(incident.openedAt, context)],
    [
      headings.last,
      html`${timeOf(incident.updatedAt, context)} (+ ${words.duration(incident.updatedAt - incident.openedAt)})`,
    ],
    [headings.loss, incident.loss === null ? null : html`<b>${words.loss(incident.loss)}</b>`],
    [headings.accounts, incident.accounts.length === 0 ? null : some(incident.accounts, context, accountLink)],
    [headings.sources, incident.sources.length === 0 ? null : some(incident.sources, context)],
    [headings.numbers, some(numbersOf(evidence), context)],
    [
      headings.calls,
      incident.calls.length === 0
        ? null
        : html`<details>
            <summary>${incident.calls.length}</summary>
            ${some(incident.calls, context)}
          </details>`,
    ],
    [
      headings.acknowledged,
      incident.acknowledgedAt === null || last === undefined
        ? headings.nobody
        : words.acknowledgedBy(last.who, last.at, last.note, zone),
    ],
    [headings.incident, html`<code>${incident.id}</code>`],
    [headings.aliases, aliases.length === 0 ? null : some(aliases, context)],
    [texts.evidence, incident.evidenceCount],
  ];
  return facts(
    rows.filter(
      ([, value]) => value !== null && (typeof value !== 'object' || !('text' in value) || value.text !== ''),
    ),
  );
}

function factsOf({ facts: all }: Evidence, { words, zone }: Context): Html {
  const told = Object.entries(all).map(([name, value]) => words.fact(name, value, zone));
  return html`<ul class="told">
    ${told.map(([name, value]) => html`<li><span>${name}</span> ${value}</li>`)}
  </ul>`;
}

function entry(each: Entry, context: Context): Html {
  const { words, zone, texts } = context;
  const line = (mark: Piece, body: Piece, kind: string): Html =>
    html`<li class="${kind}">
      <time datetime="${new Date(each.at).toISOString()}">${words.clock(each.at, zone)}</time>
      <div>${mark} ${body}</div>
    </li>`;
  switch (each.kind) {
    case 'seen': {
      const { evidence } = each;
      const more =
        Object.keys(evidence.facts).length === 0
          ? ''
          : html`<details>
              <summary>${texts.factsOf} <code>${evidence.detector}</code></summary>
              ${factsOf(evidence, context)}
            </details>`;
      return line(
        chip(evidence.severity, context),
        html`${words.summary(evidence)}${more}`,
        `seen ${evidence.severity}`,
      );
    }
    case 'moment':
      return line('', words.fact(each.fact, null, zone)[0], 'moment');
    case 'decided': {
      const [first] = each.decisions;
      const others = each.decisions.length <= 1 ? '' : `, ${words.alike(each.decisions.length - 1)}`;
      return line(
        badge('quiet', words.headings.decided),
        first === undefined ? '' : `${words.decision(first, zone)}${others}`,
        'decided',
      );
    }
    case 'acknowledged':
      return line(
        badge('good', words.headings.looked),
        words.acknowledgedBy(each.who, each.at, each.note, zone),
        'looked',
      );
  }
}

function timeline(story: IncidentStory, context: Context): Html {
  const { words, zone } = context;
  const { entries, left } = timelineOf(story, ENTRIES);
  const days = new Map<string, Entry[]>();
  for (const each of entries) days.set(words.day(each.at, zone), [...(days.get(words.day(each.at, zone)) ?? []), each]);
  const parts = [...days].map(
    ([day, all]) =>
      html`<h3>${day}</h3>
        <ol class="timeline">
          ${all.map((each) => entry(each, context))}
        </ol>`,
  );
  return html`${parts}${left > 0 ? html`<p class="more">${words.more(left)}</p>` : ''}`;
}

function decided(story: IncidentStory, context: Context): Html {
  const { words, zone, texts } = context;
  const { decisions, failures } = story;
  if (decisions.length === 0) return empty(words.headings.nothingDone);
  const row = (decision: Decision): Html => {
    const code = failures?.get(decision.id);
    const tone =
      decision.state === 'done'
        ? 'good'
        : decision.state === 'failed'
          ? 'bad'
          : decision.state === 'pending'
            ? 'odd'
            : 'quiet';
    return html`<li>
      ${badge(tone, texts.decisionStates(decision.state))}
      ${words.decision(decision, zone)}${code === undefined ? '' : `: ${words.failure(code)}`}
      <small>${words.reason(decision.why)}</small>
    </li>`;
  };
  const only = decisions.every(({ state }) => state === 'observed') ? html`<p>${words.headings.onlyObserved}</p>` : '';
  const more =
    decisions.length > DECISIONS ? html`<p class="more">${words.more(decisions.length - DECISIONS)}</p>` : '';
  return html`${only}
    <ul class="plain">
      ${decisions.slice(0, DECISIONS).map(row)}
    </ul>
    ${more}`;
}

const advice = (all: readonly Advice[]): Html =>
  html`<ol class="advice">
    ${all.map(
      ({ text, command, settings = [] }) =>
        html`<li>
          ${text}${command === undefined ? '' : html`<pre tabindex="0">${command}</pre>`}${settings.length === 0 ? '' : html`<pre class="settings" tabindex="0">${lines(settings)}</pre>`}
        </li>`,
    )}
  </ol>`;

function rules(story: IncidentStory, context: Context): Html {
  const { words, zone } = context;
  const broken = brokenBy(story.evidence, story.rules);
  return html`${broken.map(({ detector, summary, rules: said, usual, settings }) => {
    const measured = settings.filter(({ seen }) => seen !== null);
    const rows = (measured.length > 0 ? measured : settings)
      .toSorted((a, b) => Number(b.met) - Number(a.met))
      .slice(0, VALUES);
    return html`<h3><code>${detector}</code></h3>
      <p>${summary}</p>
      <ul class="plain">
        ${said.map((each) => html`<li>${words.met(each)}</li>`)}${usual.map(([name, value]) => html`<li>${words.fact(name, value, zone).join(': ')}</li>`)}${rows.map(({ setting, value, seen, help, met }) => html`<li${met ? html` class="met"` : ''}><code>${setting} = ${value}</code> ${seen === null ? '' : `(${words.measured(seen)})`} ${help}</li>`)}
      </ul>`;
  })}`;
}

function places(story: IncidentStory, context: Context): Html {
  const { view, words } = context;
  const site = view.site();
  const sources = story.incident.sources.slice(0, PLACES).map((what) => ({
    what,
    country: site.networks.isLocal(what) || site.networks.isPbx(what) ? site.country : view.countryOf(what),
  }));
  const destinations = numbersOf(story.evidence)
    .slice(0, PLACES)
    .map((dialled) => site.number(dialled))
    .map((number) => ({
      what: words.number(number),
      country: number.country ?? (number.international ? null : site.country),
    }));
  return worldMap(context, sources, destinations);
}

function buttons(story: IncidentStory, context: Context): Html {
  const { texts } = context;
  const { incident, decisions } = story;
  const to = (verb: string): string => `${pathTo('incidents', incident.id)}/${verb}`;
  const from = `?from=${pathTo('incidents', incident.id)}`;
  const note = (id: string): Html => whyField(id, context);
  const standing = decisions.some(({ state }) => state === 'done' || state === 'pending');
  const blocks = [
    ...incident.accounts.map((value) => ['account', value] as const),
    ...incident.sources.map((value) => ['address', value] as const),
  ].slice(0, BUTTONS);
  const one = ([kind, value]: readonly [string, string], i: number): Html =>
    behind(
      `block-${i}`,
      `${texts.block}: ${texts.blockKinds(kind)} ${value}`,
      form(
        context,
        `/act/block${from}`,
        html`<input type="hidden" name="kind" value="${kind}" /><input
            type="hidden"
            name="value"
            value="${value}"
          />${spanField(`block-${i}-for`, context)}${note(`block-${i}-why`)}<button class="danger">
            ${texts.block}
          </button>`,
      ),
    );
  return html`<div class="acts">
    ${behind('ack', texts.acknowledge, form(context, to('acknowledge'), html`${note('ack-why')}<button>${texts.acknowledge}</button>`), 'first')}
    ${standing ? behind('undo', texts.undoAll, form(context, `/act/unblock${from}`, html`<input type="hidden" name="id" value="${incident.id}" />${note('undo-why')}<button>${texts.undo}</button>`)) : ''}
    ${behind(
      'false',
      texts.falseAlarm,
      form(
        context,
        to('false-alarm'),
        html`<p>${texts.falseAlarmMeans}</p>
          ${note('false-why')}<button>${texts.falseAlarm}</button>`,
      ),
    )}
    ${blocks.map(one)}
  </div>`;
}

/** What would have let it pass: offered when somebody says that nobody meant harm. */
function innocent(story: IncidentStory, context: Context): Html {
  const { words, texts, query } = context;
  const { incident, evidence } = story;
  const said = query.has('false-alarm');
  const all = words.legitimate(incident, evidence, brokenBy(evidence, story.rules));
  const account = incident.subject.type === 'account' ? incident.subject.value : incident.accounts[0];
  const allow =
    account === undefined || !mayAct(context)
      ? ''
      : behind(
          'allow',
          texts.allow(account),
          form(
            context,
            `/act/allow?from=${pathTo('incidents', incident.id)}`,
            html`<input
                type="hidden"
                name="account"
                value="${account}"
              />${spanField('allow-for', context, '7d')}${whyField('allow-why', context)}<button>
                ${texts.allow(account)}
              </button>`,
          ),
        );
  return html`${said ? html`<p class="flash done" role="status">${texts.falseAlarmSaid}</p>` : ''}${advice(all)}${allow}`;
}

export function make(context: Context, [asked = '']: readonly string[]): Made | null {
  const { view, words, texts } = context;
  const found = asked.length < 4 ? null : view.store.resolve(asked);
  const story = found?.kind === 'incident' ? storyOf(view, found.id) : null;
  if (story === null) return null;
  const { incident, evidence, decisions, deliveries = [] } = story;
  const told = deliveries.slice(-20).map((each) => html`<li>${words.told(each, context.zone)}</li>`);
  const body = html`<p class="headline ${incident.severity}">
      ${chip(incident.severity, context)} <b>${words.headline(incident, evidence)}</b>
    </p>
    <p class="lead">${words.inShort(incident, evidence, decisions).join(' ')}</p>
    ${mayAct(context) ? buttons(story, context) : ''}
    ${columns(
      [
        card('map', texts.map, places(story, context)),
        card('timeline', words.headings.seen, timeline(story, context)),
        card('rules', words.headings.rules, rules(story, context)),
        card('innocent', words.headings.legitimate, innocent(story, context)),
      ],
      [
        card('facts', texts.facts, overview(story, context)),
        card('now', words.headings.now, advice(words.now(incident, evidence))),
        card('decisions', words.headings.done, decided(story, context)),
        card('undo-how', words.headings.undo, undoAdvice(decisions, context)),
        card(
          'told',
          words.headings.told,
          told.length === 0
            ? empty(texts.nobodyTold)
            : html`<ul class="plain">
                ${told}
              </ul>`,
        ),
      ],
    )}`;
  return { title: `${texts.incident} ${incident.id.slice(0, 8)}`, body };
}

function undoAdvice(decisions: readonly Decision[], { words }: Context): Html {
  const all = decisions.flatMap((each) => words.undo(each) ?? []);
  const distinct = all.filter((each, i) => all.findIndex(({ text }) => text === each.text) === i);
  return distinct.length === 0 ? empty(words.headings.nothingToUndo) : advice(distinct.slice(0, VALUES));
}

/** @throws RingfenceError when there is no such incident (any more) */
function known({ view, texts }: Context, asked: string): string {
  const found = view.store.resolve(asked);
  if (found.kind !== 'incident') throw new RingfenceError('usage', texts.noPage);
  return found.id;
}

export function acknowledge(context: Context, given: URLSearchParams, [asked = '']: readonly string[]): Done {
  const id = known(context, asked);
  const note = (given.get('why') ?? '').trim().slice(0, 400);
  context.view.store.acknowledge(id, { who: context.visitor.name, note });
  return { to: pathTo('incidents', id), kind: 'done', text: context.texts.acknowledged };
}

export function falseAlarm(context: Context, given: URLSearchParams, [asked = '']: readonly string[]): Done {
  const id = known(context, asked);
  const note = (given.get('why') ?? '').trim().slice(0, 380);
  const who = context.visitor.name;
  context.view.store.acknowledge(id, {
    who,
    note: note === '' ? context.texts.falseAlarm : `${context.texts.falseAlarm}: ${note}`,
  });
  return {
    to: `${pathTo('incidents', id)}?false-alarm=1#innocent-title`,
    kind: 'done',
    text: context.texts.acknowledged,
  };
}
