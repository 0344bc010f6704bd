import assert from 'node:assert/strict';
import { HOUR, MINUTE, SECOND, DAY } from '../../src/time.ts';
import type { EvidenceDraft } from '../../src/model.ts';
import type { Arrival } from '../../src/toolbox/tool.ts';
import { box, sdp, sip, T0, type Box, type SipOptions } from './support.ts';

/** A message, and when and where from it comes. */
type Sent = SipOptions & { readonly at?: number } & Partial<Omit<Arrival, 'at'>>;

const STEPS = [{ tool: 'anti-replay.check' }, { tool: 'anti-replay.sdes' }, { tool: 'anti-replay.digest' }];
const CHARLES = '203.0.113.66';
const KEY = 'k'.repeat(40);
const body = sdp(KEY);
const bob: Sent = { body };

const answer = (nonce: string, response: string, nc: string | null = '00000001', username = 'bob'): string =>
  `Authorization: Digest username="${username}", realm="r", nonce="${nonce}", uri="sip:x", response="${response}"` +
  (nc === null ? '' : `, qop=auth, cnonce="c", nc=${nc}`);

async function verdicts(own: Box, steps: readonly object[], messages: readonly Sent[]): Promise<string[]> {
  const program = own.program(steps);
  const all: string[] = [];
  for (const { at = 0, source, transport, proofs, ...message } of messages) {
    const how = {
      at: T0 + at,
      ...(source === undefined ? {} : { source }),
      ...(transport === undefined ? {} : { transport }),
    };
    const result = await own.run(program, sip(message), { ...how, ...(proofs === undefined ? {} : { proofs }) });
    all.push(
      result.verdict === 'accept'
        ? result.retransmission
          ? 'again'
          : 'ok'
        : `${result.verdict} ${result.record.reason}`,
    );
  }
  return all;
}

describe('anti-replay', () => {
  const cases: [sentence: string, messages: Sent[], expected: string[]][] = [
    ['the same from another address, at once', [bob, { ...bob, source: CHARLES, at: 10 }], ['ok', 'refuse replay']],
    ['the same from the same address after an hour', [bob, { ...bob, at: HOUR }], ['ok', 'refuse replay']],
    ['the same by another branch', [bob, { ...bob, branch: 'z9hG4bK-2', at: 10 }], ['ok', 'refuse replay']],
    ['another Call-ID', [bob, { ...bob, callId: 'call-2', source: CHARLES, at: HOUR }], ['ok', 'refuse replay']],
    ['another CSeq', [bob, { ...bob, cseq: 2, source: CHARLES }], ['ok', 'refuse replay']],
    ['another From tag', [bob, { ...bob, fromTag: 'x', source: CHARLES }], ['ok', 'refuse replay']],
    [
      'all of them, and another From, the key as it was',
      [
        bob,
        { ...bob, callId: 'c', cseq: 9, fromTag: 'x', branch: 'z9hG4bK-9', from: 'eve@example.org', source: CHARLES },
      ],
      ['ok', 'refuse key-reuse'],
    ],
    [
      'the key in a description of his own',
      [bob, { callId: 'c', from: 'eve@example.org', body: sdp(KEY, '4444444444'), source: CHARLES, at: 20 * DAY }],
      ['ok', 'refuse key-reuse'],
    ],
    [
      'an answer to a challenge that was shown before',
      [
        { ...bob, extra: [answer('n', 'r1')] },
        { ...bob, body: sdp('q'.repeat(40), '555555555'), callId: 'c', extra: [answer('n', 'r1')], source: CHARLES },
      ],
      ['ok', 'challenge nonce-reuse'],
    ],
    [
      'credentials of another in the copy of a challenged request',
      [bob, { ...bob, cseq: 2, extra: [answer('n', 'r')], source: CHARLES }],
      ['ok', 'refuse replay'],
    ],
    [
      'a Date that has passed',
      [{ ...bob, at: HOUR, extra: [`Date: ${new Date(T0).toUTCString()}`] }],
      ['refuse stale'],
    ],
    [
      'a Date that is still to come',
      [{ ...bob, extra: [`Date: ${new Date(T0 + 3 * MINUTE).toUTCString()}`] }],
      ['refuse stale'],
    ],
    ['a Date that is none', [{ ...bob, extra: ['Date: yesterday'] }], ['refuse stale']],
    [
      'a Date of the second at which it ends',
      [
        { ...bob, at: 12 * MINUTE, extra: [`Date: ${new Date(T0).toUTCString()}`] },
        {
          ...bob,
          at: 12 * MINUTE + 1,
          callId: 'c',
          body: sdp('z'.repeat(40), '666666666'),
          extra: [`Date: ${new Date(T0).toUTCString()}`],
        },
      ],
      ['ok', 'refuse stale'],
    ],
    // innocents
    [
      'a repetition by the transport',
      [bob, { ...bob, at: 500 }, { ...bob, at: 1_500 }, { ...bob, at: 32 * SECOND }],
      ['ok', 'again', 'again', 'again'],
    ],
    ['a repetition that comes later than any', [bob, { ...bob, at: 32 * SECOND + 1 }], ['ok', 'refuse replay']],
    [
      'a challenged phone that answers',
      [
        bob,
        { ...bob, cseq: 2, branch: 'z9hG4bK-2', at: 80, extra: [answer('n', 'r')] },
        { ...bob, cseq: 2, branch: 'z9hG4bK-2', at: 580, extra: [answer('n', 'r')] },
      ],
      ['ok', 'ok', 'again'],
    ],
    [
      'a challenged phone whose nonce was stale',
      [
        { ...bob, extra: [answer('old', 'r0')] },
        { ...bob, cseq: 2, branch: 'b2', at: 80, extra: [answer('n', 'r')] },
      ],
      ['ok', 'ok'],
    ],
    [
      'a session that is refreshed without a change',
      [
        bob,
        { ...bob, cseq: 2, toTag: 't', branch: 'b2', at: 10 * MINUTE },
        { ...bob, cseq: 3, toTag: 't', branch: 'b3', at: 20 * MINUTE },
      ],
      ['ok', 'ok', 'ok'],
    ],
    [
      'hold and resume with the same key',
      [bob, { ...bob, cseq: 2, toTag: 't', branch: 'b2', at: MINUTE, body: sdp(KEY, '3870000001', 2) }],
      ['ok', 'ok'],
    ],
    [
      'a phone whose session ids are all the same',
      [{ body: sdp('', '0', 0) }, { body: sdp('', '0', 0), callId: 'c', at: HOUR }],
      ['ok', 'ok'],
    ],
    [
      'ACK and CANCEL of a request, with its credentials',
      [
        { ...bob, extra: [answer('n', 'r')] },
        { method: 'ACK', toTag: 't', extra: [answer('n', 'r')] },
        { method: 'CANCEL', extra: [answer('n', 'r')] },
      ],
      ['ok', 'ok', 'ok'],
    ],
    [
      'a phone without nonce counts',
      [1, 2, 3].map((cseq) => ({
        method: 'REGISTER',
        cseq,
        branch: `b${cseq}`,
        at: cseq * MINUTE,
        extra: [answer('n', 'r', null)],
      })),
      ['ok', 'ok', 'ok'],
    ],
    [
      'a phone that counts',
      ['00000001', '00000003', '00000002'].map((nc, i) => ({
        method: 'REGISTER',
        cseq: i + 1,
        branch: `b${i}`,
        extra: [answer('n', `r${nc}`, nc)],
      })),
      ['ok', 'ok', 'ok'],
    ],
    [
      'two callers at once',
      [bob, { callId: 'c2', from: 'dan@example.org', body: sdp('d'.repeat(40), '777777777') }],
      ['ok', 'ok'],
    ],
    [
      'IPv6 privacy addresses within one /64',
      [
        { ...bob, source: '2001:db8::1' },
        { ...bob, source: '2001:db8::ffff', at: 500 },
      ],
      ['ok', 'again'],
    ],
  ];
  for (const [sentence, messages, expected] of cases)
    it(sentence, async () => {
      const own = box();
      assert.deepEqual(await verdicts(own, STEPS, messages), expected);
      const attacks = expected.filter((each) => /replay|reuse/.test(each)).length;
      assert.equal(own.alerts.length, attacks, 'each replay is told, nothing else is');
    });

  it('tells whose message it was, and from where it came first', async () => {
    const own = box();
    await verdicts(own, STEPS, [bob, { ...bob, callId: 'other', source: CHARLES }]);
    const [alert] = own.store.toolboxAlerts.list(10);
    assert.match(alert?.summary ?? '', /^An old INVITE of bob@example\.org was sent again from 203\.0\.113\.66$/);
    assert.equal(alert?.facts['firstCall'], 'call-1');
    assert.equal(alert.severity, 'high');
  });

  it('a phone that never changes its key is refused, or told and let pass', async () => {
    const calls = [1, 2].map((n) => ({ callId: `c${n}`, body: sdp(KEY, `100000000${n}`), at: n * MINUTE }));
    assert.deepEqual(await verdicts(box(), STEPS, calls), ['ok', 'refuse key-reuse']);
    const lenient = box();
    const steps = [{ tool: 'anti-replay.sdes', own: 'alert' }];
    assert.deepEqual(await verdicts(lenient, steps, calls), ['ok', 'ok']);
    assert.deepEqual(
      lenient.alerts.map(({ severity, reason }) => [severity, reason]),
      [['medium', 'key-reuse']],
    );
    assert.deepEqual(await verdicts(lenient, steps, [{ ...calls[0], callId: 'c3', source: CHARLES, at: HOUR }]), [
      'refuse key-reuse',
    ]);
  });

  it('what was refused is not remembered: a forged copy that comes first locks nobody out', async () => {
    const own = box();
    const steps = [...STEPS, { tool: 'origin.bind', policy: 'deny' }];
    const messages: Sent[] = [
      { method: 'REGISTER', callId: 'r' },
      { ...bob, source: CHARLES, at: 10 },
      { ...bob, at: 20 },
    ];
    assert.deepEqual(await verdicts(own, steps, messages), ['ok', 'refuse origin', 'ok']);
  });

  it('two copies that are judged at the same time: one passes', async () => {
    const own = box();
    const program = own.program(STEPS);
    const results = await Promise.all([
      own.run(program, sip(bob), { at: T0 }),
      own.run(program, sip({ ...bob, branch: 'z9hG4bK-2' }), { at: T0, source: CHARLES }),
    ]);
    assert.deepEqual(
      results.map(({ verdict }) => verdict),
      ['accept', 'refuse'],
    );
  });

  it('when there is no room what is new is refused, with the time at which there is some', async () => {
    const own = box({ entries: 4 });
    const steps = [{ tool: 'anti-replay.check', remember: '1h', session: 'ignore' }];
    const numbered = (n: number, at: number): Sent => ({ callId: `c${n}`, at });
    const first = await verdicts(
      own,
      steps,
      [0, 1, 2, 3, 4].map((n) => numbered(n, n * MINUTE)),
    );
    assert.deepEqual(first, ['ok', 'ok', 'ok', 'ok', 'refuse full']);
    assert.match(own.records.at(-1)?.detail ?? '', /until 2026-11-21T10:00:00\.000Z/);
    assert.deepEqual(
      own.alerts.map(({ reason }) => reason),
      ['full'],
    );
    const later = [numbered(4, 62 * MINUTE), numbered(3, 62.5 * MINUTE)];
    assert.deepEqual(await verdicts(own, steps, later), ['ok', 'refuse replay'], 'only what has passed went');
    assert.ok(own.store.replays.count('message') <= 4);
  });

  it('one sender fills his share, and not that of the others', async () => {
    const own = box({ entries: 100, share: 20 });
    const steps = [{ tool: 'anti-replay.check', session: 'ignore' }];
    const calls = (from: string, source: string, count: number): Sent[] =>
      Array.from({ length: count }, (_, n) => ({ from, callId: `${from}-${n}`, source, at: n }));
    // while there is room nobody's share counts
    const greedy = await verdicts(own, steps, calls('greedy@example.org', '198.51.100.7', 60));
    assert.equal(greedy.filter((each) => each === 'ok').length, 50);
    assert.ok(greedy.slice(50).every((each) => each === 'refuse full'));
    assert.deepEqual(
      own.alerts.slice(0, 1).map(({ severity, reason }) => [severity, reason]),
      [['medium', 'full']],
    );
    // another name from the same address is the same sender; from another address it is another
    assert.deepEqual(await verdicts(own, steps, calls('x@example.org', '198.51.100.7', 1)), ['refuse full']);
    const others = await Promise.all(
      ['198.51.100.8', '198.51.100.9'].map((source) => verdicts(own, steps, calls(source, source, 20))),
    );
    assert.ok(others.flat().every((each) => each === 'ok'));
    assert.equal(own.store.replays.count('message'), 90);
    // what has ended makes room for him too
    const later = await verdicts(own, steps, [{ callId: 'later', source: '198.51.100.7', at: 40 * DAY }]);
    assert.deepEqual(later, ['ok']);
  });

  it('alerts become evidence of the pipeline, a flood of them a few pieces', async () => {
    const pieces: EvidenceDraft[] = [];
    const door = {
      accountOf: (who: string) => (who === 'bob@example.org' ? '1002' : null),
      take: (d: EvidenceDraft) => void pieces.push(d),
    };
    const own = box({ evidence: door });
    await verdicts(own, STEPS, [
      bob,
      ...Array.from({ length: 9 }, (_, n) => ({ ...bob, source: CHARLES, transport: 'udp' as const, at: n })),
    ]);
    assert.deepEqual(
      pieces.map(({ subject, severity, sources, sourceProof, facts }) => [
        subject.value,
        severity,
        sources[0],
        sourceProof,
        facts['times'],
      ]),
      [1, 2, 4, 8].map((times) => ['1002', 'high', CHARLES, 'none', times]),
    );
    assert.match(pieces[0]?.summary ?? '', /An old INVITE of bob@example\.org was sent again/);
    assert.equal(new Set(pieces.map(({ key }) => key)).size, 4);
    // of somebody who has no account here it is about the address
    await verdicts(own, STEPS, [
      { from: 'eve@example.org', callId: 'e', body: sdp(KEY, '4444444444'), source: CHARLES },
    ]);
    assert.deepEqual(pieces.at(-1)?.subject, { type: 'address', value: CHARLES });
  });

  it('a clock that is set back makes nothing fresh again', async () => {
    const own = box();
    // without a key: the Date alone, unsigned, does not shorten the memory
    const dated: Sent = { extra: [`Date: ${new Date(T0).toUTCString()}`] };
    const messages: Sent[] = [dated, { callId: 'later', at: 5 * HOUR }, { ...dated, at: MINUTE }];
    const [first, , again] = await verdicts(own, [{ tool: 'anti-replay.check' }], messages);
    assert.deepEqual([first, again], ['ok', 'refuse replay']);
  });

  const honest = process.env['RINGFENCE_LONG'] === undefined ? 20_000 : 100_000;
  it(`of ${honest} honest messages none is refused`, async function () {
    this.timeout(120_000);
    const own = box();
    const program = own.program(STEPS);
    let refused = 0;
    let seen = 0;
    let at = 0;
    const send = async (message: SipOptions, source: string): Promise<void> => {
      seen++;
      const { verdict } = await own.run(program, sip(message), { at: T0 + (at += 40), source });
      if (verdict !== 'accept') refused++;
    };
    // calls of 50 phones: INVITE, perhaps repeated, challenged and answered, refreshed, registered in between
    for (let n = 0; seen < honest; n++) {
      const phone = n % 50;
      const source = phone % 5 === 0 ? `2001:db8:${phone}::${(n % 999) + 1}` : `198.51.100.${phone + 1}`;
      const from = `u${phone}@example.org`;
      const call = {
        from,
        callId: `call-${n}`,
        fromTag: `f${n}`,
        body: sdp(`${n}`.padStart(40, 'k'), `${3_870_000_000 + n}`),
      };
      const step = (cseq: number, more: SipOptions = {}): SipOptions => ({
        ...call,
        cseq,
        branch: `z9hG4bK-${n}-${cseq}`,
        ...more,
      });
      await send(step(1), source);
      if (n % 7 === 0) await send(step(1), source);
      const credentials = [answer(`n${n}`, `r${n}`)];
      await send(step(2, { extra: credentials }), source);
      if (n % 11 === 0) await send(step(2, { extra: credentials }), source);
      await send({ ...step(2, { extra: credentials, toTag: 't' }), method: 'ACK', body: '' }, source);
      if (n % 3 === 0) await send(step(3, { toTag: 't', extra: [answer(`n${n}`, `r${n}b`, '00000002')] }), source);
      await send(
        {
          method: 'REGISTER',
          from,
          to: from,
          callId: `reg-${phone}`,
          cseq: n + 1,
          branch: `z9hG4bK-r${n}`,
          extra: [answer('fixed', 'fixed', null, from)],
        },
        `198.51.100.${phone + 1}`,
      );
    }
    assert.equal(refused, 0, `${refused} of ${seen}`);
    assert.equal(own.alerts.length, 0);
    console.log(`      ${seen} messages, ${refused} refused, ${own.store.replays.count('message')} remembered`);
  });
});
