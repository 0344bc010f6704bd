/** From the token to the first message: the site's own CA and store, the gateway's listener, an agent that knows nothing else. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TLSSocket } from 'node:tls';
import { createServer, type AddressInfo } from 'node:net';
import { answerEnrolment } from '../../src/commands/keys/enrolling.ts';
import { KeyRoom } from '../../src/commands/keys/key-room.ts';
import keysEnrol from '../../src/commands/keys-enrol.ts';
import keysInit from '../../src/commands/keys-init.ts';
import { loadConfig, type Config } from '../../src/config.ts';
import { createCsr } from '../../src/crypto/csr.ts';
import { decodeToken, ENROLMENT_PROTOCOL, type EnrolmentToken } from '../../src/crypto/enrolment.ts';
import { publicHalf } from '../../src/crypto/private-key.ts';
import { secureContextOf } from '../../src/crypto/tls-context.ts';
import { pemText } from '../../src/crypto/x509/pem.ts';
import { connectCsc } from '../../src/gateway/csc-client.ts';
import { enrol } from '../../src/gateway/csc-enrol.ts';
import { Heard, OPTIONS, testGateway, tlsContext, tlsTo, until, type TestGateway } from '../support/csc.ts';
import { testKey, value } from '../support/keys.ts';
import { recordingOutput } from '../support/output.ts';
import { temporaryFolder } from '../support/temporary.ts';

describe('enrolment at the gateway', function () {
  this.timeout(60_000);
  const folder = temporaryFolder();
  let config: Config;
  let gateway: TestGateway;

  const options = () => ({ config: join(folder.path, 'r.toml'), format: 'text', quiet: true }) as const;
  const token = async (account: string): Promise<EnrolmentToken> => {
    const told = recordingOutput();
    assert.equal(await keysEnrol([account], { ...options(), cancel: false }, told.output), 0);
    return {
      ...value(decodeToken((told.results[0] ?? '').replace('ringfence agent enrol ', ''))),
      gw: `127.0.0.1:${gateway.server.port}`,
    };
  };

  before(async () => {
    mkdirSync(folder.file('var'), { mode: 0o700 });
    writeFileSync(
      folder.file('r.toml'),
      '[store]\npath = "var/r.db"\n[crypto]\ndomain = "example.com"\ngateway = "127.0.0.1:5061"\nkey_store = "var/keys.json"\nmaster_key_file = "master.key"\n',
    );
    await keysInit([], options(), recordingOutput().output);
    config = loadConfig(join(folder.path, 'r.toml'));
    const [context, key] = await KeyRoom.with(config, (room) => {
      const { key: tlsKey, stored } = room.own('gateway-tls');
      const chain = stored.chain.map((one) => pemText('CERTIFICATE', Buffer.from(one, 'base64'))).join('');
      return [secureContextOf(tlsKey, chain, { minVersion: 'TLSv1.3' }), room.own('gateway').key] as const;
    });
    gateway = await testGateway({
      context: () => context,
      enrol: (payload, exporter) => KeyRoom.with(config, (room) => answerEnrolment(room, payload, exporter)),
    });
    Object.assign(gateway.keys, { gateway: key });
  });
  after(() => gateway.server.close());

  it('a token becomes a certificate, the CA and the pinned key; with these alone the agent comes in', async () => {
    const own = testKey('agent');
    const enrolled = await enrol(await token('1004'), createCsr(own, '1004'));
    assert.equal(enrolled.gateway.kid, gateway.keys.gateway.kid);
    gateway.keys.accounts.set(own.kid, { account: '1004', key: publicHalf(own), state: 'good' });
    const { session } = await connectCsc({
      host: '127.0.0.1',
      port: gateway.server.port,
      ca: [pemText('CERTIFICATE', enrolled.authority)],
      gateway: enrolled.gateway,
      key: own,
      account: '1004',
      inst: Buffer.alloc(16),
      handler: new Heard(),
    });
    session.send(OPTIONS);
    await until('the message', () => gateway.heard.messages.length === 1);
    session.close('shutdown');
    assert.deepEqual(gateway.refusals, []);
  });

  it('the answer was lost: the same again; another key with the spent token: nothing, and an alert', async () => {
    const spent = await token('1005');
    const csr = createCsr(testKey('b'), '1005');
    const first = await enrol(spent, csr);
    assert.deepEqual((await enrol(spent, csr)).certificate, first.certificate);
    await assert.rejects(enrol(spent, createCsr(testKey('thief'), '1005')), { code: 'peer-closed', retryable: true });
    const { stage, reason, alert, account } = gateway.refusals.at(-1) ?? {};
    assert.deepEqual([stage, reason, alert, account], ['enrolment', 'used', true, '1005']);
  });

  it('somebody in the middle, who passes everything on between two TLS connections: nothing for either', async () => {
    const context = tlsContext(testKey('web'));
    const relay = createServer((raw) => {
      const inner = new TLSSocket(raw, { isServer: true, secureContext: context, ALPNProtocols: [ENROLMENT_PROTOCOL] });
      inner.on('error', () => undefined);
      const more = { ALPNProtocols: [ENROLMENT_PROTOCOL], rejectUnauthorized: false };
      void tlsTo(gateway.server.port, more).then((outer) => {
        inner.pipe(outer).pipe(inner);
        outer.on('close', () => inner.destroy());
      });
    });
    await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve));
    const mine = await token('1006');
    const { port } = relay.address() as AddressInfo;
    await assert.rejects(enrol({ ...mine, gw: `127.0.0.1:${port}` }, createCsr(testKey('a'), '')), {
      code: 'peer-closed',
    });
    assert.deepEqual(gateway.refused().at(-1), 'enrolment wrong-mac');
    relay.close();
    // and the token is not spent by that
    await enrol(mine, createCsr(testKey('a'), ''));
  });

  it('an answer by somebody who does not know the token is not taken', async () => {
    const mine = await token('1007');
    const forged = await testGateway({
      enrol: (payload, exporter) => {
        assert.ok(payload.length > 0 && exporter.length === 32);
        return {
          ok: true,
          answer: Buffer.from(`{"chain":["AAAA"],"mac":"${Buffer.alloc(32).toString('base64url')}"}`),
        };
      },
    });
    await assert.rejects(enrol({ ...mine, gw: `127.0.0.1:${forged.server.port}` }, createCsr(testKey('a'), '')), { code: 'peer-refused', retryable: false }); // prettier-ignore
    await forged.server.close();
    const none = await testGateway();
    await assert.rejects(enrol({ ...mine, gw: `127.0.0.1:${none.server.port}` }, createCsr(testKey('a'), '')), /127\.0\.0\.1/); // prettier-ignore
    await none.server.close();
  });

  it('other frames, lengths and silence: refused like a handshake', async () => {
    const quick = await testGateway({ enrol: () => assert.fail('never asked'), limits: { handshakeMs: 400 } });
    for (const [bytes, reason] of [
      ['22000000010a', 'type'],
      ['2100004001', 'length'],
      ['2100000000', 'length'],
      ['21', 'deadline'],
    ] as const) {
      // prettier-ignore
      const socket = await tlsTo(quick.server.port, { ALPNProtocols: [ENROLMENT_PROTOCOL] });
      socket.write(Buffer.from(bytes, 'hex'));
      await until(reason, () => quick.refused().at(-1) === `enrolment ${reason}`);
      socket.destroy();
    }
    await quick.server.close();
  });
});
