import { createSite, siteDefaults, type Site, type SiteInput } from '../../src/site/index.ts';

/** A German office, open Mon-Fri 08:00-18:00 Berlin time, holidays of Berlin, with a carrier and a small tariff. */
const OFFICE: SiteInput = {
  site: { name: 'office', timezone: 'Europe/Berlin', country: 'DE', currency: 'EUR' },
  dialing: { international: ['00', '011'], internal: '^[1-9][0-9]{1,4}$', emergency: ['110', '112'] },
  hours: { open: ['Mon-Fri 08:00-18:00'], holidays: 'DE-BE' },
  accounts: { '2001': { hours: 'always' } },
  network: {
    local: ['10.0.0.0/8', '192.168.0.0/16'],
    pbx: ['192.0.2.10', '192.0.2.11'],
    trunks: [{ name: 'carrier', addresses: ['198.51.100.0/28'] }],
  },
};

const TARIFF = ['371,0.30', '881,4.00', '53,1.50', '44,0.02'].join('\n');

/** The real Site on fixed settings; `input` replaces whole sections. */
export function testSite(input: SiteInput = {}): Site {
  const made = createSite(siteDefaults({ ...OFFICE, ...input }), TARIFF);
  if (!made.ok) throw new Error(JSON.stringify(made.problems));
  return made.value;
}
