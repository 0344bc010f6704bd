import assert from 'node:assert/strict';
import { PeerError } from '../../src/errors.ts';
import type { AmiSession } from '../../src/pbx/ami.ts';
import { hashesIn } from '../../src/pbx/secrets.ts';
import { Refusal } from '../../src/respond/acts.ts';
import type { Claim } from '../../src/respond/enforcement.ts';
import { newRow } from '../../src/respond/ledger.ts';
import { Rotation, secretOf, type NewSecret, type RotationOptions } from '../../src/respond/rotation.ts';
import type { Enforcement } from '../../src/store/index.ts';
import { AmiMessage } from '../../src/wire/ami.ts';

/** A PBX with endpoint 1004 and its auth object, shared with whom `others` names. */
const pbx = (others: readonly string[] = []): AmiSession => ({
  version: '11.0.0',
  action: () => Promise.resolve(new AmiMessage([['Response', 'Error']])),
  list: (name, headers = []) => {
    const auth: [string, string][] = [
      ['Event', 'AuthDetail'],
      ['ObjectName', 'a1004'],
      ['Username', 'alice'],
    ];
    if (name === 'PJSIPShowEndpoint')
      return headers[0]?.[1] === '1004'
        ? Promise.resolve([new AmiMessage(auth)])
        : Promise.reject(new PeerError('peer-refused', 'Unable to retrieve endpoint', false));
    const endpoints = ['1004', ...others].map((endpoint) => {
      const row: [string, string][] = [
        ['Event', 'EndpointList'],
        ['ObjectName', endpoint],
        ['Auths', 'a1004'],
      ];
      return new AmiMessage(row);
    });
    return Promise.resolve(name === 'PJSIPShowEndpoints' ? endpoints : []);
  },
  close: () => undefined,
});

interface Bench {
  readonly rotation: Rotation;
  readonly stood: { auth: string; value: string; account: string; claim: Claim }[];
  readonly kept: Map<string, readonly NewSecret[]>;
  readonly undone: string[];
  readonly rows: Enforcement[];
  done: boolean;
}

function bench(options: Partial<RotationOptions> = {}): Bench {
  const made: Omit<Bench, 'rotation'> = { stood: [], kept: new Map(), undone: [], rows: [], done: false };
  const rotation = new Rotation({
    ami: () => pbx(),
    keep: (id, _account, secrets) => void made.kept.set(id, secrets),
    now: Date.now,
    check: (account, { until }) =>
      account === 'trunk' ? { ok: false, code: 'trunk', reason: 'a trunk' } : { ok: true, value: account, until },
    stand: (auth, value, account, claim) => {
      made.stood.push({ auth, value, account, claim });
      made.rows.push({ ...newRow('secret', auth, claim), detail: { value, account } });
    },
    rows: (claim) => made.rows.filter((row) => row.claim === claim),
    isDone: () => made.done,
    undo: (claim) => void made.undone.push(claim),
    tick: () => undefined,
    tryRegister: undefined,
    registered: () => undefined,
    ...options,
  });
  return Object.assign(made, { rotation });
}

const byHand: Claim = { id: 'h1', until: null, since: 0, by: 'hand', why: 'a test' };
const act = newRow('rotate-secret', '1004', { id: 'd1', until: null, since: 0, by: 'rule', why: 'a test' });

describe('rotating a secret', () => {
  it('by hand tells it once, keeps it nowhere, and pushes its hash alone', async () => {
    const it = bench();
    it.done = true;
    const result = await it.rotation.byHand('1004', byHand);
    assert.ok(result.ok && result.proved);
    const [secret] = result.secrets;
    assert.deepEqual([secret?.auth, secret?.username, result.until], ['a1004', 'alice', null]);
    assert.deepEqual([it.stood.length, it.kept.size], [1, 0]);
    assert.ok(hashesIn(it.stood[0]?.value ?? '').length > 0 && !it.stood[0]?.value.includes(secret?.secret ?? '-'));
    assert.deepEqual(secretOf(it.rows[0]!), { value: it.stood[0]?.value, account: '1004' });
  });

  it('by hand tells who shares it, and changes it all the same', async () => {
    const it = bench({ ami: () => pbx(['1014']) });
    it.done = true;
    const result = await it.rotation.byHand('1004', byHand);
    assert.ok(result.ok);
    assert.deepEqual(result.secrets[0]?.sharedWith, ['1014']);
  });

  it('takes it back when Asterisk does not use it, and says what is missing', async () => {
    const it = bench();
    const asked = it.rotation.byHand('1004', byHand);
    setTimeout(() => it.rows.splice(0, 1, { ...it.rows[0]!, code: 'peer-refused' }), 30);
    const result = await asked;
    assert.ok(!result.ok);
    assert.match(result.reason, /sorcery_ringfence\.conf/);
    assert.deepEqual(it.undone, ['h1']);
  });

  for (const [fresh, old, proved] of [
    ['accepted', 'refused', true],
    ['unknown', 'unknown', true],
    ['accepted', 'accepted', false],
  ] as const)
    it(`by hand tries REGISTERs: the new one ${fresh}, the old one ${old} is ${proved ? '' : 'not '}proved`, async () => {
      const tried: string[] = [];
      const it = bench({
        tryRegister: (_session, { endpoint, username }, hash) => {
          const isNew = hash('MD5', 'asterisk') !== null;
          tried.push(`${endpoint} ${username} ${isNew ? 'new' : 'old'}`);
          return Promise.resolve(isNew ? fresh : old);
        },
        registered: (claim, account, result) => void tried.push(`${claim} ${account} ${JSON.stringify(result)}`),
      });
      it.done = true;
      const result = await it.rotation.byHand('1004', byHand);
      assert.ok(result.ok);
      assert.deepEqual([result.proved, result.registers], [proved, { new: fresh, old }]);
      assert.deepEqual(tried, ['1004 alice new', '1004 alice old', `h1 1004 {"new":"${fresh}","old":"${old}"}`]);
    });

  it('takes it back when a REGISTER with it is refused, by hand and by rule', async () => {
    const refusing = { tryRegister: () => Promise.resolve('refused' as const) };
    const one = bench(refusing);
    one.done = true;
    const result = await one.rotation.byHand('1004', byHand);
    assert.ok(!result.ok && result.code === 'not-accepted');
    assert.deepEqual(one.undone, ['h1']);
    const other = bench(refusing);
    assert.equal(await other.rotation.byRule(pbx(), act), false);
    other.done = true;
    await assert.rejects(
      other.rotation.byRule(pbx(), act),
      (error) => error instanceof Refusal && error.code === 'not-accepted',
    );
    assert.deepEqual(other.undone, ['d1']);
  });

  const refusals: [string, string, Partial<RotationOptions>, string][] = [
    ['Asterisk is away', '1004', { ami: () => null }, 'peer-closed'],
    ['a safeguard forbids it', 'trunk', {}, 'trunk'],
    ['there is no such endpoint', '9999', {}, 'peer-refused'],
  ];
  for (const [name, account, options, code] of refusals)
    it(`by hand is refused where ${name}`, async () => {
      const it = bench(options);
      const result = await it.rotation.byHand(account, byHand);
      assert.equal(result.ok ? '' : result.code, code);
      assert.equal(it.stood.length, 0);
    });

  it('by rule keeps it for staff before it is put up, once, and is done when Asterisk uses it', async () => {
    const it = bench();
    const session = pbx();
    assert.equal(await it.rotation.byRule(session, act), false);
    assert.deepEqual([it.kept.get('d1')?.length, it.stood.length], [1, 1]);
    assert.equal(await it.rotation.byRule(session, act), false, 'waits for the proof');
    it.done = true;
    assert.equal(await it.rotation.byRule(session, act), true);
    assert.deepEqual([it.kept.size, it.stood.length], [1, 1]);
  });

  const byRule: [string, Partial<RotationOptions>, readonly string[], string][] = [
    ['nobody could be told', { keep: undefined }, [], 'unsupported'],
    [
      'it cannot be kept',
      {
        keep: () => {
          throw new Error('no space left');
        },
      },
      [],
      'secret-not-kept',
    ],
    ['others share it', {}, ['1014'], 'shared-secret'],
    ['a safeguard forbids it', { check: () => ({ ok: false, code: 'allowed', reason: 'allowed' }) }, [], 'allowed'],
  ];
  for (const [name, options, others, code] of byRule)
    it(`by rule is refused where ${name}: the old one stays`, async () => {
      const it = bench(options);
      await assert.rejects(it.rotation.byRule(pbx(others), act), (error: unknown) => {
        assert.ok(error instanceof Refusal);
        assert.equal(error.code, code);
        return true;
      });
      assert.equal(it.stood.length, 0);
    });

  for (const detail of [null, 'x', {}, { value: 1, account: '1004' }, { value: 'x' }])
    it(`a row with ${JSON.stringify(detail)} holds no secret`, () => {
      assert.equal(secretOf({ ...act, kind: 'secret', detail }), null);
    });
});
