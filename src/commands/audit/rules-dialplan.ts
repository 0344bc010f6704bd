import { confValue } from '../../wire/conf.ts';
import { reachOf, type Step } from '../setup/dialplan.ts';
import { openContexts } from './rules-channels.ts';
import { finding, type Finding } from './finding.ts';
import { strangersContexts } from './rules-pjsip.ts';
import { named, ofType, placeOf, secretProblem, sectionsOf, words, at, type View } from './view.ts';

/** Who can dial out, and who should not: the dialplan as it is loaded, else as the files have it. */
export function dialplanFindings(view: View): Finding[] {
  return [
    ...reachFindings(view),
    ...guardFindings(view),
    ...disaFindings(view),
    ...limitFindings(view),
    ...voicemailFindings(view),
  ];
}

const trunkNames = (view: View): Set<string> => new Set(view.found.trunks.map(({ name }) => name));

/** Does a pattern take numbers abroad: 00…, 011…, +…, or whatever is dialled? */
const isInternational = (extension: string): boolean => /^_?(?:\d?00|\d?011|\+|X*[.!]|_?[XZN]+[.!])/.test(extension);

/** Where calls leave that begin in a context, and whether abroad. */
function waysOut(view: View, context: string, only: (step: Step) => boolean): { places: string[]; abroad: boolean } {
  const places = new Set<string>();
  let abroad = false;
  for (const name of reachOf(view.dialplan, [context], trunkNames(view)).outgoing)
    for (const [extension, steps] of view.dialplan.get(name)?.extensions ?? [])
      for (const step of steps)
        if (/^Dial$/i.test(step.application) && only(step)) {
          const alone = reachOf(new Map([[name, { extensions: new Map([[extension, [step]]]), includes: [] }]]), [name], trunkNames(view)); // prettier-ignore
          if (alone.outgoing.length === 0) continue;
          places.add(step.at);
          abroad ||= isInternational(extension);
        }
  return { places: [...places], abroad };
}

function reachFindings(view: View): Finding[] {
  const found: Finding[] = [];
  for (const { context, who } of [...strangersContexts(view), ...openContexts(view)]) {
    const { places, abroad } = waysOut(view, context, () => true);
    if (places.length > 0)
      found.push(
        finding({
          rule: 'strangers-reach-trunk',
          where: places[0] ?? context,
          what: `calls of ${who} begin in [${context}], and leave by a trunk${abroad ? ', abroad too' : ''}`,
          fix: `a context for ${who} that includes no context with a trunk, like [from-strangers] with exten => _X!,1,Hangup(21)`,
        }),
      );
  }
  for (const trunk of view.found.trunks) {
    const context = contextOf(view, trunk.name);
    if (context === null) continue;
    const { places, abroad } = waysOut(view, context, ({ data }) => data.includes('EXTEN'));
    if (places.length > 0)
      found.push(
        finding({
          rule: 'trunk-reaches-trunk',
          where: places[0] ?? context,
          what: `calls that come in by ${trunk.name} begin in [${context}], and dial out what they like${abroad ? ', abroad too' : ''}`,
          fix: `take the include, Goto or pattern that leads there out of [${context}]; calls from outside need your own numbers alone`,
        }),
      );
  }
  return found;
}

function contextOf(view: View, name: string): string | null {
  const endpoint = ofType(view.pjsip, 'endpoint').find((one) => one.name === name);
  if (endpoint !== undefined) return confValue(endpoint, 'context') ?? 'default';
  for (const file of ['sip.conf', 'iax.conf']) {
    const sections = sectionsOf(view, file);
    const peer = sections.find((one) => one.name === name);
    if (peer !== undefined)
      return confValue(peer, 'context') ?? confValue(named(sections, 'general'), 'context') ?? 'default';
  }
  return null;
}

function guardFindings(view: View): Finding[] {
  const { unguarded } = reachOf(view.dialplan, view.found.entries, trunkNames(view));
  return unguarded.map(({ context, extension, step }) =>
    finding({
      rule: 'guard-missing',
      where: step.at,
      what: `[${context}], extension ${extension}, dials out without asking ringfence’s guard`,
      fix: 'same => n,Gosub(ringfence-guard,s,1(${EXTEN})) before that Dial; ringfence init --install shows the lines',
    }),
  );
}

function* allSteps(view: View): Generator<{ context: string; extension: string; step: Step }> {
  for (const [context, { extensions }] of view.dialplan)
    for (const [extension, steps] of extensions) for (const step of steps) yield { context, extension, step };
}

function disaFindings(view: View): Finding[] {
  const found: Finding[] = [];
  for (const { context, extension, step } of allSteps(view)) {
    if (!/^DISA$/i.test(step.application)) continue;
    const open = /^\s*no-password\b/i.test(step.data);
    found.push(
      finding({
        rule: 'disa',
        ...(open ? { severity: 'critical' as const } : {}),
        where: step.at,
        what: `DISA in [${context}], extension ${extension}${open ? ', without a PIN' : ''}`,
        fix: 'delete the line, or let it be reached by phones that registered alone',
      }),
    );
  }
  return found;
}

/** One finding for the PBX: the limit stands in the dialplan, or for all calls in asterisk.conf. */
function limitFindings(view: View): Finding[] {
  const { outgoing } = reachOf(view.dialplan, view.found.entries, trunkNames(view));
  if (outgoing.length === 0) return [];
  const options = named(sectionsOf(view, 'asterisk.conf'), 'options');
  if (Number(confValue(options, 'maxcalls') ?? 0) > 0) return [];
  for (const { step } of allSteps(view)) if (/GROUP_COUNT\s*\(/i.test(step.data)) return [];
  const steps = outgoing.flatMap((name) => [...(view.dialplan.get(name)?.extensions.values() ?? [])].flat());
  const dial = steps.find(({ application }) => /^Dial$/i.test(application));
  return [
    finding({
      rule: 'no-call-limit',
      where: dial?.at ?? `[${outgoing[0] ?? ''}]`,
      what: `nothing limits how many calls leave at a time from ${outgoing.map((name) => `[${name}]`).join(', ')}`,
      fix: 'before the Dial: same => n,Set(GROUP()=${CHANNEL(endpoint)}) and same => n,GotoIf($[${GROUP_COUNT(${CHANNEL(endpoint)})} > 2]?busy); or maxcalls in [options] of asterisk.conf',
    }),
  ];
}

function voicemailFindings(view: View): Finding[] {
  const found: Finding[] = [];
  for (const section of sectionsOf(view, 'voicemail.conf')) {
    if (/^zonemessages$/i.test(section.name)) continue;
    if (section.name.toLowerCase() === 'general') {
      for (const name of ['dialout', 'callback'])
        for (const context of words(section, name))
          found.push(...dialsOut(view, context, placeOf(section, name), `${name} = ${context}`));
      continue;
    }
    for (const setting of section.settings) {
      const [pin = '', person = '', , , options = ''] = setting.value.split(',').map((part) => part.trim());
      for (const [, name = '', context = ''] of options.matchAll(/(?:^|\|)(dialout|callback)=([^|]+)/gi))
        found.push(...dialsOut(view, context, at(setting), `mailbox ${setting.name} has ${name} = ${context}`));
      // Asterisk keeps PINs that mailboxes changed themselves apart
      if (pin === '' || pin.startsWith('-')) continue;
      const short = /^\d{1,4}$/.test(pin) && pin.length < 4;
      const told = secretProblem(view, pin, { names: [setting.name], people: [person] });
      if (short || (told !== null && !/digits only|characters/.test(told)))
        found.push(
          finding({
            rule: 'voicemail-pin',
            where: at(setting),
            what: `the PIN of mailbox ${setting.name} ${told ?? `has ${pin.length} digits`}`,
            fix: 'six digits or more that are not the mailbox; minsecret = 6 in [general] of voicemail.conf',
          }),
        );
    }
  }
  return found;
}

function dialsOut(view: View, context: string, where: string, what: string): Finding[] {
  const { places } = waysOut(view, context, () => true);
  return [
    finding({
      rule: 'voicemail-dials-out',
      ...(places.length > 0 ? { severity: 'high' as const } : {}),
      where,
      what: `${what}${places.length > 0 ? ', from which calls leave by a trunk' : ''}`,
      fix: 'delete dialout and callback in voicemail.conf; voicemail reload',
    }),
  ];
}
