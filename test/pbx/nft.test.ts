import assert from 'node:assert/strict';
import { PeerError } from '../../src/errors.ts';
import { Nft } from '../../src/pbx/nft.ts';
import { NftTarget } from '../../src/respond/targets/nftables.ts';
import { useNft, useNftLab } from '../support/nft.ts';

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

describe('a real nftables', function () {
  this.timeout(60_000);
  const lab = useNftLab();
  const addresses = Array.from({ length: 5_000 }, (_, i) =>
    i % 4 === 0 ? `2001:db8::${(i + 1).toString(16)}` : `198.18.${i >> 8}.${i & 255}`,
  );
  const rows = (): Map<string, string> =>
    new Map(addresses.map((address) => [`address/${address}`, String(Math.ceil(Date.now() / 1000) + 3_600)]));

  it('drops what a blocked address sends to the SIP ports and nothing else', async () => {
    await lab()
      .open({ ports: [5060, 5061, 5160] })
      .prepare();
    const rules = lab().run('list', 'chain', 'inet', 'ringfence', 'input');
    assert.match(rules, /hook input priority (?:filter - 10|-10); policy accept;/);
    const ports = String.raw`th dport \{ 5060(?:-5061|, 5061), 5160 \} drop`;
    for (const [family, set] of [
      ['ip', 'address4'],
      ['ip6', 'address6'],
    ] as const)
      assert.match(rules, new RegExp(`${family} saddr @${set} meta l4proto \\{ tcp, udp \\} ${ports}`));
    await lab().open().prepare();
    assert.ok(!lab().run('list', 'chain', 'inet', 'ringfence', 'input').includes('5160'), 'other ports, other rules');
  });

  it('holds 5,000 addresses of both families, and lets them go', async () => {
    const target = new NftTarget(lab().open());
    const wanted = rows();
    const began = performance.now();
    const outcomes = await target.apply(
      [...wanted].map(([key, value]) => ({ key, value })),
      Date.now(),
    );
    assert.ok([...outcomes.values()].every(({ ok }) => ok));
    const put = performance.now();
    assert.deepEqual(await target.read(), wanted);
    const read = performance.now();
    await target.apply(
      [...wanted.keys()].map((key) => ({ key, value: null })),
      Date.now(),
    );
    console.log(
      `      5,000 put in ${Math.round(put - began)} ms, read in ${Math.round(read - put)} ms, taken away in ${Math.round(performance.now() - read)} ms`,
    );
    assert.equal((await target.read()).size, 0);
  });

  it('finds its table gone after somebody loaded the firewall anew, and makes it again', async () => {
    const target = new NftTarget(lab().open());
    await target.apply([{ key: 'address/203.0.113.7', value: '4102444800' }], Date.now());
    lab().run('flush', 'ruleset');
    assert.equal((await target.read()).size, 0);
    await target.apply([{ key: 'address/203.0.113.7', value: '4102444800' }], Date.now());
    assert.equal((await target.read()).size, 1);
    // gone between two looks: what is put then
    lab().run('delete', 'table', 'inet', 'ringfence');
    await target.apply([{ key: 'address/203.0.113.8', value: '4102444800' }], Date.now());
    assert.deepEqual([...(await target.read()).keys()], ['address/203.0.113.8']);
  });

  it("leaves the site's own rules alone", async () => {
    lab().run('add', 'table', 'inet', 'site');
    lab().run('add', 'chain', 'inet', 'site', 'input', '{ type filter hook input priority 0; policy accept; }');
    const nft = lab().open();
    await nft.prepare();
    await nft.change([{ address: '203.0.113.9', seconds: 60, comment: '' }], []);
    await nft.remove();
    assert.equal(await nft.list(), null);
    assert.match(lab().run('list', 'ruleset'), /table inet site/);
  });

  it('says which right is missing', async () => {
    await assert.rejects(lab().powerless().prepare(), (error: unknown) => {
      assert.ok(error instanceof PeerError && !error.retryable);
      assert.match(error.message, /CAP_NET_ADMIN/);
      return true;
    });
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
