import { html, raw, type Html } from './html.ts';

/** A line or a row of bars. */
export interface Series {
  readonly name: string;
  /** one of the colours of the style sheet: a to d */
  readonly colour: 'a' | 'b' | 'c' | 'd';
  /** null: nothing is known of that step */
  readonly values: readonly (number | null)[];
}

export interface Chart {
  readonly title: string;
  readonly unit: string;
  readonly kind: 'bars' | 'lines';
  readonly series: readonly Series[];
  /** texts below, by the index of their step */
  readonly marks: readonly (readonly [index: number, text: string])[];
  /** a sentence for those who see no picture */
  readonly summary: string;
}

const WIDTH = 800;
const HEIGHT = 230;
const LEFT = 62;
const BOTTOM = 26;
const TOP = 12;

/** The next round number above. */
export function ceiling(value: number): number {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [1, 2, 3, 4, 5, 6, 8, 10].find((each) => each * power >= value * (1 - 1e-9)) ?? 10;
  return step * power;
}

const short = (value: number): string =>
  value >= 10_000
    ? `${Math.round(value / 1000)}k`
    : value >= 10 || Number.isInteger(value)
      ? String(Math.round(value))
      : value.toFixed(1);
const r = (value: number): string => value.toFixed(1).replace(/\.0$/, '');

/** A chart as SVG: shapes and texts with classes, no style of its own, no script. */
export function chart({ title, unit, kind, series, marks, summary }: Chart): Html {
  const steps = Math.max(1, ...series.map(({ values }) => values.length));
  const totals = Array.from({ length: steps }, (_, i) => series.reduce((sum, { values }) => sum + (values[i] ?? 0), 0));
  const most =
    kind === 'bars' ? Math.max(...totals) : Math.max(0, ...series.flatMap(({ values }) => values.map((v) => v ?? 0)));
  const top = ceiling(kind === 'bars' ? Math.max(4, most) : most);
  const wide = (WIDTH - LEFT) / steps;
  const y = (value: number): number => TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / top);
  const shapes = kind === 'bars' ? bars(series, wide, y) : series.map((one) => line(one, wide, y));
  const grid = [0, 0.5, 1].map(
    (share) =>
      html`<line class="rule" x1="${LEFT}" x2="${WIDTH}" y1="${r(y(top * share))}" y2="${r(y(top * share))}" /><text
          class="tick"
          x="${LEFT - 6}"
          y="${r(y(top * share) + 4)}"
          text-anchor="end"
          >${short(top * share)}</text
        >`,
  );
  const below = marks.map(
    ([index, text]) =>
      html`<text class="tick" x="${r(LEFT + (index + 0.5) * wide)}" y="${HEIGHT - 5}" text-anchor="middle"
        >${text}</text
      >`,
  );
  const legend = series.map(({ name, colour }) => html`<li><span class="swatch ${colour}"></span>${name}</li>`);
  return html`<figure class="chart">
    <figcaption>
      <h3>${title} <small>${unit}</small></h3>
      <ul class="legend">
        ${legend}
      </ul>
    </figcaption>
    <svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${title}: ${summary}">${grid}${shapes}${below}</svg>
  </figure>`;
}

function bars(series: readonly Series[], wide: number, y: (value: number) => number): Html[] {
  const steps = Math.max(0, ...series.map(({ values }) => values.length));
  const below: number[] = Array.from({ length: steps }, () => 0);
  return series.map(({ values, colour }) => {
    let path = '';
    for (const [i, value] of values.entries()) {
      if (value === null || value <= 0) continue;
      const from = below[i] ?? 0;
      below[i] = from + value;
      const x = LEFT + i * wide;
      path += `M${r(x)} ${r(y(from))}V${r(y(from + value))}h${r(Math.max(0.5, wide - Math.min(1, wide / 4)))}V${r(y(from))}z`;
    }
    return html`<path class="fill ${colour}" d="${raw(path)}" />`;
  });
}

/** A gap in what is known is a gap in the line. */
function line({ values, colour }: Series, wide: number, y: (value: number) => number): Html {
  let path = '';
  let drawing = false;
  for (const [i, value] of values.entries()) {
    if (value === null) {
      drawing = false;
      continue;
    }
    const at = `${r(LEFT + (i + 0.5) * wide)} ${r(y(value))}`;
    path += drawing ? `L${at}` : `M${at}h.1`;
    drawing = true;
  }
  return html`<path class="line ${colour}" d="${raw(path)}" />`;
}

/** A small course without numbers, beside one. */
export function spark(values: readonly number[], label: string): Html {
  const top = Math.max(1, ...values);
  const wide = 96 / Math.max(1, values.length);
  const path = values
    .map((value, i) => (value === 0 ? '' : `M${r(i * wide)} 20v${r((-18 * value) / top)}h${r(wide * 0.8)}V20z`))
    .join('');
  return html`<svg
    class="spark"
    viewBox="0 0 96 20"
    role="img"
    aria-label="${label}: ${values.reduce((a, b) => a + b, 0)}"
  >
    <path class="rule" d="M0 19.5H96" />
    <path class="fill a" d="${raw(path)}" />
  </svg>`;
}

/** Hours of a week as a field of seven by twenty-four; the shade of a cell is its share of the most. */
export function heatMap(
  hours: readonly number[],
  days: readonly string[],
  texts: { readonly label: string; cell(day: string, hour: number, value: string): string },
  format: (value: number) => string,
): Html {
  const most = Math.max(...hours, 0);
  const cells = hours.map((value, i) => {
    // by the square root, so that quiet hours show too
    const shade = most <= 0 || value <= 0 ? 0 : Math.max(1, Math.ceil(Math.sqrt(value / most) * 8));
    const [day, hour] = [Math.floor(i / 24), i % 24];
    const text = texts.cell(days[day] ?? '', hour, format(value));
    return html`<rect class="h${shade}" x="${40 + hour * 30}" y="${20 + day * 26}" width="28" height="24" rx="3"
      ><title>${text}</title></rect
    >`;
  });
  const hoursText = [0, 3, 6, 9, 12, 15, 18, 21].map(
    (hour) =>
      html`<text class="tick" x="${40 + hour * 30 + 14}" y="13" text-anchor="middle"
        >${String(hour).padStart(2, '0')}</text
      >`,
  );
  const dayText = days.map(
    (day, i) => html`<text class="tick" x="34" y="${20 + i * 26 + 17}" text-anchor="end">${day.slice(0, 2)}</text>`,
  );
  return html`<svg class="heat" viewBox="0 0 762 204" role="img" aria-label="${texts.label}">
    ${hoursText}${dayText}${cells}
  </svg>`;
}
