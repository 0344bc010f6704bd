import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A real HTTP server that takes what is posted; `status` is what it answers. */
export interface HttpReceiver {
  readonly url: string;
  readonly received: Received[];
  status: number;
  /** milliseconds that it takes to answer */
  delay: number;
  readonly answerHeaders: Record<string, string>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

export function httpReceiver(): HttpReceiver {
  const received: Received[] = [];
  let server: Server | null = null;
  let port = 0;
  const receiver: HttpReceiver = {
    received,
    status: 200,
    delay: 0,
    answerHeaders: {},
    get url() {
      return `http://127.0.0.1:${port}/hook`;
    },
    start: async () => {
      const made = createServer((request, response) => {
        const parts: Buffer[] = [];
        request.on('data', (part: Buffer) => parts.push(part));
        request.on('end', () => {
          const body = Buffer.concat(parts).toString('utf8');
          if (receiver.status < 300) received.push({ path: request.url ?? '', headers: request.headers, body });
          setTimeout(
            () => response.writeHead(receiver.status, receiver.answerHeaders).end('an answer'),
            receiver.delay,
          );
        });
      });
      server = made;
      await new Promise<void>((resolve) => made.listen(port, '127.0.0.1', resolve));
      ({ port } = made.address() as AddressInfo);
    },
    stop: async () => {
      const ending = server;
      server = null;
      ending?.closeAllConnections();
      if (ending !== null) await new Promise((resolve) => ending.close(resolve));
    },
  };
  return receiver;
}
