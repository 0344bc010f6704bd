/** What one look has found. */
export interface Row {
  readonly check: string;
  /** `advice`: it works, and could be better or safer; `unknown`: it could not be looked at */
  readonly state: 'ok' | 'problem' | 'advice' | 'unknown';
  readonly text: string;
  /** the line, or the few words, that mend it */
  readonly mend?: string;
}

export const ok = (check: string, text: string): Row => ({ check, state: 'ok', text });
export const problem = (check: string, text: string, mend: string): Row => ({ check, state: 'problem', text, mend });
export const advice = (check: string, text: string, mend: string): Row => ({ check, state: 'advice', text, mend });
export const unknown = (check: string, text: string): Row => ({ check, state: 'unknown', text });
