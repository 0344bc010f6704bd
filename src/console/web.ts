import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { canonicalAddress } from '../address.ts';
import { messageOf, RingfenceError } from '../errors.ts';
import type { Log } from '../log.ts';
import { formatDuration, Zone } from '../time.ts';
import { consoleWordsOf, wordsOf } from '../words/index.ts';
import { assetAt } from './assets.ts';
import { Attempts } from './attempts.ts';
import type { Context, Done, PageRoute } from './context.ts';
import { layout } from './layout.ts';
import { Live } from './live.ts';
import { failurePage, loginPage } from './pages/login.ts';
import { ACTS, PAGES, placeOf } from './pages/index.ts';
import { page, plain, seeOther, send, type Reply } from './reply.ts';
import { cookieOf, formOf, isFromHere, ownPath } from './request.ts';
import { isSame, Sessions, type SessionLimits, type Visitor } from './sessions.ts';
import { isPassword, isUserName, type User, type UsersFile } from './users.ts';
import type { ConsoleView } from './view.ts';

export interface WebOptions extends SessionLimits {
  readonly users: UsersFile;
  /** who a reverse proxy says it is */
  readonly proxy: { readonly header: string; readonly secret: string; readonly act: readonly string[] } | null;
  /** TLS here, or before a proxy that says so: cookies go by it alone */
  readonly secure: boolean;
  readonly log: Log;
}

const PROXY_SECRET = 'x-ringfence-secret';

/** The web page: who asks, may he, and which page answers. */
export class Web {
  readonly #view: ConsoleView;
  readonly #options: WebOptions;
  readonly #sessions: Sessions;
  readonly #attempts = new Attempts();
  readonly #live: Live;

  constructor(view: ConsoleView, options: WebOptions) {
    this.#view = view;
    this.#options = options;
    this.#sessions = new Sessions(options);
    this.#live = new Live(options.log);
  }

  close(): void {
    this.#live.close();
  }

  /** Answers every request; a page that fails says so and takes nothing else down. */
  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { secure, log } = this.#options;
    try {
      const reply = await this.#reply(request, response);
      if (reply !== null) send(response, reply, secure);
    } catch (error) {
      log.error(`a page of the console failed: ${messageOf(error)}`);
      if (response.headersSent) response.destroy();
      else send(response, plain(500, 'this page failed; the log of ringfence says why\n'), secure);
    }
  }

  /** null: it is answered already, and goes on being so */
  async #reply(request: IncomingMessage, response: ServerResponse): Promise<Reply | null> {
    const { method, url = '/' } = request;
    const [path, search] = [url.replace(/\?.*$/s, ''), url.replace(/^[^?]*\??/s, '')];
    if (method !== 'GET' && method !== 'POST')
      return { ...plain(405, 'GET and POST only\n'), headers: { Allow: 'GET, POST', Connection: 'close' } };
    const asset = method === 'GET' ? assetAt(path) : null;
    if (asset !== null) return asset;
    const query = new URLSearchParams(search);
    if (path === '/login') return method === 'GET' ? this.#login(request, query) : await this.#logIn(request);
    const visitor = this.#visitor(request, path !== '/live');
    if (visitor === null) {
      if (method === 'POST' || path === '/live') return plain(401, 'log in first\n');
      return seeOther(`/login?next=${encodeURIComponent(ownPath(url))}`);
    }
    const context = this.#context(visitor, path, query);
    if (method === 'POST') return await this.#act(context, request);
    if (path === '/live') return this.#watch(context, request, response);
    return await this.#page(context);
  }

  #context(visitor: Visitor, path: string, query: URLSearchParams): Context {
    const site = this.#view.site();
    const [words, texts, zone] = [wordsOf(site.language), consoleWordsOf(site.language), new Zone(site.timezone)];
    return { view: this.#view, words, texts, zone, now: this.#view.now(), visitor, path, query };
  }

  // ------------------------------------------------------------------------------------------------------------ who is it

  #visitor(request: IncomingMessage, touch: boolean): Visitor | null {
    const { proxy, users } = this.#options;
    if (proxy !== null) {
      const secret = request.headers[PROXY_SECRET];
      const name = request.headers[proxy.header];
      if (typeof secret === 'string' && typeof name === 'string' && isSame(secret, proxy.secret) && isUserName(name))
        return this.#sessions.proxied(name, proxy.act.includes(name) ? 'act' : 'read');
    }
    return this.#sessions.find(cookieOf(request, this.#cookie()), users.all(), this.#view.now(), touch);
  }

  /** A browser takes a cookie of the prefix only from us, over TLS (RFC 6265bis, 4.1.3.2). */
  #cookie(of = 'ringfence'): string {
    return this.#options.secure ? `__Host-${of}` : of;
  }

  #setCookie(name: string, value: string, seconds?: number): string {
    const age = seconds === undefined ? '' : `; Max-Age=${seconds}`;
    return `${name}=${value}; Path=/; HttpOnly; SameSite=Strict${age}${this.#options.secure ? '; Secure' : ''}`;
  }

  #login(
    request: IncomingMessage,
    query: URLSearchParams,
    said: { status: number; text: string } | null = null,
  ): Reply {
    const { language } = this.#view.site();
    const texts = consoleWordsOf(language);
    const next = ownPath(query.get('next'));
    if (this.#options.users.all().size === 0)
      return page(failurePage(texts, language, texts.noUsers, 'ringfence console user add NAME --role act'), 403);
    const held = cookieOf(request, this.#cookie('ringfence-login'));
    const nonce = /^[\w-]{22}$/.test(held) ? held : randomBytes(16).toString('base64url');
    const csrf = this.#sessions.loginCsrf(nonce);
    const body = loginPage(texts, language, { csrf, next, failed: said?.text ?? null });
    const cookie = this.#setCookie(this.#cookie('ringfence-login'), nonce, 3600);
    return page(body, said?.status ?? 200, { 'Set-Cookie': cookie });
  }

  async #logIn(request: IncomingMessage): Promise<Reply> {
    const form = await formOf(request);
    if (form === null) return { ...plain(400, 'not a form of this page\n'), headers: { Connection: 'close' } };
    const { language } = this.#view.site();
    const texts = consoleWordsOf(language);
    const next = new URLSearchParams({ next: ownPath(form.get('next')) });
    const nonce = cookieOf(request, this.#cookie('ringfence-login'));
    if (!isFromHere(request) || nonce === '' || !isSame(form.get('csrf') ?? '', this.#sessions.loginCsrf(nonce)))
      return this.#login(request, next, { status: 403, text: texts.stale });
    const name = form.get('name') ?? '';
    const address = canonicalAddress(request.socket.remoteAddress ?? '') ?? '';
    const wait = this.#attempts.wait(name, address, this.#view.now());
    if (wait > 0) return this.#login(request, next, { status: 429, text: texts.wait(formatDuration(wait)) });
    const user = this.#options.users.all().get(name) ?? null;
    // counted before it is looked at: those that come together are not free
    this.#attempts.failed(name, address, this.#view.now());
    const right = await this.#attempts.inTurn(() => isPassword(user, form.get('password') ?? ''));
    if (right === null) return this.#login(request, next, { status: 503, text: texts.busy });
    if (!right || user === null) {
      this.#noteLogin(isUserName(name) ? name : '?', 'console.refused', address);
      return this.#login(request, next, { status: 401, text: texts.wrong });
    }
    this.#attempts.succeeded(name, address);
    return this.#opened(user, address, next.get('next') ?? '/');
  }

  #opened(user: User, address: string, next: string): Reply {
    this.#noteLogin(user.name, 'console.login', address);
    const token = this.#sessions.open(user, this.#view.now());
    return seeOther(next, { 'Set-Cookie': this.#setCookie(this.#cookie(), token) });
  }

  #noteLogin(name: string, action: string, address: string): void {
    this.#view.note({ actor: `hand:${name}`, action, target: 'console', details: { from: address } });
  }

  // ------------------------------------------------------------------------------------------------------------ what is asked

  async #page(context: Context): Promise<Reply> {
    for (const route of PAGES) {
      const parts = partsOf(route.path, context.path);
      if (parts === null) continue;
      const made = await route.make(context, parts);
      if (made === null) break;
      const live = route.live === undefined ? null : `/live?page=${encodeURIComponent(context.path)}`;
      return page(layout(context, placeOf(context.path), made, live), made.status ?? 200);
    }
    const { texts } = context;
    const { language } = this.#view.site();
    return page(failurePage(texts, language, texts.noPage, null), 404);
  }

  /** Live parts of a page, for as long as the session lives. */
  #watch(context: Context, request: IncomingMessage, response: ServerResponse): Reply | null {
    const path = context.query.get('page') ?? '';
    const live = PAGES.find((each): each is PageRoute & Required<Pick<PageRoute, 'live'>> => {
      return each.live !== undefined && partsOf(each.path, path) !== null;
    });
    if (live === undefined) return plain(404, 'there is no such page\n');
    const taken = this.#live.add(context.visitor.name, response, this.#options.secure, () => {
      const visitor = this.#visitor(request, false);
      return visitor === null ? null : live.live(this.#context(visitor, path, context.query));
    });
    return taken ? null : plain(503, 'too many look already\n');
  }

  async #act(context: Context, request: IncomingMessage): Promise<Reply> {
    const { visitor, texts, path } = context;
    const { language } = this.#view.site();
    const refuse = (status: number, text: string): Reply => page(failurePage(texts, language, text, null), status);
    const form = await formOf(request);
    if (form === null) return { ...plain(400, 'not a form of this page\n'), headers: { Connection: 'close' } };
    if (!isFromHere(request) || !isSame(form.get('csrf') ?? '', visitor.csrf)) return refuse(403, texts.stale);
    if (path === '/logout') {
      this.#sessions.close(cookieOf(request, this.#cookie()));
      this.#noteLogin(visitor.name, 'console.logout', canonicalAddress(request.socket.remoteAddress ?? '') ?? '');
      return seeOther('/login', { 'Set-Cookie': this.#setCookie(this.#cookie(), '', 0) });
    }
    for (const route of ACTS) {
      const parts = partsOf(route.path, path);
      if (parts === null) continue;
      if (visitor.role !== 'act') return refuse(403, texts.mayNot);
      const { to, ...flash } = await this.#did(() => route.act(context, form, parts), context);
      visitor.flash = flash;
      return seeOther(to);
    }
    return refuse(404, texts.noPage);
  }

  /** What cannot be done is told on the page that asked. */
  async #did(work: () => Promise<Done> | Done, { query }: Context): Promise<Done> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof RingfenceError)) throw error;
      return { to: ownPath(query.get('from')), kind: 'failed', text: error.message };
    }
  }
}

/** The groups of a path's pattern, percent-decoded; null: it is another path. */
function partsOf(pattern: RegExp, path: string): string[] | null {
  const found = pattern.exec(path);
  if (found === null) return null;
  try {
    return found.slice(1).map((part) => decodeURIComponent(part));
  } catch {
    return null; // %zz
  }
}
