import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from '../../support/temporary.ts';
import type { AmiMessage } from './ami.ts';
import { accounts } from './asterisk-files.ts';
import type { Call } from './call.ts';
import { useLab } from './lab.ts';
import type { Lab } from './lab.ts';
import { pause, until } from './process.ts';
import type { UserAgent } from './ua.ts';

const GUARD = fileURLToPath(new URL('../../../asterisk-conf/extensions_ringfence.conf', import.meta.url));

/** Phones call through the guard whatever they dial; the other contexts show its parts to the tests. */
const DIALPLAN = `#include "${GUARD}"
[guarded]
exten => *54,1,Gosub(ringfence-pin,s,1)
exten => _.,1,Gosub(ringfence-guard,s,1(\${EXTEN}))
 same => n,Dial(PJSIP/\${EXTEN}@trunk,60)
 same => n,Hangup()
[parts]
exten => e164,1,Gosub(ringfence-e164,s,1(\${GIVEN}))
 same => n,UserEvent(Part,Given: \${GIVEN},Result: \${GOSUB_RETVAL})
 same => n,Hangup()
exten => abroad,1,Gosub(ringfence-e164,s,1(\${GIVEN}))
 same => n,Gosub(ringfence-abroad,s,1(\${GOSUB_RETVAL}))
 same => n,UserEvent(Part,Given: \${GIVEN},Result: \${GOSUB_RETVAL})
 same => n,Hangup()
exten => emergency,1,Gosub(ringfence-is-emergency,s,1(\${GIVEN}))
 same => n,UserEvent(Part,Given: \${GIVEN},Result: \${GOSUB_RETVAL})
 same => n,Hangup()
exten => network,1,Set(RINGFENCE_ADDRESS=\${GIVEN})
 same => n,Gosub(ringfence-network,s,1)
 same => n,UserEvent(Part,Given: \${GIVEN},Result: \${RINGFENCE_NETWORK})
 same => n,Hangup()
exten => timed,1,Set(RINGFENCE_FROM=\${STRFTIME(,,%s%6q)})
 same => n,Set(RINGFENCE_ROUND=0)
 same => n(again),Gosub(ringfence-guard,s,1(\${GIVEN}))
 same => n,Set(RINGFENCE_ROUND=$[\${RINGFENCE_ROUND} + 1])
 same => n,GotoIf($[\${RINGFENCE_ROUND} < 100]?again)
 same => n,UserEvent(Part,Given: \${GIVEN},Result: $[\${STRFTIME(,,%s%6q)} - \${RINGFENCE_FROM}])
 same => n,Hangup()
`;

/** An endpoint whose name has what means something in expressions and function arguments. */
export const AWKWARD = { extension: 'x(1):2$&y', password: 'Gh3-kkW9-qqZ2', name: 'Awkward' };

export const inSeconds = (seconds: number): string => String(Math.floor(Date.now() / 1000) + seconds);

/** AstDB, family ringfence, over the lab's manager account; remembers what it wrote. */
export class Entries {
  readonly #lab: () => Lab;
  readonly #written = new Set<string>();

  constructor(lab: () => Lab) {
    this.#lab = lab;
  }

  /** Puts an entry that ends in `seconds`, or one with a value of its own. */
  async put(key: string, value: number | string = 60): Promise<void> {
    this.#written.add(key);
    const text = typeof value === 'number' ? inSeconds(value) : value;
    const answer = await this.#lab().asterisk.ami.action('DBPut', { Family: 'ringfence', Key: key, Val: text });
    assert.equal(answer.headers.get('Response'), 'Success', `${key}: ${answer.lines.join(' ')}`);
  }

  async putAll(entries: Readonly<Record<string, string>>): Promise<void> {
    for (const [key, value] of Object.entries(entries)) await this.put(key, value);
  }

  async delete(key: string): Promise<void> {
    this.#written.delete(key);
    await this.#lab().asterisk.ami.action('DBDel', { Family: 'ringfence', Key: key });
  }

  async clear(): Promise<void> {
    for (const key of [...this.#written]) await this.delete(key);
  }

  async show(): Promise<string> {
    return await this.#lab().asterisk.cli('database show ringfence');
  }
}

/** What one of the guard's parts answers, asked on a Local channel. */
export async function ask(lab: Lab, part: string, given: string): Promise<string> {
  const { ami } = lab.asterisk;
  const from = ami.events.length;
  const answer = await ami.action('Originate', {
    ...{ Channel: `Local/${part}@parts`, Application: 'Wait', Data: '1', Async: 'true' },
    Variable: `__GIVEN=${given}`,
  });
  assert.equal(answer.headers.get('Response'), 'Success');
  const told = await until(`${part} of ${given}`, 5000, () =>
    ami.events.slice(from).find(({ headers }) => headers.get('UserEvent') === 'Part'),
  );
  assert.equal(told.headers.get('Given'), given);
  return told.headers.get('Result') ?? '';
}

/** Germany without a prefix for an outside line, as the lab's office dials. */
export const GERMANY = { 'dialplan/country': '49', 'dialplan/trunk': '0', 'dialplan/international': '00' } as const;

/** What a test of the guard works with. */
export interface Guarded {
  readonly lab: () => Lab;
  readonly entries: Entries;
  /** 1001, registered. */
  readonly phone: () => UserAgent;
  /** Dials and, if it is answered, hangs up 20 ms later. */
  readonly dial: (number: string, from?: UserAgent) => Promise<Call>;
  /** The event of a refused call. */
  readonly refusal: (call: Call) => Promise<AmiMessage>;
  /** The guard's other events so far: what became of PINs. */
  readonly pins: () => string[];
  /** What Asterisk had to complain of in the dialplan. */
  readonly complaints: () => string[];
}

/** In a `describe`: a lab whose phones call through the guard, set up for Germany, its AstDB cleared after each test. */
export function useGuardedLab(): Guarded {
  const folder = temporaryFolder();
  const lab = useLab(() => {
    const guard = folder.file('guarded.conf');
    writeFileSync(guard, DIALPLAN);
    return { guard, context: 'guarded', ipv6: true, cdr: { unanswered: true }, accounts: [...accounts, AWKWARD] };
  });
  const entries = new Entries(lab);
  let registered: UserAgent | undefined;
  const phone = (): UserAgent => {
    if (registered === undefined) throw new Error('the phone is not registered');
    return registered;
  };
  before(async () => {
    registered = await lab().phone('1001');
    assert.equal((await registered.register()).status, 200);
  });
  beforeEach(async () => entries.putAll(GERMANY));
  afterEach(async () => entries.clear());
  const told = (name: string): AmiMessage[] =>
    lab()
      .asterisk.ami.named('UserEvent')
      .filter(({ headers }) => headers.get('UserEvent') === name);
  return {
    lab,
    entries,
    phone,
    dial: async (number, from = phone()) => {
      const call = await from.callFor(number, 20);
      if (call.status !== 200) await pause(10); // the event may follow the refusal
      return call;
    },
    refusal: async (call) =>
      await until(`RingfenceBlock of ${call.number}`, 3000, () =>
        told('RingfenceBlock').find(({ headers }) => headers.get('CallID') === call.callId),
      ),
    pins: () => told('RingfencePin').map(({ headers }) => headers.get('Result') ?? ''),
    complaints: () =>
      readFileSync(lab().asterisk.log, 'utf8')
        .split('\n')
        .filter((line) => /(?:WARNING|ERROR)\[.*\]: (?:pbx|func_|app_|ast_expr|channel)/.test(line))
        .filter((line) => !line.includes("use of '_.'")),
  };
}
