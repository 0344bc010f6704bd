import type { ServerResponse } from 'node:http';
import type { Html } from './html.ts';

/** What a request is answered with. */
export interface Reply {
  readonly status: number;
  readonly type?: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Nothing but our own files, nothing inline, nobody may frame it (https://www.w3.org/TR/CSP3/). */
const POLICY =
  "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const ALWAYS = {
  'Content-Security-Policy': POLICY,
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'same-origin',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Permissions-Policy': 'camera=(), microphone=(), geolocation=()',
  'X-Frame-Options': 'DENY',
} as const;

const YEAR_SECONDS = 31_536_000;

/** The headers of every answer. */
export const headersOf = (secure: boolean): Readonly<Record<string, string>> => ({
  ...ALWAYS,
  'Cache-Control': 'no-store',
  ...(secure ? { 'Strict-Transport-Security': `max-age=${YEAR_SECONDS}` } : {}),
});

export const page = (body: Html, status = 200, headers: Readonly<Record<string, string>> = {}): Reply => ({
  status,
  type: 'text/html; charset=utf-8',
  body: body.text,
  headers,
});

/** After a form: the browser fetches the page anew, and reloading it sends nothing twice. */
export const seeOther = (path: string, headers: Readonly<Record<string, string>> = {}): Reply => ({
  status: 303,
  headers: { Location: path, ...headers },
});

export const plain = (status: number, text: string): Reply => ({
  status,
  type: 'text/plain; charset=utf-8',
  body: text,
});

export function send(response: ServerResponse, { status, type, body = '', headers }: Reply, secure: boolean): void {
  const bytes = Buffer.from(body);
  response.writeHead(status, {
    ...headersOf(secure),
    ...(type === undefined ? {} : { 'Content-Type': type }),
    'Content-Length': bytes.length,
    ...headers,
  });
  response.end(bytes);
}
