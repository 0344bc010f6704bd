import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { Account } from './support/asterisk-files.ts';
import { LabGateway } from './support/gateway.ts';
import { useLab } from './support/lab.ts';
import { pause, until } from './support/process.ts';
import type { UserAgent } from './support/ua.ts';

const LONG = process.env['RINGFENCE_LONG'] === '1';
const PHONES = LONG ? 1_000 : 40;
const CALLS = LONG ? 200 : 10;
/** at once, while they register */
const TOGETHER = 20;

const accounts: Account[] = Array.from({ length: PHONES }, (_, i) => ({
  ...{ extension: String(1_000 + i), password: `pw-${i}`, name: `Phone ${i}` },
}));

/** Each phone has an address of its own. */
const addressOf = (i: number): string => `127.0.${100 + Math.floor(i / 200)}.${1 + (i % 200)}`;

for (const kamailio of LONG ? [false, true] : [true])
  describe(`lab: ${PHONES} phones and ${CALLS} calls at once through the gateway to ${kamailio ? 'Kamailio and ' : ''}Asterisk`, function () {
    this.timeout(LONG ? 300_000 : 60_000);
    const lab = useLab(() => ({ accounts, kamailio, trunk: 'asterisk' }));

    it('all register, all calls connect and are told apart, all end', async () => {
      const gateway = await LabGateway.start(lab(), { registrations: kamailio ? 'path' : 'contact' });
      try {
        const phones: UserAgent[] = [];
        for (let i = 0; i < PHONES; i += TOGETHER)
          phones.push(
            ...(await Promise.all(
              accounts.slice(i, i + TOGETHER).map(async ({ extension }, j) => {
                const phone = await gateway.phone(lab(), extension, { address: addressOf(i + j) });
                assert.equal((await phone.register()).status, 200);
                return phone;
              }),
            )),
          );
        const idle = memoryOf(gateway.pid);
        // every second phone calls its neighbour
        const began = Date.now();
        const cpu = cpuOf(gateway.pid);
        const calls = Array.from({ length: CALLS }, (_, i) => phones[2 * i]?.dial(String(1_000 + 2 * i + 1)));
        const statuses = await Promise.all(calls.map(async (call) => await call?.settled));
        assert.deepEqual(new Set(statuses), new Set([200]));
        const set = Date.now() - began;
        await pause(200);
        await Promise.all(calls.map(async (call) => await call?.hangUp()));
        await until('the records', 20_000, () => lab().asterisk.records().length >= CALLS);
        for (let i = 0; i < CALLS; i++) {
          const [from, to] = [1_000 + 2 * i, 1_000 + 2 * i + 1];
          assert.ok(
            lab()
              .asterisk.records()
              .some((line) => line.startsWith(`"","${from}","${to}"`)),
            `${from} to ${to}`,
          );
        }
        const spent = cpuOf(gateway.pid) - cpu;
        console.log(
          `      ${CALLS} calls set up in ${set} ms; ${Math.round((spent / CALLS) * 10) / 10} ms CPU of the gateway for each, both legs; ${Math.round(idle)} MiB with ${PHONES} sessions`,
        );
      } finally {
        await gateway.stop();
      }
    });
  });

/** Resident memory, MiB (proc(5), statm). */
const memoryOf = (pid: number): number =>
  (Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * 4096) / (1 << 20);

/** CPU time of a process so far, ms (proc(5), stat fields 14 and 15, in hundredths of a second). */
function cpuOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}
