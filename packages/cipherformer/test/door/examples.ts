import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../../../../test/source-graph.ts';

/** The library with less security than it gives by itself: what a caller's own code may ask of it. */
const insecureLibrary = `
import { bootstrapLiteral, defaultBootstrapChain, Parameters } from '@cipherformer/ckks';
import * as door from 'cipherformer';
export * from 'cipherformer';
const insecure = true;
const parameters = Parameters.from(bootstrapLiteral({ ...defaultBootstrapChain, logN: 10 }), { insecure });
export const connect = (program, options) => door.connect(program, { ...options, insecure, parameters });
export const compile = (model, options) => door.compile(model, { ...options, parameters });
export const Client = { create: (program, options) => door.Client.create(program, { ...options, insecure }) };
export const Server = { load: (program, options) => door.Server.load(program, { ...options, insecure }) };
`;

/** The examples of a document in JavaScript. */
export const examplesOf = (document: string) =>
  [...readFileSync(join(root, document), 'utf8').matchAll(/^```js\n(.*?)^```$/gms)].map(([, code]) => code!);

/** A folder in which examples run in plain Node, as where the library was installed, on insecure rings. */
export function exampleFolder() {
  const folder = mkdtempSync(join(root, 'node_modules/.examples-'));
  return {
    folder,
    /** What an example prints; `more` changes what the library exports. */
    run(code: string, more = ''): string {
      writeFileSync(join(folder, 'insecure.mjs'), insecureLibrary + more);
      writeFileSync(join(folder, 'example.mjs'), code.replace("from 'cipherformer'", "from './insecure.mjs'"));
      return execFileSync(process.execPath, ['example.mjs'], { cwd: folder, encoding: 'utf8' }).trim();
    },
    dispose: () => rmSync(folder, { recursive: true }),
  };
}
