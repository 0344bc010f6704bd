import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { openStore } from '../../src/store/index.ts';
import { HOUR } from '../../src/time.ts';
import { jsonLines, ringfence, writeSettings, type Ran } from '../support/cli.ts';
import { temporaryFolder } from '../support/temporary.ts';

interface Line {
  readonly what: string;
  readonly kind: string;
  readonly value: string;
  readonly state: string;
  readonly until: string;
  readonly claims: readonly { readonly id: string; readonly incident: string; readonly why: string }[];
}

describe('ringfence block, unblock, blocks, allow without a PBX', function () {
  this.timeout(60_000);
  const folder = temporaryFolder();
  let settings = '';
  before(() => {
    settings = writeSettings(folder.path);
  });
  const run = async (...args: string[]): Promise<Ran> => await ringfence([...args, '--config', settings]);

  it('blocks --expire before anything was ever put up: 0, not a word, no store made', async () => {
    const { status, stdout, stderr } = await run('blocks', '--expire');
    assert.deepEqual([status, stdout, stderr], [0, '', '']);
    assert.equal(existsSync(folder.file('ringfence.db')), false);
  });

  it('block: kept, and said that nothing holds it and what is missing', async () => {
    const { status, stdout, stderr } = await run('block', 'international', '1004', '--for', '2h', '--why', 'a test');
    assert.deepEqual([status, stdout], [2, '']);
    assert.match(stderr, /Calls abroad of account 1004 are blocked until .*NOT IN FORCE YET: .*\[asterisk\.ami\]/);
    const store = openStore(folder.file('ringfence.db'));
    const [row] = store.enforcement.all().filter(({ kind }) => kind === 'international');
    assert.deepEqual([row?.value, row?.by, row?.state], ['1004', 'hand', 'pending']);
    assert.match(row?.why ?? '', /^a test \(.+\)$/);
    assert.equal((row?.until ?? 0) - (row?.since ?? 0), 2 * HOUR);
    assert.equal(store.decisions.get(row?.claim ?? '')?.action, 'block-international');
    store.close();
  });

  it('blocks: a table for people, lines for scripts, of one kind if asked', async () => {
    assert.equal((await run('allow', '1005', '--for', '7d')).status, 2);
    const text = await run('blocks');
    assert.equal(text.status, 0);
    assert.match(text.stdout, /^.*\[asterisk\.ami\].*\n\nKIND +VALUE +UNTIL +BY +STATE +ID +WHY\n/);
    assert.match(text.stdout, /^allow +1005 .*hand +done/m);
    assert.match(text.stdout, /^international +1004 .* \(1 h 59 min\) +hand +pending +[0-9a-f]{8} +a test/m);
    for (const line of text.stdout.split('\n')) assert.ok(line.length <= 120, line);
    const lines = jsonLines<Line>((await run('blocks', '--format', 'json', '--kind', 'international')).stdout);
    assert.deepEqual(
      lines.map(({ what, kind, value, state }) => [what, kind, value, state]),
      [['standing', 'international', '1004', 'pending']],
    );
    assert.ok(Date.parse(lines[0]?.until ?? '') > Date.now());
  });

  it('blocks: what was wanted and refused, with the reason in words', async () => {
    const store = openStore(folder.file('ringfence.db'));
    store.enforcement.put({
      ...{
        kind: 'address',
        value: '198.51.100.7',
        claim: 'd1',
        by: 'rule',
        since: Date.now(),
        until: Date.now() + HOUR,
      },
      ...{ why: 'a test', state: 'failed', code: 'shared-address', proof: {}, tries: 0, detail: null },
    });
    store.close();
    const { stdout } = await run('blocks');
    assert.match(
      stdout,
      /^Wanted within the last day and not done:\n.* address 198\.51\.100\.7: several healthy accounts are behind/m,
    );
    const lines = jsonLines<Line & { code: string }>((await run('blocks', '--format', 'json')).stdout);
    assert.deepEqual(
      lines.filter(({ what }) => what === 'refused').map(({ code }) => code),
      ['shared-address'],
    );
  });

  it('text of a reason cannot write to the terminal', async () => {
    await run('block', 'account', '1003', '--why', '\u001b[31mred\u001b[0m\nline');
    const { stdout } = await run('blocks');
    assert.ok(!stdout.includes('\u001b'));
    assert.match(stdout, /\\x1b\[31mred/);
  });

  it('unblock: nothing holds it, so it is gone at once', async () => {
    const { status, stdout } = await run('unblock', 'international', '1004');
    assert.equal(status, 0);
    assert.match(stdout, /^Lifted: international 1004/);
    const left = jsonLines<Line>((await run('blocks', '--format', 'json', '--kind', 'international')).stdout);
    assert.deepEqual(left, []);
  });

  it('a daemon that is gone leaves nothing in the way: its lock and socket do not count', async () => {
    const { spawnSync } = await import('node:child_process');
    const socket = folder.file('ringfence.db.sock');
    const script = `require('net').createServer().listen(${JSON.stringify(socket)}, () => process.kill(process.pid, 'SIGKILL'))`;
    spawnSync(process.execPath, ['-e', script]);
    assert.ok(existsSync(socket));
    assert.equal((await run('blocks')).status, 0);
  });
});
