import { createHmac } from 'node:crypto';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { messageOf as errorText, PeerError } from '../../errors.ts';
import type { Millis } from '../../model.ts';
import { HOUR, SECOND } from '../../time.ts';
import { visible } from '../../words/index.ts';
import { TellError, type Channel, type Told } from './channel.ts';
import { postOf, retryAfter, type ShapeOptions, type WebhookShape } from './webhook-shapes.ts';

export interface WebhookChannelOptions extends ShapeOptions {
  readonly shape: WebhookShape;
  /** key of the signature; null: none */
  readonly secret: string | null;
  readonly ca: string | null;
  /** seconds of the signature */
  readonly clock?: () => Millis;
}

const PATIENCE: Millis = 20 * SECOND;
/** A service that asks for more patience than this does not get it. */
const LONGEST_WAIT: Millis = HOUR;
/** Of an answer, for the error text. */
const ANSWER = 2_048;

/**
 * The signature of a body, as `Ringfence-Signature: t=SECONDS,v1=HEX`: HMAC-SHA256 (RFC 2104) of `SECONDS.BODY`. A receiver
 * that recomputes it, and refuses a time that is minutes old, takes neither forged nor recorded alerts.
 */
export function signature(secret: string, body: string, at: Millis): string {
  const seconds = Math.floor(at / SECOND);
  return `t=${seconds},v1=${createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex')}`;
}

/** Alerts posted by HTTP. The same telling always has the same Ringfence-Id. */
export function webhookChannel(options: WebhookChannelOptions): Channel {
  const { channel, shape, secret, token, ca, clock = Date.now } = options;
  return {
    name: channel,
    folds: 1,
    tell: async ([telling], signal): Promise<Told> => {
      if (telling === undefined) throw new RangeError('nothing to tell');
      const { url, body } = postOf(shape, telling, options);
      const text = JSON.stringify(body);
      const bearer = token !== '' && shape !== 'telegram' && shape !== 'pagerduty';
      const headers: Record<string, string> = {
        'Content-Type': 'application/json; charset=utf-8',
        'User-Agent': 'ringfence',
        'Ringfence-Id': telling.delivery.id,
        'Ringfence-Kind': telling.kind,
        ...(secret === null ? {} : { 'Ringfence-Signature': signature(secret, text, clock()) }),
        ...(bearer ? { Authorization: `Bearer ${token}` } : {}),
      };
      const { status, answer, after } = await post(url, text, headers, ca, signal);
      if (status >= 200 && status < 300) return { detail: `HTTP ${status}` };
      const refused = refusal(status, answer, channel);
      const wait = retryAfter(after, clock());
      if (wait === null || !refused.retryable) throw refused;
      throw new TellError(refused.code, refused.message, { wait: Math.min(wait, LONGEST_WAIT) });
    },
    close: () => undefined,
  };
}

/** RFC 9110 section 15: what may go better later, and what is this message's or these settings' own fault. */
function refusal(status: number, answer: string, channel: string): PeerError {
  const retryable = status === 408 || status === 425 || status === 429 || status >= 500;
  const hint =
    status >= 300 && status < 400
      ? 'redirects are not followed: give the final URL'
      : status === 401 || status === 403 || status === 404 || status === 410
        ? 'check its URL and token'
        : visible(answer.replace(/\s+/g, ' ').trim(), 200);
  return new PeerError('peer-refused', `${channel} answers HTTP ${status}${hint === '' ? '' : `: ${hint}`}`, retryable);
}

/** One POST; no redirect is followed. The URL may be a secret, and is in no error text. */
async function post(
  url: string,
  body: string,
  headers: Readonly<Record<string, string>>,
  ca: string | null,
  signal: AbortSignal,
): Promise<{ status: number; answer: string; after: string | undefined }> {
  const target = new URL(url);
  const bytes = Buffer.from(body);
  return await new Promise((resolve, reject) => {
    const fail = (error: unknown): void => {
      const { code = '' } = error as NodeJS.ErrnoException;
      const why = code === '' ? errorText(error) : code;
      reject(new PeerError('peer-unreachable', `${target.host} could not be reached: ${why}`, true, { cause: error }));
    };
    const send = target.protocol === 'https:' ? httpsRequest : httpRequest;
    const request = send(
      target,
      {
        method: 'POST',
        headers: { ...headers, 'Content-Length': String(bytes.length) },
        signal: AbortSignal.any([signal, AbortSignal.timeout(PATIENCE)]),
        agent: false,
        ...(ca === null ? {} : { ca }),
      },
      (response: IncomingMessage) => {
        let answer = '';
        response.setEncoding('utf8');
        response.on('data', (part: string) => {
          answer = (answer + part).slice(0, ANSWER);
        });
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, answer, after: response.headers['retry-after'] }),
        );
        response.on('error', fail);
      },
    );
    request.on('error', fail);
    request.end(bytes);
  });
}
