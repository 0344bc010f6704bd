import { HOUR, MINUTE, SECOND } from '../../src/time.ts';
import { Station, type Packet } from '../support/sip-builder.ts';
import type { Attack, AttackKind, Scene } from './attacks.ts';
import { REVENUE_SHARE } from './countries.ts';
import { addressOf, wrongPassword } from './life.ts';
import { PBX_ADDRESS, toDial, TRUNK_ADDRESS } from './people.ts';

/** Attacks on signalling, as mirrored SIP. They cost nothing yet; what counts is whether and when they are told. */

const at = (s: Scene, minute: number): number => s.life.instant(s.day + 2, minute);
const station = (address: string, port = 5060): Station => new Station(address, port, PBX_ADDRESS);
const attack = (packets: Packet[], s: Scene, over: Partial<Attack> = {}): Attack => ({
  calls: [],
  packets,
  accounts: [],
  sources: [s.thief],
  numbers: [],
  days: 4,
  ...over,
});
const kind = (name: string, pace: string, make: (s: Scene) => Attack): AttackKind => ({
  kind: name,
  pace,
  records: false,
  make,
});

/** `count` guesses at one account, `every` ms apart. */
const guessing = (count: number, every: number) => (s: Scene) =>
  attack(
    Array.from({ length: count }, (_, i) => wrongPassword(station(s.thief), s.victim.account, at(s, 120) + i * every, i, 'friendly')).flat(), // prettier-ignore
    s,
    { accounts: [s.victim.account], days: 3 + Math.ceil((count * every) / (24 * HOUR)) },
  );

/** Sixty addresses, each a few guesses at one account. */
const distributed = (every: number) => (s: Scene) => {
  const sources = Array.from({ length: 60 }, (_, i) => `198.51.${101 + (i % 3)}.${10 + i}`);
  return attack(
    sources.flatMap((address, i) =>
      [0, 1, 2].flatMap((n) => wrongPassword(station(address), s.victim.account, at(s, 60) + (i * 3 + n) * every, n)),
    ),
    s,
    { accounts: [s.victim.account], sources, days: 3 + Math.ceil((180 * every) / (24 * HOUR)) },
  );
};

/** REGISTERs for extensions that may exist or not, answered 401 or 404. */
const searching = (count: number, every: number) => (s: Scene) => {
  const from = station(s.thief, 5071);
  return attack(
    Array.from({ length: count }, (_, i) => {
      const user = String(100 + i * 7);
      const request = from.request(at(s, 90) + i * every, { user, method: 'INVITE', callId: `search-${i}`, to: String(9000 + i), userAgent: 'Cisco-SIPGateway' }); // prettier-ignore
      return [request, from.answer(request.at + 4, request, i % 3 === 0 ? 401 : 404)];
    }).flat(),
    s,
    { days: 3 + Math.ceil((count * every) / (24 * HOUR)) },
  );
};

/** The thief's REGISTER with the right password: in place of the owner's binding, or beside it. */
const hijack = (beside: boolean) => (s: Scene) => {
  const own = `<sip:${s.victim.account}@${s.thief}:5060>;expires=3600`;
  const owner = `<sip:${s.victim.account}@${addressOf(s.victim, s.day + 2)}:5060>;expires=20000`;
  const listed = beside ? [own, owner] : [own];
  return attack(station(s.thief).register(at(s, 170), s.victim.account, { userAgent: 'PBX', listed }), s, {
    accounts: [s.victim.account],
  });
};

/** INVITEs without any password that the PBX takes on, to numbers that cost. */
const stranger = (count: number, every: number) => (s: Scene) => {
  const from = station(s.thief, 5080);
  const packets: Packet[] = [];
  for (let i = 0; i < count; i++) {
    const dialled = toDial(s.firm.home, s.random.digits(REVENUE_SHARE['GM'] ?? ''));
    const call = { method: 'INVITE', user: '100', to: dialled, callId: `stranger-${i}` };
    const invite = from.request(at(s, 130) + i * every, call);
    packets.push(
      invite,
      from.answer(invite.at + 20, invite, 100),
      from.answer(invite.at + 2_000, invite, 200),
      from.request(invite.at + 2_030, { ...call, method: 'ACK', toTag: 't1' }),
      from.request(invite.at + 300_000, { ...call, method: 'BYE', cseq: 3, toTag: 't1' }),
    );
  }
  return attack(packets, s, { days: 3 + Math.ceil((count * every) / (24 * HOUR)) });
};

const flood = (method: string, count: number, sources: number) => (s: Scene) => {
  const addresses =
    sources === 1 ? [s.thief] : Array.from({ length: sources }, (_, i) => `203.0.113.${(i % 200) + 20}`);
  const stations = addresses.map((address, i) => station(address, 5060 + Math.floor(i / 200)));
  return attack(
    Array.from(
      { length: count },
      (_, i) =>
      stations[i % stations.length]!.request(at(s, 100) + i * 10, { user: String(i % 1000), method, callId: `flood-${i}` }), // prettier-ignore
    ),
    s,
    { sources: addresses },
  );
};

/** From the internet, in the name of phones of the office, with their addresses in Contact and Via. */
const spoofed = (s: Scene): Attack => {
  const from = station(s.thief, 5060);
  return attack(
    Array.from({ length: 20 }, (_, i) => {
      const account = s.firm.people[i % s.firm.people.length]!.account;
      const request = from.request(at(s, 140) + i * 20 * SECOND, { user: account, method: 'INVITE', to: '9011', host: PBX_ADDRESS, callId: `spoof-${i}`, contact: `<sip:${account}@10.1.0.${20 + i}:5060>`, branch: `z9hG4bK-spoof-${i}`, extra: [`P-Asserted-Identity: <sip:${account}@10.1.0.5>`] }); // prettier-ignore
      const text = request.payload.toString().replace(`SIP/2.0/UDP ${s.thief}:5060`, `SIP/2.0/UDP 10.1.0.${20 + i}:5060`); // prettier-ignore
      const sent = { ...request, payload: Buffer.from(text) };
      return [sent, from.answer(request.at + 5, sent, 401, from.challenge())];
    }).flat(),
    s,
    { accounts: s.firm.people.slice(0, 20).map((p) => p.account) },
  );
};

/** Somebody else ends calls of the office: BYE with the call's own Call-ID from another address. */
const teardown = (s: Scene): Attack => {
  const packets: Packet[] = [];
  const accounts = s.firm.people.slice(0, 4);
  for (const [i, p] of accounts.entries()) {
    const phone = station(addressOf(p, s.day + 2));
    const start = at(s, 640) + i * 3 * MINUTE;
    const dialled = s.random.digits(s.firm.home.fixed[0] ?? '');
    const callId = `torn-${p.account}-${start}`;
    packets.push(...phone.call(start, p.account, dialled, { callId, talk: 10 * MINUTE }));
    const bye = station(s.thief).request(start + 60_000, { user: p.account, to: dialled, method: 'BYE', callId, cseq: 9, toTag: 't1' }); // prettier-ignore
    packets.push(bye, station(s.thief).answer(bye.at + 5, bye, 481));
  }
  return attack(packets, s, { accounts: accounts.map((p) => p.account) });
};

/** Calls in the trunk's name, from an address that is not the trunk's. */
const impersonation = (s: Scene): Attack => {
  const from = station(s.thief);
  return attack(
    Array.from({ length: 10 }, (_, i) => {
      const request = from.request(at(s, 700) + i * MINUTE, { user: 'carrier', method: i % 2 === 0 ? 'INVITE' : 'REGISTER', to: '4000', host: TRUNK_ADDRESS, callId: `gateway-${i}`, contact: `<sip:carrier@${TRUNK_ADDRESS}:5060>` }); // prettier-ignore
      return [request, from.answer(request.at + 5, request, i % 2 === 0 ? 404 : 403)];
    }).flat(),
    s,
  );
};

/** The bytes of an owner's REGISTER with credentials, sent again from elsewhere. */
const replayed = (s: Scene): Attack => {
  const packets: Packet[] = [];
  const accounts = s.firm.people.slice(0, 3);
  for (const [i, p] of accounts.entries()) {
    const start = at(s, 610) + i * MINUTE;
    const owner = station(addressOf(p, s.day + 2)).register(start, p.account, { userAgent: p.userAgent, callId: `own-${p.account}-${start}` }); // prettier-ignore
    const stolen = owner[2]!;
    const again = { ...stolen, at: start + 20_000, path: { ...stolen.path, source: s.thief, sourcePort: 5099 } };
    packets.push(...owner, again, { ...station(s.thief, 5099).answer(again.at + 5, again, 401, station(s.thief).challenge()) }); // prettier-ignore
  }
  return attack(packets, s, { accounts: accounts.map((p) => p.account) });
};

export const SIGNALLING: readonly AttackKind[] = [
  kind('password guessing', 'burst', guessing(300, 280)),
  kind('password guessing', 'one in ten minutes', guessing(144, 10 * MINUTE)),
  kind('password guessing', 'one an hour', guessing(120, HOUR)),
  kind('password guessing', 'from 60 addresses', distributed(20 * SECOND)),
  kind('password guessing', 'from 60 addresses, slow', distributed(20 * MINUTE)),
  kind('searching extensions', 'burst', searching(400, 100)),
  kind('searching extensions', 'one an hour', searching(100, HOUR)),
  kind('hijacked registration', 'in its place', hijack(false)),
  kind('hijacked registration', 'beside it', hijack(true)),
  kind('calls without a password', 'burst', stranger(12, 30 * SECOND)),
  kind('calls without a password', 'one a night', stranger(6, 24 * HOUR)),
  kind('flood of INVITEs', 'one source', flood('INVITE', 3000, 1)),
  kind('flood of REGISTERs', '150 sources', flood('REGISTER', 4000, 150)),
  kind('spoofed source', 'three a minute', spoofed),
  kind('calls torn down', 'four calls', teardown),
  kind('gateway impersonation', 'one a minute', impersonation),
  kind('replayed registration', 'three accounts', replayed),
];
