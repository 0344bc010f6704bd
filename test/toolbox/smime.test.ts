import assert from 'node:assert/strict';
import { Trust, type Identity } from '../../src/crypto/smime/index.ts';
import { readRevocationList } from '../../src/crypto/smime/index.ts';
import { HOUR, MINUTE } from '../../src/time.ts';
import { shippedTemplates } from '../../src/toolbox/shipped.ts';
import { tools } from '../../src/toolbox/registry.ts';
import type { AuditRecord, Keys } from '../../src/toolbox/services.ts';
import { checkTemplate, compile, type Program } from '../../src/toolbox/template.ts';
import { authority, identity, NOW, revocationListDer, rsaPair, value } from '../support/pki.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { box, sdp, sip, type Box, type SipOptions } from './support.ts';

const CHARLES = '203.0.113.66';
const ca = authority('toolbox CA', rsaPair(2048, 'toolbox-ca'));
const bob = identity('bob@example.org', rsaPair(2048, 'toolbox-bob'), ca);
const alice = identity('alice@example.org', rsaPair(2048, 'toolbox-alice'), ca);
const eve = identity('eve@example.org', rsaPair(2048, 'toolbox-eve'), ca);
const list = value(readRevocationList(revocationListDer(ca, [])));

/** What each side holds: its own key, and everybody's certificates. */
const keysOf = (own: Identity, aor: string, more: Partial<Keys> = {}): Keys => ({
  trust: new Trust([ca.certificate], [list]),
  keyholders: [own],
  signerOf: (who) => (who === aor ? own : null),
  certificatesOf: (who) =>
    [bob, alice, eve].map(({ certificate }) => certificate).filter(({ uris }) => uris.includes(`sip:${who}`)),
  isIssued: (kid) => [bob, alice].some(({ certificate }) => certificate.kid === kid),
  ...more,
});

interface Side {
  readonly own: Box;
  readonly audit: AuditRecord[];
  shipped(name: string): Program;
}

function side(keys: Keys, path?: string): Side {
  const audit: AuditRecord[] = [];
  const own = box({
    ...(path === undefined ? {} : { path }),
    services: { keys, audit: { append: (record) => void audit.push(record) } },
  });
  return {
    own,
    audit,
    shipped: (name) => {
      const checked = checkTemplate(
        shippedTemplates.find((each) => (each as { name: string }).name === name),
        tools,
      );
      assert.ok(checked.ok);
      const made = compile(checked.value.template, tools, own.services);
      assert.ok(made.ok, made.ok ? '' : JSON.stringify(made.problems));
      return made.value;
    },
  };
}

const body = sdp('q'.repeat(40));
/** Bob's INVITE as it leaves him: signed, then encrypted to Alice. */
async function sealed(message: SipOptions = { body }, name = 'invite-out-smime'): Promise<Buffer> {
  const bobs = side(keysOf(bob, 'bob@example.org'));
  const { verdict, bytes, record } = await bobs.own.run(bobs.shipped(name), sip(message), { at: NOW });
  assert.equal(verdict, 'accept', record.detail);
  return bytes;
}

const changed = (bytes: Buffer, from: string, to: string): Buffer => {
  const text = bytes.toString('latin1');
  assert.ok(text.includes(from), from);
  return Buffer.from(
    text.replace(from, () => to),
    'latin1',
  );
};

describe('S/MIME through the toolbox', function () {
  this.timeout(30_000);
  const folder = temporaryFolder();

  it('what Bob sends Alice reads, knows to be his, and records', async () => {
    const bytes = await sealed();
    assert.ok(!bytes.includes('a=crypto'));
    const alices = side(keysOf(alice, 'alice@example.org'));
    const came = await alices.own.run(alices.shipped('invite-in-smime'), bytes, { at: NOW + 1_000 });
    assert.equal(came.verdict, 'accept', came.record.detail);
    assert.ok(came.bytes.includes(body));
    assert.deepEqual(
      alices.audit.map(({ from, signer, notes }) => [from, signer, notes['cipher']]),
      [['bob@example.org', bob.certificate.kid, 'aes-256-gcm']],
    );
  });

  for (const [name, method] of [
    ['message', 'MESSAGE'],
    ['register', 'REGISTER'],
    ['reinvite', 'INVITE'],
  ] as const)
    it(`${name}: out, and in again`, async () => {
      const bytes = await sealed(
        { method, toTag: name === 'reinvite' ? 't' : '', body: name === 'register' ? '' : body },
        `${name}-out-smime`,
      );
      const alices = side(keysOf(alice, 'alice@example.org'));
      const came = await alices.own.run(alices.shipped(`${name}-in-smime`), bytes, { at: NOW });
      assert.equal(came.verdict, 'accept', came.record.detail);
    });

  // the paper's attack: Charles sends Alice what he has recorded of Bob
  const attacks: [sentence: string, change: (bytes: Buffer) => Buffer, after: number, reason: RegExp][] = [
    ['as it was, at once', (b) => b, 5, /^replay$/],
    ['as it was, after an hour', (b) => b, HOUR, /^replay$/],
    ['as it was, within its freshness', (b) => b, 9 * MINUTE, /^replay$/],
    ['another Via', (b) => changed(b, 'z9hG4bK-1', 'z9hG4bK-x'), 5, /^replay$/],
    ['another Call-ID', (b) => changed(b, 'Call-ID: call-1', 'Call-ID: call-9'), 5, /^mismatch$/],
    ['another CSeq', (b) => changed(b, 'CSeq: 1 ', 'CSeq: 2 '), 5, /^mismatch$/],
    ['another From tag', (b) => changed(b, 'tag=from-1', 'tag=from-9'), 5, /^mismatch$/],
    ['another From', (b) => changed(b, 'From: <sip:bob@', 'From: <sip:eve@'), 5, /^mismatch$/],
    [
      'another Date',
      (b) => changed(b, `Date: ${new Date(NOW).toUTCString()}`, `Date: ${new Date(NOW + HOUR).toUTCString()}`),
      HOUR,
      /^mismatch$/,
    ],
  ];
  for (const restart of [false, true])
    for (const [sentence, change, after, reason] of attacks)
      it(`Charles sends it again: ${sentence}${restart ? ', after a restart' : ''}`, async () => {
        const bytes = await sealed();
        const path = folder.file(`${sentence.replaceAll(/\W/g, '-')}${String(restart)}.db`);
        let alices = side(keysOf(alice, 'alice@example.org'), path);
        const first = await alices.own.run(alices.shipped('invite-in-smime'), bytes, { at: NOW });
        assert.equal(first.verdict, 'accept', first.record.detail);
        if (restart) {
          alices.own.store.close();
          alices = side(keysOf(alice, 'alice@example.org'), path);
        }
        const again = await alices.own.run(alices.shipped('invite-in-smime'), change(bytes), {
          at: NOW + after,
          source: CHARLES,
        });
        assert.deepEqual([again.verdict, again.code], ['refuse', 'refused']);
        assert.match(again.record.reason, reason);
        assert.match(alices.own.alerts[0]?.summary ?? '', /sent again/);
      });

  it('encrypted and not signed, as in the paper: whatever Charles changes outside, the ciphertext is the same', async () => {
    const bobs = side(keysOf(bob, 'bob@example.org'));
    const out = bobs.own.program([{ tool: 'pki.resolve' }, { tool: 'confidentiality.encrypt' }], { direction: 'out' });
    const { bytes } = await bobs.own.run(out, sip({ body }), { at: NOW });
    const alices = side(keysOf(alice, 'alice@example.org'));
    const template = alices.own.program([
      { tool: 'confidentiality.decrypt' },
      { tool: 'anti-replay.check' },
      { tool: 'anti-replay.sdes' },
    ]);
    assert.equal((await alices.own.run(template, bytes, { at: NOW })).verdict, 'accept');
    for (const [from, to] of [
      ['z9hG4bK-1', 'x'],
      ['Call-ID: call-1', 'Call-ID: c9'],
      ['CSeq: 1 ', 'CSeq: 2 '],
      ['tag=from-1', 'tag=f9'],
      ['sip:bob@example.org>;', 'sip:eve@example.org>;'],
    ] as const)
      for (const after of [1, HOUR, 20 * 24 * HOUR]) {
        const again = await alices.own.run(template, changed(bytes, from, to), { at: NOW + after, source: CHARLES });
        assert.equal(again.record.reason, 'replay', `${to} after ${after}`);
      }
    const repeated = await alices.own.run(template, bytes, { at: NOW + 500 });
    assert.deepEqual(
      [repeated.verdict, repeated.retransmission],
      ['refuse', false],
      'time does not go back: it is long past its 32 s',
    );
  });

  it('the transport may repeat it', async () => {
    const bytes = await sealed();
    const alices = side(keysOf(alice, 'alice@example.org'));
    const program = alices.shipped('invite-in-smime');
    const run = async (at: number) => {
      const { verdict, retransmission } = await alices.own.run(program, bytes, { at: NOW + at });
      return [verdict, retransmission];
    };
    assert.deepEqual(
      [await run(0), await run(500), await run(1_500)],
      [
        ['accept', false],
        ['accept', true],
        ['accept', true],
      ],
    );
    assert.equal(alices.audit.length, 1, 'recorded once');
  });

  it('a clock that is set back makes nothing fresh again whose Date is signed', async () => {
    const bytes = await sealed();
    const alices = side(keysOf(alice, 'alice@example.org'), folder.file('clock.db'));
    assert.equal((await alices.own.run(alices.shipped('invite-in-smime'), bytes, { at: NOW })).verdict, 'accept');
    // time passes, and what has ended long ago is forgotten when something new comes
    const plain = alices.own.program([{ tool: 'anti-replay.check' }]);
    const later = await alices.own.run(plain, sip({ callId: 'later' }), { at: NOW + 25 * HOUR });
    assert.equal(later.verdict, 'accept');
    alices.own.store.close();
    const anew = side(keysOf(alice, 'alice@example.org'), folder.file('clock.db'));
    const again = await anew.own.run(anew.shipped('invite-in-smime'), bytes, { at: NOW + MINUTE, source: CHARLES });
    assert.equal(again.record.reason, 'stale');
    assert.match(again.record.detail, /set back/);
  });

  it('an old message that was never seen is told by its age, and by nothing else when its sender signs nothing', async () => {
    const bytes = await sealed();
    const alices = side(keysOf(alice, 'alice@example.org'));
    for (const after of [13 * MINUTE, 2 * HOUR]) {
      const came = await alices.own.run(alices.shipped('invite-in-smime'), bytes, { at: NOW + after, source: CHARLES });
      assert.equal(came.record.reason, 'stale');
    }
    assert.deepEqual(
      alices.own.alerts.map(({ severity, reason, summary }) => [severity, reason, summary.includes('2 h old')]),
      [
        ['low', 'stale', false],
        ['medium', 'stale', true],
      ],
    );
  });

  const honest = process.env['RINGFENCE_LONG'] === '1' ? 100_000 : 300;
  it(`of ${honest} honest messages none is refused`, async function () {
    this.timeout(60 * MINUTE);
    const bobs = side(keysOf(bob, 'bob@example.org'));
    const alices = side(keysOf(alice, 'alice@example.org'));
    const [outgoing, incoming] = [bobs.shipped('invite-out-smime'), alices.shipped('invite-in-smime')];
    const [again, within] = [bobs.shipped('reinvite-out-smime'), alices.shipped('reinvite-in-smime')];
    let seen = 0;
    const wrong: string[] = [];
    // the year of certificates and lists is short here: a message each 0.5 s
    const deliver = async (message: SipOptions, first: boolean, repeated: number): Promise<void> => {
      const at = NOW + seen * 500;
      const sent = await bobs.own.run(first ? outgoing : again, sip(message), { at });
      for (let n = 0; n <= repeated; n++) {
        const came = await alices.own.run(first ? incoming : within, sent.bytes, { at: at + 40 + n * 500 });
        seen++;
        if (came.verdict !== 'accept') wrong.push(came.record.detail);
      }
    };
    for (let n = 0; seen < honest; n++) {
      const own = {
        callId: `call-${n}`,
        fromTag: `f${n}`,
        body: sdp(`${n}`.padStart(40, 'k'), `${3_870_000_000 + n}`),
      };
      const step = (cseq: number, more: SipOptions = {}): SipOptions => ({
        ...own,
        cseq,
        branch: `z9hG4bK-${n}-${cseq}`,
        ...more,
      });
      const credentials = `Authorization: Digest username="bob", realm="r", nonce="n${n}", uri="sip:x", response="r${n}", qop=auth, cnonce="c", nc=00000001`;
      await deliver(step(1), true, n % 7 === 0 ? 1 : 0);
      await deliver(step(2, { extra: [credentials] }), true, n % 11 === 0 ? 2 : 0);
      // a refresh with the same description, as session timers have it
      if (n % 3 === 0) await deliver(step(3, { toTag: 't' }), false, 0);
    }
    assert.deepEqual(wrong, []);
    assert.equal(alices.own.alerts.length, 0);
    console.log(`      ${seen} messages, none refused`);
  });

  const refused: [
    sentence: string,
    keys: Partial<Keys>,
    bytes: () => Promise<Buffer>,
    reason: string,
    step?: object,
  ][] = [
    ['for somebody else', { keyholders: [eve] }, () => sealed(), 'decryption'],
    [
      'by a CA that is not trusted',
      { trust: new Trust([authority('other', rsaPair(2048, 'toolbox-eve')).certificate]) },
      () => sealed(),
      'signature',
    ],
    [
      'by a certificate that is revoked',
      {
        trust: new Trust(
          [ca.certificate],
          [value(readRevocationList(revocationListDer(ca, [bob.certificate.serial])))],
        ),
      },
      () => sealed(),
      'signature',
    ],
    ['where there is no revocation list', { trust: new Trust([ca.certificate]) }, () => sealed(), 'revoked'],
    [
      'a flipped bit',
      {},
      async () => {
        const b = await sealed();
        b[b.length - 20] = (b[b.length - 20] ?? 0) ^ 1;
        return b;
      },
      'decryption',
    ],
    ['not encrypted at all', {}, () => Promise.resolve(sip({ body })), 'decryption'],
  ];
  for (const [sentence, more, bytes, reason] of refused)
    it(`refuses what is ${sentence}`, async () => {
      const alices = side(keysOf(alice, 'alice@example.org', more));
      const { verdict, code, record } = await alices.own.run(alices.shipped('invite-in-smime'), await bytes(), {
        at: NOW,
      });
      assert.deepEqual([verdict, code, record.reason], ['refuse', 'refused', reason], record.detail);
    });

  it('who may sign, and with which keys, can be narrowed down', async () => {
    const bytes = await sealed();
    const alices = side(keysOf(alice, 'alice@example.org', { isIssued: () => false }));
    const ask = async (...steps: object[]): Promise<string> => {
      const program = alices.own.program([{ tool: 'confidentiality.decrypt' }, { tool: 'integrity.verify' }, ...steps]);
      return (await alices.own.run(program, bytes, { at: NOW })).record.reason;
    };
    assert.equal(await ask({ tool: 'pki.validate', known: 'issued' }), 'revoked');
    assert.equal(await ask({ tool: 'pki.validate', bits: 3_072 }), 'chain');
    assert.equal(await ask({ tool: 'authentication.signer', identities: ['*@example.com'] }), 'identity');
    assert.equal(await ask({ tool: 'authentication.signer', identities: ['bob@*'] }), '');
  });

  it('a receipt is made for whoever asks, signed by the one it came to', async () => {
    const bobs = side(keysOf(bob, 'bob@example.org'));
    const out = bobs.own.program([{ tool: 'integrity.sign', receipt: true }], { direction: 'out' });
    const asked = await bobs.own.run(out, sip({ body }), { at: NOW });
    const alices = side(keysOf(alice, 'alice@example.org'));
    const steps = [{ tool: 'integrity.verify' }, { tool: 'non-repudiation.receipt' }];
    const { verdict, receipt } = await alices.own.run(alices.own.program(steps), asked.bytes, { at: NOW });
    assert.equal(verdict, 'accept');
    assert.ok(receipt !== null && receipt.length > 500);
    const plain = await bobs.own.run(
      bobs.own.program([{ tool: 'integrity.sign' }], { direction: 'out' }),
      sip({ body, callId: 'c2' }),
      { at: NOW },
    );
    assert.equal((await alices.own.run(alices.own.program(steps), plain.bytes, { at: NOW })).receipt, null);
    const required = alices.own.program([
      { tool: 'integrity.verify' },
      { tool: 'non-repudiation.receipt', asked: 'required' },
    ]);
    assert.equal((await alices.own.run(required, plain.bytes, { at: NOW })).record.reason, 'content');
  });

  it('a large body is compressed, then signed and encrypted, and comes out as it was', async () => {
    const text = 'hello '.repeat(1_000);
    const bobs = side(keysOf(bob, 'bob@example.org'));
    const out = bobs.own.program(
      [
        { tool: 'compression.compress' },
        { tool: 'pki.resolve' },
        { tool: 'integrity.sign' },
        { tool: 'confidentiality.encrypt' },
      ],
      { direction: 'out', body: ['enveloped', 'signed', 'compressed'] },
    );
    const { bytes, record } = await bobs.own.run(
      out,
      sip({ method: 'MESSAGE', body: text, contentType: 'text/plain' }),
      { at: NOW },
    );
    assert.equal(record.verdict, 'accept', record.detail);
    assert.ok(bytes.length < text.length);
    const alices = side(keysOf(alice, 'alice@example.org'));
    const template = alices.own.program([
      { tool: 'confidentiality.decrypt' },
      { tool: 'integrity.verify' },
      { tool: 'compression.expand' },
    ]);
    const came = await alices.own.run(template, bytes, { at: NOW });
    assert.equal(came.verdict, 'accept', came.record.detail);
    assert.ok(came.bytes.includes(text));
  });
});
