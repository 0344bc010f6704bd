import type { Subject } from '../model.ts';
import { visible } from './visible.ts';

/** Pieces that several German files need. */

export const accountName = (account: string): string =>
  /^\d{1,10}$/.test(account) ? `Nebenstelle ${account}` : `Konto ${visible(account, 64)}`;

export function subject({ type, value }: Subject): string {
  switch (type) {
    case 'account':
      return accountName(value);
    case 'number':
      return `Nummer ${/^[1-9]\d{6,14}$/.test(value) ? `+${value}` : visible(value, 64)}`;
    case 'address':
      return `Adresse ${visible(value, 64)}`;
    case 'trunk':
      return `Leitung ${visible(value, 64)}`;
  }
}

/** `9,5`: the comma that stands in a German number; whole numbers as they are. */
export function money(amount: number, currency: string): string {
  try {
    return new Intl.NumberFormat('de', { style: 'currency', currency, currencyDisplay: 'code' })
      .format(amount)
      .replaceAll('\u00a0', ' ');
  } catch {
    // Not an ISO 4217 shape: the amount still counts.
    return `${amount.toFixed(2).replace('.', ',')} ${visible(currency, 10)}`;
  }
}
