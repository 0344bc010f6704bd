import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { Daemon, jsonLines, ringfence, until } from '../support/cli.ts';
import { useLab } from './support/lab.ts';
import { freePort } from './support/ports.ts';
import { writeSettings } from './support/settings.ts';

/** Weak passwords, and what must be said of each. Every other account is asked for SHA-256. */
const WEAK: readonly (readonly [extension: string, password: string, weakness: string])[] = [
  ['1101', '1101', 'extension-number'],
  ['1102', '11021102', 'extension-variation'],
  ['1103', 'ext1103', 'extension-variation'],
  ['1104', '4011!', 'extension-variation'],
  ['1105', 'unsecurepassword', 'vendor-default'],
  ['1106', 'PlcmSpIp', 'vendor-default'],
  ['1107', 'Sommer2026!', 'dictionary'],
  ['1108', 'V0icemail123', 'dictionary'],
  ['1109', 'qwertz2024', 'pattern'],
  ['1110', '8305', 'digits'],
];
const STRONG = Array.from({ length: 10 }, (_, i): [string, string] => [
  String(1201 + i),
  randomBytes(9).toString('base64url'),
]);
const HEP = 'labhep';

interface Line {
  readonly account: string;
  readonly weak: boolean;
  readonly weakness: string | null;
  readonly complete: boolean;
  readonly algorithm: string;
  readonly method: string;
}

describe('lab: audit passwords', function () {
  this.timeout(120_000);
  let port = 0;
  const accounts = [...WEAK, ...STRONG].map(([extension, password], i) => ({
    ...{ extension, password, name: `Phone ${extension}` },
    algorithm: i % 2 === 0 ? ('MD5' as const) : ('SHA-256' as const),
  }));
  const lab = useLab(async () => {
    port = await freePort();
    return { accounts, hep: { port, password: HEP }, trunk: 'own' };
  });
  let settings = '';
  let spoken = '';
  const store = (): string => join(lab().directory, 'ringfence.db');
  /** All that ringfence has written: the store with what lies beside it. */
  const written = (): Buffer =>
    Buffer.concat(readdirSync(dirname(store())).filter((name) => name.startsWith(basename(store()))).map((name) => join(dirname(store()), name)).filter((path) => statSync(path).isFile()).map((path) => readFileSync(path))); // prettier-ignore

  before(async () => {
    settings = writeSettings(lab(), {
      hep: { port, password: HEP },
      more: ['[audit]\npasswords = true\npin_digits = 4'],
    });
    const daemon = await Daemon.start(['--config', settings]);
    for (const { extension } of accounts) {
      const phone = await lab().phone(extension);
      assert.equal((await phone.register()).status, 200, extension);
      if (extension === '1104' || extension === '1204') await phone.callFor('600', 50);
      phone.close();
    }
    // a guesser names strong accounts with weak passwords, and is refused: that says nothing about them
    const thief = await lab().stranger(1);
    for (const [extension] of STRONG)
      assert.equal((await thief.register({ aor: extension, username: extension, password: extension })).status, 401);
    await until('all was mirrored', () => daemon.stderr.includes('ready'));
    await new Promise((done) => setTimeout(done, 300));
    assert.equal((await daemon.end()).status, 0);
    spoken = daemon.stdout + daemon.stderr;
  });

  it('keeps an answer of each account, encrypted, under a key of its own', () => {
    assert.equal(statSync(`${store()}.audit.key`).mode & 0o777, 0o600);
    const text = written().toString('latin1');
    assert.ok(text.includes('1210'), 'the accounts are there');
    for (const phrase of ['"nonce"', '"response"', 'Phone 1210', 'sip:127.0.0.1:'])
      assert.ok(!text.includes(phrase), phrase);
  });

  it('finds the ten weak ones and none of the ten strong ones; no secret is written anywhere; what was audited is deleted', async () => {
    const before = written();
    const ran = await ringfence([
      'audit',
      'passwords',
      '--config',
      settings,
      '--rate',
      '900000',
      '--seconds',
      '100',
      '--format',
      'json',
    ]);
    assert.equal(ran.status, 1, ran.stderr);
    const lines = new Map(jsonLines<Line>(ran.stdout).map((line) => [line.account, line]));
    assert.equal(lines.size, 20);
    for (const [extension, , weakness] of WEAK) assert.equal(lines.get(extension)?.weakness, weakness, extension);
    for (const [extension] of STRONG)
      assert.deepEqual([lines.get(extension)?.weak, lines.get(extension)?.complete], [false, true], extension);
    // Asterisk 16 knows MD5 alone
    const algorithms = new Set([...lines.values()].map(({ algorithm }) => algorithm));
    assert.deepEqual(
      [...algorithms].sort(),
      lab().trees.asterisk.directory.includes('bullseye') ? ['MD5'] : ['MD5', 'SHA-256'],
    );
    assert.equal(lines.get('1104')?.method, 'INVITE');
    const places = { before: before.toString('latin1'), after: written().toString('latin1'), stdout: ran.stdout, stderr: ran.stderr, daemon: spoken }; // prettier-ignore
    for (const [extension, password] of [...WEAK, ...STRONG])
      for (const [place, text] of Object.entries(places))
        if (password !== extension) assert.ok(!text.includes(password), `the password of ${extension} in ${place}`);
    const TITLES = { en: 'Weak passwords', de: 'Schwache Passwörter' } as const;
    for (const language of ['en', 'de'] as const) {
      const { stdout } = await ringfence(['report', '--config', settings, '--language', language]);
      const part = stdout.slice(stdout.indexOf(TITLES[language]));
      for (const [extension] of WEAK) assert.match(part, new RegExp(`^ +${extension} `, 'm'));
      for (const [extension] of STRONG) assert.doesNotMatch(part, new RegExp(`^ +${extension} `, 'm'));
    }
    const again = await ringfence(['audit', 'passwords', '--config', settings]);
    assert.equal(again.status, 2);
    assert.match(again.stderr, /no digest answers are kept yet/);
  });
});
