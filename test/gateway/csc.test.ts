import assert from 'node:assert/strict';
import { connectTo, Heard, OPTIONS, testGateway, until } from '../support/csc.ts';

describe('CSC over TLS on the loopback', () => {
  it('messages go both ways, whole; the closing is told on both sides', async () => {
    const gateway = await testGateway();
    try {
      const phone = new Heard();
      const { session, clockOffset } = await connectTo(gateway, phone);
      assert.ok(Math.abs(clockOffset) < 2_000);
      assert.equal(session.send(OPTIONS), true);
      await until('the message', () => gateway.heard.messages.length === 1);
      assert.equal(gateway.heard.messages[0], OPTIONS.toString());
      const [inside] = gateway.heard.sessions;
      assert.deepEqual([inside?.account, inside?.kind, inside?.peer.address], ['1004', 'csc', '127.0.0.1']);
      assert.equal(inside?.send(Buffer.alloc(65_536, 'x')), true);
      assert.equal(inside.send(Buffer.alloc(65_537, 'x')), false);
      await until('the answer', () => phone.messages.length === 1);
      assert.equal(phone.messages[0]?.length, 65_536);
      session.close('shutdown');
      await until('the end', () => gateway.heard.events.length === 2 && phone.events.length === 2);
      assert.deepEqual(gateway.heard.events, ['opened 1004', 'closed peer-closed']);
      assert.deepEqual(phone.events, ['opened -', 'closed shutdown']);
      assert.deepEqual(gateway.refusals, []);
    } finally {
      await gateway.server.close();
    }
  });
});
