import assert from 'node:assert/strict';
import { certificateState, openStore, type IssuedCertificate } from '../../src/store/index.ts';

const issued = (more: Partial<IssuedCertificate> = {}): IssuedCertificate => ({
  serial: '0a'.repeat(16),
  kid: 'kid1',
  use: 'account',
  account: '1004',
  issuer: 'ca',
  bits: 2048,
  notBefore: 1_000,
  notAfter: 9_000,
  revokedAt: null,
  reason: null,
  certificate: 'MIIC',
  spki: 'MIIB',
  ...more,
});

describe('issued certificates, stored', () => {
  it('come back as they were put, by serial, key and account, youngest first', () => {
    const store = openStore(':memory:');
    const { certificates } = store;
    const first = issued();
    const second = issued({ serial: '0b'.repeat(16), kid: 'kid2', notBefore: 2_000 });
    const hostile = issued({ serial: '0c'.repeat(16), account: `1004'; DROP TABLE certificates --` });
    const gateway = issued({ serial: '0d'.repeat(16), use: 'gateway', account: '' });
    for (const one of [first, second, hostile, gateway]) certificates.add(one);
    assert.deepEqual(certificates.get(first.serial), first);
    assert.equal(certificates.get('0f'), null);
    assert.deepEqual(certificates.ofKid('kid2'), [second]);
    assert.deepEqual(certificates.ofAccount('1004'), [second, first]);
    assert.deepEqual(certificates.ofAccount(''), [], 'the gateway is no account');
    assert.deepEqual(certificates.all(), [second, first, hostile, gateway]);
    assert.throws(() => certificates.add(first), /UNIQUE/);
    store.close();
  });

  it('are revoked at the earliest time that anybody asked for', () => {
    const store = openStore(':memory:');
    const { certificates } = store;
    const { serial } = issued();
    certificates.add(issued());
    assert.equal(certificates.revoke('0f', 1, 'unspecified'), false);
    const after = (at: number, reason: 'superseded' | 'keyCompromise'): unknown => {
      assert.ok(certificates.revoke(serial, at, reason));
      const { revokedAt, reason: kept } = certificates.get(serial)!;
      return [revokedAt, kept];
    };
    assert.deepEqual(after(5_000, 'superseded'), [5_000, 'superseded']);
    assert.deepEqual(after(3_000, 'keyCompromise'), [3_000, 'keyCompromise']);
    assert.deepEqual(after(4_000, 'superseded'), [3_000, 'keyCompromise']);
    store.close();
  });

  for (const [sentence, more, now, state] of [
    ['before its first day', {}, 999, 'not yet valid'],
    ['on it', {}, 1_000, 'live'],
    ['at its last moment', {}, 9_000, 'live'],
    ['after it', {}, 9_001, 'expired'],
    ['a newer key takes over later', { revokedAt: 5_000 }, 4_999, 'retiring'],
    ['revoked', { revokedAt: 5_000 }, 5_000, 'revoked'],
    ['revoked, and its year is over', { revokedAt: 5_000 }, 99_000, 'revoked'],
  ] as const)
    it(`${sentence}: ${state}`, () => assert.equal(certificateState(issued(more), now), state));
});

describe('enrolment tokens, stored', () => {
  it('can be used once, until they end or are taken back', () => {
    const store = openStore(':memory:');
    const { enrolments } = store;
    const token = (tid: string, account: string, expiresAt: number): void =>
      enrolments.add({ tid, account, secret: 'sealed', expiresAt });
    token('t1', '1004', 5_000);
    token('t2', '1004', 6_000);
    token('t3', '1005', 4_000);
    assert.deepEqual(
      enrolments.open(4_000).map(({ tid }) => tid),
      ['t2', 't1'],
    );
    const by = { at: 3_000, csr: 'hash', serial: '0a' };
    assert.equal(enrolments.use('t1', by), true);
    assert.equal(enrolments.use('t1', { ...by, csr: 'other' }), false);
    assert.equal(enrolments.use('t9', by), false);
    assert.deepEqual(enrolments.get('t1'), {
      tid: 't1',
      account: '1004',
      secret: 'sealed',
      expiresAt: 5_000,
      usedAt: 3_000,
      csr: 'hash',
      serial: '0a',
    });
    assert.equal(enrolments.cancel('1004'), 1, 'what was used stays, to answer the same request again');
    assert.equal(enrolments.get('t2'), null);
    assert.equal(enrolments.forget(4_500), 1);
    assert.equal(enrolments.get('t3'), null);
    store.close();
  });
});
