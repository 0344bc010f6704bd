import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { servePages, type Page, type PagesServer } from '../../src/console/server.ts';
import { Counters } from '../../src/counters.ts';
import { RingfenceError } from '../../src/errors.ts';
import { recordingLog } from '../support/log.ts';

const page = (body: string, status = 200): Page => ({ status, type: 'text/plain; charset=utf-8', body });

describe('the small HTTP server', function () {
  this.timeout(20_000);
  let server: PagesServer;
  let counters: Counters;
  let asked = 0;
  const sockets: Socket[] = [];
  const serve = async (listen = '127.0.0.1:0', allow: readonly string[] | null = null): Promise<void> => {
    counters = new Counters();
    server = await servePages({
      ...{ listen, allow, counters, log: recordingLog().log },
      pages: new Map<string, () => Page | Promise<Page>>([
        ['/healthz', () => page('ok\n')],
        ['/readyz', () => page('not ready\n', 503)],
        ['/metrics', () => (asked++, Promise.resolve(page('x'.repeat(200_000))))],
        ['/broken', () => Promise.reject(new Error('a bug'))],
      ]),
    });
  };
  const open = async (address = '127.0.0.1'): Promise<Socket> => {
    const socket = connect(server.port, address);
    socket.on('error', () => undefined);
    sockets.push(socket);
    await new Promise((done) => socket.once('connect', done).once('close', done));
    return socket;
  };
  /** What comes back for these bytes, until the server closes or for `wait` ms. */
  const say = async (bytes: string | Buffer, wait = 400): Promise<string> => {
    const socket = await open();
    let text = '';
    socket.on('data', (chunk) => (text += chunk.toString()));
    const closed = new Promise((done) => socket.once('close', done));
    socket.write(bytes);
    await Promise.race([closed, sleep(wait)]);
    return text;
  };
  const request = (line: string, ...headers: string[]): Promise<string> =>
    say(`${[line, 'Host: 127.0.0.1', 'Connection: close', ...headers].join('\r\n')}\r\n\r\n`);

  beforeEach(() => serve());
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await server.close();
  });

  const ANSWERS: [string, () => Promise<string>, RegExp][] = [
    ['a page', () => request('GET /healthz HTTP/1.1'), /^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\nok\n$/],
    ['a page that says no', () => request('GET /readyz HTTP/1.1'), /^HTTP\/1\.1 503 /],
    ['a page with a query', () => request('GET /healthz?a=b HTTP/1.1'), /^HTTP\/1\.1 200 /],
    ['localhost as its name', () => say('GET /healthz HTTP/1.1\r\nHost: LocalHost:80\r\n\r\n'), /^HTTP\/1\.1 200 /],
    ['no such page', () => request('GET /etc/passwd HTTP/1.1'), /^HTTP\/1\.1 404 [\s\S]*there is no such page\n$/],
    ['a path that climbs', () => request('GET /../healthz HTTP/1.1'), /^HTTP\/1\.1 404 /],
    [
      'a script in the path',
      () => request('GET /<script>alert(1)</script> HTTP/1.1'),
      /^HTTP\/1\.1 404 (?![\s\S]*script)/,
    ],
    ['a long path', () => request(`GET /healthz?${'a'.repeat(300)} HTTP/1.1`), /^HTTP\/1\.1 404 /],
    ['POST', () => request('POST /healthz HTTP/1.1', 'Content-Length: 0'), /^HTTP\/1\.1 405 [\s\S]*Allow: GET/],
    ['HEAD', () => request('HEAD /healthz HTTP/1.1'), /^HTTP\/1\.1 405 [\s\S]*\r\n\r\n$/],
    ['GET with a body', () => request('GET /healthz HTTP/1.1', 'Content-Length: 3'), /^HTTP\/1\.1 400 /],
    ['GET in chunks', () => request('GET /healthz HTTP/1.1', 'Transfer-Encoding: chunked'), /^HTTP\/1\.1 400 /],
    [
      'a body that waits to be wanted',
      () => request('GET /healthz HTTP/1.1', 'Content-Length: 9', 'Expect: 100-continue'),
      /^HTTP\/1\.1 400 /,
    ],
    ['a name turned to loopback', () => say('GET /metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n'), /^HTTP\/1\.1 421 /],
    ['no name', () => say('GET /metrics HTTP/1.1\r\n\r\n'), /^HTTP\/1\.1 400 /],
    [
      'two lengths',
      () => request('GET /healthz HTTP/1.1', 'Content-Length: 0', 'Content-Length: 5'),
      /^HTTP\/1\.1 400 /,
    ],
    ['large headers', () => request('GET /healthz HTTP/1.1', `X: ${'a'.repeat(20_000)}`), /^HTTP\/1\.1 400 /],
    ['no HTTP', () => say('\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n'), /^HTTP\/1\.1 400 /],
    ['a page that fails', () => request('GET /broken HTTP/1.1'), /^$/],
    [
      'a change to another protocol',
      () => request('GET /healthz HTTP/1.1', 'Connection: upgrade', 'Upgrade: websocket'),
      /^$/,
    ],
    ['a tunnel', () => request('CONNECT 127.0.0.1:22 HTTP/1.1'), /^$/],
  ];
  for (const [what, ask, expected] of ANSWERS)
    it(`answers ${what}`, async () => {
      const said = await ask();
      assert.match(said, expected);
      assert.doesNotMatch(said, /Server:|X-Powered-By|node/i, 'it does not say what it is');
      assert.match(await request('GET /healthz HTTP/1.1'), /^HTTP\/1\.1 200 /, 'and goes on');
    });

  it('says nothing that a browser could take for a page', async () => {
    assert.match(
      await request('GET /healthz HTTP/1.1'),
      /Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nContent-Security-Policy: default-src 'none'/,
    );
  });

  it('takes 32 connections, counts those beyond, and is there again when they have gone', async () => {
    const idle = await Promise.all(Array.from({ length: 40 }, () => open()));
    await sleep(100);
    assert.equal(counters.get('console.refused.connection'), 8);
    for (const socket of idle) socket.destroy();
    await sleep(100);
    assert.match(await request('GET /healthz HTTP/1.1'), /^HTTP\/1\.1 200 /);
  });

  it('does not wait for headers that never end', async () => {
    const began = Date.now();
    const said = await say('GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX', 12_000);
    assert.ok(Date.now() - began < 10_000, `${Date.now() - began} ms`);
    assert.match(said, /^(?:HTTP\/1\.1 4|$)/);
  });

  it('serves many requests of one connection', async () => {
    const socket = await open();
    let text = '';
    socket.on('data', (chunk) => (text += chunk.toString()));
    socket.write('GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'.repeat(50));
    await sleep(300);
    assert.equal(text.match(/200 OK/g)?.length, 50);
  });

  it('closes though somebody reads nothing', async () => {
    const socket = await open();
    socket.pause();
    socket.write('GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'.repeat(20));
    await sleep(200);
    const began = Date.now();
    await server.close();
    assert.ok(Date.now() - began < 1_000);
    assert.ok(asked > 0);
  });

  it('a port that another has: which, and what to do', async () => {
    await assert.rejects(
      servePages({
        listen: `127.0.0.1:${server.port}`,
        allow: null,
        pages: new Map(),
        counters,
        log: recordingLog().log,
      }),
      (error) => error instanceof RingfenceError && /port \d+: another program has this port/.test(error.message),
    );
  });

  describe('where others may reach it', () => {
    const other = Object.values(networkInterfaces())
      .flat()
      .find((i) => i !== undefined && !i.internal && i.family === 'IPv4')?.address;

    it('answers this machine and those who are named, cuts off and counts the rest', async function () {
      if (other === undefined) {
        console.error('      skipped: this machine has no address beside loopback');
        this.skip();
      }
      await server.close();
      await serve(`${other}:0`, ['203.0.113.9', 'fd00::/8']);
      const socket = await open(other);
      let text = '';
      socket.on('data', (chunk) => (text += chunk.toString()));
      socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
      await sleep(200);
      assert.equal(text, '');
      assert.equal(counters.get('console.refused.source'), 1);
      await server.close();
      await serve(`${other}:0`, [other]);
      const mine = await open(other);
      mine.on('data', (chunk) => (text += chunk.toString()));
      mine.write('GET /healthz HTTP/1.1\r\nHost: pbx.example\r\n\r\n');
      await sleep(200);
      assert.match(text, /^HTTP\/1\.1 200 /, 'a name is fine here: no browser of this machine is led astray');
    });
  });
});
