import type { RuleOptions } from './options.ts';

/**
 * What is done where the settings say nothing else, written as settings write it (docs/settings.md, [[respond.rules]]).
 * Whose severity counts: the incident's where acting spares the owner (his calls abroad are held, he loses nothing else);
 * the evidence's own where an address or a contact is named, for a grave story may hold harmless addresses.
 * Who guesses passwords is denied for an hour only: a colleague with an old one may be behind the same address.
 * A new secret is never given by rule: it locks the owner out too.
 * Nothing is ever done by rule about spoofed-source and exposure (who did it is just what is not known), latency and
 * traffic (no attack, or none that can be stopped).
 */
/** Detectors of calls that an account places to numbers that cost money. */
const CALLS = ['call-burst', 'repeated-destination', 'risky-destination', 'new-destination', 'test-call'];

export const SHIPPED_RULES: readonly (Partial<RuleOptions> & { readonly name: string; readonly why: string })[] = [
  {
    name: 'costly-calls',
    detector: ['out-of-hours-calls', 'unregistered-caller', ...CALLS],
    severity: 'critical',
    severity_of: 'incident',
    do: ['hang-up'],
    why: 'every minute of these calls costs money',
  },
  {
    name: 'late-calls-abroad',
    detector: 'out-of-hours-calls',
    severity: 'high',
    severity_of: 'incident',
    do: ['block-international'],
    why: 'nobody is there to see what it dials',
  },
  {
    name: 'premium-calls',
    detector: ['out-of-hours-calls', 'unregistered-caller', 'spend', ...CALLS],
    severity: 'critical',
    severity_of: 'incident',
    numbers: 'national',
    do: ['block-account'],
    why: 'its calls cost money without going abroad',
  },
  {
    name: 'budget-spent',
    detector: 'spend',
    severity: 'critical',
    do: ['hang-up', 'block-international'],
    why: 'the budget for such calls is spent',
  },
  {
    name: 'odd-calls-abroad',
    detector: CALLS,
    severity: 'high',
    severity_of: 'incident',
    do: ['block-international'],
    why: 'nobody dials like this',
  },
  {
    name: 'late-calls-of-nobody',
    detector: ['out-of-hours-calls', ...CALLS],
    severity: 'high',
    severity_of: 'incident',
    known_account: false,
    do: ['block-number'],
    why: 'no account of this PBX can be blocked for these calls',
  },
  {
    name: 'hijack',
    detector: 'registration-hijack',
    severity: 'high',
    do: ['expire-contact', 'block-international', 'block-address'],
    why: 'the registration was taken over from there',
  },
  {
    name: 'hijack-calls',
    detector: 'registration-hijack',
    severity: 'critical',
    severity_of: 'incident',
    do: ['hang-up'],
    why: 'these calls were placed with a stolen registration',
  },
  {
    name: 'stranger',
    detector: 'unregistered-caller',
    severity: 'high',
    do: ['block-address'],
    why: 'it places calls without ever having registered',
  },
  {
    name: 'stranger-abroad',
    detector: 'unregistered-caller',
    severity: 'high',
    severity_of: 'incident',
    do: ['block-international'],
    why: 'calls in its name come from where it is not registered',
  },
  {
    name: 'password-guessed',
    detector: 'brute-force',
    severity: 'critical',
    do: ['expire-contact', 'block-international', 'block-address'],
    for: { 'block-address': '1h' },
    why: 'the password was guessed from there',
  },
  {
    name: 'password-guessing',
    detector: 'brute-force',
    severity: 'high',
    do: ['block-address'],
    for: '1h',
    why: 'it guesses passwords',
  },
  {
    name: 'scan',
    detector: 'scan',
    severity: 'high',
    do: ['block-address'],
    why: 'it searches the PBX for a way in',
  },
  {
    name: 'calls-led-through',
    detector: ['through-dial', 'forwarding'],
    severity: 'critical',
    do: ['hang-up'],
    why: 'calls come in and leave again at our expense',
  },
  {
    name: 'numbers-led-to',
    detector: ['through-dial', 'forwarding'],
    severity: 'high',
    do: ['block-number'],
    why: 'calls from outside are led there at our expense',
  },
  {
    name: 'called-back',
    detector: 'wangiri',
    severity: 'high',
    do: ['block-number'],
    why: 'it rang once to be called back',
  },
  {
    name: 'disturber',
    detector: ['flood', 'teardown', 'replay', 'gateway-impersonation'],
    severity: 'high',
    do: ['block-address'],
    for: '1h',
    why: 'its messages disturb or deceive the PBX',
  },
];
