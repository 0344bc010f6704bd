import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Ami } from './support/ami.ts';
import { useHepCollector } from './support/hep-collector.ts';
import { officeAddress, useLab } from './support/lab.ts';
import { pause } from './support/process.ts';

const shipped = (name: string): string => fileURLToPath(new URL(`../../asterisk-conf/${name}`, import.meta.url));

describe('lab: the files that an admin puts into Asterisk, as they are shipped', function () {
  this.timeout(30_000);
  const hep = useHepCollector();
  const lab = useLab();
  const SECRET = 'b7c1f0d9';

  before('they replace the lab’s own', async () => {
    const { asterisk } = lab();
    const put = (name: string, from: string, edit = (text: string): string => text): void =>
      writeFileSync(join(asterisk.etc, name), edit(readFileSync(shipped(from), 'utf8')));
    await asterisk.stop();
    writeFileSync(join(asterisk.etc, 'sorcery.conf'), `#include "${shipped('sorcery_ringfence.conf')}"\n`);
    put('cdr_manager.conf', 'cdr_manager_ringfence.conf');
    put('hep.conf', 'hep_ringfence.conf', (text) =>
      text.replace('127.0.0.1:9060', `127.0.0.1:${hep().port}`).replace('CHANGE-ME', 'labhep'),
    );
    put('manager_ringfence.conf', 'manager_ringfence.conf', (text) => text.replace('CHANGE-ME', SECRET));
    const manager = readFileSync(join(asterisk.etc, 'manager.conf'), 'utf8');
    const own = /\[ringfence\][^[]*/.exec(manager)?.[0] ?? '';
    assert.notEqual(own, '');
    writeFileSync(
      join(asterisk.etc, 'manager.conf'),
      `${manager.replace(own, '')}\n#include "manager_ringfence.conf"\n`,
    );
    await asterisk.boot();
  });

  const account = async (): Promise<Ami> =>
    await Ami.login({ host: lab().asterisk.host, port: lab().asterisk.amiPort, username: 'ringfence', secret: SECRET });

  it('give an account that can do what ringfence does, and not dial, run commands or write files', async () => {
    const ami = await account();
    const answers: Record<string, string> = {};
    const ask = async (name: string, headers: Record<string, string> = {}): Promise<void> => {
      const { headers: answer } = await ami.action(name, headers);
      answers[name] = /permission/i.test(answer.get('Message') ?? '') ? 'denied' : (answer.get('Response') ?? '');
    };
    await ask('DBPut', { Family: 'ringfence', Key: 'account/x', Val: '1' });
    await ask('DBGetTree', { Family: 'ringfence' });
    await ask('DBDel', { Family: 'ringfence', Key: 'account/x' });
    await ask('PJSIPShowEndpoints');
    await ask('CoreShowChannels');
    await ask('Hangup', { Channel: '1234567890.1' });
    await ask('Originate', { Channel: 'Local/600@from-internal', Application: 'Wait', Data: '1' });
    await ask('Command', { Command: 'core show uptime' });
    await ask('UpdateConfig', { SrcFilename: 'pjsip.conf', DstFilename: 'pjsip.conf' });
    ami.close();
    assert.deepEqual(answers, {
      ...{ DBPut: 'Success', DBGetTree: 'Success', DBDel: 'Success', PJSIPShowEndpoints: 'Success' },
      ...{
        CoreShowChannels: 'Success',
        Hangup: 'Error',
        Originate: 'denied',
        Command: 'denied',
        UpdateConfig: 'denied',
      },
    });
  });

  it('have an ACL in AstDB refuse a REGISTER, and its deletion let it through', async () => {
    const ami = await account();
    const phone = await lab().phone('1001');
    assert.equal((await phone.register()).status, 200);
    const value = JSON.stringify({ deny: `${officeAddress('1001')}/32` });
    await ami.action('DBPut', { Family: 'ringfence', Key: 'acl/lab', Val: value });
    assert.equal((await phone.register()).status, 403);
    await ami.action('DBDel', { Family: 'ringfence', Key: 'acl/lab' });
    assert.equal((await phone.register()).status, 200);
    ami.close();
  });

  it('have a secret in AstDB stand in place of the one in pjsip.conf, until it is deleted', async () => {
    const ami = await account();
    const phone = await lab().phone('1002');
    const value = JSON.stringify({ auth_type: 'userpass', username: '1002', password: 'new-Secret-9' });
    await ami.action('DBPut', { Family: 'ringfence', Key: 'auth/1002', Val: value });
    assert.equal((await phone.register()).status, 401);
    assert.equal((await phone.register({ password: 'new-Secret-9' })).status, 200);
    await ami.action('DBDel', { Family: 'ringfence', Key: 'auth/1002' });
    assert.equal((await phone.register()).status, 200);
    ami.close();
  });

  it('take no endpoint from AstDB', async () => {
    const ami = await account();
    const value = JSON.stringify({ context: 'nowhere', aors: '1001', auth: '1001' });
    await ami.action('DBPut', { Family: 'ringfence', Key: 'endpoint/1001', Val: value });
    const phone = await lab().phone('1001');
    assert.equal((await phone.callFor('600', 20)).status, 200);
    await ami.action('DBDel', { Family: 'ringfence', Key: 'endpoint/1001' });
    ami.close();
  });

  it('send call records as events, and mirror SIP', async () => {
    const ami = await account();
    const phone = await lab().phone('1001');
    assert.equal((await phone.callFor('600', 20)).status, 200);
    const record = await ami.event('Cdr', ({ headers }) => headers.get('Event') === 'Cdr');
    assert.match(record.headers.get('LinkedID') ?? '', /^\d+\.\d+$/);
    await pause(50);
    assert.ok(
      hep().datagrams.some(({ payload, password }) => payload.startsWith('INVITE sip:600@') && password === 'labhep'),
    );
    ami.close();
  });
});
