import assert from 'node:assert/strict';
import { dialplanListed, dialplanOf, dialplanShown, hasGuard, reachOf } from '../../../src/commands/setup/dialplan.ts';
import { assembleConf, parseConf } from '../../../src/wire/conf.ts';

const planOf = (text: string): ReturnType<typeof dialplanOf> => {
  const items = parseConf(text, 'e');
  assert.ok(items.ok);
  const sections = assembleConf(items.value);
  assert.ok(sections.ok);
  return dialplanOf(sections.value);
};

const TRUNKS = new Set(['trunk']);
const GUARDED = ' same => n,Gosub(ringfence-guard,s,1(${EXTEN}))\n';

describe('setup: where calls leave', () => {
  /** `[entry]` is where phones' calls begin. */
  const CASES: [sentence: string, text: string, outgoing: string[], unguarded: string[]][] = [
    ['a call within the house', '[entry]\nexten => _1XX,1,Dial(PJSIP/${EXTEN},30)', [], []],
    ['a trunk by @', '[entry]\nexten => _0.,1,Dial(PJSIP/${EXTEN}@trunk,60)', ['entry'], ['entry _0. first']],
    ['a trunk by its URI', '[entry]\nexten => _0.,1,Dial(PJSIP/trunk/sip:${EXTEN}@c.example)', ['entry'], ['entry _0. first']], // prettier-ignore
    ['several at once', '[entry]\nexten => _0.,1,Dial(PJSIP/100&PJSIP/1@trunk)', ['entry'], ['entry _0. first']],
    ['chan_sip', '[entry]\nexten => _0.,1,Dial(SIP/trunk/${EXTEN})', ['entry'], ['entry _0. first']],
    ['DAHDI', '[entry]\nexten => _0.,1,Dial(DAHDI/g1/${EXTEN})', ['entry'], ['entry _0. first']],
    ['a trunk in a variable', '[entry]\nexten => _0.,1,Dial(${OUT_${X}}/${EXTEN})', ['entry'], ['entry _0. first']],
    ['telephones in a variable', '[entry]\nexten => _1XX,1,Dial(${PHONES},20)', [], []],
    [
      'a global variable',
      '[globals]\nT=trunk\n[entry]\nexten => _0.,1,Dial(PJSIP/1@${T})',
      ['entry'],
      ['entry _0. first'],
    ],
    ['the guard before it', `[entry]\nexten => _0.,1,NoOp()\n${GUARDED} same => n,Dial(PJSIP/1@trunk)`, ['entry'], []],
    ['the guard behind it', `[entry]\nexten => _0.,1,Dial(PJSIP/1@trunk)\n${GUARDED}`, ['entry'], ['entry _0. first']],
    ['the guard of another extension', `[entry]\nexten => _0.,1,NoOp()\n${GUARDED}exten => _9.,1,NoOp()\n same => n,Dial(PJSIP/1@trunk)`, ['entry'], ['entry _9.']], // prettier-ignore
    ['an included context', '[entry]\ninclude => out\n[out]\nexten => _0.,1,Dial(PJSIP/1@trunk)', ['out'], ['out _0. first']], // prettier-ignore
    ['a context that no phone reaches', '[entry]\n[other]\nexten => _0.,1,Dial(PJSIP/1@trunk)', [], []],
    [
      'Goto',
      '[entry]\nexten => _0.,1,Goto(out,s,1)\n[out]\nexten => s,1,Dial(PJSIP/1@trunk)',
      ['out'],
      ['out s first'],
    ],
    ['a subroutine that is guarded by its callers', `[entry]\nexten => _0.,1,NoOp()\n${GUARDED} same => n,Gosub(out,s,1)\n[out]\nexten => s,1,Dial(PJSIP/1@trunk)`, ['out'], []], // prettier-ignore
    ['… by one of them only', `[entry]\nexten => _0.,1,NoOp()\n${GUARDED} same => n,Gosub(out,s,1)\nexten => _9.,1,Gosub(out,s,1)\n[out]\nexten => s,1,Dial(PJSIP/1@trunk)`, ['out'], ['out s first']], // prettier-ignore
    ['a macro and its hook', '[entry]\nexten => _0.,1,Macro(out,1)\n[macro-out]\nexten => s,1,Macro(hook)\nexten => s,n,Dial(PJSIP/1@trunk)\n[macro-hook]\nexten => s,1,Gosub(ringfence-guard,s,1(1))', ['macro-out'], []], // prettier-ignore
    ['a condition', '[entry]\nexten => _0.,1,GotoIf($[1]?out,s,1:in,s,1)\n[out]\nexten => s,1,Dial(PJSIP/1@trunk)\n[in]', ['out'], ['out s first']], // prettier-ignore
    ['a Local channel', '[entry]\nexten => _0.,1,Dial(Local/1@out)\n[out]\nexten => _X,1,Dial(PJSIP/1@trunk)', ['out'], ['out _X first']], // prettier-ignore
    ['a circle', '[entry]\ninclude => entry\nexten => 1,1,Goto(a,s,1)\n[a]\nexten => s,1,Goto(entry,1,1)', [], []],
  ];
  for (const [sentence, text, outgoing, unguarded] of CASES)
    it(sentence, () => {
      const reach = reachOf(planOf(text), ['entry'], TRUNKS);
      assert.deepEqual(reach.outgoing, outgoing);
      const shown = reach.unguarded.map(({ context, extension, first }) => `${context} ${extension}${first ? ' first' : ''}`); // prettier-ignore
      assert.deepEqual(shown, unguarded);
    });

  it('the console’s form is read: what is loaded', () => {
    const plan = dialplanShown(`[ Context 'ringfence-guard' created by 'pbx_config' ]
  'refuse' =>       1. Set(CDR(userfield)=ringfence:\${rf_rule})  [extensions_ringfence.conf:79]
  's' =>            1. Gosub(ringfence-origin,s,1)                [extensions_ringfence.conf:36]
     [open]         2. Return()                                   [extensions_ringfence.conf:78]

[ Context 'ringfence-origin' created by 'pbx_config' ]
  's' =>            1. Return()                                   [e:1]

[ Context 'entry' created by 'pbx_config' ]
  '_0.' =>          1. NoOp()                                     [extensions.conf:10]
                    2. Dial(PJSIP/\${EXTEN}@trunk,60)              [extensions.conf:11]
  '100' =>          hint: PJSIP/100                               [extensions.conf:12]
  Include =>        'more'                                        [pbx_config]

-= 3 extensions (6 priorities) in 3 contexts. =-
`);
    assert.ok(hasGuard(plan));
    assert.deepEqual(plan.get('entry')?.includes, ['more']);
    const [unguarded] = reachOf(plan, ['entry'], TRUNKS).unguarded;
    assert.deepEqual([unguarded?.extension, unguarded?.step.at], ['_0.', 'extensions.conf:11']);
  });

  it('the manager’s form is read', () => {
    const item = (fields: Record<string, string>): { get(name: string): string | null } => ({ get: (name) => fields[name] ?? null }); // prettier-ignore
    const plan = dialplanListed([
      item({ Context: 'entry', Extension: '_0.', Priority: '1', Application: 'Dial', AppData: 'PJSIP/1@trunk' }),
      item({ Context: 'entry', IncludeContext: 'more', Registrar: 'pbx_config' }),
      item({ Other: 'x' }),
    ]);
    assert.equal(reachOf(plan, ['entry'], TRUNKS).unguarded.length, 1);
    assert.deepEqual(plan.get('entry')?.includes, ['more']);
    assert.ok(!hasGuard(plan));
  });
});
