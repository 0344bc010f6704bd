import { join } from 'node:path';
import { Asterisk } from './asterisk.ts';
import type { Tree } from './packages.ts';
import { UserAgent } from './ua.ts';

/** A call as the carrier saw it; times in epoch ms. */
export interface TrunkCall {
  readonly number: string;
  readonly invitedAt: number;
  readonly answeredAt: number | undefined;
  readonly endedAt: number | undefined;
  /** Given up by the PBX before it was answered (CANCEL). */
  readonly cancelled: boolean;
}

/** The far end of the PBX's trunk. */
export interface Trunk {
  readonly host: string;
  readonly port: number;
  readonly kind: string;
  readonly calls: () => TrunkCall[];
  readonly close: () => Promise<void>;
}

/**
 * A carrier made of the lab's own user agent, which knows the exact time of each packet. Numbers that end in 486 are busy, in 503
 * out of service, in 480 ring until the caller gives up.
 */
export async function openOwnTrunk(host: string, port: number): Promise<Trunk> {
  const agent = await UserAgent.open({
    address: host,
    port,
    username: 'carrier',
    userAgent: 'LabCarrier/1.0',
    onCall: (number) => {
      if (number.endsWith('486')) return { refuse: 486 };
      if (number.endsWith('503')) return { refuse: 503 };
      return { afterMs: number.endsWith('480') ? -1 : 100 };
    },
  });
  return {
    host,
    port: agent.transport.port,
    kind: 'own user agent',
    calls: () =>
      agent.calls.map(({ number, invitedAt, answeredAt, endedAt, cancelled }) => ({
        number,
        invitedAt,
        answeredAt,
        endedAt,
        cancelled,
      })),
    close: async () => {
      await Promise.resolve();
      agent.close();
    },
  };
}

/** A carrier made of a second real Asterisk; its calls are read from its manager events. Same numbers as above. */
export async function openAsteriskTrunk(
  tree: Tree,
  directory: string,
  address: { host: string; port: number },
  customer: { host: string; port: number },
): Promise<Trunk> {
  const asterisk = await Asterisk.start({
    tree,
    directory: join(directory, 'carrier'),
    host: address.host,
    sipPort: address.port,
    role: 'carrier',
    trunk: customer,
  });
  return {
    host: address.host,
    port: address.port,
    kind: `Asterisk ${tree.versions.get('asterisk') ?? ''}`,
    calls: () => callsFromEvents(asterisk),
    close: async () => await asterisk.stop(),
  };
}

function callsFromEvents(asterisk: Asterisk): TrunkCall[] {
  const calls = new Map<string, { -readonly [Key in keyof TrunkCall]: TrunkCall[Key] }>();
  for (const { headers } of asterisk.ami.events) {
    const id = headers.get('Uniqueid') ?? '';
    const at = Math.round(Number(headers.get('Timestamp')) * 1000);
    const call = calls.get(id);
    switch (headers.get('Event')) {
      case 'Newchannel':
        calls.set(id, {
          number: headers.get('Exten') ?? '',
          invitedAt: at,
          answeredAt: undefined,
          endedAt: undefined,
          cancelled: false,
        });
        break;
      case 'Newstate':
        if (call !== undefined && headers.get('ChannelStateDesc') === 'Up') call.answeredAt ??= at;
        break;
      case 'Hangup':
        if (call === undefined) break;
        call.endedAt = at;
        call.cancelled = call.answeredAt === undefined && headers.get('Cause') === '127';
        break;
      default:
    }
  }
  return [...calls.values()];
}
