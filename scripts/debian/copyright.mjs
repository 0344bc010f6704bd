// Debian's copyright file: the program's own licence, and that of each npm package in the folder that is named.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const [, , folder] = process.argv;

/** Every package in a node_modules, in those of its packages too. */
function* packages(modules) {
  for (const name of readdirSync(modules).flatMap((one) =>
    one.startsWith('@') ? readdirSync(join(modules, one)).map((inner) => `${one}/${inner}`) : [one],
  )) {
    const path = join(modules, name, 'package.json');
    if (existsSync(path)) {
      const { license, licenses, author } = JSON.parse(readFileSync(path, 'utf8'));
      const licence = license?.type ?? license ?? licenses?.map(({ type }) => type).join(' or ') ?? 'MIT';
      yield { name, licence, author: (author?.name ?? author ?? `the authors of ${name}`).replace(/\s*[<(].*$/, '') };
    }
    if (existsSync(join(modules, name, 'node_modules'))) yield* packages(join(modules, name, 'node_modules'));
  }
}

const found = [...packages(folder)].sort((a, b) => (a.name < b.name ? -1 : 1));
const spdx = (text) => String(text).replaceAll(/[()]/g, '').replaceAll(/\s+(OR|AND)\s+/gi, (_, word) => ` ${word.toLowerCase()} `).trim(); // prettier-ignore
console.log(`Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: ringfence

Files: *
Copyright: the authors of ringfence
License: GPL-3+
`);
for (const { name, licence, author } of new Map(found.map((one) => [one.name, one])).values())
  console.log(`Files: usr/lib/ringfence/node_modules/${name}/*\nCopyright: ${author}\nLicense: ${spdx(licence)}\n`);
console.log(`License: GPL-3+
 On Debian systems the full text is in /usr/share/common-licenses/GPL-3.
`);
const others = new Set(found.flatMap(({ licence }) => spdx(licence).split(/ or | and /)));
for (const name of others)
  if (name !== 'GPL-3+')
    console.log(
      `License: ${name}\n The text of this licence is that of SPDX: https://spdx.org/licenses/${name}.html\n`,
    );
