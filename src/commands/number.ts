import { createInterface } from 'node:readline';
import type { DialledNumber, Site } from '../site/index.ts';
import { en, visible } from '../words/index.ts';
import { EXIT, type GlobalOptions, type Output } from './output.ts';
import { readConfig, siteOf } from './site.ts';

/** A minute is what tariffs quote. */
const MINUTE_SECONDS = 60;

/** What a chargeable call is reckoned at where the tariff says nothing. */
function estimated(number: DialledNumber, site: Site): string[] {
  const { perMinute } = site.rate(number);
  return number.chargeable && perMinute > 0 ? [`about ${en.money(perMinute, 'EUR')} a minute by our estimate`] : [];
}

function asText(number: DialledNumber, site: Site): string {
  const price = site.price(number, MINUTE_SECONDS);
  const facts = [
    number.kind,
    ...(number.international ? ['international'] : []),
    ...(number.chargeable ? ['chargeable'] : []),
    `risk ${number.risk}${number.reasons.length === 0 ? '' : ` (${number.reasons.join('; ')})`}`,
    ...(price === null ? estimated(number, site) : [`${en.money(price, site.currency)} a minute`]),
    number.blockable ? 'may be blocked' : 'never blocked',
  ];
  const what = number.e164 === null ? '' : ` = +${number.e164}${number.place === null ? '' : ` (${number.place})`}`;
  return `${visible(number.dialled)}${what}: ${facts.join(', ')}`;
}

/** `ringfence number`: what a dialled number is to this site. */
export default async function number(args: readonly string[], options: GlobalOptions, output: Output): Promise<number> {
  const site = siteOf(readConfig(options, output));
  const tell = (dialled: string): void => {
    const known = site.number(dialled);
    if (!output.json) output.result(asText(known, site));
    else {
      const price = site.price(known, MINUTE_SECONDS);
      // sums of decimal fractions grow tails
      const perMinute = price === null ? null : Math.round(price * 1e6) / 1e6;
      output.object({ ...known, price: perMinute === null ? null : { perMinute, currency: site.currency } });
    }
  };
  if (args.length > 0) for (const dialled of args) tell(dialled);
  else {
    if (process.stdin.isTTY) output.note('ringfence: type numbers, one a line; Ctrl-D ends');
    for await (const line of createInterface({ input: process.stdin })) if (line.trim() !== '') tell(line.trim());
  }
  return EXIT.done;
}
