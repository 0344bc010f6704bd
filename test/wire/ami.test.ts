import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  AMI_HEADER_LIMIT,
  AmiFramer,
  AmiMessage,
  amiEventTime,
  channelEndpoint,
  encodeAmiAction,
  parseInstant,
  parseRemoteAddress,
  readAmiTranscript,
  type AmiItem,
} from '../../src/wire/ami.ts';
import { cpuTime } from '../support/cpu-time.ts';

const LONG = process.env['RINGFENCE_LONG'] !== undefined;
const crlf = (...lines: string[]): string => lines.map((line) => `${line}\r\n`).join('');

const LOGIN = crlf('Response: Success', 'ActionID: 1', 'Message: Authentication accepted', '');
const BOOTED = crlf(
  'Event: FullyBooted',
  'Privilege: system,all',
  'Uptime: 59',
  'LastReload: 59',
  'Status: Fully Booted',
  '',
);
const DIAL = crlf(
  'Event: DialBegin',
  'Privilege: call,all',
  'Timestamp: 1795285803.120044',
  'Channel: PJSIP/100-00000000',
  'CallerIDName: Jürgen Groß ☎',
  'ChanVariable: RINGFENCE_SRC=127.0.0.2:43085',
  'ChanVariable: RINGFENCE_CALLID=a=b@127.0.0.2',
  'DestChannel: PJSIP/101-00000001',
  'DestChanVariable: RINGFENCE_SRC=',
  'DialString: 101',
  '',
);
const FAILED = crlf(
  'Event: ChallengeResponseFailed',
  'Privilege: security,all',
  'EventTV: 2026-11-21T18:30:04.889+0000',
  'Severity: Error',
  'Service: PJSIP',
  'AccountID: 100',
  'SessionID: 565luvdw@127.0.0.2',
  'RemoteAddress: IPV4/UDP/127.0.0.2/44000',
  'Challenge: 1795285804/abc',
  '',
);
const OUTPUT = crlf(
  'Response: Success',
  'ActionID: 7',
  'Message: Command output follows',
  'Output: one',
  'Output: ',
  'Output:  two: 2',
  '',
);
const FOLLOWS = `Response: Follows\r\nPrivilege: Command\r\nActionID: 8\r\nName: not a header\n\nEvent: Cdr\r\nlast--END COMMAND--\r\n\r\n`;
const BANNER = 'Asterisk Call Manager/11.0.0\r\n';
const STREAM = BANNER + LOGIN + BOOTED + DIAL + FAILED + OUTPUT + FOLLOWS + LOGIN;

const whole = (text: string | Buffer, options?: ConstructorParameters<typeof AmiFramer>[0]): AmiItem[] =>
  new AmiFramer(options).push(Buffer.from(text as string));
const messages = (items: readonly AmiItem[]): AmiMessage[] =>
  items.flatMap((item) => (item.kind === 'message' ? [item.message] : []));
const only = (text: string): AmiMessage => {
  const [message, ...more] = messages(whole(text));
  assert.ok(message !== undefined && more.length === 0);
  return message;
};

describe('wire/ami: framer', () => {
  it('reads banner, responses, events and command output, new and old', () => {
    const items = whole(STREAM);
    assert.deepEqual(items[0], { kind: 'banner', version: '11.0.0', offset: 0 });
    assert.deepEqual(
      messages(items).map((m) => [m.kind, m.name]),
      [
        ['response', 'Success'],
        ['event', 'FullyBooted'],
        ['event', 'DialBegin'],
        ['event', 'ChallengeResponseFailed'],
        ['response', 'Success'],
        ['response', 'Follows'],
        ['response', 'Success'],
      ],
    );
    assert.deepEqual(messages(items)[4]?.all('Output'), ['one', '', ' two: 2']);
    const old = messages(items)[5];
    assert.equal(old?.get('ActionID'), '8');
    assert.deepEqual(old.all('output'), ['Name: not a header', '', 'Event: Cdr', 'last']);
  });

  it('tells where in the stream each item began', () => {
    const items = whole(STREAM);
    assert.deepEqual(
      items.slice(0, 4).map((item) => item.offset),
      [0, BANNER.length, BANNER.length + LOGIN.length, BANNER.length + LOGIN.length + BOOTED.length],
    );
  });

  it('gives the same for every single split of the stream', () => {
    const bytes = Buffer.from(STREAM);
    const expected = whole(bytes);
    for (let at = 0; at <= bytes.length; at++) {
      const framer = new AmiFramer();
      assert.deepEqual(
        [...framer.push(bytes.subarray(0, at)), ...framer.push(bytes.subarray(at))],
        expected,
        `split at ${at}`,
      );
    }
    const framer = new AmiFramer();
    assert.deepEqual(
      [...bytes].flatMap((byte) => framer.push(Buffer.of(byte))),
      expected,
      'byte by byte',
    );
    assert.equal(framer.pending, 0);
  });

  it('gives the same for any split of any stream, sane or not, however tight the limits', () => {
    const piece = fc.oneof(
      {
        weight: 4,
        arbitrary: fc.constantFrom('\r\n', '\n', '\r', 'a: b', 'Event: X', ':', '--END COMMAND--', '# at x', BANNER),
      },
      {
        weight: 1,
        arbitrary: fc.constantFrom('Response: Follows\r\n', 'Privilege: Command\r\n', 'x'.repeat(70), 'ü', '\0'),
      },
    );
    const options = fc.record({
      lineLimit: fc.integer({ min: 1, max: 80 }),
      messageLimit: fc.integer({ min: 1, max: 200 }),
      headerLimit: fc.integer({ min: 1, max: 6 }),
      transcript: fc.boolean(),
    });
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 40 }),
        fc.array(fc.nat(400), { maxLength: 6 }),
        options,
        (pieces, cuts, limits) => {
          const bytes = Buffer.from(pieces.join(''));
          const one = new AmiFramer(limits);
          const many = new AmiFramer(limits);
          const edges = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length];
          const parts = edges.slice(1).flatMap((edge, i) => many.push(bytes.subarray(edges[i], edge)));
          assert.deepEqual([...parts, ...many.end()], [...one.push(bytes), ...one.end()]);
        },
      ),
      { numRuns: LONG ? 200_000 : 3_000 },
    );
  });

  const refusals: [sentence: string, text: string, reason: RegExp][] = [
    ['a line beyond the limit', `Event: X\r\nAppData: ${'x'.repeat(2_000)}\r\nMore: 1\r\n\r\n`, /line is too long/],
    ['a first line beyond the limit', `Event: ${'x'.repeat(2_000)}\r\n\r\n`, /line is too long/],
    ['a message beyond the limit', `Event: X\r\n${crlf(`A: ${'x'.repeat(900)}`).repeat(6)}\r\n`, /message is too long/],
    ['more lines than the limit', `Event: X\r\n${crlf('A: b').repeat(60)}\r\n`, /too many lines/],
    ['text without any header', 'hello\r\nworld\r\n\r\n', /no header/],
  ];
  for (const [sentence, text, reason] of refusals)
    it(`refuses ${sentence} and goes on after the next empty line`, () => {
      const limits = { lineLimit: 1_000, messageLimit: 4_000, headerLimit: 50 };
      const items = whole(LOGIN + text + BOOTED, limits);
      assert.deepEqual(
        items.map((item) => item.kind),
        ['message', 'refused', 'message'],
      );
      const item = items[1];
      assert.ok(item?.kind === 'refused');
      assert.match(item.reason, reason);
      assert.equal(item.offset, LOGIN.length);
    });

  it('holds no more than a line, however long the line that never ends', () => {
    const framer = new AmiFramer({ lineLimit: 1_000 });
    const found: AmiItem[] = [];
    for (let i = 0; i < 5_000; i++) {
      found.push(...framer.push(Buffer.alloc(1_024, 0x61)));
      assert.ok(framer.pending <= 1_001);
    }
    assert.equal(found.length, 1);
    assert.deepEqual(
      framer.push(Buffer.from(`\r\n\r\n${LOGIN}`)).map((item) => [item.kind, item.offset]),
      [['message', 5_000 * 1_024 + 4]],
    );
  });

  it('reads an answer of 40,000 lines in linear time', () => {
    const bytes = Buffer.from(`Response: Success\r\n${crlf('Output: some line of a long listing').repeat(40_000)}\r\n`);
    const framer = new AmiFramer();
    const started = cpuTime();
    let found: AmiItem[] = [];
    for (let at = 0; at < bytes.length; at += 1_460) found = found.concat(framer.push(bytes.subarray(at, at + 1_460)));
    assert.ok(cpuTime() - started < 1_000);
    assert.equal(messages(found)[0]?.all('Output').length, 40_000);
  });

  it('lets no LF inside a value forge a header on a connection', () => {
    const message = only('Event: Newchannel\r\nCallerIDName: x\nEvent: Cdr\n\n\r\nExten: 1\r\n\r\n');
    assert.equal(message.name, 'Newchannel');
    assert.equal(message.get('CallerIDName'), 'x\nEvent: Cdr\n\n');
    assert.equal(message.get('Exten'), '1');
  });

  it('refuses what a closed connection cut off', () => {
    const framer = new AmiFramer();
    assert.deepEqual(framer.push(Buffer.from(`${LOGIN}Event: Cd`)).length, 1);
    assert.deepEqual(framer.end(), [
      { kind: 'refused', reason: 'the stream ended in the middle of a message', offset: LOGIN.length },
    ]);
    assert.equal(messages(framer.push(Buffer.from(BOOTED)))[0]?.name, 'FullyBooted');
  });

  it('keeps names that JavaScript objects know, and bytes that are no UTF-8', () => {
    const bytes = Buffer.concat([
      Buffer.from('Event: UserEvent\r\nconstructor: 1\r\n__proto__: 2\r\nCallerIDName: J'),
      Buffer.of(0xfc),
      Buffer.from('rgen\r\ntoString: 3\r\n\r\n'),
    ]);
    const message = messages(new AmiFramer().push(bytes))[0];
    assert.equal(message?.get('constructor'), '1');
    assert.equal(message.get('__PROTO__'), '2');
    assert.equal(message.get('hasOwnProperty'), null);
    assert.equal(message.get('CallerIDName'), 'Jürgen');
    assert.deepEqual(message.all('valueOf'), []);
  });

  it('never throws on mutated streams', () => {
    const seed = Buffer.from(STREAM);
    let state = 12_345;
    const random = (below: number): number => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return state % below;
    };
    let items = 0;
    for (let round = 0; round < (LONG ? 500_000 : 20_000); round++) {
      const bytes = Buffer.from(seed);
      for (let n = 1 + random(8); n > 0; n--) bytes[random(bytes.length)] = random(256);
      const framer = new AmiFramer({ lineLimit: 400 });
      items += framer.push(bytes.subarray(random(400))).length + framer.end().length;
    }
    assert.ok(items > 20_000);
  }).timeout(LONG ? 600_000 : 20_000);
});

describe('wire/ami: message', () => {
  it('takes its kind from the first Event or Response header, whatever a UserEvent carries after it', () => {
    const message = only('Event: UserEvent\r\nUserEvent: x\r\nResponse: Success\r\nevent: Cdr\r\n\r\n');
    assert.deepEqual([message.kind, message.name], ['event', 'UserEvent']);
    assert.deepEqual([only('Foo: bar\r\n\r\n').kind, only('Foo: bar\r\n\r\n').name], ['other', '']);
  });

  it('takes one blank after the colon as syntax and keeps the rest', () => {
    const message = only('Event: X\r\nA:\r\nB:b\r\nC:  c \r\nD: x: y\r\n\r\n');
    assert.deepEqual(
      ['a', 'b', 'c', 'd', 'e'].map((name) => message.get(name)),
      ['', 'b', ' c ', 'x: y', null],
    );
  });

  it('gives channel variables, of either channel, in the old form too', () => {
    const dial = only(DIAL);
    assert.deepEqual(
      [...dial.variables()],
      [
        ['RINGFENCE_SRC', '127.0.0.2:43085'],
        ['RINGFENCE_CALLID', 'a=b@127.0.0.2'],
      ],
    );
    assert.deepEqual([...dial.variables('Dest')], [['RINGFENCE_SRC', '']]);
    const old = only(
      'Event: Hangup\r\nChanVariable(SIP/1-00000001): A=1\r\nChanVariable(SIP/1-00000001): A=2\r\nChanVariable: =x\r\n\r\n',
    );
    assert.deepEqual([...old.variables()], [['A', '1']]);
    assert.equal(only('Event: X\r\nChanVariable: __proto__=1\r\n\r\n').variables().get('__proto__'), '1');
  });

  it('becomes a list of pairs in JSON', () => {
    assert.equal(JSON.stringify(only('Event: X\r\nA: 1\r\nA: 2\r\n\r\n')), '[["Event","X"],["A","1"],["A","2"]]');
  });

  const times: [sentence: string, text: string, expected: string | null][] = [
    ['Timestamp', 'Timestamp: 1795285804.889513', '2026-11-21T18:30:04.889Z'],
    ['Timestamp without a fraction', 'Timestamp: 1795285804', '2026-11-21T18:30:04.000Z'],
    ['EventTV with an offset', 'EventTV: 2026-11-21T13:30:04.889-0500', '2026-11-21T18:30:04.889Z'],
    ['EventTV of Asterisk 1.8', 'EventTV: 1795285804-9513', '2026-11-21T18:30:04.009Z'],
    [
      'Timestamp before EventTV',
      'EventTV: 2026-11-21T13:30:04.889-0500\r\nTimestamp: 1795285805.1',
      '2026-11-21T18:30:05.100Z',
    ],
    ['none', 'A: b', null],
    ['nonsense', 'Timestamp: yesterday\r\nEventTV: 2026-13-41T00:00:00Z', null],
  ];
  for (const [sentence, text, expected] of times)
    it(`knows its time: ${sentence}`, () => {
      const at = amiEventTime(only(`Event: X\r\n${text}\r\n\r\n`));
      assert.equal(at === null ? null : new Date(at).toISOString(), expected);
    });

  it('reads only whole instants', () => {
    assert.equal(parseInstant('2026-11-21T18:30:04Z'), Date.UTC(2026, 10, 21, 18, 30, 4));
    assert.equal(parseInstant('2026-11-21T20:00:04.5+01:30'), Date.UTC(2026, 10, 21, 18, 30, 4, 500));
    for (const text of [
      '2026-11-21T18:30:04',
      '2026-02-30T00:00:00Z',
      '2026-00-10T00:00:00Z',
      '2026-11-21T24:00:00Z',
      '',
    ])
      assert.equal(parseInstant(text), null, text);
  });
});

describe('wire/ami: action', () => {
  const bytes = (...args: Parameters<typeof encodeAmiAction>): string => {
    const result = encodeAmiAction(...args);
    assert.ok(result.ok, result.ok ? '' : result.reason);
    return result.value.toString();
  };

  it('writes Action, ActionID second, then the headers in their order', () => {
    assert.equal(
      bytes(
        'DBPut',
        [
          ['Family', 'ringfence/address'],
          ['Key', '203.0.113.7'],
          ['Val', '{"a": "ü;${x}"} '],
        ],
        'rf-1',
      ),
      crlf(
        'Action: DBPut',
        'ActionID: rf-1',
        'Family: ringfence/address',
        'Key: 203.0.113.7',
        'Val: {"a": "ü;${x}"} ',
        '',
      ),
    );
  });

  it('is read back by the framer as it was given', () => {
    const value = fc.string({ unit: 'grapheme', maxLength: 60 }).filter((text) => !/^[\0-\x20]|[\r\n\0]/.test(text));
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.stringMatching(/^[A-Za-z][\w-]{0,20}$/), value), { maxLength: 20 }),
        (headers) => {
          fc.pre(headers.every(([name]) => !/^action(id)?$/i.test(name)));
          const result = encodeAmiAction('Test', headers, 'id');
          assert.ok(result.ok);
          const message = messages(new AmiFramer().push(result.value))[0];
          assert.deepEqual(message?.entries, [['Action', 'Test'], ['ActionID', 'id'], ...headers]);
        },
      ),
    );
  });

  it('counts bytes, not characters', () => {
    const fits = 'ü'.repeat(497);
    assert.equal(Buffer.byteLength(`Val: ${fits}`), 999);
    bytes('DBPut', [['Val', `${fits}x`]], '1');
    assert.match((encodeAmiAction('DBPut', [['Val', `${fits}ü`]], '1') as { reason: string }).reason, /1001 bytes/);
  });

  const many = (n: number): [string, string][] => Array.from({ length: n }, (_, i) => [`Var-${i}`, 'x']);
  it(`takes ${AMI_HEADER_LIMIT} lines`, () =>
    assert.ok(encodeAmiAction('UpdateConfig', many(AMI_HEADER_LIMIT - 2), '1').ok));

  const refusals: [sentence: string, name: string, headers: [string, string][], id: string, reason: RegExp][] = [
    ['CRLF in a value', 'Hangup', [['Channel', 'x\r\n\r\nAction: Originate']], '1', /Channel contains CR/],
    ['a bare LF', 'Hangup', [['Channel', 'x\ny']], '1', /contains CR, LF/],
    ['a bare CR', 'Hangup', [['Channel', 'x\ry']], '1', /contains CR, LF/],
    ['NUL', 'Hangup', [['Channel', 'x\0y']], '1', /NUL/],
    ['CRLF in the action', 'Ping\r\nX: y', [], '1', /Action contains CR/],
    ['CRLF in the ActionID', 'Ping', [], '1\r\n', /ActionID contains CR/],
    ['a name with a colon', 'Ping', [['A:B', 'c']], '1', /cannot be the name/],
    ['a name with CRLF', 'Ping', [['A\r\nB', 'c']], '1', /cannot be the name/],
    ['an empty name', 'Ping', [['', 'c']], '1', /cannot be the name/],
    ['a blank that Asterisk strips', 'DBPut', [['Val', ' x']], '1', /begins with a blank/],
    ['a tab that Asterisk strips', 'DBPut', [['Val', '\tx']], '1', /begins with a blank/],
    ['a second Action', 'Ping', [['action', 'Originate']], '1', /second action/],
    ['a second ActionID', 'Ping', [['ActionId', '2']], '1', /second ActionId/],
    ['no action', '', [], '1', /needs a name/],
    ['no ActionID', 'Ping', [], '', /needs an ActionID/],
    ['a line of 1,001 bytes', 'DBPut', [['Val', 'x'.repeat(996)]], '1', /1001 bytes long; the limit is 1000/],
    ['121 lines', 'UpdateConfig', many(119), '1', /121 headers/],
    ['half a surrogate pair', 'DBPut', [['Val', 'x\ud800y']], '1', /well-formed/],
  ];
  for (const [sentence, name, headers, id, reason] of refusals)
    it(`refuses ${sentence}`, () => {
      const result = encodeAmiAction(name, headers, id);
      assert.ok(!result.ok);
      assert.match(result.reason, reason);
    });
});

describe('wire/ami: fields', () => {
  const addresses: [text: string, expected: string | null][] = [
    ['IPV4/UDP/127.0.0.2/44000', 'udp 127.0.0.2 44000'],
    ['IPV4/TCP/192.0.2.1/5060', 'tcp 192.0.2.1 5060'],
    ['IPV4/TLS/192.0.2.1/0', 'tls 192.0.2.1 0'],
    ['IPV6/UDP/2001:DB8:0:0::1/5060', 'udp 2001:db8::1 5060'],
    ['IPV6/WSS/[2001:db8::1]/443', 'wss 2001:db8::1 443'],
    ['IPV6/UDP/::ffff:192.0.2.9/5060', 'udp 192.0.2.9 5060'],
    ['IPV4/UDP/127.0.0.2/65536', null],
    ['IPV4/UDP/127.0.0.2/-1', null],
    ['IPV4/UDP/127.0.0.256/1', null],
    ['IPV4/UDP/localhost/1', null],
    ['IPV4/XYZ/127.0.0.2/1', null],
    ['IPV5/UDP/127.0.0.2/1', null],
    ['IPV4/UDP/127.0.0.2/1/2', null],
    ['IPV4/UDP/127.0.0.2', null],
    ['', null],
  ];
  for (const [text, expected] of addresses)
    it(`reads ${text === '' ? 'nothing' : text} as ${expected ?? 'no address'}`, () => {
      const result = parseRemoteAddress(text);
      assert.equal(result.ok ? Object.values(result.value).join(' ') : null, expected);
    });

  const channels: [channel: string, expected: string | null][] = [
    ['PJSIP/1004-0000002a', 'PJSIP 1004'],
    ['PJSIP/front-desk-0000002a', 'PJSIP front-desk'],
    ['PJSIP/lab-cafe', 'PJSIP lab-cafe'],
    ['PJSIP/lab-cafe-0000002a', 'PJSIP lab-cafe'],
    ['PJSIP/1004-0000002a<ZOMBIE>', 'PJSIP 1004'],
    ['AsyncGoto/PJSIP/1004-0000002a', 'PJSIP 1004'],
    ['SIP/1004-0000002a', 'SIP 1004'],
    ['SIP/192.0.2.1-08b5e0c8', 'SIP 192.0.2.1'],
    ['IAX2/office-1234', 'IAX2 office'],
    ['IAX2/203.0.113.9:4569-77', 'IAX2 203.0.113.9:4569'],
    ['Local/101@from-internal-0000000a;1', 'Local 101@from-internal'],
    ['Local/101@from-internal-0000000a;2', 'Local 101@from-internal'],
    ['DAHDI/1-1', 'DAHDI 1'],
    ['DAHDI/i1/5551234-2f', 'DAHDI i1/5551234'],
    ['PJSIP/-0000002a', null],
    ['1004', null],
    ['/1004', null],
    ['', null],
    ['x'.repeat(2_000), null],
  ];
  for (const [channel, expected] of channels)
    it(`takes ${channel.slice(0, 40)} as ${expected ?? 'no channel'}`, () => {
      const name = channelEndpoint(channel);
      assert.equal(name === null ? null : `${name.technology} ${name.endpoint}`, expected);
    });
});

describe('wire/ami: recording', () => {
  const told = (text: string): (string | number)[][] =>
    readAmiTranscript(Buffer.from(text)).map((item) =>
      item.kind === 'message'
        ? [item.message.name, new Date(item.at).toISOString()]
        : ['refused', item.reason.slice(0, 11)],
    );

  it('takes times from Timestamp, EventTV and "# at" lines, and gives the first one to what came before it', () => {
    assert.deepEqual(
      told(
        `${BANNER}${LOGIN}${FAILED}${OUTPUT}# at 2026-11-21T18:30:06Z\r\n# a remark\r\n${BOOTED}${DIAL}# at 2026-11-21T18:30:07.5+00:00\r\n${LOGIN}`,
      ),
      [
        ['Success', '2026-11-21T18:30:04.889Z'],
        ['ChallengeResponseFailed', '2026-11-21T18:30:04.889Z'],
        ['Success', '2026-11-21T18:30:04.889Z'],
        ['FullyBooted', '2026-11-21T18:30:06.000Z'],
        ['DialBegin', '2026-11-21T18:30:03.120Z'],
        ['Success', '2026-11-21T18:30:07.500Z'],
      ],
    );
  });

  it('reads LF line ends, several sessions and a last message without its empty line', () => {
    const text = `${BANNER}${LOGIN}${DIAL}${BANNER}${BOOTED}${FAILED}`.replaceAll('\r\n', '\n').trimEnd();
    assert.deepEqual(
      told(text).map(([name]) => name),
      ['Success', 'DialBegin', 'FullyBooted', 'ChallengeResponseFailed'],
    );
  });

  it('refuses what cannot be placed in time, and a clock line that is no time', () => {
    assert.deepEqual(told(LOGIN + BOOTED), [
      ['refused', 'no time: re'],
      ['refused', 'no time: re'],
    ]);
    assert.deepEqual(told(`# at noon\n${DIAL}`), [
      ['refused', 'not a time:'],
      ['DialBegin', '2026-11-21T18:30:03.120Z'],
    ]);
  });
});
