import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Tree } from './packages.ts';
import { start } from './process.ts';
import type { Endpoint } from './sip-transport.ts';

export interface SipviciousOptions {
  readonly tree: Tree;
  /** An own directory for its session files and output; it is made. */
  readonly directory: string;
  readonly target: Endpoint;
  /** The source address, any of 127.0.0.0/8. */
  readonly address: string;
  /** The run is ended after this many ms, default 15,000. */
  readonly timeoutMs?: number;
}

export interface SipviciousRun {
  readonly startedAt: number;
  readonly endedAt: number;
  /** False if it had to be ended. */
  readonly finished: boolean;
  readonly output: string;
}

/** SIPVicious' svmap: which hosts speak SIP. One OPTIONS for each port. */
export async function svmap(options: SipviciousOptions, ports = String(options.target.port)): Promise<SipviciousRun> {
  return await run('svmap', ['-p', ports, options.target.host], options);
}

/**
 * SIPVicious' svwar: which extensions exist, one request each. Asterisk's PJSIP answers alike for those that do not, and
 * svwar as it is stops after the first such answer even with `--force`: see LAUNCHER.
 */
export async function svwar(
  options: SipviciousOptions,
  extensions = '1000-1049',
  method: 'REGISTER' | 'INVITE' | 'OPTIONS' = 'REGISTER',
): Promise<SipviciousRun> {
  const args = ['-e', extensions, '-m', method, '--force', '-p', String(options.target.port), options.target.host];
  return await run('svwar', args, options);
}

/** SIPVicious' svcrack: an extension's password from a list. */
export async function svcrack(
  options: SipviciousOptions,
  extension: string,
  passwords: readonly string[],
): Promise<SipviciousRun> {
  mkdirSync(options.directory, { recursive: true });
  const dictionary = join(options.directory, 'passwords.txt');
  writeFileSync(dictionary, `${passwords.join('\n')}\n`);
  return await run(
    'svcrack',
    ['-u', extension, '-d', dictionary, '-p', String(options.target.port), options.target.host],
    options,
  );
}

// svwar and svcrack 0.3.3 drop their option -b and would send from 127.0.0.1, the PBX's own address; and to svwar an answer that
// known and unknown users alike get means the end. Attackers in the field have long mended both.
const LAUNCHER = `
import importlib, sys
tool, address = sys.argv[1:3]
del sys.argv[0:3]
sys.argv.insert(0, tool)
module = importlib.import_module('sipvicious.' + tool)
for name in ('TakeASip', 'ASipOfRedWine'):
    if hasattr(module, name):
        scanner = getattr(module, name)
        class GoOn(scanner):
            def __init__(self, *args, **kwargs):
                super().__init__(*args, bindingip=address, **kwargs)
                self.NOTFOUND = 'SIP/2.0 40'
        setattr(module, name, GoOn)
module.main()
`;

async function run(tool: string, args: readonly string[], options: SipviciousOptions): Promise<SipviciousRun> {
  mkdirSync(options.directory, { recursive: true });
  const log = join(options.directory, `${tool}-${Date.now()}.log`);
  const launcher = join(options.directory, 'launch.py');
  writeFileSync(launcher, LAUNCHER);
  const startedAt = Date.now();
  // The tree's own Python: the machine may have none, or another one
  const home = join(options.tree.directory, 'usr');
  const python = options.tree.command(
    'usr/bin/python3',
    launcher,
    tool,
    options.address,
    '-b',
    options.address,
    '-v',
    ...args,
  );
  const child = start(python, {
    cwd: options.directory,
    log,
    env: {
      HOME: options.directory,
      PYTHONHOME: home,
      PYTHONPATH: join(home, 'share/sipvicious'),
      PYTHONNOUSERSITE: '1',
      PYTHONDONTWRITEBYTECODE: '1',
      PYTHONUNBUFFERED: '1',
    },
  });
  let finished = true;
  const timer = setTimeout(() => {
    finished = false;
    child.signal('SIGKILL');
  }, options.timeoutMs ?? 15_000);
  await child.exited;
  clearTimeout(timer);
  return { startedAt, endedAt: Date.now(), finished, output: readFileSync(log, 'utf8') };
}
