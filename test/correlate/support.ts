import { Correlator } from '../../src/correlate/index.ts';
import type { Event, EventKind, EventOf } from '../../src/model.ts';
import { createSite, siteDefaults, type Site, type SiteInput } from '../../src/site/index.ts';
import { AmiMessage } from '../../src/wire/ami.ts';
import { decodeHep } from '../../src/wire/hep.ts';
import { listData, readData } from '../support/data.ts';
import type { Packet } from '../support/sip-builder.ts';

export function siteOf(input: SiteInput = {}, endpoints: readonly string[] = []): Site {
  const made = createSite(siteDefaults(input));
  if (!made.ok) throw new Error(JSON.stringify(made.problems));
  made.value.accounts.learn(endpoints.map((endpoint) => ({ endpoint, aliases: [] })));
  return made.value;
}

export interface Watch {
  readonly events: Event[];
  readonly correlator: Correlator;
  of<K extends EventKind>(kind: K): EventOf<K>[];
  play(packets: readonly Packet[]): void;
  ami(at: number, ...entries: readonly (readonly [string, string])[]): void;
}

/** A correlator whose events are kept. */
export function watch(site: Site, live = false): Watch {
  const events: Event[] = [];
  const correlator = new Correlator(site, { live }, (event) => events.push(event));
  return {
    events,
    correlator,
    of: <K extends EventKind>(kind: K) => events.filter((e): e is EventOf<K> => e.kind === kind),
    play: (packets) => {
      for (const p of packets) correlator.sip(p.path, p.payload, p.at, p.at);
    },
    ami: (at, ...entries) => correlator.ami(new AmiMessage(entries), at, at),
  };
}

/** The HEP datagrams of a folder of the data, whose names begin so, as packets. */
export function mirrored(folder: string, prefix = ''): Packet[] {
  return listData(folder, '.bin')
    .filter((path) => path.startsWith(`${folder}/${prefix}`))
    .map((path) => decodeHep(readData(path)))
    .flatMap((p) => (p.ok && p.value.payloadType === 1 ? [p.value] : []))
    .map((hep) => ({ path: { ...pathOf(hep) }, payload: hep.payload, at: hep.seenAt ?? 0 }));
}

const pathOf = (hep: Packet['path']): Packet['path'] => ({
  source: hep.source,
  sourcePort: hep.sourcePort,
  destination: hep.destination,
  destinationPort: hep.destinationPort,
  transport: hep.transport,
});

/** What an event says, in one comparable line. */
export function line(event: Event): string {
  switch (event.kind) {
    case 'auth.failed':
      return `failed ${event.username} from ${event.source}: ${event.reason}`;
    case 'auth.succeeded':
      return `succeeded ${event.username} from ${event.source}`;
    case 'register.accepted':
      return `registered ${event.aor} as ${event.binding.contact} from ${String(event.binding.source)}`;
    case 'register.removed':
      return `unregistered ${event.aor} by ${String(event.source)}`;
    case 'call.started':
    case 'call.answered':
      return `${event.kind} ${String(event.account)} to ${event.dialled} from ${String(event.source)} ${event.registration}`;
    case 'call.updated':
      return `call.updated ${String(event.account)} ${String(event.uniqueid)} ${String(event.callId)}`;
    case 'call.ended':
      return `call.ended ${event.dialled} ${event.status}${event.lostSince === null ? '' : ' unheard of'}`;
    case 'call.onward':
      return `call.onward ${String(event.trunk ?? event.account)} to ${event.dialled}, on to ${event.to} by ${event.via}: ${event.state}`;
    case 'call.refused':
      return `refused ${String(event.account)} to ${event.dialled} from ${String(event.source)} by ${event.rule}`;
    case 'pin.tried':
      return `pin ${event.result} by ${String(event.account)} from ${String(event.source)}`;
    case 'request.seen':
      return `seen ${event.request.method} from ${event.request.source}`;
    case 'request.answered':
      return `answered ${event.request.method} ${event.status}`;
    case 'request.repeated':
      return `repeated ${event.method} from ${event.source}, first from ${event.firstSource}, ${event.repeats}`;
    case 'request.own-address':
      return `own address ${event.request.method} from ${event.request.source}:${event.request.sourcePort}`;
    case 'dialog.request':
      return `${event.method} in a dialog from ${event.source}: ${String(event.inDialogSource)} ${String(event.tagsMatch)}`;
    case 'answer.received':
      return `answer ${event.status} from ${event.source}, asked ${String(event.asked)}`;
    case 'cdr':
      return `cdr ${event.call} ${String(event.account)} ${event.record.dst} ${event.live}`;
    case 'malformed':
      return `malformed ${event.protocol} from ${String(event.source)}`;
    case 'pbx.state':
      return `pbx ${event.state}`;
    case 'tick':
      return 'tick';
  }
}
