/**
 * Whatever arrives, nothing throws, nothing hangs and memory stays bounded: from the bytes to the sentences. 20,000 inputs,
 * 1,000,000 with RINGFENCE_LONG=1; RINGFENCE_SEED repeats a run that failed.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { encodeHep, decodeHep } from '../../src/wire/hep.ts';
import { mirrored } from '../bench/support/traffic.ts';
import { pcap, pcapng, tcp, udp, ipv4 } from '../support/capture-builder.ts';
import { describeWithData, listData, readData } from '../support/data.ts';
import { Station } from '../support/sip-builder.ts';
import { mutated, randomFrom } from './mutations.ts';
import { Judge } from './targets.ts';
import { cpuTime } from '../support/cpu-time.ts';

const RUNS = process.env['RINGFENCE_LONG'] === '1' ? 1_000_000 : 20_000;
const SEED = Number(process.env['RINGFENCE_SEED'] ?? 20261123);
/** No input may take longer; what does is tried again, for on a busy machine another process may have been at work. */
const LONGEST = 50;
const MOST_GROWTH = 96 * 1024 * 1024;

const SCENARIOS = join(import.meta.dirname, '../scenarios');
const recordings = (ending: string): Buffer[] =>
  readdirSync(SCENARIOS, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ending))
    .sort()
    .map((name) => readFileSync(join(SCENARIOS, name)));

const TORTURE = ['valid', 'invalid']
  .flatMap((folder) => listData(`rfc4475/${folder}`, '.dat'))
  .map((path) => readData(path));

function corpora(): Record<'hep' | 'sip' | 'ami' | 'cdr' | 'capture', readonly Buffer[]> {
  const mirror = mirrored(50, (n) => Date.UTC(2026, 10, 21, 22) + n);
  const hep = [...mirror, ...['kamailio-5.6', 'asterisk-16', 'asterisk-22'].flatMap((folder) => listData(`hep/${folder}`, '.bin')).map((path) => readData(path))]; // prettier-ignore
  const payloads = hep.flatMap((bytes) => {
    const decoded = decodeHep(bytes);
    return decoded.ok ? [Buffer.from(decoded.value.payload)] : [];
  });
  const thief = new Station('203.0.113.66');
  const built = [...thief.register(0, 'alice'), ...thief.call(0, 'alice', '0037126123456', { talk: 10 })];
  const sip = [...payloads, ...built.map((packet) => packet.payload), ...TORTURE];
  const ami = recordings('.ami').flatMap((file) => file.toString('latin1').split(/\r?\n\r?\n/)).map((text) => Buffer.from(`${text.replace(/\r?\n/g, '\r\n')}\r\n\r\n`, 'latin1')); // prettier-ignore
  const frames = [ipv4(udp(sip[0] ?? '')), ipv4(tcp({ seq: 9, data: sip[1] ?? '' }), { protocol: 6 })].map((bytes, at) => ({ bytes, at })); // prettier-ignore
  const ng = pcapng(true);
  const first = frames[0]?.bytes ?? Buffer.alloc(0);
  const capture = [pcap(frames, { linkType: 101 }), Buffer.concat([ng.section(), ng.interface(101, 9, 5), ng.packet(first, 0, 1n)])]; // prettier-ignore
  return { hep, sip, ami, cdr: recordings('.csv'), capture };
}

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
const heap = (): number => {
  collect();
  return process.memoryUsage().heapUsed;
};

describe('hostile input', () => {
  it(`${RUNS.toLocaleString('en-US')} random and mutated inputs, from the bytes to the words`, function () {
    this.timeout(RUNS * 5);
    const random = randomFrom(SEED);
    const corpus = corpora();
    // two of three inputs come by the network, from anybody
    const kinds = ['hep', 'sip', 'ami', 'hep', 'sip', 'cdr', 'hep', 'sip', 'capture'] as const;
    for (const kind of kinds) assert.ok(corpus[kind].length > 0, `there is something to start from: ${kind}`);
    const judge = new Judge(random);
    let slowest = { took: 0, kind: '' };
    let middle = 0;
    for (let run = 0; run < RUNS; run++) {
      const kind = kinds[run % kinds.length] ?? 'hep';
      const input = mutated(corpus[kind], random);
      try {
        let took = Infinity;
        for (let attempt = 0; attempt < 4 && took >= LONGEST; attempt++) {
          const started = cpuTime();
          judge[kind](input);
          took = Math.min(took, cpuTime() - started);
        }
        if (took > slowest.took) slowest = { took, kind };
        assert.ok(took < LONGEST, `${took.toFixed(0)} ms`);
        if (run % 5_000 === 4_999) judge.restart();
      } catch (error) {
        const shown = input.subarray(0, 2_000).toString('latin1');
        throw new Error(`RINGFENCE_SEED=${SEED}, input ${run} (${kind}): ${JSON.stringify(shown)}`, { cause: error });
      }
      if (run === Math.floor(RUNS / 2)) middle = heap();
    }
    const growth = heap() - middle;
    assert.ok(growth < MOST_GROWTH, `the heap grew by ${growth} bytes`);
    assert.ok(judge.events > RUNS / 4 && judge.evidence > 20, 'much of it gets as far as the detectors');
    console.log(`      slowest ${slowest.took.toFixed(1)} ms (${slowest.kind}); ${judge.events} events, ${judge.evidence} pieces of evidence, ${judge.held} entries held, heap +${Math.round(growth / 1024)} KiB in the second half`); // prettier-ignore
  });
});

describeWithData('RFC 4475 torture messages', 'rfc4475', () => {
  it('go through HEP, correlation, detection and words, from either side', () => {
    const judge = new Judge(randomFrom(SEED));
    const header = {
      protocol: 17,
      sourcePort: 5060,
      destinationPort: 5060,
      seenAt: null,
      captureId: 1,
      payloadType: 1,
    };
    const texts = { authKey: null, correlationId: null, nodeName: null };
    for (const payload of TORTURE)
      for (const [source, destination] of [
        ['203.0.113.7', '10.1.0.2'],
        ['10.1.0.2', '203.0.113.7'],
        ['2001:db8::7', '2001:db8::1'],
      ] as const)
        // prettier-ignore
        judge.hep(encodeHep({ ...header, ...texts, source, destination, payload }));
    assert.ok(TORTURE.length >= 40 && judge.events > TORTURE.length, `${judge.events} events`);
  });
});
