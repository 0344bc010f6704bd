import type { Context, Made } from '../context.ts';
import { html, raw, lines, type Html } from '../html.ts';
import { card } from '../parts.ts';

/** Sections of a settings text: a heading each, its lines coloured by what they are. */
function sectionsOf(text: string): { readonly name: string; readonly body: readonly string[] }[] {
  const sections: { name: string; body: string[] }[] = [{ name: '', body: [] }];
  for (const line of text.split('\n')) {
    const found = /^#?\[+([^\]]+)\]+/.exec(line);
    if (found?.[1] !== undefined) sections.push({ name: found[1], body: [line] });
    else sections.at(-1)?.body.push(line);
  }
  return sections.filter(({ body }) => body.some((line) => line.trim() !== ''));
}

const NEW_LINE = raw('\n');

function coloured(line: string): Html {
  if (line === '') return html``;
  if (line.startsWith('#')) return html`<span class="remark">${line}</span>`;
  const at = line.indexOf(' = ');
  if (at < 0) return html`<b>${line}</b>`;
  return html`<span class="key">${line.slice(0, at)}</span>${lines([line.slice(at)])}`;
}

export function make(context: Context): Made {
  const { view, texts } = context;
  const sections = sectionsOf(view.settings());
  const toc = sections.map(
    ({ name }, i) => html`<li><a href="#section-${i}">${name === '' ? texts.general : name}</a></li>`,
  );
  const body = sections.map(
    ({ name, body: all }, i) =>
      html`<section id="section-${i}" aria-label="${name === '' ? texts.general : name}">
        <pre class="settings" tabindex="0">
${all.filter((line, at) => line !== '' || at > 0).map((line) => [coloured(line), NEW_LINE])}</pre>
      </section>`,
  );
  return {
    title: texts.places.settings,
    body: html`<p>${texts.settingsIntro}</p>
      <div class="book">
        <nav class="toc" aria-label="${texts.sections}">
          <ul>
            ${toc}
          </ul>
        </nav>
        <div>${card('settings', texts.places.settings, body)}</div>
      </div>`,
  };
}
