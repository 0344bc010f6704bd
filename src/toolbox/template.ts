import { z } from 'zod';
import type { ConfigProblem } from '../errors.ts';
import { parsed, type Parsed } from '../parsed.ts';
import { SERVICE_HELP, type Services } from './services.ts';
import { FACTS, LAYERS, type Fact, type Layer, type Step, type ToolDefinition } from './tool.ts';

/**
 * Templates: which protections a kind of message gets, as ordered steps. They are data, so they are judged before they are run:
 * shape, tools, parameters, and whether each step finds what it needs, all problems at once.
 */

/** Steps of one template, and bytes of its text, at the most. */
const MOST_STEPS = 32;
export const MOST_TEMPLATE_BYTES = 65_536;

const NAME = /^[a-z][a-z0-9-]{0,63}$/;

export const stepSchema = z.looseObject({
  tool: z.string().describe('which tool; its parameters stand beside it'),
});

export const templateSchema = z.strictObject({
  name: z
    .string()
    .regex(NAME, { error: 'small letters, digits and hyphens, 64 at the most' })
    .describe('by which it is known; a newer version of one name replaces the older'),
  summary: z.string().max(200).default('').describe('one line for people'),
  direction: z
    .enum(['in', 'out'])
    .default('in')
    .describe('in: the message comes to us and is judged and opened; out: it leaves and is protected'),
  methods: z
    .array(z.string().regex(/^[A-Z]{1,32}$/, { error: 'a method in capitals' }))
    .max(32)
    .default([])
    .describe('which requests it is for, [] = any; an answer counts as its request'),
  dialog: z
    .enum(['initial', 'within', 'any'])
    .default('any')
    .describe('initial: only requests without a To tag (INVITE); within: only with one (re-INVITE)'),
  body: z
    .array(z.enum(LAYERS))
    .max(4)
    .optional()
    .describe(
      'how the body is wrapped on the wire, outermost first; left out: as the steps say, and then nobody notices one that is missing',
    ),
  steps: z.array(stepSchema).min(1).max(MOST_STEPS).describe('tools in the order in which they run'),
});
export type Template = z.output<typeof templateSchema>;
export type TemplateStep = Template['steps'][number];

/** What a template's check tells: problems stop it, advice does not. */
export interface Checked {
  readonly template: Template;
  readonly advice: readonly string[];
}

export type Registry = ReadonlyMap<string, ToolDefinition>;

/** Reads a template's text. @returns every problem, path as in the JSON */
export function readTemplate(
  text: string,
  registry: Registry,
): { readonly ok: true; readonly value: Checked } | { readonly ok: false; readonly problems: ConfigProblem[] } {
  const json = parseJson(text);
  if (!json.ok) return { ok: false, problems: [{ path: '(file)', message: json.reason }] };
  return checkTemplate(json.value, registry);
}

function parseJson(text: string): Parsed<unknown> {
  if (Buffer.byteLength(text) > MOST_TEMPLATE_BYTES)
    return { ok: false, reason: `a template of more than ${MOST_TEMPLATE_BYTES} bytes`, offset: 0 };
  try {
    return parsed(JSON.parse(text) as unknown);
  } catch (error) {
    return { ok: false, reason: `not JSON: ${error instanceof Error ? error.message : ''}`, offset: 0 };
  }
}

/** Checks a template against the schema and the tools there are: all problems at once. */
export function checkTemplate(
  value: unknown,
  registry: Registry,
): { readonly ok: true; readonly value: Checked } | { readonly ok: false; readonly problems: ConfigProblem[] } {
  const read = templateSchema.safeParse(value);
  if (!read.success) {
    const problems = read.error.issues.map(({ path, message }) => ({ path: dotted(path), message }));
    return { ok: false, problems: [...problems, ...toolProblems(value, registry)] };
  }
  const template = read.data;
  const problems = [...stepProblems(template, registry), ...orderProblems(template, registry)];
  if (problems.length > 0) return { ok: false, problems };
  return { ok: true, value: { template, advice: adviceOf(template, registry) } };
}

const dotted = (path: readonly PropertyKey[]): string => {
  const text = path.map((p) => (typeof p === 'number' ? `[${p}]` : `.${String(p)}`)).join('');
  return text.replace(/^\./, '') || '(template)';
};

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

/** Steps of a template whose shape is wrong elsewhere: what can be said of them is said too. */
function toolProblems(value: unknown, registry: Registry): ConfigProblem[] {
  const steps = isRecord(value) ? value['steps'] : null;
  if (!Array.isArray(steps)) return [];
  return steps.slice(0, MOST_STEPS).flatMap((step: unknown, index) => {
    if (!isRecord(step) || typeof step['tool'] !== 'string') return [];
    return problemsOfStep(step as TemplateStep, index, registry);
  });
}

const stepProblems = ({ steps }: Template, registry: Registry): ConfigProblem[] =>
  steps.flatMap((step, index) => problemsOfStep(step, index, registry));

function problemsOfStep(step: TemplateStep, index: number, registry: Registry): ConfigProblem[] {
  const { tool: name, ...own } = step;
  const tool = registry.get(name);
  const path = `steps[${index}]`;
  if (tool === undefined)
    return [
      { path: `${path}.tool`, message: `there is no tool "${name}"`, help: `there are: ${near(name, registry)}` },
    ];
  const read = tool.parameters.safeParse(own);
  if (read.success) return (tool.check?.(read.data) ?? []).map((message) => ({ path, message: `${name}: ${message}` }));
  return read.error.issues.map((issue) => {
    const known = Object.keys(tool.parameters.shape).join(', ');
    if (issue.code === 'unrecognized_keys')
      return {
        path: `${path}.${issue.keys.join(', ')}`,
        message: `${name} has no such parameter`,
        help: known === '' ? 'it has none' : `it has: ${known}`,
      };
    return { path: `${path}${dotted(issue.path).replace(/^(?=[^[(])/, '.')}`, message: `${name}: ${issue.message}` };
  });
}

/** Of many tools those of the same family are told first. */
function near(name: string, registry: Registry): string {
  const all = [...registry.keys()];
  const family = name.split('.')[0] ?? '';
  const own = all.filter((each) => each.startsWith(`${family}.`));
  return (own.length > 0 ? own : all).join(', ');
}

/** Does each step find what it needs, in this order? */
function orderProblems(template: Template, registry: Registry): ConfigProblem[] {
  const { direction, steps } = template;
  const problems: ConfigProblem[] = [];
  const known = new Set<Fact>();
  const tools = steps.map(({ tool }) => registry.get(tool));
  const layers = [...layersOf(template, registry)];
  const put: Layer[] = [];
  for (const [index, tool] of tools.entries()) {
    if (tool === undefined) continue;
    const say = (message: string): void =>
      void problems.push({ path: `steps[${index}]`, message: `${tool.name} ${message}` });
    if (!tool.directions.includes(direction)) {
      say(`works on messages that go ${tool.directions.join(' or ')}, and this template's go ${direction}`);
      continue;
    }
    for (const fact of tool.needs ?? []) if (!known.has(fact)) say(missing(fact, index, tools));
    if (direction === 'in') {
      if (tool.clear === true && layers.length > 0)
        say(
          `reads the content, on which the layer "${layers[0] ?? ''}" still lies: ${openers(layers, direction, registry)} must come before it`,
        );
      if (tool.layer !== undefined && layers[0] !== tool.layer)
        say(
          layers.length === 0
            ? `takes off the layer "${tool.layer}", and there is none left`
            : `takes off the layer "${tool.layer}", but the outermost is "${layers[0] ?? ''}": ${openers(layers.slice(0, 1), direction, registry)} must come before it`,
        );
      else if (tool.layer !== undefined) layers.shift();
    } else if (tool.layer !== undefined) {
      if (tool.layer === 'compressed' && put.length > 0)
        say(
          `comes after ${put.join(' and ')}: what is encrypted or signed does not get smaller, and the signature would not hold`,
        );
      put.unshift(tool.layer);
    } else if (put.length > 0 && (tool.clear === true || tool.changes === true))
      say(`comes after the body is ${put[0] ?? ''}: it must come before`);
    if (tool.final !== true && tools.slice(0, index).some((before) => before?.final === true && tool.changes === true))
      say('changes the message after the step that has recorded it');
    for (const fact of tool.gives ?? []) known.add(fact);
  }
  if (direction === 'in') {
    if (layers.length > 0)
      problems.push({
        path: 'body',
        message: `no step takes off ${layers.map((l) => `"${l}"`).join(', ')}`,
        help: `use ${openers(layers, direction, registry)}`,
      });
  } else if (template.body !== undefined && template.body.join() !== put.join())
    problems.push({
      path: 'body',
      message: `says ${wrapped(template.body)}, and the steps make it ${wrapped(put)} (outermost first)`,
    });
  return problems;
}

const wrapped = (layers: readonly Layer[]): string => (layers.length === 0 ? 'plain' : layers.join(' around '));

/** How the body comes: as `body` says, else as the steps take it. */
function layersOf({ direction, body, steps }: Template, registry: Registry): readonly Layer[] {
  if (body !== undefined || direction === 'out') return body ?? [];
  return steps.flatMap(({ tool }) => registry.get(tool)?.layer ?? []);
}

function missing(fact: Fact, index: number, tools: readonly (ToolDefinition | undefined)[]): string {
  const giver = tools.slice(index + 1).find((tool) => tool?.gives?.includes(fact) === true);
  const need = `needs ${FACTS[fact]}`;
  return giver === undefined ? `${need}: no step gives it` : `${need}: ${giver.name} gives it and must come before`;
}

const openers = (layers: readonly Layer[], direction: Template['direction'], registry: Registry): string =>
  layers
    .map((layer) =>
      [...registry.values()]
        .filter((tool) => tool.layer === layer && tool.directions.includes(direction))
        .map(({ name }) => name)
        .join(' or '),
    )
    .join(', ');

/** What is allowed and hardly meant. */
function adviceOf({ direction, steps }: Template, registry: Registry): string[] {
  const tools = steps.flatMap(({ tool }) => registry.get(tool) ?? []);
  const has = (name: string): boolean => tools.some((tool) => tool.name === name);
  const advice: string[] = [];
  if (direction === 'in') {
    const opens = tools.some(({ layer }) => layer === 'enveloped' || layer === 'signed');
    if (opens && !has('anti-replay.check'))
      advice.push(
        'no anti-replay.check: whoever has recorded such a message can send it again (S/MIME does not notice)',
      );
    if (has('anti-replay.check') && !has('anti-replay.sdes') && opens)
      advice.push('no anti-replay.sdes: an SRTP key that serves in two calls is not noticed');
    if (tools.some(({ gives }) => gives?.includes('signer') === true) && !has('authentication.signer'))
      advice.push('no authentication.signer: origin.bind and the list of authorisations go by what From claims');
  }
  return advice;
}

/** A template that can be run. */
export interface Program {
  readonly template: Template;
  readonly steps: readonly { readonly tool: string; readonly run: Step }[];
}

/** Makes a checked template ready to run. @returns what it needs and is not there */
export function compile(
  template: Template,
  registry: Registry,
  services: Services,
): { readonly ok: true; readonly value: Program } | { readonly ok: false; readonly problems: ConfigProblem[] } {
  const problems: ConfigProblem[] = [];
  const steps = template.steps.flatMap(({ tool: name, ...own }, index) => {
    const tool = registry.get(name);
    const read = tool?.parameters.safeParse(own);
    if (tool === undefined || read?.success !== true)
      throw new Error(`${template.name}: a template that was not checked`);
    for (const service of tool.services ?? [])
      if (services[service] === null)
        problems.push({
          path: `steps[${index}]`,
          message: `${name} needs what is not there: ${SERVICE_HELP[service]}`,
        });
    return problems.length > 0 ? [] : [{ tool: name, run: tool.create(read.data, services) }];
  });
  return problems.length > 0 ? { ok: false, problems } : { ok: true, value: { template, steps } };
}

/** Is this template meant for such a message? */
export const suits = (
  { direction, methods, dialog }: Pick<Template, 'direction' | 'methods' | 'dialog'>,
  message: { readonly method: string; readonly toTag: string },
  way: Template['direction'],
): boolean =>
  direction === way &&
  (methods.length === 0 || methods.includes(message.method)) &&
  (dialog === 'any' || (dialog === 'within') === (message.toTag !== ''));
