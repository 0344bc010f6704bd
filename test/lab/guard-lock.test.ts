import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { inSeconds, useGuardedLab } from './support/guarded.ts';
import { givePins } from './support/pin.ts';
import { pause, until } from './support/process.ts';

describe('lab: the office lock in the dialplan', function () {
  this.timeout(60_000);
  const { lab, entries, phone, dial, pins: results } = useGuardedLab();
  const PIN = '20471';
  const hash = `5f2c-${createHash('sha1').update(`5f2c${PIN}`).digest('hex')}`;

  const givePin = (...pins: string[]): Promise<void> =>
    givePins(lab(), phone(), pins, () => {
      const before = results().length;
      return until('the PIN is judged', 8000, () => results().length > before);
    });

  it('leaves calls at home, exempt accounts and exempt destinations alone', async () => {
    await entries.put('lock/international');
    assert.equal((await dial('0049301234567')).status, 200);
    assert.equal((await dial('004312345678')).status, 403);
    await entries.put('exempt/+43');
    assert.equal((await dial('004312345678')).status, 200);
    assert.equal((await dial('0037167000001')).status, 403);
    await entries.put('exempt/1001', 1);
    assert.equal((await dial('0037167000001')).status, 200);
    await pause(1050);
    assert.equal((await dial('0037167000001')).status, 403);
  });

  it('holds within its periods alone, whichever of them', async () => {
    const periods: [spans: [from: number, until: number][], status: number][] = [
      [[[-60, 60]], 403],
      [[[60, 120]], 200],
      [[[-120, -60]], 200],
      [
        [
          [-120, -60],
          [60, 120],
        ],
        200,
      ],
      [
        [
          [-120, -60],
          [-10, 60],
          [120, 180],
        ],
        403,
      ],
    ];
    for (const [spans, status] of periods) {
      const text = spans.map(([from, end]) => `${inSeconds(from)}-${inSeconds(end)}`).join(' ');
      await entries.put('lock/international', text);
      assert.equal((await dial('0037167000001')).status, status, text);
    }
    await entries.put('lock/international', `${inSeconds(60)} ${inSeconds(100)}-${inSeconds(200)}`);
    assert.equal((await dial('0037167000001')).status, 403, 'a plain end holds from the beginning of time');
    for (const junk of ['-', ' ', 'night', '--', `${inSeconds(60)}-`, '1-2-3', '$[1+1]', ')(']) {
      await entries.put('lock/international', junk);
      assert.equal((await dial('0037167000001')).status, 200, junk);
    }
  });

  it('comes up and goes by itself, though nobody is there to push it', async () => {
    const began = Number(inSeconds(0));
    await entries.put('lock/international', `${began + 2}-${began + 4}`);
    const at = async (second: number): Promise<number> => {
      await pause((began + second) * 1000 + 100 - Date.now());
      return (await dial('0037167000001')).status;
    };
    assert.deepEqual([await at(0), await at(2), await at(4)], [200, 403, 200]);
  });

  it('lets one call through after the PIN, from the same phone, and no other', async () => {
    await entries.put('lock/international');
    await entries.put('pin/hash', hash);
    await givePin('1', PIN);
    assert.deepEqual(results(), ['wrong', 'accepted']);
    const thief = await lab().phone('1001', { address: '127.66.0.8' });
    await entries.put('account/1002');
    assert.equal((await dial('0301234567')).status, 200); // no call abroad: does not use it up
    assert.equal((await dial('0037167000001')).status, 200);
    assert.equal((await dial('0037167000001')).status, 403);
    assert.deepEqual(results().slice(2), ['used']);
    await givePin(PIN);
    assert.equal((await dial('0037167000001', thief)).status, 403);
  });

  it('does not hear a PIN after three wrong ones, nor from a blocked account', async () => {
    await entries.put('pin/hash', hash);
    const before = results().length;
    await givePin('1', '2', '3');
    await givePin(PIN);
    await until('five results', 3000, () => results().length >= before + 5);
    assert.deepEqual(results().slice(before), ['wrong', 'wrong', 'wrong', 'locked', 'locked']);
    await entries.put('pin/tries/1001', `3-${inSeconds(1)}`);
    await pause(1050);
    await entries.put('account/1001');
    await givePin(PIN);
    await until('it is told', 3000, () => results().at(-1) === 'blocked');
    assert.doesNotMatch(await entries.show(), /lifted/);
  });
});
