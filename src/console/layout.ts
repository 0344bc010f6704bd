import type { Context, Made } from './context.ts';
import { html, raw, type Html } from './html.ts';
import { form } from './parts.ts';
import { ASSETS } from './assets.ts';

export const PLACES = ['now', 'incidents', 'accounts', 'traffic', 'blocks', 'keys', 'audit', 'settings'] as const;
export type Place = (typeof PLACES)[number];

const pathOf = (place: Place): string => (place === 'now' ? '/' : `/${place}`);

const MARK = raw(
  '<svg class="mark" viewBox="0 0 32 32" width="28" height="28" aria-hidden="true"><path d="M16 2 4 6v9c0 8 5 12.5 12 15 7-2.5 12-7 12-15V6z" fill="none" stroke="currentColor" stroke-width="2.4"/><path d="M16 8a8 8 0 0 1 8 8M16 12a4 4 0 0 1 4 4" fill="none" stroke="currentColor" stroke-width="2.4" stroke-linecap="round"/><circle cx="16" cy="16" r="2" fill="currentColor"/></svg>',
);

const head = (title: string, language: string): Html =>
  html`<!DOCTYPE html>
    <html lang="${language}">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${title}</title>
        <link rel="stylesheet" href="${ASSETS.style.path}" />
        <link rel="icon" href="${ASSETS.icon.path}" type="image/svg+xml" />
        <script src="${ASSETS.script.path}" defer></script>
      </head>
    </html>`;

/** @param live where the page's live parts come from; null: it has none */
export function layout(context: Context, place: Place | null, made: Made, live: string | null): Html {
  const { texts, visitor, view, words, now } = context;
  const site = view.site().name;
  const nav = PLACES.map(
    (each) =>
      html`<li>
        <a href="${pathOf(each)}" ${each === place ? html` aria-current="page"` : ''}>${texts.places[each]}</a>
      </li>`,
  );
  const out = visitor.own ? form(context, '/logout', html`<button class="plain">${texts.logOut}</button>`) : html``;
  const { flash } = visitor;
  visitor.flash = null;
  const told =
    flash === null
      ? ''
      : html`<p class="flash ${flash.kind}" role="${flash.kind === 'done' ? 'status' : 'alert'}">${flash.text}</p>`;
  return html`${head(`${made.title} · ${site} · ringfence`, words.language)}
<body data-now="${now}" data-currency="${view.site().currency}"${live === null ? '' : html` data-live="${live}"`}>
<a class="skip" href="#main">${texts.skip}</a>
<header class="bar">
<a class="brand" href="/">${MARK}<span>ringfence</span></a>
<nav aria-label="${texts.navigation}"><ul>${nav}</ul></nav>
<div class="who"><span class="site">${site}</span><span>${visitor.name} <small>(${texts.roles[visitor.role]})</small></span>${out}</div>
</header>
<main id="main" tabindex="-1">
<div class="title"><h1>${made.title}</h1>${live === null ? '' : html`<p class="live" id="live" data-on="${texts.live}" data-off="${texts.lost}"></p>`}</div>
${told}
<p id="news" role="status" class="news"></p>
${made.body}
</main>
</body>
</html>`;
}

/** A page without anybody: the log-in, and what is wrong with it. */
export const bare = (
  title: string,
  language: string,
  body: Html,
): Html => html`${head(`${title} · ringfence`, language)}
<body class="bare">
<main id="main">
<p class="brand">${MARK}<span>ringfence</span></p>
${body}
</main>
</body>
</html>`;
