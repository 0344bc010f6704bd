import assert from 'node:assert/strict';
import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import hepJs from 'hep-js';
import { decodeHep, encodeHep, HEP_MAX_BYTES } from '../../src/wire/hep.ts';
import type { HepPacket } from '../../src/wire/hep.ts';
import { canonicalAddress } from '../../src/address.ts';
import { describeWithData, listData, readData } from '../support/data.ts';
import { cpuTime } from '../support/cpu-time.ts';

type Fields = Omit<HepPacket, 'version' | 'transport'>;

/** The fields as a plain object, for comparing. */
const fieldsOf = (p: HepPacket) => ({
  version: p.version,
  transport: p.transport,
  protocol: p.protocol,
  source: p.source,
  sourcePort: p.sourcePort,
  destination: p.destination,
  destinationPort: p.destinationPort,
  seenAt: p.seenAt,
  captureId: p.captureId,
  payloadType: p.payloadType,
  payload: p.payload.toString('latin1'),
  authKey: p.authKey,
  correlationId: p.correlationId,
  nodeName: p.nodeName,
});

function decoded(bytes: Buffer): HepPacket {
  const result = decodeHep(bytes);
  assert.ok(result.ok, result.ok ? '' : result.reason);
  return result.value;
}

function chunk(id: number, data: Uint8Array | string | number[], vendor = 0, length?: number): Buffer {
  const body = Buffer.from(data as Uint8Array);
  const head = Buffer.alloc(6);
  head.writeUInt16BE(vendor, 0);
  head.writeUInt16BE(id, 2);
  head.writeUInt16BE(length ?? body.length + 6, 4);
  return Buffer.concat([head, body]);
}

function hep3(chunks: readonly Buffer[], total?: number): Buffer {
  const body = Buffer.concat(chunks);
  const head = Buffer.from('HEP3\0\0');
  head.writeUInt16BE(total ?? body.length + 6, 4);
  return Buffer.concat([head, body]);
}

const from4 = chunk(3, [192, 0, 2, 1]);
const to4 = chunk(4, [192, 0, 2, 2]);
const from6 = chunk(5, Buffer.from('20010db8000000000000000000000001', 'hex'));
const to6 = chunk(6, Buffer.from('20010db8000000000000000000000002', 'hex'));
const sip = chunk(11, [1]);
const payload = chunk(15, 'OPTIONS');
const usual = [chunk(1, [2]), chunk(2, [17]), from4, to4, sip, payload];

describe('HEP decoder', () => {
  describeWithData('recorded samples', 'hep', () => {
    const samples = ['asterisk-22', 'asterisk-16', 'kamailio-5.6'].flatMap((f) => listData(`hep/${f}`, '.bin'));

    it('are all there and all decode to SIP or RTCP between loopback addresses', () => {
      assert.equal(samples.length, 163);
      for (const path of samples) {
        const packet = decoded(readData(path));
        const text = packet.payload.toString('latin1');
        assert.match(packet.source, /^127\.0\.0\.\d+$/, path);
        assert.match(packet.destination, /^127\.0\.0\.\d+$/, path);
        assert.ok(packet.sourcePort > 1023 && packet.destinationPort > 1023, path);
        assert.match(text, packet.payloadType === 5 ? /^\{"ssrc":\d+,.*\}$/s : /^[^\r\n]*SIP\/2\.0.*\r\n\r\n/s, path);
        assert.equal(packet.captureId, packet.version === 1 ? 0 : 2001, path);
        assert.equal(packet.version, path.includes('hepv1') ? 1 : path.includes('hepv2') ? 2 : 3, path);
        assert.equal(packet.nodeName, path.includes('asterisk-22') ? 'labpbx' : null, path);
        if (packet.version === 1) assert.equal(packet.seenAt, null);
        else assert.equal(new Date(packet.seenAt ?? 0).toISOString().slice(0, 7), '2026-11', path);
      }
    });

    it('Asterisk 22, REGISTER: every field', () => {
      const packet = decoded(readData('hep/asterisk-22/tls_4.bin'));
      assert.deepEqual(
        { ...fieldsOf(packet), payload: packet.payload.toString().slice(0, 29) },
        {
          version: 3,
          transport: 'tcp',
          protocol: 6,
          source: '127.0.0.3',
          sourcePort: 33363,
          destination: '127.0.0.1',
          destinationPort: 5063,
          seenAt: 1795288240092,
          captureId: 2001,
          payloadType: 1,
          payload: 'OPTIONS sip:127.0.0.1 SIP/2.0',
          authKey: 'labhep',
          correlationId: 'tlscall1',
          nodeName: 'labpbx',
        },
      );
    });

    for (const [version, seenAt] of [
      [1, null],
      [2, 1795285982672],
    ] as const) {
      it(`Kamailio, HEPv${version}: every field`, () => {
        const packet = decoded(readData(`hep/kamailio-5.6/hepv${version}-000.bin`));
        assert.deepEqual(
          { ...fieldsOf(packet), payload: packet.payload.toString().slice(0, 30) },
          {
            version,
            transport: 'udp',
            protocol: 17,
            source: '127.0.0.10',
            sourcePort: 5062,
            destination: '127.0.0.1',
            destinationPort: 5060,
            seenAt,
            captureId: version === 1 ? 0 : 2001,
            payloadType: 1,
            payload: 'REGISTER sip:lab.local SIP/2.0',
            authKey: null,
            correlationId: null,
            nodeName: null,
          },
        );
      });
    }

    it('agree with hep-js, the reference implementation, on every HEPv3 sample', () => {
      let compared = 0;
      for (const path of samples.filter((p) => !/hepv[12]-/.test(p))) {
        const bytes = readData(path);
        const packet = decoded(bytes);
        const reference = hepJs.decapsulate(bytes);
        assert.ok(reference, path);
        const info = reference.rcinfo;
        assert.deepEqual(
          {
            protocol: packet.protocol,
            srcIp: packet.source,
            dstIp: packet.destination,
            srcPort: packet.sourcePort,
            dstPort: packet.destinationPort,
            seenAt: packet.seenAt,
            payloadType: packet.payloadType,
            captureId: packet.captureId,
            capturePass: packet.authKey,
            correlation: packet.correlationId,
            node: packet.nodeName,
            payload: packet.payload.toString(),
          },
          {
            protocol: info['protocol'],
            srcIp: info['srcIp'],
            dstIp: info['dstIp'],
            srcPort: info['srcPort'],
            dstPort: info['dstPort'],
            seenAt: Number(info['timeSeconds']) * 1000 + Math.trunc(Number(info['timeUseconds']) / 1000),
            payloadType: info['payloadType'],
            captureId: info['captureId'],
            capturePass: info['capturePass'] ?? null,
            correlation: info['correlation_id'] ?? null,
            node: info['hepNodeName'] ?? null,
            payload: reference.payload,
          },
          path,
        );
        compared++;
      }
      assert.equal(compared, 155);
    });

    it('cut anywhere are refused, never thrown', () => {
      for (const path of samples.slice(0, 20)) {
        const bytes = readData(path);
        for (let length = 0; length < bytes.length; length++) {
          const result = decodeHep(bytes.subarray(0, length));
          assert.equal(result.ok, false, `${path} cut to ${length}`);
        }
      }
    });

    it('with any bytes changed never throw, never read outside', () => {
      const originals = samples.map(readData);
      let random = 12345;
      const next = (below: number): number => {
        random = (Math.imul(random, 1103515245) + 12345) >>> 0;
        return (random >>> 8) % below;
      };
      let accepted = 0;
      for (let i = 0; i < 200_000; i++) {
        const bytes = Buffer.from(originals[i % originals.length]!);
        for (let changes = next(4); changes >= 0; changes--) bytes[next(Math.min(bytes.length, 160))] = next(256);
        const result = decodeHep(bytes);
        if (!result.ok) continue;
        accepted++;
        const packet = result.value;
        assert.ok(packet.payload.length <= bytes.length && canonicalAddress(packet.source) === packet.source);
        assert.ok(`${packet.authKey}${packet.correlationId}${packet.nodeName}`.length <= 3 * bytes.length + 12);
      }
      assert.ok(accepted > 10_000, `${accepted} accepted`);
    });
  });

  describe('takes', () => {
    const accepted: [sentence: string, bytes: Buffer, expected: Partial<ReturnType<typeof fieldsOf>>][] = [
      ['the least: addresses, type and payload', hep3([from4, to4, sip, payload]), { source: '192.0.2.1', seenAt: null }],
      ['IPv6', hep3([chunk(1, [10]), from6, to6, sip, payload]), { source: '2001:db8::1', destination: '2001:db8::2' }],
      ['IPv6 with the family number of another system', hep3([chunk(1, [28]), from6, to6, sip, payload]), { source: '2001:db8::1' }],
      ['IPv6 whose family chunk lies', hep3([chunk(1, [2]), from6, to6, sip, payload]), { source: '2001:db8::1' }],
      ['both families: the family chunk decides', hep3([...usual, from6, to6]), { source: '192.0.2.1' }],
      ['both families, IPv6 named', hep3([chunk(1, [10]), from4, to4, from6, to6, sip, payload]), { source: '2001:db8::1' }],
      ['IPv4-mapped IPv6 as the IPv4 address it is',
        hep3([chunk(5, Buffer.from('00000000000000000000ffffc0000207', 'hex')), to6, sip, payload]), { source: '192.0.2.7' }],
      ['Kamailio: protocol 22 is TLS', hep3([...usual, chunk(2, [22])]), { transport: 'tls', protocol: 22 }],
      ['protocol 6', hep3([...usual, chunk(2, [6])]), { transport: 'tcp' }],
      ['protocol 132', hep3([...usual, chunk(2, [132])]), { transport: 'sctp' }],
      ['an unknown protocol as the transport that proves nothing', hep3([...usual, chunk(2, [1])]), { transport: 'udp', protocol: 1 }],
      ["a vendor's chunk, skipped whatever its id", hep3([...usual, chunk(3, [1, 2, 3], 0x1234)]), { source: '192.0.2.1' }],
      ['an unknown chunk', hep3([...usual, chunk(0x7fff, 'x'), chunk(0, 'y')]), { payload: 'OPTIONS' }],
      ['keep-alive and VLAN chunks', hep3([...usual, chunk(13, [0, 5]), chunk(18, [0, 9])]), { payload: 'OPTIONS' }],
      ['an empty text chunk', hep3([...usual, chunk(0x11, '')]), { correlationId: '' }],
      ['seconds and microseconds', hep3([...usual, chunk(9, [0, 0, 0, 5]), chunk(10, [0, 0x0f, 0x42, 0x3f])]), { seenAt: 5999 }],
      ['a chunk twice: the last counts', hep3([...usual, chunk(15, 'second')]), { payload: 'second' }],
      ['bytes after the end', Buffer.concat([hep3(usual), Buffer.from('tail')]), { payload: 'OPTIONS' }],
      ['a zlib payload', hep3([from4, to4, sip, chunk(16, deflateSync('REGISTER'))]), { payload: 'REGISTER' }],
      ['a gzip payload', hep3([from4, to4, sip, chunk(16, gzipSync('REGISTER'))]), { payload: 'REGISTER' }],
      ['64 KiB inflated', hep3([from4, to4, sip, chunk(16, deflateSync(Buffer.alloc(65536, 'a')))]), { payload: 'a'.repeat(65536) }],
      ['HEPv2 whose header length counts the time',
        Buffer.from('021c0211' + '13c413c5' + 'c0000201c0000202' + '0500000040420f000700' + '0000' + '41', 'hex'),
        { version: 2, seenAt: 6000, captureId: 7, payload: 'A' }],
      ['HEPv1 with IPv6', Buffer.from('01280a0613c413c5' + '20010db8' + '00'.repeat(11) + '01' + '20010db8' + '00'.repeat(11) + '02' + '4142', 'hex'),
        { version: 1, transport: 'tcp', source: '2001:db8::1', destination: '2001:db8::2', sourcePort: 5060, payload: 'AB' }],
    ]; // prettier-ignore
    for (const [sentence, bytes, expected] of accepted) {
      it(sentence, () => {
        const fields = fieldsOf(decoded(bytes));
        assert.deepEqual({ ...fields, ...expected }, fields);
      });
    }
  });

  describe('refuses', () => {
    const bomb = deflateSync(Buffer.alloc(50_000_000), { level: 9 });
    const refused: [sentence: string, bytes: Buffer, reason: RegExp, offset: number][] = [
      ['nothing at all', Buffer.alloc(0), /not HEP/, 0],
      ['SIP without HEP', Buffer.from('OPTIONS sip:a SIP/2.0'), /not HEP/, 0],
      ['half the magic', Buffer.from('HEP'), /not HEP/, 0],
      ['the 12 bytes that hang others for ever', Buffer.from('48455033000c0000000f0000', 'hex'), /chunk length 0/, 10],
      ['chunk length 3', hep3([chunk(15, '', 0, 3)]), /chunk length 3/, 10],
      ['a total length beyond the datagram', hep3(usual, 200), /truncated: \d+ of 200/, hep3(usual).length],
      ['a total length below the header', hep3([], 5), /less than the header/, 4],
      ['nothing but the header', hep3([]), /no source and destination/, 6],
      ['a chunk beyond the end', hep3([from4, to4, sip, chunk(15, 'abc', 0, 10)]), /beyond the end/, 37],
      ['a total length that cuts the last chunk', hep3(usual, hep3(usual).length - 2), /beyond the end/, 51],
      ['a rest too short for a chunk', hep3([...usual, Buffer.alloc(5)]), /chunk header goes beyond/, 60],
      ['no payload', hep3([from4, to4, sip]), /no payload/, 33],
      ['no addresses', hep3([sip, payload]), /no source and destination/, 26],
      ['one address only', hep3([from4, sip, payload]), /no source and destination/, 36],
      ['one address of each family', hep3([from4, to6, sip, payload]), /no source and destination/, 58],
      ['no payload type', hep3([from4, to4, payload]), /no payload type/, 39],
      ['an address of 3 bytes', hep3([chunk(3, [1, 2, 3])]), /chunk 3 holds 3 bytes instead of 4/, 10],
      ['a port of 4 bytes', hep3([chunk(7, [0, 0, 0, 1])]), /chunk 7 holds 4 bytes instead of 2/, 10],
      ['an empty family', hep3([chunk(1, [])]), /chunk 1 holds 0 bytes/, 10],
      ['a compressed payload of 50 MB', hep3([from4, to4, sip, chunk(16, bomb)]), /broken or too long/, 39],
      ['one byte more than 64 KiB inflated', hep3([from4, to4, sip, chunk(16, deflateSync(Buffer.alloc(65537)))]), /too long/, 39],
      ['a compressed payload that is none', hep3([from4, to4, sip, chunk(16, 'plain text')]), /broken or too long/, 39],
      ['raw deflate, which no header tells', hep3([from4, to4, sip, chunk(16, deflateRawSync('x'))]), /broken/, 39],
      ['a compressed payload cut short', hep3([from4, to4, sip, chunk(16, deflateSync('REGISTER').subarray(0, 9))]), /broken/, 39],
      ['an empty compressed payload', hep3([from4, to4, sip, chunk(16, '')]), /broken/, 39],
      ['HEPv1 of one byte', Buffer.from([1]), /HEPv1: truncated/, 1],
      ['HEPv2 of one byte', Buffer.from([2]), /HEPv2: truncated/, 1],
      ['HEPv1 with a wrong header length', Buffer.from('0111021113c413c5c0000201c000020241', 'hex'), /header length/, 1],
      ['HEPv1 cut in the addresses', Buffer.from('0110021113c413c5c0000201c000', 'hex'), /truncated/, 14],
      ['HEPv1 without payload', Buffer.from('0110021113c413c5c0000201c0000202', 'hex'), /no payload/, 16],
      ['HEPv2 cut in the time', Buffer.from('0210021113c413c5c0000201c00002020500', 'hex'), /truncated/, 18],
      ['HEPv4', Buffer.from('0410021113c413c5c0000201c000020241', 'hex'), /not HEP/, 0],
    ]; // prettier-ignore
    for (const [sentence, bytes, reason, offset] of refused) {
      it(sentence, () => {
        const started = cpuTime();
        const result = decodeHep(bytes);
        assert.ok(!result.ok);
        assert.match(result.reason, reason);
        assert.equal(result.offset, offset);
        assert.ok(cpuTime() - started < 50);
      });
    }

    it('any compressed payload when the caller takes none', () => {
      const result = decodeHep(hep3([from4, to4, sip, chunk(16, deflateSync('x'))]), 0);
      assert.equal(result.ok, false);
    });
  });

  it('gives the payload as a view, not a copy', () => {
    const bytes = hep3(usual);
    const packet = decoded(bytes);
    assert.equal(packet.payload.buffer, bytes.buffer);
    assert.equal(packet.payload, packet.payload);
  });

  it('gives each of many addresses its own text', () => {
    for (let i = 0; i < 20_000; i++) {
      const octets = [10, (i >> 16) & 255, (i >> 8) & 255, i & 255];
      const packet = decoded(hep3([chunk(3, octets), to4, sip, payload]));
      assert.equal(packet.source, octets.join('.'));
      assert.equal(packet.destination, '192.0.2.2');
    }
  });
});

describe('HEP encoder', () => {
  const text = fc.option(fc.string({ maxLength: 40, unit: 'binary' }), { nil: null });
  const port = fc.integer({ min: 0, max: 65535 });
  const address = fc.oneof(fc.ipV4(), fc.ipV6()).map((a) => canonicalAddress(a) ?? '');
  const fields: fc.Arbitrary<Fields> = fc.record({
    protocol: fc.integer({ min: 0, max: 255 }),
    source: address,
    sourcePort: port,
    destination: address,
    destinationPort: port,
    seenAt: fc.option(fc.integer({ min: 0, max: 2 ** 32 * 1000 - 1 }), { nil: null }),
    captureId: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    payloadType: fc.integer({ min: 0, max: 255 }),
    payload: fc.uint8Array({ maxLength: 2000 }).map((b) => Buffer.from(b)),
    authKey: text,
    correlationId: text,
    nodeName: text,
  });

  it('writes what the decoder reads back, whatever the fields', () => {
    fc.assert(
      fc.property(fields, (packet) => {
        const { version, transport, ...back } = fieldsOf(decoded(encodeHep(packet)));
        assert.equal(version, 3);
        assert.ok(transport);
        assert.deepEqual(back, { ...packet, payload: packet.payload.toString('latin1') });
      }),
      { numRuns: 2000 },
    );
  });

  it('writes what hep-js reads, for IPv4 and ASCII', () => {
    const packet: Fields = {
      protocol: 17,
      source: '192.0.2.1',
      sourcePort: 5062,
      destination: '198.51.100.2',
      destinationPort: 5060,
      seenAt: 1795285982934,
      captureId: 2001,
      payloadType: 1,
      payload: Buffer.from('OPTIONS sip:a SIP/2.0\r\n\r\n'),
      authKey: 'secret',
      correlationId: 'call-1',
      nodeName: 'edge',
    };
    assert.deepEqual(hepJs.decapsulate(encodeHep(packet)), {
      rcinfo: {
        protocolFamily: 2,
        protocol: 17,
        srcIp: '192.0.2.1',
        dstIp: '198.51.100.2',
        srcPort: 5062,
        dstPort: 5060,
        timeSeconds: 1795285982,
        timeUseconds: 934000,
        payloadType: 1,
        captureId: 2001,
        correlation_id: 'call-1',
        capturePass: 'secret',
        hepNodeName: 'edge',
      },
      payload: 'OPTIONS sip:a SIP/2.0\r\n\r\n',
    });
  });

  it('throws for what no packet can hold', () => {
    const packet = decoded(hep3(usual));
    const like = (change: Partial<Fields>): Fields => ({ ...fieldsOf(packet), payload: packet.payload, ...change });
    assert.throws(() => encodeHep(like({ source: 'pbx.example' })), RangeError);
    assert.throws(() => encodeHep(like({ payload: Buffer.alloc(HEP_MAX_BYTES) })), RangeError);
    assert.throws(() => encodeHep(like({ sourcePort: 65536 })), RangeError);
    const most = HEP_MAX_BYTES - encodeHep(like({ payload: Buffer.alloc(0) })).length;
    assert.equal(encodeHep(like({ payload: Buffer.alloc(most) })).length, HEP_MAX_BYTES);
    assert.throws(() => encodeHep(like({ payload: Buffer.alloc(most + 1) })), /65536 bytes/);
  });
});
