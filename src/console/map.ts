import type { Context } from './context.ts';
import { html, raw, type Html } from './html.ts';
import { ASSETS } from './assets.ts';
import { MIDDLES, OUTLINES, WORLD_HEIGHT, WORLD_WIDTH } from './world.ts';

/** Something that is somewhere: an address that calls came from, a number that they went to. */
export interface Placed {
  readonly what: string;
  /** ISO 3166-1; null: nobody knows */
  readonly country: string | null;
}

type Point = readonly [number, number];

/** Countries with what is in each, in the order in which they come. */
function byCountry(all: readonly Placed[]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const { what, country } of all) {
    const key = country ?? '';
    found.set(key, [...(found.get(key) ?? []), what]);
  }
  return found;
}

/** A bow from one point to another, higher the longer it is. */
function bow([x, y]: Point, [u, v]: Point): string {
  const away = Math.hypot(u - x, v - y);
  return `M${x} ${y}Q${((x + u) / 2).toFixed(1)} ${Math.max(2, Math.min(y, v) - away / 4).toFixed(1)} ${u} ${v}`;
}

const SHOWN = 12;

/** In the site's language; the code where there is no name. */
function countryName(country: string, language: string): string {
  try {
    return new Intl.DisplayNames([language], { type: 'region' }).of(country) ?? country;
  } catch {
    return country;
  }
}

/**
 * Where calls came from and where they went, on a map of our own: nothing is fetched from anywhere. The lists below it say the
 * same in words.
 */
export function worldMap(context: Context, sources: readonly Placed[], destinations: readonly Placed[]): Html {
  const { texts, words, view } = context;
  const home = view.site().country;
  const [from, to] = [byCountry(sources), byCountry(destinations)];
  const middle = MIDDLES[home];
  const marks = (countries: Iterable<string>, kind: 'source' | 'target'): Html[] =>
    [...countries].flatMap((country) => {
      const point = MIDDLES[country];
      if (point === undefined) return [];
      const outline = OUTLINES[country];
      const name = countryName(country, words.language);
      const shape =
        outline === undefined ? '' : html`<path class="land ${kind}" d="${raw(outline)}"><title>${name}</title></path>`;
      const line =
        middle === undefined || country === home
          ? ''
          : html`<path class="bow ${kind}" d="${kind === 'source' ? bow(point, middle) : bow(middle, point)}" />`;
      return [
        html`${shape}${line}<circle class="spot ${kind}" cx="${point[0]}" cy="${point[1]}" r="4"
            ><title>${name}</title></circle
          >`,
      ];
    });
  const homeMark =
    middle === undefined
      ? ''
      : html`<circle class="spot home" cx="${middle[0]}" cy="${middle[1]}" r="4.5"
          ><title>${texts.home}</title></circle
        >`;
  const listed = (title: string, places: ReadonlyMap<string, readonly string[]>, kind: string): Html => {
    const rows = [...places].map(([country, all]) => {
      const where = country === '' ? texts.unknownPlace : countryName(country, words.language);
      const rest = all.length > SHOWN ? `, ${words.more(all.length - SHOWN)}` : '';
      return html`<li>
        <span class="swatch ${kind}"></span><b>${where}</b> ${all.slice(0, SHOWN).join(', ')}${rest}
      </li>`;
    });
    return html`<div>
      <h3>${title}</h3>
      ${
        rows.length === 0
          ? html`<p class="empty">–</p>`
          : html`<ul class="plain">
              ${rows}
            </ul>`
      }
    </div>`;
  };
  const label = `${texts.map}: ${texts.sources} ${from.size}, ${texts.destinations} ${to.size}`;
  return html`<svg class="map" viewBox="0 0 ${WORLD_WIDTH} ${WORLD_HEIGHT}" role="img" aria-label="${label}">
      <image href="${ASSETS.world.path}" width="${WORLD_WIDTH}" height="${WORLD_HEIGHT}" />
      ${marks(to.keys(), 'target')}${marks(from.keys(), 'source')}${homeMark}
    </svg>
    <div class="two">${listed(texts.sources, from, 'source')}${listed(texts.destinations, to, 'target')}</div>`;
}
