import { z } from 'zod';
import { defineTool, refuse } from '../tool.ts';

/** Without these a message is none (RFC 3261 section 8.1.1); Route and Record-Route are the proxies'. */
const NEEDED = ['via', 'v', 'from', 'f', 'to', 't', 'call-id', 'i', 'cseq', 'content-length', 'l', 'content-type', 'c'];

const parameters = z.strictObject({
  names: z
    .array(z.string().min(1).max(64))
    .max(64)
    .default(['P-Asserted-Identity', 'P-Preferred-Identity', 'Remote-Party-ID', 'Diversion', 'History-Info'])
    .describe('headers that are taken out, every line of them; list of names'),
});

/** Attack: a stranger asserts an identity (RFC 3325) that only a trusted neighbour may. Innocent: the trunk's own; keep it for a trunk's template. */
export const headersStrip = defineTool({
  name: 'headers.strip',
  family: 'headers',
  summary: 'takes headers out, such as identities that only a trusted neighbour may assert',
  parameters,
  directions: ['in', 'out'],
  changes: true,
  check: ({ names }) =>
    names.filter((name) => NEEDED.includes(name.toLowerCase())).map((name) => `a message without ${name} is none`),
  create:
    ({ names }) =>
    ({ message, notes }) => {
      const present = names.filter((name) => message.header(name) !== null);
      if (present.length === 0) return null;
      const fault = message.change({ remove: present });
      if (fault !== null) return refuse('headers', fault);
      notes['stripped'] = present.join(', ');
      return null;
    },
});
