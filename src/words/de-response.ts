import type { Action } from '../model.ts';
import { formatDuration } from '../time.ts';
import { severityName } from './de-severity.ts';
import { visible } from './visible.ts';
import type { ResponseBounds, ResponseWords, RuleConditions } from './words.ts';

/** What an action does, without saying to whom. */
const DEEDS: Readonly<Record<Action, string>> = {
  none: 'nichts',
  'hang-up': 'die Anrufe beenden',
  'expire-contact': 'die Anmeldung des Angreifers beenden',
  'block-international': 'Auslandsanrufe des Kontos sperren',
  'block-account': 'alle Anrufe des Kontos sperren',
  'block-address': 'die Adresse sperren',
  'block-number': 'die Nummer sperren',
  'rotate-secret': 'dem Konto ein neues Passwort geben',
};

/** The same of one target. */
const deedTo = (action: Action, target: string): string => {
  switch (action) {
    case 'none':
      return 'etwas tun';
    case 'hang-up':
      return `Anruf ${target} beenden`;
    case 'expire-contact':
      return `eine Anmeldung von ${target} beenden`;
    case 'block-international':
      return `Auslandsanrufe von ${target} sperren`;
    case 'block-account':
    case 'block-address':
    case 'block-number':
      return `${target} sperren`;
    case 'rotate-secret':
      return `${target} ein neues Passwort geben`;
  }
};

/** All that can be forbidden. */
const EVERYTHING = Object.keys(DEEDS).length - 1;

const SUBJECTS: Readonly<Record<string, string>> = {
  account: 'ein Konto',
  address: 'eine Adresse',
  number: 'eine Nummer',
  trunk: 'eine Leitung',
};

const either = (values: readonly string[]): string => {
  const shown = values.map((value) => visible(value, 64));
  const last = shown.at(-1) ?? '';
  return shown.length < 2 ? last : `${shown.slice(0, -1).join(', ')} oder ${last}`;
};

function conditions(rule: RuleConditions): string {
  const { detectors, incidents, severity, severityOf, subjects, accounts, groups, knownAccount, hours, numbers } = rule;
  const parts: string[] = [
    detectors === null ? '' : `gesehen von ${either(detectors)}`,
    incidents === null ? '' : `in einem Vorfall der Art ${either(incidents)}`,
    severity === null
      ? ''
      : `${severityOf === 'incident' ? 'Vorfall' : 'Beobachtung'} ${severityName(severity)}${severity === 'critical' ? '' : ' oder schwerer'}`,
    subjects === null ? '' : `über ${either(subjects.map((subject) => SUBJECTS[subject] ?? subject))}`,
    accounts === null ? '' : `Konto ${either(accounts)}`,
    groups === null ? '' : `ein Konto der Gruppe ${either(groups)}`,
    knownAccount === null
      ? ''
      : knownAccount
        ? 'ein Konto dieser Anlage'
        : 'kein Konto dieser Anlage, gegen das etwas zu tun wäre',
    hours === 'any' ? '' : hours === 'open' ? 'während geöffnet ist' : 'während geschlossen ist',
    { any: '', abroad: 'teure Auslandsnummern gewählt', national: 'teure Nummern dieses Landes gewählt' }[numbers],
  ];
  return parts.filter((part) => part !== '').join('; ') || 'immer';
}

function bounds({ mode, observed, repeat, limits }: ResponseBounds): string[] {
  const { within, factor, longest } = repeat;
  const again =
    factor === 1
      ? 'Wer wieder gesperrt wird, wird so lange gesperrt wie beim ersten Mal.'
      : `Wer innerhalb von ${formatDuration(within)} nach dem Ende seiner Sperre wieder gesperrt wird, wird jedes Mal ${factor}-mal so lange gesperrt, höchstens ${formatDuration(longest)}.`;
  const share = `${Math.round(limits.accounts * 100)} % der Konten auf einmal (${limits.accountsAtLeast} immer)`;
  return [
    mode === 'observe'
      ? 'mode = "observe": All das wird aufgezeichnet und nicht getan.'
      : 'mode = "enforce": Das wird getan.',
    ...observed.map((setting) => `Aufgezeichnet und nicht getan: ${visible(setting, 300)}.`),
    again,
    `Regeln sperren höchstens ${limits.perHour}-mal in der Stunde und höchstens ${share}.`,
  ];
}

export const response: ResponseWords = {
  bounds,
  order:
    'Über jede Maßnahme entscheidet die erste dieser Regeln, die zur Beobachtung passt und die Maßnahme nennt. Notrufnummern, Leitungen, die Anlage, Adressen, die nichts belegt, und Konten, die niemand kennt, werden von jeder Regel verschont.',
  labels: { when: 'wenn', does: 'tut', never: 'nie', why: 'weil' },
  conditions,
  does: (action, lasts) => `${DEEDS[action]}${lasts === null ? '' : ` für ${formatDuration(lasts)}`}`,
  never: (actions) =>
    actions.length === EVERYTHING ? 'irgendetwas' : actions.map((action) => DEEDS[action]).join('; '),
  forbidden: (action, rule) => `nicht: ${DEEDS[action]}; ${rule} verbietet es`,
  spared: (action, target, reason) => `nicht: ${deedTo(action, target)}; ${reason}`,
  refused: (reason) => `und eine Sicherung hielte es davon ab: ${reason}`,
  observed: (setting) => `aufgezeichnet und nicht getan: ${setting}`,
  grown: (severity) => `eines Vorfalls, der inzwischen ${severityName(severity)} ist`,
  nothing: 'keine Regel tut etwas dagegen',
};
