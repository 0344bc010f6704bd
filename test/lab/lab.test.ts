import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { attacks, innocents } from './support/attacks.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { Baresip } from './support/baresip.ts';
import { useHepCollector } from './support/hep-collector.ts';
import { addresses, officeAddress, strangerAddress, useLab } from './support/lab.ts';
import type { Lab } from './support/lab.ts';
import { asteriskMajor } from './support/packages.ts';
import { until } from './support/process.ts';
import { header } from './support/sip-message.ts';
import { sippCalls } from './support/sipp.ts';
import { svcrack, svwar } from './support/sipvicious.ts';

/** The first record in Master.csv of a call to `number`; it is written when the call ends. */
async function recordOf(lab: Lab, number: string): Promise<string> {
  return await until(`a record of the call to ${number}`, 3000, () =>
    lab.asterisk.records().find((line) => line.includes(`,"${number}","from-internal",`)),
  );
}

describe('the lab: Asterisk', () => {
  const hep = useHepCollector();
  const lab = useLab(() => ({ hep: { port: hep().port, password: 'labhep' } }));

  it('registers a phone, refreshes the same contact and removes it', async () => {
    const phone = await lab().phone('1001');
    const first = await phone.register();
    assert.equal(first.status, 200);
    assert.deepEqual(
      first.contacts.map((contact) => contact.includes(phone.contact)),
      [true],
    );
    const again = await phone.register();
    assert.equal(again.contacts.length, 1);
    assert.equal(again.callId, first.callId);
    assert.deepEqual((await phone.unregister()).contacts, []);
    assert.equal((await phone.register({ password: 'wrong' })).status, 401);
  });

  it('asks 1006 for SHA-256 (where Asterisk can) and registers it, over TCP', async () => {
    const phone = await lab().phone('1006', { protocol: 'tcp' });
    assert.equal((await phone.register()).status, 200);
    const challenge = phone.packets.find(({ label }) => label === '401 REGISTER');
    const expected = asteriskMajor(lab().trees.asterisk) >= 20 ? /algorithm=SHA-256/ : /algorithm=MD5/;
    assert.match(header(challenge!.message, 'WWW-Authenticate'), expected);
  });

  it('connects two phones, writes the record and tells of it over AMI', async () => {
    const [caller, called] = [await lab().phone('1001'), await lab().phone('1002', { protocol: 'tcp' })];
    await caller.register();
    await called.register();
    const call = await caller.callFor('1002', 100);
    assert.equal(call.status, 200);
    await called.calls[0]!.ended;
    assert.equal(called.calls[0]!.endedBy, 'there');
    assert.match(await recordOf(lab(), '1002'), /^"","1001","1002",.*,"ANSWERED","DOCUMENTATION","\d+\.\d+",""$/);
    const { ami } = lab().asterisk;
    const dial = await ami.event('DialBegin', ({ headers }) => headers.get('DialString') === '1002');
    const source = `${caller.transport.address}:${caller.transport.port}`;
    assert.ok(dial.lines.includes(`ChanVariable: RINGFENCE_SRC=${source}`));
    assert.ok(dial.lines.includes(`ChanVariable: RINGFENCE_CALLID=${call.callId}`));
    const cdr = await ami.event('Cdr', ({ headers }) => headers.get('Destination') === '1002');
    assert.equal(cdr.headers.get('Disposition'), 'ANSWERED');
  });

  it('lets a phone call abroad through the trunk, sees the answer, the BYE, and a call that is given up', async () => {
    const phone = await lab().phone('1001');
    await phone.register();
    const before = lab().trunk.calls().length;
    assert.equal((await phone.callFor('0037167000001', 100)).status, 200);
    const ringing = phone.dial('0037167000480');
    await until('it rings', 2000, () => ringing.state === 'ringing');
    await ringing.hangUp();
    assert.equal(ringing.status, 487);
    assert.equal((await phone.callFor('0037167000486', 100)).status, 486);
    await recordOf(lab(), '0037167000486');
    const [answered, givenUp] = lab().trunk.calls().slice(before);
    assert.ok(answered?.endedAt !== undefined && answered.answeredAt !== undefined);
    assert.ok(answered.answeredAt < answered.endedAt);
    assert.equal(givenUp?.cancelled, true);
    assert.match(await recordOf(lab(), '0037167000001'), /"PJSIP\/trunk-[0-9a-f]+",.*"ANSWERED"/);
    assert.match(await recordOf(lab(), '0037167000480'), /,,.*"NO ANSWER"/);
  });

  it('mirrors every message over HEP, with the password', () => {
    assert.equal(hep().malformed(), 0);
    assert.deepEqual(
      [...new Set(hep().datagrams.map(({ password, captureId }) => `${password} ${captureId}`))],
      ['labhep 2001'],
    );
    const invite = hep().datagrams.find(({ payload }) => payload.startsWith('INVITE sip:0037167000001@'));
    assert.ok(invite !== undefined);
    assert.equal(invite.source.split(':')[0], officeAddress('1001'));
    assert.equal(invite.destination, `${addresses.pbx}:${lab().asterisk.sipPort}`);
  });

  it('has a real softphone register, call and be called', async () => {
    const directory = join(lab().directory, 'baresip');
    const account = lab().account('1005');
    const softphone = await Baresip.start({
      ...{ tree: lab().trees.tools, directory, address: officeAddress('1005'), server: lab().edge },
      ...{ username: account.extension, password: account.password },
    });
    const before = lab().trunk.calls().length;
    await softphone.dial('0037167000001');
    await softphone.event('CALL_ESTABLISHED');
    await softphone.hangUp();
    await softphone.event('CALL_CLOSED');
    assert.equal(lab().trunk.calls().length, before + 1);
    const colleague = await lab().phone('1001');
    assert.equal((await colleague.callFor('1005', 100)).status, 200);
    await softphone.stop();
  });

  it('takes calls from SIPp', async () => {
    const run = await sippCalls({
      ...{ tree: lab().trees.tools, directory: join(lab().directory, 'sipp'), target: lab().edge },
      ...{ address: officeAddress('1005'), username: '1005', password: lab().account('1005').password },
      ...{ numbers: ['0037167000001', '0044777888999'], calls: 10, talkMs: 50 },
    });
    assert.deepEqual([run.successful, run.failed], [10, 0], run.output);
  });

  it('has SIPVicious find the weak password and ask for every extension, from its own address', async () => {
    const options = {
      tree: lab().trees.tools,
      target: lab().edge,
      directory: join(lab().directory, 'sv'),
      address: strangerAddress(9),
    };
    const cracked = await svcrack(options, '1003', ['1234', '0000', lab().account('1003').password]);
    assert.match(cracked.output, /The password for 1003 is 4711/);
    const asked = await svwar(options, '1000-1019');
    assert.ok(asked.finished, asked.output);
    const sources = hep()
      .datagrams.filter(({ payload }) => payload.includes('friendly-scanner'))
      .map(({ source }) => source);
    assert.ok(sources.length > 20);
    assert.ok(sources.every((source) => source.startsWith(`${strangerAddress(9)}:`)));
    const extensions = hep().datagrams.map(({ payload }) => /^REGISTER[^]*\r\nTo: "(10[01]\d)"/.exec(payload)?.[1]);
    assert.equal(new Set(extensions.filter((extension) => extension !== undefined)).size, 20);
  });

  it('comes back after kill -9 on the same ports, with a phone registered before', async function () {
    this.timeout(30_000);
    const phone = await lab().phone('1002');
    await phone.register();
    // AstDB is committed by a background thread
    await until('the contact is on disk', 5000, async () =>
      (await lab().asterisk.cli('database show registrar')).includes(phone.contact.slice(4)),
    );
    await new Promise((resolve) => setTimeout(resolve, 1200));
    await lab().asterisk.kill9();
    await lab().asterisk.boot();
    const caller = await lab().phone('1001');
    assert.equal((await caller.callFor('1002', 50)).status, 200);
  });
});

for (const kamailio of [false, true]) {
  describe(`the lab: attacks and innocents${kamailio ? ' behind Kamailio' : ''}`, () => {
    const hep = useHepCollector();
    const lab = useLab(() => ({ kamailio, trunk: 'asterisk', hep: { port: hep().port, password: 'labhep' } }));

    const wanted: Record<string, { count: number; label: RegExp }> = {
      'wrong-passwords': { count: 40, label: /^401 REGISTER$/ },
      svwar: { count: 50, label: /^(ChallengeSent|InvalidAccountID)/ },
      svcrack: { count: 120, label: /^SuccessfulAuth 1003$/ },
      'prefix-scan': { count: 18, label: /^401 INVITE/ },
      hijack: { count: 3, label: /^200 REGISTER$/ },
      'international-calls': { count: 12, label: /^BYE 00881622000004$/ },
      'unregistered-call': { count: 2, label: /^BYE / },
      removal: { count: 2, label: /^200 REGISTER Contact/ },
      'phone-reboots': { count: 2, label: /^200 REGISTER$/ },
      'phone-moves': { count: 2, label: /^200 REGISTER$/ },
      'stale-password': { count: 4, label: /^401 REGISTER$/ },
      'ordinary-calls': { count: 3, label: /^INVITE 112$/ },
    };
    for (const step of [...attacks, ...innocents]) {
      it(`plays ${step.name}: ${step.summary}`, async () => {
        const { count, label } = wanted[step.name]!;
        const result = await step.play(lab());
        assert.equal(result.name, step.name);
        assert.ok(result.moments.length >= count, `${result.moments.length} packets`);
        assert.match(result.moments.at(-1)!.label, label);
        assert.ok(result.packetAt >= result.startedAt && result.packetAt <= Date.now());
      });
    }

    it('had every call abroad reach the carrier, a real Asterisk', async () => {
      const numbers = lab()
        .trunk.calls()
        .map(({ number }) => number);
      assert.equal(numbers.filter((number) => number.startsWith('00')).length, 5);
      assert.ok(numbers.includes('112'));
      assert.match(await recordOf(lab(), '112'), /"ANSWERED"/);
    });

    it('mirrored the hijack with the thief as its source', () => {
      const thief = hep().datagrams.filter(
        ({ payload, source }) => payload.startsWith('REGISTER') && source.startsWith(strangerAddress(2)),
      );
      assert.ok(thief.length >= 2);
      assert.deepEqual([...new Set(thief.map(({ captureId }) => captureId))], [kamailio ? 2002 : 2001]);
      assert.ok(hep().datagrams.every(({ password }) => password === 'labhep'));
      assert.equal(hep().malformed(), 0);
    });

    if (kamailio) {
      it('shows Asterisk only Kamailio as the source, and answers JSON-RPC', async () => {
        const sources = hep()
          .datagrams.filter(({ captureId, payload }) => captureId === 2001 && payload.startsWith('REGISTER'))
          .map(({ source }) => source.split(':')[0]);
        assert.deepEqual([...new Set(sources)], [addresses.edge]);
        assert.equal(typeof ((await lab().kamailio!.rpc('core.uptime')) as { uptime: number }).uptime, 'number');
      });
    }
  });
}

describe('the lab: snippets of ours', () => {
  const folder = temporaryFolder();
  const lab = useLab(() => {
    const [guard, kamailioSnippet] = [folder.file('guard.conf'), folder.file('snippet.cfg')];
    const refuse = 'GotoIf($["${ARG1:0:4}" = "0053"]?no)\n same => n,Return()\n same => n(no),Hangup(21)';
    const ban = `if ($si == "${strangerAddress(1)}") { sl_send_reply("403", "Banned"); exit; }`;
    writeFileSync(guard, `[ringfence-guard]\nexten => s,1,${refuse}\n`);
    writeFileSync(kamailioSnippet, `route[RINGFENCE] {\n  ${ban}\n}\n`);
    return { kamailio: true, guard, kamailioSnippet };
  });

  it('has calls abroad, but not emergency calls, pass a dialplan guard', async () => {
    const phone = await lab().phone('1001');
    assert.equal((await phone.register()).status, 200);
    assert.equal((await phone.callFor('005352000003', 50)).status, 403);
    assert.equal((await phone.callFor('0037167000001', 50)).status, 200);
    assert.equal((await phone.callFor('112', 50)).status, 200);
  });

  it('has every request pass a Kamailio route', async () => {
    assert.equal((await (await lab().stranger(1)).register()).status, 403);
  });
});
