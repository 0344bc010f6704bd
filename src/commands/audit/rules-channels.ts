import { confValue, type ConfSection } from '../../wire/conf.ts';
import { finding, type Finding } from './finding.ts';
import { limitsAddresses, named, on, placeOf, secretProblem, sectionsOf, words, type View } from './view.ts';

/** Is sip.conf in force? chan_sip went with Asterisk 21, and may not be loaded before. */
function chanSip(view: View): readonly ConfSection[] {
  const gone = view.version !== null && Number(/^\d+/.exec(view.version)?.[0] ?? 0) >= 21;
  return view.chanSip === false || gone ? [] : sectionsOf(view, 'sip.conf');
}

const peersOf = (sections: readonly ConfSection[]): ConfSection[] =>
  sections.filter((section) => ['peer', 'friend', 'user'].includes((confValue(section, 'type') ?? '').toLowerCase()));

const isDynamic = (peer: ConfSection): boolean => (confValue(peer, 'host') ?? 'dynamic') === 'dynamic';

/** sip.conf and iax.conf. */
export function channelFindings(view: View): Finding[] {
  return [...sipFindings(view), ...iaxFindings(view)];
}

function sipFindings(view: View): Finding[] {
  const sections = chanSip(view);
  const general = named(sections, 'general');
  if (general === undefined) return [];
  const found: Finding[] = [];
  if (on(general, 'allowguest', true))
    found.push(
      finding({
        rule: 'guest-allowed',
        where: placeOf(general, 'allowguest'),
        what: confValue(general, 'allowguest') === null ? 'allowguest is not set, which means yes' : 'allowguest = yes',
        fix: 'allowguest = no in [general] of sip.conf',
      }),
    );
  if (!on(general, 'alwaysauthreject', true))
    found.push(
      finding({
        rule: 'names-told',
        where: placeOf(general, 'alwaysauthreject'),
        what: 'alwaysauthreject = no',
        fix: 'alwaysauthreject = yes in [general] of sip.conf',
      }),
    );
  return [...found, ...peersOf(sections).flatMap((peer) => sipPeer(view, peer, general))];
}

function sipPeer(view: View, peer: ConfSection, general: ConfSection): Finding[] {
  const found: Finding[] = [];
  const insecure = words(peer, 'insecure');
  const secret = confValue(peer, 'secret');
  const hashed = confValue(peer, 'md5secret') !== null;
  const loose = insecure.some((word) => /^(?:invite|very|yes)$/i.test(word));
  if (loose && isDynamic(peer))
    found.push(
      finding({
        rule: 'insecure-peer',
        where: placeOf(peer, 'insecure'),
        what: `[${peer.name}] has insecure = ${insecure.join(',')} and host = dynamic`,
        fix: `insecure = port (or none) in [${peer.name}]; a carrier: host = its address`,
      }),
    );
  if (isDynamic(peer)) {
    if (secret === null && !hashed)
      found.push(
        finding({
          rule: 'no-authentication',
          where: placeOf(peer, 'secret'),
          what: `[${peer.name}] has no secret`,
          fix: `secret = 20 random characters in [${peer.name}]`,
        }),
      );
    else if (secret !== null && !hashed) found.push(...weakSecret(view, peer, secret));
    if (![peer, general].some((section) => limitsAddresses(section, '', 'contact')))
      found.push(
        finding({
          rule: 'no-address-limit',
          where: placeOf(peer, 'permit', 'host'),
          what: `[${peer.name}] may be used from every address`,
          fix: `deny = 0.0.0.0/0.0.0.0 and permit = your networks, in [${peer.name}]`,
        }),
      );
    if (!on(peer, 'qualify', on(general, 'qualify')) && Number(confValue(peer, 'qualify') ?? 0) === 0)
      found.push(
        finding({
          rule: 'unqualified',
          where: placeOf(peer, 'qualify', 'host'),
          what: `[${peer.name}] is never asked whether it is there`,
          fix: `qualify = yes in [${peer.name}]`,
        }),
      );
  }
  const transport = words(peer, 'transport').concat(words(general, 'transport'))[0] ?? 'udp';
  if (on(peer, 'encryption', on(general, 'encryption')) && transport.toLowerCase() !== 'tls')
    found.push(
      finding({
        rule: 'sdes-clear',
        where: placeOf(peer, 'encryption'),
        what: `[${peer.name}] uses SDES and may signal over ${transport}`,
        fix: `transport = tls in [${peer.name}]`,
      }),
    );
  return found;
}

function weakSecret(view: View, peer: ConfSection, secret: string): Finding[] {
  const people = [(confValue(peer, 'callerid') ?? '').replace(/<.*/, '').replaceAll('"', '').trim()];
  const names = [
    ...new Set([peer.name, confValue(peer, 'username') ?? peer.name, confValue(peer, 'defaultuser') ?? peer.name]),
  ];
  const problem = secretProblem(view, secret, { names, people });
  if (problem === null) return [];
  return [
    finding({
      rule: 'weak-secret',
      where: placeOf(peer, 'secret'),
      what: `the password of ${peer.name} ${problem}`,
      fix: 'secret = 20 random characters (openssl rand -base64 15), there and in the phone',
    }),
  ];
}

function iaxFindings(view: View): Finding[] {
  return peersOf(sectionsOf(view, 'iax.conf')).flatMap((peer) => {
    const incoming = /^(?:user|friend)$/i.test(confValue(peer, 'type') ?? '');
    const secret = confValue(peer, 'secret');
    const keyed = words(peer, 'auth').includes('rsa') || confValue(peer, 'inkeys') !== null;
    if (secret !== null) return weakSecret(view, peer, secret);
    if (!incoming || keyed || limitsAddresses(peer, '')) return [];
    return [
      finding({
        rule: 'no-authentication',
        where: placeOf(peer, 'type'),
        what: `IAX2 user [${peer.name}] has neither secret nor key`,
        fix: `delete [${peer.name}] in iax.conf, or give it secret = 20 random characters`,
      }),
    ];
  });
}

/** Contexts of chan_sip and IAX2 into which calls come that nobody had to authenticate for. */
export function openContexts(view: View): { readonly context: string; readonly who: string }[] {
  const sections = chanSip(view);
  const general = named(sections, 'general');
  const open: { context: string; who: string }[] = [];
  if (general !== undefined && on(general, 'allowguest', true))
    open.push({ context: confValue(general, 'context') ?? 'default', who: 'guests of chan_sip' });
  for (const peer of [...peersOf(sections), ...peersOf(sectionsOf(view, 'iax.conf'))]) {
    const loose = words(peer, 'insecure').some((word) => /^(?:invite|very|yes)$/i.test(word));
    const none =
      confValue(peer, 'secret') === null && confValue(peer, 'md5secret') === null && confValue(peer, 'inkeys') === null;
    if (isDynamic(peer) && (loose || none) && !limitsAddresses(peer, ''))
      open.push({
        context: confValue(peer, 'context') ?? confValue(general, 'context') ?? 'default',
        who: `[${peer.name}]`,
      });
  }
  return open;
}
