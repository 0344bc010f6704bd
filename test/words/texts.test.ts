import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { detectors } from '../../src/detect/index.ts';
import { SEVERITIES, severityRank, type Evidence } from '../../src/model.ts';
import { siteOptions } from '../../src/site/options.ts';
import { RAISING_RULES } from '../../src/respond/raising.ts';
import { SHIPPED_RULES } from '../../src/respond/shipped-rules.ts';
import { Zone } from '../../src/time.ts';
import { de, en, LANGUAGES, messageOf, messageText, wordsOf, type IncidentStory } from '../../src/words/index.ts';
import { decision, incident } from '../support/evidence.ts';

/**
 * What people read of every detector, in every language, for review: test/words/texts.md. The evidence (evidence.json) is what
 * the detectors' own tests bring forth, one of each kind. `RINGFENCE_UPDATE=1` writes the page anew.
 */
const PAGE = join(import.meta.dirname, 'texts.md');
const SEEN = (
  JSON.parse(readFileSync(join(import.meta.dirname, 'evidence.json'), 'utf8')) as Omit<Evidence, 'id'>[]
).map((e, i): Evidence => ({ ...e, id: `e${i}` }));
const ZONE = new Zone('Europe/Berlin');

function storyOf(e: Evidence): IncidentStory {
  const accounts = e.subject.type === 'account' ? [e.subject.value] : [];
  const i = incident('4f1c2a9be07d3388', {
    ...{ openedAt: e.at, updatedAt: e.at, severity: e.severity, subject: e.subject, detector: e.detector },
    ...{ summary: e.summary, accounts, sources: e.sources, calls: e.calls, loss: e.loss ?? null },
  });
  const blocked = decision('9be07d3388aa4f1c', {
    ...(e.subject.type === 'account'
      ? { action: 'block-international', target: e.subject.value }
      : { action: 'block-address', target: '203.0.113.7' }),
    ...{ at: e.at, until: e.at + 12 * 3_600_000, state: 'done' },
  });
  const decisions = severityRank(e.severity) >= severityRank('high') ? [blocked] : [];
  return { incident: i, evidence: [e], decisions, acknowledgements: [], aliases: [], rules: new Map() };
}

const mail = (e: Evidence, language: string): string =>
  messageText(messageOf(storyOf(e), { words: wordsOf(language), zone: ZONE, site: 'head-office' }), wordsOf(language));

/** The page: every sentence in both languages, and of the gravest of each detector the whole message. */
function page(): string {
  const parts = [
    '# What people read',
    '',
    'Made by test/words/texts.test.ts (`RINGFENCE_UPDATE=1 npx mocha test/words/texts.test.ts`) from what the detectors say in their own tests.',
    '',
  ];
  for (const { name } of detectors) {
    const own = SEEN.filter(({ detector }) => detector === name);
    parts.push(`## ${name}`, '');
    for (const e of own) parts.push(`- ${e.severity}`, `  - en: ${en.summary(e)}`, `  - de: ${de.summary(e)}`);
    const worst = own.toSorted((a, b) => severityRank(b.severity) - severityRank(a.severity))[0];
    assert.ok(worst !== undefined, `no evidence of ${name} in evidence.json`);
    for (const language of LANGUAGES)
      parts.push(
        '',
        `### ${name}, the whole message (${language})`,
        '',
        '```text',
        mail(worst, language).trimEnd(),
        '```',
      );
    parts.push('');
  }
  return `${parts.join('\n').trimEnd()}\n`;
}

describe('what people read', () => {
  it('is as it was reviewed: test/words/texts.md', () => {
    if (process.env['RINGFENCE_UPDATE'] === '1') writeFileSync(PAGE, page());
    assert.equal(
      page(),
      readFileSync(PAGE, 'utf8'),
      'review, then RINGFENCE_UPDATE=1 npx mocha test/words/texts.test.ts',
    );
  });

  it('has the languages that the settings know', () => {
    assert.deepEqual(siteOptions.shape.language.unwrap().options, LANGUAGES);
    assert.deepEqual(
      LANGUAGES.map((name) => wordsOf(name).language),
      LANGUAGES,
    );
    assert.equal(wordsOf('xx').language, 'en');
  });

  for (const e of SEEN)
    it(`German of its own, and no word more than English has facts: ${e.summary.slice(0, 60)}`, () => {
      const german = de.summary(e);
      assert.notEqual(german, e.summary, 'fell back to English');
      assert.ok(german.length > 20 && !/undefined|NaN|\[object/.test(german), german);
      // whoever it is about is named by both
      if (e.subject.type === 'account')
        assert.ok(german.includes(e.subject.value) || !e.summary.includes(e.subject.value), german);
    });

  it("gives the detector's own words where a fact is missing that the German sentence needs", () => {
    const bare = { ...SEEN[0]!, facts: {} };
    assert.equal(de.summary(bare), en.summary(bare));
    assert.equal(de.summary({ ...bare, detector: 'something-new' }), en.summary(bare));
  });

  it('tells in both languages what made an incident graver', () => {
    for (const { name } of RAISING_RULES) {
      const e = SEEN.find(({ detector }) => detector === 'registration-hijack')!;
      const raised = incident('i', { detector: e.detector, summary: en.raised(e.summary, [name]), subject: e.subject });
      assert.notEqual(en.headline(raised, [e]), e.summary, name);
      assert.ok(de.headline(raised, [e]).startsWith(`${de.summary(e)}, und `), name);
    }
  });

  it('says in German why each shipped rule acts', () => {
    for (const { name, why } of SHIPPED_RULES) {
      assert.equal(en.reason(`${why} (${name})`), `${why} (${name})`);
      assert.match(de.reason(`${why} (${name})`), new RegExp(`^(?!${why.slice(0, 12)}).+ \\(${name}\\)$`), why);
    }
  });

  /** Who, what, since when, what it cost, what was done, what to do now, how to undo it: each has its place in the text. */
  for (const language of LANGUAGES)
    for (const { name } of detectors)
      it(`${name} (${language}): the text alone answers every question`, () => {
        const words = wordsOf(language);
        const e = SEEN.filter(({ detector }) => detector === name).toSorted(
          (a, b) => SEVERITIES.indexOf(b.severity) - SEVERITIES.indexOf(a.severity),
        )[0]!;
        const text = mail(e, language);
        const { headings, message } = words;
        assert.ok(text.includes(words.subject(e.subject)), 'who');
        assert.ok(text.replace(/\s+/g, ' ').includes(words.summary(e).replace(/\s+/g, ' ').slice(0, 250)), 'what');
        assert.ok(text.includes(words.time(e.at, ZONE)), 'since when');
        for (const title of [headings.now, headings.done, headings.undo, headings.short])
          assert.ok(text.includes(title), title);
        assert.ok(text.includes('ringfence alerts ack 4f1c2a9be07d3388'), 'what to do at the end');
        assert.ok(text.includes(message.labels.since));
        if (severityRank(e.severity) >= severityRank('high'))
          assert.ok(text.includes('ringfence unblock 9be07d3388aa4f1c'), 'how to undo it');
        assert.ok(
          text.split('\n').every((line) => line.length <= 100 || /^\s+ringfence |^ {7}/.test(line)),
          'narrow',
        );
      });
});
