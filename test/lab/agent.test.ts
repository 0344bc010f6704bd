import assert from 'node:assert/strict';
import { join } from 'node:path';
import { Resetter } from '../support/agent.ts';
import { LabAgent } from './support/agent.ts';
import { Baresip } from './support/baresip.ts';
import { sdp } from './support/call.ts';
import { LabGateway, OUTSIDE } from './support/gateway.ts';
import { useLab, type Lab } from './support/lab.ts';
import { pause, until } from './support/process.ts';
import type { UserAgent } from './support/ua.ts';

/** Everything a phone does, by UDP or TCP to an agent, through the gateway. */
function phonesBehindAgents(lab: () => Lab, registrations: 'contact' | 'path'): void {
  let gateway: LabGateway;
  let phone: UserAgent;
  let other: UserAgent;
  const closers: (() => unknown)[] = [];
  const records = (): string[] => lab().asterisk.records();

  const behind = async (account: string, protocol: 'udp' | 'tcp'): Promise<UserAgent> => {
    const agent = await LabAgent.start(gateway, account);
    closers.push(() => agent.end('SIGTERM'));
    const phone_ = await lab().phone(account, { protocol, server: agent.local });
    closers.push(() => phone_.close());
    return phone_;
  };

  before('gateway and agents come up', async function () {
    this.timeout(90_000);
    gateway = await LabGateway.start(lab(), { registrations });
    closers.push(() => gateway.stop());
    phone = await behind('1001', 'udp');
    other = await behind('1002', 'tcp');
    assert.equal((await phone.register({ expires: 300 })).status, 200);
    assert.equal((await other.register({ expires: 300 })).status, 200);
  });
  after(async () => {
    for (const close of closers.reverse()) await close();
  });

  it('the phone gets its own Contact back; the registrar holds neither its name nor its address', async () => {
    const { contacts } = await phone.register({ expires: 300 });
    assert.ok(contacts.length === 1 && contacts[0]?.includes(phone.contact), contacts.join());
    const held = await lab().asterisk.cli('database show registrar/contact');
    const mine = held.split('\n').filter((line) => line.includes('/1001;@'));
    assert.equal(mine.length, 1);
    const uri = /"uri":"([^"]+)"/.exec(mine[0] ?? '')?.[1] ?? '';
    assert.match(uri, /^sip:[\w-]{22}@/);
    assert.doesNotMatch(Buffer.from(/fl=[^.]+\.([\w-]+)/.exec(uri)?.[1] ?? '', 'base64url').toString(), /1001|127\./);
  });

  it('calls out and hangs up: one record, with the caller and the number', async () => {
    const before = records().length;
    assert.equal((await phone.callFor('0301234567', 300)).status, 200);
    await until('the record', 5_000, () => records().length > before);
    assert.match(records().at(-1) ?? '', /^"","1001","0301234567".*"ANSWERED"/);
  });

  it('is called, is put on hold and back, and either side hangs up', async () => {
    const call = phone.dial('1002');
    assert.equal(await call.settled, 200);
    const incoming = other.calls.at(-1);
    assert.equal(incoming?.direction, 'incoming');
    const held = await call.offer(sdp('127.0.0.1', 40_000, 2).replace('sendrecv', 'sendonly'));
    assert.equal(held.status, 200);
    assert.match(held.body, /a=recvonly/);
    await call.hangUp();
    await incoming.ended;
    const again = phone.dial('1002');
    assert.equal(await again.settled, 200);
    await pause(100);
    await other.calls.at(-1)?.hangUp();
    await again.ended;
    assert.equal(again.endedBy, 'there');
  });

  it('gives up while it rings, hears that a number is busy, asks by OPTIONS', async () => {
    const call = phone.dial('00371480');
    await until('it rings', 5_000, () => call.state === 'ringing');
    await call.hangUp();
    assert.equal(call.status, 487);
    assert.ok([486, 600].includes(await phone.dial('00371486').settled));
    assert.equal((await phone.ask('OPTIONS', '1002')).status, 200);
  });

  it('is turned away under another name', async () => {
    assert.equal(await phone.dial('1002', { from: '1004' }).settled, 403);
  });

  it('a gateway that is killed while a call is set up comes back, and the call with it', async () => {
    const call = phone.dial('00371480');
    await until('it rings', 5_000, () => call.state === 'ringing');
    await gateway.end('SIGKILL');
    const registered = other.register({ expires: 300 });
    const dialled = phone.dial('0301234567');
    await pause(300);
    await gateway.boot();
    assert.equal((await registered).status, 200);
    assert.equal(await dialled.settled, 200);
    await dialled.hangUp();
    await call.hangUp();
    assert.equal(call.status, 487);
  });
}

describe('lab: agents, the gateway and Asterisk', function () {
  this.timeout(40_000);
  const lab = useLab(() => ({ trunk: 'asterisk' }));
  describe('Contact through the gateway', () => phonesBehindAgents(lab, 'contact'));

  it('a real softphone behind an agent; resets every 200 ms lose nothing; a revoked key is cut within 2 s', async () => {
    const gateway = await LabGateway.start(lab());
    const resetter = await Resetter.open(gateway.outside.port, OUTSIDE);
    const agent = await LabAgent.start(gateway, '1004', [`gateways = ["${OUTSIDE}:${resetter.port}"]`]);
    const { trees, directory } = lab();
    const { password } = lab().account('1004');
    const soft = await Baresip.start({
      ...{ tree: trees.tools, directory: join(directory, 'soft-agent'), address: '127.0.10.4', server: agent.local },
      ...{ username: '1004', password, transport: 'udp' },
    });
    try {
      assert.match(await soft.command('reginfo'), /OK/);
      assert.match(await agent.command('agent', 'doctor'), /calls can pass/);
      const phone = await lab().phone('1001', {});
      assert.equal((await phone.register()).status, 200);
      const long = process.env['RINGFENCE_LONG'] === '1';
      const end = Date.now() + (long ? 60_000 : 4_000);
      const storm = setInterval(() => resetter.reset(), 200);
      let calls = 0;
      try {
        while (Date.now() < end) {
          // to the softphone, which answers by itself: INVITE down, 200 up, ACK, BYE, all through the storm
          const call = phone.dial('1004');
          assert.equal(await call.settled, 200, `call ${calls + 1}`);
          await call.hangUp();
          calls++;
        }
      } finally {
        clearInterval(storm);
      }
      assert.ok(calls > 0 && resetter.resets >= 5, `${calls} calls, ${resetter.resets} resets`);
      phone.close();
      await pause(300);
      await gateway.command('keys', 'revoke', '1004', '--reason', 'keyCompromise');
      await until('the agent says so', 8_000, () => agent.stderr.includes('unknown or revoked'));
    } finally {
      await soft.stop();
      await agent.end('SIGTERM');
      resetter.close();
      await gateway.stop();
    }
  });
});

describe('lab: agents, the gateway, Kamailio and Asterisk', function () {
  this.timeout(40_000);
  const lab = useLab(() => ({ trunk: 'asterisk', kamailio: true }));
  describe('Path', () => phonesBehindAgents(lab, 'path'));
});
