import assert from 'node:assert/strict';
import { existsSync, lstatSync, mkdirSync, writeFileSync } from 'node:fs';
import { createConnection, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import {
  callControl,
  controlPath,
  startControl,
  type Control,
  type ControlHandlers,
} from '../../src/commands/control.ts';
import { Refusal } from '../../src/commands/control-methods.ts';
import { PeerError, RingfenceError } from '../../src/errors.ts';
import { until } from '../support/cli.ts';
import { recordingLog } from '../support/log.ts';
import { temporaryFolder } from '../support/temporary.ts';

interface Answer {
  readonly id: unknown;
  readonly ok: boolean;
  readonly code?: string;
  readonly message?: string;
  readonly result?: unknown;
}

describe('control socket', function () {
  this.timeout(20_000);
  const folder = temporaryFolder();
  const { log, logged } = recordingLog();
  const asked: unknown[] = [];
  let release: () => void = () => undefined;
  const handlers: ControlHandlers = {
    block: (params) => {
      asked.push(params);
      if (params.value === '112') throw new Refusal('emergency-number', '112 is never blocked');
      if (params.value === 'full') throw new RingfenceError('store-full', 'no room');
      if (params.value === 'bug') throw new TypeError('undefined is not a function');
      return { id: 'b1', value: params.value };
    },
    unblock: (params) => params,
    blocks: () => ({ text: 'x'.repeat(8_000_000) }),
    allow: () => new Promise<void>((resolve) => (release = resolve)),
    rotate: (params) => params,
    unrotate: (params) => params,
    media: (params) => params,
    pushKeys: (params) => params,
    keyInventory: (params) => params,
    gatewayFinding: (params) => params,
    gatewayReading: (params) => params,
    status: () => ({ pid: 1 }),
    reload: () => undefined,
  };
  let control: Control;
  let path = '';
  before(async () => {
    path = controlPath(folder.file('r.db'));
    control = await startControl(path, handlers, log);
  });
  after(() => control.close());

  const open = async (): Promise<Socket & { lines: () => Answer[] }> => {
    const socket = createConnection(path);
    socket.on('error', () => undefined);
    let text = '';
    socket.on('data', (bytes) => (text += bytes.toString()));
    await new Promise((resolve) => socket.once('connect', resolve));
    const lines = (): Answer[] =>
      text
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as Answer);
    return Object.assign(socket, { lines });
  };
  const exchange = async (bytes: string | Buffer, count = 1): Promise<Answer[]> => {
    const socket = await open();
    socket.write(bytes);
    await until('answers', () => socket.lines().length >= count || socket.destroyed, 5_000);
    socket.destroy();
    return socket.lines();
  };

  it('belongs to its user and group alone', () => {
    assert.equal(lstatSync(path).mode & 0o777, 0o660);
  });

  it('answers by the id of the question, several on one connection in their order', async () => {
    const block = (id: unknown, value: string): string =>
      `${JSON.stringify({ id, method: 'block', params: { kind: 'account', value } })}\n`;
    const answers = await exchange(`${block(7, '1004')}${block('a', '1005')}{"method":"status"}\n`, 3);
    assert.deepEqual(answers, [
      { id: 7, ok: true, result: { id: 'b1', value: '1004' } },
      { id: 'a', ok: true, result: { id: 'b1', value: '1005' } },
      { id: null, ok: true, result: { pid: 1 } },
    ]);
    assert.deepEqual(asked[0], { kind: 'account', value: '1004', lasts: null, why: '' });
  });

  it('takes a request that comes byte by byte', async () => {
    const socket = await open();
    for (const byte of Buffer.from('{"id":1,"method":"status"}\n')) {
      socket.write(Buffer.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await until('the answer', () => socket.lines().length === 1);
    assert.equal(socket.lines()[0]?.ok, true);
    socket.destroy();
  });

  const wrong: readonly (readonly [what: string, line: string | Buffer, code: string, message: RegExp])[] = [
    ['no JSON', 'hello\n', 'malformed', /one line of JSON/],
    ['an empty line', '\n', 'malformed', /one line of JSON/],
    ['bytes that are no UTF-8', Buffer.from([0x22, 0xff, 0xfe, 0x22, 10]), 'malformed', /UTF-8/],
    ['zeros', Buffer.alloc(1000, 0).fill(10, 999), 'malformed', /one line of JSON/],
    ['a number', '5\n', 'malformed', /object/],
    ['a list', '[]\n', 'malformed', /object/],
    ['deep lists', `${'['.repeat(30_000)}\n`, 'malformed', /./],
    ['deep lists that end', `${'['.repeat(30_000)}${']'.repeat(30_000)}\n`, 'malformed', /./],
    ['an unknown method', '{"id":1,"method":"exec"}\n', 'malformed', /method/],
    ['a method of objects', '{"id":1,"method":"constructor"}\n', 'malformed', /method/],
    ['a prototype', '{"id":1,"method":"block","__proto__":{"params":1}}\n', 'malformed', /./],
    ['a field too many', '{"id":1,"method":"status","user":"root"}\n', 'malformed', /user/],
    ['an id that is an object', '{"id":{},"method":"status"}\n', 'malformed', /id/],
    ['no parameters where some are needed', '{"id":1,"method":"block"}\n', 'malformed', /kind/],
    ['a kind that is none', '{"id":1,"method":"block","params":{"kind":"trunk","value":"1"}}\n', 'malformed', /kind/],
    [
      'a length that is no whole number',
      '{"id":1,"method":"block","params":{"kind":"account","value":"1","lasts":1.5}}\n',
      'malformed',
      /lasts/,
    ],
    [
      'everything and something at once',
      '{"id":1,"method":"unblock","params":{"all":true,"id":"abcd","why":""}}\n',
      'malformed',
      /./,
    ],
    [
      'what is refused',
      '{"id":1,"method":"block","params":{"kind":"number","value":"112"}}\n',
      'emergency-number',
      /never/,
    ],
    ['what fails', '{"id":1,"method":"block","params":{"kind":"account","value":"full"}}\n', 'store-full', /no room/],
  ];
  for (const [what, line, code, message] of wrong)
    it(`${what}: ${code}`, async () => {
      const [answer] = await exchange(line);
      assert.deepEqual([answer?.ok, answer?.code], [false, code]);
      assert.match(answer?.message ?? '', message);
    });

  it('a bug is answered and logged, and the socket goes on', async () => {
    const [answer] = await exchange('{"id":1,"method":"block","params":{"kind":"account","value":"bug"}}\n');
    assert.equal(answer?.code, 'bug');
    assert.ok(
      logged.some(({ level, message }) => level === 'error' && message.includes('undefined is not a function')),
    );
    assert.deepEqual(await callControl(path, 'status', {}, 1_000), { pid: 1 });
  });

  it('a line without an end is refused at 64 KiB and the connection closed', async () => {
    const socket = await open();
    const part = Buffer.alloc(16_384, 'x');
    let sent = 0;
    while (!socket.destroyed && socket.lines().length === 0 && sent < 4 << 20) {
      socket.write(part);
      sent += part.length;
      await new Promise((resolve) => setImmediate(resolve));
    }
    await until('it is closed', () => socket.destroyed || socket.readableEnded, 2_000);
    assert.equal(socket.lines()[0]?.code, 'too-long');
    socket.destroy();
  });

  it('half a line and an end: closed without an answer', async () => {
    const socket = await open();
    socket.end('{"id":1,"method":"status"');
    await until('it is closed', () => socket.destroyed, 2_000);
    assert.deepEqual(socket.lines(), []);
  });

  it('has sixteen connections at the most, and room again when one goes', async () => {
    const sockets = await Promise.all(Array.from({ length: 16 }, open));
    const [refused] = await exchange('{"id":1,"method":"status"}\n');
    assert.deepEqual([refused?.ok, refused?.code], [false, 'busy']);
    sockets[0]?.destroy();
    await until('there is room', async () => (await exchange('{"id":1,"method":"status"}\n'))[0]?.ok === true, 2_000);
    for (const socket of sockets) socket.destroy();
    await until('all are gone', async () => (await exchange('{"id":1,"method":"status"}\n'))[0]?.ok === true, 2_000);
  });

  it('a peer that does not read its answers is not served on, and others are', async () => {
    const slow = createConnection(path);
    slow.on('error', () => undefined);
    slow.pause();
    await new Promise((resolve) => slow.once('connect', resolve));
    const before = process.memoryUsage().external;
    for (let i = 0; i < 50; i++) slow.write('{"id":1,"method":"blocks"}\n');
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.ok(process.memoryUsage().external - before < 100 << 20, 'its 50 answers of 8 MB are not held');
    assert.deepEqual(await callControl(path, 'status', {}, 1_000), { pid: 1 });
    slow.destroy();
  });

  it('a question that takes long does not keep others from asking', async () => {
    const slow = callControl(path, 'allow', { account: '1004', lasts: 60_000, why: '' }, 10_000);
    await until('it is being worked on', async () => {
      await callControl(path, 'status', {}, 1_000);
      return true;
    });
    release();
    assert.equal(await slow, null);
  });

  describe('asking', () => {
    const failing = async (socketPath: string, timeout = 300): Promise<RingfenceError> => {
      try {
        await callControl(socketPath, 'status', {}, timeout);
      } catch (error) {
        assert.ok(error instanceof RingfenceError, String(error));
        return error;
      }
      return assert.fail('it was answered');
    };
    const stand = async (name: string, serve: (socket: Socket) => void): Promise<{ path: string; close(): void }> => {
      const sockets: Socket[] = [];
      const server = createServer((socket) => {
        socket.on('error', () => undefined);
        sockets.push(socket);
        serve(socket);
      });
      await new Promise<void>((resolve) => server.listen(folder.file(name), resolve));
      return {
        path: folder.file(name),
        close: () => {
          for (const socket of sockets) socket.destroy();
          server.close();
        },
      };
    };

    it('a refusal keeps its code and words', async () => {
      const refused = callControl(path, 'block', { kind: 'number', value: '112', lasts: null, why: '' }, 1_000);
      await assert.rejects(
        refused,
        (error: Refusal) => error.said === 'emergency-number' && error.message.includes('never'),
      );
    });

    it('nobody there: told within the time given', async () => {
      const began = Date.now();
      const error = await failing(folder.file('nobody.sock'));
      assert.equal(error.code, 'peer-unreachable');
      assert.ok(Date.now() - began < 2_000);
    });

    it('somebody who does not answer', async () => {
      const mute = await stand('mute.sock', () => undefined);
      assert.equal((await failing(mute.path)).code, 'peer-timeout');
      mute.close();
    });

    it('somebody who hangs up', async () => {
      const rude = await stand('rude.sock', (socket) => socket.destroy());
      assert.ok((await failing(rude.path)) instanceof PeerError);
      rude.close();
    });

    it('somebody else altogether', async () => {
      const other = await stand('other.sock', (socket) => socket.write('220 mail ready\r\n'));
      assert.equal((await failing(other.path)).code, 'peer-protocol');
      other.close();
    });

    it('a daemon that is just starting is waited for', async () => {
      const later = folder.file('later.sock');
      const asking = callControl(later, 'status', {}, 3_000);
      await new Promise((resolve) => setTimeout(resolve, 300));
      const started = await startControl(later, handlers, log);
      assert.deepEqual(await asking, { pid: 1 });
      started.close();
    });
  });

  describe('the place of the socket', () => {
    it('what a killed daemon left is replaced', async () => {
      const left = folder.file('left.sock');
      // bound, and gone without being removed: as after kill -9
      const { spawnSync } = await import('node:child_process');
      const script = `require('net').createServer().listen(${JSON.stringify(left)}, () => process.kill(process.pid, 'SIGKILL'))`;
      spawnSync(process.execPath, ['-e', script]);
      assert.ok(lstatSync(left).isSocket());
      const again = await startControl(left, handlers, log);
      assert.deepEqual(await callControl(left, 'status', {}, 1_000), { pid: 1 });
      again.close();
      assert.ok(!existsSync(left), 'taken away at the end');
    });

    it('a file of that name is nobody’s to delete', async () => {
      const file = folder.file('file.sock');
      writeFileSync(file, 'precious');
      await assert.rejects(startControl(file, handlers, log), /is in the way of the control socket/);
      assert.ok(existsSync(file));
    });

    it('a name too long for a socket address does all the same', async () => {
      const deep = join(folder.path, 'd'.repeat(100), 'e'.repeat(60));
      mkdirSync(deep, { recursive: true });
      const long = join(deep, 'ringfence.db.sock');
      const server = await startControl(long, handlers, log);
      assert.equal(lstatSync(long).mode & 0o777, 0o660);
      assert.deepEqual(await callControl(long, 'status', {}, 1_000), { pid: 1 });
      server.close();
      assert.ok(!existsSync(long));
    });

    it('a folder that is not there is said', async () => {
      await assert.rejects(
        startControl(folder.file('missing/x.sock'), handlers, log),
        /cannot be made.*check who owns its folder/,
      );
    });
  });
});
