import type { Severity } from '../model.ts';
import type { Context } from './context.ts';
import { html, type Html, type Piece } from './html.ts';

/** A path of ours with a value of anybody's in it. Half a surrogate pair cannot be percent-encoded. */
export const pathTo = (...parts: readonly string[]): string =>
  `/${parts.map((part) => encodeURIComponent(part.replaceAll(/\p{Cs}/gu, '\ufffd'))).join('/')}`;

export const chip = (severity: Severity, { words }: Context): Html =>
  html`<span class="chip ${severity}">${words.severity(severity)}</span>`;

export type Tone = 'good' | 'bad' | 'odd' | 'quiet';
export const badge = (tone: Tone, text: string): Html => html`<span class="badge ${tone}">${text}</span>`;

/** A time for people and machines. */
export const timeOf = (at: number, { words, zone }: Context): Html =>
  html`<time datetime="${new Date(at).toISOString()}" title="${words.time(at, zone)}">${words.minute(at, zone)}</time>`;

export interface Column {
  readonly title: string;
  /** numbers stand right */
  readonly right?: boolean;
  /** the column that names its row */
  readonly head?: boolean;
  /** what is short as a rule stays on one line, and ends in … where it is not */
  readonly short?: boolean;
}

const classOf = ({ right, short }: Column): Html => {
  const names = [right === true ? 'right' : '', short === true ? 'short' : ''].filter((name) => name !== '').join(' ');
  return names === '' ? html`` : html` class="${names}"`;
};

/**
 * A table that becomes a list of cards where there is no room. Roles are written out, for browsers forget those of elements that
 * are laid out otherwise.
 */
export function table(caption: string, columns: readonly Column[], rows: readonly (readonly Piece[])[]): Html {
  const head = columns.map(
    (column) => html`<th scope="col" role="columnheader" ${classOf(column)}>${column.title}</th>`,
  );
  const body = rows.map((cells) => {
    const made = cells.map((cell, i) => {
      const column = columns[i] ?? { title: '' };
      const { title } = column;
      const kind = classOf(column);
      return column.head === true
        ? html`<th scope="row" role="rowheader" data-label="${title}" ${kind}><span>${cell}</span></th>`
        : html`<td role="cell" data-label="${title}" ${kind}><span>${cell}</span></td>`;
    });
    return html`<tr role="row">
      ${made}
    </tr> `;
  });
  return html`<table role="table">
    <caption class="unseen">
      ${caption}
    </caption>
    <thead role="rowgroup">
      <tr role="row">
        ${head}
      </tr>
    </thead>
    <tbody role="rowgroup">
      ${body}
    </tbody>
  </table>`;
}

/** A part of a page under a heading; `id` names it for links and live updates. */
export const card = (id: string, title: string, body: Piece, more: Piece = ''): Html =>
  html`<section class="card" aria-labelledby="${id}-title">
    <header>
      <h2 id="${id}-title">${title}</h2>
      ${more}
    </header>
    <div id="${id}">${body}</div>
  </section>`;

/** What matters most, and beside it what goes with it. */
export const columns = (main: readonly Html[], side: readonly Html[]): Html =>
  html`<div class="grid">
    <div>${main}</div>
    <div>${side}</div>
  </div>`;

export const empty = (text: string): Html => html`<p class="empty">${text}</p>`;

/** Names and values. */
export const facts = (rows: readonly (readonly [string, Piece])[]): Html =>
  html`<dl class="facts">
    ${rows.map(
      ([name, value]) =>
        html`<div>
          <dt>${name}</dt>
          <dd>${value}</dd>
        </div> `,
    )}
  </dl>`;

/** A number that one looks at from afar. */
export const tile = (label: string, value: Piece, tone: Tone = 'quiet', note: Piece = ''): Html =>
  html`<div class="tile ${tone}">
    <dt>${label}</dt>
    <dd>${value}</dd>
    ${note === '' ? '' : html`<dd class="note">${note}</dd>`}
  </div>`;

export const mayAct = ({ visitor }: Context): boolean => visitor.role === 'act';

/** A form with the token that proves that our page made it. */
export const form = ({ visitor }: Context, to: string, body: Piece, kind = ''): Html =>
  html`<form method="post" action="${to}" ${kind === '' ? '' : html` class="${kind}"`}>
    <input type="hidden" name="csrf" value="${visitor.csrf}" />${body}
  </form>`;

/** A button that asks once more: its form stands behind it, closed. */
export const behind = (id: string, label: string, body: Piece, kind = ''): Html =>
  html`<details class="act ${kind}" id="${id}">
    <summary>${label}</summary>
    <div class="sheet">${body}</div>
  </details>`;

export function field(id: string, label: string, input: Html): Html {
  return html`<p class="field"><label for="${id}">${label}</label>${input}</p>`;
}

export const textInput = (id: string, name: string, value = '', more: Html = html``): Html =>
  html`<input type="text" id="${id}" name="${name}" value="${value}" autocomplete="off" ${more} />`;

export function select(
  id: string,
  name: string,
  options: readonly (readonly [value: string, label: string])[],
  chosen: string,
): Html {
  const all = options.map(
    ([value, label]) => html`<option value="${value}" ${value === chosen ? html` selected` : ''}>${label}</option>`,
  );
  return html`<select id="${id}" name="${name}">
    ${all}
  </select>`;
}

/** An account by its name, with a link to its page. */
export const accountLink = (account: string): Html => html`<a href="${pathTo('accounts', account)}">${account}</a>`;
export const incidentLink = (id: string, text: Piece): Html => html`<a href="${pathTo('incidents', id)}">${text}</a>`;
