import assert from 'node:assert/strict';
import { canonicalAddress, sourceKey } from '../../src/address.ts';
import { AWKWARD, GERMANY, useGuardedLab } from './support/guarded.ts';
import { officeAddress } from './support/lab.ts';
import { pause, until } from './support/process.ts';

describe('lab: the dialplan guard', function () {
  this.timeout(30_000);
  const { lab, entries, phone, dial, refusal, complaints } = useGuardedLab();

  const rules = [
    { sentence: 'the caller’s address', key: `address/${officeAddress('1001')}`, number: '0301234567' },
    { sentence: 'his account', key: 'account/1001', number: '0301234567' },
    { sentence: 'calls abroad of his account', key: 'international/1001', number: '0037167000001' },
    { sentence: 'a country', key: 'number/371', number: '0037167000001' },
    { sentence: 'one number at home', key: 'number/49301234567', number: '0301234567' },
    { sentence: 'one number abroad', key: 'number/37167000001', number: '+37167000001' },
    { sentence: 'calls abroad of everybody', key: 'lock/international', number: '0037167000001' },
  ];
  for (const { sentence, key, number } of rules) {
    it(`refuses ${sentence} while ${key} stands, and no longer`, async () => {
      assert.equal((await dial(number)).status, 200);
      await entries.put(key);
      const refused = await dial(number);
      assert.equal(refused.status, 403);
      assert.equal((await refusal(refused)).headers.get('Rule'), key);
      await entries.delete(key);
      assert.equal((await dial(number)).status, 200);
    });
  }

  it('lets every entry end by itself', async () => {
    for (const { key } of rules) await entries.put(key, 2);
    const began = Date.now();
    assert.equal((await dial('0037167000001')).status, 403);
    assert.equal((await dial('0301234567')).status, 403);
    await pause(began + 2050 - Date.now());
    assert.equal((await dial('0037167000001')).status, 200);
    assert.equal((await dial('0301234567')).status, 200);
  });

  it('leaves what is not blocked alone: other accounts, calls at home, shorter and longer numbers', async () => {
    for (const key of [
      'international/1001',
      'account/1002',
      'account/100',
      'number/4930123456789',
      'number/37',
      'address/127.0.10.11',
    ])
      await entries.put(key);
    await entries.delete('number/37');
    assert.equal((await dial('0301234567')).status, 200);
    assert.equal((await dial('0049301234567')).status, 200);
    const other = await lab().phone('1003');
    assert.equal((await dial('0037167000001', other)).status, 200);
    for (const junk of ['', 'soon', '-', '0', '1', '1e99']) {
      await entries.put('account/1001', junk);
      assert.equal((await dial('0301234567')).status, 200, `value ${junk}`);
    }
  });

  it('tells what it refused, in an event, in the call record and in channel variables', async () => {
    await entries.put('number/371');
    const call = await dial('+371 (67) 000-001'.replace(/ /g, '%20'));
    assert.equal(call.status, 403);
    const { headers, lines } = await refusal(call);
    const source = `${officeAddress('1001')}:${phone().transport.port}`;
    assert.deepEqual(
      ['Rule', 'Endpoint', 'Source', 'CallID', 'Dialled'].map((name) => headers.get(name)),
      ['number/371', '1001', source, call.callId, '+37167000001'],
    );
    assert.ok(lines.includes(`ChanVariable: RINGFENCE_SRC=${source}`));
    assert.ok(lines.includes(`ChanVariable: RINGFENCE_CALLID=${call.callId}`));
    const record = await lab().asterisk.ami.event(
      'Cdr',
      (event) => event.headers.get('UserField') === 'ringfence:number/371',
    );
    assert.equal(record.headers.get('Source'), '1001');
  });

  describe('emergency calls', () => {
    const everything = [
      ...rules.map(({ key }) => key),
      ...['1', '11', '110', '112', '49', '49112', '0', '4', '91'].map((digits) => `number/${digits}`),
    ];

    it('pass although address, account, number and lock all stand', async () => {
      await entries.putAll({ ...GERMANY, 'dialplan/outside': '0', 'emergency/110': '1', 'emergency/112': '1' });
      for (const key of everything) await entries.put(key);
      for (const number of ['112', '110', '0112', '0110', '1%201%202', '112;phone-context=+49'])
        assert.equal((await dial(number)).status, 200, number);
      assert.equal((await dial('0301234567')).status, 403);
      assert.equal((await dial('1120301234567')).status, 403);
    });

    it('pass before anything was pushed about them, with a usual prefix for an outside line too', async () => {
      await entries.clear();
      for (const key of everything) await entries.put(key);
      for (const number of ['112', '110', '911', '999', '000', '9911', '0112', '18000'])
        assert.equal((await dial(number)).status, 200, number);
    });

    it('pass to a number that looks like an extension', async () => {
      await entries.put('account/1001');
      assert.equal((await dial('1234')).status, 403);
      await entries.put('emergency/1234', '1');
      assert.equal((await dial('1234')).status, 200);
    });

    it('are no way round a block', async () => {
      for (const key of everything) await entries.put(key);
      const before = lab().trunk.calls().length;
      for (const number of [
        '112%26PJSIP%2f0037167000001%40trunk',
        '112,0037167000001',
        '112x0037167',
        '1120',
        '112%40x',
      ])
        assert.equal((await dial(number)).status, 403, number);
      assert.equal(lab().trunk.calls().length, before);
    });
  });

  describe('hostile callers', () => {
    const strings = [
      '00371%22%20%3d%20%2267000001',
      '0037167000001%22%29',
      '%2237167000001',
      '0037167000001%29:9',
      '0037167000001%29%3a9%3a1',
      '00%2837%2916%297000001',
      '00371$%7bSHELL%28touch%20x%29%7d67000001',
      '00371$%5b1%2b1%5d67000001',
      '00371%5c67000001',
      '00371,67000001',
      '0037167000001,60,G%28x%29',
      '0037167000001%26PJSIP%2f0037167000002%40trunk',
      '0301234567%40trunk%26PJSIP%2f0037167000001',
      '0037167000001%0d%0aEvent:%20Hangup',
      '0037167000001%3bx=y',
      '0037167000001%7c60',
      '%28%28%28%280037167000001',
      '00371%7b%7b%7b67000001',
      '+%28371%2967000001',
      '0037167000001!',
      '00%20371%2067000001',
      `00371${'6'.repeat(60)}`,
    ];
    for (const string of strings) {
      it(`do not break out by dialling ${string}`, async () => {
        await entries.put('number/371');
        const before = lab().trunk.calls().length;
        const call = await dial(string);
        assert.ok([403, 404].includes(call.status), `${call.status}`);
        if (call.status === 403) {
          const event = await refusal(call);
          assert.match(event.headers.get('Rule') ?? '', /^(?:number\/371|dialled)$/);
          assert.match(event.headers.get('Dialled') ?? '', /^[0-9A-Za-z+*#_!;=%~]*$/);
          assert.equal(event.lines.filter((line) => line.startsWith('Event:')).length, 1);
        }
        assert.equal(lab().trunk.calls().length, before);
      });
    }

    it('do not break out by a Call-ID', async () => {
      await entries.put('number/371');
      const hostile = `a(b"c\\d)$[1]\${EPOCH},Rule: none,x:y`;
      phone().transport.filter = ({ message, direction }) => {
        if (direction === 'sent')
          for (const line of message.headers as [string, string][]) if (line[0] === 'Call-ID') line[1] = hostile;
        return true;
      };
      try {
        assert.equal((await dial('0037167000001')).status, 403);
      } finally {
        phone().transport.filter = undefined;
      }
      const told = lab().asterisk.ami.named('UserEvent').at(-1)!;
      assert.equal(told.headers.get('Rule'), 'number/371');
      assert.deepEqual(
        told.lines.filter((line) => line.startsWith('Rule:')),
        ['Rule: number/371'],
      );
      assert.ok(told.lines.includes(`ChanVariable: RINGFENCE_CALLID=${hostile.replace(/["\\]/g, '\\$&')}`));
    });

    it('do not break out by the name of their endpoint', async () => {
      const awkward = await lab().phone(AWKWARD.extension, {
        address: officeAddress('1007'),
        username: encodeURIComponent(AWKWARD.extension),
      });
      const call = async (number: string): Promise<number> => {
        const dialled = awkward.dial(number, { username: AWKWARD.extension });
        if ((await dialled.settled) === 200) await dialled.hangUp();
        return dialled.status;
      };
      assert.equal(await call('0301234567'), 200);
      await entries.put('account/x_1__2_&y');
      assert.equal(await call('0301234567'), 403);
    });

    it('leave Asterisk nothing to complain of', () => {
      assert.deepEqual(complaints(), []);
    });
  });

  describe('addresses', () => {
    it('are refused over IPv6 too, alone or by their /64', async () => {
      const phone6 = await lab().phone('1003', { address: '::1', server: { host: '::1', port: lab().edge.port } });
      assert.equal((await phone6.register()).status, 200);
      for (const key of [`address/${canonicalAddress('::1')}`, `address/${sourceKey('::1')}`]) {
        assert.equal((await dial('0301234567', phone6)).status, 200);
        await entries.put(key);
        const call = await dial('0301234567', phone6);
        assert.equal(call.status, 403);
        const { headers } = await refusal(call);
        assert.deepEqual([headers.get('Rule'), headers.get('Source')], [key, `[::1]:${phone6.transport.port}`]);
        assert.equal((await dial('112', phone6)).status, 200);
        await entries.delete(key);
      }
    });

    it('and endpoints are unknown on a Local channel, where numbers and the lock are judged all the same', async () => {
      const { ami } = lab().asterisk;
      const originate = async (): Promise<void> => {
        await ami.action('Originate', {
          Channel: 'Local/0037167000009@guarded',
          Application: 'Wait',
          Data: '1',
          Async: 'true',
        });
      };
      for (const rule of ['number/371', 'lock/international']) {
        await entries.put(rule);
        const from = ami.events.length;
        await originate();
        const told = await until('RingfenceBlock', 3000, () =>
          ami.events.slice(from).find(({ headers }) => headers.get('UserEvent') === 'RingfenceBlock'),
        );
        assert.deepEqual(
          ['Rule', 'Endpoint', 'Source', 'CallID', 'Dialled'].map((name) => told.headers.get(name)),
          [rule, '', '', '', '0037167000009'],
        );
        await entries.delete(rule);
      }
      assert.deepEqual(complaints(), []);
    });
  });
});
