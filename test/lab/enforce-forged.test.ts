import assert from 'node:assert/strict';
import { costly } from './support/attacks.ts';
import { Forger, learn } from './support/forger.ts';
import { addresses, strangerAddress } from './support/lab.ts';
import type { Lab } from './support/lab.ts';
import { steals, type People } from './support/people.ts';
import { pause, until } from './support/process.ts';
import { contactsOf, sites, unexpected, useProtectedLab } from './support/protected.ts';
import { homeAddress } from './support/staff.ts';

const LONG = process.env['RINGFENCE_LONG'] !== undefined;
/** Rounds of everything that a forger sends; each has all kinds. */
const ROUNDS = LONG ? 1_000 : 12;
/** A real attacker comes among them each so many rounds. */
const REAL_EACH = LONG ? 10 : 6;

/** The home worker whose address is forged most, and who has never done anything wrong. */
const VICTIM = '1111';
/** Whose password the real attackers have. */
const ROBBED = '1115';

/** What can be sent in somebody's name; each makes a storm of one kind of evidence. */
const kinds: readonly {
  name: string;
  calls?: true;
  send: (forger: Forger, lab: Lab, round: number) => Promise<void>;
}[] = [
  {
    name: 'password guesses, one account',
    send: async (forger, _lab, round) => {
      for (let i = 0; i < 25; i++)
        await sent(forger, { method: 'REGISTER', as: '1112', password: `guess${round}-${i}` });
    },
  },
  {
    name: 'password guesses, many accounts, with a challenge that was learnt elsewhere',
    send: async (forger, lab) => {
      const learnt = await learn(strangerAddress(200), lab.edge, '1112');
      for (let i = 0; i < 20; i++)
        await sent(forger, { method: 'REGISTER', as: String(1101 + i), password: 'guess', learnt });
    },
  },
  {
    name: 'a search for extensions by a tool that says so',
    send: async (forger, _lab, round) => {
      for (let i = 0; i < 40; i++)
        await sent(forger, {
          method: 'REGISTER',
          as: String(2_000 + (round % 50) * 40 + i),
          userAgent: 'friendly-scanner',
        });
    },
  },
  {
    name: 'calls abroad without credentials, behind every prefix',
    calls: true,
    send: async (forger) => {
      for (const prefix of ['', '0', '00', '000', '900', '9011', '011', '+', '810'])
        await sent(forger, { method: 'INVITE', as: '100', to: `${prefix}972595000005`, userAgent: 'pplsip' });
    },
  },
  {
    name: 'calls abroad with a stolen password and a challenge that was learnt elsewhere',
    calls: true,
    send: async (forger, lab) => {
      const learnt = await learn(strangerAddress(201), lab.edge, '1113');
      const { password } = lab.account('1113');
      for (const to of costly) await sent(forger, { method: 'INVITE', as: '1113', to, password, learnt });
    },
  },
  {
    name: 'calls abroad with a password that is guessed',
    calls: true,
    send: async (forger) => {
      for (const to of costly) await sent(forger, { method: 'INVITE', as: '1116', to, password: 'guess' });
    },
  },
  {
    name: 'a registration with a stolen password and a challenge that was learnt elsewhere',
    send: async (forger, lab) => {
      const learnt = await learn(strangerAddress(202), lab.edge, '1114');
      await sent(forger, { method: 'REGISTER', as: '1114', password: lab.account('1114').password, learnt });
    },
  },
];

async function sent(forger: Forger, forged: Parameters<Forger['send']>[0]): Promise<void> {
  forger.send(forged);
  await pause(2);
}

for (const site of sites)
  describe(`lab: forged sources at ${site.name}`, function () {
    this.timeout(LONG ? 3 * 3_600_000 : 90_000);
    const { lab, people } = useProtectedLab({ kamailio: site.kamailio });
    /** Accounts whose passwords were stolen: what is held of theirs protects them. */
    const stolen = ['1113', '1114'];
    const real: string[] = [];
    let others: People;

    it('blocks nobody whose address is forged, and everybody who attacks himself', async () => {
      others = await people(VICTIM, '1001');
      const robbed = await lab().phone(ROBBED, { address: homeAddress(ROBBED) });
      assert.equal((await robbed.register()).status, 200);
      const victim = others.phones[0]!;
      const trunk = await Forger.at(addresses.carrier, lab().edge);
      const forgers = [
        { who: "the home worker's phone, address and port", forger: Forger.as(victim, lab().edge) },
        { who: "the home worker's address", forger: await Forger.at(homeAddress(VICTIM), lab().edge) },
        { who: "the trunk's address", forger: trunk },
        { who: "the PBX's address", forger: await Forger.at(addresses.pbx, lab().edge) },
        { who: "an office phone's address", forger: await Forger.at('127.0.10.1', lab().edge) },
        { who: 'an address where nobody has ever been', forger: await Forger.at('127.77.0.1', lab().edge) },
      ];
      for (let round = 0; round < ROUNDS; round++) {
        const { who, forger } = forgers[round % forgers.length]!;
        for (const { name, calls, send } of kinds) {
          // Asterisk takes calls from the trunk's address as they come and holds each for a minute: thousands would be its end
          if (calls === true && forger === trunk && Math.floor(round / forgers.length) % 10 !== 0) continue;
          await send(forger, lab(), round);
          await pause(20);
          assert.deepEqual(await innocent(), [], `${name}, forged as ${who}, round ${round}`);
        }
        if (round % REAL_EACH === REAL_EACH - 1) await attack(1 + Math.floor(round / REAL_EACH));
      }
      await pause(2_000);
      assert.deepEqual(await innocent(), []);
      for (const { forger } of forgers) forger.close();
      assert.deepEqual(await others.stop(), [], 'the people whose addresses are forged feel nothing');
      console.log(`      ${ROUNDS} rounds, ${real.length / 2} real attackers among them contained`);
    });

    const innocent = async (): Promise<string[]> => await unexpected(lab(), [...stolen, ...real]);

    /** Somebody with a stolen password, at an address of his own: contained, whatever goes on beside. */
    async function attack(which: number): Promise<void> {
      const { password } = lab().account(ROBBED);
      const thief = await lab().stranger(which, { username: ROBBED, password, timeoutMs: 2_000 });
      real.push(ROBBED, strangerAddress(which));
      await thief.register();
      for (const number of costly) {
        const { cutMs, status } = await steals(lab(), thief, number, 5_000);
        assert.ok(cutMs < 1_000, `attacker ${which}: ${status}, cut after ${cutMs} ms`);
      }
      await until('his REGISTER is refused', 5_000, async () => (await thief.register()).status === 403);
      await until('his contact is gone', 5_000, async () => {
        return !(await contactsOf(lab(), ROBBED)).includes(strangerAddress(which));
      });
      thief.close();
    }
  });
