import assert from 'node:assert/strict';
import { PeerError } from '../../src/errors.ts';
import { Nft } from '../../src/pbx/nft.ts';
import { useNft } from '../support/nft.ts';

describe('nftables', () => {
  const nft = useNft();

  it('has no table until it is made, and making it again leaves what stands', async () => {
    assert.equal(await nft().list(), null);
    await nft().prepare();
    await nft().change([{ address: '203.0.113.7', seconds: 100, comment: 'a' }], []);
    await nft().prepare();
    assert.equal((await nft().list())?.length, 1);
  });

  it('takes addresses of both families, gives them another end, and takes them away', async () => {
    await nft().change([{ address: '2001:db8::7', seconds: 100, comment: '1795299999' }], []);
    await nft().change(
      [{ address: '2001:db8::7', seconds: 500, comment: '1795300399' }],
      ['203.0.113.7', '203.0.113.8'],
    );
    const [element, ...more] = (await nft().list()) ?? [];
    assert.deepEqual([element?.address, element?.comment, more.length], ['2001:db8::7', '1795300399', 0]);
    assert.ok((element?.expires ?? 0) > 490);
  });

  it('ends an address by itself', async () => {
    await nft().change([{ address: '203.0.113.9', seconds: 1, comment: '' }], ['2001:db8::7']);
    assert.equal((await nft().list())?.length, 1);
    await new Promise((resolve) => setTimeout(resolve, 1_300));
    assert.deepEqual(await nft().list(), []);
  });

  it('changes all or nothing, and says why not', async () => {
    const put = [
      { address: '203.0.113.1', seconds: 100, comment: '' },
      { address: 'no address', seconds: 100, comment: '' },
    ];
    await assert.rejects(nft().change(put, []), PeerError);
    assert.deepEqual(await nft().list(), []);
  });

  it('leaves nothing behind', async () => {
    await nft().remove();
    assert.equal(await nft().list(), null);
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
