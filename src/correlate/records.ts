import type { CallRecord, Millis } from '../model.ts';
import { channelEndpoint } from '../wire/ami.ts';
import type { Calls } from './calls.ts';
import type { Context } from './context.ts';

/** Call records: which call does each confirm, and whose was it? */
export class Records {
  readonly #context: Context;
  readonly #calls: Calls;
  /** channel names repeat their endpoint; a scan of a million rows asks for a few dozen */
  readonly #owners = new Map<string, { account: string | null; trunk: string | null }>();

  constructor(context: Context, calls: Calls) {
    this.#context = context;
    this.#calls = calls;
  }

  record(record: CallRecord, seenAt: Millis): void {
    const { account, trunk } = this.#owner(record.channel);
    const call =
      this.#calls.size === 0
        ? undefined
        : this.#calls.ofRecord(record.uniqueid, record.linkedid, account, record.dst, record.start);
    if (call !== undefined) {
      call.recorded = true;
      if (!call.ended && call.uniqueid === record.uniqueid) this.#calls.recorded(call);
    }
    this.#context.emit({
      kind: 'cdr',
      at: this.#context.clock.now,
      seenAt,
      feed: 'cdr',
      call: call?.call ?? keyOf(record),
      live: call !== undefined,
      account: account ?? call?.account ?? null,
      trunk: trunk ?? call?.trunk ?? null,
      record,
    });
  }

  /** The account a call record belongs to comes from its channel name. */
  #owner(channel: string): { account: string | null; trunk: string | null } {
    const dash = channel.lastIndexOf('-');
    const name = dash < 0 ? channel : channel.slice(0, dash);
    let owner = this.#owners.get(name);
    if (owner === undefined) {
      const endpoint = channelEndpoint(channel);
      const { networks, accounts } = this.#context.site;
      if (endpoint === null || endpoint.technology === 'Local') owner = { account: null, trunk: null };
      else if (networks.isTrunk(endpoint.endpoint)) owner = { account: null, trunk: endpoint.endpoint };
      else owner = { account: accounts.resolve(endpoint.endpoint), trunk: null };
      if (this.#owners.size >= 10_000) this.#owners.clear();
      this.#owners.set(name, owner);
    }
    return owner;
  }

  /** The PBX's endpoints were read anew: what a channel name leads to may have changed. */
  forgetOwners(): void {
    this.#owners.clear();
  }
}

/** Records of one call share linkedid; without it the uniqueid, without both what makes a call: channel and start. */
const keyOf = (record: CallRecord): string => record.linkedid || record.uniqueid || `${record.channel}@${record.start}`;
