import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Config } from '../../config.ts';
import { newAgentStore, withEnrolment, withPending, type AgentStore } from '../../crypto/agent-store.ts';
import { createCsr } from '../../crypto/csr.ts';
import { decodeToken, tokenId, type EnrolmentToken } from '../../crypto/enrolment.ts';
import { openPrivate } from '../../crypto/key-store.ts';
import type { MasterKey } from '../../crypto/master-key.ts';
import { generatePrivateKey } from '../../crypto/private-key.ts';
import { readCertificate, type Certificate } from '../../crypto/x509/certificate.ts';
import { InputError, PeerError, RingfenceError } from '../../errors.ts';
import { enrol } from '../../gateway/csc-enrol.ts';
import { readPrivate } from '../keys/private-files.ts';
import type { AgentState } from './state.ts';

/** Reads a token. @throws RingfenceError usage */
export function tokenOf(text: string): EnrolmentToken {
  const token = decodeToken(text.trim());
  if (!token.ok)
    throw new RingfenceError('usage', `${token.reason}; paste the whole line that ringfence keys enrol printed`);
  return token.value;
}

/** The token that the settings name; null: they name none, or its file is gone. @throws RingfenceError */
export function tokenInSettings({ settings, directory }: Config): EnrolmentToken | null {
  const { token_file: file } = settings.agent;
  if (file === undefined) return null;
  const path = resolve(directory, file);
  return existsSync(path) ? tokenOf(readPrivate(path, 'the enrolment token', 0o077).toString()) : null;
}

const nameOf = (token: EnrolmentToken): string => Buffer.from(tokenId(token.k)).toString('base64url');

/** Was its key made by this token? */
export const isEnrolledBy = (store: AgentStore | null, token: EnrolmentToken): boolean =>
  store?.keys.some(({ tid }) => tid === nameOf(token)) ?? false;

/**
 * Redeems a token: a new key, which only this machine has, and a certificate for it. When the answer is lost the same request goes out
 * the next time, so that nothing is spent.
 * @throws RingfenceError
 */
export async function enrolAgent(state: AgentState, token: EnrolmentToken): Promise<Certificate> {
  const master = state.master();
  const before = state.load() ?? newAgentStore(master, token.id, token.gw);
  if (before.account !== token.id)
    throw new RingfenceError(
      'refused',
      `the token is for ${token.id}, and ${state.folder} is the agent of ${before.account}: give the other one settings with a folder of its own ([agent] state)`,
    );
  const store = await withRequest(state, master, before, token);
  const { pending } = store;
  const enrolment = await enrol(token, new Uint8Array(Buffer.from(pending.csr, 'base64')));
  const certificate = readCertificate(enrolment.certificate);
  if (!certificate.ok || certificate.value.kid !== pending.kid)
    throw new PeerError('peer-refused', `${token.gw} gave a certificate for another key`, false);
  state.save({ ...withEnrolment(store, pending, enrolment, Date.now()), gateway: token.gw });
  return certificate.value;
}

async function withRequest(
  state: AgentState,
  master: MasterKey,
  store: AgentStore,
  token: EnrolmentToken,
): Promise<ReturnType<typeof withPending>> {
  const { pending } = store;
  if (pending?.tid === nameOf(token)) {
    const key = openPrivate(master, pending.kid, pending.sealed);
    if (key.ok) return { ...store, pending };
    throw new InputError('input-malformed', `${state.file} cannot be opened with its master key: ${key.reason}`);
  }
  const key = await generatePrivateKey(2048);
  const made = withPending(store, master, nameOf(token), key, createCsr(key, token.id));
  state.save(made); // before it goes out: the token is good for this one request
  return made;
}
