/**
 * Roughly how many units of a currency are a euro (2026, rounded to two digits): so that our own price estimates and the shipped
 * budgets, which are in EUR, are of the right size elsewhere. Nothing is billed by it, and a few percent are no matter; a
 * currency that has halved since then is.
 */
const TABLE = `
  EUR 1, AED 4.3, ALL 98, AMD 440, ARS 1600, AUD 1.8, AZN 2, BAM 2, BDT 140, BGN 2, BHD 0.44, BRL 6.3, BYN 3.8, CAD 1.6,
  CHF 0.94, CLP 1100, CNY 8.3, COP 4600, CRC 590, CZK 25, DKK 7.5, DOP 73, DZD 150, EGP 56, ETB 170, GBP 0.87, GEL 3.2, GHS 13,
  GTQ 9, HKD 9.1, HNL 31, HUF 390, IDR 19000, ILS 3.9, INR 100, IQD 1500, ISK 140, JMD 190, JOD 0.83, JPY 180, KES 150,
  KRW 1700, KWD 0.36, KZT 610, LBP 100000, LKR 350, MAD 11, MDL 20, MKD 62, MUR 53, MXN 22, MYR 4.9, NGN 1700, NOK 12,
  NPR 160, NZD 2, OMR 0.45, PEN 4, PHP 68, PKR 330, PLN 4.3, PYG 8300, QAR 4.2, RON 5.1, RSD 120, RUB 94, SAR 4.4, SEK 11,
  SGD 1.5, THB 38, TND 3.4, TRY 49, TWD 36, TZS 2900, UAH 49, UGX 4200, USD 1.2, UYU 46, UZS 14000, VND 31000, XAF 660,
  XOF 660, ZAR 20, ZMW 27`;

const PER_EURO: ReadonlyMap<string, number> = new Map(
  TABLE.split(',').map((pair): [string, number] => {
    const [currency = '', units] = pair.trim().split(' ');
    return [currency, Number(units)];
  }),
);

/** Units of a currency (ISO 4217) in a euro, roughly; of one that is not listed 1, as if it were the euro. */
export const unitsPerEuro = (currency: string): number => PER_EURO.get(currency.toUpperCase()) ?? 1;
