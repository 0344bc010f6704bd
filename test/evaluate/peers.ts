import type { Site } from '../../src/site/index.ts';
import { DAY, MINUTE, SECOND } from '../../src/time.ts';
import type { Packet } from '../support/sip-builder.ts';
import { endOf, type Feed } from './feeds.ts';
import type { PlannedCall } from './life.ts';

/** What a rule said: when, and about which account or address. */
export interface PeerAlert {
  readonly rule: PeerRule;
  readonly at: number;
  readonly subject: string;
}

/**
 * Rules as other programs ship them, told in our own words and as simple as they are there. `quota`: per account, more than 2
 * calls abroad at once (0 while closed) or more than 10 a day (2 while closed); closed by weekly hours, no holidays.
 * `20 a day`: twenty calls abroad of one account. `10 in 10 min`: failed logins of one address. `10 in 60 s`: REGISTERs or
 * INVITEs of one address for ten names.
 */
export const PEER_RULES = ['quota', '20 a day', '10 in 10 min', '10 names in 60 s'] as const;
export type PeerRule = (typeof PEER_RULES)[number];

const LIMITS = { open: { atOnce: 2, daily: 10 }, closed: { atOnce: 0, daily: 2 } };

/** Alerts of all rules, one per subject, rule and day. Calls are told at their start live, at their end from records. */
export function peerAlerts(
  site: Site,
  feed: Feed,
  calls: readonly PlannedCall[],
  packets: readonly Packet[],
): PeerAlert[] {
  const found = new Map<string, PeerAlert>();
  const tell = (rule: PeerRule, at: number, subject: string): void => {
    const key = `${rule} ${subject} ${Math.floor(at / DAY)}`;
    if (!found.has(key)) found.set(key, { rule, at, subject });
  };
  quotas(site, feed, calls, tell);
  if (feed === 'live') logins(packets, tell);
  return [...found.values()].sort((a, b) => a.at - b.at);
}

type Tell = (rule: PeerRule, at: number, subject: string) => void;

function quotas(site: Site, feed: Feed, calls: readonly PlannedCall[], tell: Tell): void {
  const when = (call: PlannedCall): number => (feed === 'live' ? call.at : endOf(call));
  const abroad = calls.filter((c) => c.form === 'out' && site.number(c.dialled).chargeable);
  const running = new Map<string, number[]>();
  const daily = new Map<string, number>();
  for (const call of [...abroad].sort((a, b) => when(a) - when(b))) {
    const at = when(call);
    const hours = site.hours(call.at, null);
    const limits = hours.open || hours.reason === 'holiday' ? LIMITS.open : LIMITS.closed;
    const up = (running.get(call.account) ?? []).filter((end) => end > call.at);
    up.push(endOf(call));
    running.set(call.account, up);
    const key = `${call.account} ${Math.floor(call.at / DAY)}`;
    const count = (daily.get(key) ?? 0) + 1;
    daily.set(key, count);
    if (up.length > limits.atOnce || count > limits.daily) tell('quota', at, call.account);
    if (count >= 20) tell('20 a day', at, call.account);
  }
}

/** A refused login is a 401 or 403 to a request with credentials. */
function logins(packets: readonly Packet[], tell: Tell): void {
  const failures = new Map<string, number[]>();
  const names = new Map<string, { at: number; name: string }[]>();
  const withPassword = new Set<string>();
  for (const { path, payload, at } of packets) {
    const text = payload.toString('latin1');
    const callId = /\r\nCall-ID: ([^\r]*)/.exec(text)?.[1] ?? '';
    if (text.startsWith('SIP/2.0 ')) {
      if (!/^SIP\/2\.0 40[13]/.test(text) || !withPassword.delete(callId)) continue;
      const source = path.destination;
      const recent = [...(failures.get(source) ?? []), at].filter((t) => t > at - 10 * MINUTE);
      failures.set(source, recent);
      if (recent.length >= 10) tell('10 in 10 min', at, source);
      continue;
    }
    if (text.includes('\r\nAuthorization:')) withPassword.add(callId);
    if (!/^(?:INVITE|REGISTER) /.test(text)) continue;
    const name = /\r\nFrom: <sip:([^@>]*)/.exec(text)?.[1] ?? '';
    const recent = [...(names.get(path.source) ?? []), { at, name }].filter((n) => n.at > at - 60 * SECOND);
    names.set(path.source, recent);
    if (new Set(recent.map((n) => n.name)).size >= 10) tell('10 names in 60 s', at, path.source);
  }
}
