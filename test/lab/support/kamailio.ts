import { createSocket } from 'node:dgram';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { HepTarget } from './asterisk-files.ts';
import { libraryDirectory } from './packages.ts';
import type { Tree } from './packages.ts';
import { freePort } from './ports.ts';
import { logTail, start, until } from './process.ts';
import type { Running } from './process.ts';
import type { Endpoint } from './sip-transport.ts';

export interface KamailioOptions {
  readonly tree: Tree;
  /** An own directory; it is made. */
  readonly directory: string;
  readonly host?: string;
  /** The Asterisk behind it: the registrar, and where calls go. */
  readonly pbx: Endpoint;
  readonly hep?: HepTarget | null;
  /** Absolute path of a file with route[RINGFENCE], which every request then passes first. */
  readonly snippet?: string;
}

/**
 * A real Kamailio as the edge before Asterisk: phones register through it (RFC 3327 Path), calls pass it both ways
 * (Record-Route), and siptrace mirrors what it sees. It registers and authenticates nobody itself.
 */
export class Kamailio {
  readonly host: string;
  readonly sipPort: number;
  /** JSON-RPC over UDP. */
  readonly rpcPort: number;
  readonly log: string;
  bootMs = 0;
  readonly #command: readonly string[];
  readonly #directory: string;
  #process: Running | undefined;

  private constructor(options: KamailioOptions, ports: { sip: number; rpc: number }) {
    this.host = options.host ?? '127.0.0.2';
    this.sipPort = ports.sip;
    this.rpcPort = ports.rpc;
    this.#directory = options.directory;
    this.log = join(options.directory, 'kamailio.log');
    const configuration = join(options.directory, 'kamailio.cfg');
    mkdirSync(join(options.directory, 'run'), { recursive: true });
    writeFileSync(configuration, this.#configuration(options));
    this.#command = options.tree.command(
      'usr/sbin/kamailio',
      '-DD',
      '-E',
      '-e',
      ...['-f', configuration],
      ...['-Y', join(options.directory, 'run')],
      ...['-w', options.directory],
      ...['-m', '128', '-M', '4'],
    );
  }

  /** Starts Kamailio and waits until its JSON-RPC answers. */
  static async start(options: KamailioOptions): Promise<Kamailio> {
    const host = options.host ?? '127.0.0.2';
    const kamailio = new Kamailio(options, { sip: await freePort(host), rpc: await freePort('127.0.0.1') });
    await kamailio.boot();
    return kamailio;
  }

  async boot(): Promise<void> {
    const began = Date.now();
    const process = start(this.#command, { cwd: this.#directory, log: this.log });
    this.#process = process;
    try {
      await until('Kamailio answers JSON-RPC', 15_000, async () => {
        if (!process.running()) throw new Error('it ended');
        return (await this.rpc('core.uptime', [], 50)) !== undefined;
      });
    } catch (error) {
      throw new Error(`Kamailio did not come up:\n${logTail(this.log)}`, { cause: error });
    }
    this.bootMs = Date.now() - began;
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  /** One JSON-RPC call; resolves with `result` (or `error`), undefined when there is no answer in time. */
  async rpc(method: string, params: readonly unknown[] = [], timeoutMs = 2000): Promise<unknown> {
    const socket = createSocket('udp4');
    return await new Promise((resolve) => {
      const finish = (value: unknown): void => {
        clearTimeout(timer);
        socket.close();
        resolve(value);
      };
      const timer = setTimeout(() => finish(undefined), timeoutMs);
      socket.on('error', () => finish(undefined));
      socket.on('message', (data) => {
        const answer = JSON.parse(data.toString('utf8')) as { result?: unknown; error?: unknown };
        finish(answer.result ?? answer.error);
      });
      // connected, so that nobody listening yet shows as an error at once
      socket.connect(this.rpcPort, '127.0.0.1', () =>
        socket.send(JSON.stringify({ jsonrpc: '2.0', method, params, id: 1 })),
      );
    });
  }

  async stop(): Promise<void> {
    await this.#process?.stop(3000);
    this.#process = undefined;
  }

  async kill9(): Promise<void> {
    const group = this.#process?.pid;
    this.#process?.signal('SIGKILL');
    await this.#process?.exited;
    this.#process = undefined;
    // its children may hold the sockets a moment longer
    if (group !== undefined) await until('all of Kamailio is gone', 5_000, () => !isAlive(group));
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.boot();
  }

  #configuration(options: KamailioOptions): string {
    const pbx = `${options.pbx.host}:${options.pbx.port}`;
    return `#!KAMAILIO
# The lab's edge proxy.
debug=0
log_stderror=yes
auto_aliases=no
children=2
tcp_children=2
listen=udp:${this.host}:${this.sipPort}
listen=tcp:${this.host}:${this.sipPort}
mpath="${libraryDirectory(options.tree, 'kamailio/modules')}/"
${MODULES.map((name) => `loadmodule "${name}.so"`).join('\n')}
modparam("jsonrpcs", "pretty_format", 0)
modparam("jsonrpcs", "transport", 4)
modparam("jsonrpcs", "dgram_socket", "udp:127.0.0.1:${this.rpcPort}")
modparam("ctl", "binrpc", "unix:${join(this.#directory, 'run/ctl')}")
modparam("tm", "fr_timer", 5000)
modparam("tm", "fr_inv_timer", 60000)
modparam("path", "use_received", 1)
${siptrace(options.hep ?? null, this.host, this.sipPort)}
${options.snippet === undefined ? '' : `include_file "${options.snippet}"\n`}
request_route {
${options.snippet === undefined ? '' : '\troute(RINGFENCE);\n'}	# larger datagrams would be handled but could not be mirrored
	if ($ml > 16384) { drop; }
	if (!mf_process_maxfwd_header("10")) { sl_send_reply("483", "Too Many Hops"); exit; }
	if (!sanity_check()) { exit; }
	if (is_method("CANCEL")) {
		if (t_check_trans()) { route(RELAY); }
		exit;
	}
	if (has_totag()) {
		if (loose_route()) { route(RELAY); exit; }
		if (is_method("ACK")) {
			if (t_check_trans()) { route(RELAY); }
			exit;
		}
		sl_send_reply("404", "Not here");
		exit;
	}
	t_check_trans();
	if ($si == "${options.pbx.host}" && ($sp == ${options.pbx.port} || $pr == "tcp")) {
		# from the PBX to a phone: the Path of its registration leads there
		if (is_method("INVITE")) { record_route(); }
		loose_route(); # acts on the Path's Route, and returns false for a Route that no dialog set
		route(RELAY);
		exit;
	}
	# from outside: only to the PBX, whatever Route it claims
	remove_hf("Route");
	if (is_method("REGISTER")) {
		if (!add_path_received()) { sl_send_reply("503", "Internal Path Error"); exit; }
		# Asterisk refuses a Path (420) that the phone has not said it supports; phones need not know of it
		if (!($hdr(Supported) =~ "path")) { append_hf("Supported: path\\r\\n"); }
	} else {
		record_route();
	}
	$du = "sip:${pbx}";
	route(RELAY);
}

route[RELAY] {
	if (!t_relay()) { sl_reply_error(); }
	exit;
}
`;
  }
}

/** Is anything of a process group left? */
function isAlive(group: number): boolean {
  try {
    process.kill(-group, 0);
    return true;
  } catch {
    return false;
  }
}

const MODULES = [
  'kex',
  'corex',
  'tm',
  'tmx',
  'sl',
  'rr',
  'pv',
  'maxfwd',
  'textops',
  'siputils',
  'xlog',
  'sanity',
  'ctl',
  'path',
  'htable',
  'ipops',
  'jsonrpcs',
  'siptrace',
];

function siptrace(hep: HepTarget | null, host: string, port: number): string {
  if (hep === null) return 'modparam("siptrace", "trace_on", 0)\nmodparam("siptrace", "trace_to_database", 0)';
  return [
    'modparam("siptrace", "trace_on", 1)',
    'modparam("siptrace", "trace_to_database", 0)',
    `modparam("siptrace", "duplicate_uri", "sip:${hep.host ?? '127.0.0.1'}:${hep.port}")`,
    `modparam("siptrace", "send_sock_addr", "sip:${host}:${port}")`,
    'modparam("siptrace", "hep_mode_on", 1)',
    'modparam("siptrace", "hep_version", 3)',
    'modparam("siptrace", "hep_capture_id", 2002)',
    ...(hep.password === undefined ? [] : [`modparam("siptrace", "auth_key", "${hep.password}")`]),
    'modparam("siptrace", "trace_mode", 1)',
    // without it the ACK to a stateless reply is mirrored twice
    'modparam("siptrace", "trace_init_mode", 1)',
  ].join('\n');
}
