import type { Config } from '../config.ts';
import {
  identityOf,
  readCertificate,
  readRevocationList,
  Trust,
  type Certificate,
  type Identity,
} from '../crypto/smime/index.ts';
import { ConfigError, type ConfigProblem } from '../errors.ts';
import type { Crossed, Crossing, Edge } from '../gateway/index.ts';
import { certificateState, type Store } from '../store/index.ts';
import { templateFor } from '../toolbox/databases.ts';
import type { Engine } from '../toolbox/engine.ts';
import { tools } from '../toolbox/registry.ts';
import type { Keys } from '../toolbox/services.ts';
import { compile, type Program } from '../toolbox/template.ts';
import type { Arrival } from '../toolbox/tool.ts';
import { readMessage } from '../toolbox/user/message.ts';
import { GOOD, type OwnKey } from './keys/key-room.ts';
import { auditOf } from './toolbox-keys.ts';
import { openToolbox, syncStore, templatesOf } from './toolbox.ts';

/** Of every refusal the same, so long after its receipt: how long it took tells which step refused. */
const REFUSED = { status: 403, after: 200 } as const;

/**
 * The toolbox at the gateway's edge: each request that a line of [toolbox] policies names passes its template, in and out (S/MIME,
 * anti-replay, origin binding). null: there is no such line.
 * @throws ConfigError for templates that cannot be compiled
 */
export function toolboxEdge(
  config: Config,
  store: Store,
  keys: Keys,
  gateway: () => { readonly address: string; readonly port: number },
): Edge | null {
  const { policies } = config.settings.toolbox;
  if (policies.length === 0) return null;
  const templates = templatesOf(config);
  if (templates.problems.length > 0) throw new ConfigError('toolbox', templates.problems);
  syncStore(store, config, templates, Date.now());
  const { engine, services } = openToolbox(store, config, Date.now, { keys, audit: auditOf(store, null) });
  const programs = new Map<string, Program>();
  const problems: ConfigProblem[] = [];
  for (const name of new Set(policies.map(({ template }) => template))) {
    const found = templates.templates.get(name);
    const program = found === undefined ? null : compile(found.checked.template, tools, services);
    if (program?.ok === true) programs.set(name, program.value);
    else if (program !== null) problems.push(...program.problems);
  }
  if (problems.length > 0) throw new ConfigError('toolbox', problems);
  return {
    name: 'toolbox',
    cross: (crossing) => cross(crossing, { engine, programs, policies, gateway }),
  };
}

interface Judging {
  readonly engine: Engine;
  readonly programs: ReadonlyMap<string, Program>;
  readonly policies: Config['settings']['toolbox']['policies'];
  readonly gateway: () => { readonly address: string; readonly port: number };
}

function cross({ direction, flow, bytes }: Crossing, judging: Judging): Crossed | Promise<Crossed> {
  const read = readMessage(bytes);
  if (!read.ok || !read.value.isRequest) return { ok: true, bytes };
  const name = templateFor(judging.policies, read.value, direction);
  const program = name === null ? undefined : judging.programs.get(name);
  if (program === undefined) return { ok: true, bytes };
  const here = judging.gateway();
  const [from, to] = direction === 'in' ? [flow.peer, here] : [here, flow.peer];
  const arrival: Arrival = {
    ...{
      at: Date.now(),
      source: from.address,
      sourcePort: from.port,
      destination: to.address,
      destinationPort: to.port,
    },
    transport: flow.kind,
    proofs: flow.kind === 'csc' ? ['csc'] : [],
  };
  return judging.engine.run(program, read.value, arrival).then(({ verdict, bytes: made, record }): Crossed => {
    if (verdict === 'accept') return { ok: true, bytes: made };
    const detail = `template ${record.template} refused a ${record.method} of ${record.from}: ${record.reason}`;
    const account = [...flow.accounts][0] ?? '';
    return { ok: false, ...REFUSED, finding: { kind: 'edge', account, claimed: '', detail } };
  });
}

/** What the gateway holds, as it is now. */
export interface Holdings {
  readonly keys: readonly OwnKey[];
  /** certificates of the CAs, DER */
  readonly authorities: readonly Uint8Array[];
  /** their revocation lists, DER */
  readonly lists: readonly Uint8Array[];
}

/** Keys and certificates for the toolbox: the gateway opens and signs with its own, and knows those that were issued here. */
export function toolboxKeys(store: Store, holdings: () => Holdings): Keys {
  let last: { readonly from: Holdings; readonly trust: Trust; readonly own: readonly Identity[] } | null = null;
  const now = (): NonNullable<typeof last> => {
    const from = holdings();
    if (last?.from === from) return last;
    const trust = new Trust(
      from.authorities.flatMap((der) => certificate(der)),
      from.lists.flatMap((der) => {
        const list = readRevocationList(der);
        return list.ok ? [list.value] : [];
      }),
    );
    const own = from.keys.flatMap(({ key, certificate: { der } }) =>
      certificate(der).flatMap((one) => {
        const identity = identityOf(key, one);
        return identity.ok ? [identity.value] : [];
      }),
    );
    return (last = { from, trust, own });
  };
  return {
    get trust() {
      return now().trust;
    },
    get keyholders() {
      return now().own;
    },
    // what leaves here, the gateway vouches for
    signerOf: () => now().own[0] ?? null,
    certificatesOf: (identity) =>
      store.certificates
        .ofAccount(identity.slice(0, identity.lastIndexOf('@')))
        .flatMap((row) => certificate(Buffer.from(row.certificate, 'base64'))),
    isIssued: (kid, at) => store.certificates.ofKid(kid).some((row) => GOOD.includes(certificateState(row, at))),
  };
}

function certificate(der: Uint8Array): Certificate[] {
  const read = readCertificate(der);
  return read.ok ? [read.value] : [];
}
