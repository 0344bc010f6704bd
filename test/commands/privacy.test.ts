import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { lockStore } from '../../src/commands/lock.ts';
import { openStore } from '../../src/store/index.ts';
import { alert, evidence, incident } from '../support/evidence.ts';
import { jsonLines, ringfence, writeSettings } from '../support/cli.ts';
import { temporaryFolder } from '../support/temporary.ts';

const DAY = 86_400_000;

describe('ringfence privacy', function () {
  this.timeout(30_000);
  const folder = temporaryFolder();
  const run = async (line: string) => {
    const file = writeSettings(folder.path);
    writeFileSync(file, readFileSync(file, 'utf8').replace('[store]', '[store]\nanonymise = true'));
    return await ringfence([...line.split(' '), '--config', file]);
  };
  const store = (): string => folder.file('ringfence.db');

  before(() => {
    const open = openStore(store());
    for (const [id, at] of [
      ['old', Date.now() - 100 * DAY],
      ['new', Date.now()],
    ] as const) {
      open.incidents.put(incident(id, { openedAt: at, updatedAt: at }));
      open.evidence.insert(id, evidence(`${id}-e`, { at }));
      open.alerts.insert(alert(`${id}-a`, { incident: id }));
    }
    open.close();
  });

  it('exports all that tells of an account, for people and for programs', async () => {
    const json = await run('privacy export 1004 --format json');
    assert.equal(json.status, 0, json.stderr);
    assert.deepEqual(jsonLines<{ table: string }>(json.stdout).map(({ table }) => table).sort(), ['alerts', 'alerts', 'evidence', 'evidence', 'incidents', 'incidents']); // prettier-ignore
    const text = await run('privacy export nobody --also 1004');
    assert.match(text.stdout, /^incidents: extensions, numbers and addresses of a story/m);
    assert.match(text.stderr, /6 rows of .* tell of nobody, 1004/);
    assert.equal((await run('privacy export 1')).status, 2);
  });

  it('purges and masks at once', async () => {
    const aged = openStore(store());
    aged.incidents.put(incident('older', { updatedAt: Date.now() - 10 * DAY }));
    aged.close();
    const ran = await run('privacy purge --before 90d --format json');
    assert.equal(ran.status, 0, ran.stderr);
    const open = openStore(store());
    assert.deepEqual(jsonLines(ran.stdout), [{ incidents: 1, masked: 1, answers: 0, trail: 0 }]);
    assert.deepEqual(
      ['old', 'new'].map((id) => open.incidents.get(id)?.accounts),
      [undefined, ['1004']],
    );
    assert.match(open.incidents.get('older')?.accounts[0] ?? '', /^~/);
    open.close();
  });

  it('deletes only what was asked for with --yes, and never under a running daemon', async () => {
    assert.match((await run('privacy delete 1004')).stderr, /cannot be undone/);
    const lock = lockStore(store(), null);
    const busy = await run('privacy delete 1004 --yes');
    lock.release();
    assert.deepEqual([busy.status, busy.stdout], [2, '']);
    assert.match(busy.stderr, /stop it first/);
    const done = await run('privacy delete 1004 --yes');
    assert.match(done.stdout, /^deleted {2}evidence: \d/m);
    const open = openStore(store());
    assert.deepEqual(open.privacy.exportOf(['1004']), []);
    const record = open.audit.row(open.audit.head().seq);
    assert.deepEqual([record?.action, record?.target], ['privacy.deleted', '(an account)']);
    open.close();
    assert.equal(done.status, 0, done.stdout);
    assert.notEqual((await run('audit verify')).status, 1, 'the trail is whole');
  });
});
