import { PeerError } from '../../errors.ts';
import type { Millis } from '../../model.ts';
import type { Nft } from '../../pbx/nft.ts';
import { entryKey } from '../enforcement.ts';
import { FlatLayout } from '../layout.ts';
import { lifeOf, type RowChange, type RowOutcome, type Target } from './target.ts';

/** Rows are `address/<address>`, the value the end in epoch seconds, which the element carries as its comment. */
export const nftLayout = (): FlatLayout => new FlatLayout(['address'], entryKey);

/** nftables: rows are elements of the sets of table inet ringfence, ended by the kernel. */
export class NftTarget implements Target {
  readonly name = 'nftables';
  readonly isUp = true;
  readonly #nft: Nft;
  #prepared = false;

  constructor(nft: Nft) {
    this.#nft = nft;
  }

  async read(): Promise<ReadonlyMap<string, string>> {
    let elements = this.#prepared ? await this.#nft.list() : null;
    if (elements === null) {
      // not made yet, or taken away (a firewall that was loaded anew flushes everything)
      await this.#nft.prepare();
      this.#prepared = true;
      elements = (await this.#nft.list()) ?? [];
    }
    return new Map(elements.map(({ address, comment }) => [entryKey('address', address), comment]));
  }

  async apply(changes: readonly RowChange[], now: Millis): Promise<ReadonlyMap<string, RowOutcome>> {
    if (!this.#prepared) await this.read();
    const addressOf = ({ key }: RowChange): string => key.slice('address/'.length);
    const put = changes.flatMap((change) =>
      change.value === null
        ? []
        : [{ address: addressOf(change), seconds: lifeOf(change.value, now), comment: change.value }],
    );
    const remove = changes.filter(({ value }) => value === null).map(addressOf);
    try {
      await this.#nft.change(put, remove);
    } catch (error) {
      // taken away since the last look; what else it held the next look will miss
      if (!(error instanceof PeerError) || !error.message.includes('No such file or directory')) throw error;
      await this.read();
      await this.#nft.change(put, remove);
    }
    // nft returns when the kernel has committed the transaction, which is the proof; listing thousands to see one is dear
    return new Map(changes.map(({ key, value }) => [key, { ok: true, standing: value }]));
  }
}
