import type { CallRecord } from '../model.ts';
import type { DialledNumber, Site } from '../site/site.ts';

/** Calls that the PBX sends on by a trunk, as call records show them. */

export interface SentOn {
  /** as it was dialled on the trunk */
  readonly to: string;
  readonly number: DialledNumber;
  /** the trunk's endpoint */
  readonly via: string;
}

/** Endpoint of a trunk's channel (`PJSIP/carrier-0000002a`); null: not a trunk's. */
function trunkOfChannel(channel: string, { networks }: Site): string | null {
  const name = /^[A-Za-z0-9]+\/(.+?)(?:-[0-9a-f]{1,16})?(?:;[12])?$/i.exec(channel.slice(0, 256))?.[1];
  if (name === undefined) return null;
  return (
    [name, name.split('/')[0] ?? '', channel.slice(channel.indexOf('/') + 1)].find((n) => networks.isTrunk(n)) ?? null
  );
}

/** Does a number stand in it at all? */
const NUMBER = /\d[\d*#]{2}/;

/** The first number in what Dial() was given: `PJSIP/0037126123456@carrier,60`, `PJSIP/carrier/sip:+371…@host`, `SIP/carrier/0037…`. */
function numberIn(lastdata: string): string {
  const first = /^[^,&|]*/.exec(lastdata.slice(0, 256))?.[0] ?? '';
  // nearly always the trunk's name alone
  if (!NUMBER.test(first)) return '';
  for (const part of first.split('/').reverse()) {
    const user = part.replace(/^sips?:/i, '').split('@')[0] ?? '';
    if (/^[+*#]?\d[\d*#]{2,}$/.test(user)) return user;
  }
  return '';
}

/** Where calls of records left by a trunk: several detectors ask of each record in turn, and it is read once. */
export class TrunkExits {
  readonly #site: Site;
  #record: CallRecord | null = null;
  #left: SentOn | null = null;

  constructor(site: Site) {
    this.#site = site;
  }

  /** As `leftBy`. */
  of(record: CallRecord): SentOn | null {
    if (record !== this.#record) {
      this.#left = leftBy(record, this.#site);
      this.#record = record;
    }
    return this.#left;
  }
}

/**
 * Where a record's call left by a trunk at a price: by what was dialled, else (the dialled number was an extension's or a
 * DID) by what Dial() was given. null: it did not leave by a trunk, or costs nothing that matters.
 */
function leftBy(record: CallRecord, site: Site): SentOn | null {
  const via = trunkOfChannel(record.dstchannel, site);
  if (via === null) return null;
  for (const to of [record.dst, /^dial$/i.test(record.lastapp) ? numberIn(record.lastdata) : '']) {
    if (to === '') continue;
    const number = site.number(to);
    if (number.chargeable && number.blockable) return { to, number, via };
  }
  return null;
}

/** The account of an extension that was dialled; null: what was dialled is no extension. */
export function extensionOf(dialled: string, site: Site): string | null {
  const account = site.number(dialled).kind === 'extension' ? site.accounts.resolve(dialled) : null;
  return account === null || site.networks.isTrunk(account) ? null : account;
}
