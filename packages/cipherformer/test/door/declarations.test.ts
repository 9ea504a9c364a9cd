// What users see of the library in their editors: every export is explained, and no type is `any`. Read from the built declarations.
import { join } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { root } from '../../../../test/source-graph.ts';

const ours = join(root, 'packages');

interface Fault {
  readonly name: string;
  readonly fault: 'any' | 'no docstring';
}

const entry = join(ours, 'cipherformer/dist/index.d.ts');
/** Declarations with faults, or without, as files beside the entry. */
const made: readonly [string, readonly Fault[]][] = [
  ['/** A. */ export declare const a: { b: Promise<any[]> };', [{ name: 'a.b<><>', fault: 'any' }]],
  ['/** A. */ export declare function a(b: (c: any) => void): void;', [{ name: 'a(b)(c)', fault: 'any' }]],
  ['/** A. */ export interface A { readonly b?: ReadonlyMap<string, any> }', [{ name: 'A.b<>', fault: 'any' }]],
  ['/** A. */ export interface A { [b: string]: any }', [{ name: 'A[]', fault: 'any' }]],
  ['/** A. */ export declare class A { #private; b(): IterableIterator<1> }', []],
  ['export type A = 1;', [{ name: 'A', fault: 'no docstring' }]],
];
const madeFile = (i: number) => join(ours, `cipherformer/dist/made-${i}.d.ts`);
const texts = new Map(made.map(([text], i) => [madeFile(i), text]));

const options: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2023,
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
  types: ['node'],
  strict: true,
  skipLibCheck: true,
};
const host = ts.createCompilerHost(options);
const { readFile, fileExists } = host;
host.fileExists = (file) => texts.has(file) || fileExists.call(host, file);
host.readFile = (file) => texts.get(file) ?? readFile.call(host, file);
const program = ts.createProgram([entry, ...texts.keys()], options, host);
const checker = program.getTypeChecker();

/** Their other parameters are `any` unless somebody says more. */
const iterators = /^(Async)?(Iterator|Iterable|IterableIterator|Generator)(Object)?$/;

const isOurs = (symbol: ts.Symbol | undefined) =>
  symbol?.declarations?.some((one) => {
    const { fileName } = one.getSourceFile();
    return fileName.startsWith(ours) && !fileName.includes('node_modules');
  }) ?? false;
const isPrivate = ({ valueDeclaration }: ts.Symbol) =>
  valueDeclaration !== undefined &&
  ts.isPropertyDeclaration(valueDeclaration) &&
  ts.isPrivateIdentifier(valueDeclaration.name);

/** Exports, and what they lead to in our packages, that are `any` or not explained. */
function faultsOf(file: string): Fault[] {
  const faults: Fault[] = [];
  const seen = new Set<ts.Type>();

  function walk(type: ts.Type, name: string): void {
    if (type.flags & ts.TypeFlags.Any) return void faults.push({ name, fault: 'any' });
    if (seen.has(type)) return;
    seen.add(type);
    if (type.isUnionOrIntersection()) for (const part of type.types) walk(part, name);
    const given = checker.getTypeArguments(type as ts.TypeReference);
    for (const argument of iterators.test(type.symbol?.name ?? '') ? given.slice(0, 1) : given) walk(argument, `${name}<>`);
    // What others declare is theirs; what they were given is not.
    if (type.symbol && !isOurs(type.symbol)) return;
    for (const signature of [...type.getCallSignatures(), ...type.getConstructSignatures()]) {
      for (const parameter of signature.parameters) walk(checker.getTypeOfSymbol(parameter), `${name}(${parameter.name})`);
      walk(signature.getReturnType(), `${name}()`);
    }
    for (const property of type.getProperties())
      if (isOurs(property) && !isPrivate(property)) walk(checker.getTypeOfSymbol(property), `${name}.${property.name}`);
    for (const { keyType, type: value } of checker.getIndexInfosOfType(type)) {
      walk(keyType, `${name}[]`);
      walk(value, `${name}[]`);
    }
  } // biome-ignore format: short

  const source = program.getSourceFile(file)!;
  for (const exported of checker.getExportsOfModule(checker.getSymbolAtLocation(source)!)) {
    const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
    const explained = symbol.declarations?.some((one) => ts.getJSDocCommentsAndTags(one).length > 0 || (ts.isVariableDeclaration(one) && ts.getJSDocCommentsAndTags(one.parent.parent).length > 0)); // biome-ignore format: short
    if (!explained) faults.push({ name: exported.name, fault: 'no docstring' });
    if (symbol.flags & ts.SymbolFlags.Type) walk(checker.getDeclaredTypeOfSymbol(symbol), exported.name);
    if (symbol.flags & ts.SymbolFlags.Value) walk(checker.getTypeOfSymbol(symbol), exported.name);
  }
  expect(seen.size).toBeGreaterThan(0);
  return faults;
}

describe('the declarations', () => {
  it('explain every export, and hold no `any`', () => {
    expect(faultsOf(entry)).toEqual([]);
  });

  it.each(made.map(([text, faults], i) => [text, i, faults] as const))('would be read rightly: %s', (_, i, faults) => {
    expect(faultsOf(madeFile(i))).toEqual(faults);
  });
});
