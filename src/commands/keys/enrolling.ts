import { enrolmentAnswer, judgeEnrolment, type EnrolmentRefusal, type KnownToken } from '../../crypto/enrolment.ts';
import { messageOf, RingfenceError } from '../../errors.ts';
import type { IssuedCertificate } from '../../store/index.ts';
import { ENROLMENT, type KeyRoom } from './key-room.ts';

/** What becomes of an agent's request (frame 0x21). */
export type Enrolled =
  | {
      readonly ok: true;
      /** payload of frame 0x22 */
      readonly answer: Uint8Array;
      readonly certificate: IssuedCertificate;
      /** false: the same request came before */
      readonly fresh: boolean;
    }
  | {
      readonly ok: false;
      readonly reason: EnrolmentRefusal | 'not-issued';
      /** for log and alert; the other side learns nothing */
      readonly detail: string;
      /** '' where the token is none of ours */
      readonly account: string;
      /** somebody should look */
      readonly alert: boolean;
    };

/** Answers a request: judges it, issues the certificate and marks the token as used, all of it or nothing. */
export function answerEnrolment(room: KeyRoom, payload: Uint8Array, exporter: Uint8Array): Enrolled {
  const { store, now } = room;
  return store.transaction(() => {
    const verdict = judgeEnrolment(payload, exporter, (tid) => knownToken(room, tid), now);
    if (verdict.kind === 'refused') {
      const { reason, detail, account, alert } = verdict;
      if (account !== '') room.note('key.refused', account, { reason });
      return { ok: false, reason, detail, account, alert };
    }
    const { tid, token } = verdict;
    if (verdict.kind === 'again') {
      const certificate = store.certificates.get(verdict.serial);
      const chain = certificate === null ? null : chainOf(room, certificate);
      if (certificate === null || chain === null)
        return {
          ok: false,
          reason: 'not-issued',
          detail: 'its certificate or CA is gone',
          account: token.account,
          alert: false,
        };
      return { ok: true, answer: enrolmentAnswer(token.k, exporter, chain), certificate, fresh: false };
    }
    let answer = new Uint8Array(0);
    try {
      const certificate = room.issue(token.account, verdict.csr.spki, (chain) => {
        answer = new Uint8Array(enrolmentAnswer(token.k, exporter, [...chain, ...gateways(room)]));
      });
      store.enrolments.use(tid, { at: now, csr: verdict.csr.digest, serial: certificate.serial });
      return { ok: true, answer, certificate, fresh: true };
    } catch (error) {
      if (!(error instanceof RingfenceError)) throw error;
      return { ok: false, reason: 'not-issued', detail: messageOf(error), account: token.account, alert: false };
    }
  });
}

function knownToken({ store, master }: KeyRoom, tid: string): KnownToken | null {
  const row = store.enrolments.get(tid);
  if (row === null) return null;
  const secret = master.open(ENROLMENT, tid, row.secret);
  if (!secret.ok) return null; // of another master key: given out before a restore
  const used = row.csr === null || row.serial === null ? null : { csr: row.csr, serial: row.serial };
  return { account: row.account, k: new Uint8Array(secret.value), expiresAt: row.expiresAt, used };
}

/** A certificate with that of the CA which issued it, and the gateway's. */
function chainOf(room: KeyRoom, row: IssuedCertificate): Uint8Array[] | null {
  const authority = room.keys.keys.find(({ kid }) => kid === row.issuer)?.chain[0];
  if (authority === undefined) return null;
  return [...[row.certificate, authority].map((text) => Buffer.from(text, 'base64')), ...gateways(room)];
}

/** A token names the gateway's key by its hash alone: the agent gets the key itself with its certificate. */
const gateways = (room: KeyRoom): Uint8Array[] =>
  room.good('gateway').map(({ certificate }) => Buffer.from(certificate, 'base64'));
