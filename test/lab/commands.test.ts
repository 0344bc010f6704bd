import assert from 'node:assert/strict';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connectAmi, type AmiSession } from '../../src/pbx/ami.ts';
import { putKey, readKey, readTree } from '../../src/pbx/astdb.ts';
import { kamailioRpc, tableDump, type KamailioRpc } from '../../src/pbx/kamailio.ts';
import { openStore } from '../../src/store/index.ts';
import { HOUR, SECOND } from '../../src/time.ts';
import { Daemon, jsonLines, ringfence, type Ran } from '../support/cli.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { costly, hijack } from './support/attacks.ts';
import { strangerAddress, useLab } from './support/lab.ts';
import { repository } from './support/packages.ts';
import { freePort } from './support/ports.ts';
import { pause, until } from './support/process.ts';
import { writeSettings } from './support/settings.ts';

const GUARD = join(repository, 'asterisk-conf/extensions_ringfence.conf');
const ABROAD = '0037167000001';

interface Line {
  readonly what: string;
  readonly kind: string;
  readonly value: string;
  readonly state: string;
  readonly key: string;
  readonly code: string;
  readonly claims: readonly { readonly id: string; readonly by: string; readonly why: string }[];
}

/** What refuses a call or a request. */
const refusing = (stands: ReadonlyMap<string, string>): string[] =>
  [...stands.keys()].filter((key) => /^(?:address|account|international|number|acl|lock)\//.test(key)).sort();

describe('lab: decisions by hand at a real Asterisk', function () {
  this.timeout(60_000);
  const lab = useLab(() => ({ hep: null, trunk: 'own', guard: GUARD }));
  let settings = '';
  let session: AmiSession;
  before(async () => {
    settings = writeSettings(lab(), { cdr: false, office: 'open' });
    const { host, amiPort: port, amiUsername: username, amiSecret: secret } = lab().asterisk;
    session = await connectAmi({ host, port, username, secret }, { event: () => undefined });
  });
  after(() => session.close());

  const run = async (...args: string[]): Promise<Ran> => await ringfence([...args, '--config', settings]);
  const done = async (...args: string[]): Promise<string> => {
    const { status, stdout, stderr } = await run(...args);
    assert.equal(status, 0, `${args.join(' ')}: ${stdout}${stderr}`);
    return stdout;
  };
  const standing = async (): Promise<Line[]> => jsonLines<Line>(await done('blocks', '--format', 'json'));
  const dial = async (extension: string, number: string): Promise<number> => {
    const phone = await lab().phone(extension);
    try {
      return (await phone.callFor(number, 20)).status;
    } finally {
      phone.close();
    }
  };
  const knock = async (which: number): Promise<number> => {
    const stranger = await lab().stranger(which);
    try {
      return (await stranger.register()).status;
    } finally {
      stranger.close();
    }
  };

  const register = async (extension: string): Promise<number> => {
    const phone = await lab().phone(extension);
    try {
      return (await phone.register()).status;
    } finally {
      phone.close();
    }
  };

  /** What is blocked, how a real phone finds that out, and what it meets then and otherwise. */
  const kinds: readonly {
    readonly args: readonly [kind: string, value: string];
    readonly key: string;
    readonly said: RegExp;
    readonly meets: () => Promise<number>;
    readonly blocked: number;
    readonly free: number;
  }[] = [
    {
      args: ['account', '1004'],
      key: 'account/1004',
      said: /^Account 1004 is blocked until .* \(done in \d+ ms; to undo: ringfence unblock [0-9a-f]{16}\)$/m,
      meets: () => dial('1004', '0301234567'),
      blocked: 403,
      free: 200,
    },
    {
      args: ['international', '1001'],
      key: 'international/1001',
      said: /^Calls abroad of account 1001 are blocked until /m,
      meets: () => dial('1001', ABROAD),
      blocked: 403,
      free: 200,
    },
    {
      args: ['number', '00371'],
      key: 'number/371',
      said: /^Calls to \+371 are blocked until /m,
      meets: () => dial('1002', ABROAD),
      blocked: 403,
      free: 200,
    },
    {
      args: ['address', strangerAddress(1)],
      key: `address/${strangerAddress(1)}`,
      said: /^Address 127\.66\.0\.1 is blocked until /m,
      meets: () => knock(1),
      blocked: 403,
      free: 401,
    },
  ];

  const eachKind = (): void => {
    for (const { args, key, said, meets, blocked, free } of kinds)
      it(`blocks ${args.join(' ')} when it says so, and lets through when it says so`, async () => {
        assert.equal(await meets(), free, 'before');
        assert.match(await done('block', ...args, '--for', '1h', '--why', 'a test'), said);
        assert.equal(await meets(), blocked);
        const end = Number(await readKey(session, key)) * SECOND - Date.now();
        assert.ok(Math.abs(end - HOUR) < 10 * SECOND, `ends in ${end} ms`);
        const [line] = (await standing()).filter((one) => one.what === 'standing' && one.kind === args[0]);
        assert.deepEqual([line?.state, line?.claims[0]?.by], ['done', 'hand']);
        assert.match(line?.claims[0]?.why ?? '', /^a test \(.+\)$/);
        assert.match(await done('unblock', ...args), /^Lifted: .* \(gone in \d+ ms\)$/m);
        assert.equal(await readKey(session, key), null);
        assert.equal(await meets(), free);
      });
  };

  describe('without a daemon', () => {
    eachKind();

    it('takes back by the id that it told, and by its beginning', async () => {
      const [, id = ''] = /ringfence unblock ([0-9a-f]+)/.exec(await done('block', 'account', '1005')) ?? [];
      assert.match(await done('unblock', id.slice(0, 8)), /Lifted: account 1005/);
      assert.deepEqual(refusing(await readTree(session)), []);
      const again = await run('unblock', id);
      assert.equal(again.status, 0);
      assert.match(again.stderr, /nothing of [0-9a-f]+ stands any more/);
      const unknown = await run('unblock', 'ffffffff');
      assert.deepEqual([unknown.status, unknown.stdout], [2, '']);
      assert.match(unknown.stderr, /nothing is known of "ffffffff"/);
    });

    it('refuses what must never be blocked, and says what to do', async () => {
      for (const [kind, value, code, words] of [
        ['number', '112', 'emergency-number', /emergency/],
        ['address', '127.0.20.1', 'protected-address', /trunk/],
        ['address', '127.0.10.4', 'protected-address', /local network.*ringfence block account/],
        ['address', '203.0.113.0/24', 'not-an-address', /write one address/],
        ['account', 'trunk', 'trunk', /trunk/],
        ['number', 'nowhere', 'not-a-number', /with \+/],
      ] as const) {
        const { status, stdout, stderr } = await run('block', kind, value, '--format', 'json');
        assert.equal(status, 2, `${kind} ${value}`);
        assert.match(stderr, words);
        assert.deepEqual(
          jsonLines<{ state: string; code: string }>(stdout).map((line) => [line.state, line.code]),
          [['refused', code]],
        );
      }
      assert.deepEqual(refusing(await readTree(session)), []);
    });

    it('says that an account is not known, and which may be meant', async () => {
      const { status, stderr } = await run('block', 'account', '10044');
      assert.equal(status, 0);
      assert.match(stderr, /the PBX has no PJSIP endpoint 10044; did you mean 1004\?/);
      await done('unblock', 'account', '10044');
    });

    it('shows what others put there, leaves it alone, and takes it by the panic switch alone', async () => {
      await putKey(session, 'account/1099', String(Math.ceil(Date.now() / 1000) + 3600));
      await putKey(session, 'emergency/110', '1');
      const foreign = (await standing()).filter(({ what }) => what === 'foreign').map(({ key }) => key);
      assert.ok(foreign.includes('account/1099'), foreign.join());
      const { status, stderr } = await run('unblock', 'account', '1099');
      assert.equal(status, 0);
      assert.match(stderr, /put there by somebody else; .*database del ringfence account\/1099/);
      await done('block', 'account', '1003');
      await done('unblock', '--all');
      assert.deepEqual(refusing(await readTree(session)), []);
      assert.equal(await readKey(session, 'emergency/110'), '1', 'what lets through stays');
    });

    it('a PBX that is away: stored, told as not in force, pushed with the next command', async () => {
      await lab().asterisk.stop();
      session.close();
      const { status, stdout, stderr } = await run('block', 'international', '1002');
      assert.deepEqual([status, stdout], [2, '']);
      assert.match(stderr, /NOT IN FORCE YET: .*ECONNREFUSED/s);
      const expiry = await run('blocks', '--expire');
      assert.deepEqual([expiry.status, expiry.stdout, expiry.stderr], [0, '', ''], 'nothing to do is no news');
      await lab().asterisk.boot();
      const { host, amiPort: port, amiUsername: username, amiSecret: secret } = lab().asterisk;
      session = await connectAmi({ host, port, username, secret }, { event: () => undefined });
      await done('blocks', '--expire');
      assert.equal(await dial('1002', ABROAD), 403);
      await done('unblock', 'international', '1002');
      assert.equal(await dial('1002', ABROAD), 200);
    });

    it('ends an address object of ACL with no daemon alive, by the timer’s command', async () => {
      await done('block', 'address', strangerAddress(2), '--for', '3s');
      assert.equal(await knock(2), 403);
      await until('its end', 6_000, async () => (await readKey(session, `address/${strangerAddress(2)}`)) !== null, 50);
      await pause(3_200);
      assert.equal(await knock(2), 403, 'an ACL has no end of its own');
      const began = Date.now();
      const { status, stdout, stderr } = await run('blocks', '--expire');
      console.log(`      blocks --expire took ${Date.now() - began} ms with something to end`);
      assert.deepEqual([status, stdout, stderr], [0, '', '']);
      assert.equal(await knock(2), 401);
      const idle = Date.now();
      await done('blocks', '--expire');
      console.log(`      blocks --expire took ${Date.now() - idle} ms with nothing to do`);
    });

    it('with the store gone or broken the panic switch clears Asterisk all the same', async () => {
      await done('block', 'account', '1004');
      await done('block', 'address', strangerAddress(3));
      const store = join(lab().directory, 'ringfence.db');
      for (const suffix of ['', '-wal', '-shm'])
        try {
          renameSync(store + suffix, `${store}.away${suffix}`);
        } catch {
          // closed: there is no log
        }
      assert.equal(await knock(3), 403);
      // what does not end by itself, and nobody knows of any more
      const object =
        '{"auth_type":"md5","username":"1003","md5_cred":"00000000000000000000000000000000","realm":"asterisk"}';
      await putKey(session, 'auth/1003', object);
      const maintenance = await session.action('PJSIPSetMaintenance', [
        ['Endpoint', '1002'],
        ['State', 'on'],
      ]);
      assert.equal(await register('1002'), maintenance.name === 'Success' ? 503 : 200, 'Asterisk 16 has no such mode');
      const gone = await run('unblock', '--all');
      assert.equal(gone.status, 0, gone.stderr);
      assert.match(gone.stderr, /there is no store .* taken away all the same/);
      assert.deepEqual(refusing(await readTree(session)), []);
      assert.deepEqual([await knock(3), await register('1003'), await register('1002')], [401, 200, 200]);
      await putKey(session, 'account/1004', String(Math.ceil(Date.now() / 1000) + 3600));
      writeFileSync(store, 'this is no database at all, and was one before');
      const broken = await run('unblock', '--all');
      assert.equal(broken.status, 0, broken.stderr);
      assert.match(broken.stderr, /store.* taken away all the same/);
      assert.deepEqual(refusing(await readTree(session)), []);
      renameSync(store, `${store}.broken`);
    });
  });

  describe('with a daemon', () => {
    let daemon: Daemon;
    before(async () => {
      daemon = await Daemon.start(['--config', settings]);
    });
    after(async () => {
      await daemon.end('SIGKILL');
    });

    eachKind();

    it('tells at once where it does stand', async () => {
      const began = Date.now();
      const [answer] = jsonLines<{ took: number; state: string }>(
        await done('block', 'account', '1003', '--format', 'json'),
      );
      console.log(`      block: seen to stand after ${answer?.took} ms, the command took ${Date.now() - began} ms`);
      assert.equal(answer?.state, 'done');
      assert.ok(answer.took < 500);
      await done('unblock', '--all');
    });

    it('allows an account: told, exempt from the lock, and taken back', async () => {
      const { stdout, stderr } = await run('allow', '1005', '--for', '7d', '--why', 'the boss, from Riga');
      assert.match(stdout, /^Account 1005 is allowed until /m);
      assert.match(stderr, /no rule acts on it/);
      assert.notEqual(await readKey(session, 'exempt/1005'), null);
      const [line] = (await standing()).filter(({ kind }) => kind === 'allow');
      assert.deepEqual([line?.value, line?.claims[0]?.by], ['1005', 'hand']);
      assert.match(await done('unblock', 'allow', '1005'), /Lifted: .*allow 1005/);
      assert.equal(await readKey(session, 'exempt/1005'), null);
    });

    it('takes what stood over a kill -9 of the daemon, and ends it without one', async () => {
      await done('block', 'account', '1004', '--for', '1h');
      await done('block', 'address', strangerAddress(4), '--for', '4s');
      await daemon.end('SIGKILL');
      assert.deepEqual([await dial('1004', ABROAD), await knock(4)], [403, 403]);
      await pause(4_200);
      await done('blocks', '--expire');
      assert.deepEqual([await dial('1004', ABROAD), await knock(4)], [403, 401]);
      await done('unblock', 'account', '1004');
      assert.equal(await dial('1004', ABROAD), 200);
      daemon = await Daemon.start(['--config', settings]);
      await pause(500);
      assert.deepEqual(refusing(await readTree(session)), [], 'what was taken back while it was dead stays back');
    });

    it('a daemon that hangs: said, and the panic switch works all the same and still holds when it wakes', async () => {
      await done('block', 'account', '1004');
      await done('block', 'address', strangerAddress(5));
      daemon.child.kill('SIGSTOP');
      try {
        const began = Date.now();
        const hung = await run('block', 'account', '1003');
        assert.equal(hung.status, 2);
        assert.match(hung.stderr, /process \d+\) lives and does not answer.*kill -9/s);
        assert.ok(Date.now() - began < 8_000);
        const all = await run('unblock', '--all');
        assert.equal(all.status, 0, all.stderr);
        assert.match(all.stderr, /Taking everything away without it/);
        assert.deepEqual(refusing(await readTree(session)), []);
        assert.deepEqual([await dial('1004', ABROAD), await knock(5)], [200, 401]);
      } finally {
        daemon.child.kill('SIGCONT');
      }
      await until('the daemon has noticed', 5_000, () => daemon.stderr.includes('pulled the panic switch'));
      await pause(1_000);
      assert.deepEqual(refusing(await readTree(session)), []);
      assert.equal(await dial('1004', ABROAD), 200);
    });

    it('goes on ending blocks by itself, and the timer leaves it to it', async () => {
      await done('block', 'address', strangerAddress(6), '--for', '2s');
      assert.equal(await knock(6), 403);
      await until('it ends', 5_000, async () => (await knock(6)) === 401, 200);
      await done('blocks', '--expire');
    });

    it('takes other settings by the socket as by SIGHUP', async () => {
      const { callControl, controlPath } = await import('../../src/commands/control.ts');
      const path = controlPath(join(lab().directory, 'ringfence.db'));
      assert.deepEqual(await callControl(path, 'reload', {}, 3_000), { reloaded: true });
      const status = (await callControl(path, 'status', {}, 3_000)) as { pid: number; ready: boolean };
      assert.deepEqual([status.pid, status.ready], [daemon.child.pid, true]);
      const store = openStore(join(lab().directory, 'ringfence.db'), { create: false });
      store.close();
    });
  });
});

/** The lab's Kamailio has its own mirror and JSON-RPC; a blocked address is answered, so that there is something to see. */
const SNIPPET = `#!define RINGFENCE_NO_MIRROR
#!define RINGFENCE_NO_RPC
#!define RINGFENCE_ANSWER_BLOCKED
include_file "${join(repository, 'kamailio-conf/ringfence.cfg')}"
`;

describe('lab: decisions by hand, Kamailio in front', function () {
  this.timeout(60_000);
  const folder = temporaryFolder();
  const lab = useLab(() => {
    writeFileSync(folder.file('snippet.cfg'), SNIPPET);
    return { hep: null, trunk: 'own', guard: GUARD, kamailio: true, kamailioSnippet: folder.file('snippet.cfg') };
  });
  let settings = '';
  let rpc: KamailioRpc;
  before(() => {
    settings = writeSettings(lab(), { cdr: false, office: 'open' });
    rpc = kamailioRpc({ rpc: `udp:127.0.0.1:${lab().kamailio?.rpcPort ?? 0}` });
  });
  after(() => rpc.close());
  const run = async (...args: string[]): Promise<Ran> => await ringfence([...args, '--config', settings]);
  const knock = async (which: number): Promise<number> => {
    const stranger = await lab().stranger(which);
    const { status } = await stranger.register();
    stranger.close();
    return status;
  };
  const rows = async (): Promise<string[]> =>
    (await Promise.all(['rf_address', 'rf_account', 'rf_number'].map((table) => tableDump(rpc, table)))).flatMap(
      (table) => [...table.keys()],
    );

  it('blocks and unblocks at both, proved at both', async () => {
    assert.equal(await knock(1), 401);
    const { status, stdout, stderr } = await run('block', 'address', strangerAddress(1), '--format', 'json');
    assert.equal(status, 0, stderr);
    assert.equal(jsonLines<{ state: string }>(stdout)[0]?.state, 'done');
    assert.equal(await knock(1), 403);
    const [line] = jsonLines<{ proof: object }>((await run('blocks', '--format', 'json', '--kind', 'address')).stdout);
    assert.deepEqual(Object.keys(line?.proof ?? {}).sort(), ['asterisk', 'kamailio']);
    assert.equal((await run('unblock', 'address', strangerAddress(1))).status, 0);
    assert.equal(await knock(1), 401);
  });

  it('the panic switch empties the tables of Kamailio, without daemon and store too', async () => {
    for (const [kind, value] of [
      ['address', strangerAddress(2)],
      ['account', '1004'],
      ['number', '+371'],
    ] as const)
      assert.equal((await run('block', kind, value)).status, 0);
    assert.ok((await rows()).length >= 3);
    for (const suffix of ['', '-wal', '-shm']) rmSync(join(lab().directory, `ringfence.db${suffix}`), { force: true });
    const { status, stderr } = await run('unblock', '--all');
    assert.equal(status, 0, stderr);
    assert.deepEqual(await rows(), []);
    assert.equal(await knock(2), 401);
  });

  it('a Kamailio that is away is named, and Asterisk holds the block all the same', async () => {
    await lab().kamailio?.stop();
    const { status, stderr } = await run('block', 'account', '1004');
    assert.equal(status, 2);
    assert.match(stderr, /NOT IN FORCE YET: .*Kamailio is away/s);
    const text = (await run('blocks')).stdout;
    assert.match(text, /^Kamailio is away/m);
    assert.match(text, /^account +1004 .* pending /m);
    const stands = await lab().asterisk.cli('database show ringfence account');
    assert.match(stands, /account\/1004/);
  });
});

describe('lab: an account that a person allows, in enforce mode', function () {
  this.timeout(60_000);
  let port = 0;
  const lab = useLab(async () => {
    port = await freePort();
    return { hep: { port, password: 'labhep' }, trunk: 'own', guard: GUARD };
  });
  let settings = '';
  let daemon: Daemon;
  before(async () => {
    settings = writeSettings(lab(), { hep: { port, password: 'labhep' }, mode: 'enforce', office: 'closed' });
    daemon = await Daemon.start(['--config', settings]);
  });
  after(async () => {
    await daemon.end();
  });
  const lines = async (): Promise<Line[]> => {
    const { status, stdout, stderr } = await ringfence(['blocks', '--format', 'json', '--config', settings]);
    assert.equal(status, 0, stderr);
    return jsonLines<Line>(stdout);
  };
  /** What stands that refuses something, or was wanted, about an account or because of it. */
  const told = async (account: string): Promise<boolean> => {
    await until(`${account} is told`, 10_000, () =>
      daemon.alerts.some(({ subject, severity }) => subject.value === account && severity !== 'medium'),
    );
    return true;
  };

  it('the boss calls from abroad at night: told, and neither blocked nor hung up nor sent away', async () => {
    const allowed = await ringfence(['allow', '1004', '--for', '7d', '--why', 'in Riga', '--config', settings]);
    assert.equal(allowed.status, 0, allowed.stderr);
    await hijack(lab(), '1004');
    assert.ok(await told('1004'));
    const boss = await lab().stranger(2, { username: '1004', password: lab().account('1004').password });
    const calls = [...costly, ...costly].slice(0, 4).map((number) => boss.dial(number));
    assert.deepEqual(await Promise.all(calls.map((call) => call.settled)), [200, 200, 200, 200]);
    await pause(1_500);
    assert.deepEqual(
      calls.map(({ state }) => state),
      ['answered', 'answered', 'answered', 'answered'],
    );
    for (const call of calls) await call.hangUp();
    const shown = await lines();
    assert.deepEqual(
      shown.filter(({ what, kind }) => what === 'standing' && /^(?:address|account|international|number)$/.test(kind)),
      [],
    );
    const refused = shown.filter(({ what }) => what === 'refused');
    assert.ok(refused.length > 0);
    assert.deepEqual([...new Set(refused.map(({ code }) => code))], ['allowed']);
    const contacts = await lab().asterisk.cli('database show registrar');
    assert.ok(contacts.includes(strangerAddress(2)), 'his phone is registered still');
  });

  it('another account, at the same time, is protected as ever', async () => {
    const owner = await lab().phone('1005');
    await owner.register();
    await pause(200);
    const thief = await lab().stranger(5, { username: '1005', password: lab().account('1005').password });
    assert.equal((await thief.register()).status, 200);
    assert.ok(await told('1005'));
    await until('it is contained', 5_000, async () =>
      (await lines()).some(
        ({ what, kind, value }) => what === 'standing' && kind === 'international' && value === '1005',
      ),
    );
  });
});
