import assert from 'node:assert/strict';
import { describeWithData, listData, readData } from '../support/data.ts';
import { FakeSession, makeBorder, sipAnswer, sipRequest } from '../support/border.ts';

const LONG = process.env['RINGFENCE_LONG'] === '1';
const ROUNDS = LONG ? 300_000 : 6_000;

/** Numbers that are the same in every run (a linear congruential generator), so that a failure comes again. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state % below;
  };
}

const PIECES = [
  '\r\n',
  '\0',
  ';lr',
  '<',
  '>',
  '"',
  ',',
  'sip:',
  ';fl=',
  '@',
  ':',
  '%0d',
  '\u007f',
  'é',
  '10.0.0.9:5070',
  'Via: ',
  '\r\nRoute: <sip:10.0.0.9:5070;lr>\r\n',
  '999999999999',
  ';tag=',
  '*',
];

/** A message with some of its bytes changed, doubled, lost, or others put in. */
function mutated(text: string, random: (below: number) => number): string {
  let made = text;
  for (let changes = 1 + random(4); changes > 0; changes--) {
    const at = random(made.length);
    const cut = random(3) === 0 ? random(20) : 0;
    const put =
      random(2) === 0
        ? (PIECES[random(PIECES.length)] ?? '')
        : random(3) === 0
          ? made.slice(at, at + random(40))
          : String.fromCharCode(random(256));
    made = made.slice(0, at) + put + made.slice(at + cut);
  }
  return made;
}

describe('gateway: hostile messages', function () {
  this.timeout(LONG ? 600_000 : 20_000);

  it('whatever comes out of sessions and from inside: nothing throws, and memory has bounds', () => {
    const test = makeBorder();
    const random = numbers(7);
    const phone = test.open(new FakeSession('1001'));
    const inside = { via: 'SIP/2.0/UDP 10.0.0.1:5060' };
    test.toSession(phone, sipRequest({ method: 'REGISTER', to: '1001', contact: '<sip:1001@10.1.1.1>' }));
    const contact = /<(sip:1001@10\.0\.0\.9[^>]*)>/.exec(test.inside.take()[0] ?? '')?.[1] ?? '';
    const out = [
      sipRequest({
        method: 'INVITE',
        contact: '<sip:1001@10.1.1.1>',
        body: 'v=0\r\n',
        more: ['Record-Route: <sip:x;lr>, <sip:y>', 'Proxy-Require: path'],
      }),
      sipRequest({
        method: 'REGISTER',
        to: '1001',
        contact: '"x" <sip:1001@10.1.1.1;ob>;expires=5;reg-id=1, <sip:1001@[2001:db8::1]>',
      }),
      sipRequest({ method: 'CANCEL', branch: 'z9hG4bK-INVITE-1' }),
      sipRequest({ method: 'ACK', branch: 'z9hG4bK-INVITE-1', toTag: 't' }),
      sipRequest({
        method: 'BYE',
        toTag: 't',
        more: ['Route: <sip:gw.example:5061;transport=tls;lr>, <sip:abc@10.0.0.9:5070;up=pbx0;lr>'],
      }),
    ];
    const into = [
      sipRequest({ ...inside, method: 'INVITE', uri: contact, body: 'v=0\r\n' }),
      sipRequest({ ...inside, method: 'OPTIONS', uri: 'sip:1001@x', more: ['Route: <sip:1001@10.0.0.9:5070;lr>'] }),
      sipRequest({ ...inside, method: 'CANCEL', branch: 'z9hG4bK-INVITE-1' }),
    ];
    for (let i = 0; i < ROUNDS; i++) {
      const session = phone.closedFor === null ? phone : test.open(new FakeSession('1001'));
      if (phone.closedFor !== null) test.border.opened(phone);
      phone.closedFor = null;
      const seen = [...test.inside.take(), ...phone.take()];
      const base =
        random(3) === 0 && seen.length > 0
          ? sipAnswer(seen[random(seen.length)] ?? '', 100 * (1 + random(6)), [`Contact: <${contact}>`])
          : null;
      if (random(2) === 0) test.toSession(session, mutated(base ?? out[random(out.length)] ?? '', random));
      else test.fromInside(mutated(base ?? into[random(into.length)] ?? '', random));
      test.inside.takeAnswers();
      if (i % 100 === 0) test.pass(1_000);
      test.mirrored.length = 0;
    }
    test.pass(300_000);
    assert.equal(test.border.sizes().transactions, 0);
    assert.ok(test.border.sizes().flows <= 2);
  });

  describeWithData('the torture messages of RFC 4475', 'rfc4475', () => {
    it('go on or are refused, from both sides', () => {
      const test = makeBorder();
      for (const file of ['valid', 'invalid'].flatMap((part) => listData(`rfc4475/${part}`))) {
        const text = readData(file).toString('latin1');
        test.toSession(test.open(new FakeSession('1001')), text);
        test.fromInside(text);
      }
      test.pass(300_000);
      assert.equal(test.border.sizes().transactions, 0);
    });
  });
});
