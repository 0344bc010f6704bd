import assert from 'node:assert/strict';
import { sourceKey } from '../../src/address.ts';
import { GERMANY, ask, inSeconds, useGuardedLab } from './support/guarded.ts';

/** German numbers behind 0 for an outside line, or without; the United States with 9, or without. */
const DE_OUTSIDE = { ...GERMANY, 'dialplan/outside': '0' };
const US = {
  'dialplan/country': '1',
  'dialplan/trunk': '1',
  'dialplan/national': '10',
  'dialplan/international': '011',
  'dialplan/abroad/1876': '1',
  'dialplan/abroad/1416': '1',
};
const US_OUTSIDE = { ...US, 'dialplan/outside': '9' };
const IT = { 'dialplan/country': '39', 'dialplan/national': '6-11', 'dialplan/international': '00' };

const PLANS: readonly {
  name: string;
  plan: Readonly<Record<string, string>>;
  numbers: Readonly<Record<string, string>>;
}[] = [
  {
    name: 'Germany',
    plan: GERMANY,
    numbers: {
      '0037167000001': '37167000001',
      '+37167000001': '37167000001',
      '+0037167000001': '37167000001',
      '0049301234567': '49301234567',
      '0301234567': '49301234567',
      '01711234567': '491711234567',
      '0037167000001#': '37167000001',
      '*31#0037167000001': '37167000001',
      '*670037167000001': '37167000001',
      '**21*0037167000001#': '37167000001',
      '0037167000001*22': '37167000001',
      '37167000001': '37167000001',
      '0037167a000b001': '37167000001',
      '00': '',
      '+': '',
      '1002': '',
      '1234567': '',
      '*97': '',
      '*': '',
      '#': '',
      '***': '',
    },
  },
  {
    name: 'Germany, 0 for an outside line',
    plan: DE_OUTSIDE,
    numbers: {
      '00037167000001': '37167000001',
      '0+37167000001': '37167000001',
      '+37167000001': '37167000001',
      '00301234567': '49301234567',
      '000301234567': '301234567',
      '1002': '',
    },
  },
  {
    name: 'the United States',
    plan: US,
    numbers: {
      '01137167000001': '37167000001',
      '+37167000001': '37167000001',
      '2125550123': '12125550123',
      '12125550123': '12125550123',
      '+12125550123': '12125550123',
      '18765550123': '18765550123',
      '8765550123': '18765550123',
      '37167000001': '37167000001',
      '5550123': '',
      '411': '',
    },
  },
  {
    name: 'the United States, 9 for an outside line',
    plan: US_OUTSIDE,
    numbers: {
      '901137167000001': '37167000001',
      '92125550123': '12125550123',
      '912125550123': '12125550123',
      '01137167000001': '37167000001',
    },
  },
  {
    name: 'Italy, whose numbers keep their 0',
    plan: IT,
    numbers: { '0669812345': '390669812345', '3331234567': '393331234567', '0037167000001': '37167000001', '201': '' },
  },
  {
    name: 'a site of which nothing is known',
    plan: {},
    numbers: { '0037167000001': '37167000001', '01137167000001': '37167000001', '0301234567': '301234567', '112': '' },
  },
];

describe('lab: the dialplan guard’s parts', function () {
  this.timeout(30_000);
  const { lab, entries } = useGuardedLab();

  describe('what was dialled, as E.164 digits', () => {
    for (const { name, plan, numbers } of PLANS)
      it(`in ${name}`, async () => {
        await entries.clear();
        await entries.putAll(plan);
        const read: Record<string, string> = {};
        for (const number of Object.keys(numbers)) read[number] = await ask(lab(), 'e164', number);
        assert.deepEqual(read, numbers);
      });

    it('by global variables, where ringfence has pushed nothing', async () => {
      await entries.clear();
      await lab().asterisk.cli('dialplan set global RINGFENCE_COUNTRY 44');
      await lab().asterisk.cli('dialplan set global RINGFENCE_TRUNK 0');
      assert.equal(await ask(lab(), 'e164', '01134960000'), '34960000');
      await lab().asterisk.cli('dialplan set global RINGFENCE_INTERNATIONAL 00');
      assert.equal(await ask(lab(), 'e164', '01134960000'), '441134960000');
      for (const name of ['COUNTRY', 'TRUNK', 'INTERNATIONAL'])
        await lab().asterisk.cli(`dialplan set global RINGFENCE_${name} ""`);
    });

    it('and whether it leads abroad, also within a calling code that countries share', async () => {
      await entries.clear();
      await entries.putAll(US);
      const abroad: Record<string, string> = {};
      for (const number of ['2125550123', '18765550123', '8765550123', '+14165550123', '01149301234567', '011'])
        abroad[number] = await ask(lab(), 'abroad', number);
      assert.deepEqual(abroad, {
        ...{ '2125550123': '0', '18765550123': '1', '8765550123': '1', '+14165550123': '1' },
        ...{ '01149301234567': '1', '011': '1' },
      });
      // seen from Canada most of it is abroad: the longest prefix says so or not
      for (const number of ['1876', '1416']) await entries.delete(`dialplan/abroad/${number}`);
      await entries.putAll({ 'dialplan/abroad/1': '1', 'dialplan/abroad/1416': '0', 'dialplan/abroad/14165': '' });
      const fromCanada: Record<string, string> = {};
      for (const number of ['2125550123', '+14162550123', '+14165550123', '01149301234567'])
        fromCanada[number] = await ask(lab(), 'abroad', number);
      assert.deepEqual(fromCanada, {
        ...{ '2125550123': '1', '+14162550123': '0', '+14165550123': '1', '01149301234567': '1' },
      });
    });
  });

  it('reads addresses of every form: the /64 that ringfence writes', async () => {
    const given = [
      '::1',
      '::',
      '1::',
      '2001:db8::',
      '2001:db8::1',
      '2001:db8:1:2:3:4:5:6',
      '2001:db8:1::5:6:7',
      '2001:db8:0:1::5',
    ].concat([
      '::5:6:7:8',
      '::3:4:5:6:7:8',
      '0:1::5',
      '1:0:0:4::',
      '1:0:3:4:5::7',
      'fe80::1:2:3:4',
      '1::4:5:6:7:8',
      '1:2::8',
    ]);
    const networks: string[] = [];
    for (const address of given) networks.push(await ask(lab(), 'network', address));
    assert.deepEqual(networks, given.map(sourceKey));
  });

  it('costs little, whatever stands', async function () {
    this.timeout(60_000);
    const microseconds = async (number: string): Promise<number> => {
      const runs: number[] = [];
      for (let run = 0; run < 5; run++) runs.push(Number(await ask(lab(), 'timed', number)) / 100);
      return Math.round(Math.min(...runs));
    };
    const empty = [await microseconds('0301234567'), await microseconds('0037167000001'), await microseconds('112')];
    await lab().asterisk.ami.action('Ping');
    const puts: Promise<unknown>[] = [];
    for (let n = 0; n < 10_000; n++) {
      const kind = ['address/10.1', 'account/a', 'number/99', 'international/b'][n % 4] ?? '';
      puts.push(lab().asterisk.ami.action('DBPut', { Family: 'ringfence', Key: `${kind}${n}`, Val: inSeconds(3600) }));
      if (puts.length === 500) await Promise.all(puts.splice(0));
    }
    await Promise.all(puts);
    const full = [await microseconds('0301234567'), await microseconds('0037167000001'), await microseconds('112')];
    console.log(
      `      µs a call (at home, abroad, emergency): ${empty.join(', ')} with no entries, ${full.join(', ')} with 10,000`,
    );
    for (const cost of [...empty, ...full]) assert.ok(cost < 20_000, `${cost} µs`);
  });
});
