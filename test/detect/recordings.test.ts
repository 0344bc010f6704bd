import assert from 'node:assert/strict';
import { Correlator } from '../../src/correlate/index.ts';
import { detectors } from '../../src/detect/index.ts';
import type { EvidenceDraft, Millis } from '../../src/model.ts';
import { createSite, siteDefaults } from '../../src/site/index.ts';
import { mirrored } from '../correlate/support.ts';
import { capturedSip } from '../support/captured.ts';
import { describeWithData } from '../support/data.ts';
import { judge } from '../support/events.ts';
import type { Packet } from '../support/sip-builder.ts';

type Found = EvidenceDraft & { readonly detector: string };

/** Packets through the correlator into all detectors, on their own clock, with a site that knows nothing special. */
function judged(packets: readonly Packet[]): Found[] {
  const site = createSite(siteDefaults({}));
  if (!site.ok) throw new Error('defaults');
  const found: Found[] = [];
  const judges = detectors.map((definition) => ({ name: definition.name, ...judge(definition, {}, site.value) }));
  const correlator = new Correlator(site.value, { live: false }, (event) => {
    for (const { name, take } of judges) found.push(...take(event).map((draft) => ({ ...draft, detector: name })));
  });
  for (const { path, payload, at } of packets) {
    if (at - correlator.now > 1_000 && correlator.now > 0) correlator.tick(at);
    correlator.sip(path, payload, at, at);
  }
  correlator.tick(correlator.now + 60_000);
  return found;
}

const lines = (found: readonly Found[]): string[] =>
  [...new Set(found.map((e) => `${e.detector} ${e.severity}`))].sort();

describeWithData('detectors on real attacks', 'lbnl', () => {
  const packets = (): Packet[] => capturedSip('lbnl/SIP-Bruteforce-Single-IP.pcap');

  it('report the brute force for each of its two targets within 6 s of the first packet there', () => {
    const found = judged(packets()).filter((e) => e.detector === 'brute-force');
    for (const target of ['137.11.220.89', '138.167.116.102']) {
      const first = packets().find((p) => p.path.destination === target)?.at ?? 0;
      const told = (severity: string): Millis =>
        (found.find((e) => e.facts['target'] === target && e.severity === severity)?.at ?? Infinity) - first;
      assert.ok(Math.min(told('medium'), told('high')) <= 6_000, `${target}: ${told('medium')}, ${told('high')}`);
      assert.ok(told('high') <= 10_000, `${target}: ${told('high')}`);
    }
    assert.ok(found.length < 20, `${found.length} times for 441 failures`);
    assert.ok(found.every((e) => e.subject.value === '199.105.226.32'));
  });

  it('report the scanners that send one OPTIONS an hour from many addresses', () => {
    const found = judged(capturedSip('lbnl/BadUserAgent-sipvicious.pcap'));
    assert.deepEqual(lines(found), ['scan low', 'scan medium']);
    assert.match(found.at(-1)?.summary ?? '', /^20 requests of SIPVicious from 8 addresses/);
  });
});

describeWithData('detectors on what Kamailio and Asterisk mirror', 'hep', () => {
  const table: [string, string, string, string[]][] = [
    ['an ordinary registration, and a call by night', 'hep/kamailio-5.6', 'call', ['out-of-hours-calls medium']],
    ["bob's password registers alice", 'hep/kamailio-5.6', 'hijack', ['registration-hijack high']],
    ['an escaped user is who he is', 'hep/kamailio-5.6', 'escaped', []],
    [
      'svcrack finds the password',
      'hep/kamailio-5.6',
      'svcrack',
      ['brute-force critical', 'brute-force high', 'scan low'],
    ],
    ['svwar by OPTIONS', 'hep/kamailio-5.6', 'svwar-options', ['scan high', 'scan low', 'scan medium']],
    ['svwar gives up after one probe', 'hep/kamailio-5.6', 'svwar-invite', ['scan low']],
    ['svmap', 'hep/kamailio-5.6', 'svmap', ['scan low']],
    ['a phone, a test call and one wrong password', 'hep/asterisk-22', '', ['scan low']],
    ['the same on an old PBX', 'hep/asterisk-16', '', ['scan low']],
  ];
  for (const [sentence, folder, prefix, expected] of table)
    it(sentence, () => assert.deepEqual(lines(judged(mirrored(folder, prefix))), expected));
});
