import assert from 'node:assert/strict';
import { closeSync, fstatSync, openSync } from 'node:fs';
import { logForm, readable } from '../src/log.ts';
import { temporaryFolder } from './support/temporary.ts';

const line = (level: number, fields: object, msg?: string): string =>
  JSON.stringify({ level, time: '2026-11-29T16:00:01.250Z', ...fields, ...(msg === undefined ? {} : { msg }) });

describe('the log', () => {
  const folder = temporaryFolder();

  it('is for people on a terminal, for journald where stderr is its stream, else JSON', () => {
    const fd = openSync(folder.file('stream'), 'w');
    const { dev, ino } = fstatSync(fd, { bigint: true });
    assert.equal(logForm(true, {}, fd), 'text');
    assert.equal(logForm(false, {}, fd), 'json');
    assert.equal(logForm(false, { JOURNAL_STREAM: `${dev}:${ino}` }, fd), 'journal');
    for (const other of ['', '8:1', `${dev}:${ino + 1n}`, `${dev}:${ino} `])
      assert.equal(logForm(false, { JOURNAL_STREAM: other }, fd), 'json', other);
    closeSync(fd);
    assert.equal(logForm(false, { JOURNAL_STREAM: `${dev}:${ino}` }, fd + 1_000), 'json', 'nothing is open there');
  });

  const LINES: [string, string, string][] = [
    [line(30, {}, 'listening'), '<6>listening\n', '16:00:01 info  listening\n'],
    [line(20, { n: 1 }, 'x'), '<7>x n=1\n', '16:00:01 debug x n=1\n'],
    [
      line(40, { code: 'store-full', at: null, list: ['a', 2] }, 'no room'),
      '<4>no room code=store-full at=null list=["a",2]\n',
      '16:00:01 warn  no room code=store-full at=null list=["a",2]\n',
    ],
    [
      line(50, { why: 'two words' }, 'failed'),
      '<3>failed why="two words"\n',
      '16:00:01 error failed why="two words"\n',
    ],
    [line(30, { n: 3 }), '<6> n=3\n', '16:00:01 info   n=3\n'],
  ];
  for (const [given, journal, text] of LINES)
    it(JSON.stringify(journal), () => {
      assert.equal(readable(given, 'journal', false), journal);
      assert.equal(readable(given, 'text', false), text);
    });

  it('colours only what is ours', () => {
    assert.equal(
      readable(line(50, { a: 1 }, 'b'), 'text', true),
      '\u001b[2m16:00:01\u001b[0m \u001b[1;31merror\u001b[0m b\u001b[2m a=1\u001b[0m\n',
    );
  });

  it('no name from the network writes a line, a priority or a colour of its own', () => {
    const evil = 'a\n<0>kernel panic\r\u001b[31m\u202e\u2028\u0085b';
    for (const form of ['journal', 'text'] as const) {
      const said = readable(line(30, { agent: evil, list: [evil], deep: { [evil]: evil } }, evil), form, false);
      assert.equal(said.split('\n').length, 2);
      assert.doesNotMatch(said.slice(0, -1), /[\p{C}\p{Zl}\p{Zp}]/u);
    }
  });
});
