import { REVOCATION_REASONS, type Millis, type RevocationReason } from '../model.ts';
import { derContext, derInteger, derSequence, derSmall, derTime, derValue } from './der.ts';
import { authorityKeyExtension, derExtension, signed, type Authority } from './issue.ts';
import { derSignatureAlgorithm } from './x509/algorithms.ts';

export interface Revoked {
  /** 32 hexadecimal digits */
  readonly serial: string;
  readonly at: Millis;
  readonly reason: RevocationReason;
}

export interface CrlOptions {
  /** grows from list to list */
  readonly number: number;
  readonly thisUpdate: Millis;
  readonly nextUpdate: Millis;
  readonly revoked: readonly Revoked[];
}

const ENUMERATED = 0x0a;

/** A non-negative INTEGER's content. */
function integerOf(value: number): Buffer {
  const hex = value.toString(16);
  const digits = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
  return (digits[0] ?? 0) > 127 ? Buffer.concat([Buffer.of(0), digits]) : digits;
}

const entry = ({ serial, at, reason }: Revoked): Buffer =>
  derSequence(
    derInteger(Buffer.from(serial, 'hex')),
    derTime(at),
    // an unspecified reason is told by leaving it out
    ...(reason === 'unspecified'
      ? []
      : [derSequence(derExtension('2.5.29.21', derValue(ENUMERATED, Buffer.of(REVOCATION_REASONS[reason]))))]),
  );

/** A certificate revocation list, version 2, DER (RFC 5280, 5.1), of the certificates that `authority` has issued. */
export const createCrl = (authority: Authority, options: CrlOptions): Uint8Array =>
  new Uint8Array(
    signed(
      derSequence(
        derSmall(1),
        derSignatureAlgorithm('pkcs1'),
        authority.subject,
        derTime(options.thisUpdate),
        derTime(options.nextUpdate),
        ...(options.revoked.length === 0 ? [] : [derSequence(...options.revoked.map(entry))]),
        derContext(
          0,
          derSequence(
            authorityKeyExtension(authority.key.spki),
            derExtension('2.5.29.20', derInteger(integerOf(options.number))),
          ),
        ),
      ),
      authority.key,
    ),
  );
