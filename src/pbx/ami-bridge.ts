import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, isIP } from 'node:net';
import type { Server, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { messageOf, PeerError } from '../errors.ts';
import type { Millis } from '../model.ts';

export interface TlsTarget {
  readonly host: string;
  readonly port: number;
  /** PEM certificates to trust instead of the system's */
  readonly ca?: string;
  /** the name in the certificate, if it is not `host` */
  readonly servername?: string;
}

/** A unix socket in a folder of our own (mode 0700) that leads, once, to a TLS connection which is already verified. */
export interface TlsBridge {
  readonly path: string;
  /** what broke the TLS side, if it was that */
  readonly failure: PeerError | null;
  close(): void;
}

/**
 * Opens a TLS connection (1.2 or newer, certificate and name checked) and a private way to it for a library that knows
 * plain sockets only. @throws PeerError, not retryable when the certificate is at fault
 */
export async function bridgeTls(target: TlsTarget, timeout: Millis): Promise<TlsBridge> {
  const remote = await connected(target, timeout);
  const folder = mkdtempSync(join(tmpdir(), 'ringfence-ami-'));
  chmodSync(folder, 0o700);
  const path = join(folder, 'ami.sock');
  const bridge = new Bridge(remote, folder, path, target);
  try {
    await bridge.listen();
  } catch (error) {
    bridge.close();
    throw new PeerError('peer-unreachable', `cannot make a private socket in ${tmpdir()}: ${messageOf(error)}`, true);
  }
  return bridge;
}

class Bridge implements TlsBridge {
  failure: PeerError | null = null;
  readonly path: string;
  readonly #remote: TLSSocket;
  readonly #folder: string;
  readonly #server: Server;
  #local: Socket | null = null;

  constructor(remote: TLSSocket, folder: string, path: string, target: TlsTarget) {
    this.#remote = remote;
    this.#folder = folder;
    this.path = path;
    this.#server = createServer((local) => this.#join(local));
    remote.on('error', (error: Error) => (this.failure ??= tlsFailure(target, error)));
    remote.on('close', () => {
      this.#local?.end(); // what is on its way is delivered, then the other side sees the end
      this.#remove();
    });
  }

  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.path, () => resolve());
    });
  }

  #join(local: Socket): void {
    this.#remove();
    if (this.#local !== null) {
      local.destroy();
      return;
    }
    this.#local = local;
    local.on('error', () => undefined);
    local.on('close', () => this.#remote.destroy());
    local.pipe(this.#remote);
    this.#remote.pipe(local);
    if (this.#remote.destroyed) local.end();
  }

  /** One connection is all: the name goes as soon as it is made. */
  #remove(): void {
    this.#server.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  close(): void {
    this.#remove();
    this.#remote.destroy();
    this.#local?.destroy();
  }
}

function connected(target: TlsTarget, timeout: Millis): Promise<TLSSocket> {
  const name = target.servername ?? (isIP(target.host) === 0 ? target.host : undefined);
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: target.host,
      port: target.port,
      minVersion: 'TLSv1.2',
      ...(name === undefined ? {} : { servername: name }),
      ...(target.ca === undefined ? {} : { ca: target.ca }),
    });
    socket.setNoDelay(true);
    const timer = setTimeout(() => {
      socket.destroy();
      reject(
        new PeerError(
          'peer-timeout',
          `AMI at ${target.host}:${target.port}: no TLS within ${timeout} ms (tlsenable in manager.conf?)`,
          true,
        ),
      );
    }, timeout);
    const failed = (error: Error): void => {
      clearTimeout(timer);
      reject(tlsFailure(target, error));
    };
    socket.once('error', failed);
    socket.once('secureConnect', () => {
      clearTimeout(timer);
      socket.off('error', failed);
      resolve(socket);
    });
  });
}

const UNREACHABLE = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
  'EPIPE',
  'ENOTFOUND',
  'EAI_AGAIN',
]);

function tlsFailure(target: TlsTarget, error: Error): PeerError {
  const where = `AMI at ${target.host}:${target.port}`;
  const code = 'code' in error ? String(error.code) : '';
  if (UNREACHABLE.has(code)) {
    const hint = code === 'ECONNREFUSED' ? ': is Asterisk running, and tlsenable = yes in manager.conf?' : '';
    return new PeerError('peer-unreachable', `${where}: ${error.message}${hint}`, true, { cause: error });
  }
  const hint = /CERT|SIGN|ALTNAME|ISSUER/.test(code)
    ? 'set asterisk.ami.ca_file to the certificate that signed it'
    : 'is this the TLS port (tlsbindaddr in manager.conf)?';
  return new PeerError('peer-refused', `${where}: TLS failed: ${error.message}; ${hint}`, false, { cause: error });
}
