import type { Millis } from '../../model.ts';
import { HOUR } from '../../time.ts';
import { chart, type Chart } from '../charts.ts';
import type { Context, Fragments, Made } from '../context.ts';
import { html, type Html, type Piece } from '../html.ts';
import { card, table } from '../parts.ts';
import { STEP, type TrafficStep } from '../traffic.ts';

/** A mark at every third hour. */
function marks(steps: readonly TrafficStep[], { words, zone }: Context): [number, string][] {
  return steps.flatMap(({ at }, i): [number, string][] => {
    const clock = words.clock(at, zone).slice(0, 5);
    return clock.endsWith(':00') && Number(clock.slice(0, 2)) % 3 === 0 && i > 2 && i < steps.length - 3
      ? [[i, clock]]
      : [];
  });
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
const most = (values: readonly (number | null)[]): number => Math.max(0, ...values.map((value) => value ?? 0));

function charts(steps: readonly TrafficStep[], context: Context): Chart[] {
  const { texts } = context;
  const below = marks(steps, context);
  const of = <K extends keyof TrafficStep>(name: K): TrafficStep[K][] => steps.map((step) => step[name]);
  const times = (title: string, values: readonly (readonly [number | null, number | null])[]): Chart => ({
    ...{ title, unit: 'ms', kind: 'lines', marks: below },
    series: [
      { name: texts.median, colour: 'a', values: values.map(([median]) => median) },
      { name: texts.p95, colour: 'c', values: values.map(([, p95]) => p95) },
    ],
    summary: texts.mostOf(String(Math.round(most(values.map(([, p95]) => p95)))), 'ms'),
  });
  return [
    {
      ...{ title: texts.callsChart, unit: texts.perStep, kind: 'bars', marks: below },
      series: [
        { name: texts.outbound, colour: 'a', values: of('outbound') },
        { name: texts.inboundCalls, colour: 'b', values: of('inbound') },
      ],
      summary: texts.trafficSum(sum(of('outbound')), sum(of('inbound'))),
    },
    times(texts.pdd, of('pdd')),
    times(texts.registerTime, of('register')),
    {
      ...{ title: texts.retransmissions, unit: texts.perStep, kind: 'bars', marks: below },
      series: [
        { name: texts.retransmissions, colour: 'c', values: of('retransmissions') },
        { name: texts.refusedCalls, colour: 'd', values: of('refused') },
      ],
      summary: texts.mostOf(String(most(of('retransmissions'))), texts.perStep),
    },
  ];
}

/** The same as numbers, an hour a row: for those who see no pictures. */
function hours(steps: readonly TrafficStep[], { texts, words, zone }: Context): Html {
  const byHour = new Map<Millis, TrafficStep[]>();
  for (const step of steps) {
    const hour = Math.floor(step.at / HOUR) * HOUR;
    byHour.set(hour, [...(byHour.get(hour) ?? []), step]);
  }
  const ms = (value: number): string => (value === 0 ? '–' : `${Math.round(value)}`);
  const rows = [...byHour]
    .reverse()
    .map(([hour, all]): Piece[] => [
      words.clock(hour, zone).slice(0, 5),
      sum(all.map(({ outbound }) => outbound)),
      sum(all.map(({ inbound }) => inbound)),
      ms(most(all.map(({ pdd }) => pdd[1]))),
      ms(most(all.map(({ register }) => register[1]))),
      sum(all.map(({ retransmissions }) => retransmissions)),
    ]);
  const right = true;
  return table(
    texts.places.traffic,
    [
      { title: texts.heads.hour, head: true },
      { title: texts.outbound, right },
      { title: texts.inboundCalls, right },
      { title: `${texts.pdd} (ms)`, right },
      { title: `${texts.registerTime} (ms)`, right },
      { title: texts.retransmissions, right },
    ],
    rows,
  );
}

const drawn = (context: Context): Html => {
  const all = charts(context.view.traffic.steps(context.now), context);
  return html`<div class="charts">${all.map((each) => chart(each))}</div>`;
};

export function make(context: Context): Made {
  const { texts, view, now } = context;
  const body = html`<p>${texts.trafficIntro(STEP / 60_000)}</p>
    ${card('charts', texts.lastDay, drawn(context))}
    <details class="numbers" id="numbers">
      <summary>${texts.asNumbers}</summary>
      ${hours(view.traffic.steps(now), context)}
    </details>`;
  return { title: texts.places.traffic, body };
}

/** Five minutes are one step: between two the picture is the same, and nothing is sent. */
export const live = (context: Context): Fragments => new Map([['charts', drawn(context)]]);
