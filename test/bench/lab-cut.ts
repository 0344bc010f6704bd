/**
 * npm run build && npx tsx test/bench/lab-cut.ts [ROUNDS]: what a thief gets, on the lab's real Asterisk, measured at the SIP client.
 * Claims: from his first INVITE abroad (the one without credentials) to BYE, CANCEL or 403 a median of 100 ms and 1 s at the
 * worst; from a decision to the first request refused 20 ms and, for 99 of 100, 100 ms, with 10,000 entries standing; 5,000
 * blocked addresses cost a REGISTER 10 ms at the most. Limits: one machine for all, loopback, a trunk that answers after
 * 100 ms. Control: of calls that nobody cuts none is, and a REGISTER is timed on the same machine before anything stands.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { costly } from '../lab/support/attacks.ts';
import { decision, runEnforcer } from '../lab/support/enforcement.ts';
import { startLab, strangerAddress, type Lab } from '../lab/support/lab.ts';
import { spread, steals } from '../lab/support/people.ts';
import { freePort } from '../lab/support/ports.ts';
import { pause, until } from '../lab/support/process.ts';
import { guardedLab, mirrored } from '../lab/support/protected.ts';
import { writeSettings } from '../lab/support/settings.ts';
import { homeAddress, staff } from '../lab/support/staff.ts';
import type { UserAgent } from '../lab/support/ua.ts';
import { ringfence, Watcher } from '../lab/support/watcher.ts';
import { openStore } from '../../src/store/index.ts';
import { DAY, HOUR } from '../../src/time.ts';

const rounds = Number(process.argv[2] ?? 20);
const folder = mkdtempSync(join(tmpdir(), 'ringfence-bench-'));

/** The thieves: how each calls with the password of `extension`, from an address of his own. */
const thieves: readonly { name: string; calls: (lab: Lab, extension: string, round: number) => Promise<number> }[] = [
  {
    name: 'registers in place of the owner, then calls',
    calls: async (lab, extension, round) => {
      const thief = await stranger(lab, extension, round);
      await thief.register();
      return await firstCall(lab, thief, costly[0]);
    },
  },
  {
    name: 'calls without registering',
    calls: async (lab, extension, round) =>
      await firstCall(lab, await stranger(lab, extension, 100 + round), costly[0]),
  },
  {
    name: "calls a satellite network at night from the owner's phone",
    calls: async (lab, extension) => {
      const phone = await lab.phone(extension, {
        address: homeAddress(extension),
        port: await freePort(homeAddress(extension)),
      });
      await phone.register();
      return await firstCall(lab, phone, costly[3]);
    },
  },
];

const stranger = async (lab: Lab, extension: string, which: number): Promise<UserAgent> =>
  await lab.stranger(1 + (which % 250), {
    username: extension,
    password: lab.account(extension).password,
    timeoutMs: 5_000,
  });

async function firstCall(lab: Lab, thief: UserAgent, number: string): Promise<number> {
  const { cutMs } = await steals(lab, thief, number, 10_000);
  thief.close();
  return cutMs;
}

/** One lab for all rounds: each robs another account, whose owner is registered at home. */
async function cuts(kamailio: boolean): Promise<void> {
  const port = await freePort();
  const lab = await startLab({ ...guardedLab(folder, kamailio), hep: mirrored(port), trunk: 'own', accounts: staff });
  const settings = writeSettings(lab, { mode: 'enforce', hep: mirrored(port) });
  const watcher = await Watcher.start(settings);
  try {
    console.log(`\nfirst INVITE abroad to BYE, CANCEL or 403, ${kamailio ? 'behind Kamailio' : 'Asterisk alone'}`);
    let robbed = 0;
    for (const { name, calls } of thieves) {
      const taken: number[] = [];
      for (let round = 0; round < rounds; round++) {
        const extension = String(1111 + (robbed++ % 30));
        const owner = await lab.phone(extension, { address: homeAddress(extension) });
        await owner.register();
        if (round === 0) {
          const control = await steals(lab, owner, '0301234567', 500);
          if (!Number.isNaN(control.cutMs)) throw new Error('a call at home was cut');
        }
        taken.push(await calls(lab, extension, robbed));
        owner.close();
        await ringfence(['unblock', '--all', '--config', settings]);
      }
      console.log(`  ${name.padEnd(58)} ${spread(taken)}`);
    }
  } finally {
    await watcher.stop();
    await lab.stop();
  }
}

/** Median, p99 and worst. */
function shares(values: readonly number[]): string {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number): string =>
    (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN).toFixed(1);
  return `median ${at(0.5)} ms, p99 ${at(0.99)} ms, worst ${at(1)} ms of ${values.length}`;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

/** A stranger asks without pause; how long after the decision is the first request sent that is refused? */
async function effects(): Promise<void> {
  const lab = await startLab({ ...guardedLab(folder, false), hep: null, trunk: 'own', accounts: staff });
  const store = openStore(join(folder, 'bench.db'));
  const running = await runEnforcer(lab, store);
  const { enforcer } = running;
  try {
    const phone = await lab.phone('1001');
    const registering = async (): Promise<number[]> => {
      const taken: number[] = [];
      for (let i = 0; i < 200; i++) taken.push((await timed(async () => await phone.register())) / 2);
      return taken;
    };
    console.log('\na REGISTER, each of its two requests');
    console.log(`  ${'nothing stands'.padEnd(58)} ${shares(await registering())}`);
    for (let i = 0; i < 10_000; i++) enforcer.block('number', String(881_600_000_000 + i), Date.now() + DAY, 'bench');
    await until('10,000 stand', 60_000, () => enforcer.health().targets.every(({ unproved }) => unproved === 0), 50);
    console.log('\ndecision to the first request refused, 10,000 entries standing');
    const taken: number[] = [];
    for (let round = 0; round < rounds * 5; round++) {
      const which = 1 + (round % 250);
      const asking = await lab.stranger(which);
      await asking.register();
      const decided = decision('block-address', strangerAddress(which), HOUR);
      store.decisions.put(decided);
      const began = performance.now();
      enforcer.decide([decided]);
      for (;;) {
        const sent = performance.now();
        if ((await asking.register()).status !== 403) continue;
        taken.push(sent - began);
        break;
      }
      asking.close();
      enforcer.unblock({ id: decided.id });
      await pause(30);
    }
    console.log(`  ${'an address: REGISTER refused'.padEnd(58)} ${shares(taken)}`);
    for (let i = 0; i < 5_000; i++) enforcer.block('address', `198.18.${i >> 8}.${i & 255}`, null, 'bench');
    await until(
      '5,000 more stand',
      60_000,
      () => enforcer.health().targets.every(({ unproved }) => unproved === 0),
      50,
    );
    console.log('\na REGISTER, each of its two requests');
    console.log(`  ${'5,000 addresses and 10,000 numbers blocked'.padEnd(58)} ${shares(await registering())}`);
  } finally {
    await running.close();
    store.close();
    await lab.stop();
  }
}

try {
  await cuts(false);
  await cuts(true);
  await effects();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
