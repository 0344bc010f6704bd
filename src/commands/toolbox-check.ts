import { ConfigError, type ConfigProblem } from '../errors.ts';
import { EXIT, type GlobalOptions, type Output } from './output.ts';
import { readConfig } from './site.ts';
import { isFile, templateNamed, templatesOf } from './toolbox.ts';

interface Judged {
  readonly name: string;
  readonly problems: readonly ConfigProblem[];
  readonly advice: readonly string[];
}

/** `ringfence toolbox check [TEMPLATE|FILE…]`: are they right? All problems at once; the answer no is exit status 1. */
export default function toolboxCheck(args: readonly string[], options: GlobalOptions, output: Output): number {
  const all = templatesOf(readConfig(options, output));
  const judged: Judged[] = args.map((name) => {
    try {
      const { checked } = templateNamed(name, all);
      return { name, problems: [], advice: checked.advice };
    } catch (error) {
      if (error instanceof ConfigError && isFile(name)) return { name, problems: error.problems, advice: [] };
      throw error;
    }
  });
  if (args.length === 0) {
    for (const [name, { checked }] of all.templates) judged.push({ name, problems: [], advice: checked.advice });
    if (all.problems.length > 0) judged.push({ name: '[toolbox]', problems: all.problems, advice: [] });
  }
  for (const { name, problems, advice } of judged) {
    if (output.json) output.object({ template: name, ok: problems.length === 0, problems, advice });
    else {
      output.result(
        `${name}: ${problems.length === 0 ? 'right' : `${problems.length} problem${problems.length === 1 ? '' : 's'}`}`,
      );
      for (const { path, message, help } of problems)
        output.result(`  ${path}: ${message}${help === undefined ? '' : ` (${help})`}`);
      for (const line of advice) output.note(`  ${name}: ${line}`);
    }
  }
  return judged.some(({ problems }) => problems.length > 0) ? EXIT.found : EXIT.done;
}
