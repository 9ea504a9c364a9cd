// The blocks of TypeScript and JavaScript in documents compile, as a reader has the packages: against their declarations.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { root } from './source-graph.ts';

const documents = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '--deduplicate', 'README.md', 'docs/*.md'], { cwd: root, encoding: 'utf8' })
  .split('\n')
  .filter((file) => /\.md$/.test(file)); // biome-ignore format: one call

/** Each block as a module of its own beside the document, by name; lines as in the document. */
function modulesOf(document: string, text: string): [string, string][] {
  return [...text.matchAll(/^```(ts|js)\n(.*?)^```$/gms)].map(({ 1: language, 2: code, index }) => {
    const line = text.slice(0, index).split('\n').length;
    return [join(root, `${document}.${line}.m${language}`), '\n'.repeat(line) + code!];
  });
}

const options: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2023,
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
  types: ['node'],
  allowJs: true,
  checkJs: true,
  strict: true,
  // Parameters have no types in JavaScript.
  noImplicitAny: false,
  skipLibCheck: true,
  noEmit: true,
};

/** What the compiler says of modules: document, line, message. */
function faultsOf(modules: ReadonlyMap<string, string>): string[] {
  const host = ts.createCompilerHost(options);
  const { readFile, fileExists } = host;
  host.fileExists = (file) => modules.has(file) || fileExists.call(host, file);
  host.readFile = (file) => modules.get(file) ?? readFile.call(host, file);
  const program = ts.createProgram([...modules.keys()], options, host);
  return ts.getPreEmitDiagnostics(program).map(({ file, start, messageText }) => {
    const line = file ? file.getLineAndCharacterOfPosition(start!).line + 1 : 0;
    const document = file?.fileName.slice(root.length + 1).replace(/\.\d+\.m[jt]s$/, '');
    return `${document}:${line}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
  });
}

describe('code in documents', () => {
  it('compiles', () => {
    const modules = documents.flatMap((document) => modulesOf(document, readFileSync(join(root, document), 'utf8')));
    expect(modules.length).toBeGreaterThan(8);
    expect(faultsOf(new Map(modules))).toEqual([]);
  });

  it('would not, with a name that is not there or a wrong argument', () => {
    const text = "Words.\n\n```ts\nimport { fit, noSuch } from '@cipherformer/approx';\nfit(5);\n```\n";
    expect(faultsOf(new Map(modulesOf('docs/x.md', text)))).toEqual([
      expect.stringMatching(/^docs\/x\.md:4: .*noSuch/),
      expect.stringMatching(/^docs\/x\.md:5: .*number/),
    ]);
  });
});
