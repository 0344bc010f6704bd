import type { Context, Made } from '../context.ts';
import { html, type Piece } from '../html.ts';
import { accountLink, badge, card, empty, table } from '../parts.ts';

const SHOWN = 200;

export function make(context: Context): Made {
  const { view, texts, words, query, now } = context;
  const wanted = (query.get('q') ?? '').trim().toLowerCase().slice(0, 64);
  const { byAccount: bindings } = view.registrations();
  const names = [...new Set([...view.accounts(), ...bindings.keys()])]
    .filter((name) => name.toLowerCase().includes(wanted))
    .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  const blocked = new Set(
    view
      .standing()
      .flatMap(({ kind, value, refuses }) =>
        refuses && (kind === 'account' || kind === 'international') ? [value] : [],
      ),
  );
  const rows = names.slice(0, SHOWN).map((name): Piece[] => {
    const all = bindings.get(name) ?? [];
    const last = Math.max(0, ...all.map(({ lastRefresh }) => lastRefresh));
    const [certificate] = view.store.certificates.ofAccount(name);
    const open =
      view.store.incidents.list({ subject: { type: 'account', value: name }, acknowledged: false, limit: 1 }).incidents
        .length > 0;
    return [
      accountLink(name),
      all.length === 0 ? badge('quiet', texts.notRegistered) : badge('good', texts.registeredOnce(all.length)),
      all
        .map(({ source }) => source ?? '?')
        .slice(0, 3)
        .join(', '),
      last === 0 ? '–' : texts.ago(words.duration(Math.max(0, now - last))),
      certificate === undefined ? '–' : badge('good', texts.hasKey),
      html`${open ? badge('bad', texts.openIncidents) : ''} ${blocked.has(name) ? badge('odd', texts.blockedNow) : ''}`,
    ];
  });
  const columns = [
    { title: texts.heads.account, head: true, short: true },
    { title: texts.registrations },
    { title: texts.heads.from },
    { title: texts.heads.last, short: true },
    { title: texts.heads.key },
    { title: texts.heads.state },
  ];
  const more = names.length > SHOWN ? html`<p class="more">${words.more(names.length - SHOWN)}</p>` : '';
  const search = html`<form method="get" action="/accounts" class="filters" role="search">
    <p class="field grow">
      <label for="q">${texts.search}</label
      ><input type="search" id="q" name="q" value="${query.get('q') ?? ''}" maxlength="64" />
    </p>
    <button>${texts.show}</button>
  </form>`;
  const body = html`${search}${rows.length === 0 ? empty(texts.noAccounts) : table(texts.places.accounts, columns, rows)}${more}`;
  return { title: texts.places.accounts, body: card('accounts', texts.places.accounts, body) };
}
