/** What every input is put through: the reader of its format, and then everything behind it, down to the words. */
import assert from 'node:assert/strict';
import { settingsSchema } from '../../src/config.ts';
import type { Event, Evidence } from '../../src/model.ts';
import { Pipeline, type PipelineSnapshot } from '../../src/pipeline.ts';
import type { Refused } from '../../src/parsed.ts';
import type { Change } from '../../src/respond/incidents.ts';
import { createSite } from '../../src/site/index.ts';
import { Zone } from '../../src/time.ts';
import { AmiFramer } from '../../src/wire/ami.ts';
import { CaptureReader } from '../../src/wire/capture.ts';
import { CdrReader } from '../../src/wire/cdr.ts';
import { HepFramer } from '../../src/wire/hep-stream.ts';
import { decodeHep, type HepPacket } from '../../src/wire/hep.ts';
import { parseSdp, sdpPart } from '../../src/wire/sdp.ts';
import { SipFramer } from '../../src/wire/sip-stream.ts';
import { parseSip, SipMessage } from '../../src/wire/sip.ts';
import { alertLine, en, explain, incidentTable } from '../../src/words/index.ts';
import type { Random } from './mutations.ts';

const ZONE = new Zone('Europe/Berlin');
/** 2026-11-21 23:00 in Berlin: a Saturday night, at which foreign calls are evidence. */
const START = Date.UTC(2026, 10, 21, 22);

// eslint-disable-next-line no-control-regex -- finding them is the point
const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/;

const clean = (text: string, what: string): void => assert.ok(!CONTROLS.test(text), `${what}: ${JSON.stringify(text)}`);

function refusal({ reason, offset }: Refused, input: Buffer): void {
  assert.ok(
    reason !== '' && Number.isInteger(offset) && offset >= 0 && offset <= input.length,
    `${reason} at ${offset}`,
  );
}

const GETTERS = Object.entries(Object.getOwnPropertyDescriptors(SipMessage.prototype))
  .filter(([, property]) => Object.hasOwn(property, 'get'))
  .map(([name]) => name as keyof SipMessage);
const LISTS = ['via', 'Contact', 'm', 'X-Nobody-Knows', 'route', '__proto__', ''];

/** Everything that can be asked of a message. */
function askAll(message: SipMessage): void {
  for (const name of GETTERS) {
    const value: unknown = Reflect.get(message, name);
    if (typeof value === 'string') clean(value, name);
  }
  for (const name of LISTS) {
    message.header(name);
    for (const value of [...message.headers(name), ...message.values(name)]) clean(value, name);
  }
  const contacts = message.contacts();
  const bindings = contacts === '*' ? '*' : contacts.map(({ uri, expires, instance }) => ({ uri, expires, instance }));
  assert.deepEqual(message.bindings(), bindings);
  message.credentials();
  message.allCredentials();
  message.challenge();
  const body = sdpPart(message.contentType, message.body) ?? message.body;
  const sdp = parseSdp(body);
  if (!sdp.ok) refusal(sdp, body);
}

/** The pieces of an input, as a connection would deliver them. */
function* pieces(input: Buffer, random: Random): Generator<Buffer> {
  const most = random(3) === 0 ? 7 : input.length + 1;
  for (let at = 0; at < input.length;) {
    const end = at + 1 + random(most);
    yield input.subarray(at, end);
    at = end;
  }
}

/** One site that has judged all inputs so far: what one of them leaves behind, the next ones meet. */
export class Judge {
  readonly #random: Random;
  readonly #site;
  readonly #settings;
  #pipeline: Pipeline;
  #now = START;
  events = 0;
  evidence = 0;

  constructor(random: Random) {
    this.#random = random;
    this.#settings = settingsSchema.parse({
      site: { timezone: 'Europe/Berlin', country: 'DE' },
      network: {
        pbx: ['10.1.0.2', '10.1.0.3', '127.0.0.1'],
        trunks: [{ name: 'trunk', addresses: ['198.51.100.0/28'] }],
      },
      accounts: { 1004: { aliases: ['alice', 'sales'] } },
    });
    const site = createSite(this.#settings);
    assert.ok(site.ok);
    this.#site = site.value;
    this.#pipeline = this.#start();
  }

  #start(): Pipeline {
    let last = 0;
    return new Pipeline({
      live: true,
      detect: this.#settings.detect,
      respond: this.#settings.respond,
      site: this.#site,
      amiRecords: true,
      changed: (change) => this.#say(change),
      watch: (event: Event) => {
        assert.ok(event.at >= last, 'time runs forward');
        last = event.at;
        this.events++;
        if (this.events % 16 === 0) JSON.stringify(event);
      },
    });
  }

  #say({ incident, evidence, decisions, alerts }: Change): void {
    this.evidence++;
    assert.ok(Number.isFinite(evidence.at) && evidence.key !== '', 'evidence has a time and a key');
    clean(evidence.summary, 'summary');
    const options = { words: en, zone: ZONE };
    for (const alert of alerts) clean(alertLine(alert, options), 'alert');
    if (alerts.length === 0 && this.evidence % 8 !== 0) return;
    incidentTable([incident], options);
    const all: Evidence[] = [evidence];
    explain({ incident, evidence: all, decisions, acknowledgements: [], aliases: [], rules: new Map() }, options);
  }

  /** A moment later: mostly milliseconds, now and then minutes. */
  #later(): number {
    this.#now += this.#random(200) === 0 ? this.#random(600_000) : this.#random(20);
    if (this.#random(20) === 0) this.#pipeline.correlator.tick(this.#now);
    return this.#now;
  }

  #sip(packet: HepPacket, payload: Buffer): void {
    const now = this.#later();
    this.#pipeline.correlator.sip(packet, payload, packet.seenAt ?? now, now);
  }

  hep(input: Buffer): void {
    const decoded = decodeHep(input);
    if (decoded.ok) {
      const { source, destination, authKey, correlationId, nodeName, transport, payload } = decoded.value;
      assert.ok(source !== '' && destination !== '' && transport.length > 1);
      assert.ok(payload.length <= 65_536 && [authKey, correlationId, nodeName].every((text) => text !== ''));
      if (decoded.value.payloadType === 1) this.#sip(decoded.value, payload);
    } else {
      refusal(decoded, input);
      const now = this.#later();
      this.#pipeline.correlator.malformed('hep', '203.0.113.1', decoded.reason, now, now);
    }
    const framer = new HepFramer();
    for (const piece of pieces(input, this.#random)) framer.push(piece);
    assert.ok(framer.pendingBytes <= 65_535);
    framer.end();
  }

  sip(input: Buffer): void {
    const parsed = parseSip(input);
    if (parsed.ok) askAll(parsed.value);
    else refusal(parsed, input);
    const phone = `203.0.113.${this.#random(250)}`;
    const [source, destination] = this.#random(2) === 0 ? [phone, '10.1.0.2'] : ['10.1.0.2', phone];
    const now = this.#later();
    const transport = this.#random(4) === 0 ? 'tcp' : 'udp';
    const path = { source, destination, sourcePort: 5060, destinationPort: 5060, transport } as const;
    this.#pipeline.correlator.sip(path, input, now - this.#random(1_000), now);
    if (this.#random(4) > 0) return;
    const framer = new SipFramer();
    for (const piece of pieces(input, this.#random)) framer.push(piece);
    framer.end();
  }

  ami(input: Buffer): void {
    const framer = new AmiFramer({ transcript: this.#random(2) === 0 });
    for (const piece of pieces(input, this.#random)) this.#amiItems(framer.push(piece));
    assert.ok(framer.pending <= 65_536);
    this.#amiItems(framer.end());
  }

  #amiItems(items: ReturnType<AmiFramer['push']>): void {
    for (const item of items) {
      const now = this.#later();
      if (item.kind === 'message') this.#pipeline.ami(item.message, now, now);
      else if (item.kind === 'refused') this.#pipeline.correlator.malformed('ami', null, item.reason, now, now);
    }
  }

  cdr(input: Buffer): void {
    const reader = new CdrReader({ zone: ZONE, utc: this.#random(2) === 0 });
    const items = [...pieces(input, this.#random)].flatMap((piece) => reader.push(piece));
    for (const item of [...items, ...reader.end()]) {
      const now = this.#later();
      if (item.ok) {
        assert.ok(Number.isFinite(item.record.start) && item.record.duration >= 0);
        this.#pipeline.correlator.cdr(item.record, now);
      } else this.#pipeline.correlator.malformed('cdr', null, item.reason, now, now);
    }
  }

  capture(input: Buffer): void {
    const reader = new CaptureReader();
    const captured = [...pieces(input, this.#random)].flatMap((piece) => reader.push(piece));
    for (const item of [...captured, ...reader.end()]) {
      if (item.kind !== 'datagram') continue;
      const now = this.#later();
      this.#pipeline.correlator.sip({ ...item, transport: 'udp' }, item.payload, item.at, now);
    }
  }

  /** As after a restart: everything that is known goes through the store's JSON. */
  restart(): void {
    const stored = JSON.parse(JSON.stringify(this.#pipeline.snapshot())) as PipelineSnapshot[];
    this.#pipeline = this.#start();
    assert.ok(this.#pipeline.restore(new Map(stored.map((part) => [part.name, part]))), 'all parts are restored');
  }

  /** Entries held by all parts together. */
  get held(): number {
    return Object.values(this.#pipeline.sizes()).reduce((sum, size) => sum + size, 0);
  }
}
