import assert from 'node:assert/strict';
import { join } from 'node:path';
import { Baresip } from './support/baresip.ts';
import { sdp } from './support/call.ts';
import { LabGateway, type LabGatewayOptions } from './support/gateway.ts';
import { useLab, type Lab } from './support/lab.ts';
import { pause, until } from './support/process.ts';
import type { UserAgent } from './support/ua.ts';

/** Everything a phone does, by plain SIP over TLS through the gateway. */
function phonesThrough(lab: () => Lab, options: LabGatewayOptions): void {
  let gateway: LabGateway;
  let phone: UserAgent;
  let other: UserAgent;

  let stop = async (): Promise<void> => Promise.resolve();

  before('the gateway comes up', async function () {
    this.timeout(60_000);
    gateway = await LabGateway.start(lab(), options);
    stop = async () => await gateway.stop();
    phone = await gateway.phone(lab(), '1001');
    other = await gateway.phone(lab(), '1002');
    assert.equal((await phone.register({ expires: 300 })).status, 200);
    assert.equal((await other.register({ expires: 300 })).status, 200);
  });
  after(async () => await stop());

  const records = (): string[] => lab().asterisk.records();

  it('the registrar gives the phone its own Contact back, and holds one that leads through the gateway', async () => {
    const { contacts } = await phone.register({ expires: 300 });
    assert.ok(contacts.length === 1 && contacts[0]?.includes(phone.contact), contacts.join());
    const held = await lab().asterisk.cli('database show registrar/contact');
    const mine = held.split('\n').filter((line) => line.includes('/1001;@'));
    assert.equal(mine.length, 1);
    assert.ok(mine[0]?.includes(gateway.inside.host), 'in the Contact or in its Path');
  });

  it('calls out, is answered, hangs up: one record, with the caller and the number', async () => {
    const before = records().length;
    const call = await phone.callFor('0301234567', 300);
    assert.equal(call.status, 200);
    await until('the record', 5_000, () => records().length > before);
    assert.match(records().at(-1) ?? '', /^"","1001","0301234567".*"ANSWERED"/);
  });

  it('is called, offers the session again, and the caller hangs up', async () => {
    const before = records().length;
    const call = phone.dial('1002');
    assert.equal(await call.settled, 200);
    const incoming = other.calls.at(-1);
    assert.equal(incoming?.direction, 'incoming');
    await until('the ACK', 2_000, () => other.packets.some(({ label }) => label === 'ACK'));
    const held = await call.offer(sdp('127.0.0.1', 40_000, 2).replace('sendrecv', 'sendonly'));
    assert.equal(held.status, 200);
    assert.match(held.body, /a=recvonly/);
    assert.equal((await call.offer(sdp('127.0.0.1', 40_000, 3))).status, 200);
    await call.hangUp();
    await incoming.ended;
    await until('the record', 5_000, () => records().length > before);
    assert.match(records().at(-1) ?? '', /^"","1001","1002".*"ANSWERED"/);
  });

  it('the called side hangs up', async () => {
    const call = phone.dial('1002');
    assert.equal(await call.settled, 200);
    await pause(100);
    await other.calls.at(-1)?.hangUp();
    await call.ended;
    assert.equal(call.endedBy, 'there');
  });

  it('gives up while it rings', async () => {
    const calls = other.calls.length;
    const call = phone.dial('00371480');
    await until('it rings', 5_000, () => call.state === 'ringing');
    await call.hangUp();
    assert.equal(call.status, 487);
    assert.equal(other.calls.length, calls);
  });

  it('sends a text, which the other gets', async () => {
    assert.equal((await phone.ask('MESSAGE', '1002', 'see you at noon')).status, 202);
    await until('the text', 5_000, () => other.texts.includes('see you at noon'));
  });

  it('asks by OPTIONS and is refused by the PBX where it is busy', async () => {
    assert.equal((await phone.ask('OPTIONS', '1002')).status, 200);
    const call = phone.dial('00371486');
    assert.ok([486, 600].includes(await call.settled), String(call.status));
  });

  it('is turned away under another name, and with a wrong password', async () => {
    const call = phone.dial('1002', { from: '1004' });
    assert.equal(await call.settled, 403);
    const thief = await gateway.phone(lab(), '1004');
    assert.equal((await thief.register({ password: 'wrong' })).status, 401);
    assert.equal(await thief.dial('00371').settled, 403, 'nobody calls before his registration was taken');
  });
}

describe('lab: the gateway before Asterisk', function () {
  this.timeout(30_000);
  const lab = useLab(() => ({ trunk: 'asterisk' }));

  describe('Contact through the gateway, UDP', () => phonesThrough(lab, {}));
  describe('Path, TCP', () => phonesThrough(lab, { registrations: 'path', transport: 'tcp' }));

  it('a real softphone registers by TLS, calls and is called', async () => {
    const gateway = await LabGateway.start(lab());
    const { trees, directory } = lab();
    const { password } = lab().account('1004');
    const soft = await Baresip.start({
      ...{ tree: trees.tools, directory: join(directory, 'soft'), address: '127.0.10.4', server: gateway.outside },
      ...{ username: '1004', password, transport: 'tls' },
    });
    try {
      assert.match(await soft.command('reginfo'), /OK/);
      await soft.dial('600');
      await soft.event('CALL_ESTABLISHED');
      await soft.hangUp();
      const phone = await gateway.phone(lab(), '1001');
      assert.equal((await phone.register()).status, 200);
      const call = await phone.callFor('1004', 300);
      assert.equal(call.status, 200);
    } finally {
      await soft.stop();
      await gateway.stop();
    }
  });
});

describe('lab: the gateway before Kamailio and Asterisk', function () {
  this.timeout(30_000);
  const lab = useLab(() => ({ trunk: 'asterisk', kamailio: true }));
  describe('Path', () => phonesThrough(lab, { registrations: 'path' }));
});
