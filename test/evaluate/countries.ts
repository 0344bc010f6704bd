/**
 * Where the sites stand and whom they call: number templates (X any digit, N 2 to 9) and prices. The prices are our own
 * rough estimates of what a small firm pays, in EUR; a site has them in its own currency. They only weigh one attack against another.
 */

/** A country in which a site stands; numbers as people dial them there. */
export interface Home {
  readonly country: string;
  readonly timezone: string;
  readonly currency: string;
  readonly holidays: string;
  /** what stands before a foreign number */
  readonly abroad: string;
  readonly fixed: readonly string[];
  readonly mobile: readonly string[];
  readonly premium: readonly string[];
  /** countries that firms there trade with */
  readonly partners: readonly string[];
}

const home = (
  country: string,
  timezone: string,
  currency: string,
  holidays: string,
  abroad: string,
  [fixed, mobile, premium, partners]: readonly [string, string, string, string],
): Home => ({
  country,
  timezone,
  currency,
  holidays,
  abroad,
  fixed: fixed.split(' '),
  mobile: mobile.split(' '),
  premium: premium.split(' '),
  partners: partners.split(' '),
});

export const HOMES: Readonly<Record<string, Home>> = Object.fromEntries(
  [
    home('DE', 'Europe/Berlin', 'EUR', 'DE-BE', '00', ['03020NXXXXX 08923NXXXXX 022188XXXX 0404NXXXXXX', '0171NXXXXXX 01512NXXXXXX 0160NXXXXXX', '0900190XXXX 0900510XXXX', 'AT CH FR NL PL IT US GB CZ']), // prettier-ignore
    home('GB', 'Europe/London', 'GBP', 'GB-ENG', '00', ['0207946XXXX 01614960XXX 01213NXXXXX', '077123XXXXX 079123XXXXX', '0909879XXXX 0907123XXXX', 'IE FR DE US NL ES IN']), // prettier-ignore
    home('US', 'America/New_York', 'USD', 'US-NY', '011', ['1212NXXXXXX 1617NXXXXXX 1312NXXXXXX', '1917NXXXXXX 1646NXXXXXX', '1900NXXXXXX', 'GB DE MX JP IN FR']), // prettier-ignore
    home('FR', 'Europe/Paris', 'EUR', 'FR', '00', ['0142NXXXXX 0478NXXXXX 0556NXXXXX', '0612NXXXXX 0671NXXXXX', '0899NXXXXX', 'BE CH DE ES IT GB MA']), // prettier-ignore
    home('IT', 'Europe/Rome', 'EUR', 'IT', '00', ['0248NXXXXX 0668NXXXXX 0115NXXXXX', '3401NXXXXX 3381NXXXXX', '899NXXXXX', 'DE FR AT CH ES RO']), // prettier-ignore
    home('ES', 'Europe/Madrid', 'EUR', 'ES-MD', '00', ['914NXXXXX 932NXXXXX 963NXXXXX', '612NXXXXX 655NXXXXX', '806NXXXXX', 'PT FR DE IT GB MX MA']), // prettier-ignore
    home('NL', 'Europe/Amsterdam', 'EUR', 'NL', '00', ['0206NXXXXX 0104NXXXXX 0302NXXXXX', '0612NXXXXX 0653NXXXXX', '09061NXX', 'DE BE GB FR US ES']), // prettier-ignore
    home('PL', 'Europe/Warsaw', 'PLN', 'PL', '00', ['225NXXXXX 124NXXXXX 713NXXXXX', '601NXXXXX 512NXXXXX', '703NXXXXX', 'DE CZ UA GB NL']), // prettier-ignore
    home('AT', 'Europe/Vienna', 'EUR', 'AT-9', '00', ['01512NXXX 0316NXXXXX 0732NXXXXX', '0664NXXXXXX 0676NXXXXXX', '0900NXXXXX', 'DE CH IT HU CZ SI']), // prettier-ignore
    home('CH', 'Europe/Zurich', 'CHF', 'CH-ZH', '00', ['0443NXXXXX 0315NXXXXX 0617NXXXXX', '0791NXXXXX 0763NXXXXX', '0900NXXXXX', 'DE FR IT AT US GB']), // prettier-ignore
    home('AU', 'Australia/Sydney', 'AUD', 'AU-NSW', '0011', ['029NXXXXXX 039NXXXXXX', '0412NXXXXX 0421NXXXXX', '1902NXXXXX', 'NZ US GB CN SG JP']), // prettier-ignore
    home('BR', 'America/Sao_Paulo', 'BRL', 'BR', '0021', ['01133NXXXXX 02133NXXXXX', '011991NXXXXX 021991NXXXXX', '0900NXXXXX', 'US AR PT ES DE']), // prettier-ignore
    home('IN', 'Asia/Kolkata', 'INR', 'IN', '00', ['0222NXXXXXX 0112NXXXXXX', '98200NXXXX 99100NXXXX', '1900NXXXXXX', 'US GB AE SG DE AU']), // prettier-ignore
  ].map((h) => [h.country, h]),
);

/** Ordinary numbers abroad: E.164 digits; fixed first, mobile second. */
export const ABROAD: Readonly<Record<string, readonly [fixed: string, mobile: string]>> = {
  AE: ['97143NXXXXX', '97150NXXXXXX'],
  AR: ['54114NXXXXXX', '549115NXXXXXX'],
  AT: ['431512NXXX', '43664NXXXXXX'],
  AU: ['6129NXXXXXX', '61412NXXXXX'],
  BE: ['3225NXXXXX', '32475NXXXXX'],
  BR: ['551133NXXXXX', '5511991NXXXXX'],
  CA: ['1416NXXXXXX', '1647NXXXXXX'],
  CH: ['41443NXXXXX', '41791NXXXXX'],
  CN: ['86106NXXXXXX', '86138NXXXXXXX'],
  CZ: ['420222NXXXXX', '420602NXXXXX'],
  DE: ['493020NXXXXX', '49171NXXXXXX'],
  DK: ['4533NXXXXX', '4520NXXXXX'],
  ES: ['34914NXXXXX', '34612NXXXXX'],
  FI: ['35896NXXXXX', '35840NXXXXXX'],
  FR: ['33142NXXXXX', '33612NXXXXX'],
  GB: ['442079NXXXXX', '4477123XXXXX'],
  GR: ['30210NXXXXXX', '30694NXXXXXX'],
  HU: ['3613NXXXXX', '36301NXXXXX'],
  IE: ['35316NXXXXX', '35387NXXXXXX'],
  IN: ['91222NXXXXXX', '9198200NXXXX'],
  IT: ['390248NXXXXX', '393401NXXXXX'],
  JP: ['8133NXXXXXX', '8190NXXXXXXX'],
  LV: ['37167NXXXXX', '37129NXXXXX'],
  MA: ['212522NXXXXX', '212661NXXXXX'],
  MX: ['5255NXXXXXXX', '5255NXXXXXXX'],
  NG: ['23412NXXXXX', '234803NXXXXXX'],
  NL: ['31206NXXXXX', '31612NXXXXX'],
  NZ: ['6493NXXXXX', '6421NXXXXX'],
  PK: ['92213NXXXXXX', '92300NXXXXXX'],
  PL: ['48225NXXXXX', '48601NXXXXX'],
  PT: ['351213NXXXXX', '351912NXXXXX'],
  RO: ['40213NXXXXX', '40722NXXXXX'],
  SE: ['4686NXXXXX', '46701NXXXXX'],
  SG: ['6563XXXXXX', '6591XXXXXX'],
  SI: ['38612NXXXXX', '38640NXXXXX'],
  TR: ['90212NXXXXXX', '90532NXXXXXX'],
  TN: ['21671NXXXXX', '21698NXXXXX'],
  UA: ['38044NXXXXXX', '38050NXXXXXX'],
  US: ['1212NXXXXXX', '1917NXXXXXX'],
  VN: ['84243NXXXXXX', '8490NXXXXXX'],
  ZA: ['2711NXXXXXX', '2782NXXXXXX'],
};

/** Ranges that revenue share has used for years, by the advisories of carriers and regulators; E.164 digits. */
export const REVENUE_SHARE: Readonly<Record<string, string>> = {
  LV: '3712NXXXXXX',
  CU: '535NXXXXXX',
  SO: '25261NXXXXXX',
  GM: '2207NXXXXX',
  GN: '22462NXXXXXX',
  SL: '23276NXXXXX',
  MV: '9607NXXXXX',
  EE: '3725NXXXXX',
  LT: '3706NXXXXXX',
  BA: '38761NXXXXX',
  ZW: '26377NXXXXXX',
  TD: '23566NXXXXX',
  PG: '6757NXXXXXX',
  SN: '22177NXXXXXX',
  BI: '25779NXXXXX',
  JM: '1876NXXXXXX',
  PS: '97059NXXXXXX',
  JE: '447797NXXXXX',
  UK070: '44703NXXXXXX',
};

export const SATELLITE = ['88163NXXXXXX', '870773NXXXXX', '88216NXXXXXX', '88213NXXXXX'] as const;

/** E.164 prefix and price a minute. The longest prefix counts. */
const PRICES: readonly (readonly [prefixes: string, perMinute: number])[] = [
  ['1 49 44 33 39 34 31 48 43 41 61 32 353 45 46 358 64 81 65 86', 0.04],
  ['91 55 52 420 36 351 386 30 40 27 54 90 971', 0.12],
  ['3491 491 447 336 393 346 316 436 417 614 324 3538 4520', 0.15],
  ['212 216 234 92 380 84 371 370 372', 0.35],
  ['3712 3706 3725 38761', 0.55],
  ['53 252 220 224 232 960 263 235 675 221 257', 0.95],
  ['1876 97059 447797 4470', 0.6],
  ['881 870 882', 4.5],
];
/** Premium numbers at home, by E.164 prefix. */
const PREMIUM: readonly (readonly [prefixes: string, perMinute: number])[] = [
  ['49900 44909 44907 1900 33899 39899 34806 31906 48703 43900 41900 61190 55900 911900', 1.99],
];

/** The tariff as a site's file has it, in the currency of which so many units are a euro. */
export const tariffOf = (perEuro: number): string =>
  [...PRICES, ...PREMIUM]
    .flatMap(([prefixes, price]) => prefixes.split(' ').map((prefix) => `${prefix},${(price * perEuro).toFixed(6)}`))
    .join('\n');
