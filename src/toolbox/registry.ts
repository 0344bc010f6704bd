import type { ToolDefinition } from './tool.ts';
import { antiReplayCheck } from './tools/anti-replay-check.ts';
import { antiReplayDigest } from './tools/anti-replay-digest.ts';
import { antiReplaySdes } from './tools/anti-replay-sdes.ts';
import { authenticationAuthorise } from './tools/authentication-authorise.ts';
import { authenticationRequire } from './tools/authentication-require.ts';
import { compressionCompress } from './tools/compression-compress.ts';
import { compressionExpand } from './tools/compression-expand.ts';
import { confidentialityRequire } from './tools/confidentiality-require.ts';
import { headersCheck } from './tools/headers-check.ts';
import { headersSet } from './tools/headers-set.ts';
import { headersStrip } from './tools/headers-strip.ts';
import { ipsecRequire } from './tools/ipsec-require.ts';
import { originBind } from './tools/origin-bind.ts';
import { pkiResolve } from './tools/pki-resolve.ts';
import { pkiValidate } from './tools/pki-validate.ts';
import { authenticationSigner } from './tools/authentication-signer.ts';
import { integrityVerify } from './tools/integrity-verify.ts';
import { integrityHeaders } from './tools/integrity-headers.ts';
import { integritySign } from './tools/integrity-sign.ts';
import { confidentialityDecrypt } from './tools/confidentiality-decrypt.ts';
import { confidentialityEncrypt } from './tools/confidentiality-encrypt.ts';
import { nonRepudiationVerify } from './tools/non-repudiation-verify.ts';
import { nonRepudiationRecord } from './tools/non-repudiation-record.ts';
import { nonRepudiationReceipt } from './tools/non-repudiation-receipt.ts';

/** All tools. A new one is a file and a line here. */
const ALL = [
  pkiResolve,
  pkiValidate,
  authenticationSigner,
  integrityVerify,
  integrityHeaders,
  integritySign,
  confidentialityDecrypt,
  confidentialityEncrypt,
  nonRepudiationVerify,
  nonRepudiationRecord,
  nonRepudiationReceipt,
  authenticationAuthorise,
  authenticationRequire,
  confidentialityRequire,
  antiReplayCheck,
  antiReplayDigest,
  antiReplaySdes,
  compressionCompress,
  compressionExpand,
  headersCheck,
  headersSet,
  headersStrip,
  originBind,
  ipsecRequire,
] as const;

export const tools: ReadonlyMap<string, ToolDefinition> = new Map(
  // each is a definition of its own parameters; as one type they are definitions of some
  ALL.map((tool) => [tool.name, tool as unknown as ToolDefinition]),
);
