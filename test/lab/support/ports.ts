import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';

const given = new Set<string>();

/** A port of `host` that is free for both UDP and TCP and that this process has not given out before. */
export async function freePort(host = '127.0.0.1'): Promise<number> {
  for (let attempt = 0; attempt < 50; attempt++) {
    const port = await freeTcpPort(host);
    if (given.has(`${host}:${port}`) || !(await isUdpFree(host, port))) continue;
    given.add(`${host}:${port}`);
    return port;
  }
  throw new Error(`no free port on ${host}`);
}

async function freeTcpPort(host: string): Promise<number> {
  return await new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ host, port: 0, exclusive: true }, () => {
      const address = server.address();
      server.close(() => {
        if (address === null || typeof address === 'string') reject(new Error('no port'));
        else resolve(address.port);
      });
    });
  });
}

async function isUdpFree(host: string, port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = createSocket('udp4');
    socket.once('error', () => resolve(false));
    socket.bind({ address: host, port, exclusive: true }, () => socket.close(() => resolve(true)));
  });
}
