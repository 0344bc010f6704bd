import { randomBytes } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { createSocket } from 'node:dgram';
import { connect, isIP } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { OpenedAgent } from '../crypto/agent-store.ts';
import { endpointOf } from '../crypto/identity.ts';
import { messageOf, PeerError, RingfenceError } from '../errors.ts';
import { placesOf, systemDns, type Place } from '../gateway/agent-resolve.ts';
import { seenAddress } from '../gateway/agent-stun.ts';
import { hostport } from '../gateway/border-edit.ts';
import { connectCsc, newInstance } from '../gateway/csc-client.ts';
import { CSC_PROTOCOL } from '../gateway/csc-server.ts';
import type { Session } from '../gateway/session.ts';
import { DAY, formatDuration, MINUTE, SECOND } from '../time.ts';
import { parseSip, type SipMessage } from '../wire/sip.ts';
import { transportOf } from './agent.ts';
import { AgentState, domainOf } from './agent/state.ts';
import { EXIT, type GlobalOptions, type Output } from './output.ts';
import { rowLine } from './setup/row-line.ts';
import { advice, ok, problem, unknown, type Row } from './setup/checks.ts';
import { readConfig } from './site.ts';

/** What a step has to answer in. */
const WITHIN = 5 * SECOND;
/** What the PBX has to answer OPTIONS in. */
const ANSWERS_WITHIN = 3 * SECOND;

/** `ringfence agent doctor`: the path to the gateway and behind it, step by step; 0 = calls can pass, 1 = here it breaks. */
export default async function agentDoctor(
  _args: readonly string[],
  options: GlobalOptions,
  output: Output,
): Promise<number> {
  const config = readConfig(options, output);
  const rows: Row[] = [];
  const tell = (...more: Row[]): boolean => {
    for (const row of more) {
      rows.push(row);
      if (output.json) output.object(row);
      else output.result(rowLine(row, output.color));
    }
    return more.every(({ state }) => state !== 'problem');
  };
  const state = new AgentState(config);
  const { agent } = config.settings;
  const opened = enrolment(state, agent.renew_before, tell);
  if (opened !== null) {
    const gateways = agent.gateways.length > 0 ? agent.gateways : [state.load()?.gateway ?? ''];
    for (const gateway of gateways) await path(gateway, state, opened, tell);
    tell(await localRow(agent.listen[0] ?? ''));
    if (agent.stun !== '') tell(await stunRow(agent.stun));
  }
  const first = rows.find((row) => row.state === 'problem');
  if (output.json) output.object({ passes: first === undefined, next: first?.mend ?? null });
  else output.result(`\n${first === undefined ? 'calls can pass' : `next step: ${first.mend ?? first.text}`}`);
  return first === undefined ? EXIT.done : EXIT.found;
}

type Tell = (...rows: Row[]) => boolean;

function enrolment(state: AgentState, soon: number, tell: Tell): OpenedAgent | null {
  try {
    const opened = state.open();
    const left = opened.certificate.notAfter - Date.now();
    const renew = `on the gateway's machine: ringfence keys enrol ${opened.account}; then run here what it prints`;
    if (left <= 0) tell(problem('enrolment', `the certificate of ${opened.account} has ended`, renew));
    else if (left < soon)
      tell(advice('enrolment', `the certificate of ${opened.account} ends in ${formatDuration(left)}`, renew));
    else tell(ok('enrolment', `${opened.account}, certificate good for ${Math.floor(left / DAY)} days`));
    return opened;
  } catch (error) {
    if (!(error instanceof RingfenceError)) throw error;
    const mend = "on the gateway's machine: ringfence keys enrol ACCOUNT; then run here what it prints";
    tell(problem('enrolment', error.message, mend));
    return null;
  }
}

/** One gateway, step by step; the first that fails is the last that is tried. */
async function path(gateway: string, state: AgentState, opened: OpenedAgent, tell: Tell): Promise<void> {
  const places = await placesOf(gateway, systemDns());
  for (const place of places) {
    const address = await dnsRow(gateway, place, tell);
    if (address === null) continue;
    if (!tell(await tcpRow(place, address))) continue;
    if (!tell(await tlsRow(place, state, opened))) continue;
    await sessionRows(place, state, opened, tell);
  }
}

async function dnsRow(gateway: string, place: Place, tell: Tell): Promise<string | null> {
  if (isIP(place.host) !== 0) return place.host;
  const mend = `is the name right? [agent] gateways, or the one of the token; does this machine's DNS know it (getent hosts ${place.host})?`;
  try {
    const { address } = await lookup(place.host);
    tell(ok('DNS', `${gateway === place.host ? '' : `${gateway}: `}${place.host} is ${address}`));
    return address;
  } catch (error) {
    tell(problem('DNS', `${place.host}: ${messageOf(error)}`, mend));
    return null;
  }
}

function tcpRow(place: Place, address: string): Promise<Row> {
  const where = hostport({ ...place, host: address });
  const mend = `does the gateway run there, and do firewalls on the way let TCP ${place.port} through?`;
  return new Promise((resolve) => {
    const socket = connect({ host: address, port: place.port });
    const end = (row: Row): void => {
      socket.destroy();
      resolve(row);
    };
    socket.setTimeout(WITHIN, () => end(problem('TCP', `${where} does not answer: a firewall drops it`, mend)));
    socket.once('connect', () => end(ok('TCP', `${where} takes connections`)));
    socket.once('error', (error) => end(problem('TCP', `${where}: ${error.message}`, mend)));
  });
}

function tlsRow({ host, port }: Place, state: AgentState, opened: OpenedAgent): Promise<Row> {
  const { ca } = state.identity(opened);
  return new Promise((resolve) => {
    const socket = connectTls({
      ...{ host, port, minVersion: 'TLSv1.3', ALPNProtocols: [CSC_PROTOCOL] },
      ...(isIP(host) === 0 ? { servername: host } : {}),
      ...(ca === undefined ? {} : { ca: [...ca] }),
    });
    const end = (row: Row): void => {
      socket.destroy();
      resolve(row);
    };
    const fail = (text: string, mend: string): void => end(problem('TLS', text, mend));
    socket.setTimeout(WITHIN, () =>
      fail('no answer', 'what listens there is no TLS server, or something on the way stops TLS'),
    );
    socket.once('error', (error: Error & { code?: string }) => {
      const certificate = /CERT|SIGNED|ISSUER|ALTNAME/.test(error.code ?? '');
      fail(
        error.message,
        certificate
          ? 'its certificate is not of the CA of the enrolment: another server answers, or the CA was changed: enrol again; a public CA needs [agent] public_ca = true'
          : 'no TLS 1.3 there, or something on the way breaks it up',
      );
    });
    socket.once('secureConnect', () => {
      if (socket.alpnProtocol === CSC_PROTOCOL)
        end(ok('TLS', `TLS 1.3, ${CSC_PROTOCOL}, a certificate of the pinned CA`));
      else
        fail(
          `no ${CSC_PROTOCOL} there`,
          'that server is no ringfence gateway: host or port is wrong, or a proxy opens TLS on the way',
        );
    });
  });
}

async function sessionRows({ host, port }: Place, state: AgentState, opened: OpenedAgent, tell: Tell): Promise<void> {
  const { ca, account, key, pinned } = state.identity(opened);
  let failure = '';
  for (const gateway of pinned) {
    const heard: { take: (bytes: Buffer) => void } = { take: () => undefined };
    try {
      const { session, clockOffset } = await connectCsc({
        // an instance of its own: the session of a running agent stays as it is
        ...{ host, port, account, key, gateway, inst: newInstance(), withinMs: WITHIN },
        ...(ca === undefined ? {} : { ca }),
        handler: { opened: () => undefined, closed: () => undefined, message: (_, bytes) => heard.take(bytes) },
      });
      tell(ok('CSC', `the gateway has proved its pinned key, and takes ours: ${account}`), clockRow(clockOffset));
      tell(await optionsRow(session, heard, account, domainOf(opened)));
      session.close('shutdown');
      return;
    } catch (error) {
      if (!(error instanceof PeerError)) throw error;
      failure = error.message;
      if (!failure.includes('key than the one that is pinned')) break;
    }
  }
  const unknownHere = failure.includes('unknown or revoked');
  tell(
    problem(
      unknownHere ? 'enrolment' : 'pin',
      failure,
      unknownHere
        ? `on the gateway's machine: ringfence keys show ${opened.account}; if its key is revoked or over: ringfence keys enrol ${opened.account}`
        : "if the gateway's key was changed: ringfence keys enrol on its machine, and enrol here anew; if not, somebody stands between",
    ),
  );
}

const clockRow = (offset: number): Row =>
  Math.abs(offset) < MINUTE
    ? ok('clock', 'it goes as the gateway’s')
    : advice(
        'clock',
        `it differs from the gateway’s by ${formatDuration(Math.abs(offset))}`,
        'timedatectl set-ntp true',
      );

/** Asks the PBX behind the gateway: any answer of its own shows that requests get there and back. */
async function optionsRow(
  session: Session,
  heard: { take: (bytes: Buffer) => void },
  account: string,
  domain: string,
): Promise<Row> {
  const host = domain.includes(':') ? `[${domain}]` : domain;
  const request = optionsRequest(
    `sip:${host}`,
    `sip:${encodeURIComponent(account)}@${host}`,
    'SIP/2.0/TLS doctor.invalid',
  );
  const answer = await new Promise<SipMessage | null>((resolve) => {
    setTimeout(() => resolve(null), ANSWERS_WITHIN);
    heard.take = (bytes) => {
      const read = parseSip(bytes);
      if (read.ok && read.value.status >= 200) resolve(read.value);
    };
    session.send(request);
  });
  const mend = "on the gateway's machine: does its log name the upstream as gone? ([gateway] upstreams)";
  if (answer === null)
    return problem('PBX', `no answer to OPTIONS through the gateway in ${ANSWERS_WITHIN / 1000} s`, mend);
  const { status, reason, userAgent } = answer;
  if (status === 408 || status === 503) return problem('PBX', `the gateway has no PBX: ${status} ${reason}`, mend);
  return ok(
    'PBX',
    `answers OPTIONS through the gateway: ${status} ${reason}${userAgent === '' ? '' : ` (${userAgent})`}`,
  );
}

function optionsRequest(uri: string, from: string, via: string): Buffer {
  const random = (): string => randomBytes(8).toString('hex');
  return Buffer.from(
    [
      `OPTIONS ${uri} SIP/2.0`,
      `Via: ${via};branch=z9hG4bK${random()};rport`,
      'Max-Forwards: 70',
      `From: <${from}>;tag=${random()}`,
      `To: <${uri}>`,
      `Call-ID: ${random()}`,
      'CSeq: 1 OPTIONS',
      'Content-Length: 0',
      '',
      '',
    ].join('\r\n'),
  );
}

/** Does an agent listen here? It answers OPTIONS to its own address. */
function localRow(listen: string): Promise<Row> {
  const { transport, host, port } = transportOf(listen);
  if (transport !== 'udp') return Promise.resolve(unknown('agent', `${listen} is not asked: only UDP is`));
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  const where = hostport({ host, port });
  return new Promise((resolve) => {
    const end = (row: Row): void => {
      clearTimeout(timer);
      socket.close();
      resolve(row);
    };
    const silent = advice('agent', `nothing answers at ${listen}`, 'systemctl enable --now ringfence-agent');
    const timer = setTimeout(() => end(silent), SECOND);
    socket.on('error', () => end(silent));
    socket.on('message', (bytes) => {
      const read = parseSip(bytes);
      if (!read.ok) return;
      end(
        read.value.status === 200
          ? ok('agent', `runs at ${listen} and is connected`)
          : problem('agent', `runs at ${listen} and is not connected`, 'journalctl -u ringfence-agent says why'),
      );
    });
    const uri = `sip:${where}`;
    socket.send(optionsRequest(uri, `sip:doctor@${where}`, `SIP/2.0/UDP ${where}`), port, host);
  });
}

async function stunRow(server: string): Promise<Row> {
  const endpoint = endpointOf(server);
  if (endpoint === null) return unknown('STUN', server);
  try {
    return ok('STUN', `${server} sees this machine at ${await seenAddress(endpoint)}`);
  } catch (error) {
    return problem('STUN', messageOf(error), '[agent] stun: another server, or "" for none');
  }
}
