import { z } from 'zod';
import { defineTool, refuse } from '../tool.ts';

const TAKEN =
  /^(?:via|v|from|f|to|t|call-id|i|cseq|content-.*|c|l|e|contact|m|route|record-route|date|authorization|proxy-authorization)$/i;

const parameters = z.strictObject({
  name: z
    .string()
    .regex(/^[A-Za-z0-9\-.!%*_+`'~]{1,64}$/, { error: 'a header name' })
    .default('X-Ringfence')
    .describe('which header; those that carry the call are not to be set; name'),
  value: z
    .string()
    .max(256)
    // eslint-disable-next-line no-control-regex -- a line end would be another header
    .regex(/^[^\u0000-\u001f\u007f]*$/, { error: 'no control characters' })
    .default('checked')
    .describe('its value in place of all that was there; text'),
});

/** Tells the PBX (a dialplan reads PJSIP_HEADER) that a message was checked: what a stranger wrote there himself goes. */
export const headersSet = defineTool({
  name: 'headers.set',
  family: 'headers',
  summary: 'gives a header a value, in place of what a stranger may have written there',
  parameters,
  directions: ['in', 'out'],
  changes: true,
  check: ({ name }) => (TAKEN.test(name) ? [`${name} carries the call and is not to be set`] : []),
  create:
    ({ name, value }) =>
    ({ message }) => {
      const fault = message.change({ set: [[name, value]] });
      return fault === null ? null : refuse('headers', fault);
    },
});
