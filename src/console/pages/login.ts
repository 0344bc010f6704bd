import type { ConsoleWords } from '../../words/index.ts';
import { html, type Html } from '../html.ts';
import { bare } from '../layout.ts';
import { field } from '../parts.ts';

export function loginPage(
  texts: ConsoleWords,
  language: string,
  { csrf, next, failed }: { readonly csrf: string; readonly next: string; readonly failed: string | null },
): Html {
  return bare(
    texts.logIn,
    language,
    html`<h1>${texts.logIn}</h1>
      ${failed === null ? '' : html`<p class="flash failed" role="alert">${failed}</p>`}
      <form method="post" action="/login">
        <input type="hidden" name="csrf" value="${csrf}" /><input type="hidden" name="next" value="${next}" />
        ${field('name', texts.name, html`<input id="name" name="name" autocomplete="username" required maxlength="64" autofocus />`)}
        ${field('password', texts.password, html`<input id="password" name="password" type="password" autocomplete="current-password" required maxlength="256" />`)}
        <button>${texts.logIn}</button>
      </form>`,
  );
}

/** Something is not so; `command` is what mends it. */
export const failurePage = (texts: ConsoleWords, language: string, text: string, command: string | null): Html =>
  bare(
    texts.sorry,
    language,
    html`<h1>${texts.sorry}</h1>
      <p>${text}</p>
      ${command === null ? '' : html`<pre>${command}</pre>`}
      <p><a href="/">${texts.toStart}</a></p>`,
  );
