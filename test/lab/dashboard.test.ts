import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Daemon } from '../support/cli.ts';
import { unregisteredCall, wrongPasswords } from './support/attacks.ts';
import { useLab } from './support/lab.ts';
import { labTree, LabUnavailable, repository } from './support/packages.ts';
import { freePort } from './support/ports.ts';
import { start, until, type Running } from './support/process.ts';
import { writeSettings } from './support/settings.ts';

interface Panel {
  readonly title: string;
  readonly targets?: readonly { readonly expr: string }[];
}

/** What a site without trouble, and without a gateway, has no data for: an answer without series is right there. */
const QUIET: readonly RegExp[] = [
  /== 1$/,
  /^rate\(ringfence_kernel_drops/,
  /ringfence_loss_estimate/,
  /outcome!="taken"/,
  /ringfence_gateway_/,
];

describe('lab: every query of the dashboard and every alert rule, by a real Prometheus that scrapes a real ringfence', function () {
  this.timeout(60_000);
  let hepPort = 0;
  const lab = useLab(async () => {
    hepPort = await freePort();
    return { hep: { port: hepPort, password: 'labhep' }, trunk: 'own' };
  });
  let daemon: Daemon | undefined;
  let prometheus: Running | undefined;
  let port = 0;

  before(async function () {
    this.timeout(180_000);
    const metrics = await freePort('127.0.0.1');
    port = await freePort('127.0.0.1');
    const directory = join(lab().directory, 'prometheus');
    mkdirSync(directory);
    const rules = join(repository, 'scripts/prometheus/ringfence.rules.yml');
    writeFileSync(
      join(directory, 'prometheus.yml'),
      `global: { scrape_interval: 500ms, evaluation_interval: 500ms }\nrule_files: ["${rules}"]\nscrape_configs:\n- { job_name: ringfence, static_configs: [{ targets: ["127.0.0.1:${metrics}"] }] }\n`,
    );
    const settings = writeSettings(lab(), {
      hep: { port: hepPort, password: 'labhep' },
      mode: 'enforce',
      more: [`[metrics]\nlisten = "127.0.0.1:${metrics}"\nallow = ["127.0.0.1"]`, '[notify.command]\nrun = ["/bin/true"]'], // prettier-ignore
    });
    try {
      const tree = await labTree('prometheus');
      const command = tree.command('usr/bin/prometheus', `--config.file=${directory}/prometheus.yml`, `--storage.tsdb.path=${directory}/data`, `--web.listen-address=127.0.0.1:${port}`, '--log.level=warn'); // prettier-ignore
      prometheus = start(command, { cwd: directory, log: join(directory, 'log') });
    } catch (error) {
      if (!(error instanceof LabUnavailable) || process.env['CI'] === 'true') throw error;
      console.warn(`      skipped: ${error.message}`);
      this.skip();
    }
    daemon = await Daemon.start(['--config', settings]);
    // counters are seen to grow only from a first scrape on
    await until('the first scrape', 20_000, async () => (await query('ringfence_ready')).length > 0);
    await wrongPasswords(lab());
    await unregisteredCall(lab());
    for (const name of ['incidents', 'decisions', 'enforcement'])
      await until(`${name} are scraped`, 20_000, async () => (await query(`increase(ringfence_${name}_total[20s])`)).length > 0); // prettier-ignore
  });
  after(async () => {
    await prometheus?.stop(5_000);
    await daemon?.end('SIGKILL');
  });

  const ask = async (path: string): Promise<Record<string, unknown>> => {
    const answer = await fetch(`http://127.0.0.1:${port}/api/v1/${path}`);
    const body = (await answer.json()) as { status: string; error?: string; data: Record<string, unknown> };
    assert.equal(body.status, 'success', `${path}: ${body.error ?? ''}`);
    return body.data;
  };
  const query = async (expression: string): Promise<unknown[]> => {
    try {
      return (await ask(`query?query=${encodeURIComponent(expression)}`))['result'] as unknown[];
    } catch (error) {
      // it is starting
      if (error instanceof TypeError) return [];
      throw error;
    }
  };

  it('each panel has data, or rightly none', async () => {
    const dashboard = readFileSync(join(repository, 'scripts/grafana/ringfence.json'), 'utf8');
    const { panels } = JSON.parse(dashboard) as { panels: Panel[] };
    let asked = 0;
    for (const { title, targets = [] } of panels)
      for (const { expr } of targets) {
        const expression = expr.replaceAll('$__rate_interval', '20s').replaceAll('$instance', '.*');
        assert.doesNotMatch(expression, /\$/, 'every variable is known');
        const result = await query(expression);
        asked++;
        if (!QUIET.some((one) => one.test(expr))) assert.ok(result.length > 0, `${title}: ${expression}`);
      }
    assert.ok(asked > 30, String(asked));
  });

  it('the instances to choose from are there, and every rule is evaluated without an error', async () => {
    assert.equal((await query('count by (instance) (ringfence_build_info)')).length, 1);
    const groups = (await ask('rules'))['groups'] as {
      rules: { name: string; health: string; lastError?: string }[];
    }[];
    const rules = groups.flatMap((group) => group.rules);
    assert.ok(rules.length > 5);
    for (const { name, health, lastError } of rules) assert.equal(health, 'ok', `${name}: ${lastError ?? ''}`);
  });
});
