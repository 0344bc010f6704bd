import { spawn, spawnSync } from 'node:child_process';
import { Nft } from '../../src/pbx/nft.ts';

const NFT = process.env['RINGFENCE_NFT'] ?? 'nft';

function unavailable(): string | null {
  if (process.getuid?.() !== 0) return 'only root may make a network namespace';
  if (spawnSync(NFT, ['--version']).status !== 0) return 'there is no nft (RINGFENCE_NFT names one)';
  if (spawnSync('unshare', ['-n', NFT, 'list', 'ruleset']).status !== 0) return 'no nftables in this kernel';
  return null;
}

/**
 * In a `describe`: nftables in a network namespace of its own, so that nothing of this machine's firewall is touched; the
 * tests are skipped with a printed reason where that cannot be.
 */
export function useNft(): () => Nft {
  let nft: Nft | undefined;
  let end = (): void => undefined;
  before(async function () {
    const why = unavailable();
    if (why !== null) {
      console.warn(`      skipped: ${why}`);
      this.skip();
    }
    const child = spawn('unshare', ['-n', 'sleep', '60'], { stdio: 'ignore' });
    end = () => void child.kill('SIGKILL');
    await new Promise((resolve) => setTimeout(resolve, 200));
    nft = new Nft({ command: ['nsenter', '-t', String(child.pid), '-n', NFT] });
  });
  after(() => end());
  return () => {
    if (nft === undefined) throw new Error('there is no nftables');
    return nft;
  };
}
