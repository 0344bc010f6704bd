import assert from 'node:assert/strict';
import { PeerError } from '../../src/errors.ts';
import type { AmiHeaders, AmiSession } from '../../src/pbx/ami.ts';
import { readSorcery, sorceryAdvice, type SorceryMapping } from '../../src/pbx/sorcery.ts';
import { AmiMessage } from '../../src/wire/ami.ts';

interface Fake {
  /** lines of sorcery.conf, each with its section; null: not found; 'denied' */
  readonly file: readonly (readonly [string, string])[] | null | 'denied';
  /** does PJSIP look into AstDB? null: there is no PJSIP */
  readonly looks: boolean | null;
}

const DENIED = [
  ['Response', 'Error'],
  ['Message', 'Permission denied'],
] as const;

/** As much of Asterisk as is asked. */
function fake({ file, looks }: Fake): { session: AmiSession; standing: Set<string> } {
  const standing = new Set<string>();
  const config = (): AmiMessage => {
    if (file === 'denied') return new AmiMessage(DENIED);
    if (file === null)
      return new AmiMessage([
        ['Response', 'Error'],
        ['Message', 'Config file not found'],
      ]);
    const sections = [...new Set(file.map(([section]) => section))];
    return new AmiMessage([
      ['Response', 'Success'],
      ...sections.map((name, i): [string, string] => [`Category-00000${i}`, name]),
      ...file.map(([section, line], i): [string, string] => [`Line-00000${sections.indexOf(section)}-00000${i}`, line]),
    ]);
  };
  const key = (headers: AmiHeaders = []): string => headers.find(([name]) => name === 'Key')?.[1] ?? '';
  const session: AmiSession = {
    version: '11.0.0',
    close: () => undefined,
    action: (name, headers) => {
      if (name === 'GetConfig') return Promise.resolve(config());
      if (name === 'DBPut') standing.add(key(headers));
      if (name === 'DBDel') standing.delete(key(headers));
      return Promise.resolve(new AmiMessage([['Response', 'Success']]));
    },
    list: () =>
      looks === null
        ? Promise.reject(new PeerError('peer-refused', 'Invalid/unknown command', false))
        : Promise.resolve(
            (looks ? [...standing] : ['auth/1001']).map(
              (id) =>
                new AmiMessage([
                  ['Event', 'AuthList'],
                  ['ObjectName', id.replace('auth/', '')],
                ]),
            ),
          ),
  };
  return { session, standing };
}

const MAPPED = [
  ['res_pjsip', 'auth=astdb,ringfence'],
  ['res_pjsip', 'auth=config,pjsip.conf,criteria=type=auth'],
  ['acl', 'acl = astdb, ringfence'],
  ['acl', 'acl=config,pjsip.conf,criteria=type=acl'],
] as const;
const LATE = [
  ['res_pjsip', 'auth=config,pjsip.conf,criteria=type=auth'],
  ['res_pjsip', 'auth=astdb,ringfence'],
  ['res_pjsip', 'endpoint=astdb,ringfence'],
  ['acl', 'acl=astdb,other'],
] as const;

describe('sorcery.conf as Asterisk has it', () => {
  const CASES: [string, Fake, SorceryMapping, RegExp[]][] = [
    ['as it should be', { file: MAPPED, looks: true }, { acl: true, auth: true, loaded: true }, []],
    [
      'changed after the start',
      { file: MAPPED, looks: false },
      { acl: true, auth: true, loaded: false },
      [/core restart when convenient/],
    ],
    [
      'AstDB not first, or another family',
      { file: LATE, looks: false },
      { acl: false, auth: false, loaded: null },
      [/acl = astdb,ringfence/, /auth = astdb,ringfence/],
    ],
    [
      'no such file',
      { file: null, looks: false },
      { acl: false, auth: false, loaded: null },
      [/acl = astdb,ringfence/, /auth = astdb,ringfence/],
    ],
    ['a file that we may not read', { file: 'denied', looks: false }, { acl: null, auth: null, loaded: null }, []],
    [
      'one that we may not read and that works',
      { file: 'denied', looks: true },
      { acl: null, auth: true, loaded: true },
      [],
    ],
    ['a PBX without PJSIP', { file: MAPPED, looks: null }, { acl: true, auth: true, loaded: null }, []],
  ];
  for (const [sentence, pbx, mapping, advice] of CASES)
    it(sentence, async () => {
      const { session, standing } = fake(pbx);
      assert.deepEqual(await readSorcery(session), mapping);
      assert.deepEqual([...standing], [], 'what it put there is gone again');
      const said = sorceryAdvice(mapping);
      assert.equal(said.length, advice.length, said.join('\n'));
      for (const [i, words] of advice.entries()) assert.match(said[i] ?? '', words);
    });

  it('a connection that fails is told as that', async () => {
    const { session } = fake({ file: MAPPED, looks: true });
    const lost = new PeerError('peer-closed', 'gone', true);
    await assert.rejects(readSorcery({ ...session, list: () => Promise.reject(lost) }), lost);
  });
});
