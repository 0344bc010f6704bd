import { DAY, HOUR, MINUTE, SECOND } from '../../src/time.ts';
import type { ConsoleBench } from './console.ts';
import { Station, type Packet } from './sip-builder.ts';

const PHONES = [
  'Yealink SIP-T46U 108.86.0.45',
  'snomD785/10.1.175.16',
  'Grandstream GXP2170 1.0.11.64',
  'Fanvil X5U 2.12.1',
];

/** What a phone does: it rings after `ring` milliseconds and is answered after `answer`. */
function call(
  at: number,
  from: Station,
  user: string,
  dialled: string,
  { ring = 900, answer = 4_000, talk }: { ring?: number; answer?: number; talk?: number } = {},
): Packet[] {
  const callId = `c-${user}-${dialled}-${at}`;
  const common = { method: 'INVITE', user, to: dialled, callId };
  const first = from.request(at, { ...common, cseq: 1 });
  const second = from.request(at + 40, { ...common, cseq: 2, auth: user });
  return [
    first,
    from.answer(at + 12, first, 401, from.challenge()),
    from.request(at + 30, { ...common, method: 'ACK', cseq: 1 }),
    second,
    from.answer(at + 50, second, 100),
    from.answer(at + 40 + ring, second, 180),
    from.answer(at + 40 + answer, second, 200),
    from.request(at + 60 + answer, { ...common, method: 'ACK', cseq: 2, toTag: 't1', auth: user }),
    ...(talk === undefined
      ? []
      : [from.request(at + answer + talk, { ...common, method: 'BYE', cseq: 3, toTag: 't1' })]),
  ];
}

/** Somebody who guesses the password of an account from an address until it is right. */
function guesses(at: number, thief: Station, user: string, count: number): Packet[] {
  return Array.from({ length: count }, (_, i) => {
    const t = at + i * 700;
    const common = {
      user,
      callId: `guess-${user}`,
      contact: `<sip:${user}@${thief.address}>`,
      userAgent: 'friendly-scanner',
    };
    const asked = thief.request(t, { ...common, cseq: 2 * i + 1 });
    const guess = thief.request(t + 20, {
      ...common,
      cseq: 2 * i + 2,
      auth: user,
      answer: String(i).padStart(32, '0'),
    });
    return [
      asked,
      thief.answer(t + 10, asked, 401, thief.challenge()),
      guess,
      thief.answer(t + 30, guess, 401, thief.challenge()),
    ];
  }).flat();
}

/** Weeks of call records, so that it is known what is usual. */
function history(bench: ConsoleBench, until: number): void {
  const numbers = ['03012345678', '08912345678', '01701234567'];
  const { correlator } = bench.pipeline;
  for (let day = 30; day >= 1; day--)
    for (let hour = 0; hour < 24; hour++) {
      const t = Math.floor((until - day * DAY) / DAY) * DAY + hour * HOUR;
      correlator.tick(t);
      const weekday = new Date(t).getUTCDay();
      const busy = weekday === 0 || weekday === 6 ? 0 : hour >= 8 && hour < 18 ? 1 + ((hour * 7 + day * 3) % 4) : 0;
      for (let n = 0; n < busy; n++)
        for (const user of ['1002', '1004']) {
          const start = t + (n * 13 + Number(user) - 1000) * MINUTE;
          const seconds = 60 + ((hour * 31 + n * 17 + day) % 9) * 20;
          const uniqueid = `${start / 1000}.${n}${user}`;
          correlator.cdr(
            {
              ...{
                accountcode: '',
                src: user,
                dst: user === '1002' && n === 1 ? '004312345678' : (numbers[(n + day) % numbers.length] ?? ''),
                dcontext: 'from-internal',
              },
              ...{
                clid: user,
                channel: `PJSIP/${user}-0000000${n}`,
                dstchannel: 'PJSIP/carrier-00000001',
                lastapp: 'Dial',
              },
              ...{
                lastdata: '',
                start,
                answer: start + 4_000,
                end: start + seconds * 1_000,
                duration: seconds,
                billsec: seconds - 4,
              },
              ...{ disposition: 'ANSWERED', amaflags: 'DOCUMENTATION', uniqueid, userfield: '', linkedid: uniqueid },
              ...{ sequence: null, peeraccount: '' },
            },
            start + seconds * 1_000,
          );
        }
    }
}

/** Registrations are refreshed every ten minutes; the registrar answers as fast as it can, and now and then a packet is lost. */
function refreshes(at: number, phone: Station, user: string, hour: number): Packet[] {
  return Array.from({ length: 6 }, (_, n) => {
    const t = at + n * 10 * MINUTE + 20 * SECOND;
    const busy = hour > 8 && hour < 18 ? 9 : 3;
    const took = busy + ((hour * 13 + n * 7 + Number(user)) % 11);
    const common = {
      user,
      callId: `r-${user}-${t}`,
      cseq: 9,
      auth: user,
      expires: 3_600,
      contact: `<sip:${user}@${phone.address}:5060>`,
    };
    const asked = phone.request(t, common);
    const lost = (hour * 7 + n * 3 + Number(user)) % 17 === 0;
    const again = lost ? [{ ...asked, at: t + 500 }] : [];
    const late = lost ? 500 + took : took;
    return [
      asked,
      ...again,
      phone.answer(t + late, asked, 200, [`Contact: <sip:${user}@${phone.address}:5060>;expires=3600`]),
    ];
  }).flat();
}

/** Calls that come in by the trunk. */
function incoming(at: number, user: string, count: number, hour: number): Packet[] {
  const carrier = new Station('198.51.100.1');
  return Array.from({ length: count }, (_, n) => {
    const t = at + n * 7 * MINUTE;
    const callId = `in-${user}-${t}`;
    const asked = carrier.request(t, {
      method: 'INVITE',
      user: `030${55_000 + hour * 31 + n}`,
      to: `4930900${user}`,
      callId,
    });
    return [
      asked,
      carrier.answer(t + 3, asked, 100),
      carrier.answer(t + 300 + ((hour * 91 + n * 37) % 400), asked, 180),
      carrier.answer(t + 5_000, asked, 200),
      carrier.request(t + 5_040, { method: 'ACK', user: 'x', to: user, callId, toTag: 't1' }),
      carrier.request(t + 95_000, { method: 'BYE', user: 'x', to: user, callId, toTag: 't1', cseq: 2 }),
    ];
  }).flat();
}

/** A day of an office, and a night in which a stolen account calls abroad. It ends now, with calls up. */
export async function office(bench: ConsoleBench, now = Date.now()): Promise<void> {
  const phones = ['1001', '1002', '1003', '1004', '1005'].map((user, i) => ({
    user,
    at: new Station(`10.0.0.${11 + i}`),
  }));
  const packets: Packet[] = [];
  for (let hour = 20; hour >= 1; hour--)
    for (const [i, { user, at }] of phones.entries()) {
      const t = now - hour * HOUR + i * 3 * MINUTE;
      packets.push(...at.register(t, user, { userAgent: PHONES[i % PHONES.length] ?? '' }));
      // the office is busy in the middle of it
      const calls = hour > 7 && hour < 19 ? 7 - Math.abs(hour - 13) : hour % 3 === 0 ? 1 : 0;
      packets.push(...refreshes(t, at, user, hour));
      if (calls > 1) packets.push(...incoming(t + 7 * MINUTE, user, calls, hour));
      for (let n = 0; n < calls; n++) {
        const dialled = ['03012345678', '08912345678', '01701234567', '1003'][(n + i) % 4] ?? '1003';
        packets.push(
          ...call(t + (n + 1) * 8 * MINUTE, at, user, dialled, {
            ring: 500 + ((hour * 337 + n * 911 + i * 53) % 2_400),
            talk: 2 * MINUTE,
          }),
        );
      }
    }
  const thief = new Station('203.0.113.66');
  packets.push(...guesses(now - 70 * MINUTE, thief, '1004', 60));
  const taken = now - 28 * MINUTE;
  packets.push(...thief.register(taken, '1004', { userAgent: 'eyeBeam release 3006o', seconds: 3600 }));
  const abroad = ['0037167000011', '0037167000012', '005351234567', '00881631234567', '0037167000013', '002526123456'];
  for (const [i, dialled] of abroad.entries())
    packets.push(...call(taken + (i + 1) * 2 * MINUTE, thief, '1004', dialled, { ring: 1_800, talk: 90 * SECOND }));
  // these are up now
  packets.push(...call(now - 9 * MINUTE, thief, '1004', '00881631234568', { ring: 2_100 }));
  packets.push(...call(now - 6 * MINUTE, thief, '1004', '0037167000014', { ring: 1_500 }));
  packets.push(...call(now - 3 * MINUTE, phones[1]?.at ?? thief, '1002', '03012345679', {}));
  packets.push(
    ...call(now - 4 * SECOND, phones[2]?.at ?? thief, '1003', '01701234568', { answer: 60 * SECOND }).filter(
      ({ at }) => at <= now,
    ),
  );
  const scanner = new Station('198.51.100.200');
  packets.push(...guesses(now - 5 * HOUR, scanner, '1001', 40));
  history(bench, now - DAY);
  bench.play(packets.filter(({ at }) => at <= now));
  await bench.enforcer.settled(3_000);
}
