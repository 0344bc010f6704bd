import type { AsteriskFound } from './asterisk.ts';
import type { Step, Unguarded } from './dialplan.ts';
import type { HandWork } from './plan.ts';

const HOOK = 'macro-dialout-trunk-predial-hook';

const gosub = (number: string): string => `Gosub(ringfence-guard,s,1(${number}))`;

/** In a subroutine the extension is not what was dialled. */
const numberIn = ({ extension }: Unguarded): string => (/^[a-z]/i.test(extension) ? '${ARG1}' : '${EXTEN}');

function linesFor(unguarded: Unguarded): string[] {
  const { extension, step, first } = unguarded;
  const call = gosub(numberIn(unguarded));
  const dial = step.written.replace(/^(?:exten => [^,]*,[^,]*,|same => [^,]*,)/, '');
  if (first) return [`exten => ${extension},1,${call}`, ` same => n,${dial}`];
  return step.written.startsWith('exten') ? [`exten => ${extension},n,${call}`] : [` same => n,${call}`];
}

/** FreePBX calls this hook before each call that leaves, whatever route and trunk. */
function hookOf(asterisk: AsteriskFound): HandWork {
  const steps = [...asterisk.dialplan.values()].flatMap(({ extensions }) => [...extensions.values()].flat());
  // until version 16 it is a macro, from which MacroExit leads back
  const macro = steps.some(({ application, data }: Step) => application === 'Macro' && data.startsWith(HOOK.slice('macro-'.length))); // prettier-ignore
  const there = asterisk.conf('extensions_custom.conf')?.sections.find(({ name }) => name === HOOK);
  const back = macro ? 'MacroExit()' : 'Return()';
  const lines = [`[${HOOK}]`, `exten => s,1,${gosub('${DIAL_NUMBER}')}`, ` same => n,${back}`];
  return there === undefined
    ? { what: 'extensions_custom.conf, at its end: each call that leaves asks the guard', lines }
    : {
        what: `${there.file}:${there.line}, [${HOOK}] is in use: as its first step (the others move on by one)`,
        lines: [`exten => s,1,${gosub('${DIAL_NUMBER}')}`],
      };
}

/** The guard's lines in each context from which calls can leave: too much depends on them to be put in by a program. */
export function handLines(asterisk: AsteriskFound): HandWork[] {
  const { reach, freepbx, dialplan } = asterisk;
  const work: HandWork[] = [];
  const byHook = (name: string): boolean => freepbx && name.startsWith('macro-dialout');
  if (reach.unguarded.some(({ context }) => byHook(context))) work.push(hookOf(asterisk));
  const seen = new Set<string>();
  for (const unguarded of reach.unguarded) {
    const { context, extension, step, first } = unguarded;
    if (byHook(context) || seen.has(step.at)) continue;
    seen.add(step.at);
    const place = `${step.at}, [${context}], extension ${extension}`;
    work.push({
      what: `${place}: ${first ? 'in place of this line' : 'before this line'}`,
      lines: linesFor(unguarded),
    });
  }
  if (reach.outgoing.length === 0)
    work.push({
      what:
        dialplan.size === 0
          ? 'no dialplan was found: in every context from which calls can leave, before the Dial'
          : 'no context was seen that dials a trunk (AEL, Lua and databases are not looked into): where calls can leave, before the Dial',
      lines: [`exten => _X.,1,${gosub('${EXTEN}')}`, ' same => n,Dial(PJSIP/${EXTEN}@trunk,60)'],
    });
  return work;
}
