import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { jsonLines, ringfence, type Ran } from '../support/cli.ts';
import { selfSigned } from '../support/self-signed.ts';
import { useLab } from './support/lab.ts';
import { asteriskMajor } from './support/packages.ts';
import { freePort } from './support/ports.ts';
import { until } from './support/process.ts';
import { writeSettings } from './support/settings.ts';

describe('lab: the PBX serves a renewed TLS certificate', function () {
  this.timeout(60_000);
  const lab = useLab(() => ({ hep: null, trunk: 'own' }));
  let settings = '';
  let port = 0;
  const file = (name: string): string => join(lab().directory, name);
  const replace = (name: string, text: string): void => {
    writeFileSync(`${file(name)}.new`, text, { mode: 0o600 });
    renameSync(`${file(name)}.new`, file(name));
  };
  const install = (pair: { cert: string; key: string }): string => {
    replace('tls.crt', pair.cert);
    replace('tls.key', pair.key);
    return new X509Certificate(pair.cert).fingerprint256;
  };
  const run = async (...args: string[]): Promise<Ran> =>
    await ringfence(['keys', 'tls-reload', ...args, '--config', settings]);
  const served = async (): Promise<string | undefined> =>
    await new Promise((told) => {
      const socket = connect({ host: lab().asterisk.host, port, rejectUnauthorized: false }, () => {
        told(socket.getPeerX509Certificate()?.fingerprint256);
        socket.destroy();
      });
      socket.on('error', () => told(undefined));
    });

  /** Asterisk 16 serves a new certificate after a restart alone, with allow_reload too; the command has to notice. */
  const old16 = (): boolean => asteriskMajor(lab().trees.asterisk) < 20;

  it('says that there is none where pjsip.conf has no such transport', async () => {
    settings = writeSettings(lab(), { cdr: false, office: 'open' });
    const { status, stderr } = await run();
    assert.deepEqual([status, stderr.includes('no transport with protocol=tls')], [2, true]);
  });

  it('reads the new files, and a handshake shows them; connections that stand go on', async () => {
    port = await freePort(lab().asterisk.host);
    const old = install(selfSigned());
    const pjsip = join(lab().asterisk.etc, 'pjsip.conf');
    const lines = ['', '[tls]', 'type = transport', 'protocol = tls', `bind = ${lab().asterisk.host}:${port}`];
    writeFileSync(
      pjsip,
      `${readFileSync(pjsip, 'utf8')}${lines.join('\n')}\ncert_file = ${file('tls.crt')}\npriv_key_file = ${file('tls.key')}\nmethod = tlsv1_2\n${old16() ? 'allow_reload = yes\n' : ''}`,
    );
    await lab().asterisk.restart();
    await until('it serves TLS', 5_000, async () => (await served()) === old);
    assert.match((await run()).stdout, /serves the certificate of its file already/);
    const standing = connect({ host: lab().asterisk.host, port, rejectUnauthorized: false });
    await new Promise<void>((ready) => standing.once('secureConnect', ready));
    let cut = false;
    standing.on('close', () => (cut = true)).on('error', () => undefined);
    const young = install(selfSigned());
    assert.equal(await served(), old, 'until it is told');
    const { status, stdout, stderr } = await run('--format', 'json', '--why', 'a test');
    if (old16()) {
      assert.deepEqual([status, await served()], [1, old]);
      assert.match(stderr, /core restart when convenient/);
      await lab().asterisk.restart();
      assert.match((await run()).stdout, /serves the certificate of its file already/);
      return;
    }
    assert.equal(status, 0, stdout + stderr);
    const [line] = jsonLines<{ served: boolean; renewed: boolean; fingerprint: string }>(stdout);
    assert.deepEqual([line?.served, line?.renewed, line?.fingerprint], [true, true, young]);
    assert.equal(await served(), young);
    assert.equal(cut, false);
    standing.destroy();
    const { stdout: trail } = await ringfence(['audit', 'export', '--config', settings]);
    assert.match(trail, /hand:\S+ {2}key\.tls-renewed {2}transport\/tls/);
  });

  it('files that no server could use are refused, and what is served stays', async () => {
    const before = await served();
    const cases: [string, () => void, RegExp][] = [
      ['the key of another', () => replace('tls.key', selfSigned().key), /not that of the certificate/],
      ['no certificate', () => replace('tls.crt', 'x'), /no certificate in PEM/],
    ];
    for (const [what, harm, words] of cases) {
      harm();
      const { status, stderr } = await run();
      assert.equal(status, 2, what);
      assert.match(stderr, words);
      assert.equal(await served(), before, what);
    }
  });
});
