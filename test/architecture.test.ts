import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { describe, expect, it } from 'vitest';

// The house has floors. A package may import only the packages listed beside it, and inside a package a folder may
// import only the folders listed beside it (files directly under src/ are the front door and may import anything).
const packages: Record<string, readonly string[]> = {
  approx: [],
  ckks: ['approx'],
  nn: ['approx'],
  compiler: ['approx', 'ckks', 'nn'],
  client: ['ckks', 'nn', 'compiler'],
  service: ['ckks', 'client'],
  cipherformer: ['approx', 'ckks', 'nn', 'compiler', 'client', 'service'],
};
/** What is built for browsers, under apps/: nobody imports it. */
const apps: Record<string, readonly string[]> = {
  web: ['ckks', 'compiler', 'client'],
};
const floors: Record<string, Record<string, readonly string[]>> = {
  ckks: {
    errors: [],
    kernels: ['errors'],
    ring: ['errors', 'kernels'],
    scheme: ['errors', 'kernels', 'ring'],
    circuits: ['errors', 'kernels', 'ring', 'scheme'],
    wire: ['errors', 'kernels', 'ring', 'scheme'],
  },
};

interface Import {
  readonly from: string;
  readonly specifier: string;
}

const root = join(import.meta.dirname, '..');
const folderOf = (name: string) => join(root, name in apps ? 'apps' : 'packages', name);
const importPattern =
  /(?:^|\n)\s*(?:import|export)\b[^'"`;]*?from\s*['"]([^'"]+)['"]|(?:^|[^.\w])import\s*\(?\s*['"]([^'"]+)['"]/g;

function sources(dir: string): string[] {
  return readdirSync(dir).flatMap((name) => {
    const path = join(dir, name);
    return statSync(path).isDirectory() ? sources(path) : /\.ts$/.test(name) ? [path] : [];
  });
}

function importsOf(text: string): string[] {
  return [...text.matchAll(importPattern)].map((match) => (match[1] ?? match[2])!);
}

function importsOfPackage(name: string): Import[] {
  return sources(join(folderOf(name), 'src')).flatMap((from) =>
    importsOf(readFileSync(from, 'utf8')).map((specifier) => ({ from, specifier })),
  );
}

function packageOf(specifier: string): string | undefined {
  return (
    /^@cipherformer\/([^/]+)/.exec(specifier)?.[1] ??
    (/^cipherformer(\/|$)/.test(specifier) ? 'cipherformer' : undefined)
  );
}

function floorOf(name: string, file: string): string | undefined {
  const [first, ...rest] = relative(join(folderOf(name), 'src'), file).split('/');
  return rest.length > 0 ? first : undefined;
}

/** The first import cycle among files, as a list of files, or undefined. */
function findCycle(graph: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string): string[] | undefined => {
    if (done.has(file)) return undefined;
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    path.push(file);
    for (const next of graph.get(file) ?? []) {
      const cycle = visit(next);
      if (cycle) return cycle;
    }
    path.pop();
    done.add(file);
    return undefined;
  };
  for (const file of graph.keys()) {
    const cycle = visit(file);
    if (cycle) return cycle;
  }
  return undefined;
}

describe('architecture', () => {
  it('sees imports in every form', () => {
    const text =
      "import a from 'x1';\nimport {\n b,\n} from 'x2';\nexport * from 'x3';\nimport 'x4';\nawait import('x5');";
    expect(importsOf(text)).toEqual(['x1', 'x2', 'x3', 'x4', 'x5']);
  });

  it('finds a cycle where there is one', () => {
    expect(
      findCycle(
        new Map([
          ['a', ['b']],
          ['b', ['c']],
          ['c', ['b']],
        ]),
      ),
    ).toEqual(['b', 'c', 'b']);
    expect(
      findCycle(
        new Map([
          ['a', ['b', 'c']],
          ['b', ['c']],
          ['c', []],
        ]),
      ),
    ).toBeUndefined();
  });

  it('names every package', () => {
    expect(readdirSync(join(root, 'packages')).sort()).toEqual(Object.keys(packages).sort());
    expect(readdirSync(join(root, 'apps')).sort()).toEqual(Object.keys(apps).sort());
  });

  for (const [name, allowed] of Object.entries({ ...packages, ...apps })) {
    const imports = importsOfPackage(name);

    it(`${name} imports only [${allowed.join(', ')}] of our packages`, () => {
      const wrong = imports.filter(({ specifier }) => {
        const target = packageOf(specifier);
        return target !== undefined && !allowed.includes(target);
      });
      expect(wrong).toEqual([]);
    });

    it(`${name} never reaches into another package by a relative path`, () => {
      const src = join(folderOf(name), 'src');
      const wrong = imports.filter(
        ({ from, specifier }) =>
          specifier.startsWith('.') && !normalize(join(dirname(from), specifier)).startsWith(src),
      );
      expect(wrong).toEqual([]);
    });

    it(`${name} has no import cycle`, () => {
      const graph = new Map<string, string[]>(sources(join(folderOf(name), 'src')).map((file) => [file, []]));
      for (const { from, specifier } of imports) {
        if (specifier.startsWith('.')) graph.get(from)!.push(normalize(join(dirname(from), specifier)));
      }
      expect(findCycle(graph)).toBeUndefined();
    });

    const rules = floors[name];
    if (rules) {
      it(`${name}: folders import downwards only`, () => {
        const wrong = imports.filter(({ from, specifier }) => {
          const floor = floorOf(name, from);
          if (floor === undefined || !specifier.startsWith('.')) return false;
          const target = floorOf(name, normalize(join(dirname(from), specifier)));
          return target !== floor && !(target !== undefined && rules[floor]?.includes(target));
        });
        expect(wrong).toEqual([]);
      });
    }
  }

  it('approx depends on nothing', () => {
    const external = importsOfPackage('approx').filter(({ specifier }) => !specifier.startsWith('.'));
    expect(external).toEqual([]);
  });
});
