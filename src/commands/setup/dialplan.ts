import type { ConfSection } from '../../wire/conf.ts';

/** One step of an extension. */
export interface Step {
  readonly application: string;
  readonly data: string;
  /** `file:line`, or what Asterisk says of it */
  readonly at: string;
  /** the line as it is written, where it is known */
  readonly written: string;
}

/** Extensions of a context, in order; `includes`: contexts that are looked through as well. */
export interface Context {
  readonly extensions: Map<string, Step[]>;
  readonly includes: string[];
}

export type Dialplan = ReadonlyMap<string, Context>;

const contextOf = (plan: Map<string, Context>, name: string): Context => {
  const context = plan.get(name) ?? { extensions: new Map<string, Step[]>(), includes: [] };
  plan.set(name, context);
  return context;
};

const stepsOf = (context: Context, extension: string): Step[] => {
  const steps = context.extensions.get(extension) ?? [];
  context.extensions.set(extension, steps);
  return steps;
};

/** `Application(data)` or, as in old files, `Application,data`. */
function application(text: string): { application: string; data: string } {
  const open = text.indexOf('(');
  const comma = text.indexOf(',');
  if (open >= 0 && (comma < 0 || open < comma)) {
    const close = text.lastIndexOf(')');
    return { application: text.slice(0, open).trim(), data: text.slice(open + 1, close > open ? close : undefined) };
  }
  return comma < 0
    ? { application: text.trim(), data: '' }
    : { application: text.slice(0, comma).trim(), data: text.slice(comma + 1) };
}

/** The dialplan that extensions.conf has: `exten =>`, `same =>`, `include =>`, and [globals] put in. AEL and Lua are not in it. */
export function dialplanOf(sections: readonly ConfSection[]): Dialplan {
  const globals = new Map<string, string>();
  for (const { name, settings } of sections)
    if (name.toLowerCase() === 'globals') for (const one of settings) globals.set(one.name, one.value);
  const filled = (text: string): string =>
    text.replace(/\$\{(?:GLOBAL\((\w+)\)|(\w+))\}/g, (all, a?: string, b?: string) => globals.get(a ?? b ?? '') ?? all);
  const plan = new Map<string, Context>();
  for (const { name, template, settings } of sections) {
    if (template || /^(?:general|globals)$/i.test(name)) continue;
    const context = contextOf(plan, name);
    let extension = '';
    for (const setting of settings) {
      const kind = setting.name.toLowerCase();
      if (kind === 'include') context.includes.push((setting.value.split(',')[0] ?? '').trim());
      else if (kind === 'exten' || kind === 'same') {
        let rest = setting.value;
        if (kind === 'exten') {
          const comma = rest.indexOf(',');
          if (comma < 0) continue;
          extension = rest.slice(0, comma).trim();
          rest = rest.slice(comma + 1);
        }
        const comma = rest.indexOf(',');
        if (comma < 0 || rest.slice(0, comma).trim() === 'hint') continue;
        const { application: app, data } = application(rest.slice(comma + 1).trim());
        stepsOf(context, extension).push({
          application: app,
          data: filled(data),
          at: `${setting.file}:${setting.line}`,
          written: `${kind} => ${setting.value}`,
        });
      }
    }
  }
  return plan;
}

/** The dialplan as Asterisk's console shows it (`dialplan show`, Asterisk 16 to 22): what is loaded now, from whatever source. */
export function dialplanShown(text: string): Dialplan {
  const plan = new Map<string, Context>();
  let context: Context | null = null;
  let extension = '';
  for (const line of text.split('\n')) {
    const head = /^\[ Context '(.*)' created by '/.exec(line);
    if (head !== null) {
      context = contextOf(plan, head[1] ?? '');
      continue;
    }
    if (context === null) continue;
    const include = /^\s+Include =>\s+'(.*?)'\s+\[/.exec(line);
    if (include !== null) context.includes.push((include[1] ?? '').split('|')[0] ?? '');
    const step = /^\s+(?:'(.*?)' =>)?\s*(?:\[.*?\])?\s*(\d+|hint)[.:]\s+(.*?)\s+\[([^\]]*)\]\s*$/.exec(line);
    if (step === null) continue;
    const [, started, priority, what = '', at = ''] = step;
    // 'exten' (CID match '…') => has what follows the name within the quotation marks of its own
    if (started !== undefined) extension = started;
    if (priority === 'hint') continue;
    stepsOf(context, extension).push({ ...application(what), at, written: '' });
  }
  return plan;
}

/** The same from the items of the manager's ShowDialPlan, where the account may ask for it. */
export function dialplanListed(items: readonly { get(name: string): string | null }[]): Dialplan {
  const plan = new Map<string, Context>();
  for (const item of items) {
    const name = item.get('Context');
    if (name === null) continue;
    const context = contextOf(plan, name);
    const include = item.get('IncludeContext');
    if (include !== null) context.includes.push(include);
    const extension = item.get('Extension');
    if (extension === null) continue;
    const [app, data, at] = ['Application', 'AppData', 'Registrar'].map((field) => item.get(field) ?? '');
    stepsOf(context, extension).push({ application: app ?? '', data: data ?? '', at: at ?? '', written: '' });
  }
  return plan;
}

/** A Dial to a trunk that a phone can reach without the guard being asked. */
export interface Unguarded {
  readonly context: string;
  readonly extension: string;
  readonly step: Step;
  /** no step of the extension stands before it */
  readonly first: boolean;
}

export interface Reach {
  /** contexts in which a phone's calls can leave, guarded or not */
  readonly outgoing: readonly string[];
  readonly unguarded: readonly Unguarded[];
}

const GUARD = 'ringfence-guard';

/** Does this dial somebody outside? Names of trunks as endpoints, peers or groups; what is decided by a variable counts. */
function dialsTrunk(data: string, trunks: ReadonlySet<string>): boolean {
  const first = data.replace(/\$\{[^}]*\}/g, (all) => all.replaceAll(/[,&/@]/g, '.')).split(',')[0] ?? '';
  return first.split('&').some((destination) => {
    const [technology = '', ...rest] = destination.trim().split('/');
    // ${TRUNK}/${EXTEN} leaves; a variable alone is a telephone, or several
    if (technology.startsWith('${')) return rest.length > 0;
    if (/^(?:Local|Multicast.*|Bridge)$/i.test(technology)) return false;
    if (/^(?:DAHDI|Zap|IAX2|mISDN|Dongle|OOH323|Motif|XMPP)$/i.test(technology)) return true;
    const target = rest.join('/');
    const peer = target.includes('@') ? target.slice(target.lastIndexOf('@') + 1) : (rest[0] ?? '');
    const decidedByVariable = (target.includes('@') || rest.length > 1) && peer.includes('${');
    return trunks.has(peer) || trunks.has(rest[0] ?? '') || decidedByVariable;
  });
}

const CALLS = /^(?:Gosub|Goto|Macro|GosubIf|GotoIf|MacroExclusive|Dial|ExecIf|Exec|TryExec)$/i;

/** Contexts that a step leads to. */
function targetsOf({ application: app, data }: Step, known: Dialplan): string[] {
  if (!CALLS.test(app)) return [];
  if (/^Macro/i.test(app)) return [`macro-${(data.split(',')[0] ?? '').trim()}`];
  if (/^Dial$/i.test(app)) return [...data.matchAll(/Local\/[^@,&]*@([^/,&]+)/gi)].map(([, name = '']) => name);
  // the context is the first of three arguments, and behind ? or : where there is a condition
  return data
    .split(/[?:,(]/)
    .map((part) => part.trim())
    .flatMap((part) => [part, `macro-${part}`])
    .filter((part) => known.has(part));
}

/**
 * Where calls can leave, and where the guard is not asked first. `entries`: contexts in which calls of phones begin. A step
 * that is jumped over is not seen to be: what is found unguarded surely is, what is found guarded is so as far as it is written.
 */
export function reachOf(plan: Dialplan, entries: readonly string[], trunks: ReadonlySet<string>): Reach {
  const leads = leading(plan);
  const guards = guarding(plan);
  /** context -> was the guard asked on every way to it? */
  const reached = new Map<string, boolean>();
  const waiting = entries.filter((name) => plan.has(name)).map((name): [string, boolean] => [name, false]);
  const outgoing = new Set<string>();
  const unguarded = new Map<Step, Unguarded>();
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const [name, asked] = next;
    // once unguarded, always so; once seen guarded, only a way without the guard is news
    const before = reached.get(name);
    if (before === false || (before === true && asked)) continue;
    reached.set(name, asked);
    const context = plan.get(name);
    for (const include of context?.includes ?? []) waiting.push([include, asked]);
    for (const [extension, steps] of context?.extensions ?? []) {
      let guarded = asked;
      for (const [index, step] of steps.entries()) {
        if (/^Dial$/i.test(step.application) && dialsTrunk(step.data, trunks)) {
          outgoing.add(name);
          if (!guarded) unguarded.set(step, { context: name, extension, step, first: index === 0 });
        }
        for (const target of leads(step)) waiting.push([target, guarded]);
        if (guards(step)) guarded = true;
      }
    }
  }
  return { outgoing: [...outgoing], unguarded: [...unguarded.values()] };
}

/** Where steps lead to, each looked up once. */
function leading(plan: Dialplan): (step: Step) => readonly string[] {
  const known = new Map<Step, readonly string[]>();
  return (step) => {
    const found = known.get(step) ?? targetsOf(step, plan).filter((name) => name !== GUARD);
    known.set(step, found);
    return found;
  };
}

/** Does a step ask the guard: itself, or a subroutine whose first extension does (FreePBX's hook)? */
function guarding(plan: Dialplan): (step: Step) => boolean {
  const asks = (step: Step, depth: number): boolean => {
    if (/^(?:Gosub|GosubIf|ExecIf)$/i.test(step.application) && step.data.includes(GUARD)) return true;
    if (depth >= 3 || !/^(?:Gosub|GosubIf|Macro|ExecIf)$/i.test(step.application)) return false;
    return targetsOf(step, plan).some((name) => {
      const steps = plan.get(name)?.extensions.get('s') ?? [];
      return steps.some((inner) => asks(inner, depth + 1));
    });
  };
  const known = new Map<Step, boolean>();
  return (step) => {
    const found = known.get(step) ?? asks(step, 0);
    known.set(step, found);
    return found;
  };
}

/** Is the guard there, and in a version that works? */
export const hasGuard = (plan: Dialplan): boolean =>
  (plan.get(GUARD)?.extensions.get('s')?.length ?? 0) > 0 && (plan.get('ringfence-origin')?.extensions.size ?? 0) > 0;
