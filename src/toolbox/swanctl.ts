import { canonicalAddress } from '../address.ts';
import { parsed, refused, type Parsed } from '../parsed.ts';

/** Whom the site speaks IPsec with: a carrier's SBC, another office, a remote phone. */
export interface IpsecPeer {
  /** letters, digits, hyphens and underscores */
  readonly name: string;
  readonly address: string;
  /** what its certificate names it by (SAN); default its address */
  readonly id?: string;
  /** tunnel mode: the networks behind it, CIDR */
  readonly networks?: readonly string[];
}

export interface IpsecSite {
  /** the PBX's own address */
  readonly local: string;
  /** what the site's certificate names it by; default its address */
  readonly id?: string;
  /** tunnel mode: the networks behind the PBX */
  readonly networks?: readonly string[];
  /** certificate file below /etc/swanctl/x509 */
  readonly certificate: string;
  /** CA file below /etc/swanctl/x509ca; whoever it has signed may come */
  readonly authority: string;
  readonly peers: readonly IpsecPeer[];
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;
const ID = /^[A-Za-z0-9@.:_-]{1,128}$/;
const FILE = /^[A-Za-z0-9._-]{1,128}$/;
const NETWORK = /^[0-9a-fA-F.:]+\/\d{1,3}$/;

/** AES-256-GCM and a curve of the same strength (RFC 8221, RFC 8247); the second line is for older gateways. */
const IKE = 'aes256gcm16-prfsha384-ecp384, aes256-sha256-modp3072';
const ESP = 'aes256gcm16-ecp384, aes256-sha256-modp3072';

/**
 * strongSwan's swanctl.conf (5.9, swanctl.conf(5)) for a site: one IKEv2 connection for each peer, certificates on both sides,
 * transport mode where only the two hosts speak and tunnel mode where networks are named. `start_action = trap` puts the kernel's policies up at
 * once, so that nothing goes in the clear while there is no association, and `ipsec.require` has something to rest on.
 * Refused: names, addresses and files that would be read as something else.
 */
export function swanctlConf(site: IpsecSite): Parsed<string> {
  const local = canonicalAddress(site.local);
  if (local === null) return refused(`"${site.local}" is not an IP address`);
  for (const file of [site.certificate, site.authority])
    if (!FILE.test(file)) return refused(`"${file}" is not the name of a file (letters, digits, dots, hyphens)`);
  if (site.id !== undefined && !ID.test(site.id)) return refused(`"${site.id}" is not a name for a certificate`);
  if (site.peers.length === 0) return refused('there is nobody to speak IPsec with');
  const names = new Set<string>();
  const connections: string[] = [];
  for (const peer of site.peers) {
    const fault = peerFault(peer) ?? (names.has(peer.name) ? `${peer.name} stands there twice` : null);
    if (fault !== null) return refused(fault);
    names.add(peer.name);
    if (local.includes(':') !== peer.address.includes(':'))
      return refused(`${peer.name}: ${peer.address} and ${local} are not of one family`);
    connections.push(...connectionOf(site, local, peer));
  }
  const all = [...(site.networks ?? []), ...site.peers.flatMap(({ networks }) => networks ?? [])];
  const wrong = all.find((network) => !NETWORK.test(network));
  if (wrong !== undefined) return refused(`"${wrong}" is not a network such as 10.1.0.0/16`);
  return parsed(`${['connections {', ...connections, '}'].join('\n')}\n`);
}

function peerFault({ name, address, id }: IpsecPeer): string | null {
  if (!NAME.test(name)) return `"${name}" is not a name for a peer (letters, digits, hyphens)`;
  if (canonicalAddress(address) === null) return `${name}: "${address}" is not an IP address`;
  return id === undefined || ID.test(id) ? null : `${name}: "${id}" is not a name for a certificate`;
}

function connectionOf({ id, networks, certificate, authority }: IpsecSite, local: string, peer: IpsecPeer): string[] {
  const tunnel = (networks ?? []).length > 0 || (peer.networks ?? []).length > 0;
  const selectors = (own: readonly string[] | undefined): string =>
    own === undefined || own.length === 0 ? 'dynamic' : own.join(', ');
  return [
    `  ringfence-${peer.name} {`,
    '    version = 2',
    `    local_addrs = ${local}`,
    `    remote_addrs = ${canonicalAddress(peer.address) ?? ''}`,
    `    proposals = ${IKE}`,
    '    dpd_delay = 30s',
    '    rekey_time = 4h',
    '    local {',
    '      auth = pubkey',
    `      certs = ${certificate}`,
    `      id = ${id ?? local}`,
    '    }',
    '    remote {',
    '      auth = pubkey',
    `      cacerts = ${authority}`,
    `      id = ${peer.id ?? peer.address}`,
    '      revocation = ifuri',
    '    }',
    '    children {',
    `      ringfence-${peer.name} {`,
    `        mode = ${tunnel ? 'tunnel' : 'transport'}`,
    `        local_ts = ${selectors(networks)}`,
    `        remote_ts = ${selectors(peer.networks)}`,
    `        esp_proposals = ${ESP}`,
    '        rekey_time = 1h',
    '        start_action = trap',
    '        dpd_action = trap',
    '        close_action = trap',
    '      }',
    '    }',
    '  }',
  ];
}
