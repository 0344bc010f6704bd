import assert from 'node:assert/strict';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { PeerError } from '../../src/errors.ts';
import { Nft } from '../../src/pbx/nft.ts';

const NFT = process.env['RINGFENCE_NFT'] ?? 'nft';

/** A network namespace of its own, so that nothing of this machine's firewall is touched. */
function namespaced(): { child: ChildProcess; command: string[] } | string {
  if (process.getuid?.() !== 0) return 'only root may make a network namespace';
  if (spawnSync(NFT, ['--version']).status !== 0) return 'there is no nft (RINGFENCE_NFT names one)';
  if (spawnSync('unshare', ['-n', NFT, 'list', 'ruleset']).status !== 0) return 'this kernel has no nftables for us';
  const child = spawn('unshare', ['-n', 'sleep', '60'], { stdio: 'ignore' });
  return { child, command: ['nsenter', '-t', String(child.pid), '-n', NFT] };
}

describe('nftables', () => {
  let child: ChildProcess | undefined;
  let nft = new Nft();

  before(async function () {
    const made = namespaced();
    if (typeof made === 'string') {
      console.warn(`      skipped: ${made}`);
      return this.skip();
    }
    child = made.child;
    await new Promise((resolve) => setTimeout(resolve, 200));
    nft = new Nft({ command: made.command });
  });
  after(() => child?.kill('SIGKILL'));

  it('has no table until it is made, and making it again leaves what stands', async () => {
    assert.equal(await nft.list(), null);
    await nft.prepare();
    await nft.change([{ address: '203.0.113.7', seconds: 100, comment: 'a' }], []);
    await nft.prepare();
    assert.equal((await nft.list())?.length, 1);
  });

  it('takes addresses of both families, gives them another end, and takes them away', async () => {
    await nft.change([{ address: '2001:db8::7', seconds: 100, comment: '1795299999' }], []);
    await nft.change([{ address: '2001:db8::7', seconds: 500, comment: '1795300399' }], ['203.0.113.7', '203.0.113.8']);
    const [element, ...more] = (await nft.list()) ?? [];
    assert.deepEqual([element?.address, element?.comment, more.length], ['2001:db8::7', '1795300399', 0]);
    assert.ok((element?.expires ?? 0) > 490);
  });

  it('ends an address by itself', async () => {
    await nft.change([{ address: '203.0.113.9', seconds: 1, comment: '' }], ['2001:db8::7']);
    assert.equal((await nft.list())?.length, 1);
    await new Promise((resolve) => setTimeout(resolve, 1_300));
    assert.deepEqual(await nft.list(), []);
  });

  it('changes all or nothing, and says why not', async () => {
    const put = [
      { address: '203.0.113.1', seconds: 100, comment: '' },
      { address: 'no address', seconds: 100, comment: '' },
    ];
    await assert.rejects(nft.change(put, []), PeerError);
    assert.deepEqual(await nft.list(), []);
  });

  it('leaves nothing behind', async () => {
    await nft.remove();
    assert.equal(await nft.list(), null);
  });
});

describe('nftables that cannot be run', () => {
  it('says what to do', async () => {
    await assert.rejects(new Nft({ command: ['no-such-nft'] }).prepare(), (error: unknown) => {
      assert.ok(error instanceof PeerError && !error.retryable);
      assert.match(error.message, /install nftables/);
      return true;
    });
  });
});
