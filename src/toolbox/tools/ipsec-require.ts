import { z } from 'zod';
import { defineTool, refuse } from '../tool.ts';

const parameters = z.strictObject({
  mode: z
    .enum(['any', 'transport', 'tunnel'])
    .default('any')
    .describe('which mode the association must have: any, transport (host to host) or tunnel (by way of a gateway)'),
  protocol: z
    .enum(['esp', 'ah', 'any'])
    .default('esp')
    .describe('esp encrypts; ah only protects from change; any takes either'),
});

/**
 * Attack: a message that should have come through the tunnel comes past it. That an association is installed proves nothing of a packet;
 * that the kernel's policy lets none pass without does. So both are asked for: the policy that applies to the packet has to require
 * an association, and one that fits it has to stand.
 */
export const ipsecRequire = defineTool({
  name: 'ipsec.require',
  family: 'ipsec',
  summary: 'refuses what does not have to go through an IPsec association of the kernel',
  parameters,
  directions: ['in', 'out'],
  services: ['associations'],
  create({ mode, protocol }, { associations }) {
    if (associations === null) throw new Error('no associations');
    return async (passage) => {
      const found = await associations.covering(passage.arrival, passage.direction);
      if (typeof found === 'string') return refuse('ipsec', found);
      if (mode !== 'any' && found.mode !== mode)
        return refuse('ipsec', `the association ${found.spi} with ${found.peer} is ${found.mode}, not ${mode}`);
      if (protocol !== 'any' && found.protocol !== protocol)
        return refuse('ipsec', `the association ${found.spi} with ${found.peer} is ${found.protocol}, not ${protocol}`);
      passage.notes['ipsec'] = `${found.protocol} ${found.spi} ${found.mode} ${found.peer}`;
      return null;
    };
  },
});
