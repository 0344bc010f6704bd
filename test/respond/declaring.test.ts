import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { Counters } from '../../src/counters.ts';
import { declarations } from '../../src/respond/declarations.ts';
import { createEnforcer, type Enforcer } from '../../src/respond/enforcer.ts';
import { lockOptions } from '../../src/respond/lock/options.ts';
import { createSite, siteDefaults, type SiteInput } from '../../src/site/index.ts';
import { openStore, type Store } from '../../src/store/index.ts';
import { HOUR, MINUTE, SECOND } from '../../src/time.ts';
import { FakePbx } from '../support/fake-pbx.ts';
import { recordingLog, type Logged } from '../support/log.ts';

const NIGHT = Date.UTC(2026, 10, 24, 22);
const epoch = (iso: string): number => Date.parse(iso) / 1000;

/** An enforcer that is told again and again what the settings want, as the daemon does. */
class Office {
  now: number;
  pbx: FakePbx;
  readonly store: Store = openStore(':memory:');
  readonly logged: Logged[];
  enforcer: Enforcer;
  readonly #settings;
  readonly #site;
  readonly #start: () => Enforcer;
  #next = 0;
  #up = false;

  constructor(now = NIGHT, input: SiteInput = {}) {
    this.now = now;
    this.pbx = new FakePbx();
    this.#settings = {
      ...siteDefaults({ site: { timezone: 'UTC', country: 'DE' }, hours: { open: ['Mon-Sun 08:00-18:00'] }, ...input }),
      lock: lockOptions.parse({ international: true, exempt_destinations: ['+43'] }),
    };
    const made = createSite(this.#settings);
    assert.ok(made.ok);
    this.#site = made.value;
    const { log, logged } = recordingLog();
    this.logged = logged;
    this.#start = () =>
      createEnforcer({
        site: made.value,
        store: this.store,
        ami: () => (this.#up ? this.pbx : null),
        emergency: ['110', '112', '911'],
        keepSecret: () => '',
        log,
        counters: new Counters(),
        now: () => this.now,
      });
    this.enforcer = this.#start();
  }

  declare(pin = 'ab-0123456789012345678901234567890123456789'): void {
    const input = { site: this.#site, settings: this.#settings, pin, endpoints: [] };
    const { kinds, nextAt } = declarations(input, this.now);
    for (const { kind, entries, why } of kinds) this.enforcer.declare(kind, entries, why);
    this.#next = nextAt;
  }

  async rest(): Promise<void> {
    for (let i = 0; i < 60; i++) await turn();
  }

  /** Time passes, and what is due is done. */
  async pass(time: number, step = 250): Promise<void> {
    for (const end = this.now + time; this.now < end;) {
      this.now = Math.min(end, this.now + step);
      if (this.now >= this.#next) this.declare();
      this.enforcer.tick(this.now);
      for (let i = 0; i < 3; i++) await turn();
    }
    await this.rest();
  }

  async login(): Promise<void> {
    this.#up = true;
    this.enforcer.loggedIn(this.pbx);
    await this.rest();
  }

  restart(): void {
    this.#up = false;
    this.enforcer.close();
    this.enforcer = this.#start();
  }

  get lock(): string | undefined {
    return this.pbx.ours['lock/international'];
  }
}

const nights = (...days: number[]): string =>
  days.map((day) => `${epoch(`2026-11-${day}T18:00:00Z`)}-${epoch(`2026-11-${day + 1}T08:00:00Z`)}`).join(' ');

describe('what the settings want, at the PBX', () => {
  it('stands there word for word, what lets through before what refuses', async () => {
    const office = new Office();
    office.declare();
    office.enforcer.block('account', '1004', office.now + HOUR, 'a test');
    await office.login();
    assert.deepEqual(office.pbx.ours, {
      'account/1004': String((NIGHT + HOUR) / 1000),
      'dialplan/country': '49',
      'dialplan/international': '011 00',
      'dialplan/trunk': '0',
      ...{ 'emergency/110': '1', 'emergency/112': '1', 'emergency/911': '1' },
      'exempt/+43': '4102444800',
      'lock/international': nights(24, 25, 26, 27),
      'pin/hash': 'ab-0123456789012345678901234567890123456789',
    });
    const puts = office.pbx.asked.filter((action) => action.startsWith('DBPut')).map((action) => action.split(' ')[2]);
    const first = puts.findIndex((key) => key === 'account/1004' || key === 'lock/international');
    assert.ok(
      puts.slice(first).every((key) => /^(?:account|lock)\//.test(key ?? '')),
      puts.join(' '),
    );
    assert.ok(office.enforcer.standing().entries.every(({ state }) => state === 'done'));
  });

  it('is put back when somebody changes or deletes it, and outlives a database that was lost', async () => {
    const office = new Office();
    office.declare();
    await office.login();
    const before = office.pbx.ours;
    office.pbx.database.set('/ringfence/dialplan/country', '44');
    office.pbx.database.set('/ringfence/lock/international', '1');
    office.pbx.database.delete('/ringfence/emergency/112');
    await office.pass(20 * SECOND);
    assert.deepEqual(office.pbx.ours, before);
    office.pbx.database.clear();
    await office.login();
    assert.deepEqual(office.pbx.ours, before);
  });

  it('leaves what the dialplan itself and an admin keep there', async () => {
    const office = new Office();
    const own = { 'dialplan/bare': '0', 'pin/lifted/1001': '1-x', 'pin/tries/1001': '3-1' };
    for (const [key, value] of Object.entries(own)) office.pbx.database.set(`/ringfence/${key}`, value);
    office.declare();
    await office.login();
    await office.pass(10 * SECOND);
    for (const [key, value] of Object.entries(own)) assert.equal(office.pbx.ours[key], value, key);
    const foreign = office.enforcer.standing().foreign.map(({ key }) => key);
    assert.deepEqual(foreign, ['dialplan/bare'], 'and tells only of what could be a mistake');
  });

  it('goes when the settings do not want it any more, after a restart too', async () => {
    const office = new Office();
    office.declare();
    await office.login();
    const american = new Office(NIGHT, { site: { country: 'US' } });
    american.enforcer.close();
    office.restart();
    office.enforcer.declare('dialplan', [{ value: 'country', until: null, text: '1' }], 'other settings');
    office.enforcer.declare('pin', [], 'other settings');
    office.enforcer.declare('lock', [], 'other settings');
    await office.login();
    const left = Object.entries(office.pbx.ours).filter(([key]) => /^(?:dialplan|pin|lock)\//.test(key));
    assert.deepEqual(left, [['dialplan/country', '1']]);
  });

  it('writes nothing, to the PBX or the store, while it says the same', async () => {
    const office = new Office();
    office.declare();
    await office.login();
    await office.pass(SECOND);
    let written = 0;
    const transaction = office.store.transaction.bind(office.store);
    office.store.transaction = (work) => {
      written++;
      return transaction(work);
    };
    const asked = office.pbx.asked.length;
    for (let minute = 0; minute < 30; minute++) {
      office.declare();
      await office.pass(MINUTE, 20 * SECOND);
    }
    assert.equal(written, 0);
    assert.deepEqual(
      office.pbx.asked.slice(asked).filter((action) => /^DB(?:Put|Del)/.test(action)),
      [],
    );
    office.enforcer.close();
  });

  it('tells once what it cannot push', () => {
    const office = new Office();
    for (let i = 0; i < 5; i++)
      office.enforcer.declare(
        'dialplan',
        [{ value: 'country', until: null, text: '49\r\nAction: Originate' }],
        'a test',
      );
    assert.equal(office.logged.filter(({ message }) => message.startsWith('not pushed')).length, 1);
  });
});

describe('the office lock, kept in step', () => {
  it('moves on at opening and closing', async () => {
    const office = new Office();
    office.declare();
    await office.login();
    await office.pass(11 * HOUR, MINUTE);
    assert.equal(office.lock, nights(25, 26, 27, 28));
    await office.pass(10 * HOUR, MINUTE);
    assert.equal(office.lock, nights(25, 26, 27, 28), 'told in advance, so nothing happens at closing');
  });

  it('stands with a lock by hand beside it, whichever is there first', async () => {
    const office = new Office(NIGHT - 12 * HOUR);
    office.enforcer.block('lock', 'international', office.now + HOUR, 'a burglar');
    office.declare();
    await office.login();
    const byHand = String((office.now + HOUR) / 1000);
    assert.equal(office.lock, `${byHand} ${nights(24, 25, 26, 27)}`);
    await office.pass(2 * HOUR, MINUTE);
    assert.equal(office.lock, nights(24, 25, 26, 27));
  });

  it('lifted by a person stays lifted for that night, through a restart, and holds the next', async () => {
    const office = new Office();
    office.declare();
    await office.login();
    assert.deepEqual(office.enforcer.unblock({ kind: 'lock', value: 'international' }), [
      { kind: 'lock', value: 'international' },
    ]);
    await office.rest();
    assert.equal(office.lock, undefined);
    office.declare();
    await office.rest();
    assert.equal(office.lock, nights(25, 26, 27), 'the nights to come');
    office.restart();
    office.declare();
    await office.login();
    assert.equal(office.lock, nights(25, 26, 27));
    await office.pass(11 * HOUR, MINUTE);
    assert.equal(office.lock, nights(25, 26, 27, 28));
  });

  it('goes by the panic switch as well, and comes back the next night', async () => {
    const office = new Office();
    office.declare();
    await office.login();
    office.enforcer.unblock({ all: true });
    await office.rest();
    assert.equal(office.lock, undefined);
    assert.equal(office.pbx.ours['emergency/112'], '1');
    await office.pass(11 * HOUR, MINUTE);
    assert.equal(office.lock, nights(25, 26, 27, 28));
  });

  it('is what it was after a restart, and so is the PIN', async () => {
    const office = new Office();
    office.declare();
    await office.login();
    const before = office.pbx.ours;
    const asked = office.pbx.asked.length;
    office.restart();
    await office.login();
    office.declare();
    await office.rest();
    assert.deepEqual(office.pbx.ours, before);
    assert.deepEqual(
      office.pbx.asked.slice(asked).filter((action) => /^DB(?:Put|Del)/.test(action)),
      [],
    );
    assert.equal(office.enforcer.standing().entries.find(({ kind }) => kind === 'pin')?.text, before['pin/hash']);
  });
});

describe('endpoints with names that AstDB cannot hold', () => {
  it('are allowed without an exemption where it would be everybody’s', async () => {
    const office = new Office();
    await office.login();
    assert.equal(office.enforcer.allow('+4930', office.now + HOUR, 'the boss').ok, true);
    assert.equal(office.enforcer.allow('1004', office.now + HOUR, 'the boss').ok, true);
    await office.rest();
    assert.deepEqual(office.pbx.ours, { 'exempt/1004': String((NIGHT + HOUR) / 1000) });
  });

  it('stand as the guard asks for them, each until the last of those that share a key has ended', async () => {
    const office = new Office();
    await office.login();
    const { enforcer } = office;
    enforcer.block('account', 'x(1):2$&y', office.now + HOUR, 'a test');
    enforcer.block('account', 'x_1__2_&y', office.now + 2 * HOUR, 'a test');
    await office.rest();
    assert.deepEqual(office.pbx.ours, { 'account/x_1__2_&y': String((NIGHT + 2 * HOUR) / 1000) });
    assert.ok(enforcer.isDone('account', 'x(1):2$&y') && enforcer.isDone('account', 'x_1__2_&y'));
    enforcer.unblock({ kind: 'account', value: 'x_1__2_&y' });
    await office.rest();
    assert.deepEqual(office.pbx.ours, { 'account/x_1__2_&y': String((NIGHT + HOUR) / 1000) });
    enforcer.unblock({ kind: 'account', value: 'x(1):2$&y' });
    await office.rest();
    assert.deepEqual(office.pbx.ours, {});
  });
});
