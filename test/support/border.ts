import { Border, type BorderSettings } from '../../src/gateway/border.ts';
import { BorderKeys } from '../../src/gateway/border-keys.ts';
import type { Finding } from '../../src/gateway/findings.ts';
import { Flows } from '../../src/gateway/flows.ts';
import { Policy, type PolicyOptions } from '../../src/gateway/policy.ts';
import type { CloseReason, Session } from '../../src/gateway/session.ts';
import type { Inside, Origin, Upstream } from '../../src/gateway/upstream.ts';
import { Counters } from '../../src/counters.ts';

/** A session that keeps what it is sent. */
export class FakeSession implements Session {
  static count = 0;
  readonly id = `fake-${++FakeSession.count}`;
  readonly peer = { address: '203.0.113.7', port: 40_000 };
  readonly establishedAt = 0;
  readonly sent: string[] = [];
  closedFor: CloseReason | null = null;
  readonly kind: Session['kind'];
  readonly account: string | undefined;
  readonly kid: string | undefined;
  readonly inst: string | undefined;

  constructor(account?: string, inst = 'inst-1') {
    this.kind = account === undefined ? 'tls' : 'csc';
    this.account = account;
    this.kid = account === undefined ? undefined : `kid-of-${account}`;
    this.inst = account === undefined ? undefined : inst;
  }

  send(message: Buffer): boolean {
    this.sent.push(message.toString('latin1'));
    return this.closedFor === null;
  }

  close(reason: CloseReason): void {
    this.closedFor = reason;
  }

  /** Takes out what was sent. */
  take(): string[] {
    return this.sent.splice(0);
  }
}

/** Upstreams that keep what they are sent. */
export class FakeInside implements Inside {
  readonly upstreams: Upstream[];
  readonly sent: { readonly to: string; readonly text: string }[] = [];
  readonly answered: { readonly port: number; readonly text: string }[] = [];
  readonly suspected: string[] = [];

  constructor(upstreams: readonly Partial<Upstream>[] = [{}]) {
    this.upstreams = upstreams.map((one, i) => ({
      ...{
        name: `pbx${i}`,
        transport: 'udp',
        host: '10.0.0.1',
        port: 5060 + i,
        registrations: 'contact',
        domain: '',
        up: true,
      },
      inside: { transport: one.transport ?? 'udp', host: '10.0.0.9', port: 5070 },
      ...one,
    }));
  }

  send(upstream: Upstream, bytes: Buffer): void {
    this.sent.push({ to: upstream.name, text: bytes.toString('latin1') });
  }

  answer(_origin: Origin, port: number, bytes: Buffer): void {
    this.answered.push({ port, text: bytes.toString('latin1') });
  }

  suspect(upstream: Upstream): void {
    this.suspected.push(upstream.name);
  }

  take(): string[] {
    return this.sent.splice(0).map(({ text }) => text);
  }

  takeAnswers(): string[] {
    return this.answered.splice(0).map(({ text }) => text);
  }
}

export interface TestBorder {
  readonly border: Border;
  readonly inside: FakeInside;
  readonly findings: Finding[];
  readonly counters: Counters;
  readonly mirrored: string[];
  /** moves the clock on, in steps of 50 ms */
  readonly pass: (time: number) => void;
  /** an upstream sends this */
  readonly fromInside: (text: string, which?: number) => void;
  readonly open: (session: FakeSession) => FakeSession;
  readonly toSession: (session: FakeSession, text: string) => void;
}

/** A border between fake sessions and fake upstreams, on a clock that the test moves. */
export function makeBorder(
  more: {
    readonly inside?: FakeInside;
    readonly policy?: Partial<PolicyOptions>;
    readonly settings?: Partial<BorderSettings>;
    readonly accounts?: readonly string[];
    readonly keyed?: readonly string[];
    readonly start?: number;
  } = {},
): TestBorder {
  const inside = more.inside ?? new FakeInside();
  const findings: Finding[] = [];
  const counters = new Counters();
  const mirrored: string[] = [];
  const keys = new BorderKeys(Buffer.alloc(32, 7));
  let now = more.start ?? 1_000_000;
  const policy = new Policy({
    accounts: {
      accountOf: (name) => name,
      isKnown: (account) => (more.accounts ?? ['1001', '1002', '1003']).includes(account),
      hasKey: (account) => (more.keyed ?? []).includes(account),
    },
    rules: [],
    emergency: ['112'],
    plain: { withKey: [], unregistered: false, accountsPerSession: 1 },
    ...more.policy,
  });
  const timers: { at: number; work: () => void }[] = [];
  const border = new Border({
    ...{ keys, flows: new Flows(keys, 'test'), inside, policy, counters, edges: [] },
    outside: { transport: 'tls', host: 'gw.example', port: 5061 },
    alsoOutside: [],
    mirror: (direction, peer, bytes) =>
      mirrored.push(`${direction} ${peer.address} ${bytes.toString('latin1').split('\r\n')[0] ?? ''}`),
    tell: (finding) => findings.push(finding),
    latency: { add: () => undefined },
    now: () => now,
    tag: () => 'gwtag',
    sourceHeader: '',
    accountHeader: '',
    failoverAfter: 2_000,
    pending: 100,
    later: (wait, work) => timers.push({ at: now + wait, work }),
    limits: { sourceRate: 20, sessionRate: 50, trunkRate: 1_000, messageBytes: 65_536 },
    trunkOf: (account) => (account.startsWith('trunk') ? { name: account, identities: ['+49*'] } : null),
    ...more.settings,
  });
  return {
    ...{ border, inside, findings, counters, mirrored },
    pass: (time) => {
      for (const end = now + time; now < end;) {
        now = Math.min(end, now + 50);
        for (const timer of timers.splice(0))
          if (timer.at <= now) timer.work();
          else timers.push(timer);
        border.tick();
      }
    },
    fromInside: (text, which = 0) => {
      const upstream = inside.upstreams[which] ?? null;
      border.fromInside(Buffer.from(text, 'latin1'), {
        ...{ upstream, transport: upstream?.transport ?? 'udp', connection: null },
        peer: { address: upstream?.host ?? '10.0.0.200', port: upstream?.port ?? 5060 },
      });
    },
    open: (session) => {
      border.opened(session);
      return session;
    },
    toSession: (session, text) => border.message(session, Buffer.from(text, 'latin1')),
  };
}

export interface Sip {
  readonly method: string;
  readonly uri?: string;
  readonly from?: string;
  readonly fromHost?: string;
  readonly to?: string;
  readonly branch?: string;
  readonly callId?: string;
  readonly cseq?: number;
  readonly toTag?: string;
  readonly contact?: string;
  readonly via?: string;
  readonly more?: readonly string[];
  readonly body?: string;
  readonly maxForwards?: string;
}

/** A request, as a phone or a PBX sends it. */
export function sipRequest(sip: Sip): string {
  const { method, from = '1001', to = '1002', callId = 'call-1', cseq = 1, body = '' } = sip;
  return [
    `${method} ${sip.uri ?? `sip:${to}@pbx.example`} SIP/2.0`,
    `Via: ${sip.via ?? 'SIP/2.0/TLS 192.168.1.5:50000'};branch=${sip.branch ?? `z9hG4bK-${method}-${cseq}`};rport`,
    `Max-Forwards: ${sip.maxForwards ?? '70'}`,
    `From: <sip:${from}@${sip.fromHost ?? 'pbx.example'}>;tag=ft`,
    `To: <sip:${to}@pbx.example>${sip.toTag === undefined ? '' : `;tag=${sip.toTag}`}`,
    `Call-ID: ${callId}`,
    `CSeq: ${cseq} ${method}`,
    ...(sip.contact === undefined ? [] : [`Contact: ${sip.contact}`]),
    ...(sip.more ?? []),
    `Content-Length: ${Buffer.byteLength(body)}`,
    '',
    body,
  ].join('\r\n');
}

/** Every value of a header, split at commas outside angle brackets. */
export const valuesIn = (text: string, name: string): string[] =>
  (text.split('\r\n\r\n')[0] ?? '')
    .split('\r\n')
    .filter((line) => line.toLowerCase().startsWith(`${name.toLowerCase()}:`))
    .flatMap((line) => line.slice(name.length + 1).split(/,(?![^<]*>)/))
    .map((value) => value.trim());

/** What the far side answers to a request as it got it. */
export function sipAnswer(request: string, status: number, more: readonly string[] = [], tag = 'tt'): string {
  const to = valuesIn(request, 'To')[0] ?? '';
  return [
    `SIP/2.0 ${status} Because`,
    ...valuesIn(request, 'Via').map((via) => `Via: ${via}`),
    ...valuesIn(request, 'Record-Route').map((route) => `Record-Route: ${route}`),
    `From: ${valuesIn(request, 'From')[0] ?? ''}`,
    `To: ${to.includes(';tag=') || status === 100 ? to : `${to};tag=${tag}`}`,
    `Call-ID: ${valuesIn(request, 'Call-ID')[0] ?? ''}`,
    `CSeq: ${valuesIn(request, 'CSeq')[0] ?? ''}`,
    ...more,
    'Content-Length: 0',
    '',
    '',
  ].join('\r\n');
}

export const startOf = (text: string | undefined): string => text?.split('\r\n')[0] ?? '';
