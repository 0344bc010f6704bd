import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { PeerError } from '../../src/errors.ts';
import type { AmiSession } from '../../src/pbx/ami.ts';
import { putKey, readKey, readTree } from '../../src/pbx/astdb.ts';
import { openStore, type Store } from '../../src/store/index.ts';
import { HOUR } from '../../src/time.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { decision, runEnforcer, type RunningEnforcer } from './support/enforcement.ts';
import { strangerAddress, useLab } from './support/lab.ts';
import { pause, until } from './support/process.ts';

/** Second actions that text of a caller's would become if it reached the line. */
const INJECTED = [
  '1004\r\nAction: DBPut\r\nFamily: ringfence\r\nKey: injected/1\r\nVal: 1',
  '1004\r\n\r\nAction: DBPut\r\nFamily: ringfence\r\nKey: injected/2\r\nVal: 1\r\n\r\n',
  '1004\nAction: Originate\nChannel: Local/0037167000001@from-internal',
  '1004\rAction: Command',
  '1004\u0000',
];

describe('lab: what is hostile or broken between ringfence and a real Asterisk', function () {
  this.timeout(60_000);
  const folder = temporaryFolder();
  const lab = useLab(() => ({ hep: null, trunk: 'own' }));
  let store: Store;
  let running: RunningEnforcer;
  let relay: Relay;

  before(async () => {
    store = openStore(folder.file('ringfence.db'));
    relay = await openRelay(lab().asterisk.amiPort);
    running = await runEnforcer(lab(), store, {}, { port: relay.port, actionMs: 1_500, pingMs: 1_500, refusedMs: 500 });
  });
  after(async () => {
    await running.close();
    relay.close();
    store.close();
  });

  const session = (): AmiSession => running.keeper.session ?? assert.fail('no session');
  const asterisk = () => running.enforcer.health().targets.find(({ name }) => name === 'asterisk')!;
  const stateOf = (id: string): string | undefined => store.decisions.get(id)?.state;
  const put = (d: ReturnType<typeof decision>, detail = {}): string => {
    store.decisions.put(d);
    running.enforcer.decide([d], detail);
    return d.id;
  };
  const clean = async (): Promise<void> => {
    running.enforcer.unblock({ all: true });
    await until('all is gone', 8_000, async () => {
      const { session: up } = running.keeper;
      return up !== null && (await readTree(up).catch(() => null))?.size === 0;
    });
  };

  describe('text of a caller’s', () => {
    for (const text of INJECTED)
      it(`never becomes a second action: ${JSON.stringify(text.slice(4, 30))}`, async () => {
        for (const action of ['block-account', 'block-international', 'block-number', 'block-address'] as const) {
          const id = put(decision(action, text, HOUR));
          await until(`${action} is refused`, 2_000, () => stateOf(id) === 'failed');
        }
        const [hangUp, expire] = [decision('hang-up', text, null), decision('expire-contact', text, null)];
        put({ ...hangUp, at: Date.now() - 60_000 });
        put(expire, { contacts: [`sip:${text}@192.0.2.1`], sources: [text] });
        await until('acts are over', 3_000, () => running.enforcer.health().acts === 0);
        assert.equal((await running.enforcer.rotate(text, null, 'no')).ok, false);
        for (const kind of ['account', 'number', 'address', 'maintenance', 'exempt', 'emergency'] as const)
          assert.equal(running.enforcer.block(kind, text, null, text).ok, false);
        await assert.rejects(putKey(session(), `account/${text}`, '1'), { code: 'peer-protocol' });
        await assert.rejects(
          session().action('DBPut', [
            ['Family', 'ringfence'],
            ['Key', 'x'],
            ['Val', text],
          ]),
          {
            code: 'peer-protocol',
          },
        );
        assert.deepEqual([...(await readTree(session())).keys()], []);
      });

    it('comes back from Asterisk as it was, and only the contact that is meant is ended', async () => {
      const owner = await lab().phone('1005');
      const thief = await lab().phone('1005', {
        address: strangerAddress(1),
        protocol: 'tcp',
        userAgent: `x"\\,;{}\${EXTEN}%0d%0aAction: Originate ${'y'.repeat(1_500)}`,
      });
      assert.deepEqual([(await owner.register()).status, (await thief.register()).status], [200, 200]);
      const id = put(decision('expire-contact', '1005', null), { sources: [strangerAddress(1)] });
      await until('ended', 3_000, () => stateOf(id) === 'done');
      const left = (await session().list('PJSIPShowContacts')).map((item) => item.get('Uri') ?? '');
      assert.equal(left.filter((uri) => uri.includes('1005')).length, 1, left.join());
      await owner.unregister();
      owner.close();
      thief.close();
    });
  });

  it('oversize lines are refused before they are sent, and the session goes on', async () => {
    const before = session();
    await putKey(before, 'account/1001', '1'.repeat(990));
    assert.equal((await readKey(before, 'account/1001', true))?.length, 990);
    for (const size of [1_018, 1_100, 5_000, 100_000])
      await assert.rejects(putKey(before, 'account/1001', 'x'.repeat(size)), (error: unknown) => {
        assert.ok(error instanceof PeerError && error.code === 'peer-protocol');
        assert.match(error.message, /bytes|long/);
        return true;
      });
    await assert.rejects(putKey(before, `account/${'k'.repeat(300)}`, '1'), PeerError);
    assert.equal((await readKey(before, 'account/1001', true))?.length, 990, 'what stands was not cut');
    assert.equal(session(), before);
    await clean();
  });

  it('a slow Asterisk: told as away, and everything stands within 5 s of its waking', async () => {
    process.kill(lab().asterisk.pid, 'SIGSTOP');
    const d = decision('block-account', '1004', HOUR);
    try {
      put(d);
      await until('away', 10_000, () => asterisk().state === 'away', 20);
      assert.match(asterisk().lastError ?? '', /did not answer|closed|lost|not connected/i);
      assert.equal(stateOf(d.id), 'pending');
    } finally {
      process.kill(lab().asterisk.pid, 'SIGCONT');
    }
    const woke = Date.now();
    await until('it stands', 8_000, () => stateOf(d.id) === 'done', 20);
    console.log(`      stands ${Date.now() - woke} ms after Asterisk woke`);
    assert.ok(Date.now() - woke < 5_000);
    await clean();
  });

  it('a half-open connection: found out by asking, made anew, nothing lost', async () => {
    relay.hold();
    const d = decision('block-account', '1004', HOUR);
    put(d);
    await until('away', 8_000, () => asterisk().state === 'away', 20);
    relay.release();
    await until('it stands', 8_000, () => stateOf(d.id) === 'done', 20);
    assert.notEqual(await readKey(session(), 'account/1004'), null);
    await clean();
  });

  it('a connection that is cut in the middle of an answer: nothing doubled, nothing lost', async () => {
    const ids = Array.from({ length: 40 }, (_, i) => put(decision('block-number', `3716${1_000_000 + i}`, HOUR)));
    relay.cut();
    await until('all stand', 8_000, () => ids.every((id) => stateOf(id) === 'done'), 20);
    assert.equal((await readTree(session(), 'number')).size, 40);
    await clean();
  });

  /** With another manager.conf, and logged in anew. */
  const withManager = async (change: (text: string) => string, work: () => Promise<void>): Promise<void> => {
    const file = join(lab().asterisk.etc, 'manager.conf');
    const text = readFileSync(file, 'utf8');
    const changed = change(text);
    assert.notEqual(changed, text);
    writeFileSync(file, changed);
    await lab().asterisk.cli('manager reload');
    relay.cut();
    try {
      await work();
    } finally {
      writeFileSync(file, text);
      await lab().asterisk.cli('manager reload');
      relay.cut();
      await until('up again', 8_000, () => asterisk().state === 'up' && running.keeper.session !== null);
    }
  };

  it('a wrong secret: said at once with what to compare, not hammered, and mended without a restart', async () => {
    const said = running.logged.length;
    const d = decision('block-account', '1004', HOUR);
    await withManager(
      (text) => text.replace(`secret = ${lab().asterisk.amiSecret}`, 'secret = another'),
      async () => {
        await until('refused', 8_000, () => running.keeper.health().state === 'refused');
        put(d);
        const news = running.logged.slice(said).map(({ message }) => message);
        assert.ok(
          news.some((message) => /asterisk\.ami\.secret_file.*manager\.conf/.test(message)),
          news.join('\n'),
        );
        assert.ok(!news.join().includes(lab().asterisk.amiSecret));
        await pause(500);
        assert.equal(stateOf(d.id), 'pending');
      },
    );
    await until('it stands', 8_000, () => stateOf(d.id) === 'done');
    await clean();
  });

  it('an account that may write nothing: the login is given up, with the file that mends it', async () => {
    const d = decision('block-account', '1004', HOUR);
    await withManager(
      (text) => text.replace('write = system\n', 'write = call\n'),
      async () => {
        await until('refused', 8_000, () => running.keeper.health().state === 'refused');
        const { lastError } = running.keeper.health();
        assert.match(lastError?.message ?? '', /Permission denied.*write = system.*manager_ringfence\.conf/);
        put(d);
        await pause(300);
        assert.equal(stateOf(d.id), 'pending');
      },
    );
    await until('it stands', 8_000, () => stateOf(d.id) === 'done');
    await clean();
  });

  it('an account that may read and not write: the decision failed, with the file that mends it, and all right after that', async () => {
    const d = decision('block-account', '1004', HOUR);
    await withManager(
      (text) => text.replace('write = system\n', 'write = reporting\n'),
      async () => {
        await until('logged in', 8_000, () => running.keeper.session !== null && asterisk().state === 'up');
        put(d);
        await until('failed', 5_000, () => stateOf(d.id) === 'failed');
        assert.ok(
          running.logged.some(({ message }) => /DBPut.*Permission denied.*manager_ringfence\.conf/.test(message)),
        );
        const rotated = await running.enforcer.rotate('1004', null, 'no');
        assert.ok(!rotated.ok && rotated.reason.includes('manager_ringfence.conf'), JSON.stringify(rotated));
      },
    );
    await until('it stands', 8_000, () => stateOf(d.id) === 'done');
    await clean();
  });
});

interface Relay {
  readonly port: number;
  /** Lets nothing through, and closes nothing. */
  hold(): void;
  /** What is held is dead; new connections pass. */
  release(): void;
  /** Ends what is open. */
  cut(): void;
  close(): void;
}

/** Between ringfence and AMI: a network that fails. */
async function openRelay(target: number): Promise<Relay> {
  const open = new Set<Socket>();
  let holding = false;
  const server = createServer((near) => {
    const far = connect(target, '127.0.0.1');
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(from);
      from.on('data', (bytes) => {
        if (!holding) to.write(bytes);
      });
      from.on('error', () => undefined);
      from.on('close', () => {
        open.delete(from);
        if (!holding) to.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const cut = (): void => {
    for (const socket of open) socket.destroy();
  };
  return {
    port: address !== null && typeof address === 'object' ? address.port : 0,
    hold: () => (holding = true),
    release: () => {
      // the dead ones stay dead: a half-open connection never wakes
      for (const socket of open) socket.removeAllListeners('data').pause();
      holding = false;
    },
    cut,
    close: () => {
      cut();
      server.close();
    },
  };
}
