import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import init, { type InitOptions } from '../../src/commands/init.ts';
import { lookAtAsterisk } from '../../src/commands/setup/asterisk.ts';
import { loadConfig } from '../../src/config.ts';
import { recordingOutput } from '../support/output.ts';
import { freepbxFiles, officeFiles, writeFiles } from '../support/pbx-files.ts';
import { temporaryFolder } from '../support/temporary.ts';

interface Outcome {
  readonly status: number;
  readonly said: string;
  readonly json: Record<string, unknown>;
}

/** Every file below a folder with its text, but secrets and what differs from run to run. */
const textsIn = (folder: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .map((name) => join(folder, name))
      .filter((path) => statSync(path).isFile())
      .map((path) => [path, readFileSync(path, 'utf8')]),
  );

describe('ringfence init', () => {
  const folder = temporaryFolder();
  let count = 0;
  let etc = '';
  let settings = '';

  const run = async (options: Partial<InitOptions> = {}, json = false): Promise<Outcome> => {
    const { output, results, notes, objects } = recordingOutput(json);
    const status = await init(
      [],
      {
        asteriskEtc: etc,
        kamailio: false,
        install: false,
        dryRun: false,
        yes: true,
        config: settings,
        format: json ? 'json' : 'text',
        quiet: false,
        ...options,
      },
      output,
    );
    return { status, said: [...notes, ...results].join('\n'), json: (objects[0] ?? {}) as Record<string, unknown> };
  };

  const prepare = (files: (log: string) => Record<string, string>, more: Record<string, string> = {}): void => {
    const place = folder.file(`pbx${++count}`);
    etc = join(place, 'etc');
    settings = join(place, 'ringfence', 'ringfence.toml');
    mkdirSync(join(place, 'log', 'cdr-csv'), { recursive: true });
    writeFiles(etc, { ...files(join(place, 'log')), ...more });
  };

  describe('in an office', () => {
    beforeEach(() => prepare(officeFiles));

    it('answers the settings by looking', async () => {
      await run();
      const { settings: made, warnings } = loadConfig(settings);
      assert.deepEqual(warnings, []);
      assert.equal(made.mode, 'observe');
      assert.equal(made.site.country, 'DE');
      assert.equal(made.dialing.outside, '0');
      assert.equal(made.dialing.internal, '^[2][0-9]{2}$');
      assert.ok(made.network.pbx.includes('192.0.2.10') && made.network.local.includes('10.20.0.0/16'));
      assert.deepEqual(made.network.trunks, [{ name: 'carrier', addresses: ['198.51.100.0/28', '198.51.100.7'] }]);
      assert.deepEqual(made.asterisk.cdr, { path: join(etc, '../log/cdr-csv/Master.csv'), utc: false });
      assert.equal(made.asterisk.ami?.port, 5039);
      assert.deepEqual(made.hep?.listen, ['udp:127.0.0.1:9060']);
    });

    it('writes its own files alone, secrets closed to others, and says what is left', async () => {
      const before = textsIn(etc);
      const { said } = await run();
      for (const [path, text] of Object.entries(before)) assert.equal(readFileSync(path, 'utf8'), text, path);
      for (const name of ['ami.secret', 'hep.password', 'ringfence.toml'])
        assert.equal(statSync(join(settings, '..', name)).mode & 0o777, 0o640, name);
      const secret = readFileSync(join(settings, '../ami.secret'), 'utf8').trim();
      assert.match(secret, /^[0-9a-f]{48}$/);
      const manager = join(etc, 'ringfence/manager_ringfence.conf');
      assert.match(readFileSync(manager, 'utf8'), new RegExp(`^secret = ${secret}$`, 'm'));
      assert.match(readFileSync(manager, 'utf8'), /^channelvars = MINE,RINGFENCE_SRC,RINGFENCE_CALLID$/m);
      assert.equal(statSync(manager).mode & 0o777, 0o640);
      assert.ok(!said.includes(secret));
      for (const text of [
        'manager.conf',
        'extensions.conf',
        'hep.conf',
        'sorcery.conf',
        'ringfence init --install',
        'core restart when convenient',
        "asterisk -rx 'dialplan reload'",
      ])
        // prettier-ignore
        assert.ok(said.includes(text), text);
    });

    it('tells the guard’s lines for each place from which calls leave, and for no other', async () => {
      const { json } = await run({}, true);
      const work = json['byHand'] as { what: string; lines: string[] }[];
      assert.deepEqual(
        work.map(({ what, lines }) => [what.replace(etc, ''), ...lines]),
        [
          [
            '/extensions.conf:10, [out], extension _0.: before this line',
            ' same => n,Gosub(ringfence-guard,s,1(${EXTEN}))',
          ],
          [
            '/extensions.conf:11, [out], extension _00.: in place of this line',
            'exten => _00.,1,Gosub(ringfence-guard,s,1(${EXTEN}))',
            ' same => n,Dial(PJSIP/${EXTEN:1}@carrier,60)',
          ],
        ],
      );
    });

    it('--dry-run writes nothing and shows a diff that names no secret', async () => {
      const before = textsIn(folder.path);
      const { said } = await run({ dryRun: true, install: true });
      assert.deepEqual(textsIn(folder.path), before);
      assert.match(said, /^--- \/dev\/null\n\+\+\+ .*ringfence\.toml$/m);
      assert.match(said, /^\+secret = \(a secret\)$/m);
      assert.match(said, /^--- .*extensions\.conf\n\+\+\+ .*extensions\.conf\n@@ -\d+,3 \+\d+,6 @@$/m);
      assert.match(said, /^\+#include "ringfence\/extensions_ringfence\.conf"$/m);
    });

    it('--install puts the inclusions in, keeps copies, owner and mode, and a second run changes nothing', async () => {
      const before = readFileSync(join(etc, 'extensions.conf'), 'utf8');
      await run({ install: true });
      const found = lookAtAsterisk(etc);
      assert.ok(found.guard && found.problems.length === 0, found.problems.join());
      assert.equal(readFileSync(join(etc, 'extensions.conf.ringfence-backup'), 'utf8'), before);
      const first = textsIn(folder.path);
      const { said, json } = await run({ install: true }, true);
      assert.deepEqual(textsIn(folder.path), first);
      assert.deepEqual([json['written'], json['altered']], [[], []], said);
      assert.match((await run({ install: true })).said, /^Nothing to write: everything is in place\./m);
    });

    it('with [notify.phone] puts in what the telephone call needs, once, and without it says how', async () => {
      assert.match((await run({ install: true })).said, /a telephone can ring at night/);
      writeFileSync(settings, `${readFileSync(settings, 'utf8')}\n[notify.phone]\nring = ["PJSIP/201"]\nusername = "night"\nsecret_file = "phone.secret"\n`); // prettier-ignore
      const { json } = await run({ install: true }, true);
      assert.deepEqual(
        (json['written'] as string[]).map((path) => path.replace(/^.*\//, '')),
        ['extensions_ringfence_notify.conf', 'phone.secret', 'manager_ringfence_notify.conf'],
      );
      const secret = readFileSync(join(settings, '../phone.secret'), 'utf8').trim();
      const account = lookAtAsterisk(etc).manager;
      assert.equal(account?.accounts.length, 0, 'what ringfence put there is not told as theirs');
      const manager = readFileSync(join(etc, 'ringfence/manager_ringfence_notify.conf'), 'utf8');
      assert.match(manager, new RegExp(`^\\[night\\]\nsecret = ${secret}$`, 'm'));
      assert.match(manager, /^read = user\nwrite = originate$/m);
      assert.ok(lookAtAsterisk(etc).dialplan.has('ringfence-notify'));
      const { json: again } = await run({ install: true }, true);
      assert.deepEqual([again['written'], again['altered']], [[], []]);
    });

    it('puts both inclusions of one file in at once', async () => {
      mkdirSync(join(settings, '..'));
      writeFileSync(settings, '[site]\nname = "mine"\n[asterisk.ami]\nsecret_file = "ami.secret"\n[notify.phone]\nring = ["PJSIP/201"]\nusername = "night"\nsecret_file = "phone.secret"\n'); // prettier-ignore
      await run({ install: true });
      for (const name of ['extensions', 'manager'])
        assert.match(
          readFileSync(join(etc, `${name}.conf`), 'utf8'),
          new RegExp(`${name}_ringfence\\.conf"[^]*${name}_ringfence_notify\\.conf"`),
        );
      assert.deepEqual(lookAtAsterisk(etc).problems, []);
    });

    it('overwrites nothing', async () => {
      mkdirSync(join(etc, 'ringfence'));
      writeFileSync(join(etc, 'ringfence/extensions_ringfence.conf'), '; mine\n');
      mkdirSync(join(settings, '..'));
      writeFileSync(settings, '[site]\nname = "mine"\n');
      const { said } = await run({ install: true });
      assert.equal(readFileSync(join(etc, 'ringfence/extensions_ringfence.conf'), 'utf8'), '; mine\n');
      assert.equal(readFileSync(settings, 'utf8'), '[site]\nname = "mine"\n');
      assert.match(said, /extensions_ringfence\.conf is kept as it is/);
    });

    it('leaves a mirror alone that goes elsewhere, and an account of its name that stands elsewhere', async () => {
      writeFileSync(join(etc, 'hep.conf'), '[general]\nenabled = yes\ncapture_address = 192.0.2.99:9060\n');
      writeFileSync(join(etc, 'manager.conf'), '[general]\nenabled = yes\n[ringfence]\nsecret = own\n');
      const { said } = await run({ install: true });
      assert.match(said, /mirrors SIP to 192\.0\.2\.99:9060 already/);
      assert.match(said, /a manager account \[ringfence\] stands in .*manager\.conf/);
      assert.match(said, /listens on every address/);
      assert.equal(loadConfig(settings).settings.hep, undefined);
      assert.ok(!existsSync(join(etc, 'ringfence/hep_ringfence.conf')));
    });

    it('refuses to touch a file that it does not understand, and tells the line', async () => {
      writeFileSync(join(etc, 'extensions.conf'), '[a]\nexten => 1,1,NoOp()\n;-- for ever\n');
      const { said } = await run({ install: true });
      assert.match(said, /extensions\.conf is left alone \(.*a comment ;-- that never ends\): put in by hand/);
      assert.ok(!existsSync(join(etc, 'extensions.conf.ringfence-backup')));
    });
  });

  it('in FreePBX’s layout it uses the files for people, and the hook that each call that leaves passes', async () => {
    prepare(freepbxFiles);
    const { said } = await run({ install: true });
    assert.match(said, /made by FreePBX/);
    const texts = textsIn(etc);
    for (const name of ['extensions_custom.conf', 'manager_custom.conf'])
      assert.match(texts[join(etc, name)] ?? '', /#include "ringfence\//, name);
    for (const name of ['extensions.conf', 'extensions_additional.conf', 'manager.conf'])
      assert.equal(texts[join(etc, name)], freepbxFiles(join(etc, '../log'))[name], name);
    assert.equal(texts[join(etc, 'hep.conf')], '#include "ringfence/hep_ringfence.conf"\n');
    assert.match(
      said,
      /\[macro-dialout-trunk-predial-hook\]\n +exten => s,1,Gosub\(ringfence-guard,s,1\(\$\{DIAL_NUMBER\}\)\)\n +same => n,MacroExit\(\)/,
    );
    assert.doesNotMatch(said, /macro-dial-one/, 'calls within the house are none of the guard’s');
    const custom = join(etc, 'extensions_override_freepbx.conf');
    writeFileSync(custom, '[macro-dialout-trunk-predial-hook]\nexten => s,1,Gosub(ringfence-guard,s,1(${DIAL_NUMBER}))\nexten => s,n,MacroExit()\n'); // prettier-ignore
    assert.deepEqual(lookAtAsterisk(etc).reach.unguarded, []);
  });

  it('without Asterisk and Kamailio it says where to look', async () => {
    etc = folder.file('nowhere');
    await assert.rejects(run(), /nowhere is no folder with Asterisk's configuration/);
  });

  it('beside Kamailio it writes the snippet and tells the two lines with their places', async () => {
    prepare(officeFiles);
    const kamailio = join(etc, '../kamailio/kamailio.cfg');
    writeFiles(join(etc, '../kamailio'), {
      'kamailio.cfg': '#!KAMAILIO\nlisten=udp:192.0.2.5:5060\nloadmodule "sl.so"\nloadmodule "tm.so"\n\nrequest_route {\n\texit;\n}\n', // prettier-ignore
    });
    const { said } = await run({ kamailio });
    assert.match(
      said,
      /after the last loadmodule \(line 4\)[^]*RINGFENCE_PBX "\^\(127[^]*include_file ".*ringfence\.cfg"/,
    );
    assert.match(said, /as the first line of request_route \(line 6\):\n +route\(RINGFENCE\);/);
    const { settings: made } = loadConfig(settings);
    assert.deepEqual(made.kamailio?.addresses, ['192.0.2.5']);
    assert.deepEqual(made.hep?.allow, ['127.0.0.1', '192.0.2.5']);
    assert.ok(existsSync(join(etc, '../kamailio/ringfence.cfg')));
  });
});
