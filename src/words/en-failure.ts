import { visible } from './visible.ts';

/** Why something that was decided was not done, by its code (respond/safeguards.ts, respond/acts.ts, errors.ts). */
const BECAUSE: Readonly<Record<string, string>> = {
  'not-an-address': 'it is no IP address',
  'protected-address':
    'that address is never blocked: it is the PBX, a proxy, a trunk, the local network, or in [network] never_block',
  'shared-address': 'several accounts are registered from that address, and a block would hit them all',
  'not-a-number': 'it is no telephone number',
  'emergency-number': 'it is, or could be, an emergency call, and those are never refused or ended',
  'not-an-account': 'it is no account of the PBX',
  'unknown-account': 'the PBX is not known to have that account',
  trunk: 'it is a trunk, and blocking it would silence everybody',
  allowed: 'somebody has allowed the account (ringfence allow)',
  over: 'its time had passed already',
  'budget-hour': 'rules had blocked as much within an hour as they may ([respond.limits])',
  'budget-accounts': 'as many accounts were blocked as rules may block at once ([respond.limits])',
  'too-late': 'the PBX could not be reached for ten minutes',
  'called-off': 'rules were switched off, or everything was taken back, before it was done',
  'unknown-call': 'the PBX does not know the call, so it cannot be ended',
  'unknown-number': 'nobody knows what the call dialled: it may be an emergency call',
  'no-contact-named': "which of the account's registrations is the thief's is not known, and its owner's stays",
  unsupported: 'this PBX has no way to do it',
  'peer-refused': 'the PBX does not let ringfence: compare manager.conf with asterisk-conf/manager_ringfence.conf',
  'peer-timeout': 'the PBX did not answer',
  'peer-closed': 'the connection to the PBX was lost',
  'peer-unreachable': 'the PBX could not be reached',
  'peer-protocol': 'what the PBX answered was not understood',
};

export const failure = (code: string): string => BECAUSE[code] ?? visible(code, 64);
