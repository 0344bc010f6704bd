import { iso } from '../time.ts';
import { visible } from '../words/index.ts';
import { enrolAgent, tokenOf } from './agent/enrolling.ts';
import { AgentState } from './agent/state.ts';
import { EXIT, type GlobalOptions, type Output } from './output.ts';
import { readConfig } from './site.ts';

/** `ringfence agent enrol TOKEN`: a key of this machine's own, and a certificate for it. */
export default async function agentEnrol(
  [text = '']: readonly string[],
  options: GlobalOptions,
  output: Output,
): Promise<number> {
  const token = tokenOf(text);
  const state = new AgentState(readConfig(options, output));
  const certificate = await enrolAgent(state, token);
  const { kid, notAfter } = certificate;
  if (output.json)
    output.object({ account: token.id, gateway: token.gw, kid, notAfter: iso(notAfter), state: state.folder });
  else {
    output.result(
      `Enrolled as ${visible(token.id, 80)} at ${token.gw}; the certificate is good until ${iso(notAfter).slice(0, 10)}`,
    );
    output.note(
      `ringfence: the key is in ${state.folder} and nowhere else. ringfence agent doctor tests the path, ringfence agent (or its systemd unit) carries calls`,
    );
  }
  return EXIT.done;
}
