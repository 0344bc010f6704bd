import assert from 'node:assert/strict';
import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { join } from 'node:path';
import { Sessions } from '../../src/console/sessions.ts';
import { hashPassword, isPassword, UsersFile } from '../../src/console/users.ts';
import { RingfenceError } from '../../src/errors.ts';
import { loadConfig } from '../../src/config.ts';
import { until } from '../support/cli.ts';
import { ConsoleBench, PASSWORD } from '../support/console.ts';
import { evidence, incident } from '../support/evidence.ts';
import { selfSigned } from '../support/self-signed.ts';
import { temporaryFolder } from '../support/temporary.ts';

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly form?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** A client that does nothing by itself: no cookies, no redirects. */
async function ask(url: string, { method, headers = {}, form, body }: Asked = {}): Promise<Answer> {
  const content = form === undefined ? body : new URLSearchParams(form).toString();
  const type = form === undefined ? {} : { 'Content-Type': 'application/x-www-form-urlencoded' };
  const make = url.startsWith('https') ? httpsRequest : httpRequest;
  return await new Promise((resolve, reject) => {
    const sent = make(
      url,
      {
        method: method ?? (content === undefined ? 'GET' : 'POST'),
        headers: { ...type, ...headers },
        rejectUnauthorized: false,
      },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('end', () =>
          resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text: Buffer.concat(chunks).toString() }),
        );
      },
    );
    sent.on('error', reject);
    sent.end(content);
  });
}

const cookiesOf = ({ headers }: Answer): string =>
  (headers['set-cookie'] ?? []).map((each) => each.split(';')[0]).join('; ');
const csrfOf = ({ text }: Answer): string => /name="csrf" value="([\w-]+)"/.exec(text)?.[1] ?? '';

/** Logs in. @returns the cookie */
async function logIn(base: string, name: string, password = PASSWORD): Promise<Answer> {
  const page = await ask(`${base}/login`);
  return await ask(`${base}/login`, {
    headers: { Cookie: cookiesOf(page) },
    form: { csrf: csrfOf(page), name, password },
  });
}

describe('the console: who may do what', function () {
  this.timeout(30_000);
  let bench: ConsoleBench;
  let base: string;
  const open = async (settings = ''): Promise<void> => {
    bench = new ConsoleBench({ settings });
    bench.users({ ada: 'act', bob: 'read' });
    bench.store.commitJudged({
      cursor: 'run',
      incidents: [incident('story0001')],
      evidence: [{ incident: 'story0001', evidence: evidence('e1') }],
    });
    base = await bench.serve();
  };
  beforeEach(() => open());
  afterEach(() => bench.close());

  const as = async (name: string): Promise<{ Cookie: string }> => ({ Cookie: cookiesOf(await logIn(base, name)) });
  /** The token of this person's forms. */
  const tokenOf = async (headers: { Cookie: string }): Promise<string> =>
    csrfOf(await ask(`${base}/incidents/story0001`, { headers }));

  const PAGES = [
    '/',
    '/incidents',
    '/incidents/story0001',
    '/accounts',
    '/accounts/1004',
    '/traffic',
    '/blocks',
    '/keys',
    '/audit',
    '/settings',
  ];

  it('shows nobody anything without a log-in', async () => {
    for (const path of PAGES) {
      const { status, headers, text } = await ask(base + path);
      assert.equal(status, 303, path);
      assert.equal(headers.location, `/login?next=${encodeURIComponent(path)}`);
      assert.equal(text, '');
    }
    assert.equal((await ask(`${base}/live?page=/`)).status, 401);
    assert.equal((await ask(`${base}/act/unblock`, { form: { id: 'x' } })).status, 401);
  });

  it('shows every page to whoever is logged in, with the headers that keep it to itself', async () => {
    const headers = await as('bob');
    for (const path of PAGES) {
      const { status, headers: told, text } = await ask(base + path, { headers });
      assert.equal(status, 200, path);
      assert.match(
        String(told['content-security-policy']),
        /default-src 'none'.*script-src 'self'.*frame-ancestors 'none'/,
      );
      assert.doesNotMatch(String(told['content-security-policy']), /unsafe/);
      assert.equal(told['cache-control'], 'no-store');
      assert.equal(told['x-content-type-options'], 'nosniff');
      assert.doesNotMatch(text, / style="| on[a-z]+="|<style|<script(?! src="\/assets\/[\w.]+" defer>)/, path);
    }
    assert.equal((await ask(`${base}/nowhere`, { headers })).status, 404);
    assert.equal((await ask(`${base}/incidents/unknown1`, { headers })).status, 404);
    assert.equal((await ask(`${base}/accounts/%zz`, { headers })).status, 404);
  });

  it('takes a forged, guessed or old session for none', async () => {
    const real = await as('ada');
    for (const Cookie of [
      'ringfence=',
      `ringfence=${'A'.repeat(43)}`,
      'ringfence=../../etc/passwd',
      `${real.Cookie}x`,
      `x${real.Cookie}`,
      'ringfence=ada:act',
    ])
      assert.equal((await ask(`${base}/`, { headers: { Cookie } })).status, 303, Cookie);
    assert.equal((await ask(`${base}/`, { headers: real })).status, 200);
    await ask(`${base}/logout`, { headers: real, form: { csrf: await tokenOf(real) } });
    assert.equal((await ask(`${base}/`, { headers: real })).status, 303);
  });

  it('lets only those act who may, and only by a form of ours', async () => {
    const [ada, bob] = [await as('ada'), await as('bob')];
    const [adas, bobs] = [await tokenOf(ada), await tokenOf(bob)];
    const to = `${base}/incidents/story0001/acknowledge`;
    const seen = (): boolean => bench.store.incidents.get('story0001')?.acknowledgedAt !== null;
    assert.equal((await ask(to, { headers: bob, form: { csrf: bobs } })).status, 403);
    for (const csrf of ['', 'x', bobs, `${adas}x`])
      assert.equal((await ask(to, { headers: ada, form: { csrf } })).status, 403);
    for (const from of [{ Origin: 'http://evil.example' }, { 'Sec-Fetch-Site': 'cross-site' }, { Origin: 'null' }])
      assert.equal((await ask(to, { headers: { ...ada, ...from }, form: { csrf: adas } })).status, 403);
    const json = { ...ada, 'Content-Type': 'application/json' };
    assert.equal((await ask(to, { headers: json, body: JSON.stringify({ csrf: adas }) })).status, 400);
    assert.equal((await ask(to, { headers: ada, form: { csrf: adas, why: 'x'.repeat(20_000) } })).status, 400);
    assert.equal((await ask(to, { headers: ada })).status, 404, 'GET acts on nothing');
    assert.ok(!seen());
    const { status, headers } = await ask(to, {
      headers: { ...ada, Origin: base },
      form: { csrf: adas, why: 'my boss' },
    });
    assert.deepEqual([status, headers.location], [303, '/incidents/story0001']);
    assert.ok(seen());
    assert.deepEqual(
      bench.store.acknowledgements.of('story0001').map(({ who, note }) => [who, note]),
      [['ada', 'my boss']],
    );
    const page = await ask(`${base}/incidents/story0001`, { headers: ada });
    assert.match(page.text, /class="flash done"/);
    assert.doesNotMatch(
      (await ask(`${base}/incidents/story0001`, { headers: ada })).text,
      /class="flash done"/,
      'told once',
    );
  });

  it('shows no buttons to those who may only look', async () => {
    const { text } = await ask(`${base}/incidents/story0001`, { headers: await as('bob') });
    assert.deepEqual(
      [...text.matchAll(/<form method="post" action="([^"]+)"/g)].map(([, to]) => to),
      ['/logout'],
    );
  });

  it('blocks and unblocks at the PBX, in the name of whoever asked', async () => {
    const ada = await as('ada');
    const csrf = await tokenOf(ada);
    const block = { csrf, kind: 'account', value: '1004', for: '2h', why: 'stolen' };
    const { headers } = await ask(`${base}/act/block?from=/accounts/1004`, { headers: ada, form: block });
    assert.equal(headers.location, '/accounts/1004');
    assert.ok(bench.pbx.database.has('/ringfence/account/1004'));
    const made = bench.store.audit.after(0).find(({ action }) => action === 'decision.made');
    assert.equal(made?.actor, 'hand:ada');
    assert.match((await ask(`${base}/blocks`, { headers: ada })).text, /stolen \(ada\)/);
    await ask(`${base}/act/unblock`, { headers: ada, form: { csrf, kind: 'account', value: '1004', why: '' } });
    assert.ok(!bench.pbx.database.has('/ringfence/account/1004'));
    // what the safeguards refuse is told, and nothing is done
    await ask(`${base}/act/block`, { headers: ada, form: { ...block, kind: 'address', value: '192.0.2.10' } });
    assert.match(
      (await ask(`${base}/blocks`, { headers: ada })).text,
      /class="flash failed" role="alert">[^<]*192\.0\.2\.10/,
    );
    for (const wrong of [{ kind: 'lock' }, { kind: 'x' }, { for: '99y' }, { value: ' ' }]) {
      await ask(`${base}/act/block`, { headers: ada, form: { ...block, ...wrong } });
      assert.match((await ask(`${base}/blocks`, { headers: ada })).text, /class="flash failed"/, JSON.stringify(wrong));
    }
    assert.deepEqual(
      Object.keys(bench.pbx.ours).filter((key) => !key.startsWith('emergency')),
      [],
    );
  });

  it('offers the settings under which a false alarm would not have been told', async () => {
    const ada = await as('ada');
    const csrf = await tokenOf(ada);
    const { headers } = await ask(`${base}/incidents/story0001/false-alarm`, {
      headers: ada,
      form: { csrf, why: 'night shift' },
    });
    assert.equal(headers.location, '/incidents/story0001?false-alarm=1#innocent-title');
    const { text } = await ask(`${base}/incidents/story0001?false-alarm=1`, { headers: ada });
    assert.match(text, /\[accounts\.&#34;1004&#34;\]\nhours = &#34;always&#34;/);
    assert.match(text, /action="\/act\/allow\?from=\/incidents\/story0001"/);
    assert.equal(bench.store.acknowledgements.of('story0001')[0]?.note, 'False alarm: night shift');
  });

  it('goes back only to pages of its own', async () => {
    for (const next of [
      '//evil.example',
      'https://evil.example',
      '/\\evil.example',
      'javascript:alert(1)',
      '/x\r\nSet-Cookie: a=b',
    ]) {
      const page = await ask(`${base}/login?next=${encodeURIComponent(next)}`);
      const form = { csrf: csrfOf(page), name: 'ada', password: PASSWORD, next };
      const { headers } = await ask(`${base}/login`, { headers: { Cookie: cookiesOf(page) }, form });
      assert.equal(headers.location, '/', next);
    }
  });

  it('takes no log-in without the cookie that came with its form', async () => {
    const page = await ask(`${base}/login`);
    const form = { csrf: csrfOf(page), name: 'ada', password: PASSWORD };
    assert.equal((await ask(`${base}/login`, { form })).status, 403);
    const other = cookiesOf(await ask(`${base}/login`));
    assert.equal((await ask(`${base}/login`, { headers: { Cookie: other }, form })).status, 403);
  });

  it('slows guessing down, for one name from one address first', async () => {
    for (let i = 0; i < 5; i++) assert.equal((await logIn(base, 'ada', `wrong password ${i}`)).status, 401);
    const sixth = await logIn(base, 'ada');
    assert.equal(sixth.status, 429, 'the right one is not looked at any more');
    assert.match(sixth.text, /Wait \d/);
    assert.equal((await logIn(base, 'bob')).status, 303, 'others are let in');
    assert.equal((await logIn(base, 'nobody', 'x')).status, 401, 'a name that is not there is answered the same');
    const told = bench.notes.filter(({ action }) => action === 'console.refused').map(({ actor }) => actor);
    assert.deepEqual(told, [...Array.from({ length: 5 }, () => 'hand:ada'), 'hand:nobody']);
  });

  it('throws out who was taken out of the users, or has another password or role', async () => {
    for (const change of [{ bob: 'read' }, { ada: 'read', bob: 'read' }] as const) {
      bench.users({ ada: 'act', bob: 'read' });
      const ada = await as('ada');
      assert.equal((await ask(`${base}/`, { headers: ada })).status, 200);
      bench.users(change);
      assert.equal((await ask(`${base}/`, { headers: ada })).status, 303);
    }
  });

  it('streams what changes, and stops when the session ends', async () => {
    const ada = await as('ada');
    const parts: string[] = [];
    let over = false;
    const stream = httpRequest(`${base}/live?page=%2F`, { headers: ada }, (answer) => {
      assert.equal(answer.headers['content-type'], 'text/event-stream');
      answer.on('data', (chunk: Buffer) => parts.push(chunk.toString()));
      answer.on('end', () => (over = true));
    });
    stream.on('error', () => undefined);
    stream.end();
    await until('the first parts', () => parts.join('').includes('event: part\ndata: {"id":"status"'));
    bench.users({ bob: 'read' });
    await until('its end', () => over);
    assert.match(parts.join(''), /event: over/);
    assert.equal(
      (await ask(`${base}/live?page=/settings`, { headers: await as('bob') })).status,
      404,
      'no live part there',
    );
  });

  it('answers to its own names alone, and to GET and POST', async () => {
    assert.equal((await ask(`${base}/`, { headers: { Host: 'evil.example' } })).status, 421);
    assert.equal((await ask(`${base}/`, { headers: { Host: 'localhost' } })).status, 303);
    assert.equal((await ask(`${base}/`, { method: 'PUT' })).status, 405);
    assert.equal((await ask(`${base}/${'x'.repeat(3_000)}`)).status, 404);
  });

  it('gives its files to be kept, and nothing of anybody in them', async () => {
    const { text } = await ask(`${base}/login`);
    const paths = [...text.matchAll(/"(\/assets\/[^"]+)"/g)].map(([, path]) => path ?? '');
    assert.equal(paths.length, 3);
    for (const path of paths) {
      const { status, headers } = await ask(base + path);
      assert.equal(status, 200);
      assert.match(String(headers['cache-control']), /immutable/);
    }
    assert.equal((await ask(`${base}/assets/../settings`)).status, 303);
  });
});

describe('the console: other ways in', function () {
  this.timeout(30_000);
  const folder = temporaryFolder();
  let bench: ConsoleBench | null = null;
  afterEach(async () => {
    await bench?.close();
    bench = null;
  });

  it('is closed while nobody may log in, and says how to open it', async () => {
    bench = new ConsoleBench();
    const base = await bench.serve();
    const { status, text } = await ask(`${base}/login`);
    assert.equal(status, 403);
    assert.match(text, /ringfence console user add/);
  });

  it('believes a reverse proxy that knows the secret, and nobody else', async () => {
    const secret = folder.file('proxy.secret');
    writeFileSync(secret, 'between us\n', { mode: 0o600 });
    bench = new ConsoleBench({
      settings: `[console]\nproxy_header = "X-Remote-User"\nproxy_secret_file = "${secret}"\nproxy_act = ["ada"]\n`,
    });
    const base = await bench.serve();
    const by = (name: string, told = 'between us'): Record<string, string> => ({
      'X-Remote-User': name,
      'X-Ringfence-Secret': told,
    });
    assert.equal((await ask(`${base}/`, { headers: by('ada', 'guessed') })).status, 303);
    assert.equal((await ask(`${base}/`, { headers: { 'X-Remote-User': 'ada' } })).status, 303);
    for (const name of ['', '<script>', 'a b', 'x'.repeat(100)])
      assert.equal((await ask(`${base}/`, { headers: by(name) })).status, 303, name);
    const page = await ask(`${base}/blocks`, { headers: by('ada') });
    assert.equal(page.status, 200);
    assert.doesNotMatch(page.text, /\/logout/);
    const form = { csrf: csrfOf(page), kind: 'account', value: '1004', for: '15m', why: '' };
    assert.equal((await ask(`${base}/act/block`, { headers: by('ada'), form: { ...form, csrf: 'x' } })).status, 403);
    assert.equal((await ask(`${base}/act/block`, { headers: by('ada'), form })).status, 303);
    assert.equal(bench.store.audit.after(0).find(({ action }) => action === 'decision.made')?.actor, 'hand:ada');
    assert.equal((await ask(`${base}/act/block`, { headers: by('bob'), form })).status, 403);
  });

  it('speaks TLS where it has a certificate, and its cookies go by nothing else', async () => {
    const { cert, key } = selfSigned();
    writeFileSync(folder.file('c.pem'), cert);
    writeFileSync(folder.file('k.pem'), key, { mode: 0o600 });
    bench = new ConsoleBench({
      settings: `[console]\ncert_file = "${folder.file('c.pem')}"\nkey_file = "${folder.file('k.pem')}"\n`,
    });
    bench.users({ ada: 'act' });
    const base = await bench.serve();
    assert.match(base, /^https:/);
    const { status, headers } = await logIn(base, 'ada');
    assert.equal(status, 303);
    assert.match(
      String(headers['set-cookie']),
      /^__Host-ringfence=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Secure$/,
    );
    assert.match(String(headers['strict-transport-security']), /max-age=/);
    await assert.rejects(ask(base.replace('https', 'http')));
  });

  it('wants TLS and names of those who may come before others can reach it', () => {
    const settings = folder.file('s.toml');
    const problems = (text: string): string => {
      writeFileSync(settings, `[site]\ntimezone = "UTC"\ncountry = "DE"\n[console]\n${text}`);
      try {
        loadConfig(settings);
        return '';
      } catch (error) {
        assert.ok(error instanceof RingfenceError);
        return error.message;
      }
    };
    assert.match(problems('listen = "0.0.0.0:8089"'), /console\.listen: beyond this machine the console needs TLS/);
    const files = 'cert_file = "c.pem"\nkey_file = "k.pem"\n';
    assert.match(problems(`${files}listen = "0.0.0.0:8089"`), /console\.allow: listen can be reached by others/);
    assert.equal(problems(`${files}listen = "0.0.0.0:8089"\nallow = ["192.0.2.0/24"]`), '');
    assert.match(problems('cert_file = "c.pem"'), /console\.key_file: cert_file and key_file go together/);
    assert.match(problems('proxy_header = "X-User"'), /console\.proxy_secret_file: proxy_header and/);
  });
});

describe('the users of the console', function () {
  this.timeout(20_000);
  const folder = temporaryFolder();

  it('are kept with hashed passwords, for their owner alone', async () => {
    const file = new UsersFile(join(folder.path, 'users'));
    assert.equal(file.all().size, 0);
    const password = await hashPassword('correct horse battery');
    file.write(new Map([['ada', { name: 'ada', role: 'act', password }]]));
    assert.equal(statSync(file.path).mode & 0o777, 0o600);
    assert.doesNotMatch(readFileSync(file.path, 'utf8'), /correct/);
    const ada = file.all().get('ada') ?? null;
    assert.deepEqual([ada?.role, ada?.password], ['act', password]);
    assert.ok(await isPassword(ada, 'correct horse battery'));
    for (const wrong of ['', 'correct horse batterx', 'x'.repeat(300)]) assert.ok(!(await isPassword(ada, wrong)));
    assert.ok(!(await isPassword(null, 'correct horse battery')), 'of nobody no password is right');
    assert.notEqual(await hashPassword('correct horse battery'), password, 'salted');
    await assert.rejects(hashPassword('short'), /12 to 256/);
  });

  it('are refused where others may read them, or where a line is none', () => {
    const path = folder.file('wrong');
    writeFileSync(path, 'ada:act:plain\n', { mode: 0o600 });
    assert.throws(() => new UsersFile(path).all(), /line 1 is no user/);
    for (const line of ['ada:root:x', 'a b:act:x', '../x:act:x', 'ada:act'])
      assert.throws(() => {
        writeFileSync(path, `# head\n${line}\n`);
        new UsersFile(path).all();
      }, /line 2 is no user/);
    chmodSync(path, 0o644);
    assert.throws(
      () => new UsersFile(path).all(),
      (error: unknown) => error instanceof RingfenceError && error.code === 'secret-unsafe',
    );
  });

  it('have sessions that end', () => {
    const user = { name: 'ada', role: 'act', password: 'scrypt' } as const;
    const users = new Map([['ada', user]]);
    const sessions = new Sessions({ life: 1_000, idle: 300 });
    const token = sessions.open(user, 0);
    assert.equal(sessions.find(token, users, 200, true)?.name, 'ada');
    assert.equal(sessions.find(token, users, 499, false)?.name, 'ada');
    assert.equal(sessions.find(token, users, 501, true), null, 'nobody clicked for so long');
    const other = sessions.open(user, 0);
    for (let at = 0; at < 1_000; at += 200) assert.ok(sessions.find(other, users, at, true));
    assert.equal(sessions.find(other, users, 1_000, true), null, 'it had its time');
    const third = sessions.open(user, 0);
    sessions.close(third);
    assert.equal(sessions.find(third, users, 1, true), null);
  });
});
