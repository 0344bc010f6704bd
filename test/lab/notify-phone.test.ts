import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promptsRow } from '../../src/commands/setup/checks-phone.ts';
import { phoneChannel } from '../../src/respond/notify/phone.ts';
import { decision } from '../support/evidence.ts';
import { alertAt, listening, settingsOf, telltale, type Telltale } from '../support/notify.ts';
import { Baresip } from './support/baresip.ts';
import type { Call } from './support/call.ts';
import { useLab } from './support/lab.ts';
import { dialplan, phoneAccount } from './support/notify-lab.ts';
import { pause, until } from './support/process.ts';
import type { UserAgent } from './support/ua.ts';

const MINUTE = 60_000;
const DAY = Date.parse('2026-12-02T09:00:00Z');
const settings = settingsOf({ phone: { ring: ['PJSIP/1001'] } }, { asterisk: { ami: { secret_file: 'x' } } });

describe('lab: the telephone rings, says what happened and takes a digit', function () {
  this.timeout(20_000);
  const lab = useLab(() => ({
    hep: null,
    trunk: 'own',
    guard: dialplan(mkdtempSync(join(tmpdir(), 'ringfence-test-'))),
  }));
  let account = { username: '', secret: '' };
  const phones: UserAgent[] = [];
  const acted: string[] = [];

  before(async () => {
    account = await phoneAccount(lab());
  });
  afterEach(() => {
    for (const phone of phones.splice(0)) phone.close();
    acted.length = 0;
  });

  const phone = async (extension: string, onCall?: UserAgent['options']['onCall']): Promise<UserAgent> => {
    const agent = await lab().phone(extension, onCall === undefined ? {} : { onCall });
    phones.push(agent);
    assert.equal((await agent.register()).status, 200);
    return agent;
  };

  const channel = (
    ring: readonly string[],
    over: { username?: string; rounds?: number; ringFor?: number; prompts?: string } = {},
  ) => {
    const { host, amiPort: port } = lab().asterisk;
    const { username = account.username, rounds = 2, ringFor = 5_000, prompts = 'en' } = over;
    return phoneChannel({
      ami: { host, port, username, secret: account.secret },
      ...{ ring, ringFor, rounds, caller: '', lift: true, prompts },
      acts: {
        acknowledge: (incident, who) => void acted.push(`acknowledged ${incident} ${who}`),
        lift: (incident, who) => {
          acted.push(`lifted ${incident} ${who}`);
          return 1;
        },
      },
    });
  };

  /** An incident whose block stands, so that there is something to lift. */
  const blocked = (t: Telltale, id: string, at = DAY): void => {
    t.commit([alertAt(id, at, { subject: { type: 'account', value: '1004' } })], at);
    t.store.decisions.put(decision(`d-${id}`, { incident: `incident-${id}`, state: 'done' }));
  };
  /** The call that ringfence placed, once it is answered and the first prompt has begun. */
  const ringing = async (agent: UserAgent): Promise<Call> =>
    await until('the telephone rings', 10_000, async () => {
      const call = agent.calls.find(({ state }) => state === 'answered');
      if (call !== undefined) await pause(300);
      return call;
    });
  const row = (t: Telltale, id: string) => t.store.deliveries.of(`incident-${id}`).at(-1);

  it('doctor finds all its prompts in the package that it names, and says what German would be said in', () => {
    const sounds = join(lab().asterisk.etc, '../data/sounds');
    assert.equal(promptsRow(sounds, 'en').state, 'ok');
    assert.equal(promptsRow(sounds, '').state, 'ok');
    const german = promptsRow(sounds, 'de');
    assert.equal(german.state, 'advice');
    assert.match(german.text, /none is installed in de .*: Asterisk says these in English/);
    assert.match(promptsRow(join(sounds, 'none'), 'de').text, /none is installed .*: the call would be silent/);
  });

  it('a language that is not installed: Asterisk says it in English, and takes the digit', async () => {
    const agent = await phone('1001');
    const t = telltale(settings, [channel(['PJSIP/1001'], { prompts: 'de' })], DAY);
    blocked(t, 'g');
    const call = await ringing(agent);
    assert.equal(await call.press('1'), 200);
    await t.notifier.idle();
    assert.equal(row(t, 'g')?.state, 'told');
    await call.ended;
  });

  it('1 confirms: the incident is acknowledged, and told', async () => {
    const agent = await phone('1001');
    const t = telltale(settings, [channel(['PJSIP/1001'])], DAY);
    blocked(t, 'a');
    const call = await ringing(agent);
    assert.equal(await call.press('1'), 200);
    await t.notifier.idle();
    assert.deepEqual(acted, ['acknowledged incident-a PJSIP/1001']);
    assert.deepEqual([row(t, 'a')?.state, row(t, 'a')?.error], ['told', 'confirmed by PJSIP/1001']);
    await call.ended;
    assert.equal(call.endedBy, 'there', 'Asterisk says thank you and hangs up');
  });

  it('digits in the audio stream (RFC 4733), by a real softphone: 2 and 2 again lifts, 1 confirms', async () => {
    const { asterisk, trees, directory, accounts } = lab();
    const softphone = await Baresip.start({
      ...{ tree: trees.tools, directory: join(directory, 'softphone'), address: '127.0.10.2' },
      ...{ server: { host: asterisk.host, port: asterisk.sipPort }, username: '1002' },
      password: accounts.find(({ extension }) => extension === '1002')?.password ?? '',
    });
    try {
      for (const [id, digits, expected] of [
        ['r1', ['1'], ['acknowledged incident-r1 PJSIP/1002']],
        ['r2', ['2', '2'], ['acknowledged incident-r2 PJSIP/1002', 'lifted incident-r2 PJSIP/1002']],
      ] as const) {
        const t = telltale(settings, [channel(['PJSIP/1002'])], DAY);
        t.store.decisions.put(decision(`d-${id}`, { incident: `incident-${id}`, state: 'done' }));
        blocked(t, id);
        await softphone.event('CALL_ESTABLISHED', 10_000);
        for (const digit of digits) {
          await pause(700);
          await softphone.command('sndcode', digit);
        }
        await t.notifier.idle();
        assert.deepEqual(acted.splice(0), expected);
        await softphone.event('CALL_CLOSED', 10_000);
        softphone.events.length = 0;
      }
    } finally {
      await softphone.stop();
    }
  });

  it('2, and 2 again, lifts the block too', async () => {
    const agent = await phone('1001');
    const t = telltale(settings, [channel(['PJSIP/1001'])], DAY);
    t.store.decisions.put(decision('d-b', { incident: 'incident-b', state: 'done' }));
    blocked(t, 'b');
    const call = await ringing(agent);
    await call.press('2');
    await pause(500);
    await call.press('2');
    await t.notifier.idle();
    assert.deepEqual(acted, ['acknowledged incident-b PJSIP/1001', 'lifted incident-b PJSIP/1001']);
    assert.match(row(t, 'b')?.error ?? '', /confirmed by PJSIP\/1001, 1 blocks lifted/);
  });

  it('2 once lifts nothing', async () => {
    const agent = await phone('1001');
    const t = telltale(settings, [channel(['PJSIP/1001'])], DAY);
    t.store.decisions.put(decision('d-c', { incident: 'incident-c', state: 'done' }));
    blocked(t, 'c');
    const call = await ringing(agent);
    await call.press('2');
    await pause(500);
    await call.press('1');
    await pause(500);
    await call.press('1');
    await t.notifier.idle();
    assert.deepEqual(acted, ['acknowledged incident-c PJSIP/1001']);
  });

  it('who does not answer, or presses nothing, has not heard: the next telephone rings, then all again, then it is given up', async () => {
    await phone('1001', () => ({ refuse: 486 }));
    const second = await phone('1002');
    const t = telltale(settings, [channel(['PJSIP/1001', 'PJSIP/1002'], { ringFor: 2_000 })], DAY);
    t.commit([alertAt('n', DAY)], DAY);
    await (await ringing(second)).hangUp();
    await t.notifier.idle();
    assert.equal(row(t, 'n')?.state, 'waiting');
    assert.equal((row(t, 'n')?.nextAt ?? 0) - DAY, 5 * MINUTE);
    assert.match(row(t, 'n')?.error ?? '', /PJSIP\/1001 was not answered; PJSIP\/1002 answered, and nobody pressed 1/);
    assert.equal(t.notifier.health()[0]?.failingSince, null, 'the way itself works');
    second.calls.length = 0;
    t.notifier.tick(DAY + 5 * MINUTE);
    await (await ringing(second)).hangUp();
    await t.notifier.idle();
    assert.equal(row(t, 'n')?.state, 'given-up');
    assert.deepEqual(acted, []);
  });

  it('the telephone of an account that is part of the incident is not rung: it may be the thief who answers', async () => {
    const thief = await phone('1004');
    const agent = await phone('1001');
    const t = telltale(settings, [channel(['PJSIP/1004', 'PJSIP/1001'])], DAY);
    t.commit([alertAt('t', DAY, { subject: { type: 'account', value: '1004' } })], DAY);
    await (await ringing(agent)).press('1');
    await t.notifier.idle();
    assert.equal(thief.calls.length, 0);
    assert.equal(row(t, 't')?.state, 'told');
  });

  it('an event that names another call presses nothing', async () => {
    const agent = await phone('1001');
    const t = telltale(settings, [channel(['PJSIP/1001'])], DAY);
    blocked(t, 'f');
    const call = await ringing(agent);
    for (const name of ['', '0'.repeat(32)])
      await lab().asterisk.ami.action('UserEvent', { UserEvent: 'RingfenceNotify', Call: name, Digit: '1' });
    await call.hangUp();
    await t.notifier.idle();
    assert.equal(row(t, 'f')?.state, 'waiting');
    assert.deepEqual(acted, []);
  });

  it('many incidents are one call', async () => {
    const agent = await phone('1001');
    const t = telltale(settings, [channel(['PJSIP/1001'])], DAY);
    t.commit([alertAt('m0', DAY), alertAt('m1', DAY), alertAt('m2', DAY)], DAY);
    await (await ringing(agent)).press('1');
    await t.notifier.idle();
    assert.equal(agent.calls.length, 1);
    assert.equal(acted.length, 3);
  });

  it('an account that may not originate is told what it lacks', async () => {
    const { username } = await phoneAccount(lab(), 'read = user\nwrite = system', 'ringfence-weak');
    const t = telltale(settings, [channel(['PJSIP/1001'], { username })], DAY);
    t.commit([alertAt('r', DAY)], DAY);
    await t.notifier.idle();
    assert.match(
      row(t, 'r')?.error ?? '',
      /needs "originate" in write \(asterisk-conf\/manager_ringfence_notify\.conf/,
    );
  });

  it('Asterisk away for an hour: it rings when it is back, once', async () => {
    const both = settingsOf({ phone: { ring: ['PJSIP/1001'] }, command: { run: ['x'] } }, { asterisk: { ami: { secret_file: 'x' } } }); // prettier-ignore
    const other = listening('command');
    const t = telltale(both, [channel(['PJSIP/1001']), other], DAY);
    await lab().asterisk.stop();
    blocked(t, 'down');
    await t.notifier.idle();
    for (let minute = 1; minute < 60; minute += 10) await t.at(DAY + minute * MINUTE);
    assert.notEqual(t.notifier.health()[0]?.failingSince, null);
    assert.equal(
      other.told.filter(([telling]) => telling?.kind === 'alert').length,
      1,
      'who is there waits for nobody',
    );
    await lab().asterisk.boot();
    const agent = await phone('1001');
    t.notifier.tick(DAY + 75 * MINUTE);
    await (await ringing(agent)).press('1');
    await t.notifier.idle();
    await t.at(DAY + 90 * MINUTE);
    assert.equal(agent.calls.length, 1);
    assert.equal(row(t, 'down')?.state, 'told');
  });

  it('no prompt was missing in all that', () => {
    assert.doesNotMatch(readFileSync(lab().asterisk.log, 'utf8'), /does not exist in any format/);
  });
});
