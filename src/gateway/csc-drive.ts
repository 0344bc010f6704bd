import type { TLSSocket } from 'node:tls';
import type { Established, HandshakeRefused, HandshakeStep } from '../crypto/csc/handshake.ts';
import type { PrivateKeyHandle } from '../crypto/private-key.ts';

/** Either side's handshake machine, without its clock. */
export interface Machine<D extends Established> {
  receive(chunk: Buffer): HandshakeStep<D>[];
  signed(signature: Uint8Array): HandshakeStep<D>[];
  unwrapped(secret: Uint8Array | null): HandshakeStep<D>[];
}

/** Runs the private keys. */
export interface PrivateWork {
  /** rejected: there is too much of it already */
  sign(key: PrivateKeyHandle, data: Uint8Array): Promise<Uint8Array>;
  unwrap(key: PrivateKeyHandle, wrapped: Uint8Array, label: Uint8Array): Promise<Uint8Array | null>;
}

/** How it ended: `failed` is what `PrivateWork` was rejected with. */
export type HandshakeEnd<D extends Established> =
  D | HandshakeRefused | { readonly kind: 'failed'; readonly error: unknown };

/**
 * Carries a handshake out over a socket. Nothing is read while a private key works. When it has ended the socket is paused and
 * has no listener of ours; a socket that closes before is the caller's to notice.
 * @param first steps before anything is received
 */
export function driveHandshake<D extends Established>(
  socket: TLSSocket,
  machine: Machine<D>,
  work: PrivateWork,
  first: readonly HandshakeStep<D>[],
  ended: (end: HandshakeEnd<D>) => void,
): void {
  const data = (chunk: Buffer): void => run(machine.receive(chunk));
  const finish = (end: HandshakeEnd<D>): void => {
    socket.off('data', data);
    socket.pause();
    ended(end);
  };
  const await_ = <T>(result: Promise<T>, then: (value: T) => HandshakeStep<D>[]): void => {
    socket.pause();
    result.then(
      (value) => {
        if (socket.destroyed) return;
        run(then(value));
      },
      (error: unknown) => {
        if (!socket.destroyed) finish({ kind: 'failed', error });
      },
    );
  };
  const run = (steps: readonly HandshakeStep<D>[]): void => {
    let reading = true;
    for (const step of steps)
      switch (step.kind) {
        case 'send':
          socket.write(step.bytes);
          break;
        case 'sign':
          reading = false;
          await_(work.sign(step.key, step.data), (signature) => machine.signed(signature));
          break;
        case 'unwrap':
          reading = false;
          await_(work.unwrap(step.key, step.wrapped, step.label), (secret) => machine.unwrapped(secret));
          break;
        default:
          finish(step);
          return;
      }
    if (reading) socket.resume();
  };
  socket.on('data', data);
  run(first);
}
