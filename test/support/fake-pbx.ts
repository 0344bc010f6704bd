import { PeerError } from '../../src/errors.ts';
import type { AmiHeaders, AmiSession } from '../../src/pbx/ami.ts';
import { AmiMessage } from '../../src/wire/ami.ts';

/** Asterisk as its manager shows it, in memory: a database and channels, and ways to go wrong. The real one is in test/lab. */
export class FakePbx implements AmiSession {
  readonly version = '11.0.0';
  /** full keys, `/ringfence/account/1004` */
  readonly database = new Map<string, string>();
  /** uniqueid -> extension */
  readonly channels = new Map<string, string>();
  /** actions as they came */
  readonly asked: string[] = [];
  /** answers that go before: an error to throw, or words of a refusal */
  fails: (name: string, headers: ReadonlyMap<string, string>) => PeerError | string | null = () => null;
  /** runs after a DBPut: somebody else at work */
  afterPut: (key: string) => void = () => undefined;
  /** kept back until it is called, where a test wants to be in between */
  gate: Promise<void> | null = null;

  async action(name: string, headers: AmiHeaders = []): Promise<AmiMessage> {
    const fields = await this.#come(name, headers);
    if (typeof fields === 'string') return error(fields);
    const key = `/${fields.get('Family') ?? ''}/${fields.get('Key') ?? ''}`;
    switch (name) {
      case 'DBPut':
        this.database.set(key, fields.get('Val') ?? '');
        this.afterPut(key);
        return success();
      case 'DBDel':
        return this.database.delete(key) ? success() : error('Database entry could not be deleted');
      case 'Hangup':
        return this.channels.delete(fields.get('Channel') ?? '') ? success() : error('No such channel');
      default:
        return error('Invalid/unknown command');
    }
  }

  async list(name: string, headers: AmiHeaders = []): Promise<AmiMessage[]> {
    const fields = await this.#come(name, headers);
    if (typeof fields === 'string') throw new PeerError('peer-refused', fields, false);
    const path = [fields.get('Family') ?? '', fields.get('Key') ?? ''].filter((part) => part !== '').join('/');
    switch (name) {
      case 'DBGet': {
        const value = this.database.get(`/${path}`);
        return value === undefined ? [] : [row(path, value)];
      }
      case 'DBGetTree': {
        // as SQL has it: case folds, and _ is any character
        const like = new RegExp(`^/${path.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/_/g, '.')}(?:/|$)`, 'i');
        return [...this.database].filter(([key]) => like.test(key)).map(([key, value]) => row(key, value));
      }
      case 'CoreShowChannels':
        return [...this.channels].map(
          ([uniqueid, exten]) =>
            new AmiMessage([
              ['Event', 'CoreShowChannel'],
              ['Uniqueid', uniqueid],
              ['Exten', exten],
            ]),
        );
      case 'PJSIPShowEndpoint':
        for (const [key, value] of this.database)
          if (key.startsWith('/registrar/contact/') && value.includes('"expiration_time":"1"'))
            this.database.delete(key);
        return [];
      default:
        throw new PeerError('peer-refused', 'Invalid/unknown command', false);
    }
  }

  close(): void {
    this.database.clear();
  }

  /** What stands in our family, without its name. */
  get ours(): Record<string, string> {
    return Object.fromEntries(
      [...this.database]
        .filter(([key]) => key.startsWith('/ringfence/'))
        .map(([key, value]): [string, string] => [key.slice('/ringfence/'.length), value])
        .sort(([a], [b]) => (a < b ? -1 : 1)),
    );
  }

  async #come(name: string, headers: AmiHeaders): Promise<ReadonlyMap<string, string> | string> {
    const fields = new Map(headers);
    this.asked.push(`${name} ${headers.map(([, value]) => value).join(' ')}`.trim());
    await (this.gate ?? Promise.resolve());
    const failure = this.fails(name, fields);
    if (failure instanceof PeerError) throw failure;
    return failure ?? fields;
  }
}

const success = (): AmiMessage => new AmiMessage([['Response', 'Success']]);
const error = (message: string): AmiMessage =>
  new AmiMessage([
    ['Response', 'Error'],
    ['Message', message],
  ]);
const row = (key: string, value: string): AmiMessage =>
  new AmiMessage([
    ['Event', 'DBGetTreeResponse'],
    ['Key', key],
    ['Val', value],
  ]);
