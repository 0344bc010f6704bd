/**
 * Loads the key of argv[2] as ringfence does, uses it in every way, and writes a heap snapshot to argv[3].
 * With a fourth argument it keeps the key's text as well: the control that shows a snapshot would tell.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { writeHeapSnapshot } from 'node:v8';
import { privateKeyFromPem } from '../../src/crypto/private-key.ts';
import { secureContextOf } from '../../src/crypto/tls-context.ts';

const [, , file = '', snapshot = '', control] = process.argv;
const bytes = readFileSync(file);
const kept =
  control === undefined
    ? null
    : bytes
        .toString('utf8')
        .split('\n')
        .map((line) => Buffer.from(line).toString());
const chain = readFileSync(`${file}.crt`, 'utf8');
const key = privateKeyFromPem(bytes);
bytes.fill(0);
assert.ok(key.ok);
const context = secureContextOf(key.value, chain);
key.value.signPss(Buffer.from(inspect(key) + JSON.stringify(key)));
writeHeapSnapshot(snapshot);
assert.deepEqual([typeof key.value.kid, typeof context, kept === null], ['string', 'object', control === undefined]);
