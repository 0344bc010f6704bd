/**
 * A real Chromium without a window, spoken to by the DevTools protocol over a pipe
 * (https://chromedevtools.github.io/devtools-protocol/): no package in between.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';

const FETCH = resolve(import.meta.dirname, '../../scripts/lab/fetch');

/** How Chromium is called here: what RINGFENCE_BROWSER names, or the Debian package's in the lab's cache. */
function find(): { readonly command: string } | { readonly missing: string } {
  const named = process.env['RINGFENCE_BROWSER'];
  if (named !== undefined) return { command: named };
  const { status, stdout, stderr } = spawnSync('bash', [FETCH, 'browser'], { encoding: 'utf8', timeout: 300_000 });
  const tree = stdout.split('\t')[1];
  if (status === 0 && tree !== undefined) return { command: `${tree}/browser` };
  return { missing: `there is no Chromium (RINGFENCE_BROWSER names one): ${stderr.trim().split('\n').at(-1) ?? ''}` };
}

interface Answer {
  readonly id?: number;
  readonly method?: string;
  readonly sessionId?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly message: string };
}

type Params = Readonly<Record<string, unknown>>;
type Listener = (method: string, params: Params) => void;

export class Browser {
  readonly #child: ChildProcess;
  readonly #profile: string;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  readonly #listeners = new Map<string, Listener>();
  #next = 0;

  private constructor(command: string) {
    this.#profile = mkdtempSync(join(tmpdir(), 'ringfence-browser-'));
    const args = [
      ...[
        '--remote-debugging-pipe',
        `--user-data-dir=${this.#profile}`,
        '--no-sandbox',
        '--disable-gpu',
        '--hide-scrollbars',
      ],
      ...['--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-dev-shm-usage'],
      ...[
        '--no-proxy-server',
        '--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1',
        '--force-color-profile=srgb',
      ],
      ...['--disable-features=Translate,MediaRouter', '--lang=en-US', 'about:blank'],
    ];
    this.#child = spawn(command, args, { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'], detached: true });
    let rest = '';
    (this.#child.stdio[4] as Readable).setEncoding('utf8').on('data', (chunk: string) => {
      const parts = (rest + chunk).split('\0');
      rest = parts.pop() ?? '';
      for (const part of parts) this.#take(JSON.parse(part) as Answer);
    });
    process.once('exit', this.#kill);
  }

  /** null, with the reason printed, where there is none; on CI that is a failure. */
  static async start(): Promise<Browser | null> {
    const found = find();
    if ('missing' in found) {
      if (process.env['CI'] !== undefined) throw new Error(found.missing);
      console.error(`      skipped: ${found.missing}`);
      return null;
    }
    const browser = new Browser(found.command);
    await browser.send('Browser.getVersion');
    return browser;
  }

  readonly #kill = (): void => {
    try {
      if (this.#child.pid !== undefined) process.kill(-this.#child.pid, 'SIGKILL');
    } catch {
      // it has ended
    }
  };

  #take(answer: Answer): void {
    if (answer.id !== undefined) {
      this.#waiting.get(answer.id)?.(answer);
      this.#waiting.delete(answer.id);
    } else if (answer.method !== undefined)
      this.#listeners.get(answer.sessionId ?? '')?.(answer.method, answer.params ?? {});
  }

  async send(method: string, params: Params = {}, sessionId?: string): Promise<Readonly<Record<string, unknown>>> {
    const id = ++this.#next;
    const answer = new Promise<Answer>((done) => this.#waiting.set(id, done));
    const message = { id, method, params, ...(sessionId === undefined ? {} : { sessionId }) };
    (this.#child.stdio[3] as Writable).write(`${JSON.stringify(message)}\0`);
    const limit = new AbortController();
    const late = sleep(20_000, null, { signal: limit.signal, ref: false }).catch(() => null);
    const got = await Promise.race([answer, late]);
    limit.abort();
    if (got === null) throw new Error(`${method}: the browser did not answer`);
    if (got.error !== undefined) throw new Error(`${method}: ${got.error.message}`);
    return got.result ?? {};
  }

  listen(session: string, listener: Listener): void {
    this.#listeners.set(session, listener);
  }

  /** A tab with cookies of its own. */
  async tab(): Promise<Tab> {
    const { browserContextId } = await this.send('Target.createBrowserContext');
    const { targetId } = await this.send('Target.createTarget', { url: 'about:blank', browserContextId });
    const { sessionId } = await this.send('Target.attachToTarget', { targetId, flatten: true });
    const tab = new Tab(this, String(sessionId), String(browserContextId));
    await tab.open();
    return tab;
  }

  async close(): Promise<void> {
    const ended = new Promise((done) => this.#child.once('exit', done));
    this.#kill();
    process.off('exit', this.#kill);
    await ended;
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

export interface Answered {
  readonly url: string;
  readonly status: number;
  readonly bytes: number;
}

export class Tab {
  readonly #browser: Browser;
  readonly #session: string;
  readonly #context: string;
  /** dialogs, errors of scripts, refusals of the policy: what must never come */
  readonly complaints: string[] = [];
  /** what was fetched since the last `go`, by its url */
  readonly fetched = new Map<string, Answered>();
  readonly #ids = new Map<string, { url: string; status: number }>();
  #loaded: (() => void) | null = null;

  constructor(browser: Browser, session: string, context: string) {
    this.#browser = browser;
    this.#session = session;
    this.#context = context;
  }

  send(method: string, params: Params = {}): Promise<Readonly<Record<string, unknown>>> {
    return this.#browser.send(method, params, this.#session);
  }

  async open(): Promise<void> {
    this.#browser.listen(this.#session, (method, params) => this.#hear(method, params));
    for (const domain of ['Page', 'Runtime', 'Network', 'Log']) await this.send(`${domain}.enable`);
  }

  #hear(method: string, params: Params): void {
    switch (method) {
      case 'Page.loadEventFired':
        this.#loaded?.();
        break;
      case 'Page.javascriptDialogOpening':
        this.complaints.push(`dialog: ${String(params['message'])}`);
        void this.send('Page.handleJavaScriptDialog', { accept: false });
        break;
      case 'Runtime.exceptionThrown':
        this.complaints.push(`exception: ${JSON.stringify(params['exceptionDetails']).slice(0, 400)}`);
        break;
      case 'Log.entryAdded': {
        const { level, text, url } = params['entry'] as { level: string; text: string; url?: string };
        // the answers 401, 403 and 404 are told there too, and are asked for
        if (level === 'error' && !text.includes('the server responded with a status of'))
          this.complaints.push(`${text} ${url ?? ''}`);
        break;
      }
      case 'Network.responseReceived': {
        const { url, status } = params['response'] as { url: string; status: number };
        this.#ids.set(String(params['requestId']), { url, status });
        break;
      }
      case 'Network.loadingFinished': {
        const known = this.#ids.get(String(params['requestId']));
        if (known !== undefined) this.fetched.set(known.url, { ...known, bytes: Number(params['encodedDataLength']) });
        break;
      }
      default:
    }
  }

  /** Waits for the page that `cause` loads. */
  async loading(cause: () => Promise<unknown>): Promise<void> {
    const loaded = new Promise<void>((done) => (this.#loaded = done));
    await cause();
    await Promise.race([loaded, sleep(15_000).then(() => Promise.reject(new Error('the page did not load')))]);
    this.#loaded = null;
  }

  async go(url: string): Promise<void> {
    this.fetched.clear();
    await this.loading(() => this.send('Page.navigate', { url }));
  }

  /** The value of an expression in the page; promises are waited for. */
  async eval<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = (await this.send('Runtime.evaluate', {
      ...{ expression, awaitPromise: true, returnByValue: true },
    })) as { result: { value: T }; exceptionDetails?: { exception?: { description?: string } } };
    if (exceptionDetails !== undefined) throw new Error(exceptionDetails.exception?.description ?? 'it threw');
    return result.value;
  }

  /** Waits until an expression is true. */
  async until(expression: string, what = expression): Promise<void> {
    for (let tries = 0; tries < 200; tries++) {
      if (await this.eval<boolean>(`Boolean(${expression})`)) return;
      await sleep(50);
    }
    throw new Error(`not within 10 s: ${what}\n${(await this.text()).slice(0, 800)}`);
  }

  text(): Promise<string> {
    return this.eval<string>('document.body.innerText');
  }

  async fill(selector: string, value: string): Promise<void> {
    await this.eval(`document.querySelector(${JSON.stringify(selector)}).value = ${JSON.stringify(value)}`);
  }

  /** Clicks what leads to another page. */
  async click(selector: string): Promise<void> {
    await this.loading(() => this.eval(`document.querySelector(${JSON.stringify(selector)}).click()`));
  }

  async size(width: number, height: number, mobile = false): Promise<void> {
    await this.send('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile });
  }

  async dark(dark: boolean): Promise<void> {
    await this.send('Emulation.setEmulatedMedia', {
      features: [{ name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' }],
    });
  }

  async press(key: string, code = key, modifiers = 0): Promise<void> {
    const keyCode = { Tab: 9, Enter: 13, ' ': 32 }[key] ?? key.toUpperCase().charCodeAt(0);
    const event = { key, code, modifiers, windowsVirtualKeyCode: keyCode };
    const text = key === 'Enter' ? { text: '\r' } : key === ' ' ? { text: ' ' } : key.length === 1 ? { text: key } : {};
    await this.send('Input.dispatchKeyEvent', { ...event, ...text, type: key === 'Tab' ? 'rawKeyDown' : 'keyDown' });
    await this.send('Input.dispatchKeyEvent', { ...event, type: 'keyUp' });
  }

  async type(text: string): Promise<void> {
    await this.send('Input.insertText', { text });
  }

  async picture(): Promise<Buffer> {
    const { data } = await this.send('Page.captureScreenshot', { format: 'png' });
    return Buffer.from(String(data), 'base64');
  }

  async close(): Promise<void> {
    await this.#browser.send('Target.disposeBrowserContext', { browserContextId: this.#context });
  }
}
