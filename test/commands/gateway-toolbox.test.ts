import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { toolboxEdge, toolboxKeys, type Holdings } from '../../src/commands/gateway-toolbox.ts';
import { KeyRoom } from '../../src/commands/keys/key-room.ts';
import { revocationLists } from '../../src/commands/keys/revocation-lists.ts';
import { loadConfig, type Config } from '../../src/config.ts';
import { openStore, type Store } from '../../src/store/index.ts';
import { FakeSession, makeBorder, sipRequest, startOf } from '../support/border.ts';
import { ringfence, until } from '../support/cli.ts';
import { openssl } from '../support/openssl.ts';
import { temporaryFolder } from '../support/temporary.ts';

describe('gateway: S/MIME by toolbox templates', function () {
  this.timeout(60_000);
  const folder = temporaryFolder();
  let config: Config;
  let store: Store;
  let holdings: Holdings;

  const run = async (...args: readonly string[]): Promise<string> => {
    const { status, stdout, stderr } = await ringfence(args);
    assert.equal(status, 0, stderr);
    return stdout;
  };

  before('keys of the gateway and of bob', async () => {
    const file = folder.file('ringfence.toml');
    writeFileSync(
      file,
      `[site]\ntimezone = "UTC"\ncountry = "DE"\n[store]\npath = "r.db"\n[crypto]\ndomain = "pbx.example"\nkey_store = "${folder.file('keys.json')}"\nmaster_key_file = "${folder.file('master.key')}"\n` +
        '[[toolbox.policies]]\ndirection = "in"\nmethods = ["MESSAGE"]\ntemplate = "message-in-smime"\n' +
        '[[toolbox.policies]]\ndirection = "out"\nmethods = ["MESSAGE"]\ntemplate = "message-out-smime"\n',
    );
    await run('keys', 'init', '--config', file);
    const [key, csr] = [folder.file('bob.key'), folder.file('bob.csr')];
    openssl(['req', '-new', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=bob', '-keyout', key, '-out', csr]);
    await run('keys', 'issue', 'bob', '--csr', csr, '--out', folder.file('bob.crt'), '--config', file);
    for (const name of ['gateway', 'ca'])
      writeFileSync(folder.file(`${name}.crt`), await run('keys', 'export', name, '--form', 'pem', '--config', file));
    config = loadConfig(file);
    store = openStore(folder.file('r.db'));
    const room = KeyRoom.open(config);
    holdings = {
      keys: [room.own('gateway')],
      authorities: room.authorities().map(({ certificate }) => certificate),
      lists: revocationLists(room),
    };
    room.store.close();
  });
  after(() => store.close());

  const gateway = () => {
    const edge = toolboxEdge(
      config,
      store,
      toolboxKeys(store, () => holdings),
      () => ({ address: '192.0.2.1', port: 5061 }),
    );
    assert.ok(edge !== null);
    return makeBorder({ settings: { edges: [edge] }, start: Date.now() });
  };
  const plain = (callId: string, branch: string): string =>
    sipRequest({
      ...{ method: 'MESSAGE', from: 'bob', to: '1002', callId, branch, body: 'meet me at noon' },
      more: [`Date: ${new Date().toUTCString()}`, 'Content-Type: text/plain'],
    });

  /** Signed by bob, and encrypted to the gateway. */
  async function sealed(text: string): Promise<string> {
    const [one, two, three] = ['1', '2', '3'].map((name) => folder.file(`${name}.sip`));
    assert.ok(one !== undefined && two !== undefined && three !== undefined);
    writeFileSync(one, text);
    await run(
      'smime',
      'sign',
      '--in',
      one,
      '--out',
      two,
      '--cert',
      folder.file('bob.crt'),
      '--key',
      folder.file('bob.key'),
      '--form',
      'sip',
    );
    await run('smime', 'encrypt', '--in', two, '--out', three, '--to', folder.file('gateway.crt'), '--form', 'sip');
    return readFileSync(three, 'latin1');
  }

  it('what is signed and encrypted for the gateway goes on in the clear; sent again it is refused, and told', async () => {
    const { open, toSession, inside, findings, pass } = gateway();
    const bob = open(new FakeSession('bob'));
    const text = await sealed(plain('call-in', 'z9hG4bK-in'));
    assert.ok(!text.includes('noon'));
    toSession(bob, text);
    // a message behind it keeps its place
    toSession(bob, sipRequest({ method: 'OPTIONS', from: 'bob' }));
    assert.equal(inside.sent.length, 0);
    await until('both have gone on', () => inside.sent.length === 2);
    const [first = '', second = ''] = inside.take();
    assert.ok(first.endsWith('meet me at noon'));
    assert.match(startOf(second), /^OPTIONS /);
    bob.take();
    toSession(bob, text.replace('z9hG4bK-in', 'z9hG4bK-again'));
    await until('the finding', () => findings.length === 1);
    pass(300);
    assert.deepEqual(bob.take().map(startOf), ['SIP/2.0 403 Forbidden']);
    assert.deepEqual([inside.take(), findings.map(({ kind, account }) => [kind, account])], [[], [['edge', 'bob']]]);
  });

  it('what is not signed is refused', async () => {
    const { open, toSession, inside, findings, pass } = gateway();
    const bob = open(new FakeSession('bob'));
    toSession(bob, plain('call-plain', 'z9hG4bK-plain'));
    await until('the finding', () => findings.length === 1);
    pass(300);
    assert.deepEqual([bob.take().map(startOf), inside.take()], [['SIP/2.0 403 Forbidden'], []]);
  });

  it('what the PBX sends leaves signed by the gateway and encrypted to whom it is for', async () => {
    const { open, fromInside } = gateway();
    const bob = open(new FakeSession('bob'));
    fromInside(
      sipRequest({
        ...{
          method: 'MESSAGE',
          from: '1002',
          to: 'bob',
          callId: 'call-out',
          body: 'at one',
          via: 'SIP/2.0/UDP 10.0.0.1:5060',
        },
        more: [`Date: ${new Date().toUTCString()}`, 'Content-Type: text/plain', 'Route: <sip:bob@10.0.0.9:5070;lr>'],
      }),
    );
    await until('it has left', () => bob.sent.length === 1);
    const [text = ''] = bob.take();
    assert.ok(!text.includes('at one'));
    const [one, two] = [folder.file('out.sip'), folder.file('out2.sip')];
    writeFileSync(one, text, 'latin1');
    await run(
      'smime',
      'decrypt',
      '--in',
      one,
      '--out',
      two,
      '--cert',
      folder.file('bob.crt'),
      '--key',
      folder.file('bob.key'),
      '--form',
      'sip',
    );
    assert.match(readFileSync(two, 'latin1'), /at one/);
  });
});
