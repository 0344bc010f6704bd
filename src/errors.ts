/** Every code that an error of ours can carry; scripts and tests match on it, never on the message. */
export type ErrorCode =
  | 'config-invalid'
  | 'config-unreadable'
  | 'secret-unsafe'
  | 'input-missing'
  | 'input-unreadable'
  | 'input-malformed'
  | 'store-newer'
  | 'store-unreadable'
  | 'store-locked'
  | 'store-full'
  | 'store-damaged'
  | 'peer-unreachable'
  | 'peer-refused'
  | 'peer-timeout'
  | 'peer-closed'
  | 'peer-protocol'
  | 'smime-refused'
  | 'refused'
  | 'usage';

/** An error that a person can act on: the message says what, where and what to do. Anything else is a bug and crashes. */
export class RingfenceError extends Error {
  readonly code: ErrorCode;
  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** One problem in the settings. `path` is dotted as in the TOML file; `help` says what would be right. */
export interface ConfigProblem {
  readonly path: string;
  readonly message: string;
  readonly help?: string;
}

/** Wrong settings: all problems at once, so that nobody has to mend and retry line by line. */
export class ConfigError extends RingfenceError {
  readonly problems: readonly ConfigProblem[];
  constructor(file: string, problems: readonly ConfigProblem[]) {
    const lines = problems.map((p) => `  ${p.path}: ${p.message}${p.help === undefined ? '' : ` (${p.help})`}`);
    super(
      'config-invalid',
      `${file}: ${problems.length} problem${problems.length === 1 ? '' : 's'}\n${lines.join('\n')}`,
    );
    this.problems = problems;
  }
}

/** An input file or stream that is missing, unreadable or not what it should be: exit status 2. */
export class InputError extends RingfenceError {}

/** The store cannot be used, or could not take a write. */
export class StoreError extends RingfenceError {}

/** A neighbour (Asterisk, Kamailio, a capture agent) is away or refuses. `retryable`: would the same call work later? */
export class PeerError extends RingfenceError {
  readonly retryable: boolean;
  constructor(code: ErrorCode, message: string, retryable: boolean, options?: ErrorOptions) {
    super(code, message, options);
    this.retryable = retryable;
  }
}

/** Text of anything that was thrown, for a log line. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
