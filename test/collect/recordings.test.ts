import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { readRecordings } from '../../src/collect/recordings.ts';
import type { Recorded } from '../../src/collect/recordings.ts';
import { InputError } from '../../src/errors.ts';
import type { ErrorCode } from '../../src/errors.ts';
import { Zone } from '../../src/time.ts';
import { encodeHep } from '../../src/wire/hep.ts';
import { cdrLine } from '../support/cdr-lines.ts';
import { DATA_FOLDER, describeWithData, listData } from '../support/data.ts';
import { temporaryFolder } from '../support/temporary.ts';

const TIMES = { zone: new Zone('UTC'), utc: true };
const T0 = 1_795_285_800_000; // 2026-11-21T18:30:00Z
const OPTIONS = 'OPTIONS sip:100@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 203.0.113.7\r\nContent-Length: 0\r\n\r\n';

async function read(...files: string[]): Promise<Recorded[]> {
  const items: Recorded[] = [];
  for await (const item of readRecordings(files, TIMES)) items.push(item);
  return items;
}

const kinds = (items: readonly Recorded[]): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const item of items) counts[item.kind] = (counts[item.kind] ?? 0) + 1;
  return counts;
};

const hep = (at: number, over: { payload?: Buffer; payloadType?: number; source?: string } = {}): Buffer =>
  encodeHep({
    protocol: 17,
    source: '203.0.113.7',
    sourcePort: 5062,
    destination: '192.0.2.1',
    destinationPort: 5060,
    seenAt: at,
    captureId: 1,
    payloadType: 1,
    payload: Buffer.from(OPTIONS),
    authKey: null,
    correlationId: null,
    nodeName: null,
    ...over,
  });

/** A pcap (link type raw IPv4) of UDP datagrams and TCP segments between 203.0.113.7 and 192.0.2.1. */
function pcap(
  frames: readonly { at: number; port: number; payload: Buffer; tcp?: { seq: number; flags?: number } }[],
): Buffer {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(65_535, 16);
  header.writeUInt32LE(101, 20);
  const out = [header];
  for (const { at, port, payload, tcp } of frames) {
    const transport = Buffer.alloc(tcp === undefined ? 8 : 20);
    transport.writeUInt16BE(40_000, 0);
    transport.writeUInt16BE(port, 2);
    if (tcp === undefined) transport.writeUInt16BE(8 + payload.length, 4);
    else {
      transport.writeUInt32BE(tcp.seq, 4);
      transport.writeUInt8(0x50, 12);
      transport.writeUInt8(tcp.flags ?? 0x18, 13);
    }
    const ip = Buffer.alloc(20);
    ip.writeUInt8(0x45, 0);
    ip.writeUInt16BE(20 + transport.length + payload.length, 2);
    ip.writeUInt8(64, 8);
    ip.writeUInt8(tcp === undefined ? 17 : 6, 9);
    ip.set([203, 0, 113, 7], 12);
    ip.set([192, 0, 2, 1], 16);
    const frame = Buffer.concat([ip, transport, payload]);
    const record = Buffer.alloc(16);
    record.writeUInt32LE(Math.floor(at / 1000), 0);
    record.writeUInt32LE((at % 1000) * 1000, 4);
    record.writeUInt32LE(frame.length, 8);
    record.writeUInt32LE(frame.length, 12);
    out.push(record, frame);
  }
  return Buffer.concat(out);
}

describe('collect/recordings', () => {
  const folder = temporaryFolder();
  const write = (name: string, content: string | Buffer): string => {
    writeFileSync(folder.file(name), content);
    return folder.file(name);
  };

  it('SIP over UDP, on its own port or another', async () => {
    const file = write(
      'udp.pcap',
      pcap([
        { at: T0, port: 5060, payload: Buffer.from(OPTIONS) },
        { at: T0 + 1, port: 5080, payload: Buffer.from(OPTIONS) },
        { at: T0 + 2, port: 53, payload: Buffer.from('\x12\x34\x01\x00DNS') },
        { at: T0 + 3, port: 5060, payload: Buffer.from('garbage on the SIP port') },
        { at: T0 + 4, port: 12_000, payload: Buffer.from([0x80, 0, 0, 1, 2, 3]) },
      ]),
    );
    const items = await read(file);
    assert.deepEqual(
      items.map((item) => [item.kind, item.at - T0]),
      [
        ['sip', 0],
        ['sip', 1],
        ['sip', 3],
      ],
    );
    assert.deepEqual(items[0]?.kind === 'sip' && items[0].path, {
      source: '203.0.113.7',
      sourcePort: 40_000,
      destination: '192.0.2.1',
      destinationPort: 5060,
      transport: 'udp',
    });
  });

  it('SIP over TCP, in pieces', async () => {
    const two = Buffer.from(OPTIONS + OPTIONS);
    const file = write(
      'tcp.pcap',
      pcap([
        { at: T0, port: 5060, payload: Buffer.alloc(0), tcp: { seq: 99, flags: 2 } },
        { at: T0 + 10, port: 5060, payload: two.subarray(0, 50), tcp: { seq: 100 } },
        { at: T0 + 30, port: 5060, payload: two.subarray(120), tcp: { seq: 220 } },
        { at: T0 + 40, port: 5060, payload: two.subarray(50, 120), tcp: { seq: 150 } },
      ]),
    );
    const items = await read(file);
    assert.deepEqual(
      items.map((item) => item.kind === 'sip' && [item.path.transport, item.payload.toString()]),
      [
        ['tcp', OPTIONS],
        ['tcp', OPTIONS],
      ],
    );
  });

  it('HEP over UDP and over TCP in a capture: the mirrored addresses, the time of the capture', async () => {
    const stream = Buffer.concat([hep(T0 - 9999), hep(T0 - 9999, { payloadType: 5 }), hep(T0 - 9999)]);
    const file = write(
      'hep.pcap',
      pcap([
        { at: T0, port: 9060, payload: hep(T0 - 9999) },
        { at: T0 + 1, port: 9060, payload: Buffer.from('48455033000c0000000f0000', 'hex') },
        { at: T0 + 2, port: 9060, payload: Buffer.alloc(0), tcp: { seq: 99, flags: 2 } },
        { at: T0 + 3, port: 9060, payload: stream.subarray(0, 200), tcp: { seq: 100 } },
        { at: T0 + 4, port: 9060, payload: stream.subarray(200), tcp: { seq: 300 } },
      ]),
    );
    const items = await read(file);
    assert.deepEqual(kinds(items), { sip: 3, refused: 1 });
    for (const item of items) {
      assert.ok(item.at >= T0);
      if (item.kind === 'sip') assert.deepEqual([item.path.sourcePort, item.payload.toString()], [5062, OPTIONS]);
    }
  });

  it(".hep: concatenated HEPv3 by the agent's time, other payloads left out", async () => {
    const broken = hep(T0 + 1);
    broken.writeUInt16BE(3, 10);
    const file = write('x.hep', Buffer.concat([hep(T0), broken, hep(T0 + 2, { payloadType: 5 }), hep(T0 + 3)]));
    const items = await read(file);
    assert.deepEqual(
      items.map((item) => [item.kind, item.at - T0]),
      [
        ['sip', 0],
        ['refused', 0],
        ['sip', 3],
      ],
    );
  });

  it('Master.csv, its last line too', async () => {
    const items = await read(write('Master.csv', cdrLine(1) + 'garbage\n' + cdrLine(2).trimEnd()));
    assert.deepEqual(
      items.map((item) => (item.kind === 'cdr' ? item.record.dst : item.kind)),
      ['1', 'refused', '2'],
    );
    assert.equal(items[0]!.at, Date.parse('2026-11-21T18:31:05Z'));
  });

  it('an AMI transcript', async () => {
    const text =
      'Asterisk Call Manager/11.0.0\r\nEvent: Newchannel\r\nTimestamp: 1795285800.5\r\n\r\nEvent: Hangup\r\nTimestamp: 1795285801.25\r\n';
    const items = await read(write('x.ami', text));
    assert.deepEqual(
      items.map((item) => [item.kind === 'ami' && item.message.name, item.at - T0]),
      [
        ['Newchannel', 500],
        ['Hangup', 1250],
      ],
    );
  });

  it('a file is known by its content, whatever its name', async () => {
    const files: [string, Buffer | string, string][] = [
      ['a.txt', pcap([{ at: T0, port: 5060, payload: Buffer.from(OPTIONS) }]), 'sip'],
      ['b.csv', hep(T0), 'sip'],
      ['c', cdrLine(1), 'cdr'],
      ['d.pcap', '# at 2026-11-21T18:30:00Z\nEvent: Hangup\n\n', 'ami'],
    ];
    for (const [name, content, kind] of files)
      assert.deepEqual(kinds(await read(write(name, content))), { [kind]: 1 }, name);
  });

  it('several files are merged by time', async () => {
    const files = [
      write('m.hep', Buffer.concat([hep(T0), hep(T0 + 40_000), hep(T0 + 90_000)])),
      write(
        'm.pcap',
        pcap([
          { at: T0 + 10_000, port: 5060, payload: Buffer.from(OPTIONS) },
          { at: T0 + 80_000, port: 5060, payload: Buffer.from(OPTIONS) },
        ]),
      ),
      write('m.csv', cdrLine(1)),
      write('m.ami', 'Event: Hangup\nTimestamp: 1795285830.0\n\n'),
      write('empty.csv', ''),
    ];
    const items = await read(...files);
    assert.deepEqual(
      items.map((item) => [item.kind, (item.at - T0) / 1000]),
      [
        ['sip', 0],
        ['sip', 10],
        ['ami', 30],
        ['sip', 40],
        ['cdr', 65],
        ['sip', 80],
        ['sip', 90],
      ],
    );
  });

  it('memory stays bounded over a long file', async function () {
    this.timeout(30_000);
    const one = hep(T0, { payload: Buffer.concat([Buffer.from(OPTIONS), Buffer.alloc(900, 'x')]) });
    const file = write('long.hep', Buffer.concat(new Array<Buffer>(100_000).fill(one)));
    let most = 0;
    let count = 0;
    for await (const item of readRecordings([file], TIMES)) {
      assert.equal(item.kind, 'sip');
      if (++count % 5000 === 0) most = Math.max(most, process.memoryUsage().arrayBuffers);
    }
    assert.equal(count, 100_000);
    assert.ok(most < 90_000_000, `${most} bytes held of a file of ${100_000 * one.length}`);
  });

  describe('what cannot be read is one line that says which and what to do', () => {
    const cases: [string, () => string, ErrorCode, RegExp][] = [
      ['missing', () => folder.file('nowhere.pcap'), 'input-missing', /nowhere\.pcap does not exist: check the path/],
      [
        'a folder',
        () => {
          mkdirSync(folder.file('folder'));
          return folder.file('folder');
        },
        'input-unreadable',
        /is a folder: name the recordings/,
      ],
      ['compressed', () => write('x.pcap.gz', gzipSync('x')), 'input-malformed', /is compressed: unpack it first/],
      [
        'something else',
        () => write('x.jpg', Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0, 16])),
        'input-malformed',
        /no recording that is known: name a \.pcap/,
      ],
      [
        'a .pcap that is none',
        () => write('bad.pcap', 'not a capture'),
        'input-malformed',
        /bad\.pcap: nothing in it could be read: neither pcap nor pcapng/,
      ],
      [
        'a .csv that is none',
        () => write('bad.csv', 'a;b;c\n1;2;3\n'),
        'input-malformed',
        /bad\.csv: nothing in it could be read/,
      ],
      [
        'a .hep that is none',
        () => write('bad.hep', 'HEP3 but not really'),
        'input-malformed',
        /bad\.hep: nothing in it could be read/,
      ],
      [
        'a .ami without any time',
        () => write('bad.ami', 'Event: Hangup\n\n'),
        'input-malformed',
        /no time: record it with timestampevents/,
      ],
    ];
    for (const [sentence, make, code, message] of cases) {
      it(sentence, async () => {
        await assert.rejects(read(make()), (error: unknown) => {
          assert.ok(error instanceof InputError, String(error));
          assert.equal(error.code, code);
          assert.match(error.message, message);
          assert.ok(!error.message.includes('\n'));
          return true;
        });
      });
    }

    it('unreadable', async function () {
      if (process.getuid?.() === 0) this.skip(); // root may read everything
      const file = write('secret.pcap', 'x');
      const { chmodSync } = await import('node:fs');
      chmodSync(file, 0);
      await assert.rejects(read(file), /run as a user who may read it/);
    });

    it('is told before the first item of any file', async () => {
      const good = write('good.csv', cdrLine(1));
      let items = 0;
      await assert.rejects(async () => {
        for await (const _ of readRecordings([good, folder.file('nowhere.csv')], TIMES)) items++;
      }, /nowhere\.csv/);
      assert.equal(items, 0);
    });
  });

  describeWithData('real recordings', 'lbnl', () => {
    const captures: [string, Record<string, number>][] = [
      ['lbnl/BadUserAgent-sipvicious.pcap', { sip: 26 }],
      ['lbnl/SIP-Bruteforce-Single-IP.pcap', { sip: 2645 }],
      ['suricata-verify/sip-method_sip.pcap', { sip: 102 }],
      ['suricata-verify/sip-tcp-method_sip-tcp.pcap', { sip: 2 }],
      ['zeek/sip-junk-before-request.pcap', { sip: 2 }],
    ];
    for (const [name, expected] of captures) {
      it(name, async () => {
        assert.deepEqual(kinds(await read(join(DATA_FOLDER, name))), expected);
      });
    }

    it('HEP datagrams of Asterisk and Kamailio, one a file and concatenated', async () => {
      const files = listData('hep/asterisk-22', '.bin').map((name) => join(DATA_FOLDER, name));
      const single = await read(...files);
      assert.deepEqual(kinds(single), { sip: 19 });
      const joined = await read(write('joined.hep', Buffer.concat(files.map((file) => readFileSync(file)))));
      assert.equal(joined.length, 19);
      const kamailio = listData('hep/kamailio-5.6', '.bin').map((name) => join(DATA_FOLDER, name));
      assert.deepEqual(kinds(await read(...kamailio)), {
        sip: 115,
        refused: 4,
      });
    });
  });
});
