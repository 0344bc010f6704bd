import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import Database from 'better-sqlite3';
import { openStore, PERSONAL_TABLES, type Store } from '../../src/store/index.ts';
import { HARMLESS_FACTS, Masker } from '../../src/store/masking.ts';
import { MASKED_COLUMNS } from '../../src/store/privacy.ts';
import { alert, decision, evidence, incident, T0 } from '../support/evidence.ts';
import { temporaryFolder } from '../support/temporary.ts';

const DAY = 86_400_000;
const WEEK_AGO = T0 + 7 * DAY;

/** Everything that the files of a store hold. */
const bytes = (path: string): string =>
  [path, `${path}-wal`]
    .filter((file) => existsSync(file))
    .map((file) => readFileSync(file, 'latin1'))
    .join('');

/** A story with all that hangs on it, told of `accounts`; `person` is a name in texts that people chose. */
function fill(store: Store, id: string, accounts: readonly string[], number: string, address: string): void {
  const [account = ''] = accounts;
  const summary = `Extension ${account} (${accounts.join(' and ')}) placed 12 calls to +${number} from ${address} with Annas-Snom`;
  const subject = { type: 'account' as const, value: account };
  const facts = { calls: 12, countries: ['LV'], numbers: [number], userAgent: 'Annas-Snom', address, firstCall: '2026-11-20T17:00:00.000Z' }; // prettier-ignore
  const common = { subject, summary, facts, calls: [`${id}-call`], sources: [address] };
  store.incidents.put(incident(id, { subject, summary, accounts, sources: [address], calls: [`${id}-call`] }));
  store.evidence.insert(id, evidence(`${id}-e`, { ...common, accounts, callKeys: [`${id}-key@${address}`], key: `${account} ${number}` })); // prettier-ignore
  store.alerts.insert(alert(`${id}-a`, { ...common, incident: id }));
  store.decisions.put(
    decision(`${id}-d`, { incident: id, target: account, why: `to spare ${account}: it dials ${number}` }),
  );
  store.acknowledge(id, { who: 'Frieda', note: 'that was Bernd on holiday' });
  const sent = { id: `${id}-m`, channel: 'mail', kind: 'update' as const, alert: '', incident: id, severity: 'high' as const, at: T0, held: false, nextAt: T0, body: summary }; // prettier-ignore
  store.deliveries.insert(sent);
  store.deliveries.settle(sent.id, 'told', T0);
  store.aliases.fold(`${id}-younger`, id);
}

const forgetNothing = (): null => null;

describe('privacy', () => {
  const folder = temporaryFolder();

  it('knows every table, and every column of a story', () => {
    const path = folder.file('tables.db');
    openStore(path).close();
    const db = new Database(path, { readonly: true });
    const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'").all() as { name: string }[]; // prettier-ignore
    assert.deepEqual(tables.map(({ name }) => name).sort(), Object.keys(PERSONAL_TABLES).sort(), 'a new table: say in src/store/personal.ts who is in it'); // prettier-ignore
    /** ids, kinds, states and amounts: nobody's name */
    const plain = new Set(['id', 'incident', 'detector', 'subject_type', 'source_proof', 'loss', 'action', 'state', 'channel', 'kind', 'alert', 'alias']); // prettier-ignore
    for (const [table, { by, masked }] of Object.entries(PERSONAL_TABLES)) {
      assert.equal(masked, table in MASKED_COLUMNS || table === 'toolbox_alerts', table);
      if (by !== 'incident') continue;
      const columns = db.prepare(`SELECT name, type FROM pragma_table_info('${table}')`).all() as { name: string; type: string }[]; // prettier-ignore
      for (const { name, type } of columns)
        assert.ok(type === 'INTEGER' || plain.has(name) || name in (MASKED_COLUMNS[table] ?? {}), `${table}.${name}: is anybody in it?`); // prettier-ignore
    }
    db.close();
  });

  it('masks numbers, addresses and names, in values and in sentences', () => {
    const masker = new Masker();
    assert.equal(masker.value('+4930123456'), '+4930123xxx');
    assert.equal(masker.value('203.0.113.7'), '203.0.113.x');
    assert.equal(masker.value('2001:db8:1:2::7'), '2001:db8:1::x');
    const account = masker.value('1004');
    assert.match(account, /^~[0-9a-f]{8}$/);
    for (const once of ['+4930123xxx', '203.0.113.x', '2001:db8:1::x', account, ''])
      assert.equal(masker.value(once), once);
    assert.equal(masker.text('1004 called +37120000001 (not 10045, 1004.5) from 198.51.100.9, [2001:db8::5] by sip:anna@198.51.100.9:5060'), `${account} called +37120000xxx (not 10045, 1004.5) from 198.51.100.x, [2001:db8::x] by ${/~\w+$/.exec(masker.text('sip:anna@198.51.100.9:5060'))?.[0] ?? ''}`); // prettier-ignore
    assert.notEqual(new Masker().value('1004'), account, 'the key is another each time');
    const facts = masker.facts({ calls: 12, countries: ['LV'], userAgent: 'Annas', at: '2026-11-20T17:00:00.000Z', none: null, numbers: ['1004'] }); // prettier-ignore
    assert.deepEqual({ ...facts, userAgent: '' }, { calls: 12, countries: ['LV'], userAgent: '', at: '2026-11-20T17:00:00.000Z', none: null, numbers: [account] }); // prettier-ignore
    assert.ok(!HARMLESS_FACTS.has('userAgent') && facts['userAgent'] !== 'Annas');
  });

  it('anonymises old stories for good, in the file itself, and leaves them whole', () => {
    const path = folder.file('masked.db');
    const store = openStore(path, { clock: () => T0 });
    fill(store, 'i1', ['1004', '1777'], '37120000001', '203.0.113.7');
    store.incidents.put(incident('young', { updatedAt: WEEK_AGO + 1 }));
    store.incidents.put(incident('standing'));
    store.decisions.put(decision('d', { incident: 'standing', state: 'done', until: WEEK_AGO + 2 * DAY }));
    assert.equal(store.privacy.anonymiseStep(WEEK_AGO, WEEK_AGO), 1);
    assert.equal(store.privacy.anonymiseStep(WEEK_AGO, WEEK_AGO), 0, 'once, and neither what is young nor what stands');
    const masked = store.incidents.get('i1');
    assert.match(
      masked?.summary ?? '',
      /^Extension (~\w{8}) \(\1 and ~\w{8}\) placed 12 calls to \+37120000xxx from 203\.0\.113\.x with ~\w{8}$/,
    );
    assert.deepEqual(masked?.sources, ['203.0.113.x']);
    const [seen] = store.evidence.of('i1');
    assert.deepEqual(seen?.accounts, masked.accounts, 'the same mask within a story');
    assert.deepEqual(seen.facts['countries'], ['LV']);
    assert.notEqual(seen.id, 'i1-e');
    const [line] = store.alerts.of('i1');
    assert.deepEqual([line?.id, line?.incident, line?.subject.value], ['i1-a', 'i1', masked.subject.value]);
    assert.deepEqual(
      store.acknowledgements.of('i1').map(({ note }) => note),
      [''],
    );
    // listing, finding and merging go on
    assert.ok(store.incidents.list({}).incidents.some(({ id }) => id === 'i1'));
    assert.deepEqual(store.resolve('i1-a'), { kind: 'incident', id: 'i1' });
    store.commitJudged({ cursor: 'run', merged: [{ younger: 'i1', elder: 'young' }] });
    assert.equal(store.evidence.of('young').length, 1);
    store.incidents.put(incident('young', { updatedAt: T0 }));
    assert.equal(store.privacy.anonymiseStep(WEEK_AGO, WEEK_AGO), 1, 'a story that goes on is masked again');
    assert.equal(store.evidence.of('young')[0]?.subject.value, seen.subject.value, 'what was masked stays as it is');
    store.decisions.setState('d', 'expired');
    assert.equal(store.privacy.anonymiseStep(WEEK_AGO, WEEK_AGO), 1);
    // the audit trail names who decided and what for, for as long as [audit] trail_keep says
    store.privacy.scrub();
    assert.deepEqual(store.check(), []);
    store.close();
    const text = bytes(path);
    for (const name of ['1777', '37120000001', '203.0.113.7', 'Annas-Snom', 'i1-call', 'i1-key', 'i1-e"']) assert.ok(!text.includes(name), name); // prettier-ignore
  });

  it('masks, shows, deletes and forgets what the toolbox told too', async () => {
    const store = openStore(':memory:', { clock: () => T0 });
    const told = { id: 't', first: T0, severity: 'high' as const, template: 'x', reason: 'replayed', source: '203.0.113.7', callId: 'abc@phone', facts: { to: '37120000001' } }; // prettier-ignore
    store.toolboxAlerts.add({ ...told, identity: '1777@pbx.example', summary: 'A message of 1777 came again from 203.0.113.7' }); // prettier-ignore
    store.toolboxAlerts.add({ ...told, id: 'u', identity: '1778@pbx.example', summary: 'x' });
    store.origins.put({ identity: '1777@pbx.example', origin: '203.0.113.7', first: T0, last: T0, proof: 'none' });
    assert.deepEqual(
      store.privacy.exportOf(['1777']).map(({ table }) => table),
      ['toolbox_origins', 'toolbox_alerts'],
    );
    assert.deepEqual(store.privacy.erase(['1778'], T0, forgetNothing).deleted, { toolbox_alerts: 1 });
    assert.equal(store.privacy.anonymiseStep(T0 + 1, T0 + 1), 1);
    assert.equal(store.privacy.anonymiseStep(T0 + 1, T0 + 1), 0);
    const [masked] = store.toolboxAlerts.list(9);
    assert.match(
      `${masked?.identity ?? ''} ${masked?.source ?? ''} ${masked?.callId ?? ''}`,
      /^~\w{8} 203\.0\.113\.x ~\w{8}$/,
    );
    assert.match(masked?.summary ?? '', /^A message of ~\w{8} came again from 203\.0\.113\.x$/);
    await store.purge(T0 + 1);
    assert.deepEqual(store.toolboxAlerts.list(9), []);
    store.close();
  });

  it('exports all that tells of an account, and nothing of others', () => {
    const store = openStore(':memory:', { clock: () => T0 });
    fill(store, 'own', ['1004'], '37120000001', '203.0.113.7');
    fill(store, 'other', ['1005'], '37120000002', '203.0.113.8');
    store.digestAnswers.put({ account: '1004', at: T0, sealed: 'c2VjcmV0' });
    store.snapshots.save('run', { name: 'detect.x', version: 1, state: { '1004': 1, other: '1005' } }, T0);
    const rows = store.privacy.exportOf(['1004']);
    const tables = new Set(rows.map(({ table }) => table));
    for (const table of ['incidents', 'evidence', 'alerts', 'decisions', 'acknowledgements', 'deliveries', 'digest_answers', 'snapshots']) assert.ok(tables.has(table), table); // prettier-ignore
    const text = JSON.stringify(rows);
    for (const name of ['1005', '37120000002', 'c2VjcmV0']) assert.ok(!text.includes(name), name);
    assert.deepEqual(store.privacy.exportOf(['9999']), []);
    store.close();
  });

  it('deletes an account: its own stories go, in others’ it is masked, what stands is kept and said', () => {
    const path = folder.file('erased.db');
    const store = openStore(path, { clock: () => T0 });
    fill(store, 'own', ['1777'], '37120000001', '203.0.113.7');
    fill(store, 'shared', ['1005', '1777'], '37120000002', '203.0.113.8');
    fill(store, 'other', ['1006'], '37120000003', '203.0.113.9');
    store.digestAnswers.put({ account: '1777', at: T0, sealed: 'x' });
    store.passwordVerdicts.put({ account: '1777', at: T0, weakness: 'digits' });
    const row = { by: 'rule', since: T0, why: '', code: '', proof: {}, tries: 0, detail: null };
    store.enforcement.put({ ...row, kind: 'account', value: '1777', claim: 'over', until: T0 - 1, state: 'expired' });
    store.snapshots.save('run', { name: 'detect.x', version: 1, state: { accounts: ['1777'] } }, T0);
    store.snapshots.save('run', { name: 'habits.weeks.0', version: 1, state: { names: ['1777', '1005'] } }, T0);
    const erased = store.privacy.erase(['1777'], T0, (name, state) => (name === 'habits.weeks.0' ? { ...(state as object), names: [null, '1005'] } : null)); // prettier-ignore
    assert.deepEqual(erased.deleted, { evidence: 1, alerts: 1, decisions: 1, acknowledgements: 1, deliveries: 1, aliases: 1, incidents: 1, enforcement: 1, digest_answers: 1, password_verdicts: 1, snapshots: 2 }); // prettier-ignore
    assert.equal(erased.masked, 1);
    assert.deepEqual(erased.kept, []);
    assert.equal(store.incidents.get('own'), null);
    const [account, masked] = store.incidents.get('shared')?.accounts ?? [];
    assert.equal(account, '1005');
    assert.match(masked ?? '', /^~/);
    assert.equal(store.evidence.of('shared')[0]?.facts['userAgent'], 'Annas-Snom', 'others’ data is as it was');
    assert.ok(store.incidents.get('other')?.summary.includes('1006'));
    assert.deepEqual(store.snapshots.load('run').get('habits.weeks.0')?.state, { names: [null, '1005'] });
    assert.deepEqual(store.privacy.exportOf(['1777']), []);
    store.privacy.scrub();
    store.close();
    const text = bytes(path);
    for (const name of ['1777', '37120000001', '203.0.113.7']) assert.ok(!text.includes(name), name);
    assert.ok(text.includes('37120000003'));
  });

  it('keeps what stands at the PBX, and says how to end it', () => {
    const store = openStore(':memory:', { clock: () => T0 });
    fill(store, 'own', ['1004'], '37120000001', '203.0.113.7');
    store.decisions.put(decision('stands', { incident: 'own', state: 'done', until: T0 + DAY }));
    store.enforcement.put({ kind: 'account', value: '1004', claim: 'x', by: 'hand', since: T0, until: T0 + DAY, why: '', state: 'done', code: '', proof: {}, tries: 0, detail: null }); // prettier-ignore
    store.audit.append([{ actor: 'hand:ada', action: 'block.decided', target: '1004', details: {} }]);
    const { deleted, kept } = store.privacy.erase(['1004'], T0, forgetNothing);
    assert.deepEqual(deleted, {});
    assert.deepEqual(kept.map(({ table, rows }) => [table, rows]), [['incidents', 1], ['enforcement', 1], ['audit', 1]]); // prettier-ignore
    assert.notEqual(store.incidents.get('own'), null);
    store.close();
  });
});
