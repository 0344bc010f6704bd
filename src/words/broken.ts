import type { Evidence, Fact } from '../model.ts';
import { formatDuration, parseDuration, SECOND } from '../time.ts';

/** What a detector is and how it is set, for people; made from its definition by the caller. */
export interface RuleText {
  readonly summary: string;
  readonly settings: readonly {
    readonly name: string;
    /** as JSON: `3`, `"15m"` */
    readonly value: string;
    readonly help: string;
  }[];
}

/** A setting of a detector beside what was measured. */
export interface Measured {
  readonly setting: string;
  readonly value: string;
  readonly help: string;
  /** as it would be written in the settings; null: not told */
  readonly seen: string | null;
  /** what was seen reaches the setting */
  readonly met: boolean;
  /** a value that this would not have reached, as it would be written; null: none can be said */
  readonly above: string | null;
}

/** What one detector found broken. */
export interface Broken {
  readonly detector: string;
  /** '' where the detector is not known (any more) */
  readonly summary: string;
  /** the thresholds in its own words, facts `rule` and `threshold` */
  readonly rules: readonly string[];
  /** facts that tell what is usual */
  readonly usual: readonly (readonly [string, Fact])[];
  readonly settings: readonly Measured[];
}

const RULES = ['rule', 'threshold'];
const USUAL = /^(?:usual|expected|baseline|surprise|budget|normal)/i;
/** So much above what was seen a setting would have been let alone. */
const MARGIN = 1.25;

/** The largest number that evidence gives this name, in seconds for `…Seconds`. */
function largest(evidence: readonly Evidence[], name: string): number | null {
  const values = evidence.map((e) => e.facts[name]).filter((value) => typeof value === 'number');
  return values.length === 0 ? null : Math.max(...values);
}

function measure(evidence: readonly Evidence[], name: string, value: string): Pick<Measured, 'seen' | 'met' | 'above'> {
  const nothing = { seen: null, met: false, above: null };
  let set: unknown;
  try {
    set = JSON.parse(value);
  } catch {
    return nothing;
  }
  if (typeof set === 'number') {
    const seen = largest(evidence, name);
    if (seen === null) return nothing;
    const met = seen >= set;
    const above = Math.ceil(seen * MARGIN + 1);
    // a score ends at 100: no setting lets the riskiest numbers pass
    const settable = name !== 'risk' || above <= 100;
    return { seen: String(seen), met, above: met && settable ? String(above) : null };
  }
  if (typeof set !== 'string') return nothing;
  const limit = parseDuration(set);
  const seconds = largest(evidence, `${name}Seconds`);
  if (!limit.ok || seconds === null) return nothing;
  const met = seconds * SECOND >= limit.value;
  const minutes = Math.ceil((seconds * MARGIN) / 60);
  return { seen: formatDuration(seconds * SECOND), met, above: met ? `"${minutes}m"` : null };
}

const distinct = (texts: readonly string[]): string[] => [...new Set(texts)];

/** Of each detector that spoke: what was measured, beside the settings and the baseline that it was measured by. */
export function brokenBy(evidence: readonly Evidence[], rules: ReadonlyMap<string, RuleText>): Broken[] {
  return distinct(evidence.map((e) => e.detector)).map((detector) => {
    const own = evidence.filter((e) => e.detector === detector);
    const rule = rules.get(detector);
    const said = own.flatMap((e) => RULES.map((name) => e.facts[name])).filter((text) => typeof text === 'string');
    const last = own.at(-1);
    return {
      detector,
      summary: rule?.summary ?? '',
      rules: distinct(said).slice(0, 8),
      usual: Object.entries(last?.facts ?? {}).filter(([name, value]) => USUAL.test(name) && value !== null),
      settings: (rule?.settings ?? []).map(({ name, value, help }) => ({
        ...{ setting: name, value, help },
        ...measure(own, name, value),
      })),
    };
  });
}
