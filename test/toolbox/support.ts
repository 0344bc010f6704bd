import assert from 'node:assert/strict';
import { openStore, type Store } from '../../src/store/index.ts';
import { assemble } from '../../src/toolbox/assemble.ts';
import type { Result } from '../../src/toolbox/engine.ts';
import type { EvidenceDoor } from '../../src/toolbox/evidence.ts';
import { tools } from '../../src/toolbox/registry.ts';
import type { AuditRecord, Services } from '../../src/toolbox/services.ts';
import { checkTemplate, compile, type Program } from '../../src/toolbox/template.ts';
import type { Alert, Arrival } from '../../src/toolbox/tool.ts';
import { readMessage } from '../../src/toolbox/user/message.ts';

export const T0 = Date.UTC(2026, 10, 21, 9);
const SECRET = Buffer.alloc(32, 7);

export interface SipOptions {
  readonly method?: string;
  readonly from?: string;
  readonly to?: string;
  readonly callId?: string;
  readonly cseq?: number;
  readonly branch?: string;
  readonly fromTag?: string;
  readonly toTag?: string;
  readonly extra?: readonly string[];
  readonly contentType?: string;
  readonly body?: string | Buffer;
}

/** A request as a phone writes it. */
export function sip(options: SipOptions = {}): Buffer {
  const {
    method = 'INVITE',
    from = 'bob@example.org',
    to = 'alice@example.org',
    callId = 'call-1',
    cseq = 1,
  } = options;
  const { branch = 'z9hG4bK-1', fromTag = 'from-1', toTag = '', extra = [], contentType = 'application/sdp' } = options;
  const body = Buffer.from(options.body ?? '');
  const head = [
    `${method} sip:${to} SIP/2.0`,
    `Via: SIP/2.0/UDP 198.51.100.2:5060;branch=${branch}`,
    'Max-Forwards: 70',
    `From: <sip:${from}>;tag=${fromTag}`,
    `To: <sip:${to}>${toTag === '' ? '' : `;tag=${toTag}`}`,
    `Call-ID: ${callId}`,
    `CSeq: ${cseq} ${method}`,
    'Contact: <sip:bob@198.51.100.2>',
    ...extra,
    ...(body.length > 0 ? [`Content-Type: ${contentType}`] : []),
    `Content-Length: ${body.length}`,
  ];
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), body]);
}

/** A session description with an SRTP key. */
export const sdp = (key = 'a'.repeat(40), session = '3870000001', version = 1): string =>
  [
    'v=0',
    `o=bob ${session} ${version} IN IP4 198.51.100.2`,
    's=-',
    'c=IN IP4 198.51.100.2',
    't=0 0',
    'm=audio 40000 RTP/SAVP 0',
    ...(key === '' ? [] : [`a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${key}`]),
    '',
  ].join('\r\n');

export const arrival = (more: Partial<Arrival> = {}): Arrival => ({
  at: T0,
  source: '198.51.100.2',
  sourcePort: 5060,
  destination: '192.0.2.10',
  destinationPort: 5060,
  transport: 'tls',
  proofs: [],
  ...more,
});

export interface Box {
  readonly store: Store;
  readonly services: Services;
  readonly alerts: Alert[];
  readonly records: AuditRecord[];
  /** a template of these steps, ready */
  program(steps: readonly object[], more?: object): Program;
  run(program: Program, bytes: Buffer, more?: Partial<Arrival>): Promise<Result>;
}

export interface BoxOptions {
  readonly path?: string;
  readonly entries?: number;
  readonly share?: number;
  readonly services?: Partial<Services>;
  readonly evidence?: EvidenceDoor;
}

/** A toolbox over a store, as the commands put it together. */
export function box(options: BoxOptions = {}): Box {
  const store = openStore(options.path ?? ':memory:');
  const alerts: Alert[] = [];
  const records: AuditRecord[] = [];
  const { engine, services } = assemble({
    ...{ store, secret: SECRET },
    limits: {
      replay_entries: options.entries ?? 1_000_000,
      replay_share: options.share ?? 100,
      origin_entries: options.entries ?? 50_000,
    },
    ...(options.services === undefined ? {} : { services: options.services }),
    ...(options.evidence === undefined ? {} : { evidence: options.evidence }),
    record: (record) => records.push(record),
    tell: (alert) => alerts.push(alert),
  });
  return {
    store,
    services,
    alerts,
    records,
    program: (steps, more = {}) => {
      const checked = checkTemplate({ name: 'test', steps, ...more }, tools);
      assert.ok(checked.ok, checked.ok ? '' : JSON.stringify(checked.problems));
      const made = compile(checked.value.template, tools, services);
      assert.ok(made.ok, made.ok ? '' : JSON.stringify(made.problems));
      return made.value;
    },
    run: (program, bytes, more) => {
      const read = readMessage(bytes);
      assert.ok(read.ok, read.ok ? '' : read.reason);
      return engine.run(program, read.value, arrival(more));
    },
  };
}

/** The nth of many calls, all of them different. */
export const numbered = (n: number, more: SipOptions = {}): Buffer =>
  sip({
    callId: `call-${n}`,
    fromTag: `from-${n}`,
    branch: `z9hG4bK-${n}`,
    body: sdp(String(n).padStart(40, 'k'), String(3_870_000_000 + n)),
    extra: [
      `Authorization: Digest username="bob", realm="r", nonce="${n}", uri="sip:x", response="${n}", qop=auth, nc=00000001`,
    ],
    ...more,
  });
