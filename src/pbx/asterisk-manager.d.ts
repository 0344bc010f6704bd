/** The part of asterisk-manager 0.2.0 (which brings no types) that ami-transport.ts uses. */
declare module 'asterisk-manager' {
  import type { NetConnectOpts } from 'node:net';

  export interface Manager {
    /** `options` go as they are to net.createConnection, whose second argument then is not used. */
    connect(options: NetConnectOpts, unused: undefined, connected: () => void): void;
    /** Sends the account that it was made with; until its answer is told under the ActionID it chose, actions are held back. */
    login(done: (error?: unknown) => void): void;
    /** Headers are sorted and their names change case; `actionid` is sent as given. */
    action(action: Record<string, string>): void;
    on(event: 'error', listener: (error: Error) => void): void;
    on(event: 'close' | 'end', listener: () => void): void;
    emit(event: string, ...values: unknown[]): boolean;
    listeners(event: string): unknown[];
  }

  export default function manager(
    port: undefined,
    host: undefined,
    username: string,
    secret: string,
    events: boolean,
  ): Manager;
}
