import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Tree } from './packages.ts';
import { start } from './process.ts';
import type { Endpoint } from './sip-transport.ts';

export interface SippOptions {
  readonly tree: Tree;
  /** An own directory for the scenario and its logs; it is made. */
  readonly directory: string;
  readonly target: Endpoint;
  /** The source address, any of 127.0.0.0/8. */
  readonly address: string;
  readonly username: string;
  readonly password: string;
  /** Numbers to call, in turn. */
  readonly numbers: readonly string[];
  /** How many calls, default one for each number. */
  readonly calls?: number;
  /** New calls a second, default 10. */
  readonly rate?: number;
  /** How long a call lasts, default 300 ms. */
  readonly talkMs?: number;
  /** The run is ended after this many ms, default 20,000. */
  readonly timeoutMs?: number;
}

export interface SippRun {
  readonly startedAt: number;
  readonly endedAt: number;
  readonly successful: number;
  readonly failed: number;
  readonly output: string;
}

/** SIPp places calls with digest authentication, each of which is answered, lasts and is ended by BYE. */
export async function sippCalls(options: SippOptions): Promise<SippRun> {
  mkdirSync(options.directory, { recursive: true });
  const scenario = join(options.directory, 'calls.xml');
  const users = join(options.directory, 'calls.csv');
  const log = join(options.directory, 'sipp.log');
  const statistics = join(options.directory, 'calls.stat.csv');
  const credentials = `[authentication username=${options.username} password=${options.password}]`;
  writeFileSync(scenario, callScenario(options.talkMs ?? 300));
  writeFileSync(
    users,
    `SEQUENTIAL\n${options.numbers.map((number) => `${options.username};${number};${credentials}`).join('\n')}\n`,
  );
  const calls = String(options.calls ?? options.numbers.length);
  const startedAt = Date.now();
  const child = start(
    options.tree.command(
      'usr/bin/sipp',
      `${options.target.host}:${options.target.port}`,
      ...['-sf', scenario, '-inf', users, '-i', options.address, '-mi', options.address],
      ...['-m', calls, '-l', calls, '-r', String(options.rate ?? 10), '-nostdin', '-trace_stat', '-stf', statistics],
    ),
    { cwd: options.directory, log, env: { TERM: 'dumb' } },
  );
  const timer = setTimeout(() => child.signal('SIGKILL'), options.timeoutMs ?? 20_000);
  await child.exited;
  clearTimeout(timer);
  const endedAt = Date.now();
  const [names = [], ...rows] = readFileSync(statistics, 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split(';'));
  const count = (name: string): number => Number(rows.at(-1)?.[names.indexOf(name)] ?? 0);
  return {
    startedAt,
    endedAt,
    successful: count('SuccessfulCall(C)'),
    failed: count('FailedCall(C)'),
    output: readFileSync(log, 'utf8'),
  };
}

/** [field0] is the caller, [field1] the number, [field2] the credentials. */
function callScenario(talkMs: number): string {
  const invite = (
    sequence: number,
    credentials: string,
  ): string => `INVITE sip:[field1]@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch];rport
From: <sip:[field0]@[remote_ip]:[remote_port]>;tag=[pid]-[call_number]
To: <sip:[field1]@[remote_ip]:[remote_port]>
Call-ID: [call_id]
CSeq: ${sequence} INVITE
Contact: <sip:[field0]@[local_ip]:[local_port]>
Max-Forwards: 70
User-Agent: LabDialler/1.0
${credentials}Content-Type: application/sdp
Content-Length: [len]

v=0
o=- [call_number] 1 IN IP4 [local_ip]
s=-
c=IN IP4 [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 0
a=rtpmap:0 PCMU/8000
`;
  const follow = (method: string, uri: string, sequence: number, via: string): string => `${method} ${uri} SIP/2.0
${via}
[routes]
[last_From:]
[last_To:]
Call-ID: [call_id]
CSeq: ${sequence} ${method}
Max-Forwards: 70
Content-Length: 0

`;
  const own = 'Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch];rport';
  const send = (text: string, retransmit = true): string =>
    `<send${retransmit ? ' retrans="500"' : ''}><![CDATA[\n${text}]]></send>`;
  return `<?xml version="1.0" encoding="ISO-8859-1" ?>
<!DOCTYPE scenario SYSTEM "sipp.dtd">
<scenario name="calls with digest authentication">
${send(invite(1, ''))}
<recv response="100" optional="true"/>
<recv response="401" auth="true"/>
${send(follow('ACK', 'sip:[field1]@[remote_ip]:[remote_port]', 1, '[last_Via:]').replace('[routes]\n', ''), false)}
${send(invite(2, '[field2]\n'))}
<recv response="100" optional="true"/>
<recv response="180" optional="true"/>
<recv response="183" optional="true"/>
<recv response="200" rrs="true"/>
${send(follow('ACK', '[next_url]', 2, own), false)}
<pause milliseconds="${talkMs}"/>
${send(follow('BYE', '[next_url]', 3, own))}
<recv response="200"/>
</scenario>
`;
}
