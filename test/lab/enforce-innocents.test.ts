import assert from 'node:assert/strict';
import { phoneMoves, phoneReboots } from './support/attacks.ts';
import type { Lab } from './support/lab.ts';
import { pause } from './support/process.ts';
import { sites, stands, unexpected, useProtectedLab } from './support/protected.ts';
import { homeAddress } from './support/staff.ts';
import type { UserAgent } from './support/ua.ts';
import { ringfence } from './support/watcher.ts';

const LONG = process.env['RINGFENCE_LONG'] !== undefined;
/** How long the one phone with last year's password goes on. */
const STALE = LONG ? 10 * 60_000 : 30_000;

/** A branch office: thirty phones, one router. */
const BRANCH = '127.0.40.1';
const branch = Array.from({ length: 30 }, (_, i) => String(1111 + i));

async function branchPhone(lab: Lab, extension: string): Promise<UserAgent> {
  return await lab.phone(extension, { address: BRANCH, timeoutMs: 4_000 });
}

for (const site of sites)
  describe(`lab: the innocent at ${site.name}`, function () {
    this.timeout(STALE + 60_000);
    const { lab, watcher, people } = useProtectedLab({ kamailio: site.kamailio });

    it('phones reboot, move, and call at night: nothing is held', async () => {
      const staff = await people('1101', '1102', '1001');
      await phoneReboots(lab(), '1002');
      await phoneMoves(lab(), '1003');
      for (const extension of ['1103', '1104']) {
        const address = homeAddress(extension);
        const before = await lab().phone(extension, { address });
        await before.register();
        before.close();
        await pause(300);
        // 1103 comes back with another port, 1104 at its parents'
        const after = await lab().phone(extension, extension === '1103' ? { address } : { address: '127.0.30.9' });
        assert.equal((await after.register()).status, 200);
        assert.equal((await after.callFor('0301234567', 100)).status, 200);
      }
      const late = await lab().phone('1105', { address: homeAddress('1105') });
      await late.register();
      const austria = late.dial('004312345678');
      assert.equal(await austria.settled, 200);
      await pause(2_000);
      assert.equal(austria.state, 'answered', 'one late call abroad is no fraud');
      await austria.hangUp();
      assert.deepEqual(await staff.stop(), []);
      assert.deepEqual(await unexpected(lab(), []), []);
    });

    it('connects the emergency call of an account that is blocked, and leaves it up', async () => {
      const phone = await lab().phone('1106', { address: homeAddress('1106') });
      await phone.register();
      const blocked = await ringfence(['block', 'account', '1106', '--for', '5m', '--config', watcher().settings]);
      assert.equal(blocked.status, 0, blocked.stderr);
      await stands(lab(), 'account', '1106');
      assert.equal((await phone.callFor('0301234567', 50)).status, 403);
      const help = phone.dial('112');
      assert.equal(await help.settled, 200);
      await pause(3_000);
      assert.equal(help.state, 'answered');
      await help.hangUp();
      const undone = await ringfence(['unblock', 'account', '1106', '--config', watcher().settings]);
      assert.equal(undone.status, 0, undone.stderr);
      assert.equal((await phone.callFor('0301234567', 50)).status, 200);
    });

    it('thirty phones come back behind one address, one of them with an old password that it goes on trying', async () => {
      let phones: UserAgent[] = [];
      for (const extension of branch) phones.push(await branchPhone(lab(), extension));
      for (const phone of phones) assert.equal((await phone.register()).status, 200);
      for (const phone of phones) phone.close();
      await pause(500);
      phones = [];
      for (const extension of branch) phones.push(await branchPhone(lab(), extension));
      const [old, ...good] = phones;
      const began = Date.now();
      const going = (async (): Promise<number> => {
        let tries = 0;
        for (; Date.now() - began < STALE; tries++) {
          assert.equal((await old!.register({ password: 'last-years' })).status, 401);
          await pause(LONG ? 2_000 : 300);
        }
        return tries;
      })();
      const back = await Promise.all(good.map(async (phone) => (await phone.register()).status));
      assert.deepEqual(new Set(back), new Set([200]));
      for (let i = 0; Date.now() - began < STALE - 1_000; i++) {
        const phone = good[i % good.length]!;
        assert.equal((await phone.callFor('0301234567', 30)).status, 200, phone.options.username);
        assert.equal((await phone.register()).status, 200);
        await pause(200);
      }
      console.log(`      ${await going} tries with the old password, and the branch goes on`);
      assert.deepEqual(await unexpected(lab(), []), []);
    });
  });
