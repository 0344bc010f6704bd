import assert from 'node:assert/strict';
import bruteForce from '../../src/detect/brute-force.ts';
import type { AuthFailed, Event } from '../../src/model.ts';
import { DAY, HOUR, MINUTE, SECOND } from '../../src/time.ts';
import { failed, judge, NIGHT, OWNER, PBX, series, succeeded, THIEF, told } from '../support/events.ts';

type Over = Partial<Omit<AuthFailed, 'kind' | 'at' | 'seenAt'>>;
/** Guesses come unevenly. */
const uneven = (i: number): number => [0, 700, 150, 900, 300][i % 5] ?? 0;
const guesses = (n: number, every: number, over: Over | ((i: number) => Over) = {}): Event[] =>
  series(n, NIGHT, every, (at, i) =>
    failed(at + uneven(i) * (every / 2_000), typeof over === 'function' ? over(i) : over),
  );
const office = (n: number, make: (at: number, over: Over) => Event | Event[]): Event[] =>
  series(n, NIGHT, 20, (at, i) => make(at, { username: `${1000 + i}`, source: OWNER, sourcePort: 40_000 + i }));
const high = `high ${THIEF}`;

/** 1004's own phone, at home. */
const owner = succeeded(NIGHT - DAY, { userAgent: 'Yealink SIP-T46S 66.86' });
const hourly = (n: number, over: Over = {}, every = HOUR): Event[] => [
  owner,
  ...series(n, NIGHT, every, (at, i) => failed(at + uneven(i) * 1_000, { userAgent: 'friendly', ...over })),
];
const botnet = (n: number, userAgent = 'friendly', first: Event[] = [owner]): Event[] => [
  ...first,
  ...series(2 * n, NIGHT, 20 * MINUTE, (at, i) => failed(at, { source: `198.18.${i % n}.9`, userAgent })),
];

describe('brute-force', () => {
  const table: [string, Event[], string[]][] = [
    ['nine failures within a minute', guesses(9, SECOND), []],
    ['ten failures within a minute', guesses(10, SECOND), [high]],
    ['ten failures that a minute does not hold', guesses(10, 9 * SECOND), []],
    ['svcrack, 175 a second, is told as it doubles', guesses(200, 6), [high, high, high, high, high]],
    [
      'four accounts from one port within a minute',
      guesses(4, SECOND, (i) => ({ username: `1${i}` })),
      [`low ${THIEF}`],
    ],
    [
      'five accounts from one port within a minute',
      guesses(5, SECOND, (i) => ({ username: `1${i}` })),
      [`low ${THIEF}`, high],
    ],
    ['the slow one: nineteen within an hour', guesses(19, 180 * SECOND), []],
    ['the slow one: twenty within an hour', guesses(20, 180 * SECOND), [high]],
    [
      'the very slow one: an hour between tries, eleven',
      guesses(11, 2 * HOUR - 1, (i) => ({ username: `10${i % 4}` })),
      [],
    ],
    [
      'the very slow one: an hour between tries, twelve',
      guesses(12, HOUR, (i) => ({ username: `10${i % 4}` })),
      [high],
    ],
    [
      'the very slow one, two accounts of which one does not exist',
      guesses(12, HOUR, (i) => (i % 2 ? { username: 'x', account: null, reason: 'unknown-account' } : {})),
      [high],
    ],
    [
      'one account from five addresses, ten failures',
      guesses(10, 3 * MINUTE, (i) => ({ source: `198.18.0.${i % 5}` })),
      ['high 1004'],
    ],
    ['one account from four addresses', guesses(10, 3 * MINUTE, (i) => ({ source: `198.18.0.${i % 4}` })), []],
    [
      'nine roaming addresses',
      guesses(9, MINUTE, (i) => ({
        source: `198.18.0.${i}`,
        username: `u${i}`,
        account: null,
        reason: 'unknown-account',
      })),
      [],
    ],
    [
      'ten roaming addresses',
      guesses(10, MINUTE, (i) => ({
        source: `198.18.0.${i}`,
        username: `u${i}`,
        account: null,
        reason: 'unknown-account',
      })),
      ['high 198.18.0.9'],
    ],
    [
      'a guess that is right after five failures: breach',
      [...guesses(5, SECOND), succeeded(NIGHT + 9_000, { source: THIEF })],
      ['critical 1004'],
    ],
    [
      'a success after four failures is a user who mistyped',
      [...guesses(4, SECOND), succeeded(NIGHT + 9_000, { source: THIEF })],
      [],
    ],
    [
      'svcrack finds the password',
      [...guesses(120, 6), succeeded(NIGHT + 9_000, { source: THIEF })],
      [high, high, high, high, 'critical 1004'],
    ],
    [
      'a success of one who took part in a distributed attack',
      [
        ...guesses(10, MINUTE, (i) => ({ source: `198.18.0.${i % 5}` })),
        succeeded(NIGHT + 11 * MINUTE, { source: '198.18.0.1' }),
      ],
      ['high 1004', 'critical 1004'],
    ],
    [
      'two accounts refused for good from one address, then five',
      guesses(5, SECOND, (i) => ({ username: `1${i}`, reason: 'forbidden', sourcePort: 20_000 + i })),
      [`medium ${THIEF}`, high],
    ],
    [
      'a guesser who comes to another target is known there with the second failure',
      [...guesses(10, SECOND), ...series(2, NIGHT + HOUR, SECOND, (at) => failed(at, { destination: '192.0.2.20' }))],
      [high, high],
    ],
    ['patience: one guess an hour, for a day, from abroad', hourly(24), ['medium 1004', high]],
    ['23 of them', hourly(23), ['medium 1004']],
    ['and 24 within seventeen hours', hourly(24, {}, 44 * MINUTE), ['medium 1004']],
    ['twelve addresses within a day, twice each', botnet(12), ['high 1004']],
    ['eleven of them', botnet(11), []],
    ['24 addresses of which nobody knows the program', botnet(24, '', []), ['high 1004']],
    ['23 of them', botnet(23, '', []), []],
    // innocent twins
    [
      "the owner's forgotten phone at a hotel, for days",
      hourly(72, { userAgent: 'Yealink SIP-T42U 108.86' }),
      ['medium 1004', 'medium 1004', 'medium 1004'],
    ],
    ['any program in the office', hourly(72, { source: '10.0.0.77' }), ['medium 1004', 'medium 1004', 'medium 1004']],
    ["the owner's mobile phone with an old password, from wherever it is", botnet(30, 'Yealink Mobile'), []],
    [
      'one IPv6 host with an address for every try is one source',
      guesses(10, SECOND, (i) => ({ source: `2001:db8::${i}` })),
      ['high 2001:db8::'],
    ],
    [
      "the owner's success during a distributed attack",
      [
        succeeded(NIGHT - DAY),
        ...guesses(10, MINUTE, (i) => ({ source: `198.18.0.${i % 5}` })),
        succeeded(NIGHT + 11 * MINUTE),
      ],
      ['high 1004'],
    ],
    [
      'a stale password on the phone of an owner, for two days: once a day',
      [succeeded(NIGHT - HOUR), ...guesses(2 * 24 * 60, MINUTE, { source: OWNER })],
      ['medium 1004', 'medium 1004'],
    ],
    [
      'a stale password on a phone never seen before, evenly for hours',
      series(300, NIGHT, 30 * SECOND, (at) => failed(at)),
      ['medium 1004'],
    ],
    [
      'the same, two attempts a try',
      series(300, NIGHT, MINUTE, (at) => [failed(at), failed(at + 20)]),
      ['medium 1004'],
    ],
    ['the same, every five seconds', series(300, NIGHT, 5 * SECOND, (at) => failed(at)), ['medium 1004']],
    [
      'and it is mended',
      [...series(30, NIGHT, 30 * SECOND, (at) => failed(at)), succeeded(NIGHT + HOUR, { source: THIEF })],
      ['medium 1004', 'medium 1004'],
    ],
    ['a phone in the lab with an old password: four tries', series(4, NIGHT, 250, (at) => failed(at)), []],
    [
      'thirty phones behind one address that fail once and then succeed',
      [
        ...office(30, (at, o) => failed(at, o)),
        ...office(30, (at, { username }) => succeeded(at + 5_000, { username: username ?? '' })),
      ],
      [`low ${OWNER}`],
    ],
    [
      'thirty phones, twice each, then success',
      [
        ...office(30, (at, o) => failed(at, o)),
        ...office(30, (at, o) => failed(at + 2_000, o)),
        ...office(30, (at, { username }) => succeeded(at + 9_000, { username: username ?? '' })),
      ],
      [`low ${OWNER}`],
    ],
    [
      'thirty phones that had registered there before',
      [
        ...office(30, (at, { username }) => succeeded(at - DAY, { username: username ?? '' })),
        ...office(30, (at, o) => [failed(at, o), failed(at + 9, o), failed(at + 18, o)]),
      ],
      [],
    ],
    ['no room for another contact is no wrong password', guesses(30, SECOND, { reason: 'too-many-contacts' }), []],
    ['a trunk that fails', guesses(30, SECOND, { source: '198.51.100.2' }), []],
  ];
  for (const [sentence, events, expected] of table)
    it(sentence, () => {
      const found = told(judge(bruteForce).take(...events));
      assert.deepEqual(
        found.map((line) => line.replace(/(2001:db8::).*/, '$1')),
        expected,
      );
    });

  it('tells both targets of one guesser, each by itself', () => {
    const events = guesses(40, SECOND, (i) => ({ destination: i % 2 ? PBX : '192.0.2.20' }));
    const targets = judge(bruteForce)
      .take(...events)
      .map((e) => e.facts['target']);
    assert.deepEqual([...new Set(targets)].sort(), [PBX, '192.0.2.20']);
  });

  it('judges an office of strangers once patience is over and nobody succeeded', () => {
    const events = [0, 1].flatMap((round) =>
      series(12, NIGHT + round * 3 * MINUTE, 1_000, (at, i) =>
        failed(at, { username: `${1000 + i}`, sourcePort: 40_000 + i }),
      ),
    );
    assert.deepEqual(told(judge(bruteForce).take(...events.slice(0, 12))), [`low ${THIEF}`]);
    assert.deepEqual(told(judge(bruteForce).take(...events)).slice(0, 2), [`low ${THIEF}`, high]);
    const inhabited = [succeeded(NIGHT - DAY, { username: '1999', source: THIEF }), ...events];
    assert.deepEqual(told(judge(bruteForce).take(...inhabited))[0], `medium ${THIEF}`);
  });

  it('says who, what, where and how often', () => {
    const [one] = judge(bruteForce).take(...guesses(10, SECOND));
    assert.match(
      one?.summary ?? '',
      /^198\.18\.5\.66 tried passwords for extension 1004 at 192\.0\.2\.10: 10 failures in 9 s$/,
    );
    assert.equal(one?.facts['rule'], '10 failures within 1 min');
    const [, many] = judge(bruteForce).take(...guesses(5, SECOND, (i) => ({ username: `1${i}` })));
    assert.match(many?.summary ?? '', /for 5 accounts at/);
    const breach = judge(bruteForce)
      .take(...guesses(9, SECOND), succeeded(NIGHT + 10 * SECOND, { source: THIEF }))
      .at(-1);
    assert.equal(breach?.summary, '198.18.5.66 got into extension 1004 after 9 failures in 10 s');
    assert.equal(breach.sourceProof, 'authenticated');
    assert.deepEqual(breach.subject, { type: 'account', value: '1004' });
  });

  it('cannot be made to write a line of its own', () => {
    const name = 'x\r\nBcc: everybody\u0007'.padEnd(500, 'y');
    const [found] = judge(bruteForce).take(...guesses(10, SECOND, { username: name, userAgent: name }));
    // eslint-disable-next-line no-control-regex -- control characters are what must not be there
    assert.doesNotMatch(JSON.stringify([found?.summary, found?.facts]), /[\x00-\x1f]|\\[rn]/);
    assert.ok((found?.summary.length ?? 999) < 200);
  });

  it('takes its thresholds from the settings, exactly', () => {
    for (const n of [4, 8, 15]) {
      const hit = (count: number): boolean =>
        judge(bruteForce, { failures: n }).take(...guesses(count, SECOND)).length > 0;
      assert.deepEqual([hit(n - 1), hit(n)], [false, true]);
    }
  });
});
