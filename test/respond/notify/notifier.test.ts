import assert from 'node:assert/strict';
import { PeerError, StoreError } from '../../../src/errors.ts';
import type { Severity } from '../../../src/model.ts';
import { messageFor, objectFor, TellError } from '../../../src/respond/notify/channel.ts';
import { Routing } from '../../../src/respond/notify/routing.ts';
import { openStore } from '../../../src/store/index.ts';
import { evidence, incident } from '../../support/evidence.ts';
import { alertAt, listening, settingsOf, siteBy, telltale } from '../../support/notify.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
/** Wednesday 2 December 2026, 10:00 in Berlin: the office is open. */
const DAY = Date.parse('2026-12-02T09:00:00Z');
/** The night after it, 23:00. */
const NIGHT = Date.parse('2026-12-02T22:00:00Z');
/** 08:00 in Berlin. */
const MORNING = Date.parse('2026-12-03T07:00:00Z');

const MAIL = { mail: { to: ['noc@example.net'] } };
const BOTH = { ...MAIL, syslog: {} };
const away = new PeerError('peer-unreachable', 'nobody is there', true);

describe('who is told of what', () => {
  const plan = (notify: object, over: Parameters<typeof alertAt>[2] = {}, at = DAY, more: object = {}) => {
    const settings = settingsOf(notify, more);
    return new Routing(settings.notify, siteBy(settings))
      .plan(alertAt('a', at, over), at)
      .map(({ channel, held, nextAt }) => `${channel}${held ? ' held' : ''}${nextAt === at ? '' : ` +${nextAt - at}`}`);
  };
  const EVERY = { ...BOTH, webhook: [{ url: 'http://h/' }], command: { run: ['x'] }, phone: { ring: ['PJSIP/1'] } };
  const TABLE: [string, string[], string[]][] = [
    [
      'without routes every channel, each from its own severity',
      plan(EVERY),
      ['mail', 'webhook', 'syslog', 'command', 'phone'],
    ],
    ['a high one rings nobody', plan(EVERY, { severity: 'high' }), ['mail', 'webhook', 'syslog', 'command']],
    ['a low one is for the log alone', plan(EVERY, { severity: 'low' }), ['syslog']],
    ['nothing of info', plan(EVERY, { severity: 'info' }), []],
    ['no channel at all', plan({}), []],
    [
      'of a night what is not critical waits for the morning, in the mail',
      plan(BOTH, { severity: 'high' }, NIGHT),
      [`mail held +${MORNING - NIGHT}`, 'syslog'],
    ],
    ['of a night what is critical does not wait', plan(BOTH, {}, NIGHT), ['mail', 'syslog']],
    [
      'a mail that wants each at once',
      plan({ mail: { to: ['a@b.example'], night: 'send' } }, { severity: 'high' }, NIGHT),
      ['mail'],
    ],
    ['no quiet hours', plan({ ...MAIL, quiet: 'never' }, { severity: 'high' }, NIGHT), ['mail']],
    [
      'quiet hours of their own',
      plan({ ...MAIL, quiet: ['Mon-Sun 09:00-11:00'] }, { severity: 'high' }),
      [`mail held +${HOUR}`],
    ],
    [
      'a webhook that holds',
      plan({ webhook: [{ url: 'http://h/', quiet: 'hold' }] }, { severity: 'high' }, NIGHT),
      [`webhook held +${MORNING - NIGHT}`],
    ],
    [
      'what is being done is told with its outcome, to people',
      plan(BOTH, { decisions: [{ action: 'hang-up', state: 'pending', until: null }] }),
      ['mail +3000', 'syslog'],
    ],
    ['a route by severity', plan({ ...BOTH, routes: [{ to: ['mail'], severity: 'critical' }] }), ['mail']],
    [
      'a route that does not fit',
      plan({ ...BOTH, routes: [{ to: ['mail'], severity: 'critical' }] }, { severity: 'high' }),
      [],
    ],
    ['all routes that fit', plan({ ...BOTH, routes: [{ to: ['mail'] }, { to: ['syslog'] }] }), ['mail', 'syslog']],
    [
      'but not those behind a last one',
      plan({ ...BOTH, routes: [{ to: ['mail'], last: true }, { to: ['syslog'] }] }),
      ['mail'],
    ],
    [
      'nobody, by a route',
      plan({ ...BOTH, routes: [{ to: [], detectors: ['out-of-hours-calls'], last: true }, { to: ['mail'] }] }),
      [],
    ],
    ['by the detector', plan({ ...BOTH, routes: [{ to: ['mail'], detectors: ['scan'] }] }), []],
    ['by the account', plan({ ...BOTH, routes: [{ to: ['mail'], accounts: ['1004'] }] }), ['mail']],
    [
      'by the group',
      plan({ ...BOTH, routes: [{ to: ['mail'], groups: ['sales'] }] }, {}, DAY, {
        groups: { sales: { members: ['1004'] } },
      }),
      ['mail'],
    ],
    [
      'an address is of no group',
      plan(
        { ...BOTH, routes: [{ to: ['mail'], accounts: ['1004'] }] },
        { subject: { type: 'address', value: '203.0.113.7' } },
      ),
      [],
    ],
    ['while the office is open', plan({ ...BOTH, routes: [{ to: ['syslog'], hours: 'open' }] }), ['syslog']],
    ['or closed', plan({ ...BOTH, routes: [{ to: ['syslog'], hours: 'closed' }] }), []],
    [
      'by the hours of the account itself',
      plan({ ...BOTH, routes: [{ to: ['syslog'], hours: 'open' }] }, {}, NIGHT, {
        accounts: { '1004': { hours: 'always' } },
      }),
      ['syslog'],
    ],
  ];
  for (const [sentence, found, expected] of TABLE)
    it(sentence, () => {
      assert.deepEqual(found, expected);
    });
});

describe('telling people', () => {
  it('tells each alert once on each channel, however often it is asked', async () => {
    const mail = listening('mail', 50);
    const syslog = listening('syslog');
    const t = telltale(settingsOf(BOTH), [mail, syslog], DAY);
    const one = alertAt('a1', DAY);
    t.commit([one], DAY);
    t.commit([one], DAY + SECOND);
    for (let i = 0; i < 20; i++) await t.at(DAY + i * SECOND);
    assert.equal(mail.told.length, 1);
    assert.equal(syslog.told.length, 1);
    assert.deepEqual(
      t.store.deliveries.of('incident-a1').map(({ channel, state, error }) => [channel, state, error]),
      [
        ['mail', 'told', 'heard'],
        ['syslog', 'told', 'heard'],
      ],
    );
  });

  it('what is wrong with ringfence itself: once on each channel that hears of such, and once that it is over', async () => {
    const [mail, syslog, phone] = [listening('mail'), listening('syslog'), listening('phone')];
    const settings = settingsOf({ ...BOTH, phone: { ring: ['PJSIP/1'], severity: 'high' } });
    const t = telltale(settings, [mail, syslog, phone], NIGHT);
    const moment = { alarm: 'hep-silent', facts: { reason: 'others', calls: 31 }, since: NIGHT - HOUR, until: null };
    for (let i = 0; i < 3; i++) {
      t.notifier.alarm(moment, 'high', NIGHT + i * SECOND);
      await t.at(NIGHT + i * SECOND);
    }
    t.notifier.alarm({ ...moment, until: NIGHT + HOUR }, 'high', NIGHT + HOUR);
    await t.at(NIGHT + HOUR);
    t.notifier.alarm({ ...moment, alarm: 'packets-lost', facts: { lost: 3 } }, 'low', NIGHT + HOUR);
    await t.at(NIGHT + HOUR);
    assert.equal(phone.told.length, 0, 'nobody is rung');
    assert.deepEqual(
      [mail, syslog].map(({ told }) => told.flat().map(({ kind, delivery }) => `${kind} ${delivery.severity}`)),
      [
        ['health high', 'health info'],
        ['health high', 'health info', 'health low'],
      ],
    );
    const rendering = { timezone: 'Europe/Berlin', site: 'head-office' };
    const [begun, over] = mail.told;
    const texts = (['en', 'de'] as const).flatMap((language) =>
      [begun, over].map((tellings) => messageFor(tellings ?? [], 'mail', { ...rendering, language }).headline),
    );
    assert.deepEqual(texts, [
      'Mirrored SIP tells nothing any more, while other sources told of 31 calls',
      'Over: Mirrored SIP tells nothing any more, while other sources told of 31 calls',
      'Das gespiegelte SIP sagt nichts mehr, während andere Quellen von 31 Anrufen berichteten',
      'Vorbei: Das gespiegelte SIP sagt nichts mehr, während andere Quellen von 31 Anrufen berichteten',
    ]);
    assert.deepEqual(objectFor(begun![0]!, 'head-office'), {
      ...{ id: begun![0]!.delivery.id, at: '2026-12-02T22:00:00.000Z', kind: 'health', severity: 'high' },
      ...{ site: 'head-office', summary: texts[0], alarm: 'hep-silent', facts: moment.facts },
      ...{ since: '2026-12-02T21:00:00.000Z', until: null },
    });
  });

  it('that the store cannot be written is told from memory', async () => {
    const mail = listening('mail');
    const store = openStore(':memory:');
    const insert = (): never => {
      throw new StoreError('store-full', 'the disk is full');
    };
    const t = telltale(settingsOf(MAIL), [mail], DAY, { ...store, deliveries: { ...store.deliveries, insert } });
    t.notifier.alarm({ alarm: 'store-stuck', facts: { waiting: 9 }, since: DAY, until: null }, 'high', DAY);
    await t.at(DAY + SECOND);
    await t.at(DAY + 2 * SECOND);
    assert.deepEqual(
      mail.told.flat().map(({ kind }) => kind),
      ['health'],
    );
  });

  it('a channel that is down for an hour: nothing lost, nothing blocked, said once, and the other hears of it', async () => {
    const mail = listening('mail', 50);
    const syslog = listening('syslog');
    const t = telltale(settingsOf(BOTH), [mail, syslog], DAY);
    mail.fail = away;
    for (let minute = 0; minute < 60; minute++) {
      const now = DAY + minute * MINUTE;
      if (minute < 8) t.commit([alertAt(`a${minute}`, now)], now);
      await t.at(now);
      await t.at(now + 30 * SECOND);
    }
    assert.equal(mail.told.length, 0);
    const heard = syslog.told.flat();
    assert.equal(heard.filter(({ kind }) => kind === 'alert').length, 8, 'the other is not held up');
    const alarms = heard.flatMap((telling) => (telling.kind === 'alarm' ? [telling.stuck] : []));
    assert.equal(alarms.length, 1, 'one alarm for one failing');
    assert.deepEqual([alarms[0]?.channel, alarms[0]?.waiting, alarms[0]?.error], ['mail', 8, 'nobody is there']);
    const tries = t.counters.get('notify.failed.mail');
    assert.ok(tries > 5 && tries < 20, `it backs off: ${tries} tries`);
    assert.equal(t.logged.filter(({ message }) => message.includes('cannot tell anybody')).length, 1, 'logged once');
    mail.fail = null;
    for (let i = 0; i < 30; i++) await t.at(DAY + HOUR + i * 30 * SECOND);
    const ids = mail.told.flat().map(({ delivery }) => delivery.alert);
    assert.deepEqual(
      ids.toSorted(),
      Array.from({ length: 8 }, (_, i) => `a${i}`),
    );
    assert.ok(t.logged.some(({ message }) => message.includes('mail delivers again')));
    assert.equal(t.notifier.health()[0]?.waiting, 0);
  });

  it('many at once are one mail; few are a mail each', async () => {
    const mail = listening('mail', 200);
    const t = telltale(settingsOf(MAIL), [mail], DAY);
    t.commit(
      Array.from({ length: 30 }, (_, i) => alertAt(`m${i}`, DAY)),
      DAY,
    );
    await t.notifier.idle();
    assert.deepEqual(
      mail.told.map((tellings) => tellings.length),
      [30],
    );
    t.commit([alertAt('x', DAY), alertAt('y', DAY)], DAY + SECOND);
    await t.at(DAY + 2 * SECOND);
    assert.deepEqual(
      mail.told.map((tellings) => tellings.length),
      [30, 1, 1],
    );
  });

  it('what was held over night comes in the morning as one; what is critical came at night', async () => {
    const mail = listening('mail', 200);
    const t = telltale(settingsOf(MAIL), [mail], NIGHT);
    const severities: Severity[] = ['medium', 'high', 'critical', 'high'];
    t.commit(
      severities.map((severity, i) => alertAt(`n${i}`, NIGHT, { severity })),
      NIGHT,
    );
    await t.at(NIGHT + 5 * HOUR);
    assert.deepEqual(
      mail.told.map((tellings) => tellings.map(({ delivery }) => delivery.alert)),
      [['n2']],
    );
    await t.at(MORNING);
    assert.deepEqual(mail.told[1]?.map(({ delivery }) => delivery.alert).toSorted(), ['n0', 'n1', 'n3']);
    assert.equal(mail.told.length, 2);
  });

  it('a story that goes on is told again once in its time, and not when somebody has seen it', async () => {
    const mail = listening('mail', 200);
    const t = telltale(settingsOf({ ...MAIL, quiet: 'never' }), [mail], DAY);
    t.commit([alertAt('s', DAY)], DAY);
    await t.at(DAY);
    const going = (now: number): void => {
      const i = incident('incident-s', { updatedAt: now });
      const e = evidence(`more-${now}`, { at: now });
      t.notifier.changed({ incident: i, evidence: e, alerts: [], decisions: [], merged: [] }, now);
    };
    for (let i = 1; i < 100; i++) going(DAY + i * SECOND);
    await t.at(DAY + 5 * HOUR);
    assert.deepEqual(
      mail.told.flat().map(({ kind }) => kind),
      ['alert', 'update'],
    );
    going(DAY + 6 * HOUR);
    t.store.acknowledge('incident-s', { who: 'ada', note: '' });
    await t.at(DAY + 20 * HOUR);
    assert.equal(mail.told.length, 2);
    assert.equal(t.store.deliveries.of('incident-s').at(-1)?.state, 'dropped');
  });

  it('a message that the other side refuses does not hold up the others, and is tried again in an hour', async () => {
    const syslog = listening('syslog');
    const t = telltale(settingsOf({ syslog: {} }), [syslog], DAY);
    syslog.fail = new PeerError('peer-refused', 'not this one', false);
    t.commit([alertAt('bad', DAY)], DAY);
    await t.notifier.idle();
    syslog.fail = null;
    t.commit([alertAt('good', DAY + MINUTE)], DAY + MINUTE);
    await t.at(DAY + MINUTE);
    assert.deepEqual(
      syslog.told.flat().map(({ delivery }) => delivery.alert),
      ['good'],
    );
    await t.at(DAY + 61 * MINUTE);
    assert.deepEqual(
      syslog.told.flat().map(({ delivery }) => delivery.alert),
      ['good', 'bad'],
    );
  });

  it('gives up after a week, loudly, or at once where it makes no sense', async () => {
    const syslog = listening('syslog');
    const t = telltale(settingsOf({ syslog: {} }), [syslog], DAY);
    syslog.fail = away;
    t.commit([alertAt('old', DAY)], DAY);
    for (let day = 0; day <= 8; day++) await t.at(DAY + day * 24 * HOUR);
    assert.equal(t.store.deliveries.of('incident-old')[0]?.state, 'given-up');
    assert.ok(
      t.logged.some(({ level, message }) => level === 'error' && message.includes('given up, nobody was told')),
    );
    syslog.fail = new TellError('peer-refused', 'never', { final: true, working: true });
    const now = DAY + 9 * 24 * HOUR;
    t.commit([alertAt('never', now)], now);
    await t.at(now + HOUR);
    assert.equal(t.store.deliveries.of('incident-never')[0]?.state, 'given-up');
  });

  it('a bug in a channel is logged, and the alert stays', async () => {
    const syslog = listening('syslog');
    const t = telltale(settingsOf({ syslog: {} }), [syslog], DAY);
    syslog.fail = new TypeError('oops');
    t.commit([alertAt('b', DAY)], DAY);
    await t.notifier.idle();
    assert.ok(t.logged.some(({ message }) => message.startsWith('telling failed: a bug')));
    syslog.fail = null;
    await t.at(DAY + MINUTE);
    assert.equal(syslog.told.length, 1);
  });

  it('a channel that is taken out of the settings waits for nobody', async () => {
    const mail = listening('mail', 50);
    mail.fail = away;
    const t = telltale(settingsOf(BOTH), [mail, listening('syslog')], DAY);
    t.commit([alertAt('g', DAY)], DAY);
    await t.notifier.idle();
    await t.notifier.close();
    const again = telltale(settingsOf({ syslog: {} }), [listening('syslog')], DAY + HOUR, t.store);
    assert.ok(again.logged.some(({ message }) => message.includes('no longer set')));
    assert.equal(t.store.deliveries.of('incident-g').find(({ channel }) => channel === 'mail')?.state, 'dropped');
  });
});

describe('telling people over a crash, and without a store', () => {
  const folder = temporaryFolder();

  it('goes on where it was killed: what the store has and nobody heard is told, what was told is not', async () => {
    const path = folder.file('crash.db');
    const first = telltale(settingsOf({ syslog: {} }), [listening('syslog')], DAY, openStore(path));
    first.commit([alertAt('told', DAY)], DAY);
    await first.notifier.idle();
    // committed, and then the power went before anybody was told
    const { syslog } = settingsOf({ syslog: {} }).notify;
    assert.ok(syslog !== undefined);
    const settings = settingsOf({ syslog: {} });
    const routing = new Routing(settings.notify, siteBy(settings));
    const lost = alertAt('untold', DAY);
    first.store.commitJudged({
      cursor: 'run',
      alerts: [lost],
      incidents: [incident(lost.incident)],
      deliveries: routing.plan(lost, DAY),
    });
    first.store.close();
    const heard = listening('syslog');
    const second = telltale(settings, [heard], DAY + MINUTE, openStore(path));
    await second.at(DAY + MINUTE);
    assert.deepEqual(
      heard.told.flat().map(({ delivery }) => delivery.alert),
      ['untold'],
    );
    second.store.close();
  });

  it('tells from memory what the store cannot take, and not again when it can', async () => {
    const heard = listening('syslog');
    const t = telltale(settingsOf({ syslog: {} }), [heard], DAY);
    const one = alertAt('memory', DAY);
    // the recorder tells at once, and stores later
    t.notifier.told(one, DAY);
    await t.at(DAY + SECOND);
    assert.deepEqual(
      heard.told.flat().map(({ delivery }) => delivery.alert),
      ['memory'],
    );
    t.commit([one], DAY + MINUTE);
    await t.at(DAY + 2 * MINUTE);
    await t.at(DAY + 3 * MINUTE);
    assert.equal(heard.told.length, 1);
  });
});
