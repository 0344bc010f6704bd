import { z } from 'zod';

const identity = z
  .string()
  .regex(/^[^\s@]+@[^\s@]+$|^\*$/, { error: 'write it as user@host, *@host, user@* or *' })
  .default('*')
  .describe('whose messages: user@host, *@host, user@* or * for all');
const methods = z
  .array(z.string().regex(/^[A-Z]{1,32}$/, { error: 'a method in capitals' }))
  .default([])
  .describe('which requests, [] = any');

const policy = z.strictObject({
  direction: z.enum(['in', 'out']).default('in').describe('in or out'),
  methods,
  dialog: z.enum(['initial', 'within', 'any']).default('any').describe('initial: without To tag; within: with one'),
  identity,
  template: z.string().min(1).describe('name of the template that such a message gets; "" is not allowed'),
});
export type Policy = z.output<typeof policy>;

const authorisation = z.strictObject({
  identity,
  methods,
  to: z
    .string()
    .regex(/^[^\s@]+@[^\s@]+$|^\*$/, { error: 'write it as user@host, *@host, user@* or *' })
    .default('*')
    .describe('to whom: user@host, *@host, user@* or * for all'),
  allow: z.boolean().default(true).describe('true: may; false: may not'),
});
export type Authorisation = z.output<typeof authorisation>;

/** [toolbox]: templates and what they rest on. */
export const toolboxOptions = z.strictObject({
  templates: z
    .string()
    .default('')
    .describe('folder with templates of your own, NAME.json each; they go before shipped ones of that name; "" = none'),
  secret_file: z
    .string()
    .default('')
    .describe(
      'what is remembered against replay is kept under this secret, 32 bytes in hex; made if missing. "" = the store’s path and .secret',
    ),
  replay_entries: z
    .int()
    .min(1_000)
    .max(20_000_000)
    .default(500_000)
    .describe(
      'what is remembered against replay, at each of three levels (about 250 bytes each); when it is full, new messages are refused; number of entries',
    ),
  replay_share: z
    .int()
    .min(1)
    .max(100)
    .default(20)
    .describe(
      'how much of it may be of one sender (who has proved himself, else an address) once half of it is taken: his further messages are refused then; percent',
    ),
  origin_entries: z
    .int()
    .min(1_000)
    .max(5_000_000)
    .default(50_000)
    .describe('addresses of identities that are known; number of entries'),
  ip_command: z
    .array(z.string().min(1))
    .min(1)
    .default(['ip'])
    .describe('how ip is called, as ["sudo", "-n", "ip"]; ip xfrm needs the capability CAP_NET_ADMIN'),
  policies: z.array(policy).max(1_000).default([]).describe('which template a message gets; the first that fits'),
  authorisations: z
    .array(authorisation)
    .max(10_000)
    .default([])
    .describe('who may do what, for authentication.authorise; the first that fits'),
});
export type ToolboxSettings = z.output<typeof toolboxOptions>;
