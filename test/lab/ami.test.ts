import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { connectAmi, keepAmi } from '../../src/pbx/ami.ts';
import type { AmiChange, AmiKeeper } from '../../src/pbx/ami.ts';
import { PeerError } from '../../src/errors.ts';
import { followCdrFile } from '../../src/collect/cdr-file.ts';
import { Counters } from '../../src/counters.ts';
import type { CallRecord } from '../../src/model.ts';
import { Zone } from '../../src/time.ts';
import { cdrFromAmi } from '../../src/wire/cdr.ts';
import type { AmiMessage } from '../../src/wire/ami.ts';
import { recordingLog } from '../support/log.ts';
import { useLab } from './support/lab.ts';
import { pause, until } from './support/process.ts';

describe('lab: the manager session', function () {
  this.timeout(60_000);
  const lab = useLab();
  const open: { close(): unknown }[] = [];
  afterEach(async () => {
    for (const it of open.splice(0).reverse()) await it.close();
  });

  const options = (): { host: string; port: number; username: string; secret: string } => {
    const { host, amiPort, amiUsername, amiSecretFile } = lab().asterisk;
    return { host, port: amiPort, username: amiUsername, secret: readFileSync(amiSecretFile, 'utf8').trim() };
  };
  const keep = (): { keeper: AmiKeeper; changes: AmiChange[]; events: AmiMessage[] } => {
    const changes: AmiChange[] = [];
    const events: AmiMessage[] = [];
    const keeper = keepAmi(
      options(),
      { event: (event) => events.push(event), changed: (change) => changes.push(change) },
      recordingLog().log,
    );
    open.push(keeper);
    return { keeper, changes, events };
  };

  it('stores, lists and deletes keys, verbatim and up to the length that Asterisk keeps whole', async () => {
    const session = await connectAmi(options(), { event: () => undefined });
    open.push(session);
    const values = ['1795285803', '{"a":"b, c; \\"d\\" ${x}"}', 'Jörg ☎\tx', 'x'.repeat(990)];
    for (const [index, value] of values.entries()) {
      const put = await session.action('DBPut', [
        ['Family', 'ringfence/test'],
        ['Key', `k${index}`],
        ['Val', value],
      ]);
      assert.equal(put.name, 'Success', put.get('Message') ?? '');
    }
    const items = await session.list('DBGetTree', [['Family', 'ringfence/test']]);
    const read = items
      .filter((item) => item.name === 'DBGetTreeResponse')
      .map((item) => [item.get('Key'), item.get('Val')]);
    assert.deepEqual(
      read.sort(),
      values.map((value, index) => [`/ringfence/test/k${index}`, value]),
    );
    for (const index of values.keys()) {
      assert.equal(
        (
          await session.action('DBDel', [
            ['Family', 'ringfence/test'],
            ['Key', `k${index}`],
          ])
        ).name,
        'Success',
      );
    }
    assert.deepEqual(await session.list('DBGetTree', [['Family', 'ringfence/test']]), []);
    assert.equal(
      (
        await session.action('DBDel', [
          ['Family', 'ringfence/test'],
          ['Key', 'k0'],
        ])
      ).name,
      'Error',
    );
  });

  it('keeps two thousand actions apart that are sent at once', async () => {
    const session = await connectAmi(options(), { event: () => undefined });
    open.push(session);
    const began = performance.now();
    await Promise.all(
      Array.from({ length: 2000 }, (_, i) =>
        session.action('DBPut', [
          ['Family', 'ringfence/many'],
          ['Key', String(i)],
          ['Val', String(i * 7)],
        ]),
      ),
    );
    const put = performance.now() - began;
    const items = await session.list('DBGetTree', [['Family', 'ringfence/many']]);
    assert.equal(items.length, 2000);
    for (const item of items) assert.equal(Number(item.get('Key')!.split('/').at(-1)) * 7, Number(item.get('Val')));
    console.log(
      `      2000 DBPut in ${put.toFixed(0)} ms, read back in ${(performance.now() - began - put).toFixed(0)} ms`,
    );
    await Promise.all(
      Array.from({ length: 2000 }, (_, i) =>
        session.action('DBDel', [
          ['Family', 'ringfence/many'],
          ['Key', String(i)],
        ]),
      ),
    );
  });

  it('a wrong password is told as what it is', async () => {
    await assert.rejects(
      connectAmi({ ...options(), secret: 'wrong' }, { event: () => undefined }),
      (error: unknown) => {
        assert.ok(error instanceof PeerError);
        assert.deepEqual([error.code, error.retryable], ['peer-refused', false]);
        return true;
      },
    );
  });

  it('reads endpoints, contacts with their source, and channels', async () => {
    const phone = await lab().phone('1001');
    await phone.register();
    const call = phone.dial('1002');
    await pause(300);
    const { changes } = keep();
    await until('up', 5000, () => changes.length > 0);
    const [change] = changes;
    assert.ok(change?.kind === 'up');
    const { endpoints, contacts, channels } = change.state;
    for (const { extension } of lab().accounts)
      assert.ok(
        endpoints.some(({ endpoint }) => endpoint === extension),
        extension,
      );
    const contact = contacts.find(({ endpoint }) => endpoint === '1001');
    assert.equal(contact?.aor, '1001');
    assert.ok(contact.contact.startsWith('sip:1001@'));
    assert.equal(contact.userAgent, phone.userAgent);
    assert.ok(contact.source === null || contact.source === phone.options.address, String(contact.source));
    assert.ok(contact.expiresAt > Date.now());
    console.log(
      `      ${endpoints.length} endpoints, contact from ${contact.source ?? 'an unknown source'}, ${channels.length} channels`,
    );
    await call.hangUp();
    await phone.unregister();
  });

  it('a call: its events, its record by AMI and by Master.csv, which agree', async () => {
    const { changes, events } = keep();
    await until('up', 5000, () => changes.length > 0);
    const records: CallRecord[] = [];
    const follower = followCdrFile(
      { path: lab().asterisk.masterCsv, position: null, zone: new Zone('UTC'), utc: true, start: 'end' },
      (batch) => records.push(...batch.records),
      new Counters(),
      recordingLog().log,
    );
    open.push(follower);
    const phone = await lab().phone('1001');
    await phone.register();
    await phone.callFor('0037112345678', 200);
    const event = await until('the Cdr event', 3000, () => events.find(({ name }) => name === 'Cdr'));
    const record = await until('the record', 3000, () => records.find(({ dst }) => dst === '0037112345678'));
    const told = cdrFromAmi(event, { zone: new Zone(Intl.DateTimeFormat().resolvedOptions().timeZone) });
    assert.ok(told.ok, told.ok ? '' : told.reason);
    for (const field of ['src', 'dst', 'channel', 'start', 'end', 'duration', 'disposition', 'uniqueid'] as const) {
      assert.equal(told.value.record[field], record[field], field);
    }
    assert.ok(events.some(({ name }) => name === 'SuccessfulAuth'));
    assert.ok(events.some((one) => one.name === 'Newchannel' && one.get('Exten') === '0037112345678'));
    await phone.unregister();
  });

  it('comes back by itself after an orderly restart and after kill -9, and tells both', async () => {
    const { keeper, changes, events } = keep();
    await until('up', 5000, () => changes.length === 1);
    for (const restart of ['restart', 'kill9'] as const) {
      const count = changes.length;
      await pause(2_000); // Uptime counts whole seconds
      if (restart === 'restart') await lab().asterisk.restart();
      else {
        await lab().asterisk.kill9();
        await lab().asterisk.boot();
      }
      const booted = Date.now();
      await until('up again', 10_000, () => changes.length === count + 2);
      console.log(`      up ${Date.now() - booted} ms after FullyBooted (${restart})`);
      assert.deepEqual(
        changes.slice(count).map(({ kind }) => kind),
        ['down', 'restarted'],
      );
      assert.equal((await keeper.session!.action('Ping')).get('Ping'), 'Pong');
    }
    assert.ok(events.some(({ name }) => name === 'Shutdown'));
  });
});
