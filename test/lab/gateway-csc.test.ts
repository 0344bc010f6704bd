import assert from 'node:assert/strict';
import { LabGateway, type CscLine } from './support/gateway.ts';
import { openHepCollector } from './support/hep-collector.ts';
import { useLab } from './support/lab.ts';
import { freePort } from './support/ports.ts';
import { pause, until } from './support/process.ts';
import type { UserAgent } from './support/ua.ts';
import { Watcher } from './support/watcher.ts';

describe('lab: phones behind a key', function () {
  this.timeout(40_000);
  const lab = useLab(() => ({ trunk: 'asterisk' }));
  let gateway: LabGateway;
  let line: CscLine;
  let phone: UserAgent;
  let other: UserAgent;
  let stop = async (): Promise<void> => Promise.resolve();

  before('the gateway comes up', async function () {
    this.timeout(60_000);
    gateway = await LabGateway.start(lab());
    stop = async () => await gateway.stop();
    line = await gateway.line('1001', await gateway.key('1001'));
    phone = await lab().phone('1001', { server: line.local });
    other = await lab().phone('1002');
    assert.equal((await phone.register()).status, 200);
    assert.equal((await other.register()).status, 200);
  });
  after(async () => await stop());

  it('calls and is called', async () => {
    assert.equal((await phone.callFor('0301234567', 200)).status, 200);
    assert.equal((await other.callFor('1001', 200)).status, 200);
    assert.equal(phone.calls.at(-1)?.direction, 'incoming');
  });

  it('a call that comes while the connection is cut rings when it is back', async () => {
    line.cut();
    const call = other.dial('1001');
    await until('the gateway has it', 5_000, () =>
      other.packets.some(({ label, at }) => label === '100 INVITE' && at >= call.invitedAt),
    );
    await pause(500);
    await line.connect();
    assert.equal(await call.settled, 200);
    await call.hangUp();
  });

  it('a call that stands outlives a cut and a restart of the gateway, and so does the registration', async () => {
    const call = phone.dial('1002');
    assert.equal(await call.settled, 200);
    await gateway.end('SIGKILL');
    await gateway.boot();
    await line.connect();
    const ended = other.calls.at(-1)?.ended;
    await call.hangUp();
    await ended;
    assert.equal(other.calls.at(-1)?.endedBy, 'there', 'BYE found its way');
    assert.equal((await other.callFor('1001', 100)).status, 200, 'without another REGISTER');
  });

  it('an account with a key is refused over plain TLS, though the password is right', async () => {
    const thief = await gateway.phone(lab(), '1001', { address: '127.66.0.3' });
    assert.equal((await thief.register()).status, 403);
    assert.match(gateway.stderr, /1001 has a key and came over plain TLS without it/);
  });

  it('a key that is revoked ends its session within 2 s, in the middle of a call', async () => {
    const call = phone.dial('1002');
    assert.equal(await call.settled, 200);
    await gateway.command('keys', 'revoke', '1001', '--reason', 'keyCompromise');
    const revoked = Date.now();
    await until('the end of the session', 5_000, () => line.session === null);
    assert.ok(Date.now() - revoked < 2_000, `${Date.now() - revoked} ms`);
    await assert.rejects(line.connect());
    await other.calls.at(-1)?.hangUp();
  });

  it('ends in order', async () => {
    assert.equal(await gateway.end('SIGTERM'), 0);
  });
});

for (const alone of [false, true])
  describe(`lab: what is seen behind a gateway that runs ${alone ? 'alone' : 'within the daemon'}`, function () {
    this.timeout(40_000);
    const lab = useLab(() => ({ trunk: 'asterisk' }));

    it('a hijack and a foreign identity are told, with the true source', async () => {
      const hep = await freePort();
      const console_ = await freePort();
      const homer = await openHepCollector();
      const { asterisk } = lab();
      const gateway = await LabGateway.start(lab(), {
        as: alone ? 'gateway' : 'run',
        more: [
          `in_run = ${!alone}`,
          `mirror = [${alone ? `"udp:127.0.0.1:${hep}", ` : ''}"udp:127.0.0.1:${homer.port}"]`,
          `[console]\nlisten = "127.0.0.1:${console_}"`,
          '[network]\nlocal = ["127.0.10.0/24"]\npbx = ["127.0.0.1"]',
          `[asterisk.ami]\nhost = "${asterisk.host}"\nport = ${asterisk.amiPort}\nusername = "${asterisk.amiUsername}"\nsecret_file = "${asterisk.amiSecretFile}"`,
          ...(alone ? [`[hep]\nlisten = ["udp:127.0.0.1:${hep}"]`] : []),
        ],
      });
      const watcher = alone ? await Watcher.start(gateway.config) : null;
      const alerts = () => watcher?.alerts.map(({ alert }) => alert) ?? gateway.alerts;
      const told = async (detector: string, source: string): Promise<void> => {
        await until(`${detector} by ${source}`, 15_000, () =>
          alerts().some((alert) => alert.detector === detector && alert.sources.includes(source)),
        );
      };
      try {
        const owner = await gateway.phone(lab(), '1004', { userAgent: 'Snom D735/10.1' });
        assert.equal((await owner.register()).status, 200);
        assert.equal(await owner.dial('1001', { from: '1002' }).settled, 403);
        await told('crypto-gateway', '127.0.10.4');
        const thief = await gateway.phone(lab(), '1004', { address: '127.66.0.9', userAgent: 'pplsip' });
        assert.equal((await thief.register()).status, 200);
        await told('registration-hijack', '127.66.0.9');
        await until('the copy for Homer', 5_000, () =>
          homer.datagrams.some(({ source }) => source.startsWith('127.66.0.9:')),
        );
        await until('the metrics', 15_000, async () => {
          const page = await (await fetch(`http://127.0.0.1:${console_}/metrics`)).text();
          return (
            /^ringfence_gateway_sessions 2$/m.test(page) &&
            page.includes('ringfence_gateway_refused_total{reason="identity"} 1')
          );
        });
      } finally {
        await watcher?.stop();
        await gateway.stop();
        homer.close();
      }
    });
  });
