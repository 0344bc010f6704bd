import { randomBytes } from 'node:crypto';
import { PeerError } from '../../errors.ts';
import type { Millis } from '../../model.ts';
import { connectAmi, type AmiOptions, type AmiSession } from '../../pbx/ami.ts';
import { MINUTE, SECOND } from '../../time.ts';
import type { IncidentStory } from '../../words/index.ts';
import { TellError, type Channel, type Telling, type Told } from './channel.ts';
import { blocks, promptsFor } from './phone-script.ts';

/** What a digit on the telephone does. */
export interface PhoneActs {
  /** Somebody has heard of the incident. */
  acknowledge(incident: string, who: string): void;
  /** Takes back what refuses calls because of the incident. @returns how many blocks; null: it cannot be done here, and is not offered */
  readonly lift: ((incident: string, who: string) => number) | null;
}

export interface PhoneChannelOptions {
  /** the manager account that may originate; a connection is made for each call, and closed after it */
  readonly ami: AmiOptions;
  /** channels to ring, one after the other, as PJSIP/1001 */
  readonly ring: readonly string[];
  readonly ringFor: Millis;
  readonly rounds: number;
  /** number that is shown, '' for none */
  readonly caller: string;
  readonly lift: boolean;
  /** Asterisk's language of prompts; '' for the channel's own */
  readonly prompts: string;
  readonly acts: PhoneActs;
}

/** The context of asterisk-conf/extensions_ringfence_notify.conf, and its event. */
export const NOTIFY_CONTEXT = 'ringfence-notify';
const EVENT = 'RingfenceNotify';
/** The dialplan ends every call of ours after three minutes. */
const CALL: Millis = 3 * MINUTE + 10 * SECOND;
/** Between two rounds in which nobody confirmed. */
const BETWEEN: Millis = 5 * MINUTE;
/** Stories that one call tells of. */
const FOLDS = 50;

type Outcome = 'confirmed' | 'lifted' | 'unconfirmed' | 'unanswered';

/** The account of a channel that is rung: `PJSIP/1001` and `PJSIP/1001/sip:…` are 1001's. */
const accountOf = (channel: string): string => channel.split('/')[1]?.split('@')[0] ?? '';

/**
 * A telephone rings and says what happened (phone-script.ts). Asterisk calls it by Originate, and the dialplan says the prompts
 * and sends each digit back as a UserEvent with the name of the call: 128 bits that are drawn for this one call, told to
 * nobody but Asterisk, and forgotten at its end, so that no other event can press a digit.
 *
 * Told means confirmed: an answering machine presses nothing. The telephone of an account that is part of the incident may
 * be the attacker's: it is not rung.
 */
export function phoneChannel(options: PhoneChannelOptions): Channel {
  return {
    name: 'phone',
    folds: FOLDS,
    together: true,
    tell: async (tellings, signal): Promise<Told> => {
      const stories = tellings.flatMap((telling) => ('story' in telling ? [telling.story] : []));
      const involved = new Set(stories.flatMap(({ incident }) => [...incident.accounts, incident.subject.value]));
      const safe = options.ring.filter((channel) => !involved.has(accountOf(channel)));
      if (safe.length === 0)
        throw new TellError('peer-refused', `every telephone of [notify.phone] ring is part of the incident`, {
          final: true,
          working: true,
        });
      const said: string[] = [];
      for (const channel of safe) {
        const outcome = await call(channel, stories, options, signal);
        if (outcome === 'confirmed' || outcome === 'lifted') return { detail: act(outcome, channel, stories, options) };
        said.push(`${channel} ${outcome === 'unanswered' ? 'was not answered' : 'answered, and nobody pressed 1'}`);
      }
      throw unheard(tellings, said, options);
    },
    close: () => undefined,
  };
}

/** Nobody confirmed: another round, until there were enough. The telephone itself works. */
function unheard(tellings: readonly Telling[], said: readonly string[], { rounds }: PhoneChannelOptions): TellError {
  const last = tellings.every(({ delivery }) => delivery.attempts + 1 >= rounds);
  return new TellError('peer-refused', `nobody confirmed: ${said.join('; ')}`, {
    wait: BETWEEN,
    working: true,
    final: last,
  });
}

function act(
  outcome: 'confirmed' | 'lifted',
  channel: string,
  stories: readonly IncidentStory[],
  { acts }: PhoneChannelOptions,
): string {
  let lifted = 0;
  for (const { incident } of stories) {
    acts.acknowledge(incident.id, channel);
    if (outcome === 'lifted') lifted += acts.lift?.(incident.id, channel) ?? 0;
  }
  return outcome === 'lifted' ? `confirmed by ${channel}, ${lifted} blocks lifted` : `confirmed by ${channel}`;
}

/** One telephone, once. @throws PeerError when Asterisk cannot be asked, or does not let us */
async function call(
  channel: string,
  stories: readonly IncidentStory[],
  options: PhoneChannelOptions,
  signal: AbortSignal,
): Promise<Outcome> {
  const { ami, ringFor, caller, prompts, acts } = options;
  const lift = options.lift && acts.lift !== null && stories.some(blocks);
  const name = randomBytes(16).toString('hex');
  const pressed: string[] = [];
  let end: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const session = await connectAmi(
    // Originate is answered when somebody has, or nobody has in time; no Ping gets through meanwhile
    { ...ami, actionMs: ringFor + 10 * SECOND, pingMs: CALL, signal },
    {
      event: (event) => {
        if (event.name !== 'UserEvent' || event.get('UserEvent') !== EVENT || event.get('Call') !== name) return;
        const digit = event.get('Digit') ?? '';
        if (digit === 'end') end();
        else if (pressed.length < 16) pressed.push(digit);
      },
      closed: () => end(),
    },
  );
  const timer = setTimeout(() => end(), ringFor + CALL);
  try {
    const variables = [
      `RINGFENCE_NOTIFY=${name}`,
      `RINGFENCE_SAY=${promptsFor(stories, lift).join('&')}`,
      `RINGFENCE_LIFT=${lift ? '1' : '0'}`,
      ...(prompts === '' ? [] : [`CHANNEL(language)=${prompts}`]),
    ];
    if (!(await originate(session, channel, caller, ringFor, variables))) return 'unanswered';
    await ended;
  } finally {
    clearTimeout(timer);
    session.close();
  }
  if (lift && pressed.includes('2')) return 'lifted';
  return pressed.includes('1') ? 'confirmed' : 'unconfirmed';
}

/** @returns false: nobody answered */
async function originate(
  session: AmiSession,
  channel: string,
  caller: string,
  ringFor: Millis,
  variables: readonly string[],
): Promise<boolean> {
  const answer = await session.action('Originate', [
    ['Channel', channel],
    ['Context', NOTIFY_CONTEXT],
    ['Exten', 's'],
    ['Priority', '1'],
    ['Timeout', String(ringFor)],
    ['CallerID', `"ringfence" <${caller}>`],
    // one header of all: no value of ours holds a comma
    ['Variable', variables.join(',')],
  ]);
  if (answer.name === 'Success') return true;
  const said = answer.get('Message') ?? answer.name;
  if (/originate failed/i.test(said)) return false;
  const hint = /permission/i.test(said)
    ? ': its manager account needs "originate" in write (asterisk-conf/manager_ringfence_notify.conf)'
    : /extension/i.test(said)
      ? ': ringfence init --install puts the context ringfence-notify in, then dialplan reload'
      : '';
  throw new PeerError('peer-refused', `Asterisk does not call ${channel}: ${said}${hint}`, true);
}
