import assert from 'node:assert/strict';
import { isPublic } from '../../src/detect/claimed-hosts.ts';
import spoofedSource from '../../src/detect/spoofed-source.ts';
import type { Event, RequestFacts } from '../../src/model.ts';
import { DAY, HOUR, MINUTE, SECOND } from '../../src/time.ts';
import {
  answered,
  judge,
  NIGHT,
  OWNER,
  ownAddress,
  PBX,
  registered,
  seen,
  series,
  succeeded,
  THIEF,
  told,
} from '../support/events.ts';
import { testSite } from '../support/site.ts';

const claims = (n: number, every: number, facts: Partial<RequestFacts>): Event[] =>
  series(n, NIGHT, every, (at, i) => seen(at, { method: 'REGISTER', callId: `c${i}`, ...facts }));
const elsewhere = { contactHost: '85.10.20.30' };
const site = testSite({
  network: {
    local: ['10.0.0.0/8', '192.168.0.0/16', '91.20.0.0/24'],
    pbx: [PBX],
    trunks: [{ name: 'carrier', addresses: ['198.51.100.0/28'] }],
  },
});
const [medium, high, low] = [`medium ${THIEF}`, `high ${THIEF}`, `low ${THIEF}`];
const authed = { method: 'REGISTER', authUser: '1004', ...elsewhere };

/** Accounts at home elsewhere. */
const homes = (n: number, source = OWNER): Event[] =>
  series(n, NIGHT - DAY, SECOND, (at, i) => succeeded(at, { source, username: `10${10 + i}`, account: `10${10 + i}` }));
/** A stranger's calls in the name of one account after the other. */
const voices = (n: number, every: number, facts: (i: number) => Partial<RequestFacts> = () => ({})): Event[] =>
  series(n, NIGHT, every, (at, i) =>
    seen(at, { method: 'INVITE', callId: `v${i}`, fromUser: `10${10 + i}`, ...facts(i) }),
  );
const speaks = (n: number, every = 20 * SECOND): Event[] => [...homes(n), ...voices(n, every)];

describe('spoofed-source', () => {
  const table: [string, Event[], string[]][] = [
    ['two requests that name another public address', claims(2, MINUTE, elsewhere), []],
    ['three', claims(3, MINUTE, elsewhere), [medium]],
    ['the slow one, one every eleven hours', claims(3, 11 * HOUR, { sentBy: '85.10.20.30' }), [medium]],
    ["a Via that is the PBX's own address", claims(1, 1, { sentBy: PBX }), [medium]],
    ['a Contact inside, from outside', claims(1, 1, { contactHost: '91.20.0.7' }), [medium]],
    [
      'and let in without a password',
      [
        ...claims(1, 1, { contactHost: '91.20.0.7' }),
        answered(NIGHT + 9, 200, { method: 'REGISTER', contactHost: '91.20.0.7' }),
      ],
      [medium, high],
    ],
    [
      'and let in with one',
      [
        ...claims(1, 1, { contactHost: '91.20.0.7' }),
        answered(NIGHT + 9, 200, { ...authed, contactHost: '91.20.0.7' }),
      ],
      [medium],
    ],
    ["two packets with the PBX's own address", series(2, NIGHT, MINUTE, (at) => ownAddress(at)), []],
    ["three packets with the PBX's own address", series(3, NIGHT, MINUTE, (at) => ownAddress(at)), [`medium ${PBX}`]],
    ['five extensions that live elsewhere, all by one stranger', speaks(5), [high]],
    ['four of them', speaks(4), []],
    ['the slow one: five in a day', speaks(5, 4 * HOUR), [high]],
    // innocent twins
    [
      'an office that has moved, and logs in',
      [...speaks(5, SECOND), succeeded(NIGHT + 6 * SECOND, { source: THIEF })],
      [],
    ],
    [
      'an office that has moved, with passwords that are all wrong',
      [...homes(20), ...voices(20, MINUTE, (i) => ({ authUser: `10${10 + i}` }))],
      [],
    ],
    ['names that nobody has', voices(20, MINUTE, (i) => ({ fromUser: `77${i}` })), []],
    [
      'extensions of the office itself, unauthenticated, behind its own address',
      [...homes(20, THIEF), ...voices(20, MINUTE)],
      [],
    ],
    ['a phone behind NAT', claims(99, MINUTE, { sentBy: '192.168.1.20', contactHost: '10.1.2.3' }), []],
    ['behind a carrier-grade NAT', claims(99, MINUTE, { sentBy: '100.64.1.20', contactHost: '100.64.1.20' }), []],
    [
      'a phone that names itself by a name',
      claims(99, MINUTE, { sentBy: 'phone.example', contactHost: '1and1.example' }),
      [],
    ],
    ['an address next door', claims(99, MINUTE, { contactHost: '198.18.5.1' }), []],
    ['IPv6 behind a translator', claims(99, MINUTE, { contactHost: '2a01:4f8::1' }), []],
    [
      'a proxy that passes on the Contact of a phone',
      claims(99, MINUTE, { ...elsewhere, viaHosts: ['85.10.20.30'] }),
      [],
    ],
    ['a phone in the office that asked STUN', claims(99, MINUTE, { ...elsewhere, source: '10.0.0.9' }), []],
    ['OPTIONS of a scanner, whose names lead nowhere', claims(99, MINUTE, { ...elsewhere, method: 'OPTIONS' }), []],
    ['a domain in From', claims(99, MINUTE, { fromHost: '85.10.20.30' }), []],
    [
      "yesterday's address of the phone's own line",
      [
        registered(NIGHT - DAY, { source: '85.10.20.30' }),
        succeeded(NIGHT - HOUR, { source: THIEF }),
        ...series(9, NIGHT, MINUTE, (at) => [
          seen(at, authed, { account: '1004' }),
          answered(at + 9, 200, authed, { account: '1004' }),
        ]),
      ],
      [],
    ],
    [
      'a phone of ours that is wrong about itself is context',
      [
        succeeded(NIGHT - HOUR, { source: THIEF }),
        ...series(2, NIGHT, MINUTE, (at) => [seen(at, authed), answered(at + 9, 200, authed)]),
      ],
      [],
    ],
    ["a trunk's address is for another detector", claims(9, MINUTE, { contactHost: '198.51.100.1' }), []],
    [
      "a monitor on the PBX's own machine",
      series(99, NIGHT, MINUTE, (at) => ownAddress(at, { method: 'OPTIONS' })),
      [],
    ],
    [
      'a program there that gets its answers',
      series(99, NIGHT, MINUTE, (at) => ownAddress(at, { proof: 'answered' })),
      [],
    ],
    ['the loopback', series(99, NIGHT, MINUTE, (at) => ownAddress(at, { source: '127.0.0.1' })), []],
  ];
  for (const [sentence, events, expected] of table)
    it(sentence, () => assert.deepEqual(told(judge(spoofedSource, {}, site).take(...events)), expected));

  it('a registration of ours that would send calls to somebody else is low', () => {
    const events = [
      succeeded(NIGHT - HOUR, { source: THIEF, username: '1009' }),
      registered(NIGHT - HOUR, { source: OWNER }),
      seen(NIGHT, authed, { account: '1004' }),
      answered(NIGHT + 9, 200, authed, { account: '1004' }),
    ];
    const one = judge(spoofedSource, {}, site);
    const before = one.take(seen(NIGHT - 2 * HOUR, { method: 'REGISTER', ...elsewhere }));
    assert.deepEqual([...told(before), ...told(one.take(...events))], [low]);
  });

  it('says what was claimed, and by whom', () => {
    const found = judge(spoofedSource, {}, site).take(...claims(3, MINUTE, elsewhere))[0];
    assert.equal(
      found?.summary,
      `${THIEF} named somebody else's address as its own in 3 requests (Contact 85.10.20.30)`,
    );
    assert.equal(found.sourceProof, 'none');
  });

  it('knows which addresses may be somebody on the internet', () => {
    const no = [
      '10.0.0.1',
      '172.31.255.255',
      '100.127.0.1',
      '192.168.0.1',
      '169.254.1.1',
      '127.0.0.1',
      '0.0.0.0',
      '224.0.0.1',
      '255.255.255.255',
      '::1',
      'fe80::1',
      'fd00::1',
    ];
    const yes = ['9.255.255.255', '172.32.0.0', '100.128.0.0', '11.0.0.0', '223.255.255.255', '2001:db8::1', '3fff::1'];
    assert.deepEqual([no.filter(isPublic), yes.filter(isPublic)], [[], yes]);
  });
});
