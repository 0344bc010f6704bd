import type { Incident } from '../../model.ts';
import type { IncidentStory } from '../../words/index.ts';

/**
 * What a telephone says, as names of prompts that every Asterisk has (Debian: asterisk-core-sounds-en and its sisters in
 * other languages; the names are the same). Nothing that came over the network reaches the dialplan but as digits and
 * letters that are spelled: every name here is one of a fixed list.
 *
 *     beep · "you have 1 urgent message" · "extension 1 0 0 4" · "is in use from an unknown caller" · "disabled"
 *     "if this is correct press 1" · "press 2 for de-activated" · "press 5 to repeat this message"
 */

/** Prompts of one message: what one header of AMI and one variable of a channel hold. */
const MOST = 60;
/** Characters of a name that are spelled. */
const SPELLED = 12;

/** What is said of a kind of attack; all are in the core set. */
const WHAT: Readonly<Record<string, readonly string[]>> = {
  'registration-hijack': ['is-in-use', 'from-unknown-caller'],
  'out-of-hours-calls': ['is-in-use'],
  'unregistered-caller': ['from-unknown-caller'],
  'brute-force': ['vm-incorrect'],
  forwarding: ['call-forwarding', 'is', 'activated'],
  spend: ['is-in-use'],
};
const SOMETHING: readonly string[] = ['something-terribly-wrong'];

const SIGNS: Readonly<Record<string, string>> = {
  '.': 'letters/dot',
  '-': 'letters/dash',
  '@': 'letters/at',
  '+': 'letters/plus',
  '*': 'digits/star',
  '#': 'digits/pound',
};

/** A name or number, sign by sign; what cannot be spelled is left out. */
export function spelled(text: string): string[] {
  return Array.from(text.toLowerCase())
    .flatMap((sign) => {
      if (/^\d$/.test(sign)) return [`digits/${sign}`];
      if (/^[a-z]$/.test(sign)) return [`letters/${sign}`];
      return SIGNS[sign] ?? [];
    })
    .slice(0, SPELLED);
}

/** A whole number from 0 to 99. */
function number(n: number): string[] {
  if (n <= 20) return [`digits/${n}`];
  const rest = n % 10;
  return [`digits/${n - rest}`, ...(rest === 0 ? [] : [`digits/${rest}`])];
}

function who({ subject }: Incident): string[] {
  switch (subject.type) {
    case 'account':
      return ['extension', ...spelled(subject.value)];
    case 'number':
      return ['telephone-number', ...spelled(subject.value)];
    case 'address':
      return ['vm-from', ...spelled(subject.value)];
    case 'trunk':
      return ['location', ...spelled(subject.value)];
  }
}

/** Is something of this incident refused by now? Then it is said, and may be lifted. */
export const blocks = ({ decisions }: IncidentStory): boolean =>
  decisions.some(({ action, state }) => action.startsWith('block-') && (state === 'done' || state === 'pending'));

/** The prompts that tell of these stories; the gravest is told of, the others are counted. @param lift may blocks be lifted by a digit? */
export function promptsFor(stories: readonly IncidentStory[], lift: boolean): string[] {
  const [first] = stories;
  if (first === undefined) return [...TEST];
  const { incident } = first;
  const said = [
    ...['beep', 'vm-youhave', ...number(Math.min(99, stories.length)), 'vm-Urgent'],
    stories.length === 1 ? 'vm-message' : 'vm-messages',
    ...who(incident),
    ...(WHAT[incident.detector] ?? SOMETHING),
    ...(blocks(first) ? ['disabled'] : []),
  ];
  const choice = [
    'if-correct-press',
    'digits/1',
    ...(lift ? ['vm-press', 'digits/2', 'for', 'de-activated'] : []),
    'vm-repeat',
  ];
  return [...said.slice(0, MOST - choice.length), ...choice];
}

/** A test: it says hello, and wants to be confirmed. */
const TEST = ['beep', 'hello-world', 'if-correct-press', 'digits/1', 'vm-repeat'] as const;

/** All prompts that can be said, for the check that a PBX has them. */
export const PROMPTS: readonly string[] = [
  ...new Set([
    ...TEST,
    ...['vm-youhave', 'vm-Urgent', 'vm-message', 'vm-messages', 'extension', 'telephone-number', 'vm-from', 'location'],
    ...['disabled', 'vm-press', 'for', 'de-activated', 'auth-thankyou', 'vm-goodbye'],
    ...SOMETHING,
    ...Object.values(WHAT).flat(),
    ...Object.values(SIGNS),
    ...'0123456789'.split('').map((digit) => `digits/${digit}`),
    ...'abcdefghijklmnopqrstuvwxyz'.split('').map((letter) => `letters/${letter}`),
    ...Array.from({ length: 100 }, (_, n) => number(n)).flat(),
  ]),
].sort();
