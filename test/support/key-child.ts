/**
 * Loads the key of argv[2] as ringfence does, uses it in every way, and writes a heap snapshot to argv[3].
 * With a fourth argument it keeps the key's text as well: the control that shows a snapshot would tell.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { writeHeapSnapshot } from 'node:v8';
import { openKey, sealKey } from '../../src/crypto/key-store.ts';
import { MasterKey } from '../../src/crypto/master-key.ts';
import { writePkcs12 } from '../../src/crypto/pkcs12.ts';
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
// through the key store and into PKCS#12 as well
const master = new MasterKey(Buffer.alloc(32, 1));
const der = Buffer.from(chain.replaceAll(/-----.*-----|\n/g, ''), 'base64');
const stored = sealKey(master, key.value, 'ca', [der], 0);
const opened = openKey(master, stored);
assert.ok(opened.ok);
assert.ok(writePkcs12(opened.value, [der], 'a password of the test', 'test').length > 0);
const context = secureContextOf(key.value, chain);
key.value.signPss(Buffer.from(inspect(key) + JSON.stringify(key)));
assert.equal(await key.value.decryptOaepAsync(new Uint8Array(256)), null); // makes the key that WebCrypto uses
writeHeapSnapshot(snapshot);
assert.deepEqual([typeof key.value.kid, typeof context, kept === null], ['string', 'object', control === undefined]);
