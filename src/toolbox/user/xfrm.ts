import { CidrSet } from '../../address.ts';
import type { Association, Associations } from '../services.ts';
import type { Arrival, Direction } from '../tool.ts';

/**
 * What `ip xfrm state` and `ip xfrm policy` print (iproute2, ip-xfrm(8); the JSON form is not offered there), and whether a packet
 * is covered by it. Both are the kernel's words about itself; what cannot be read is not counted as protection.
 */

/** A security association. */
export interface XfrmState {
  readonly source: string;
  readonly destination: string;
  /** esp, ah, comp … */
  readonly protocol: string;
  readonly spi: string;
  readonly reqid: number;
  /** transport, tunnel, beet */
  readonly mode: string;
}

/** What a policy asks for. */
export interface XfrmTemplate {
  readonly source: string;
  readonly destination: string;
  readonly protocol: string;
  readonly reqid: number;
  readonly mode: string;
  /** `required`, or `use`: without an association in the clear */
  readonly level: string;
}

export interface XfrmPolicy {
  readonly source: string;
  readonly destination: string;
  /** '' for all */
  readonly protocol: string;
  readonly sourcePort: number | null;
  readonly destinationPort: number | null;
  readonly direction: string;
  /** the lower goes first */
  readonly priority: number;
  readonly action: string;
  readonly templates: readonly XfrmTemplate[];
}

/** Blocks of lines: each begins at the margin, its further lines with a tab. */
const blocksOf = (text: string): string[][] =>
  text.split('\n').reduce<string[][]>((blocks, line) => {
    if (line.startsWith('src ')) blocks.push([line]);
    else if (/^\s/.test(line)) blocks.at(-1)?.push(line.trim());
    return blocks;
  }, []);

/** The word after `name` in a line. */
const after = (line: string, name: string): string | null =>
  new RegExp(`(?:^|\\s)${name} (\\S+)`).exec(line)?.[1] ?? null;

const numberIn = (text: string | null): number => Number(/^\d+/.exec(text ?? '')?.[0] ?? NaN);

/** Reads `ip xfrm state`. What has no keys yet (an SPI that a key exchange has asked for) protects nothing and is left out. */
export function readStates(text: string): XfrmState[] {
  return blocksOf(text).flatMap(([head = '', ...lines]) => {
    const line = lines.find((each) => each.startsWith('proto ')) ?? '';
    const [source, destination] = [after(head, 'src'), after(head, 'dst')];
    const [protocol, spi, mode] = [after(line, 'proto'), after(line, 'spi'), after(line, 'mode')];
    if (source === null || destination === null || protocol === null || spi === null || mode === null) return [];
    const keyed = lines.some((each) => /^(?:aead|enc|auth|auth-trunc) /.test(each));
    const reqid = numberIn(after(line, 'reqid'));
    return keyed ? [{ source, destination, protocol, spi: spi.replace(/\(.*/, ''), reqid, mode }] : [];
  });
}

/** Reads `ip xfrm policy`. Policies of a single socket are left out: they are none of ours. */
export function readPolicies(text: string): XfrmPolicy[] {
  return blocksOf(text).flatMap(([head = '', ...lines]) => {
    const [source, destination] = [after(head, 'src'), after(head, 'dst')];
    const own = lines.find((line) => line.startsWith('dir ')) ?? '';
    const direction = after(own, 'dir');
    if (source === null || destination === null || direction === null) return [];
    const templates: XfrmTemplate[] = [];
    for (const [index, line] of lines.entries()) {
      if (!line.startsWith('tmpl ')) continue;
      const rest = lines.slice(index + 1, index + 3);
      const detail = rest.find((each) => each.startsWith('proto ')) ?? '';
      const level = rest.find((each) => each.startsWith('level ')) ?? '';
      templates.push({
        source: after(line, 'src') ?? '',
        destination: after(line, 'dst') ?? '',
        protocol: after(detail, 'proto') ?? '',
        reqid: numberIn(after(detail, 'reqid')),
        mode: after(detail, 'mode') ?? '',
        level: after(level, 'level') ?? 'required',
      });
    }
    return [
      {
        source,
        destination,
        protocol: after(head, 'proto') ?? '',
        sourcePort: portOf(head, 'sport'),
        destinationPort: portOf(head, 'dport'),
        direction,
        priority: Number(after(own, 'priority') ?? 0),
        action: after(own, 'action') ?? 'allow',
        templates,
      },
    ];
  });
}

function portOf(line: string, name: string): number | null {
  const port = numberIn(after(line, name));
  return Number.isNaN(port) ? null : port;
}

const ANY = ['0.0.0.0', '::'];
const matches = (known: string, wanted: string): boolean => ANY.includes(wanted) || known === wanted;

/** What the kernel holds at one moment. */
export interface Xfrm {
  readonly states: readonly XfrmState[];
  readonly policies: readonly XfrmPolicy[];
}

/** Does a policy's selector take in a packet? The transport says which protocol; ports are those of the outer packet. */
function selects(
  policy: XfrmPolicy,
  { source, sourcePort, destination, destinationPort, transport }: Arrival,
): boolean {
  if (source === null || destination === null) return false;
  const protocol = transport === 'udp' ? 'udp' : transport === 'sctp' ? 'sctp' : 'tcp';
  return (
    (policy.protocol === '' || policy.protocol === protocol) &&
    (policy.sourcePort === null || policy.sourcePort === sourcePort) &&
    (policy.destinationPort === null || policy.destinationPort === destinationPort) &&
    new CidrSet([policy.source]).has(source) &&
    new CidrSet([policy.destination]).has(destination)
  );
}

/**
 * What covers a packet: the policy that the kernel applies to it in this direction (the first of the lowest priority) lets it pass only
 * by way of associations, and each of them stands. A text says why nothing covers it.
 */
export function coverage({ states, policies }: Xfrm, arrival: Arrival, direction: Direction): Association | string {
  const { source, destination } = arrival;
  if (source === null || destination === null) return 'nobody knows where it came from and where to';
  const where = `${source} to ${destination}`;
  let best: XfrmPolicy | null = null;
  for (const policy of policies)
    if (
      policy.direction === direction &&
      selects(policy, arrival) &&
      (best === null || policy.priority < best.priority)
    )
      best = policy;
  if (best === null) return `no IPsec policy (${direction}) covers ${where}`;
  if (best.action !== 'allow') return `the IPsec policy for ${where} lets nothing pass`;
  const needed = best.templates.filter(({ level }) => level === 'required');
  if (needed.length === 0) return `the IPsec policy for ${where} lets it pass without an association`;
  let outer: Association | null = null;
  for (const template of needed) {
    const state = states.find(
      (each) =>
        each.protocol === template.protocol &&
        each.mode === template.mode &&
        (template.reqid === 0 || Number.isNaN(template.reqid) || each.reqid === template.reqid) &&
        matches(
          each.source,
          ANY.includes(template.source) && template.mode === 'transport' ? source : template.source,
        ) &&
        matches(
          each.destination,
          ANY.includes(template.destination) && template.mode === 'transport' ? destination : template.destination,
        ),
    );
    if (state === undefined)
      return `the IPsec policy for ${where} asks for ${template.protocol} (${template.mode}, reqid ${template.reqid}), and no such association stands`;
    const peer = direction === 'in' ? state.source : state.destination;
    outer ??= { protocol: state.protocol, mode: state.mode, spi: state.spi, peer };
  }
  return outer ?? `no association covers ${where}`;
}

/** Associations as a reader of `ip xfrm` tells them, asked again when what is known is older than `age` milliseconds. */
export function associationsOf(
  read: () => Promise<{ readonly states: string; readonly policies: string }>,
  clock: () => number,
  age: number,
): Associations {
  let known: { readonly at: number; readonly xfrm: Promise<Xfrm> } | null = null;
  const current = (): Promise<Xfrm> => {
    const now = clock();
    if (known !== null && now - known.at < age) return known.xfrm;
    const xfrm = read().then(({ states, policies }) => ({
      states: readStates(states),
      policies: readPolicies(policies),
    }));
    known = { at: now, xfrm };
    // what failed is asked again with the next message
    xfrm.catch(() => (known = null));
    return xfrm;
  };
  return { covering: async (arrival, direction) => coverage(await current(), arrival, direction) };
}
