import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import doctor from '../../src/commands/doctor.ts';
import { lookAtAsterisk } from '../../src/commands/setup/asterisk.ts';
import { accountRows, amiRows, guardRows, recordRows } from '../../src/commands/setup/checks-asterisk.ts';
import { databaseRow, hepRows, modeRow, settingsRows, storeRows, type DaemonStatus } from '../../src/commands/setup/checks-local.ts'; // prettier-ignore
import type { Row } from '../../src/commands/setup/checks.ts';
import { serviceRows } from '../../src/commands/setup/service-user.ts';
import { loadConfig, type Config } from '../../src/config.ts';
import { DAY, HOUR } from '../../src/time.ts';
import { FakeAmi, lines, type FakeAction } from '../support/fake-ami.ts';
import { recordingOutput } from '../support/output.ts';
import { officeFiles, writeFiles } from '../support/pbx-files.ts';
import { temporaryFolder } from '../support/temporary.ts';

const shown = ({ check, state, text }: Row): string => `${state} ${check}: ${text}`;

describe('ringfence doctor', () => {
  const folder = temporaryFolder();
  let port = 1;

  const config = (more = '', mode = 'observe'): Config => {
    const file = folder.file('ringfence.toml');
    writeFileSync(folder.file('ami.secret'), 'right\n');
    chmodSync(folder.file('ami.secret'), 0o600);
    writeFileSync(
      file,
      `mode = "${mode}"\n[site]\ntimezone = "UTC"\ncountry = "DE"\n[store]\npath = "store/ringfence.db"\n[asterisk.cdr]\npath = "Master.csv"\nutc = true\n[asterisk.ami]\nport = ${port}\nsecret_file = "ami.secret"\n${more}`,
      { mode: 0o640 },
    );
    return loadConfig(file);
  };
  const etc = (change: Record<string, string> = {}): ReturnType<typeof lookAtAsterisk> => {
    const place = folder.file('etc');
    writeFiles(place, { ...officeFiles(folder.path), ...change });
    return lookAtAsterisk(place);
  };

  describe('settings', () => {
    it('that are right', () => assert.equal(settingsRows(config())[0]?.state, 'ok'));
    it('a secret that others can read: with the line that mends it', () => {
      const made = config();
      chmodSync(folder.file('ami.secret'), 0o644);
      const [row] = settingsRows(made);
      assert.equal(row?.state, 'problem');
      assert.equal(row.mend, `chmod 640 ${folder.file('ami.secret')}`);
    });
    it('what the service may not read, though root may', () => {
      const made = config();
      const { uid, gid } = statSync(folder.file('ami.secret'));
      assert.deepEqual(serviceRows(made, null), []);
      assert.deepEqual(serviceRows(made, { uid, gids: new Set() }), []);
      chmodSync(folder.file('ami.secret'), 0o640);
      assert.deepEqual(serviceRows(made, { uid: uid + 1, gids: new Set([gid]) }), []);
      const rows = serviceRows(made, { uid: uid + 1, gids: new Set([gid + 1]) });
      assert.deepEqual(
        rows.map(({ mend }) => mend),
        ['ringfence.toml', 'ami.secret'].map(
          (name) => `chgrp ringfence ${folder.file(name)}; chmod 640 ${folder.file(name)}`,
        ),
      );
    });
    it('observe is the last step', () => {
      assert.equal(modeRow(config()).state, 'problem');
      assert.equal(modeRow(config('', 'enforce')).state, 'ok');
    });
  });

  describe('mirrored SIP', () => {
    const CASES: [string, DaemonStatus | null, RegExp][] = [
      ['without a daemon', null, /^unknown mirrored SIP: whether any arrives/],
      ['none yet', { counts: {} }, /^problem mirrored SIP: none has arrived/],
      ['some', { counts: { 'hep.packets.udp': 3, 'hep.packets.tls': 2 }, hepAt: Date.now() }, /^ok mirrored SIP: 5 packets/], // prettier-ignore
      ['none for hours', { counts: { 'hep.packets.udp': 3 }, hepAt: Date.now() - 3 * HOUR }, /^advice mirrored SIP: none for 3 h/], // prettier-ignore
      [
        'another password',
        { counts: { 'hep.refused.key': 4 } },
        /^problem mirrored SIP: 4 packets with another password/,
      ],
      ['another sender', { counts: { 'hep.refused.source': 4 } }, /^problem mirrored SIP: 4 packets from addresses/],
      ['losses', { counts: { 'hep.packets.udp': 3, 'hep.lost.kernel': 9 } }, /problem packets lost: 9/],
    ];
    for (const [sentence, status, expected] of CASES)
      it(sentence, () => assert.match(hepRows(config('[hep]\n'), status).map(shown).join('\n'), expected));
    it('not set: it works without, and less well', () => assert.equal(hepRows(config(), null)[0]?.state, 'advice'));
  });

  describe('call records', () => {
    const rows = (found = etc()): string => recordRows(config(), found).map(shown).join('\n');
    it('not there yet', () => assert.match(rows(), /advice call records: .*not there yet/));
    it('fresh, and old', () => {
      writeFileSync(folder.file('Master.csv'), '');
      assert.match(rows(), /^ok call records: .*Master\.csv, the last/);
      const old = (Date.now() - 9 * DAY) / 1000;
      utimesSync(folder.file('Master.csv'), old, old);
      assert.match(rows(), /^advice call records: .*nothing new for 9 d/);
    });
    it('in another time zone than the settings say', () => assert.match(rows(), /problem time of records: cdr\.conf says usegmtime = no, the settings utc = true/)); // prettier-ignore
    it('in batches', () => assert.match(rows(etc({ 'cdr.conf': '[general]\nbatch = yes\n[csv]\nusegmtime=yes\n' })), /ok time of records[^]*advice call records: cdr\.conf has batch/)); // prettier-ignore
  });

  describe('store', () => {
    it('no folder, then a good one', () => {
      assert.equal(storeRows(folder.file('nowhere/x.db'))[0]?.state, 'problem');
      mkdirSync(folder.file('store'), { recursive: true });
      assert.deepEqual(storeRows(folder.file('store/x.db')).map(({ state }) => state), ['ok', 'ok']); // prettier-ignore
    });
    it('AstDB’s file, open and closed to others', () => {
      const file = folder.file('astdb.sqlite3');
      writeFileSync(file, '');
      chmodSync(file, 0o644);
      assert.equal(databaseRow(folder.path).mend, `chmod 640 ${file}`);
      chmodSync(file, 0o640);
      assert.equal(databaseRow(folder.path).state, 'ok');
    });
  });

  describe('manager account', () => {
    const account = (read: string, general = ''): Row[] =>
      accountRows(config(), etc({ 'manager.conf': `[general]\n${general}\n[ringfence]\nread = ${read}\n` }));
    it('hears enough', () => {
      const rows = account('system,call,security,user', 'channelvars = X,RINGFENCE_SRC,RINGFENCE_CALLID');
      assert.deepEqual(rows.map(({ state }) => state), ['ok', 'ok']); // prettier-ignore
    });
    it('hears too little: what is missing, and the line', () => {
      const [row] = account('system,call');
      assert.match(row?.text ?? '', /does not hear: security, user/);
      assert.match(row?.mend ?? '', /^read = system,call,security,user for \[ringfence\]/);
    });
    it('all is enough', () => assert.equal(account('all')[0]?.state, 'ok'));

    let fake: FakeAmi;
    beforeEach(async () => {
      fake = await FakeAmi.listen();
      port = fake.port;
    });
    afterEach(async () => await fake.close());
    const allowed = (...names: string[]): void => {
      fake.answers = (action: FakeAction, socket) => {
        if (action.name === 'ListCommands')
          socket.write(
            lines('Response: Success', `ActionID: ${action.id}`, ...names.map((name) => `${name}: x (Priv: y)`)),
          );
        else if (action.name === 'Ping')
          socket.write(lines('Response: Success', `ActionID: ${action.id}`, `Timestamp: ${Date.now() / 1000 - 300}`));
        else return false;
        return true;
      };
    };
    const NEEDED = ['DBPut', 'DBDel', 'DBGetTree', 'Hangup', 'CoreShowChannels', 'PJSIPShowEndpoints'];
    const rows = async (): Promise<string> => {
      const { session, rows: found } = await amiRows(config());
      session?.close();
      return found.map(shown).join('\n');
    };

    it('may do what is needed and no more', async () => {
      allowed(...NEEDED);
      assert.match(await rows(), /^ok manager: logged in[^]*ok privileges/);
    });
    it('may not write', async () => {
      allowed('Hangup');
      assert.match(await rows(), /problem privileges: not allowed: DBPut, DBDel/);
    });
    it('may do too much', async () => {
      allowed(...NEEDED, 'Originate', 'Command');
      assert.match(await rows(), /advice privileges: more is allowed than is needed: Originate, Command/);
    });
    it('a clock that is five minutes behind', async () => {
      allowed(...NEEDED);
      assert.match(await rows(), /problem Asterisk’s clock: 5 min behind this machine's: blocks end too late/);
    });
    it('a wrong secret: what to compare', async () => {
      fake.secret = 'another';
      const { rows: found } = await amiRows(config());
      assert.match(found[0]?.mend ?? '', /^compare the secret of \[ringfence\] in manager\.conf with .*ami\.secret/);
    });
    it('a secret that others can read is not used', async () => {
      const made = config();
      chmodSync(folder.file('ami.secret'), 0o644);
      const { rows: found } = await amiRows(made);
      assert.equal(found[0]?.mend, `chmod 640 ${folder.file('ami.secret')}`);
    });
    it('nobody there', async () => {
      port = 1;
      const { rows: found, session } = await amiRows(config());
      assert.equal(session, null);
      assert.equal(found[0]?.state, 'problem');
    });
  });

  it('without Asterisk’s console the files tell about the guard', async () => {
    const none = { session: null, startedAt: null };
    const [missing] = await guardRows(none, ['/nowhere/asterisk'], etc());
    assert.match(missing?.text ?? '', /it is not in the files/);
    const guard =
      '[ringfence-guard]\nexten => s,1,Gosub(ringfence-origin,s,1)\n[ringfence-origin]\nexten => s,1,Return()\n';
    const found = etc({ 'extensions.conf': `${officeFiles('')['extensions.conf'] ?? ''}${guard}` });
    const rows = await guardRows(none, ['/nowhere/asterisk'], found);
    assert.deepEqual(rows.map(({ state }) => state), ['ok', 'problem', 'problem']); // prettier-ignore
  });

  it('one object a row with --format json, and the verdict last', async () => {
    port = 1;
    const { file } = config();
    const { output, objects } = recordingOutput(true);
    const options = { asteriskEtc: join(folder.path, 'etc'), kamailio: '/nowhere', asterisk: '/nowhere/asterisk' };
    const status = await doctor([], { ...options, config: file ?? '', format: 'json', quiet: false }, output);
    assert.equal(status, 1);
    const last = objects.pop() as { protected: boolean; next: string };
    assert.equal(last.protected, false);
    const rows = objects as Row[];
    assert.ok(
      rows.length > 10 && rows.every(({ check, state, text }) => check !== '' && text !== '' && state.length > 1),
    );
    assert.equal(last.next, rows.find(({ state }) => state === 'problem')?.mend);
    for (const { state, mend, check } of rows)
      if (state === 'problem') assert.ok(mend !== undefined && mend !== '', check);
  });

  it('wrong settings are a finding; a folder that is not there is none', async () => {
    const file = folder.file('wrong.toml');
    writeFileSync(file, 'mod = "x"\n');
    const { output, results } = recordingOutput();
    const options = { kamailio: '/nowhere', asterisk: 'x', config: file, format: 'text' as const, quiet: false };
    assert.equal(await doctor([], options, output), 1);
    assert.match(results.join('\n'), /PROBLEM {2}settings: .*wrong\.toml/);
    config();
    await assert.rejects(async () => await doctor([], { ...options, config: folder.file('ringfence.toml'), asteriskEtc: '/nowhere' }, output), /no folder with Asterisk's configuration/); // prettier-ignore
  });
});
