import assert from 'node:assert/strict';
import { PeerError } from '../../src/errors.ts';
import { expireContacts } from '../../src/pbx/contacts.ts';
import { hangUp, isUniqueid } from '../../src/pbx/hangup.ts';
import { FakePbx } from '../support/fake-pbx.ts';

describe('hanging up', () => {
  it('ends the one channel that is named, and knows whether it has ended', async () => {
    const pbx = new FakePbx();
    pbx.channels.set('1795285803.0', '0037167').set('1795285803.1', '112');
    assert.equal(await hangUp(pbx, '1795285803.0'), 'hung-up');
    assert.equal(await hangUp(pbx, '1795285803.0'), 'gone');
    assert.deepEqual([...pbx.channels.keys()], ['1795285803.1']);
    assert.ok(pbx.asked.includes('Hangup 1795285803.0 21'));
  });

  for (const text of ['/^PJSIP\\/1004-/', 'PJSIP/1004-0000002a', '', '1795285803', '1795285803.0\r\nX: y', '/./'])
    it(`never names a channel by ${JSON.stringify(text)}`, async () => {
      assert.equal(isUniqueid(text), false);
      const pbx = new FakePbx();
      await assert.rejects(hangUp(pbx, text), PeerError);
      assert.deepEqual(pbx.asked, []);
    });

  it('knows a uniqueid with a system name', () => assert.ok(isUniqueid('pbx-one-1795285803.42')));

  it('says when the channel stays', async () => {
    const pbx = new FakePbx();
    pbx.channels.set('1795285803.0', '00');
    const action = pbx.action.bind(pbx);
    pbx.action = async (name, headers) => {
      const answer = await action(name, headers);
      pbx.channels.set('1795285803.0', '00');
      return answer;
    };
    await assert.rejects(hangUp(pbx, '1795285803.0'), { code: 'peer-timeout', retryable: true });
  });
});

describe('ending contacts', () => {
  const contact = (uri: string, more: Record<string, string> = {}): string =>
    JSON.stringify({ uri, endpoint: '1004', expiration_time: '1795289999', via_addr: '10.0.0.4', ...more });
  const registered = (): FakePbx => {
    const pbx = new FakePbx();
    pbx.database.set('/registrar/contact/1004;@aa', contact('sip:1004@10.0.0.4:5060'));
    pbx.database.set('/registrar/contact/1004;@bb', contact('sip:1004@203.0.113.7:5060', { via_addr: '203.0.113.7' }));
    pbx.database.set('/registrar/contact/1005;@cc', contact('sip:1005@203.0.113.7:5060', { endpoint: '1005' }));
    pbx.database.set('/registrar/contact/1004;@dd', 'no contact');
    return pbx;
  };

  const table: [string, { contacts?: string[]; sources?: string[] }, string[]][] = [
    ['by its URI', { contacts: ['sip:1004@203.0.113.7:5060'] }, ['sip:1004@203.0.113.7:5060']],
    ['by where it came from', { sources: ['203.0.113.7'] }, ['sip:1004@203.0.113.7:5060']],
    ['none, where none is named', {}, []],
    ['none, where no such contact stands', { sources: ['203.0.113.8'] }, []],
  ];
  for (const [name, { contacts = [], sources = [] }, ended] of table)
    it(`ends ${name}, and leaves the others`, async () => {
      const pbx = registered();
      assert.deepEqual(await expireContacts(pbx, { account: '1004', contacts, sources }), ended);
      assert.equal(pbx.database.size, 4 - ended.length);
      assert.ok(
        !pbx.asked.some((action) => action.startsWith('DBDel')),
        'never deleted: the registrar would not notice',
      );
      assert.ok(pbx.database.has('/registrar/contact/1004;@aa') && pbx.database.has('/registrar/contact/1005;@cc'));
    });

  it('knows where a contact behind a proxy came from', async () => {
    const pbx = new FakePbx();
    const path = '<sip:192.0.2.1;lr;received=sip:203.0.113.7:5060%3Btransport%3Dudp>';
    pbx.database.set(
      '/registrar/contact/1004;@aa',
      contact('sip:1004@192.168.1.2:5060', { path, via_addr: '192.0.2.1' }),
    );
    const ended = await expireContacts(pbx, { account: '1004', contacts: [], sources: ['203.0.113.7'] });
    assert.equal(ended.length, 1);
  });

  it('says when the registrar does not remove it', async () => {
    const pbx = registered();
    const list = pbx.list.bind(pbx);
    pbx.list = async (name, headers) => (name === 'PJSIPShowEndpoint' ? [] : list(name, headers));
    const choice = { account: '1004', contacts: [], sources: ['203.0.113.7'] };
    await assert.rejects(expireContacts(pbx, choice), { code: 'peer-timeout' });
  });
});
