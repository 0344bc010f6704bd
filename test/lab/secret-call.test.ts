import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { publicKeyFromSpki } from '../../src/crypto/public-key.ts';
import { AgentVeil } from '../../src/gateway/agent-veil.ts';
import { recordingLog, testAgent, type TestAgent } from '../support/agent.ts';
import { until as untilSoon } from '../support/csc.ts';
import { testKey, value } from '../support/keys.ts';
import { accounts } from './support/asterisk-files.ts';
import { INSIDE, LabGateway } from './support/gateway.ts';
import { useLab, type Lab } from './support/lab.ts';
import { pause, until } from './support/process.ts';
import type { UserAgent } from './support/ua.ts';

const CALLER = '1004';
const CALLEE = '1002';
/** Numbers and display names of both. */
const NAMES = /\b100[24]\b|Sales|Accounting/;

/** Agents in this process, so that what they carry inside CSC can be read, before a gateway and a PBX of their own. */
function secretCalls(lab: () => Lab, registrations: 'contact' | 'path'): void {
  let gateway: LabGateway;
  let caller: UserAgent;
  let callee: UserAgent;
  const inside: string[] = [];
  const closers: (() => unknown)[] = [];
  const records = (): string[] => lab().asterisk.records();

  const agentOf = async (account: string, hides: boolean): Promise<TestAgent> => {
    const key = await gateway.key(account);
    const pem = await gateway.command('keys', 'export', 'gateway', '--form', 'spki');
    const pinned = [value(publicKeyFromSpki(Buffer.from(pem.replaceAll(/-----[^-]*-----|\s/g, ''), 'base64')))];
    const inst = randomBytes(16);
    const agent = await testAgent(
      [`${gateway.outside.host}:${gateway.outside.port}`],
      { gateway: testKey('unused') },
      {
        ...{ domain: 'lab.example', allow: ['127.0.0.0/8'] },
        veil: new AgentVeil({
          ...{ account, domain: 'lab.example', hides, emergency: ['112'], clock: Date.now, log: recordingLog().log },
          keys: () => ({ key, pinned }),
        }),
        link: { identity: () => ({ account, key, inst, pinned, ca: [gateway.ca] }) },
        spy: (text) => {
          if (!/^CSeq: \d+ REGISTER/m.test(text)) inside.push(text);
        },
      },
    );
    closers.push(() => agent.stop());
    await untilSoon('the connection', () => agent.link.session !== null);
    return agent;
  };
  const phone = async (account: string, agent: TestAgent): Promise<UserAgent> => {
    const made = await lab().phone(account, { server: { host: '127.0.0.1', port: agent.port } });
    closers.push(() => made.close());
    assert.equal((await made.register({ expires: 300 })).status, 200);
    return made;
  };

  before('gateway, agents and phones come up', async function () {
    this.timeout(60_000);
    gateway = await LabGateway.start(lab(), { registrations });
    closers.push(() => gateway.stop());
    caller = await phone(CALLER, await agentOf(CALLER, true));
    callee = await phone(CALLEE, await agentOf(CALLEE, false));
  });
  after(async () => {
    for (const close of closers.reverse()) await close();
  });
  beforeEach(() => void inside.splice(0));

  const nothingSaid = (): void => {
    assert.ok(inside.filter((text) => /^CSeq: \d+ INVITE/m.test(text)).length >= 4, 'there were messages');
    for (const text of inside) assert.doesNotMatch(text, NAMES, text);
  };

  it('connects; no message inside CSC names caller or callee; the callee sees the caller; the record is right', async () => {
    const before = records().length;
    const call = caller.dial(CALLEE);
    assert.equal(await call.settled, 200, gateway.stderr.slice(-2_000));
    const invite = callee.packets.findLast(({ label }) => label.startsWith('INVITE'));
    assert.ok(invite !== undefined);
    const shown = callee.calls.at(-1);
    assert.equal(shown?.direction, 'incoming');
    await pause(200);
    await call.hangUp();
    await shown.ended;
    nothingSaid();
    assert.ok(inside.some((text) => /^CGS-Callee: /m.test(text)) && inside.some((text) => /^CGS-Caller: /m.test(text)));
    await until('the record', 5_000, () => records().length > before);
    assert.match(records().at(-1) ?? '', /^"","1004","1002".*"ANSWERED"/);
  });

  it('the callee hangs up', async () => {
    const call = caller.dial(CALLEE);
    assert.equal(await call.settled, 200);
    await pause(200);
    await callee.calls.at(-1)?.hangUp();
    await call.ended;
    assert.equal(call.endedBy, 'there');
    nothingSaid();
  });

  it('the PBX itself answers, as its voicemail does', async () => {
    const call = caller.dial('600');
    assert.equal(await call.settled, 200);
    await call.hangUp();
    for (const text of inside) assert.doesNotMatch(text, /sip:600@|1004|Sales/, text);
  });

  it('the caller gives up while it rings', async () => {
    const call = caller.dial('00371480');
    await until('it rings', 5_000, () => call.state === 'ringing');
    await call.hangUp();
    assert.equal(call.status, 487);
    for (const text of inside) assert.doesNotMatch(text, /00371480|1004|Sales/, text);
  });

  it('goes on over a restart of the gateway, and ends from both sides', async () => {
    for (const side of ['caller', 'callee'] as const) {
      const call = caller.dial(CALLEE);
      assert.equal(await call.settled, 200);
      const incoming = callee.calls.at(-1);
      await pause(200);
      await gateway.end('SIGKILL');
      await gateway.boot();
      inside.splice(0);
      await pause(500);
      if (side === 'caller') await call.hangUp();
      else await incoming?.hangUp();
      await Promise.all([call.ended, incoming?.ended]);
      assert.ok(inside.some((text) => text.startsWith('BYE ')));
      for (const text of inside) assert.doesNotMatch(text, NAMES, text);
    }
  });
}

describe('lab: the secret call, gateway and Asterisk', function () {
  this.timeout(40_000);
  const lab = useLab(() => ({
    trunk: 'asterisk',
    accounts: accounts.map((one) => (one.extension === CALLER ? { ...one, onlyFrom: INSIDE } : one)),
  }));
  secretCalls(lab, 'contact');
});

describe('lab: the secret call, gateway, Kamailio and Asterisk', function () {
  this.timeout(40_000);
  const lab = useLab(() => ({
    ...{ trunk: 'asterisk', kamailio: true },
    accounts: accounts.map((one) => (one.extension === CALLER ? { ...one, onlyFrom: '127.0.0.2' } : one)),
  }));
  secretCalls(lab, 'path');
});
