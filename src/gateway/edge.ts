import type { Parsed } from '../parsed.ts';
import { parseSip, type SipMessage } from '../wire/sip.ts';
import type { Flow } from './flows.ts';
import type { Finding } from './findings.ts';

/** One message at the edge between the gateway and a session, and whose session it is. */
export interface Crossing {
  /** `in`: from the session; `out`: to it */
  readonly direction: 'in' | 'out';
  readonly flow: Flow;
  readonly bytes: Buffer;
  readonly message: SipMessage;
  /** as an edge before has said */
  readonly equalised?: Equalised;
}

/** How every later refusal of this message looks, whatever its reason: status, and how many milliseconds from receipt. */
export interface Equalised {
  readonly status: number;
  readonly after: number;
}

/** What becomes of it: it goes on as `bytes`, or is refused with this status, `after` milliseconds from its receipt. */
export type Crossed =
  | { readonly ok: true; readonly bytes: Buffer; readonly equalised?: Equalised }
  | {
      readonly ok: false;
      readonly status: number;
      readonly after?: number;
      /** told to people; null: counted alone */
      readonly finding: Omit<Finding, 'at' | 'peer' | 'kid' | 'callId' | 'method'> | null;
    };

/**
 * What may rewrite or refuse messages at the edge: the secret call (restores To and From of what comes in, hides them from what goes out,
 * and does both for all later messages of the dialog), S/MIME by the toolbox's templates. Each request and each answer passes all of them
 * once, `in` in their order and `out` in the reverse; resends pass none. Behind them identity, rules and routing see the message as the
 * PBX will, and so do the detectors.
 *
 * Via, Record-Route, Route, Path and Contact of REGISTER are the border's: an edge leaves them alone, of an incoming message the
 * topmost Via and CSeq too. A promise holds up the messages behind this one of the same flow, so that they keep their order.
 * ACKs and answers that are refused are dropped.
 */
export interface Edge {
  /** for counts: gateway.refused.<name> */
  readonly name: string;
  cross(crossing: Crossing): Crossed | Promise<Crossed>;
  /** A flow is gone for good. */
  forget?(flow: Flow): void;
}

/** A message that has crossed all edges. */
export type Across =
  | { readonly ok: true; readonly bytes: Buffer; readonly message: SipMessage; readonly equalised?: Equalised }
  | (Extract<Crossed, { ok: false }> & { readonly edge: string });

/** Takes a message across all edges; without a promise unless one of them needs it. */
export function crossAll(edges: readonly Edge[], crossing: Crossing): Across | Promise<Across> {
  const order = crossing.direction === 'in' ? edges : edges.toReversed();
  return step(order, 0, crossing);
}

function step(edges: readonly Edge[], from: number, crossing: Crossing): Across | Promise<Across> {
  let at = crossing;
  for (let i = from; i < edges.length; i++) {
    const edge = edges[i];
    if (edge === undefined) continue;
    const crossed = edge.cross(at);
    if (crossed instanceof Promise)
      return crossed.then((one) => {
        const next = follow(one, edge, at);
        return 'direction' in next ? step(edges, i + 1, next) : next;
      });
    const next = follow(crossed, edge, at);
    if (!('direction' in next)) return next;
    at = next;
  }
  const { bytes, message, equalised } = at;
  return { ok: true, bytes, message, ...(equalised === undefined ? {} : { equalised }) };
}

function follow(crossed: Crossed, edge: Edge, crossing: Crossing): Crossing | Extract<Across, { ok: false }> {
  if (!crossed.ok) return { ...crossed, edge: edge.name };
  if (crossed.bytes === crossing.bytes) return crossing;
  const message: Parsed<SipMessage> = parseSip(crossed.bytes);
  const { equalised } = crossed;
  if (message.ok)
    return {
      ...{ ...crossing, bytes: crossed.bytes, message: message.value },
      ...(equalised === undefined ? {} : { equalised }),
    };
  throw new Error(`${edge.name} made what is no SIP message: ${message.reason}`);
}
