import type { Row } from './checks.ts';

const SIGNS: Readonly<Record<Row['state'], readonly [text: string, colour: string]>> = {
  ok: ['ok      ', '\u001b[32m'],
  problem: ['PROBLEM ', '\u001b[31m'],
  advice: ['better  ', '\u001b[33m'],
  unknown: ['?       ', ''],
};

/** A row as people read it. */
export function rowLine({ check, state, text, mend }: Row, color: boolean): string {
  const [sign, paint] = SIGNS[state];
  const shown = color && paint !== '' ? `${paint}${sign}\u001b[0m` : sign;
  return `${shown} ${check}: ${text}${mend === undefined ? '' : `\n          - mend: ${mend}`}`;
}
