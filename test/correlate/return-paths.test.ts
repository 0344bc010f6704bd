import assert from 'node:assert/strict';
import { ReturnPaths } from '../../src/correlate/return-paths.ts';
import { MINUTE } from '../../src/time.ts';
import { describeWithData } from '../support/data.ts';
import { PBX, Station, type Packet, type RequestOptions } from '../support/sip-builder.ts';
import { mirrored, siteOf, watch, type Watch } from './support.ts';

const T = Date.UTC(2026, 10, 21, 1, 0, 0);
const VICTIM = '203.0.113.5';
const FORGER = '198.51.100.66';
const wrong = (n: number): string => `${n % 10}`.repeat(32);

/** Challenged at `at`, a guess 20 ms later, refused. `said`: the nonce of the challenge. */
function guess(s: Station, at: number, o: Partial<RequestOptions> = {}, said = `n-${s.address}`): Packet[] {
  const common = { user: '1001', callId: `g${at}`, ...o };
  const first = s.request(at, { ...common, cseq: 1 });
  const second = s.request(at + 20, { ...common, cseq: 2, auth: '1001', answer: wrong(at) });
  return [
    first,
    s.answer(at + 5, first, 401, s.challenge(said)),
    second,
    s.answer(at + 25, second, 401, s.challenge(said)),
  ];
}

/** A guess in somebody's name: the PBX asks him for credentials, the forger sees nothing of it. */
const forged = (at: number, nonce: string): Packet[] => guess(new Station(VICTIM), at, { nonce }, `n-${VICTIM}`);

/** A guess where two were challenged with one nonce; `said` and `given`: the opaque of the challenge and of the answer. */
function opaque(said: string, given: string, address = FORGER): Packet[] {
  const add = (packet: Packet, text: string): Packet => ({
    ...packet,
    payload: Buffer.from(packet.payload.toString().replace('nonce="shared"', `nonce="shared", opaque="${text}"`)),
  });
  const [first, challenged, second, refused] = guess(new Station(address), T + 200, { nonce: 'shared' }, 'shared');
  assert.ok(first && challenged && second && refused);
  return [
    ...guess(new Station(VICTIM), T, {}, 'shared').slice(0, 2),
    first,
    add(challenged, said),
    add(second, given),
    add(refused, said),
  ];
}

const pbx = (input: Parameters<typeof siteOf>[0] = { network: { pbx: [PBX] } }): Watch =>
  watch(siteOf(input, ['1001', '1002']));
const proofs = (w: Watch, source: string): (string | null)[] =>
  w
    .of('auth.failed')
    .filter((e) => e.source === source)
    .map((e) => e.proof);

describe('correlate: return paths', () => {
  const cases: [string, () => Packet[], string, (string | null)[]][] = [
    ['a guess that answers the challenge sent to it', () => guess(new Station(FORGER), T), FORGER, ['answered']],
    [
      'guess after guess with one nonce, one Call-ID and CSeq, as svcrack does',
      () => {
        const s = new Station(FORGER);
        return [
          ...guess(s, T, { callId: 'same' }),
          ...[1, 2].flatMap((n) => guess(s, T + n * 1000, { callId: 'same' }).slice(2)),
        ];
      },
      FORGER,
      ['answered', 'answered', 'answered'],
    ],
    [
      'from another port of that address: port translation',
      () => [
        ...guess(new Station(FORGER, 40_000), T).slice(0, 2),
        ...guess(new Station(FORGER, 50_000), T + 9, {}).slice(2),
      ],
      FORGER,
      ['answered'],
    ],
    ['forged, with a nonce that was made up', () => forged(T, 'made-up'), VICTIM, ['none']],
    [
      "forged, with the nonce of the forger's own challenge",
      () => [...guess(new Station(FORGER), T).slice(0, 2), ...forged(T + 50, `n-${FORGER}`)],
      VICTIM,
      ['none'],
    ],
    ['forged, without any credentials, refused for good', () => forbidden(new Station(VICTIM), T), VICTIM, ['none']],
    [
      'forged, where the PBX gives one nonce to all in the same second (Kamailio), the forger asking first',
      () => [
        ...guess(new Station(FORGER), T, {}, 'shared').slice(0, 2),
        ...guess(new Station(VICTIM), T + 50, { nonce: 'shared' }, 'shared'),
      ],
      VICTIM,
      ['none'],
    ],
    [
      'the same, the forger asking after his victim',
      () => {
        const packets = guess(new Station(VICTIM), T, { nonce: 'shared' }, 'shared');
        return [
          ...packets.slice(0, 2),
          ...guess(new Station(FORGER), T + 8, {}, 'shared').slice(0, 2),
          ...packets.slice(2),
        ];
      },
      VICTIM,
      ['none'],
    ],
    [
      'forged, with a nonce that an accomplice at a phone has the proxy send to the victim',
      () => {
        // the proxy calls the accomplice, who answers with a challenge of his own, which is passed on
        const proxy = new Station(PBX, 5060, FORGER);
        const out = proxy.request(T, { method: 'INVITE', user: '1001', to: '1002', callId: 'i' });
        const victim = new Station(VICTIM);
        const call = victim.request(T - 5, { method: 'INVITE', user: '1001', to: '1002', callId: 'i' });
        return [
          call,
          out,
          proxy.answer(T + 5, out, 401, victim.challenge('chosen')),
          victim.answer(T + 6, call, 401, victim.challenge('chosen')),
          ...forged(T + 100, 'chosen'),
        ];
      },
      VICTIM,
      ['none'],
    ],
    [
      'a nonce that went to all within one second (Asterisk behind a proxy), with the opaque that went to him alone',
      () => opaque('7c380c0673e9ba63', '7c380c0673e9ba63'),
      FORGER,
      ['answered'],
    ],
    [
      'the same, with an opaque that was made up',
      () => opaque('7c380c0673e9ba63', '1111111111111111'),
      FORGER,
      ['none'],
    ],
    [
      'the same, with an opaque that went to others too',
      () => [...opaque('always', 'always', VICTIM), ...opaque('always', 'always')],
      FORGER,
      ['none'],
    ],
    [
      'a nonce of eleven minutes ago: another may have the address by now',
      () => [
        ...guess(new Station(FORGER), T).slice(0, 2),
        ...guess(new Station(FORGER), T + 11 * MINUTE, { nonce: `n-${FORGER}` }, 'other').slice(2),
      ],
      FORGER,
      ['none'],
    ],
    [
      'over TCP',
      () => guess(new Station(VICTIM), T, { nonce: 'x' }).map((p) => ({ ...p, path: { ...p.path, transport: 'tcp' } })),
      VICTIM,
      ['answered'],
    ],
  ];
  for (const [sentence, packets, source, expected] of cases)
    it(sentence, () => {
      const w = pbx();
      w.play(packets());
      assert.deepEqual(proofs(w, source), expected);
    });

  it('right credentials with a nonce that went elsewhere too register an account, and prove nothing of the address', () => {
    const w = pbx();
    const victim = new Station(VICTIM);
    w.play(guess(new Station(FORGER), T, {}, 'shared').slice(0, 2));
    const first = victim.request(T + 50, { user: '1001', callId: 'r', cseq: 1 });
    const second = victim.request(T + 80, {
      user: '1001',
      callId: 'r',
      cseq: 2,
      auth: '1001',
      nonce: 'shared',
      contact: '<sip:1001@198.51.100.66>',
      expires: 600,
    });
    w.play([
      first,
      victim.answer(T + 55, first, 401, victim.challenge('shared')),
      second,
      victim.answer(T + 85, second, 200, ['Contact: <sip:1001@198.51.100.66>;expires=600']),
    ]);
    assert.deepEqual([w.of('auth.succeeded')[0]?.proof, w.of('register.accepted')[0]?.proof], ['none', 'none']);
    w.play(new Station(VICTIM).register(T + MINUTE, '1001', { callId: 'own' }));
    assert.deepEqual(
      [w.of('auth.succeeded')[1]?.proof, w.of('register.accepted')[1]?.proof],
      ['authenticated', 'authenticated'],
    );
  });

  const calls: [string, (s: Station, packets: Packet[]) => Packet[], string[]][] = [
    ['whose answer nobody acknowledges', (_, packets) => packets, ['none']],
    [
      'whose answer is acknowledged with its tag',
      (s, packets) => [...packets, ack(s, 'its-tag')],
      ['none', 'answered'],
    ],
    ['acknowledged with a tag that was made up', (s, packets) => [...packets, ack(s, 'guessed')], ['none']],
    ['acknowledged from elsewhere', (_, packets) => [...packets, ack(new Station(FORGER), 'its-tag')], ['none']],
  ];
  for (const [sentence, play, expected] of calls)
    it(`a call without credentials, ${sentence}`, () => {
      const w = pbx();
      const s = new Station(VICTIM);
      const invite = s.request(T, { method: 'INVITE', user: 'x', to: '00371670', callId: 'c' });
      const ok = s.answer(T + 100, invite, 200);
      const tagged = { ...ok, payload: Buffer.from(ok.payload.toString().replace('tag=t1', 'tag=its-tag')) };
      w.play(play(s, [invite, tagged]));
      const told = w.events.filter((e) => e.kind === 'call.answered' || e.kind === 'call.updated');
      assert.deepEqual(
        told.map((e) => e.proof),
        expected,
      );
    });

  describe('by AMI', () => {
    const security = (name: string, source: string, ...extra: [string, string][]): [string, string][] => [
      ['Event', name],
      ['Service', 'PJSIP'],
      ['AccountID', '1001'],
      ['SessionID', `s-${source}`],
      ['LocalAddress', `IPV4/UDP/${PBX}/5060`],
      ['RemoteAddress', `IPV4/UDP/${source}/5060`],
      ...extra,
    ];
    const failure = (source: string, nonce: string): [string, string][] =>
      security('ChallengeResponseFailed', source, ['Challenge', nonce]);

    it('a failure names the nonce, which mirrored SIP has seen go there', () => {
      const w = pbx();
      w.play(guess(new Station(FORGER), T).slice(0, 2));
      w.ami(T + 30, ...failure(FORGER, `n-${FORGER}`));
      w.ami(T + 40, ...failure(VICTIM, `n-${FORGER}`));
      assert.deepEqual([proofs(w, FORGER), proofs(w, VICTIM)], [['answered'], ['none']]);
    });
    it('where nothing is mirrored and Asterisk does not tell what it sent, nobody can say', () => {
      const w = pbx();
      w.ami(T, ...security('ChallengeSent', FORGER, ['Challenge', '']));
      w.ami(T + 30, ...failure(FORGER, 'n'));
      assert.deepEqual(proofs(w, FORGER), [null]);
    });
    it('where Asterisk tells what it sent, that counts', () => {
      const w = pbx();
      w.ami(T, ...security('ChallengeSent', FORGER, ['Challenge', 'n']));
      w.ami(T + 30, ...failure(FORGER, 'n'));
      w.ami(T + 60, ...failure(VICTIM, 'n'));
      assert.deepEqual([proofs(w, FORGER), proofs(w, VICTIM)], [['answered'], ['none']]);
    });
    it("PJSIP's success proves the address, chan_sip's over UDP does not", () => {
      const w = pbx();
      w.ami(T, ...security('SuccessfulAuth', FORGER, ['UsingPassword', '1']));
      const sip = security('SuccessfulAuth', VICTIM, ['UsingPassword', '1']).map(([k, v]): [string, string] =>
        k === 'Service' ? [k, 'SIP'] : [k, v],
      );
      w.ami(T + 10, ...sip);
      assert.deepEqual(
        w.of('auth.succeeded').map((e) => e.proof),
        ['authenticated', 'none'],
      );
    });
  });

  it('stay bounded, and what is in use is kept under a flood of challenges to forged sources', () => {
    const paths = new ReturnPaths();
    paths.issued('used', FORGER, T);
    for (let i = 0; i < 120_000; i++) {
      paths.issued(`n${i}`, `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, T + i);
      if (i % 5_000 === 0) assert.equal(paths.proof('udp', FORGER, 'used', T + i), 'answered', `after ${i}`);
    }
    assert.ok(paths.size <= 32_768);
    paths.issued('x'.repeat(10_000), FORGER, T);
    assert.equal(paths.proof('udp', FORGER, 'x'.repeat(10_000), T), 'none');
  });

  describeWithData('recorded in the lab', 'hep', () => {
    it('SIPVicious: each of its guesses is proved', () => {
      const w = watch(siteOf());
      w.play(mirrored('hep/kamailio-5.6', 'svcrack'));
      assert.equal(w.of('auth.failed').length, 10);
      assert.ok(w.of('auth.failed').every((e) => e.proof === 'answered'));
      assert.equal(w.of('auth.succeeded')[0]?.proof, 'authenticated');
    });
    for (const folder of ['hep/asterisk-22', 'hep/asterisk-16'])
      it(`${folder}: a call and a wrong password`, () => {
        const w = watch(siteOf());
        w.play(mirrored(folder));
        assert.equal(w.of('call.answered')[0]?.proof, 'authenticated');
        assert.ok(w.of('auth.failed').length > 0);
        assert.ok(w.of('auth.failed').every((e) => e.proof === 'answered'));
      });
  });
});

function forbidden(s: Station, at: number): Packet[] {
  const request = s.request(at, { user: '1001', callId: 'f' });
  return [request, s.answer(at + 5, request, 403)];
}

const ack = (s: Station, toTag: string): Packet =>
  s.request(T + 150, { method: 'ACK', user: 'x', to: '00371670', callId: 'c', toTag });
