import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from '../support/temporary.ts';
import { officeAddress, requireLab, useLab } from './support/lab.ts';
import type { LabOptions } from './support/lab.ts';
import { labTrees, libraryDirectory } from './support/packages.ts';
import { pause, until } from './support/process.ts';
import type { Call } from './support/call.ts';
import type { UserAgent } from './support/ua.ts';

const SNIPPET = fileURLToPath(new URL('../../kamailio-conf/ringfence.cfg', import.meta.url));

/** The lab sets up the mirror and JSON-RPC by itself, on ports of its own. */
const inTheLab = (file: string): LabOptions => {
  writeFileSync(file, `#!define RINGFENCE_NO_MIRROR\n#!define RINGFENCE_NO_RPC\ninclude_file "${SNIPPET}"\n`);
  return { kamailio: true, kamailioSnippet: file };
};

describe('lab: what Kamailio refuses', function () {
  this.timeout(30_000);
  const folder = temporaryFolder();
  const lab = useLab(() => inTheLab(folder.file('snippet.cfg')));
  const tables = ['rf_address', 'rf_account', 'rf_number', 'rf_emergency', 'rf_dialplan'];
  let phone: UserAgent;

  const put = async (table: string, key: string, seconds = 60): Promise<void> => {
    const answer = await lab().kamailio!.rpc('htable.setxs', [table, key, '1', seconds]);
    assert.equal(typeof answer === 'object' && answer !== null && 'code' in answer, false, JSON.stringify(answer));
  };
  const set = async (key: string, value: string): Promise<void> => {
    await lab().kamailio!.rpc('htable.sets', ['rf_dialplan', key, value]);
  };
  const drop = async (table: string, key: string): Promise<void> => {
    await lab().kamailio!.rpc('htable.delete', [table, key]);
  };
  const dial = async (number: string, from = phone): Promise<Call> => await from.callFor(number, 20);

  before(async () => {
    phone = await lab().phone('1001', { timeoutMs: 700 });
    assert.equal((await phone.register()).status, 200);
  });
  beforeEach(async () => {
    await set('country', '49');
    await set('trunk', '0');
    await set('international', '00');
  });
  afterEach(async () => {
    for (const table of tables) await lab().kamailio!.rpc('htable.flush', [table]);
  });

  const rules = [
    { table: 'rf_account', key: '1001', number: '0301234567' },
    { table: 'rf_number', key: '371', number: '0037167000001' },
    { table: 'rf_number', key: '37167000001', number: '+37167000001' },
    { table: 'rf_number', key: '49301234567', number: '0301234567' },
  ];
  for (const { table, key, number } of rules)
    it(`calls while ${table} has ${key}, and no longer`, async () => {
      assert.equal((await dial(number)).status, 200);
      await put(table, key);
      assert.equal((await dial(number)).status, 403);
      await drop(table, key);
      assert.equal((await dial(number)).status, 200);
      await put(table, key, 2);
      assert.equal((await dial(number)).status, 403);
      await pause(3050); // its clock has whole seconds
      assert.equal((await dial(number)).status, 200);
    });

  it('every request from an address: silently over UDP, with 403 over TCP', async () => {
    const thief = await lab().stranger(1, { timeoutMs: 700 });
    assert.equal((await thief.register()).status, 401);
    await put('rf_address', '127.66.0.1', 2);
    await assert.rejects(thief.register());
    assert.equal((await dial('0301234567', thief)).status, 0);
    const overTcp = await lab().stranger(1, { protocol: 'tcp' });
    assert.equal((await overTcp.register()).status, 403);
    await pause(3050);
    assert.equal((await thief.register()).status, 401);
    assert.equal((await phone.register()).status, 200);
  });

  it('an account however its name is written, in From or in the credentials', async () => {
    await put('rf_account', '1001');
    for (const from of ['1001', '%31001', '%31%30%30%31', '%31%30%30%31%3bx', '1001;x=y'])
      assert.equal(await phone.dial('0301234567', { from }).settled, 403, from);
    // another name in From, the thief's credentials: refused when he shows them
    const masked = phone.dial('0301234567', { from: '1004' });
    assert.equal(await masked.settled, 403);
    assert.equal((await phone.register()).status, 200, 'he can still be called');
    const other = await lab().phone('1003');
    assert.equal((await dial('0301234567', other)).status, 200);
  });

  it('no request within a call: a BYE ends it although everything stands', async () => {
    const call = phone.dial('0301234567');
    assert.equal(await call.settled, 200);
    await put('rf_address', officeAddress('1001'));
    await put('rf_account', '1001');
    await put('rf_number', '49');
    await call.hangUp();
    assert.ok(phone.packets.some(({ label }) => label === '200 BYE'));
    // the PBX ends the other leg a moment after it has answered this one
    await until('the end of the call at the trunk', 2_000, () => lab().trunk.calls().at(-1)?.endedAt !== undefined);
    await assert.rejects(phone.register(), 'a REGISTER is in no call');
  });

  it('no emergency call, whatever stands, before anything was pushed and after', async () => {
    await lab().kamailio!.rpc('htable.flush', ['rf_dialplan']);
    await put('rf_address', officeAddress('1001'));
    await put('rf_account', '1001');
    for (const digits of ['1', '11', '112', '110', '49']) await put('rf_number', digits);
    for (const number of ['112', '110']) assert.equal((await dial(number)).status, 200, number);
    // let through, and what the PBX makes of it is its own affair
    for (const number of ['1%201%202', '112;x=y']) assert.ok([200, 404].includes((await dial(number)).status), number);
    assert.equal((await dial('0301234567')).status, 0);
    await drop('rf_address', officeAddress('1001'));
    assert.equal((await dial('1002')).status, 403);
    await lab().kamailio!.rpc('htable.sets', ['rf_emergency', '1002', '1']);
    assert.notEqual((await dial('1002')).status, 403);
    for (const number of ['1120', '112x', '112%40x', '1120037167000001'])
      assert.equal((await dial(number)).status, 403, number);
  });

  it('nothing that comes from the PBX', async () => {
    const called = await lab().phone('1002');
    assert.equal((await called.register()).status, 200);
    const caller = await lab().phone('1003');
    await put('rf_account', '1003');
    assert.equal((await dial('1002', caller)).status, 403);
    await drop('rf_account', '1003');
    await put('rf_address', '127.0.0.1');
    assert.equal((await dial('1002', caller)).status, 200);
  });

  it('datagrams that cannot be mirrored', async () => {
    const large = await lab().phone('1004', { userAgent: 'x'.repeat(17_000), timeoutMs: 700 });
    await assert.rejects(large.register());
  });

  const plans: readonly {
    name: string;
    plan: Readonly<Record<string, string>>;
    numbers: Readonly<Record<string, string>>;
  }[] = [
    {
      name: 'Germany',
      plan: {},
      numbers: {
        '0037167000001': '37167000001',
        '+37167000001': '37167000001',
        '+0037167000001': '37167000001',
        '%2b371%20(67)%20000-001': '37167000001',
        '0049301234567': '49301234567',
        '0301234567': '49301234567',
        '0037167000001%23': '37167000001',
        '37167000001': '37167000001',
      },
    },
    {
      name: 'Germany, 0 for an outside line',
      plan: { outside: '0' },
      numbers: { '00037167000001': '37167000001', '00301234567': '49301234567', '0+37167000001': '37167000001' },
    },
    {
      name: 'the United States, 9 for an outside line',
      plan: { outside: '9', country: '1', trunk: '1', national: '10', international: '011' },
      numbers: {
        '901137167000001': '37167000001',
        '01137167000001': '37167000001',
        '2125550123': '12125550123',
        '912125550123': '12125550123',
        '18765550123': '18765550123',
      },
    },
    {
      name: 'Italy, whose numbers keep their 0',
      plan: { country: '39', trunk: '', national: '6-11' },
      numbers: { '0669812345': '390669812345', '3331234567': '393331234567' },
    },
  ];
  for (const { name, plan, numbers } of plans)
    it(`numbers however they are dialled in ${name}`, async () => {
      for (const [key, value] of Object.entries(plan)) await set(key, value);
      for (const [number, e164] of Object.entries(numbers)) {
        await put('rf_number', e164);
        assert.equal((await dial(number)).status, 403, number);
        await drop('rf_number', e164);
        await put('rf_number', `${e164}0`);
        const call = phone.dial(number);
        const status = await call.settled;
        if (status === 200) await call.hangUp();
        assert.notEqual(status, 403, number);
        await drop('rf_number', `${e164}0`);
      }
    });

  it('hostile strings no otherwise, and Kamailio has nothing to complain of', async () => {
    await put('rf_number', '371');
    for (const number of [
      '00371%22%3d%2267000001',
      '00371$%28si%2967000001',
      '00371%5c1%2f67000001',
      '00371%7bs.len%7d67000001',
      '00371%0d%0aX:y',
      '00371,67',
      '00371%00',
      '00371%c3%bc',
      '00371%7f',
      '00371%zz',
      '0037%31%',
      '00%3371%1',
      `00371${'6'.repeat(200)}`,
    ]) {
      const call = phone.dial(number);
      assert.ok([403, 400, 0].includes(await call.settled), `${number}: ${call.status}`);
    }
    const complaints = readFileSync(lab().kamailio!.log, 'utf8')
      .split('\n')
      .filter((line) => /ERROR|CRITICAL|BUG/.test(line) && !/parse|sanity/.test(line));
    assert.deepEqual(complaints, []);
  });
});

describe('lab: the Kamailio file in Debian’s own kamailio.cfg', function () {
  this.timeout(30_000);
  before(requireLab);
  const folder = temporaryFolder();

  for (const [name, defines] of [
    ['as it is', []],
    ['with JSON-RPC over HTTP', ['RINGFENCE_HTTP']],
    [
      'with the mirror left as it is and less of it',
      ['RINGFENCE_MIRROR_LESS', 'RINGFENCE_ANSWER_BLOCKED', 'WITH_ANTIFLOOD'],
    ],
  ] as const)
    it(`is taken ${name}`, async () => {
      const { tools } = await labTrees();
      const lines = readFileSync(join(tools.directory, 'etc/kamailio/kamailio.cfg'), 'utf8').split('\n');
      // after the conditional block of the last loadmodule
      const last = lines.indexOf(
        '#!endif',
        lines.findLastIndex((line) => line.startsWith('loadmodule')),
      );
      lines.splice(last + 1, 0, `include_file "${SNIPPET}"`);
      lines.splice(lines.indexOf('request_route {') + 1, 0, '\troute(RINGFENCE);');
      const text = [lines[0], ...defines.map((define) => `#!define ${define}`), ...lines.slice(1)].join('\n');
      const file = folder.file(`debian-${defines.length}.cfg`);
      writeFileSync(file, text);
      mkdirSync(folder.file('run'), { recursive: true });
      const modules = libraryDirectory(tools, 'kamailio/modules');
      const options = ['-c', '-L', modules, '-f', file, '-Y', folder.file('run')];
      const [program = '', ...words] = tools.command('usr/sbin/kamailio', ...options);
      const check = spawnSync(program, words, { encoding: 'utf8', timeout: 20_000 });
      assert.equal(check.status, 0, check.stderr);
    });
});
