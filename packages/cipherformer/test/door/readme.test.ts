// The README's examples in JavaScript run as they stand, in plain Node, without the folder of this repository: on a tiny model
// and an insecure ring, both given by a module that takes the library's place (at full size they run in the slow tests).
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { savePolynomialModel } from '@cipherformer/model/files';
import * as door from 'cipherformer';
import ts from 'typescript';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { root } from '../../../../test/source-graph.ts';
import { png } from '../input/png.ts';
import { best, model, pixels } from './support.ts';

const examples = [...readFileSync(join(root, 'README.md'), 'utf8').matchAll(/^```js\n(.*?)^```$/gms)].map(([, code]) => code!); // biome-ignore format: short
/** Where the library is found from, as from a folder that it was installed in. */
const here = mkdtempSync(join(root, 'node_modules/.readme-'));
afterAll(() => rmSync(here, { recursive: true }));

/** The library with less security than it gives by itself: what a caller's own code may ask of it. */
const insecureLibrary = `
import { bootstrapLiteral, defaultBootstrapChain, Parameters } from '@cipherformer/ckks';
import * as door from 'cipherformer';
export * from 'cipherformer';
const insecure = true;
const parameters = Parameters.from(bootstrapLiteral({ ...defaultBootstrapChain, logN: 11 }), { insecure });
export const connect = (program, options) => door.connect(program, { ...options, insecure, parameters });
export const compile = (model, options) => door.compile(model, { ...options, parameters });
export const Client = { create: (program, options) => door.Client.create(program, { ...options, insecure }) };
export const Server = { load: (program, options) => door.Server.load(program, { ...options, insecure }) };
`;

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
      writeFileSync(join(here, 'insecure.mjs'), insecureLibrary);
      writeFileSync(join(here, 'example.mjs'), code.replace("from 'cipherformer'", "from './insecure.mjs'"));
      const printed = execFileSync(process.execPath, ['example.mjs'], { cwd: here, encoding: 'utf8' });
      expect(printed.trim()).toBe(best);
    },
    120_000,
  );
});
