import assert from 'node:assert/strict';
import { amiOf, cannotAct, enforces, kamailioOf, openEnforcer, proxiesOf } from '../../src/commands/acting.ts';
import { checkSettings, type Settings } from '../../src/config.ts';
import { RingfenceError } from '../../src/errors.ts';
import { openStore } from '../../src/store/index.ts';
import { Counters } from '../../src/counters.ts';
import { createSite, siteDefaults } from '../../src/site/index.ts';
import { recordingLog } from '../support/log.ts';

const settings = (tree: object): Settings => checkSettings(tree, 'test');
const AMI = { asterisk: { ami: { secret_file: 'ami.secret' } } };

describe('acting by the settings', () => {
  const MODES: [string, object, boolean][] = [
    ['observe, with all that is needed', { mode: 'observe', ...AMI }, false],
    ['enforce over AMI', { mode: 'enforce', ...AMI }, true],
    ['enforce at Kamailio alone', { mode: 'enforce', kamailio: { rpc: 'udp:127.0.0.1:8091' } }, true],
    ['enforce by nftables alone', { mode: 'enforce', nftables: {} }, true],
    ['enforce with nobody to tell', { mode: 'enforce' }, false],
  ];
  for (const [sentence, tree, acts] of MODES)
    it(`${sentence}: rules ${acts ? 'act' : 'do not act'}`, () => assert.equal(enforces(settings(tree)), acts));

  it('says what is missing', () => {
    assert.match(cannotAct(settings({})) ?? '', /\[asterisk\.ami\]: add it/);
    assert.equal(cannotAct(settings(AMI)), null);
  });

  const PROXIES: [object, string[]][] = [
    [{}, []],
    [{ kamailio: { rpc: 'udp:127.0.0.1:8091' } }, ['127.0.0.1']],
    [{ kamailio: { rpc: 'udp:[::1]:8091' } }, ['::1']],
    [{ kamailio: { rpc: 'http://192.0.2.5:8090/RPC', addresses: ['192.0.2.6'] } }, ['192.0.2.5', '192.0.2.6']],
    [{ kamailio: { rpc: 'http://[2001:DB8::5]:8090/RPC' } }, ['2001:db8::5']],
    [{ kamailio: { rpc: 'http://edge.example:8090/RPC', addresses: ['2001:DB8:0::6'] } }, ['2001:db8::6']],
  ];
  for (const [tree, addresses] of PROXIES)
    it(`${JSON.stringify(tree)}: Kamailio is at ${addresses.join(', ') || 'no address'}`, () =>
      assert.deepEqual(proxiesOf(settings(tree)), addresses));

  it('a proxy is never blocked, by nobody', () => {
    const site = createSite(siteDefaults());
    assert.ok(site.ok);
    const store = openStore(':memory:');
    const config = {
      settings: settings({ kamailio: { rpc: 'udp:127.0.0.1:1', addresses: ['203.0.113.20'] } }),
      file: null,
      directory: '/nowhere',
      warnings: [],
      later: {},
    };
    const enforcer = openEnforcer({
      ...{ config, site: site.value, store, session: () => null },
      log: recordingLog().log,
      counters: new Counters(),
    });
    const answer = enforcer.block('address', '203.0.113.20', null, 'a test');
    assert.ok(!answer.ok && answer.code === 'protected-address');
    // without AMI nothing is told as done that nobody holds
    assert.ok(enforcer.block('international', '1004', null, 'a test').ok);
    assert.equal(enforcer.isDone('international', '1004'), false);
    enforcer.close();
    store.close();
  });

  it('a Kamailio that cannot be used by its settings is a wrong setting', () => {
    assert.throws(
      () => kamailioOf(settings({ kamailio: { rpc: 'udp:192.0.2.5:8091' } })),
      (error) =>
        error instanceof RingfenceError && error.code === 'config-invalid' && error.message.includes('loopback'),
    );
  });

  it('how AMI is reached', () => {
    const config = { settings: settings(AMI), file: null, directory: '/nowhere', warnings: [], later: {} };
    const connection = { host: '127.0.0.1', port: 5038, username: 'ringfence', secret: 's' };
    assert.deepEqual(amiOf(config, 's'), connection);
    assert.equal(amiOf(config, null), null);
    assert.equal(amiOf({ ...config, settings: settings({}) }, 's'), null);
    const tls = settings({ asterisk: { ami: { secret_file: 'x', tls: true, port: 5039 } } });
    assert.deepEqual(amiOf({ ...config, settings: tls }, 's'), { ...connection, port: 5039, tls: {} });
  });
});
