// npm run demo: a recorded attack plays against a running ringfence, no PBX needed. What is played was recorded in our
// lab from a real Asterisk (test/scenarios/friday-night): mirrored SIP by UDP at its own pace, call records line by line.
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const root = resolve(import.meta.dirname, '..');
const cli = join(root, 'dist/cli.js');
const recorded = join(root, 'test/scenarios/friday-night');
const directory = mkdtempSync(join(tmpdir(), 'ringfence-demo-'));
const children = new Set();
const bold = (text) => (process.stdout.isTTY ? `\u001b[1m${text}\u001b[0m` : text);
const say = (text = '') => console.log(text);
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(directory, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130));

/** The HEP datagrams of a recording, with the moment each was made. */
function datagrams(bytes) {
  const found = [];
  for (let at = 0; at < bytes.length; at += bytes.readUInt16BE(at + 4)) {
    const data = Buffer.from(bytes.subarray(at, at + bytes.readUInt16BE(at + 4)));
    const stamp = { seconds: -1, micros: -1 };
    for (let chunk = 6; chunk + 6 <= data.length; chunk += data.readUInt16BE(chunk + 4)) {
      const id = data.readUInt16BE(chunk + 2);
      if (id === 9) stamp.seconds = chunk + 6;
      if (id === 10) stamp.micros = chunk + 6;
    }
    const time = data.readUInt32BE(stamp.seconds) * 1000 + Math.floor(data.readUInt32BE(stamp.micros) / 1000);
    found.push({ at: time, play: (shift) => restamp(data, stamp, time + shift) });
  }
  return found;
}

function restamp(data, stamp, time) {
  data.writeUInt32BE(Math.floor(time / 1000), stamp.seconds);
  data.writeUInt32BE((time % 1000) * 1000, stamp.micros);
  return data;
}

/** Call records, each at the end of its call, with every time in it moved along. */
function records(text) {
  const parse = (date) => Date.parse(`${date.replace(' ', 'T')}Z`);
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const dates = [...line.matchAll(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/g)].map(([date]) => parse(date));
      const moved = (shift) =>
        line
          .replace(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/g, (date) =>
            new Date(parse(date) + shift).toISOString().slice(0, 19).replace('T', ' '),
          )
          .replace(
            /"(\d{10})\.(\d+)"/g,
            (_, seconds, rest) => `"${Number(seconds) + Math.round(shift / 1000)}.${rest}"`,
          );
      // whole seconds are all a record has; a little later it is surely written
      return { at: Math.max(...dates) + 900, moved };
    });
}

function ringfence(args, stdio = 'inherit') {
  const child = spawn(process.execPath, [cli, ...args], { stdio, cwd: directory });
  children.add(child);
  child.on('close', () => children.delete(child));
  return child;
}

const finished = (child) => new Promise((done) => child.on('close', done));

async function freePort() {
  const socket = createSocket('udp4');
  await new Promise((bound) => socket.bind(0, '127.0.0.1', bound));
  const { port } = socket.address();
  await new Promise((closed) => socket.close(closed));
  return port;
}

const hepPort = await freePort();
const settings = join(directory, 'ringfence.toml');
const master = join(directory, 'Master.csv');
writeFileSync(master, '');
writeFileSync(
  settings,
  readFileSync(join(recorded, 'settings.toml'), 'utf8') +
    `
[store]
path = "${join(directory, 'ringfence.db')}"
[hep]
listen = ["udp:127.0.0.1:${hepPort}"]
[asterisk.cdr]
path = "${master}"
`,
);

say(bold('ringfence demo'));
say(
  'A small office, Friday night: everybody has gone home. What you see was recorded from a real Asterisk in our lab and',
);
say('plays now at its own pace against a running ringfence; it takes some ten seconds. ringfence only observes.');
say();
say('   first     extension 1001 calls a colleague, a national number and the fire brigade: ordinary, nothing is said');
say('   then      a stranger guesses passwords, SIPVicious finds one, a thief registers extension 1004 from elsewhere');
say('   and then  calls to Latvia, Somalia, Cuba and a satellite network');
say();

const daemon = ringfence(['run', '--config', settings, '--log', 'error'], ['ignore', 'inherit', 'pipe']);
let log = '';
const ready = new Promise((done, failed) => {
  daemon.stderr.on('data', (chunk) => {
    log += chunk;
    if (log.includes('ringfence ready')) done();
  });
  daemon.on('close', (code) => failed(new Error(`ringfence run ended with status ${code}:\n${log}`)));
});
const ended = finished(daemon);
await ready;

const packets = datagrams(readFileSync(join(recorded, 'traffic.hep')));
const rows = records(readFileSync(join(recorded, 'records.csv'), 'utf8'));
const socket = createSocket('udp4');
const began = Date.now();
const shift = began - packets[0].at;
const timeline = [
  ...packets.map(({ at, play }) => ({ at, play: () => socket.send(play(shift), hepPort, '127.0.0.1') })),
  ...rows.map(({ at, moved }) => ({ at, play: () => appendFileSync(master, `${moved(shift)}\n`) })),
].sort((a, b) => a.at - b.at);
for (const item of timeline) {
  const wait = item.at + shift - Date.now();
  if (wait > 0) await sleep(wait);
  item.play();
}
await sleep(1500);
socket.close();
daemon.kill('SIGTERM');
const status = await ended;
if (status !== 0) throw new Error(`ringfence run ended with status ${status}:\n${log}`);

const incidents = async () => {
  const child = ringfence(
    ['alerts', 'list', '--config', settings, '--format', 'json', '--quiet'],
    ['ignore', 'pipe', 'inherit'],
  );
  let text = '';
  child.stdout.on('data', (chunk) => (text += chunk));
  await finished(child);
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
};
const found = await incidents();
const worst = found.find((i) => i.accounts.includes('1004')) ?? found[0];
if (worst === undefined) throw new Error('the attack was played and nothing was found: this is a bug');

say();
say(bold('$ ringfence alerts list'));
await finished(ringfence(['alerts', 'list', '--config', settings, '--quiet']));
say();
say(bold(`$ ringfence alerts show ${worst.id.slice(0, 8)}`));
await finished(ringfence(['alerts', 'show', worst.id, '--config', settings, '--quiet']));
say();
say(bold('Next, on a real PBX'));
say('  1. node dist/cli.js config print > ringfence.toml    every setting with its meaning; change what is yours');
say('  2. node dist/cli.js scan --all --config ringfence.toml    judge the call records you already have');
say('  3. switch on the feeds: asterisk-conf/ and kamailio-conf/ hold the lines, docs/operators-guide.md says where');
say('  4. node dist/cli.js run --config ringfence.toml    watch live');
say('  No PBX at hand? npm run lab brings up a real Asterisk; npm run lab -- attack attacks it.');
