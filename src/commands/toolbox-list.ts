import type { ToolboxPart } from './toolbox-parts.ts';
import { tools } from '../toolbox/registry.ts';
import { iso } from '../time.ts';
import { visible } from '../words/index.ts';
import { EXIT, type GlobalOptions, type Output } from './output.ts';
import { helpOf } from './schema-help.ts';
import { readConfig } from './site.ts';
import { stepsText, storeIfThere, syncStore, templatesOf } from './toolbox.ts';
import type { Config } from '../config.ts';
import type { Store } from '../store/index.ts';

type Line = readonly [object: Record<string, unknown>, text: string];

/** `ringfence toolbox list [PART]`: what stands in one of the toolbox's databases. */
export default function toolboxList(args: readonly string[], options: GlobalOptions, output: Output): number {
  const part = (args[0] ?? 'templates') as ToolboxPart;
  const config = readConfig(options, output);
  const store = storeIfThere(config);
  try {
    const lines = PARTS[part](config, store);
    for (const [object, text] of lines)
      if (output.json) output.object(object);
      else output.result(text);
    if (lines.length === 0) output.note(`ringfence: no ${part}`);
    for (const { path, message } of templatesOf(config).problems) output.warn(`ringfence: ${path}: ${message}`);
  } finally {
    store?.close();
  }
  return EXIT.done;
}

const PARTS: Readonly<Record<ToolboxPart, (config: Config, store: Store | null) => Line[]>> = {
  templates: (config, store) => {
    const all = templatesOf(config);
    if (store !== null) syncStore(store, config, all, Date.now());
    return [...all.templates].map(([name, { checked, source }]) => {
      const version = store?.toolboxObjects.get('template', name)?.version ?? 0;
      const { direction, methods, dialog, summary, steps } = checked.template;
      return [
        { name, version, source, direction, methods, dialog, summary, steps, advice: checked.advice },
        `${name}${version === 0 ? '' : ` (version ${version}, ${source})`}: ${summary}\n    ${stepsText(checked)}`,
      ];
    });
  },
  tools: () =>
    [...tools.values()].map(({ name, family, summary, directions, parameters }) => [
      {
        name,
        family,
        summary,
        directions,
        parameters: helpOf(parameters).map((p) => ({ name: p.name, default: p.fallback, help: p.help })),
      },
      `${name} (${directions.join(', ')}): ${summary}`,
    ]),
  policies: ({ settings }) =>
    settings.toolbox.policies.map((policy) => [
      policy,
      `${policy.direction} ${policy.methods.join(' ') || 'any'} of ${visible(policy.identity)}: ${policy.template}`,
    ]),
  authorisations: ({ settings }) =>
    settings.toolbox.authorisations.map((each) => [
      each,
      `${visible(each.identity)} ${each.allow ? 'may' : 'may not'} send ${each.methods.join(' ') || 'anything'} to ${visible(each.to)}`,
    ]),
  alerts: (_, store) =>
    (store?.toolboxAlerts.list(1_000) ?? []).map((alert) => [
      { ...alert, first: iso(alert.first), last: iso(alert.last) },
      `${iso(alert.last)} ${alert.severity} ${visible(alert.summary)}${alert.times > 1 ? ` (${alert.times} times)` : ''}`,
    ]),
  origins: (_, store) =>
    (store?.origins.all(1_000) ?? []).map((origin) => [
      { ...origin, first: iso(origin.first), last: iso(origin.last) },
      `${visible(origin.identity)} at ${origin.origin} since ${iso(origin.first)}, last ${iso(origin.last)} (${origin.proof})`,
    ]),
  settings: ({ settings }) => {
    const { policies, authorisations, ...own } = settings.toolbox;
    const counted = { ...own, policies: policies.length, authorisations: authorisations.length };
    return Object.entries(counted).map(([name, value]) => [{ name, value }, `${name} = ${JSON.stringify(value)}`]);
  },
};
