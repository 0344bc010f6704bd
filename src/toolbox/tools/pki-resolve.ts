import { z } from 'zod';
import { amount } from '../../parameters.ts';
import { defineTool, refuse } from '../tool.ts';

const parameters = z.strictObject({
  most: amount(
    2,
    'certificates',
    'of a callee with several live keys (a rotation) so many are used, the youngest first',
    1,
    8,
  ),
});

/** Finds the certificates of To among those that are known here, and takes those whose chain holds, in date and not revoked. */
export const pkiResolve = defineTool({
  name: 'pki.resolve',
  family: 'pki',
  summary: 'finds valid certificates of the callee, to encrypt to',
  parameters,
  directions: ['out'],
  gives: ['recipients'],
  services: ['keys'],
  create({ most }, { keys }) {
    if (keys === null) throw new Error('no keys');
    return (passage) => {
      const { message, arrival } = passage;
      const whom = message.isRequest ? message.to : message.from;
      const known = keys.certificatesOf(whom);
      let why = `there is no certificate of ${whom}`;
      const fit = known.filter((certificate) => {
        const path = keys.trust.path(certificate, keys.trust.anchors, arrival.at, 'encrypt');
        if (!path.ok) why = path.reason;
        return path.ok;
      });
      if (fit.length === 0) return refuse('no-certificate', why);
      passage.recipients = fit.slice(0, most);
      return null;
    };
  },
});
