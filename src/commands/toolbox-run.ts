import { readFileSync, writeFileSync } from 'node:fs';
import { canonicalAddress } from '../address.ts';
import { ConfigError, InputError, messageOf, RingfenceError } from '../errors.ts';
import { templateFor } from '../toolbox/databases.ts';
import { tools } from '../toolbox/registry.ts';
import { compile, suits } from '../toolbox/template.ts';
import type { Arrival, Direction, Message, Proof } from '../toolbox/tool.ts';
import { readMessage } from '../toolbox/user/message.ts';
import { storeOf } from './open-store.ts';
import { EXIT, type GlobalOptions, type Output } from './output.ts';
import { readConfig } from './site.ts';
import { auditOf, keysFrom, type ToolboxKeyOptions } from './toolbox-keys.ts';
import { openToolbox, syncStore, templateNamed, templatesOf, type Templates } from './toolbox.ts';
import type { Config } from '../config.ts';

export interface RunOptions extends ToolboxKeyOptions {
  readonly receipt?: string;
  readonly source?: string;
  readonly destination?: string;
  readonly transport: Arrival['transport'];
  readonly proof?: readonly Proof[];
  readonly at?: number;
  readonly direction: Direction;
  readonly out?: string;
  readonly why?: boolean;
}

/**
 * `ringfence toolbox run TEMPLATE [FILE]`: judges one SIP message and writes it as it would go on. Refused: exit status 1, nothing written.
 * It remembers what it accepts, as the gateway does: the same file a second time is a replay.
 */
export default async function toolboxRun(
  [name = '', file = '-']: readonly string[],
  options: GlobalOptions & RunOptions,
  output: Output,
): Promise<number> {
  const config = readConfig(options, output);
  const templates = templatesOf(config);
  const message = messageIn(file);
  const { checked } = templateNamed(name === 'auto' ? chosen(config, message, options.direction) : name, templates);
  const { template } = checked;
  if (!suits(template, message, template.direction))
    throw new RingfenceError(
      'usage',
      `template ${template.name} is for ${template.methods.join(', ') || 'any method'} (${template.dialog}), and this is ${message.method}${message.toTag === '' ? '' : ' within a dialog'}`,
    );
  const [source, sourcePort] = endpoint(options.source, '--source');
  const [destination, destinationPort] = endpoint(options.destination, '--destination');
  const arrival: Arrival = {
    at: options.at ?? Date.now(),
    source,
    sourcePort,
    destination,
    destinationPort,
    transport: options.transport,
    proofs: options.proof ?? [],
  };
  return await judge({ config, templates, template, message, arrival }, options, output);
}

interface Asked {
  readonly config: Config;
  readonly templates: Templates;
  readonly template: ReturnType<typeof templateNamed>['checked']['template'];
  readonly message: Message;
  readonly arrival: Arrival;
}

async function judge(
  { config, templates, template, message, arrival }: Asked,
  options: RunOptions,
  output: Output,
): Promise<number> {
  const store = storeOf(config, { create: true });
  try {
    syncStore(store, config, templates, Date.now());
    const from = await keysFrom(options, store);
    const audit = auditOf(store, from?.own ?? null);
    const { engine, services } = openToolbox(store, config, Date.now, { keys: from?.keys ?? null, audit });
    const program = compile(template, tools, services);
    if (!program.ok) throw new ConfigError(`template ${template.name}`, program.problems);
    const { verdict, code, bytes, retransmission, receipt, record } = await engine.run(program.value, message, arrival);
    const why = options.why === true ? { tool: record.tool, reason: record.reason, detail: record.detail } : {};
    if (output.json)
      output.object({
        template: template.name,
        verdict,
        code,
        retransmission,
        ...why,
        receipt: receipt === null ? null : Buffer.from(receipt).toString('base64'),
        message: verdict === 'accept' ? bytes.toString('base64') : null,
      });
    else if (verdict !== 'accept') {
      output.warn(`ringfence: ${code}${verdict === 'challenge' ? ': let the sender prove himself' : ''}`);
      if (options.why === true) output.warn(`ringfence: ${record.tool}: ${record.reason}: ${record.detail}`);
    } else if (options.out === undefined) output.bytes(bytes);
    if (options.receipt !== undefined && receipt !== null) writeTo(options.receipt, receipt);
    if (options.out !== undefined && verdict === 'accept') writeTo(options.out, bytes);
    return verdict === 'accept' ? EXIT.done : EXIT.found;
  } finally {
    store.close();
  }
}

/** @throws InputError for what is no SIP message */
function messageIn(file: string): Message {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file === '-' ? 0 : file);
  } catch (error) {
    throw new InputError('input-unreadable', `cannot read ${file === '-' ? 'stdin' : file}: ${messageOf(error)}`, {
      cause: error,
    });
  }
  const read = readMessage(bytes);
  if (!read.ok)
    throw new InputError(
      'input-malformed',
      `${file === '-' ? 'stdin' : file} is not a SIP message: ${read.reason} (byte ${read.offset})`,
    );
  return read.value;
}

/** Address, or address:port; IPv6 with a port in brackets. */
function endpoint(text: string | undefined, option: string): [string | null, number] {
  if (text === undefined) return [null, 0];
  const [, bracketed, plain, port = '5060'] =
    /^(?:\[([^\]]+)\]|([^:]+|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*:[0-9a-fA-F:.]*))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const address = canonicalAddress(bracketed ?? plain ?? '');
  if (address === null || Number(port) > 65_535)
    throw new RingfenceError(
      'usage',
      `${option}: "${text}" is not an address such as 192.0.2.1, 192.0.2.1:5060 or [2001:db8::1]:5060`,
    );
  return [address, Number(port)];
}

/** The template that [toolbox] policies give it. */
function chosen({ settings }: Config, message: Message, direction: Direction): string {
  const name = templateFor(settings.toolbox.policies, message, direction);
  if (name === null)
    throw new RingfenceError(
      'usage',
      `no line of [toolbox] policies fits this ${message.method} of ${message.from}; name a template`,
    );
  return name;
}

function writeTo(file: string, bytes: Uint8Array): void {
  try {
    writeFileSync(file, bytes, { mode: 0o600 });
  } catch (error) {
    throw new InputError('input-unreadable', `cannot write ${file}: ${messageOf(error)}`, { cause: error });
  }
}
