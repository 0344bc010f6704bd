import assert from 'node:assert/strict';
import { DAY, HOUR, MINUTE, SECOND } from '../../src/time.ts';
import { Origins } from '../../src/toolbox/origins.ts';
import type { Proof } from '../../src/toolbox/tool.ts';
import { box, sip, T0, type Box } from './support.ts';

interface Spoken {
  readonly at: number;
  readonly source: string;
  readonly port?: number;
  readonly proof?: Proof;
  readonly from?: string;
}

const HOME = '198.51.100.2';
const CELL = '203.0.113.9';
let messages = 0;

async function verdicts(own: Box, policy: object, spoken: readonly Spoken[]): Promise<string[]> {
  const program = own.program([{ tool: 'origin.bind', ...policy }]);
  const all: string[] = [];
  for (const { at, source, port = 5060, proof, from = 'bob@example.org' } of spoken) {
    const before = own.alerts.length;
    const message = sip({ method: 'REGISTER', from, to: from, callId: `c${messages++}` });
    const { verdict } = await own.run(program, message, {
      at: T0 + at,
      source,
      sourcePort: port,
      proofs: proof === undefined ? [] : [proof],
    });
    all.push(`${verdict}${own.alerts.length > before ? ` ${own.alerts.at(-1)?.severity ?? ''}` : ''}`);
  }
  return all;
}

describe('origin binding', () => {
  const alert = { policy: 'alert' };
  const cases: [sentence: string, policy: object, spoken: Spoken[], expected: string[]][] = [
    [
      'a stranger while the owner is there',
      alert,
      [
        { at: 0, source: HOME },
        { at: MINUTE, source: CELL },
      ],
      ['accept', 'challenge medium'],
    ],
    [
      'the stranger keeps trying, and does not become known by it',
      alert,
      [
        { at: 0, source: HOME },
        { at: MINUTE, source: CELL },
        { at: 2 * MINUTE, source: CELL },
      ],
      ['accept', 'challenge medium', 'challenge medium'],
    ],
    [
      'exactly as long as an address is alive, and a moment more',
      alert,
      [
        { at: 0, source: HOME },
        { at: 10 * MINUTE, source: CELL },
        { at: 10 * MINUTE + 1, source: CELL },
      ],
      ['accept', 'challenge medium', 'accept low'],
    ],
    [
      'deny: a new address is refused however quiet the old one is',
      { policy: 'deny' },
      [
        { at: 0, source: HOME },
        { at: DAY, source: CELL },
      ],
      ['accept', 'refuse high'],
    ],
    [
      'challenge: a new address has to prove itself',
      { policy: 'challenge' },
      [
        { at: 0, source: HOME },
        { at: DAY, source: CELL },
        { at: DAY + SECOND, source: CELL, proof: 'digest' },
        { at: DAY + MINUTE, source: CELL },
      ],
      ['accept', 'challenge', 'accept', 'accept'],
    ],
    [
      'a slow thief who comes when the owner sleeps is told',
      alert,
      [
        { at: 0, source: HOME },
        { at: 8 * HOUR, source: CELL },
      ],
      ['accept', 'accept low'],
    ],
    [
      'what was not heard of for long is forgotten',
      alert,
      [
        { at: 0, source: HOME },
        { at: 30 * DAY + 1, source: CELL },
      ],
      ['accept', 'accept'],
    ],
    // innocents
    [
      'a NAT that gives another port',
      alert,
      [
        { at: 0, source: HOME },
        { at: SECOND, source: HOME, port: 40_001 },
        { at: 2 * SECOND, source: HOME, port: 61_234 },
      ],
      ['accept', 'accept', 'accept'],
    ],
    [
      'a line that comes back with another address, the old one silent',
      alert,
      [
        { at: 0, source: HOME },
        { at: 11 * MINUTE, source: '198.51.100.77' },
        { at: 12 * MINUTE, source: '198.51.100.77' },
      ],
      ['accept', 'accept low', 'accept'],
    ],
    [
      'a mobile that goes from Wi-Fi to the cell network and back',
      alert,
      [
        { at: 0, source: HOME },
        { at: MINUTE, source: CELL },
        { at: MINUTE + 80, source: CELL, proof: 'digest' },
        { at: 2 * MINUTE, source: CELL },
        { at: 3 * MINUTE, source: HOME },
      ],
      ['accept', 'challenge medium', 'accept', 'accept', 'accept'],
    ],
    [
      'a desk phone and a softphone',
      alert,
      [
        { at: 0, source: HOME, proof: 'digest' },
        { at: SECOND, source: CELL, proof: 'digest' },
        { at: MINUTE, source: HOME },
        { at: MINUTE, source: CELL },
      ],
      ['accept', 'accept', 'accept', 'accept'],
    ],
    [
      'a session of the crypto gateway and a client certificate prove as much',
      { policy: 'deny' },
      [
        { at: 0, source: HOME },
        { at: 1, source: CELL, proof: 'csc' },
        { at: 2, source: '192.0.2.99', proof: 'client-certificate' },
      ],
      ['accept', 'accept', 'accept'],
    ],
    [
      'IPv6 privacy addresses',
      { policy: 'deny' },
      [
        { at: 0, source: '2001:db8:1:2::1' },
        { at: HOUR, source: '2001:db8:1:2:aaaa:bbbb:cccc:dddd' },
        { at: HOUR, source: '2001:db8:1:3::1' },
      ],
      ['accept', 'accept', 'refuse high'],
    ],
    [
      'the pool of a carrier’s NAT, where the settings say so',
      { policy: 'deny', ipv4_bits: 24 },
      [
        { at: 0, source: HOME },
        { at: 1, source: '198.51.100.250' },
        { at: 2, source: '198.51.101.1' },
      ],
      ['accept', 'accept', 'refuse high'],
    ],
    [
      'two people behind one address',
      { policy: 'deny' },
      [
        { at: 0, source: HOME },
        { at: 1, source: HOME, from: 'dan@example.org' },
      ],
      ['accept', 'accept'],
    ],
  ];
  for (const [sentence, policy, spoken, expected] of cases)
    it(sentence, async () => assert.deepEqual(await verdicts(box(), policy, spoken), expected));

  it('without an address it refuses', async () => {
    const own = box();
    const { verdict } = await own.run(own.program([{ tool: 'origin.bind' }]), sip(), { source: null });
    assert.equal(verdict, 'refuse');
  });

  it('knows the addresses again after a restart, sixteen of one identity at the most', async () => {
    const own = box();
    const many = Array.from({ length: 20 }, (_, i) => ({
      at: i * MINUTE,
      source: `192.0.2.${i + 1}`,
      proof: 'digest' as const,
    }));
    await verdicts(own, alert, many);
    assert.equal(own.store.origins.of('bob@example.org').length, 16);
    const anew = new Origins({ table: own.store.origins, most: 100 });
    assert.equal(anew.standing('bob@example.org', '192.0.2.20', T0 + HOUR, MINUTE, DAY).kind, 'known');
    assert.equal(anew.standing('bob@example.org', '192.0.2.1', T0 + HOUR, MINUTE, DAY).kind, 'new');
  });

  it('is bounded: when it is full a new identity is let pass, and not learned', async () => {
    const own = box({ entries: 3 });
    const some = [1, 2, 3, 4].map((n) => ({ at: n, source: `192.0.2.${n}`, from: `u${n}@example.org` }));
    assert.deepEqual(await verdicts(own, alert, some), ['accept', 'accept', 'accept', 'accept']);
    assert.equal(own.store.origins.count(), 3);
  });
});
