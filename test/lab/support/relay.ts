import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { RelaySettings, RelayWord } from '../../support/smime-relay-child.ts';
import { encodeHep } from '../../../src/wire/hep.ts';
import { until } from './process.ts';

/** A packet of the phones' side, as a capture agent at the relay sees it. */
export function mirrored(
  { at, in: inward, peer, bytes }: Omit<RelayWord & { kind: 'packet' }, 'kind'>,
  { own, hep }: Pick<RelaySettings, 'own' | 'hep'>,
): Buffer {
  const phone = [peer.address, peer.port] as const;
  const relay = [own.host, own.port] as const;
  const [[source, sourcePort], [destination, destinationPort]] = inward ? [phone, relay] : [relay, phone];
  return encodeHep({
    ...{ protocol: 17, source, sourcePort, destination, destinationPort, seenAt: at, captureId: 7, payloadType: 1 },
    ...{ payload: Buffer.from(bytes, 'base64'), authKey: hep.password, correlationId: null, nodeName: null },
  });
}

const CHILD = new URL('../../support/smime-relay-child.ts', import.meta.url).pathname;

/** The relay of test/support/smime-relay-child.ts, in a process of its own, so that it can be killed. */
export class Relay {
  readonly words: RelayWord[] = [];
  readonly settings: RelaySettings;
  #child: ChildProcess | null = null;
  #errors = '';

  constructor(settings: RelaySettings) {
    this.settings = settings;
  }

  /** Starts it, `ahead` of the clock by so many milliseconds. */
  async start(ahead = 0): Promise<void> {
    const child = spawn(process.execPath, ['--import', 'tsx', CHILD, JSON.stringify(this.settings)]);
    this.#child = child;
    const last = (): void => void child.kill('SIGKILL');
    process.once('exit', last);
    child.once('close', () => process.off('exit', last));
    child.stderr.on('data', (chunk: Buffer) => (this.#errors += chunk.toString()));
    const from = this.words.length;
    createInterface({ input: child.stdout }).on('line', (line) => this.words.push(JSON.parse(line) as RelayWord));
    await until(
      'the relay',
      20_000,
      () => this.words.slice(from).some(({ kind }) => kind === 'ready') || child.exitCode !== null,
    );
    if (child.exitCode !== null) throw new Error(`the relay ended: ${this.#errors}`);
    this.clock(ahead);
  }

  /** Milliseconds that its clock is ahead. */
  clock(ahead: number): void {
    this.#child?.stdin?.write(`clock ${ahead}\n`);
  }

  async kill9(): Promise<void> {
    const child = this.#child;
    if (child?.exitCode !== null || child.signalCode !== null) return;
    const closed = new Promise<void>((done) => child.once('close', () => done()));
    child.kill('SIGKILL');
    await closed;
  }

  get verdicts(): (RelayWord & { kind: 'verdict' })[] {
    return this.words.filter((word) => word.kind === 'verdict');
  }

  get packets(): (RelayWord & { kind: 'packet' })[] {
    return this.words.filter((word) => word.kind === 'packet');
  }
}
