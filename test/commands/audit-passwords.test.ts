import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import {
  AnswerKeeper,
  answerKey,
  answerKeyFile,
  openAnswer,
  sealAnswer,
} from '../../src/commands/audit/answer-store.ts';
import { weaknessOf } from '../../src/commands/audit/candidates.ts';
import { openStore } from '../../src/store/index.ts';
import type { Weakness } from '../../src/words/index.ts';
import { encodeHep } from '../../src/wire/hep.ts';
import { jsonLines, ringfence, writeSettings } from '../support/cli.ts';
import { temporaryFolder } from '../support/temporary.ts';

const PBX = '192.0.2.1';
const HASHES: Readonly<Record<string, string>> = { MD5: 'md5', 'SHA-256': 'sha256', 'SHA-512-256': 'sha512-256' };

interface Login {
  readonly user: string;
  readonly secret: string;
  /** `SHA-256-sess` */
  readonly algorithm?: string;
  readonly qop?: '' | 'auth' | 'auth-int';
  readonly proxy?: boolean;
  readonly status?: number;
}

/** The four packets of a login as a HEP recording has them, computed apart from the code under test. */
function login({ user, secret, algorithm = 'MD5', qop = '', proxy = false, status = 200 }: Login, at: number): Buffer {
  const phone = `198.51.100.${10 + (Number(user.replace(/\D/g, '')) % 200)}`;
  const name = HASHES[algorithm.replace(/-sess$/, '')] ?? 'md5';
  const h = (text: string): string => createHash(name).update(text).digest('hex');
  const [method, uri, nonce, cnonce, nc, body] = [proxy ? 'INVITE' : 'REGISTER', 'sip:pbx.example:5060', `n${at}`, 'abc', '0000000b', 'v=0\r\n']; // prettier-ignore
  let a1 = h(`${user}:asterisk:${secret}`);
  if (algorithm.endsWith('-sess')) a1 = h(`${a1}:${nonce}:${cnonce}`);
  const a2 = h(`${method}:${uri}${qop === 'auth-int' ? `:${h(body)}` : ''}`);
  const response = h(qop === '' ? `${a1}:${nonce}:${a2}` : `${a1}:${nonce}:${nc}:${cnonce}:${qop}:${a2}`);
  const head = (cseq: number): string =>
    `Via: SIP/2.0/UDP ${phone};branch=z9hG4bK${user}${cseq}\r\nFrom: <sip:${user}@pbx>;tag=1\r\nTo: <sip:${user}@pbx>\r\nCall-ID: ${user}-${at}\r\nCSeq: ${cseq} ${method}\r\n`; // prettier-ignore
  const more = qop === '' ? '' : `, qop=${qop}, nc=${nc}`;
  const digest = `${proxy ? 'Proxy-' : ''}Authorization: Digest username="${user}", realm="asterisk", nonce="${nonce}", uri="${uri}", cnonce="${cnonce}"${more}, algorithm=${algorithm}, response="${response}"\r\n`; // prettier-ignore
  const challenge = `${proxy ? 'Proxy-Authenticate' : 'WWW-Authenticate'}: Digest realm="asterisk", nonce="${nonce}", algorithm=${algorithm}\r\n`; // prettier-ignore
  const packets: [string, boolean][] = [
    [`${method} ${uri} SIP/2.0\r\n${head(1)}Content-Length: 0\r\n\r\n`, true],
    [`SIP/2.0 ${proxy ? 407 : 401} X\r\n${head(1)}${challenge}Content-Length: 0\r\n\r\n`, false],
    [`${method} ${uri} SIP/2.0\r\n${head(2)}${digest}Content-Length: ${body.length}\r\n\r\n${body}`, true],
    [`SIP/2.0 ${status} X\r\n${head(2)}Content-Length: 0\r\n\r\n`, false],
  ];
  return Buffer.concat(
    packets.map(
      ([text, up], i) =>
      encodeHep({ protocol: 17, source: up ? phone : PBX, sourcePort: 5060, destination: up ? PBX : phone, destinationPort: 5060, seenAt: at + i, captureId: 1, payloadType: 1, authKey: null, correlationId: null, nodeName: null, payload: Buffer.from(text) }), // prettier-ignore
    ),
  );
}

describe('audit passwords', function () {
  this.timeout(30_000);
  const folder = temporaryFolder();
  const T0 = Date.parse('2026-11-21T08:00:00Z');
  const args = (...more: string[]): string[] => ['audit', 'passwords', '--config', writeSettings(folder.path), '--rate', '900000', ...more]; // prettier-ignore

  it('knows weak secrets for what they are, and leaves strong ones alone', () => {
    const owner = { names: ['1004'], people: ['Anna Schmidt'], sites: ['head-office', 'pbx.acme-corp.example'] };
    const CASES: readonly (readonly [secret: string, weakness: Weakness | null])[] = [
      ['', 'empty'],
      ['1004', 'extension-number'],
      ...['10041004', '4001', '1004!', 'ext1004', 'Ext-1004', '1004pass', 'sip1004', '1004abc', '10042026', '1005', 'asterisk1004'].map((one): [string, Weakness] => [one, 'extension-variation']), // prettier-ignore
      ...['Schmidt1', 'anna2024', 'Schm1dt'].map((one): [string, Weakness] => [one, 'name-variation']),
      ...['acme', 'AcmeCorp1', 'HeadOffice!', 'acme-1004'].map((one): [string, Weakness] => [one, 'site-name']),
      ...['PlcmSpIp', 'amp111', 'unsecurepassword', 'cisco', '0000'].map((one): [string, Weakness] => [
        one,
        'vendor-default',
      ]),
      ...['Winter2026!', 'voicemail1', 'G3h3im', 'telefon123', 'Empfang1'].map((one): [string, Weakness] => [
        one,
        'dictionary',
      ]),
      ...['qwertz', '1qaz2wsx', 'aaaaaaa', '121212', 'asdf1234', 'q1w2e3r4', 'abc123'].map((one): [string, Weakness] => [one, 'pattern']), // prettier-ignore
      ...['1987', '12081975', '19750812'].map((one): [string, Weakness] => [one, 'year-or-date']),
      ['830517', 'digits'],
      ...['83051764', 'rP7-vbQ2-kLm9', 'correct horse battery', 'xK3$9fLq', 'tz8Wq2Lm'].map((one): [string, null] => [one, null]), // prettier-ignore
    ];
    for (const [secret, weakness] of CASES) assert.equal(weaknessOf(secret, owner, 6), weakness, secret);
  });

  it('opens every kind of digest out of a recording, and says nothing of the secret', async () => {
    const kinds: Login[] = ['MD5', 'SHA-256', 'SHA-512-256'].flatMap((algorithm) =>
      (['', 'auth', 'auth-int'] as const).flatMap((qop) => [{ user: '', secret: '', algorithm, qop }, { user: '', secret: '', algorithm: `${algorithm}-sess`, qop }])); // prettier-ignore
    const logins = kinds.map((kind, i): Login => ({
      ...kind,
      user: String(2001 + i),
      secret: 'changeme',
      proxy: i % 3 === 0,
    }));
    const file = folder.file('all.hep');
    writeFileSync(file, Buffer.concat(logins.map((one, i) => login(one, T0 + 1000 * i))));
    const ran = await ringfence(args('--format', 'json', file));
    assert.equal(ran.status, 1, ran.stderr);
    const found = jsonLines<{ account: string; weakness: string; algorithm: string; method: string }>(ran.stdout);
    assert.deepEqual(
      found.map(({ account, weakness, algorithm, method }) => [account, weakness, algorithm, method]),
      logins.map(({ user, algorithm, proxy }) => [user, 'vendor-default', algorithm?.toUpperCase(), proxy === true ? 'INVITE' : 'REGISTER']), // prettier-ignore
    );
    for (const text of [ran.stdout, ran.stderr]) assert.ok(!text.includes('changeme'));
    assert.ok(!existsSync(folder.file('ringfence.db')), 'a recording touches no store');
  });

  it('never takes a refused guess for the account’s password; the last that was accepted counts', async () => {
    const file = folder.file('guesses.hep');
    const strong = { user: '3001', secret: 'rP7-vbQ2-kLm9' };
    writeFileSync(file, Buffer.concat([login({ user: '3002', secret: '3002' }, T0), login({ ...strong, user: '3002' }, T0 + 1000), login(strong, T0 + 2000), login({ user: '3001', secret: '3001', status: 403 }, T0 + 3000)])); // prettier-ignore
    const ran = await ringfence(args('--seconds', '1', '--pin-digits', '0', file));
    assert.deepEqual([ran.status, ran.stdout], [0, '']);
    assert.match(ran.stderr, /2 accounts audited: no weak password found/);
  });

  it('tries a word list, and says when time was too short', async () => {
    const file = folder.file('word.hep');
    const list = folder.file('words.txt');
    writeFileSync(file, login({ user: '4001', secret: 'Zwölf Boxkämpfer', algorithm: 'SHA-256', qop: 'auth' }, T0));
    writeFileSync(list, `one\r\n${'x'.repeat(70_000)}\nZwölf Boxkämpfer`);
    const ran = await ringfence(args('--wordlist', list, '--pin-digits', '0', '--format', 'json', file));
    assert.equal(ran.status, 1, ran.stderr);
    assert.deepEqual(
      jsonLines<{ weakness: string }>(ran.stdout).map(({ weakness }) => weakness),
      ['word-list'],
    );
    const short = await ringfence(['audit', 'passwords', '--config', writeSettings(folder.path), '--rate', '10000', '--seconds', '1', '--format', 'json', file]); // prettier-ignore
    assert.equal(short.status, 0);
    assert.deepEqual(
      jsonLines<{ complete: boolean }>(short.stdout).map(({ complete }) => complete),
      [false],
    );
    assert.match(short.stderr, /not to the end: give it more time/);
  });

  it('keeps answers sealed: bound to account and time, opened by their key alone', () => {
    const path = folder.file('sealed.db');
    const store = openStore(path);
    const key = answerKey(path);
    assert.equal(statSync(answerKeyFile(path)).mode & 0o777, 0o600);
    const accepted = { at: T0, displayName: 'Anna', answer: { username: '1', realm: 'r', nonce: 'n', uri: 'u', method: 'REGISTER', qop: '', nc: '', cnonce: '', algorithm: 'MD5', response: 'ab', bodyHash: '' } }; // prettier-ignore
    const sealed = sealAnswer(key, '1004', accepted);
    assert.deepEqual(openAnswer(key, sealed), accepted);
    for (const other of [{ ...sealed, account: '1005' }, { ...sealed, at: T0 + 1 }, { ...sealed, sealed: '' }, { ...sealed, sealed: `${sealed.sealed.slice(0, -4)}AAA=` }]) assert.equal(openAnswer(key, other), null); // prettier-ignore
    assert.equal(openAnswer(Buffer.alloc(32), sealed), null);
    const keeper = new AnswerKeeper(store, () => '1004');
    store.digestAnswers.put(sealed);
    keeper.flush(T0 + 1);
    assert.deepEqual(store.digestAnswers.all(), [], 'what is older than [audit] passwords_keep goes');
    store.close();
    chmodSync(answerKeyFile(path), 0o640);
    assert.throws(() => answerKey(path), { code: 'secret-unsafe' });
    writeFileSync(answerKeyFile(path), 'short');
    chmodSync(answerKeyFile(path), 0o600);
    assert.throws(() => answerKey(path), { code: 'input-malformed' });
    assert.ok(!readFileSync(path).includes('Anna'));
  });

  it('says what is missing', async () => {
    const empty = folder.file('empty.hep');
    writeFileSync(empty, login({ user: '1', secret: '1', status: 401 }, T0));
    const CASES: readonly (readonly [args: string[], text: RegExp])[] = [
      [args(empty), /no accepted login in .*empty\.hep/],
      [args(folder.file('none.pcap')), /none\.pcap does not exist/],
      [args('--wordlist', '/none', empty), /--wordlist \/none cannot be read/],
      [args(), /there is no store at/],
    ];
    for (const [line, text] of CASES) {
      const ran = await ringfence(line);
      assert.equal(ran.status, 2, line.join(' '));
      assert.match(ran.stderr, text);
    }
    openStore(folder.file('ringfence.db')).close();
    const off = await ringfence(args());
    assert.match(off.stderr, /set passwords = true in \[audit\]/);
    assert.equal(off.status, 2);
  });
});
