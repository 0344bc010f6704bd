import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import keysBackup from '../../src/commands/keys-backup.ts';
import keysEnrol from '../../src/commands/keys-enrol.ts';
import keysExport from '../../src/commands/keys-export.ts';
import keysImport from '../../src/commands/keys-import.ts';
import keysInit from '../../src/commands/keys-init.ts';
import keysIssue from '../../src/commands/keys-issue.ts';
import keysList from '../../src/commands/keys-list.ts';
import keysRestore from '../../src/commands/keys-restore.ts';
import keysRevoke from '../../src/commands/keys-revoke.ts';
import keysRotate from '../../src/commands/keys-rotate.ts';
import keysShow from '../../src/commands/keys-show.ts';
import { keyRows } from '../../src/commands/setup/checks-keys.ts';
import { failureText, type Output } from '../../src/commands/output.ts';
import { loadConfig } from '../../src/config.ts';
import { decodeToken } from '../../src/crypto/enrolment.ts';
import { readKeyStore, writeKeyStore } from '../../src/crypto/key-store.ts';
import { privateKeyFromPem } from '../../src/crypto/private-key.ts';
import { writePkcs12 } from '../../src/crypto/pkcs12.ts';
import { jsonLines, ringfence, type Ran, type RunOptions } from '../support/cli.ts';
import { testAuthority, testCertificate, testKey, testPem, value } from '../support/keys.ts';
import { openssl, opensslRun } from '../support/openssl.ts';
import { temporaryFolder } from '../support/temporary.ts';

type Command = (args: readonly string[], options: never, output: Output) => Promise<number>;
const COMMANDS: Readonly<Record<string, Command>> = {
  init: keysInit,
  issue: keysIssue,
  enrol: keysEnrol,
  rotate: keysRotate,
  revoke: keysRevoke,
  list: keysList,
  show: keysShow,
  export: keysExport,
  import: keysImport,
  backup: keysBackup,
  restore: keysRestore,
};
const DEFAULTS: Readonly<Record<string, object>> = {
  issue: { form: 'p12' },
  rotate: { form: 'p12', ca: false, gateway: false, gatewayTls: false },
  enrol: { cancel: false },
  revoke: { reason: 'unspecified' },
  list: { all: false, pushed: false, mend: false },
  export: { form: 'pem' },
  restore: { check: false, force: false },
};
/** Verbs whose argument is a file, options that name one. */
const FILES = ['import', 'backup', 'restore'];
const NAMED = ['out', 'csr', 'passphraseFile'];

/** A place with its own settings, store and keys. */
class Place {
  readonly folder: string;

  constructor(folder: string, more = '') {
    this.folder = folder;
    mkdirSync(join(folder, 'var'), { recursive: true, mode: 0o700 });
    writeFileSync(
      this.file('r.toml'),
      `[site]\ntimezone = "Europe/Berlin"\ncountry = "DE"\n[store]\npath = "${this.file('var/r.db')}"\n` +
        `[crypto]\ndomain = "example.com"\ngateway = "gw.example.com:5061"\nkey_store = "${this.file('var/keys.json')}"\n` +
        `master_key_file = "${this.file('master.key')}"\n${more}`,
      { mode: 0o600 },
    );
    writeFileSync(this.file('passphrase'), 'correct horse battery staple\n', { mode: 0o600 });
  }

  file(name: string): string {
    return join(this.folder, name);
  }

  /** Runs `ringfence keys …` in this process, or as a user does; nothing that it says may hold a private key. */
  async run(args: readonly string[], options: RunOptions & { readonly cli?: boolean } = {}): Promise<Ran> {
    const ran =
      options.cli === true
        ? await ringfence(['keys', ...args, '--config', this.file('r.toml')], { cwd: this.folder, ...options })
        : await this.#here(args);
    assert.doesNotMatch(ran.stdout + ran.stderr, /PRIVATE KEY|\n\s+at |this is a bug/);
    return ran;
  }

  /** Options as commander gives them, with the defaults of cli.ts; names of files are in the folder. */
  async #here([verb = '', ...rest]: readonly string[]): Promise<Ran> {
    const here = (name: string): string => resolve(this.folder, name);
    const options: Record<string, unknown> = { ...DEFAULTS[verb], config: this.file('r.toml'), quiet: false };
    const args: string[] = [];
    for (let i = 0; i < rest.length; i++) {
      const word = rest[i] ?? '';
      const name = word.slice(2).replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase());
      if (!word.startsWith('--')) args.push(FILES.includes(verb) ? here(word) : word);
      else if (typeof options[name] === 'boolean') options[name] = true;
      else options[name] = NAMED.includes(name) ? here(rest[++i] ?? '') : rest[++i];
    }
    const { out, csr, form } = options;
    if (verb !== 'export' && form === 'p12' && out === undefined && csr === undefined && args[0] !== undefined)
      options['out'] = here(`${args[0]}.p12`);
    let [stdout, stderr] = ['', ''];
    const output: Output = {
      json: options['format'] === 'json',
      color: false,
      result: (text) => void (stdout += `${text}\n`),
      object: (object) => void (stdout += `${JSON.stringify(object)}\n`),
      bytes: (data) => void (stdout += Buffer.from(data).toString('latin1')),
      note: (text) => void (stderr += `${text}\n`),
      warn: (text) => void (stderr += `${text}\n`),
      onGone: () => undefined,
    };
    try {
      const command = COMMANDS[verb];
      assert.ok(command !== undefined, verb);
      return { status: await command(args, options as never, output), stdout, stderr };
    } catch (error) {
      return { status: 2, stdout, stderr: `${stderr}${failureText(error)}` };
    }
  }

  /** Runs it and takes its JSON; it must succeed. */
  async json<T = Record<string, string>>(...args: readonly string[]): Promise<T[]> {
    const ran = await this.run([...args, '--format', 'json']);
    assert.equal(ran.status, 0, ran.stderr);
    return jsonLines<T>(ran.stdout);
  }

  async text(...args: readonly string[]): Promise<string> {
    const ran = await this.run(args);
    assert.equal(ran.status, 0, ran.stderr);
    return ran.stdout;
  }

  async refused(args: readonly string[], why: RegExp): Promise<void> {
    const ran = await this.run(args);
    assert.equal(ran.status, 2, `${ran.stdout}${ran.stderr}`);
    assert.match(ran.stderr, why);
    assert.equal(ran.stdout, '');
  }
}

const passphrase = (place: Place): string[] => ['--passphrase-file', place.file('passphrase')];

describe('ringfence keys', function () {
  this.timeout(90_000);
  const folder = temporaryFolder();
  let place: Place;
  before(async () => {
    place = new Place(folder.file('a'));
    await place.json('init');
  });

  it('init: master key and key store for us alone; a second one changes nothing', async () => {
    for (const name of ['master.key', 'var/keys.json'])
      assert.equal(statSync(place.file(name)).mode & 0o777, 0o600, name);
    assert.equal(statSync(place.file('master.key')).size, 32);
    const before = readFileSync(place.file('var/keys.json'));
    await place.refused(['init'], /a CA and keys in .* already/);
    assert.deepEqual(readFileSync(place.file('var/keys.json')), before);
    const store = value(readKeyStore(before.toString()));
    assert.deepEqual(store.keys.map(({ role }) => role).sort(), ['ca', 'gateway', 'gateway-tls']);
    assert.deepEqual(
      readdirSync(place.file('var')).filter((name) => name.endsWith('.new')),
      [],
    );
  });

  it('issue: a PKCS#12 that openssl opens with the password, and whose certificate the CA has signed', async () => {
    const [issued] = await place.json('issue', '1004');
    assert.equal(statSync(place.file('1004.p12')).mode & 0o777, 0o600);
    const opened = openssl([
      'pkcs12',
      '-in',
      issued!['file']!,
      '-passin',
      `pass:${issued!['password']!}`,
      '-nodes',
    ]).toString();
    const key = value(privateKeyFromPem(opened));
    assert.equal(key.kid, issued!['kid']);
    writeFileSync(place.file('c.pem'), opened.slice(opened.indexOf('-----BEGIN CERTIFICATE')));
    writeFileSync(place.file('ca.pem'), await place.text('export', 'ca'));
    assert.match(
      openssl(['verify', '-x509_strict', '-CAfile', place.file('ca.pem'), place.file('c.pem')]).toString(),
      /OK/,
    );
    await place.refused(['issue', '1004'], /has a key already.*keys rotate 1004/);
    await place.refused(['issue', '1005', '--out', '1004.p12'], /is there already/);
    await place.refused(['issue', '1005', '--out', 'nowhere/x.p12'], /cannot write/);
    assert.deepEqual(
      (await place.json('list')).filter(({ account }) => account === '1005'),
      [],
      'no certificate without its file',
    );
    // the store of certificates knows nothing of the key
    const db = readFileSync(place.file('var/r.db'));
    assert.ok(!db.includes(Buffer.from(issued!['password']!)));
  });

  it('issue --csr: the key stays with the device, and the names in its request count for nothing', async () => {
    writeFileSync(place.file('k.pem'), testPem('device'), { mode: 0o600 });
    const csr = openssl([
      'req',
      '-new',
      '-key',
      place.file('k.pem'),
      '-subj',
      '/CN=boss/O=evil',
      '-addext',
      'subjectAltName=URI:sip:boss@example.com',
    ]);
    const ran = await place.run(['issue', '1010', '--csr', '-'], { input: csr.toString(), cli: true });
    assert.equal(ran.status, 0, ran.stderr);
    const shown = openssl(['x509', '-noout', '-text'], Buffer.from(ran.stdout)).toString();
    assert.match(shown, /Subject: O = example\.com, CN = 1010\n/);
    assert.match(shown, /URI:sip:1010@example\.com\n/);
    assert.doesNotMatch(shown, /boss|evil/);
    await place.refused(['issue', '1011', '--csr', 'k.pem'], /no CERTIFICATE REQUEST|certificate request/i);
    await place.refused(['issue', '1011', '--csr', 'missing.csr'], /cannot read .*missing\.csr/);
  });

  it('rotate: two keys are good for a while, never three; revoke ends them; openssl believes the list', async () => {
    const [first] = await place.json('issue', '1020', '--form', 'pem', '--out', '1.pem');
    assert.match(readFileSync(place.file('1.pem'), 'latin1'), /BEGIN ENCRYPTED PRIVATE KEY[\s\S]*BEGIN CERTIFICATE/);
    const [second] = await place.json('rotate', '1020');
    const states = async (): Promise<unknown> =>
      (await place.json('list', '--all'))
        .filter(({ account }) => account === '1020')
        .map(({ kid, state }) => [kid, state]);
    assert.deepEqual(await states(), [
      [second!['kid'], 'live'],
      [first!['kid'], 'retiring'],
    ]);
    await place.refused(['rotate', '1020', '--out', '3.p12'], /has 2 good keys already; the older one/);
    assert.ok(!existsSync(place.file('3.p12')));
    assert.equal((await place.text('export', '1020')).match(/BEGIN CERTIFICATE/g)?.length, 2);

    await place.text('export', '1020', '--form', 'der', '--out', 'one.der');
    const one = openssl(['x509', '-inform', 'DER', '-in', place.file('one.der')]);
    assert.equal(
      (await place.text('export', '1020', '--form', 'spki')).split('-----END')[0],
      openssl(['x509', '-noout', '-pubkey'], one).toString().split('-----END')[0],
    );
    const [shown] = await place.json('show', second!['kid']!);
    assert.equal(shown!['certificate'], one.toString());

    writeFileSync(place.file('one.pem'), one);
    writeFileSync(place.file('ca.pem'), await place.text('export', 'ca'));
    const checked = async (): Promise<number> => {
      writeFileSync(place.file('crl.pem'), await place.text('export', 'crl'));
      openssl(['crl', '-in', place.file('crl.pem'), '-CAfile', place.file('ca.pem'), '-noout']);
      return opensslRun([
        'verify',
        '-crl_check',
        '-CAfile',
        place.file('ca.pem'),
        '-CRLfile',
        place.file('crl.pem'),
        place.file('one.pem'),
      ]).status;
    };
    assert.equal(await checked(), 0);
    const revoked = await place.json('revoke', second!['kid']!, '--reason', 'keyCompromise');
    assert.deepEqual(
      revoked.map(({ kid, state, reason }) => [kid, state, reason]),
      [[second!['kid'], 'revoked', 'keyCompromise']],
    );
    assert.notEqual(await checked(), 0);
    assert.deepEqual(await states(), [
      [second!['kid'], 'revoked'],
      [first!['kid'], 'retiring'],
    ]);
    await place.text('revoke', '1020');
    await place.refused(['revoke', '1020'], /nothing of "1020" is good any more/);
    await place.refused(['revoke', '4711'], /there is no certificate of "4711"/);
    await place.refused(['export', '1020'], /no key of "1020" is good any more/);
  });

  it('enrol: a token for the account and this gateway, once; its secret is not in the store', async () => {
    const [given] = await place.json('enrol', '1030');
    const token = value(decodeToken(given!['token']!));
    assert.deepEqual([token.id, token.gw], ['1030', 'gw.example.com:5061']);
    const ca = openssl(['x509', '-outform', 'DER'], Buffer.from(await place.text('export', 'ca')));
    assert.equal(Buffer.from(token.ca).toString('hex'), openssl(['dgst', '-sha256', '-binary'], ca).toString('hex'));
    assert.equal(Buffer.from(token.kid).toString('base64url'), (await place.json('show', 'gateway'))[0]!['kid']);
    for (const name of readdirSync(place.file('var'))) {
      const bytes = readFileSync(place.file(`var/${name}`));
      for (const form of ['base64url', 'hex', 'base64'] as const)
        assert.ok(!bytes.includes(Buffer.from(token.k).toString(form)), name);
      assert.ok(!bytes.includes(Buffer.from(token.k)), name);
    }
    assert.match((await place.run(['enrol', '1030'])).stderr, /the token that it had is good no more/);
    assert.deepEqual(await place.json('enrol', '1030', '--cancel'), [{ account: '1030', cancelled: 1 }]);
  });

  it('the gateway: rotate, take its key elsewhere, bring one of a public CA', async () => {
    const [rotated] = await place.json('rotate', '--gateway-tls');
    assert.equal((await place.json('list')).filter(({ use }) => use === 'gateway-tls').length, 2);
    const [out] = await place.json('export', 'gateway-tls', '--form', 'p12', '--out', 'g.p12');
    const opened = openssl(['pkcs12', '-in', place.file('g.p12'), '-passin', `pass:${out!['password']!}`, '-nodes']);
    assert.equal(value(privateKeyFromPem(opened)).kid, rotated!['kid']);
    await place.refused(['export', 'ca', '--form', 'p12', '--out', 'x'], /in a backup alone/);
    await place.refused(['export', '1004', '--form', 'p12', '--out', 'x'], /with its owner and is not kept here/);
    const now = Date.now();
    const other = testAuthority('public', 2048, now);
    const { der } = testCertificate(other, {
      use: 'gateway-tls',
      account: '',
      host: 'gw.example.com',
      spki: testKey('web').spki,
      notBefore: now - 1000,
      notAfter: now + 1e9,
    });
    writeFileSync(
      place.file('web.p12'),
      writePkcs12(testKey('web'), [der, other.certificate], 'correct horse battery staple', 'web'),
    );
    const [imported] = await place.json('import', 'web.p12', ...passphrase(place));
    assert.equal(imported!['kid'], testKey('web').kid);
    const stored = value(readKeyStore(readFileSync(place.file('var/keys.json'), 'utf8')));
    assert.equal(stored.keys[0]?.kid, testKey('web').kid);
    await place.refused(['import', 'g.p12', ...passphrase(place)], /the password is wrong/);
    await place.refused(['import', 'missing.p12', ...passphrase(place)], /cannot read .*missing\.p12/);
    await place.refused(['import', 'web.p12'], /--passphrase-file/);
  });

  it('rotate --ca: both are trusted, the new one issues, each has its list', async () => {
    const own = new Place(folder.file('ca'));
    const [begun] = await own.json('init');
    await own.json('issue', '1');
    await own.json('rotate', '--ca');
    await own.json('issue', '2');
    const bundle = await own.text('export', 'ca');
    assert.equal(bundle.match(/BEGIN CERTIFICATE/g)?.length, 2);
    writeFileSync(own.file('ca.pem'), bundle);
    writeFileSync(own.file('crl.pem'), await own.text('export', 'crl'));
    for (const account of ['1', '2']) {
      writeFileSync(own.file('c.pem'), await own.text('export', account));
      assert.match(
        openssl([
          'verify',
          '-crl_check',
          '-CAfile',
          own.file('ca.pem'),
          '-CRLfile',
          own.file('crl.pem'),
          own.file('c.pem'),
        ]).toString(),
        /OK/,
      );
    }
    const issuers = (await own.json('list')).filter(({ use }) => use === 'account').map(({ ca }) => ca);
    assert.deepEqual([issuers.length, new Set(issuers).size, issuers.includes(begun!['ca'])], [2, 2, true]);
  });

  it('backup and restore: on a bare machine, everything is as it was; a backup opens with its passphrase alone', async () => {
    const [issued] = await place.json('issue', '1040');
    await place.json('revoke', '1040');
    await place.json('backup', 'b', ...passphrase(place));
    assert.equal(statSync(place.file('b')).mode & 0o777, 0o600);
    await place.refused(['backup', 'b', ...passphrase(place)], /a file of that name already/);
    const bytes = readFileSync(place.file('b'));
    for (const secret of [readFileSync(place.file('master.key')), Buffer.from('"keys"'), Buffer.from(issued!['kid']!)])
      assert.ok(!bytes.includes(secret));

    const bare = new Place(folder.file('bare'));
    writeFileSync(bare.file('b'), bytes);
    writeFileSync(bare.file('wrong'), 'correct horse battery stapler\n', { mode: 0o600 });
    await bare.refused(['restore', 'b', '--passphrase-file', bare.file('wrong')], /the passphrase is wrong/);
    writeFileSync(bare.file('short'), bytes.subarray(0, 200));
    await bare.refused(['restore', 'short', ...passphrase(bare)], /wrong, or the backup was changed/);
    assert.match(await bare.text('restore', 'b', '--check', ...passphrase(bare)), /A sound backup of example\.com/);
    assert.ok(!existsSync(bare.file('master.key')));
    await bare.json('restore', 'b', ...passphrase(bare));
    assert.deepEqual(readFileSync(bare.file('master.key')), readFileSync(place.file('master.key')));
    assert.equal(statSync(bare.file('master.key')).mode & 0o777, 0o600);
    assert.deepEqual(await bare.json('list', '--all'), await place.json('list', '--all'));
    const crl = openssl(['crl', '-noout', '-text'], Buffer.from(await bare.text('export', 'crl'))).toString();
    assert.ok(crl.toLowerCase().includes((await bare.json('show', '1040'))[0]?.['serial'] ?? '-'));
    await bare.json('issue', '1050');

    await bare.refused(['restore', 'b', ...passphrase(bare)], /there are keys here already.*--force/);
    await bare.json('restore', 'b', '--force', ...passphrase(bare));
    assert.equal(readdirSync(bare.folder).filter((name) => name.startsWith('master.key.')).length, 1);
    assert.equal(
      (await bare.json('list')).filter(({ account }) => account === '1050').length,
      1,
      'what was issued since stays known',
    );
    writeFileSync(place.file('weak'), 'short\n', { mode: 0o600 });
    await place.refused(['backup', 'b2', '--passphrase-file', place.file('weak')], /12 characters/);
    await place.refused(['backup', 'b2'], /--passphrase-file/);
  });

  it('files that others may read or change are refused, and another master key opens nothing', async () => {
    const own = new Place(folder.file('files'));
    await own.refused(['issue', '1'], /there are no keys in .*keys init/);
    await own.json('init');
    const master = own.file('master.key');
    for (const mode of [0o640, 0o604, 0o620]) {
      chmodSync(master, mode);
      await own.refused(['issue', '1'], /can be read or changed by others \(mode \d+\); run: chmod 600/);
    }
    chmodSync(master, 0o600);
    chmodSync(own.file('var/keys.json'), 0o622);
    await own.refused(['list'], /can be read or changed by others/);
    chmodSync(own.file('var/keys.json'), 0o600);
    const right = readFileSync(master);
    writeFileSync(master, right.subarray(1));
    await own.refused(['issue', '1'], /has 31 bytes; it must have 32/);
    writeFileSync(master, randomBytes(32));
    await own.refused(['issue', '1'], /the ca key .* cannot be opened with .*another master key, or changed since/);
    await own.refused(['backup', 'b', ...passphrase(own)], /cannot be opened/);
    rmSync(master);
    await own.refused(['issue', '1'], /no master key at .*keys restore/);
    await own.refused(['init'], /no master key/);

    // the systemd credential goes before the file
    mkdirSync(own.file('credentials'));
    writeFileSync(own.file('credentials/ringfence-master-key'), right, { mode: 0o400 });
    const ran = await own.run(['issue', '1'], { env: { CREDENTIALS_DIRECTORY: own.file('credentials') }, cli: true });
    assert.equal(ran.status, 0, ran.stderr);
    writeFileSync(own.file('var/keys.json'), '{"version":1,"keys":[{}]}');
    await own.refused(['list'], /not a key store; ringfence keys restore/);
  });

  it('two that are started at once make one CA', async () => {
    const own = new Place(folder.file('twice'));
    const both = await Promise.all([own.run(['init'], { cli: true }), own.run(['init'], { cli: true })]);
    assert.ok(
      both.some(({ status }) => status === 0),
      both.map(({ stderr }) => stderr).join(''),
    );
    const { keys } = value(readKeyStore(readFileSync(own.file('var/keys.json'), 'utf8')));
    assert.equal(keys.filter(({ role }) => role === 'ca').length, 1);
    await own.json('issue', '1');
  });

  it('doctor: no backup, a backup, a key since then, a certificate that ends soon, a key that cannot be opened', async () => {
    const own = new Place(folder.file('doctor'), 'validity = "10d"\n');
    const rows = (): string[] =>
      keyRows(loadConfig(own.file('r.toml'))).map(({ state, text, mend = '' }) => `${state}: ${text} | ${mend}`);
    assert.deepEqual(rows(), []);
    await own.json('init');
    assert.match(rows()[0]!, /^problem: there is no backup of the keys: .* \| ringfence keys backup FILE$/);
    assert.match(
      rows()[1]!,
      /^advice: 2 certificates end within 30 days, that of gateway.* in (?:9 d 23 h|10 d) \| ringfence keys rotate --gateway/,
    );
    await own.json('backup', 'b', ...passphrase(own));
    assert.deepEqual(
      rows().map((row) => row.split(':')[0]),
      ['advice', 'ok'],
    );
    await own.json('rotate', '--gateway');
    assert.match(rows()[0]!, /^problem: 1 of 4 keys are in no backup/);
    const over = (await own.json('list')).find(({ use, state }) => use === 'gateway' && state === 'retiring')?.['kid'];
    await own.json('revoke', over ?? '');
    await own.json('rotate', '--gateway');
    const { keys } = value(readKeyStore(readFileSync(own.file('var/keys.json'), 'utf8')));
    assert.deepEqual(
      keys.map(({ role }) => role),
      ['gateway', 'gateway', 'gateway-tls', 'ca'],
    );
    assert.ok(!keys.some(({ kid }) => kid === over), 'a key that is over is not kept');
    writeFileSync(own.file('master.key'), randomBytes(32));
    assert.match(rows()[0]!, /^problem: the .* key .* cannot be opened .* \| ringfence keys restore FILE$/);
  });

  it('a domain must be set', async () => {
    const own = new Place(folder.file('none'));
    const settings = readFileSync(own.file('r.toml'), 'utf8');
    writeFileSync(own.file('r.toml'), settings.replace(/^domain.*$/m, ''));
    await own.refused(['init'], /crypto\.domain: .*no domain is set/);
    assert.ok(!existsSync(own.file('master.key')));
    writeFileSync(
      own.file('r.toml'),
      settings.replace('example.com"', 'exa mple"').replace('gw.example.com:5061', 'gw'),
    );
    await own.refused(['init'], /crypto\.domain: not a host name[\s\S]*crypto\.gateway: write it like/);
  });

  it('killed at any moment while it writes, the key store is one of the two', async function () {
    const kills = process.env['RINGFENCE_LONG'] === undefined ? 8 : 200;
    const store = value(readKeyStore(readFileSync(place.file('var/keys.json'), 'utf8')));
    const files = [folder.file('one.json'), folder.file('two.json'), folder.file('store.json')] as const;
    writeFileSync(files[0], writeKeyStore(store));
    // long enough to be caught half written
    writeFileSync(files[1], writeKeyStore({ keys: Array.from({ length: 40 }, () => store.keys).flat() }));
    writeFileSync(files[2], readFileSync(files[0]));
    const good = [readFileSync(files[0]), readFileSync(files[1])];
    let halves = 0;
    for (let i = 0; i < kills; i++) {
      const child = spawn(
        process.execPath,
        [
          '--import',
          'tsx',
          resolve(import.meta.dirname, '../support/key-store-child.ts'),
          files[2],
          files[0],
          files[1],
        ],
        { stdio: ['ignore', 'pipe', 'inherit'] },
      );
      await once(child.stdout, 'data');
      await sleep(Math.random() * 30);
      child.kill('SIGKILL');
      await once(child, 'exit');
      const now = readFileSync(files[2]);
      assert.ok(
        good.some((one) => one.equals(now)),
        `after kill ${i}: ${now.length} bytes`,
      );
      if (existsSync(`${files[2]}.new`)) halves++;
    }
    assert.ok(halves > 0 || kills < 50, 'at least one was caught within a write');
  });
});
