import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Asterisk } from './asterisk.ts';
import { accounts } from './asterisk-files.ts';
import type { Account, CdrOptions, HepTarget, TrunkPlace } from './asterisk-files.ts';
import { Kamailio } from './kamailio.ts';
import { LabUnavailable, labTrees } from './packages.ts';
import type { Trees } from './packages.ts';
import { freePort } from './ports.ts';
import type { Endpoint } from './sip-transport.ts';
import { openAsteriskTrunk, openOwnTrunk } from './trunk.ts';
import type { Trunk } from './trunk.ts';
import { UserAgent } from './ua.ts';
import type { UserAgentOptions } from './ua.ts';

/** The lab's addresses; all of them are this machine's loopback. */
export const addresses = {
  pbx: '127.0.0.1',
  edge: '127.0.0.2',
  /** The office network: phone 1001 is 127.0.10.1, and so on. */
  office: '127.0.10.0/24',
  carrier: '127.0.20.1',
  /** An employee's home. */
  home: '127.0.30.1',
  /** Strangers: 127.66.0.1 and so on; each attack of attacks.ts has its own. */
  strangers: '127.66.0.0/24',
} as const;

export interface LabOptions {
  /** A real Kamailio in front; phones then go through it. */
  readonly kamailio?: boolean;
  /** Where Asterisk and Kamailio mirror their SIP to. */
  readonly hep?: HepTarget | null;
  /** Which of the two mirror; default both, as far as they are there. */
  readonly hepFrom?: 'asterisk' | 'kamailio' | 'both';
  readonly cdr?: CdrOptions;
  /** Who answers the trunk: the lab's own user agent, which knows the time of each packet, or a second real Asterisk. */
  readonly trunk?: 'own' | 'asterisk';
  /** How the PBX reaches and knows the trunk, where that is not by its address. */
  readonly trunkPlace?: TrunkPlace;
  readonly accounts?: readonly Account[];
  readonly channelVariables?: boolean;
  /** A dialplan file with the context ringfence-guard (asterisk-conf/). */
  readonly guard?: string;
  /** Context in which calls from phones begin, default from-internal; the file that `guard` names then has it. */
  readonly context?: string;
  /** Asterisk also listens on [::1], at its port. */
  readonly ipv6?: boolean;
  /** A Kamailio file with route[RINGFENCE] (kamailio-conf/). */
  readonly kamailioSnippet?: string;
  /** Keep the working directory (logs, configuration, records) after `stop`. */
  readonly keep?: boolean;
}

/** A running lab. */
export interface Lab {
  readonly trees: Trees;
  readonly directory: string;
  readonly asterisk: Asterisk;
  readonly kamailio: Kamailio | undefined;
  readonly trunk: Trunk;
  /** Where phones send their SIP: Kamailio if it is there, else Asterisk. */
  readonly edge: Endpoint;
  readonly accounts: readonly Account[];
  readonly account: (extension: string) => Account;
  /** Milliseconds until everything was up, without fetching. */
  readonly bootMs: number;
  /** Opens a phone with an account's credentials, at the account's office address unless told otherwise. */
  readonly phone: (extension: string, options?: Partial<UserAgentOptions>) => Promise<UserAgent>;
  /** Opens a user agent that belongs to nobody, at one of the strangers' addresses. */
  readonly stranger: (which: number, options?: Partial<UserAgentOptions>) => Promise<UserAgent>;
  readonly stop: () => Promise<void>;
}

/** Brings up Asterisk, its trunk and, if asked for, Kamailio. Throws LabUnavailable where the software cannot be had. */
export async function startLab(options: LabOptions = {}): Promise<Lab> {
  const trees = await labTrees();
  const began = Date.now();
  const directory = mkdtempSync(join(tmpdir(), 'ringfence-lab-'));
  const closers: (() => unknown)[] = [];
  const stop = async (): Promise<void> => {
    for (const close of closers.splice(0).reverse()) await close();
    if (options.keep !== true) rmSync(directory, { recursive: true, force: true });
  };
  try {
    const hepFrom = options.hepFrom ?? 'both';
    const pbx = { host: addresses.pbx, port: await freePort(addresses.pbx) };
    const trunkAddress = { host: addresses.carrier, port: await freePort(addresses.carrier) };
    const trunk =
      options.trunk === 'asterisk'
        ? await openAsteriskTrunk(trees.asterisk, directory, trunkAddress, pbx)
        : await openOwnTrunk(trunkAddress.host, trunkAddress.port);
    closers.push(trunk.close);
    const labAccounts = options.accounts ?? accounts;
    const asterisk = await Asterisk.start({
      tree: trees.asterisk,
      directory: join(directory, 'pbx'),
      ...{ host: pbx.host, sipPort: pbx.port },
      accounts: labAccounts,
      trunk: options.trunkPlace ?? trunkAddress,
      hep: hepFrom === 'kamailio' ? null : (options.hep ?? null),
      ...(options.cdr === undefined ? {} : { cdr: options.cdr }),
      ...(options.channelVariables === undefined ? {} : { channelVariables: options.channelVariables }),
      ...(options.guard === undefined ? {} : { guard: options.guard }),
      ...(options.context === undefined ? {} : { context: options.context }),
      ...(options.ipv6 === undefined ? {} : { ipv6: options.ipv6 }),
    });
    closers.push(async () => await asterisk.stop());
    let kamailio: Kamailio | undefined;
    if (options.kamailio === true) {
      const edgeDirectory = join(directory, 'edge');
      mkdirSync(edgeDirectory);
      kamailio = await Kamailio.start({
        tree: trees.tools,
        directory: edgeDirectory,
        host: addresses.edge,
        pbx,
        hep: hepFrom === 'asterisk' ? null : (options.hep ?? null),
        ...(options.kamailioSnippet === undefined ? {} : { snippet: options.kamailioSnippet }),
      });
      const started = kamailio;
      closers.push(async () => await started.stop());
    }
    const edge = kamailio === undefined ? pbx : { host: kamailio.host, port: kamailio.sipPort };
    const account = (extension: string): Account => {
      const found = labAccounts.find((candidate) => candidate.extension === extension);
      if (found === undefined) throw new Error(`the lab has no extension ${extension}`);
      return found;
    };
    const open = async (defaults: UserAgentOptions, more: Partial<UserAgentOptions> = {}): Promise<UserAgent> => {
      const agent = await UserAgent.open({ ...defaults, ...more });
      closers.push(() => agent.close());
      return agent;
    };
    return {
      trees,
      directory,
      asterisk,
      kamailio,
      trunk,
      edge,
      accounts: labAccounts,
      account,
      bootMs: Date.now() - began,
      phone: async (extension, more) =>
        await open(
          {
            address: officeAddress(extension),
            server: edge,
            username: extension,
            password: account(extension).password,
            userAgent: 'Snom D735/10.1',
          },
          more,
        ),
      stranger: async (which, more) =>
        await open(
          {
            address: strangerAddress(which),
            server: edge,
            username: 'nobody',
            userAgent: 'eyeBeam release 1011d',
          },
          more,
        ),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** 127.66.0.n for the nth stranger, counted from 1. */
export function strangerAddress(which: number): string {
  return `127.66.0.${which}`;
}

/** 127.0.10.n for the nth extension. */
export function officeAddress(extension: string): string {
  return `127.0.10.${Number(extension.slice(-3)) % 250}`;
}

/**
 * In a `before` hook: fetches the lab's software, or skips the tests with a printed reason where that cannot be. With CI=true it
 * is a failure.
 */
export async function requireLab(this: Mocha.Context): Promise<void> {
  this.timeout(10 * 60_000);
  try {
    await labTrees();
  } catch (error) {
    if (!(error instanceof LabUnavailable) || process.env['CI'] === 'true') throw error;
    console.warn(`      skipped, the lab cannot be brought up: ${error.message}`);
    this.skip();
  }
}

/**
 * In a `describe`: a lab that is brought up before its tests and ended after them, or skipped as `requireLab` does. Returns how to
 * get at it in a test.
 */
export function useLab(prepare: () => LabOptions | Promise<LabOptions> = () => ({})): () => Lab {
  let lab: Lab | undefined;
  before(requireLab);
  before('the lab comes up', async function () {
    this.timeout(30_000);
    lab = await startLab(await prepare());
    console.log(`      up in ${lab.bootMs} ms, software fetched or found in ${lab.trees.fetchMs} ms`);
  });
  after('the lab ends', async () => await lab?.stop());
  return () => {
    if (lab === undefined) throw new Error('the lab is not up');
    return lab;
  };
}
