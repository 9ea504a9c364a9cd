// Factors by their meaning: a model computed on value * factor alone, with nothing between but what its operations take in.
import { evaluateProgram, programCost } from '@cipherformer/approx';
import type { GraphInputs } from '@cipherformer/model';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Normalised, normalise } from '../../src/passes/factors.ts';
import { modelOf } from '../../src/passes/model.ts';
import { operations } from '../../src/passes/operations.ts';
import { scaleSteps } from '../../src/passes/scale-steps.ts';
import { GraphWriter, Numbers, randomInputs, someProgram, type TransformerShape, transformer } from './graphs.ts';
import { randomGraph, recipes } from './random-graphs.ts';
import { evaluated, expectClose } from './running.ts';

/** Every value times its factor, from values times their factors; the output divided by its factor at the end. */
function onSlots({ model, factors }: Normalised, inputs: GraphInputs): number[] {
  const { nodes, shapes, tokens, output } = model;
  const slots: number[][] = [];
  const range = (length: number) => Array.from({ length }, (_, i) => i);
  for (const [i, node] of nodes.entries()) {
    const factor = factors[i]!;
    const { heads = 1, rows, columns } = shapes[i]!;
    /** One number for each element: head, row and column. */
    const each = (at: (row: number, column: number, head: number) => number) =>
      range(heads * rows * columns).map((k) =>
        at(Math.floor(k / columns) % rows, k % columns, Math.floor(k / (rows * columns))),
      );
    const sum = (count: number, at: (k: number) => number) => range(count).reduce((total, k) => total + at(k), 0);
    const value = (of: number, row: number, column: number) => slots[of]![row * shapes[of]!.columns + column]!;
    const map = (of: number, head: number, query: number, key: number) =>
      slots[of]![(head * shapes[of]!.rows + query) * tokens + key]!;
    /** The k-th token of the window that t is in. */
    const seen = (t: number, k: number) => t - (t % tokens) + k;
    switch (node.op) {
      case 'input':
        slots.push(each((t, f) => inputs[node.name]![t * columns + f]! * factor));
        break;
      case 'rescale':
        slots.push(slots[node.input]!.map((slot) => (slot * factor) / factors[node.input]!));
        break;
      case 'linear': {
        const { weight, bias, input } = node;
        const entry = (f: number, from: number) =>
          (weight.values[f * weight.columns + from]! * factor) / factors[input]!;
        slots.push(
          each((t, f) => sum(weight.columns, (k) => entry(f, k) * value(input, t, k)) + (bias?.[f] ?? 0) * factor),
        );
        break;
      }
      case 'add':
        slots.push(each((t, f) => value(node.left, t, f) + value(node.right, t, f)));
        break;
      case 'multiply':
        slots.push(each((t, f) => value(node.left, t, f) * value(node.right, t, f)));
        break;
      case 'addTable':
        slots.push(each((t, f) => value(node.input, t, f) + node.table.values[t * columns + f]! * factor));
        break;
      case 'multiplyTable': {
        const scale = factor / factors[node.input]!;
        slots.push(each((t, f) => value(node.input, t, f) * node.table.values[t * columns + f]! * scale));
        break;
      }
      case 'maskTokens':
        slots.push(each((t, f) => value(node.input, t, f) * value(node.mask, t, 0)));
        break;
      case 'meanFeatures':
        slots.push(each((t) => sum(columns, (f) => value(node.input, t, f))));
        break;
      case 'takeRows':
        slots.push(each((t, f) => (value(node.input, node.rows[t]!, f) * factor) / factors[node.input]!));
        break;
      case 'pool':
        slots.push(each((_, f) => sum(node.weights.length, (t) => node.weights[t]! * value(node.input, t, f))));
        break;
      case 'scores': {
        const width = shapes[node.query]!.columns / heads;
        const product = (h: number, t: number, k: number) =>
          sum(width, (f) => value(node.query, t, h * width + f) * value(node.key, seen(t, k), h * width + f));
        const { offset = new Float32Array(heads) } = node;
        const added = (h: number, t: number, k: number) =>
          (offset.length === heads ? offset[h]! : offset[(h * rows + t) * tokens + k]!) * factor;
        slots.push(each((t, k, h) => product(h, t, k) + added(h, t, k)));
        break;
      }
      case 'attend': {
        const { maps, value: values, weights, causal } = node;
        const width = columns / shapes[maps]!.heads!;
        const weight = (h: number, t: number, k: number) =>
          causal && k > t % tokens ? 0 : (weights?.[(h * rows + t) * tokens + k] ?? 1);
        slots.push(
          each((t, f) => {
            const h = Math.floor(f / width);
            return sum(tokens, (k) => weight(h, t, k) * map(maps, h, t, k) * value(values, seen(t, k), f));
          }),
        );
        break;
      }
      case 'polynomial': {
        const [lo, hi] = node.program.interval;
        expect(factors[node.input]! * (hi - lo), node.name).toBeCloseTo(2, 6);
        const steps = scaleSteps(node.program.steps, factor)!;
        expect(programCost({ interval: [-1, 1], steps }).levels).toBeLessThanOrEqual(programCost(node.program).levels);
        const at = (slot: number) => evaluateProgram({ interval: [-1, 1], steps }, slot - (lo + hi) / (hi - lo));
        slots.push(slots[node.input]!.map(at));
      }
    }
  }
  return slots[output]!.map((slot) => slot / factors[output]!);
}

const rescales = ({ model }: Normalised) => model.nodes.filter(({ op }) => op === 'rescale').length;

/** A graph of one input x of four features, and what becomes of it. */
function normalisedGraph(write: (graph: GraphWriter, x: number, numbers: Numbers) => void) {
  const numbers = new Numbers(5);
  const graph = new GraphWriter(3);
  write(graph, graph.add('x', { op: 'input', features: 4 }), numbers);
  graph.add('pool', { op: 'pool', input: graph.nodes.length - 1, weights: numbers.vector(3) });
  const inputs = { x: numbers.vector(12), mask: Float32Array.of(1, 0, 1) };
  const calibrated = graph.calibrated([inputs]);
  const normalised = normalise(modelOf(calibrated, operations));
  expectClose(onSlots(normalised, inputs), evaluated(calibrated, [inputs]));
  return normalised;
}

describe('factors', () => {
  it('computed on value * factor alone, random graphs give what they give in float64', () => {
    fc.assert(
      fc.property(recipes(), (recipe) => {
        const { graph, examples } = randomGraph(recipe);
        const normalised = normalise(modelOf(graph, operations));
        expect(normalised.factors.every((factor) => factor > 0 && Number.isFinite(factor))).toBe(true);
        for (const one of examples) expectClose(onSlots(normalised, one), evaluated(graph, [one]));
      }),
      { numRuns: 300, seed: 1 },
    );
  });

  const shape: TransformerShape = {
    ...{ tokens: 3, features: 4, width: 6, heads: 2, headWidth: 3, hidden: 8, layers: 2, outputs: 3 },
    pooling: 'mean',
  };

  it.each([{}, { causal: true, byPosition: true }, { turned: true }, { masked: true }, { layerNorm: true }] as const)(
    'cost a transformer nothing, and bring every value without a factor of its own to its bound: %o',
    (change) => {
      const graph = transformer({ ...shape, ...change }, 3).calibrated([randomInputs({ ...shape, ...change }, 7)]);
      const normalised = normalise(modelOf(graph, operations));
      const { model, factors } = normalised;
      expect(rescales(normalised)).toBe(0);
      // One factor for the residual stream: that of its largest value.
      const stream = [...model.nodes.keys()].filter((i) => /^positions$|\.sum$/.test(model.nodes[i]!.name));
      const largest = Math.max(...stream.map((i) => model.nodes[i]!.bound));
      for (const i of stream) expect(factors[i]).toBeCloseTo(1 / largest, 9);
      for (const [i, { name, bound }] of model.nodes.entries())
        if (/input|query|key|head|act$|pool/.test(name))
          expect(bound * factors[i]!, name).toBeLessThanOrEqual(1 + 1e-6);
    },
  );

  it('of a product that a polynomial reads is put into a side that is free', () => {
    const normalised = normalisedGraph((graph, x, numbers) => {
      const y = graph.add('y', { op: 'linear', input: x, weight: numbers.matrix(4, 4) });
      const z = graph.add('z', { op: 'linear', input: x, weight: numbers.matrix(4, 4) });
      const input = graph.add('product', { op: 'multiply', left: y, right: z });
      const mean = graph.add('mean', { op: 'meanFeatures', input });
      graph.add('act', { op: 'polynomial', input: mean, program: someProgram([-7, 9], 3, numbers) });
    });
    expect(rescales(normalised)).toBe(0);
  });

  it('of a mask that is a product: the mask keeps the factor 1', () => {
    const { model, factors } = normalisedGraph((graph, x) => {
      const column = graph.add('mask', { op: 'input', features: 1 });
      const mask = graph.add('squared', { op: 'multiply', left: column, right: column });
      graph.add('masked', { op: 'maskTokens', input: x, mask });
    });
    expect(factors[model.nodes.findIndex(({ name }) => name === 'squared')]).toBeCloseTo(1, 9);
  });

  it.each([
    ['x + x^2', 1],
    ['x + x^3', 1],
    ['x + p(x) of whole factors, and its square', 1],
    ['x^2 + x^3', 1],
  ] as const)('sums that what they are made of depends on: %s', (name, wanted) => {
    const normalised = normalisedGraph((graph, x) => {
      const times = (left: number, right: number) =>
        graph.add(`${left} times ${right}`, { op: 'multiply', left, right });
      const add = (left: number, right: number) => void graph.add(`${left} plus ${right}`, { op: 'add', left, right });
      if (name === 'x + x^2') add(x, times(x, x));
      if (name === 'x + x^3') add(x, times(times(x, x), x));
      if (name === 'x^2 + x^3') {
        const square = times(x, x);
        add(square, times(square, x));
      }
      if (!name.startsWith('x + p(x)')) return;
      const steps = [{ op: 'affine', terms: [{ value: 0, factor: 2 }], offset: 0.5 }] as const;
      const p = graph.add('p', { op: 'polynomial', input: x, program: { interval: [-2, 2], steps } });
      add(x, times(p, p));
    });
    expect(rescales(normalised)).toBe(wanted);
  });
});
