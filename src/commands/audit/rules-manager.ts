import { confValue, type ConfSection } from '../../wire/conf.ts';
import { finding, type Finding } from './finding.ts';
import {
  isLoopback,
  limitsAddresses,
  named,
  on,
  placeOf,
  secretProblem,
  sectionsOf,
  words,
  type View,
} from './view.ts';

/** manager.conf, http.conf and ari.conf: what controls the PBX from outside. */
export function managerFindings(view: View): Finding[] {
  return [...amiFindings(view), ...webFindings(view)];
}

const RIGHTS = ['all', 'command', 'config', 'originate'];

function amiFindings(view: View): Finding[] {
  const sections = sectionsOf(view, 'manager.conf');
  const general = named(sections, 'general');
  if (general === undefined || !on(general, 'enabled')) return [];
  const bind = confValue(general, 'bindaddr') ?? '0.0.0.0';
  const open = !isLoopback(bind);
  const found: Finding[] = [];
  if (open)
    found.push(
      finding({
        rule: 'manager-clear',
        where: placeOf(general, 'bindaddr'),
        what: `the manager interface without TLS is at ${bind}`,
        fix: 'bindaddr = 127.0.0.1; for other machines tlsenable = yes, tlsbindaddr = 0.0.0.0:5039, tlscertfile and tlsprivatekey',
      }),
    );
  const tls = on(general, 'tlsenable') && !isLoopback(confValue(general, 'tlsbindaddr') ?? bind);
  for (const account of sections) {
    if (account === general || confValue(account, 'secret') === null) continue;
    if ((open || tls) && !limitsAddresses(account, ''))
      found.push(
        finding({
          rule: 'manager-open',
          where: placeOf(account, 'permit', 'secret'),
          what: `manager account ${account.name} may log in from every address`,
          fix: `deny = 0.0.0.0/0.0.0.0 and permit = 127.0.0.1/255.255.255.255 in [${account.name}]`,
        }),
      );
    found.push(...accountFindings(view, account));
  }
  const http = named(sectionsOf(view, 'http.conf'), 'general');
  if (on(general, 'webenabled') && on(http, 'enabled') && !isLoopback(confValue(http, 'bindaddr') ?? '0.0.0.0'))
    found.push(
      finding({
        rule: 'manager-web',
        where: placeOf(general, 'webenabled'),
        what: 'webenabled = yes, and the web server listens to other machines',
        fix: 'webenabled = no in [general] of manager.conf',
      }),
    );
  return found;
}

function accountFindings(view: View, account: ConfSection): Finding[] {
  const found: Finding[] = [];
  const rights = words(account, 'write').filter((right) => RIGHTS.includes(right.toLowerCase()));
  if (rights.length > 0)
    found.push(
      finding({
        rule: 'manager-rights',
        where: placeOf(account, 'write'),
        what: `manager account ${account.name} has write = ${rights.join(',')}`,
        fix: `write = only the classes that its program needs, in [${account.name}]; ringfence needs write = system`,
      }),
    );
  const problem = secretProblem(view, confValue(account, 'secret') ?? '', { names: [account.name] });
  if (problem !== null)
    found.push(
      finding({
        rule: 'weak-secret',
        where: placeOf(account, 'secret'),
        what: `the secret of manager account ${account.name} ${problem}`,
        fix: 'secret = 20 random characters (openssl rand -base64 15), there and in the program that uses it; manager reload',
      }),
    );
  return found;
}

function webFindings(view: View): Finding[] {
  const http = named(sectionsOf(view, 'http.conf'), 'general');
  const ari = sectionsOf(view, 'ari.conf');
  const own = named(ari, 'general');
  if (own === undefined || !on(own, 'enabled', true)) return [];
  const found: Finding[] = [];
  if (words(own, 'allowed_origins').includes('*'))
    found.push(
      finding({
        rule: 'ari-any-origin',
        where: placeOf(own, 'allowed_origins'),
        what: 'allowed_origins = *',
        fix: 'allowed_origins = the one page that uses ARI, or no such line',
      }),
    );
  const bind = confValue(http, 'bindaddr');
  if (http !== undefined && on(http, 'enabled') && bind !== null && !isLoopback(bind))
    found.push(
      finding({
        rule: 'ari-open',
        where: placeOf(http, 'bindaddr'),
        what: `the web server with ARI is at ${bind} without TLS`,
        fix: 'bindaddr = 127.0.0.1 in [general] of http.conf; for other machines tlsenable = yes and tlsbindaddr',
      }),
    );
  for (const user of ari.filter((section) => confValue(section, 'type') === 'user')) {
    const password = confValue(user, 'password') ?? '';
    if (/^crypt$/i.test(confValue(user, 'password_format') ?? 'plain')) continue;
    const problem = secretProblem(view, password, { names: [user.name] });
    if (problem !== null)
      found.push(
        finding({
          rule: 'weak-secret',
          where: placeOf(user, 'password'),
          what: `the password of ARI user ${user.name} ${problem}`,
          fix: 'password = 20 random characters (openssl rand -base64 15), there and in the program that uses it',
        }),
      );
  }
  return found;
}

/** asterisk.conf. */
export function processFindings(view: View): Finding[] {
  const options = named(sectionsOf(view, 'asterisk.conf'), 'options');
  if (!on(options, 'live_dangerously') || options === undefined) return [];
  return [
    finding({
      rule: 'live-dangerously',
      where: placeOf(options, 'live_dangerously'),
      what: 'live_dangerously = yes',
      fix: 'live_dangerously = no in [options] of asterisk.conf, then restart Asterisk',
    }),
  ];
}
