import { randomBytes } from 'node:crypto';
import { bindOf, BOX_HEADER, isBoxUri, isFreshBox, newBoxNonce, openBox, sealBox } from '../crypto/csc/box.ts';
import { sipUri } from '../crypto/identity.ts';
import type { PrivateKeyHandle } from '../crypto/private-key.ts';
import type { PublicKey } from '../crypto/public-key.ts';
import type { Log } from '../log.ts';
import type { Millis } from '../model.ts';
import { parseSip, type SipMessage } from '../wire/sip.ts';
import { SipDraft } from '../wire/sip-draft.ts';
import { BoundedMap } from '../windows.ts';
import type { Veil, Veiled } from './agent-context.ts';
import { bareAddress, hiddenUri, hide, setEnds } from './secret-call.ts';

export interface VeilOptions {
  readonly account: string;
  readonly domain: string;
  /** are calls of the phone hidden? Those that come hidden are shown in any case */
  readonly hides: boolean;
  /** numbers whose calls are never hidden: nothing may stop them */
  readonly emergency: readonly string[];
  /** our youngest key, and the gateway's pinned ones, youngest first */
  readonly keys: () => { readonly key: PrivateKeyHandle; readonly pinned: readonly PublicKey[] };
  /** the gateway's clock, as far as we know it */
  readonly clock: () => Millis;
  readonly log: Log;
}

/** A secret call at the agent. `local` and `remote`: From and To as the phone has them, without tags. */
interface SecretCall {
  readonly phoneCallId: string;
  readonly outerCallId: string;
  readonly local: string;
  readonly remote: string;
}

const MOST_CALLS = 20_000;
const FORBIDDEN = 403;

/** The agent's half of the secret call: seals whom its phone calls, opens who calls its phone. */
export class AgentVeil implements Veil {
  readonly #options: VeilOptions;
  readonly #byPhone = new BoundedMap<SecretCall>(MOST_CALLS);
  readonly #byOuter = new BoundedMap<SecretCall>(MOST_CALLS);
  readonly #nonces = new BoundedMap<true>(MOST_CALLS);

  constructor(options: VeilOptions) {
    this.#options = options;
  }

  isSecret(message: SipMessage): boolean {
    const { callId } = message;
    if (this.#byPhone.has(callId) || this.#byOuter.has(callId)) return true;
    if (!isFirst(message)) return false;
    return message.header(BOX_HEADER.caller) !== null || this.#isToBeHidden(message);
  }

  #isToBeHidden({ requestUser }: SipMessage): boolean {
    const { hides, emergency } = this.#options;
    return hides && requestUser !== '' && !emergency.includes(requestUser);
  }

  out(bytes: Buffer, message: SipMessage): Veiled | Promise<Veiled> {
    const known = this.#byPhone.get(message.callId);
    if (isFirst(message) && this.#isToBeHidden(message)) return this.#seal(bytes, message, known);
    return known === undefined ? { ok: true, bytes } : this.#hidden(bytes, message, known, false);
  }

  async #seal(bytes: Buffer, message: SipMessage, known: SecretCall | undefined): Promise<Veiled> {
    const { account, domain, clock, log, keys } = this.#options;
    const call = known ?? {
      phoneCallId: message.callId,
      outerCallId: randomBytes(16).toString('hex'),
      local: bareAddress(message.header('From') ?? ''),
      remote: bareAddress(message.header('To') ?? ''),
    };
    const to = sipUri(domain, message.requestUser);
    const from = sipUri(domain, message.fromUser === '' ? account : message.fromUser);
    const { key, pinned } = keys();
    const [gateway] = pinned;
    const hidden = this.#hidden(bytes, message, call, true);
    const carried = hidden.ok ? parseSip(hidden.bytes) : null;
    if (!isBoxUri(to) || !isBoxUri(from) || gateway === undefined || !hidden.ok || carried?.ok !== true) {
      log.warn('a call cannot be made secret: its number or name is none that a box holds; it is refused');
      return { ok: false, status: FORBIDDEN };
    }
    this.#remember(call);
    const { callId, fromTag, cseq, body } = carried.value;
    const contents = { to, from, bind: bindOf(callId, fromTag, cseq, body), at: clock(), nonce: newBoxNonce() };
    const box = await sealBox('callee', contents, gateway, key);
    const draft = SipDraft.of(hidden.bytes);
    if (!draft.ok) return { ok: false, status: FORBIDDEN };
    draft.value.append(BOX_HEADER.callee, box);
    return { ok: true, bytes: draft.value.bytes() };
  }

  #hidden(bytes: Buffer, message: SipMessage, call: SecretCall, first: boolean): Veiled {
    const { domain } = this.#options;
    const read = SipDraft.of(bytes);
    if (!read.ok) return { ok: false, status: 400 };
    const draft = read.value;
    if (first) draft.uri(hiddenUri(domain));
    hide(draft, message, domain, call.outerCallId);
    return { ok: true, bytes: draft.bytes() };
  }

  #remember(call: SecretCall): void {
    this.#byPhone.set(call.phoneCallId, call);
    this.#byOuter.set(call.outerCallId, call);
  }

  in(bytes: Buffer, message: SipMessage): Veiled | Promise<Veiled> {
    const box = isFirst(message) ? message.header(BOX_HEADER.caller) : null;
    if (box !== null) return this.#open(bytes, message, box);
    const call = this.#byOuter.get(message.callId);
    return call === undefined ? { ok: true, bytes } : shown(bytes, message, call);
  }

  async #open(bytes: Buffer, message: SipMessage, box: string): Promise<Veiled> {
    const { keys, clock, log } = this.#options;
    const refuse = (why: string): Veiled => {
      log.warn(`a secret call to us was refused: ${why}`);
      return { ok: false, status: FORBIDDEN };
    };
    const { key, pinned } = keys();
    const opened = await openBox('caller', box, [key], pinned);
    if (!opened.ok) return refuse(opened.reason);
    const { to, from, bind, at, nonce } = opened.value;
    const { callId, fromTag, cseq, body } = message;
    if (!Buffer.from(bind).equals(bindOf(callId, fromTag, cseq, body))) return refuse('its box is of another INVITE');
    if (!isFreshBox(at, clock())) return refuse('its box is too old, or of tomorrow: is the clock right?');
    const name = Buffer.from(nonce).toString('base64url');
    if (this.#nonces.has(name)) return refuse('its box was here before');
    this.#nonces.set(name, true);
    const call = { phoneCallId: callId, outerCallId: callId, local: `<${to}>`, remote: `<${from}>` };
    this.#remember(call);
    return shown(bytes, message, call);
  }
}

const isFirst = (message: SipMessage): boolean =>
  message.isRequest && message.method === 'INVITE' && message.toTag === '';

/** A request of the gateway as the phone gets it. */
function shown(bytes: Buffer, message: SipMessage, { local, remote, phoneCallId }: SecretCall): Veiled {
  const draft = SipDraft.of(bytes);
  if (!draft.ok) return { ok: false, status: 400 };
  setEnds(draft.value, message, { from: remote, to: local, callId: phoneCallId });
  draft.value.remove(BOX_HEADER.caller);
  return { ok: true, bytes: draft.value.bytes() };
}
