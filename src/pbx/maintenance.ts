import { PeerError } from '../errors.ts';
import { rightsHint, type AmiSession } from './ami.ts';

/**
 * Maintenance mode of endpoints (PJSIPSetMaintenance; Asterisk 20.20, 22.10, 23.4 and later, module
 * res_pjsip_maintenance): REGISTER and every call of the endpoint get 503, emergency calls too, dialogs that are up go on.
 * Kept in memory: gone after a restart of Asterisk, and it never ends by itself.
 */
const MISSING = /invalid\/unknown command/i;

const unsupported = (): PeerError =>
  new PeerError(
    'peer-refused',
    'this Asterisk has no maintenance mode of endpoints (PJSIPSetMaintenance comes with 20.20, 22.10 and 23.4, in ' +
      'res_pjsip_maintenance.so): block the account without its registrations, or give it a new secret',
    false,
  );

/** Endpoints in maintenance mode; null: this Asterisk has no such mode. @throws PeerError as AmiSession */
export async function inMaintenance(session: AmiSession): Promise<ReadonlySet<string> | null> {
  try {
    const items = await session.list('PJSIPShowMaintenance');
    return new Set(items.filter((item) => item.get('Status') === 'enabled').map((item) => item.get('Endpoint') ?? ''));
  } catch (error) {
    if (error instanceof PeerError && MISSING.test(error.message)) return null;
    throw error;
  }
}

/** Switches it on or off. Off for an endpoint that is gone is done. @throws PeerError as AmiSession, peer-refused */
export async function setMaintenance(session: AmiSession, endpoint: string, on: boolean): Promise<void> {
  const answer = await session.action('PJSIPSetMaintenance', [
    ['Endpoint', endpoint],
    ['State', on ? 'on' : 'off'],
  ]);
  if (answer.name === 'Success') return;
  const said = answer.get('Message') ?? answer.name;
  if (MISSING.test(said)) throw unsupported();
  if (!on && /not found/i.test(said)) return;
  throw new PeerError('peer-refused', `Asterisk refuses maintenance of ${endpoint}: ${said}${rightsHint(said)}`, false);
}
