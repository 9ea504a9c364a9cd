// Every error class has a code of the registry, every code a class, docs/errors.md is made of it, and no library names an
// option of the command line.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { errorCodes, errorMeanings } from '../packages/base/src/index.ts';
import { errorsPage } from '../scripts/docs-errors.mjs';
import { root, sourcesIn } from './source-graph.ts';

const libraries = readdirSync(join(root, 'packages')).filter((name) => name !== 'cipherformer');
const folders = [...libraries, 'cipherformer'].map((name) => `packages/${name}/src`);
const files = [...folders, 'apps/web/src'].flatMap(sourcesIn);
const parsed = (file: string) => parse(file, readFileSync(join(root, file), 'utf8'));
const parse = (file: string, text: string) => ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);

function nodesOf(node: ts.Node): ts.Node[] {
  const found = [node];
  // The list grows while it is walked.
  for (const one of found) ts.forEachChild(one, (child) => void found.push(child));
  return found;
}

interface ErrorClass {
  readonly where: string;
  readonly name: string;
  readonly base: string;
  readonly isAbstract: boolean;
  /** What its own `code` may be. */
  readonly codes: readonly string[];
}

/** Classes that extend something, with the codes that they declare. */
function classesIn(source: ts.SourceFile): ErrorClass[] {
  return nodesOf(source).filter(ts.isClassLike).flatMap((node) => {
    const base = node.heritageClauses?.find(({ token }) => token === ts.SyntaxKind.ExtendsKeyword)?.types[0]?.expression.getText();
    if (base === undefined) return [];
    const code = node.members.filter(ts.isPropertyDeclaration).find((member) => member.name.getText() === 'code');
    const codes = code === undefined ? [] : nodesOf(code).filter(ts.isStringLiteral).map(({ text }) => text);
    const isAbstract = node.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.AbstractKeyword) ?? false;
    const name = node.name?.text ?? '(no name)';
    return [{ where: `${source.fileName}: ${name}`, name, base, isAbstract, codes }];
  });
} // biome-ignore format: one chain

/** Those of them that are errors. */
function errorsAmong(classes: readonly ErrorClass[]): ErrorClass[] {
  const names = new Set(['Error', 'EvalError', 'RangeError', 'SyntaxError', 'TypeError', 'AggregateError']);
  for (let before = 0; before < names.size; ) {
    before = names.size;
    for (const { name, base } of classes) if (names.has(base)) names.add(name);
  }
  return classes.filter(({ name }) => names.has(name));
}

/** What is wrong with an error class, if anything. */
function faultOf({ name, base, isAbstract, codes }: ErrorClass): string | undefined {
  if (name === 'CipherformerError') return undefined;
  if (/^(Eval|Range|Syntax|Type|Aggregate)?Error$/.test(base)) return 'does not extend CipherformerError';
  if (codes.length === 0 && !isAbstract) return 'has no code';
  const unknown = codes.find((code) => !Object.hasOwn(errorCodes, code));
  return unknown === undefined ? undefined : `has the unknown code ${unknown}`;
}

const errors = errorsAmong(files.flatMap((file) => classesIn(parsed(file))));
const faults = (list: readonly ErrorClass[]) =>
  list.flatMap((one) => (faultOf(one) === undefined ? [] : [`${one.where} ${faultOf(one)}`]));

/** Options of a command line in what a source says; those of Node and npm are none of ours. */
function optionsIn(source: ts.SourceFile): string[] {
  const isText = (node: ts.Node): node is ts.LiteralLikeNode => ts.isStringLiteralLike(node) || ts.isTemplateHead(node) || ts.isTemplateMiddleOrTemplateTail(node);
  return nodesOf(source).filter(isText).flatMap(({ text }) => text.match(/(?<![\w-])--[a-z][\w-]*/g) ?? []).filter((option) => !/^--(experimental-|ignore-scripts$)/.test(option));
} // biome-ignore format: chains

describe('error classes', () => {
  it('extend the one base, with a code of the registry', () => {
    expect(errors.length).toBeGreaterThan(40);
    expect(faults(errors)).toEqual([]);
  });

  it('use every code', () => {
    const used = new Set(errors.flatMap(({ codes }) => codes));
    expect(Object.keys(errorCodes).filter((code) => !used.has(code))).toEqual([]);
  });

  it.each([
    ['class Lost extends Error {}', 'does not extend CipherformerError'],
    ["class Lost extends RangeError { readonly code = 'bad-usage'; }", 'does not extend CipherformerError'],
    ['class A extends CipherformerError {}', 'has no code'],
    ["class A extends CipherformerError { override readonly code = 'nothing-known'; }", 'unknown code nothing-known'],
    ["class A extends CipherformerError { readonly code: 'bad-usage' | 'odd'; }", 'unknown code odd'],
  ])('would notice: %s', (text, fault) => {
    const classes = errorsAmong([...errors, ...classesIn(parse('f.ts', text))]).filter(({ where }) => where.startsWith('f.ts'));
    expect(faults(classes)).toEqual([expect.stringContaining(fault)]);
  }); // biome-ignore format: a title
});

describe('libraries', () => {
  it('name no option of the command line', () => {
    const sources = libraries.flatMap((name) => sourcesIn(`packages/${name}/src`));
    expect(sources.flatMap((file) => optionsIn(parsed(file)).map((option) => `${file}: ${option}`))).toEqual([]);
  });

  it('would notice', () => {
    const text =
      "fail('give --out');\n`\u0024{a}(--restart) \u0024{b} --seed \u0024{c}--batch`;\n// --comment\nconst x = a--b; 'node --experimental-x';";
    expect(optionsIn(parse('f.ts', text))).toEqual(['--out', '--restart', '--seed', '--batch']);
    expect(optionsIn(parsed('packages/cipherformer/src/terminal/errors.ts'))).toEqual(
      expect.arrayContaining(['--data', '--out', '--restart']),
    );
  });
});

describe('docs/errors.md', () => {
  it('is what `npm run docs:errors` makes of the registry', () => {
    expect(readFileSync(join(root, 'docs/errors.md'), 'utf8')).toBe(errorsPage({ errorCodes, errorMeanings }));
  });
});
