import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { followCdrFile, scanCdrFile, type CdrBatch, type CdrFollower } from '../collect/cdr-file.ts';
import { listenHep, type HepCollector } from '../collect/hep.ts';
import { readNamed, readSecret, type Config } from '../config.ts';
import type { PacketPath } from '../correlate/sip-facts.ts';
import type { Counters } from '../counters.ts';
import type { Log } from '../log.ts';
import { keepAmi, type AmiKeeper, type AmiSession, type PbxEndpoint } from '../pbx/ami.ts';
import type { Pipeline } from '../pipeline.ts';
import type { Recorder } from '../respond/recorder.ts';
import type { Site } from '../site/index.ts';
import type { FilePosition } from '../store/index.ts';
import type { Millis } from '../model.ts';
import { formatDuration, MINUTE, SECOND, Zone } from '../time.ts';
import { amiEventTime } from '../wire/ami.ts';
import { withContactDetails } from '../pbx/contact-details.ts';
import { amiOf } from './acting.ts';

/** A capture agent's clock may be off by this before it is worth a word; judging does not depend on it. */
const SKEWED = 5 * SECOND;

/** What the feeds feed; a reload of the settings puts another pipeline and site in their place. */
export interface Target {
  pipeline: Pipeline;
  site: Site;
  /** the PBX's endpoints as it told them last */
  endpoints: readonly PbxEndpoint[];
}

export interface FeedsContext {
  readonly config: Config;
  readonly target: Target;
  readonly recorder: Recorder;
  /** every mirrored SIP packet, where somebody keeps digest answers */
  readonly heard?: (path: PacketPath, payload: Buffer, at: Millis) => void;
  readonly counters: Counters;
  readonly log: Log;
}

/** The secrets of the feeds, read before anything starts. @throws RingfenceError that says which file and what to do */
export function readSecrets({ settings, directory }: Config): { ami: string | null; hep: string | null } {
  const { ami } = settings.asterisk;
  const password = settings.hep?.password_file;
  return {
    ami: ami === undefined ? null : readSecret(ami.secret_file, directory, 'asterisk.ami.secret_file'),
    hep: password === undefined ? null : readSecret(password, directory, 'hep.password_file'),
  };
}

/** Mirrored SIP into the pipeline. @throws ConfigError when it cannot listen */
export async function startHep(context: FeedsContext, password: string | null): Promise<HepCollector | null> {
  const { config, target, counters, log } = context;
  const { hep } = config.settings;
  if (hep === undefined) return null;
  const tls =
    hep.cert_file === undefined || hep.key_file === undefined
      ? {}
      : {
          tls: {
            cert: readNamed(hep.cert_file, config.directory, 'hep.cert_file'),
            key: readNamed(hep.key_file, config.directory, 'hep.key_file'),
          },
        };
  let saidAt = -Infinity;
  const skewed = (agent: number, by: Millis): void => {
    counters.add('hep.skewed');
    if (performance.now() - saidAt < MINUTE) return;
    saidAt = performance.now();
    const clock = `${formatDuration(Math.abs(by))} ${by < 0 ? 'behind' : 'ahead'}`;
    log.warn({ agent }, `a capture agent's clock is ${clock}: arrival is judged instead; set its clock by NTP`);
  };
  return await listenHep(
    { listen: hep.listen, allow: hep.allow, password, ...tls },
    {
      packet: (packet, arrival) => {
        // 1 is SIP; RTCP reports, logs and what else capture agents send are not judged
        if (packet.payloadType !== 1) {
          counters.add('hep.other');
          return;
        }
        const seenAt = packet.seenAt ?? arrival;
        if (Math.abs(arrival - seenAt) > SKEWED) skewed(packet.captureId, seenAt - arrival);
        target.pipeline.correlator.sip(packet, packet.payload, seenAt, arrival);
        context.heard?.(packet, packet.payload, arrival);
      },
      refused: ({ at, source, reason }) => target.pipeline.correlator.malformed('hep', source, reason, at, at),
    },
    counters,
    log,
  );
}

/** Judges a batch of call records and notes the place that it reaches. */
function judge({ target, recorder, log }: FeedsContext, batch: CdrBatch): void {
  const now = Date.now();
  for (const record of batch.records) target.pipeline.correlator.cdr(record, now);
  for (const { reason, file, offset } of batch.refused) {
    log.warn({ file, offset }, `not a call record: ${reason}`);
    target.pipeline.correlator.malformed('cdr', null, reason, now, now);
  }
  recorder.reached(batch.position);
}

/**
 * Call records into the pipeline: first those written while ringfence was away, from the place that the store holds, then
 * each as it is written. Without a place it begins at the end: what is older is for `ringfence scan --all`.
 * @throws InputError when the file cannot be read
 */
export function startCdr(context: FeedsContext, stored: FilePosition | null): CdrFollower | null {
  const { config, target, recorder, counters, log } = context;
  const { cdr } = config.settings.asterisk;
  if (cdr === undefined) return null;
  const path = resolve(config.directory, cdr.path);
  const times = { zone: new Zone(target.site.timezone), utc: cdr.utc };
  let position = stored?.path === path ? stored : null;
  if (position !== null && existsSync(path)) {
    let caught = 0;
    for (const batch of scanCdrFile({ path, position, ...times })) {
      judge(context, batch);
      position = { ...batch.position };
      caught += batch.records.length;
      if (batch.gap !== null) log.warn(batch.gap);
      recorder.flush();
    }
    if (caught > 0) log.info({ records: caught }, 'judged the call records written meanwhile');
  }
  return followCdrFile(
    { path, position, start: position === null ? 'end' : 'beginning', ...times },
    (batch) => judge(context, batch),
    counters,
    log,
  );
}

/**
 * Manager events into the pipeline; each login brings the PBX's endpoints, contacts and running calls. `up`: when these
 * have been taken in.
 */
export function startAmi(
  context: FeedsContext,
  secret: string | null,
  up: (session: AmiSession) => void,
): AmiKeeper | null {
  const { config, target, recorder, counters, log } = context;
  const connection = amiOf(config, secret);
  if (connection === null) return null;
  const keeper = keepAmi(
    connection,
    {
      event: (event, arrival) => {
        counters.add('ami.events');
        const seenAt = amiEventTime(event) ?? arrival;
        const { session } = keeper;
        if (event.name !== 'ContactStatus' || session === null) target.pipeline.ami(event, seenAt, arrival);
        else void withContactDetails(session, event).then((whole) => target.pipeline.ami(whole, seenAt, Date.now()));
      },
      changed: (change) => {
        if (change.kind === 'down') target.pipeline.correlator.pbx('down', change.at);
        else {
          target.endpoints = change.state.endpoints;
          target.site.accounts.learn(target.endpoints);
          target.pipeline.correlator.pbx(change.kind, change.at);
          target.pipeline.correlator.seed(change.state, change.at);
          log.info(
            {
              endpoints: change.state.endpoints.length,
              contacts: change.state.contacts.length,
              channels: change.state.channels.length,
            },
            change.kind === 'restarted'
              ? 'Asterisk was restarted; its state was read again'
              : 'logged in to Asterisk; its state was read',
          );
          up(change.session);
        }
        recorder.touched();
      },
      refused: (reason, arrival) => {
        counters.add('ami.refused');
        target.pipeline.correlator.malformed('ami', null, reason, arrival, arrival);
      },
    },
    log,
  );
  return keeper;
}
