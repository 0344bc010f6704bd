import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

const SRC = resolve(import.meta.dirname, '../src');

/** Rooms a room may import beside the leaves and model.ts: the table of docs/architecture.md. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  wire: [],
  store: [],
  site: [],
  correlate: ['wire', 'site'],
  detect: ['site'],
  collect: ['wire'],
  crypto: ['wire'],
  pbx: ['wire'],
  toolbox: ['crypto', 'wire', 'store'],
  gateway: ['toolbox', 'crypto', 'wire', 'site'],
  words: ['site'],
  respond: ['store', 'pbx', 'site', 'words'],
  console: ['store', 'site', 'words'],
};

/** The keys behind the handles of crypto/private-key.ts. */
const KEY_OBJECTS = 'crypto/key-objects.ts';

const LEAVES = [
  'baseline',
  'time',
  'errors',
  'address',
  'windows',
  'replay-window',
  'counters',
  'retry',
  'log',
  'spelled',
  'parameters',
  'parsed',
  'model',
];
/** Leaves that do I/O or hold timers: for rooms that do I/O themselves. */
const IO_LEAVES = ['log', 'retry'];

const PURE = ['wire', 'site', 'correlate', 'detect', 'words', 'crypto'];
/** Files of an I/O room that are pure all the same. */
const PURE_FILES = [
  'incidents',
  'policy',
  'ids',
  'story',
  'raising',
  'enforcement',
  'acl-groups',
  'layout',
  'declarations',
  'guard-names',
  'lock/periods',
  'safeguards',
  'latencies',
  'notify/options',
  'notify/routing',
  'notify/story',
  'notify/channel',
  'notify/webhook-shapes',
  'notify/syslog-frame',
  'notify/phone-script',
].map((name) => `respond/${name}.ts`);
/** Loading a package only when it is needed (24 MB of holidays) is no input of a site's. */
const LAZY: Readonly<Record<string, string>> = { 'site/holidays.ts': 'node:module' };
/** node:tls opens sockets; this file makes the context of one, and no socket. */
const CONTEXT: Readonly<Record<string, string>> = { 'crypto/tls-context.ts': 'node:tls' };
/** Node modules that only compute. */
const COMPUTING = ['node:crypto', 'node:zlib', 'node:buffer', 'node:net', 'node:util'];

/** npm packages by room; a room that is not listed uses none. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  site: ['libphonenumber-js', 'date-holidays', 'zod'],
  detect: ['zod'],
  crypto: ['node-forge', 'zod'],
  collect: ['zod'],
  pbx: ['asterisk-manager', 'zod'],
  store: ['better-sqlite3', 'zod'],
  toolbox: ['zod'],
  gateway: ['zod'],
  console: ['prom-client', 'zod'],
  respond: ['zod', 'nodemailer'],
  commands: ['smol-toml', 'zod'],
};
const PACKAGES_OF_FILE: Readonly<Record<string, readonly string[]>> = {
  'time.ts': ['luxon'],
  'log.ts': ['pino'],
  'parameters.ts': ['zod'],
  'cli.ts': ['commander'],
  // the types of what cli.ts makes
  'commands/generate.ts': ['commander'],
  'config.ts': ['zod', 'smol-toml'],
};

interface Source {
  /** path below src/ */
  readonly file: string;
  readonly room: string;
  readonly text: string;
  readonly imports: readonly string[];
}

const IMPORT =
  /(?:^|\n)\s*(?:import|export)\s[^'"`;]*?from\s*'([^']+)'|(?:^|\n)\s*import\s*'([^']+)'|\bimport\(\s*'([^']+)'\s*\)/g;

function sources(): Source[] {
  return readdirSync(SRC, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((file) => {
      const text = readFileSync(join(SRC, file), 'utf8');
      const room = file.includes('/') ? file.slice(0, file.indexOf('/')) : '';
      const imports = [...text.matchAll(IMPORT)].map((m) => m[1] ?? m[2] ?? m[3] ?? '');
      return { file, room, text, imports };
    });
}

const below = (source: Source, specifier: string): string =>
  relative(SRC, resolve(dirname(join(SRC, source.file)), specifier));
const roomOf = (file: string): string => (file.includes('/') ? file.slice(0, file.indexOf('/')) : '');
const packageOf = (specifier: string): string =>
  specifier.startsWith('@') ? specifier.split('/').slice(0, 2).join('/') : (specifier.split('/')[0] ?? '');
const isLeaf = (file: string): boolean => LEAVES.includes(file.replace(/\.ts$/, ''));
const codeOf = (text: string): string =>
  text.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, '').replace(/'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"/g, "''");

describe('layers', () => {
  const all = sources();

  it('knows every room', () => {
    const rooms = new Set(all.map((s) => s.room).filter((room) => room !== '' && room !== 'commands'));
    assert.ok(rooms.size >= 8, 'the tree was read');
    for (const room of rooms) assert.ok(room in MAY_IMPORT, `src/${room} is not in the import table`);
  });

  it('lets a room import only what its row allows', () => {
    const wrong: string[] = [];
    for (const source of all) {
      if (source.room === '' && !isLeaf(source.file)) continue; // cli, config and pipeline: below
      for (const specifier of source.imports.filter((s) => s.startsWith('.'))) {
        const target = below(source, specifier);
        const room = roomOf(target);
        if (source.room === 'commands' || (room !== '' && room === source.room)) continue;
        const leaf = room === '' && isLeaf(target);
        const allowed = source.room === '' ? leaf : leaf || MAY_IMPORT[source.room]?.includes(room) === true;
        if (!allowed) wrong.push(`src/${source.file} imports ${target}`);
      }
    }
    assert.deepEqual(wrong, []);
  });

  it('lets config.ts import option schemas alone, pipeline.ts every room but commands', () => {
    const wrong: string[] = [];
    for (const source of all.filter((s) => s.file === 'config.ts' || s.file === 'pipeline.ts'))
      for (const specifier of source.imports.filter((s) => s.startsWith('.'))) {
        const target = below(source, specifier);
        const ok =
          source.file === 'config.ts'
            ? isLeaf(target) || target === 'detect/index.ts' || target.endsWith('/options.ts')
            : roomOf(target) !== 'commands';
        if (!ok) wrong.push(`src/${source.file} imports ${target}`);
      }
    assert.deepEqual(wrong, []);
  });

  it('passes configuration in: only cli.ts and commands read config.ts', () => {
    const readers = all.filter(
      (s) =>
        s.room !== 'commands' &&
        s.file !== 'cli.ts' &&
        s.file !== 'pipeline.ts' &&
        s.imports.some((i) => below(s, i) === 'config.ts'),
    );
    assert.deepEqual(
      readers.map((s) => s.file),
      [],
    );
  });

  it('keeps the trusted part of the toolbox (tools, engine, databases) and the user part (parsers) apart', () => {
    // no tool opens a file, a socket or a process; what makes or holds private keys is the crypto room's alone
    const IO = /^node:(?!crypto$|zlib$)/;
    const MAKERS = /^crypto\/(?:private-key|key-|tls-|ca|enrol|pkcs12)/;
    const wrong: string[] = [];
    const toolbox = all.filter((s) => s.room === 'toolbox');
    assert.ok(
      toolbox.some((s) => s.file.startsWith('toolbox/user/')) &&
        toolbox.some((s) => s.file.startsWith('toolbox/tools/')),
    );
    for (const source of toolbox) {
      const isUser = source.file.startsWith('toolbox/user/');
      for (const specifier of source.imports) {
        const target = specifier.startsWith('.') ? below(source, specifier) : specifier;
        const room = specifier.startsWith('.') ? roomOf(target) : '';
        const fault =
          IO.test(specifier) ||
          MAKERS.test(target) ||
          // who parses what strangers send reaches no key, no store, and nothing of the trusted part but its types
          (isUser && (room === 'crypto' || room === 'store')) ||
          (isUser && room === 'toolbox' && !/^toolbox\/(?:user\/|tool\.ts$|services\.ts$)/.test(target)) ||
          // who holds keys and databases parses nothing that strangers send
          (!isUser && (room === 'wire' || target.startsWith('toolbox/user/')));
        if (fault) wrong.push(`src/${source.file} imports ${target}`);
      }
    }
    assert.deepEqual(wrong, []);
  });

  it('names the npm packages of every room', () => {
    const wrong: string[] = [];
    for (const source of all)
      for (const specifier of source.imports.filter((s) => !s.startsWith('.') && !s.startsWith('node:'))) {
        const allowed = PACKAGES_OF_FILE[source.file] ?? PACKAGES[source.room] ?? [];
        if (!allowed.includes(packageOf(specifier))) wrong.push(`src/${source.file} imports ${specifier}`);
      }
    assert.deepEqual(wrong, []);
  });

  it('keeps pure rooms pure: no clock, randomness, timers, process or node I/O', () => {
    const wrong: string[] = [];
    const impure =
      /\bDate\.now\b|\bnew Date\(\)|\bMath\.random\b|\bset(?:Timeout|Interval|Immediate)\b|\bprocess\.|\bperformance\.|\brandom(?:Bytes|UUID|Int|FillSync)\b|\bconsole\./;
    for (const source of all.filter((s) => PURE.includes(s.room) || PURE_FILES.includes(s.file))) {
      // keys are made of randomness: the crypto room alone may draw it, from node:crypto
      const found = impure.exec(codeOf(source.text));
      if (found !== null && !(source.room === 'crypto' && found[0].startsWith('random')))
        wrong.push(`src/${source.file} uses ${found[0]}`);
      for (const specifier of source.imports) {
        const io =
          specifier.startsWith('node:') && ![...COMPUTING, LAZY[source.file], CONTEXT[source.file]].includes(specifier);
        const leaf = specifier.startsWith('.') && IO_LEAVES.includes(below(source, specifier).replace(/\.ts$/, ''));
        if (io || leaf) wrong.push(`src/${source.file} imports ${specifier}`);
      }
    }
    assert.deepEqual(wrong, []);
  });

  it('lets private keys stay in crypto/', () => {
    // what makes, reads or exports one, of node:crypto, WebCrypto and node-forge
    const makers =
      /\b(?:createPrivateKey|generateKeyPair(?:Sync)?|privateDecrypt|privateEncrypt|privateKeyFrom(?:Asn1|Pkcs8)|privateKeyToPem|decryptRsaPrivateKey|keyObjectOf|pkcs8Of)\b/;
    const wrong: string[] = [];
    for (const source of all.filter((s) => s.room !== 'crypto')) {
      const found = makers.exec(codeOf(source.text));
      if (found !== null) wrong.push(`src/${source.file} uses ${found[0]}`);
      for (const specifier of source.imports)
        if (specifier === 'node-forge' || (specifier.startsWith('.') && below(source, specifier) === KEY_OBJECTS))
          wrong.push(`src/${source.file} imports ${specifier}`);
    }
    assert.deepEqual(wrong, []);
  });

  it('has a test file beside every detector', () => {
    const tests = new Set(readdirSync(resolve(import.meta.dirname, 'detect')));
    const detectors = all
      .filter((s) => s.room === 'detect' && s.text.includes('\nexport default '))
      .map((s) => s.file.slice('detect/'.length, -'.ts'.length));
    for (const name of detectors) assert.ok(tests.has(`${name}.test.ts`), `test/detect/${name}.test.ts is missing`);
  });
});
