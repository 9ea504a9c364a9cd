// The README's examples in JavaScript run as they stand, in plain Node, without the folder of this repository: on a tiny model
// and an insecure ring, both given by a module that takes the library's place (at full size they run in the slow tests).
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { savePolynomialModel } from '@cipherformer/model/files';
import * as door from 'cipherformer';
import ts from 'typescript';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { root } from '../../../../test/source-graph.ts';
import { png } from '../input/png.ts';
import { exampleFolder, examplesOf } from './examples.ts';
import { best, model, pixels } from './support.ts';

const examples = examplesOf('README.md');
const { folder: here, run, dispose } = exampleFolder();
afterAll(dispose);

/** Every path of our repository that an example names, with something of its kind in it. */
function provide(code: string): void {
  for (const [, path] of code.matchAll(/'(models\/[\w-]+)'/g)) {
    expect(existsSync(join(root, path!))).toBe(true);
    savePolynomialModel(join(here, path!), model);
  }
  for (const [, path] of code.matchAll(/'([\w/-]+\.png)'/g)) {
    expect(existsSync(join(root, path!))).toBe(true);
    mkdirSync(dirname(join(here, path!)), { recursive: true });
    writeFileSync(join(here, path!), png(4, 4, 1, pixels));
  }
}

describe('README.md', () => {
  beforeEach(() => {
    for (const made of ['models', 'examples', 'program', 'keys']) rmSync(join(here, made), { recursive: true, force: true });
  }); // biome-ignore format: short

  it('has the connection and the two sides, at most 15 lines each', () => {
    expect(examples.length).toBeGreaterThanOrEqual(2);
    for (const code of examples) expect(code.trimEnd().split('\n').length).toBeLessThanOrEqual(15);
    expect(examples.map((code) => [...code.matchAll(/\b(connect|Client|Server)\b[.(]/g)].length > 0)).not.toContain(
      false,
    );
    for (const code of examples) expect(code).toContain('.close()');
  });

  it.each(examples)('example %# names what the library has', (code) => {
    const file = ts.createSourceFile('example.mjs', code, ts.ScriptTarget.ES2022, true, ts.ScriptKind.JS);
    const named = file.statements.filter(ts.isImportDeclaration).flatMap(({ moduleSpecifier, importClause }) => {
      if ((moduleSpecifier as ts.StringLiteral).text !== 'cipherformer') return [];
      return (importClause!.namedBindings as ts.NamedImports).elements.map(({ name }) => name.text);
    });
    expect(named.filter((name) => !(name in door))).toEqual([]);
    expect(named.length).toBeGreaterThan(0);
  });

  it.each(examples)(
    'example %# runs, and prints the answer',
    (code) => {
      provide(code);
      expect(run(code)).toBe(best);
    },
    120_000,
  );
});
