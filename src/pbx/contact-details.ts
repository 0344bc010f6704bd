import { PeerError } from '../errors.ts';
import { AmiMessage } from '../wire/ami.ts';
import type { AmiSession } from './ami.ts';

/**
 * ContactStatus names a contact and nothing about it; the endpoint's own list (PJSIPShowEndpoint, ContactStatusDetail)
 * knows its user agent, Call-ID and expiry. Gives the event with those added as UserAgent, CallID and RegExpire (epoch
 * seconds), or as it is when Asterisk does not tell.
 */
export async function withContactDetails(session: AmiSession, event: AmiMessage): Promise<AmiMessage> {
  const endpoint = event.get('EndpointName') ?? '';
  const uri = event.get('URI') ?? '';
  if (endpoint === '' || uri === '' || event.get('ContactStatus') === 'Removed') return event;
  try {
    const items = await session.list('PJSIPShowEndpoint', [['Endpoint', endpoint]]);
    const detail = items.find((item) => item.name === 'ContactStatusDetail' && item.get('URI') === uri);
    const added = ['UserAgent', 'CallID', 'RegExpire'].flatMap((name): [string, string][] => {
      const value = detail?.get(name) ?? '';
      return value === '' ? [] : [[name, value]];
    });
    return new AmiMessage([...event.entries, ...added]);
  } catch (error) {
    if (error instanceof PeerError) return event; // the fact itself is worth more than its details
    throw error;
  }
}
