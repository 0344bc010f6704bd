import { join } from 'node:path';
import type { Call } from './call.ts';
import { addresses, strangerAddress } from './lab.ts';
import type { Lab } from './lab.ts';
import { pause } from './process.ts';
import { svcrack, svmap, svwar } from './sipvicious.ts';
import type { SipviciousOptions } from './sipvicious.ts';
import { UserAgent } from './ua.ts';

/** A moment on the wire, epoch ms. */
export interface Moment {
  readonly at: number;
  /** `401 REGISTER`, `INVITE 0037167000001`, … */
  readonly label: string;
}

export interface Played {
  readonly name: string;
  readonly startedAt: number;
  /** When the packet that completes the evidence left or came; for a tool, when Asterisk reported the last request. */
  readonly packetAt: number;
  /** Every packet that counts, in order: for a detector that is satisfied earlier, or wants more. */
  readonly moments: readonly Moment[];
}

/** Something that happens to a PBX, played against the lab. */
export interface Step {
  readonly name: string;
  /** One line for people. */
  readonly summary: string;
  readonly play: (lab: Lab) => Promise<Played>;
}

function played(name: string, startedAt: number, moments: readonly Moment[], packetAt?: number): Played {
  return { name, startedAt, packetAt: packetAt ?? moments.at(-1)?.at ?? Date.now(), moments };
}

/** Numbers that cost money: Latvian mobile, Somalia, Cuba, a satellite network. */
export const costly = ['0037167000001', '00252615000002', '005352000003', '00881622000004'] as const;

/** Forty wrong passwords for one extension, from one address, 20 ms apart. */
export async function wrongPasswords(lab: Lab, extension = '1002', count = 40): Promise<Played> {
  const startedAt = Date.now();
  const stranger = await lab.stranger(1, { username: extension });
  const moments: Moment[] = [];
  for (let attempt = 0; attempt < count; attempt++) {
    const { answeredAt, status } = await stranger.register({ password: `${extension}${attempt}` });
    moments.push({ at: answeredAt, label: `${status} REGISTER` });
    await pause(20);
  }
  stranger.close();
  return played('wrong-passwords', startedAt, moments);
}

/** INVITE, its answer, and the end. */
function momentsOf({ number, status, invitedAt, answeredAt, endedAt, endedBy }: Call): Moment[] {
  const moments = [{ at: invitedAt, label: `INVITE ${number}` }];
  if (answeredAt !== undefined) moments.push({ at: answeredAt, label: `200 INVITE ${number}` });
  if (endedAt === undefined) return moments;
  const end = answeredAt === undefined ? `${status} INVITE ${number}` : `BYE ${number}`;
  return [...moments, { at: endedAt, label: endedBy === 'there' ? `${end}, by the PBX` : end }];
}

const thieves = new WeakMap<Lab, UserAgent>();

/** The owner's phone stands registered; then someone with the right password registers the extension from elsewhere. */
export async function hijack(lab: Lab, extension = '1004'): Promise<Played> {
  const owner = await lab.phone(extension);
  const home = await owner.register();
  await pause(200);
  const startedAt = Date.now();
  const thief = await lab.stranger(2, { username: extension, password: lab.account(extension).password });
  const { sentAt, answeredAt, status } = await thief.register();
  thieves.set(lab, thief);
  return played('hijack', startedAt, [
    { at: home.answeredAt, label: `${home.status} REGISTER of the owner` },
    { at: sentAt, label: 'REGISTER' },
    { at: answeredAt, label: `${status} REGISTER` },
  ]);
}

/** The thief (or, without one, the owner's own phone) calls abroad; `packetAt` is the first INVITE with credentials. */
export async function internationalCalls(
  lab: Lab,
  extension = '1004',
  numbers: readonly string[] = costly,
): Promise<Played> {
  const startedAt = Date.now();
  let caller = thieves.get(lab);
  if (caller?.options.username !== extension) {
    caller = await lab.phone(extension);
    await caller.register();
  }
  const moments: Moment[] = [];
  for (const number of numbers) {
    const call = await caller.callFor(number, 300);
    moments.push(...momentsOf(call));
  }
  return played('international-calls', startedAt, moments, moments[0]?.at);
}

/** A call abroad with the right password from an address where the extension never registered. */
export async function unregisteredCall(lab: Lab, extension = '1005'): Promise<Played> {
  const startedAt = Date.now();
  const stranger = await lab.stranger(3, { username: extension, password: lab.account(extension).password });
  const call = await stranger.callFor(costly[0], 300);
  stranger.close();
  return played('unregistered-call', startedAt, momentsOf(call), call.invitedAt);
}

/** Calls without credentials, to one number behind every prefix that might lead outside. */
export async function prefixScan(lab: Lab, target = '972595000005'): Promise<Played> {
  const startedAt = Date.now();
  const stranger = await lab.stranger(4, { username: '100', userAgent: 'pplsip' });
  const moments: Moment[] = [];
  for (const prefix of [
    '',
    '0',
    '00',
    '000',
    '9',
    '90',
    '900',
    '9011',
    '011',
    '+',
    '1',
    '100',
    '2',
    '200',
    '3',
    '300',
    '8',
    '810',
  ]) {
    const call = stranger.dial(`${prefix}${target}`);
    const status = await call.settled;
    moments.push({ at: Date.now(), label: `${status} INVITE ${call.number}` });
  }
  stranger.close();
  return played('prefix-scan', startedAt, moments);
}

/** Someone else removes an extension's registration (Contact: *). */
export async function removal(lab: Lab, extension = '1006'): Promise<Played> {
  const owner = await lab.phone(extension);
  const home = await owner.register();
  const startedAt = Date.now();
  const thief = await lab.stranger(5, { username: extension, password: lab.account(extension).password });
  const { answeredAt, status } = await thief.register({ contact: '*', expires: 0 });
  thief.close();
  return played('removal', startedAt, [
    { at: home.answeredAt, label: `${home.status} REGISTER of the owner` },
    { at: answeredAt, label: `${status} REGISTER Contact: *` },
  ]);
}

function tool(lab: Lab, which: number): SipviciousOptions {
  return {
    tree: lab.trees.tools,
    directory: join(lab.directory, 'sipvicious'),
    target: lab.edge,
    address: strangerAddress(which),
  };
}

/** What Asterisk reported of a tool's requests since `startedAt`; the tool itself tells no times. */
function reported(lab: Lab, startedAt: number, events: readonly string[]): Moment[] {
  return lab.asterisk.ami.events
    .filter(({ at, headers }) => at >= startedAt && events.includes(headers.get('Event') ?? ''))
    .map(({ at, headers }) => ({ at, label: `${headers.get('Event') ?? ''} ${headers.get('AccountID') ?? ''}` }));
}

/** SIPVicious guesses the password of 1003 from a list of 120; the right one is the last. */
export async function crackPassword(lab: Lab, extension = '1003'): Promise<Played> {
  const startedAt = Date.now();
  const guesses = Array.from({ length: 119 }, (_, index) => String(4000 + index));
  await svcrack(tool(lab, 6), extension, [...guesses, lab.account(extension).password]);
  return played('svcrack', startedAt, reported(lab, startedAt, ['ChallengeResponseFailed', 'SuccessfulAuth']));
}

/** SIPVicious asks for fifty extensions. */
export async function enumerateAccounts(lab: Lab): Promise<Played> {
  const startedAt = Date.now();
  await svwar(tool(lab, 7), '1000-1049');
  return played('svwar', startedAt, reported(lab, startedAt, ['InvalidAccountID', 'ChallengeSent']));
}

/** SIPVicious looks for a SIP server: one OPTIONS. */
export async function sweep(lab: Lab): Promise<Played> {
  const startedAt = Date.now();
  await svmap(tool(lab, 8));
  return played('svmap', startedAt, reported(lab, startedAt, ['InvalidAccountID', 'ChallengeSent']));
}

/** The attacks that `npm run lab -- attack` plays, in this order. */
export const attacks: readonly Step[] = [
  {
    name: 'wrong-passwords',
    summary: 'a stranger tries 40 passwords for extension 1002',
    play: async (lab) => await wrongPasswords(lab),
  },
  { name: 'svwar', summary: 'SIPVicious svwar asks which of 50 extensions exist', play: enumerateAccounts },
  {
    name: 'svcrack',
    summary: 'SIPVicious svcrack guesses at the password of 1003',
    play: async (lab) => await crackPassword(lab),
  },
  {
    name: 'prefix-scan',
    summary: 'a stranger dials one number behind 18 prefixes',
    play: async (lab) => await prefixScan(lab),
  },
  {
    name: 'hijack',
    summary: 'a stranger registers extension 1004 with the right password',
    play: async (lab) => await hijack(lab),
  },
  {
    name: 'international-calls',
    summary: 'the thief calls abroad through the trunk',
    play: async (lab) => await internationalCalls(lab),
  },
  {
    name: 'unregistered-call',
    summary: 'someone calls abroad as 1005 from where 1005 never registered',
    play: async (lab) => await unregisteredCall(lab),
  },
  { name: 'removal', summary: "someone removes 1006's registration", play: async (lab) => await removal(lab) },
];

/** A phone loses power without unregistering, and comes back on the same address: new port, new Call-ID. */
export async function phoneReboots(lab: Lab, extension = '1001', silenceMs = 500): Promise<Played> {
  const startedAt = Date.now();
  const before = await lab.phone(extension);
  const first = await before.register();
  before.close();
  await pause(silenceMs);
  const after = await lab.phone(extension);
  const second = await after.register();
  return played('phone-reboots', startedAt, [
    { at: first.answeredAt, label: `${first.status} REGISTER` },
    { at: second.answeredAt, label: `${second.status} REGISTER` },
  ]);
}

/** A softphone goes home with its owner: another address once, same User-Agent and instance, and no way back to the old binding. */
export async function phoneMoves(lab: Lab, extension = '1002', silenceMs = 500): Promise<Played> {
  const startedAt = Date.now();
  const laptop = { userAgent: 'MicroSIP/3.21.3', instance: `urn:uuid:00000000-0000-4000-8000-00000000${extension}` };
  const office = await lab.phone(extension, laptop);
  const first = await office.register();
  office.close();
  await pause(silenceMs);
  const home = await lab.phone(extension, { ...laptop, address: addresses.home });
  const second = await home.register();
  return played('phone-moves', startedAt, [
    { at: first.answeredAt, label: `${first.status} REGISTER` },
    { at: second.answeredAt, label: `${second.status} REGISTER` },
  ]);
}

/** A phone whose password was changed on the PBX keeps trying the old one. */
export async function stalePassword(lab: Lab, extension = '1006', tries = 4, everyMs = 250): Promise<Played> {
  const startedAt = Date.now();
  const phone = await lab.phone(extension, { password: 'last-years-password' });
  const moments: Moment[] = [];
  for (let attempt = 0; attempt < tries; attempt++) {
    const { answeredAt, status } = await phone.register();
    moments.push({ at: answeredAt, label: `${status} REGISTER` });
    await pause(everyMs);
  }
  phone.close();
  return played('stale-password', startedAt, moments);
}

/** A registered phone calls a colleague, a national number, and the fire brigade. */
export async function ordinaryCalls(lab: Lab, extension = '1001', colleague = '1002'): Promise<Played> {
  const startedAt = Date.now();
  const [caller, called] = [await lab.phone(extension), await lab.phone(colleague)];
  await caller.register();
  await called.register();
  const moments: Moment[] = [];
  for (const number of [colleague, '0301234567', '112']) {
    const call = await caller.callFor(number, 100);
    moments.push({ at: call.invitedAt, label: `INVITE ${number}` });
  }
  return played('ordinary-calls', startedAt, moments);
}

/** What looks like an attack and is none: nothing of it may be judged above medium. */
export const innocents: readonly Step[] = [
  {
    name: 'phone-reboots',
    summary: 'phone 1001 loses power and registers again',
    play: async (lab) => await phoneReboots(lab),
  },
  {
    name: 'phone-moves',
    summary: 'softphone 1002 goes home with its owner',
    play: async (lab) => await phoneMoves(lab),
  },
  {
    name: 'stale-password',
    summary: 'phone 1006 keeps trying an old password',
    play: async (lab) => await stalePassword(lab),
  },
  {
    name: 'ordinary-calls',
    summary: '1001 calls a colleague, a national number and 112',
    play: async (lab) => await ordinaryCalls(lab),
  },
];
// svmap is not among the attacks: a single OPTIONS is no attack, and it must not be taken for one either.
export const weakSignals: readonly Step[] = [
  { name: 'svmap', summary: 'SIPVicious svmap looks for a SIP server', play: sweep },
];
