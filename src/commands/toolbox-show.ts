import { RingfenceError } from '../errors.ts';
import { iso } from '../time.ts';
import { tools } from '../toolbox/registry.ts';
import { EXIT, type GlobalOptions, type Output } from './output.ts';
import { helpOf } from './schema-help.ts';
import { readConfig } from './site.ts';
import { storeIfThere, templateNamed, templatesOf } from './toolbox.ts';

export interface ShowOptions {
  readonly versions?: boolean;
}

/** `ringfence toolbox show NAME`: a template as JSON, ready to be changed, or a tool with its parameters. */
export default function toolboxShow(
  [name = '']: readonly string[],
  options: GlobalOptions & ShowOptions,
  output: Output,
): number {
  const config = readConfig(options, output);
  if (options.versions === true) return showVersions(name, options, output);
  const tool = tools.get(name);
  if (tool !== undefined) {
    const { family, summary, directions, needs = [], gives = [], layer = null } = tool;
    const parameters = helpOf(tool.parameters).map((p) => ({ name: p.name, default: p.fallback, help: p.help }));
    if (output.json) output.object({ name, family, summary, directions, needs, gives, layer, parameters });
    else {
      output.result(`${name} (${family}; ${directions.join(', ')}): ${summary}`);
      if (needs.length > 0) output.result(`  needs: ${needs.join(', ')}`);
      if (gives.length > 0) output.result(`  gives: ${gives.join(', ')}`);
      if (layer !== null)
        output.result(`  ${directions.includes('in') ? 'takes off' : 'puts on'} the layer "${layer}"`);
      for (const p of parameters) output.result(`  ${p.name} = ${JSON.stringify(p.default)}\n      ${p.help}`);
    }
    return EXIT.done;
  }
  const { checked } = templateNamed(name, templatesOf(config));
  if (output.json) output.object({ ...checked.template, advice: checked.advice });
  else {
    output.result(JSON.stringify(checked.template, null, 2));
    for (const line of checked.advice) output.note(`ringfence: ${line}`);
  }
  return EXIT.done;
}

function showVersions(name: string, options: GlobalOptions, output: Output): number {
  const store = storeIfThere(readConfig(options, { ...output, note: () => undefined }));
  try {
    const versions = store?.toolboxObjects.versions('template', name) ?? [];
    if (versions.length === 0)
      throw new RingfenceError(
        'usage',
        `the store has no version of a template "${name}"; ringfence toolbox list puts them there`,
      );
    for (const { version, source, digest, since, ended, body } of versions) {
      const object = { name, version, source, digest, since: iso(since), ended: ended === null ? null : iso(ended) };
      if (output.json) output.object({ ...object, template: JSON.parse(body) as unknown });
      else
        output.result(
          `version ${version} from ${object.since}${object.ended === null ? '' : ` to ${object.ended}`} (${source})\n${body}`,
        );
    }
  } finally {
    store?.close();
  }
  return EXIT.done;
}
