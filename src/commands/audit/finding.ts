import type { Severity } from '../../model.ts';

/**
 * What `audit config` looks for: how grave it is, and why, in one plain sentence. docs/audit.md has the same table.
 */
export const CONFIG_RULES = {
  'guest-allowed': ['high', 'anybody on the internet may place calls without a password (chan_sip calls them guests)'],
  'anonymous-endpoint': ['medium', 'calls of anybody whom PJSIP does not know come in without a password'],
  'no-authentication': ['high', 'whoever writes this name into From is taken for it and asked for no password'],
  'identify-anybody': [
    'critical',
    'this address block takes in strangers, and their calls are taken for a trunk without a password',
  ],
  'identify-by-header': ['medium', 'a header is a text that anybody can send; it proves nothing'],
  'insecure-peer': [
    'high',
    'the PBX does not check the password of calls (insecure) although the address is anybody’s',
  ],
  'names-told': [
    'high',
    'wrong names are answered differently from wrong passwords, so scanners learn which extensions exist',
  ],
  'weak-secret': ['high', 'this is among the first passwords that a thief tries'],
  'strangers-reach-trunk': ['critical', 'calls that nobody had to authenticate for can leave by a trunk, at your cost'],
  'trunk-reaches-trunk': ['high', 'somebody who calls in from outside can dial out again, at your cost'],
  disa: ['high', 'DISA gives callers from outside a line to dial out with, behind a PIN at most'],
  'voicemail-dials-out': ['medium', 'whoever guesses a mailbox PIN can dial out from the mailbox'],
  'voicemail-pin': [
    'medium',
    'a mailbox PIN that is guessed in a few calls opens messages, and dialling out where that is allowed',
  ],
  'guard-missing': [
    'medium',
    'ringfence cannot refuse calls that leave here: blocks of accounts and numbers do not hold',
  ],
  'no-call-limit': ['low', 'one stolen password can hold as many calls at a time as the trunk takes'],
  'contacts-unlimited': ['medium', 'a thief can register beside the owner and nobody notices'],
  unqualified: ['low', 'a phone that is gone is noticed only when its registration ends'],
  'no-address-limit': ['low', 'the account can be used from anywhere in the world, not only from where its phone is'],
  'transport-clear': ['low', 'signalling can be read and changed by everybody on the way: numbers, digests, SDES keys'],
  'sdes-clear': ['high', 'SDES sends the key of the call in the signalling; without TLS everybody on the way reads it'],
  'tls-old': ['medium', 'this version of TLS is broken or withdrawn (RFC 8996)'],
  'tls-unverified': [
    'medium',
    'the other side’s certificate is not looked at, so anybody on the way can be the carrier',
  ],
  'dtls-unverified': ['medium', 'the other side’s DTLS fingerprint is not compared, so anybody on the way can be it'],
  'manager-open': ['high', 'the manager interface can do everything on the PBX, and every address may try passwords'],
  'manager-clear': ['medium', 'manager passwords and SIP secrets go over the network in clear text'],
  'manager-rights': [
    'medium',
    'this account may run programs on the PBX (command, config, originate), more than watching needs',
  ],
  'manager-web': [
    'medium',
    'the manager interface is also there over the web server, for whatever address reaches that',
  ],
  'ari-open': ['high', 'ARI controls calls, and is reachable from other machines in clear text'],
  'ari-any-origin': ['medium', 'a web page that an employee visits may use ARI with his browser’s login'],
  'live-dangerously': [
    'medium',
    'dialplan functions that read files and run programs can be used from outside the dialplan',
  ],
  'database-readable': [
    'medium',
    'every user of this machine can read AstDB: contacts, and secrets where they are pushed there',
  ],
  'secrets-readable': ['high', 'every user of this machine can read the secrets in this file'],
  'key-readable': ['high', 'every user of this machine can take the private key and be this PBX'],
  'end-of-life': ['high', 'this version gets no more security fixes'],
} as const satisfies Readonly<Record<string, readonly [Severity, string]>>;

export type ConfigRule = keyof typeof CONFIG_RULES;

/** One thing that is wrong, and the line that mends it. Never holds a secret. */
export interface Finding {
  readonly rule: ConfigRule;
  readonly severity: Severity;
  /** `/etc/asterisk/pjsip.conf:12`; a file alone; or `running` where only Asterisk told it */
  readonly where: string;
  /** what is wrong there */
  readonly what: string;
  readonly why: string;
  /** the line as it should be, or what to do */
  readonly fix: string;
}

export type Told = Omit<Finding, 'severity' | 'why'> & { readonly severity?: Severity };

export const finding = ({ severity, ...told }: Told): Finding => ({
  ...told,
  severity: severity ?? CONFIG_RULES[told.rule][0],
  why: CONFIG_RULES[told.rule][1],
});
