import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Heartbeat } from '../../src/console/heartbeat.ts';
import { until } from '../support/cli.ts';
import { recordingLog } from '../support/log.ts';

describe('the heartbeat', function () {
  this.timeout(20_000);
  let server: Server;
  let port = 0;
  let asked: IncomingMessage[] = [];
  let answer: (response: ServerResponse) => void;
  let beating: Heartbeat | undefined;
  const start = (every = 50, well: () => boolean = () => true): ReturnType<typeof recordingLog> => {
    const log = recordingLog();
    beating = new Heartbeat({ url: `http://127.0.0.1:${port}/ping/secret-token?a=1`, every, well, log: log.log });
    return log;
  };
  beforeEach(async () => {
    asked = [];
    answer = (response) => response.end('OK');
    server = createServer((request, response) => {
      asked.push(request);
      answer(response);
    });
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    ({ port } = server.address() as AddressInfo);
  });
  afterEach(() => {
    beating?.close();
    server.closeAllConnections();
    server.close();
  });

  it('asks for the address again and again', async () => {
    start();
    await until('three beats', () => (beating?.reading().sent ?? 0) >= 3);
    assert.equal(asked[0]?.method, 'GET');
    assert.equal(asked[0].url, '/ping/secret-token?a=1');
    assert.equal(asked[0].headers['user-agent'], 'ringfence');
    assert.ok(Date.now() - (beating?.reading().lastAt ?? 0) < 5_000);
  });

  it('who is not well sends none', async () => {
    let well = false;
    start(20, () => well);
    await new Promise((wait) => setTimeout(wait, 200));
    assert.deepEqual([asked.length, beating?.reading().failed], [0, 0]);
    well = true;
    await until('a beat', () => asked.length > 0);
  });

  const FAILURES: [string, (response: ServerResponse) => void, RegExp][] = [
    ['500', (response) => response.writeHead(500).end(), /it answers 500/],
    [
      'a way elsewhere',
      (response) => response.writeHead(302, { Location: 'http://192.0.2.1/' }).end(),
      /it answers 302/,
    ],
    ['a closed door', (response) => response.destroy(), /is not taken: (?:other side closed|read ECONNRESET)/],
    ['silence', () => undefined, /is not taken: The operation was aborted due to timeout/],
    ['no HTTP', (response) => response.socket?.end('hello\r\n\r\n'), /is not taken: /],
  ];
  for (const [what, fails, said] of FAILURES)
    it(`${what}: counted, said once, without the address that is a secret; and again when it is taken`, async () => {
      answer = fails;
      const { logged } = start();
      await until('three failures', () => (beating?.reading().failed ?? 0) >= 3);
      const [first, ...more] = logged;
      assert.match(first?.message ?? '', said);
      assert.match(first?.message ?? '', /^the heartbeat to 127\.0\.0\.1:\d+ /);
      assert.deepEqual(more, []);
      assert.doesNotMatch(JSON.stringify(logged), /secret-token/);
      assert.equal(beating?.reading().lastAt, null);
      answer = (response) => response.end();
      await until('that it is taken', () => logged.length === 2);
      assert.match(logged[1]?.message ?? '', /is taken again/);
    });

  it('an answer without an end does not hold the next one up', async () => {
    answer = (response) => {
      response.write('x');
    };
    start();
    await until('three beats', () => (beating?.reading().sent ?? 0) >= 3);
  });

  it('nobody is there: counted; it ends at once', async () => {
    server.close();
    const { logged } = start();
    await until('a failure', () => (beating?.reading().failed ?? 0) >= 1);
    assert.match(logged[0]?.message ?? '', /ECONNREFUSED/);
    beating?.close();
    const failed = beating?.reading().failed;
    await new Promise((wait) => setTimeout(wait, 150));
    assert.equal(beating?.reading().failed, failed);
  });
});
