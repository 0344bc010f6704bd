import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { PeerError } from '../../src/errors.ts';
import { readXfrm } from '../../src/pbx/xfrm.ts';
import { associationsOf, coverage, readPolicies, readStates } from '../../src/toolbox/user/xfrm.ts';
import { useNamespace } from '../support/namespace.ts';
import { arrival, box, sip } from './support.ts';

// as iproute2 6.1 prints them
const STATES = `src 198.51.100.2 dst 192.0.2.10
	proto esp spi 0xc1a2b3c4 reqid 7 mode transport
	replay-window 32 
	aead rfc4106(gcm(aes)) <<Keys hidden>> 128
	anti-replay context: seq 0x0, oseq 0x0, bitmap 0x00000000
	sel src 198.51.100.2/32 dst 192.0.2.10/32 
src 203.0.113.1 dst 192.0.2.10
	proto esp spi 0xc0000001(3221225473) reqid 9 mode tunnel
	replay-window 0 flag af-unspec
	auth-trunc hmac(sha256) <<Keys hidden>> 128
	enc cbc(aes) <<Keys hidden>>
	encap type espinudp sport 4500 dport 4500 addr 0.0.0.0
src 198.51.100.3 dst 192.0.2.10
	proto esp spi 0x05f2b0d8 reqid 7 mode transport
	replay-window 0 
	anti-replay context: seq 0x0, oseq 0x0, bitmap 0x00000000
`;
const POLICIES = `src 10.1.0.0/16 dst 192.0.2.10/32 
	dir in priority 371327 ptype main 
	tmpl src 203.0.113.1 dst 192.0.2.10
		proto esp reqid 9 mode tunnel
src 198.51.100.0/24 dst 192.0.2.10/32 
	dir in priority 367231 ptype main 
	tmpl src 0.0.0.0 dst 0.0.0.0
		proto esp reqid 7 mode transport
src 198.51.100.99/32 dst 192.0.2.10/32 proto tcp dport 5061 
	dir in priority 100 ptype main 
	tmpl src 0.0.0.0 dst 0.0.0.0
		proto esp reqid 7 mode transport
		level use 
src 198.51.100.66/32 dst 192.0.2.10/32 
	dir in action block priority 1 ptype main 
src 192.0.2.10/32 dst 198.51.100.2/32 
	dir out priority 367231 ptype main 
	tmpl src 0.0.0.0 dst 0.0.0.0
		proto esp reqid 7 mode transport
src 0.0.0.0/0 dst 0.0.0.0/0 
	socket in priority 0 ptype main 
`;

/** Why nothing covers it, or what does. */
const words = (found: ReturnType<typeof coverage>): string => (typeof found === 'string' ? found : found.spi);

describe('ip xfrm', () => {
  const states = readStates(STATES);
  const policies = readPolicies(POLICIES);

  it('reads associations that have keys, and policies that are no socket’s', () => {
    assert.deepEqual(
      states.map(({ source, spi, reqid, mode }) => [source, spi, reqid, mode]),
      [
        ['198.51.100.2', '0xc1a2b3c4', 7, 'transport'],
        ['203.0.113.1', '0xc0000001', 9, 'tunnel'],
      ],
    );
    assert.equal(policies.length, 5);
    assert.deepEqual(
      [policies[2]?.protocol, policies[2]?.destinationPort, policies[2]?.templates[0]?.level],
      ['tcp', 5061, 'use'],
    );
  });

  const cases: [sentence: string, how: Parameters<typeof arrival>[0], expected: string | RegExp][] = [
    ['an association in transport mode', { source: '198.51.100.2' }, '0xc1a2b3c4'],
    ['a network behind a tunnel', { source: '10.1.2.3' }, '0xc0000001'],
    ['an association that is still being made', { source: '198.51.100.3' }, /no such association stands/],
    ['a policy and no association', { source: '198.51.100.4' }, /no such association stands/],
    ['no policy at all', { source: '203.0.113.50' }, /no IPsec policy \(in\) covers/],
    [
      'a policy that would rather have one, and lets it in without',
      { source: '198.51.100.99', transport: 'tls', destinationPort: 5061 },
      /without an association/,
    ],
    [
      'the same address at another port',
      { source: '198.51.100.99', transport: 'udp', destinationPort: 5060 },
      /no such association stands/,
    ],
    ['a policy that blocks', { source: '198.51.100.66' }, /lets nothing pass/],
    ['an unknown source', { source: null }, /nobody knows/],
  ];
  for (const [sentence, how, expected] of cases)
    it(sentence, () => {
      const found = coverage({ states, policies }, arrival(how), 'in');
      if (typeof expected === 'string') assert.equal(words(found), expected);
      else assert.match(words(found), expected);
    });

  it('what leaves is judged by the policies for what leaves', () => {
    const leaving = arrival({ source: '192.0.2.10', destination: '198.51.100.2' });
    assert.match(words(coverage({ states, policies }, leaving, 'out')), /no such association stands/);
    const both = [
      ...states,
      ...readStates(STATES.replace('src 198.51.100.2 dst 192.0.2.10', 'src 192.0.2.10 dst 198.51.100.2')),
    ];
    const found = coverage({ states: both, policies }, leaving, 'out');
    assert.equal(typeof found === 'string' ? found : found.peer, '198.51.100.2');
  });

  it('asks again when what is known is old, and when it could not be asked', async () => {
    let now = 0;
    let asked = 0;
    const associations = associationsOf(
      () =>
        ++asked === 2
          ? Promise.reject(new PeerError('peer-refused', 'no', false))
          : Promise.resolve({ states: STATES, policies: POLICIES }),
      () => now,
      1_000,
    );
    const own = box({ services: { associations } });
    const program = own.program([{ tool: 'ipsec.require' }]);
    const ask = async (): Promise<string> => (await own.run(program, sip(), { source: '198.51.100.2' })).record.reason;
    assert.deepEqual([await ask(), await ask()], ['', '']);
    now = 1_000;
    assert.deepEqual([await ask(), await ask(), asked], ['unavailable', '', 3]);
  });

  it('mode and protocol are asked for', async () => {
    const associations = associationsOf(
      () => Promise.resolve({ states: STATES, policies: POLICIES }),
      () => 0,
      1,
    );
    const own = box({ services: { associations } });
    const ask = async (step: object): Promise<string> =>
      (await own.run(own.program([{ tool: 'ipsec.require', ...step }]), sip(), { source: '10.1.2.3' })).record.reason;
    assert.equal(await ask({ mode: 'tunnel' }), '');
    assert.equal(await ask({ mode: 'transport' }), 'ipsec');
    assert.equal(await ask({ protocol: 'ah' }), 'ipsec');
  });

  describe('in a network namespace', () => {
    const space = useNamespace(['ip', 'xfrm', 'policy', 'list']);

    it('reads the policies of the kernel', async () => {
      const ns = space();
      ns.run(
        'ip',
        'xfrm',
        'policy',
        'add',
        'src',
        '10.9.0.2',
        'dst',
        '10.9.0.1',
        'dir',
        'in',
        'priority',
        '7',
        'tmpl',
        'src',
        '10.9.0.2',
        'dst',
        '10.9.0.1',
        'proto',
        'esp',
        'reqid',
        '7',
        'mode',
        'transport',
      );
      ns.run(
        'ip',
        'xfrm',
        'policy',
        'add',
        'src',
        '2001:db8::/64',
        'dst',
        '2001:db8:1::1/128',
        'proto',
        'udp',
        'dport',
        '5060',
        'dir',
        'in',
        'tmpl',
        'proto',
        'esp',
        'mode',
        'transport',
        'level',
        'use',
      );
      const { policies: held } = await readXfrm([...ns.enter, 'ip']);
      const read = readPolicies(held);
      const first = read.find(({ source }) => source === '10.9.0.2/32');
      assert.deepEqual(
        [first?.direction, first?.priority, first?.templates[0]?.reqid, first?.templates[0]?.level],
        ['in', 7, 7, 'required'],
      );
      const second = read.find(({ source }) => source === '2001:db8::/64');
      assert.deepEqual([second?.protocol, second?.destinationPort, second?.templates[0]?.level], ['udp', 5060, 'use']);
      const how = arrival({ source: '10.9.0.2', destination: '10.9.0.1', transport: 'udp' });
      assert.match(words(coverage({ states: [], policies: read }, how, 'in')), /no such association stands/);
    });

    it('an SPI that a key exchange has only asked for is no association', async () => {
      const ns = space();
      ns.run(
        'ip',
        'xfrm',
        'state',
        'allocspi',
        'src',
        '10.9.0.3',
        'dst',
        '10.9.0.1',
        'proto',
        'esp',
        'reqid',
        '7',
        'mode',
        'transport',
      );
      const { states: held } = await readXfrm([...ns.enter, 'ip']);
      assert.match(held, /src 10\.9\.0\.3/);
      assert.deepEqual(readStates(held), []);
    });

    it('a real association covers its peer and nobody else, until it is deleted', async function () {
      const ns = space();
      const state = ['src', '10.9.0.2', 'dst', '10.9.0.1', 'proto', 'esp', 'spi', '0x100'];
      const added = ns.try(
        'ip',
        'xfrm',
        'state',
        'add',
        ...state,
        'reqid',
        '7',
        'mode',
        'transport',
        'aead',
        'rfc4106(gcm(aes))',
        `0x${'01'.repeat(20)}`,
        '128',
      );
      if (added !== null) {
        console.warn(`      skipped: this kernel has no ESP, so no security association can be made: ${added}`);
        this.skip();
      }
      const associations = associationsOf(
        () => readXfrm([...ns.enter, 'ip']),
        () => 0,
        0,
      );
      const own = box({ services: { associations } });
      const program = own.program([{ tool: 'ipsec.require' }]);
      const ask = async (source: string): Promise<string> =>
        (await own.run(program, sip(), { source, destination: '10.9.0.1', transport: 'udp' })).verdict;
      assert.deepEqual([await ask('10.9.0.2'), await ask('10.9.0.4')], ['accept', 'refuse']);
      ns.run('ip', 'xfrm', 'state', 'delete', ...state);
      assert.equal(await ask('10.9.0.2'), 'refuse');
    });

    it('without the right to ask nothing passes', async function () {
      const ns = space();
      const without = ['setpriv', '--bounding-set=-net_admin', '--', 'ip'];
      if (spawnSync('setpriv', ['--version']).status !== 0) {
        console.warn('      skipped: there is no setpriv (util-linux), which takes the right away');
        this.skip();
      }
      const associations = associationsOf(
        () => readXfrm([...ns.enter, ...without]),
        () => 0,
        0,
      );
      const own = box({ services: { associations } });
      const { verdict, record } = await own.run(own.program([{ tool: 'ipsec.require' }]), sip());
      assert.deepEqual([verdict, record.reason], ['refuse', 'unavailable']);
    });
  });
});
