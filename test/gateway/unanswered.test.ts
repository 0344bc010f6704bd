import assert from 'node:assert/strict';
import { Unanswered } from '../../src/gateway/unanswered.ts';
import { Wheel } from '../../src/gateway/wheel.ts';
import { parseSip, type SipMessage } from '../../src/wire/sip.ts';
import { sipAnswer, sipRequest, type Sip } from '../support/border.ts';

const read = (text: string): SipMessage => {
  const message = parseSip(Buffer.from(text));
  assert.ok(message.ok);
  return message.value;
};
const send = (kept: Unanswered, text: string, now = 0): void => kept.sent(Buffer.from(text), read(text), now);
const invite: Sip = { method: 'INVITE' };

describe('gateway: what is kept until it is answered', () => {
  it('keeps a request until its final answer, in the order of sending', () => {
    const kept = new Unanswered();
    const texts = [
      sipRequest(invite),
      sipRequest({ method: 'OPTIONS', cseq: 2 }),
      sipRequest({ method: 'CANCEL', branch: 'z9hG4bK-INVITE-1' }),
    ];
    for (const text of texts) send(kept, text);
    send(kept, texts[0] ?? '');
    assert.deepEqual(kept.again(0).map(String), texts, 'a retransmission keeps its place');
    kept.received(read(sipAnswer(texts[0] ?? '', 180)));
    assert.equal(kept.size, 3);
    kept.received(read(sipAnswer(texts[2] ?? '', 200)));
    assert.deepEqual(kept.again(0).map(String), texts.slice(0, 2), 'the answer to CANCEL is not that to its INVITE');
    kept.received(read(sipAnswer(texts[0] ?? '', 487)));
    kept.received(read(sipAnswer(texts[1] ?? '', 200)));
    assert.equal(kept.size, 0);
  });

  it('keeps a 2xx to an INVITE until its ACK, for 32 s at the most', () => {
    const kept = new Unanswered();
    const ok = sipAnswer(sipRequest(invite), 200);
    send(kept, ok);
    send(kept, sipAnswer(sipRequest({ method: 'BYE', cseq: 2 }), 200));
    send(kept, sipAnswer(sipRequest(invite), 486));
    kept.received(read(sipRequest({ method: 'ACK', cseq: 2, toTag: 'tt' })));
    assert.deepEqual(kept.again(32_000).map(String), [ok]);
    assert.deepEqual(kept.again(32_001), []);
    send(kept, ok);
    kept.received(read(sipRequest({ method: 'ACK', toTag: 'tt', branch: 'z9hG4bK-other' })));
    assert.equal(kept.size, 0);
  });

  it('keeps no ACK, and forgets the oldest where there is no room', () => {
    const kept = new Unanswered({ messages: 3, bytes: 100_000 });
    send(kept, sipRequest({ method: 'ACK', toTag: 'tt' }));
    for (let cseq = 1; cseq <= 5; cseq++) send(kept, sipRequest({ method: 'OPTIONS', cseq }));
    assert.deepEqual(
      kept.again(0).map((bytes) => /CSeq: (\d)/.exec(String(bytes))?.[1]),
      ['3', '4', '5'],
    );
    assert.equal(kept.forgotten, 2);
    const small = new Unanswered({ messages: 100, bytes: 700 });
    for (let cseq = 1; cseq <= 9; cseq++) send(small, sipRequest({ method: 'OPTIONS', cseq }));
    assert.ok(small.again(0).reduce((sum, bytes) => sum + bytes.length, 0) <= 700);
  });
});

describe('gateway: a wheel of due times', () => {
  it('gives each item once, when it is due, whatever was set before', () => {
    const wheel = new Wheel<string>(50, 0);
    wheel.set('a', 100);
    wheel.set('b', 120);
    wheel.set('c', 10_000);
    wheel.set('b', 400);
    wheel.delete('x');
    assert.deepEqual(wheel.take(99), []);
    assert.deepEqual(wheel.take(100), ['a']);
    assert.deepEqual(wheel.take(399), []);
    assert.deepEqual(wheel.take(450), ['b']);
    wheel.set('late', 1);
    assert.deepEqual(wheel.take(500), ['late'], 'what is due already comes next');
    assert.deepEqual(wheel.take(10_000_000), ['c'], 'and after a long sleep');
    assert.equal(wheel.size, 0);
  });
});
