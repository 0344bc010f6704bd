/** The lab's own SIP messages: small, and independent of the codec under test. */
export interface SipMessage {
  /** A request's method; undefined for a response. */
  readonly method?: string;
  readonly uri?: string;
  readonly status?: number;
  readonly reason?: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string;
}

export interface SipRequest extends SipMessage {
  readonly method: string;
  readonly uri: string;
}

export interface SipResponse extends SipMessage {
  readonly status: number;
}

const COMPACT: Readonly<Record<string, string>> = {
  v: 'via',
  f: 'from',
  t: 'to',
  i: 'call-id',
  m: 'contact',
  l: 'content-length',
  c: 'content-type',
  k: 'supported',
  e: 'content-encoding',
  s: 'subject',
};

function canonical(name: string): string {
  const lower = name.toLowerCase();
  return COMPACT[lower] ?? lower;
}

/** All values of a header, in order; a comma inside one line is not split. */
export function headers(message: SipMessage, name: string): string[] {
  const wanted = canonical(name);
  return message.headers.filter(([key]) => canonical(key) === wanted).map(([, value]) => value);
}

export function header(message: SipMessage, name: string): string {
  return headers(message, name)[0] ?? '';
}

/** A header's parameter (`tag` of To, `branch` of Via), without quotes. */
export function parameter(value: string, name: string): string | undefined {
  const match = new RegExp(`[;,\\s]${name}\\s*=\\s*(?:"([^"]*)"|([^;,\\s>]+))`, 'i').exec(` ${value}`);
  return match?.[1] ?? match?.[2];
}

/** The URI inside a name-addr or addr-spec header value. */
export function uriOf(value: string): string {
  return /<([^>]*)>/.exec(value)?.[1] ?? value.split(';')[0]?.trim() ?? '';
}

export function isRequest(message: SipMessage): message is SipRequest {
  return message.method !== undefined;
}

export function isResponse(message: SipMessage): message is SipResponse {
  return message.status !== undefined;
}

/** Serialises, with Content-Length last. */
export function format(message: SipMessage): Buffer {
  const start =
    message.method === undefined
      ? `SIP/2.0 ${message.status ?? 0} ${message.reason ?? ''}`
      : `${message.method} ${message.uri ?? ''} SIP/2.0`;
  const lines = message.headers.map(([name, value]) => `${name}: ${value}`);
  const length = Buffer.byteLength(message.body);
  return Buffer.from([start, ...lines, `Content-Length: ${length}`, '', message.body].join('\r\n'));
}

/** Parses one whole message as well-behaved software sends it; undefined for anything else. */
export function parse(text: string): SipMessage | undefined {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const [start = '', ...lines] = text
    .slice(0, end)
    .replace(/\r\n[ \t]+/g, ' ')
    .split('\r\n');
  const parsed: [string, string][] = lines.map((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).trim(), line.slice(colon + 1).trim()];
  });
  const rest = { headers: parsed.filter(([name]) => canonical(name) !== 'content-length'), body: text.slice(end + 4) };
  const response = /^SIP\/2\.0 (\d{3}) ?(.*)$/.exec(start);
  if (response?.[1] !== undefined) return { status: Number(response[1]), reason: response[2] ?? '', ...rest };
  const request = /^([A-Z]+) (\S+) SIP\/2\.0$/.exec(start);
  if (request?.[1] !== undefined && request[2] !== undefined) return { method: request[1], uri: request[2], ...rest };
  return undefined;
}

/** Cuts complete messages off the front of a TCP stream by their Content-Length (RFC 3261 18.3). */
export function frames(stream: string): { messages: string[]; rest: string } {
  const messages: string[] = [];
  let rest = stream;
  for (;;) {
    rest = rest.replace(/^(\r\n)+/, '');
    const end = rest.indexOf('\r\n\r\n');
    if (end < 0) return { messages, rest };
    const length = Number(/^(?:content-length|l)\s*:\s*(\d+)/im.exec(rest.slice(0, end))?.[1] ?? 0);
    if (rest.length < end + 4 + length) return { messages, rest };
    messages.push(rest.slice(0, end + 4 + length));
    rest = rest.slice(end + 4 + length);
  }
}

/** A response to `request`: its Via list, From, To, Call-ID and CSeq, and the headers given. */
export function responseTo(
  request: SipRequest,
  status: number,
  reason: string,
  toTag: string,
  extra: readonly (readonly [string, string])[] = [],
  body = '',
): SipResponse {
  const to = header(request, 'To');
  return {
    status,
    reason,
    headers: [
      ...headers(request, 'Via').map((value): [string, string] => ['Via', value]),
      ...headers(request, 'Record-Route').map((value): [string, string] => ['Record-Route', value]),
      ['From', header(request, 'From')],
      ['To', status === 100 || parameter(to, 'tag') !== undefined ? to : `${to};tag=${toTag}`],
      ['Call-ID', header(request, 'Call-ID')],
      ['CSeq', header(request, 'CSeq')],
      ...extra,
    ],
    body,
  };
}
