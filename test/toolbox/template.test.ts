import assert from 'node:assert/strict';
import { helpOf } from '../../src/commands/schema-help.ts';
import { tools } from '../../src/toolbox/registry.ts';
import { NO_SERVICES } from '../../src/toolbox/services.ts';
import { shippedTemplates } from '../../src/toolbox/shipped.ts';
import { checkTemplate, compile, readTemplate } from '../../src/toolbox/template.ts';
import { FAMILIES } from '../../src/toolbox/tool.ts';

const problems = (value: unknown): string[] => {
  const read = checkTemplate(value, tools);
  return read.ok ? [] : read.problems.map(({ path, message }) => `${path}: ${message}`);
};

describe('templates', () => {
  const wrong: [sentence: string, template: unknown, expected: RegExp[]][] = [
    ['nothing', null, [/^\(template\): /]],
    ['no steps', { name: 'a', steps: [] }, [/^steps: /]],
    [
      'a bad name and a bad tool at once',
      { name: 'A b', steps: [{ tool: 'headers.chek' }] },
      [/^name: small/, /^steps\[0\]\.tool: there is no tool "headers.chek"/],
    ],
    ['an unknown field', { name: 'a', steps: [{ tool: 'headers.check' }], more: 1 }, [/more/]],
    [
      'an unknown parameter',
      { name: 'a', steps: [{ tool: 'headers.check', windw: '1m' }] },
      [/^steps\[0\]\.windw: headers.check has no such parameter/],
    ],
    [
      'two wrong parameters',
      { name: 'a', steps: [{ tool: 'anti-replay.check', window: 'long', date: 'never' }] },
      [/^steps\[0\]\.window: anti-replay.check: /, /^steps\[0\]\.date: /],
    ],
    [
      'a length of time that is none',
      { name: 'a', steps: [{ tool: 'anti-replay.check', window: '0s' }] },
      [/longer than 0/],
    ],
    [
      'parameters that are wrong together',
      { name: 'a', steps: [{ tool: 'headers.strip', names: ['From'] }] },
      [/a message without From is none/],
    ],
    [
      'a header that carries the call',
      { name: 'a', steps: [{ tool: 'headers.set', name: 'Contact', value: 'x' }] },
      [/carries the call/],
    ],
    [
      'a value with a line end',
      { name: 'a', steps: [{ tool: 'headers.set', value: 'x\r\nVia: y' }] },
      [/no control characters/],
    ],
    [
      'a tool for the other direction',
      { name: 'a', direction: 'out', steps: [{ tool: 'origin.bind' }] },
      [/^steps\[0\]: origin.bind works on messages that go in/],
    ],
    [
      'a layer that nothing takes off',
      { name: 'a', body: ['compressed'], steps: [{ tool: 'headers.check' }] },
      [/^body: no step takes off "compressed"/],
    ],
    [
      'content read before it is open',
      { name: 'a', steps: [{ tool: 'anti-replay.sdes' }, { tool: 'compression.expand' }] },
      [
        /^steps\[0\]: anti-replay.sdes reads the content, on which the layer "compressed" still lies: compression.expand must come before it/,
      ],
    ],
    [
      'a layer taken off twice',
      { name: 'a', body: ['compressed'], steps: [{ tool: 'compression.expand' }, { tool: 'compression.expand' }] },
      [/^steps\[1\]: .* there is none left/],
    ],
    [
      'a body that does not become what it should',
      { name: 'a', direction: 'out', body: [], steps: [{ tool: 'compression.compress' }] },
      [/^body: says plain, and the steps make it compressed/],
    ],
  ];
  for (const [sentence, template, expected] of wrong)
    it(`refuses ${sentence}`, () => {
      const found = problems(template);
      assert.equal(found.length, expected.length, found.join('\n'));
      for (const [index, each] of expected.entries()) assert.match(found[index] ?? '', each);
    });

  it('refuses what is no JSON, and what is too long', () => {
    for (const text of ['{', '', 'x'.repeat(70_000)]) assert.equal(readTemplate(text, tools).ok, false);
  });

  it('names what a template needs and is not there', () => {
    const read = checkTemplate({ name: 'a', steps: [{ tool: 'anti-replay.check' }, { tool: 'ipsec.require' }] }, tools);
    assert.ok(read.ok);
    const made = compile(read.value.template, tools, NO_SERVICES);
    assert.deepEqual(made.ok ? [] : made.problems.map(({ path }) => path), ['steps[0]', 'steps[1]']);
  });

  it('ships templates for INVITE, re-INVITE, MESSAGE and REGISTER, in and out, that are right', () => {
    const names = shippedTemplates.map((template) => {
      const read = checkTemplate(template, tools);
      assert.ok(read.ok, read.ok ? '' : JSON.stringify([template, read.problems]));
      return read.value.template.name;
    });
    assert.equal(new Set(names).size, names.length);
    for (const kind of ['invite', 'reinvite', 'message', 'register'])
      for (const direction of ['in', 'out']) {
        assert.ok(
          names.some((name) => name.startsWith(`${kind}-${direction}-`)),
          `${kind}-${direction}`,
        );
        assert.ok(names.includes(`${kind}-${direction}-ipsec`));
      }
  });
});

describe('tools', () => {
  for (const tool of tools.values())
    it(`${tool.name}: documented, with defaults that are right`, () => {
      assert.ok(FAMILIES.includes(tool.family));
      assert.match(tool.name, /^[a-z-]+\.[a-z]+$/);
      assert.ok(tool.name.startsWith(`${tool.family}.`), tool.family);
      assert.ok(tool.summary.length > 20 && !tool.summary.endsWith('.'));
      assert.ok(tool.directions.length > 0);
      const read = tool.parameters.safeParse({});
      assert.ok(read.success, `every parameter has a default: ${read.error?.message ?? ''}`);
      for (const { name, help } of helpOf(tool.parameters)) assert.ok(help.length > 20, `${name} says what it is`);
      assert.equal(tool.parameters.safeParse({ no_such_parameter: 1 }).success, false, 'a strict object');
    });
});
