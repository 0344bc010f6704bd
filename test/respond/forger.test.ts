import assert from 'node:assert/strict';
import { settingsSchema } from '../../src/config.ts';
import type { Decision } from '../../src/model.ts';
import { Pipeline } from '../../src/pipeline.ts';
import { createSite } from '../../src/site/index.ts';
import { DAY, MINUTE, SECOND } from '../../src/time.ts';
import type { Change } from '../../src/respond/incidents.ts';
import { AmiMessage } from '../../src/wire/ami.ts';
import { PBX, Station, type Packet } from '../support/sip-builder.ts';

/** Sunday, 02:00 in Berlin: closed. */
const T = Date.parse('2026-11-22T01:00:00Z');
const OFFICE = '203.0.113.5';
const HOME = '203.0.113.77';
const CARRIER = '198.51.100.3';
const ATTACKER = '198.18.5.66';
const ABROAD = '0037167001122';
const ACCOUNTS = Array.from({ length: 30 }, (_, i) => `${1001 + i}`);

/** The whole judgement in enforce mode. */
function start(changed: (change: Change) => void): Pipeline {
  const settings = settingsSchema.parse({
    mode: 'enforce',
    site: { timezone: 'Europe/Berlin', country: 'DE' },
    hours: { open: ['Mon-Fri 08:00-18:00'] },
    network: { pbx: [PBX], trunks: [{ name: 'carrier', addresses: ['198.51.100.0/28'] }] },
  });
  const site = createSite(settings);
  assert.ok(site.ok);
  site.value.accounts.learn([...ACCOUNTS, 'carrier'].map((endpoint) => ({ endpoint, aliases: [] })));
  const { detect, respond } = settings;
  return new Pipeline({ live: true, detect, respond, enforce: true, site: site.value, amiRecords: false, changed });
}

/** What is to be done after these mirrored packets, in order of time. */
function decided(packets: readonly Packet[]): Decision[] {
  const decisions: Decision[] = [];
  const pipeline = start((change) => decisions.push(...change.decisions));
  for (const { path, payload, at } of [...packets].sort((a, b) => a.at - b.at)) {
    pipeline.advance(at);
    pipeline.correlator.sip(path, payload, at, at);
  }
  pipeline.finish();
  return decisions.filter((d) => d.state === 'pending');
}

const acts = (decisions: readonly Decision[]): string[] => [
  ...new Set(decisions.map((d) => `${d.action} ${d.target}`)),
];

/** The site on an ordinary day: thirty phones behind one address, one of them also at home. */
const settled = (): Packet[] => [
  ...ACCOUNTS.flatMap((account, i) => new Station(OFFICE, 40_000 + i).register(T - 60 * MINUTE + i * SECOND, account)),
  ...new Station(HOME).register(T - 50 * MINUTE, '1007', {
    callId: 'home',
    listed: [`<sip:1007@${OFFICE}:40006>;expires=1000`, `<sip:1007@${HOME}:5060>;expires=3600`],
  }),
];

/** One guess; the challenge goes where packets to this address go, so that a forger answers with a nonce he does not know. */
function guess(s: Station, at: number, account: string, n: number, nonce?: string): Packet[] {
  const common = { user: account, callId: `g-${s.address}-${at}`, ...(nonce === undefined ? {} : { nonce }) };
  const first = s.request(at, { ...common, cseq: 1 });
  const second = s.request(at + 20, { ...common, cseq: 2, auth: account, answer: `${n % 10}`.repeat(32) });
  return [first, s.answer(at + 5, first, 401, s.challenge()), second, s.answer(at + 25, second, 401, s.challenge())];
}

const many = (n: number, every: number, make: (at: number, i: number) => Packet[], from = T): Packet[] =>
  Array.from({ length: n }, (_, i) => make(from + i * every, i)).flat();

/** An INVITE that the PBX takes without asking for a password; who sent it never acknowledges the answer. */
function taken(s: Station, at: number, from: string, to: string): Packet[] {
  const invite = s.request(at, { method: 'INVITE', user: from, to, callId: `i-${s.address}-${at}` });
  return [invite, s.answer(at + 5, invite, 100), s.answer(at + 300, invite, 200)];
}

describe('respond: who is hurt when packets are forged', () => {
  const innocent: [string, () => Packet[]][] = [
    [
      'guesses in the name of the office',
      () => many(60, 700, (at, i) => guess(new Station(OFFICE), at, `${1001 + (i % 30)}`, i, 'made-up')),
    ],
    [
      "guesses in the name of a phone at home, with the forger's own nonce",
      () => [
        ...guess(new Station(ATTACKER), T - 100, '1001', 0).slice(0, 2),
        ...many(60, 700, (at, i) => guess(new Station(HOME), at, '1007', i, `n-${ATTACKER}`)),
      ],
    ],
    [
      'guesses in the name of a phone before it registers for the first time',
      () => [
        ...many(40, 700, (at, i) => guess(new Station('203.0.113.99'), at, '1009', i, 'made-up')),
        ...new Station('203.0.113.99').register(T + MINUTE, '1009', {
          callId: 'new',
          userAgent: 'Snom',
          listed: [`<sip:1009@${OFFICE}:40008>;expires=900`, '<sip:1009@203.0.113.99:5060>;expires=3600'],
        }),
      ],
    ],
    [
      'the same, and its user mistypes twice himself',
      () => [
        ...many(40, 700, (at, i) => guess(new Station('203.0.113.99'), at, '1009', i, 'made-up')),
        ...many(2, 5_000, (at, i) => guess(new Station('203.0.113.99'), at, '1009', i), T + 40_000),
      ],
    ],
    [
      'guesses in the name of the carrier and of the PBX',
      () =>
        [CARRIER, PBX].flatMap((address) =>
          many(60, 700, (at, i) => guess(new Station(address, 6_000), at, '1001', i, 'made-up')),
        ),
    ],
    [
      'guesses in the name of five phones at once, and then one of them registers anew',
      () => [
        ...many(40, 700, (at, i) => guess(new Station(`203.0.113.${10 + (i % 5)}`), at, '1001', i, 'made-up')),
        ...new Station(OFFICE, 40_000).register(T + MINUTE, '1001', { cseq: 9 }),
      ],
    ],
    [
      'a scan of numbers and accounts in the name of the office',
      () =>
        many(40, 500, (at, i) => {
          const s = new Station(OFFICE);
          const probe = s.request(at, {
            method: i % 2 ? 'OPTIONS' : 'INVITE',
            user: 'x',
            to: `9${i}${ABROAD}`,
            callId: `s${i}`,
          });
          return [probe, s.answer(at + 5, probe, 404)];
        }),
    ],
    [
      'a scan in the name of somebody who has just opened a TCP connection',
      () => {
        const s = new Station('203.0.113.50');
        const probes = many(40, 500, (at, i) => {
          const probe = s.request(at, { method: 'OPTIONS', user: 'x', to: `${2000 + i}`, callId: `s${i}` });
          return [probe, s.answer(at + 5, probe, 404)];
        });
        return probes.map((p, i) => (i < 2 ? { ...p, path: { ...p.path, transport: 'tcp' as const } } : p));
      },
    ],
    [
      "calls abroad that the PBX takes from anybody, with a colleague's name and the office's address",
      () => many(6, 4_000, (at) => taken(new Station(OFFICE, 40_002), at, '1003', ABROAD)),
    ],
    [
      'the same from an address that nobody knows',
      () => many(6, 4_000, (at) => taken(new Station('203.0.113.51'), at, '1003', ABROAD)),
    ],
    [
      'thirty phones behind one address, one of them with an old password for ten minutes',
      () => [
        ...ACCOUNTS.flatMap((account, i) =>
          new Station(OFFICE, 40_000 + i).register(T + i * 300, account, { callId: `again${i}`, cseq: 5 }),
        ),
        ...many(120, 5_000, (at, i) => guess(new Station(OFFICE, 40_004), at, '1005', i)),
      ],
    ],
    [
      'the same, its password never right there before, two tries every five seconds',
      () => [
        ...many(120, 5_000, (at, i) => [
          ...guess(new Station(OFFICE, 41_000), at, '1031', i),
          ...guess(new Station(OFFICE, 41_000), at + 100, '1031', i),
        ]),
      ],
    ],
  ];
  for (const [sentence, packets] of innocent)
    it(`nobody: ${sentence}`, () => {
      const found = acts(decided([...settled(), ...packets()]));
      // of calls that the PBX took, those very calls may be ended, and what they dialled denied
      const blocks = found.filter((act) => !/^(?:hang-up|block-number) /.test(act));
      assert.deepEqual(blocks, []);
    });

  const guilty: [string, () => Packet[], string[]][] = [
    [
      'svcrack from a new address',
      () => many(30, 30, (at, i) => guess(new Station(ATTACKER), at, '1001', i)),
      [`block-address ${ATTACKER}`],
    ],
    [
      'the same, who hides his guesses among forged ones in his own name',
      () =>
        many(60, 300, (at, i) => [
          ...guess(new Station(ATTACKER), at, '1001', i),
          ...[1, 2, 3, 4, 5, 6, 7, 8].flatMap((n) =>
            guess(new Station(ATTACKER), at + 30 * n, `${1001 + n}`, i, 'made-up'),
          ),
        ]),
      [`block-address ${ATTACKER}`],
    ],
    [
      'svcrack while forged guesses name the office',
      () => [
        ...many(60, 350, (at, i) => guess(new Station(OFFICE), at, `${1001 + (i % 30)}`, i, 'made-up')),
        ...many(30, 700, (at, i) => guess(new Station(ATTACKER), at + 3, '1001', i)),
      ],
      [`block-address ${ATTACKER}`],
    ],
    [
      'one who guesses right',
      () => [
        ...many(30, 30, (at, i) => guess(new Station(ATTACKER), at, '1001', i)),
        ...new Station(ATTACKER).register(T + 2_000, '1001', { callId: 'in' }),
      ],
      [`block-address ${ATTACKER}`, 'block-international 1001', 'expire-contact 1001'],
    ],
    [
      'calls abroad by somebody who acknowledges that they were answered',
      () =>
        many(3, 4_000, (at) => {
          const s = new Station(ATTACKER);
          return [
            ...taken(s, at, 'x', ABROAD),
            s.request(at + 320, { method: 'ACK', user: 'x', to: ABROAD, callId: `i-${ATTACKER}-${at}`, toTag: 't1' }),
          ];
        }),
      [`block-address ${ATTACKER}`],
    ],
  ];
  for (const [sentence, packets, expected] of guilty)
    it(`he alone: ${sentence}`, () => {
      const found = acts(decided([...settled(), ...packets()])).filter(
        (act) => !/^(?:hang-up|block-number) /.test(act),
      );
      assert.deepEqual(found.sort(), [...expected].sort());
    });
});

describe('respond: a block that hits an innocent', () => {
  it('is a story of its own beside that of the attack, told once more aloud, and nothing is done about it', () => {
    const changes: Change[] = [];
    const pipeline = start((change) => changes.push(change));
    const phone = new Station(HOME);
    const sip = (packets: readonly Packet[]): void => {
      for (const { path, payload, at } of packets) pipeline.correlator.sip(path, payload, at, at);
    };
    for (const day of [3, 2, 1]) sip(phone.call(T - day * DAY, '1007', '0301234567', { talk: 9_000 }));
    sip(phone.call(T, '1007', ABROAD));
    const attack = changes.at(-1)?.incident;
    assert.deepEqual(attack?.subject, { type: 'account', value: '1007' });
    for (const n of [1, 2])
      pipeline.ami(
        new AmiMessage([
          ['Event', 'UserEvent'],
          ['UserEvent', 'RingfenceBlock'],
          ['Rule', 'international/1007'],
          ['Endpoint', '1007'],
          ['Source', `${HOME}:5060`],
          ['Dialled', ABROAD],
        ]),
        T + n * MINUTE,
        T + n * MINUTE,
      );
    const told = changes.at(-1);
    assert.equal(told?.evidence.detector, 'blocked-caller');
    assert.notEqual(told.incident.id, attack.id);
    assert.deepEqual([told.alerts.length, told.decisions, told.merged], [1, [], []]);
  });
});
