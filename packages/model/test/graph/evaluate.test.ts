import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { evaluateProgram, inverseSqrtIteration } from '@cipherformer/approx';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { lower } from '../../../nn/src/lower/lower.ts';
import { Random } from '../../../nn/src/random.ts';
import { parseModelConfig } from '../../../nn/src/transformer/config.ts';
import { livelyWeights, onnxLogits, polynomialForm, vit } from '../../../nn/test/lower/support.ts';
import { DataError, ShapeError } from '../../src/errors.ts';
import { calibrate, examplesOutside, recordValues } from '../../src/graph/calibrate.ts';
import { evaluate } from '../../src/graph/evaluate.ts';
import type { PolynomialGraph } from '../../src/graph/graph.ts';
import { valueShapes } from '../../src/graph/shapes.ts';
import type { GraphInputs } from '../../src/operations/definition.ts';

const kernelSource = readFileSync(join(import.meta.dirname, '../../src/operations/kernels.ts'), 'utf8');

/** What in a source could make it more than additions, subtractions and multiplications of values. */
function beyondArithmetic(source: string): string[] {
  const file = ts.createSourceFile('kernels.ts', source, ts.ScriptTarget.ESNext, true);
  const found: string[] = [];
  const own = new Set<string>();
  file.forEachChild((node) => {
    if (ts.isFunctionDeclaration(node)) own.add(node.name!.text);
    if (ts.isImportDeclaration(node) && !node.importClause?.isTypeOnly) found.push(node.getText());
  });
  const operators = new Set(['+', '-', '*', '=', '+=', '<', '>=', '===', '&']);
  const readsValues = (node: ts.Node): boolean =>
    ts.isElementAccessExpression(node) || (ts.forEachChild(node, (child) => readsValues(child) || undefined) ?? false);
  const visit = (node: ts.Node): void => {
    if (ts.isBinaryExpression(node) && !operators.has(node.operatorToken.getText())) found.push(node.getText());
    if (ts.isCallExpression(node) && !own.has(node.expression.getText())) found.push(node.getText());
    if (ts.isNewExpression(node)) found.push(node.getText());
    const condition = ts.isConditionalExpression(node)
      ? node.condition
      : ts.isIfStatement(node)
        ? node.expression
        : ts.isForStatement(node)
          ? node.condition
          : undefined;
    if (condition && readsValues(condition)) found.push(condition.getText());
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

describe('the evaluator is a polynomial', () => {
  it('its kernels hold no division, no function and no condition on values', () => {
    expect(beyondArithmetic(kernelSource)).toEqual([]);
  });

  it('the check finds what it looks for', () => {
    for (const bad of ['a / b', 'a % b', 'a ** 0.5', 'Math.max(a, b)', 'x[0] < 1 ? a : b', 'new Float64Array(1)']) {
      expect(beyondArithmetic(`function f(a, b, x) { return ${bad}; }`), bad).not.toEqual([]);
    }
    expect(beyondArithmetic("import { exp } from './other.ts';")).not.toEqual([]);
    expect(beyondArithmetic('function f(x) { if (x[1] < 0) return 0; return x[0]; }')).not.toEqual([]);
  });

  const square = { kind: 'polynomial', low: -2, high: 2, coefficients: [0.3, 0.5, 0.2] } as const;
  const form = polynomialForm(vit, { layers: 1 });
  const config = parseModelConfig({
    ...form,
    attention: { ...form.attention, activation: square },
    mlp: { ...form.mlp, activation: square },
  });
  const weights = livelyWeights(config, 2);
  const random = new Random(3);
  const size = 2 * 3 * 3 * 4;
  const [from, along] = [0, 1].map(() => Float64Array.from({ length: size }, () => random.normal()));
  const line = (t: number) => Float64Array.from(from!, (v, i) => v + 3 * t * along![i]!);
  // Scores have degree 2 in the input, their squares 4, times the values 5; the MLP's square makes 10.
  const degree = 10;
  const points = (count: number) => Array.from({ length: count }, (_, i) => Math.cos((Math.PI * (i + 0.5)) / count));
  const misfit = (f: (t: number) => number, assumed: number) => {
    const xs = points(assumed + 1);
    const ys = xs.map(f);
    const interpolated = (t: number) =>
      ys.reduce((sum, y, i) => sum + xs.reduce((p, x, j) => (j === i ? p : (p * (t - x)) / (xs[i]! - x)), y), 0);
    return Math.max(...[-0.9, -0.31, 0.17, 0.58, 0.96].map((t) => Math.abs(interpolated(t) - f(t))));
  };

  it('along a line, logits are a polynomial of the degree that the model has, and of no lower', () => {
    const graph = lower(config, weights);
    const logit = (t: number) => evaluate(graph, { patches: line(t) })[0]!;
    const scale = Math.max(...points(20).map((t) => Math.abs(logit(t))));
    expect(misfit(logit, degree) / scale).toBeLessThan(1e-9);
    expect(misfit(logit, degree - 1) / scale).toBeGreaterThan(1e-7);
  });

  it('a model with GELU is not', async () => {
    const gelu = parseModelConfig({ ...config, mlp: { ...config.mlp, activation: 'gelu' } });
    const own = new Map([...weights].filter(([name]) => !name.includes('mlp.activation')));
    const logits = new Map<number, number>();
    const ts = [...points(degree + 1), -0.9, -0.31, 0.17, 0.58, 0.96];
    for (const t of ts) logits.set(t, (await onnxLogits(gelu, own, { images: Float32Array.from(line(t)) }))[0]!);
    const scale = Math.max(...[...logits.values()].map(Math.abs));
    expect(misfit((t) => logits.get(t)!, degree) / scale).toBeGreaterThan(1e-5);
  });
});

const bound = 1;
const program = { interval: [-2, 2], steps: [{ op: 'polynomial', value: 0, coefficients: [0, 1, 0.5] }] } as const;
const tiny: PolynomialGraph = {
  tokens: 2,
  nodes: [
    { name: 'x', op: 'input', features: 2, bound },
    { name: 'p', op: 'polynomial', input: 0, program, bound },
    { name: 'row', op: 'pool', input: 1, weights: Float32Array.of(1, 0), bound },
  ],
  output: 2,
};

describe('programs', () => {
  it('a composite program gives what the package approx gives, over more elements than a block', () => {
    const composite = inverseSqrtIteration([0.5, 3], 7, 2).program;
    const count = 1100;
    const graph: PolynomialGraph = {
      tokens: 1,
      nodes: [
        { name: 'x', op: 'input', features: count, bound },
        { name: 'p', op: 'polynomial', input: 0, program: composite, bound },
      ],
      output: 1,
    };
    const x = Float64Array.from({ length: count }, (_, i) => 0.5 + (2.5 * i) / count);
    const actual = evaluate(graph, { x });
    x.forEach((value, i) => {
      expect(Math.abs(actual[i]! - evaluateProgram(composite, value))).toBeLessThan(1e-13);
    });
  });
});

describe('calibration', () => {
  const examples: GraphInputs[] = [{ x: [0, 1, -1, 0.5] }, { x: [0, 1, -3, 2.5] }, { x: [2, -2, 0, 0] }].map(
    ({ x }) => ({ x: Float64Array.from(x) }),
  );

  it('bounds are the largest absolute value times the margin', () => {
    const { nodes } = calibrate(tiny, examples, 1.5);
    const p = (x: number) => evaluateProgram(program, x);
    const largest = Math.max(...[0, 1, -1, 0.5, -3, 2.5, 2, -2].map((x) => Math.abs(p(x))));
    expect(nodes.map((node) => node.bound)).toEqual([
      4.5,
      1.5 * largest,
      1.5 * Math.max(...[0, 1, 2, -2].map((x) => Math.abs(p(x)))),
    ]);
    expect(nodes.every((node) => node.bound > 0)).toBe(true);
  });

  it('counts what leaves an interval, by site and by example', () => {
    const { sites, examples: count } = recordValues(tiny, examples);
    expect(count).toBe(3);
    expect(sites).toHaveLength(1);
    expect(sites[0]).toMatchObject({ node: 1, name: 'p', low: -3, high: 2.5 });
    expect([...sites[0]!.outside]).toEqual([0, 2, 0]);
    expect(examplesOutside(sites[0]!)).toBe(1);
  });

  it('refuses no examples, values that are not finite and margins below 1', () => {
    expect(() => calibrate(tiny, [], 1.2)).toThrow(DataError);
    expect(() => calibrate(tiny, examples, 0.9)).toThrow(/margin/);
    expect(() => calibrate(tiny, [{ x: Float64Array.of(1, Number.NaN, 0, 0) }], 1.2)).toThrow(/Example 0: "x"/);
  });
});

describe('graphs that are not well formed', () => {
  const change = (index: number, fields: object): PolynomialGraph => ({
    ...tiny,
    nodes: tiny.nodes.map((node, i) => (i === index ? ({ ...node, ...fields } as typeof node) : node)),
  });
  const maps = { name: 'maps', op: 'scores', query: 0, key: 0, heads: 1, bound } as const;
  const attending = (fields: object): PolynomialGraph => {
    const weights = new Float32Array(4).fill(1);
    const attend = { name: 'mixed', op: 'attend', maps: 3, value: 0, causal: true, weights, bound, ...fields } as const;
    return { ...tiny, nodes: [...tiny.nodes, maps, attend] };
  };
  const cases: [string, PolynomialGraph, RegExp][] = [
    ['an operand that is later', change(1, { input: 2 }), /nodes\[1\] .*input is 2/],
    ['an operand that is the node itself', change(1, { input: 1 }), /nodes\[1\] .*input is 1/],
    ['two nodes of one name', change(1, { name: 'x' }), /nodes\[1\] .*name/],
    ['weights of another size', change(2, { weights: Float32Array.of(1) }), /weights has 1 values/],
    ['windows that do not fill the tokens', { ...tiny, window: 3 }, /Windows of 3 tokens do not fill 2/],
    [
      'rows that are not there',
      { ...tiny, nodes: [...tiny.nodes, { name: 'moved', op: 'takeRows', input: 0, rows: [1, 2], bound }] },
      /rows\[1\] is 2: the input has 2 rows/,
    ],
    ['weights of maps beyond 1', attending({ weights: Float32Array.of(1, 0, 1.5, 1) }), /weights\[2\] is 1\.5/],
    ['weights of maps that are no number', attending({ weights: Float32Array.of(1, 0, 1, Number.NaN) }), /is NaN/],
    ['weights of other maps', attending({ weights: Float32Array.of(1) }), /weights has 1 values where 4/],
    ['an output of attention maps', { ...tiny, nodes: [...tiny.nodes, maps], output: 3 }, /output is node 3/],
    ['an output that is no node', { ...tiny, output: 9 }, /output is node 9/],
  ];
  for (const [name, graph, message] of cases) {
    it(name, () => {
      expect(() => valueShapes(graph)).toThrow(ShapeError);
      expect(() => valueShapes(graph)).toThrow(message);
    });
  }

  it('inputs that are missing or of another size', () => {
    expect(() => evaluate(tiny, {})).toThrow(/"x" needs 4 values \[2, 2\], got none/);
    expect(() => evaluate(tiny, { x: new Float64Array(3) })).toThrow(/got 3/);
  });
});
