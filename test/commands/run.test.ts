import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { appendFileSync, chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CLI, Daemon, incidents, jsonLines, ringfence, row, until, writeSettings } from '../support/cli.ts';
import type { AuditRecord } from '../../src/store/index.ts';
import { encodeHep } from '../../src/wire/hep.ts';
import { FakeAmi } from '../support/fake-ami.ts';
import { Station } from '../support/sip-builder.ts';
import { temporaryFolder } from '../support/temporary.ts';

/** Live, calls of long ago are no news: these are of the last hours. */
const NIGHT = Date.now() - 3 * 3_600_000;

describe('ringfence run', function () {
  this.timeout(60_000);
  const folder = temporaryFolder();
  let settings = '';
  const daemons: Daemon[] = [];
  const run = async (args: string[] = [], ready = true): Promise<Daemon> => {
    const daemon = await Daemon.start(['--config', settings, ...args], { ready });
    daemons.push(daemon);
    return daemon;
  };
  const add = (text: string): void => appendFileSync(folder.file('Master.csv'), text);
  const told = (daemon: Daemon, account: string): Promise<void> =>
    until(`an alert about ${account}\n${daemon.stderr}`, () => daemon.alerts.some((a) => a.subject.value === account));
  const secret = (content: string, mode = 0o600): string => {
    writeFileSync(folder.file('ami.secret'), content, { mode });
    chmodSync(folder.file('ami.secret'), mode);
    return 'ami.secret';
  };
  beforeEach(() => {
    for (const name of ['Master.csv', 'ringfence.db', 'ringfence.db-wal', 'ringfence.db-shm', 'ringfence.db.lock'])
      rmSync(folder.file(name), { force: true });
    settings = writeSettings(folder.path);
  });
  afterEach(async () => {
    for (const daemon of daemons.splice(0)) await daemon.end('SIGKILL');
  });

  it('without a feed: 2, and which there are', async () => {
    writeFileSync(settings, '[site]\ncountry = "DE"\n');
    const { status, stderr } = await ringfence(['run', '--config', settings]);
    assert.equal(status, 2);
    assert.match(stderr, /no feed is set: add \[hep\], \[asterisk\.cdr\] or \[asterisk\.ami\]/);
  });

  it('tells call records as they are written; SIGTERM ends it within 5 s with 0, and nothing is lost', async () => {
    add(row('0.1', '1000', NIGHT));
    const daemon = await run();
    add(row('1.1', '1001', NIGHT));
    await told(daemon, '1001');
    assert.ok(!daemon.stdout.includes('"1000"'), 'what was there before is for scan --all');
    const many = Array.from({ length: 500 }, (_, i) => row(`2.${i}`, `${2000 + i}`, NIGHT + i));
    add(many.join(''));
    const { status, took } = await daemon.end('SIGTERM');
    assert.equal(status, 0, daemon.stderr);
    assert.ok(took < 5_000, `${took} ms`);
    assert.ok(!existsSync(folder.file('ringfence.db.lock')), 'the lock is gone');
    const again = await run();
    await until('the rest', async () => (await incidents(settings)).length === 501, 20_000);
    await again.end();
    const ids = [...daemon.alerts, ...again.alerts].map((a) => a.id);
    assert.equal(new Set(ids).size, ids.length, 'nothing told twice');
    assert.equal(ids.length, 501);
  });

  it('call records written while it was away are judged when it is back', async () => {
    add(row('0.1', '1000', NIGHT));
    const first = await run();
    add(row('1.1', '1001', NIGHT));
    await told(first, '1001');
    await first.end();
    add(row('2.1', '1002', NIGHT));
    const second = await run();
    await told(second, '1002');
    await second.end();
    assert.deepEqual(
      second.alerts.map((a) => a.subject.value),
      ['1002'],
    );
  });

  it('SIGINT ends it with 0 too, and --for by itself', async () => {
    const daemon = await run();
    assert.equal((await daemon.end('SIGINT')).status, 0);
    const began = Date.now();
    const { status, stderr } = await ringfence(['run', '--config', settings, '--for', '2s']);
    assert.equal(status, 0);
    assert.ok(Date.now() - began > 1_500);
    assert.match(stderr, /the time of --for is over/);
  });

  it('--for does not keep it once it is told to end', async () => {
    const daemon = await run(['--for', '1h']);
    const { status, took } = await daemon.end('SIGTERM');
    assert.equal(status, 0);
    assert.ok(took < 5_000, `${took} ms`);
  });

  it('ends with everything stored when nobody reads its alerts any more', async () => {
    const daemon = await run();
    daemon.child.stdout.destroy();
    add(row('1.1', '1001', NIGHT));
    await until('its end', () => daemon.status !== null);
    assert.equal(daemon.status, 0, daemon.stderr);
    assert.equal((await incidents(settings)).length, 1);
  });

  it('a port that another program has: 2, which, and what to do', async () => {
    const socket = createSocket('udp4');
    await new Promise<void>((bound) => socket.bind(0, '127.0.0.1', bound));
    const { port } = socket.address();
    settings = writeSettings(folder.path, `[hep]\nlisten = ["udp:127.0.0.1:${port}"]`);
    const { status, stderr } = await ringfence(['run', '--config', settings]);
    socket.close();
    assert.equal(status, 2);
    assert.match(
      stderr,
      new RegExp(
        `hep\\.listen.*cannot listen on udp:127\\.0\\.0\\.1:${port}.*EADDRINUSE.*stop it or choose another port`,
      ),
    );
    assert.ok(!existsSync(folder.file('ringfence.db.lock')));
  });

  const UNSAFE: [string, () => string, RegExp][] = [
    ['that everybody may read', () => secret('x\n', 0o644), /ami\.secret can be read by everybody; run: chmod 640/],
    ['that is missing', () => 'no.secret', /asterisk\.ami\.secret_file: cannot read .*no\.secret/],
    ['that is empty', () => secret('\n'), /must hold the secret alone/],
  ];
  for (const [what, make, message] of UNSAFE)
    it(`a secret ${what}: 2, and what to do`, async () => {
      settings = writeSettings(folder.path, `[asterisk.ami]\nsecret_file = "${make()}"`);
      const { status, stdout, stderr } = await ringfence(['run', '--config', settings]);
      assert.deepEqual([status, stdout], [2, '']);
      assert.match(stderr, message);
    });

  it('a capture agent whose clock is wrong is told once; what it mirrors is judged by arrival', async () => {
    settings = writeSettings(folder.path, '[hep]\nlisten = ["udp:127.0.0.1:0"]');
    const daemon = await run();
    const port = Number(/listening for mirrored SIP on udp:127\.0\.0\.1:(\d+)/.exec(daemon.stderr)?.[1]);
    const guess = new Station('203.0.113.66');
    const hourAgo = Date.now() - 3_600_000;
    const packet = { protocol: 17, captureId: 7, payloadType: 1, authKey: null, correlationId: null, nodeName: null };
    const socket = createSocket('udp4');
    for (let i = 0; i < 12; i++) {
      const request = guess.request(hourAgo, { user: '1001', callId: `c${i}`, auth: '1001', answer: String(i) });
      for (const { path, payload, at } of [request, guess.answer(hourAgo, request, 403)])
        socket.send(encodeHep({ ...packet, ...path, seenAt: at, payload }), port, '127.0.0.1');
    }
    await until('an alert', () => daemon.alerts.length > 0 || daemon.status !== null);
    socket.close();
    assert.equal((await daemon.end()).status, 0);
    assert.equal(daemon.stderr.match(/a capture agent's clock is 1 h(?: \d+ s)? behind/g)?.length, 1, daemon.stderr);
    assert.ok(Date.parse(daemon.alerts[0]?.at ?? '') > hourAgo + 3_500_000);
  });

  it('a certificate that is missing: 2, which setting and file', async () => {
    settings = writeSettings(
      folder.path,
      '[hep]\nlisten = ["tls:127.0.0.1:0"]\ncert_file = "no.pem"\nkey_file = "no.key"',
    );
    const { status, stderr } = await ringfence(['run', '--config', settings]);
    assert.equal(status, 2);
    assert.match(stderr, /hep\.cert_file: cannot read .*no\.pem/);
    assert.doesNotMatch(stderr, /bug/);
  });

  it('a wrong AMI password: says what to compare, and the other feeds go on', async () => {
    const ami = await FakeAmi.listen();
    settings = writeSettings(folder.path, `[asterisk.ami]\nport = ${ami.port}\nsecret_file = "${secret('wrong\n')}"`);
    const daemon = await run([], false);
    await until('the refusal', () => daemon.stderr.includes('refuses user'));
    assert.match(
      daemon.stderr,
      /refuses user \\?"ringfence\\?".*compare asterisk\.ami\.secret_file with secret in \[ringfence\]/,
    );
    add(row('1.1', '1001', NIGHT));
    await told(daemon, '1001');
    assert.ok(!daemon.stderr.includes('ringfence ready'), 'it is not ready without Asterisk');
    const { status, took } = await daemon.end();
    assert.equal(status, 0);
    assert.ok(took < 5_000, `${took} ms`);
    await ami.close();
  });

  it('an Asterisk that is away at first: waits for it, and is ready once it has logged in', async () => {
    const ami = await FakeAmi.listen();
    const { port } = ami;
    await ami.close();
    settings = writeSettings(folder.path, `[asterisk.ami]\nport = ${port}\nsecret_file = "${secret('right\n')}"`);
    const daemon = await run([], false);
    await until('a refusal', () => daemon.stderr.includes('ECONNREFUSED'));
    const back = await FakeAmi.listen({ port });
    await until('ready', () => daemon.stderr.includes('ringfence ready\n'));
    assert.equal((await daemon.end()).status, 0);
    await back.close();
  });

  it('a second daemon on the same store is refused; after kill -9 the store is free', async () => {
    const daemon = await run();
    const { status, stderr } = await ringfence(['run', '--config', settings]);
    assert.equal(status, 2);
    assert.match(
      stderr,
      new RegExp(`ringfence run \\(process ${daemon.child.pid}\\) uses the store .* already; stop it first`),
    );
    await daemon.end('SIGKILL');
    const next = await run();
    assert.equal((await next.end()).status, 0);
  });

  describe('SIGHUP', () => {
    it('takes new settings without forgetting what was seen', async () => {
      const daemon = await run();
      add(row('1.1', '1001', NIGHT) + row('1.2', '1001', NIGHT + 60_000));
      await told(daemon, '1001');
      settings = writeSettings(folder.path, '[accounts.1009]\nhours = "always"');
      daemon.child.kill('SIGHUP');
      await until('the reload', () => daemon.stderr.includes('the settings were read again'));
      // 1009 may now call at any time; the third call of 1001 is the third
      add(row('2.1', '1009', NIGHT) + row('1.3', '1001', NIGHT + 120_000));
      await until('critical', () => daemon.alerts.some((a) => a.severity === 'critical'));
      await daemon.end();
      assert.deepEqual(
        daemon.alerts.map((a) => [a.subject.value, a.severity]),
        [
          ['1001', 'medium'],
          ['1001', 'critical'],
        ],
      );
      const { stdout } = await ringfence(['audit', 'export', '--format', 'json', '--config', settings]);
      const trail = jsonLines<AuditRecord>(stdout);
      assert.deepEqual(
        trail.map(({ action }) => action).filter((action) => action !== 'decision.made'),
        ['settings.loaded', 'settings.loaded', 'run.ended'],
      );
      const digests = trail.flatMap(({ details }) => details['sha256'] ?? []);
      assert.equal(digests[1], createHash('sha256').update(readFileSync(settings)).digest('hex'));
      assert.notEqual(digests[0], digests[1]);
      const decided = trail.find(({ action }) => action === 'decision.made');
      assert.deepEqual([decided?.actor, decided?.details['state']], ['rule:out-of-hours-calls', 'observed']);
      assert.equal((await ringfence(['audit', 'verify', '--config', settings])).status, 0);
    });

    it('leaves the old settings standing when the new ones are wrong, and says why', async () => {
      const daemon = await run();
      writeSettings(folder.path, '[accounts.1009]\nhuors = "always"');
      daemon.child.kill('SIGHUP');
      await until('the refusal', () => daemon.stderr.includes('the settings were not taken'));
      assert.match(
        daemon.stderr,
        /the old ones stand: .*accounts\.\\?"1009\\?"\.huors: unknown setting \(did you mean hours\?\)/,
      );
      add(row('1.1', '1001', NIGHT));
      await told(daemon, '1001');
      rmSync(settings);
      daemon.child.kill('SIGHUP');
      await until('the refusal', () => daemon.stderr.includes('there is no such file'));
      assert.equal((await daemon.end()).status, 0);
    });

    it('says what takes effect at the next start only', async () => {
      const daemon = await run();
      writeSettings(folder.path, '[hep]\nlisten = ["udp:127.0.0.1:9"]');
      daemon.child.kill('SIGHUP');
      await until('the warning', () => daemon.stderr.includes('takes effect at the next start'));
      assert.equal((await daemon.end()).status, 0);
    });
  });

  it('a full disk: an alarm, alerts all the same, and all is stored when there is room again', function () {
    const mount = folder.file('mount');
    mkdirSync(mount);
    if (spawnSync('unshare', ['-m', 'sh', '-c', 'mount -t tmpfs none "$1"', 'sh', mount]).status !== 0) {
      console.log('      skipped: needs the right to mount in a namespace of its own');
      this.skip();
    }
    const child = join(import.meta.dirname, '../support/run-full-child.ts');
    const script = 'mount -t tmpfs -o size=6m ringfence-test "$1" && exec "$2" --import tsx "$3" "$1"';
    const { status, stdout, stderr } = spawnSync(
      'unshare',
      ['-m', 'sh', '-c', script, 'sh', mount, process.execPath, child],
      { encoding: 'utf8', env: { ...process.env, RINGFENCE_DIST: join(CLI, '..') } },
    );
    assert.equal(status, 0, stderr);
    const seen = JSON.parse(stdout) as Record<string, unknown>;
    assert.deepEqual(seen, {
      alarms: 1,
      toldWhileFull: true,
      storedAgain: true,
      status: 0,
      told: seen['written'],
      stored: seen['written'],
      written: seen['written'],
    });
    assert.ok(Number(seen['written']) > 100);
  });

  it('says how it is once a minute and nothing else while nothing happens', async () => {
    const daemon = await run();
    const before = daemon.stderr;
    await sleep(1_200);
    assert.equal(daemon.stderr, before);
    assert.equal(daemon.stdout, '');
    await daemon.end();
  });
});
