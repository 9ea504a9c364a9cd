import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

const src = join(import.meta.dirname, '../../src');

/** Modules a file loads at run time: imports and re-exports that are not of types alone. */
function loaded(file: string): string[] {
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.ESNext, true);
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) && !isTypeOnly(node.importClause)) found.push(specifier(node.moduleSpecifier));
    if (ts.isExportDeclaration(node) && node.moduleSpecifier && !node.isTypeOnly) {
      const named = node.exportClause;
      const types = named && ts.isNamedExports(named) && named.elements.every((element) => element.isTypeOnly);
      if (!types) found.push(specifier(node.moduleSpecifier));
    }
    if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      found.push(specifier(node.arguments[0]!));
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

const specifier = (node: ts.Expression): string => (node as ts.StringLiteral).text;

function isTypeOnly(clause: ts.ImportClause | undefined): boolean {
  if (!clause) return false;
  if (clause.isTypeOnly) return true;
  const named = clause.namedBindings;
  // `verbatimModuleSyntax`: an import of inline types alone still loads the module.
  return named !== undefined && ts.isNamedImports(named) && named.elements.length === 0 && !clause.name;
}

/** Files and packages reached from `entry`. */
function reach(entry: string): { files: Set<string>; packages: Set<string> } {
  const files = new Set<string>();
  const packages = new Set<string>();
  const visit = (file: string): void => {
    if (files.has(file)) return;
    files.add(file);
    for (const name of loaded(file)) {
      if (!name.startsWith('.')) packages.add(name);
      else visit(join(dirname(file), name));
    }
  };
  visit(entry);
  return { files, packages };
}

describe('@cipherformer/nn/polynomial', () => {
  const { files, packages } = reach(join(src, 'polynomial/index.ts'));
  const names = [...files].map((file) => relative(src, file));

  it('loads neither the training engine nor Node, so that the compiler and the browser can use it', () => {
    expect([...packages].sort()).toEqual(['@cipherformer/approx', '@huggingface/tokenizers', 'zod']);
    const outside = names.filter((name) => !name.startsWith('polynomial/')).sort();
    expect(outside).toEqual([
      'errors.ts',
      'files/safetensors.ts',
      'foreign/index.ts',
      'foreign/json.ts',
      'foreign/printable.ts',
      'foreign/text.ts',
      'graph/program.ts',
      'model/config.ts',
      'model/patches.ts',
      'model/pixels.ts',
      'text/tokenizer.ts',
    ]);
  });

  it('the walk sees what the whole package loads', () => {
    const whole = reach(join(src, 'index.ts'));
    expect([...whole.packages]).toEqual(expect.arrayContaining(['onnxruntime-node', 'node:fs', 'onnx-buf']));
    expect(whole.files.size).toBeGreaterThan(files.size);
    expect([...whole.files].every((file) => existsSync(file))).toBe(true);
  });
});
