import type { AuditRow } from '../../store/index.ts';
import type { Context, Made } from '../context.ts';
import { html, type Piece } from '../html.ts';
import { badge, card, empty, incidentLink, table, timeOf } from '../parts.ts';

const PAGE = 50;
const DETAILS = 300;

/** Details as `name: value`, as they were told. */
function detailsOf(text: string): string {
  try {
    return Object.entries(JSON.parse(text) as Record<string, unknown>)
      .filter(([, value]) => value !== null && value !== '')
      .map(([name, value]) => `${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`)
      .join('; ')
      .slice(0, DETAILS);
  } catch {
    return text.slice(0, DETAILS);
  }
}

export function make(context: Context): Made {
  const { view, texts, query } = context;
  const { audit } = view.store;
  const head = audit.head();
  const asked = Number(query.get('before') ?? head.seq + 1);
  const before = Number.isSafeInteger(asked) && asked > 0 ? Math.min(asked, head.seq + 1) : head.seq + 1;
  const rows = audit
    .after(Math.max(0, before - 1 - PAGE), PAGE)
    .filter(({ seq }) => seq < before)
    .reverse();
  const columns = [
    { title: texts.heads.number, right: true, head: true, short: true },
    { title: texts.heads.when, short: true },
    { title: texts.heads.who, short: true },
    { title: texts.heads.what, short: true },
    { title: texts.heads.whom },
    { title: texts.heads.details },
  ];
  const cells = rows.map(({ seq, at, actor, action, target, details }: AuditRow): Piece[] => [
    seq,
    timeOf(at, context),
    actor.startsWith('hand:') ? html`<b>${actor.slice(5)}</b>` : badge('quiet', actor),
    html`<code>${action}</code>`,
    action.startsWith('incident.') ? incidentLink(target, target) : target,
    detailsOf(details),
  ]);
  const unguarded = audit.unguarded();
  const older = rows.at(-1)?.seq ?? 0;
  const body = html`<p>${texts.auditIntro} <code>ringfence audit verify</code></p>
    ${unguarded.length === 0 ? '' : html`<p class="flash failed" role="alert">${texts.unguarded}: ${unguarded.join(', ')}</p>`}
    <p class="digest">${texts.headOfTrail} <code>${head.seq}:${head.hash}</code></p>
    ${rows.length === 0 ? empty(texts.nothingYet) : table(texts.places.audit, columns, cells)}
    <nav class="pager" aria-label="${texts.pages}">
      ${before <= head.seq ? html`<a href="/audit">${texts.newest}</a>` : ''}${older > 1 && rows.length === PAGE ? html`<a href="/audit?before=${older}" rel="next">${texts.older}</a>` : ''}
    </nav>`;
  return { title: texts.places.audit, body: card('audit', texts.auditTrail, body) };
}
