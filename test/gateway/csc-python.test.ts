/** Both sides against the second implementation, over real TLS 1.3 of another library. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bindOf, openBox, sealBox } from '../../src/crypto/csc/box.ts';
import { issueCertificate } from '../../src/crypto/issue.ts';
import { publicHalf } from '../../src/crypto/private-key.ts';
import { LabUnavailable, labTree, type Tree } from '../lab/support/packages.ts';
import { connectTo, Heard, OPTIONS, testGateway, TestKeys, until } from '../support/csc.ts';
import { csc1 } from '../support/csc-python.ts';
import { pem, testAuthority, testKey, testPem, value } from '../support/keys.ts';
import { temporaryFolder } from '../support/temporary.ts';

describe('CSC/1 with a second implementation', () => {
  const folder = temporaryFolder();
  let tree: Tree;

  before(async function () {
    this.timeout(300_000);
    try {
      tree = await labTree('python');
    } catch (error) {
      if (!(error instanceof LabUnavailable)) throw error;
      console.log(`      skipped: ${error.message}`);
      this.skip();
    }
  });

  const file = (name: string, bytes: string | Uint8Array): string => {
    writeFileSync(folder.file(name), bytes);
    return folder.file(name);
  };
  const settings = (name: string, of: object) => ({ file: folder.file(`${name}.json`), value: of });
  const keyFile = (name: string): string => file(`${name}.pem`, testPem(name));
  const spkiFile = (name: string): string => file(`${name}.spki`, testKey(name).spki);

  it('makes the vectors that are checked in', async () => {
    const { lines, failed } = await csc1(tree, 'vectors');
    assert.equal(failed, null);
    const here = readFileSync(join(import.meta.dirname, '../vectors/csc/vectors.json'), 'utf8');
    assert.deepEqual(JSON.parse(lines.join('\n')), JSON.parse(here));
  });

  it('its client and our gateway: handshake, message and answer, ping, key, closing', async () => {
    const gateway = await testGateway();
    try {
      gateway.heard.onMessage = (session, bytes) => session.send(bytes);
      const inst = Buffer.alloc(16, 5).toString('base64url');
      const { lines, failed } = await csc1(tree, 'client', settings('client', {
        port: gateway.server.port,
        ca: file('ca.pem', pem('CERTIFICATE', testAuthority().certificate)),
        gateway: spkiFile('gateway'),
        key: keyFile('phone'),
        account: '1004',
        inst,
        message: OPTIONS.toString(),
      })); // prettier-ignore
      assert.equal(failed, null);
      const said = JSON.parse(lines[0] ?? '') as Record<string, unknown>;
      assert.ok(Math.abs(Number(said['now']) - Date.now()) < 20_000);
      const { messages, pong, kid, kidIsOfKey } = said;
      assert.deepEqual(
        { messages, pong, kid, kidIsOfKey },
        { messages: [OPTIONS.toString()], pong: 'pingpong', kid: testKey('gateway').kid, kidIsOfKey: true },
      );
      assert.deepEqual(gateway.heard.messages, [OPTIONS.toString()]);
      assert.equal(gateway.heard.sessions[0]?.inst, inst);
      await until('the end', () => gateway.heard.events.length === 2);
      assert.deepEqual(gateway.heard.events, ['opened 1004', 'closed peer-closed']);
      assert.deepEqual(gateway.refusals, []);
    } finally {
      await gateway.server.close();
    }
  }).timeout(60_000);

  it('our client and its gateway: the same', async () => {
    const now = Date.now();
    const { der } = issueCertificate(testAuthority(), {
      use: 'gateway-tls',
      account: '',
      domain: 'example.com',
      host: '127.0.0.1',
      spki: testKey('gateway-tls').spki,
      notBefore: now - 60_000,
      notAfter: now + 3_600_000,
    });
    let listens = (_: number): void => undefined;
    const port = new Promise<number>((resolve) => (listens = resolve));
    const ended = csc1(
      tree,
      'gateway',
      settings('gateway', {
        certificate: file('tls.pem', pem('CERTIFICATE', der)),
        tlsKey: keyFile('gateway-tls'),
        key: keyFile('gateway'),
        client: spkiFile('phone'),
        account: '1004',
      }),
      (line) => {
        const { port: found } = JSON.parse(line) as { port?: number };
        if (found !== undefined) listens(found);
      },
    );
    const phone = new Heard();
    const told: string[] = [];
    const at = { server: { port: await port }, keys: new TestKeys() };
    const inst = Buffer.alloc(16, 6);
    const keyTold = ({ kid }: { kid: Uint8Array }): number => told.push(Buffer.from(kid).toString('base64url'));
    const { session } = await connectTo(at, phone, { inst, keyTold });
    session.send(OPTIONS);
    session.askKey();
    await until('the answers', () => phone.messages.length === 1 && told.length === 1);
    session.close('shutdown');
    const { lines, failed } = await ended;
    assert.equal(failed, null);
    assert.deepEqual(JSON.parse(lines[1] ?? ''), {
      account: '1004',
      inst: inst.toString('base64url'),
      messages: [OPTIONS.toString()],
      pings: 1,
    });
    assert.deepEqual([phone.messages, told, phone.events], [[OPTIONS.toString()], [testKey('gateway').kid], ['opened -', 'closed shutdown']]); // prettier-ignore
  }).timeout(60_000);

  it('boxes: ours are opened there, theirs here', async () => {
    const [to, from, at] = ['sip:2000@example.com', 'sip:1004@example.com', Date.now()];
    const message = { callId: 'c@192.0.2.1', fromTag: 'tag', cseq: 7, body: 'v=0\r\n' };
    const bind = bindOf(message.callId, message.fromTag, message.cseq, Buffer.from(message.body));
    const nonce = Buffer.alloc(16, 3);
    const [gateway, phone] = [testKey('gateway'), testKey('phone')];
    const box = await sealBox('callee', { to, from, bind, at, nonce }, publicHalf(gateway), phone);
    const opened = await csc1(tree, 'box-open', settings('open', { kind: 'callee', box, recipient: keyFile('gateway'), sender: spkiFile('phone') })); // prettier-ignore
    assert.equal(opened.failed, null);
    const b64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');
    assert.deepEqual(JSON.parse(opened.lines[0] ?? ''), { v: 1, to, from, bind: b64(bind), at, nonce: b64(nonce) });
    const sealed = await csc1(tree, 'box-seal', settings('seal', { kind: 'caller', to, from, at, nonce: b64(nonce), ...message, recipient: spkiFile('phone'), sender: keyFile('gateway') })); // prettier-ignore
    assert.equal(sealed.failed, null);
    const { box: theirs } = JSON.parse(sealed.lines[0] ?? '') as { box: string };
    const read = value(await openBox('caller', theirs, [phone], [publicHalf(gateway)]));
    assert.deepEqual([read.to, read.from, read.at, b64(read.bind)], [to, from, at, b64(bind)]);
  }).timeout(60_000);
});
