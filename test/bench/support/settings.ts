import { writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { PBX, PROXY } from './traffic.ts';

/** An office in Berlin with a proxy, a PBX and a trunk: the settings under which everything here is measured. */
export const BENCH_SETTINGS = {
  site: { name: 'bench', timezone: 'Europe/Berlin', country: 'DE' },
  hours: { open: ['Mon-Sun 00:00-24:00'], holidays: 'DE-BE' },
  network: {
    pbx: [PROXY.address, PBX.address],
    local: ['10.0.0.0/8'],
    trunks: [{ name: 'carrier', addresses: ['198.51.100.0/28'] }],
  },
};

/** The same as a settings file with its store beside it, and `more` sections; gives its path. */
export function settingsFile(
  folder: string,
  more: string,
  { store = 'ringfence', open = BENCH_SETTINGS.hours.open } = {},
): string {
  const { site, hours, network } = BENCH_SETTINGS;
  const text = (value: unknown): string => JSON.stringify(value);
  const lines = [
    '[site]',
    ...Object.entries(site).map(([key, value]) => `${key} = ${text(value)}`),
    '[hours]',
    `open = ${text(open)}`,
    `holidays = ${text(hours.holidays)}`,
    '[network]',
    `pbx = ${text(network.pbx)}`,
    `local = ${text(network.local)}`,
    `trunks = [${network.trunks.map((t) => `{ name = ${text(t.name)}, addresses = ${text(t.addresses)} }`).join(', ')}]`,
    '[store]',
    `path = ${text(join(folder, basename(store) + '.db'))}`,
    more,
  ];
  const path = join(folder, 'ringfence.toml');
  writeFileSync(path, lines.join('\n'));
  return path;
}
