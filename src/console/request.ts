import type { IncomingMessage } from 'node:http';

/** Longest form: a note of some hundred characters and a few names. */
const FORM_BYTES = 16 * 1024;

/** A cookie of this name; '' if none. What is doubled is taken the first time, as browsers order by path. */
export function cookieOf(request: IncomingMessage, name: string): string {
  for (const part of (request.headers.cookie ?? '').split(';')) {
    const at = part.indexOf('=');
    if (at > 0 && part.slice(0, at).trim() === name) return part.slice(at + 1).trim();
  }
  return '';
}

/** The fields of a form; null: it is none (another type, too long, broken off). */
export async function formOf(request: IncomingMessage): Promise<URLSearchParams | null> {
  const [type = ''] = (request.headers['content-type'] ?? '').split(';');
  if (type.trim().toLowerCase() !== 'application/x-www-form-urlencoded') return null;
  if (Number(request.headers['content-length'] ?? 0) > FORM_BYTES) return null;
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > FORM_BYTES) return null;
      chunks.push(chunk);
    }
  } catch {
    return null; // it was broken off
  }
  return new URLSearchParams(Buffer.concat(chunks).toString('utf8'));
}

/**
 * Does the browser say that one of our own pages asked? Sec-Fetch-Site (https://www.w3.org/TR/fetch-metadata/) where it tells,
 * else Origin. Programs without either are no browsers, and carry no cookies of one.
 */
export function isFromHere({ headers }: IncomingMessage): boolean {
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return false;
  const { origin } = headers;
  if (origin === undefined) return true;
  // behind a proxy that talks to us without TLS the scheme may differ: the host must not
  return URL.canParse(origin) && new URL(origin).host === (headers.host ?? '').toLowerCase();
}

/** Where to go on after the log-in: a path of ours, never another host. */
export const ownPath = (path: string | null): string =>
  path !== null && /^\/(?![/\\])[\w\-./?=&%+:@~]{0,500}$/.test(path) ? path : '/';
