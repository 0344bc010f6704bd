import assert from 'node:assert/strict';
import { dialStringNumber } from '../../src/correlate/onward.ts';
import { PBX } from '../support/sip-builder.ts';
import { line, siteOf, watch, type Watch } from './support.ts';

type Header = readonly [string, string];
const T = Date.UTC(2026, 10, 21, 1, 0, 0);

const pbx = (): Watch =>
  watch(
    siteOf({ network: { pbx: [PBX], trunks: [{ name: 'carrier', addresses: ['198.51.100.0/28'] }] } }, [
      '1001',
      '1002',
      'carrier',
    ]),
  );
const channel = (endpoint: string, exten: string, uniqueid: string): Header[] => [
  ['Event', 'Newchannel'],
  ['Channel', `PJSIP/${endpoint}-00000001`],
  ['CallerIDNum', endpoint],
  ['Exten', exten],
  ['Uniqueid', uniqueid],
  ['Linkedid', uniqueid],
];
/** The PBX dials `string` by the channel of `endpoint` for the call of that Linkedid. */
const dial = (endpoint: string, string: string, uniqueid: string, linkedid: string, by = linkedid): Header[] => [
  ['Event', 'DialBegin'],
  ['Channel', by === linkedid ? 'PJSIP/x-00000001' : 'Local/0037126123456@office-00000001;2'],
  ['Uniqueid', by],
  ['Linkedid', linkedid],
  ['DestChannel', `PJSIP/${endpoint}-00000009`],
  ['DestUniqueid', uniqueid],
  ['DialString', string],
];
const up = (uniqueid: string): Header[] => [
  ['Event', 'Newstate'],
  ['ChannelState', '6'],
  ['Uniqueid', uniqueid],
];
const down = (uniqueid: string): Header[] => [
  ['Event', 'Hangup'],
  ['Uniqueid', uniqueid],
];
const onward = (w: Watch): string[] => w.of('call.onward').map(line);

describe('calls that are sent on', () => {
  const cases: [string, readonly Header[][], string[]][] = [
    [
      'dialled through: in by the trunk, out by the trunk, answered, ended',
      [
        channel('carrier', '4930123456', '1.0'),
        dial('carrier', '0037126123456@carrier', '1.1', '1.0'),
        up('1.1'),
        down('1.1'),
      ],
      ['dialled', 'answered', 'ended'].map(
        (state) => `call.onward carrier to 4930123456, on to 0037126123456 by carrier: ${state}`,
      ),
    ],
    [
      'an extension is forwarded, by a Local channel in between',
      [channel('1001', '1002', '1.0'), dial('carrier', 'carrier/sip:+37126123456@198.51.100.1', '1.4', '1.0', '1.3')],
      ['call.onward 1001 to 1002, on to +37126123456 by carrier: dialled'],
    ],
    [
      'one call, two numbers in turn',
      [
        channel('carrier', '4930123456', '1.0'),
        dial('carrier', '0037126123456@carrier', '1.1', '1.0'),
        down('1.1'),
        dial('carrier', '005352123456@carrier', '1.2', '1.0'),
      ],
      [
        'call.onward carrier to 4930123456, on to 0037126123456 by carrier: dialled',
        'call.onward carrier to 4930123456, on to 0037126123456 by carrier: ended',
        'call.onward carrier to 4930123456, on to 005352123456 by carrier: dialled',
      ],
    ],
    [
      'a phone calls out',
      [channel('1001', '0037126123456', '1.0'), dial('carrier', '0037126123456@carrier', '1.1', '1.0')],
      [],
    ],
    [
      'a phone calls out, and the dialplan brings the number into the form of the carrier',
      [
        channel('1001', '900371 26123456'.replace(' ', ''), '1.0'),
        dial('carrier', '+37126123456@carrier', '1.1', '1.0'),
      ],
      [],
    ],
    [
      'a call comes in and rings at a phone',
      [channel('carrier', '4930123456', '1.0'), dial('1001', '1001', '1.1', '1.0')],
      [],
    ],
    ['the call is not known', [dial('carrier', '0037126123456@carrier', '1.1', '7.0')], []],
    ['no number', [channel('carrier', '4930123456', '1.0'), dial('carrier', 'carrier', '1.1', '1.0')], []],
  ];
  for (const [sentence, events, expected] of cases)
    it(sentence, () => {
      const w = pbx();
      for (const [i, event] of events.entries()) w.ami(T + i * 1_000, ...event);
      assert.deepEqual(onward(w), expected);
    });

  const strings: [string, string][] = [
    ['0037126123456@carrier', '0037126123456'],
    ['carrier/sip:+37126123456@198.51.100.1', '+37126123456'],
    ['carrier/0037126123456', '0037126123456'],
    ['g1/0037126123456', '0037126123456'],
    ['sip:0037126123456@198.51.100.1:5060', '0037126123456'],
    ['1001', '1001'],
    ['carrier', ''],
    ['', ''],
    ['/'.repeat(100_000), ''],
  ];
  for (const [text, number] of strings)
    it(`${text.slice(0, 40)} dials ${number || 'no number'}`, () => assert.equal(dialStringNumber(text), number));
});
