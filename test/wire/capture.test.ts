import assert from 'node:assert/strict';
import { CaptureReader, isCapture } from '../../src/wire/capture.ts';
import type { Captured } from '../../src/wire/capture.ts';
import { describeWithData, listData, readData } from '../support/data.ts';
import {
  A4,
  A6,
  B4,
  B6,
  ethernet,
  extension,
  fragment6,
  ipv4,
  ipv6,
  pcap,
  pcapng,
  tcp,
  udp,
} from '../support/capture-builder.ts';

function read(file: Buffer, step = file.length || 1): Captured[] {
  const reader = new CaptureReader();
  const out: Captured[] = [];
  for (let at = 0; at < file.length; at += step) out.push(...reader.push(file.subarray(at, at + step)));
  return [...out, ...reader.end()];
}

/** One line for each thing told. */
const told = (captured: readonly Captured[]): string[] =>
  captured.map((c) => {
    if (c.kind === 'refused') return `refused ${c.reason} @${c.offset}`;
    const path = `${c.source}:${c.sourcePort} > ${c.destination}:${c.destinationPort}`;
    const marks = c.kind === 'stream' ? `${c.gap ? ' gap' : ''}${c.end ? ' end' : ''}` : '';
    return `${c.at} ${path} ${c.payload.toString('latin1')}${marks}`;
  });

const hello4 = `0 ${A4}:5060 > ${B4}:5062 hello`;
const hello6 = `0 ${A6}:5060 > ${B6}:5062 hello`;
const packet4 = ipv4(udp('hello'));
const packet6 = ipv6(udp('hello'));
const family = (value: number, little: boolean): Buffer => {
  const bytes = Buffer.alloc(4);
  if (little) bytes.writeUInt32LE(value);
  else bytes.writeUInt32BE(value);
  return bytes;
};
const sll = (etherType: string, packet: Buffer): Buffer =>
  Buffer.concat([Buffer.from(`00000001000600000000000000000000`.slice(0, 28) + etherType, 'hex'), packet]);
const sll2 = (etherType: string, packet: Buffer): Buffer =>
  Buffer.concat([Buffer.from(`${etherType}000000000002000100060011223344550000`, 'hex'), packet]);

describe('capture reader', () => {
  describeWithData('recorded captures, counted by tshark 4.0', 'lbnl', () => {
    // frames, UDP datagrams, bytes in them, TCP payload bytes
    const counts: [path: string, frames: number, datagrams: number, datagramBytes: number, streamBytes: number][] = [
      ['lbnl/BadUserAgent-sipvicious.pcap', 26, 26, 10575, 0],
      ['lbnl/SIP-Bruteforce-Single-IP.pcap', 2645, 2645, 1460671, 0],
      ['suricata-verify/sip-body-frames_public-cloudshark-sip-s0.pcap', 10, 10, 5456, 0],
      ['suricata-verify/sip-body-large_sip-body-large.pcap', 16, 0, 0, 66000],
      ['suricata-verify/sip-compact-form_sip_compact_form.pcap', 1, 1, 894, 0],
      ['suricata-verify/sip-header-multi-value_sip_header_multi_val.pcap', 1, 1, 928, 0],
      ['suricata-verify/sip-method_sip.pcap', 691, 590, 68956, 814],
      ['suricata-verify/sip-options-method_input.pcap', 2, 2, 530, 0],
      ['suricata-verify/sip-sdp_sdp.pcap', 2, 2, 1963, 0],
      ['suricata-verify/sip-tcp-method_sip-tcp.pcap', 11, 0, 0, 1076],
      ['zeek/invalid-content-length.pcap', 2, 2, 440, 0],
      ['zeek/sip-junk-before-request.pcap', 2, 2, 56, 0],
      ['zeek/sip-long-request-response-paths.pcap', 2, 2, 19111, 0],
    ];
    for (const [path, frames, datagrams, datagramBytes, streamBytes] of counts) {
      it(path, () => {
        const reader = new CaptureReader();
        const all = [...reader.push(readData(path)), ...reader.end()];
        const found = { datagrams: 0, datagram: 0, stream: 0, refused: 0 };
        for (const c of all) {
          if (c.kind === 'refused') found.refused++;
          else found[c.kind] += c.payload.length;
          if (c.kind === 'datagram') found.datagrams++;
        }
        assert.deepEqual(
          { frames: reader.frames, ...found },
          { frames, datagrams, datagram: datagramBytes, stream: streamBytes, refused: 0 },
        );
      });
    }

    it('are all in the table, and tell the same in chunks of any size', () => {
      const files = ['lbnl', 'suricata-verify', 'zeek'].flatMap((folder) => listData(folder, '.pcap'));
      assert.deepEqual(files, counts.map(([path]) => path).sort());
      for (const path of files) {
        const file = readData(path).subarray(0, 120_000);
        const whole = told(read(file));
        for (const step of [1, 7, 1000, 65536]) assert.deepEqual(told(read(file, step)), whole, `${path} by ${step}`);
      }
    });

    it('the attack of lbnl: times in nanoseconds, addresses and ports', () => {
      const [first] = read(readData('lbnl/SIP-Bruteforce-Single-IP.pcap'));
      assert.ok(first?.kind === 'datagram');
      assert.equal(new Date(first.at).toISOString(), '2018-03-14T08:31:48.967Z');
      assert.equal(first.destinationPort, 5060);
      assert.match(first.payload.toString(), /^REGISTER sip:/);
    });
  });

  describe('link layers', () => {
    const tests: [sentence: string, linkType: number, frame: Buffer, expected: string[]][] = [
      ['Ethernet', 1, ethernet(packet4), [hello4]],
      ['Ethernet with padding behind a short packet', 1, Buffer.concat([ethernet(packet4), Buffer.alloc(30)]), [hello4]],
      ['Ethernet, IPv6', 1, ethernet(packet6, 0x86dd), [hello6]],
      ['802.1Q', 1, ethernet(packet4, 0x0800, [0x8100]), [hello4]],
      ['802.1ad over 802.1Q', 1, ethernet(packet6, 0x86dd, [0x88a8, 0x8100]), [hello6]],
      ['QinQ of old', 1, ethernet(packet4, 0x0800, [0x9100, 0x8100]), [hello4]],
      ['six tags: passed over', 1, ethernet(packet4, 0x0800, Array<number>(6).fill(0x8100)), []],
      ['PPPoE', 1, ethernet(Buffer.concat([Buffer.from('1100000100230021', 'hex'), packet4]), 0x8864), [hello4]],
      ['ARP: passed over', 1, ethernet(Buffer.alloc(28), 0x0806), []],
      ['802.3 with a length: passed over', 1, ethernet(Buffer.alloc(38), 38), []],
      ['raw', 101, packet4, [hello4]],
      ['raw, IPv6', 101, packet6, [hello6]],
      ['raw of most systems', 12, packet4, [hello4]],
      ['raw of OpenBSD', 14, packet6, [hello6]],
      ['IPv4', 228, packet4, [hello4]],
      ['IPv6', 229, packet6, [hello6]],
      ['Linux cooked', 113, sll('0800', packet4), [hello4]],
      ['Linux cooked, IPv6', 113, sll('86dd', packet6), [hello6]],
      ['Linux cooked, 802.1Q', 113, sll('8100', Buffer.concat([Buffer.from('00640800', 'hex'), packet4])), [hello4]],
      ['Linux cooked, ARP: passed over', 113, sll('0806', Buffer.alloc(28)), []],
      ['Linux cooked v2', 276, sll2('0800', packet4), [hello4]],
      ['Linux cooked v2, IPv6', 276, sll2('86dd', packet6), [hello6]],
      ['Linux cooked v2, 802.1Q', 276, sll2('8100', Buffer.concat([Buffer.from('00640800', 'hex'), packet4])), [hello4]],
      ['BSD loopback, little endian', 0, Buffer.concat([family(2, true), packet4]), [hello4]],
      ['BSD loopback, big endian', 0, Buffer.concat([family(2, false), packet4]), [hello4]],
      ['BSD loopback, IPv6 of macOS', 0, Buffer.concat([family(30, true), packet6]), [hello6]],
      ['BSD loopback, IPv6 of FreeBSD', 0, Buffer.concat([family(28, true), packet6]), [hello6]],
      ['BSD loopback, IPv6 of NetBSD', 0, Buffer.concat([family(24, true), packet6]), [hello6]],
      ['OpenBSD loopback', 108, Buffer.concat([family(2, false), packet4]), [hello4]],
      ['BSD loopback, another family: passed over', 0, Buffer.concat([family(7, true), packet4]), []],
      ['an unknown link type', 105, packet4, ['refused link type 105 is not known, its frames are passed over @40']],
      ['half an Ethernet header', 1, Buffer.alloc(9), ['refused frame ends in its link header @49']],
      ['nothing behind Ethernet', 1, ethernet(Buffer.alloc(0)), ['refused frame ends in its link header @54']],
      ['no frame at all', 101, Buffer.alloc(0), ['refused frame ends in its link header @40']],
    ]; // prettier-ignore
    for (const [sentence, linkType, frame, expected] of tests) {
      it(sentence, () => {
        assert.deepEqual(told(read(pcap([{ bytes: frame }], { linkType }))), expected);
        // and what follows is read
        const two = pcap([{ bytes: frame }, { bytes: frame }], { linkType });
        assert.equal(new CaptureReader().push(two).length, linkType === 105 ? 1 : 2 * expected.length);
      });
    }
  });

  describe('IP and UDP', () => {
    const tests: [sentence: string, packet: Buffer, expected: string[]][] = [
      ['IPv4 options', ipv4(udp('hello'), { options: 12 }), [hello4]],
      ['IPv4 total length 0 (offload)', ipv4(udp('hello'), { total: 0 }), [hello4]],
      ['IPv6 extension headers', ipv6(extension(60, extension(43, extension(17, udp('hello')), 2)), 0), [hello6]],
      ['IPv6 authentication header', ipv6(extension(17, Buffer.concat([Buffer.alloc(4), udp('hello')]), 0).fill(1, 1, 2), 51), [hello6]],
      ['IPv6 atomic fragment', ipv6(fragment6(17, udp('hello'), 0, false), 44), [hello6]],
      ['IPv4-mapped addresses as IPv4', ipv6(udp('hello'), 17, `::ffff:${A4}`, `::ffff:${B4}`), [hello4]],
      ['an empty datagram', ipv4(udp('')), [`0 ${A4}:5060 > ${B4}:5062 `]],
      ['a UDP length less than the packet: the rest is not payload', ipv4(udp('hello, world', 5060, 5062, 13)), [hello4]],
      ['ICMP: passed over', ipv4(Buffer.alloc(8), { protocol: 1 }), []],
      ['no next header: passed over', ipv6(Buffer.alloc(0), 59), []],
      ['IP version 5', Buffer.alloc(40, 0x55), ['refused IP version 5 @40']],
      ['a short IPv4 header', packet4.subarray(0, 19), ['refused IPv4: header is cut @59']],
      ['an IPv4 header of 16 bytes', Buffer.concat([Buffer.from([0x44]), packet4.subarray(1)]), ['refused IPv4: header of 16 bytes @40']],
      ['IPv4 options beyond the frame', Buffer.concat([Buffer.from([0x4f]), packet4.subarray(1, 30)]).fill(80, 3, 4), ['refused IPv4: header is cut @70']],
      ['an IPv4 total length less than the header', ipv4(udp('hello'), { total: 19 }), ['refused IPv4: total length 19 is less than the header @42']],
      ['a short IPv6 header', packet6.subarray(0, 39), ['refused IPv6: header is cut @79']],
      ['an IPv6 extension beyond the end', ipv6(extension(17, Buffer.alloc(4), 9).subarray(0, 12), 0), ['refused IPv6: extension header is cut @92']],
      ['eleven IPv6 extension headers',
        ipv6(Array.from({ length: 10 }).reduce<Buffer>((inner) => extension(60, inner), extension(17, udp('hello'))), 60),
        ['refused IPv6: more than 10 extension headers @160']],
      ['a datagram cut by the snapshot length', packet4.subarray(0, -2), ['refused UDP: datagram was captured to 11 of 13 bytes @40']],
      ['a UDP length beyond the packet', ipv4(udp('hello', 5060, 5062, 99)), ['refused UDP: datagram is longer than its IP packet @40']],
      ['a UDP length of 7', ipv4(udp('hello', 5060, 5062, 7)), ['refused UDP: length 7 is less than the header @40']],
      ['half a UDP header', ipv4(Buffer.alloc(7)), ['refused UDP: header is cut @40']],
      ['half a TCP header', ipv4(Buffer.alloc(19), { protocol: 6 }), ['refused TCP: header is cut @40']],
      ['TCP options beyond the segment', ipv4(tcp({ seq: 1, options: 20 }).subarray(0, 30), { protocol: 6 }), ['refused TCP: header is cut @40']],
      ['a TCP header of 0 bytes', ipv4(Buffer.alloc(40), { protocol: 6 }), ['refused TCP: header of 0 bytes @40']],
    ]; // prettier-ignore
    for (const [sentence, packet, expected] of tests) {
      it(sentence, () => assert.deepEqual(told(read(pcap([{ bytes: packet }], { linkType: 101 }))), expected));
    }
  });

  describe('pcap', () => {
    for (const little of [true, false]) {
      for (const nano of [true, false]) {
        it(`${little ? 'little' : 'big'} endian, ${nano ? 'nano' : 'micro'}seconds`, () => {
          const frames = [1795285982672.014, 1795285982999.999].map((at) => ({ at, bytes: packet4 }));
          const times = read(pcap(frames, { little, nano, linkType: 101 })).map((c) => c.kind === 'datagram' && c.at);
          assert.deepEqual(times, [1795285982672, 1795285982999]);
        });
      }
    }

    it('is read up to a frame length that cannot be', () => {
      const file = pcap([{ bytes: packet4 }, { bytes: packet4 }], { linkType: 101 });
      const second = 24 + 16 + packet4.length;
      file.writeUInt32LE(0x7fffffff, second + 8);
      const reader = new CaptureReader();
      assert.deepEqual(told(reader.push(file)), [
        hello4,
        `refused pcap: a frame of 2147483647 bytes cannot be, the rest cannot be read @${second + 8}`,
      ]);
      assert.equal(reader.broken, true);
      assert.deepEqual(reader.push(file), []);
      assert.deepEqual(reader.end(), []);
    });

    it('tells a truncated end, wherever it is', () => {
      const file = pcap([{ bytes: packet4 }, { bytes: packet4 }], { linkType: 101 });
      const second = 24 + 16 + packet4.length;
      for (let length = 1; length < file.length; length++) {
        const lines = told(read(file.subarray(0, length)));
        if (length === 24 || length === second) assert.deepEqual(lines, length === 24 ? [] : [hello4]);
        else assert.match(lines.at(-1) ?? '', /^refused file ends in the middle of a record @\d+$/, `${length} bytes`);
      }
    });

    const notCaptures: [sentence: string, file: Buffer, expected: RegExp][] = [
      ['an empty file', Buffer.alloc(0), /file is empty/],
      ['text', Buffer.from('"","alice","600"\n'), /neither pcap nor pcapng/],
      ['three bytes', Buffer.from([0xd4, 0xc3, 0xb2]), /file ends/],
      ['pcap version 1', pcap([]).fill(1, 4, 5), /unknown version/],
    ];
    for (const [sentence, file, expected] of notCaptures) {
      it(`refuses ${sentence}`, () => {
        const lines = told(read(file));
        assert.equal(lines.length, 1);
        assert.match(lines[0] ?? '', expected);
      });
    }

    it('is told from other files by its first four bytes', () => {
      assert.equal(isCapture(pcap([])), true);
      assert.equal(isCapture(pcapng().section()), true);
      assert.equal(isCapture(Buffer.from('HEP3')), false);
      assert.equal(isCapture(Buffer.from([0xa1])), false);
    });
  });

  describe('pcapng', () => {
    for (const little of [true, false]) {
      const f = pcapng(little);
      const order = little ? 'little endian' : 'big endian';

      it(`${order}: interfaces with their own link type and clock`, () => {
        const file = Buffer.concat([
          f.section(),
          f.interface(101),
          f.interface(1, 9),
          f.interface(113, 0x80 + 10),
          f.interface(101, 3, 3600),
          f.interface(101, 0),
          f.interface(101, 12),
          f.packet(packet4, 0, 1795285982672014n),
          f.packet(ethernet(packet6, 0x86dd), 1, 1795285982672999999n),
          f.packet(sll('0800', packet4), 2, 1795285982n * 1024n + 512n),
          f.packet(packet4, 3, 1000n),
          f.packet(packet4, 4, 1795285982n),
          f.packet(packet4, 5, 1_000_000_000_000_000n),
          f.simple(packet4),
        ]);
        const at4 = (at: number): string => hello4.replace(/^0/, String(at));
        assert.deepEqual(told(read(file, 11)), [
          at4(1795285982672),
          hello6.replace(/^0/, '1795285982672'),
          at4(1795285982500),
          at4(3601000),
          at4(1795285982000),
          at4(1_000_000),
          at4(1_000_000),
        ]);
      });

      it(`${order}: blocks of other kinds are passed over, however long`, () => {
        const file = Buffer.concat([
          f.section(),
          f.block(4, Buffer.alloc(100)),
          f.interface(101),
          f.block(0x0bad, Buffer.alloc(3_000_000)),
          f.packet(packet4),
          f.block(5, Buffer.alloc(0)),
        ]);
        assert.deepEqual(told(read(file)), [hello4]);
        assert.deepEqual(told(read(file, 1000)), [hello4]);
      });

      it(`${order}: a bad block is told and passed over`, () => {
        const bad = f.packet(packet4);
        bad.fill(0xff, bad.length - 4);
        const tooLong = f.packet(packet4);
        tooLong.fill(0x7f, 20, 24);
        const head = Buffer.concat([f.section(), f.interface(101)]);
        const file = Buffer.concat([
          head,
          bad,
          f.packet(packet4, 9),
          tooLong,
          f.block(1),
          f.block(6),
          f.packet(packet4),
        ]);
        const size = bad.length;
        assert.deepEqual(told(read(file)), [
          `refused pcapng: the two lengths of a block differ, it is skipped @${head.length}`,
          `refused pcapng: packet of interface 9, which is not described @${head.length + size}`,
          `refused pcapng: packet is longer than its block @${head.length + 2 * size + 20}`,
          `refused pcapng: interface block is too short @${head.length + 3 * size}`,
          `refused pcapng: packet block is too short @${head.length + 3 * size + 12}`,
          hello4,
        ]);
      });

      for (const length of [0, 8, 13]) {
        it(`${order}: a block length of ${length} ends the reading`, () => {
          const bad = f.packet(packet4);
          for (let i = 4; i < 8; i++) bad[i] = 0;
          bad[little ? 4 : 7] = length;
          const head = Buffer.concat([f.section(), f.interface(101), f.packet(packet4)]);
          const file = Buffer.concat([head, bad, f.packet(packet4)]);
          assert.deepEqual(told(read(file)), [
            hello4,
            `refused pcapng: block length ${length} cannot be, the rest cannot be read @${head.length + 4}`,
          ]);
        });
      }
    }

    it('sections of either byte order in one file, each with its own interfaces', () => {
      const [little, big] = [pcapng(true), pcapng(false)];
      const file = Buffer.concat([
        ...[little.section(), little.interface(101), little.packet(packet4)],
        ...[big.section(), big.packet(packet4), big.interface(1), big.packet(ethernet(packet6, 0x86dd))],
      ]);
      const lines = told(read(file));
      assert.equal(lines.length, 3);
      assert.deepEqual([lines[0], lines[2]], [hello4, hello6]);
      assert.match(lines[1] ?? '', /interface 0, which is not described/);
    });

    it('a simple packet is no longer than the snapshot length of its interface', () => {
      const f = pcapng();
      const file = Buffer.concat([f.section(), f.interface(101, undefined, undefined, 30), f.simple(packet4)]);
      assert.deepEqual(told(read(file)), ['refused UDP: datagram was captured to 10 of 13 bytes @72']);
    });

    it('a packet block too long for any frame is passed over', () => {
      const f = pcapng();
      const head = Buffer.concat([f.section(), f.interface(101)]);
      const file = Buffer.concat([head, f.block(6, Buffer.alloc(2_000_000)), f.packet(packet4)]);
      assert.deepEqual(told(read(file, 65536)), [
        `refused pcapng: block of 2000012 bytes skipped @${head.length}`,
        hello4,
      ]);
    });
  });

  describe('fragments reach the transport layer', () => {
    it('IPv6 with a destination header behind the fragment header', () => {
      const whole = extension(17, udp('hello, fragmented world'));
      const bytes = [fragment6(60, whole.subarray(16), 16, false), fragment6(60, whole.subarray(0, 16), 0, true)];
      const file = pcap(bytes.map((b) => ({ bytes: ipv6(b, 44) })), { linkType: 101 }); // prettier-ignore
      assert.deepEqual(told(read(file)), [hello6.replace('hello', 'hello, fragmented world')]);
    });

    it('an unfinished packet is told at the end of the file', () => {
      const file = pcap([{ bytes: ipv4(udp('hello...').subarray(0, 8), { more: true }) }], { linkType: 101 });
      assert.deepEqual(told(read(file)), ['refused fragmented packet given up: fragments are missing @40']);
    });
  });

  it('TCP over IPv4 with VLAN: both directions, each with its own number', () => {
    const back = { source: B4, destination: A4, protocol: 6 };
    const frames = [
      ipv4(tcp({ seq: 100, flags: 'S', options: 20 }), { protocol: 6 }),
      ipv4(tcp({ seq: 900, flags: 'SA', sourcePort: 5062, destinationPort: 5060 }), back),
      ipv4(tcp({ seq: 101, data: 'ping' }), { protocol: 6 }),
      ipv4(tcp({ seq: 901, data: 'pong', sourcePort: 5062, destinationPort: 5060, options: 12 }), back),
      ipv4(tcp({ seq: 105, flags: 'FA' }), { protocol: 6 }),
    ].map((packet, i) => ({ at: i, bytes: ethernet(packet, 0x0800, [0x8100]) }));
    const captured = read(pcap(frames));
    assert.deepEqual(told(captured), [
      `2 ${A4}:5060 > ${B4}:5062 ping`,
      `3 ${B4}:5062 > ${A4}:5060 pong`,
      `4 ${A4}:5060 > ${B4}:5062  end`,
      `4 ${B4}:5062 > ${A4}:5060  end`,
    ]);
    assert.deepEqual(
      captured.map((c) => c.kind === 'stream' && c.stream),
      [1, 2, 1, 2],
    );
  });
});
