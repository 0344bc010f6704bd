// Opens so many connections to 127.0.0.1:PORT, from hundreds of source addresses, and says nothing on any of them.
import { connect } from 'node:net';

const [port, count] = process.argv.slice(2).map(Number);
let made = 0;
const one = (i) =>
  new Promise((resolve) => {
    const localAddress = `127.${1 + ((i >> 12) & 63)}.${(i >> 4) & 255}.1`;
    const socket = connect({ port, host: '127.0.0.1', localAddress });
    socket.on('connect', resolve).on('error', resolve).on('close', resolve);
  });
while (made < count) {
  const batch = Array.from({ length: Math.min(200, count - made) }, (_, i) => one(made + i));
  await Promise.all(batch);
  made += batch.length;
}
process.stdout.write(`${made}\n`);
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
