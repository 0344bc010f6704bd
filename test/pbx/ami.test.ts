import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PeerError } from '../../src/errors.ts';
import type { ErrorCode } from '../../src/errors.ts';
import { bridgeTls } from '../../src/pbx/ami-bridge.ts';
import { connectAmi } from '../../src/pbx/ami.ts';
import type { AmiHeaders, AmiOptions, AmiSession } from '../../src/pbx/ami.ts';
import type { AmiMessage } from '../../src/wire/ami.ts';
import { FakeAmi, lines, list, response } from '../support/fake-ami.ts';
import { selfSigned } from '../support/self-signed.ts';

/** Each test here is about one thing that asterisk-manager, used as it comes, gets wrong or leaves out. */
describe('pbx/ami', () => {
  const open: { close(): unknown }[] = [];
  afterEach(async () => {
    for (const it of open.splice(0).reverse()) await it.close();
  });

  const fakeAmi = async (options: Parameters<typeof FakeAmi.listen>[0] = {}): Promise<FakeAmi> => {
    const fake = await FakeAmi.listen(options);
    open.push(fake);
    return fake;
  };

  interface Connected {
    readonly session: AmiSession;
    readonly events: AmiMessage[];
    readonly refused: string[];
    readonly closed: PeerError[];
  }
  const connect = async (fake: { port: number }, over: Partial<AmiOptions> = {}): Promise<Connected> => {
    const events: AmiMessage[] = [];
    const refused: string[] = [];
    const closed: PeerError[] = [];
    const session = await connectAmi(
      { host: '127.0.0.1', port: fake.port, username: 'ringfence', secret: 'right', actionMs: 1000, ...over },
      {
        event: (event) => events.push(event),
        refused: (reason) => refused.push(reason),
        closed: (error) => closed.push(error),
      },
    );
    open.push(session);
    return { session, events, refused, closed };
  };

  const until = async (what: string, done: () => boolean): Promise<void> => {
    for (let waited = 0; !done(); waited += 5) {
      if (waited > 3000) assert.fail(`did not happen: ${what}`);
      await sleep(5);
    }
  };
  const peerError =
    (code: ErrorCode, message: RegExp, retryable?: boolean) =>
    (error: unknown): true => {
      assert.ok(error instanceof PeerError, String(error));
      assert.equal(error.code, code, error.message);
      assert.match(error.message, message);
      if (retryable !== undefined) assert.equal(error.retryable, retryable);
      return true;
    };

  describe('connecting', () => {
    it('logs in, and events come from then on', async () => {
      const fake = await fakeAmi();
      const { session, events } = await connect(fake);
      assert.equal(session.version, '11.0.0');
      await until('FullyBooted', () => events.length === 1);
      assert.equal(events[0]!.get('Uptime'), '100');
      const [login] = fake.named('login');
      assert.equal(login!.get('Username'), 'ringfence');
      assert.equal(login!.get('Secret'), 'right');
    });

    it('a wrong password is not retryable and says what to do', async () => {
      const fake = await fakeAmi();
      await assert.rejects(
        connect(fake, { secret: 'wrong' }),
        peerError(
          'peer-refused',
          /refuses user "ringfence" \(Authentication failed\).*secret_file.*manager\.conf/,
          false,
        ),
      );
      assert.equal(fake.connections, 1);
    });

    const secrets: [string, Partial<AmiOptions>][] = [
      ['a secret with a line break', { secret: 'x\r\nAction: Originate' }],
      ['a user name with a line break', { username: 'x\r\nAction: Originate' }],
      ['an endless secret', { secret: 'x'.repeat(2000) }],
    ];
    for (const [sentence, over] of secrets) {
      it(`${sentence} never reaches the wire`, async () => {
        const fake = await fakeAmi();
        await assert.rejects(connect(fake, over), peerError('peer-protocol', /login cannot be sent/, false));
        assert.equal(fake.connections, 0);
      });
    }

    it('nothing listens there', async () => {
      const fake = await fakeAmi();
      const { port } = fake;
      await fake.close();
      await assert.rejects(connect({ port }), peerError('peer-unreachable', /ECONNREFUSED.*is Asterisk running/, true));
    });

    const strangers: [string, string | null, ErrorCode, RegExp][] = [
      [
        'a web server',
        'HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n',
        'peer-protocol',
        /is no Asterisk Manager/,
      ],
      ['a line that never ends', 'x'.repeat(5000), 'peer-protocol', /is no Asterisk Manager/],
      ['somebody who says nothing', null, 'peer-timeout', /sent no banner/],
    ];
    for (const [sentence, banner, code, message] of strangers) {
      it(`${sentence} is told apart from Asterisk`, async () => {
        const fake = await fakeAmi();
        fake.banner = banner;
        await assert.rejects(connect(fake, { connectMs: 200 }), peerError(code, message));
      });
    }

    it('is cut off before the banner', async () => {
      const server = createServer((socket) => socket.destroy());
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      open.push({ close: () => server.close() });
      await assert.rejects(
        connect({ port: (server.address() as AddressInfo).port }),
        peerError('peer-closed', /before its banner/, true),
      );
    });

    it('the login is never answered', async () => {
      const fake = await fakeAmi();
      fake.answers = () => true;
      await assert.rejects(
        connect(fake, { connectMs: 100 }),
        peerError('peer-timeout', /did not answer the login within 100 ms/, true),
      );
    });

    it('an answer to another ActionID is no login', async () => {
      const fake = await fakeAmi();
      fake.answers = (_, socket) => socket.write(lines('Response: Success', 'ActionID: error', 'Message: hello'));
      await assert.rejects(connect(fake), peerError('peer-refused', /hello/));
    });

    it('stops when it is told to', async () => {
      const fake = await fakeAmi();
      fake.banner = null;
      const stop = new AbortController();
      setTimeout(() => stop.abort(), 50);
      await assert.rejects(connect(fake, { signal: stop.signal }), peerError('peer-closed', /closed by us/));
    });
  });

  describe('actions', () => {
    it('ActionID is ours and stands second, whatever the headers', async () => {
      const fake = await fakeAmi();
      fake.answers = (action, socket) => action.name === 'DBPut' && socket.write(response(action));
      const { session } = await connect(fake);
      await session.action('DBPut', [
        ['Family', 'ringfence/address'],
        ['Key', '203.0.113.7'],
        ['Val', '1795285803'],
        ['Actionx', 'x'],
      ]);
      const [put] = fake.named('DBPut');
      assert.equal(put!.lines[0], 'Action: DBPut');
      assert.match(put!.lines[1]!, /^ActionID: ringfence-[0-9a-f]{12}-1$/);
      assert.deepEqual([...put!.lines.slice(2)].sort(), [
        'Actionx: x',
        'Family: ringfence/address',
        'Key: 203.0.113.7',
        'Val: 1795285803',
      ]);
    });

    it('many at once get each their own answer', async () => {
      const fake = await fakeAmi();
      const held: (() => void)[] = [];
      fake.answers = (action, socket) =>
        action.name === 'Getvar' &&
        held.push(() => socket.write(response(action, `Value: ${action.get('Variable')}`))) > 0;
      const { session } = await connect(fake);
      const asked = Array.from({ length: 200 }, (_, i) => session.action('Getvar', [['Variable', `v${i}`]]));
      await until('all have arrived', () => held.length === 200);
      for (const answer of held.reverse()) answer();
      const answers = await Promise.all(asked);
      assert.deepEqual(
        answers.map((answer) => answer.get('Value')),
        Array.from({ length: 200 }, (_, i) => `v${i}`),
      );
    });

    it('an Error is an answer too', async () => {
      const fake = await fakeAmi();
      const { session } = await connect(fake);
      const answer = await session.action('DBDel', [
        ['Family', 'x'],
        ['Key', 'y'],
      ]);
      assert.equal(answer.name, 'Error');
    });

    const unsendable: [string, string, AmiHeaders, RegExp][] = [
      ['CRLF in a value', 'DBPut', [['Val', 'x\r\nAction: Originate\r\nApplication: System']], /CR, LF or NUL/],
      ['a bare LF in a value', 'DBPut', [['Val', 'x\nAction: Originate']], /CR, LF or NUL/],
      ['CRLF in a name', 'DBPut', [['Val: x\r\nAction', 'Originate']], /cannot be the name/],
      ['CRLF in the action', 'Ping\r\nAction: Originate', [], /CR, LF or NUL/],
      ['a value that Asterisk would cut', 'DBPut', [['Val', 'x'.repeat(1000)]], /limit is 1000/],
      ['a value that Asterisk would cut, in bytes', 'DBPut', [['Val', 'ü'.repeat(500)]], /limit is 1000/],
      ['too many headers', 'DBPut', Array.from({ length: 130 }, (_, i) => [`H${i}`, 'x'] as const), /headers/],
      ['a second ActionID', 'DBPut', [['actionid', '7']], /second/],
      [
        'a header twice, of which the package keeps one',
        'Originate',
        [
          ['Variable', 'a=1'],
          ['variable', 'b=2'],
        ],
        /twice/,
      ],
      ['a header that the package would put before ActionID', 'Originate', [['Account', '100']], /before ActionID/],
      ['a header that is no key of an object', 'DBPut', [['__proto__', 'x']], /cannot be sent/],
    ];
    for (const [sentence, name, headers, message] of unsendable) {
      it(`${sentence} is refused and nothing is sent`, async () => {
        const fake = await fakeAmi();
        const { session } = await connect(fake);
        await assert.rejects(session.action(name, headers), peerError('peer-protocol', message, false));
        await session.action('Ping');
        assert.deepEqual(
          fake.actions.map((action) => action.name.toLowerCase()),
          ['login', 'ping'],
        );
      });
    }

    it('one that is never answered is given up, and its late answer disturbs nobody', async () => {
      const fake = await fakeAmi();
      const { session, events } = await connect(fake, { actionMs: 100 });
      fake.answers = (action) => action.name === 'CoreStatus';
      await assert.rejects(session.action('CoreStatus'), peerError('peer-timeout', /CoreStatus within 100 ms/, true));
      const [late] = fake.named('CoreStatus');
      fake.write(response(late!) + lines('Event: Late', `ActionID: ${late!.id}`) + lines('Event: News'));
      await until('news', () => events.some((event) => event.name === 'News'));
      assert.ok(!events.some((event) => event.name === 'Late'));
      assert.equal((await session.action('Ping')).get('Ping'), 'Pong');
    });

    it('leaves nothing behind in the package, answered or not', async () => {
      const kept: [EventEmitter, string][] = [];
      // eslint-disable-next-line @typescript-eslint/unbound-method -- called with the emitter below
      const once = EventEmitter.prototype.once;
      EventEmitter.prototype.once = function (this: EventEmitter, name, listener) {
        if (String(name).startsWith('ringfence-')) kept.push([this, String(name)]);
        return once.call(this, name, listener);
      };
      open.push({ close: () => (EventEmitter.prototype.once = once) });
      const fake = await fakeAmi();
      const { session, closed } = await connect(fake, { actionMs: 50 });
      fake.answers = (action) => action.name === 'CoreStatus';
      await session.action('Ping');
      await assert.rejects(session.action('CoreStatus'));
      session.action('CoreStatus').catch(() => undefined);
      session.close();
      await until('the end', () => closed.length === 1);
      assert.equal(kept.length, 3);
      for (const [emitter, id] of kept) assert.equal(emitter.listenerCount(id), 0, id);
    });

    it('all that wait are rejected when the connection goes', async () => {
      const fake = await fakeAmi();
      const { session, closed } = await connect(fake);
      fake.answers = () => true;
      const waiting = [session.action('CoreStatus'), session.list('PJSIPShowEndpoints'), session.action('Ping')];
      await until('all have arrived', () => fake.actions.length === 4);
      fake.sockets[0]!.destroy();
      for (const outcome of await Promise.allSettled(waiting)) {
        assert.equal(outcome.status, 'rejected');
        peerError('peer-closed', /closed the connection/, true)(outcome.reason);
      }
      assert.equal(closed.length, 1);
      await assert.rejects(session.action('Ping'), peerError('peer-closed', /closed the connection/, true));
    });

    it('all that wait are rejected when we close', async () => {
      const fake = await fakeAmi();
      const { session, closed } = await connect(fake);
      fake.answers = () => true;
      const waiting = session.action('CoreStatus');
      session.close();
      await assert.rejects(waiting, peerError('peer-closed', /closed by us/));
      assert.equal(closed.length, 1);
    });
  });

  describe('lists', () => {
    it('items are told by their ActionID, whatever comes between', async () => {
      const fake = await fakeAmi();
      fake.answers = (action, socket) => {
        if (action.name !== 'PJSIPShowContacts') return false;
        const text = list(
          action,
          ['Event: ContactList', 'Uri: sip:a@192.0.2.1'],
          ['Event: ContactList', 'Uri: sip:b@192.0.2.2'],
        );
        return (
          socket.write(
            text.replace('Event: ContactList', `${lines('Event: Newchannel', 'Channel: PJSIP/1-1')}Event: ContactList`),
          ) || true
        );
      };
      const { session, events } = await connect(fake);
      const [one, two] = await Promise.all([session.list('PJSIPShowContacts'), session.list('PJSIPShowContacts')]);
      assert.deepEqual(
        one.map((item) => item.get('Uri')),
        ['sip:a@192.0.2.1', 'sip:b@192.0.2.2'],
      );
      assert.equal(two.length, 2);
      assert.deepEqual(
        events.map((event) => event.name),
        ['FullyBooted', 'Newchannel', 'Newchannel'],
      );
    });

    it('"none found" is an empty list, another Error is one', async () => {
      const fake = await fakeAmi();
      const { session } = await connect(fake);
      assert.deepEqual(await session.list('DBGetTree', [['Family', 'ringfence']]), []);
      fake.answers = (action, socket) =>
        socket.write(
          lines(
            'Response: Error',
            `ActionID: ${action.id}`,
            action.name === 'PJSIPShowContacts' ? 'Message: No Contacts found' : 'Message: Permission denied',
          ),
        ) || true;
      assert.deepEqual(await session.list('PJSIPShowContacts'), []);
      await assert.rejects(
        session.list('CoreShowChannels'),
        peerError('peer-refused', /Permission denied.*write = system/, false),
      );
    });

    it('an action that lists nothing is told', async () => {
      const fake = await fakeAmi();
      const { session } = await connect(fake);
      await assert.rejects(session.list('Ping'), peerError('peer-protocol', /Ping is no list action/));
    });

    it('one that stops in the middle is given up, one that is slow but goes on is not', async () => {
      const fake = await fakeAmi();
      fake.answers = (action, socket) => {
        if (action.name !== 'Slow' && action.name !== 'Stuck') return false;
        socket.write(response(action, 'EventList: start'));
        let items = 0;
        const timer = setInterval(() => {
          socket.write(lines('Event: Item', `ActionID: ${action.id}`));
          if (++items < 4) return;
          clearInterval(timer);
          if (action.name === 'Slow')
            socket.write(lines('Event: SlowComplete', `ActionID: ${action.id}`, 'EventList: Complete'));
        }, 100);
        return true;
      };
      const { session } = await connect(fake, { actionMs: 250 });
      assert.equal((await session.list('Slow')).length, 4);
      await assert.rejects(session.list('Stuck'), peerError('peer-timeout', /Stuck within 250 ms/));
    });

    it('one that Asterisk breaks off', async () => {
      const fake = await fakeAmi();
      const { session } = await connect(fake);
      fake.answers = (action, socket) =>
        socket.write(
          response(action, 'EventList: start') + lines('Event: X', `ActionID: ${action.id}`, 'EventList: cancelled'),
        );
      await assert.rejects(session.list('DBGetTree'), peerError('peer-refused', /broke the list/, true));
    });
  });

  describe('what comes over the wire', () => {
    it("events named like the package's own change nothing", async function () {
      this.timeout(5000); // "Event: rawevent" would run for ever
      const fake = await fakeAmi();
      const { session, events, closed } = await connect(fake);
      const names = ['Close', 'close', 'error', 'end', 'connect', 'rawevent', 'managerevent', 'response'];
      fake.write(names.map((name) => lines(`Event: ${name}`)).join(''));
      fake.write(lines('Response: Success', 'ActionID: close') + lines('Response: Error', 'ActionID: error'));
      await until('all events', () => events.length === names.length + 1);
      assert.deepEqual(
        events.slice(1).map((event) => event.name),
        names,
      );
      assert.equal((await session.action('Ping')).get('Ping'), 'Pong');
      assert.equal(closed.length, 0);
    });

    it('an answer of 40,000 lines is whole and does not block', async () => {
      const fake = await fakeAmi();
      const output = Array.from({ length: 40_000 }, (_, i) => `Output: line ${i} ${'x'.repeat(40)}`);
      fake.answers = (action, socket) =>
        action.name === 'Command' &&
        (socket.write(response(action, 'Message: Command output follows', ...output)) || true);
      const { session } = await connect(fake, { actionMs: 5000 });
      let longest = 0;
      let last = performance.now();
      const timer = setInterval(() => {
        longest = Math.max(longest, performance.now() - last);
        last = performance.now();
      }, 1);
      const answer = await session.action('Command', [['Command', 'core show']]);
      clearInterval(timer);
      assert.equal(answer.all('Output').length, 40_000);
      assert.equal(answer.all('Output')[39_999], `line 39999 ${'x'.repeat(40)}`);
      assert.ok(longest < 500, `blocked for ${longest} ms`);
    });

    it('garbage is refused with a reason, and the session goes on', async () => {
      const fake = await fakeAmi();
      const { session, events, refused } = await connect(fake);
      fake.write(Buffer.from([0, 255, 13, 10, 7, 13, 10, 13, 10]));
      fake.write(`${'x'.repeat(3_000_000)}\r\n\r\n${lines('Event: After')}`);
      await until('the event after it', () => events.some((event) => event.name === 'After'));
      assert.equal(refused.length, 2);
      assert.match(refused[1]!, /too long/);
      assert.equal((await session.action('Ping')).get('Ping'), 'Pong');
    });

    it('a line without an end does not fill the memory', async () => {
      const fake = await fakeAmi();
      const { session, refused } = await connect(fake);
      const chunk = Buffer.alloc(1_000_000, 'x');
      for (let i = 0; i < 100; i++) await new Promise((resolve) => fake.sockets[0]!.write(chunk, resolve));
      await until('it is refused', () => refused.length === 1);
      global.gc?.();
      assert.ok(process.memoryUsage().arrayBuffers < 300_000_000);
      fake.write(`\r\n\r\n`);
      assert.equal((await session.action('Ping')).get('Ping'), 'Pong');
    });

    it('headers keep their case, order and repeats, and their bytes in pieces', async () => {
      const fake = await fakeAmi();
      const { events } = await connect(fake);
      const text = lines(
        'Event: UserEvent',
        'constructor: a',
        '__proto__: b',
        'CallerIDName: Jörg Müller ☎',
        'ChanVariable: A=1=2',
        'ChanVariable: B=',
        'Empty:',
        'Variable: x',
      );
      for (const byte of Buffer.from(text)) {
        fake.write(Buffer.from([byte]));
        await new Promise((resolve) => setImmediate(resolve));
      }
      await until('the event', () => events.length === 2);
      const event = events[1]!;
      assert.equal(event.get('CallerIDName'), 'Jörg Müller ☎');
      assert.equal(event.get('constructor'), 'a');
      assert.equal(event.get('__proto__'), 'b');
      assert.equal(event.get('Empty'), '');
      assert.deepEqual(
        [...event.variables()],
        [
          ['A', '1=2'],
          ['B', ''],
        ],
      );
      assert.deepEqual(
        event.entries.map(([name]) => name),
        ['Event', 'constructor', '__proto__', 'CallerIDName', 'ChanVariable', 'ChanVariable', 'Empty', 'Variable'],
      );
    });
  });

  describe('a peer that is gone', () => {
    it('without a word is found out by Ping', async () => {
      const fake = await fakeAmi();
      const { session, closed } = await connect(fake, { pingMs: 50, actionMs: 100 });
      await until('some Pings', () => fake.named('Ping').length >= 2);
      fake.answers = () => true;
      const waiting = session.action('CoreStatus').catch((error: unknown) => error);
      await until('the end', () => closed.length === 1);
      assert.equal(closed[0]!.code, 'peer-timeout');
      assert.ok((await waiting) instanceof PeerError);
    });
  });

  describe('TLS', () => {
    const identity = selfSigned();

    it('goes over a private socket that is gone again once it is used', async () => {
      const fake = await fakeAmi({ tls: identity });
      const bridge = await bridgeTls({ host: '127.0.0.1', port: fake.port, ca: identity.cert }, 1000);
      open.push(bridge);
      assert.equal(statSync(dirname(bridge.path)).mode & 0o777, 0o700);
      const first = createConnection(bridge.path);
      await new Promise((resolve) => first.once('data', resolve));
      assert.ok(!existsSync(dirname(bridge.path)));
      const second = createConnection(bridge.path);
      await assert.rejects(
        new Promise((resolve, reject) => second.once('connect', resolve).once('error', reject)),
        /ENOENT/,
      );
      first.destroy();
      await until('the TLS side ends too', () => fake.sockets[0]!.destroyed);
    });

    it('does all that a plain connection does', async () => {
      const fake = await fakeAmi({ tls: identity });
      const { session, events } = await connect(fake, { tls: { ca: identity.cert } });
      assert.equal((await session.action('Ping')).get('Ping'), 'Pong');
      await until('an event', () => events.length === 1);
      assert.deepEqual(
        readdirSync(tmpdir()).filter((name) => name.startsWith('ringfence-ami-')),
        [],
      );
    });

    it('a long answer comes through whole', async () => {
      const fake = await fakeAmi({ tls: identity });
      fake.answers = (action, socket) =>
        action.name === 'Big' &&
        (socket.write(list(action, ...Array.from({ length: 20_000 }, (_, i) => ['Event: Item', `N: ${i}`]))) || true);
      const { session } = await connect(fake, { tls: { ca: identity.cert } });
      assert.equal((await session.list('Big')).at(-1)!.get('N'), '19999');
    });

    it('is told when the other end goes, and when we do', async () => {
      const fake = await fakeAmi({ tls: identity });
      const { closed } = await connect(fake, { tls: { ca: identity.cert } });
      fake.sockets[0]!.destroy();
      await until('the end', () => closed.length === 1);
      const second = await connect(fake, { tls: { ca: identity.cert } });
      second.session.close();
      await until('the end on the other side', () => fake.sockets[1]!.destroyed);
    });

    it('a certificate that nobody vouches for is refused, and says what to do', async () => {
      const fake = await fakeAmi({ tls: identity });
      await assert.rejects(connect(fake, { tls: {} }), peerError('peer-refused', /TLS failed.*ca_file/, false));
      assert.equal(fake.actions.length, 0);
    });

    it('a certificate for another name is refused', async () => {
      const fake = await fakeAmi({ tls: identity });
      await assert.rejects(
        connect(fake, { tls: { ca: identity.cert, servername: 'pbx.example.com' } }),
        peerError('peer-refused', /TLS failed/, false),
      );
    });

    it('the plain port', async () => {
      const fake = await fakeAmi();
      await assert.rejects(connect(fake, { tls: {} }), peerError('peer-refused', /is this the TLS port/));
    });

    it('nothing listens there', async () => {
      const fake = await fakeAmi();
      const { port } = fake;
      await fake.close();
      await assert.rejects(connect({ port }, { tls: {} }), peerError('peer-unreachable', /ECONNREFUSED/, true));
    });
  });
});
