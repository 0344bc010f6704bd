import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { selfSigned } from '../../support/self-signed.ts';
import { labTree, libraryDirectory } from './packages.ts';
import { freePort } from './ports.ts';
import { logTail, start, until, type Running } from './process.ts';

/** A message as rsyslog understood it (RFC 5424's fields). */
export interface Logged {
  readonly msg: string;
  readonly rawmsg: string;
  readonly pri: string;
  readonly msgid: string;
  readonly 'app-name': string;
  readonly inputname: string;
}

/** rsyslog, listening by UDP, TCP and TLS. */
export interface Rsyslog {
  readonly ports: { readonly udp: number; readonly tcp: number; readonly tls: number };
  readonly ca: string;
  readonly messages: () => Logged[];
  readonly start: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

const HOST = '127.0.0.1';

/** Prepares a server in a directory of its own; it is not running yet. Throws LabUnavailable. */
export async function rsyslog(directory: string): Promise<Rsyslog> {
  const tree = await labTree('syslog');
  const { cert, key } = selfSigned();
  writeFileSync(join(directory, 'cert.pem'), cert);
  writeFileSync(join(directory, 'key.pem'), key);
  const ports = { udp: await freePort(HOST), tcp: await freePort(HOST), tls: await freePort(HOST) };
  const output = join(directory, 'messages.jsonl');
  const config = join(directory, 'rsyslog.conf');
  writeFileSync(
    config,
    `global(workDirectory="${directory}" DefaultNetstreamDriver="ossl"
  DefaultNetstreamDriverCAFile="${join(directory, 'cert.pem')}"
  DefaultNetstreamDriverCertFile="${join(directory, 'cert.pem')}" DefaultNetstreamDriverKeyFile="${join(directory, 'key.pem')}"
  maxMessageSize="16k")
module(load="imudp")
module(load="imtcp")
template(name="json" type="list") { property(name="jsonmesg") constant(value="\\n") }
ruleset(name="all") { action(type="omfile" file="${output}" template="json") }
input(type="imudp" address="${HOST}" port="${ports.udp}" ruleset="all" name="udp")
input(type="imtcp" address="${HOST}" port="${ports.tcp}" ruleset="all" name="tcp" StreamDriver.Name="ptcp" StreamDriver.Mode="0")
input(type="imtcp" address="${HOST}" port="${ports.tls}" ruleset="all" name="tls" StreamDriver.Name="ossl" StreamDriver.Mode="1"
  StreamDriver.AuthMode="anon")
`,
  );
  const log = join(directory, 'rsyslogd.log');
  let running: Running | null = null;
  return {
    ports,
    ca: cert,
    messages: () => {
      try {
        return readFileSync(output, 'utf8')
          .split('\n')
          .filter((line) => line !== '')
          .map((line) => JSON.parse(line) as Logged);
      } catch {
        return [];
      }
    },
    start: async () => {
      const modules = libraryDirectory(tree, 'rsyslog');
      running = start(
        tree.command('usr/sbin/rsyslogd', '-n', '-f', config, '-i', join(directory, 'pid'), '-M', modules),
        { cwd: directory, log },
      );
      const process = running;
      await until('rsyslog listens', 10_000, async () => {
        if (!process.running()) throw new Error(`rsyslogd has ended:\n${logTail(log)}`);
        return await answers(ports.tcp);
      });
    },
    stop: async () => {
      await running?.stop();
      running = null;
    },
  };
}

async function answers(port: number): Promise<boolean> {
  const { connect } = await import('node:net');
  return await new Promise((resolve) => {
    const socket = connect({ host: HOST, port });
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}
