import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { Counters } from '../../../src/counters.ts';
import { AttackLog } from '../../../src/respond/attacks/log.ts';
import { recordingLog } from '../../support/log.ts';
import { temporaryFolder } from '../../support/temporary.ts';

describe('respond: the log of attackers', () => {
  const folder = temporaryFolder();

  it('holds each line, makes its directory, and goes on in a new file after rotation', async () => {
    const path = folder.file('deep/attacks.log');
    const log = new AttackLog(path, new Counters(), recordingLog().log);
    log.write(['one', 'two']);
    log.write(['three']);
    await log.close();
    assert.equal(readFileSync(path, 'utf8'), 'one\ntwo\nthree\n');
    assert.equal(statSync(path).mode & 0o027, 0, 'nobody else reads it');
    renameSync(path, `${path}.1`);
    log.write(['four']);
    await log.close();
    assert.equal(readFileSync(path, 'utf8'), 'four\n');
  });

  it('says once what cannot be written, counts it, and goes on when it can', async () => {
    const path = folder.file('second.log');
    mkdirSync(path);
    const counters = new Counters();
    const { log, logged } = recordingLog();
    const attacks = new AttackLog(path, counters, log);
    for (const n of [1, 2, 3]) {
      attacks.write([`${n}`]);
      await attacks.close();
    }
    assert.equal(counters.get('attacks.dropped'), 3);
    assert.equal(logged.filter(({ message }) => message.includes('fail2ban does not hear')).length, 1);
    renameSync(path, `${path}.d`);
    attacks.write(['4']);
    await attacks.close();
    assert.equal(readFileSync(path, 'utf8'), '4\n');
  });

  it('holds no more than a thousand lines for a slow disk', async () => {
    const path = folder.file('third.log');
    writeFileSync(path, '');
    const counters = new Counters();
    const attacks = new AttackLog(path, counters, recordingLog().log);
    attacks.write(Array.from({ length: 5_000 }, (_, i) => `${i}`));
    await attacks.close();
    assert.equal(readFileSync(path, 'utf8').split('\n').length - 1 + counters.get('attacks.dropped'), 5_000);
    assert.ok(counters.get('attacks.dropped') >= 3_999);
  });
});
