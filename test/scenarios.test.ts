import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { severityRank, type Alert, type Severity } from '../src/model.ts';
import { ethernet, ipv4, pcap, udp } from './support/capture-builder.ts';
import { jsonLines, ringfence } from './support/cli.ts';
import { DATA_FOLDER, describeWithData, listData, readData } from './support/data.ts';

const FOLDER = join(import.meta.dirname, 'scenarios');

/** One incident as expect.json has it: the state of its last line. */
interface Told {
  readonly subject: string;
  readonly severity: Severity;
  /** of the gravest evidence */
  readonly detector: string;
  readonly actions: readonly string[];
}

/** Recordings in every combination that is judged, under these names. */
const COMBINATIONS: Readonly<Record<string, readonly string[]>> = {
  'traffic alone': ['traffic.hep'],
  'events alone': ['events.ami'],
  'records alone': ['records.csv'],
  'all together': ['traffic.hep', 'events.ami', 'records.csv'],
};

/** What replaying tells, by its exit status and lines; --fail-on never, so that 0 is "done". */
async function replay(settings: string, files: readonly string[]): Promise<Alert[]> {
  const ran = await ringfence(
    ['replay', '--config', settings, '--format', 'json', '--quiet', '--fail-on', 'never', ...files],
    { cwd: tmpdir() },
  );
  assert.equal(ran.status, 0, ran.stderr);
  assert.equal(ran.stderr, '');
  return jsonLines(ran.stdout);
}

/** The last line of each incident. */
const last = (alerts: readonly Alert[]): Alert[] => [...new Map(alerts.map((a) => [a.incident, a])).values()];

const toldOf = ({ subject, severity, detector, decisions }: Alert): Told => ({
  subject: `${subject.type} ${subject.value}`,
  severity,
  detector,
  actions: [...new Set(decisions.map((d) => d.action))].sort(),
});

const bySubject = (a: Told, b: Told): number => (a.subject < b.subject ? -1 : 1);

describe('scenarios', function () {
  this.timeout(60_000);
  for (const name of readdirSync(FOLDER).sort()) {
    const file = (part: string): string => join(FOLDER, name, part);
    describe(name, () => {
      it('says in note.md why this is, or is not, fraud', () => {
        assert.ok(readFileSync(file('note.md'), 'utf8').length > 200);
      });

      const expected = JSON.parse(readFileSync(file('expect.json'), 'utf8')) as Record<string, readonly Told[]>;
      for (const [combination, all] of Object.entries(COMBINATIONS)) {
        const files = all.filter((part) => existsSync(file(part)));
        if (files.length === 0) continue;
        it(`${combination}: what expect.json says, and each line once`, async () => {
          const alerts = await replay(file('settings.toml'), files.map(file));
          assert.equal(new Set(alerts.map((a) => a.id)).size, alerts.length);
          assert.deepEqual(last(alerts).map(toldOf).sort(bySubject), expected[combination]);
          assert.ok(alerts.every((a) => a.decisions.every((d) => d.state === 'observed')));
        });
      }

      it('all together: each story once', async () => {
        const files = (COMBINATIONS['all together'] ?? []).map(file).filter((path) => existsSync(path));
        const found = last(await replay(file('settings.toml'), files));
        const subjects = found.map((a) => `${a.subject.type} ${a.subject.value}`);
        assert.equal(new Set(subjects).size, subjects.length, subjects.join(', '));
        const calls = found.flatMap((a) => a.calls);
        assert.equal(new Set(calls).size, calls.length, 'no call in two stories');
      });
    });
  }

  it('nothing of the innocents is above medium', () => {
    const expected = JSON.parse(readFileSync(join(FOLDER, 'innocents', 'expect.json'), 'utf8')) as Record<
      string,
      Told[]
    >;
    for (const told of Object.values(expected).flat()) assert.ok(severityRank(told.severity) <= severityRank('medium'));
  });
});

describe('recorded traffic of others', function () {
  this.timeout(120_000);
  let folder = '';
  let settings = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'ringfence-data-'));
    settings = join(folder, 'ringfence.toml');
    writeFileSync(settings, '[site]\ncountry = "DE"\ntimezone = "Europe/Berlin"\n');
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  describeWithData('real attacks', 'lbnl', () => {
    it('brute force is told for both targets within 6 s after it begins there', async () => {
      const alerts = await replay(settings, [join(DATA_FOLDER, 'lbnl/SIP-Bruteforce-Single-IP.pcap')]);
      const found = alerts.filter((a) => a.detector === 'brute-force');
      for (const target of ['137.11.220.89', '138.167.116.102']) {
        const first = found.find((a) => a.facts['target'] === target);
        assert.ok(first !== undefined, `nothing about ${target}`);
        const late = Date.parse(first.at) - Date.parse(String(first.facts['since']));
        assert.ok(late >= 0 && late <= 6_000, `${target}: ${late} ms`);
        assert.ok(first.sources.includes('199.105.226.32'));
        const grave = found.some((a) => a.facts['target'] === target && a.severity === 'high');
        assert.ok(grave, `${target} is high`);
      }
    });

    it('a scanner that takes its time is told', async () => {
      const alerts = await replay(settings, [join(DATA_FOLDER, 'lbnl/BadUserAgent-sipvicious.pcap')]);
      assert.ok(alerts.some((a) => a.detector === 'scan' && a.severity === 'medium'));
      assert.ok(alerts.every((a) => a.detector === 'scan'));
    });
  });

  for (const part of ['suricata-verify', 'zeek'])
    describeWithData(`benign captures: ${part}`, part, () => {
      for (const path of listData(part, '.pcap'))
        it(`${path}: nothing at or above high`, async () => {
          const alerts = await replay(settings, [join(DATA_FOLDER, path)]);
          assert.deepEqual(
            alerts.filter((a) => severityRank(a.severity) >= severityRank('high')).map((a) => a.summary),
            [],
          );
        });
    });

  describeWithData('benign HEP', 'hep', () => {
    const RECORDED: [string, string, (name: string) => boolean][] = [
      ['asterisk-22', 'hep/asterisk-22', () => true],
      ['asterisk-16', 'hep/asterisk-16', () => true],
      ['a call by Kamailio', 'hep/kamailio-5.6', (name) => name.includes('/call-')],
    ];
    for (const [title, part, wanted] of RECORDED)
      it(`${title}: nothing at or above high`, async () => {
        const packets = listData(part, '.bin').filter(wanted).map(readData);
        assert.ok(packets.length > 10);
        const file = join(folder, 'recorded.hep');
        writeFileSync(file, Buffer.concat(packets));
        const alerts = await replay(settings, [file]);
        assert.deepEqual(
          alerts.filter((a) => severityRank(a.severity) >= severityRank('high')).map((a) => a.summary),
          [],
        );
      });
  });

  describeWithData('torture messages of RFC 4475', 'rfc4475', () => {
    it('go through, whatever they are', async () => {
      const messages = ['valid', 'invalid'].flatMap((part) => listData(`rfc4475/${part}`));
      assert.ok(messages.length > 30, `${messages.length} messages`);
      const frames = messages.map((path, i) => ({
        at: Date.parse('2026-11-21T01:00:00Z') + i * 100,
        bytes: ethernet(ipv4(udp(readData(path)))),
      }));
      const file = join(folder, 'torture.pcap');
      writeFileSync(file, pcap(frames));
      const { status, stderr } = await ringfence(['replay', '--config', settings, '--fail-on', 'never', file]);
      assert.equal(status, 0, stderr);
      assert.match(stderr, /messages judged/);
      assert.doesNotMatch(stderr, /bug/);
    });
  });
});
