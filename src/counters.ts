/**
 * Named counts of what was taken, refused and dropped, so that no loss is silent. One object is shared by all rooms;
 * names are dotted (`hep.refused.auth`). Names never come from the network.
 */
export class Counters {
  readonly #counts = new Map<string, number>();

  add(name: string, by = 1): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + by);
  }

  set(name: string, value: number): void {
    this.#counts.set(name, value);
  }

  get(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  all(): Record<string, number> {
    return Object.fromEntries([...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}
