import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connectAmi } from '../../src/pbx/ami.ts';
import { readTree } from '../../src/pbx/astdb.ts';
import { readSorcery, sorceryAdvice, type SorceryMapping } from '../../src/pbx/sorcery.ts';
import { useLab } from './support/lab.ts';

describe('lab: whether PJSIP looks into AstDB is told by Asterisk itself', function () {
  this.timeout(60_000);
  const lab = useLab(() => ({ hep: null, trunk: 'own' }));

  const look = async (): Promise<SorceryMapping> => {
    const { host, amiPort, amiUsername, amiSecret } = lab().asterisk;
    const options = { host, port: amiPort, username: amiUsername, secret: amiSecret };
    const session = await connectAmi(options, { event: () => undefined });
    try {
      // nobody who asks after it sees what it puts there
      const [told, seen] = await Promise.all([readSorcery(session), readTree(session)]);
      assert.deepEqual([...seen.keys()], []);
      return told;
    } finally {
      session.close();
    }
  };

  it('as it should be, included from another file; taken out; and back without a restart', async () => {
    const { asterisk } = lab();
    const file = join(asterisk.etc, 'sorcery.conf');
    const lines = readFileSync(file, 'utf8');
    assert.deepEqual(await look(), { acl: true, auth: true, loaded: true });
    assert.deepEqual(sorceryAdvice(await look()), []);

    writeFileSync(join(asterisk.etc, 'sorcery_ringfence.conf'), lines);
    writeFileSync(file, '#include "sorcery_ringfence.conf"\n');
    assert.deepEqual(await look(), { acl: true, auth: true, loaded: true });

    writeFileSync(file, '[acl]\nacl = config,pjsip.conf,criteria=type=acl\nacl = astdb,ringfence\n');
    await asterisk.restart();
    assert.deepEqual(await look(), { acl: false, auth: false, loaded: null });
    const advice = sorceryAdvice(await look());
    assert.match(advice.join('\n'), /acl = astdb,ringfence.*\n.*auth = astdb,ringfence/);

    writeFileSync(file, lines);
    assert.deepEqual(await look(), { acl: true, auth: true, loaded: false });
    assert.match(sorceryAdvice(await look()).join('\n'), /core restart when convenient/);
  });
});
