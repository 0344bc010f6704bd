import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import tls from 'node:tls';
import { answerEnrolment, type Enrolled } from '../../src/commands/keys/enrolling.ts';
import keysEnrol from '../../src/commands/keys-enrol.ts';
import keysInit from '../../src/commands/keys-init.ts';
import { KeyRoom } from '../../src/commands/keys/key-room.ts';
import { loadConfig, type Config } from '../../src/config.ts';
import { createCsr } from '../../src/crypto/csr.ts';
import {
  decodeToken,
  ENROLMENT_PROTOCOL,
  enrolmentRequest,
  readEnrolmentAnswer,
  type EnrolmentToken,
} from '../../src/crypto/enrolment.ts';
import { secureContextOf } from '../../src/crypto/tls-context.ts';
import { readCertificate } from '../../src/crypto/x509/certificate.ts';
import { pemText } from '../../src/crypto/x509/pem.ts';
import { testKey, value } from '../support/keys.ts';
import { recordingOutput } from '../support/output.ts';
import { temporaryFolder } from '../support/temporary.ts';

const LABEL = 'EXPORTER-csc/1';

describe('enrolment over a real TLS connection', function () {
  this.timeout(60_000);
  const folder = temporaryFolder();
  let config: Config;
  let server: Server;
  let port = 0;
  let ca = '';
  const outcomes: Enrolled[] = [];

  const options = (): { config: string; format: 'text'; quiet: boolean } => ({
    config: join(folder.path, 'r.toml'),
    format: 'text',
    quiet: true,
  });
  const token = async (account: string): Promise<EnrolmentToken> => {
    const told = recordingOutput();
    assert.equal(await keysEnrol([account], { ...options(), cancel: false }, told.output), 0);
    return value(decodeToken((told.results[0] ?? '').replace(/^ringfence agent enrol /, '')));
  };

  before(async () => {
    mkdirSync(folder.file('var'), { mode: 0o700 });
    writeFileSync(
      folder.file('r.toml'),
      `[store]\npath = "var/r.db"\n[crypto]\ndomain = "example.com"\ngateway = "127.0.0.1:5061"\nkey_store = "var/keys.json"\nmaster_key_file = "master.key"\n`,
    );
    await keysInit([], options(), recordingOutput().output);
    config = loadConfig(join(folder.path, 'r.toml'));
    const context = await KeyRoom.with(config, (room) => {
      const { key, stored } = room.own('gateway-tls');
      ca = pemText('CERTIFICATE', room.authority().certificate);
      return secureContextOf(
        key,
        stored.chain.map((one) => pemText('CERTIFICATE', Buffer.from(one, 'base64'))).join(''),
        {
          minVersion: 'TLSv1.3',
        },
      );
    });
    server = createServer({ allowHalfOpen: true }, (plain) => {
      const socket = new tls.TLSSocket(plain, {
        isServer: true,
        secureContext: context,
        ALPNProtocols: [ENROLMENT_PROTOCOL],
      });
      const chunks: Buffer[] = [];
      socket.on('data', (chunk: Buffer) => chunks.push(chunk));
      socket.on('error', () => socket.destroy());
      socket.on('end', () => {
        const exporter = socket.exportKeyingMaterial(32, LABEL, Buffer.alloc(0));
        void KeyRoom.with(config, (room) => {
          const outcome = answerEnrolment(room, Buffer.concat(chunks), exporter);
          outcomes.push(outcome);
          socket.end(outcome.ok ? outcome.answer : new Uint8Array(0));
        });
      });
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    port = (server.address() as { port: number }).port;
  });
  after((done) => void server.close(done));

  /** An agent: connects, checks the gateway's certificate, sends its request, reads all of the answer. */
  const ask = (k: Uint8Array, key: string): Promise<{ answer: Buffer; exporter: Buffer }> =>
    new Promise((done, fail) => {
      const socket = tls.connect(
        {
          port,
          host: '127.0.0.1',
          ca,
          minVersion: 'TLSv1.3',
          ALPNProtocols: [ENROLMENT_PROTOCOL],
          allowHalfOpen: true,
        } as tls.ConnectionOptions,
        () => {
          const exporter = socket.exportKeyingMaterial(32, LABEL, Buffer.alloc(0));
          const chunks: Buffer[] = [];
          socket.on('data', (chunk: Buffer) => chunks.push(chunk));
          socket.on('end', () => done({ answer: Buffer.concat(chunks), exporter }));
          socket.end(enrolmentRequest(k, exporter, createCsr(testKey(key), 'whatever')));
        },
      );
      socket.on('error', fail);
    });

  it('an agent gets its certificate; when the answer was lost, the same; with another key, nothing, and that is an alert', async () => {
    const { k, ca: pinned } = await token('1004');
    const first = await ask(k, 'agent');
    const chain = value(readEnrolmentAnswer(k, first.exporter, first.answer));
    const own = value(readCertificate(chain[0] ?? new Uint8Array(0)));
    assert.deepEqual([own.kid, own.uris], [testKey('agent').kid, ['sip:1004@example.com']]);
    assert.deepEqual(
      createHash('sha256')
        .update(chain[1] ?? '')
        .digest(),
      Buffer.from(pinned),
      'the CA is the one of the token',
    );

    const second = await ask(k, 'agent');
    const again = value(readEnrolmentAnswer(k, second.exporter, second.answer));
    assert.deepEqual(
      again.map((one) => Buffer.from(one)),
      chain.map((one) => Buffer.from(one)),
    );
    assert.notDeepEqual(first.exporter, second.exporter);
    assert.equal(
      readEnrolmentAnswer(k, second.exporter, first.answer).ok,
      false,
      'an answer belongs to its connection',
    );

    assert.equal((await ask(k, 'thief')).answer.length, 0);
    const last = outcomes.at(-1);
    assert.ok(last?.ok === false);
    assert.deepEqual([last.reason, last.account, last.alert], ['used', '1004', true]);
    await KeyRoom.with(config, ({ store }) => {
      assert.equal(store.certificates.ofAccount('1004').length, 1);
      const trail = store.audit.after(0).map(({ action, target }) => `${action} ${target}`);
      assert.deepEqual(
        trail.filter((line) => line.endsWith(' 1004')),
        ['key.token 1004', 'key.issued 1004', 'key.refused 1004'],
      );
    });
  });

  it('a token of nobody gets nothing', async () => {
    assert.equal((await ask(new Uint8Array(16).fill(9), 'agent')).answer.length, 0);
    const last = outcomes.at(-1);
    assert.ok(last?.ok === false);
    assert.deepEqual([last.reason, last.alert], ['unknown-token', false]);
  });

  it('an account with two good keys gets no third, and no token for one', async () => {
    for (const key of ['a', 'b']) await ask((await token('1005')).k, key);
    await assert.rejects(token('1005'), /two good keys already/);
    await KeyRoom.with(config, ({ store }) => assert.equal(store.certificates.ofAccount('1005').length, 2));
  });
});
