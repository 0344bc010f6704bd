import assert from 'node:assert/strict';
import { strangerAddress } from './support/lab.ts';
import { spread, steals, type Attempt } from './support/people.ts';
import { pause, until } from './support/process.ts';
import { contactsOf, sites, stands, unexpected, useProtectedLab } from './support/protected.ts';
import { homeAddress } from './support/staff.ts';
import { costly } from './support/attacks.ts';

/** What the issue of this whole program is: so fast a thief's call is cut, at the worst. */
const CUT = 1_000;
/** And so fast he is out. */
const OUT = 5_000;

for (const site of sites)
  describe(`lab: a thief at ${site.name}`, function () {
    this.timeout(60_000);
    const { lab, watcher, people } = useProtectedLab({ kamailio: site.kamailio });

    it('guesses passwords, registers as somebody else and calls abroad: he is thrown out, the owner notices nothing', async () => {
      const [guesser, thiefAt] = [strangerAddress(11), strangerAddress(12)];
      const owner = await people('1101', '1001', '1102');
      const password = lab().account('1101').password;

      const guessing = await lab().stranger(11, { username: '1101', timeoutMs: 2_000 });
      const answers: number[] = [];
      for (let i = 0; i < 40; i++) {
        const { status } = await guessing.register({ password: `1101-${i}` });
        answers.push(status);
        if (status === 403) break;
        await pause(20);
      }
      const guessed = Date.now();
      await until('the guesser is refused', OUT, async () => (await guessing.register()).status === 403);
      console.log(`      refused after ${answers.length} guesses and ${Date.now() - guessed} ms`);

      const thief = await lab().stranger(12, { username: '1101', password, timeoutMs: 2_000 });
      const stolen = await thief.register();
      assert.equal(stolen.status, 200, 'he has the password');
      const attempts: Attempt[] = [];
      for (const number of costly) attempts.push(await steals(lab(), thief, number, 5_000));
      told(attempts);
      await until('his REGISTER is refused', OUT, async () => (await thief.register()).status === 403);
      assert.ok(Date.now() - stolen.answeredAt < OUT + attempts.length * CUT);
      await until('his contact is gone', OUT, async () => !(await contactsOf(lab(), '1101')).includes(thiefAt));
      await pause(1_000);

      const atOwner = (await contactsOf(lab(), '1101')).length;
      assert.ok(atOwner >= 1, "the owner's contact stands");
      assert.deepEqual(await owner.stop(), [], 'the owner and everybody else call and are called');
      assert.deepEqual(await unexpected(lab(), ['1101', guesser, thiefAt]), []);
      assert.equal(thief.calls.filter(({ direction }) => direction === 'incoming').length, 0);
    });

    it("has the owner's emergency calls, domestic calls and colleagues while calls abroad of his account are held", async () => {
      await stands(lab(), 'international', '1101');
      const owner = await lab().phone('1101', { address: homeAddress('1101') });
      await owner.register();
      const help = owner.dial('112');
      assert.equal(await help.settled, 200);
      assert.equal((await owner.callFor(costly[0], 50)).status, 403);
      assert.equal((await owner.callFor('0301234567', 50)).status, 200);
      await pause(2_000);
      assert.equal(help.state, 'answered', 'an emergency call stays up');
      await help.hangUp();
    });

    it('calls abroad at night, twenty at once from a phone in the office: cut, and refused from then on', async () => {
      const others = await people('1103', '1002');
      const dialler = await lab().phone('1005', { timeoutMs: 5_000 });
      await dialler.register();
      const help = dialler.dial('112');
      assert.equal(await help.settled, 200);
      const numbers = Array.from({ length: 20 }, (_, i) => `0025261500${String(1000 + i)}`);
      const began = Date.now();
      const attempts = await Promise.all(
        numbers.map(async (number, i) => {
          await pause(i * 15);
          return await steals(lab(), dialler, number, 8_000);
        }),
      );
      told(attempts);
      assert.ok(Date.now() - began < 5_000);
      assert.ok(attempts.some(({ status }) => status === 403));
      const further = await steals(lab(), dialler, costly[3], 3_000);
      assert.deepEqual([further.status, further.talkMs], [403, 0]);
      await until('the trunk is free of them', 3_000, () =>
        lab()
          .trunk.calls()
          .filter(({ number }) => number.startsWith('00252'))
          .every(({ endedAt }) => endedAt !== undefined),
      );
      assert.equal(help.state, 'answered', 'the emergency call beside them stays up');
      await help.hangUp();
      assert.deepEqual(await others.stop(), []);
      const [first] = watcher().alerts.filter(({ alert }) => alert.subject.value === '1005');
      assert.ok(first !== undefined, 'it is told, too');
    });

    it('registers as somebody else from a place that may not be blocked: out again each time, and the owner is called', async () => {
      const others = await people('1001');
      const owner = await lab().phone('1106', { address: homeAddress('1106') });
      assert.equal((await owner.register()).status, 200);
      const at = '127.0.10.99'; // within network.local
      const thief = await lab().phone('1106', { address: at, userAgent: 'Linphone/4.2', timeoutMs: 2_000 });
      for (let i = 0; i < 6; i++) {
        const { status } = await thief.register();
        assert.equal(status, 200, 'his address is nobody-to-block');
        await until(`his contact is gone, time ${i}`, OUT, async () => !(await contactsOf(lab(), '1106')).includes(at));
        assert.ok((await contactsOf(lab(), '1106')).length >= 1, "the owner's contact stands");
      }
      const caller = await lab().phone('1002');
      await caller.register();
      assert.equal(await caller.dial('1106').settled, 200);
      assert.equal(owner.calls.filter(({ direction }) => direction === 'incoming').length, 1);
      assert.equal(thief.calls.filter(({ direction }) => direction === 'incoming').length, 0, 'he hears nothing of it');
      assert.equal((await thief.callFor(costly[0], 50)).status, 403);
      assert.deepEqual(await others.stop(), []);
      for (const phone of [owner, thief, caller]) phone.close();
    });

    it('calls abroad as an account from where it never registered: cut, and the account called from there no more', async () => {
      const others = await people('1104', '1001');
      const caller = await lab().stranger(13, {
        username: '1104',
        password: lab().account('1104').password,
        timeoutMs: 2_000,
      });
      const attempts: Attempt[] = [];
      for (const number of costly) attempts.push(await steals(lab(), caller, number, 5_000));
      told(attempts);
      await until('his REGISTER is refused', OUT, async () => (await caller.register()).status === 403);
      assert.deepEqual(await others.stop(), []);
      assert.deepEqual(
        await unexpected(lab(), ['1104', '1101', '1005', '1106', ...[11, 12, 13].map(strangerAddress)]),
        [],
      );
    });
  });

/** Each call was cut or refused, in time. */
function told(attempts: readonly Attempt[]): void {
  console.log(`      from INVITE to BYE, CANCEL or 403: ${spread(attempts.map(({ cutMs }) => cutMs))}`);
  for (const { number, cutMs, status } of attempts)
    assert.ok(cutMs < CUT, `call to ${number}: ${status}, cut after ${cutMs} ms`);
}
