import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import Database from 'better-sqlite3';
import { parse } from 'smol-toml';
import { metricsPage, settingsPage, toolboxPage } from '../scripts/docs.ts';
import { settingsSchema } from '../src/config.ts';
import { Connection } from '../src/store/connection.ts';
import { PERSONAL_TABLES } from '../src/store/index.ts';
import { migrate } from '../src/store/schema.ts';
import { RAISING_RULES } from '../src/respond/raising.ts';
import { ringfence } from './support/cli.ts';

const ROOT = resolve(import.meta.dirname, '..');
const pages = ['README.md', ...readdirSync(join(ROOT, 'docs')).map((name) => `docs/${name}`)].filter((p) =>
  p.endsWith('.md'),
);
const text = (page: string): string => readFileSync(join(ROOT, page), 'utf8');

/** Fenced blocks of one language ('' for those without). */
const blocks = (page: string, language: string): string[] =>
  [...text(page).matchAll(/^```([a-z]*)\n([\s\S]*?)^```$/gm)]
    .filter(([, own]) => own === language)
    .map(([, , body = '']) => body);

/** Every `ringfence …` of a page: in shell blocks and in inline code. */
function commandsOf(page: string): string[] {
  const shell = blocks(page, 'sh').flatMap((block) => block.split('\n'));
  const inline = [
    ...text(page)
      .replaceAll(/^```[\s\S]*?^```$/gm, '')
      .matchAll(/`([^`\n]+)`/g),
  ].map(([, code = '']) => code);
  return [...shell, ...inline]
    .map((line) =>
      line
        .replace(/\s+#.*$/, '')
        .replace(/^(?:node dist\/cli\.js|\$ )/, 'ringfence')
        .trim(),
    )
    .filter((line) => /^ringfence [a-z]/.test(line) && !/^ringfence (?:ready|run \(process)/.test(line));
}

describe('documents', function () {
  this.timeout(60_000);

  it('docs/settings.md is what npm run docs makes of the schemas', () => {
    assert.equal(text('docs/settings.md'), settingsPage(), 'run: npm run docs');
  });

  it('docs/metrics.md has the metrics that there are', () => {
    assert.equal(text('docs/metrics.md'), metricsPage(), 'run: npm run docs');
  });

  it('docs/toolbox.md has every tool and template as npm run docs makes them', () => {
    assert.equal(text('docs/toolbox.md'), toolboxPage(), 'run: npm run docs');
  });

  it('docs/severity.md has every rule that makes evidence graver together', () => {
    for (const { name, to } of RAISING_RULES)
      assert.match(text('docs/severity.md'), new RegExp(`^\\| \`${name}\`.*\\| ${to} +\\|$`, 'm'));
  });

  it('docs/privacy.md and src/store/personal.ts have every table of the store', () => {
    const store = new Database(':memory:');
    migrate(new Connection(store, ':memory:'));
    const tables = store.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'").pluck().all(); // prettier-ignore
    store.close();
    assert.deepEqual(tables.sort(), Object.keys(PERSONAL_TABLES).sort(), 'a new table: say in src/store/personal.ts who is in it'); // prettier-ignore
    for (const [name, { holds, deletion, masked }] of Object.entries(PERSONAL_TABLES)) {
      const cells = [name.replace(/.*/, '`$&`'), holds, deletion === 'none' ? 'nobody is in it' : deletion, masked ? 'yes' : 'no']; // prettier-ignore
      const row = text('docs/privacy.md').split('\n').find((line) => line.includes(cells[0] ?? '') && line.startsWith('|')); // prettier-ignore
      assert.deepEqual(row?.split('|').slice(1, -1).map((cell) => cell.trim()), cells); // prettier-ignore
    }
  });

  const helps = new Map<string, Promise<string>>();
  const help = (words: string): Promise<string> => {
    const known = helps.get(words) ?? ringfence([...words.split(' '), '--help']).then(({ stdout }) => stdout);
    helps.set(words, known);
    return known;
  };
  for (const page of pages) {
    const commands = [...new Set(commandsOf(page))];
    if (commands.length > 0)
      it(`${page}: its ${commands.length} commands are commands, with options that they have`, async () => {
        for (const command of commands) {
          const [, first = '', second = ''] = command.split(/\s+/);
          const nested =
            [
              'alerts',
              'audit',
              'config',
              'console',
              'detectors',
              'keys',
              'notify',
              'privacy',
              'respond',
              'smime',
              'toolbox',
            ].includes(first) && /^[a-z]+$/.test(second);
          const shown = await help(nested ? `${first} ${second}` : first);
          assert.match(shown, new RegExp(`^Usage: ringfence ${nested ? `${first} ${second}` : first}\\b`), command);
          const all = `${shown}\n${await help('alerts')}`.includes('--config')
            ? shown
            : `${shown}\n${(await ringfence(['--help'])).stdout}`;
          for (const [option] of command.matchAll(/--[a-z-]+/g))
            assert.ok(all.includes(option), `${option} in ${command}`);
        }
      });

    for (const [index, block] of blocks(page, 'toml').entries())
      it(`${page}: settings ${index + 1} are right`, () => {
        const read = settingsSchema.safeParse(parse(block));
        assert.ok(read.success, `${read.error?.message}\n${block}`);
      });

    it(`${page}: its links lead somewhere`, () => {
      for (const [, target = ''] of text(page).matchAll(/\]\(([^)#:]+)\)/g))
        assert.ok(existsSync(join(ROOT, dirname(page), target)), target);
    });
  }
});
