import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { openStore } from '../../src/store/index.ts';
import { ringfence } from '../support/cli.ts';
import { evidence, incident } from '../support/evidence.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { chasquid, type Chasquid } from './support/chasquid.ts';
import { LabUnavailable } from './support/packages.ts';
import { until } from './support/process.ts';

describe('reports by a real mail server', function () {
  this.timeout(60_000);
  const folder = temporaryFolder();
  let server: Chasquid;
  before(async function () {
    this.timeout(180_000);
    mkdirSync(folder.file('mail'));
    try {
      server = await chasquid(folder.file('mail'));
    } catch (error) {
      if (!(error instanceof LabUnavailable)) throw error;
      console.error(`      skipped: ${error.message}`);
      this.skip();
    }
    await server.start();
  });
  after(() => server.stop());

  it('come as text and HTML, in the language of the mails; a server that is away is 2, and says so', async () => {
    writeFileSync(folder.file('mail.secret'), `${server.password}\n`, { mode: 0o600 });
    writeFileSync(folder.file('ca.pem'), server.ca);
    const file = folder.file('ringfence.toml');
    writeFileSync(
      file,
      `[site]\nname = "Zentrale\u00e4"\ntimezone = "Europe/Berlin"\ncountry = "DE"\nlanguage = "de"\n[store]\npath = "r.db"\n[notify.mail]\nto = ["noc@example.net"]\nfrom = "${server.user}"\nserver = "127.0.0.1:${server.port}"\ntls = "starttls"\nca_file = "ca.pem"\nusername = "${server.user}"\npassword_file = "mail.secret"\n`,
    );
    const store = openStore(folder.file('r.db'));
    const at = Date.now() - 3_600_000;
    const summary = 'a\r\nBcc: evil@example.net <script>alert(1)</script>';
    store.commitJudged({
      cursor: 'run',
      incidents: [incident('abcd1234', { openedAt: at, updatedAt: at, summary })],
      evidence: [{ incident: 'abcd1234', evidence: evidence('e1', { at, summary }) }],
    });
    store.close();
    const args = ['report', '--config', file, '--mail'];
    const sent = await ringfence(args);
    assert.equal(sent.status, 0, sent.stderr);
    assert.equal(sent.stdout, '', 'cron has nothing to mail');
    assert.match(sent.stderr, /mailed to noc@example\.net: 250/);
    const [mail] = await until('the mail', 10_000, () => server.mails().length > 0 && server.mails());
    assert.match(
      mail?.headers.get('subject') ?? '',
      /^Bericht zum Telefonbetrug: Zentrale\u00e4, Von \d\d\.\d\d\.2026/,
    );
    assert.equal(mail?.headers.get('content-language'), 'de');
    assert.equal(mail.headers.get('bcc'), undefined);
    assert.match(mail.text, /1 Vorfall, davon 1 von niemandem best\u00e4tigt/);
    assert.match(mail.html, /bgcolor="#b71c1c"/);
    assert.doesNotMatch(mail.html, /<script/);
    await server.stop();
    const failed = await ringfence(args);
    assert.equal(failed.status, 2);
    assert.match(failed.stderr, /the mail server 127\.0\.0\.1:\d+ could not be used/);
    await server.start();
  });
});
