// An operation of the polynomial graph is told of in few places: its definition, its form in ONNX, its meaning to the
// compiler (in a whole program, and in a step of a generation), and what of a transformer becomes one. What treats all operations alike names none.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { operations } from '../packages/model/src/graph/graph.ts';
import { root, sourcesIn } from './source-graph.ts';

const mostFiles = 5;

/** Words that name other things too: instructions of encrypted programs, steps of polynomials, fields of configurations. */
const common = ['input', 'linear', 'add', 'multiply', 'polynomial', 'pool'];
/** Files in which a name of an operation means something else. */
const otherMeanings: Readonly<Record<string, readonly string[]>> = {
  // Of an answer's classes.
  scores: ['packages/runtime/src/client/answer.ts'],
};
const names = Object.keys(operations).filter((name) => !common.includes(name));

const sources = sourcesIn('packages')
  .filter((file) => /^packages\/[^/]+\/src\//.test(file))
  .map((file) => ({ file, text: readFileSync(join(root, file), 'utf8') }));

/** Whether a source has the word as a string or as a key of an object. */
function tellsOf(name: string, file: string, text: string): boolean {
  if (!text.includes(name)) return false;
  const visit = (node: ts.Node): boolean | undefined => {
    if (ts.isStringLiteralLike(node) && node.text === name) return true;
    const isKey = ts.isObjectLiteralElementLike(node) && node.name !== undefined && 'text' in node.name;
    if (isKey && node.name.text === name) return true;
    return ts.forEachChild(node, visit);
  };
  return visit(ts.createSourceFile(file, text, ts.ScriptTarget.ESNext)) ?? false;
}

describe('a graph operation', () => {
  it('has a name that can be looked for', () => {
    expect(names.length).toBeGreaterThan(3);
  });

  it.each(names)(`%s is told of in ${mostFiles} files at most`, (name) => {
    const told = sources.filter(({ file, text }) => tellsOf(name, file, text)).map(({ file }) => file);
    const others = otherMeanings[name] ?? [];
    expect(told).toEqual(expect.arrayContaining([...others]));
    const files = told.filter((file) => !others.includes(file));
    expect(files).not.toEqual([]);
    expect(files.length, files.join('\n')).toBeLessThanOrEqual(mostFiles);
  });

  it.each([
    ["if (node.op === 'mask') return;", true],
    ["switch (op) { case 'mask': break; }", true],
    ['const forms = { mask: () => 1 };', true],
    ['const forms = { mask() {} };', true],
    ["type Node = { readonly op: 'mask' };", true],
    ['const { mask } = node; use(node.mask, mask);', false],
    ["// 'mask'\nconst text = 'a mask';", false],
  ])('is found where it is told of: %s', (text, found) => {
    expect(tellsOf('mask', 'f.ts', text)).toBe(found);
  });
});
