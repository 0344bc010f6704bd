import { enReport } from './en-report.ts';

/** Why a password is weak. The password itself is never told. */
export type Weakness =
  | 'empty'
  | 'extension-number'
  | 'extension-variation'
  | 'name-variation'
  | 'vendor-default'
  | 'dictionary'
  | 'pattern'
  | 'year-or-date'
  | 'site-name'
  | 'digits'
  | 'word-list';

/** In English, as the end of a sentence that begins with "its password"; `length` is that of one of digits alone, null where it is not known. */
export const weaknessText = (weakness: Weakness, length: number | null): string =>
  `${enReport.weakness[weakness]}${weakness === 'digits' && length !== null ? `, ${length} long` : ''}`;
