/**
 * The reader that cdr-torture.test.ts kills: follows a Master.csv and commits what it "judged" together with the position.
 *   node cdr-reader.js DATABASE MASTER.CSV
 */
import Database from 'better-sqlite3';
import { followCdrFile } from '../../src/collect/cdr-file.ts';
import type { CdrBatch, CdrPosition } from '../../src/collect/cdr-file.ts';
import { Counters } from '../../src/counters.ts';
import { createLog } from '../../src/log.ts';
import { Zone } from '../../src/time.ts';

const [, , databasePath = '', path = ''] = process.argv;
const database = new Database(databasePath);
database.pragma('journal_mode = WAL');
database.pragma('synchronous = OFF'); // the process is killed, not the machine
database.exec('CREATE TABLE IF NOT EXISTS judged (number INTEGER, refused TEXT)');
database.exec('CREATE TABLE IF NOT EXISTS place (id INTEGER PRIMARY KEY, position TEXT)');
const insert = database.prepare('INSERT INTO judged (number, refused) VALUES (?, ?)');
const save = database.prepare('INSERT OR REPLACE INTO place (id, position) VALUES (1, ?)');
const row = database.prepare<[], { position: string }>('SELECT position FROM place').get();
const position = row === undefined ? null : (JSON.parse(row.position) as CdrPosition);

followCdrFile(
  { path, zone: new Zone('UTC'), utc: true, position },
  database.transaction((batch: CdrBatch) => {
    for (const record of batch.records) insert.run(Number(record.dst), null);
    for (const refusal of batch.refused) insert.run(null, refusal.reason);
    if (batch.gap !== null) insert.run(null, `gap: ${batch.gap}`);
    save.run(JSON.stringify(batch.position));
  }),
  new Counters(),
  createLog('warn'),
);
process.stdout.write('reading\n');
