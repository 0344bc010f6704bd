import { createHash } from 'node:crypto';
import type { Reply } from './reply.ts';
import { SCRIPT } from './script.ts';
import { STYLE } from './style.ts';
import { worldSvg } from './world-svg.ts';

interface Asset {
  /** with a digest of what it holds, so that browsers may keep it for ever */
  readonly path: string;
  readonly type: string;
  readonly body: string;
}

const ICON =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><path d="M16 2 4 6v9c0 8 5 12.5 12 15 7-2.5 12-7 12-15V6z" fill="#0b5cad"/><path d="M16 8a8 8 0 0 1 8 8M16 12a4 4 0 0 1 4 4" fill="none" stroke="#fff" stroke-width="2.4" stroke-linecap="round"/><circle cx="16" cy="16" r="2.2" fill="#fff"/></svg>';

function asset(name: string, end: string, type: string, body: string): Asset {
  const digest = createHash('sha256').update(body).digest('hex').slice(0, 12);
  return { path: `/assets/${name}.${digest}.${end}`, type, body };
}

export const ASSETS = {
  style: asset('style', 'css', 'text/css; charset=utf-8', STYLE),
  script: asset('script', 'js', 'text/javascript; charset=utf-8', SCRIPT),
  icon: asset('icon', 'svg', 'image/svg+xml', ICON),
  world: asset('world', 'svg', 'image/svg+xml', worldSvg()),
} as const;

const BY_PATH: ReadonlyMap<string, Asset> = new Map(Object.values(ASSETS).map((each) => [each.path, each]));

/** Nothing in these is anybody's: they are given out without a log-in. null: there is no such file */
export function assetAt(path: string): Reply | null {
  const found = BY_PATH.get(path);
  if (found === undefined) return null;
  return {
    status: 200,
    type: found.type,
    body: found.body,
    headers: { 'Cache-Control': 'public, max-age=31536000, immutable' },
  };
}
