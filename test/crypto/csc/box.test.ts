import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  bindOf,
  BOX_REMEMBERED,
  isBoxUri,
  isFreshBox,
  newBoxNonce,
  openBox,
  sealBox,
  type BoxContents,
} from '../../../src/crypto/csc/box.ts';
import { publicHalf } from '../../../src/crypto/private-key.ts';
import { NOW, testKey, value } from '../../support/keys.ts';

const gateway = testKey('gateway');
const phone = testKey('phone');
const thief = testKey('thief');
const body = Buffer.from('v=0\r\n');

const contents: BoxContents = {
  to: 'sip:+4930123456@example.com',
  from: 'sip:1004@example.com',
  bind: bindOf('a84b4c76e66710@192.0.2.1', '1928301774', 314159, body),
  at: NOW,
  nonce: newBoxNonce(),
};
const sealed = (): Promise<string> => sealBox('callee', contents, publicHalf(gateway), phone);
const fromPhone = [publicHalf(phone)];

describe('boxes of a secret call', () => {
  it('what is sealed is opened, by the one recipient, with the key that it is for', async () => {
    const box = await sealed();
    const opened = value(await openBox('callee', box, [thief, gateway], [publicHalf(thief), ...fromPhone]));
    const { to, from, at } = opened;
    assert.deepEqual({ to, from, at }, { to: contents.to, from: contents.from, at: NOW });
    assert.deepEqual(Buffer.from(opened.bind), Buffer.from(contents.bind));
    assert.deepEqual(Buffer.from(opened.nonce), Buffer.from(contents.nonce));
    assert.deepEqual([opened.recipient, opened.sender], [gateway.kid, phone.kid]);
    assert.notEqual(await sealed(), box, 'a key of its own each time');
  });

  it('has one length, whoever is called', async () => {
    const short = { ...contents, to: 'sip:1@a.de', from: 'sip:2@a.de' };
    const long = { ...contents, to: `sip:${'1'.repeat(112)}@example.com`, from: `sip:${'2'.repeat(112)}@example.com` };
    const lengths = await Promise.all([short, long].map((one) => sealBox('callee', one, publicHalf(gateway), phone)));
    assert.deepEqual(
      lengths.map(({ length }) => length),
      [1388, 1388],
    ); // (1 + 256 + 512 + 256 + 16) bytes in base64url
    assert.equal(Buffer.from(lengths[0] ?? '', 'base64url').length, 1041);
  });

  it('is for one purpose, one recipient, one signer', async () => {
    const box = await sealed();
    assert.equal((await openBox('caller', box, [gateway], fromPhone)).ok, false);
    assert.equal((await openBox('callee', box, [thief], fromPhone)).ok, false);
    assert.equal((await openBox('callee', box, [gateway], [publicHalf(thief)])).ok, false);
    assert.equal((await openBox('callee', box, [], fromPhone)).ok, false);
  });

  it('changed anywhere, cut anywhere, longer by anything: refused', async () => {
    const bytes = Buffer.from(await sealed(), 'base64url');
    for (let at = 0; at < bytes.length; at += at < 300 ? 7 : 31) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 1;
      assert.equal((await openBox('callee', changed.toString('base64url'), [gateway], fromPhone)).ok, false, `${at}`);
      const cut = bytes.subarray(0, at).toString('base64url');
      assert.equal((await openBox('callee', cut, [gateway], fromPhone)).ok, false, `cut at ${at}`);
    }
    const text = bytes.toString('base64url');
    for (const other of [`${text}A`, `${text}AAAA`, `${text}=`, `${text} `, text.replace(/.$/, '!'), ''])
      assert.equal((await openBox('callee', other, [gateway], fromPhone)).ok, false);
  });

  it('the bind is over Call-ID, From tag, CSeq number and body, each told from the next', () => {
    const bytes = Buffer.from('c@h\0tag\x002\0v=0\r\n');
    assert.deepEqual(Buffer.from(bindOf('c@h', 'tag', 2, body)), createHash('sha256').update(bytes).digest());
    const all = [bindOf('a', 'bc', 1, body), bindOf('ab', 'c', 1, body), bindOf('a', 'bc', 11, body), bindOf('a', 'bc', 1, Buffer.alloc(0))]; // prettier-ignore
    assert.equal(new Set(all.map((one) => Buffer.from(one).toString('hex'))).size, 4);
  });

  it('is fresh for two minutes either way, and remembered as long', () => {
    for (const [offset, fresh] of [
      [0, true],
      [120_000, true],
      [-120_000, true],
      [120_001, false],
      [-120_001, false],
    ] as const)
      // prettier-ignore
      assert.equal(isFreshBox(NOW + offset, NOW), fresh, String(offset));
    assert.equal(BOX_REMEMBERED, 240_000);
  });

  it('holds plain SIP URIs alone', async () => {
    for (const good of [
      'sip:1004@example.com',
      'sip:a%40b@10.0.0.1',
      'sip:+49*30@[2001:db8::1]',
      `sip:${'1'.repeat(112)}@example.com`,
    ])
      // prettier-ignore
      assert.equal(isBoxUri(good), true, good);
    const bad = ['sip:1004@Example.com', 'sip:1004@example.com:5060', 'sip:example.com', 'sips:1@a.de', 'sip:1@a.de;x=y', 'sip:a"b@a.de', 'sip:a b@a.de', 'sip:a\\b@a.de', 'sip:1@2001:db8::1', 'sip:1@[a.de]', 'sip:1@', `sip:${'1'.repeat(113)}@example.com`, 'sip:a%4@a.de', 'sip:1@a.de\r\n']; // prettier-ignore
    for (const one of bad) assert.equal(isBoxUri(one), false, one);
    await assert.rejects(sealBox('callee', { ...contents, to: 'sip:x' }, publicHalf(gateway), phone), TypeError);
  });
});
