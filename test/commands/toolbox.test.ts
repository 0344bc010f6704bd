import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { ringfence } from '../support/cli.ts';
import { authority, identity, NOW, pemOf, revocationListDer, rsaPair } from '../support/pki.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { sdp, sip } from '../toolbox/support.ts';

describe('ringfence toolbox', function () {
  this.timeout(60_000);
  const folder = temporaryFolder();
  let config = '';
  const own = {
    name: 'own',
    methods: ['INVITE'],
    steps: [{ tool: 'headers.check' }, { tool: 'anti-replay.check' }, { tool: 'origin.bind', policy: 'deny' }],
  };

  before(() => {
    mkdirSync(folder.file('templates'));
    writeFileSync(folder.file('templates/own.json'), JSON.stringify(own));
    config = folder.file('ringfence.toml');
    writeFileSync(
      config,
      `[site]\nname = "x"\ntimezone = "Europe/Berlin"\ncountry = "DE"\n[store]\npath = "${folder.file('x.db')}"\n` +
        `[network]\npbx = ["192.0.2.10"]\ntrunks = [{ name = "carrier", addresses = ["198.51.100.1", "198.51.100.0/28"] }]\n` +
        `[toolbox]\ntemplates = "templates"\npolicies = [{ methods = ["INVITE"], identity = "*@example.org", template = "own" }]\n`,
    );
    writeFileSync(folder.file('invite'), sip({ body: sdp() }));
  });

  const run = (...args: string[]): ReturnType<typeof ringfence> => ringfence(['toolbox', '--config', config, ...args]);
  const at = ['--at', '2026-11-21T09:00Z'];

  it('lists templates, shipped and own, and every tool, as text and as JSON', async () => {
    const listed = await run('list', '--format', 'json');
    assert.equal(listed.status, 0, listed.stderr);
    const names = listed.stdout
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { name: string }).name);
    assert.ok(names.includes('invite-in-sdes') && names.includes('own'));
    assert.match((await run('list', 'tools')).stdout, /^anti-replay\.sdes \(in, out\): /m);
    assert.match((await run('list', 'settings')).stdout, /^replay_entries = 500000$/m);
    assert.match((await run('list', 'policies')).stdout, /^in INVITE of \*@example\.org: own$/m);
    assert.equal((await run('list', 'nothing')).status, 2);
  });

  it('shows a template that can be checked as it is, and a tool with its parameters', async () => {
    const shown = await run('show', 'invite-in-sdes');
    writeFileSync(folder.file('shown.json'), shown.stdout);
    const checked = await run('check', folder.file('shown.json'));
    assert.deepEqual([checked.status, checked.stdout.trim()], [0, `${folder.file('shown.json')}: right`]);
    assert.match((await run('show', 'origin.bind')).stdout, /policy = "alert"/);
    const unknown = await run('show', 'invite-in-sdse');
    assert.equal(unknown.status, 2);
    assert.match(unknown.stderr, /did you mean invite-in-sdes\?/);
  });

  it('checks: every problem at once, and 1 for no', async () => {
    writeFileSync(
      folder.file('bad.json'),
      '{"name":"Bad","steps":[{"tool":"anti-replay.chek"},{"tool":"headers.check","hops":-1}]}',
    );
    const { status, stdout } = await run('check', folder.file('bad.json'), '--format', 'json');
    assert.equal(status, 1);
    const { ok, problems } = JSON.parse(stdout) as { ok: boolean; problems: { path: string }[] };
    assert.equal(ok, false);
    assert.deepEqual(
      problems.map(({ path }) => path),
      ['name', 'steps[0].tool', 'steps[1].hops'],
    );
    assert.equal((await run('check')).status, 0);
    assert.equal((await run('check', folder.file('none.json'))).status, 2);
  });

  it('runs: writes the message, remembers it, refuses it the second time', async () => {
    const file = folder.file('invite');
    const first = await run('run', 'own', file, '--source', '198.51.100.2', ...at);
    assert.equal(first.status, 0, first.stderr);
    assert.equal(first.stdout, readFileSync(file, 'latin1'));
    assert.equal(statSync(folder.file('x.db.secret')).mode & 0o777, 0o600);
    const replayed = await run('run', 'own', file, '--source', '203.0.113.66', '--at', '2026-11-21T10:00Z');
    assert.deepEqual([replayed.status, replayed.stdout, replayed.stderr.trim()], [1, '', 'ringfence: refused']);
    const why = await run(
      'run',
      'own',
      file,
      '--source',
      '203.0.113.66',
      '--at',
      '2026-11-21T10:00Z',
      '--format',
      'json',
      '--why',
    );
    const told = JSON.parse(why.stdout) as Record<string, unknown>;
    assert.deepEqual(
      [why.status, told['verdict'], told['code'], told['tool'], told['reason']],
      [1, 'refuse', 'refused', 'anti-replay.check', 'replay'],
    );
    const alerts = await run('list', 'alerts', '--format', 'json');
    assert.match(alerts.stdout, /"times":2.*An old INVITE of bob@example\.org was sent again from 203\.0\.113\.66/);
    assert.match((await run('list', 'origins')).stdout, /^bob@example\.org at 198\.51\.100\.2 /m);
  });

  it('runs what [toolbox] policies choose, from stdin', async () => {
    const input = sip({ body: sdp('s'.repeat(40), '999999999'), callId: 'stdin' });
    const args = ['toolbox', '--config', config, 'run', 'auto', '--source', '198.51.100.2', '--format', 'json', ...at];
    const { status, stdout, stderr } = await ringfence(args, { input: input.toString('latin1') });
    assert.equal(status, 0, stderr);
    const { template, message } = JSON.parse(stdout) as { template: string; message: string };
    assert.deepEqual([template, Buffer.from(message, 'base64').equals(input)], ['own', true]);
  });

  it('says what is wrong with its input', async () => {
    writeFileSync(folder.file('junk'), 'hello');
    for (const [args, words] of [
      [['run', 'own', folder.file('junk')], /not a SIP message/],
      [['run', 'own', folder.file('none')], /cannot read/],
      [['run', 'message-in-plain', folder.file('invite')], /is for MESSAGE/],
      [['run', 'own', folder.file('invite'), '--source', 'example.org'], /not an address such as/],
      [['run', 'reinvite-in-sdes', folder.file('invite')], /is for INVITE, UPDATE \(within\)/],
    ] as const) {
      const { status, stderr } = await run(...args);
      assert.equal(status, 2, stderr);
      assert.match(stderr, words);
    }
  });

  it('S/MIME: out with one key, in with another, recorded in the audit trail, signed', async () => {
    const ca = authority('cli CA', rsaPair(2048, 'cli-ca'));
    const write = (name: string, text: string): string => {
      writeFileSync(folder.file(name), text, { mode: 0o600 });
      return folder.file(name);
    };
    const person = (name: string) => {
      const own = identity(`${name}@example.org`, rsaPair(2048, `cli-${name}`), ca);
      const cert = write(`${name}.pem`, pemOf(own.certificate.der));
      return { cert, key: write(`${name}.key`, rsaPair(2048, `cli-${name}`).pem) };
    };
    const [bob, alice] = [person('bob'), person('alice')];
    const trust = [
      '--ca',
      write('ca.pem', pemOf(ca.certificate.der)),
      '--crl',
      write('crl.pem', pemOf(revocationListDer(ca, []), 'X509 CRL')),
    ];
    const when = ['--at', new Date(NOW).toISOString()];
    const input = write('plain', sip({ body: sdp('m'.repeat(40), '888888888'), callId: 'smime' }).toString('latin1'));
    const out = folder.file('sealed');
    const sent = await run(
      'run',
      'invite-out-smime',
      input,
      ...trust,
      '--cert',
      bob.cert,
      '--key',
      bob.key,
      '--to',
      alice.cert,
      '--out',
      out,
      ...when,
    );
    assert.equal(sent.status, 0, sent.stderr);
    assert.ok(!readFileSync(out).includes('a=crypto'));
    const read = async () =>
      run(
        'run',
        'invite-in-smime',
        out,
        '--source',
        '198.51.100.2',
        ...trust,
        '--cert',
        alice.cert,
        '--key',
        alice.key,
        ...when,
      );
    const came = await read();
    assert.equal(came.status, 0, came.stderr);
    assert.match(came.stdout, /a=crypto:1/);
    const again = await ringfence([
      'toolbox',
      '--config',
      config,
      'run',
      'invite-in-smime',
      out,
      '--source',
      '203.0.113.66',
      ...trust,
      '--cert',
      alice.cert,
      '--key',
      alice.key,
      ...when,
    ]);
    assert.deepEqual([again.status, again.stderr.trim()], [1, 'ringfence: refused']);
    const trail = (await ringfence(['audit', 'export', '--format', 'json', '--config', config])).stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { action: string; details: Record<string, unknown> });
    const told = trail.filter(
      ({ action, details }) => action.startsWith('message.') && details['template'] === 'invite-in-smime',
    );
    assert.deepEqual(
      told.map(({ action, details }) => [action, details['reason'], typeof details['signature']]),
      [
        ['message.accepted', '', 'string'],
        ['message.refused', 'replay', 'string'],
      ],
    );
    assert.equal((await ringfence(['audit', 'verify', '--config', config])).status, 0);
  });

  it('keeps every version of a template', async () => {
    await run('list');
    writeFileSync(folder.file('templates/own.json'), JSON.stringify({ ...own, summary: 'changed' }));
    await run('list');
    const { stdout } = await run('show', 'own', '--versions');
    assert.deepEqual(
      [...stdout.matchAll(/^version (\d+) /gm)].map(([, n]) => n),
      ['2', '1'],
    );
  });

  it('ipsec: settings for the trunks, or for peers that are named', async () => {
    const trunks = await run('ipsec', '--quiet');
    assert.equal(trunks.status, 0, trunks.stderr);
    assert.match(trunks.stdout, /ringfence-carrier \{[\s\S]*remote_addrs = 198\.51\.100\.1\n[\s\S]*mode = transport/);
    const tunnel = await run(
      'ipsec',
      '--peer',
      'office=203.0.113.1,10.2.0.0/16;pbx@office.example',
      '--network',
      '10.1.0.0/16',
    );
    assert.match(
      tunnel.stdout,
      /id = pbx@office\.example[\s\S]*mode = tunnel\n\s+local_ts = 10\.1\.0\.0\/16\n\s+remote_ts = 10\.2\.0\.0\/16/,
    );
    for (const peer of ['a b=192.0.2.1', 'x=192.0.2.1\n}', 'x', 'x=example.org'])
      assert.equal((await run('ipsec', '--peer', peer)).status, 2, peer);
    assert.ok(!existsSync('ringfence.conf'));
  });
});
