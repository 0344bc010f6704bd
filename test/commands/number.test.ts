import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { jsonLines, ringfence } from '../support/cli.ts';
import { temporaryFolder } from '../support/temporary.ts';

interface Told {
  dialled: string;
  kind: string;
  e164: string | null;
  country: string | null;
  international: boolean;
  chargeable: boolean;
  risk: number;
  reasons: string[];
  blockable: boolean;
  price: { perMinute: number; currency: string } | null;
}

describe('ringfence number', function () {
  this.timeout(30_000);
  const folder = temporaryFolder();
  const site = (country: string, currency: string): string => {
    const file = folder.file(`${country}.toml`);
    writeFileSync(folder.file('tariff.csv'), '371,0.25\n49,0.02\n44,0.05,0.10\n');
    writeFileSync(
      file,
      `[site]\ncountry = "${country}"\ntimezone = "UTC"\ncurrency = "${currency}"\n[tariff]\nfile = "tariff.csv"\n`,
    );
    return file;
  };

  const NUMBERS: [string, string, Partial<Told>][] = [
    ['DE', '0037120000001', { e164: '37120000001', country: 'LV', international: true, chargeable: true }],
    ['DE', '03012345678', { e164: '493012345678', country: 'DE', international: false, chargeable: false }],
    ['DE', '112', { kind: 'emergency', e164: null, chargeable: false, blockable: false, price: null }],
    ['DE', '201', { kind: 'extension', e164: null, chargeable: false }],
    ['US', '01137120000001', { e164: '37120000001', country: 'LV', international: true, chargeable: true }],
    ['US', '911', { kind: 'emergency', blockable: false }],
    ['US', '2125550123', { e164: '12125550123', country: 'US', international: false }],
    ['US', '+442079460000', { e164: '442079460000', country: 'GB', international: true }],
  ];
  for (const [country, dialled, expected] of NUMBERS)
    it(`${dialled} in ${country}`, async () => {
      const { status, stdout, stderr } = await ringfence([
        'number',
        dialled,
        '--config',
        site(country, 'EUR'),
        '--format',
        'json',
      ]);
      assert.equal(status, 0, stderr);
      const [told] = jsonLines<Told>(stdout);
      assert.equal(told?.dialled, dialled);
      for (const [name, value] of Object.entries(expected)) assert.deepEqual(told[name as keyof Told], value, name);
      assert.ok(told.risk >= 0 && told.risk <= 100);
    });

  it('tells the price of a minute, and null without one', async () => {
    const { stdout } = await ringfence([
      'number',
      '0037120000001',
      '00441632960000',
      '001212555',
      '--config',
      site('DE', 'CHF'),
      '--format',
      'json',
    ]);
    assert.deepEqual(
      jsonLines<Told>(stdout).map((n) => n.price),
      [{ perMinute: 0.25, currency: 'CHF' }, { perMinute: 0.15, currency: 'CHF' }, null],
    );
  });

  it('says it in words: number, place, kind, risk with its reasons, price, whether it may be blocked', async () => {
    const { stdout } = await ringfence(['number', '0037120000001', '110', '--config', site('DE', 'EUR')]);
    const [latvia = '', police = ''] = stdout.split('\n');
    for (const part of [
      '+37120000001',
      'Latvia',
      'international',
      'chargeable',
      'risk ',
      'EUR',
      'a minute',
      'may be blocked',
    ])
      assert.ok(latvia.includes(part), `${part} in ${latvia}`);
    assert.match(police, /^110: emergency, .*never blocked$/);
  });

  it('reads stdin, a number a line, blank lines left out, CRLF or not', async () => {
    const { status, stdout, stderr } = await ringfence(['number', '--config', site('DE', 'EUR'), '--format', 'json'], {
      input: '110\r\n\n  0037120000001 \n112',
    });
    assert.equal(status, 0);
    assert.equal(stderr, '');
    assert.deepEqual(
      jsonLines<Told>(stdout).map((n) => n.dialled),
      ['110', '0037120000001', '112'],
    );
  });

  it('hostile input is shown, not obeyed', async () => {
    const { status, stdout } = await ringfence(['number', '--config', site('DE', 'EUR')], {
      input: `\u001b[31m00371\u0007\n${'9'.repeat(10_000)}\n`,
    });
    assert.equal(status, 0);
    assert.ok(!/[\u0000-\u0009\u000b-\u001f]/.test(stdout)); // eslint-disable-line no-control-regex
    for (const line of stdout.split('\n')) assert.ok(line.length < 1_000);
  });

  it('a tariff that is missing or wrong: 2, which file and line', async () => {
    const file = site('DE', 'EUR');
    writeFileSync(folder.file('tariff.csv'), '371,0.25\nLatvia,cheap\n');
    const wrong = await ringfence(['number', '110', '--config', file]);
    assert.equal(wrong.status, 2);
    assert.match(wrong.stderr, /tariff.*2/);
    writeFileSync(file, '[tariff]\nfile = "none.csv"\n');
    const missing = await ringfence(['number', '110', '--config', file]);
    assert.equal(missing.status, 2);
    assert.match(missing.stderr, /\[tariff\] file: cannot read .*none\.csv/);
  });
});
