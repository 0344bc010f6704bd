import { certificateState, type CertificateState, type IssuedCertificate } from '../../store/index.ts';
import type { Context, Fragments, Made } from '../context.ts';
import { html, type Html, type Piece } from '../html.ts';
import { accountLink, badge, card, empty, facts, table, timeOf, type Tone } from '../parts.ts';

const SHOWN = 300;
const SESSIONS = 100;

const TONES: Readonly<Record<CertificateState, Tone>> = {
  'not yet valid': 'quiet',
  live: 'good',
  retiring: 'odd',
  revoked: 'bad',
  expired: 'quiet',
};

function certificates(context: Context): Html {
  const { view, texts, words, now } = context;
  const all = view.store.certificates.all();
  if (all.length === 0) return empty(texts.noCertificates);
  const row = (each: IssuedCertificate): Piece[] => {
    const state = certificateState(each, now);
    return [
      each.use === 'account' ? accountLink(each.account) : texts.uses[each.use],
      badge(TONES[state], texts.keyStates(state)),
      html`<code>${each.kid.slice(0, 16)}</code>`,
      html`RSA ${each.bits}`,
      timeOf(each.notBefore, context),
      html`${timeOf(each.notAfter, context)}
        <small>${each.notAfter > now ? texts.left(words.duration(each.notAfter - now)) : ''}</small>`,
      each.reason ?? '',
    ];
  };
  const columns = [
    texts.heads.whom,
    texts.heads.state,
    texts.heads.key,
    texts.heads.kind,
    texts.heads.since,
    texts.heads.until,
    texts.heads.why,
  ].map((title, i) => ({ title, head: i === 0, short: i > 0 }));
  const more = all.length > SHOWN ? html`<p class="more">${words.more(all.length - SHOWN)}</p>` : '';
  return html`${table(texts.certificates, columns, all.slice(0, SHOWN).map(row))}${more}`;
}

function tokens({ view, texts, now, words, zone }: Context): Html {
  const open = view.store.enrolments.open(now);
  if (open.length === 0) return empty(texts.noTokens);
  return html`<ul class="plain">
    ${open.map(({ account, expiresAt }) => html`<li>${accountLink(account)} ${texts.until(words.minute(expiresAt, zone))}</li>`)}
  </ul>`;
}

/** What the gateway says of itself where it does not name its sessions: numbers. */
function reading({ view, texts }: Context): Html {
  const { gateway } = view.readings();
  if (gateway === null) return empty(texts.noGateway);
  const { sessions: open, halfOpen, transactions, upstreams, median, p99 } = gateway;
  const state = upstreams.map(({ name, up }) => html`${badge(up ? 'good' : 'bad', name)} `);
  return facts([
    [texts.gatewaySessions, open],
    [texts.halfOpen, halfOpen],
    [texts.transactions, transactions],
    [texts.towardsPbx, state],
    [texts.delay, `${median.toFixed(1)} / ${p99.toFixed(1)} ms`],
  ]);
}

function sessions(context: Context): Html {
  const { view, texts, words, now } = context;
  const gateway = view.gateway();
  if (gateway === null) return reading(context);
  const { sessions: all, all: count } = gateway.sessions(SESSIONS);
  if (count === 0)
    return html`<p>${texts.gatewayListens(gateway.listening.join(', '))}</p>
      ${empty(texts.noSessions)}`;
  const rows = all.map((each): Piece[] => [
    each.account === '' ? '–' : accountLink(each.account),
    each.address,
    each.cipher,
    html`<code>${each.kid.slice(0, 16)}</code>`,
    texts.ago(words.duration(Math.max(0, now - each.since))),
    each.received,
    each.sent,
  ]);
  const columns = [
    { title: texts.heads.account, head: true },
    { title: texts.heads.from },
    { title: texts.heads.cipher },
    { title: texts.heads.key },
    { title: texts.heads.since },
    { title: texts.heads.received, right: true },
    { title: texts.heads.sent, right: true },
  ];
  return html`<p>${texts.gatewayListens(gateway.listening.join(', '))}</p>
    ${table(texts.gatewaySessions, columns, rows)}${count > all.length ? html`<p class="more">${words.more(count - all.length)}</p>` : ''}`;
}

export function make(context: Context): Made {
  const { texts } = context;
  return {
    title: texts.places.keys,
    body: html`${card('certificates', texts.certificates, certificates(context))}${card('sessions', texts.gatewaySessions, sessions(context))}${card('tokens', texts.tokens, tokens(context))}`,
  };
}

export const live = (context: Context): Fragments => new Map([['sessions', sessions(context)]]);
