import type { AmiSession } from '../../pbx/ami.ts';
import { readEndpoints } from '../../pbx/ami-state.ts';
import type { AmiMessage } from '../../wire/ami.ts';
import type { ConfSection } from '../../wire/conf.ts';

/** What the running Asterisk tells beside its files. */
export interface Running {
  readonly version: string | null;
  readonly chanSip: boolean | null;
  /** PJSIP objects of endpoints that pjsip.conf does not have: realtime, wizard, AstDB */
  readonly pjsip: readonly ConfSection[];
}

/** Endpoints beyond these are not looked at one by one; each takes an action. */
const MOST_ENDPOINTS = 500;

const KINDS: Readonly<Record<string, string>> = {
  EndpointDetail: 'endpoint',
  AorDetail: 'aor',
  AuthDetail: 'auth',
  IdentifyDetail: 'identify',
  TransportDetail: 'transport',
};

/** `MaxContacts` → `max_contacts`. */
const setting = (name: string): string => name.replace(/(?<=[a-z0-9])([A-Z])/g, '_$1').toLowerCase();

function sectionOf(message: AmiMessage): ConfSection | null {
  const type = KINDS[message.name];
  const name = message.get('ObjectName');
  if (type === undefined || name === null) return null;
  const place = { file: `running (${name})`, line: 0 };
  const settings = message.entries
    .filter(
      ([key, value]) => value !== '' && value !== '<none>' && !/^(?:Event|ObjectType|ObjectName|ActionID)$/.test(key),
    )
    .map(([key, value]) => ({ kind: 'setting' as const, name: setting(key), value, operator: '=' as const, ...place }));
  return {
    name,
    template: false,
    settings: [{ kind: 'setting', name: 'type', value: type, operator: '=', ...place }, ...settings],
    ...place,
  };
}

/** Asks; changes nothing. What an account may not ask, or this Asterisk does not know, stays unknown. */
export async function readRunning(session: AmiSession, known: ReadonlySet<string>): Promise<Running> {
  const settings = await session.action('CoreSettings').catch(() => null);
  const module = await session.action('ModuleCheck', [['Module', 'chan_sip.so']]).catch(() => null);
  const pjsip: ConfSection[] = [];
  const endpoints = await readEndpoints(session).catch(() => []);
  for (const { endpoint } of endpoints.filter((one) => !known.has(one.endpoint)).slice(0, MOST_ENDPOINTS)) {
    const details = await session.list('PJSIPShowEndpoint', [['Endpoint', endpoint]]).catch(() => []);
    for (const detail of details) {
      const section = sectionOf(detail);
      // transports stand in pjsip.conf alone
      if (section !== null && detail.name !== 'TransportDetail') pjsip.push(section);
    }
  }
  return {
    version: settings?.get('AsteriskVersion') ?? null,
    chanSip: module === null ? null : isLoaded(module),
    pjsip,
  };
}

/** null: it was not allowed to ask */
function isLoaded(answer: AmiMessage): boolean | null {
  if (answer.name === 'Success') return true;
  return /not loaded/i.test(answer.get('Message') ?? '') ? false : null;
}
