import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadConfig } from '../../src/config.ts';
import { RunHealth } from '../../src/commands/run-health.ts';
import { watchdogEvery } from '../../src/commands/systemd.ts';
import { Counters } from '../../src/counters.ts';
import { openStore } from '../../src/store/index.ts';
import { encodeHep } from '../../src/wire/hep.ts';
import { Daemon, jsonLines, readText, until, writeSettings } from '../support/cli.ts';
import { FakeAmi } from '../support/fake-ami.ts';
import { recordingLog } from '../support/log.ts';
import { promtool } from '../support/promtool.ts';
import { Station, type Packet } from '../support/sip-builder.ts';
import { temporaryFolder } from '../support/temporary.ts';

const HEP = { protocol: 17, captureId: 7, payloadType: 1, authKey: null, correlationId: null, nodeName: null };

describe('ringfence run: metrics and health', function () {
  this.timeout(60_000);
  const folder = temporaryFolder();
  let ami: FakeAmi;
  const daemons: Daemon[] = [];
  const run = async (more: string, options: Parameters<typeof Daemon.start>[1] = {}): Promise<Daemon> => {
    const daemon = await Daemon.start(['--config', writeSettings(folder.path, more)], options);
    daemons.push(daemon);
    return daemon;
  };
  const withAmi = (): string => {
    writeFileSync(folder.file('ami.secret'), 'right\n', { mode: 0o600 });
    return `[console]\nlisten = "127.0.0.1:0"\n[asterisk.ami]\nport = ${ami.port}\nsecret_file = "ami.secret"\n`;
  };
  const placeOf = async (daemon: Daemon): Promise<string> => {
    const told = (): string | undefined => /health at (http:\/\/127\.0\.0\.1:\d+)/.exec(daemon.stderr)?.[1];
    await until(`its pages\n${daemon.stderr}`, () => told() !== undefined);
    return told() ?? '';
  };
  const get = async (url: string): Promise<{ status: number; text: string }> => {
    const answer = await fetch(url);
    return { status: answer.status, text: await answer.text() };
  };
  const valueOf = (text: string, series: string): number | undefined => {
    const line = text.split('\n').find((one) => one.startsWith(`${series} `));
    return line === undefined ? undefined : Number(line.slice(series.length + 1));
  };

  beforeEach(async () => (ami = await FakeAmi.listen()));
  afterEach(async () => {
    for (const daemon of daemons.splice(0)) await daemon.end('SIGKILL');
    await ami.close();
  });

  it('is ready while it is logged in to Asterisk, and well either way', async () => {
    ami.secret = 'another';
    const daemon = await run(withAmi(), { ready: false });
    const place = await placeOf(daemon);
    assert.deepEqual(await get(`${place}/readyz`), { status: 503, text: 'not ready\n' });
    assert.deepEqual(await get(`${place}/healthz`), { status: 200, text: 'ok\n' });
    assert.equal(valueOf((await get(`${place}/metrics`)).text, 'ringfence_ami_state{state="refused"}'), 1);
    assert.equal((await daemon.end()).status, 0);
    ami.secret = 'right';
    const again = await run(withAmi());
    const other = await placeOf(again);
    assert.deepEqual(await get(`${other}/readyz`), { status: 200, text: 'ready\n' });
    const { text } = await get(`${other}/metrics`);
    assert.equal(valueOf(text, 'ringfence_ami_state{state="up"}'), 1);
    assert.ok((valueOf(text, 'ringfence_ami_round_trip_seconds') ?? 9) < 5);
    await ami.close();
    await until('that it is not ready', async () => (await get(`${other}/readyz`)).status === 503);
    assert.equal((await again.end()).status, 0);
  });

  it('metrics of a flood of inventions: right, few, and without a name of it; promtool takes them', async function () {
    const daemon = await run(`${withAmi()}[hep]\nlisten = ["udp:127.0.0.1:0"]\n`);
    const place = await placeOf(daemon);
    const port = Number(/listening for mirrored SIP on udp:127\.0\.0\.1:(\d+)/.exec(daemon.stderr)?.[1]);
    const socket = createSocket('udp4');
    const send = ({ path, payload }: Packet): void =>
      socket.send(encodeHep({ ...HEP, ...path, seenAt: Date.now(), payload }), port, '127.0.0.1');
    const first = new Set((await get(`${place}/metrics`)).text.split('\n').map((line) => line.replace(/ \S+$/, '')));
    for (let i = 0; i < 1_500; i++) {
      const user = `evil"{}\\${i}`;
      // half of them from everywhere, the other half from one
      const guess = new Station(i % 2 === 0 ? `203.0.${(i >> 1) % 256}.${(i >> 9) + 1}` : '203.0.99.99');
      const request = guess.request(Date.now(), { user, callId: `c${i}@mark`, auth: user, userAgent: `mark-${i}` });
      send(request);
      send(guess.answer(Date.now(), request, 403));
      if (i % 50 === 0) await sleep(1);
    }
    socket.send('no HEP at all', port, '127.0.0.1');
    socket.send(
      encodeHep({
        ...HEP,
        ...new Station('203.0.113.9').request(0, { user: 'a', callId: 'b' }).path,
        payloadType: 5,
        seenAt: null,
        payload: Buffer.from('{}'),
      }),
      port,
      '127.0.0.1',
    );
    const taken = 'ringfence_feed_packets_total{feed="hep",outcome="taken"}';
    await until(
      'all packets',
      async () => (valueOf((await get(`${place}/metrics`)).text, taken) ?? 0) >= 3_001,
      20_000,
    );
    socket.close();
    await sleep(1_100);
    const { text } = await get(`${place}/metrics`);
    assert.equal(valueOf(text, 'ringfence_feed_packets_total{feed="hep",outcome="refused-malformed"}'), 1);
    assert.equal(valueOf(text, 'ringfence_feed_packets_total{feed="hep",outcome="not-sip"}'), 1);
    assert.ok((valueOf(text, 'ringfence_events_total{kind="auth.failed",feed="sip"}') ?? 0) >= 1_000);
    assert.ok(Date.now() / 1000 - (valueOf(text, 'ringfence_feed_last_event_timestamp_seconds{feed="hep"}') ?? 0) < 30);
    const found = text.split('\n').filter((line) => /^ringfence_evidence_total.* [1-9]/.test(line));
    assert.ok(found.length > 0, 'somebody saw it');
    assert.doesNotMatch(text, /203\.0|mark|evil|127\.0\.0\.1/);
    const fresh = text.split('\n').filter((line) => line !== '' && !first.has(line.replace(/ \S+$/, '')));
    assert.ok(fresh.length < 60, `${fresh.length} new series:\n${fresh.join('\n')}`);
    assert.deepEqual(promtool(this, ['check', 'metrics'], text), { status: 0, said: '' });
    assert.equal((await daemon.end()).status, 0);
  });

  it('a port that is taken keeps nobody from being watched', async () => {
    const daemon = await run(`[console]\nlisten = "127.0.0.1:${ami.port}"\n`);
    assert.match(
      daemon.stderr,
      /no metrics and health there, trying again every minute: .*another program has this port/,
    );
    assert.equal((await daemon.end()).status, 0);
  });

  const REFUSED: [string, RegExp][] = [
    ['[console]\nlisten = "0.0.0.0:8089"', /console\.listen: beyond this machine the console needs TLS/],
    ['[console]\nlisten = "[::]:8089"', /console\.listen/],
    ['[console]\nlisten = "8089"', /console\.listen: write it like 127\.0\.0\.1:8089/],
    ['[console]\nlisten = "localhost:8089"', /console\.listen: write it like/],
    ['[console]\nlisten = "127.0.0.1:99999"', /console\.listen: write it like/],
    [
      '[console]\n[metrics]\nlisten = "0.0.0.0:9100"',
      /metrics\.allow: listen can be reached by others: name those who may ask/,
    ],
    [
      '[console]\n[metrics]\nlisten = "0.0.0.0:9100"\nallow = ["prometheus"]',
      /metrics\.allow\[?\.?0\]?: not an IP address/,
    ],
  ];
  it('listens for strangers only where somebody has named who may ask', () => {
    for (const [lines, message] of REFUSED)
      assert.throws(() => loadConfig(writeSettings(folder.path, lines)), message, lines);
    loadConfig(writeSettings(folder.path, '[console]\n[metrics]\nlisten = "0.0.0.0:9100"\nallow = ["192.0.2.0/24"]'));
  });

  it('stands still when nothing ticks, or what is judged is not tried at the store', () => {
    const config = loadConfig(writeSettings(folder.path, '[console]\nlisten = ""'));
    let triedAt = Infinity;
    const health = new RunHealth({
      ...{ config, store: {} as never, counters: new Counters(), log: recordingLog().log },
      ...{ target: () => assert.fail(), mode: () => 'observe', enforcer: () => assert.fail(), ready: () => true },
      ...{ hep: () => null, cdr: () => null, ami: () => null, channels: () => [], gateway: () => null },
      recorder: () => ({ triedAt }) as never,
    });
    assert.ok(health.progress());
    triedAt = performance.now() - 29_000;
    assert.ok(health.progress(), 'a slow disk');
    triedAt = performance.now() - 31_000;
    assert.ok(!health.progress());
    triedAt = Infinity;
    health.ticked(performance.now() - 11_000);
    assert.ok(!health.progress());
    return health.close();
  });

  describe('alarms', () => {
    const alarms = (daemon: Daemon): { msg: string; alarm: string }[] =>
      daemon.stderr
        .split('\n')
        .filter((line) => line.includes('"alarm":'))
        .map((line) => JSON.parse(line) as { msg: string; alarm: string });
    const kept = (): { alarm: string; until: number | null }[] => {
      const store = openStore(folder.file('ringfence.db'));
      try {
        return store.alarms.within(0, Date.now() + 1, 100).map(({ alarm, until }) => ({ alarm, until }));
      } finally {
        store.close();
      }
    };

    it('packets that the kernel dropped: told once, in the metrics, and kept; Asterisk away: the same, and not again after a restart', async () => {
      const TOLD = folder.file('told');
      const settings = `${withAmi()}[hep]\nlisten = ["udp:127.0.0.1:0"]\n[health]\naway = "1s"\n[notify.command]\nrun = ["sh", "-c", "cat >> ${TOLD}; echo >> ${TOLD}"]\n`;
      const daemon = await run(settings);
      const place = await placeOf(daemon);
      const port = Number(/listening for mirrored SIP on udp:127\.0\.0\.1:(\d+)/.exec(daemon.stderr)?.[1]);
      daemon.child.kill('SIGSTOP');
      const socket = createSocket('udp4');
      const junk = Buffer.alloc(8_000, 'x');
      for (let i = 0; i < 6_000; i++) {
        socket.send(junk, port, '127.0.0.1');
        if (i % 100 === 0) await sleep(1);
      }
      await sleep(50);
      daemon.child.kill('SIGCONT');
      await ami.close();
      await until(`two alarms: ${daemon.stderr}`, () => alarms(daemon).length >= 2, 30_000);
      socket.close();
      const { text } = await get(`${place}/metrics`);
      const lost = valueOf(text, 'ringfence_kernel_drops_total') ?? 0;
      assert.ok(lost > 0);
      assert.equal(valueOf(text, 'ringfence_alarm{alarm="packets-lost"}'), 1);
      assert.equal(valueOf(text, 'ringfence_alarm{alarm="ami-away"}'), 1);
      assert.equal(valueOf(text, 'ringfence_alarm{alarm="hep-silent"}'), 0);
      const said = alarms(daemon).map(({ alarm }) => alarm);
      assert.deepEqual(said.sort(), ['ami-away', 'packets-lost']);
      assert.match(daemon.stderr, /The machine lost \d+ mirrored packets/);
      assert.match(daemon.stderr, /has no connection to Asterisk\. Since /);
      assert.equal((await daemon.end()).status, 0);
      const told = jsonLines<{ kind: string; alarm: string; until: null }>(readText(TOLD));
      assert.deepEqual(told.map(({ kind, alarm, until }) => [kind, alarm, until]).sort(), [
        ['health', 'ami-away', null],
        ['health', 'packets-lost', null],
      ]);
      assert.deepEqual(
        kept()
          .map(({ alarm }) => alarm)
          .sort(),
        ['ami-away', 'packets-lost'],
      );
      const again = await run(settings, { ready: false });
      await placeOf(again);
      await sleep(5_500);
      assert.deepEqual(alarms(again), [], 'they stand still, and have been told');
      assert.equal((await again.end()).status, 0);
    });

    it('the time in which it did not run is said and kept', async () => {
      const daemon = await run('');
      await daemon.end('SIGKILL');
      const store = openStore(folder.file('ringfence.db'));
      assert.ok(Date.now() - Number(store.meta.get('run.alive')) < 30_000);
      store.meta.set('run.alive', String(Date.now() - 3_600_000));
      store.close();
      const again = await run('');
      assert.match(again.stderr, /ringfence did not run for 1 h(?: \d+ s)?: mirrored SIP and AMI events/);
      assert.equal((await again.end()).status, 0);
      const gap = kept().find(({ alarm }) => alarm === 'ringfence-away');
      assert.ok(Date.now() - (gap?.until ?? 0) < 30_000);
    });

    it('beats where [heartbeat] says, by a file too, and never says where', async () => {
      let beats = 0;
      const service = createServer((request, response) => {
        if (request.url === '/ping/token') beats++;
        response.end();
      });
      await new Promise<void>((listening) => service.listen(0, '127.0.0.1', listening));
      const { port } = service.address() as AddressInfo;
      writeFileSync(folder.file('heartbeat.url'), `http://127.0.0.1:${port}/ping/token\n`, { mode: 0o600 });
      const daemon = await run(
        '[console]\nlisten = "127.0.0.1:0"\n[heartbeat]\nurl_file = "heartbeat.url"\nevery = "1s"\n',
      );
      const place = await placeOf(daemon);
      await until('two beats', () => beats >= 2);
      assert.ok(
        (valueOf((await get(`${place}/metrics`)).text, 'ringfence_heartbeats_total{outcome="sent"}') ?? 0) >= 1,
      );
      service.closeAllConnections();
      service.close();
      await until(`that it fails\n${daemon.stderr}`, () => daemon.stderr.includes('is not taken'));
      assert.doesNotMatch(daemon.stderr, /token/);
      assert.equal((await daemon.end()).status, 0);
    });

    it('refuses a heartbeat that is none', () => {
      for (const lines of [
        '',
        'url = "ftp://a/b"',
        'url = "x"',
        'url = "https://a/"\nurl_file = "b"',
        'url = "https://a/"\nevery = "soon"',
      ])
        assert.throws(() => loadConfig(writeSettings(folder.path, `[heartbeat]\n${lines}`)), /heartbeat\./, lines);
    });
  });

  describe("systemd's watchdog", () => {
    it('is asked for by WATCHDOG_USEC, of this process and no other', () => {
      const env = { NOTIFY_SOCKET: '/run/x', WATCHDOG_USEC: '60000000' };
      assert.equal(watchdogEvery(env), 30_000);
      assert.equal(watchdogEvery({ ...env, WATCHDOG_PID: String(process.pid) }), 30_000);
      assert.equal(watchdogEvery({ ...env, WATCHDOG_PID: '1' }), null);
      assert.equal(watchdogEvery({ WATCHDOG_USEC: '60000000' }), null);
      for (const wrong of ['', '0', '-5', 'x', '1.5'])
        assert.equal(watchdogEvery({ ...env, WATCHDOG_USEC: wrong }), null, wrong);
    });

    it('is told that it is ready, and fed as long as it lives', async function () {
      for (const tool of ['systemd-notify', 'python3'])
        if (spawnSync(tool, ['--version']).status !== 0) {
          console.error(`      skipped: there is no ${tool} here`);
          this.skip();
        }
      // Node has no unix datagram sockets: what systemd would hear is heard by a few lines of Python
      const path = folder.file('notify');
      const ear = spawn('python3', ['-uc', EAR, path], { stdio: ['ignore', 'pipe', 'inherit'] });
      let heard = '';
      ear.stdout.on('data', (bytes: Buffer) => (heard += bytes.toString()));
      try {
        await until('the ear', () => heard.includes('listening'));
        const env = { NOTIFY_SOCKET: path, WATCHDOG_USEC: '600000' };
        const daemon = await run('', { env });
        await until(`READY=1 and three meals: ${heard}`, () => (heard.match(/WATCHDOG=1/g)?.length ?? 0) >= 3);
        assert.equal(heard.match(/READY=1/g)?.length, 1);
        daemon.child.kill('SIGSTOP');
        await sleep(300);
        heard = '';
        await sleep(900);
        assert.equal(heard, '', 'who hangs does not eat');
        daemon.child.kill('SIGCONT');
        await until('that it eats again', () => heard.includes('WATCHDOG=1'));
        assert.equal((await daemon.end()).status, 0);
      } finally {
        ear.kill();
      }
    });
  });
});

const EAR = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print('listening')
while True: print(s.recv(4096).decode().strip())
`;
