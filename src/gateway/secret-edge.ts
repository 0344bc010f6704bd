import { createHash, createHmac } from 'node:crypto';
import {
  bindOf,
  BOX_HEADER,
  BOX_REMEMBERED,
  isFreshBox,
  newBoxNonce,
  openBox,
  sealBox,
  type OpenedBox,
} from '../crypto/csc/box.ts';
import type { KnownKey } from '../crypto/csc/server.ts';
import { sipUri } from '../crypto/identity.ts';
import { MasterKey } from '../crypto/master-key.ts';
import type { PrivateKeyHandle } from '../crypto/private-key.ts';
import type { Millis } from '../model.ts';
import { DAY, MINUTE } from '../time.ts';
import { parseNameAddr, parseSip, parseUri, type SipMessage } from '../wire/sip.ts';
import { SipDraft } from '../wire/sip-draft.ts';
import { BoundedMap } from '../windows.ts';
import type { Crossed, Crossing, Edge } from './edge.ts';
import type { Flow } from './flows.ts';
import { fits } from './policy.ts';
import { bareAddress, hide, SECRET_MARK, setEnds } from './secret-call.ts';

/** What outlives a restart: nonces of boxes, and calls that stand. Values are sealed before they get here. */
export interface SecretMemory {
  /** Notes a nonce, on disk before this returns. @returns false: it was noted with another message */
  once(nonce: string, message: string, until: Millis): boolean;
  keep(key: string, value: string, until: Millis): void;
  find(key: string): string | null;
}

export interface SecretEdgeOptions {
  readonly domain: string;
  /** the gateway's own live keys, youngest first */
  readonly own: () => readonly PrivateKeyHandle[];
  readonly known: (kid: string) => KnownKey | undefined;
  /** the account behind a name; null: nobody's */
  readonly accountOf: (name: string) => string | null;
  /** 32 bytes, kept over restarts */
  readonly secret: Uint8Array;
  readonly memory: SecretMemory;
  readonly settings: {
    /** what becomes of a secret call to a session without a key */
    readonly noKey: 'deny' | 'clear';
    /** accounts to which every call is secret */
    readonly hide: readonly string[];
  };
  readonly now: () => Millis;
  /** for people: what cannot be said to either side */
  readonly warn: (text: string) => void;
}

/** A secret call at one of its two sessions. */
interface SecretCall {
  /** Call-ID at the PBX, and at the session */
  readonly inner: string;
  readonly outer: string;
  /** whose session it is, and the other, as the PBX has them in From and To, without tags */
  readonly local: string;
  readonly remote: string;
  /** the PBX's Contact, the last that it told; '' : none yet */
  contact: string;
}

const PURPOSE = 'secret call';
const MOST_CALLS = 20_000;
const KEPT: Millis = DAY;
/** The PBX may take so long to call on: an announcement, a queue. */
const CALLS_ON: Millis = 4 * MINUTE;
/** Every refusal is the same, so long after the INVITE came. */
export const REFUSED = { status: 403, after: 200 } as const;

/**
 * The gateway's half of the secret call: INVITEs with a callee box become what they are before the PBX sees them; what the PBX sends to
 * either session says neither name, and a caller box tells the callee's agent who calls.
 */
export class SecretEdge implements Edge {
  readonly name = 'secret-call';
  readonly #options: SecretEdgeOptions;
  readonly #seal: MasterKey;
  readonly #calls = new BoundedMap<SecretCall>(MOST_CALLS);
  /** who has begun a secret call, and when */
  readonly #callers = new BoundedMap<Millis>(MOST_CALLS);

  constructor(options: SecretEdgeOptions) {
    this.#options = options;
    this.#seal = new MasterKey(this.#hmac('key', ''));
  }

  cross(crossing: Crossing): Crossed | Promise<Crossed> {
    const { direction, flow, bytes, message } = crossing;
    if (direction === 'in') {
      const box = message.isRequest ? message.header(BOX_HEADER.callee) : null;
      if (box !== null && isFirst(message)) return this.#open(crossing, box);
      const call = this.#find(flow, message.callId);
      return call === null ? { ok: true, bytes } : this.#restored(crossing, call);
    }
    if (isFirst(message)) return this.#toCallee(crossing);
    const call = this.#outward(flow, message);
    return call === null ? { ok: true, bytes } : this.#hidden(crossing, call);
  }

  async #open({ flow, bytes, message }: Crossing, box: string): Promise<Crossed> {
    const { own, known, memory, now } = this.#options;
    const account = [...flow.accounts][0] ?? '';
    const refuse = (why: string): Crossed => ({
      ...{ ok: false, ...REFUSED },
      finding: { kind: 'edge', account, claimed: '', detail: `a secret call was refused: ${why}` },
    });
    const sender = flow.kid === null ? undefined : known(flow.kid);
    if (sender === undefined || flow.kid === null) return refuse('nobody has proved a key in this session');
    if (message.headers(BOX_HEADER.callee).length > 1) return refuse('it has two boxes');
    const opened = await openBox('callee', box, own(), [sender.key]);
    if (!opened.ok) return refuse(opened.reason);
    const fault = this.#fault(flow, message, opened.value);
    if (fault !== null) return refuse(fault);
    const said = createHash('sha256').update(`${flow.kid}\0${message.branch}\0`).update(bytes).digest('base64url');
    const nonce = Buffer.from(opened.value.nonce).toString('base64url');
    // on disk before the INVITE goes on: after a restart too its box is good for this one message
    if (!memory.once(nonce, said, now() + BOX_REMEMBERED)) return refuse('its box was here before, in another message');
    return this.#opened(flow, bytes, message, opened.value);
  }

  #fault(flow: Flow, { callId, fromTag, cseq, body }: SipMessage, { bind, at, from }: OpenedBox): string | null {
    if (!Buffer.from(bind).equals(bindOf(callId, fromTag, cseq, body))) return 'its box is of another INVITE';
    if (!isFreshBox(at, this.#options.now())) return 'its box is older than two minutes, or of a clock that is ahead';
    const { user, host } = userOf(from);
    if (host !== this.#options.domain.toLowerCase()) return `its box names a caller at ${host}`;
    const account = this.#options.accountOf(user) ?? user;
    const { trunk } = flow;
    const may =
      flow.accounts.has(account) ||
      flow.accounts.has(user) ||
      trunk?.identities.some((one) => fits(one, user)) === true;
    return may ? null : `its box names ${user} as the caller`;
  }

  #opened(flow: Flow, bytes: Buffer, message: SipMessage, { to, from }: OpenedBox): Crossed {
    const read = SipDraft.of(bytes);
    if (!read.ok) throw new TypeError('an INVITE that was read and cannot be read');
    const draft = read.value;
    const call: SecretCall = {
      ...{ inner: message.callId, outer: message.callId, local: `<${from}>`, remote: `<${to}>`, contact: '' },
    };
    this.#keep(flow, call);
    this.#callers.set(userOf(from).user, this.#options.now());
    draft.uri(to);
    setEnds(draft, message, { from: call.local, to: call.remote, callId: call.inner });
    draft.remove(BOX_HEADER.callee);
    return { ok: true, bytes: draft.bytes(), equalised: REFUSED };
  }

  /** Later requests of a session, and its answers, as the PBX knows them. */
  #restored({ bytes, message }: Crossing, call: SecretCall): Crossed {
    const read = SipDraft.of(bytes);
    if (!read.ok) throw new TypeError('a message that was read and cannot be read');
    const draft = read.value;
    const { local, remote, inner: callId } = call;
    if (message.isRequest) {
      setEnds(draft, message, { from: local, to: remote, callId });
      if (call.contact !== '' && message.toTag !== '') draft.uri(call.contact);
    } else setEnds(draft, message, { from: remote, to: local, callId });
    return { ok: true, bytes: draft.bytes() };
  }

  /** What the PBX sends, as the session may see it. */
  #hidden({ flow, bytes, message }: Crossing, call: SecretCall): Crossed {
    const { domain } = this.#options;
    const read = SipDraft.of(bytes);
    if (!read.ok) throw new TypeError('a message that was read and cannot be read');
    const draft = read.value;
    hide(draft, message, domain, call.outer);
    this.#hideContact(draft, flow, call);
    if (message.status !== 401 && message.status !== 407) return { ok: true, bytes: draft.bytes() };
    // a challenge asks the caller for his name in clear: he sees a refusal as any other
    this.#options.warn(
      'the PBX asks for a password in a secret call, and none can be given: docs/agent.md, "Secret calls", says what its endpoint needs',
    );
    draft.remove('WWW-Authenticate', 'Proxy-Authenticate');
    const rest = draft.bytes();
    return {
      ok: true,
      bytes: Buffer.concat([Buffer.from('SIP/2.0 403 Forbidden'), rest.subarray(rest.indexOf('\r\n'))]),
    };
  }

  #hideContact(draft: SipDraft, flow: Flow, call: SecretCall): void {
    draft.replaceEach('Contact', (value) => {
      const address = parseNameAddr(value);
      if (!address.ok) return value;
      const { uri } = address.value;
      if (call.contact !== uri) {
        call.contact = uri;
        this.#keep(flow, call);
      }
      const name = this.#hmac('contact', call.outer).toString('base64url').slice(0, 22);
      return `<${sipUri(this.#options.domain, name)}>`;
    });
  }

  /** A first INVITE to a session: is it the other half of a secret call? */
  #toCallee(crossing: Crossing): Crossed | Promise<Crossed> {
    const { flow, bytes, message } = crossing;
    const { settings, now, known } = this.#options;
    const since = this.#callers.get(message.fromUser);
    const listed = [...flow.accounts].some((account) => settings.hide.some((one) => fits(one, account)));
    if (!listed && (since === undefined || now() - since > CALLS_ON)) return { ok: true, bytes };
    const key = flow.kid === null ? undefined : known(flow.kid);
    if (key !== undefined) return this.#sealed(crossing, key);
    if (settings.noKey === 'clear' || since === undefined) return { ok: true, bytes };
    const detail = 'a secret call to it was refused: it has no key and would show the caller in clear';
    return {
      ok: false,
      status: 403,
      finding: { kind: 'edge', account: [...flow.accounts][0] ?? '', claimed: '', detail },
    };
  }

  async #sealed({ flow, bytes, message }: Crossing, key: KnownKey): Promise<Crossed> {
    const { domain, own, now } = this.#options;
    const [gateway] = own();
    const read = SipDraft.of(bytes);
    if (gateway === undefined || !read.ok) throw new TypeError('a gateway without a key');
    const call: SecretCall = {
      inner: message.callId,
      outer: this.#outerOf(message.callId),
      local: bareAddress(message.header('To') ?? ''),
      remote: bareAddress(message.header('From') ?? ''),
      contact: '',
    };
    this.#keep(flow, call);
    const draft = read.value;
    hide(draft, message, domain, call.outer);
    this.#hideContact(draft, flow, call);
    const carried = parseSip(draft.bytes());
    if (!carried.ok) throw new TypeError('an INVITE that was made and cannot be read');
    const box = await sealBox(
      'caller',
      {
        to: sipUri(domain, key.account),
        from: sipUri(domain, message.fromUser === '' ? 'anonymous' : message.fromUser),
        bind: bindOf(call.outer, message.fromTag, message.cseq, carried.value.body),
        at: now(),
        nonce: newBoxNonce(),
      },
      key.key,
      gateway,
    );
    draft.append(BOX_HEADER.caller, box);
    return { ok: true, bytes: draft.bytes() };
  }

  /** A call of which something goes out to a session: known, or marked as secret by the agent's Contact. */
  #outward(flow: Flow, message: SipMessage): SecretCall | null {
    const call = this.#find(flow, message.callId) ?? this.#find(flow, this.#outerOf(message.callId));
    if (call !== null || !message.isRequest) return call;
    const uri = parseUri(message.requestUri);
    if (!uri.ok || uri.value.parameters[SECRET_MARK] === undefined) return null;
    // nobody remembers it, and its names stay in all the same
    const [from, to] = [message.header('From') ?? '', message.header('To') ?? ''].map(bareAddress);
    const outer = message.callId;
    return { inner: message.callId, outer, local: to ?? '', remote: from ?? '', contact: '' };
  }

  #outerOf(inner: string): string {
    return this.#hmac('call', inner).toString('hex').slice(0, 32);
  }

  #hmac(what: string, of: string): Buffer {
    return createHmac('sha256', this.#options.secret).update(`${PURPOSE}\0${what}\0${of}`).digest();
  }

  #key(flow: Flow, outer: string): string {
    return this.#hmac('row', `${flow.token}\0${outer}`).toString('base64url');
  }

  #keep(flow: Flow, call: SecretCall): void {
    const key = this.#key(flow, call.outer);
    this.#calls.set(key, call);
    const value = this.#seal.seal(PURPOSE, key, Buffer.from(JSON.stringify(call)));
    this.#options.memory.keep(key, value, this.#options.now() + KEPT);
  }

  #find(flow: Flow, outer: string): SecretCall | null {
    if (flow.kid === null) return null;
    const key = this.#key(flow, outer);
    const known = this.#calls.get(key);
    if (known !== undefined) return known;
    const kept = this.#options.memory.find(key);
    const opened = kept === null ? null : this.#seal.open(PURPOSE, key, kept);
    if (opened?.ok !== true) return null;
    const call = JSON.parse(opened.value.toString()) as SecretCall;
    this.#calls.set(key, call);
    return call;
  }
}

const isFirst = (message: SipMessage): boolean =>
  message.isRequest && message.method === 'INVITE' && message.toTag === '';

function userOf(uri: string): { readonly user: string; readonly host: string } {
  const read = parseUri(uri);
  return read.ok ? { user: read.value.user, host: read.value.host } : { user: '', host: '' };
}
