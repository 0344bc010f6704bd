import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { GatewayView } from '../../src/console/view.ts';
import { MINUTE } from '../../src/time.ts';
import { Browser, type Tab } from '../support/browser.ts';
import { office } from '../support/console-story.ts';
import { ConsoleBench, PASSWORD } from '../support/console.ts';
import { decision, evidence, incident } from '../support/evidence.ts';
import { hostile } from '../support/hostile.ts';
import { Station } from '../support/sip-builder.ts';

/** RINGFENCE_SCREENSHOTS=1 makes the pictures of docs/console.md anew. */
const PICTURES =
  process.env['RINGFENCE_SCREENSHOTS'] === '1' ? resolve(import.meta.dirname, '../../docs/console') : null;
const LONG = process.env['RINGFENCE_LONG'] === '1';
const HOSTILE = LONG ? 10_000 : 300;
const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

/** Does anything stand out beyond the window, or is anything on the page that we did not make? */
const SOUND = `(() => {
  const wide = document.scrollingElement.scrollWidth - window.innerWidth;
  const foreign = [...document.querySelectorAll('img,iframe,object,embed,base,style,meta[http-equiv],script:not([src^="/assets/"]),a[href^="javascript"],[style],[onload],[onerror],[onclick],[onfocus]')];
  return (wide > 0 ? 'too wide by ' + wide + ' ' : '') + foreign.map((each) => each.outerHTML.slice(0, 120)).join(' ');
})()`;

/** Percent-encoded; half a surrogate pair cannot be. */
const inUri = (text: string): string => encodeURIComponent(text.replaceAll(/\p{Cs}/gu, '?'));

interface Violation {
  readonly id: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
}

describe('the console in a real browser', function () {
  this.timeout(LONG ? 1_800_000 : 120_000);
  let browser: Browser | null;
  let bench: ConsoleBench;
  let tab: Tab;
  let base: string;
  before(async function () {
    browser = await Browser.start();
    if (browser === null) this.skip();
  });
  after(() => browser?.close());

  const open = async (options: ConstructorParameters<typeof ConsoleBench>[0] = {}): Promise<void> => {
    bench = new ConsoleBench(options);
    bench.users({ ada: 'act', bob: 'read' });
    base = await bench.serve();
    if (browser === null) throw new Error('no browser');
    tab = await browser.tab();
    await tab.size(1280, 900);
  };
  const shut = async (): Promise<void> => {
    await tab.close();
    await bench.close();
    assert.deepEqual(tab.complaints, []);
    assert.deepEqual(
      bench.logged.logged.filter(({ level }) => level === 'error'),
      [],
    );
  };
  const logIn = async (name = 'ada'): Promise<void> => {
    await tab.go(`${base}/login`);
    await tab.fill('#name', name);
    await tab.fill('#password', PASSWORD);
    await tab.click('main button');
  };
  /** What axe finds wrong, by the rules of WCAG 2.2 A and AA and its best practices. */
  const violations = async (): Promise<string[]> => {
    await tab.eval(readFileSync(AXE, 'utf8').concat(';true'));
    const found = await tab.eval<Violation[]>(
      `axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => violations.map(({ id, nodes }) => ({ id, nodes: nodes.map(({ html, failureSummary }) => ({ html, failureSummary })) })))`,
    );
    return found.map(({ id, nodes }) =>
      `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join(' | ')}`.slice(0, 600),
    );
  };

  describe('with a day of an office in it', () => {
    let story = '';
    let paths: string[] = [];
    const GATEWAY: GatewayView = {
      listening: ['csc:0.0.0.0:5065'],
      sessions: () => ({
        sessions: [
          {
            account: '1003',
            address: '10.0.0.13',
            since: Date.now() - 7 * MINUTE,
            cipher: 'CSC',
            kid: 'k'.repeat(43),
            received: 120,
            sent: 118,
          },
        ],
        all: 1,
      }),
    };
    before(async function () {
      if (browser === null) this.skip();
      await open({ gateway: GATEWAY });
      await office(bench);
      story = bench.store.incidents.list({ order: 'gravest', limit: 1 }).incidents[0]?.id ?? '';
      paths = [
        '/',
        '/incidents',
        `/incidents/${story}`,
        '/accounts',
        '/accounts/1002',
        '/traffic',
        '/blocks',
        '/keys',
        '/audit',
        '/settings',
      ];
    });
    after(() => (browser === null ? undefined : shut()));

    it('shows no page but the log-in to a stranger, by keyboard too', async () => {
      await tab.go(`${base}/incidents`);
      assert.match(await tab.eval<string>('location.href'), /\/login\?next=%2Fincidents$/);
      assert.deepEqual(await violations(), []);
      if (PICTURES !== null) await picture('login', 560, 460);
      await tab.fill('#name', 'ada');
      await tab.fill('#password', 'not this one');
      await tab.click('main button');
      assert.match(await tab.text(), /do not belong together/);
      // the name has the focus as the page opens; everything else by keys
      await tab.until('document.activeElement.id === "name"');
      await tab.type('ada');
      await tab.press('Tab');
      await tab.type(PASSWORD);
      await tab.loading(() => tab.press('Enter'));
      assert.equal(await tab.eval<string>('location.pathname'), '/incidents');
      await tab.press('Tab');
      assert.equal(await tab.eval<string>('document.activeElement.className'), 'skip');
      await tab.press('Enter');
      assert.equal(await tab.eval<string>('document.activeElement.id'), 'main');
    });

    it('fits every page from 320 pixels to 4K, and axe finds nothing, in light and dark', async () => {
      for (const path of paths) {
        await tab.size(1280, 900);
        await tab.dark(false);
        await tab.go(base + path);
        for (const [width, height] of [
          [3840, 2160],
          [1920, 1080],
          [768, 1024],
          [360, 740],
          [320, 568],
        ] as const) {
          await tab.size(width, height);
          assert.equal(await tab.eval<string>(SOUND), '', `${path} at ${width}`);
        }
        await tab.dark(true);
        assert.deepEqual(await violations(), [], `${path} on a phone, dark`);
        await tab.size(1280, 900);
        await tab.dark(false);
        assert.deepEqual(await violations(), [], `${path} light`);
      }
    });

    it('shows the same in German', async () => {
      const german = new ConsoleBench({ language: 'de' });
      try {
        german.users({ ada: 'act' });
        const at = await german.serve();
        const other = await browser?.tab();
        assert.ok(other !== undefined);
        await other.go(`${at}/login`);
        assert.equal(await other.eval<string>('document.documentElement.lang'), 'de');
        await other.fill('#name', 'ada');
        await other.fill('#password', PASSWORD);
        await other.click('main button');
        assert.match(await other.text(), /Gerade telefoniert niemand/);
        assert.deepEqual(other.complaints, []);
        await other.close();
      } finally {
        await german.close();
      }
    });

    it('is live: a call comes up, and its money ticks', async () => {
      await tab.go(`${base}/`);
      await tab.until('document.getElementById("live").textContent === "live"');
      assert.doesNotMatch(await tab.text(), /Norway/);
      const phone = new Station('10.0.0.12');
      bench.play(phone.call(Date.now() - 300, '1002', '004721234567'));
      await tab.until('document.getElementById("calls").innerText.includes("Norway")');
      const money = (): Promise<string> => tab.eval('document.querySelector("#status .money").textContent');
      const before = await money();
      await sleep(1_600);
      assert.notEqual(await money(), before);
      // what has the focus keeps it when its part is another
      await tab.eval('document.querySelector("#calls a").focus()');
      bench.play(phone.call(Date.now() - 300, '1003', '0033123456789'));
      await tab.until('document.getElementById("calls").innerText.includes("France")');
      assert.equal(await tab.eval<string>('document.activeElement.tagName'), 'A');
    });

    it('acknowledges, blocks, lets through, undoes and calls a false alarm by its buttons', async () => {
      await tab.go(`${base}/incidents/${story}`);
      const press = async (sheet: string, fill: Readonly<Record<string, string>> = {}): Promise<void> => {
        // by keys: the summary opens, its form is sent
        await tab.eval(`document.querySelector(${JSON.stringify(`#${sheet}>summary`)}).focus()`);
        await tab.press('Enter');
        await tab.until(`document.querySelector(${JSON.stringify(`#${sheet}`)}).open`);
        for (const [selector, value] of Object.entries(fill)) await tab.fill(selector, value);
        await tab.click(`#${sheet} button`);
      };
      await press('ack', { '#ack-why': 'on it' });
      assert.equal(bench.store.acknowledgements.of(story).at(-1)?.note, 'on it');
      assert.match(await tab.text(), /Noted: you have seen it/);
      const row = '/ringfence/account/1004';
      assert.ok(!bench.pbx.database.has(row));
      await press('block-0', { '#block-0-why': 'stolen' });
      assert.ok(bench.pbx.database.has(row));
      assert.match(await tab.text(), /Blocked: account 1004 until/);
      await press('undo');
      assert.match(await tab.text(), /Lifted: /);
      assert.ok(!bench.pbx.database.has('/ringfence/address/203.0.113.66'));
      await press('false');
      assert.match(
        await tab.eval<string>('document.getElementById("innocent").innerText'),
        /one of these keeps it from being told/,
      );
      await press('allow');
      assert.match(await tab.text(), /Allowed: allow 1004/);
      await tab.go(`${base}/blocks`);
      await tab.fill('#block-value', '203.0.113.99');
      await tab.click('#block button');
      assert.match(await tab.text(), /Address 203\.0\.113\.99/);
      await press('undo-0');
      assert.match(await tab.text(), /Lifted: address 203\.0\.113\.99/);
      await tab.go(`${base}/accounts/1002`);
      await press('block-international');
      assert.ok(bench.pbx.database.has('/ringfence/international/1002'));
      await tab.go(`${base}/incidents?q=1004&severity=high`);
      assert.match(await tab.text(), /203\.0\.113\.66/);
      await tab.go(`${base}/incidents?q=nothing-like-this`);
      assert.match(await tab.text(), /No incidents/);
      assert.deepEqual(
        [
          ...new Set(
            bench.store.audit.after(0, 500).flatMap(({ actor }) => (actor.startsWith('hand:') ? [actor] : [])),
          ),
        ],
        ['hand:ada'],
      );
      await tab.click('.who button');
      assert.match(await tab.eval<string>('location.pathname'), /login/);
    });

    it('says when the connection is lost', async () => {
      const other = new ConsoleBench();
      const lone = await browser?.tab();
      assert.ok(lone !== undefined);
      try {
        other.users({ ada: 'act' });
        const at = await other.serve();
        await lone.go(`${at}/login`);
        await lone.fill('#name', 'ada');
        await lone.fill('#password', PASSWORD);
        await lone.click('main button');
        await lone.until('document.getElementById("live").textContent === "live"');
        await other.server?.close();
        other.server = null;
        await lone.until('document.getElementById("live").textContent === "connection lost"');
      } finally {
        await lone.close();
        await other.close();
      }
    });

    it('gives whoever may only look nothing to press', async () => {
      await logIn('bob');
      for (const path of paths) {
        await tab.go(base + path);
        assert.equal(
          await tab.eval<number>('document.querySelectorAll("main form[method=post],main .act").length'),
          0,
          path,
        );
      }
    });

    it('makes the pictures of the documents', async function () {
      if (PICTURES === null) {
        console.error('      skipped: RINGFENCE_SCREENSHOTS=1 makes them anew');
        return this.skip();
      }
      const fresh = bench;
      await tab.close();
      bench = new ConsoleBench({ gateway: GATEWAY });
      await fresh.close();
      bench.users({ ada: 'act', bob: 'read' });
      await office(bench);
      base = await bench.serve();
      if (browser === null) return;
      tab = await browser.tab();
      await logIn();
      story = bench.store.incidents.list({ order: 'gravest', limit: 1 }).incidents[0]?.id ?? '';
      for (const [name, path, height] of [
        ['now', '/', 800],
        ['incidents', '/incidents', 420],
        ['incident', `/incidents/${story}`, 1_150],
        ['account', '/accounts/1002', 640],
        ['traffic', '/traffic', 640],
        ['blocks', '/blocks', 420],
      ] as const) {
        await tab.go(base + path);
        await sleep(1_200);
        await picture(name, 1_180, height);
      }
      await tab.dark(true);
      await tab.go(`${base}/`);
      await sleep(1_200);
      await picture('now-dark', 1_180, 800);
      await picture('now-phone', 360, 800);
      await tab.dark(false);
    });
  });

  const picture = async (name: string, width: number, height: number): Promise<void> => {
    await tab.size(width, height);
    await sleep(300);
    writeFileSync(join(PICTURES ?? '', `${name}.png`), await tab.picture());
    await tab.size(1280, 900);
  };

  describe('with what attackers write', () => {
    const strings = hostile(HOSTILE);
    const GATEWAY: GatewayView = {
      listening: ['csc:127.0.0.1:5065'],
      sessions: (limit) => ({
        sessions: strings
          .slice(0, limit)
          .map((text) => ({ account: text, address: text, since: 0, cipher: text, kid: text, received: 1, sent: 1 })),
        all: strings.length,
      }),
    };
    before(async function () {
      if (browser === null) this.skip();
      await open({ gateway: GATEWAY });
      feed();
      await logIn();
    });
    after(() => (browser === null ? undefined : shut()));

    /** Hostile text wherever it can come in: by packets, call records, evidence, notes. */
    const feed = (): void => {
      const now = Date.now();
      const one = (text: string): string => text.replaceAll(/[\r\n\0]/g, ' ').slice(0, 900);
      const packets = strings.flatMap((text, i) => {
        const phone = new Station(`10.${1 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`);
        const user = ['1001', '1002', '1003', '1004', '1005'][i % 5] ?? '1001';
        const at = now - 60_000 + i;
        return [
          ...phone.register(at, user, {
            userAgent: one(text),
            contact: `<sip:${user}@${phone.address};x=${one(text).replaceAll(/[<>"\s]/g, '')}>`,
          }),
          ...phone.call(at + 20, user, i % 2 === 0 ? '0037167000001' : inUri(text).slice(0, 60), {
            userAgent: one(text),
            extra: [`P-Asserted-Identity: "${one(text)}" <sip:${user}@pbx.example>`],
          }),
        ];
      });
      bench.play(packets);
      for (const text of strings)
        bench.pipeline.correlator.cdr(
          {
            ...{
              accountcode: text,
              src: text,
              dst: text,
              dcontext: text,
              clid: text,
              channel: text,
              dstchannel: text,
              lastapp: text,
            },
            ...{
              lastdata: text,
              start: now,
              answer: now,
              end: now,
              duration: 1,
              billsec: 1,
              disposition: 'ANSWERED',
              amaflags: text,
            },
            ...{ uniqueid: text, userfield: text, linkedid: text, sequence: null, peeraccount: text },
          },
          now,
        );
      bench.store.commitJudged({
        cursor: 'run',
        incidents: strings.map((text, i) =>
          incident(`hostile${String(i).padStart(6, '0')}`, {
            ...{
              openedAt: now - i,
              updatedAt: now,
              detector: i % 3 === 0 ? 'out-of-hours-calls' : text,
              summary: text,
            },
            ...{
              subject: { type: 'account', value: text },
              accounts: [text, ...strings.slice(i, i + 5)],
              sources: [text],
              calls: [text],
            },
          }),
        ),
        // the evidence of ten strings lies in one incident: each page shows as many
        evidence: strings.map((text, i) => ({
          incident: `hostile${String(i - (i % 10)).padStart(6, '0')}`,
          evidence: evidence(`h${i}`, {
            ...{
              detector: i % 3 === 0 ? 'out-of-hours-calls' : text,
              key: text,
              summary: text,
              subject: { type: 'number', value: text },
            },
            ...{
              facts: { [text]: text, numbers: [text], userAgent: text },
              calls: [text],
              sources: [text],
              accounts: [text],
            },
          }),
        })),
        decisions: strings.map((text, i) =>
          decision(`d${i}`, {
            incident: `hostile${String(i - (i % 10)).padStart(6, '0')}`,
            target: text,
            why: text,
            state: 'failed',
          }),
        ),
      });
      bench.store.audit.append(
        strings.map((text) => ({ actor: `hand:${text}`, action: text, target: text, details: { [text]: text } })),
      );
      for (const text of strings.slice(0, 50)) bench.enforcer.block('account', text, null, text);
      bench.recorder.flush();
    };

    const sound = async (path: string): Promise<void> => {
      await tab.go(base + path);
      assert.equal(await tab.eval<string>(SOUND), '', path);
    };

    it('nothing of it runs, and nothing of it breaks a page', async () => {
      await tab.size(320, 640);
      for (const path of ['/', '/accounts', '/blocks', '/keys', '/audit', '/traffic', '/settings']) await sound(path);
      for (let i = 0; i < strings.length; i += 10) await sound(`/incidents/hostile${String(i).padStart(6, '0')}`);
      await tab.size(1280, 900);
      for (const path of ['/', '/incidents', '/accounts', '/blocks', '/keys', '/audit']) await sound(path);
      for (const text of strings.slice(0, 32)) {
        const name = inUri(text)
          .slice(0, 300)
          .replace(/(?:%\w?)$/, '');
        if (name !== '' && name !== '..') await sound(`/accounts/${name}`);
        await sound(`/incidents?q=${name}`);
        await sound(`/login?next=${name}`);
      }
      await tab.until('document.readyState === "complete"');
      assert.deepEqual(tab.complaints, []);
    });

    it('nothing of it runs where it comes in live', async () => {
      await tab.go(`${base}/`);
      await tab.until('document.getElementById("live").textContent === "live"');
      const agents = ['<img src=x onerror=alert(1)>', '"><svg/onload=alert(1)>', '</div><script>alert(1)</script>'];
      for (const [i, text] of agents.entries()) {
        const phone = new Station(`10.9.9.${i + 1}`);
        const user = `100${i + 1}`; // a registration of the same account would take the place of the one before
        bench.play(phone.register(Date.now(), user, { userAgent: text, contact: `<sip:${user}@${phone.address}>` }));
      }
      for (const [i, text] of agents.entries())
        await tab.until(
          `[...document.querySelectorAll('#registrations tr')].some((row) => row.innerText.includes('10.9.9.${i + 1}') && row.innerText.includes(${JSON.stringify(text)}))`,
        );
      assert.equal(await tab.eval<string>(SOUND), '');
      assert.deepEqual(tab.complaints, []);
    });
  });

  describe('with 100,000 incidents', () => {
    before(async function () {
      if (browser === null) this.skip();
      await open();
      const now = Date.now();
      for (let batch = 0; batch < 100; batch++)
        bench.store.commitJudged({
          cursor: 'run',
          incidents: Array.from({ length: 1_000 }, (_, i) => {
            const n = batch * 1_000 + i;
            const severity = (['medium', 'low', 'high', 'info', 'critical'] as const)[n % 5] ?? 'low';
            return incident(`many${String(n).padStart(8, '0')}`, {
              openedAt: now - n * 5_000,
              updatedAt: now,
              severity,
              sources: [`198.51.${n >> 8}.${n & 255}`],
            });
          }),
        });
      await logIn();
    });
    after(() => (browser === null ? undefined : shut()));

    it('sends less than 100 KB for the first page, and for a page of incidents, with all that belongs to it', async () => {
      const fresh = await browser?.tab();
      assert.ok(fresh !== undefined);
      await fresh.go(`${base}/login`);
      await fresh.fill('#name', 'ada');
      await fresh.fill('#password', PASSWORD);
      await fresh.send('Network.setCacheDisabled', { cacheDisabled: true });
      await fresh.click('main button');
      for (const path of ['/', '/incidents', '/incidents/many00000003']) {
        await fresh.go(base + path);
        const bytes = [...fresh.fetched.values()].reduce((sum, each) => sum + each.bytes, 0);
        assert.ok(
          fresh.fetched.size >= 3 && bytes > 5_000 && bytes <= 100 * 1024,
          `${path}: ${bytes} bytes in ${fresh.fetched.size} files`,
        );
      }
      await fresh.close();
    });

    it('pages through them, and finds one among them', async () => {
      await tab.go(`${base}/incidents?severity=critical`);
      await tab.click('a[rel=next]');
      await tab.click('a[rel=next]');
      assert.equal(await tab.eval<number>('document.querySelectorAll("#incidents tbody tr").length'), 40);
      await tab.go(`${base}/incidents?q=many00012345`);
      assert.match(await tab.text(), /198\.51\.48\.57|extension 1004/);
      await tab.go(`${base}/incidents?q=many00099999`);
      for (
        let i = 0;
        i < 5 && !(await tab.eval<boolean>('document.querySelector("#incidents tbody tr") !== null'));
        i++
      )
        await tab.click('a[rel=next]');
      assert.match(
        await tab.eval<string>('document.querySelector("#incidents tbody a").getAttribute("href")'),
        /many00099999/,
      );
    });
  });
});
