import { confValue, confValues, type ConfSection } from '../../wire/conf.ts';
import { finding, type Finding } from './finding.ts';
import {
  at,
  isAnybody,
  isLoopback,
  limitsAddresses,
  named,
  ofType,
  on,
  placeOf,
  secretProblem,
  words,
  type View,
} from './view.ts';

/** What endpoints need to be looked up once. */
interface Objects {
  readonly endpoints: readonly ConfSection[];
  readonly aors: readonly ConfSection[];
  readonly transports: readonly ConfSection[];
  readonly identifies: readonly ConfSection[];
}

const isTls = (transport: ConfSection): boolean => /^(?:tls|wss)$/i.test(confValue(transport, 'protocol') ?? 'udp');

/** PJSIP's objects: who comes in without a password, whose password is weak, what goes in clear text. */
export function pjsipFindings(view: View): Finding[] {
  const objects: Objects = {
    endpoints: ofType(view.pjsip, 'endpoint'),
    aors: ofType(view.pjsip, 'aor'),
    transports: ofType(view.pjsip, 'transport'),
    identifies: ofType(view.pjsip, 'identify'),
  };
  const everywhere = ofType(view.pjsip, 'acl').some((acl) => limitsAddresses(acl, '', 'contact_'));
  return [
    ...identifyFindings(objects),
    ...objects.endpoints.flatMap((endpoint) => [
      ...strangerFindings(view, endpoint, objects),
      ...mediaFindings(endpoint, objects),
      ...(everywhere ? [] : addressFindings(endpoint, objects)),
    ]),
    ...ofType(view.pjsip, 'auth').flatMap((auth) => authFindings(view, auth, objects)),
    ...aorFindings(objects),
    ...transportFindings(view, objects),
  ];
}

function identifyFindings({ identifies }: Objects): Finding[] {
  return identifies.flatMap((identify) => {
    const endpoint = confValue(identify, 'endpoint') ?? identify.name;
    const wide = words(identify, 'match').filter(isAnybody);
    const header = confValue(identify, 'match_header');
    return [
      ...wide.map((match) =>
        finding({
          rule: 'identify-anybody',
          where: placeOf(identify, 'match'),
          what: `match = ${match}: everybody is endpoint ${endpoint}`,
          fix: 'match = the carrier’s own addresses, like match = 198.51.100.0/28',
        }),
      ),
      ...(header === null || words(identify, 'match').length > 0
        ? []
        : [
            finding({
              rule: 'identify-by-header',
              where: placeOf(identify, 'match_header'),
              what: `endpoint ${endpoint} is known by a header alone`,
              fix: 'match = the addresses that it comes from, in the same section',
            }),
          ]),
    ];
  });
}

/** identify_by as Asterisk reads it: `username,ip` where nothing is said. */
function identifiedBy(endpoint: ConfSection): string[] {
  const by = words(endpoint, 'identify_by');
  return by.length === 0 ? ['username', 'ip'] : by;
}

function strangerFindings(view: View, endpoint: ConfSection, { identifies }: Objects): Finding[] {
  if (endpoint.name === 'anonymous')
    return !asksAnonymous(view)
      ? []
      : [
          finding({
            rule: 'anonymous-endpoint',
            where: at(endpoint),
            what: 'there is an endpoint [anonymous]',
            fix: 'delete [anonymous], or give it a context of its own from which only your phones can be reached',
          }),
        ];
  if (words(endpoint, 'auth').length > 0) return [];
  const byName = identifiedBy(endpoint).filter((by) => by === 'username' || by === 'auth_username');
  if (byName.length === 0) return [];
  const byAddress = identifies.some((one) => confValue(one, 'endpoint') === endpoint.name);
  return [
    finding({
      rule: 'no-authentication',
      where: placeOf(endpoint, 'identify_by'),
      what: `endpoint ${endpoint.name} has no auth and is known by its name`,
      fix: byAddress ? `identify_by = ip in [${endpoint.name}]` : `auth = ${endpoint.name} in [${endpoint.name}], and a section of type=auth; a trunk: identify_by = ip and type=identify with its addresses`, // prettier-ignore
    }),
  ];
}

/** Transports that an endpoint may use: its own, or all. */
function transportsFor(endpoint: ConfSection, { transports }: Objects): readonly ConfSection[] {
  const own = confValue(endpoint, 'transport');
  return own === null || own === '' ? transports : transports.filter(({ name }) => name === own);
}

function mediaFindings(endpoint: ConfSection, objects: Objects): Finding[] {
  const encryption = (confValue(endpoint, 'media_encryption') ?? 'no').toLowerCase();
  const found: Finding[] = [];
  if (encryption === 'sdes' && transportsFor(endpoint, objects).some((one) => !isTls(one)))
    found.push(
      finding({
        rule: 'sdes-clear',
        where: placeOf(endpoint, 'media_encryption'),
        what: `endpoint ${endpoint.name} uses SDES and may signal without TLS`,
        fix: `transport = the name of a transport with protocol = tls, in [${endpoint.name}]`,
      }),
    );
  const verify = (confValue(endpoint, 'dtls_verify') ?? 'no').toLowerCase();
  if (encryption === 'dtls' && verify === 'no' && !on(endpoint, 'webrtc'))
    found.push(
      finding({
        rule: 'dtls-unverified',
        where: placeOf(endpoint, 'dtls_verify', 'media_encryption'),
        what: `endpoint ${endpoint.name} takes any DTLS certificate`,
        fix: `dtls_verify = fingerprint in [${endpoint.name}]`,
      }),
    );
  return found;
}

/** Do telephones register at it? */
const isPhone = (endpoint: ConfSection, { aors }: Objects): boolean =>
  words(endpoint, 'aors').some((name) => {
    const aor = aors.find((one) => one.name === name);
    return aor !== undefined && Number(confValue(aor, 'max_contacts') ?? 0) > 0;
  });

function addressFindings(endpoint: ConfSection, objects: Objects): Finding[] {
  if (!isPhone(endpoint, objects) || limitsAddresses(endpoint, '', 'contact_')) return [];
  return [
    finding({
      rule: 'no-address-limit',
      where: placeOf(endpoint, 'permit'),
      what: `endpoint ${endpoint.name} may be used from every address`,
      fix: `deny = 0.0.0.0/0 and permit = your networks, in [${endpoint.name}]; or for all: a section of type=acl`,
    }),
  ];
}

function authFindings(view: View, auth: ConfSection, { endpoints }: Objects): Finding[] {
  const type = (confValue(auth, 'auth_type') ?? 'userpass').toLowerCase();
  const password = confValue(auth, 'password');
  if (type === 'md5' || (type === 'digest' && password === null)) return [];
  const users = endpoints.filter((endpoint) => words(endpoint, 'auth').includes(auth.name));
  // what the PBX shows to a carrier is the carrier's choice
  if (users.length === 0) return [];
  const names = [...new Set([confValue(auth, 'username') ?? '', auth.name, ...users.map(({ name }) => name)])];
  const people = users.flatMap((endpoint) => confValues(endpoint, 'callerid').map((text) => text.replace(/<.*/, '').replaceAll('"', '').trim())); // prettier-ignore
  const problem = secretProblem(view, password ?? '', { names: names.filter((name) => name !== ''), people });
  if (problem === null) return [];
  return [
    finding({
      rule: 'weak-secret',
      where: placeOf(auth, 'password'),
      what: `the password of ${names[0] === '' ? auth.name : (names[0] ?? auth.name)} ${problem}`,
      fix: 'password = 20 random characters (openssl rand -base64 15), there and in the phone; until then: ringfence rotate',
    }),
  ];
}

/** More phones than this at one account are no longer one person's. */
const MOST_CONTACTS = 5;

function aorFindings({ aors }: Objects): Finding[] {
  return aors.flatMap((aor) => {
    const most = Number(confValue(aor, 'max_contacts') ?? 0);
    const found: Finding[] = [];
    if (most > MOST_CONTACTS)
      found.push(
        finding({
          rule: 'contacts-unlimited',
          where: placeOf(aor, 'max_contacts'),
          what: `${most} phones may be registered at ${aor.name} at a time`,
          fix: `max_contacts = 1 and remove_existing = yes in the aor [${aor.name}] (or as many as there are phones)`,
        }),
      );
    if (most > 0 && Number(confValue(aor, 'qualify_frequency') ?? 0) === 0)
      found.push(
        finding({
          rule: 'unqualified',
          where: placeOf(aor, 'qualify_frequency', 'max_contacts'),
          what: `the contacts of ${aor.name} are never asked whether they are there`,
          fix: `qualify_frequency = 60 in the aor [${aor.name}]`,
        }),
      );
    return found;
  });
}

const OLD_TLS = /^(?:sslv2|sslv3|sslv23|tlsv1|tlsv1_1)$/i;

function transportFindings(view: View, objects: Objects): Finding[] {
  const phones = objects.endpoints.filter((endpoint) => isPhone(endpoint, objects));
  const outward = [...objects.aors.flatMap((aor) => words(aor, 'contact')), ...ofType(view.pjsip, 'registration').flatMap((one) => words(one, 'server_uri'))]; // prettier-ignore
  const dialsTls = outward.some((uri) => /^sips:|transport=tls/i.test(uri));
  return objects.transports.flatMap((transport) => {
    const bind = confValue(transport, 'bind') ?? '0.0.0.0';
    const found: Finding[] = [];
    const protocol = confValue(transport, 'protocol') ?? 'udp';
    const used = phones.some((phone) => transportsFor(phone, objects).includes(transport));
    if (!isTls(transport) && !isLoopback(bind) && used)
      found.push(
        finding({
          rule: 'transport-clear',
          where: placeOf(transport, 'bind', 'protocol'),
          what: `phones may use transport ${transport.name} (${protocol} at ${bind})`,
          fix: 'a transport with protocol = tls, cert_file and priv_key_file, and transport = its name in the endpoints of phones',
        }),
      );
    const method = confValue(transport, 'method') ?? '';
    if (isTls(transport) && OLD_TLS.test(method))
      found.push(
        finding({
          rule: 'tls-old',
          where: placeOf(transport, 'method'),
          what: `transport ${transport.name} allows ${method}`,
          fix: `method = tlsv1_2 in [${transport.name}]`,
        }),
      );
    if (isTls(transport) && dialsTls && !on(transport, 'verify_server'))
      found.push(
        finding({
          rule: 'tls-unverified',
          where: placeOf(transport, 'verify_server', 'method', 'protocol'),
          what: `transport ${transport.name} takes any certificate of the side that it calls`,
          fix: `verify_server = yes and ca_list_file = /etc/ssl/certs/ca-certificates.crt in [${transport.name}]`,
        }),
      );
    return found;
  });
}

/** Contexts of PJSIP into which calls come that nobody had to authenticate for. */
export function strangersContexts(view: View): { readonly context: string; readonly who: string }[] {
  const endpoints = ofType(view.pjsip, 'endpoint');
  const open = new Set(
    ofType(view.pjsip, 'identify')
      .filter((identify) => words(identify, 'match').some(isAnybody))
      .map((identify) => confValue(identify, 'endpoint') ?? identify.name),
  );
  return endpoints
    .filter((endpoint) => {
      if (endpoint.name === 'anonymous') return asksAnonymous(view);
      if (words(endpoint, 'auth').length > 0) return false;
      return (
        open.has(endpoint.name) || identifiedBy(endpoint).some((by) => by === 'username' || by === 'auth_username')
      );
    })
    .map((endpoint) => ({ context: confValue(endpoint, 'context') ?? 'default', who: `endpoint ${endpoint.name}` }));
}

/** Is [anonymous] asked at all? Where endpoint_identifier_order leaves it out, nobody is taken for it. */
const asksAnonymous = (view: View): boolean => {
  const global = named(ofType(view.pjsip, 'global'), 'global') ?? ofType(view.pjsip, 'global')[0];
  const order = words(global, 'endpoint_identifier_order');
  return order.length === 0 || order.includes('anonymous');
};
