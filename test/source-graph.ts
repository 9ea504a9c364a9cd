// Who imports whom, read from the sources: files, rooms, packages, and what a file reaches.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';

export const root = join(import.meta.dirname, '..');

export interface Import {
  /** Path from the root of the repository. */
  readonly file: string;
  /** What is asked for: names before "as", "*" for all, none for an import of effects. */
  readonly names: readonly string[];
  readonly specifier: string;
}

const importPattern =
  /(?:^|\n)\s*(?:import|export)\b\s*(?:type\s+)?([^'"`;]*?)\s*from\s*['"]([^'"]+)['"]|(?:^|[^.\w])import\s*\(?\s*['"]([^'"]+)['"]/g;

export function importsIn(text: string, file: string): Import[] {
  return [...text.matchAll(importPattern)].map((match) => ({
    file,
    names: (match[1] ?? '')
      .replace(/[{}]/g, ' ')
      .split(',')
      .map((name) => name.trim().replace(/^type\s+/, '').split(/\s+as\s+/)[0]!)
      .filter(Boolean),
    specifier: (match[2] ?? match[3])!,
  })); // biome-ignore format: one chain
}

export const importsOf = (file: string): Import[] => importsIn(readFileSync(join(root, file), 'utf8'), file);

/** All sources of a folder, from the root of the repository. */
export function sourcesIn(folder: string): string[] {
  return readdirSync(join(root, folder)).flatMap((name) => {
    const path = join(folder, name);
    return statSync(join(root, path)).isDirectory() ? sourcesIn(path) : /\.tsx?$/.test(name) ? [path] : [];
  });
}

/** The package of ours that a specifier names: "ckks" of "@cipherformer/ckks/files". */
export function packageOf(specifier: string): string | undefined {
  if (/^cipherformer(\/|$)/.test(specifier)) return 'cipherformer';
  return /^@cipherformer\/([^/]+)/.exec(specifier)?.[1];
}

/** The file behind an import, from the root of the repository; undefined for packages that are not ours. */
export function targetOf({ file, specifier }: Import): string | undefined {
  if (specifier.startsWith('.')) return normalize(join(dirname(file), specifier));
  const name = packageOf(specifier);
  if (name === undefined) return undefined;
  const { exports } = JSON.parse(readFileSync(join(root, 'packages', name, 'package.json'), 'utf8'));
  const entry = specifier.replace(/^(@cipherformer\/)?[^/]+/, '.');
  return join('packages', name, exports[entry]['@cipherformer/source']);
}

/** Every import reached from a file, types included; `enter` says which files of ours are walked further. */
export function reached(start: string, enter: (file: string) => boolean = () => true): Import[] {
  const seen = new Set<string>();
  const found: Import[] = [];
  const visit = (file: string) => {
    if (seen.has(file) || !existsSync(join(root, file))) return;
    seen.add(file);
    for (const one of importsOf(file)) {
      found.push(one);
      const next = targetOf(one);
      if (next !== undefined && enter(next)) visit(next);
    }
  };
  visit(start);
  return found;
}

/**
 * The room of a file: its folder under src/; a file that stands beside folders is a room of its own.
 * "convert/stages" of "packages/nn/src/convert/stages/plan.ts", "errors.ts" of "packages/nn/src/errors.ts".
 */
export function roomOf(file: string): string {
  const [, , , ...path] = file.split('/');
  const beside = readdirSync(join(root, dirname(file)), { withFileTypes: true }).some((entry) => entry.isDirectory());
  return beside ? path.join('/') : relative(join(root, ...file.split('/').slice(0, 3)), join(root, dirname(file)));
}

/** The first cycle of a graph, as a list of its nodes, or undefined. */
export function findCycle(graph: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (node: string): string[] | undefined => {
    if (done.has(node)) return undefined;
    if (path.includes(node)) return [...path.slice(path.indexOf(node)), node];
    path.push(node);
    for (const next of graph.get(node) ?? []) {
      const cycle = visit(next);
      if (cycle) return cycle;
    }
    path.pop();
    done.add(node);
    return undefined;
  };
  for (const node of graph.keys()) {
    const cycle = visit(node);
    if (cycle) return cycle;
  }
  return undefined;
}
