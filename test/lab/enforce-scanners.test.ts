import assert from 'node:assert/strict';
import { join } from 'node:path';
import { strangerAddress } from './support/lab.ts';
import { pause, until } from './support/process.ts';
import { sites, stands, unexpected, useProtectedLab } from './support/protected.ts';
import { svcrack, svwar, type SipviciousOptions } from './support/sipvicious.ts';

for (const site of sites)
  describe(`lab: scanners at ${site.name}`, function () {
    this.timeout(60_000);
    const { lab, people, watcher } = useProtectedLab({ kamailio: site.kamailio });
    const tool = (which: number): SipviciousOptions => ({
      tree: lab().trees.tools,
      directory: join(lab().directory, 'sipvicious'),
      target: lab().edge,
      address: strangerAddress(which),
      timeoutMs: 12_000,
    });
    const refused = async (which: number): Promise<void> => {
      await stands(lab(), 'address', strangerAddress(which));
      const again = await lab().stranger(which, { timeoutMs: 2_000 });
      await until('refused', 3_000, async () => (await again.register()).status === 403);
      assert.equal(await again.dial('0037167000001').settled, 403);
    };

    it('svcrack is refused before it finds the password, and nobody else is', async () => {
      const staff = await people('1105', '1106', '1003');
      const wrong = Array.from({ length: 2_000 }, (_, i) => String(5_000 + i));
      const run = await svcrack(tool(6), '1003', [...wrong, lab().account('1003').password]);
      assert.doesNotMatch(run.output, /\|\s*1003\s*\|\s*4711\s*\|/, 'it found the password');
      await refused(6);
      assert.deepEqual(await staff.stop(), []);
      assert.deepEqual(await unexpected(lab(), [strangerAddress(6)]), []);
    });

    const paces = [
      ['ten a second', 100, 14],
      ['all within a moment, before the mirror and AMI agree on who it is', 0, 15],
    ] as const;
    for (const [pace, wait, which] of paces)
      it(`who dials behind every prefix over TCP is refused: ${pace}`, async () => {
        const staff = await people('1105', '1106');
        const dialled: Promise<void>[] = [];
        for (const prefix of '0 00 000 0000 9 90 900 9000 9011 011 + 810 8 80 800 7 70 700 1 100'.split(' ')) {
          const scanner = await lab().stranger(which, {
            protocol: 'tcp',
            username: '100',
            userAgent: 'pplsip',
            timeoutMs: 2_000,
          });
          dialled.push(scanner.dial(`${prefix}972595000005`).settled.then(() => scanner.close()));
          await pause(wait);
        }
        await Promise.all(dialled);
        await refused(which);
        assert.deepEqual(await staff.stop(), []);
        assert.deepEqual(await unexpected(lab(), [6, 14, 15].map(strangerAddress)), []);
      });

    it('svwar over UDP is told and not blocked: it never shows that an answer reached it, so it may be forged', async () => {
      const staff = await people('1105', '1106');
      await svwar(tool(7), '1000-1049', 'REGISTER');
      await svwar(tool(8), '1000-1049', 'INVITE');
      for (const which of [7, 8]) {
        const address = strangerAddress(which);
        const seen = await watcher().alert(
          (a) => a.sources.includes(address) && a.severity === 'high',
          `svwar ${which}`,
        );
        assert.deepEqual(seen.alert.decisions, []);
      }
      assert.deepEqual(await staff.stop(), []);
      assert.deepEqual(await unexpected(lab(), [6, 14, 15].map(strangerAddress)), []);
    });
  });
