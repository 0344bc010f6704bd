import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { PeerError } from '../../src/errors.ts';
import type { AmiHeaders, AmiSession } from '../../src/pbx/ami.ts';
import { inMaintenance, setMaintenance } from '../../src/pbx/maintenance.ts';
import { authObjects, authValue, hashesIn, newSecret, secretsInForce, type AuthObject } from '../../src/pbx/secrets.ts';
import { AmiMessage } from '../../src/wire/ami.ts';

type Items = readonly (readonly (readonly [string, string])[])[];

/** A PBX that answers lists and actions as told; the real one is in test/lab/secrets.test.ts. */
function pbx(lists: Readonly<Record<string, Items | string>>, actions: Readonly<Record<string, AmiMessage>> = {}) {
  const asked: string[] = [];
  const come = (name: string, headers: AmiHeaders = []): string => {
    const text = [name, ...headers.map(([, value]) => value)].join(' ');
    asked.push(text);
    return text;
  };
  const session: AmiSession = {
    version: '11.0.0',
    action: (name, headers) => {
      come(name, headers);
      return Promise.resolve(actions[name] ?? new AmiMessage([['Response', 'Error']]));
    },
    list: (name, headers) => {
      const found = lists[come(name, headers)] ?? lists[name] ?? [];
      if (typeof found === 'string') return Promise.reject(new PeerError('peer-refused', found, false));
      return Promise.resolve(found.map((entries) => new AmiMessage(entries)));
    },
    close: () => undefined,
  };
  return { session, asked };
}

const auth = (fields: Readonly<Record<string, string>>): (readonly [string, string])[] => [
  ['Event', 'AuthDetail'],
  ...Object.entries({ ObjectName: '1004', Username: '1004', AuthType: 'userpass', Password: 'hunter2', ...fields }),
];
const endpoint = (name: string, auths: string, outbound = ''): (readonly [string, string])[] => [
  ['Event', 'EndpointList'],
  ['ObjectName', name],
  ['Auths', auths],
  ['OutboundAuths', outbound],
];

describe('auth objects', () => {
  const table: [string, Record<string, string>, Partial<AuthObject>][] = [
    ['of Asterisk 16, which knows MD5 alone', {}, { algorithms: ['MD5'], realm: 'asterisk' }],
    ['with a realm of its own', { Realm: 'pbx.example' }, { realm: 'pbx.example' }],
    ['that takes both MD5 and SHA-256', { SupportedAlgorithmsUas: 'MD5,SHA-256' }, { algorithms: ['MD5', 'SHA-256'] }],
    ['that takes SHA-256 alone', { SupportedAlgorithmsUas: 'SHA-256' }, { algorithms: ['SHA-256'] }],
    ['that takes SHA-512-256', { SupportedAlgorithmsUas: 'SHA-512-256' }, { algorithms: ['SHA-512-256'] }],
    ['with another username', { Username: 'alice' }, { username: 'alice' }],
  ];
  for (const [name, fields, wanted] of table)
    it(`reads one ${name}, and not its password`, async () => {
      const { session } = pbx({
        'PJSIPShowEndpoint 1004': [auth(fields)],
        PJSIPShowEndpoints: [endpoint('1004', '1004')],
      });
      const [found] = await authObjects(session, '1004');
      assert.deepEqual({ ...found, ...wanted }, found);
      assert.ok(!JSON.stringify(found).includes('hunter2'));
    });

  it('takes the realm of [global], and asks for that section alone, for the others hold passwords', async () => {
    const config = new AmiMessage([
      ['Response', 'Success'],
      ['Category-000000', 'global'],
      ['Line-000000-000000', 'type=global'],
      ['Line-000000-000001', 'default_realm=office.example'],
    ]);
    const { session, asked } = pbx({ 'PJSIPShowEndpoint 1004': [auth({})] }, { GetConfig: config });
    assert.equal((await authObjects(session, '1004'))[0]?.realm, 'office.example');
    assert.ok(asked.includes('GetConfig pjsip.conf type=global'));
  });

  it('tells who shares it', async () => {
    const { session } = pbx({
      'PJSIPShowEndpoint 1004': [auth({})],
      PJSIPShowEndpoints: [endpoint('1004', '1004'), endpoint('1014', '1004, other')],
    });
    assert.deepEqual((await authObjects(session, '1004'))[0]?.sharedWith, ['1014']);
  });

  const refused: [string, Record<string, Items | string>, RegExp][] = [
    ['without one', {}, /no auth object/],
    ['that is not there', { PJSIPShowEndpoint: 'Unable to retrieve endpoint' }, /Unable to retrieve/],
    ['of OAuth', { PJSIPShowEndpoint: [auth({ AuthType: 'google_oauth' })] }, /no name and password/],
    ['of an unknown digest', { PJSIPShowEndpoint: [auth({ SupportedAlgorithmsUas: 'X-1' })] }, /X-1/],
    [
      'by which the PBX itself calls out',
      { PJSIPShowEndpoint: [auth({})], PJSIPShowEndpoints: [endpoint('carrier', '', '1004')] },
      /logs in with elsewhere/,
    ],
    [
      'by which the PBX itself registers',
      { PJSIPShowEndpoint: [auth({})], PJSIPShowRegistrationsOutbound: [[['OutboundAuth', '1004']]] },
      /logs in with elsewhere/,
    ],
  ];
  for (const [name, lists, words] of refused)
    it(`refuses one ${name}`, async () => {
      await assert.rejects(authObjects(pbx(lists).session, '1004'), (error: unknown) => {
        assert.ok(error instanceof PeerError && !error.retryable);
        assert.match(error.message, words);
        return true;
      });
    });
});

describe('new secrets', () => {
  it('are long, never twice the same, and made of letters that every phone has', () => {
    const made = new Set(Array.from({ length: 1_000 }, newSecret));
    assert.equal(made.size, 1_000);
    for (const secret of made) assert.match(secret, /^[a-km-zA-HJ-NP-Z2-9]{24}$/);
  });

  const object = { username: 'alice', realm: 'office', algorithms: ['MD5'] } as const;
  const hash = (name: string): string => createHash(name).update('alice:office:s3cret').digest('hex');
  for (const [algorithm, node] of [
    ['MD5', 'md5'],
    ['SHA-256', 'sha256'],
    ['SHA-512-256', 'sha512-256'],
  ] as const)
    it(`are pushed as their ${algorithm} hash alone`, () => {
      const value = authValue({ ...object, algorithms: [algorithm] }, 's3cret');
      assert.ok(value.includes(hash(node)) && !value.includes('s3cret'));
      assert.deepEqual(hashesIn(value), [algorithm === 'MD5' ? hash(node) : `${algorithm}:${hash(node)}`]);
      assert.ok(Buffer.byteLength(value) < 900, 'fits into a line of AMI');
    });

  it('are pushed as a hash for each digest that is offered, in one object', async () => {
    const value = authValue({ ...object, algorithms: ['SHA-256', 'MD5'] }, 's3cret');
    assert.ok(value.includes('"supported_algorithms_uas":"SHA-256,MD5"'));
    assert.deepEqual(hashesIn(value), [`SHA-256:${hash('sha256')}`, `MD5:${hash('md5')}`]);
    assert.ok(!value.includes('s3cret') && Buffer.byteLength(value) < 900);
    // Asterisk shows them in an order of its own
    const shown = (digests: string): Promise<ReadonlySet<string>> =>
      secretsInForce(
        pbx({
          PJSIPShowEndpoints: [endpoint('1', 'a')],
          'PJSIPShowEndpoint 1': [auth({ ObjectName: 'a', PasswordDigest: digests })],
        }).session,
        new Map([['a', value]]),
      );
    assert.deepEqual([...(await shown(`MD5:${hash('md5')},SHA-256:${hash('sha256')}`))], ['a']);
    assert.deepEqual([...(await shown(`MD5:${hash('md5')}`))], [], 'half of it is not enough');
  });

  for (const value of ['', '{', '{}', '{"auth_type":"md5"}', '{"md5_cred":"x"}', 'null'])
    it(`are not found in ${JSON.stringify(value)}`, () => assert.deepEqual(hashesIn(value), []));

  it('count as used only when Asterisk shows their hash, or nobody uses the object any more', async () => {
    const value = authValue(object, 's3cret');
    const values = new Map(['a', 'b', 'c', 'd'].map((id) => [id, value]));
    const { session } = pbx({
      PJSIPShowEndpoints: [endpoint('1', 'a'), endpoint('2', 'b'), endpoint('3', 'c')],
      'PJSIPShowEndpoint 1': [auth({ ObjectName: 'a', Md5Cred: hash('md5') })],
      'PJSIPShowEndpoint 2': [auth({ ObjectName: 'b', Md5Cred: '' })],
      'PJSIPShowEndpoint 3': [auth({ ObjectName: 'c', Md5Cred: hash('md5').replace(/./, 'x') })],
    });
    assert.deepEqual([...(await secretsInForce(session, values))], ['a', 'd']);
    const idle = pbx({});
    assert.equal((await secretsInForce(idle.session, new Map())).size, 0);
    assert.deepEqual(idle.asked, []);
  });
});

describe('maintenance mode', () => {
  const answer = (response: string, message: string): AmiMessage =>
    new AmiMessage([
      ['Response', response],
      ['Message', message],
    ]);
  const unknown = 'Invalid/unknown command: PJSIPShowMaintenance. Use Action: ListCommands to show available commands.';

  it('is listed, and is null where Asterisk has none', async () => {
    const row = (name: string, status: string): [string, string][] => [
      ['Endpoint', name],
      ['Status', status],
    ];
    const { session } = pbx({ PJSIPShowMaintenance: [row('1004', 'enabled'), row('1005', 'disabled')] });
    assert.deepEqual([...((await inMaintenance(session)) ?? [])], ['1004']);
    assert.equal(await inMaintenance(pbx({ PJSIPShowMaintenance: unknown }).session), null);
    await assert.rejects(inMaintenance(pbx({ PJSIPShowMaintenance: 'Permission denied' }).session), PeerError);
  });

  it('says what to do where it cannot be set', async () => {
    const set = (message: string, on: boolean): Promise<void> =>
      setMaintenance(pbx({}, { PJSIPSetMaintenance: answer('Error', message) }).session, '1004', on);
    await assert.rejects(set(unknown, true), /give it a new secret/);
    await assert.rejects(set('Permission denied', true), /manager_ringfence\.conf/);
    await assert.rejects(set("Endpoint '1004' not found", true), PeerError);
    await set("Endpoint '1004' not found", false);
    await setMaintenance(pbx({}, { PJSIPSetMaintenance: answer('Success', '') }).session, '1004', true);
  });
});
