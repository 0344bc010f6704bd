import type { AlarmMoment, AlarmText, AlarmWords } from './alarms.ts';

type Facts = AlarmMoment['facts'];

const FEEDS: Readonly<Record<string, readonly [name: string, mend: string]>> = {
  hep: [
    'Mirrored SIP',
    "Look at Asterisk's hep.conf or Kamailio's siptrace, at the network in between, and at [hep] allow and the password",
  ],
  ami: [
    'Asterisk’s manager interface',
    'Look whether the manager account may still read "call,security,reporting,cdr,dialplan,system"',
  ],
  cdr: [
    'Asterisk’s call records',
    'Look whether Asterisk still writes Master.csv (cdr show status), whether it was moved, and whether its disk is full',
  ],
};

const WHY: Readonly<Record<string, (calls: number) => string>> = {
  open: () => 'though the office is open and telephones log in at least once an hour',
  others: (calls) => `while other sources told of ${calls} calls`,
  usual: (calls) => `in a time that usually has about ${calls} calls`,
};

function silent(feed: string, facts: Facts): AlarmText {
  const [name, mend] = FEEDS[feed] ?? [feed, ''];
  const why = WHY[String(facts['reason'])]?.(Number(facts['calls'])) ?? '';
  return {
    headline: `${name} tells nothing any more, ${why}`,
    body: `Attacks that only this source shows are not seen now. ${mend}. ringfence doctor checks each source.`,
  };
}

const texts: AlarmWords['texts'] = {
  'hep-silent': (facts) => silent('hep', facts),
  'ami-silent': (facts) => silent('ami', facts),
  'cdr-silent': (facts) => silent('cdr', facts),
  'cdr-unreadable': (facts, told) => ({
    headline: 'The call records cannot be read',
    body: `${told(facts['problem'])}. It is tried again four times a second; what is written meanwhile is judged then.`,
  }),
  'ami-away': (facts) => ({
    headline:
      facts['state'] === 'refused' ? 'Asterisk does not let ringfence in' : 'ringfence has no connection to Asterisk',
    body: 'Nothing can be blocked or hung up now; what was blocked stays blocked. Look whether Asterisk runs, and whether manager.conf and the secret still fit. ringfence tries on by itself.',
  }),
  'target-away': (facts, told) => ({
    headline: `Blocks do not reach ${told(facts['targets'])}`,
    body: 'What should stand there is put up as soon as it answers again. ringfence blocks says what is missing and why.',
  }),
  'packets-lost': (facts, told) => ({
    headline: `The machine lost ${told(facts['lost'])} mirrored packets before ringfence could read them`,
    body: 'What was in them was not judged. As root: sysctl -w net.core.rmem_max=16777216, then restart ringfence. If that is done already, the machine is too busy, or somebody floods the PBX.',
  }),
  'limit-reached': () => ({
    headline: 'ringfence has reached its own limit and blocks nothing more by rule',
    body: 'Either an attacker tries to make it block everybody, or a rule or network setting is wrong. Look at ringfence blocks; the limits are [respond.limits]. What people block by hand still works.',
  }),
  'store-stuck': (facts, told) => ({
    headline: 'ringfence cannot write its store',
    body: `Detection and alerts go on; ${told(facts['waiting'])} changes wait in memory. Make room on its disk. Do not restart ringfence before: what waits would be lost.`,
  }),
  'notify-stuck': (facts, told) => ({
    headline: `Alerts do not get out by ${told(facts['channels'])}`,
    body: 'They are kept, and sent when it works again. ringfence notify test says what is wrong.',
  }),
  'heartbeat-missed': () => ({
    headline: 'The service that watches over ringfence cannot be reached',
    body: 'It will soon say that ringfence is dead, though it is not. Look at the way out to the internet and at [heartbeat].',
  }),
  'ringfence-away': () => ({
    headline: 'ringfence did not run',
    body: 'Call records of that time were judged afterwards. Mirrored SIP and manager events of that time are lost.',
  }),
};

export const enAlarms: AlarmWords = {
  texts,
  since: (time) => `Since ${time}.`,
  over: (headline) => `Over: ${headline}`,
  lasted: (from, duration) => `It began on ${from} and lasted ${duration}. All is well again.`,
};
