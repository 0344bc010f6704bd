import assert from 'node:assert/strict';
import { createSite, siteDefaults, siteSettings, type SiteInput } from '../../src/site/index.ts';
import type { ConfigProblem } from '../../src/errors.ts';
import { z } from 'zod';

const problemsOf = (input: SiteInput, tariff?: string): readonly ConfigProblem[] => {
  const made = createSite(siteDefaults(input), tariff);
  return made.ok ? [] : made.problems;
};

describe('a site', () => {
  it('is made from the defaults alone', () => {
    const made = createSite(siteDefaults());
    assert.ok(made.ok);
    const site = made.value;
    assert.deepEqual([site.name, site.timezone, site.country, site.currency], ['pbx', 'UTC', 'US', 'EUR']);
    assert.equal(site.hours(Date.parse('2026-11-23T12:00:00Z'), null).open, true);
    assert.equal(site.hours(Date.parse('2026-11-22T12:00:00Z'), '1004').open, false);
    assert.equal(site.number('911').kind, 'emergency');
    assert.equal(site.price(site.number('12125551234'), 60), null);
  });

  it('is made from the sample of the settings', () => {
    const made = createSite(
      siteDefaults({
        site: { name: 'head-office', timezone: 'Europe/Berlin', country: 'DE', currency: 'EUR' },
        dialing: {
          outside: '',
          international: ['00', '011'],
          internal: '^[1-9][0-9]{1,4}$',
          emergency: ['110', '112'],
        },
        hours: {
          open: ['Mon-Fri 08:00-18:00', 'Sat 09:00-13:00'],
          holidays: 'DE-BE',
          closed: ['2026-12-24..2027-01-01'],
        },
        accounts: { '2001': { hours: 'always' } },
        network: {
          local: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'],
          pbx: ['192.0.2.10'],
          trunks: [{ name: 'carrier', addresses: ['198.51.100.0/28'] }],
          never_block: [],
        },
        tariff: { file: 'tariff.csv' },
      }),
      '371,0.25,0.05\n',
    );
    assert.ok(made.ok);
    const site = made.value;
    const latvia = site.number('0037126123456');
    assert.equal(latvia.chargeable, true);
    assert.ok(Math.abs((site.price(latvia, 120) ?? 0) - 0.55) < 1e-9);
    assert.equal(site.price(site.number('0033142685300'), 60), null);
    assert.equal(site.price(site.number('112'), 60), null);
    assert.equal(site.networks.trunkOf('198.51.100.3'), 'carrier');
    assert.equal(site.networks.isTrunk('carrier'), true);
    assert.equal(site.accounts.resolve('1004'), '1004', 'naming one account does not unmake the others');
    assert.equal(site.accounts.mapped('2001'), true);
    assert.equal(site.hours(Date.parse('2026-12-25T03:00:00Z'), '2001').open, true);
    assert.equal(site.hours(Date.parse('2026-12-25T03:00:00Z'), '1004').open, false);
  });

  it('tells all problems at once, with dotted paths', () => {
    const input = siteDefaults({
      hours: { holidays: 'DE-XX' },
      accounts: { '2001': { holidays: true, aliases: ['desk'] }, '2002': { aliases: ['desk', '2001'] } },
      groups: { night: { members: ['2001'], holidays: true } },
      network: {
        trunks: [
          { name: 'carrier', addresses: ['198.51.100.1'] },
          { name: 'carrier', addresses: ['198.51.100.2'] },
        ],
      },
    });
    const made = createSite(
      { ...input, dialing: { ...input.dialing, internal: '(' }, hours: { ...input.hours, open: ['Mo 8-18'] } },
      '49,x\n',
    );
    assert.ok(!made.ok);
    assert.deepEqual(made.problems.map(({ path }) => path).sort(), [
      'accounts."2001".holidays',
      'accounts."2002".aliases.0',
      'accounts."2002".aliases.1',
      'dialing.internal',
      'groups.night.holidays',
      'hours.holidays',
      'hours.open.0',
      'network.trunks.1.name',
      'tariff.file',
    ]);
    assert.ok(made.problems.every(({ message }) => message.length > 5));
  });

  it('a tariff with a bad line is no site', () =>
    assert.match(problemsOf({}, '49,0.01\nfoo,bar\n')[0]?.message ?? '', /^line 2: /));
});

describe('the settings of a site', () => {
  const wrong: readonly (readonly [sentence: string, tree: unknown, path: string, message: RegExp])[] = [
    ['an unknown time zone', { site: { timezone: 'Europe/Berlim' } }, 'site.timezone', /time zone/],
    ['an unknown country', { site: { country: 'XX' } }, 'site.country', /country/],
    ['a country in small letters', { site: { country: 'de' } }, 'site.country', /country/],
    ['a currency sign', { site: { currency: '€' } }, 'site.currency', /EUR/],
    ['an outside prefix with letters', { dialing: { outside: 'zero' } }, 'dialing.outside', /digits/],
    ['an international prefix with +', { dialing: { international: ['+'] } }, 'dialing.international.0', /digits/],
    ['a pattern that does not compile', { dialing: { internal: '[' } }, 'dialing.internal', /regular expression/i],
    ['an emergency number of one digit', { dialing: { emergency: ['1'] } }, 'dialing.emergency.0', /digits/],
    ['hours without a day that exists', { hours: { open: ['Mo 08:00-18:00'] } }, 'hours.open.0', /no opening time/],
    ['hours of a wrong kind', { hours: { open: 'never' } }, 'hours.open', /always/],
    [
      'own hours with a mistake in the second line',
      { accounts: { '2001': { hours: ['Mon 08:00-09:00', 'x'] } } },
      'accounts.2001.hours.1',
      /no opening time/,
    ],
    ['a closure on no day', { hours: { closed: ['2026-02-30'] } }, 'hours.closed.0', /no closure/],
    ['an opening without times', { hours: { open_on: ['2026-12-27'] } }, 'hours.open_on.0', /no opening/],
    ['holidays of a planet', { hours: { holidays: 'Mars' } }, 'hours.holidays', /DE-BE/],
    ['a network that is none', { network: { local: ['10.0.0.0/33'] } }, 'network.local.0', /CIDR/],
    [
      'a trunk by host name',
      { network: { trunks: [{ name: 'c', addresses: ['sip.example.net'] }] } },
      'network.trunks.0.addresses.0',
      /CIDR/,
    ],
    ['a trunk without a name', { network: { trunks: [{ addresses: [] }] } }, 'network.trunks.0.name', /./],
    ['an unknown field', { site: { nmae: 'x' } }, 'site', /nmae/],
    ['an unknown field of an account', { accounts: { '2001': { hour: 'always' } } }, 'accounts.2001', /hour/],
    ['a line break in an account', { accounts: { 'a\nb': {} } }, 'accounts.a\nb', /./],
  ];
  const schema = z.strictObject(siteSettings);
  for (const [sentence, tree, path, message] of wrong)
    it(`refuse ${sentence}`, () => {
      const read = schema.safeParse(tree);
      assert.ok(!read.success);
      const issue = read.error.issues.find((candidate) => candidate.path.join('.') === path);
      assert.ok(issue !== undefined, JSON.stringify(read.error.issues));
      assert.match(issue.message, message);
    });

  it('take "always" for the site, and a list of nothing', () => {
    for (const open of ['always', []] as const) assert.ok(schema.safeParse({ hours: { open } }).success);
  });

  it('have a default and a description in every field', () => {
    for (const [name, section] of Object.entries(siteSettings)) {
      const object: unknown = section.unwrap();
      if (!(object instanceof z.ZodObject)) continue;
      for (const [field, type] of Object.entries<z.ZodType>(object.shape)) {
        assert.ok((type.description ?? '').length > 10, `${name}.${field} has no description`);
        assert.ok(type.safeParse(undefined).success, `${name}.${field} has no default`);
      }
    }
  });
});
