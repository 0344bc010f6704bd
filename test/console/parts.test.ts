import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { ceiling, chart, heatMap, spark } from '../../src/console/charts.ts';
import { readCountries } from '../../src/console/countries.ts';
import { html, raw } from '../../src/console/html.ts';
import { pathTo } from '../../src/console/parts.ts';
import { ownPath } from '../../src/console/request.ts';
import { Traffic } from '../../src/console/traffic.ts';
import { MIDDLES, OUTLINES, WORLD_HEIGHT, WORLD_WIDTH } from '../../src/console/world.ts';
import type { Event } from '../../src/model.ts';
import { MINUTE } from '../../src/time.ts';
import { consoleWordsOf, LANGUAGES } from '../../src/words/index.ts';
import { HOSTILE } from '../support/hostile.ts';
import { temporaryFolder } from '../support/temporary.ts';

describe('the console: pieces of pages', () => {
  it('escape whatever is put into them, and spell out what cannot be seen', () => {
    assert.equal(
      html`<p title="${'"><script>'}">${'a & b\u202e'}</p>`.text,
      '<p title="&#34;&#62;&#60;script&#62;">a &#38; b\\u{202e}</p>',
    );
    assert.equal(html`${[1, 'two', null, undefined, false, html`<b>${3}</b>`]}`.text, '1two<b>3</b>');
    assert.equal(html`${raw('<br>')}`.text, '<br>');
    for (const text of HOSTILE) {
      const { text: made } = html`<i title="${text}">${text}</i>`;
      assert.match(made, /^<i title="[^"<>]*">[^<>]*<\/i>$/u);
      assert.doesNotMatch(made, /\p{Cc}|\u202e|\u2028/u);
    }
  });

  it('make paths of any name, and go back to paths of ours alone', () => {
    assert.equal(pathTo('accounts', 'a/b?c#d'), '/accounts/a%2Fb%3Fc%23d');
    assert.equal(pathTo('accounts', '\ud800x'), '/accounts/%EF%BF%BDx');
    for (const text of HOSTILE) assert.doesNotThrow(() => pathTo('accounts', text));
    assert.equal(ownPath('/incidents?q=a%20b'), '/incidents?q=a%20b');
    for (const path of ['//x', '/\\x', 'x', 'https://x', '/a b', '/a\r\nb', '', null]) assert.equal(ownPath(path), '/');
  });

  it('draw charts whose numbers are right', () => {
    assert.deepEqual([0, 1, 7, 11, 250, 999, 1_001].map(ceiling), [1, 1, 8, 20, 300, 1_000, 2_000]);
    const { text } = chart({
      ...{ title: 'Calls', unit: 'n', kind: 'bars', marks: [[1, '12:00']], summary: '6 at the most' },
      series: [
        { name: 'a', colour: 'a', values: [1, 0, 4] },
        { name: 'b', colour: 'b', values: [0, null, 2] },
      ],
    });
    assert.match(text, /aria-label="Calls: 6 at the most"/);
    assert.match(text, />\s*6<\/text/, 'the most of what is stacked');
    assert.equal([...text.matchAll(/<path class="fill/g)].length, 2);
    assert.doesNotMatch(text, /NaN|undefined|Infinity/);
    const long = Array.from({ length: 288 }, (_, i) => 1_000 + (i % 7) * 333.3);
    for (const kind of ['bars', 'lines'] as const)
      assert.doesNotMatch(
        chart({
          ...{ title: 't', unit: '', kind, marks: [], summary: '' },
          series: [{ name: 'x', colour: 'a', values: long }],
        }).text,
        /…/,
        'a whole day is drawn whole',
      );
    const line = chart({
      ...{ title: 't', unit: 'ms', kind: 'lines', marks: [], summary: '' },
      series: [{ name: 'x', colour: 'c', values: [1, null, 2, 3] }],
    });
    assert.equal([...line.text.matchAll(/M[\d. ]+/g)].length, 2, 'what is not known is a gap');
    for (const values of [[], [0], [0, 0]]) assert.doesNotMatch(spark(values, 'x').text, /NaN|Infinity/);
    const heat = heatMap(
      Array.from({ length: 168 }, (_, i) => (i === 9 ? 4 : i === 10 ? 1 : 0)),
      ['Monday'],
      { label: 'l', cell: (day, hour, value) => `${day} ${hour} ${value}` },
      String,
    );
    assert.match(heat.text, /<rect class="h8"[^>]*><title>Monday 9 4</);
    assert.match(heat.text, /<rect class="h4"[^>]*><title>Monday 10 1</);
    assert.equal([...heat.text.matchAll(/<rect/g)].length, 168);
  });

  it('know every country that a number may be in', () => {
    assert.ok(Object.keys(OUTLINES).length > 150 && Object.keys(MIDDLES).length > 240);
    for (const [country, [x, y]] of Object.entries(MIDDLES)) {
      assert.match(country, /^[A-Z]{2}$/);
      assert.ok(x >= 0 && x <= WORLD_WIDTH && y >= 0 && y <= WORLD_HEIGHT, country);
    }
    for (const outline of Object.values(OUTLINES)) assert.match(outline, /^[Mlz0-9 -]+$/);
    // Berlin lies in Germany's middle, roughly
    const [x, y] = MIDDLES['DE'] ?? [0, 0];
    assert.ok(Math.abs(x - (180 + 10.4) * 2) < 6 && Math.abs(y - (84 - 51) * 2) < 6);
  });

  it('say everything in every language', () => {
    const kinds = (words: object): string[] =>
      Object.entries(words).flatMap(([name, value]) =>
        typeof value === 'object' && value !== null
          ? Object.keys(value as object).map((inner) => `${name}.${inner}`)
          : [name],
      );
    const english = kinds(consoleWordsOf('en')).sort();
    for (const language of LANGUAGES) assert.deepEqual(kinds(consoleWordsOf(language)).sort(), english, language);
    assert.notEqual(consoleWordsOf('de').places.now, consoleWordsOf('en').places.now);
  });
});

describe('the console: where addresses are', () => {
  const folder = temporaryFolder();
  const table = (text: string): ReturnType<typeof readCountries> => {
    writeFileSync(folder.file('countries.csv'), text);
    return readCountries(folder.file('countries.csv'));
  };

  it('is found in a table, IPv4 and IPv6', () => {
    const country = table(
      '# a comment\n"203.0.113.0","203.0.113.255","RO"\n198.51.100.0,198.51.100.127,nl,more\n2001:db8::,2001:db8:ffff:ffff:ffff:ffff:ffff:ffff,FR\n2001:db9::,2001:db9::ffff,IT\n',
    );
    for (const [address, expected] of [
      ['203.0.113.0', 'RO'],
      ['203.0.113.255', 'RO'],
      ['203.0.114.0', null],
      ['198.51.100.127', 'NL'],
      ['198.51.100.128', null],
      ['2001:db8:1::1', 'FR'],
      ['2001:db9::5', 'IT'],
      ['2001:dba::5', null],
      ['::1', null],
      ['no address', null],
    ] as const)
      assert.equal(country(address), expected, address);
  });

  it('says which line is none', () => {
    for (const line of [
      'x',
      '203.0.113.0,203.0.113.255',
      '203.0.113.9,203.0.113.1,RO',
      '203.0.113.0,2001:db8::,RO',
      '1.2.3.4,1.2.3.5,ROU',
    ])
      assert.throws(() => table(`203.0.113.0,203.0.113.255,RO\n${line}\n`), /line 2 is not/, line);
    assert.throws(() => readCountries(folder.file('none')), /cannot read/);
  });
});

describe('the console: the course of traffic', () => {
  const NOW = Date.parse('2026-11-23T12:02:00Z');
  const event = (kind: string, more: object): Event =>
    ({ kind, at: NOW, seenAt: NOW, feed: 'sip', ...more }) as unknown as Event;

  it('counts calls, delays and retransmissions by five minutes, for a day', () => {
    const traffic = new Traffic();
    traffic.event(event('call.started', { trunk: null }));
    traffic.event(event('call.started', { trunk: 'carrier' }));
    traffic.event(event('call.answered', {}));
    traffic.event(event('call.refused', {}));
    for (const [ringMs, tookMs] of [
      [100, 1],
      [200, 1],
      [4_000, 1],
    ] as const)
      traffic.event(
        event('request.answered', { request: { method: 'INVITE' }, status: 200, ringMs, tookMs, retransmissions: 1 }),
      );
    traffic.event(
      event('request.answered', {
        request: { method: 'REGISTER' },
        status: 200,
        ringMs: null,
        tookMs: 40,
        retransmissions: 0,
      }),
    );
    traffic.event(
      event('request.answered', {
        request: { method: 'REGISTER' },
        status: 403,
        ringMs: null,
        tookMs: 9_000,
        retransmissions: 0,
      }),
    );
    traffic.event(event('answer.received', { status: 180, retransmissions: 9 }));
    traffic.event(event('answer.received', { status: 200, retransmissions: 2 }));
    const steps = traffic.steps(NOW);
    assert.equal(steps.length, 288);
    const last = steps.at(-1);
    assert.deepEqual(
      [last?.inbound, last?.outbound, last?.answered, last?.refused, last?.retransmissions],
      [1, 1, 1, 1, 5],
    );
    const [median = 0, p95 = 0] = last?.pdd ?? [];
    assert.ok((median ?? 0) >= 200 && (median ?? 0) <= 250, String(median));
    assert.ok((p95 ?? 0) >= 4_000 && (p95 ?? 0) <= 5_000, String(p95));
    assert.ok((last?.register[1] ?? 0) <= 50, 'refused ones are no measure');
    assert.deepEqual(steps.at(-2)?.pdd, [null, null]);
    assert.equal(traffic.steps(NOW + 1_440 * MINUTE).at(-1)?.outbound, 0, 'yesterday is not today');
    assert.equal(traffic.recent(NOW).at(-1), 2);
  });
});
