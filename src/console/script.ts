/**
 * The one script. Every page works without it; with it, what changes is put in place as the server tells it, money ticks in
 * between, and a connection that is lost is said. What the server sends is HTML that it has escaped.
 */
export const SCRIPT = `'use strict';
(() => {
  const { body, documentElement } = document;
  const byId = (id) => document.getElementById(id);
  const currency = body.dataset.currency;
  let money = null;
  try {
    money = new Intl.NumberFormat(documentElement.lang, { style: 'currency', currency, currencyDisplay: 'code' });
  } catch {
    money = null;
  }
  // the server's clock is the one that counts
  const ahead = Number(body.dataset.now || Date.now()) - Date.now();
  const tick = () => {
    const now = Date.now() + ahead;
    for (const each of document.querySelectorAll('[data-rate]')) {
      const { base, rate, at } = each.dataset;
      const sum = Number(base) + (Number(rate) * Math.max(0, now - Number(at))) / 60000;
      if (money) each.textContent = money.format(sum);
    }
  };
  setInterval(tick, 500);

  /** Puts a part in place; what has the focus or is open stays so. */
  const put = (id, html) => {
    const holder = byId(id);
    if (!holder) return;
    const focused = holder.contains(document.activeElement) ? document.activeElement : null;
    const key = focused && (focused.id || focused.getAttribute('href'));
    const open = [...holder.querySelectorAll('details[open][id]')].map((each) => each.id);
    const typed = focused && /^(INPUT|SELECT|TEXTAREA)$/.test(focused.tagName);
    if (typed) return;
    holder.innerHTML = html;
    for (const each of open) if (byId(each)) byId(each).open = true;
    if (!key) return;
    for (const each of holder.querySelectorAll('a,button,summary'))
      if (each.id === key || each.getAttribute('href') === key) {
        each.focus({ preventScroll: true });
        return;
      }
  };

  const from = body.dataset.live;
  const sign = byId('live');
  if (!from || !sign || typeof EventSource === 'undefined') return;
  const show = (on) => {
    const text = on ? sign.dataset.on : sign.dataset.off;
    if (sign.textContent !== text) sign.textContent = text;
    sign.classList.toggle('gone', !on);
  };
  const source = new EventSource(from);
  source.addEventListener('open', () => show(true));
  source.addEventListener('error', () => show(false));
  source.addEventListener('over', () => {
    source.close();
    location.reload();
  });
  source.addEventListener('part', (event) => {
    const { id, html } = JSON.parse(event.data);
    show(true);
    put(id, html);
    tick();
  });
})();
`;
