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

/** All tools. A new one is a file and a line here. */
const ALL = [
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
