import { canonicalAddress, sourceKey } from '../address.ts';
import type { Millis } from '../model.ts';
import type { SipMessage } from '../wire/sip.ts';
import { BoundedMap, type Packed } from '../windows.ts';
import type { Calls } from './calls.ts';
import type { Context } from './context.ts';
import { sessionOf } from './session-facts.ts';
import type { PacketPath } from './sip-facts.ts';

/** Dialogs held; one is added only where the PBX takes a call on, or calls itself. */
const MAX_DIALOGS = 16_384;
/** Parties of one Call-ID: a proxy may ring many phones for one call. With more, everybody may be one. */
const MAX_PEERS = 16;
const MAX_TAGS = 8;
const MAX_ROUTES = 8;
const LONGEST_TAG = 128;
/** Requests within a dialog that end it, or send its media or the call elsewhere. */
const DIALOG_REQUESTS = new Set(['BYE', 'CANCEL', 'INVITE', 'UPDATE', 'REFER']);

/** A dialog, or all dialogs of one Call-ID (RFC 3261 section 12): plain. */
interface Dialog {
  /** tag of who called */
  readonly callerTag: string;
  /** tags of who answered; [] while not known */
  tags: string[];
  /** addresses whose requests belong to it */
  peers: string[];
  ended: boolean;
}

interface Membership {
  /** null: the dialog is not known */
  readonly inDialogSource: boolean | null;
  readonly tagsMatch: boolean | null;
  readonly expected: readonly string[];
}

const UNKNOWN: Membership = { inDialogSource: null, tagsMatch: null, expected: [] };

/** Who is in which dialog, so that a BYE of somebody else can be told from one of the parties. */
export class Dialogs {
  readonly #context: Context;
  readonly #calls: Calls;
  readonly #byCallId = new BoundedMap<Dialog>(MAX_DIALOGS);

  constructor(context: Context, calls: Calls) {
    this.#context = context;
    this.#calls = calls;
  }

  get size(): number {
    return this.#byCallId.size;
  }

  /** Somebody calls: `peer` is where his INVITE came from, or where the PBX's own went; `contact` the Contact's host. */
  began(callId: string, callerTag: string, peer: string, contact = ''): void {
    let dialog = this.#byCallId.get(callId);
    if (dialog === undefined) {
      if (callerTag.length > LONGEST_TAG) return;
      dialog = { callerTag, tags: [], peers: [], ended: false };
      this.#byCallId.set(callId, dialog);
    }
    this.#join(dialog, peer);
    this.#join(dialog, contact);
  }

  /** It was answered, with a tag: whom the answer names as the next hops of the dialog belongs to it too. */
  answered(callId: string, message: SipMessage, peer: string | null): void {
    const dialog = this.#byCallId.get(callId);
    if (dialog === undefined) return;
    const { toTag } = message;
    if (toTag === '') return;
    if (toTag.length <= LONGEST_TAG && dialog.tags.length < MAX_TAGS && !dialog.tags.includes(toTag))
      dialog.tags.push(toTag);
    if (peer !== null) {
      this.#join(dialog, peer);
      this.#join(dialog, message.contactHost);
    }
    if (message.status < 200) return; // a CANCEL comes from where the INVITE came
    for (const route of message.recordRoutes(MAX_ROUTES)) this.#join(dialog, hostOfRoute(route));
  }

  /** A host name is nobody's packet source; the PBX's own addresses need not be held. */
  #join(dialog: Dialog, host: string): void {
    const address = host === '' ? null : canonicalAddress(host);
    if (address === null || dialog.peers.length > MAX_PEERS || dialog.peers.includes(address)) return;
    if (!this.#context.site.networks.isPbx(address)) dialog.peers.push(address);
  }

  /** Does this request come from a party of the dialog, and does it name its tags? */
  #membership(path: PacketPath, message: SipMessage): Membership {
    const dialog = this.#byCallId.get(message.callId);
    if (dialog === undefined) return UNKNOWN;
    return {
      inDialogSource: dialog.peers.length > MAX_PEERS || this.#isPeer(dialog, path),
      tagsMatch: tagsMatch(dialog, message),
      expected: dialog.peers.slice(0, 8),
    };
  }

  #isPeer(dialog: Dialog, { source, sourcePort, transport }: PacketPath): boolean {
    if (dialog.peers.includes(source) || this.#context.servers.is(source, sourcePort, transport)) return true;
    const trunk = this.#context.site.networks.trunkOf(source);
    const key = source.includes(':') ? sourceKey(source) : null;
    return dialog.peers.some(
      (peer) =>
        (trunk !== null && this.#context.site.networks.trunkOf(peer) === trunk) ||
        (key !== null && sourceKey(peer) === key),
    );
  }

  /** A request within a dialog: tells of it. @returns true: it is of nobody in the dialog */
  isOutsiders(path: PacketPath, message: SipMessage, seenAt: Millis): boolean {
    const { method, callId } = message;
    if (!DIALOG_REQUESTS.has(method)) return false;
    const { inDialogSource, tagsMatch, expected } = this.#membership(path, message);
    const call = this.#calls.byCallId(callId);
    const { source, sourcePort, transport } = path;
    this.#context.emit({
      kind: 'dialog.request',
      at: this.#context.clock.now,
      seenAt,
      feed: 'sip',
      method,
      callId,
      call: call?.call ?? null,
      account: call?.account ?? null,
      source,
      sourcePort,
      transport,
      trunk: this.#context.site.networks.trunkOf(source),
      userAgent: message.userAgent,
      inDialogSource,
      tagsMatch,
      expected,
      session: method === 'INVITE' || method === 'UPDATE' ? sessionOf(message) : null,
    });
    return inDialogSource === false || tagsMatch === false;
  }

  /** It is over; what comes late (a second BYE, a retransmission) is still known to belong to it. */
  ended(callId: string): void {
    const dialog = this.#byCallId.peek(callId);
    if (dialog !== undefined) dialog.ended = true;
  }

  /** Those that go on. */
  snapshot(): unknown {
    const going = this.#byCallId.snapshot((d) => ({ ...d, tags: [...d.tags], peers: [...d.peers] }));
    return going.filter(([, dialog]) => !dialog.ended);
  }

  restore(snapshot: unknown): void {
    this.#byCallId.restore((snapshot ?? []) as Packed<Dialog>[], (d) => ({
      ...d,
      tags: [...d.tags],
      peers: [...d.peers],
    }));
  }
}

/** Whoever speaks writes his own tag in From (RFC 3261 section 12.2.1.1), but for a CANCEL, which repeats the INVITE (9.1). */
function tagsMatch({ callerTag, tags }: Dialog, { fromTag, toTag }: SipMessage): boolean | null {
  if (toTag === '') return fromTag === callerTag;
  if (tags.length === 0 || tags.length >= MAX_TAGS) return fromTag === callerTag || toTag === callerTag ? null : false;
  if (fromTag === callerTag) return tags.includes(toTag);
  return toTag === callerTag && tags.includes(fromTag);
}

/** Host of `<sip:192.0.2.1:5060;lr>`, an IPv6 reference without its brackets; '' if it is something else. */
function hostOfRoute(route: string): string {
  const found = /<?sips?:(?:[^@<>\s]{0,128}@)?(\[[0-9A-Fa-f:.]{2,45}\]|[^:;>\s?[\]]{1,255})/i.exec(route);
  return (found?.[1] ?? '').replace(/^\[|\]$/g, '');
}
