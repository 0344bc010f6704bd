import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder for the tests of the surrounding `describe`, removed after them. The path is known once they run. */
export function temporaryFolder(): { readonly path: string; file(name: string): string } {
  let path = '';
  before(() => {
    path = mkdtempSync(join(tmpdir(), 'ringfence-test-'));
  });
  after(() => rmSync(path, { recursive: true, force: true }));
  return {
    get path() {
      return path;
    },
    file: (name) => join(path, name),
  };
}
