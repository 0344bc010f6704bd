import assert from 'node:assert/strict';
import { strangerAddress } from './support/lab.ts';
import { pause, until } from './support/process.ts';
import { sites, standing, useProtectedLab } from './support/protected.ts';
import { homeAddress } from './support/staff.ts';
import type { UserAgent } from './support/ua.ts';
import { ringfence } from './support/watcher.ts';

const LONG = process.env['RINGFENCE_LONG'] !== undefined;
/** Kills in a row, of one side after the other. */
const KILLS = LONG ? 20 : 4;

for (const site of sites)
  describe(`lab: killed while blocks stand, ${site.name}`, function () {
    this.timeout(LONG ? 10 * 60_000 : 90_000);
    const { lab, watcher, again } = useProtectedLab({ kamailio: site.kamailio });
    const thiefAt = strangerAddress(21);
    let thief: UserAgent;
    let phone: UserAgent;
    let other: UserAgent;

    before(async () => {
      thief = await lab().stranger(21, { username: '1121', timeoutMs: 1_000 });
      phone = await lab().phone('1122', { address: homeAddress('1122'), timeoutMs: 1_000 });
      other = await lab().phone('1123', { address: homeAddress('1123'), timeoutMs: 1_000 });
      for (const { status } of [await phone.register(), await other.register()]) assert.equal(status, 200);
    });

    const by = async (...words: readonly string[]): Promise<string> => {
      const { status, stdout, stderr } = await ringfence([...words, '--config', watcher().settings]);
      assert.equal(status, 0, `ringfence ${words.join(' ')}: ${stderr}`);
      return stdout;
    };
    /** What the thief's REGISTER, the blocked account's call and the blocked number get; 0: no answer. */
    const answers = async (): Promise<number[]> => [
      await thief.register().then(
        ({ status }) => status,
        () => 0,
      ),
      (await phone.callFor('0301234567', 20)).status,
      (await other.callFor('0891234567', 20)).status,
    ];
    const REFUSED = [403, 403, 403];
    const OPEN = [401, 200, 200];
    const are = (expected: readonly number[]) => async (): Promise<boolean> =>
      (await answers()).join() === expected.join();
    const block = async (lasts: string): Promise<void> => {
      await by('block', 'address', thiefAt, '--for', lasts);
      await by('block', 'account', '1122', '--for', lasts);
      await by('block', 'number', '+4989', '--for', lasts);
    };

    it('they stand within 5 s of whatever came back, and none is lost, stale or doubled', async () => {
      assert.deepEqual(await answers(), OPEN);
      await block('20m');
      assert.deepEqual(await answers(), REFUSED);
      const stood = [...(await standing(lab()))].sort();
      assert.ok(stood.length >= 3);
      const { asterisk, kamailio } = lab();
      const sides: [string, () => Promise<void>, () => Promise<unknown>][] = [
        ['ringfence', async () => await watcher().kill9(), async () => await again()],
        ['Asterisk', async () => await asterisk.kill9(), async () => await asterisk.boot()],
      ];
      if (kamailio !== undefined)
        sides.push(['Kamailio', async () => await kamailio.kill9(), async () => await kamailio.boot()]);
      const slowest = new Map<string, number>();
      for (let i = 0; i < KILLS; i++) {
        const [name, kill, boot] = sides[i % sides.length]!;
        await kill();
        if (name === 'ringfence') assert.deepEqual(await answers(), REFUSED, 'with ringfence dead');
        if (i % 2 === 1) await pause(Math.random() * 500);
        await boot();
        const back = Date.now();
        await until(`they stand again after ${name} was killed`, 5_000, are(REFUSED));
        await until(
          `what stood, and no more, after ${name} was killed`,
          5_000,
          async () => JSON.stringify([...(await standing(lab()))].sort()) === JSON.stringify(stood),
        ).catch(async (error: unknown) => {
          assert.deepEqual([...(await standing(lab()))].sort(), stood);
          throw error;
        });
        slowest.set(name, Math.max(slowest.get(name) ?? 0, Date.now() - back));
      }
      for (const [name, ms] of slowest) console.log(`      ${name} killed: as before ${ms} ms after it was up`);
      await by('unblock', '--all');
      await until('all is open', 3_000, are(OPEN));
    });

    it('they end in time by themselves', async () => {
      await block('9s');
      await ends();
    });

    it('they end in time with ringfence dead; what cannot end by itself, by the timer', async () => {
      await block('9s');
      const settings = watcher().settings;
      await watcher().kill9();
      const told = new Set<string>();
      const timer = setInterval(() => {
        void ringfence(['blocks', '--expire', '--config', settings]).then(({ status, stderr }) =>
          told.add(`${status} ${stderr}`.trim()),
        );
      }, 1_000);
      try {
        await ends();
      } finally {
        clearInterval(timer);
        await pause(1_500);
        await again();
      }
      assert.deepEqual([...told], ['0'], 'the timer is quiet');
      assert.deepEqual([...(await standing(lab()))], []);
    });

    /** The blocks were put up just now for nine seconds. */
    async function ends(): Promise<void> {
      const put = Date.now();
      while (Date.now() - put < 5_000) {
        assert.deepEqual(await answers(), REFUSED, `${Date.now() - put} ms after they were put up`);
        await pause(500);
      }
      await until('all has ended', 8_000, are(OPEN), 100);
      const late = Date.now() - put - 9_000;
      console.log(`      open ${late} ms after the end of the last`);
      assert.ok(late < 2_000, `${late} ms late`);
    }
  });
