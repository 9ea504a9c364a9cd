// What a package's entries export, somebody outside the package uses: whoever reads an entry reads what there is to know.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { importsOf, root, targetOf } from './source-graph.ts';

/** Packages for people outside this repository, with documents of their own: what they export is chosen, not counted. */
const libraries = ['approx', 'ckks', 'cipherformer'];

/** Exported on purpose though nothing here uses it. */
const onPurpose: Readonly<Record<string, readonly string[]>> = {};

const tracked = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], { cwd: root, encoding: 'utf8' }).split(
  '\n',
);
const isCode = (file: string) => /\.(m?ts|mjs)$/.test(file) && !file.endsWith('.d.ts');
const read = (file: string) => readFileSync(join(root, file), 'utf8');

/** What an entry passes on: without types, which name what its functions take and give, and errors, which are there to be caught. */
function valuesOf(file: string): string[] {
  const text = read(file);
  const lists = [...text.matchAll(/^export \{([^}]*)\} from/gm)].flatMap(([, list]) => list!.split(','));
  const values = lists.filter((one) => !/^\s*type\s/.test(one)).flatMap((one) => /(\w+)\s*$/.exec(one)?.[1] ?? []);
  const spaces = [...text.matchAll(/^export \* as (\w+)/gm)].map(([, name]) => name!);
  return [...values, ...spaces].filter((name) => !/Error$/.test(name));
}

/** The entries of a package: its name and the source behind it. */
function entriesOf(name: string): string[] {
  const { exports } = JSON.parse(read(`packages/${name}/package.json`)) as {
    exports: Record<string, { source?: string }>;
  };
  return Object.values(exports).flatMap(({ source }) => (source === undefined ? [] : [join('packages', name, source)]));
}

const packages = [...new Set(tracked.flatMap((file) => /^packages\/([^/]+)\/package\.json$/.exec(file)?.[1] ?? []))];
const documents = tracked
  .filter((file) => file.endsWith('.md') && !file.startsWith('docs/decisions/'))
  .map(read)
  .join('\n');

/** For each entry what files outside its package ask of it. */
const asked = new Map<string, Set<string>>();
for (const file of tracked.filter(isCode)) {
  for (const one of importsOf(file)) {
    const entry = targetOf(one);
    if (entry === undefined || file.startsWith(entry.split('/').slice(0, 2).join('/'))) continue;
    const names = asked.get(entry) ?? new Set();
    asked.set(entry, names);
    for (const name of one.names) names.add(name);
    // import('...') and import * as: any word of the file may be a name of it.
    if (one.names.length === 0 || one.names[0]!.startsWith('*'))
      for (const [word] of read(file).matchAll(/\w+/g)) names.add(word);
  }
}

const unused = (name: string) =>
  entriesOf(name).flatMap((entry) =>
    valuesOf(entry)
      .filter((one) => !asked.get(entry)?.has(one) && !new RegExp(`\\b${one}\\b`).test(documents))
      .map((one) => `${entry}: ${one}`),
  );

describe('what entries export', () => {
  it.each(packages.filter((name) => !libraries.includes(name)))('of %s is used outside the package', (name) => {
    const allowed = onPurpose[name] ?? [];
    expect(unused(name).filter((one) => !allowed.includes(one.split(': ')[1]!))).toEqual([]);
  });
});
