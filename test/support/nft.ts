import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { Nft, type NftOptions } from '../../src/pbx/nft.ts';
import { noNamespace, openNamespace } from './namespace.ts';

const FETCH = resolve(import.meta.dirname, '../../scripts/lab/fetch');

/** How nft is called here: the one that RINGFENCE_NFT names, the machine's, or a Debian package's in the lab's cache. */
function findNft(): readonly string[] | string {
  for (const command of [process.env['RINGFENCE_NFT'], 'nft', '/usr/sbin/nft'])
    if (command !== undefined && spawnSync(command, ['--version']).status === 0) return [command];
  const { status, stdout, stderr } = spawnSync('bash', [FETCH, 'nft'], { encoding: 'utf8', timeout: 120_000 });
  const tree = stdout.split('\t')[1];
  if (status === 0 && tree !== undefined) return [`${tree}/exec`, 'usr/sbin/nft'];
  return `there is no nft (RINGFENCE_NFT names one): ${stderr.trim().split('\n').at(-1) ?? ''}`;
}

function unavailable(nft: readonly string[]): string | null {
  const why = noNamespace([...nft, 'list', 'ruleset']);
  return why === null ? null : `no network namespace with nftables may be made here: ${why}`;
}

export interface NftLab {
  /** A client of the namespace's nftables. */
  readonly open: (options?: Omit<NftOptions, 'command'>) => Nft;
  /** Runs nft as an admin would. @returns what it prints */
  readonly run: (...args: readonly string[]) => string;
  /** The same nftables without the right to change it. */
  readonly powerless: () => Nft;
}

/**
 * In a `describe`: nftables in a network namespace of its own, so that nothing of this machine's firewall is touched; the
 * tests are skipped with a printed reason where that cannot be.
 */
export function useNftLab(): () => NftLab {
  let lab: NftLab | undefined;
  let end = (): void => undefined;
  before(async function () {
    this.timeout(150_000);
    const nft = findNft();
    const why = typeof nft === 'string' ? nft : unavailable(nft);
    if (typeof nft === 'string' || why !== null) {
      console.warn(`      skipped: ${why ?? ''}`);
      this.skip();
    }
    const { enter, end: close } = await openNamespace();
    end = close;
    const command = [...enter, ...nft];
    lab = {
      open: (options) => new Nft({ ...options, command }),
      run: (...args) => {
        const { status, stdout, stderr } = spawnSync(command[0] ?? '', [...command.slice(1), ...args], {
          encoding: 'utf8',
        });
        if (status !== 0) throw new Error(stderr);
        return stdout;
      },
      powerless: () => new Nft({ command: [...enter, 'setpriv', '--bounding-set=-net_admin', '--', ...nft] }),
    };
  });
  after(() => end());
  return () => {
    if (lab === undefined) throw new Error('there is no nftables');
    return lab;
  };
}

/** One client of it for all tests of a `describe`. */
export function useNft(): () => Nft {
  const lab = useNftLab();
  let nft: Nft | undefined;
  return () => (nft ??= lab().open());
}
