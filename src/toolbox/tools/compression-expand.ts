import { gunzipSync, inflateSync } from 'node:zlib';
import { z } from 'zod';
import { amount } from '../../parameters.ts';
import { defineTool, refuse } from '../tool.ts';

const parameters = z.strictObject({
  max_bytes: amount(65_536, 'bytes', 'a body that would become larger is refused', 256, 262_144),
});

/** Attack: a body of 200 bytes that becomes gigabytes. It is given up at the bound, before the memory is there. Innocent: a body that is not compressed. */
export const compressionExpand = defineTool({
  name: 'compression.expand',
  family: 'compression',
  summary: 'undoes Content-Encoding gzip and deflate, up to a bound',
  parameters,
  directions: ['in'],
  layer: 'compressed',
  create:
    ({ max_bytes }) =>
    ({ message, notes }) => {
      const [encoding = null, ...more] = message
        .headers('content-encoding')
        .flatMap((line) => line.split(','))
        .map((name) => name.trim().toLowerCase());
      if (encoding === null || (encoding === 'identity' && more.length === 0)) return null;
      if (more.length > 0) return refuse('content', 'a body that is encoded more than once');
      if (!['gzip', 'deflate'].includes(encoding)) return refuse('content', 'an encoding that is not spoken here');
      const { body } = message;
      const options = { maxOutputLength: max_bytes };
      let larger: Buffer;
      try {
        larger = encoding === 'gzip' ? gunzipSync(body, options) : inflateSync(body, options);
      } catch (error) {
        const tooLarge = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
        return tooLarge
          ? refuse('too-large', `${body.length} bytes that become more than ${max_bytes}`)
          : refuse('content', `the body is not ${encoding}`);
      }
      const fault = message.change({ remove: ['content-encoding'], body: larger });
      if (fault !== null) return refuse('content', fault);
      notes['expanded'] = `${body.length} to ${larger.length} bytes`;
      return null;
    },
});
