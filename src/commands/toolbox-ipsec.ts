import { RingfenceError } from '../errors.ts';
import { swanctlConf, type IpsecPeer } from '../toolbox/swanctl.ts';
import type { Config } from '../config.ts';
import { EXIT, type GlobalOptions, type Output } from './output.ts';
import { readConfig } from './site.ts';

export interface IpsecOptions {
  readonly peer?: readonly string[];
  readonly local?: string;
  readonly id?: string;
  readonly network?: readonly string[];
  readonly certificate: string;
  readonly authority: string;
}

/** `ringfence toolbox ipsec`: strongSwan's swanctl.conf for this site and whom it speaks with. */
export default function toolboxIpsec(
  _: readonly string[],
  options: GlobalOptions & IpsecOptions,
  output: Output,
): number {
  const config = readConfig(options, output);
  const local = options.local ?? config.settings.network.pbx[0];
  if (local === undefined)
    throw new RingfenceError('usage', "which address is the PBX's? Say --local ADDRESS, or set [network] pbx");
  const peers = options.peer === undefined ? trunksOf(config) : options.peer.map(peerOf);
  const made = swanctlConf({
    local,
    ...(options.id === undefined ? {} : { id: options.id }),
    networks: options.network ?? [],
    certificate: options.certificate,
    authority: options.authority,
    peers,
  });
  if (!made.ok) throw new RingfenceError('usage', `IPsec: ${made.reason}`);
  if (output.json) output.object({ file: 'ringfence.conf', text: made.value, peers: peers.map(({ name }) => name) });
  else output.result(made.value.trimEnd());
  output.note(
    `Save it as /etc/swanctl/conf.d/ringfence.conf; put ${options.certificate} into /etc/swanctl/x509, its key into /etc/swanctl/private and ` +
      `${options.authority} into /etc/swanctl/x509ca; then: swanctl --load-all`,
  );
  return EXIT.done;
}

/** NAME=ADDRESS[,NETWORK…][;ID] */
function peerOf(text: string): IpsecPeer {
  const [, name, address, networks, id] = /^([^=]+)=([^,;]+)((?:,[^,;]+)*)(?:;(.+))?$/.exec(text) ?? [];
  if (name === undefined || address === undefined)
    throw new RingfenceError('usage', `--peer: "${text}" is not NAME=ADDRESS, NAME=ADDRESS,NETWORK or NAME=ADDRESS;ID`);
  const list = (networks ?? '').split(',').filter((network) => network !== '');
  return { name, address, networks: list, ...(id === undefined ? {} : { id }) };
}

/** The trunks of [network] that have single addresses. */
function trunksOf({ settings }: Config): IpsecPeer[] {
  const peers = settings.network.trunks.flatMap(({ name, addresses }) =>
    addresses
      .filter((address) => !address.includes('/'))
      .map((address, index) => ({ name: index === 0 ? name : `${name}-${index + 1}`, address })),
  );
  if (peers.length === 0)
    throw new RingfenceError('usage', 'with whom? Say --peer NAME=ADDRESS, or give [network] trunks single addresses');
  return peers;
}
