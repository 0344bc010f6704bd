import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { swanctlConf, type IpsecPeer } from '../../src/toolbox/swanctl.ts';
import { authority, identity, pemOf, rsaPair, value } from '../support/pki.ts';
import { noNamespace, UNSHARE } from '../support/namespace.ts';
import { temporaryFolder } from '../support/temporary.ts';

const FETCH = resolve(import.meta.dirname, '../../scripts/lab/fetch');

/** charon with what swanctl loads into it, in a root of its own and without any network; then the kernel's policies, where there is `ip`. */
const SCRIPT = `
mount --rbind /dev "$1/dev"
export STRONGSWAN_CONF=/strongswan.conf
chroot "$1" /usr/lib/ipsec/charon >"$1/charon.log" 2>&1 &
for i in $(seq 50); do [ -S "$1/var/run/charon.vici" ] && break; sleep 0.1; done
sleep 0.3
chroot "$1" /usr/sbin/swanctl --load-all 2>&1; echo "load-all: $?"
chroot "$1" /usr/sbin/swanctl --list-conns 2>/dev/null
echo "policies:"; ip xfrm policy 2>&1
kill %1; wait
`;

describe('settings for strongSwan, read by a real one', function () {
  this.timeout(150_000);
  const folder = temporaryFolder();
  let root = '';
  before(function () {
    const { status, stdout, stderr } = spawnSync('bash', [FETCH, 'strongswan'], { encoding: 'utf8', timeout: 140_000 });
    const tree = stdout.split('\t')[1];
    const why = status !== 0 || tree === undefined ? stderr.trim() : noNamespace(['-m', 'true']);
    if (why !== null || tree === undefined) {
      if (process.env['CI'] === 'true') throw new Error(why ?? '');
      console.warn(`      skipped: ${why}`);
      this.skip();
    }
    root = folder.file('root');
    execFileSync('cp', ['-a', tree, root]);
    for (const name of ['dev', 'run', 'var/run', 'etc/swanctl/conf.d'])
      mkdirSync(join(root, name), { recursive: true });
    writeFileSync(
      join(root, 'strongswan.conf'),
      'charon {\n load_modular = no\n filelog { stderr { default = 1 } }\n}\n',
    );
    const ca = authority('IPsec CA', rsaPair(2048, 'ipsec-ca'));
    const pbx = identity('pbx@example.org', rsaPair(2048, 'ipsec-pbx'), ca);
    writeFileSync(join(root, 'etc/swanctl/x509/pbx.pem'), pemOf(pbx.certificate.der));
    writeFileSync(join(root, 'etc/swanctl/x509ca/ca.pem'), pemOf(ca.certificate.der));
    writeFileSync(join(root, 'etc/swanctl/private/pbx.key'), rsaPair(2048, 'ipsec-pbx').pem, { mode: 0o600 });
  });

  const [unshare = 'unshare', ...flags] = UNSHARE;
  const loaded = (local: string, peers: readonly IpsecPeer[], networks: readonly string[] = []): string => {
    const text = value(swanctlConf({ local, peers, networks, certificate: 'pbx.pem', authority: 'ca.pem' }));
    writeFileSync(join(root, 'etc/swanctl/conf.d/ringfence.conf'), text);
    const { stdout, stderr } = spawnSync(unshare, [...flags, '-m', 'bash', '-c', SCRIPT, 'bash', root], {
      encoding: 'utf8',
    });
    assert.match(stdout, /^load-all: 0$/m, stdout + stderr);
    return stdout;
  };

  const cases: [string, () => string, RegExp[]][] = [
    [
      'host to host',
      () => loaded('192.0.2.10', [{ name: 'carrier', address: '203.0.113.1', id: 'sbc.example.net' }]),
      [
        /ringfence-carrier: IKEv2/,
        /id: sbc\.example\.net/,
        /ringfence-carrier: TRANSPORT/,
        /certs: CN=pbx@example\.org/,
      ],
    ],
    [
      'networks on both sides, several peers',
      () =>
        loaded(
          '192.0.2.10',
          [
            { name: 'office', address: '203.0.113.1', networks: ['10.2.0.0/16'] },
            { name: 'branch', address: '203.0.113.2', networks: ['10.3.0.0/16', '10.4.0.0/24'] },
          ],
          ['10.1.0.0/16'],
        ),
      [
        /successfully loaded 2 connections/,
        /ringfence-office: TUNNEL/,
        /local: {2}10\.1\.0\.0\/16/,
        /10\.3\.0\.0\/16 10\.4\.0\.0\/24/,
      ],
    ],
    [
      'IPv6',
      () => loaded('2001:db8::10', [{ name: 'six', address: '2001:db8:1::1' }]),
      [/remote: 2001:db8:1::1/, /ringfence-six: TRANSPORT/],
    ],
  ];
  for (const [what, load, expected] of cases)
    it(`${what}: loaded, and listed as it was meant`, () => {
      const told = load();
      for (const each of expected) assert.match(told, each);
      // trapped: nothing goes in the clear while there is no association
      if (/^policies:\nsrc /m.test(told)) assert.match(told, /dir out .*\n\ttmpl .*\n\t\tproto esp reqid \d+ mode/);
      else console.warn(`      the kernel's policies are not seen here: ${told.split('policies:')[1]?.trim() ?? ''}`);
    });

  it('a connection that it cannot read would not pass for loaded', () => {
    writeFileSync(join(root, 'etc/swanctl/conf.d/wrong.conf'), 'connections { broken { proposals = rot13 } }\n');
    const { stdout } = spawnSync(unshare, [...flags, '-m', 'bash', '-c', SCRIPT, 'bash', root], { encoding: 'utf8' });
    assert.doesNotMatch(stdout, /^load-all: 0$/m);
  });
});
