import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import agentDoctor from '../../src/commands/agent-doctor.ts';
import agentEnrol from '../../src/commands/agent-enrol.ts';
import { answerEnrolment } from '../../src/commands/keys/enrolling.ts';
import keysEnrol from '../../src/commands/keys-enrol.ts';
import keysInit from '../../src/commands/keys-init.ts';
import { KeyRoom } from '../../src/commands/keys/key-room.ts';
import { loadConfig, type Config } from '../../src/config.ts';
import type { GatewayKeys, KnownKey } from '../../src/crypto/csc/server.ts';
import { publicHalf } from '../../src/crypto/private-key.ts';
import { publicKeyFromSpki } from '../../src/crypto/public-key.ts';
import { secureContextOf } from '../../src/crypto/tls-context.ts';
import { pemText } from '../../src/crypto/x509/pem.ts';
import { CscServer } from '../../src/gateway/csc-server.ts';
import type { Session } from '../../src/gateway/session.ts';
import { PhoneSocket } from '../support/agent.ts';
import { sipAnswer, sipRequest, startOf } from '../support/border.ts';
import { Daemon } from '../support/cli.ts';
import { until } from '../support/csc.ts';
import { testKey, value } from '../support/keys.ts';
import { freePort } from '../lab/support/ports.ts';
import { recordingOutput } from '../support/output.ts';
import { temporaryFolder } from '../support/temporary.ts';

describe('ringfence agent', function () {
  this.timeout(60_000);
  const folder = temporaryFolder();
  let config: Config;
  let server: CscServer;
  let port = 0;
  let phones = 0;
  let answer = true;

  const options = (file: string): { config: string; format: 'text'; quiet: boolean } => ({
    config: folder.file(file),
    format: 'text',
    quiet: true,
  });

  before(async () => {
    port = await freePort('127.0.0.1');
    phones = await freePort('127.0.0.1');
    mkdirSync(folder.file('var'), { mode: 0o700 });
    writeFileSync(
      folder.file('gw.toml'),
      `[store]\npath = "var/r.db"\n[crypto]\ndomain = "example.com"\ngateway = "127.0.0.1:${port}"\nkey_store = "var/keys.json"\nmaster_key_file = "master.key"\n`,
    );
    writeFileSync(folder.file('agent.toml'), `[agent]\nlisten = ["udp:127.0.0.1:${phones}"]\nstate = "agent"\n`);
    assert.equal(await keysInit([], options('gw.toml'), recordingOutput().output), 0);
    config = loadConfig(folder.file('gw.toml'));
    server = await openServer();
  });
  after(() => server.close());

  /** The gateway's CSC half, on the real key store; behind it a PBX that says 200. */
  const openServer = async (): Promise<CscServer> => {
    const { context, own } = await KeyRoom.with(config, (room) => {
      const tls = room.own('gateway-tls');
      const chain = tls.stored.chain.map((one) => pemText('CERTIFICATE', Buffer.from(one, 'base64'))).join('');
      return { context: secureContextOf(tls.key, chain, { minVersion: 'TLSv1.3' }), own: room.own('gateway').key };
    });
    const keys: GatewayKeys = {
      own: (kid) => (kid === own.kid ? own : undefined),
      known,
      decoy: publicHalf(testKey('decoy')),
    };
    return await CscServer.open({
      ...{ address: '127.0.0.1', port, context: () => context, keys, refused: () => undefined },
      youngestKey: () => ({ kid: Buffer.from(own.kid, 'base64url'), spki: own.spki, crl: new Uint8Array(0) }),
      enrol: (payload, exporter) => KeyRoom.with(config, (room) => answerEnrolment(room, payload, exporter)),
      handler: {
        opened: () => undefined,
        closed: () => undefined,
        message: (session: Session, bytes) => {
          if (answer) session.send(Buffer.from(sipAnswer(bytes.toString('latin1'), 200, ['Server: LabPBX'])));
        },
      },
    });
  };

  function known(kid: string): KnownKey | undefined {
    const room = KeyRoom.open(config);
    try {
      const row = room.store.certificates.all().find((one) => one.kid === kid && one.use === 'account');
      if (row === undefined) return undefined;
      const key = value(publicKeyFromSpki(new Uint8Array(Buffer.from(row.spki, 'base64'))));
      return {
        account: row.account,
        key,
        state: row.revokedAt === null || row.revokedAt > Date.now() ? 'good' : 'revoked',
      };
    } finally {
      room.store.close();
    }
  }

  const token = async (account: string): Promise<string> => {
    const told = recordingOutput();
    assert.equal(await keysEnrol([account], { ...options('gw.toml'), cancel: false }, told.output), 0);
    const [line = ''] = told.results;
    assert.match(line, /^ringfence agent enrol rf1\.[\w-]+$/);
    return line.slice('ringfence agent enrol '.length);
  };

  const doctor = async (): Promise<{ status: number; text: string }> => {
    const told = recordingOutput();
    const status = await agentDoctor([], options('agent.toml'), told.output);
    return { status, text: told.results.join('\n') };
  };

  it('before enrolment every command says what to do', async () => {
    const { status, text } = await doctor();
    assert.equal(status, 1);
    assert.match(
      text,
      /PROBLEM +enrolment: .*not enrolled[\s\S]*next step: on the gateway's machine: ringfence keys enrol ACCOUNT/,
    );
    await assert.rejects(
      () => agentEnrol(['rf1.nonsense'], options('agent.toml'), recordingOutput().output),
      /copied whole/,
    );
  });

  it('the line that keys enrol prints enrols; its key is under a master key of its own', async () => {
    const told = recordingOutput();
    assert.equal(await agentEnrol([await token('1004')], options('agent.toml'), told.output), 0);
    assert.match(told.results[0] ?? '', /^Enrolled as 1004 at 127\.0\.0\.1:\d+; the certificate is good until \d{4}-/);
    const file = folder.file('agent/agent.json');
    assert.deepEqual([statSync(file).mode & 0o777, statSync(join(folder.path, 'agent')).mode & 0o777], [0o600, 0o700]);
    assert.doesNotMatch(readFileSync(file, 'utf8'), /PRIVATE/);
  });

  it('a token is good once; for another account another folder is asked for', async () => {
    const used = await token('1004');
    await agentEnrol([used], options('agent.toml'), recordingOutput().output);
    await assert.rejects(
      () => agentEnrol([used], options('agent.toml'), recordingOutput().output),
      /spent, over or taken back/,
    );
    const other = await token('1005');
    await assert.rejects(
      () => agentEnrol([other], options('agent.toml'), recordingOutput().output),
      /for 1005, and .* is the agent of 1004.*\[agent\] state/,
    );
  });

  it('runs, registers a phone, says so to the doctor, and ends in order', async () => {
    const agent = await Daemon.start(['--config', folder.file('agent.toml')], { command: 'agent' });
    try {
      const phone = await PhoneSocket.open(phones);
      phone.send(
        sipRequest({ method: 'REGISTER', from: '1004', to: '1004', via: phone.via, contact: `<${phone.contact}>` }),
      );
      await until('the answer', () => startOf(phone.received[0]) === 'SIP/2.0 200 Because');
      phone.close();
      const { status, text } = await doctor();
      assert.equal(status, 0, text);
      for (const row of [
        /ok +TCP/,
        /ok +TLS/,
        /ok +CSC: .*takes ours: 1004/,
        /ok +PBX: .*200 Because \(LabPBX\)/,
        /ok +agent: runs/,
      ])
        assert.match(text, row);
      assert.match(text, /calls can pass$/);
    } finally {
      assert.equal((await agent.end()).status, 0, agent.stderr);
    }
    assert.match(readFileSync(folder.file('agent/contacts.json'), 'utf8'), /"sip:1004@127\.0\.0\.1:\d+"/);
  });

  it('the doctor says where the path breaks', async () => {
    answer = false;
    const silent = await doctor();
    assert.match(silent.text, /PROBLEM +PBX: no answer to OPTIONS/);
    answer = true;
    const room = KeyRoom.open(config);
    room.revoke(room.good('account', '1004'), 'keyCompromise');
    room.store.close();
    const revoked = await doctor();
    assert.match(
      revoked.text,
      /ok +TLS[\s\S]*PROBLEM +enrolment: .*unknown or revoked[\s\S]*next step: .*keys show 1004/,
    );
    await server.close();
    const gone = await doctor();
    assert.match(gone.text, /PROBLEM +TCP: .*ECONNREFUSED[\s\S]*next step: does the gateway run there/);
    server = await openServer();
  });
});
