/**
 * npm run lab:record -- NAME   records one of the scenarios below in the lab into test/scenarios/NAME/: what Asterisk
 * mirrored (traffic.hep), its call records (records.csv) and its manager events (events.ami), all of the same minutes.
 * expect.json, note.md and settings.toml beside them are written by hand.
 */
import { createSocket } from 'node:dgram';
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  hijack,
  innocents,
  internationalCalls,
  ordinaryCalls,
  prefixScan,
  removal,
  unregisteredCall,
  wrongPasswords,
  crackPassword,
  enumerateAccounts,
} from '../../test/lab/support/attacks.ts';
import { startLab, type Lab } from '../../test/lab/support/lab.ts';
import { repository } from '../../test/lab/support/packages.ts';
import { pause } from '../../test/lab/support/process.ts';

type Play = (lab: Lab) => Promise<unknown>;

const scenarios: Readonly<Record<string, readonly Play[]>> = {
  'friday-night': [
    (lab) => ordinaryCalls(lab),
    (lab) => wrongPasswords(lab, '1002', 25),
    (lab) => crackPassword(lab),
    (lab) => hijack(lab),
    (lab) => internationalCalls(lab),
    (lab) => unregisteredCall(lab),
  ],
  'hijack-and-calls': [(lab) => hijack(lab), (lab) => internationalCalls(lab)],
  guessing: [(lab) => wrongPasswords(lab, '1002', 25), (lab) => crackPassword(lab)],
  searching: [(lab) => enumerateAccounts(lab), (lab) => prefixScan(lab)],
  removal: [(lab) => removal(lab)],
  innocents: innocents.map(({ play }) => play),
};

const name = process.argv[2] ?? '';
const plays = scenarios[name];
if (plays === undefined) {
  console.error(`usage: npm run lab:record -- ${Object.keys(scenarios).join('|')}`);
  process.exit(2);
}

const mirror = createSocket('udp4');
const datagrams: Buffer[] = [];
mirror.on('message', (data) => datagrams.push(data));
await new Promise<void>((bound) => mirror.bind({ address: '127.0.0.1', port: 0 }, bound));
const lab = await startLab({ hep: { port: mirror.address().port }, trunk: 'own' });
try {
  for (const play of plays) {
    await play(lab);
    await pause(400);
  }
  await pause(1_000); // the last call records
  const directory = join(repository, 'test/scenarios', name);
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'traffic.hep'), Buffer.concat(datagrams));
  if (existsSync(lab.asterisk.masterCsv)) copyFileSync(lab.asterisk.masterCsv, join(directory, 'records.csv'));
  // TestEvent is a peculiarity of the lab's build and tells nothing
  const events = lab.asterisk.ami.events.filter(({ headers }) => headers.get('Event') !== 'TestEvent');
  const transcript = events.map(({ at, lines }) => `# at ${new Date(at).toISOString()}\n${lines.join('\r\n')}\r\n\r\n`);
  writeFileSync(join(directory, 'events.ami'), transcript.join(''));
  console.log(`${directory}: ${datagrams.length} datagrams, ${events.length} events`);
} finally {
  await lab.stop();
  mirror.close();
}
