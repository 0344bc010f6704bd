import { z } from 'zod';
import { defineTool } from '../tool.ts';
import { recordOf } from '../record.ts';

const parameters = z.strictObject({});

/** Writes what was accepted into the hash-chained audit trail, signed where keys exist, in the transaction in which it is accepted. */
export const nonRepudiationRecord = defineTool({
  name: 'non-repudiation.record',
  family: 'non-repudiation',
  summary: 'writes an accepted message into the hash-chained audit trail, signed where there is a key',
  parameters,
  directions: ['in', 'out'],
  final: true,
  services: ['audit'],
  create(_, { audit }) {
    if (audit === null) throw new Error('no audit trail');
    return (passage) => {
      passage.commits.push(() => {
        if (!passage.retransmission) audit.append(recordOf(passage, null, ''), passage.evidence);
        return null;
      });
      return null;
    };
  },
});
