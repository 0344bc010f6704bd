import assert from 'node:assert/strict';
import { join } from 'node:path';
import { Asterisk } from './support/asterisk.ts';
import { INSIDE, LabGateway, LINE } from './support/gateway.ts';
import { useLab } from './support/lab.ts';
import { freePort } from './support/ports.ts';
import { until } from './support/process.ts';
import type { Endpoint } from './support/sip-transport.ts';

const CALLS = process.env['RINGFENCE_LONG'] === '1' ? 100 : 8;

describe('lab: another PBX as a trunk, behind one key and one connection', function () {
  this.timeout(60_000);
  let inside: Endpoint;
  const lab = useLab(async () => {
    inside = { host: INSIDE, port: await freePort(INSIDE) };
    return {
      trunkPlace: {
        ...inside,
        contact: `sip:${inside.host}:${inside.port}\\;account=branch`,
        header: 'X-Account: branch',
      },
    };
  });

  it(`${CALLS} calls each way at once, each with its record; a stranger's number is refused`, async () => {
    const gateway = await LabGateway.start(lab(), {
      inside,
      more: ['account_header = "X-Account"', '[gateway.trunks.branch]\nidentities = ["+49*"]'],
    });
    const port = await freePort(LINE);
    const there = { host: '127.0.60.1', port: await freePort('127.0.60.1') };
    const branch = await Asterisk.start({
      ...{
        tree: lab().trees.asterisk,
        directory: join(lab().directory, 'branch'),
        host: there.host,
        sipPort: there.port,
      },
      role: 'carrier',
      trunk: { host: LINE, port },
    });
    try {
      await gateway.line('branch', await gateway.key('branch'), { phone: there, port });
      const phone = await lab().phone('1001');
      assert.equal((await phone.register()).status, 200);
      const records = (): string[] => lab().asterisk.records();

      const out = Array.from({ length: CALLS }, (_, i) => phone.dial(`0301234${1000 + i}`));
      assert.deepEqual(new Set(await Promise.all(out.map(async ({ settled }) => await settled))), new Set([200]));
      await Promise.all(out.map(async (call) => await call.hangUp()));
      await until('their records', 10_000, () => records().length >= CALLS);
      assert.equal(records().filter((line) => /^"","1001","0301234\d+".*"ANSWERED"/.test(line)).length, CALLS);

      const before = phone.calls.length;
      const call = async (from: string): Promise<unknown> =>
        await branch.ami.action('Originate', {
          ...{ Channel: 'PJSIP/4711@trunk', Application: 'Wait', Data: '2', CallerID: from, Async: 'true' },
        });
      for (let i = 0; i < CALLS; i++) await call(`+493055${i}`);
      await until(
        'all ring and are answered',
        15_000,
        () => phone.calls.length === before + CALLS && phone.calls.every(({ state }) => state !== 'ringing'),
      );
      await Promise.all(phone.calls.slice(before).map(async ({ ended }) => await ended));
      await until('their records', 10_000, () => records().length >= 2 * CALLS);
      assert.equal(records().filter((line) => /"\+493055\d+".*"PJSIP\/trunk-.*"ANSWERED"/.test(line)).length, CALLS);

      await call('+371555');
      await until('the refusal', 5_000, () =>
        gateway.stderr.includes('INVITE in a session of branch names +371555 in From'),
      );
      assert.equal(phone.calls.length, before + CALLS);
    } finally {
      await branch.stop();
      await gateway.stop();
    }
  });
});
