import { z } from 'zod';
import { defineTool, refuse } from '../tool.ts';

const parameters = z.strictObject({
  otherwise: z
    .enum(['allow', 'refuse'])
    .default('refuse')
    .describe('what is done with an identity of which [toolbox] authorisations say nothing: allow or refuse'),
});

/** May this identity do that? The list is in the settings; the first line that fits decides. */
export const authenticationAuthorise = defineTool({
  name: 'authentication.authorise',
  family: 'authentication',
  summary: 'refuses an identity that [toolbox] authorisations do not allow the method or the callee',
  parameters,
  directions: ['in', 'out'],
  services: ['authorisations'],
  create({ otherwise }, { authorisations }) {
    if (authorisations === null) throw new Error('no authorisations');
    return ({ message, identity }) => {
      const who = identity ?? message.from;
      const allowed = authorisations.allows(who, message.method, message.to);
      if (allowed ?? otherwise === 'allow') return null;
      return refuse('authorisation', `${who} may not send ${message.method} to ${message.to}`);
    };
  },
});
