import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { keepAmi } from '../../src/pbx/ami.ts';
import type { AmiChange, AmiKeeper, KeepOptions } from '../../src/pbx/ami.ts';
import type { AmiMessage } from '../../src/wire/ami.ts';
import { FakeAmi, lines, list } from '../support/fake-ami.ts';
import { recordingLog } from '../support/log.ts';
import type { Logged } from '../support/log.ts';

describe('pbx/ami-keep', () => {
  const open: { close(): unknown }[] = [];
  afterEach(async () => {
    for (const it of open.splice(0).reverse()) await it.close();
  });

  const fakeAmi = async (port?: number): Promise<FakeAmi> => {
    const fake = await FakeAmi.listen(port === undefined ? {} : { port });
    open.push(fake);
    return fake;
  };

  interface Kept {
    readonly keeper: AmiKeeper;
    readonly changes: AmiChange[];
    readonly events: AmiMessage[];
    readonly logged: Logged[];
    readonly kinds: () => string;
  }
  const keep = (port: number, over: Partial<KeepOptions> = {}): Kept => {
    const changes: AmiChange[] = [];
    const events: AmiMessage[] = [];
    const { log, logged } = recordingLog();
    const keeper = keepAmi(
      {
        host: '127.0.0.1',
        port,
        username: 'ringfence',
        secret: 'right',
        actionMs: 500,
        connectMs: 500,
        firstMs: 20,
        ceilingMs: 100,
        ...over,
      },
      { event: (event) => events.push(event), changed: (change) => changes.push(change) },
      log,
    );
    open.push(keeper);
    return { keeper, changes, events, logged, kinds: () => changes.map((change) => change.kind).join(' ') };
  };

  const until = async (what: string, done: () => boolean): Promise<void> => {
    for (let waited = 0; !done(); waited += 5) {
      if (waited > 3000) assert.fail(`did not happen: ${what}`);
      await sleep(5);
    }
  };

  it('tells that the PBX is up, once its state is read', async () => {
    const fake = await fakeAmi();
    const { keeper, kinds, changes } = keep(fake.port);
    await until('up', () => kinds() === 'up');
    assert.deepEqual(changes[0]?.kind === 'up' && changes[0].state, { endpoints: [], contacts: [], channels: [] });
    assert.equal(keeper.health().state, 'up');
    assert.equal((await keeper.session!.action('Ping')).get('Ping'), 'Pong');
  });

  it('comes up by itself when Asterisk starts later', async () => {
    const early = await fakeAmi();
    const { port } = early;
    await early.close();
    const { keeper, kinds, logged } = keep(port);
    await until('a failure', () => keeper.health().lastError !== null);
    assert.equal(keeper.health().state, 'connecting');
    await fakeAmi(port);
    await until('up', () => kinds() === 'up');
    assert.match(logged[0]!.message, /ECONNREFUSED.*trying again in/);
    assert.equal(logged.filter((line) => line.level === 'warn').length, 1, 'the same failure is logged once a minute');
  });

  it('a lost connection is made again at once, and is no restart', async () => {
    const fake = await fakeAmi();
    const { keeper, kinds } = keep(fake.port);
    await until('up', () => kinds() === 'up');
    const began = Date.now();
    fake.sockets[0]!.destroy();
    await until('down', () => kinds() === 'up down');
    assert.equal(keeper.session, null);
    await until('up again', () => kinds() === 'up down up');
    assert.ok(Date.now() - began < 1000);
  });

  it('a restart is told by Uptime', async () => {
    const fake = await fakeAmi();
    const { kinds } = keep(fake.port);
    await until('up', () => kinds() === 'up');
    fake.uptime = 0;
    fake.sockets[0]!.destroy();
    await until('restarted', () => kinds() === 'up down restarted');
    fake.sockets[1]!.destroy();
    await until('up, the same start', () => kinds() === 'up down restarted down up');
  });

  it('half a message at the end of one session is no part of the next', async () => {
    const fake = await fakeAmi();
    const { kinds, events } = keep(fake.port);
    await until('up', () => kinds() === 'up');
    await new Promise((resolve) => fake.sockets[0]!.write('Event: Newchannel\r\nChannel: PJSIP/1004-0', resolve));
    fake.sockets[0]!.end();
    await until('up again', () => kinds() === 'up down up');
    fake.write(lines('Event: Hangup', 'Channel: PJSIP/1005-1'));
    await until('the event', () => events.some((event) => event.name === 'Hangup'));
    assert.deepEqual(
      events.map((event) => event.name),
      ['FullyBooted', 'FullyBooted', 'Hangup'],
    );
    assert.equal(events[2]!.entries.length, 2);
  });

  it('waits until Asterisk has booted before it reads its state', async () => {
    const fake = await fakeAmi();
    fake.uptime = null;
    const { kinds } = keep(fake.port);
    await until('the login', () => fake.named('login').length === 1);
    await sleep(100);
    assert.equal(fake.named('CoreShowChannels').length, 0);
    fake.write(lines('Event: FullyBooted', 'Uptime: 0'));
    await until('up', () => kinds() === 'up');
  });

  it('an account that is told no FullyBooted works, and says what is missing', async () => {
    const fake = await fakeAmi();
    fake.uptime = null;
    const { kinds, logged } = keep(fake.port, { bootMs: 50 });
    await until('up', () => kinds() === 'up');
    assert.match(logged.map((line) => line.message).join('\n'), /add "system" to read/);
  });

  it('a wrong password is told at once, and not tried again soon', async () => {
    const fake = await fakeAmi();
    fake.secret = 'changed';
    const { keeper, logged, kinds } = keep(fake.port, { refusedMs: 300 });
    await until('refused', () => keeper.health().state === 'refused');
    assert.equal(logged[0]!.level, 'error');
    assert.match(logged[0]!.message, /refuses user "ringfence".*secret_file.*trying again in 0\.3 s/);
    await sleep(200);
    assert.equal(fake.connections, 1);
    fake.secret = 'right';
    await until('up once it is mended', () => kinds() === 'up');
    assert.equal(fake.connections, 2);
  });

  it('who lets us in and throws us out is not hammered', async () => {
    const fake = await fakeAmi();
    const { kinds } = keep(fake.port, { firstMs: 50, ceilingMs: 200 });
    fake.answers = (action, socket) => {
      if (action.name === 'CoreShowChannels') setTimeout(() => socket.destroy(), 20);
      return false;
    };
    await sleep(1000);
    assert.ok(fake.connections >= 2 && fake.connections <= 9, `${fake.connections} connections`);
    assert.ok(kinds().startsWith('up down up'));
  });

  it('a PBX that does not allow what is needed is told', async () => {
    const fake = await fakeAmi();
    fake.answers = (action, socket) =>
      action.name === 'CoreShowChannels' &&
      (socket.write(lines('Response: Error', `ActionID: ${action.id}`, 'Message: Permission denied')) || true);
    const { keeper } = keep(fake.port);
    await until('refused', () => keeper.health().state === 'refused');
    assert.match(keeper.health().lastError!.message, /CoreShowChannels: Permission denied.*write = system/);
  });

  it('closing ends it, in whatever state', async () => {
    const fake = await fakeAmi();
    const up = keep(fake.port);
    await until('up', () => up.kinds() === 'up');
    await up.keeper.close();
    assert.equal(up.keeper.health().state, 'closed');
    assert.equal(up.kinds(), 'up');
    await until('the other side sees it', () => fake.sockets[0]!.destroyed);

    fake.banner = null;
    const connecting = keep(fake.port, { connectMs: 60_000 });
    await until('connected', () => fake.connections === 2);
    await connecting.keeper.close();

    fake.banner = 'Asterisk Call Manager/11.0.0\r\n';
    fake.secret = 'changed';
    const refused = keep(fake.port);
    await until('refused', () => refused.keeper.health().state === 'refused');
    await refused.keeper.close();
  });

  it('reads endpoints with what leads to them, contacts and channels', async () => {
    const fake = await fakeAmi();
    const tree = (key: string, value: string): string[] => ['Event: DBGetTreeResponse', `Key: ${key}`, `Val: ${value}`];
    const stored = (uri: string, endpoint: string): string =>
      JSON.stringify({
        via_addr: '10.9.9.9',
        call_id: 'c1@phone',
        endpoint,
        uri,
        user_agent: 'Desk 1',
        expiration_time: '1795286351',
      });
    const answers: Record<string, string[][]> = {
      PJSIPShowEndpoints: [
        [
          'Event: EndpointList',
          'ObjectType: endpoint',
          'ObjectName: 1001',
          'Aor: 1001,desk-1001',
          'Auths: 1001-auth',
          'Contacts: x',
        ],
        ['Event: EndpointList', 'ObjectType: endpoint', 'ObjectName: carrier', 'Aor: ', 'Auths: ', 'Contacts: '],
      ],
      PJSIPShowAuths: [['Event: AuthList', 'ObjectName: 1001-auth', 'Username: alice', 'Password: never-kept']],
      DBGetTree: [
        tree(
          '/registrar/contact/1001;@176f44',
          stored('sip:1001@198.51.100.7:44773;x-ast-orig-host=10.9.9.9:5060', '1001'),
        ),
        tree('/registrar/contact/1002;@aaaa', stored('sip:1002@[2001:db8::7]', '1002')),
        tree('/registrar/contact/1003;@bbbb', '{"uri": broken'),
        tree('/registrarXcontact/1004;@cccc', stored('sip:1004@192.0.2.1', '1004')),
      ],
      PJSIPShowEndpoint: [],
      CoreShowChannels: [
        [
          'Event: CoreShowChannel',
          'Channel: PJSIP/1001-0000002a',
          'ChannelStateDesc: Up',
          'CallerIDNum: 1001',
          'Exten: 0037112345678',
          'Uniqueid: 1795285803.0',
          'Linkedid: 1795285803.0',
          'Duration: 00:01:07',
        ],
      ],
    };
    fake.answers = (action, socket) => {
      const items = answers[action.name];
      if (items === undefined) return false;
      const detail = [
        [
          'Event: EndpointDetail',
          `ObjectName: ${action.get('Endpoint')}`,
          `RewriteContact: ${action.get('Endpoint') === '1002' ? 'false' : 'true'}`,
        ],
      ];
      return socket.write(list(action, ...(action.name === 'PJSIPShowEndpoint' ? detail : items))) || true;
    };
    const { changes } = keep(fake.port);
    await until('up', () => changes.length === 1);
    const [change] = changes;
    assert.ok(change?.kind === 'up');
    const { endpoints, contacts, channels } = change.state;
    assert.deepEqual(endpoints, [
      { endpoint: '1001', aliases: ['desk-1001', 'alice'] },
      { endpoint: 'carrier', aliases: [] },
    ]);
    const common = { userAgent: 'Desk 1', callId: 'c1@phone', expiresAt: 1_795_286_351_000 };
    assert.deepEqual(contacts, [
      {
        ...common,
        aor: '1001',
        endpoint: '1001',
        contact: 'sip:1001@198.51.100.7:44773;x-ast-orig-host=10.9.9.9:5060',
        source: '198.51.100.7',
        sourcePort: 44773,
      },
      { ...common, aor: '1002', endpoint: '1002', contact: 'sip:1002@[2001:db8::7]', source: null, sourcePort: 0 },
    ]);
    assert.equal(channels.length, 1);
    const { startedAt, ...channel } = channels[0]!;
    assert.ok(Math.abs(Date.now() - 67_000 - startedAt) < 3000);
    assert.deepEqual(channel, {
      channel: 'PJSIP/1001-0000002a',
      uniqueid: '1795285803.0',
      linkedid: '1795285803.0',
      dialled: '0037112345678',
      from: '1001',
      answered: true,
    });
    assert.ok(!JSON.stringify(change.state).includes('never-kept'));
  });

  it('reads contacts of a PBX whose AstDB holds none', async () => {
    const fake = await fakeAmi();
    fake.answers = (action, socket) =>
      action.name === 'PJSIPShowContacts' &&
      (socket.write(
        list(action, [
          'Event: ContactList',
          'ObjectName: 1001;@176f44',
          'Endpoint: 1001',
          'Uri: sip:1001@192.0.2.7:5060',
          'UserAgent: Desk 1',
          'CallId: c1',
          'ExpirationTime: 1795286351',
          'ViaAddr: 10.9.9.9',
        ]),
      ) ||
        true);
    const { changes } = keep(fake.port);
    await until('up', () => changes.length === 1);
    assert.deepEqual(changes[0]?.kind === 'up' && changes[0].state.contacts, [
      {
        aor: '1001',
        endpoint: '1001',
        contact: 'sip:1001@192.0.2.7:5060',
        source: null,
        sourcePort: 0,
        userAgent: 'Desk 1',
        callId: 'c1',
        expiresAt: 1_795_286_351_000,
      },
    ]);
  });
});
